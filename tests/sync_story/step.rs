//! What can happen in a story. Its `Debug` form is Rust: a failing story is pasted as a test.
pub use crate::support::mishap::Moment;
use serde_json::{Value, json};

/// How the app does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    Sql,
    Api,
}

/// The requests that a trouble hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Patch,
    Delete,
    /// The refresh of the access token.
    Token,
}

/// What goes wrong with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    RateLimit403,
    Quota403,
    Unauthorized401,
    /// Only a listing with a sync token can be told this.
    Gone410,
    Stale412,
    TooMany429,
    Error500,
    Error503,
    /// The work is done, the answer is 503.
    Done503,
    /// Cut before the work.
    CutBefore,
    /// The work is done, no answer comes.
    CutAfter,
    /// The work is done, half of the answer comes.
    CutBody,
    /// The work is done, the answer is no JSON.
    Garbage,
}

/// One thing that happens. Numbers name items in the order in which they were created (modulo how many there are), and
/// occurrences of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    PersonCreates,
    PersonCreatesSeries,
    PersonRenames(usize),
    PersonDescribes(usize),
    PersonPlaces(usize),
    PersonMoves(usize),
    /// Into another zone.
    PersonMovesFar(usize),
    PersonMakesWeekly(usize),
    PersonMakesAllDay(usize),
    /// To the first two occurrences.
    PersonShortens(usize),
    /// The series becomes a single event.
    PersonEndsSeries(usize),
    /// "This and following" from an occurrence on, the first one not counted.
    PersonSplits(usize, usize),
    PersonDeletes(usize),
    PersonRestores(usize),
    PersonCopies(usize),
    PersonChangesCalendar(usize),
    PersonRenamesOccurrence(usize, usize),
    PersonMovesOccurrence(usize, usize),
    PersonCancelsOccurrence(usize, usize),
    /// Ben makes an event and invites Ana.
    BenInvites,
    BenInvitesToSeries,
    /// Ana makes Ben a guest.
    AnaInvites(usize),
    AnaUninvites(usize),
    GuestAccepts(usize),
    GuestDeclines(usize),
    /// The guest removes the event from the own calendar.
    GuestLeaves(usize),
    AppCreates(Via),
    AppCreatesSeries(Via),
    AppRenames(Via, usize),
    AppDescribes(Via, usize),
    AppMoves(Via, usize),
    AppMovesFar(Via, usize),
    AppMakesWeekly(Via, usize),
    AppMakesAllDay(Via, usize),
    AppShortens(Via, usize),
    AppEndsSeries(Via, usize),
    AppAssigns(Via, usize),
    AppUnassigns(Via, usize),
    AppCancels(Via, usize),
    AppConfirms(Via, usize),
    AppDeletes(Via, usize),
    AppReinserts(usize),
    AppRenamesOccurrence(Via, usize, usize),
    AppMovesOccurrence(Via, usize, usize),
    AppCancelsOccurrence(Via, usize, usize),
    /// An open question is answered: with its first choice, or with the second.
    Answers(usize, bool),
    Poll(usize),
    /// A poll in which the daemon dies, and a new daemon.
    Kill(usize, Moment),
    ExpireAccessToken,
    ExpireSyncTokens,
    ForgetTombstones,
    Fault(Method, Trouble),
    Restart,
    HoursPass(i64),
}

impl Method {
    /// The rule of the sandbox for the next such request.
    pub fn rule(self, trouble: Trouble) -> Value {
        let (method, path) = match self {
            Method::Get => ("GET", "/calendar/v3"),
            Method::Post => ("POST", "/events"),
            Method::Patch => ("PATCH", "/events"),
            Method::Delete => ("DELETE", "/events"),
            Method::Token => ("POST", "/token"),
        };
        let mut rule = json!({"method": method, "path": path, "times": 1, "action": trouble.action()});
        if trouble == Trouble::Gone410 {
            rule["query"] = json!("syncToken=");
        }
        rule
    }
}

impl Trouble {
    fn action(self) -> Value {
        let error = |code: u16, domain: &str, reason: &str| {
            json!({"status": code, "body": {"error": {"code": code, "message": reason,
                "errors": [{"domain": domain, "reason": reason, "message": reason}]}}})
        };
        match self {
            Trouble::RateLimit403 => json!({"refuse": "rateLimitExceeded"}),
            Trouble::Quota403 => json!({"refuse": "quotaExceeded"}),
            Trouble::Unauthorized401 => json!({"refuse": "authError"}),
            Trouble::Gone410 => error(410, "calendar", "fullSyncRequired"),
            Trouble::Stale412 => error(412, "global", "conditionNotMet"),
            Trouble::TooMany429 => json!({"refuse": "429"}),
            Trouble::Error500 => json!({"status": 500}),
            Trouble::Error503 => json!({"refuse": "backendError"}),
            Trouble::Done503 => json!({"after": {"refuse": "backendError"}}),
            Trouble::CutBefore => json!({"cut": "before"}),
            Trouble::CutAfter => json!({"cut": "after"}),
            Trouble::CutBody => json!({"cut": "body"}),
            Trouble::Garbage => json!({"garbage": true}),
        }
    }
}
