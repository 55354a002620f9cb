//! One command line, read as strictly as RFC 5321 (4.1.1) writes it; whether it may come now is `dialogue`'s question.
use super::{
    address::{bracketed, is_host, mailbox},
    reply::Reply,
};

/// A command without syntax errors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// EHLO and who says it.
    Ehlo(String),
    /// HELO and who says it.
    Helo(String),
    /// MAIL: the sender (empty is the null path) and its parameters, keywords in upper case.
    Mail(String, Vec<Param>),
    /// RCPT: the recipient and its parameters.
    Rcpt(String, Vec<Param>),
    /// DATA.
    Data,
    /// RSET.
    Rset,
    /// NOOP.
    Noop,
    /// VRFY of something.
    Vrfy(String),
    /// HELP.
    Help,
    /// QUIT.
    Quit,
    /// AUTH: the mechanism in upper case, and the initial response.
    Auth(String, Option<String>),
}

/// `KEYWORD` or `KEYWORD=value`.
pub type Param = (String, Option<String>);

/// Octets of the longest command line with its CRLF (RFC 5321, 4.5.3.1.4) and the room that SIZE, BODY and SMTPUTF8 add to
/// MAIL (RFC 1870, 6152, 6531); a line of an AUTH exchange may have 12288 (RFC 4954).
pub fn longest(line: &[u8]) -> usize {
    let begins = |verb: &[u8]| line.len() >= 4 && line[..4].eq_ignore_ascii_case(verb);
    if begins(b"MAIL") {
        512 + 26 + 17 + 10
    } else if begins(b"AUTH") {
        LONGEST_AUTH
    } else {
        512
    }
}

/// See [`longest`].
pub const LONGEST_AUTH: usize = 12_288;

/// Reads a line without its CRLF; the error is the reply to it.
pub fn parse(line: &str) -> Result<Command, Reply> {
    if line.contains(|c: char| c.is_control()) {
        return Err(Reply::new(500, "5.5.2 Control characters in a command"));
    }
    // RFC 5321 (4.1.1) asks to tolerate white space at the end.
    let line = line.trim_end_matches(' ');
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    let bare = |command| match rest {
        "" => Ok(command),
        _ => Err(syntax("This command takes no arguments")),
    };
    match verb.to_ascii_uppercase().as_str() {
        "EHLO" => host(rest).map(Command::Ehlo),
        "HELO" => host(rest).map(Command::Helo),
        "MAIL" => {
            let (path, params) = path(rest, "FROM:")?;
            let from = match path {
                "" => "",
                path => mailbox(path).ok_or_else(|| Reply::new(501, "5.1.7 Bad sender address syntax"))?,
            };
            Ok(Command::Mail(from.to_owned(), params))
        }
        "RCPT" => {
            let (path, params) = path(rest, "TO:")?;
            // The one recipient without a domain (RFC 5321, 4.5.1).
            let to = match path {
                path if path.eq_ignore_ascii_case("postmaster") => path,
                path => mailbox(path).ok_or_else(|| Reply::new(501, "5.1.3 Bad recipient address syntax"))?,
            };
            Ok(Command::Rcpt(to.to_owned(), params))
        }
        "DATA" => bare(Command::Data),
        "RSET" => bare(Command::Rset),
        "QUIT" => bare(Command::Quit),
        "NOOP" => Ok(Command::Noop),
        "HELP" => Ok(Command::Help),
        "VRFY" if rest.is_empty() => Err(syntax("VRFY needs a name or an address")),
        "VRFY" => Ok(Command::Vrfy(rest.to_owned())),
        "AUTH" => {
            let mut words = rest.split(' ').filter(|word| !word.is_empty());
            let mechanism = words.next().ok_or_else(|| syntax("AUTH needs a mechanism"))?;
            let initial = words.next().map(str::to_owned);
            match words.next() {
                None => Ok(Command::Auth(mechanism.to_ascii_uppercase(), initial)),
                Some(_) => Err(syntax("AUTH takes a mechanism and one response")),
            }
        }
        "EXPN" | "STARTTLS" | "BDAT" | "ETRN" | "TURN" => Err(Reply::new(502, "5.5.1 Command not implemented")),
        _ => Err(Reply::new(500, "5.5.2 Command unrecognized")),
    }
}

