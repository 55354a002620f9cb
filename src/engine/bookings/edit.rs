//! What a caller wants a booking to be, read against what it is.
//!
//! Pure: it reads texts into times and words, collects every problem it meets, and knows no database. Times follow one rule:
//! nothing is guessed. A zone that changes without the times it explains is refused, because "the same clock" and "the same
//! instant" would both be plausible.
use crate::domain::booking::{Content, Status};
use crate::domain::recurrence::MAX_LINES;
use crate::domain::time::{Span, When, Zoned, parse_date, parse_zone};
use crate::domain::validate::{validate_content, validate_occurrence};
use crate::engine::BadField;
use crate::engine::mail::Wish;
use chrono::NaiveDate;
use chrono_tz::Tz;

/// Whether a change may propose mail. Kept with the version it made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailWish {
    /// It may.
    Propose,
    /// It must not.
    None,
}

impl From<MailWish> for Wish {
    fn from(wish: MailWish) -> Self {
        match wish {
            MailWish::Propose => Wish::Propose,
            MailWish::None => Wish::None,
        }
    }
}

/// Fields of a booking as they were sent; what is `None` was not sent and stays.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the fields are those of a booking in the API")]
pub struct BookingEdit {
    pub user_id: Option<String>,
    pub title: Option<String>,
    pub description: Option<String>,
    pub starts_at: Option<String>,
    pub ends_at: Option<String>,
    pub time_zone: Option<Option<String>>,
    pub end_time_zone: Option<Option<String>>,
    pub all_day: Option<bool>,
    pub recurrence: Option<Vec<String>>,
    pub status: Option<String>,
    pub resource_id: Option<Option<String>>,
    pub customer_ids: Option<Vec<String>>,
    pub mail: Option<String>,
    /// What is known to be wrong with the request already; it is refused together with what is found here.
    pub bad: Vec<BadField>,
}

/// Collects problems: the first one of each field counts.
#[derive(Debug, Default)]
pub(in crate::engine) struct Problems(Vec<BadField>);

impl Problems {
    pub(in crate::engine) fn of(bad: &[BadField]) -> Self {
        Self(bad.to_vec())
    }

    pub(in crate::engine) fn add(&mut self, bad: impl Into<BadField>) {
        let bad = bad.into();
        if !self.0.iter().any(|known| known.field == bad.field) {
            self.0.push(bad);
        }
    }

    pub(in crate::engine) fn field(&mut self, field: &'static str, problem: impl Into<String>) {
        self.add(BadField::new(field, problem));
    }

    pub(in crate::engine) fn into_result(self) -> Result<(), crate::engine::Refusal> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(crate::engine::Refusal::Invalid(self.0))
        }
    }
}

impl BookingEdit {
    /// The wish; over the API a change may propose mail unless it says otherwise.
    pub(in crate::engine) fn mail_wish(&self, problems: &mut Problems) -> MailWish {
        match self.mail.as_deref() {
            None | Some("propose") => MailWish::Propose,
            Some("none") => MailWish::None,
            Some(_) => {
                problems.field("mail", "must be propose or none");
                MailWish::None
            }
        }
    }

    /// The content of a new booking. Resource and customers are looked up elsewhere.
    pub(in crate::engine) fn new_content(&self, problems: &mut Problems) -> Content {
        let empty = Content {
            title: String::new(),
            description: String::new(),
            location: String::new(),
            resource_id: None,
            when: When::once(placeholder()),
            status: Status::Confirmed,
        };
        self.applied(&empty, None, false, problems)
    }

    /// The content after this edit. Only what it changes is judged: what Google brought may be longer than the app may write.
    pub(in crate::engine) fn edited(&self, old: &Content, is_occurrence: bool, problems: &mut Problems) -> Content {
        self.applied(old, Some(&old.when.span), is_occurrence, problems)
    }

    fn applied(&self, old: &Content, old_span: Option<&Span>, is_occurrence: bool, problems: &mut Problems) -> Content {
        let mut new = old.clone();
        if let Some(title) = &self.title {
            new.title.clone_from(title);
        }
        if let Some(description) = &self.description {
            new.description.clone_from(description);
        }
        match self.status.as_deref() {
            None => {}
            Some("confirmed") => new.status = Status::Confirmed,
            Some("cancelled") => new.status = Status::Cancelled,
            Some(_) => problems.field("status", "must be confirmed or cancelled"),
        }
        if let Some(lines) = &self.recurrence {
            if lines.len() > MAX_LINES || lines.iter().any(|line| line.chars().any(char::is_control)) {
                problems.field(
                    "recurrence",
                    "must be a list of single lines, each RRULE:, RDATE: or EXDATE:",
                );
            } else {
                new.when.recurrence.clone_from(lines);
            }
        }
        let span = self.span(old_span, problems);
        new.when.span = span.unwrap_or_else(|| old_span.copied().unwrap_or_else(placeholder));
        let judged = if is_occurrence {
            validate_occurrence(&new)
        } else {
            validate_content(&new)
        };
        for found in judged {
            let changed = match found.field {
                "title" => new.title != old.title,
                "description" => new.description != old.description,
                "recurrence" if span.is_none() => false,
                "starts_at" | "ends_at" | "recurrence" => new.when != old.when,
                _ => false,
            };
            if changed {
                problems.add(found);
            }
        }
        new
    }

