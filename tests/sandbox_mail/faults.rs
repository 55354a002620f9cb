//! The server misbehaves as told, and remembers what was an attempt and what was a mail.
use crate::{ANA, BEA, LETTER, Server, wire::Client};
use serde_json::{Value, json};

/// The last step of a session.
fn last(session: &Value) -> &Value {
    session["steps"]
        .as_array()
        .and_then(|steps| steps.last())
        .expect("a step")
}

#[tokio::test]
async fn every_stage_can_be_refused_with_a_code_of_ones_own() {
    let server = Server::start().await;
    for stage in ["ehlo", "mail", "rcpt", "data", "body", "rset", "noop"] {
        server
            .fault(stage, json!({"code": 451, "text": format!("4.3.0 not this {stage}")}))
            .await;
    }
    let mut client = server.connect().await;
    let mut refused = Vec::new();
    for line in [
        "EHLO client.example",
        "NOOP",
        "MAIL FROM:<ana@example.com>",
        "RCPT TO:<bea@example.org>",
        "DATA",
    ] {
        refused.extend(client.say(line, 451).await.lines);
        client.say(line, if line == "DATA" { 354 } else { 250 }).await;
    }
    refused.extend(client.letter(LETTER).await.lines);
    refused.extend(client.say("RSET", 451).await.lines);
    let named: Vec<&str> = refused.iter().map(|line| line.rsplit(' ').next().unwrap()).collect();
    assert_eq!(named, ["ehlo", "noop", "mail", "rcpt", "data", "body", "rset"]);
    assert_eq!(server.messages().await.len(), 0);
    assert_eq!(server.look("faults").await, json!([]));
    client.say("DATA", 503).await;
    let counts = server.look("counts").await;
    assert_eq!(
        counts,
        json!({"sessions": 1, "attempts": 2, "accepted": 0, "recipients": {BEA: {"attempts": 2, "accepted": 0}}})
    );
}

#[tokio::test]
async fn a_greeting_can_turn_clients_away_for_good_or_for_now() {
    let server = Server::start().await;
    server.fault("greeting", json!({"code": 554})).await;
    let mut client = Client::open(&server.sandbox).await;
    assert_eq!(client.reply().await.code, 554);
    client.say("EHLO client.example", 503).await;
    client.say("QUIT", 221).await;

    server.fault("connect", json!({"code": 421})).await;
    let mut client = Client::open(&server.sandbox).await;
    assert_eq!(
        client.rest().await,
        b"421 4.3.2 Service not available, closing the channel\r\n"
    );
    assert_eq!(server.ended().await["end"], "hung_up");
    server.connect().await;
    assert_eq!(server.look("counts").await["sessions"], 3);
}

#[tokio::test]
async fn a_421_ends_the_session_at_any_stage() {
    let server = Server::start().await;
    server.fault("body", json!({"code": 421})).await;
    let mut client = server.at_data().await;
    assert_eq!(client.letter(LETTER).await.code, 421);
    assert_eq!(client.rest().await, b"");
    assert_eq!(server.messages().await.len(), 0);
}

#[tokio::test]
async fn a_connection_that_is_cut_before_the_letter_was_taken_leaves_no_mail() {
    let server = Server::start().await;
    for stage in ["connect", "greeting", "ehlo", "mail", "rcpt", "data", "body"] {
        server.fault(stage, json!({"cut": "before"})).await;
        let mut client = Client::open(&server.sandbox).await;
        client
            .send(format!(
                "EHLO c.example\r\nMAIL FROM:<{ANA}>\r\nRCPT TO:<{BEA}>\r\nDATA\r\n{LETTER}.\r\n"
            ))
            .await;
        client.rest().await;
        let session = server.ended().await;
        assert_eq!(
            (&session["end"], &last(&session)["stage"]),
            (&json!("cut"), &json!(stage))
        );
        assert_eq!(last(&session)["state"], "cut");
    }
    assert_eq!(server.messages().await.len(), 0);
    assert_eq!(server.look("counts").await["sessions"], 7);
}

#[tokio::test]
async fn a_letter_is_delivered_when_the_connection_is_cut_after_or_inside_the_answer_or_the_answer_lies() {
    let server = Server::start().await;
    let answers = [
        (json!({"cut": "after"}), ""),
        (json!({"cut": "inside"}), "250 2.0.0 OK: tak"),
        (
            json!({"after": {"code": 451, "text": "4.0.0 lost"}}),
            "451 4.0.0 lost\r\n",
        ),
        (json!({"after": {"nonsense": "hello\r\n"}}), "hello\r\n"),
    ];
    for (number, (action, heard)) in answers.into_iter().enumerate() {
        server.fault("body", action.clone()).await;
        let mut client = server.at_data().await;
        client.send(format!("{LETTER}.\r\n")).await;
        if action["cut"].is_null() {
            client.send("QUIT\r\n").await;
        }
        let rest = String::from_utf8(client.rest().await).unwrap();
        assert_eq!(rest.split("221 ").next(), Some(heard), "{action}");
        let messages = server.messages().await;
        assert_eq!(
            (messages.len(), &messages[number]["answered"]),
            (number + 1, &json!(false))
        );
        let session = server.ended().await;
        let body = session["steps"]
            .as_array()
            .unwrap()
            .iter()
            .find(|step| step["stage"] == "body")
            .unwrap();
        assert_eq!((&body["message"], &body["fault"]), (&json!(number + 1), &action));
    }
    assert_eq!(server.look("counts").await["accepted"], 4);
}

