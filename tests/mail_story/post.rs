//! Mails as the server takes them: each is judged at once, against what was said before and what was so when it was handed over.
use super::Story;
use super::claim::{Claim, Snapshot, key};
use accord::domain::ids::MessageId;
use accord::engine::mail;
use serde_json::Value;

/// A mail that the server took.
pub(super) struct Taken {
    pub id: u64,
    pub at_ms: i64,
    pub to: Vec<String>,
    pub raw: String,
    pub message: MessageId,
}

/// The message whose id is in the Message-ID.
fn message_of(raw: &str) -> Option<MessageId> {
    let head = raw.split("\r\n\r\n").next()?.replace("\r\n ", " ");
    let mut lines = head.lines();
    let line = lines.find(|line| line.to_ascii_lowercase().starts_with("message-id:"))?;
    line.split_once('<')?.1.split('@').next()?.parse().ok()
}

impl Story {
    /// What the server took after a given mail.
    pub(super) async fn taken_after(&self, after: u64) -> Vec<Taken> {
        let all = self.world.google.look(&format!("mail/messages?after={after}")).await;
        let read = |mail: &Value| {
            let raw = mail["raw"].as_str().expect("a text").to_owned();
            let to = mail["envelope"]["to"].as_array().expect("a list");
            let address = |to: &Value| to.as_str().or(to["address"].as_str()).expect("an address").to_owned();
            Taken {
                id: mail["id"].as_u64().expect("a number"),
                at_ms: mail["received_at_us"].as_i64().expect("a number") / 1000,
                to: to.iter().map(address).collect(),
                message: message_of(&raw).expect("a Message-ID holds the message's id"),
                raw,
            }
        };
        all.as_array().expect("a list").iter().map(read).collect()
    }

    /// Judges what came since the last time. `before`: how things were when it was handed over.
    pub(super) async fn judge_post(&mut self, before: &Snapshot) -> Result<(), String> {
        for taken in self.taken_after(self.seen).await {
            self.seen = taken.id;
            self.judge(&taken, before).await?;
        }
        Ok(())
    }

    async fn judge(&mut self, taken: &Taken, before: &Snapshot) -> Result<(), String> {
        let id = taken.message;
        let (engine, tenant) = (&self.world.engine, self.world.tenant);
        let found = mail::one(engine, tenant, id).await;
        let found = found.map_err(|error| format!("a mail that is no message: {error}"))?;
        if !self.taken.insert(id) {
            return Err(format!("{id} was sent twice"));
        }
        if found.row.class == "notice" {
            let own = self.users.iter().any(|user| taken.to == [user.email.clone()]);
            return own.then_some(()).ok_or(format!("a notice to {:?}", taken.to));
        }
        let letter = found.letter.as_ref().ok_or("a mail without its letter")?;
        if taken.to != [letter.to.address.clone()] {
            return Err(format!("a mail to {:?} that is for {}", taken.to, letter.to.address));
        }
        match self.approved.get(&id) {
            None => return Err(format!("nobody said yes to {id}")),
            Some(hash) if *hash != letter.hash() => return Err(format!("the yes to {id} was to another mail")),
            Some(_) => {}
        }
        if self.stopped.contains(&id) {
            return Err(format!("{id} was declined, taken back or tampered with"));
        }
        if found.row.user_id.is_some_and(|user| self.paused.contains(&user)) {
            return Err(format!("{id}: its user has paused all mail"));
        }
        if self.suppressed.contains(&key(&letter.to.address)) {
            return Err(format!("{id}: its recipient wants no mail"));
        }
        let now = self.now();
        if found.row.due_at > now || found.row.expires_at <= now {
            return Err(format!(
                "{id} is of use from {} to {} and was sent at {now}",
                found.row.due_at, found.row.expires_at
            ));
        }
        if taken.raw.contains("secret") {
            return Err(format!("{id} tells the description"));
        }
        before.holds(&Claim::of(letter))
    }
}
