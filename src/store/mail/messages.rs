//! Mails: proposed, decided, sent. Every change of state names the state it starts from.
use super::subjects::{start, start_text};
use crate::args;
use crate::domain::ids::{BookingId, CustomerId, MessageId, TenantId, UserId};
use crate::domain::mail::{Reason, State};
use crate::domain::time::OriginalStart;
use crate::store::{Row, StoreError, Tx, list};

/// A row of `messages`.
#[derive(Debug, Clone)]
pub struct MessageRow {
    /// Id.
    pub id: MessageId,
    /// `customer` or `notice`.
    pub class: String,
    /// `confirmation`, `update`, `cancellation`, `reminder`, or what kind of notice.
    pub kind: String,
    /// Who is asked; of a notice, whom it is for; `None`: the admin.
    pub user_id: Option<UserId>,
    /// The row of `mail_subjects`; none for notices, as for the next four.
    pub subject_id: Option<MessageId>,
    /// The booking; of an occurrence, its series.
    pub booking_id: Option<BookingId>,
    /// Which occurrence it is about.
    pub original_start: Option<OriginalStart>,
    /// Whom it names: of the customers who read at the address, one.
    pub customer_id: Option<CustomerId>,
    /// The version of what it tells.
    pub mail_version: i64,
    /// Of a reminder: how long before the start, minutes.
    pub offset_minutes: i64,
    /// Where it stands.
    pub state: State,
    /// Why it ended there.
    pub reason: Option<String>,
    /// Of the recipient's address.
    pub recipient_key: Vec<u8>,
    /// SHA-256 of the letter.
    pub content_hash: Vec<u8>,
    /// The letter, until it is erased.
    pub letter_sealed: Option<Vec<u8>>,
    /// What it tells, until it is erased.
    pub content_sealed: Option<Vec<u8>>,
    /// Before this, its user is not written to about it, ms.
    pub settle_until: i64,
    /// When its user was written to about it.
    pub prompted_at: Option<i64>,
    /// Not sent before, ms.
    pub due_at: i64,
    /// Not sent after, ms.
    pub expires_at: i64,
    /// Attempts to hand it over.
    pub attempts: i64,
    /// When the next is due, ms.
    pub next_attempt_at: i64,
    /// What the mail server said last.
    pub answer: Option<String>,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Milliseconds since the epoch.
    pub updated_at: i64,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT tenant_id, id, class, kind, user_id, subject_id, booking_id, original_start, customer_id, mail_version, ",
            "offset_minutes, state, reason, recipient_key, content_hash, letter_sealed, content_sealed, settle_until, prompted_at, ",
            "due_at, expires_at, attempts, next_attempt_at, answer, created_at, updated_at FROM messages ",
            $rest
        )
    };
}

fn read(row: &Row) -> Result<MessageRow, StoreError> {
    Ok(MessageRow {
        id: row.parse("id")?,
        class: row.text("class")?,
        kind: row.text("kind")?,
        user_id: row.opt_parse("user_id")?,
        subject_id: row.opt_parse("subject_id")?,
        booking_id: row.opt_parse("booking_id")?,
        original_start: start(row)?,
        customer_id: row.opt_parse("customer_id")?,
        mail_version: row.int("mail_version")?,
        offset_minutes: row.int("offset_minutes")?,
        state: row.parse("state")?,
        reason: row.opt_text("reason")?,
        recipient_key: row.bytes("recipient_key")?,
        content_hash: row.bytes("content_hash")?,
        letter_sealed: row.opt_bytes("letter_sealed")?,
        content_sealed: row.opt_bytes("content_sealed")?,
        settle_until: row.int("settle_until")?,
        prompted_at: row.opt_int("prompted_at")?,
        due_at: row.int("due_at")?,
        expires_at: row.int("expires_at")?,
        attempts: row.int("attempts")?,
        next_attempt_at: row.int("next_attempt_at")?,
        answer: row.opt_text("answer")?,
        created_at: row.int("created_at")?,
        updated_at: row.int("updated_at")?,
    })
}

fn read_all(rows: &[Row]) -> Result<Vec<MessageRow>, StoreError> {
    rows.iter().map(read).collect()
}

