//! Conflict records: two edits of one field of a booking or of a customer, both values kept.
use super::{Row, StoreError, Tx};
use crate::args;
use crate::domain::ids::{BookingId, ConflictId, CustomerId, TenantId, UserId};

/// A stored conflict; its values are sealed.
#[derive(Debug, Clone)]
pub struct ConflictRow {
    /// Id.
    pub id: ConflictId,
    /// The booking it is about, or
    pub booking_id: Option<BookingId>,
    /// the customer.
    pub customer_id: Option<CustomerId>,
    /// Whose booking or customer that is.
    pub user_id: UserId,
    /// Of a booking: `title`, `description`, `location`, `when` or `status`; of a customer: a field of its details, or `contact`.
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

impl ConflictRow {
    /// The id, as text, that the sealed values are bound to, so that all of one subject can be erased with one value.
    pub fn subject(&self) -> String {
        let customer = self.customer_id.map(|id| id.to_string());
        customer
            .or_else(|| self.booking_id.map(|id| id.to_string()))
            .unwrap_or_default()
    }
}

/// Which conflicts are asked for.
#[derive(Debug, Clone, Default)]
pub struct ConflictFilter {
    /// Only of this booking.
    pub booking: Option<BookingId>,
    /// Only of this customer.
    pub customer: Option<CustomerId>,
    /// Only `open`, `decided` or `restored` ones.
    pub state: Option<String>,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, booking_id, customer_id, user_id, field, policy, winner, values_sealed, state, created_at, resolved_at ",
            "FROM conflicts ",
            $rest
        )
    };
}

fn read(row: &Row) -> Result<ConflictRow, StoreError> {
    let customer_id = row.opt_parse("customer_id")?;
    Ok(ConflictRow {
        id: row.parse("id")?,
        booking_id: match customer_id {
            Some(_) => None,
            None => Some(row.parse("booking_id")?),
        },
        customer_id,
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
         created_at, resolved_at, customer_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    // A record of a customer has no booking; the column is older than such records.
    let booking = c.booking_id.map(|id| id.to_string()).unwrap_or_default();
    tx.execute(
        SQL,
        args![
            tenant,
            c.id,
            booking,
            c.user_id,
            &c.field,
            &c.policy,
            c.winner.clone(),
            c.values_sealed.clone(),
            &c.state,
            c.created_at,
            c.resolved_at,
            c.customer_id
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

/// Conflicts in id order, i.e. oldest first, after a given id; as far as the filter lets them pass.
pub async fn list(
    tx: &mut Tx,
    tenant: TenantId,
    filter: &ConflictFilter,
    after: Option<ConflictId>,
    limit: i64,
) -> Result<Vec<ConflictRow>, StoreError> {
    const SQL: &str = select!(
        "WHERE tenant_id = $1 AND ($2 IS NULL OR booking_id = $2) AND ($3 IS NULL OR customer_id = $3) \
         AND ($4 IS NULL OR state = $4) AND id > COALESCE($5, '') ORDER BY id LIMIT $6"
    );
    let values = args![
        tenant,
        filter.booking,
        filter.customer,
        filter.state.clone(),
        after,
        limit
    ];
    let rows = tx.fetch_all(SQL, values).await?;
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

/// The open conflicts of a customer are decided, as [`decide_open`].
pub async fn decide_open_of_customer(
    tx: &mut Tx,
    tenant: TenantId,
    customer: CustomerId,
    winner: Option<&str>,
    at: i64,
) -> Result<u64, StoreError> {
    const SQL: &str = "UPDATE conflicts SET state = 'decided', winner = $3, resolved_at = $4 \
         WHERE tenant_id = $1 AND customer_id = $2 AND state = 'open'";
    tx.execute(SQL, args![tenant, customer, winner, at]).await
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
