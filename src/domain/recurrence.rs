//! Recurrence rules: reading, checking, comparing and expanding them.
//!
//! A series keeps wall-clock time in the zone of its start; expansion runs on wall-clock times and only its results become
//! instants. Lines come from Google and from the app, so nothing here trusts them: every search is bounded, and what cannot
//! be read is an error that names the line. It does not know about changed occurrences: those are bookings of their own.
use super::time::Span;

mod cut;
mod expand;
mod lines;
mod plain;
mod rule;
pub use cut::{cut_at, goes_on_at, is_cut_of};
pub use expand::{Occurrence, contains, expand, last_end};
pub use plain::{Ending, Nth, Pattern, Plain, plain};

/// Most lines of one series. Ours; Google documents none.
pub const MAX_LINES: usize = 50;
/// Most bytes of all lines together: room for an EXDATE of every working day of seven years. Ours.
pub const MAX_BYTES: usize = 32 * 1024;
/// Most starts one rule may have on one day, so that no rule fills the memory: every quarter of an hour. Ours.
pub const MAX_TIMES_A_DAY: usize = 96;
/// Most starts one call walks over: 270 years of days, 11 years of hours.
pub const MAX_STEPS: usize = 100_000;

/// Why recurrence lines are refused. The message continues the word `recurrence`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecurrenceError {
    /// One line cannot be read, or does not fit the times.
    #[error("line {number} ({text:?}) {problem}")]
    Line {
        /// Which line, from 1.
        number: usize,
        /// Its beginning.
        text: String,
        /// What is wrong with it, and what to write.
        problem: String,
    },
    /// More than [`MAX_LINES`] lines or [`MAX_BYTES`] bytes.
    #[error("is longer than {MAX_LINES} lines or {MAX_BYTES} bytes: shorten it, or split the series")]
    TooLarge,
    /// Exclusions only.
    #[error("has no RRULE or RDATE line, so that nothing recurs: add one, or send no lines")]
    NothingRecurs,
    /// More than [`MAX_STEPS`] starts would have to be walked over.
    #[error("has more than {MAX_STEPS} occurrences up to the time asked for: shorten the range, or the series")]
    TooLong,
}

impl RecurrenceError {
    fn line(index: usize, text: &str, problem: impl Into<String>) -> Self {
        Self::Line {
            number: index + 1,
            text: text.chars().take(80).collect(),
            problem: problem.into(),
        }
    }
}

/// Whether `lines` can be the recurrence of a booking with this span. No lines are fine: the booking is single.
///
/// Several RRULE lines are accepted, as Google accepts them: the series is their union.
pub fn check(lines: &[String], span: &Span) -> Result<(), RecurrenceError> {
    if lines.is_empty() {
        return Ok(());
    }
    expand::Series::read(lines, span)?.check_matches_something(lines)
}

/// The same lines in the one form that equal rules share: capitals, parts in a fixed order, sorted lists without repetition,
/// defaults left out, `TZID` times in UTC, one line for each kind of date; RRULE, EXRULE, RDATE, EXDATE. Lines that cannot
/// be read stay as they are, at the end.
pub fn canonical(lines: &[String]) -> Vec<String> {
    lines::canonical(lines)
}

#[cfg(test)]
mod tests;
