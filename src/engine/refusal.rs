//! Why a use case did not happen, told apart by what the caller can do about it.
//!
//! Whatever is refused leaves nothing stored. Nothing here speaks HTTP; `web::problem` and `cli` translate.
use crate::domain::settings::SettingProblem;
use crate::domain::validate::FieldProblem;
use crate::store::StoreError;

/// A field of a request, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadField {
    /// As it was sent.
    pub field: String,
    /// The end of a sentence that begins with the field.
    pub problem: String,
}

impl BadField {
    /// Names a field and its problem.
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            problem: problem.into(),
        }
    }
}

impl From<FieldProblem> for BadField {
    fn from(found: FieldProblem) -> Self {
        Self::new(found.field, found.problem)
    }
}

impl From<SettingProblem> for BadField {
    fn from(found: SettingProblem) -> Self {
        Self::new(format!("settings.{}", found.setting), found.problem)
    }
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// There is no such thing in this tenant. What other tenants have is missing, too.
    #[error("there is no such {0}")]
    Missing(&'static str),
    /// The caller is not known.
    #[error("the API key is not valid")]
    UnknownCaller,
    /// Fields that cannot be accepted; every one that was found.
    #[error("{}", sentences(.0))]
    Invalid(Vec<BadField>),
    /// The thing has another version than the caller believes: read it again.
    #[error("the version is {current} now; read it again")]
    Stale {
        /// Its present version.
        current: i64,
    },
    /// The event in Google is not the user's to change.
    #[error(
        "this booking mirrors an event that its user may not change: they are a guest, or may only read the calendar"
    )]
    ReadOnly,
    /// Words that Accord may not know cannot be edited.
    #[error("the words of this booking are withheld because its event is private: {0} cannot be changed here")]
    WordsWithheld(&'static str),
    /// The row was written in SQL and cannot be understood.
    #[error("this {0} was written in SQL and cannot be understood: {1}; repair the row where it was written")]
    Unreadable(&'static str, String),
    /// Another thing has this name.
    #[error("{0}")]
    NameTaken(String),
    /// Something still refers to it.
    #[error("{0}")]
    InUse(&'static str),
    /// Something else has to happen first; the words say what.
    #[error("{0}")]
    NotNow(&'static str),
    /// A request with the same idempotency key is being worked on.
    #[error("a request with this Idempotency-Key is being worked on; ask again in a moment")]
    InProgress,
    /// The idempotency key belongs to another request.
    #[error("this Idempotency-Key was used for another request; use a fresh key")]
    KeyReused,
    /// The position in the change feed is older than what is kept.
    #[error("the entries after this cursor are no longer kept; read everything again and start without a cursor")]
    CursorExpired,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something that should be impossible; the text is for the operator.
    #[error("{0}")]
    Internal(String),
}

fn sentences(fields: &[BadField]) -> String {
    let sentences: Vec<String> = fields
        .iter()
        .map(|bad| format!("{} {}", bad.field, bad.problem))
        .collect();
    sentences.join("; ")
}

impl Refusal {
    /// One bad field.
    pub fn field(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Invalid(vec![BadField::new(field, problem)])
    }
}