    /// The span; `None` when it cannot be told, and then there is a problem.
    fn span(&self, old: Option<&Span>, problems: &mut Problems) -> Option<Span> {
        let all_day = self.all_day.unwrap_or_else(|| old.is_some_and(Span::is_all_day));
        let same_kind = old.filter(|old| old.is_all_day() == all_day);
        if all_day {
            self.days(same_kind, problems)
        } else {
            self.timed(same_kind, problems)
        }
    }

    fn days(&self, old: Option<&Span>, problems: &mut Problems) -> Option<Span> {
        for (field, zone) in [("time_zone", &self.time_zone), ("end_time_zone", &self.end_time_zone)] {
            if matches!(zone, Some(Some(_))) {
                problems.field(
                    field,
                    "must be null or absent when all_day is true: whole days lie in no zone",
                );
            }
        }
        let old = match old {
            Some(Span::AllDay { start, end }) => Some((*start, *end)),
            _ => None,
        };
        let mut date = |field, given: &Option<String>, old: Option<NaiveDate>| match given {
            Some(text) => parse_date(text)
                .map_err(|error| problems.field(field, error.to_string()))
                .ok(),
            None => old.or_else(|| {
                problems.field(field, "is required, as a date such as 2026-03-01");
                None
            }),
        };
        let start = date("starts_at", &self.starts_at, old.map(|old| old.0));
        let end = date("ends_at", &self.ends_at, old.map(|old| old.1));
        Some(Span::AllDay {
            start: start?,
            end: end?,
        })
    }

    fn timed(&self, old: Option<&Span>, problems: &mut Problems) -> Option<Span> {
        let old = match old {
            Some(Span::Timed { start, end }) => Some((*start, *end)),
            _ => None,
        };
        let mut readable = true;
        let mut zone = |field, name: &str| match parse_zone(name) {
            Ok(zone) => Some(zone),
            Err(unknown) => {
                problems.field(field, format!("is refused: {unknown}"));
                readable = false;
                None
            }
        };
        let start_zone: Option<Tz> = match &self.time_zone {
            Some(Some(name)) => zone("time_zone", name),
            Some(None) | None => old.map(|old| old.0.zone),
        };
        let end_zone: Option<Tz> = match &self.end_time_zone {
            Some(Some(name)) => zone("end_time_zone", name),
            Some(None) => start_zone,
            None => match old {
                Some((start, end)) if start.zone != end.zone => Some(end.zone),
                _ => start_zone,
            },
        };
        if !readable {
            return None;
        }
        if let (Some(None), Some(_)) = (&self.time_zone, old) {
            problems.field("time_zone", "must not be null unless all_day is true");
            return None;
        }
        let start = match (&self.starts_at, old) {
            (Some(text), _) => read(text, start_zone, "starts_at", problems),
            (None, Some((start, _))) if Some(start.zone) == start_zone => Some(start),
            (None, Some(_)) => {
                problems.field("time_zone", "cannot change alone: send starts_at and ends_at too");
                None
            }
            (None, None) => {
                problems.field("starts_at", "is required, as a time such as 2026-03-01T09:00:00+01:00");
                None
            }
        };
        let end_zone = end_zone.or(start.map(|start| start.zone));
        let end = match (&self.ends_at, old) {
            (Some(text), _) => read(text, end_zone, "ends_at", problems),
            (None, Some((_, end))) if Some(end.zone) == end_zone => Some(end),
            (None, Some(_)) => {
                let field = if self.end_time_zone.is_some() {
                    "end_time_zone"
                } else {
                    "time_zone"
                };
                problems.field(field, "cannot change alone: send starts_at and ends_at too");
                None
            }
            (None, None) => {
                problems.field("ends_at", "is required, as a time such as 2026-03-01T10:00:00+01:00");
                None
            }
        };
        Some(Span::Timed {
            start: start?,
            end: end?,
        })
    }
}

fn read(text: &str, zone: Option<Tz>, field: &'static str, problems: &mut Problems) -> Option<Zoned> {
    Zoned::from_rfc3339_with_zone(text, zone)
        .map_err(|error| problems.field(field, error.to_string()))
        .ok()
}

/// Stands where a span could not be read, so that the other fields can still be judged. Never stored.
fn placeholder() -> Span {
    let start = NaiveDate::default();
    Span::AllDay {
        start,
        end: start.succ_opt().unwrap_or(start),
    }
}
