//! What a failed request to Google asks us to do next.
//!
//! The wire decides which class an answer belongs to; engine and scheduler only act on the class. How long to wait is a
//! pure function of the class, of how often it failed in a row and of a random number that the caller brings.
use std::time::Duration;

/// Why Google says no although it knows who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Denied {
    /// The user did not tick this scope, or took it back: only the feature that needs it stops.
    ScopeMissing,
    /// Shared fields of an event belong to its organizer.
    NotOrganizer,
    /// Birthdays, working locations and their like cannot be changed this way.
    EventType,
    /// Anything else, usually a lost calendar role.
    Forbidden,
}

/// What to do next after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureClass {
    /// Try again later; nothing is proved.
    Transient {
        /// Google's `Retry-After`, if it sent one.
        retry_after: Option<Duration>,
    },
    /// Too fast: slow down, then try again.
    RateLimited {
        /// Google's `Retry-After`, if it sent one.
        retry_after: Option<Duration>,
    },
    /// A limit that lasts hours; reading goes on, writing pauses.
    QuotaExhausted,
    /// The grant is dead: only the user can help, by connecting again.
    Reconnect,
    /// The installation is set up wrongly (client id or secret, API not enabled): every account fails alike.
    OperatorAlarm,
    /// Google refuses this to this user; repeating it is pointless.
    Permission(Denied),
    /// Not there, or no access to it. Proof of a deletion only while the calendar itself answers.
    Gone,
    /// The item changed since it was read: read, merge and write again.
    Conflict412,
    /// The id of an insert is taken: look whose it is.
    Duplicate409,
    /// The sync token is void: drop it and list everything.
    TokenExpired,
    /// Google will never take this item as it is: set it aside.
    BadData,
    /// The access token is refused: refresh it once, then decide.
    Unauthorized,
    /// An answer that makes no sense; nothing of it may be used.
    Protocol,
}

impl FailureClass {
    /// The word used in SQL, logs and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            FailureClass::Transient { .. } => "transient",
            FailureClass::RateLimited { .. } => "rate_limited",
            FailureClass::QuotaExhausted => "quota_exhausted",
            FailureClass::Reconnect => "reconnect",
            FailureClass::OperatorAlarm => "operator_alarm",
            FailureClass::Permission(Denied::ScopeMissing) => "scope_missing",
            FailureClass::Permission(Denied::NotOrganizer) => "not_organizer",
            FailureClass::Permission(Denied::EventType) => "event_type",
            FailureClass::Permission(Denied::Forbidden) => "forbidden",
            FailureClass::Gone => "gone",
            FailureClass::Conflict412 => "conflict",
            FailureClass::Duplicate409 => "duplicate",
            FailureClass::TokenExpired => "token_expired",
            FailureClass::BadData => "bad_data",
            FailureClass::Unauthorized => "unauthorized",
            FailureClass::Protocol => "protocol",
        }
    }
}

/// Google advises 32 or 64 seconds for a caller who waits; a scope that nobody waits for may be left alone longer.
const SHORT_CAP: Duration = Duration::from_secs(15 * 60);
const LONG_START: Duration = Duration::from_secs(60 * 60);
const LONG_CAP: Duration = Duration::from_secs(6 * 60 * 60);
/// An absurd `Retry-After` must not silence a scope for good.
const RETRY_AFTER_CAP: Duration = Duration::from_secs(24 * 60 * 60);

/// How long to wait before the next try.
///
/// `failures` counts those in a row before this one (0 at the first), `jitter` is a random number from 0 to 1 that spreads
/// the scopes which failed together; it adds at most a quarter of the wait, and at least can add a second. Doubles from one second to 15
/// minutes; [`FailureClass::QuotaExhausted`] from one hour to six; what waits for a person is only looked at again.
pub fn delay(class: FailureClass, failures: u32, jitter: f64) -> Duration {
    let doubled = |start: Duration, cap: Duration| start.saturating_mul(2u32.saturating_pow(failures)).min(cap);
    let wait = match class {
        FailureClass::QuotaExhausted => doubled(LONG_START, LONG_CAP),
        FailureClass::OperatorAlarm => SHORT_CAP,
        FailureClass::Reconnect | FailureClass::Permission(_) | FailureClass::BadData => LONG_CAP,
        FailureClass::Transient { retry_after } | FailureClass::RateLimited { retry_after } => {
            let asked = retry_after.unwrap_or_default().min(RETRY_AFTER_CAP);
            doubled(Duration::from_secs(1), SHORT_CAP).max(asked)
        }
        FailureClass::Gone
        | FailureClass::Conflict412
        | FailureClass::Duplicate409
        | FailureClass::TokenExpired
        | FailureClass::Unauthorized
        | FailureClass::Protocol => doubled(Duration::from_secs(1), SHORT_CAP),
    };
    let jitter = if jitter.is_finite() {
        jitter.clamp(0.0, 1.0)
    } else {
        0.0
    };
    wait + (wait / 4).max(Duration::from_secs(1)).mul_f64(jitter)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRANSIENT: FailureClass = FailureClass::Transient { retry_after: None };

    #[test]
    fn waits_double_up_to_a_quarter_of_an_hour() {
        let waits: Vec<u64> = (0..4).map(|n| delay(TRANSIENT, n, 0.0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8]);
        assert_eq!(delay(TRANSIENT, u32::MAX, 0.0), SHORT_CAP);
    }

    #[test]
    fn jitter_only_adds_and_never_more_than_a_quarter_beyond_a_second() {
        assert_eq!(delay(TRANSIENT, 0, 1.0), Duration::from_secs(2));
        assert_eq!(delay(TRANSIENT, 30, 1.0), SHORT_CAP + SHORT_CAP / 4);
        assert_eq!(delay(TRANSIENT, 3, f64::NAN), Duration::from_secs(8));
        assert_eq!(delay(TRANSIENT, 3, -5.0), Duration::from_secs(8));
    }

    #[test]
    fn retry_after_is_obeyed_but_not_beyond_a_day() {
        let asked = |seconds| FailureClass::RateLimited {
            retry_after: Some(Duration::from_secs(seconds)),
        };
        assert_eq!(delay(asked(120), 0, 0.0), Duration::from_secs(120));
        assert_eq!(delay(asked(1), 5, 0.0), Duration::from_secs(32));
        assert_eq!(delay(asked(u64::MAX), 0, 0.0), RETRY_AFTER_CAP);
    }

    #[test]
    fn an_exhausted_quota_is_left_alone_for_hours() {
        assert_eq!(delay(FailureClass::QuotaExhausted, 0, 0.0), Duration::from_secs(3600));
        assert_eq!(delay(FailureClass::QuotaExhausted, 9, 0.0), LONG_CAP);
    }
}
