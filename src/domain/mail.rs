//! Mail as it is proposed, consented to and sent.
//!
//! A [`Letter`] is the whole of what a recipient gets. It is made once, when the mail is proposed; a consent covers its
//! [`Letter::hash`], and exactly it is sent: only `Date` and the framing of the transport are added on the way.
mod reminders;
mod server;
mod state;
mod told;

pub use reminders::{NotReminders, Reminders};
pub use server::{Security, SmtpServer, SmtpUrlProblem};
pub use state::{Reason, State, UnknownState};
pub use told::{Aspect, Told};

use super::settings::is_address;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

mod line;
pub use line::{MAX_LINE, clean_line, one_line};

/// What a mail to a customer is about. Which one is due follows from what that customer was told last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The first that the customer hears of the booking.
    Confirmation,
    /// Something that the customer was told is different now.
    Update,
    /// What the customer was told takes place does not, or not with them.
    Cancellation,
    /// It begins soon.
    Reminder,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 4] = [Kind::Confirmation, Kind::Update, Kind::Cancellation, Kind::Reminder];

    /// The word used in SQL, in the ledger and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Confirmation => "confirmation",
            Kind::Update => "update",
            Kind::Cancellation => "cancellation",
            Kind::Reminder => "reminder",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no kind of mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a kind of mail: expected confirmation, update, cancellation or reminder")]
pub struct UnknownKind;

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Kind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or(UnknownKind)
    }
}

/// Somebody with an address: a name to show, which may be empty, and where mail goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mailbox {
    /// Shown name; empty when there is none. No control characters.
    pub name: String,
    /// `local@domain`.
    pub address: String,
}

/// A text that is neither an address nor `Name <address>`. The message continues the name of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an email address, or a name and an address such as `Acme <mail@acme.example>`")]
pub struct NotAMailbox;

impl FromStr for Mailbox {
    type Err = NotAMailbox;

    fn from_str(text: &str) -> Result<Self, NotAMailbox> {
        let text = text.trim();
        let (name, address) = match text.strip_suffix('>').and_then(|rest| rest.rsplit_once('<')) {
            Some((name, address)) => (name.trim().trim_matches('"'), address.trim()),
            None => ("", text),
        };
        let is_plain = name.chars().all(|c| !c.is_control() && !"<>\"".contains(c));
        if !is_plain || !is_address(address) {
            return Err(NotAMailbox);
        }
        Ok(Mailbox {
            name: name.to_owned(),
            address: address.to_owned(),
        })
    }
}

impl Mailbox {
    /// Its address for eyes that need not know it: `u***@e***.com`.
    pub fn masked(&self) -> String {
        let first = |text: &str| text.chars().next().map(String::from).unwrap_or_default();
        let (local, domain) = self.address.rsplit_once('@').unwrap_or_default();
        let end = domain
            .rsplit_once('.')
            .map(|(_, end)| format!(".{end}"))
            .unwrap_or_default();
        format!("{}***@{}***{end}", first(local), first(domain))
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name.as_str() {
            "" => f.write_str(&self.address),
            name => write!(f, "{name} <{}>", self.address),
        }
    }
}

/// How the recipient asks for no more mail (RFC 2369, RFC 8058).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsubscribe {
    /// The page; over https except on this machine.
    pub url: String,
    /// Whether one click is announced (`List-Unsubscribe-Post`): only where DKIM covers these fields (RFC 8058, section 4).
    pub one_click: bool,
}

/// The method of a calendar part (RFC 5546).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// It takes place as described.
    Request,
    /// It does not take place.
    Cancel,
}

impl Method {
    /// As RFC 5546 writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Request => "REQUEST",
            Method::Cancel => "CANCEL",
        }
    }
}

/// The part of a mail that the recipient's calendar reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalendarPart {
    /// Also a parameter of the part's content type (RFC 6047).
    pub method: Method,
    /// The iCalendar object (RFC 5545), lines ended by CRLF.
    pub text: String,
}

/// A mail, whole: what is shown to the user, hashed, sealed and sent. Also its sealed form, as JSON.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// Without angle brackets; the same for every attempt.
    pub message_id: String,
    /// The sender.
    pub from: Mailbox,
    /// Where answers go: the user.
    pub reply_to: Option<Mailbox>,
    /// The one recipient.
    pub to: Mailbox,
    /// One line.
    pub subject: String,
    /// The plain text, lines ended by LF.
    pub text: String,
    /// The HTML, lines ended by LF.
    pub html: String,
    /// What the recipient's calendar reads.
    pub calendar: Option<CalendarPart>,
    /// How to get no more of them; none for notices to users and admins.
    pub unsubscribe: Option<Unsubscribe>,
}

