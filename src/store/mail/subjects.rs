//! What one recipient would be told of one booking, and what they were told last. A recipient is a mailbox, whoever reads it.
use crate::args;
use crate::domain::ids::{BookingId, CustomerId, MessageId, TenantId, UserId};
use crate::domain::time::OriginalStart;
use crate::store::{Row, StoreError, Tx, list};

/// A row of `mail_subjects`.
#[derive(Debug, Clone)]
pub struct SubjectRow {
    /// Id; a UUID of the same kind as a message's.
    pub id: MessageId,
    /// The booking; of an occurrence, its series.
    pub booking_id: BookingId,
    /// Which occurrence; `None` for a single booking and for a series as a whole.
    pub original_start: Option<OriginalStart>,
    /// The row that says it; of an occurrence that differs from its series, its own.
    pub row_id: BookingId,
    /// Of the address; empty: of customers who have none.
    pub recipient_key: Vec<u8>,
    /// The customers of the booking who read there, or did last; mail names one of them.
    pub customer_ids: Vec<CustomerId>,
    /// Whose consent it needs.
    pub user_id: UserId,
    /// Grows when what is told changes.
    pub mail_version: i64,
    /// What this version tells, sealed.
    pub content_sealed: Vec<u8>,
    /// What was told last, sealed.
    pub told_sealed: Option<Vec<u8>>,
    /// Whether a change was wished to be told about.
    pub is_wished: bool,
    /// When the next reminder has to be proposed, ms.
    pub remind_at: Option<i64>,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT tenant_id, id, booking_id, original_start, row_id, recipient_key, customer_ids, user_id, mail_version, content_sealed, ",
            "told_sealed, is_wished, remind_at FROM mail_subjects ",
            $rest
        )
    };
}

fn read(row: &Row) -> Result<SubjectRow, StoreError> {
    Ok(SubjectRow {
        id: row.parse("id")?,
        booking_id: row.parse("booking_id")?,
        original_start: start(row)?,
        row_id: row.parse("row_id")?,
        recipient_key: row.bytes("recipient_key")?,
        customer_ids: row.opt_json("customer_ids")?.unwrap_or_default(),
        user_id: row.parse("user_id")?,
        mail_version: row.int("mail_version")?,
        content_sealed: row.bytes("content_sealed")?,
        told_sealed: row.opt_bytes("told_sealed")?,
        is_wished: row.int("is_wished")? != 0,
        remind_at: row.opt_int("remind_at")?,
    })
}

/// `original_start`, where `''` is none.
pub(super) fn start(row: &Row) -> Result<Option<OriginalStart>, StoreError> {
    match row.text("original_start")?.as_str() {
        "" => Ok(None),
        _ => row.parse("original_start").map(Some),
    }
}

/// As the column has it.
pub(super) fn start_text(start: Option<OriginalStart>) -> String {
    start.map(|start| start.to_string()).unwrap_or_default()
}

/// Everything known of a booking: of a single one, or of a series with all its occurrences.
pub async fn of_booking(tx: &mut Tx, tenant: TenantId, booking: BookingId) -> Result<Vec<SubjectRow>, StoreError> {
    const SQL: &str = select!("WHERE tenant_id = $1 AND booking_id = $2 ORDER BY original_start, id");
    let rows = tx.fetch_all(SQL, args![tenant, booking]).await?;
    rows.iter().map(read).collect()
}

/// One of them.
pub async fn get(tx: &mut Tx, tenant: TenantId, id: MessageId) -> Result<Option<SubjectRow>, StoreError> {
    const SQL: &str = select!("WHERE tenant_id = $1 AND id = $2");
    let row = tx.fetch_optional(SQL, args![tenant, id]).await?;
    row.as_ref().map(read).transpose()
}

/// The booking whose occurrence this row was, also after it was deleted.
pub async fn family_of_row(tx: &mut Tx, tenant: TenantId, row: BookingId) -> Result<Option<BookingId>, StoreError> {
    const SQL: &str = "SELECT booking_id FROM mail_subjects WHERE tenant_id = $1 AND row_id = $2 LIMIT 1";
    let row = tx.fetch_optional(SQL, args![tenant, row]).await?;
    row.map(|row| row.parse("booking_id")).transpose()
}

