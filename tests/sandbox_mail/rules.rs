//! Commands: their order, their syntax, their parameters, their limits.
use crate::{ANA, BEA, LETTER, Server};
use accord::sandbox::SmtpCredentials;
use serde_json::json;

#[tokio::test]
async fn ehlo_offers_the_extensions_and_helo_offers_none() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let offered = client.say("EHLO [127.0.0.1]", 250).await.lines;
    assert_eq!(
        offered[1..],
        [
            "SIZE 26214400",
            "8BITMIME",
            "SMTPUTF8",
            "PIPELINING",
            "ENHANCEDSTATUSCODES",
            "HELP"
        ]
    );
    assert_eq!(client.say("HELO client.example", 250).await.lines.len(), 1);
    client.say("MAIL FROM:<ana@example.com> SIZE=10", 555).await;
    client.say("MAIL FROM:<ana@example.com>", 250).await;
    server
        .switch("switches", json!({"smtputf8": false, "max_size": 1000}))
        .await;
    let offered = client.say("EHLO [IPv6:::1]", 250).await.lines;
    assert!(offered.contains(&"SIZE 1000".to_owned()) && !offered.contains(&"SMTPUTF8".to_owned()));
    client.say("MAIL FROM:<ana@example.com> SMTPUTF8", 555).await;
}

#[tokio::test]
async fn commands_out_of_order_are_refused_with_503() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    for line in ["MAIL FROM:<ana@example.com>", "RCPT TO:<bea@example.org>", "DATA"] {
        client.say(line, 503).await;
    }
    client.say("EHLO client.example", 250).await;
    client.say("RCPT TO:<bea@example.org>", 503).await;
    client.say("MAIL FROM:<ana@example.com>", 250).await;
    client.say("MAIL FROM:<ana@example.com>", 503).await;
    client.say("DATA", 503).await;
    client.say("RCPT TO:<bea@example.org>", 250).await;
    client.say("RSET", 250).await;
    client.say("DATA", 503).await;
    client.say("MAIL FROM:<ana@example.com>", 250).await;
    client.say("EHLO client.example", 250).await;
    client.say("RCPT TO:<bea@example.org>", 503).await;
}

#[tokio::test]
async fn data_with_every_recipient_refused_is_refused_with_554() {
    let server = Server::start().await;
    server.fault("rcpt", json!({"code": 550})).await;
    let mut client = server.greeted().await;
    for (recipient, code) in [("bea@example.org", 550), ("señor@example.org", 553)] {
        client.say("MAIL FROM:<ana@example.com>", 250).await;
        client.say("DATA", 503).await;
        client.say(&format!("RCPT TO:<{recipient}>"), code).await;
        client.say("DATA", 554).await;
        client.say("RSET", 250).await;
    }
}

#[tokio::test]
async fn the_other_commands_are_answered_as_the_rfc_says() {
    let server = Server::start().await;
    let mut client = server.greeted().await;
    for (line, code) in [
        ("NOOP", 250),
        ("noop with words", 250),
        ("HELP", 214),
        ("VRFY ana", 252),
        ("VRFY", 501),
        ("EXPN list", 502),
        ("STARTTLS", 502),
        ("AUTH PLAIN", 502),
        ("HELLO", 500),
        ("", 500),
        ("RSET please", 501),
        ("DATA please", 501),
        ("QUIT please", 501),
        ("MAIL FROM:ana@example.com", 501),
        ("MAIL FROM: <ana@example.com>", 501),
        ("MAIL TO:<ana@example.com>", 501),
        ("MAIL FROM:<ana>", 501),
        ("MAIL FROM:<ana@example.com> COLOUR=red", 555),
        ("MAIL FROM:<ana@example.com> BODY=BINARYMIME", 501),
        ("MAIL FROM:<ana@example.com> SMTPUTF8=yes", 501),
        ("MAIL FROM:<ana@example.com> SIZE=big", 501),
        ("MAIL FROM:<ana@example.com> SIZE=26214401", 552),
        ("MAIL FROM:<ana@example.com> SIZE=99999999999999999999", 552),
        ("MAIL FROM:<> SIZE=26214400 BODY=8BITMIME", 250),
        ("RCPT TO:<>", 501),
        ("RCPT TO:<bea@example.org>,<cy@example.org>", 501),
        ("RCPT TO:<bea@example.org> NOTIFY=NEVER", 555),
        ("RCPT TO:<Postmaster>", 250),
        ("QUIT", 221),
    ] {
        client.say(line, code).await;
    }
    assert_eq!(client.rest().await, b"");
    assert_eq!(server.ended().await["end"], "quit");
}