/// Stores a new message. `false`: this version of this kind was proposed to this recipient before.
pub async fn insert(tx: &mut Tx, tenant: TenantId, m: &MessageRow) -> Result<bool, StoreError> {
    const SQL: &str = "INSERT INTO messages (tenant_id, id, class, kind, user_id, subject_id, booking_id, original_start, customer_id, \
             mail_version, offset_minutes, state, reason, recipient_key, content_hash, letter_sealed, content_sealed, \
             settle_until, due_at, expires_at, next_attempt_at, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $22) \
         ON CONFLICT DO NOTHING";
    let values = args![
        tenant,
        m.id,
        &m.class,
        &m.kind,
        m.user_id,
        m.subject_id,
        m.booking_id,
        start_text(m.original_start),
        m.customer_id,
        m.mail_version,
        m.offset_minutes,
        m.state.as_str(),
        m.reason.clone(),
        m.recipient_key.clone(),
        m.content_hash.clone(),
        m.letter_sealed.clone(),
        m.content_sealed.clone(),
        m.settle_until,
        m.due_at,
        m.expires_at,
        m.next_attempt_at,
        m.created_at
    ];
    Ok(tx.execute(SQL, values).await? == 1)
}

/// One message.
pub async fn get(tx: &mut Tx, tenant: TenantId, id: MessageId) -> Result<Option<MessageRow>, StoreError> {
    const SQL: &str = select!("WHERE tenant_id = $1 AND id = $2");
    let row = tx.fetch_optional(SQL, args![tenant, id]).await?;
    row.as_ref().map(read).transpose()
}

/// The messages that wait or may be sent about a subject: those that name it, and those to the same recipient about the same booking
/// or occurrence.
pub async fn open_about(
    tx: &mut Tx,
    tenant: TenantId,
    subject: Option<MessageId>,
    (booking, start, recipient): (BookingId, Option<OriginalStart>, &[u8]),
) -> Result<Vec<MessageRow>, StoreError> {
    const SQL: &str = select!(
        "WHERE tenant_id = $1 AND booking_id = $3 AND state IN ('proposed', 'queued') \
         AND (subject_id = $2 OR original_start = $4 AND recipient_key = $5) ORDER BY id"
    );
    let values = args![tenant, subject, booking, start_text(start), recipient.to_vec()];
    read_all(&tx.fetch_all(SQL, values).await?)
}

/// The messages of a booking, or of a series and its occurrences, that wait or may be sent.
pub async fn open_of_booking(tx: &mut Tx, tenant: TenantId, booking: BookingId) -> Result<Vec<MessageRow>, StoreError> {
    const SQL: &str =
        select!("WHERE tenant_id = $1 AND booking_id = $2 AND state IN ('proposed', 'queued') ORDER BY id");
    read_all(&tx.fetch_all(SQL, args![tenant, booking]).await?)
}

/// Whether a message about a booking, or about an occurrence of it, is being handed over just now.
pub async fn is_sending(tx: &mut Tx, tenant: TenantId, booking: BookingId) -> Result<bool, StoreError> {
    const SQL: &str =
        "SELECT 1 AS found FROM messages WHERE tenant_id = $1 AND booking_id = $2 AND state = 'sending' LIMIT 1";
    Ok(tx.fetch_optional(SQL, args![tenant, booking]).await?.is_some())
}

/// The highest version of what was proposed about a booking or an occurrence, to whomever; 0 when nothing was.
pub async fn newest_version(
    tx: &mut Tx,
    tenant: TenantId,
    booking: BookingId,
    start: Option<OriginalStart>,
) -> Result<i64, StoreError> {
    const SQL: &str = "SELECT COALESCE(MAX(mail_version), 0) AS version FROM messages \
         WHERE tenant_id = $1 AND booking_id = $2 AND original_start = $3";
    let row = tx
        .fetch_optional(SQL, args![tenant, booking, start_text(start)])
        .await?;
    row.map_or(Ok(0), |row| row.int("version"))
}

/// Which reminders of a subject were proposed, and not superseded: the occurrence, and how long before it, minutes.
pub async fn reminders_of(
    tx: &mut Tx,
    tenant: TenantId,
    subject: MessageId,
    version: i64,
) -> Result<Vec<(Option<OriginalStart>, i64)>, StoreError> {
    const SQL: &str = "SELECT original_start, offset_minutes FROM messages \
         WHERE tenant_id = $1 AND subject_id = $2 AND mail_version = $3 AND kind = 'reminder' AND state <> 'superseded'";
    let rows = tx.fetch_all(SQL, args![tenant, subject, version]).await?;
    rows.iter()
        .map(|row| Ok((start(row)?, row.int("offset_minutes")?)))
        .collect()
}

