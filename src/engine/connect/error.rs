//! Why a connection did not come about, told apart by what its user can do.
use crate::domain::ids::{ConnectId, TenantId};
use crate::domain::seal::SealError;
use crate::engine::connect::choices::ChoiceError;
use crate::engine::disconnect::EndError;
use crate::engine::tokens::TokenError;
use crate::google::GoogleError;
use crate::store::StoreError;

/// A reason that is told to the person in front of the browser.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No address of ours.
    #[error("the address is not one of ours")]
    Unknown,
    /// Too late.
    #[error("the address has expired")]
    Expired,
    /// The page with the choices was open for too long.
    #[error("the page with the choices has expired")]
    ChoicesExpired,
    /// This step was taken already, or another attempt took its place.
    #[error("the address was used already")]
    Used,
    /// The connection is complete already.
    #[error("the account is connected already")]
    Finished,
    /// Begun in another browser.
    #[error("the attempt was begun in another browser")]
    OtherBrowser,
    /// The form is not one that we gave to this browser.
    #[error("the form does not belong to this browser")]
    ForeignForm,
    /// The user was removed.
    #[error("there is no such user")]
    UnknownUser,
    /// The user said no at Google.
    #[error("the user did not allow access")]
    Denied,
    /// The user's organisation said no.
    #[error("the organisation's Google administrator does not allow access")]
    AdminDenied,
    /// Google sent the browser back with another error, by its name.
    #[error("Google answered {0}")]
    GoogleRefused(String),
    /// Google does not take the code: it is old or was used.
    #[error("Google no longer accepts its own answer")]
    CodeRefused,
    /// Google gave no lasting access.
    #[error("Google gave no lasting access")]
    NoLastingAccess,
    /// Google does not know that the address is theirs.
    #[error("the address of the Google account is not verified")]
    Unverified,
    /// The user has another Google account connected.
    #[error("the user is connected with another Google account")]
    OtherIdentity {
        /// The address of the connected one.
        connected: String,
    },
    /// Another user of this tenant has this Google account.
    #[error("the Google account belongs to another user")]
    TakenByOther,
    /// Another user of this tenant has disconnected this Google account, and what they asked for is not done yet.
    #[error("the Google account is just being disconnected from another user")]
    BeingLeft,
    /// Nobody of this tenant has connected this Google account.
    #[error("the Google account is not connected")]
    NotConnected,
    /// The session has ended.
    #[error("nobody is signed in")]
    SignedOut,
    /// What was chosen is not possible.
    #[error(transparent)]
    Choice(#[from] ChoiceError),
}

/// Why a step of a connection failed.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Something that the person can be told.
    #[error("{reason}")]
    Refused {
        /// What.
        reason: Refusal,
        /// The attempt, when the same browser can try it again.
        again: Option<(TenantId, ConnectId)>,
    },
    /// Google cannot be reached, or makes no sense; try again.
    #[error("Google could not be asked")]
    Google(#[from] GoogleError),
    /// No access token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// A stored secret stays closed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Refusal> for ConnectError {
    fn from(reason: Refusal) -> Self {
        ConnectError::Refused { reason, again: None }
    }
}

impl From<ChoiceError> for ConnectError {
    fn from(error: ChoiceError) -> Self {
        Refusal::Choice(error).into()
    }
}

impl Refusal {
    pub(super) fn again(self, tenant: TenantId, id: ConnectId) -> ConnectError {
        ConnectError::Refused {
            reason: self,
            again: Some((tenant, id)),
        }
    }
}

impl From<EndError> for ConnectError {
    fn from(error: EndError) -> Self {
        match error {
            EndError::Unknown | EndError::State(_) => Refusal::NotConnected.into(),
            EndError::Seal(error) => error.into(),
            EndError::Store(error) => error.into(),
        }
    }
}
