//! Conflict records: two edits of one field, both values kept.
use super::{Row, StoreError, Tx};
use crate::args;
use crate::domain::ids::{BookingId, ConflictId, TenantId, UserId};

/// A stored conflict; its values are sealed.
#[derive(Debug, Clone)]
pub struct ConflictRow {
    /// Id.
    pub id: ConflictId,
    /// Booking.
    pub booking_id: BookingId,
    /// The booking's user.
    pub user_id: UserId,
    /// `title`, `description`, `location`, `when` or `status`.
    pub field: String,
    /// The rule that decided.
    pub policy: String,
    /// `app` or `google`; `None` while it is asked.
    pub winner: Option<String>,
    /// JSON `{base, app, google}`, sealed.
    pub values_sealed: Vec<u8>,
    /// `open`, `decided` or `restored`.
    pub state: String,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Milliseconds since the epoch.
    pub resolved_at: Option<i64>,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, booking_id, user_id, field, policy, winner, values_sealed, state, created_at, resolved_at FROM conflicts ",
            $rest
        )
    };
}

fn read(row: &Row) -> Result<ConflictRow, StoreError> {
    Ok(ConflictRow {
        id: row.parse("id")?,
        booking_id: row.parse("booking_id")?,
        user_id: row.parse("user_id")?,
        field: row.text("field")?,
        policy: row.text("policy")?,
        winner: row.opt_text("winner")?,
        values_sealed: row.bytes("values_sealed")?,
        state: row.text("state")?,
        created_at: row.int("created_at")?,
        resolved_at: row.opt_int("resolved_at")?,
    })
}

/// Keeps a conflict.
pub async fn insert(tx: &mut Tx, tenant: TenantId, c: &ConflictRow) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO conflicts (tenant_id, id, booking_id, user_id, field, policy, winner, values_sealed, state, \
         created_at, resolved_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    tx.execute(
        SQL,
        args![
            tenant,
            c.id,
            c.booking_id,
            c.user_id,
            &c.field,
            &c.policy,
            c.winner.clone(),
            c.values_sealed.clone(),
            &c.state,
            c.created_at,
            c.resolved_at
        ],
    )
    .await
    .map(drop)
}

/// One conflict.
pub async fn get(tx: &mut Tx, tenant: TenantId, id: ConflictId) -> Result<Option<ConflictRow>, StoreError> {
    const SQL: &str = select!("WHERE tenant_id = $1 AND id = $2");
    tx.fetch_optional(SQL, args![tenant, id])
        .await?
        .as_ref()
        .map(read)
        .transpose()
}

/// Conflicts in id order, i.e. oldest first, after a given id; optionally of one booking or in one state.
pub async fn list(
    tx: &mut Tx,
    tenant: TenantId,
    booking: Option<BookingId>,
    state: Option<&str>,
    after: Option<ConflictId>,
    limit: i64,
) -> Result<Vec<ConflictRow>, StoreError> {
    const SQL: &str = select!(
        "WHERE tenant_id = $1 AND ($2 IS NULL OR booking_id = $2) AND ($3 IS NULL OR state = $3) \
         AND id > COALESCE($4, '') ORDER BY id LIMIT $5"
    );
    let rows = tx.fetch_all(SQL, args![tenant, booking, state, after, limit]).await?;
    rows.iter().map(read).collect()
}

/// Moves a conflict to another state. Returns `false` if it was not in `from`.
pub async fn set_state(
    tx: &mut Tx,
    tenant: TenantId,
    id: ConflictId,
    from: &str,
    to: &str,
    winner: &str,
    at: i64,
) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE conflicts SET state = $4, winner = $5, resolved_at = $6 WHERE tenant_id = $1 AND id = $2 AND state = $3";
    Ok(tx.execute(SQL, args![tenant, id, from, to, winner, at]).await? == 1)
}

/// The open conflicts of a booking are decided: a person has answered, or there is nothing left to decide.
pub async fn decide_open(
    tx: &mut Tx,
    tenant: TenantId,
    booking: BookingId,
    winner: Option<&str>,
    at: i64,
) -> Result<u64, StoreError> {
    const SQL: &str = "UPDATE conflicts SET state = 'decided', winner = $3, resolved_at = $4 \
         WHERE tenant_id = $1 AND booking_id = $2 AND state = 'open'";
    tx.execute(SQL, args![tenant, booking, winner, at]).await
}

/// Erases the values of a booking's conflicts: its words are withheld now.
pub async fn erase_values(
    tx: &mut Tx,
    tenant: TenantId,
    booking: BookingId,
    fields_except_when: &[u8],
) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE conflicts SET values_sealed = $3 WHERE tenant_id = $1 AND booking_id = $2 \
         AND (field <> 'when' OR policy = 'vanished')";
    tx.execute(SQL, args![tenant, booking, fields_except_when])
        .await
        .map(drop)
}