/// The messages of a user to customers that wait or may be sent.
pub async fn open_of_user(tx: &mut Tx, tenant: TenantId, user: UserId) -> Result<Vec<MessageRow>, StoreError> {
    const SQL: &str = select!(
        "WHERE tenant_id = $1 AND user_id = $2 AND class = 'customer' AND state IN ('proposed', 'queued') ORDER BY id"
    );
    read_all(&tx.fetch_all(SQL, args![tenant, user]).await?)
}

/// The messages of a user that wait, the first due first; what is due at once, in the order in which it was proposed.
pub async fn waiting_of_user(
    tx: &mut Tx,
    tenant: TenantId,
    user: UserId,
    limit: i64,
) -> Result<Vec<MessageRow>, StoreError> {
    const SQL: &str = select!(
        "WHERE tenant_id = $1 AND user_id = $2 AND state = 'proposed' \
         ORDER BY CASE WHEN due_at > created_at THEN due_at ELSE created_at END, id LIMIT $3"
    );
    read_all(&tx.fetch_all(SQL, args![tenant, user, limit]).await?)
}

/// How many messages of a user wait.
pub async fn count_waiting(tx: &mut Tx, tenant: TenantId, user: UserId) -> Result<i64, StoreError> {
    const SQL: &str = "SELECT COUNT(*) AS n FROM messages WHERE tenant_id = $1 AND user_id = $2 AND state = 'proposed'";
    let row = tx.fetch_optional(SQL, args![tenant, user]).await?;
    row.map_or(Ok(0), |row| row.int("n"))
}

/// The messages of a user to customers that may be sent or are being handed over, the first due first.
pub async fn approved_of_user(
    tx: &mut Tx,
    tenant: TenantId,
    user: UserId,
    limit: i64,
) -> Result<Vec<MessageRow>, StoreError> {
    const SQL: &str = select!(
        "WHERE tenant_id = $1 AND user_id = $2 AND class = 'customer' AND state IN ('queued', 'sending') \
         ORDER BY CASE WHEN due_at > created_at THEN due_at ELSE created_at END, id LIMIT $3"
    );
    read_all(&tx.fetch_all(SQL, args![tenant, user, limit]).await?)
}

/// The messages of a user to customers that are over, the last first; without those whose place a newer version took.
pub async fn ended_of_user(
    tx: &mut Tx,
    tenant: TenantId,
    user: UserId,
    limit: i64,
) -> Result<Vec<MessageRow>, StoreError> {
    const SQL: &str = select!(
        "WHERE tenant_id = $1 AND user_id = $2 AND class = 'customer' \
         AND state IN ('sent', 'maybe_sent', 'failed', 'declined', 'withdrawn', 'expired') ORDER BY updated_at DESC, id DESC LIMIT $3"
    );
    read_all(&tx.fetch_all(SQL, args![tenant, user, limit]).await?)
}

/// The messages to a recipient that wait or may be sent.
pub async fn open_to(tx: &mut Tx, tenant: TenantId, recipient_key: &[u8]) -> Result<Vec<MessageRow>, StoreError> {
    const SQL: &str = select!(
        "WHERE tenant_id = $1 AND recipient_key = $2 AND class = 'customer' AND state IN ('proposed', 'queued') ORDER BY id"
    );
    read_all(&tx.fetch_all(SQL, args![tenant, recipient_key]).await?)
}

/// What a list of messages is narrowed by; `None` does not narrow.
#[derive(Debug, Clone, Default)]
pub struct MessageFilter {
    /// Who is asked.
    pub user_id: Option<UserId>,
    /// The booking, or the series.
    pub booking_id: Option<BookingId>,
    /// The customer.
    pub customer_id: Option<CustomerId>,
    /// Where it stands.
    pub state: Option<State>,
    /// `customer` or `notice`.
    pub class: Option<&'static str>,
    /// Only notices and what was approved, not what is or was merely proposed.
    pub is_mail: bool,
}

/// Messages in id order, which is the order they were made in, after a given id.
pub async fn list_after(
    tx: &mut Tx,
    tenant: TenantId,
    filter: &MessageFilter,
    after: Option<MessageId>,
    limit: i64,
) -> Result<Vec<MessageRow>, StoreError> {
    const SQL: &str = select!(
        "WHERE tenant_id = $1 AND id > COALESCE($2, '') AND ($4 IS NULL OR user_id = $4) AND ($5 IS NULL OR booking_id = $5) \
         AND ($6 IS NULL OR customer_id = $6) AND ($7 IS NULL OR state = $7) AND ($8 IS NULL OR class = $8) \
         AND ($9 = 0 OR class = 'notice' OR EXISTS (SELECT 1 FROM consents c WHERE c.tenant_id = messages.tenant_id AND c.message_id = messages.id)) \
         ORDER BY id LIMIT $3"
    );
    let values = args![
        tenant,
        after,
        limit,
        filter.user_id,
        filter.booking_id,
        filter.customer_id,
        filter.state.map(State::as_str),
        filter.class,
        filter.is_mail
    ];
    read_all(&tx.fetch_all(SQL, values).await?)
}