fn syntax(words: &str) -> Reply {
    Reply::new(501, format!("5.5.4 {words}"))
}

fn host(text: &str) -> Result<String, Reply> {
    if is_host(text) {
        Ok(text.to_owned())
    } else {
        Err(Reply::new(
            501,
            "This command needs the client's domain or its address in brackets",
        ))
    }
}

/// What is between the brackets after `FROM:` or `TO:`, and the parameters. No space may follow the colon.
fn path<'a>(rest: &'a str, keyword: &str) -> Result<(&'a str, Vec<Param>), Reply> {
    let begins = rest
        .get(..keyword.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(keyword));
    let (path, rest) = begins
        .then(|| bracketed(&rest[keyword.len()..]))
        .flatten()
        .ok_or_else(|| syntax(&format!("Expected {keyword}<address>")))?;
    let mut params: Vec<Param> = Vec::new();
    if rest.is_empty() {
        return Ok((path, params));
    }
    let rest = rest
        .strip_prefix(' ')
        .ok_or_else(|| syntax("Expected a space before the parameters"))?;
    for word in rest.split(' ').filter(|word| !word.is_empty()) {
        let (keyword, value) = match word.split_once('=') {
            Some((keyword, value)) => (keyword, Some(value)),
            None => (word, None),
        };
        let is_keyword = keyword.starts_with(|c: char| c.is_ascii_alphanumeric())
            && keyword.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        let is_value = value.is_none_or(|value| !value.is_empty() && !value.contains('='));
        let keyword = keyword.to_ascii_uppercase();
        if !is_keyword || !is_value || params.iter().any(|(known, _)| *known == keyword) {
            return Err(syntax("Malformed or repeated parameter"));
        }
        params.push((keyword, value.map(str::to_owned)));
    }
    Ok((path, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_formed_commands_are_read() {
        assert_eq!(
            parse("mail from:<ana@example.com> size=10 BODY=8BITMIME "),
            Ok(Command::Mail(
                "ana@example.com".into(),
                vec![
                    ("SIZE".into(), Some("10".into())),
                    ("BODY".into(), Some("8BITMIME".into()))
                ]
            ))
        );
        assert_eq!(parse("MAIL FROM:<>"), Ok(Command::Mail(String::new(), vec![])));
        assert_eq!(
            parse("RCPT TO:<Postmaster>"),
            Ok(Command::Rcpt("Postmaster".into(), vec![]))
        );
        assert_eq!(parse("EHLO [127.0.0.1]"), Ok(Command::Ehlo("[127.0.0.1]".into())));
    }

    #[test]
    fn each_mistake_has_its_code() {
        for (line, code) in [
            ("", 500),
            ("HI there", 500),
            ("MAIL FROM:<a@b>\tX", 500),
            ("EHLO", 501),
            ("EHLO two words", 501),
            ("MAIL", 501),
            ("MAIL FROM:ana@example.com", 501),
            ("MAIL FROM: <ana@example.com>", 501),
            ("MAIL FROM:<ana@example.com>SIZE=1", 501),
            ("MAIL FROM:<ana@example.com> SIZE=1 SIZE=2", 501),
            ("MAIL FROM:<ana@example.com> SIZE=", 501),
            ("MAIL FROM:<postmaster>", 501),
            ("RCPT TO:<>", 501),
            ("DATA now", 501),
            ("RSET now", 501),
            ("VRFY", 501),
            ("EXPN list", 502),
            ("STARTTLS", 502),
        ] {
            assert_eq!(parse(line).map_err(|reply| reply.code), Err(code), "{line}");
        }
    }
}