/// The bookings of these customers about which somebody was, or would be, told something; of an occurrence, its series.
pub async fn bookings_of(
    tx: &mut Tx,
    tenant: TenantId,
    customers: &[CustomerId],
) -> Result<Vec<BookingId>, StoreError> {
    if customers.is_empty() {
        return Ok(Vec::new());
    }
    const SQL: &str = "SELECT DISTINCT s.booking_id FROM booking_customers c \
         JOIN bookings b ON b.tenant_id = c.tenant_id AND b.id = c.booking_id \
         JOIN mail_subjects s ON s.tenant_id = b.tenant_id AND s.booking_id = COALESCE(b.series_id, b.id) \
         WHERE c.tenant_id = $1 AND c.customer_id IN LIST($2)";
    let rows = tx.fetch_all(SQL, args![tenant, list(customers)]).await?;
    rows.iter().map(|row| row.parse("booking_id")).collect()
}

/// Writes a row whole.
pub async fn put(tx: &mut Tx, tenant: TenantId, row: &SubjectRow) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO mail_subjects (tenant_id, id, booking_id, original_start, row_id, recipient_key, \
             customer_ids, user_id, mail_version, content_sealed, told_sealed, is_wished, remind_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
         ON CONFLICT (tenant_id, id) DO UPDATE SET row_id = excluded.row_id, customer_ids = excluded.customer_ids, \
             user_id = excluded.user_id, mail_version = excluded.mail_version, \
             content_sealed = excluded.content_sealed, told_sealed = excluded.told_sealed, is_wished = excluded.is_wished, \
             remind_at = excluded.remind_at";
    let values = args![
        tenant,
        row.id,
        row.booking_id,
        start_text(row.original_start),
        row.row_id,
        row.recipient_key.clone(),
        list(&row.customer_ids),
        row.user_id,
        row.mail_version,
        row.content_sealed.clone(),
        row.told_sealed.clone(),
        row.is_wished,
        row.remind_at
    ];
    tx.execute(SQL, values).await.map(drop)
}

/// Notes what was told by a message that was handed over.
pub async fn set_told(tx: &mut Tx, tenant: TenantId, id: MessageId, sealed: Vec<u8>) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE mail_subjects SET told_sealed = $3 WHERE tenant_id = $1 AND id = $2";
    tx.execute(SQL, args![tenant, id, sealed]).await.map(drop)
}

/// Notes when the next reminder has to be proposed.
pub async fn set_remind_at(tx: &mut Tx, tenant: TenantId, id: MessageId, at: Option<i64>) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE mail_subjects SET remind_at = $3 WHERE tenant_id = $1 AND id = $2";
    tx.execute(SQL, args![tenant, id, at]).await.map(drop)
}

/// Makes the reminders of a tenant be computed again: its offsets have changed.
pub async fn remind_again(tx: &mut Tx, tenant: TenantId) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE mail_subjects SET remind_at = 0 WHERE tenant_id = $1 AND is_wished = 1";
    tx.execute(SQL, args![tenant]).await.map(drop)
}

/// Makes the reminders that need this user be computed again: mail goes on. What a pause withdrew is another version's.
pub async fn remind_once_more(tx: &mut Tx, tenant: TenantId, user: UserId, now: i64) -> Result<(), StoreError> {
    const RENEW: &str = "UPDATE mail_subjects SET mail_version = mail_version + 1 WHERE tenant_id = $1 AND user_id = $2 \
         AND EXISTS (SELECT 1 FROM messages m WHERE m.tenant_id = mail_subjects.tenant_id AND m.subject_id = mail_subjects.id \
             AND m.kind = 'reminder' AND m.state = 'withdrawn' AND m.reason = 'paused' AND m.expires_at > $3)";
    const AGAIN: &str = "UPDATE mail_subjects SET remind_at = 0 \
         WHERE tenant_id = $1 AND user_id = $2 AND is_wished = 1 AND length(recipient_key) > 0";
    tx.execute(RENEW, args![tenant, user, now]).await?;
    tx.execute(AGAIN, args![tenant, user]).await.map(drop)
}

/// Whose reminders have to be proposed by now, over all tenants.
pub async fn to_remind(tx: &mut Tx, now: i64, limit: i64) -> Result<Vec<(TenantId, MessageId)>, StoreError> {
    const SQL: &str = "SELECT tenant_id, id FROM mail_subjects WHERE remind_at <= $1 ORDER BY remind_at LIMIT $2";
    let rows = tx.fetch_all(SQL, args![now, limit]).await?;
    rows.iter()
        .map(|row| Ok((row.parse("tenant_id")?, row.parse("id")?)))
        .collect()
}