/// How many messages to customers of a user are in each state; those that have ended, only since `since` (ms).
pub async fn counts(tx: &mut Tx, tenant: TenantId, user: UserId, since: i64) -> Result<Vec<(State, i64)>, StoreError> {
    const SQL: &str = "SELECT state, COUNT(*) AS n FROM messages WHERE tenant_id = $1 AND user_id = $2 AND class = 'customer' \
         AND (state IN ('proposed', 'queued', 'sending') OR updated_at >= $3) GROUP BY state";
    let rows = tx.fetch_all(SQL, args![tenant, user, since]).await?;
    rows.iter()
        .map(|row| Ok((row.parse("state")?, row.int("n")?)))
        .collect()
}

/// Moves a message on. `false`: it is not in that state any more.
pub async fn advance(
    tx: &mut Tx,
    tenant: TenantId,
    id: MessageId,
    from: State,
    to: State,
    reason: Option<Reason>,
    now: i64,
) -> Result<bool, StoreError> {
    const SQL: &str =
        "UPDATE messages SET state = $4, reason = $5, updated_at = $6 WHERE tenant_id = $1 AND id = $2 AND state = $3";
    let reason = reason.map(Reason::as_str);
    let values = args![tenant, id, from.as_str(), to.as_str(), reason, now];
    Ok(tx.execute(SQL, values).await? == 1)
}

/// Takes a queued message in hand for `lease` ms of the database's clock; counts the attempt. `false`: it is not queued any more.
pub async fn take(tx: &mut Tx, tenant: TenantId, id: MessageId, lease: i64, now: i64) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE messages SET state = 'sending', attempts = attempts + 1, lease_until = NOW_MS() + $3, updated_at = $4 \
         WHERE tenant_id = $1 AND id = $2 AND state = 'queued'";
    Ok(tx.execute(SQL, args![tenant, id, lease, now]).await? == 1)
}

/// How an attempt left a message.
#[derive(Debug, Clone)]
pub struct Attempted<'a> {
    /// `Sent`, `MaybeSent`, `Failed`, or `Queued` when it is tried again.
    pub state: State,
    /// What the server said.
    pub answer: &'a str,
    /// When it is tried again, ms.
    pub next_attempt_at: i64,
}

/// Notes how an attempt, whose number it names, ended. `false`: somebody else has given it up meanwhile. That it was accepted after
/// all is still noted then.
pub async fn attempted(
    tx: &mut Tx,
    tenant: TenantId,
    id: MessageId,
    attempt: i64,
    outcome: &Attempted<'_>,
    now: i64,
) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE messages SET state = $3, answer = $4, next_attempt_at = $5, updated_at = $6 \
         WHERE tenant_id = $1 AND id = $2 AND attempts = $7 AND (state = 'sending' OR state = 'maybe_sent' AND $3 = 'sent')";
    let values = args![
        tenant,
        id,
        outcome.state.as_str(),
        outcome.answer,
        outcome.next_attempt_at,
        now,
        attempt
    ];
    Ok(tx.execute(SQL, values).await? == 1)
}

/// Puts a queued message off.
pub async fn put_off(tx: &mut Tx, tenant: TenantId, id: MessageId, until: i64) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE messages SET next_attempt_at = $3 WHERE tenant_id = $1 AND id = $2 AND state = 'queued'";
    tx.execute(SQL, args![tenant, id, until]).await.map(drop)
}

fn ids(rows: &[Row]) -> Result<Vec<(TenantId, MessageId)>, StoreError> {
    rows.iter()
        .map(|row| Ok((row.parse("tenant_id")?, row.parse("id")?)))
        .collect()
}