impl fmt::Debug for Letter {
    /// Only what may be in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Letter")
            .field("message_id", &self.message_id)
            .finish_non_exhaustive()
    }
}

impl Letter {
    /// The letter as others than its recipient see it: without the code that lets its recipient, and nobody else, end mail or let it
    /// come again.
    pub fn without_code(&self) -> Letter {
        let hidden = |text: &str| self.hide_code(text);
        Letter {
            subject: hidden(&self.subject),
            text: hidden(&self.text),
            html: hidden(&self.html),
            // A header is ASCII.
            unsubscribe: self.unsubscribe.as_ref().map(|way| Unsubscribe {
                url: hidden(&way.url).replace('…', "hidden"),
                ..way.clone()
            }),
            ..self.clone()
        }
    }

    /// A text of the letter without that code.
    pub fn hide_code(&self, text: &str) -> String {
        let code = self.unsubscribe.as_ref().and_then(|way| way.url.rsplit_once('/'));
        match code {
            Some((_, code)) if code.len() >= 16 => text.replace(code, "…"),
            _ => text.to_owned(),
        }
    }

    /// The bytes that a consent is about. `docs/ledger.md` describes them, so that anybody can make them from a received mail:
    /// the line `accord-letter-1`, then for each field of the list below, in this order, a line `name length` and so many bytes
    /// of UTF-8 and a line feed. A field that a mail lacks has length 0. CRLF counts as LF everywhere.
    pub fn canonical(&self) -> Vec<u8> {
        let mailbox = |mailbox: &Mailbox| [mailbox.name.clone(), mailbox.address.clone()];
        let [from_name, from] = mailbox(&self.from);
        let [reply_to_name, reply_to] = self.reply_to.as_ref().map(mailbox).unwrap_or_default();
        let [to_name, to] = mailbox(&self.to);
        let (method, calendar) = match &self.calendar {
            Some(part) => (part.method.as_str(), part.text.as_str()),
            None => ("", ""),
        };
        let (unsubscribe, one_click) = match &self.unsubscribe {
            Some(way) => (way.url.as_str(), if way.one_click { "one-click" } else { "" }),
            None => ("", ""),
        };
        let fields = [
            ("message-id", self.message_id.as_str()),
            ("from-name", &from_name),
            ("from", &from),
            ("reply-to-name", &reply_to_name),
            ("reply-to", &reply_to),
            ("to-name", &to_name),
            ("to", &to),
            ("subject", &self.subject),
            ("text", &self.text),
            ("html", &self.html),
            ("calendar-method", method),
            ("calendar", calendar),
            ("unsubscribe", unsubscribe),
            ("unsubscribe-post", one_click),
        ];
        let mut bytes = b"accord-letter-1\n".to_vec();
        for (name, value) in fields {
            let value = value.replace("\r\n", "\n");
            bytes.extend(format!("{name} {}\n{value}\n", value.len()).into_bytes());
        }
        bytes
    }

    /// SHA-256 of [`Letter::canonical`].
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.canonical()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter() -> Letter {
        let mailbox = |name: &str, address: &str| Mailbox {
            name: name.to_owned(),
            address: address.to_owned(),
        };
        Letter {
            message_id: "m@example.com".to_owned(),
            from: mailbox("Acme", "acme@example.com"),
            reply_to: None,
            to: mailbox("Eva", "eva@example.com"),
            subject: "S".to_owned(),
            text: "a\nb\n".to_owned(),
            html: "<p>a</p>".to_owned(),
            calendar: None,
            unsubscribe: None,
        }
    }

    #[test]
    fn the_canonical_form_is_what_the_manual_says() {
        let text = String::from_utf8(letter().canonical()).unwrap();
        let begin = "accord-letter-1\nmessage-id 13\nm@example.com\nfrom-name 4\nAcme\nfrom 16\nacme@example.com\nreply-to-name 0\n\n";
        assert!(text.starts_with(begin), "{text}");
        assert!(text.ends_with("text 4\na\nb\n\nhtml 8\n<p>a</p>\ncalendar-method 0\n\ncalendar 0\n\nunsubscribe 0\n\nunsubscribe-post 0\n\n"));
    }

    #[test]
    fn no_text_can_pass_for_another_field() {
        let (mut one, mut other) = (letter(), letter());
        one.subject = "S\ntext 1\nx".to_owned();
        other.text = "x".to_owned();
        assert_ne!(one.hash(), other.hash());
        let mut endings = letter();
        endings.text = "a\r\nb\r\n".to_owned();
        assert_eq!(endings.hash(), letter().hash(), "line endings are the transport's");
    }

    #[test]
    fn nothing_of_a_letter_is_in_a_log() {
        assert_eq!(
            format!("{:?}", letter()),
            "Letter { message_id: \"m@example.com\", .. }"
        );
    }
}
