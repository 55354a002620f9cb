//! What can happen in a story. Its `Debug` form is Rust: a failing story is pasted as a test.
use serde_json::{Value, json};

/// How the app does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    Sql,
    Api,
}

/// Whether the app wants its change to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    Propose,
    /// Over the API `none`; in SQL nothing is said.
    Quietly,
}

/// Where in a session with the mail server something goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Connect,
    Mail,
    Rcpt,
    Data,
    /// The final dot.
    Body,
}

/// What goes wrong there. A server that takes a mail and says that it did not is not among them: nobody could know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    Refuse,
    Defer,
    StallBefore,
    StallAfter,
    CutBefore,
    CutAfter,
    CutInside,
    Nonsense,
}

/// What somebody who can write the database, and has no key, does to a message or its consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tamper {
    /// A queued message's consent has another code.
    Mac,
    /// A queued message's consent is good for longer.
    Expiry,
    /// A queued message's hash is another.
    Hash,
    /// What nobody said yes to is queued.
    Queue,
    /// A message that was sent is queued again.
    QueueAgain,
}

/// One thing that happens. Numbers name bookings, customers, occurrences and messages, modulo how many there are; a `u8` is a
/// set of customers, one bit for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    AppCreates(Via, Wish, u8),
    AppCreatesForBen(Via, Wish, u8),
    AppCreatesSeries(Via, Wish, u8),
    AppRenames(Via, Wish, usize),
    /// Its title is empty from now on.
    AppUnnames(Via, Wish, usize),
    AppDescribes(Via, Wish, usize),
    AppMoves(Via, Wish, usize),
    AppAssigns(Via, Wish, usize),
    AppCancels(Via, Wish, usize),
    AppConfirms(Via, Wish, usize),
    AppDeletes(Via, Wish, usize),
    AppSeats(Via, Wish, usize, u8),
    /// It is another user's from now on, with customers of theirs.
    AppHandsOver(Wish, usize, u8),
    AppMovesOccurrence(Wish, usize, usize),
    AppSeatsOccurrence(Wish, usize, usize, u8),
    AppCancelsOccurrence(usize, usize),
    CustomerMoves(Via, usize),
    CustomerLosesAddress(Via, usize),
    PersonCreates,
    PersonRenames(usize),
    PersonMoves(usize),
    /// The event is private from now on.
    PersonHides(usize),
    PersonShows(usize),
    PersonDeletes(usize),
    PersonMovesOccurrence(usize, usize),
    PersonCancelsOccurrence(usize, usize),
    Sync,
    Consider,
    Remind,
    Expire,
    Prompt,
    Send,
    /// All of the daemon's jobs, once.
    Work,
    /// All of them in two daemons at the same time.
    WorkTogether,
    Approves(usize),
    ApprovesAll,
    /// The page is opened: what it shows can be approved later, when it is perhaps old.
    Looks,
    ApprovesSeen(usize),
    ApprovesOtherHash(usize),
    AnotherUserApproves(usize),
    TheAppApproves(usize),
    Declines(usize),
    Withdraws(usize),
    Pauses(bool),
    Resumes(bool),
    Unsubscribes(usize),
    Resubscribes(usize),
    MinutesPass(i64),
    HoursPass(i64),
    Fault(Stage, Trouble, u32),
    Restart,
    /// The daemon dies while the server has stalled at this stage.
    DiesSending(Stage, Trouble),
    /// The daemon dies in its jobs after so many rows of the ledger.
    DiesWriting(u32),
    Tampers(Tamper, usize),
}

impl Trouble {
    /// Whether the server says nothing until somebody gives up.
    pub fn stalls(self) -> bool {
        matches!(self, Trouble::StallBefore | Trouble::StallAfter)
    }
}

/// The rule of the sandbox's mail server.
pub fn rule(stage: Stage, trouble: Trouble, times: u32) -> Value {
    let stage = match stage {
        Stage::Connect => "connect",
        Stage::Mail => "mail",
        Stage::Rcpt => "rcpt",
        Stage::Data => "data",
        Stage::Body => "body",
    };
    let action = match trouble {
        Trouble::Refuse => json!({"code": 550, "text": "5.7.1 never"}),
        Trouble::Defer => json!({"code": 451, "text": "4.3.0 later"}),
        Trouble::StallBefore => json!({"stall": "before"}),
        Trouble::StallAfter => json!({"stall": "after"}),
        Trouble::CutBefore => json!({"cut": "before"}),
        Trouble::CutAfter => json!({"cut": "after"}),
        Trouble::CutInside => json!({"cut": "inside"}),
        Trouble::Nonsense => json!({"nonsense": "2x0 \u{0}\r\n"}),
    };
    json!({"stage": stage, "times": times, "action": action})
}
