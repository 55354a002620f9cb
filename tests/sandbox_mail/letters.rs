//! What comes after DATA: kept octet for octet, or refused as strict gateways do.
use crate::{ANA, BEA, LETTER, Server};
use serde_json::json;

#[tokio::test]
async fn a_letter_is_kept_octet_for_octet_without_the_dots_of_transparency() {
    let server = Server::start().await;
    let mut client = server.at_data().await;
    let sent = format!("{LETTER}..\r\n...three\r\n.one\r\n \r\n");
    let reply = client.letter(sent).await;
    assert_eq!(
        (reply.code, reply.lines[0].as_str()),
        (250, "2.0.0 OK: taken as message 1")
    );
    let kept = format!("{LETTER}.\r\n..three\r\none\r\n \r\n");
    let raw = server.open("/_sandbox/mail/messages/1/raw").await.expect(200);
    assert_eq!(raw.body, kept.as_bytes());
    assert_eq!(raw.header("content-type"), Some("message/rfc822"));
    assert_eq!(server.messages().await[0]["size"], kept.len());
}

#[tokio::test]
async fn a_bare_line_feed_in_a_letter_is_refused_and_nothing_after_it_is_believed() {
    let server = Server::start().await;
    let mut client = server.at_data().await;
    client
        .send(format!(
            "{LETTER}\n.\r\nMAIL FROM:<evil@example.com>\r\nRCPT TO:<{BEA}>\r\nDATA\r\n"
        ))
        .await;
    let refusal = client.reply().await;
    assert_eq!((refusal.code, refusal.lines[0].contains("Bare line feed")), (550, true));
    assert_eq!(client.rest().await, b"");
    assert_eq!(server.messages().await.len(), 0);
    assert_eq!(server.ended().await["end"], "hung_up");
}

#[tokio::test]
async fn a_letter_with_a_broken_header_is_refused_with_the_reason_and_the_session_goes_on() {
    let server = Server::start().await;
    let mut client = server.greeted().await;
    let no_date = LETTER.replace("Date: ", "X-Date: ");
    let cases = [
        (LETTER.replace("From: ", "X-From: "), "No From field"),
        (no_date.clone(), "No Date field"),
        (LETTER.replace("Message-ID: ", "X-ID: "), "No Message-ID field"),
        (format!("FROM: b@example.com\r\n{LETTER}"), "More than one From field"),
        (format!("To: b@example.com\r\n{LETTER}"), "More than one To field"),
        (format!("Subject: again\r\n{LETTER}"), "More than one Subject field"),
        (
            format!("Message-ID: <2@example.com>\r\n{LETTER}"),
            "More than one Message-ID field",
        ),
        (format!("No colon here\r\n{LETTER}"), "Header line 1 has no colon"),
        (
            LETTER.replace("Hello\r\n", "Hel\rlo\r\n"),
            "A carriage return stands without a line feed",
        ),
        (
            format!("{LETTER}\r\r\n"),
            "A carriage return stands without a line feed",
        ),
        (
            format!("{LETTER}{}\r\n", "x".repeat(999)),
            "A line has more than 998 octets",
        ),
        (
            format!("{LETTER}{}\r\n", "x".repeat(200_000)),
            "A line has more than 998 octets",
        ),
        (format!("{LETTER}a\0b\r\n"), "A NUL octet"),
        (String::new(), "No From field"),
    ];
    for (letter, reason) in cases {
        client.envelope(ANA, &[BEA]).await;
        client.say("DATA", 354).await;
        let refusal = client.letter(&letter).await;
        assert_eq!(
            (refusal.code, refusal.lines[0].clone()),
            (550, format!("5.6.0 {reason}"))
        );
    }
    assert_eq!(server.messages().await.len(), 0);
    client.envelope(ANA, &[BEA]).await;
    client.say("DATA", 354).await;
    let longest = format!("{LETTER}{}\r\n", "x".repeat(998));
    assert_eq!(client.letter(longest).await.code, 250);
}

#[tokio::test]
async fn a_letter_that_is_too_large_is_refused_with_552_and_one_that_just_fits_is_taken() {
    let server = Server::start().await;
    server.switch("switches", json!({"max_size": LETTER.len() + 3})).await;
    let mut client = server.at_data().await;
    // The doubled dot does not count.
    assert_eq!(client.letter(format!("{LETTER}..\r\n")).await.code, 250);
    client.envelope(ANA, &[BEA]).await;
    client.say("DATA", 354).await;
    let refusal = client.letter(format!("{LETTER}ab\r\n")).await;
    assert_eq!((refusal.code, &refusal.lines[0][..6]), (552, "5.3.4 "));
    assert_eq!(server.messages().await.len(), 1);
}

#[tokio::test]
async fn eight_bit_content_and_headers_must_have_been_announced() {
    let server = Server::start().await;
    let mut client = server.greeted().await;
    let body = format!("{LETTER}mañana\r\n");
    let head = LETTER.replace("Subject: Hello", "Subject: mañana");
    for (params, letter, answer) in [
        ("", &body, "5.6.1 8-bit content without BODY=8BITMIME"),
        (" BODY=7BIT", &body, "5.6.1 8-bit content without BODY=8BITMIME"),
        (" BODY=8BITMIME", &head, "5.6.7 8-bit header without SMTPUTF8"),
        (" BODY=8BITMIME", &body, "2.0.0 OK: taken as message 1"),
        (" SMTPUTF8", &head, "2.0.0 OK: taken as message 2"),
    ] {
        client.say(&format!("MAIL FROM:<{ANA}>{params}"), 250).await;
        client.say(&format!("RCPT TO:<{BEA}>"), 250).await;
        client.say("DATA", 354).await;
        assert_eq!(client.letter(letter).await.lines, [answer]);
    }
}
