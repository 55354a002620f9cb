//! What the server remembers of mails and sessions, and forgets when told.
use crate::{ANA, BEA, LETTER, Server, support::google::START_US};
use accord::sandbox::{Sandbox, SandboxOptions, SmtpCredentials};
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor, message::SinglePart,
    transport::smtp::authentication::Credentials,
};
use serde_json::json;

#[tokio::test]
async fn a_message_is_listed_with_its_envelope_and_its_parts() {
    let server = Server::start().await;
    let letter = "From: =?utf-8?Q?Ana_Mu=C3=B1oz?= <ana@example.com>\r\nTo: Bea <bea@example.org>\r\nReply-To: <r@example.com>\r\n\
        Subject: =?utf-8?Q?Ma=C3=B1ana?=\r\nDate: Mon, 02 Mar 2026 12:00:00 +0000\r\nMessage-ID: <1@example.com>\r\n\
        MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n\
        --b\r\nContent-Type: text/plain\r\n\r\nHello\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>Hello</p>\r\n\
        --b\r\nContent-Type: text/calendar; method=CANCEL\r\n\r\nBEGIN:VCALENDAR\r\n--b--\r\n";
    let mut client = server.greeted().await;
    client
        .envelope("bounce@example.com", &["Bea@example.org", "cy@example.org"])
        .await;
    client.say("DATA", 354).await;
    assert_eq!(client.letter(letter).await.code, 250);
    let message = &server.messages().await[0];
    let mut shown = message.clone();
    let headers = shown.as_object_mut().unwrap().remove("headers").unwrap();
    assert_eq!(
        shown,
        json!({
            "id": 1, "received_at_us": START_US, "session": 1, "answered": true, "size": letter.len(), "raw": letter,
            "envelope": {"from": "bounce@example.com", "to": ["Bea@example.org", "cy@example.org"]},
            "subject": "Mañana",
            "from": [{"name": "Ana Muñoz", "address": "ana@example.com"}],
            "to": [{"name": "Bea", "address": "bea@example.org"}],
            "reply_to": [{"name": null, "address": "r@example.com"}],
            "message_id": "1@example.com",
            "text": "Hello", "html": "<p>Hello</p>",
            "calendar": {"method": "CANCEL", "text": "BEGIN:VCALENDAR"},
            "attachments": [],
        })
    );
    assert_eq!(headers[3], json!({"name": "Subject", "value": "Mañana"}));
    assert_eq!(server.look("messages/1").await, *message);
    for (query, count) in [("to=bea%40example.org", 1), ("to=ana%40example.com", 0), ("after=1", 0)] {
        let found = server.look(&format!("messages?{query}")).await;
        assert_eq!(found.as_array().unwrap().len(), count, "{query}");
    }
    server.open("/_sandbox/mail/messages?after=x").await.expect(400);
    server.open("/_sandbox/mail/messages/2").await.expect(404);
    server.open("/_sandbox/mail/messages/2/raw").await.expect(404);
}

#[tokio::test]
async fn octets_that_are_no_text_come_back_unchanged() {
    let server = Server::start().await;
    let mut client = server.greeted().await;
    client.say(&format!("MAIL FROM:<{ANA}> BODY=8BITMIME"), 250).await;
    client.say(&format!("RCPT TO:<{BEA}>"), 250).await;
    client.say("DATA", 354).await;
    let letter = [LETTER.as_bytes(), b"\xff\xfe\r\n"].concat();
    assert_eq!(client.letter(&letter).await.code, 250);
    let raw = server.open("/_sandbox/mail/messages/1/raw").await.expect(200);
    assert_eq!(raw.body, letter);
}

