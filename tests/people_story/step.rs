//! What can happen in a story of people. Its `Debug` form is Rust: a failing story is pasted as a test.
pub use crate::support::mishap::Moment;
use serde_json::{Value, json};

/// How the app does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    Sql,
    Api,
}

/// What somebody edits; each edit is of one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    GivenName,
    FamilyName,
    Birthday,
    /// Takes the birthday away.
    NoBirthday,
    AddEmail,
    /// Another address in the place of the first one.
    SwapEmail,
    /// Takes the last one away.
    DropEmail,
    /// The first one under another label.
    LabelEmail,
    AddPhone,
    SwapPhone,
    DropPhone,
    LabelPhone,
    AddJob,
    /// Another title at the first organization.
    Promote,
    DropJob,
}

/// The requests that a trouble hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Lists.
    List,
    /// Single contacts.
    Get,
    /// Creates of contacts, alone or in batches.
    Create,
    Update,
    Delete,
    Groups,
    /// The refresh of the access token.
    Token,
}

/// What goes wrong with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    Quota429,
    Unauthorized401,
    Aborted409,
    Error500,
    Error503,
    Stale,
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

/// In which words Google says that a sync token is void.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    FailedPrecondition,
    InvalidArgument,
    Gone,
    WithoutDetails,
}

/// One thing that happens. Numbers name live contacts and customers in the order in which they came up (modulo how many there
/// are), so that the same number is mostly the same person on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    PersonCreates,
    /// A contact with the email of a customer, and no name.
    PersonAddsNamesake(usize),
    /// A contact with the telephone number of a customer.
    PersonAddsHousemate(usize),
    PersonEdits(usize, Change),
    PersonDeletes(usize),
    /// Something that Accord does not mirror.
    PersonTouches(usize),
    /// Puts a contact under the label that is followed, or takes it out.
    PersonLabels(usize),
    PersonUnlabels(usize),
    /// The first takes in the second; with the second's name as a former name of its own, or not.
    PersonMerges(usize, usize, bool),
    /// Google finds the profile of a contact, which gets another resource name.
    LinkProfile(usize),
    UnlinkProfile(usize),
    AppCreates(Via),
    /// A customer with the email of a contact, and no name.
    AppAddsNamesake(usize),
    /// A customer with the telephone number of a contact.
    AppAddsHousemate(usize),
    AppEdits(Via, usize, Change),
    AppDeletes(Via, usize),
    /// A booking tomorrow with a customer.
    AppBooks(usize),
    /// An open question is answered with one of its choices.
    Answers(usize, usize),
    Poll,
    /// A poll in which the daemon dies, and a new daemon.
    Kill(Moment),
    Restart,
    ExpireAccessToken,
    ExpireSyncTokens(Form),
    ForgetTombstones,
    /// So many full lists are empty although there are contacts.
    EmptyLists(u32),
    /// From now on lists show what is written so many minutes later.
    Delay(u64),
    Fault(Method, Trouble),
    MinutesPass(i64),
}

impl Method {
    /// The rule of the sandbox for the next such request.
    pub fn rule(self, trouble: Trouble) -> Value {
        let (method, path) = match self {
            Method::List => ("GET", "/connections"),
            Method::Get => ("GET", "/people"),
            Method::Create => ("POST", "reateContact"),
            Method::Update => ("PATCH", ":updateContact"),
            Method::Delete => ("", "eleteContact"),
            Method::Groups => ("", "/contactGroups"),
            Method::Token => ("POST", "/token"),
        };
        let mut rule = json!({"path": path, "times": 1, "action": trouble.action()});
        if !method.is_empty() {
            rule["method"] = json!(method);
        }
        rule
    }
}

impl Trouble {
    fn action(self) -> Value {
        match self {
            Trouble::Quota429 => json!({"refuse": "people_quota"}),
            Trouble::Unauthorized401 => json!({"refuse": "people_credentials"}),
            Trouble::Aborted409 => json!({"refuse": "people_aborted"}),
            Trouble::Error500 => json!({"refuse": "people_internal"}),
            Trouble::Error503 => json!({"refuse": "people_unavailable"}),
            Trouble::Stale => json!({"refuse": "people_stale_etag"}),
            Trouble::Done503 => json!({"after": {"refuse": "people_unavailable"}}),
            Trouble::CutBefore => json!({"cut": "before"}),
            Trouble::CutAfter => json!({"cut": "after"}),
            Trouble::CutBody => json!({"cut": "body"}),
            Trouble::Garbage => json!({"garbage": true}),
        }
    }
}

impl Form {
    /// The word of the sandbox.
    pub fn as_str(self) -> &'static str {
        match self {
            Form::FailedPrecondition => "failed_precondition",
            Form::InvalidArgument => "invalid_argument",
            Form::Gone => "gone",
            Form::WithoutDetails => "without_details",
        }
    }
}
