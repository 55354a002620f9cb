//! What stops a pass.
use crate::domain::failure::FailureClass;
use crate::domain::seal::SealError;
use crate::engine::mail::MailError;
use crate::engine::tokens::TokenError;
use crate::google::GoogleError;
use crate::store::StoreError;

/// What stopped a pass. Nothing is half done: the next pass plans the rest again.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// Google refused or could not be reached.
    #[error("{0}")]
    Google(#[from] GoogleError),
    /// There is no usable access token.
    #[error("{0}")]
    Token(#[from] TokenError),
    /// The database.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// A sealed value cannot be read.
    #[error("{0}")]
    Seal(#[from] SealError),
    /// Another worker has taken the scope over, or it was switched off. Nothing more is written.
    #[error("another worker has taken this scope over, or it was switched off")]
    LostLease,
    /// The scope does not exist or is switched off.
    #[error("there is no such sync scope, or it is switched off")]
    NoSuchScope,
}

impl From<MailError> for SyncError {
    fn from(error: MailError) -> Self {
        match error {
            MailError::Store(error) => SyncError::Store(error),
            MailError::Seal(error) => SyncError::Seal(error),
            other => SyncError::Store(StoreError::Other(other.to_string())),
        }
    }
}

impl SyncError {
    /// Whether nothing was wrong but that another transaction was in the way.
    pub(super) fn is_in_the_way(&self) -> bool {
        matches!(self, SyncError::Store(StoreError::Serialization))
    }

    /// What to do next.
    pub fn class(&self) -> FailureClass {
        match self {
            SyncError::Google(error) => error.class(),
            SyncError::Token(error) => error.class(),
            SyncError::Seal(_) => FailureClass::OperatorAlarm,
            SyncError::Store(_) | SyncError::LostLease | SyncError::NoSuchScope => {
                FailureClass::Transient { retry_after: None }
            }
        }
    }
}
