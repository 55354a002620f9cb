//! What goes into a statement and what comes out of a row.
//!
//! Both databases are given three kinds of value: whole numbers, texts and bytes, each possibly null. A column that does not
//! hold what it should is an error that names the column.
use super::error::StoreError;
use crate::domain::ids::*;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, ValueRef as _};
use std::str::FromStr;

/// A parameter of a statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number, a flag (0 or 1) or an instant (ms since the epoch).
    Int(Option<i64>),
    /// A text; ids are texts.
    Text(Option<String>),
    /// Sealed or hashed bytes.
    Bytes(Option<Vec<u8>>),
}

/// Builds the parameters of a statement in `$n` order.
#[macro_export]
macro_rules! args {
    ($($value:expr),* $(,)?) => { vec![$($crate::store::Value::from($value)),*] };
}

macro_rules! values {
    ($($from:ty => $variant:ident, $v:ident -> $make:expr;)+) => {$(
        impl From<$from> for Value {
            fn from($v: $from) -> Value { Value::$variant($make) }
        }
    )+};
}
values! {
    i64 => Int, v -> Some(v);
    Option<i64> => Int, v -> v;
    bool => Int, v -> Some(i64::from(v));
    &str => Text, v -> Some(v.to_owned());
    String => Text, v -> Some(v);
    &String => Text, v -> Some(v.clone());
    Option<&str> => Text, v -> v.map(str::to_owned);
    Option<String> => Text, v -> v;
    Vec<u8> => Bytes, v -> Some(v);
    &[u8] => Bytes, v -> Some(v.to_vec());
    Option<Vec<u8>> => Bytes, v -> v;
}

macro_rules! id_values {
    ($($id:ident),+) => {$(
        impl From<$id> for Value {
            fn from(id: $id) -> Value { Value::Text(Some(id.to_string())) }
        }
        impl From<&$id> for Value {
            fn from(id: &$id) -> Value { Value::Text(Some(id.to_string())) }
        }
        impl From<Option<$id>> for Value {
            fn from(id: Option<$id>) -> Value { Value::Text(id.map(|id| id.to_string())) }
        }
    )+};
}
id_values!(
    TenantId,
    UserId,
    AccountId,
    BookingId,
    CustomerId,
    ResourceId,
    LinkId,
    ConflictId,
    QuestionId,
    ApiKeyId,
    ConnectId,
    QuarantineId,
    MessageId
);

macro_rules! text_values {
    ($($id:ident),+) => {$(
        impl From<&$id> for Value {
            fn from(id: &$id) -> Value { Value::Text(Some(id.0.clone())) }
        }
        impl From<Option<&$id>> for Value {
            fn from(id: Option<&$id>) -> Value { Value::Text(id.map(|id| id.0.clone())) }
        }
    )+};
}
text_values!(CalendarId, EventId);

/// The JSON array for an `IN LIST($n)`.
pub fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> Value {
    let texts: Vec<serde_json::Value> = items.into_iter().map(|item| item.to_string().into()).collect();
    Value::Text(Some(serde_json::Value::Array(texts).to_string()))
}

/// A row of a result.
pub enum Row {
    /// From SQLite.
    Sqlite(SqliteRow),
    /// From PostgreSQL.
    Postgres(PgRow),
}

macro_rules! get {
    ($row:expr, $column:expr, $ty:ty) => {
        match $row {
            Row::Sqlite(row) => row.try_get::<$ty, _>($column),
            Row::Postgres(row) => row.try_get::<$ty, _>($column),
        }
        .map_err(|error| StoreError::column($column, &error))
    };
}

impl Row {
    /// A text that is never null.
    pub fn text(&self, column: &'static str) -> Result<String, StoreError> {
        get!(self, column, String)
    }

    /// A text or null.
    pub fn opt_text(&self, column: &'static str) -> Result<Option<String>, StoreError> {
        get!(self, column, Option<String>)
    }

    /// A number that is never null.
    pub fn int(&self, column: &'static str) -> Result<i64, StoreError> {
        // Columns are BIGINT everywhere, but PostgreSQL takes a literal in a select for INT4.
        if let Row::Postgres(row) = self
            && let Ok(small) = row.try_get::<i32, _>(column)
        {
            return Ok(i64::from(small));
        }
        get!(self, column, i64)
    }

    /// A number or null.
    pub fn opt_int(&self, column: &'static str) -> Result<Option<i64>, StoreError> {
        get!(self, column, Option<i64>)
    }

    /// A flag stored as 0 or 1.
    pub fn flag(&self, column: &'static str) -> Result<bool, StoreError> {
        Ok(self.int(column)? != 0)
    }

    /// Bytes that are never null.
    pub fn bytes(&self, column: &'static str) -> Result<Vec<u8>, StoreError> {
        get!(self, column, Vec<u8>)
    }

    /// Bytes or null.
    pub fn opt_bytes(&self, column: &'static str) -> Result<Option<Vec<u8>>, StoreError> {
        get!(self, column, Option<Vec<u8>>)
    }

    /// A text read as one of our types: ids, original starts, words.
    pub fn parse<T: FromStr>(&self, column: &'static str) -> Result<T, StoreError>
    where
        T::Err: std::fmt::Display,
    {
        let text = self.text(column)?;
        text.parse().map_err(|error: T::Err| StoreError::Corrupt {
            column,
            problem: error.to_string(),
        })
    }

    /// A text or null, read as one of our types.
    pub fn opt_parse<T: FromStr>(&self, column: &'static str) -> Result<Option<T>, StoreError>
    where
        T::Err: std::fmt::Display,
    {
        match self.opt_text(column)? {
            None => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|error: T::Err| StoreError::Corrupt {
                column,
                problem: error.to_string(),
            }),
        }
    }

    /// JSON text or null, read as one of our types.
    pub fn opt_json<T: serde::de::DeserializeOwned>(&self, column: &'static str) -> Result<Option<T>, StoreError> {
        match self.opt_text(column)? {
            None => Ok(None),
            Some(text) => serde_json::from_str(&text)
                .map(Some)
                .map_err(|error| StoreError::Corrupt {
                    column,
                    problem: error.to_string(),
                }),
        }
    }

    /// The value at a place, of a column that SQLite calls `TEXT`, `INTEGER` or `BLOB`.
    pub(super) fn value(&self, index: usize, kind: &str) -> Result<Value, StoreError> {
        macro_rules! at {
            ($ty:ty) => {
                match self {
                    Row::Sqlite(row) => row.try_get::<$ty, _>(index),
                    Row::Postgres(row) => row.try_get::<$ty, _>(index),
                }
                .map_err(|error| StoreError::column("of a copied row", &error))?
            };
        }
        Ok(match kind {
            "INTEGER" => Value::Int(at!(Option<i64>)),
            "BLOB" => Value::Bytes(at!(Option<Vec<u8>>)),
            _ => Value::Text(at!(Option<String>)),
        })
    }

    /// Whether the column is null.
    pub fn is_null(&self, column: &'static str) -> Result<bool, StoreError> {
        match self {
            Row::Sqlite(row) => row.try_get_raw(column).map(|v| v.is_null()),
            Row::Postgres(row) => row.try_get_raw(column).map(|v| v.is_null()),
        }
        .map_err(|error| StoreError::column(column, &error))
    }
}
