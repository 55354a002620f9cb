//! Users who say yes, no and wait; customers who want no more mail; and somebody who must not be able to decide anything.
use super::claim::{Claim, key};
use super::{Story, Tamper};
use accord::args;
use accord::domain::ids::{ApiKeyId, MessageId, UserId};
use accord::domain::mail::State;
use accord::engine::mail::{self, Decider, Filter, How, MailError, Proposal};

impl Story {
    /// Mails to customers, in the order in which they were made.
    pub(super) async fn mails(&self, state: Option<State>) -> Vec<Proposal> {
        let filter = Filter {
            state,
            class: Some("customer"),
            ..Filter::default()
        };
        let (engine, tenant) = (&self.world.engine, self.world.tenant);
        mail::list(engine, tenant, &filter, None, 10_000).await.expect("mails")
    }

    async fn nth(&self, state: State, n: usize) -> Option<Proposal> {
        let mut all = self.mails(Some(state)).await;
        (!all.is_empty()).then(|| all.swap_remove(n % all.len()))
    }

    /// A user says yes to what has this hash.
    async fn yes(
        &mut self,
        id: MessageId,
        user: UserId,
        how: How,
        hash: &[u8],
    ) -> Result<Result<(), MailError>, String> {
        let (engine, tenant) = (&self.world.engine, self.world.tenant);
        let before = mail::one(engine, tenant, id)
            .await
            .map_err(|error| format!("{error}"))?;
        let decider = Decider { user: Some(user), how };
        let done = mail::approve(engine, tenant, id, hash, &decider).await;
        if done.is_ok() {
            let letter = before
                .letter
                .as_ref()
                .ok_or("somebody said yes to a mail that is no more")?;
            if letter.hash().as_slice() != hash {
                return Err("somebody said yes to something else than the mail".to_owned());
            }
            if before.row.state == State::Proposed {
                if before.row.expires_at <= engine.now_ms() {
                    return Err("somebody said yes to what is over".to_owned());
                }
                self.snapshot().await.holds(&Claim::of(letter))?;
            }
            self.approved.insert(id, hash.to_vec());
        }
        Ok(done)
    }

    /// Its own user says yes to a message as it is.
    pub(super) async fn approves(&mut self, proposal: &Proposal) -> Result<bool, String> {
        let user = proposal.row.user_id.expect("somebody is asked");
        let done = self
            .yes(proposal.row.id, user, How::Mailbox, &proposal.row.content_hash.clone())
            .await?;
        if let Err(error) = &done {
            self.log.push(format!("    not approved: {error}"));
        }
        match done {
            Ok(()) => Ok(true),
            Err(MailError::Changed | MailError::Closed(_) | MailError::NotCertain) => Ok(false),
            Err(MailError::OtherContent) if self.stopped.contains(&proposal.row.id) => Ok(false),
            Err(error) => Err(format!("a yes is not understood: {error}")),
        }
    }

    pub(super) async fn approves_nth(&mut self, n: usize) -> Result<bool, String> {
        match self.nth(State::Proposed, n).await {
            Some(proposal) => self.approves(&proposal).await,
            None => Ok(false),
        }
    }

    pub(super) async fn approves_all(&mut self) -> Result<bool, String> {
        let mut is_any = false;
        for proposal in self.mails(Some(State::Proposed)).await {
            is_any |= self.approves(&proposal).await?;
        }
        Ok(is_any)
    }

    pub(super) async fn looks(&mut self) -> bool {
        let open = self.mails(Some(State::Proposed)).await;
        let shown = open.iter().map(|open| {
            let user = open.row.user_id.expect("somebody is asked");
            (open.row.id, user, open.row.content_hash.clone())
        });
        self.shown = shown.collect();
        !self.shown.is_empty()
    }

    pub(super) async fn approves_seen(&mut self, n: usize) -> Result<bool, String> {
        let Some(at) = n.checked_rem(self.shown.len()) else {
            return Ok(false);
        };
        let (id, user, hash) = self.shown[at].clone();
        Ok(self.yes(id, user, How::SignIn, &hash).await?.is_ok())
    }

    pub(super) async fn approves_other_hash(&mut self, n: usize) -> Result<bool, String> {
        let Some(proposal) = self.nth(State::Proposed, n).await else {
            return Ok(false);
        };
        let user = proposal.row.user_id.expect("somebody is asked");
        let mut hash = proposal.row.content_hash.clone();
        hash[0] ^= 1;
        match self.yes(proposal.row.id, user, How::Mailbox, &hash).await? {
            Ok(()) => Err("a yes to another hash is taken".to_owned()),
            Err(_) => Ok(true),
        }
    }

