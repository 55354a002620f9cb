//! Our mails under readers that we did not write: Python's email package, and the ical library of Home Assistant for the
//! calendar part. `scripts/python-clients` installs them; without the package registry this test fails and says so.
#![expect(clippy::unwrap_used, reason = "a test that panics fails, which is right")]
use accord::domain::mail::{Letter, Mailbox, Method, Unsubscribe};
use accord::domain::time::{Fold, Span, Zoned, parse_zone};
use accord::mail::calendar::{CalendarFacts, calendar_part};
use accord::mail::compose::compose;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};

fn mailbox(name: &str, address: &str) -> Mailbox {
    Mailbox {
        name: name.to_owned(),
        address: address.to_owned(),
    }
}

fn at(text: &str, zone: &str) -> Zoned {
    Zoned::parse_local(text, parse_zone(zone).unwrap(), Fold::Earlier).unwrap()
}

fn facts(zone: &str, recurrence: &[&str]) -> CalendarFacts {
    CalendarFacts {
        uid: "0199@acme.example".to_owned(),
        sequence: 2,
        dtstamp: DateTime::UNIX_EPOCH,
        method: Method::Request,
        span: Span::Timed {
            start: at("2026-03-26T09:00:00", zone),
            end: at("2026-03-26T10:30:00", zone),
        },
        recurrence: recurrence.iter().map(ToString::to_string).collect(),
        recurrence_id: None,
        series_span: None,
        summary: "Haircut, colour; \"Žižka\" 老虎 \\ ".repeat(5).trim().to_owned(),
        location: Some("Room 1; first floor, left".to_owned()),
        organizer: mailbox("Acme, Inc.", "acme@acme.example"),
        attendee: mailbox("Eva \"E\" Žižková: ñ", "eva@example.com"),
    }
}

fn letter(facts: &CalendarFacts) -> Letter {
    Letter {
        message_id: "1@acme.example".to_owned(),
        from: facts.organizer.clone(),
        reply_to: Some(mailbox("老虎 <eve@example.com>, \"Ana\"", "ana@acme.example")),
        to: facts.attendee.clone(),
        subject: format!("=?utf-8?q?Eve?= {}", facts.summary),
        text: format!("From here\n.\ntrailing \n{}\n\n", "ü".repeat(5000)),
        html: "<p>Grüße</p>\n".to_owned(),
        calendar: Some(calendar_part(facts)),
        unsubscribe: Some(Unsubscribe {
            url: "https://acme.example/u/1".to_owned(),
            one_click: true,
        }),
    }
}

fn read(letters: &[Letter]) -> Vec<Value> {
    let folder = env!("CARGO_MANIFEST_DIR");
    let prepared = Command::new(format!("{folder}/scripts/python-clients"))
        .output()
        .unwrap();
    let python = String::from_utf8(prepared.stdout).unwrap();
    assert!(
        prepared.status.success(),
        "{}",
        String::from_utf8_lossy(&prepared.stderr)
    );
    let mut reader = Command::new(python.trim())
        .arg(format!("{folder}/tests/foreign_clients/mail_reader.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let bytes = |letter: &Letter| STANDARD.encode(compose(letter, DateTime::UNIX_EPOCH).unwrap().bytes());
    let input = json!(letters.iter().map(bytes).collect::<Vec<_>>()).to_string();
    reader.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = reader.wait_with_output().unwrap();
    assert!(output.status.success(), "the reader failed; its words are above");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn pythons_email_package_and_home_assistants_ical_read_what_was_written() {
    let all = [
        facts("Europe/Madrid", &[]),
        facts(
            "Europe/Madrid",
            &[
                "RRULE:FREQ=DAILY;COUNT=6",
                "EXDATE:20260328T080000Z",
                "RDATE:20261026T090000",
            ],
        ),
        facts("Africa/Casablanca", &["RRULE:FREQ=WEEKLY;COUNT=3"]),
        facts("UTC", &["RRULE:FREQ=WEEKLY;UNTIL=20260409"]),
    ];
    let letters: Vec<Letter> = all.iter().map(letter).collect();
    let found = read(&letters);
    assert_eq!(found.len(), all.len());
    for ((facts, letter), found) in all.iter().zip(&letters).zip(&found) {
        let calendar = letter.calendar.as_ref().unwrap();
        let mailbox = |mailbox: &Mailbox| json!({"name": mailbox.name, "address": mailbox.address});
        assert_eq!(found["from"], mailbox(&letter.from));
        assert_eq!(found["to"], mailbox(&letter.to));
        assert_eq!(found["reply_to"], mailbox(letter.reply_to.as_ref().unwrap()));
        assert_eq!(found["subject"], json!(letter.subject));
        assert_eq!(found["message_id"], json!("<1@acme.example>"));
        assert_eq!(found["unsubscribe"], json!("<https://acme.example/u/1>"));
        let kinds = json!(["text/plain", "text/html", "text/calendar", "application/ics"]);
        assert_eq!(found["kinds"], kinds);
        let texts: Vec<String> = [&letter.text, &letter.html, &calendar.text, &calendar.text]
            .map(|text| text.replace("\r\n", "\n"))
            .to_vec();
        let read: Vec<String> = serde_json::from_value(found["texts"].clone()).unwrap();
        let read: Vec<String> = read.iter().map(|text| text.replace("\r\n", "\n")).collect();
        assert_eq!(read, texts);
        let event = &found["event"];
        assert_eq!(found["method"], json!("REQUEST"));
        assert_eq!(event["uid"], json!(facts.uid));
        assert_eq!(event["sequence"], json!(2));
        assert_eq!(event["summary"], json!(facts.summary));
        assert_eq!(event["location"], json!(facts.location));
        assert_eq!(event["organizer"], json!(["Acme, Inc.", "mailto:acme@acme.example"]));
        assert_eq!(
            event["attendees"],
            json!([["Eva 'E' Žižková: ñ", "mailto:eva@example.com"]])
        );
    }
    let starts = |index: usize| found[index]["event"]["starts"].clone();
    assert_eq!(starts(0), json!(["2026-03-26T09:00:00+01:00"]));
    assert_eq!(
        starts(1),
        json!([
            "2026-03-26T09:00:00+01:00",
            "2026-03-27T09:00:00+01:00",
            "2026-03-29T09:00:00+02:00",
            "2026-03-30T09:00:00+02:00",
            "2026-03-31T09:00:00+02:00",
            "2026-10-26T09:00:00+01:00",
        ])
    );
    assert_eq!(starts(2).as_array().unwrap().len(), 3);
    assert_eq!(
        starts(3),
        json!([
            "2026-03-26T09:00:00+00:00",
            "2026-04-02T09:00:00+00:00",
            "2026-04-09T09:00:00+00:00"
        ])
    );
}