#[tokio::test]
async fn a_line_that_is_too_long_or_ends_without_crlf_is_refused_and_the_next_is_understood() {
    let server = Server::start().await;
    let mut client = server.greeted().await;
    client.say(&format!("NOOP {}", "x".repeat(512 - 7)), 250).await;
    client.say(&format!("NOOP {}", "x".repeat(512 - 6)), 500).await;
    client.say(&format!("NOOP {}", "x".repeat(100_000)), 500).await;
    client.send("NOOP\n").await;
    assert_eq!(client.reply().await.code, 500);
    client.send("NO\rOP\r\n").await;
    assert_eq!(client.reply().await.code, 500);
    client.send(b"NOOP \xff\r\n").await;
    assert_eq!(client.reply().await.code, 500);
    client.say("NOOP a\u{1b}b", 500).await;
    client.say("NOOP", 250).await;
}

#[tokio::test]
async fn an_address_beyond_ascii_needs_smtputf8() {
    let server = Server::start().await;
    let mut client = server.greeted().await;
    client.say("MAIL FROM:<ana@müller.example>", 550).await;
    client.say("MAIL FROM:<ana@example.com>", 250).await;
    client.say("RCPT TO:<señor@example.org>", 553).await;
    client.say("RSET", 250).await;
    client.say("MAIL FROM:<ana@müller.example> SMTPUTF8", 250).await;
    client.say("RCPT TO:<señor@example.org>", 250).await;
    client.say("DATA", 354).await;
    assert_eq!(client.letter(LETTER).await.code, 250);
    let envelope = &server.messages().await[0]["envelope"];
    assert_eq!(
        *envelope,
        json!({"from": "ana@müller.example", "to": ["señor@example.org"]})
    );
}

#[tokio::test]
async fn commands_that_are_sent_ahead_are_answered_in_order() {
    let server = Server::start().await;
    let mut client = server.greeted().await;
    client
        .send(format!(
            "MAIL FROM:<{ANA}>\r\nRCPT TO:<{BEA}>\r\nRCPT TO:<bad>\r\nDATA\r\n{LETTER}.\r\nMAIL FROM:<{ANA}>\r\nQUIT\r\n"
        ))
        .await;
    for code in [250, 250, 501, 354, 250, 250, 221] {
        assert_eq!(client.reply().await.code, code);
    }
    assert_eq!(server.messages().await.len(), 1);
}

#[tokio::test]
async fn the_hundred_and_first_recipient_is_put_off() {
    let server = Server::start().await;
    let mut client = server.greeted().await;
    client.say("MAIL FROM:<ana@example.com>", 250).await;
    for number in 0..100 {
        client.say(&format!("RCPT TO:<r{number}@example.org>"), 250).await;
    }
    client.say("RCPT TO:<one-more@example.org>", 452).await;
}

#[tokio::test]
async fn a_server_with_credentials_takes_mail_only_after_auth() {
    let credentials = SmtpCredentials {
        user: "ana".into(),
        password: "se cret".into(),
    };
    let server = Server::start_with(Some(credentials)).await;
    let mut client = server.connect().await;
    let offered = client.say("EHLO client.example", 250).await.lines;
    assert!(offered.contains(&"AUTH PLAIN LOGIN".to_owned()));
    client.say("MAIL FROM:<ana@example.com>", 530).await;
    client.say("AUTH CRAM-MD5", 504).await;
    // \0ana\0wrong
    client.say("AUTH PLAIN AGFuYQB3cm9uZw==", 535).await;
    client.say("AUTH PLAIN %%%", 501).await;
    client.say("AUTH LOGIN", 334).await;
    client.say("*", 501).await;
    client.say("AUTH LOGIN", 334).await;
    client.say("YW5h", 334).await;
    client.say("c2UgY3JldA==", 235).await;
    client.say("AUTH PLAIN", 503).await;
    client.say("MAIL FROM:<ana@example.com> AUTH=<>", 250).await;

    let mut client = server.greeted().await;
    client.say("AUTH PLAIN", 334).await;
    // \0ana\0se cret
    client.say("AGFuYQBzZSBjcmV0", 235).await;
    client.say("MAIL FROM:<ana@example.com>", 250).await;
    let journal = server.look("journal").await.to_string();
    assert!(journal.contains("AUTH PLAIN ***"));
    for secret in ["AGFuYQ", "c2UgY3JldA", "YW5h", "se cret"] {
        assert!(!journal.contains(secret), "{secret}");
    }
}
