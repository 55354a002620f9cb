//! Questions: whatever waits for a person.
use super::scopes::ScopeKey;
use super::{Row, StoreError, Tx};
use crate::args;
use crate::domain::ids::{AccountId, CalendarId, QuestionId, TenantId, UserId};

/// A stored question; what the person is shown is sealed.
#[derive(Debug, Clone)]
pub struct QuestionRow {
    /// Id.
    pub id: QuestionId,
    /// `conflict`, `cancel`, `move`, `guests`, `brake` or `match`.
    pub kind: String,
    /// `user` or `admin`.
    pub addressee: String,
    /// The user asked.
    pub user_id: Option<UserId>,
    /// Account.
    pub account_id: AccountId,
    /// Calendar; empty when it is about the account's contacts.
    pub calendar_id: CalendarId,
    /// The booking or the customer; of a match the contact's resource name; of a brake the digest of its set.
    pub subject_id: String,
    /// The words that may be answered.
    pub choices: Vec<String>,
    /// JSON, sealed.
    pub detail_sealed: Vec<u8>,
    /// `open`, `answered` or `withdrawn`.
    pub state: String,
    /// What was answered.
    pub answer: Option<String>,
    /// `user`, `admin`, `tenant_key` or `command_line`.
    pub answered_by: Option<String>,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Milliseconds since the epoch.
    pub answered_at: Option<i64>,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, kind, addressee, user_id, account_id, calendar_id, subject_id, choices, detail_sealed, state, answer, ",
            "answered_by, created_at, answered_at FROM questions ",
            $rest
        )
    };
}

fn read(row: &Row) -> Result<QuestionRow, StoreError> {
    Ok(QuestionRow {
        id: row.parse("id")?,
        kind: row.text("kind")?,
        addressee: row.text("addressee")?,
        user_id: row.opt_parse("user_id")?,
        account_id: row.parse("account_id")?,
        calendar_id: CalendarId(row.text("calendar_id")?),
        subject_id: row.text("subject_id")?,
        choices: row.opt_json("choices")?.unwrap_or_default(),
        detail_sealed: row.bytes("detail_sealed")?,
        state: row.text("state")?,
        answer: row.opt_text("answer")?,
        answered_by: row.opt_text("answered_by")?,
        created_at: row.int("created_at")?,
        answered_at: row.opt_int("answered_at")?,
    })
}

/// Asks, unless the same question is open already. Returns whether it is new.
pub async fn insert(tx: &mut Tx, tenant: TenantId, q: &QuestionRow) -> Result<bool, StoreError> {
    const SQL: &str = "INSERT INTO questions (tenant_id, id, kind, addressee, user_id, account_id, calendar_id, subject_id, \
             choices, detail_sealed, state, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
         ON CONFLICT (tenant_id, account_id, kind, calendar_id, subject_id) WHERE state = 'open' DO NOTHING";
    let choices = serde_json::to_string(&q.choices).map_err(|error| StoreError::Other(error.to_string()))?;
    let inserted = tx
        .execute(
            SQL,
            args![
                tenant,
                q.id,
                &q.kind,
                &q.addressee,
                q.user_id,
                q.account_id,
                &q.calendar_id,
                &q.subject_id,
                choices,
                q.detail_sealed.clone(),
                &q.state,
                q.created_at
            ],
        )
        .await?;
    Ok(inserted == 1)
}

/// One question.
pub async fn get(tx: &mut Tx, tenant: TenantId, id: QuestionId) -> Result<Option<QuestionRow>, StoreError> {
    const SQL: &str = select!("WHERE tenant_id = $1 AND id = $2");
    tx.fetch_optional(SQL, args![tenant, id])
        .await?
        .as_ref()
        .map(read)
        .transpose()
}

/// All questions that were ever asked about a subject.
pub async fn about(
    tx: &mut Tx,
    tenant: TenantId,
    calendar: &CalendarId,
    subject: &str,
) -> Result<Vec<QuestionId>, StoreError> {
    const SQL: &str = "SELECT id FROM questions WHERE tenant_id = $1 AND calendar_id = $2 AND subject_id = $3";
    let rows = tx.fetch_all(SQL, args![tenant, calendar, subject]).await?;
    rows.iter().map(|row| row.parse("id")).collect()
}

/// Replaces what a question says.
pub async fn set_detail(tx: &mut Tx, tenant: TenantId, id: QuestionId, sealed: Vec<u8>) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE questions SET detail_sealed = $3 WHERE tenant_id = $1 AND id = $2";
    tx.execute(SQL, args![tenant, id, sealed]).await.map(drop)
}

