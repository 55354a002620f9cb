//! The header section of a message, read as RFC 5322 (2.2, 3.6) writes it, without the obsolete forms.
use chrono::DateTime;

/// Fields that a message must have; RFC 5322 asks for the first two, gateways refuse mail without the third.
const REQUIRED: [&str; 3] = ["From", "Date", "Message-ID"];

/// Fields that may stand once (RFC 5322, 3.6; RFC 2045, 3).
const ONCE: [&str; 14] = [
    "From",
    "Date",
    "Message-ID",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Bcc",
    "In-Reply-To",
    "References",
    "Subject",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
];

/// A field: its name, and its value with the folds taken out.
pub type Field = (String, String);

/// The header section with the CRLF of its last line, and the body behind the empty line.
pub fn split(raw: &[u8]) -> (&[u8], &[u8]) {
    if let Some(body) = raw.strip_prefix(b"\r\n") {
        return (&[], body);
    }
    match raw.windows(4).position(|four| four == b"\r\n\r\n") {
        Some(at) => (&raw[..at + 2], &raw[at + 4..]),
        None => (raw, &[]),
    }
}

/// The fields in order; the error says which line is none.
pub fn fields(head: &[u8]) -> Result<Vec<Field>, String> {
    let head = std::str::from_utf8(head).map_err(|_| "The header is not UTF-8".to_owned())?;
    let mut fields: Vec<Field> = Vec::new();
    for (at, line) in head.split_terminator("\r\n").enumerate() {
        let number = at + 1;
        if line.contains(|c: char| c.is_control() && c != '\t') {
            return Err(format!("Header line {number} holds a control character"));
        }
        if line.starts_with([' ', '\t']) {
            if line.trim().is_empty() {
                return Err(format!("Header line {number} is blank but not empty"));
            }
            match fields.last_mut() {
                Some((_, value)) => value.push_str(line),
                None => return Err("The header begins with a folded line".to_owned()),
            }
            continue;
        }
        let Some((name, value)) = line.split_once(':') else {
            return Err(format!("Header line {number} has no colon"));
        };
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_graphic()) {
            return Err(format!("Header line {number} has no proper field name"));
        }
        fields.push((name.to_owned(), value.to_owned()));
    }
    for (_, value) in &mut fields {
        *value = value.trim().to_owned();
    }
    Ok(fields)
}

/// Whether the fields are those of a message; the error says what is missing or wrong.
pub fn check(fields: &[Field]) -> Result<(), String> {
    let all = |name: &str| {
        fields
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name))
            .count()
    };
    let value = |name: &str| {
        let found = fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value.as_str())
    };
    if let Some(missing) = REQUIRED.into_iter().find(|name| all(name) == 0) {
        return Err(format!("No {missing} field"));
    }
    if let Some(name) = ONCE.into_iter().find(|name| all(name) > 1) {
        return Err(format!("More than one {name} field"));
    }
    if !value("From").contains('@') {
        return Err("The From field holds no address".into());
    }
    if DateTime::parse_from_rfc2822(value("Date")).is_err() {
        return Err("The Date field holds no date".into());
    }
    let id = value("Message-ID");
    let sides = id
        .strip_prefix('<')
        .and_then(|id| id.strip_suffix('>'))
        .and_then(|id| id.split_once('@'));
    let is_side = |side: &str| !side.is_empty() && !side.contains(|c: char| c.is_whitespace() || "<>@".contains(c));
    if !sides.is_some_and(|(left, right)| is_side(left) && is_side(right)) {
        return Err("The Message-ID field holds no <left@right>".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "From: a@b.example\r\nDate: Mon, 02 Mar 2026 12:00:00 +0000\r\nMessage-ID: <1@b.example>\r\n";

    fn refusal(head: &str) -> String {
        fields(head.as_bytes())
            .and_then(|fields| check(&fields))
            .expect_err("refused")
    }

    #[test]
    fn folded_values_are_joined() {
        let fields = fields(b"Subject: one\r\n two\r\nX: y\r\n").expect("well formed");
        assert_eq!(fields, [("Subject".into(), "one two".into()), ("X".into(), "y".into())]);
    }

    #[test]
    fn the_header_ends_at_the_first_empty_line() {
        assert_eq!(split(b"A: b\r\n\r\nc\r\n\r\nd"), (&b"A: b\r\n"[..], &b"c\r\n\r\nd"[..]));
        assert_eq!(split(b"\r\nbody"), (&b""[..], &b"body"[..]));
        assert_eq!(split(b"A: b\r\n"), (&b"A: b\r\n"[..], &b""[..]));
    }

    #[test]
    fn every_broken_header_is_refused_with_its_reason() {
        assert!(fields(GOOD.as_bytes()).and_then(|fields| check(&fields)).is_ok());
        for (head, part) in [
            (GOOD.replace("From: a", "X: a"), "No From"),
            (GOOD.replace("Date:", "X:"), "No Date"),
            (GOOD.replace("Message-ID:", "X:"), "No Message-ID"),
            (format!("{GOOD}from: c@d.example\r\n"), "More than one From"),
            (format!("{GOOD}To: c@d\r\nTo: e@f\r\n"), "More than one To"),
            (format!("{GOOD}Subject: c\r\nSUBJECT: d\r\n"), "More than one Subject"),
            (format!("{GOOD}Nothing here\r\n"), "line 4 has no colon"),
            (format!("{GOOD}Two words: x\r\n"), "line 4 has no proper field name"),
            (format!(" folded\r\n{GOOD}"), "begins with a folded line"),
            (format!("{GOOD}X: y\r\n \t\r\n"), "line 5 is blank"),
            (format!("{GOOD}X: \u{8}\r\n"), "line 4 holds a control"),
            (GOOD.replace("a@b.example", "Ana"), "From field holds no address"),
            (GOOD.replace("02 Mar", "32 Mar"), "Date field holds no date"),
            (GOOD.replace("<1@b.example>", "1@b.example"), "Message-ID field"),
            (GOOD.replace("<1@b.example>", "<1@b> <2@b>"), "Message-ID field"),
        ] {
            assert!(refusal(&head).contains(part), "{head}: {}", refusal(&head));
        }
    }
}
