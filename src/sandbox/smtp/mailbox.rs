//! The messages that were taken, octet for octet, in the order in which they came.
use serde_json::{Value, json};

/// One message. It counts as delivered from the moment it is here, whatever the client heard.
#[derive(Debug, Clone)]
pub struct Received {
    /// Rises by one per message, from 1; never used again.
    pub id: u64,
    /// Arrival, microseconds since the Unix epoch by the sandbox's clock.
    pub at_us: i64,
    /// The session in the journal.
    pub session: u64,
    /// The sender of the envelope; empty is the null path.
    pub from: String,
    /// The recipients that were accepted, in order.
    pub to: Vec<String>,
    /// The message as it came, without the dots of transparency.
    pub raw: Vec<u8>,
    /// Whether the 250 was sent; the client may still not have read it.
    pub answered: bool,
}

impl Received {
    /// Whether `address` is one of the recipients, letter case aside.
    pub fn is_for(&self, address: &str) -> bool {
        self.to.iter().any(|to| to.eq_ignore_ascii_case(address))
    }

    /// The envelope as the control endpoints show it.
    pub fn envelope(&self) -> Value {
        json!({"from": self.from, "to": self.to})
    }
}

/// The messages that are there.
#[derive(Debug, Default)]
pub struct Mailbox {
    last_id: u64,
    messages: Vec<Received>,
}

impl Mailbox {
    /// Keeps a message and gives its id.
    pub fn keep(&mut self, at_us: i64, session: u64, from: String, to: Vec<String>, raw: Vec<u8>) -> u64 {
        self.last_id += 1;
        self.messages.push(Received {
            id: self.last_id,
            at_us,
            session,
            from,
            to,
            raw,
            answered: false,
        });
        self.last_id
    }

    /// Writes down whether the 250 for message `id` was sent.
    pub fn set_answered(&mut self, id: u64, answered: bool) {
        if let Some(message) = self.messages.iter_mut().find(|message| message.id == id) {
            message.answered = answered;
        }
    }

    /// All messages, oldest first.
    pub fn all(&self) -> &[Received] {
        &self.messages
    }

    /// One message.
    pub fn by_id(&self, id: u64) -> Option<&Received> {
        self.messages.iter().find(|message| message.id == id)
    }

    /// Every recipient with the number of messages, by address.
    pub fn boxes(&self) -> Vec<(String, usize)> {
        let mut boxes = std::collections::BTreeMap::<String, usize>::new();
        for message in &self.messages {
            let mut names: Vec<String> = message.to.iter().map(|to| to.to_ascii_lowercase()).collect();
            names.sort();
            names.dedup();
            for name in names {
                *boxes.entry(name).or_default() += 1;
            }
        }
        boxes.into_iter().collect()
    }

    /// Forgets all messages; ids go on.
    pub fn clear(&mut self) {
        self.messages.clear();
    }
}
