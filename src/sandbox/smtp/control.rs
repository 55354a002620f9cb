//! The mail server's switches under `/_sandbox/mail/`: JSON in, JSON out, for tests and tools.
//!
//! | request | what |
//! |---|---|
//! | `GET messages?to=ADDRESS&after=ID`, `DELETE` | what was taken, oldest first; ids go on after a DELETE |
//! | `GET messages/{id}`, `GET messages/{id}/raw` | one message; its octets as `message/rfc822` |
//! | `POST faults {stage, to?, skip?, times?, action}` or a list of them, `GET`, `DELETE` | what goes wrong next |
//! | `POST release` | every stalled session goes on |
//! | `POST switches {max_size?, eight_bit_mime?, smtputf8?, greylist?, auth?}`, `GET` | what kind of server it is |
//! | `GET journal?after=SESSION`, `DELETE`; `GET counts` | every session with every line, also those that brought no mail |
//!
//! Stages: connect, greeting, ehlo, auth, mail, rcpt, data, body (the end of the message), rset, noop, quit. Actions:
//! `{code, text?}`, `{nonsense: text}`, `{stall: before|after}`, `{cut: before|after|inside}`, `{after: {code…} or {nonsense…}}`;
//! before and after mean the work of the stage, at `body` the storing of the message. `inside` stores it and sends half a reply.
use super::{
    MailService, Switches,
    mailbox::Received,
    mime::{self, Reading},
};
use crate::sandbox::{
    answer::{Answer, Content},
    control::body,
    request::Request,
};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// The id of `mail/messages/{id}/raw`.
pub fn raw_of(command: &str) -> Option<u64> {
    let id = command.strip_prefix("mail/messages/")?.strip_suffix("/raw")?;
    id.parse().ok()
}

/// The octets of a message.
pub fn raw(service: &MailService, id: u64) -> Answer {
    match service.mailbox.by_id(id) {
        None => Answer::json(404, json!({"error": format!("no message {id}")})),
        Some(message) => Answer {
            status: 200,
            headers: Vec::new(),
            content: Content::Bytes("message/rfc822".into(), message.raw.clone()),
        },
    }
}

/// Runs a command, `None` when there is no such one. Null is an empty answer.
pub fn run(service: &mut MailService, request: &Request, command: &str) -> Option<Result<Value, String>> {
    let number = |name: &str| match request.parameter(name).unwrap_or("0").parse::<u64>() {
        Ok(number) => Ok(number),
        Err(_) => Err(format!("{name} is a number")),
    };
    Some(match (request.method.as_str(), command) {
        ("GET", "messages") => number("after").map(|after| {
            let wanted =
                |message: &&Received| message.id > after && request.parameter("to").is_none_or(|to| message.is_for(to));
            service.mailbox.all().iter().filter(wanted).map(shown).collect()
        }),
        ("DELETE", "messages") => {
            service.mailbox.clear();
            Ok(Value::Null)
        }
        ("GET", command) if let Some(id) = command.strip_prefix("messages/") => {
            Ok(shown(service.mailbox.by_id(id.parse().ok()?)?))
        }
        ("GET", "faults") => Ok(service.faults.left()),
        ("POST", "faults") => body(request)
            .and_then(|rules| service.faults.add(rules))
            .map(|()| service.faults.left()),
        ("DELETE", "faults") => {
            service.faults.clear();
            Ok(Value::Null)
        }
        ("POST", "release") => {
            service.release();
            Ok(Value::Null)
        }
        ("GET", "switches") => Ok(json!(service.switches)),
        ("POST", "switches") => body(request).and_then(|change| switched(service, change)),
        ("GET", "journal") => number("after").map(|after| service.journal.after(after)),
        ("DELETE", "journal") => {
            service.journal.clear();
            Ok(Value::Null)
        }
        ("GET", "counts") => Ok(service.journal.counts()),
        _ => return None,
    })
}

/// What is not named stays as it is; `"auth": null` takes AUTH away.
fn switched(service: &mut MailService, change: Map<String, Value>) -> Result<Value, String> {
    let mut all = json!(service.switches);
    for (name, value) in change {
        let place = all.get_mut(&name).ok_or_else(|| format!("no switch `{name}`"))?;
        *place = value;
    }
    let switches: Switches = serde_json::from_value(all).map_err(|error| error.to_string())?;
    service.switch(switches);
    Ok(json!(service.switches))
}

#[derive(Serialize)]
struct Shown<'a> {
    id: u64,
    received_at_us: i64,
    session: u64,
    envelope: Value,
    answered: bool,
    size: usize,
    #[serde(flatten)]
    reading: Reading,
    /// As text; octets that are none become U+FFFD, `/raw` has them all.
    raw: std::borrow::Cow<'a, str>,
}

fn shown(message: &Received) -> Value {
    json!(Shown {
        id: message.id,
        received_at_us: message.at_us,
        session: message.session,
        envelope: message.envelope(),
        answered: message.answered,
        size: message.raw.len(),
        reading: mime::read(&message.raw),
        raw: String::from_utf8_lossy(&message.raw),
    })
}
