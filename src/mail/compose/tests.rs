//! What is composed is read by a parser that we did not write, and must be the same letter.
use super::*;
use crate::domain::mail::{Method, Unsubscribe};
use chrono::TimeZone;
use mail_parser::{Address, HeaderValue, Message, MessageParser, MimeHeaders};
use proptest::prelude::*;

fn mailbox(name: &str, address: &str) -> Mailbox {
    Mailbox {
        name: name.to_owned(),
        address: address.to_owned(),
    }
}

fn letter() -> Letter {
    Letter {
        message_id: "01994b.1@acme.example".to_owned(),
        from: mailbox("Acme", "acme@acme.example"),
        reply_to: Some(mailbox("Ana", "ana@acme.example")),
        to: mailbox("Eva", "eva@example.com"),
        subject: "Your booking".to_owned(),
        text: "Hello\n".to_owned(),
        html: "<p>Hello</p>\n".to_owned(),
        calendar: Some(CalendarPart {
            method: Method::Request,
            text: "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n".to_owned(),
        }),
        unsubscribe: Some(Unsubscribe {
            url: "https://acme.example/u/1".to_owned(),
            one_click: true,
        }),
    }
}

fn date() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 1, 8, 5, 9).unwrap()
}

fn bytes(letter: &Letter) -> Vec<u8> {
    compose(letter, date()).unwrap().bytes().to_vec()
}

fn read_mailbox(address: Option<&Address<'_>>) -> Option<Mailbox> {
    let Some(Address::List(list)) = address else {
        assert!(address.is_none(), "no groups");
        return None;
    };
    assert_eq!(list.len(), 1);
    Some(mailbox(list[0].name().unwrap_or(""), list[0].address().unwrap()))
}

fn decoded(message: &Message<'_>, part: u32) -> String {
    String::from_utf8(message.parts[part as usize].contents().to_vec()).unwrap()
}

/// Makes the letter again, as `docs/ledger.md` tells an auditor to.
fn read(bytes: &[u8]) -> Letter {
    let message = MessageParser::default().parse(bytes).expect("a message");
    let mut leaves: Vec<(String, u32)> = Vec::new();
    for (index, part) in message.parts.iter().enumerate() {
        let kind = part.content_type().unwrap();
        if kind.ctype() != "multipart" {
            leaves.push((
                format!("{}/{}", kind.ctype(), kind.subtype().unwrap()),
                u32::try_from(index).unwrap(),
            ));
        }
    }
    let kinds: Vec<&str> = leaves.iter().map(|(kind, _)| kind.as_str()).collect();
    let calendar = if kinds.len() == 2 {
        assert_eq!(kinds, ["text/plain", "text/html"]);
        None
    } else {
        assert_eq!(kinds, ["text/plain", "text/html", "text/calendar", "application/ics"]);
        let text = decoded(&message, leaves[2].1);
        assert_eq!(decoded(&message, leaves[3].1), text, "the file is the same object");
        let kind = message.parts[leaves[2].1 as usize].content_type().unwrap();
        let method = match kind.attribute("method").unwrap() {
            "REQUEST" => Method::Request,
            "CANCEL" => Method::Cancel,
            other => panic!("{other}"),
        };
        Some(CalendarPart { method, text })
    };
    let raw = |name: &str| message.header_raw(name).map(|value| value.trim().to_owned());
    assert_eq!(raw("Auto-Submitted").as_deref(), Some("auto-generated"));
    Letter {
        message_id: message.message_id().unwrap().to_owned(),
        from: read_mailbox(message.from()).unwrap(),
        reply_to: read_mailbox(message.reply_to()),
        to: read_mailbox(message.to()).unwrap(),
        subject: message.subject().unwrap().to_owned(),
        text: decoded(&message, leaves[0].1),
        html: decoded(&message, leaves[1].1),
        calendar,
        unsubscribe: raw("List-Unsubscribe").map(|url| Unsubscribe {
            url: url.trim_matches(['<', '>']).to_owned(),
            one_click: raw("List-Unsubscribe-Post").as_deref() == Some("List-Unsubscribe=One-Click"),
        }),
    }
}

fn assert_comes_back(letter: &Letter) {
    let bytes = bytes(letter);
    let again = read(&bytes);
    let show = |letter: &Letter| String::from_utf8(letter.canonical()).unwrap();
    assert_eq!(show(&again), show(letter), "{}", String::from_utf8_lossy(&bytes));
    for line in bytes.split(|b| *b == b'\n') {
        assert!(line.len() < 999, "a line of {} octets", line.len());
        assert!(line.is_empty() || line.ends_with(b"\r"), "a line feed alone");
        assert!(!line.starts_with(b"From "), "mailbox files would mark it");
    }
    assert!(!bytes.contains(&0));
}

