//! One write at a time: two writes of one user that overlap in time are not both done.
use super::{method_of, shown};
use crate::sandbox::{
    answer::Answer,
    people::{errors::Refusal, methods::Method},
    request::Request,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What happens to a write that comes while another of the same user is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// 409 `ABORTED`.
    #[default]
    Aborted,
    /// 503 `UNAVAILABLE`.
    Unavailable,
    /// It is done as well.
    Allowed,
}

/// Who is writing. "Mutate requests for the same user should be sent sequentially": here they must.
#[derive(Debug, Default)]
pub struct Turns {
    /// What happens to the second of two.
    pub overlap: Overlap,
    /// How long a write takes, milliseconds of real time.
    pub write_ms: u64,
    /// How many writes came too early.
    pub overlaps: u64,
    writing: BTreeSet<String>,
}

impl Turns {
    /// Whether a request is a write that has to take its turn.
    pub fn concerns(request: &Request) -> bool {
        request.person().is_none() && method_of(request).is_some_and(Method::is_write)
    }

    /// A user's turn begins. The error answers a write that came too early; `Ok(false)` is no turn of its own.
    pub fn begin(&mut self, user: &str) -> Result<bool, Answer> {
        if self.writing.insert(user.to_owned()) {
            return Ok(true);
        }
        self.overlaps += 1;
        match self.overlap {
            Overlap::Aborted => Err(shown(Refusal::aborted().into())),
            Overlap::Unavailable => Err(shown(Refusal::unavailable().into())),
            Overlap::Allowed => Ok(false),
        }
    }

    /// It ends.
    pub fn end(&mut self, user: &str) {
        self.writing.remove(user);
    }
}
