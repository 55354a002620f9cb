//! Mails to a user's own verified address, and to the tenant's admin. They need no consent, say nothing that is not the reader's, and are
//! in the ledger like every other mail.
use super::desk::Desk;
use super::family::Family;
use super::outbox::named;
use super::propose::seal_letter;
use super::{MailError, compare};
use crate::domain::ids::{MessageId, TenantId, UserId};
use crate::domain::mac;
use crate::domain::mail::{Kind, Letter, Mailbox, State, clean_line};
use crate::domain::time::Zoned;
use crate::engine::Engine;
use crate::engine::Refusal;
use crate::engine::ledger::{self, Event};
use crate::mail::compose::{check, compose};
use crate::mail::transport::Delivery;
use crate::store::accounts::{self, Account, AccountState};
use crate::store::mail::links::{self, Link};
use crate::store::mail::messages::{self, MessageRow};
use crate::store::mail::tenants as mail_tenants;
use crate::store::{Tx, changes, users};
use crate::templates::WhenWords;
use crate::templates::mail::{ConsentRequest, Context, Mail, ReconnectGoogle, Rendered, WaitingMail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use sha2::{Digest, Sha256};

/// Users written to in one go.
const BATCH: i64 = 50;
/// Most mails that one prompt lists.
const LISTED: usize = 20;
const HOUR: i64 = 60 * 60 * 1000;
/// How long a notice is tried.
const OF_USE: i64 = 24 * HOUR;

/// Writes to users about what waits for them, and to those who must connect again. Returns whether there may be more.
pub async fn prompt_waiting(engine: &Engine) -> Result<bool, MailError> {
    let mut tx = engine.db.read().await?;
    let waiting = messages::users_to_prompt(&mut tx, engine.now_ms(), asked_before(engine), BATCH).await?;
    let broken = accounts::to_reconnect(&mut tx, BATCH).await?;
    drop(tx);
    let mut done = 0;
    for (tenant, user) in &waiting {
        match prompt(engine, *tenant, *user).await {
            Ok(true) => done += 1,
            Ok(false) => {}
            Err(error) => tracing::error!(%tenant, %user, %error, "a user cannot be asked by mail"),
        }
    }
    for (tenant, account) in broken {
        let mut tx = engine.db.begin().await?;
        if let Err(error) = reconnect(engine, &mut tx, tenant, account).await {
            tracing::error!(%tenant, %account, %error, "a user cannot be asked to connect again");
            continue;
        }
        tx.commit().await?;
    }
    Ok(done > 0 && waiting.len() as i64 == BATCH)
}

/// Who was asked before this can ask for the page no more with the link from then: they are asked again.
fn asked_before(engine: &Engine) -> i64 {
    engine.now_ms() - engine.mail.link
}

/// Asks one user about everything that waits, unless that was done a short while ago.
async fn prompt(engine: &Engine, tenant: TenantId, user: UserId) -> Result<bool, MailError> {
    let mut tx = engine.db.begin().await?;
    let Some(desk) = Desk::open(engine, &mut tx, tenant).await? else {
        return Ok(false);
    };
    let Some(account) = accounts::live_of_user(&mut tx, tenant, user).await? else {
        return Ok(false);
    };
    let now = engine.now_ms();
    let last = messages::last_notice(&mut tx, tenant, Some(user), "consent_request").await?;
    if last.is_some_and(|last| last + engine.mail.prompt_interval > now) {
        return Ok(false);
    }
    let open = messages::open_of_user(&mut tx, tenant, user).await?;
    let mut waiting: Vec<MessageRow> = Vec::new();
    for message in open {
        let is_ripe = message.state == State::Proposed && message.settle_until <= now && message.expires_at > now;
        if is_ripe && is_certain(engine, &mut tx, &desk, &message).await? {
            waiting.push(message);
        }
    }
    let is_new = |message: &&MessageRow| message.prompted_at.is_none_or(|at| at <= asked_before(engine));
    let newest = waiting.iter().filter(is_new);
    let Some(first) = newest.clone().map(|message| message.created_at).min() else {
        return Ok(false);
    };
    if !is_digest_time(engine, first, last) {
        return Ok(false);
    }
    let id = MessageId(engine.fresh_uuid());
    let secret = mac::fresh(&*engine.entropy);
    let secret = URL_SAFE_NO_PAD.encode(secret);
    let expires_at = now + engine.mail.link;
    let link = Link {
        user_id: user,
        account_id: account.id,
        secret_hash: Sha256::digest(secret.as_bytes()).to_vec(),
        expires_at,
    };
    links::insert(&mut tx, tenant, id, &link, now).await?;
    let named = users::get(&mut tx, tenant, user).await?;
    let zone = named.as_ref().map_or(chrono_tz::Tz::UTC, |user| user.time_zone);
    let until = Zoned::from_instant(DateTime::from_timestamp_millis(expires_at).unwrap_or_default(), zone);
    let mut listed = Vec::new();
    for message in waiting.iter().take(LISTED) {
        listed.extend(line(engine, &desk, tenant, message, zone)?);
    }
    let context = ConsentRequest {
        tenant: clean_line(&desk.name),
        user: named.map(|user| clean_line(&user.name)).unwrap_or_default(),
        link: format!("{}/consents/{tenant}/{id}/{secret}", engine.public_url),
        more: waiting.len().saturating_sub(listed.len()),
        waiting: listed,
        expires: WhenWords::moment(desk.language, &until),
    };
    let rendered = render(engine, &desk, Mail::ConsentRequest, context.into())?;
    let expires_at = waiting
        .iter()
        .map(|message| message.expires_at)
        .max()
        .unwrap_or(now)
        .min(expires_at);
    queue(
        engine,
        &mut tx,
        &desk,
        id,
        "consent_request",
        Some(&account),
        rendered,
        expires_at,
    )
    .await?;
    let ids: Vec<MessageId> = waiting.iter().map(|message| message.id).collect();
    for message in waiting.iter().filter(is_new) {
        let message = message.id;
        ledger::append(engine, &mut tx, tenant, Event::Prompted { message, notice: id }).await?;
    }
    messages::set_prompted(&mut tx, tenant, &ids, now).await?;
    tx.commit().await?;
    Ok(true)
}

/// Whether the change that a message tells of cannot be undone by something that is awaited.
async fn is_certain(engine: &Engine, tx: &mut Tx, desk: &Desk, message: &MessageRow) -> Result<bool, MailError> {
    let Some(booking) = message.booking_id else {
        return Ok(false);
    };
    let family = Family::rooted(tx, desk, booking).await?;
    let says = compare::of_message(engine, desk.tenant, message)?;
    let (Some(family), Some(says)) = (family, says) else {
        return Ok(false);
    };
    Ok(!family.is_uncertain(message.original_start, &says))
}

/// With a schedule, whether one of its times has come since the last prompt, or since the first mail that waits.
fn is_digest_time(engine: &Engine, first: i64, last: Option<i64>) -> bool {
    let Some(schedule) = &engine.mail.prompt_digest else {
        return true;
    };
    let since = DateTime::from_timestamp_millis(first.max(last.unwrap_or(0))).unwrap_or_default();
    schedule
        .next_after(since)
        .is_some_and(|next| next <= engine.clock.now())
}

/// A waiting mail as a prompt names it; `None` once its letter was erased.
fn line(
    engine: &Engine,
    desk: &Desk,
    tenant: TenantId,
    message: &MessageRow,
    zone: chrono_tz::Tz,
) -> Result<Option<WaitingMail>, MailError> {
    let (told, letter) = (
        compare::of_message(engine, tenant, message)?,
        compare::letter(engine, tenant, message)?,
    );
    let (Some(told), Some(letter), Ok(kind)) = (told, letter, message.kind.parse::<Kind>()) else {
        return Ok(None);
    };
    let recipient = match letter.to.name.is_empty() {
        true => letter.to.address,
        false => letter.to.name,
    };
    Ok(Some(WaitingMail {
        kind,
        recipient,
        when: WhenWords::of(desk.language, &told.when, Some(zone), zone).when,
        title: told.title,
    }))
}

/// Asks the user of an account that Google refuses to connect again.
async fn reconnect(
    engine: &Engine,
    tx: &mut Tx,
    tenant: TenantId,
    account: crate::domain::ids::AccountId,
) -> Result<(), MailError> {
    let Some(desk) = Desk::open(engine, tx, tenant).await? else {
        return Ok(());
    };
    let account = accounts::get(tx, tenant, account).await?;
    let Some(account) = account.filter(|account| account.state == AccountState::NeedsReconnect) else {
        return Ok(());
    };
    let last = messages::last_notice(tx, tenant, Some(account.user_id), "reconnect_google").await?;
    // The account's time is the database's, and a change of something else moves it too.
    if last.is_some_and(|last| last >= account.updated_at || last + HOUR > engine.now_ms()) {
        return Ok(());
    }
    let user = users::get(tx, tenant, account.user_id).await?;
    let context = ReconnectGoogle {
        tenant: clean_line(&desk.name),
        user: user.map(|user| clean_line(&user.name)).unwrap_or_default(),
        link: format!("{}/me/{tenant}", engine.public_url),
    };
    let rendered = render(engine, &desk, Mail::ReconnectGoogle, context.into())?;
    let id = MessageId(engine.fresh_uuid());
    let until = engine.now_ms() + OF_USE;
    queue(
        engine,
        tx,
        &desk,
        id,
        "reconnect_google",
        Some(&account),
        rendered,
        until,
    )
    .await
}

fn render(engine: &Engine, desk: &Desk, mail: Mail, context: Context) -> Result<Rendered, MailError> {
    let rendered = desk.templates(engine).render(mail, desk.language, &context);
    rendered.map_err(|error| MailError::unreadable("a notice", &error))
}

/// Stores a notice to the account's verified address, or else to the admin, so that it is sent.
#[expect(clippy::too_many_arguments, reason = "each of them is one thing about a notice")]
async fn queue(
    engine: &Engine,
    tx: &mut Tx,
    desk: &Desk,
    id: MessageId,
    kind: &'static str,
    account: Option<&Account>,
    rendered: Rendered,
    expires_at: i64,
) -> Result<(), MailError> {
    let (tenant, now) = (desk.tenant, engine.now_ms());
    let address = account.map_or_else(|| desk.admin.clone(), |account| account.email.clone());
    let letter = notice(desk, id, address, rendered);
    check(&letter).map_err(|error| MailError::unreadable("a notice", &error))?;
    let recipient_key = desk.recipient_key(&letter.to.address);
    let message = MessageRow {
        id,
        class: "notice".to_owned(),
        kind: kind.to_owned(),
        user_id: account.map(|account| account.user_id),
        subject_id: None,
        booking_id: None,
        original_start: None,
        customer_id: None,
        mail_version: 0,
        offset_minutes: 0,
        state: State::Queued,
        reason: None,
        recipient_key: recipient_key.clone(),
        content_hash: letter.hash().to_vec(),
        letter_sealed: Some(seal_letter(engine, tenant, id, &letter)),
        content_sealed: None,
        settle_until: 0,
        prompted_at: None,
        due_at: now,
        expires_at,
        attempts: 0,
        next_attempt_at: now,
        answer: None,
        created_at: now,
        updated_at: now,
    };
    messages::insert(tx, tenant, &message).await?;
    changes::record(tx, tenant, "message", &id.to_string()).await?;
    let event = Event::Notice {
        message: id,
        kind,
        recipient_key: &recipient_key,
        address: &letter.to.address,
        content_hash: letter.hash(),
    };
    Ok(ledger::append(engine, tx, tenant, event).await?)
}

fn notice(desk: &Desk, id: MessageId, address: String, rendered: Rendered) -> Letter {
    Letter {
        message_id: format!("{id}@{}", desk.uid_domain),
        from: desk.sender.clone(),
        reply_to: None,
        to: Mailbox {
            name: String::new(),
            address,
        },
        subject: rendered.subject,
        text: rendered.text,
        html: rendered.html,
        calendar: None,
        unsubscribe: None,
    }
}

/// Sends a test mail to the tenant's admin, at once, and says what the server answered.
///
/// # Errors
/// The tenant is missing, or has no mail server or no sender.
pub async fn test_letter(engine: &Engine, tenant: TenantId) -> Result<Delivery, Refusal> {
    let mut tx = engine.db.begin().await?;
    let desk = Desk::open(engine, &mut tx, tenant).await?;
    let desk = desk.ok_or(Refusal::NotNow(
        "the tenant has no mail: set mail.smtp_url and mail.from, or the tenant's own sender and server",
    ))?;
    let id = MessageId(engine.fresh_uuid());
    let rendered = Rendered {
        subject: format!("Test mail of {}", clean_line(&desk.name)),
        text: "This mail says that Accord can send mail.\n".to_owned(),
        html: "<!doctype html><html lang=\"en\"><body><p>This mail says that Accord can send mail.</p></body></html>\n"
            .to_owned(),
    };
    let letter = notice(&desk, id, desk.admin.clone(), rendered);
    let composed = compose(&letter, engine.clock.now()).map_err(|error| Refusal::Internal(error.to_string()))?;
    let recipient_key = desk.recipient_key(&letter.to.address);
    let event = Event::Notice {
        message: id,
        kind: "test",
        recipient_key: &recipient_key,
        address: &letter.to.address,
        content_hash: letter.hash(),
    };
    ledger::append(engine, &mut tx, tenant, event).await?;
    let event = Event::Sending {
        message: id,
        class: "notice",
        attempt: 1,
        recipient_key: &recipient_key,
        address: &letter.to.address,
        content_hash: letter.hash(),
    };
    ledger::append(engine, &mut tx, tenant, event).await?;
    tx.commit().await?;
    let transport = &engine.mail.transport;
    let delivery = transport.send(&desk.server, &composed, &engine.mail.limits).await;
    let (_, result, _, answer_code) = named(&delivery);
    let event = Event::Result {
        message: id,
        attempt: 1,
        result,
        answer_code,
    };
    let mut tx = engine.db.begin().await?;
    mail_tenants::hold(&mut tx, tenant).await?;
    ledger::append(engine, &mut tx, tenant, event).await?;
    tx.commit().await?;
    Ok(delivery)
}
