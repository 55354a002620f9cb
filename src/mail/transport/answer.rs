//! What an answer of the server, or its absence, says about the letter.
//!
//! Servers repeat addresses in their answers; reasons are stored and shown to people who need not know them, so that the
//! recipient is masked, and everything is one short printable line.
use super::Delivery;
use crate::domain::mail::one_line;
use crate::mail::compose::Composed;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::response::{Response, Severity};
use std::error::Error as _;

/// Most characters of a reason or an answer.
pub(super) const LONGEST: usize = 200;

/// A command was not answered with yes; the final dot was not sent.
pub(super) fn before_dot(step: &str, error: &Error) -> Delivery {
    let answer = words(error);
    match error.status().map(u16::from) {
        // RFC 4954, 6: the server wants a login, or another one.
        Some(code @ (530 | 534 | 535 | 538)) => Delivery::Unable {
            reason: format!(
                "{step}: the mail server wants another login ({code} {answer}): check its user and password"
            ),
        },
        Some(code) if error.is_permanent() => Delivery::Refused { code, answer },
        Some(code) => Delivery::Deferred {
            reason: format!("{step}: {code} {answer}"),
        },
        None if error.is_response() => Delivery::Deferred {
            reason: format!("{step}: the server closed the connection, or its answer is not SMTP"),
        },
        None => Delivery::Deferred {
            reason: format!("{step}: {error}"),
        },
    }
}

/// A step before there is a letter: a no is not about the letter, but about us and the server.
pub(super) fn before_letter(step: &str, error: &Error) -> Delivery {
    match before_dot(step, error) {
        Delivery::Refused { code, answer } => Delivery::Unable {
            reason: format!(
                "{step}: the mail server refuses us ({code} {answer}): check its URL, and ask its operator"
            ),
        },
        other => other,
    }
}

/// A positive answer of the wrong kind means that question and answer no longer belong together.
pub(super) fn expect(step: &str, response: &Response, first_digit: u8) -> Result<(), Delivery> {
    if response.code().severity as u8 == first_digit {
        Ok(())
    } else {
        Err(Delivery::Deferred {
            reason: format!(
                "{step}: the server answered {}, which is no answer to it",
                response.code()
            ),
        })
    }
}

/// A positive answer to the final dot. `Err` when it is none.
pub(super) fn after_dot(response: &Response) -> Result<Delivery, Delivery> {
    let answer = response.message().collect::<Vec<_>>().join(" ");
    if response.code().severity == Severity::PositiveCompletion {
        return Ok(Delivery::Accepted { answer });
    }
    Err(Delivery::Unknown {
        reason: format!(
            "the whole letter was sent, and the server answered {}, which is no answer to it",
            response.code()
        ),
    })
}

/// The whole letter was sent, and no yes came back: only a clear no is known (RFC 5321, 4.2.5).
pub(super) fn failed_after_dot(error: &Error) -> Delivery {
    let answer = words(error);
    match error.status().map(u16::from) {
        Some(code) if error.is_permanent() => Delivery::Refused { code, answer },
        Some(code) => Delivery::Deferred {
            reason: format!("the whole letter was sent, and refused for now: {code} {answer}"),
        },
        None if error.is_response() => Delivery::Unknown {
            reason: "the whole letter was sent, and the server closed the connection, or its answer is not SMTP"
                .to_owned(),
        },
        None => Delivery::Unknown {
            reason: format!("the whole letter was sent, and then: {error}"),
        },
    }
}

/// What the server said. lettre keeps it as the source of its error.
fn words(error: &Error) -> String {
    error.source().map(ToString::to_string).unwrap_or_default()
}

/// The same with every text fit to be kept.
pub(super) fn masked(delivery: Delivery, composed: &Composed) -> Delivery {
    let fit = |text: String| fit(&text, composed.recipient());
    match delivery {
        Delivery::Accepted { answer } => Delivery::Accepted { answer: fit(answer) },
        Delivery::Refused { code, answer } => Delivery::Refused {
            code,
            answer: fit(answer),
        },
        Delivery::Deferred { reason } => Delivery::Deferred { reason: fit(reason) },
        Delivery::Unknown { reason } => Delivery::Unknown { reason: fit(reason) },
        Delivery::Unable { reason } => Delivery::Unable { reason: fit(reason) },
    }
}

/// One line without the address, in whatever capitals, also when only its local part is repeated.
fn fit(text: &str, recipient: &str) -> String {
    let mut line = replace(&one_line(text), recipient, "<recipient>");
    if let Some((local, _)) = recipient.rsplit_once('@') {
        // A short one would be found inside of ordinary words.
        if local.chars().count() > 3 {
            line = replace(&line, local, "<recipient>");
        }
    }
    if line.chars().count() > LONGEST {
        line = line.chars().take(LONGEST - 1).collect::<String>() + "…";
    }
    line
}

/// Replaces without regard to ASCII capitals.
fn replace(text: &str, what: &str, with: &str) -> String {
    if what.is_empty() {
        return text.to_owned();
    }
    // Lower case of ASCII only keeps every byte in its place.
    let (low, what) = (text.to_ascii_lowercase(), what.to_ascii_lowercase());
    let mut out = String::new();
    let mut at = 0;
    while let Some(found) = low[at..].find(&what) {
        out += &text[at..at + found];
        out += with;
        at += found + what.len();
    }
    out + &text[at..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_one_short_line_without_the_recipient() {
        let said = "5.1.1 <EVA.m@example.COM>: no eva.M here\r\n\u{1b}[31m\u{202e}";
        assert_eq!(
            fit(said, "eva.m@example.com"),
            "5.1.1 <<recipient>>: no <recipient> here [31m"
        );
        assert_eq!(fit(&"ü".repeat(300), "eva@example.com").chars().count(), LONGEST);
        assert_eq!(fit("leave at once", "ea@example.com"), "leave at once");
        assert_eq!(fit("", "eva@example.com"), "");
    }
}