#[tokio::test]
async fn a_stalled_letter_is_taken_only_when_released() {
    let server = Server::start().await;
    server.fault("body", json!({"stall": "before"})).await;
    let mut client = server.at_data().await;
    client.send(format!("{LETTER}.\r\n")).await;
    let stalled = |session: &Value| last(session)["state"] == "stalled";
    server.session(stalled).await;
    assert_eq!(server.messages().await.len(), 0);
    server.switch("release", json!({})).await;
    assert_eq!(client.reply().await.code, 250);
    assert_eq!(server.messages().await[0]["answered"], true);
}

#[tokio::test]
async fn a_client_that_gives_up_on_a_stalled_server_cannot_know_whether_its_letter_was_taken() {
    for (when, taken) in [("before", 0), ("after", 1)] {
        let server = Server::start().await;
        server.fault("body", json!({"stall": when})).await;
        let mut client = server.at_data().await;
        client.send(format!("{LETTER}.\r\n")).await;
        server.session(|session| last(session)["state"] == "stalled").await;
        drop(client);
        let session = server.ended().await;
        assert_eq!(
            (&session["end"], &last(&session)["state"]),
            (&json!("left"), &json!("left"))
        );
        assert_eq!(server.messages().await.len(), taken, "{when}");
    }
}

#[tokio::test]
async fn a_server_can_accept_a_connection_and_never_greet() {
    let server = Server::start().await;
    server.fault("connect", json!({"stall": "before"})).await;
    let mut client = Client::open(&server.sandbox).await;
    server.session(|session| last(session)["state"] == "stalled").await;
    // Others are served meanwhile.
    server.greeted().await;
    server.switch("release", json!({})).await;
    assert_eq!(client.reply().await.code, 220);
}

#[tokio::test]
async fn nonsense_is_sent_instead_of_an_answer_and_nothing_is_done() {
    let server = Server::start().await;
    server.fault("body", json!({"nonsense": "2x0 \u{0}\r\n"})).await;
    let mut client = server.at_data().await;
    client.send(format!("{LETTER}.\r\nQUIT\r\n")).await;
    assert!(client.rest().await.starts_with(b"2x0 \0\r\n221 "));
    assert_eq!(server.messages().await.len(), 0);
}

#[tokio::test]
async fn a_fault_can_be_for_one_recipient_and_for_the_next_times_only() {
    let server = Server::start().await;
    let rule = json!([
        {"stage": "rcpt", "to": "BEA@example.org", "times": 2, "action": {"code": 550, "text": "5.1.1 Unknown"}},
        {"stage": "body", "to": "cy@example.org", "skip": 1, "action": {"code": 452}},
    ]);
    server.switch("faults", rule).await;
    let mut client = server.greeted().await;
    client.say("MAIL FROM:<ana@example.com>", 250).await;
    for (to, code) in [("cy@example.org", 250), (BEA, 550), (BEA, 550), (BEA, 250)] {
        client.say(&format!("RCPT TO:<{to}>"), code).await;
    }
    for code in [250, 452, 250] {
        client.say("DATA", 354).await;
        assert_eq!(client.letter(LETTER).await.code, code);
        client.envelope(ANA, &["cy@example.org"]).await;
    }
    assert_eq!(
        server.look("counts").await["recipients"],
        json!({BEA: {"attempts": 3, "accepted": 1}, "cy@example.org": {"attempts": 4, "accepted": 2}})
    );
}

#[tokio::test]
async fn greylisting_puts_off_the_first_attempt_for_each_recipient() {
    let server = Server::start().await;
    server.switch("switches", json!({"greylist": true})).await;
    let mut client = server.greeted().await;
    client.say("MAIL FROM:<ana@example.com>", 250).await;
    for (to, code) in [
        (BEA, 451),
        ("cy@example.org", 451),
        ("Bea@Example.org", 250),
        (BEA, 250),
    ] {
        client.say(&format!("RCPT TO:<{to}>"), code).await;
    }
}

#[tokio::test]
async fn a_fault_or_switch_that_is_not_understood_is_refused_and_changes_nothing() {
    let server = Server::start().await;
    for (command, body) in [
        (
            "faults",
            json!([{"stage": "mail", "action": {"code": 451}}, {"stage": "male", "action": {"code": 451}}]),
        ),
        (
            "faults",
            json!({"stage": "greeting", "to": BEA, "action": {"code": 451}}),
        ),
        ("faults", json!({"stage": "mail", "action": {"code": 250}})),
        ("switches", json!({"greylist": "yes"})),
        ("switches", json!({"grey": true})),
        ("switches", json!({"auth": {"user": "ana"}})),
    ] {
        let answer = server
            .http
            .post(&server.url(&format!("/_sandbox/mail/{command}")), &[], &body)
            .await
            .expect(400);
        assert!(answer.json()["error"].is_string(), "{body}");
    }
    assert_eq!(server.look("faults").await, json!([]));
    assert_eq!(
        server.look("switches").await,
        json!({"max_size": 26214400, "eight_bit_mime": true, "smtputf8": true, "greylist": false, "auth": null})
    );
    server.open("/_sandbox/mail/nothing").await.expect(404);
}
