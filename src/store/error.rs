//! What can go wrong with the database, told apart by what to do next.

/// An error of the store. None of these loses anything: the transaction was not committed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody holds SQLite's write lock, or a row on PostgreSQL, for longer than we wait. Try again.
    #[error("the database is locked by another process or transaction")]
    Locked,
    /// The disk, or the quota of the database, is full. Nothing was written; make room.
    #[error("the disk of the database is full; make room, nothing was lost")]
    Full,
    /// The file or its disk can only be read. Nothing was written; make it writable.
    #[error("the database can only be read; make its file and disk writable, nothing was lost")]
    ReadOnly,
    /// The server is not there or is restarting. Try again.
    #[error("the database is not reachable: {0}")]
    Unreachable(String),
    /// Two transactions were in each other's way. Try again.
    #[error("the transaction was in the way of another one")]
    Serialization,
    /// A unique constraint; the text names it (PostgreSQL) or its columns (SQLite).
    #[error("a row with this key exists already: {0}")]
    Duplicate(String),
    /// A foreign key: something that is named does not exist.
    #[error("a row that is named does not exist, or one that is still named was removed: {0}")]
    ForeignKey(String),
    /// A check, a trigger or a not-null constraint refused the row.
    #[error("the database refused the row: {0}")]
    Refused(String),
    /// A stored value cannot be read back.
    #[error("column {column}: {problem}")]
    Corrupt {
        /// The column.
        column: &'static str,
        /// What is wrong with the value (never the value itself).
        problem: String,
    },
    /// The database was made by a newer Accord.
    #[error(
        "the database has schema version {0}, which this accord does not know; install the newer accord that made it"
    )]
    NewerSchema(i64),
    /// The file cannot be opened.
    #[error("cannot open the database {what}: {source}")]
    Open {
        /// Path.
        what: String,
        /// Why.
        source: std::io::Error,
    },
    /// A migration failed.
    #[error("a migration failed: {0}")]
    Migration(String),
    /// Anything else.
    #[error("database: {0}")]
    Other(String),
}

impl StoreError {
    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            StoreError::Locked
                | StoreError::Full
                | StoreError::ReadOnly
                | StoreError::Unreachable(_)
                | StoreError::Serialization
        )
    }

    /// Whether a row, or a value in one, is at fault, and other rows may do better.
    pub fn is_about_a_row(&self) -> bool {
        matches!(
            self,
            StoreError::Duplicate(_) | StoreError::ForeignKey(_) | StoreError::Refused(_) | StoreError::Corrupt { .. }
        )
    }

    pub(super) fn column(column: &'static str, error: &sqlx::Error) -> StoreError {
        StoreError::Corrupt {
            column,
            problem: error.to_string(),
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> StoreError {
        match &error {
            sqlx::Error::Database(db) => from_database(db.as_ref()),
            sqlx::Error::Io(io) => StoreError::Unreachable(io.to_string()),
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Tls(_) | sqlx::Error::WorkerCrashed => {
                StoreError::Unreachable(error.to_string())
            }
            _ => StoreError::Other(error.to_string()),
        }
    }
}

/// SQLite's extended result codes are numbers, PostgreSQL's SQLSTATEs have five characters.
fn from_database(error: &dyn sqlx::error::DatabaseError) -> StoreError {
    use sqlx::error::ErrorKind;
    let message = error.message().to_owned();
    match error.kind() {
        ErrorKind::UniqueViolation => {
            return StoreError::Duplicate(error.constraint().map(str::to_owned).unwrap_or(message));
        }
        ErrorKind::ForeignKeyViolation => {
            return StoreError::ForeignKey(error.constraint().map(str::to_owned).unwrap_or(message));
        }
        ErrorKind::NotNullViolation | ErrorKind::CheckViolation => return StoreError::Refused(message),
        _ => {}
    }
    let code = error.code().unwrap_or_default();
    if code.len() == 5 {
        return match &*code {
            "40001" | "40P01" => StoreError::Serialization,
            "55P03" => StoreError::Locked,
            "53100" => StoreError::Full,
            "25006" => StoreError::ReadOnly,
            "P0001" | "23514" | "54000" => StoreError::Refused(message),
            // A value that its column cannot hold.
            state if state.starts_with("22") => StoreError::Refused(message),
            state if state.starts_with("08") || state.starts_with("57") || state.starts_with("53") => {
                StoreError::Unreachable(message)
            }
            _ => StoreError::Other(message),
        };
    }
    match code.parse::<i64>().map(|code| (code & 0xff, code)) {
        Ok((5 | 6, _)) => StoreError::Locked,
        Ok((8, _)) => StoreError::ReadOnly,
        Ok((13, _)) => StoreError::Full,
        // A constraint, or a value that is too long.
        Ok((18 | 19, _)) => StoreError::Refused(message),
        _ => StoreError::Other(message),
    }
}