#[test]
fn a_letter_looks_on_the_wire_as_this() {
    let text = String::from_utf8(bytes(&letter())).unwrap();
    let (header, body) = text.split_once("Content-Type:").unwrap();
    assert_eq!(
        header,
        "From: \"Acme\" <acme@acme.example>\r\nTo: \"Eva\" <eva@example.com>\r\nReply-To: \"Ana\" <ana@acme.example>\r\n\
         Subject: Your booking\r\nDate: Sun, 01 Mar 2026 08:05:09 +0000\r\nMessage-ID: <01994b.1@acme.example>\r\n\
         Auto-Submitted: auto-generated\r\nList-Unsubscribe: <https://acme.example/u/1>\r\n\
         List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nMIME-Version: 1.0\r\n"
    );
    assert!(
        body.contains("Content-Type: text/calendar; method=REQUEST; charset=utf-8\r\n"),
        "{body}"
    );
    assert!(
        body.contains("Content-Disposition: attachment; filename=\"invite.ics\"\r\n"),
        "{body}"
    );
    assert!(text.is_ascii());
    let composed = compose(&letter(), date()).unwrap();
    assert_eq!(
        (composed.sender(), composed.recipient()),
        ("acme@acme.example", "eva@example.com")
    );
    assert!(!composed.needs_smtputf8());
    assert_eq!(
        composed,
        compose(&letter(), date()).unwrap(),
        "composing twice gives the same bytes"
    );
    assert!(!format!("{composed:?}").contains("eva"));
}

#[test]
fn what_is_hard_to_carry_comes_back_as_it_was() {
    let mut hard = letter();
    hard.from.name = "O'Neil, \"Zoë\" \\ (Bücher) <eve@example.com>".to_owned();
    hard.to.name = "=?UTF-8?B?RXZl?=".to_owned();
    hard.reply_to = Some(mailbox("老虎".repeat(100).as_str(), "ana@acme.example"));
    for subject in [
        "=?utf-8?q?Eve?= and  two spaces ",
        &"word ".repeat(190),
        &"x".repeat(996),
        &"👩‍👩‍👧ñ".repeat(150),
        " ",
        ":",
    ] {
        hard.subject = format!("Re: {subject}");
        assert_comes_back(&hard);
    }
    for body in [
        "",
        "\n",
        "\n\n\n",
        "no line end",
        "a\r\nb\r\n",
        ".\n..\n.a\n",
        "From Ana\nFrom Eva\n>From\nFrom:\n",
        "x\nFrom Ana",
        "trailing \t \nspaces   \n\n \n",
        "--alternative\n--mixed--\n=3D=\n=",
        "\t\u{feff}ü\u{fffd}\u{10ffff}",
        &"y".repeat(5000),
        &"y ü.".repeat(5000),
        &"0123456789\n".repeat(20_000),
    ] {
        hard.text = body.to_owned();
        hard.html = format!("<pre>{body}</pre>");
        assert_comes_back(&hard);
    }
    hard.calendar = None;
    hard.unsubscribe = None;
    hard.reply_to = None;
    hard.from.name.clear();
    assert_comes_back(&hard);
}

#[test]
fn a_local_part_beyond_ascii_needs_smtputf8_wherever_it_stands() {
    for which in 0..3 {
        let mut letter = letter();
        let mailboxes = [&mut letter.from, &mut letter.to, letter.reply_to.as_mut().unwrap()];
        mailboxes[which].address = "jörg@xn--bcher-kva.example".to_owned();
        assert!(compose(&letter, date()).unwrap().needs_smtputf8());
        assert_comes_back(&letter);
    }
}

#[test]
fn one_click_is_announced_only_when_it_is_wanted() {
    let mut letter = letter();
    letter.unsubscribe.as_mut().unwrap().one_click = false;
    let text = String::from_utf8(bytes(&letter)).unwrap();
    assert!(text.contains("List-Unsubscribe: <https"));
    assert!(!text.contains("List-Unsubscribe-Post"));
}