#[tokio::test]
async fn the_journal_tells_every_line_of_a_session() {
    let server = Server::start().await;
    let mut client = server.at_data().await;
    client.letter(LETTER).await;
    client.say("BOGUS", 500).await;
    client.say("QUIT", 221).await;
    let session = server.ended().await;
    let told: Vec<_> = session["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| {
            (
                step["stage"].as_str(),
                step["line"].as_str().unwrap(),
                step["code"].as_u64(),
            )
        })
        .collect();
    let message = format!("(message of {} octets)", LETTER.len());
    assert_eq!(
        told,
        [
            (Some("connect"), "(connected)", None),
            (Some("greeting"), "(greeting)", Some(220)),
            (Some("ehlo"), "EHLO client.example", Some(250)),
            (Some("mail"), "MAIL FROM:<ana@example.com>", Some(250)),
            (Some("rcpt"), "RCPT TO:<bea@example.org>", Some(250)),
            (Some("data"), "DATA", Some(354)),
            (Some("body"), message.as_str(), Some(250)),
            (None, "BOGUS", Some(500)),
            (Some("quit"), "QUIT", Some(221)),
        ]
    );
    assert_eq!(
        (&session["end"], &session["opened_us"]),
        (&json!("quit"), &json!(START_US))
    );
    assert_eq!(session["steps"][6]["message"], 1);
    assert_eq!(server.look("journal?after=1").await, json!([]));
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_a_letter_leaves_no_mail() {
    let server = Server::start().await;
    let mut client = server.at_data().await;
    client.send(LETTER).await;
    drop(client);
    assert_eq!(server.ended().await["end"], "left");
    assert_eq!(server.messages().await.len(), 0);
}

#[tokio::test]
async fn what_is_deleted_is_forgotten_and_numbers_go_on() {
    let server = Server::start().await;
    let mut client = server.at_data().await;
    client.letter(LETTER).await;
    client.say("QUIT", 221).await;
    server.ended().await;
    for what in ["messages", "journal"] {
        let url = server.url(&format!("/_sandbox/mail/{what}"));
        server.http.delete(&url, &[]).await.expect(204);
        assert_eq!(server.look(what).await, json!([]));
    }
    assert_eq!(
        server.look("counts").await,
        json!({"sessions": 0, "attempts": 0, "accepted": 0, "recipients": {}})
    );
    let mut client = server.at_data().await;
    assert_eq!(client.letter(LETTER).await.lines, ["2.0.0 OK: taken as message 2"]);
    assert_eq!(server.look("journal").await[0]["session"], 2);
}

#[tokio::test]
async fn the_mail_server_refuses_to_listen_beyond_loopback() {
    let options = SandboxOptions {
        smtp_listen: "0.0.0.0:0".parse().unwrap(),
        ..SandboxOptions::default()
    };
    let refused = Sandbox::start(options).await.expect_err("not loopback");
    assert_eq!(refused.kind(), std::io::ErrorKind::InvalidInput);
}

#[tokio::test]
async fn a_stopped_sandbox_frees_the_mail_servers_port() {
    let server = Server::start().await;
    let mut client = server.greeted().await;
    let smtp_listen = server.sandbox.smtp_addr();
    server.sandbox.stop().await;
    assert_eq!(client.rest().await, b"");
    let options = SandboxOptions {
        smtp_listen,
        ..SandboxOptions::default()
    };
    let again = Sandbox::start(options).await.expect("the port is free");
    assert_eq!(again.smtp_addr(), smtp_listen);
}

#[tokio::test]
async fn a_client_that_was_not_written_for_this_server_signs_in_and_delivers() {
    let credentials = SmtpCredentials {
        user: "ana".into(),
        password: "se cret".into(),
    };
    let server = Server::start_with(Some(credentials)).await;
    let transport = |password: &str| {
        AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous("127.0.0.1")
            .port(server.sandbox.smtp_addr().port())
            .credentials(Credentials::new("ana".into(), password.into()))
            .build()
    };
    let message = Message::builder()
        .from("Ana Muñoz <ana@example.com>".parse().unwrap())
        .to("señor@example.org".parse().unwrap())
        .subject("Mañana")
        .message_id(Some("<1@example.com>".into()))
        .singlepart(SinglePart::plain("Hasta mañana.\r\n.\r\n".to_owned()))
        .unwrap();
    let refused = transport("wrong").send(message.clone()).await.expect_err("refused");
    assert!(refused.is_permanent(), "{refused}");
    let reply = transport("se cret").send(message.clone()).await.expect("delivered");
    assert_eq!(reply.first_line(), Some("2.0.0 OK: taken as message 1"));
    let raw = server.open("/_sandbox/mail/messages/1/raw").await.expect(200);
    // lettre ends every message with a line end of its own before the lone dot.
    assert_eq!(raw.body, [&message.formatted()[..], b"\r\n"].concat());
    let kept = &server.messages().await[0];
    assert_eq!(kept["subject"], "Mañana");
    assert!(
        kept["text"].as_str().unwrap().starts_with("Hasta mañana.\r\n.\r\n"),
        "{kept}"
    );
}