/// What may be sent now, over all tenants, of each so many that at most `at_once` are in hand; takes no lock. So one tenant whose server
/// is slow holds nobody else up.
pub async fn to_send(
    tx: &mut Tx,
    now: i64,
    at_once: i64,
    limit: i64,
) -> Result<Vec<(TenantId, MessageId)>, StoreError> {
    const SQL: &str = "SELECT tenant_id, id FROM ( \
             SELECT q.tenant_id, q.id, q.next_attempt_at, \
                 ROW_NUMBER() OVER (PARTITION BY q.tenant_id ORDER BY q.next_attempt_at, q.id) AS place, \
                 (SELECT COUNT(*) FROM messages s WHERE s.tenant_id = q.tenant_id AND s.state = 'sending') AS in_hand \
             FROM messages q WHERE q.state = 'queued' AND q.next_attempt_at <= $1) AS ready \
         WHERE place + in_hand <= $2 ORDER BY next_attempt_at, id LIMIT $3";
    ids(&tx.fetch_all(SQL, args![now, at_once, limit]).await?)
}

/// What somebody took in hand and gave no result of in time, over all tenants.
pub async fn overdue(tx: &mut Tx, limit: i64) -> Result<Vec<(TenantId, MessageId)>, StoreError> {
    const SQL: &str = "SELECT tenant_id, id FROM messages WHERE state = 'sending' AND lease_until < NOW_MS() ORDER BY random() LIMIT $1";
    ids(&tx.fetch_all(SQL, args![limit]).await?)
}

/// What nobody decided, or could send, in time, over all tenants.
pub async fn to_expire(tx: &mut Tx, now: i64, limit: i64) -> Result<Vec<(TenantId, MessageId)>, StoreError> {
    const SQL: &str = "SELECT tenant_id, id FROM messages WHERE state IN ('proposed', 'queued') AND expires_at <= $1 ORDER BY random() LIMIT $2";
    ids(&tx.fetch_all(SQL, args![now, limit]).await?)
}

/// Users with a connected account and settled messages that they were not written to about since `asked_before` (ms), over all tenants,
/// in any order: whoever cannot be written to now must not hold the others up.
pub async fn users_to_prompt(
    tx: &mut Tx,
    now: i64,
    asked_before: i64,
    limit: i64,
) -> Result<Vec<(TenantId, UserId)>, StoreError> {
    const SQL: &str = "SELECT m.tenant_id, m.user_id FROM messages m \
         JOIN accounts a ON a.tenant_id = m.tenant_id AND a.user_id = m.user_id AND a.state IN ('active', 'paused', 'needs_reconnect') \
         WHERE m.state = 'proposed' AND (m.prompted_at IS NULL OR m.prompted_at <= $2) AND m.settle_until <= $1 AND m.expires_at > $1 \
         GROUP BY m.tenant_id, m.user_id ORDER BY random() LIMIT $3";
    let rows = tx.fetch_all(SQL, args![now, asked_before, limit]).await?;
    rows.iter()
        .map(|row| Ok((row.parse("tenant_id")?, row.parse("user_id")?)))
        .collect()
}

/// When a user was written to with this kind of notice last.
pub async fn last_notice(
    tx: &mut Tx,
    tenant: TenantId,
    user: Option<UserId>,
    kind: &str,
) -> Result<Option<i64>, StoreError> {
    const SQL: &str = "SELECT MAX(created_at) AS at FROM messages \
         WHERE tenant_id = $1 AND class = 'notice' AND kind = $3 AND COALESCE(user_id, '') = COALESCE($2, '')";
    let row = tx.fetch_optional(SQL, args![tenant, user, kind]).await?;
    row.map_or(Ok(None), |row| row.opt_int("at"))
}

/// Notes that their user was written to about these.
pub async fn set_prompted(tx: &mut Tx, tenant: TenantId, ids: &[MessageId], now: i64) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE messages SET prompted_at = $3 WHERE tenant_id = $1 AND id IN LIST($2)";
    tx.execute(SQL, args![tenant, list(ids), now]).await.map(drop)
}

/// Erases the letter and what it tells of messages of a booking, or of a series and its occurrences, that were not handed over.
pub async fn erase_open(tx: &mut Tx, tenant: TenantId, booking: BookingId) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE messages SET letter_sealed = NULL, content_sealed = NULL \
         WHERE tenant_id = $1 AND booking_id = $2 AND state NOT IN ('sending', 'sent', 'maybe_sent')";
    tx.execute(SQL, args![tenant, booking]).await.map(drop)
}

/// Erases letters of messages that ended before `before` (ms), over all tenants. What they told is kept for comparison elsewhere.
pub async fn erase_old(tx: &mut Tx, before: i64) -> Result<u64, StoreError> {
    const SQL: &str = "UPDATE messages SET letter_sealed = NULL, content_sealed = NULL \
         WHERE letter_sealed IS NOT NULL AND updated_at < $1 AND state NOT IN ('proposed', 'queued', 'sending')";
    tx.execute(SQL, args![before]).await
}
