//! Where sealed values are, over all tables.
//!
//! A column that holds sealed values is called `*_sealed` and listed here; a test compares the list with the schema. What is
//! inside, and which key it needs, is read off the first bytes by whoever has the keys; this file only moves bytes.
use super::{StoreError, Tx, Value};
use crate::args;
use crate::domain::ids::TenantId;

/// A column of sealed values, and the words of the context that its values are sealed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedColumn {
    /// Table.
    pub table: &'static str,
    /// Column.
    pub column: &'static str,
    /// The column as the seal context names it.
    pub sealed_as: &'static str,
    exists: &'static str,
    headers: &'static str,
    older: &'static str,
    replace: &'static str,
}

macro_rules! sealed {
    ($($table:literal . $column:literal as $sealed_as:literal by $row:literal),+ $(,)?) => {
        [$(SealedColumn {
            table: $table,
            column: $column,
            sealed_as: $sealed_as,
            exists: concat!("SELECT 1 AS found FROM ", $table, " WHERE ", $column, " IS NOT NULL LIMIT 1"),
            headers: concat!("SELECT DISTINCT substr(", $column, ", 1, 5) AS header FROM ", $table, " WHERE ", $column, " IS NOT NULL"),
            older: concat!(
                "SELECT tenant_id, ", $row, " AS row_id, ", $column, " AS sealed FROM ", $table,
                " WHERE ", $column, " IS NOT NULL AND substr(", $column, ", 1, 5) <> $1 ORDER BY tenant_id, ", $row, " LIMIT $2"
            ),
            replace: concat!(
                "UPDATE ", $table, " SET ", $column, " = $4 WHERE tenant_id = $1 AND ", $row, " = $2 AND ", $column, " = $3"
            ),
        }),+]
    };
}

/// Every one of them.
pub const COLUMNS: [SealedColumn; 15] = sealed![
    "accounts"."refresh_token_sealed" as "refresh_token" by "id",
    "accounts"."access_token_sealed" as "access_token" by "id",
    "connects"."verifier_sealed" as "verifier" by "id",
    "revocations"."token_sealed" as "token" by "account_id",
    "quarantine"."payload_sealed" as "payload_sealed" by "item_id",
    "conflicts"."values_sealed" as "values_sealed" by "COALESCE(customer_id, booking_id)",
    "contact_links"."before_sealed" as "before_sealed" by "id",
    "questions"."detail_sealed" as "detail_sealed" by "id",
    "mail_tenants"."secret_sealed" as "secret_sealed" by "tenant_id",
    "mail_tenants"."smtp_url_sealed" as "smtp_url_sealed" by "tenant_id",
    "mail_subjects"."content_sealed" as "content_sealed" by "id",
    "mail_subjects"."told_sealed" as "told_sealed" by "id",
    "messages"."letter_sealed" as "letter_sealed" by "id",
    "messages"."content_sealed" as "content_sealed" by "id",
    "idempotency_keys"."body_sealed" as "body" by "key",
];

/// A sealed value and the row it is bound to.
#[derive(Debug, Clone)]
pub struct SealedValue {
    /// Tenant.
    pub tenant: TenantId,
    /// The row, as in its seal context.
    pub row: String,
    /// The value.
    pub sealed: Vec<u8>,
}

/// Whether the database holds any sealed value, so that it is useless without its keys.
pub async fn holds_any(tx: &mut Tx) -> Result<bool, StoreError> {
    for column in COLUMNS {
        if tx.fetch_optional(column.exists, args![]).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The different beginnings (5 bytes: version and key id) of all sealed values.
pub async fn headers(tx: &mut Tx) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut headers = Vec::new();
    for column in COLUMNS {
        for row in tx.fetch_all(column.headers, args![]).await? {
            headers.push(row.bytes("header")?);
        }
    }
    headers.sort();
    headers.dedup();
    Ok(headers)
}

/// Some values of a column that do not begin with `header` (5 bytes: version and key id).
pub async fn not_begun_with(
    tx: &mut Tx,
    column: &SealedColumn,
    header: &[u8],
    limit: i64,
) -> Result<Vec<SealedValue>, StoreError> {
    let rows = tx.fetch_all(column.older, args![header, limit]).await?;
    rows.iter()
        .map(|row| {
            Ok(SealedValue {
                tenant: row.parse("tenant_id")?,
                row: row.text("row_id")?,
                sealed: row.bytes("sealed")?,
            })
        })
        .collect()
}

/// Replaces a value unless somebody changed it meanwhile.
pub async fn replace(
    tx: &mut Tx,
    column: &SealedColumn,
    old: &SealedValue,
    sealed: Vec<u8>,
) -> Result<bool, StoreError> {
    let values: Vec<Value> = args![old.tenant, &old.row, old.sealed.clone(), sealed];
    Ok(tx.execute(column.replace, values).await? == 1)
}
