//! Where a message stands, and why it went no further.
use std::fmt;
use std::str::FromStr;

/// Where a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// It waits for its user.
    Proposed,
    /// It may be sent.
    Queued,
    /// It is being handed over just now.
    Sending,
    /// The mail server has taken it.
    Sent,
    /// The mail server may have taken it. It is never sent again by itself.
    MaybeSent,
    /// The mail server refuses it.
    Failed,
    /// Its user said no.
    Declined,
    /// A newer version took its place.
    Superseded,
    /// It is not of use any more, or somebody took it back.
    Withdrawn,
    /// Nobody decided in time, or it could not be handed over in time.
    Expired,
}

impl State {
    const ALL: [State; 10] = [
        State::Proposed,
        State::Queued,
        State::Sending,
        State::Sent,
        State::MaybeSent,
        State::Failed,
        State::Declined,
        State::Superseded,
        State::Withdrawn,
        State::Expired,
    ];

    /// The word used in SQL and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Proposed => "proposed",
            State::Queued => "queued",
            State::Sending => "sending",
            State::Sent => "sent",
            State::MaybeSent => "maybe_sent",
            State::Failed => "failed",
            State::Declined => "declined",
            State::Superseded => "superseded",
            State::Withdrawn => "withdrawn",
            State::Expired => "expired",
        }
    }

    /// Whether it has not been handed over and may still be.
    pub fn is_open(self) -> bool {
        matches!(self, State::Proposed | State::Queued)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "is not a state of a message: expected proposed, queued, sending, sent, maybe_sent, failed, declined, superseded, withdrawn or expired"
)]
pub struct UnknownState;

impl FromStr for State {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, UnknownState> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or(UnknownState)
    }
}

/// Why a message ended without being handed over, or waits. The word is used in SQL, in the ledger and in the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The booking says something else now.
    Changed,
    /// The booking is cancelled or gone, or the customer was taken off it.
    Cancelled,
    /// The booking is over, or has begun.
    Past,
    /// The recipient wants no mail of this tenant.
    Suppressed,
    /// The user has paused all mail.
    Paused,
    /// The user took the yes back.
    User,
    /// The words of the event turned private.
    Erased,
    /// The account was disconnected.
    Disconnected,
    /// The stored yes does not hold: its code, its hash or its time is wrong.
    Void,
    /// It cannot be written: a template or a value is not fit for a mail.
    Unwritable,
}

impl Reason {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Changed => "changed",
            Reason::Cancelled => "cancelled",
            Reason::Past => "past",
            Reason::Suppressed => "suppressed",
            Reason::Paused => "paused",
            Reason::User => "user",
            Reason::Erased => "erased",
            Reason::Disconnected => "disconnected",
            Reason::Void => "void",
            Reason::Unwritable => "unwritable",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