/// The open question about a subject.
pub async fn open_about(
    tx: &mut Tx,
    tenant: TenantId,
    calendar: &CalendarId,
    subject: &str,
) -> Result<Option<QuestionRow>, StoreError> {
    const SQL: &str = select!("WHERE tenant_id = $1 AND calendar_id = $2 AND subject_id = $3 AND state = 'open'");
    tx.fetch_optional(SQL, args![tenant, calendar, subject])
        .await?
        .as_ref()
        .map(read)
        .transpose()
}

/// The open question about a subject of one scope.
pub async fn open_in_scope(tx: &mut Tx, key: &ScopeKey, subject: &str) -> Result<Option<QuestionRow>, StoreError> {
    const SQL: &str =
        select!("WHERE tenant_id = $1 AND account_id = $2 AND calendar_id = $3 AND subject_id = $4 AND state = 'open'");
    tx.fetch_optional(SQL, args![key.tenant, key.account, &key.calendar, subject])
        .await?
        .as_ref()
        .map(read)
        .transpose()
}

/// An open question is void: what it asked about has changed.
pub async fn withdraw_one(tx: &mut Tx, tenant: TenantId, id: QuestionId, at: i64) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE questions SET state = 'withdrawn', answered_at = $3 \
         WHERE tenant_id = $1 AND id = $2 AND state = 'open'";
    tx.execute(SQL, args![tenant, id, at]).await.map(drop)
}

/// The open questions of one kind about a scope.
pub async fn open_of_scope(tx: &mut Tx, key: &ScopeKey, kind: &str) -> Result<Vec<QuestionRow>, StoreError> {
    const SQL: &str = select!(
        "WHERE tenant_id = $1 AND account_id = $2 AND calendar_id = $3 AND kind = $4 AND state = 'open' ORDER BY id"
    );
    let rows = tx
        .fetch_all(SQL, args![key.tenant, key.account, &key.calendar, kind])
        .await?;
    rows.iter().map(read).collect()
}

/// Questions, oldest first, after a given id; optionally of one user or in one state.
pub async fn list(
    tx: &mut Tx,
    tenant: TenantId,
    user: Option<UserId>,
    state: Option<&str>,
    after: Option<QuestionId>,
    limit: i64,
) -> Result<Vec<QuestionRow>, StoreError> {
    const SQL: &str = select!(
        "WHERE tenant_id = $1 AND ($2 IS NULL OR user_id = $2) AND ($3 IS NULL OR state = $3) \
         AND id > COALESCE($4, '') ORDER BY id LIMIT $5"
    );
    let rows = tx.fetch_all(SQL, args![tenant, user, state, after, limit]).await?;
    rows.iter().map(read).collect()
}

/// Keeps an answer. Returns `false` if the question is not open any more.
pub async fn answer(
    tx: &mut Tx,
    tenant: TenantId,
    id: QuestionId,
    answer: &str,
    by: &str,
    at: i64,
) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE questions SET state = 'answered', answer = $3, answered_by = $4, answered_at = $5 \
         WHERE tenant_id = $1 AND id = $2 AND state = 'open'";
    Ok(tx.execute(SQL, args![tenant, id, answer, by, at]).await? == 1)
}

/// The open questions about a subject are void: what they asked about has changed.
pub async fn withdraw(
    tx: &mut Tx,
    tenant: TenantId,
    calendar: &CalendarId,
    subject: &str,
    at: i64,
) -> Result<u64, StoreError> {
    const SQL: &str = "UPDATE questions SET state = 'withdrawn', answered_at = $4 \
         WHERE tenant_id = $1 AND calendar_id = $2 AND subject_id = $3 AND state = 'open'";
    tx.execute(SQL, args![tenant, calendar, subject, at]).await
}

/// The open questions of a scope are void: it is not followed any more.
pub async fn withdraw_of_scope(tx: &mut Tx, key: &ScopeKey) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE questions SET state = 'withdrawn', answered_at = NOW_MS() \
         WHERE tenant_id = $1 AND account_id = $2 AND calendar_id = $3 AND state = 'open'";
    tx.execute(SQL, args![key.tenant, key.account, &key.calendar])
        .await
        .map(drop)
}

/// How many questions of an account are open.
pub async fn count_open(tx: &mut Tx, tenant: TenantId, account: AccountId) -> Result<i64, StoreError> {
    const SQL: &str = "SELECT COUNT(*) AS n FROM questions WHERE tenant_id = $1 AND account_id = $2 AND state = 'open'";
    tx.fetch_all(SQL, args![tenant, account])
        .await?
        .first()
        .map_or(Ok(0), |row| row.int("n"))
}
