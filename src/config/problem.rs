//! What can be wrong with a configuration, all of it at once.
//!
//! An operator repairs a file in one go when every problem is listed in one go. A problem names its key, where the value
//! came from, what is wrong and what to write instead. Values of secret keys never appear in one.
use std::fmt;

/// Why a text is not a value of its key; the reader of the configuration adds the key and the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// What is wrong, without a full stop.
    pub wrong: String,
    /// What to do about it, without a full stop.
    pub fix: String,
}

impl Invalid {
    pub(super) fn new(wrong: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            wrong: wrong.into(),
            fix: fix.into(),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key as `section.key`, or the file that could not be read.
    pub key: String,
    /// Where the offending value was found, for example `environment ACCORD__SYNC__CONFLICT`.
    pub place: String,
    /// What is wrong.
    pub wrong: String,
    /// What to do about it.
    pub fix: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, place, wrong, fix } = self;
        write!(f, "{key} ({place}): {wrong}; {fix}")
    }
}

/// Everything that is wrong; never empty when it is returned as an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigProblems(pub Vec<Problem>);

impl fmt::Display for ConfigProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => write!(f, "the configuration has a problem:")?,
            n => write!(f, "the configuration has {n} problems:")?,
        }
        self.0.iter().try_for_each(|problem| write!(f, "\n- {problem}"))
    }
}

impl std::error::Error for ConfigProblems {}
