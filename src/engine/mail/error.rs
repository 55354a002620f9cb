//! Why something of mail was not done.
use crate::domain::mail::State;
use crate::domain::seal::SealError;
use crate::engine::Refusal;
use crate::store::StoreError;

/// Why something of mail was not done.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// There is no such message, or it is not this user's.
    #[error("there is no such message")]
    Missing,
    /// It is not open any more.
    #[error("it is {0} and cannot be decided any more")]
    Closed(State),
    /// A newer version took its place.
    #[error("the booking has changed since: decide about the new version")]
    Changed,
    /// The hash that was sent is not that of the message.
    #[error("content_hash is not that of this message: show its user what it says and send the hash of that")]
    OtherContent,
    /// The booking waits for something that may undo the change.
    #[error(
        "the change of the booking is not certain yet: it waits for Google or for an answer; try again in a moment"
    )]
    NotCertain,
    /// Nobody with this key may say yes.
    #[error(
        "only the user can say yes: on the page that a mail to the user's own address opens, or after a sign-in with the connected Google account"
    )]
    NotTheUser,
    /// Nobody sends for this tenant.
    #[error("the tenant has no mail server or no sender")]
    NoMail,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A sealed value.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// Something that should be impossible; the text is for the operator.
    #[error("{0}")]
    Internal(String),
}

impl MailError {
    /// A sealed value that opened and is not what it was.
    pub(super) fn unreadable(what: &str, error: &impl std::fmt::Display) -> Self {
        Self::Internal(format!("{what} cannot be read: {error}"))
    }
}

impl From<MailError> for Refusal {
    fn from(error: MailError) -> Self {
        match error {
            MailError::Store(error) => Refusal::Store(error),
            other => Refusal::Internal(other.to_string()),
        }
    }
}