    /// Another user, or the app with the tenant's key, or one that nobody allowed to say yes for its users.
    pub(super) async fn another_approves(&mut self, n: usize, is_app: bool) -> Result<bool, String> {
        let Some(proposal) = self.nth(State::Proposed, n).await else {
            return Ok(false);
        };
        let asked = proposal.row.user_id.expect("somebody is asked");
        let key_id = ApiKeyId(self.world.engine.fresh_uuid());
        let another = self.users.iter().map(|user| user.user).find(|user| *user != asked);
        let (user, how) = match is_app {
            true if n.is_multiple_of(2) => (asked, How::TenantKey(key_id)),
            true => (asked, How::AppAsserted(key_id)),
            false => (another.unwrap_or(UserId(self.world.engine.fresh_uuid())), How::Mailbox),
        };
        match self.yes(proposal.row.id, user, how, &proposal.row.content_hash).await? {
            Ok(()) => Err(format!("{how:?} of {user} says yes for {asked}")),
            Err(_) => Ok(true),
        }
    }

    fn decider(proposal: &Proposal) -> Decider {
        Decider {
            user: proposal.row.user_id,
            how: How::Mailbox,
        }
    }

    pub(super) async fn declines(&mut self, n: usize) -> Result<bool, String> {
        let Some(proposal) = self.nth(State::Proposed, n).await else {
            return Ok(false);
        };
        let (engine, tenant) = (&self.world.engine, self.world.tenant);
        let done = mail::decline(engine, tenant, proposal.row.id, &Self::decider(&proposal)).await;
        done.map_err(|error| format!("a no is not taken: {error}"))?;
        self.stopped.insert(proposal.row.id);
        Ok(true)
    }

    pub(super) async fn withdraws(&mut self, n: usize) -> Result<bool, String> {
        let Some(proposal) = self.nth(State::Queued, n).await else {
            return Ok(false);
        };
        let (engine, tenant) = (&self.world.engine, self.world.tenant);
        let done = mail::withdraw(engine, tenant, proposal.row.id, &Self::decider(&proposal)).await;
        done.map_err(|error| format!("a yes cannot be taken back: {error}"))?;
        self.stopped.insert(proposal.row.id);
        Ok(true)
    }

    pub(super) async fn pauses(&mut self, user: usize, pauses: bool) -> bool {
        let Some(user) = self.users.get(user).cloned() else {
            return false;
        };
        let (engine, tenant) = (&self.world.engine, self.world.tenant);
        if pauses {
            mail::pause(engine, tenant, user.account)
                .await
                .expect("mail can be paused");
            self.muted_users.insert(user.user);
            self.paused.insert(user.user)
        } else {
            mail::resume(engine, tenant, user.account)
                .await
                .expect("mail can go on");
            self.paused.remove(&user.user)
        }
    }

    /// A recipient uses the link in a mail, or in one that was only shown to its user.
    pub(super) async fn unsubscribes(&mut self, n: usize, ends: bool) -> bool {
        let all: Vec<Proposal> = self
            .mails(None)
            .await
            .into_iter()
            .filter(|mail| mail.letter.is_some())
            .collect();
        let Some(at) = n.checked_rem(all.len()) else {
            return false;
        };
        let letter = all[at].letter.as_ref().expect("a letter");
        let way = letter.unsubscribe.as_ref().expect("a way to get no more");
        let code = way.url.rsplit('/').next().expect("a code");
        let (engine, tenant, id) = (&self.world.engine, self.world.tenant, all[at].row.id);
        let address = key(&letter.to.address);
        if ends {
            mail::suppress(engine, tenant, id, code)
                .await
                .expect("mail can be ended");
            self.muted_addresses.insert(address.clone());
            self.suppressed.insert(address)
        } else {
            mail::lift(engine, tenant, id, code).await.expect("mail can come again");
            self.suppressed.remove(&address)
        }
    }

    /// Somebody writes into the database.
    pub(super) async fn tampers(&mut self, how: Tamper, n: usize) -> bool {
        let state = match how {
            Tamper::Mac | Tamper::Expiry | Tamper::Hash => State::Queued,
            Tamper::Queue => State::Proposed,
            Tamper::QueueAgain => State::Sent,
        };
        let Some(proposal) = self.nth(state, n).await else {
            return false;
        };
        let (engine, tenant, id) = (&self.world.engine, self.world.tenant, proposal.row.id);
        let (sql, values) = match how {
            Tamper::Mac => {
                let mut mac = proposal.consent.expect("a consent").mac;
                *mac.last_mut().expect("a code") ^= 1;
                (
                    "UPDATE consents SET mac = $3 WHERE tenant_id = $1 AND message_id = $2",
                    args![tenant, id, mac],
                )
            }
            Tamper::Expiry => (
                "UPDATE consents SET expires_at = expires_at + 1 WHERE tenant_id = $1 AND message_id = $2",
                args![tenant, id],
            ),
            Tamper::Hash => {
                let mut hash = proposal.row.content_hash;
                hash[0] ^= 1;
                (
                    "UPDATE messages SET content_hash = $3 WHERE tenant_id = $1 AND id = $2",
                    args![tenant, id, hash],
                )
            }
            Tamper::Queue | Tamper::QueueAgain => (
                "UPDATE messages SET state = 'queued', next_attempt_at = 0 WHERE tenant_id = $1 AND id = $2",
                args![tenant, id],
            ),
        };
        crate::support::world::run(&engine.db, sql, values).await;
        self.stopped.insert(id);
        self.quiet.extend(proposal.row.booking_id);
        true
    }
}