#[test]
fn what_cannot_arrive_as_it_is_is_refused_by_the_name_of_its_field() {
    type Spoil = fn(&mut Letter);
    let cases: [(&str, Spoil); 26] = [
        ("from.name", |letter| {
            letter.from.name = "Acme\r\nBcc: eve@example.com".to_owned()
        }),
        ("from.address", |letter| {
            letter.from.address = "Acme <acme@acme.example>".to_owned()
        }),
        ("to.name", |letter| letter.to.name = "Eva\n".to_owned()),
        ("to.name", |letter| letter.to.name = "Eva\0".to_owned()),
        ("to.name", |letter| letter.to.name = "x".repeat(1001)),
        ("to.address", |letter| {
            letter.to.address = "eva@example.com, eve@example.com".to_owned()
        }),
        ("to.address", |letter| {
            letter.to.address = "eva@example.com\r\nDATA".to_owned()
        }),
        ("to.address", |letter| {
            letter.to.address = "eva@bücher.example".to_owned()
        }),
        ("to.address", |letter| letter.to.address.clear()),
        ("reply_to.name", |letter| {
            letter.reply_to = Some(mailbox("\u{7f}", "a@b.example"))
        }),
        ("reply_to.address", |letter| letter.reply_to = Some(mailbox("", ""))),
        ("subject", |letter| letter.subject = "a\r\n\r\nb".to_owned()),
        ("subject", |letter| letter.subject = "a\u{2028}b".to_owned()),
        ("subject", |letter| letter.subject = " ".to_owned()),
        ("text", |letter| letter.text = "a\rb".to_owned()),
        ("text", |letter| letter.text = "a\r\r\n".to_owned()),
        ("text", |letter| letter.text = "a\0".to_owned()),
        ("text", |letter| letter.text = "x".repeat(MAX_BODY)),
        ("html", |letter| letter.html = "\u{1b}[2J".to_owned()),
        ("html", |letter| letter.html = "\u{85}".to_owned()),
        ("calendar", |letter| {
            letter.calendar.as_mut().unwrap().method = Method::Cancel
        }),
        ("message_id", |letter| letter.message_id = "<a@b>".to_owned()),
        ("message_id", |letter| letter.message_id = "a@b\r\nX: y".to_owned()),
        ("unsubscribe.url", |letter| {
            letter.unsubscribe.as_mut().unwrap().url = "https://a>\r\nX: y".to_owned()
        }),
        ("unsubscribe.url", |letter| {
            letter.unsubscribe.as_mut().unwrap().url = "javascript:x".to_owned()
        }),
        ("unsubscribe.url", |letter| {
            letter.unsubscribe.as_mut().unwrap().url = "https://a.example/ü".to_owned()
        }),
    ];
    for (field, spoil) in cases {
        let mut letter = letter();
        spoil(&mut letter);
        let error = compose(&letter, date()).expect_err(field);
        assert_eq!(error.field, field, "{error}");
        assert_eq!(check(&letter), Err(error.clone()));
        assert!(
            error.problem.contains(':') || error.problem.contains("longer than an address"),
            "{error}"
        );
        assert!(!error.to_string().contains("eve@"), "{error}");
    }
}

#[test]
fn the_header_fields_are_what_a_second_parser_of_headers_sees() {
    let mut letter = letter();
    letter.subject = "Žižka 老虎 ".repeat(20);
    let bytes = bytes(&letter);
    let message = MessageParser::default().parse(&bytes).unwrap();
    let names: Vec<_> = message
        .headers()
        .iter()
        .map(|header| header.name().to_owned())
        .collect();
    assert_eq!(names.iter().filter(|name| *name == "Content-Type").count(), 1);
    assert_eq!(names.len(), 11, "{names:?}");
    assert!(
        matches!(message.header("Date"), Some(HeaderValue::DateTime(date)) if date.to_rfc3339() == "2026-03-01T08:05:09Z")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn any_letter_that_is_composed_comes_back(
        name in "\\PC{0,40}", subject in "[^\\p{Cc}\u{2028}\u{2029}]{1,120}", plain in "[ -~]{1,90}",
        text in "([^\\p{Cc}]|\n|\t|\r\n|From |\\.){0,300}", html in "([ -~]{0,90}\n?){0,40}", cancel in any::<bool>(),
    ) {
        let mut letter = letter();
        letter.to.name = name;
        letter.from.name = plain.clone();
        letter.subject = if subject.trim().is_empty() { "x".to_owned() } else { subject };
        letter.reply_to = Some(mailbox(&letter.subject, "a@b.example"));
        letter.text = text;
        letter.html = html;
        if cancel {
            letter.calendar = Some(CalendarPart {
                method: Method::Cancel,
                text: format!("BEGIN:VCALENDAR\r\nMETHOD:CANCEL\r\nX:{plain}\r\nEND:VCALENDAR\r\n"),
            });
        }
        prop_assume!(check(&letter).is_ok());
        assert_comes_back(&letter);
    }
}
