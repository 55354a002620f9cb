//! What a booking may contain, and when two texts are the same text.
//!
//! Two sets of limits: what the app may write is what Google keeps whole; what comes from Google is taken as it is unless it
//! would harm the database. A problem names the field as the API calls it and continues its name as a sentence. Whether a
//! resource or a customer exists is not known here.
use super::booking::Content;
use super::recurrence;
use super::time::SpanProblem;
use unicode_normalization::UnicodeNormalization;

/// A field of the API, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldProblem {
    /// As in the API: `title`, `description`, `location`, `starts_at`, `ends_at`, `recurrence`.
    pub field: &'static str,
    /// The end of a sentence that begins with the field: "must be after starts_at".
    pub problem: String,
}

/// How much a side may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest title, in characters.
    pub title_chars: usize,
    /// Longest description, in bytes of UTF-8.
    pub description_bytes: usize,
    /// Whether control characters other than newline and tab are let through; NUL never is, PostgreSQL cannot store it.
    pub control_characters: bool,
    /// Whether a timed booking may end when it starts.
    pub zero_length: bool,
}

impl Limits {
    /// For writes of the app. Google documents no limit; it was seen to keep 1024 characters of a title and to cut
    /// descriptions at about 8 KB, and a cut text would come back as an edit that nobody made.
    pub const APP: Self = Self {
        title_chars: 1024,
        description_bytes: 8192,
        control_characters: false,
        zero_length: false,
    };
    /// For what Google returns. Its events may be of no length, though it refuses to make such; 256 KB is our limit.
    pub const GOOGLE: Self = Self {
        title_chars: 256 * 1024,
        description_bytes: 256 * 1024,
        control_characters: true,
        zero_length: true,
    };

    /// All problems of a content, in the order of its fields; none means that it may be stored.
    pub fn problems(&self, content: &Content) -> Vec<FieldProblem> {
        let mut problems = Vec::new();
        let mut report = |field, problem: String| problems.push(FieldProblem { field, problem });
        if content.title.chars().count() > self.title_chars {
            report("title", format!("must have at most {} characters", self.title_chars));
        }
        if content.description.len() > self.description_bytes {
            report(
                "description",
                format!("must have at most {} bytes", self.description_bytes),
            );
        }
        let texts = [
            ("title", &content.title),
            ("description", &content.description),
            ("location", &content.location),
        ];
        for (field, text) in texts {
            if let Some(refused) = text.chars().find(|c| self.refuses(*c)) {
                report(
                    field,
                    format!("must not contain the control character U+{:04X}", u32::from(refused)),
                );
            }
        }
        match content.when.span.validate() {
            Err(SpanProblem::EndNotAfterStart) if self.zero_length && is_zero_length(content) => {}
            Err(problem) => report(problem.field(), problem.to_string()),
            Ok(()) => {}
        }
        if let Err(error) = recurrence::check(&content.when.recurrence, &content.when.span) {
            report("recurrence", error.to_string());
        }
        problems
    }

    fn refuses(&self, c: char) -> bool {
        let ordinary = matches!(c, '\n' | '\r' | '\t') || c >= ' ';
        c == '\0' || !(ordinary || self.control_characters)
    }
}

fn is_zero_length(content: &Content) -> bool {
    !content.when.span.is_all_day() && content.when.span.duration().is_zero()
}

/// The problems of a content that the app wants to write ([`Limits::APP`]).
pub fn validate_content(content: &Content) -> Vec<FieldProblem> {
    Limits::APP.problems(content)
}

/// The same for a changed occurrence of a series, which cannot itself recur.
pub fn validate_occurrence(content: &Content) -> Vec<FieldProblem> {
    if content.when.recurrence.is_empty() {
        return validate_content(content);
    }
    let mut single = content.clone();
    single.when.recurrence.clear();
    let mut problems = validate_content(&single);
    let problem = "must be empty: this is one occurrence of a series; change the series instead".to_owned();
    problems.push(FieldProblem {
        field: "recurrence",
        problem,
    });
    problems
}

/// The form in which titles, descriptions and locations are compared: line ends are `\n`, no white space at the end, composed
/// characters (NFC). Google and its clients change these without anyone having edited; the stored text stays as it came.
pub fn canonical_text(text: &str) -> String {
    let composed: String = text.replace("\r\n", "\n").replace('\r', "\n").nfc().collect();
    composed.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::booking::Status;
    use crate::domain::time::{Fold, Span, When, Zoned};
    use chrono_tz::Tz;

    fn timed(start: &str, end: &str) -> Span {
        let zoned = |text| Zoned::parse_local(text, Tz::Europe__Prague, Fold::Earlier).unwrap();
        Span::Timed {
            start: zoned(start),
            end: zoned(end),
        }
    }

    fn content() -> Content {
        Content {
            title: "Haircut".into(),
            description: "First line\r\n\tsecond".into(),
            location: String::new(),
            resource_id: None,
            when: When::once(timed("2026-03-01T09:00:00", "2026-03-01T10:00:00")),
            status: Status::Confirmed,
        }
    }

    fn fields(problems: &[FieldProblem]) -> Vec<&'static str> {
        problems.iter().map(|problem| problem.field).collect()
    }

    #[test]
    fn an_ordinary_booking_has_no_problem() {
        assert_eq!(validate_content(&content()), []);
        assert_eq!(validate_occurrence(&content()), []);
    }

    #[test]
    fn every_problem_is_reported_at_once_with_its_field() {
        let mut content = content();
        content.title = "ž".repeat(1025);
        content.description = "x".repeat(8193);
        content.location = "a\u{7}".into();
        content.when.span = timed("2026-03-01T09:00:00", "2026-03-01T08:00:00");
        content.when.recurrence = vec!["RRULE:FREQ=NEVER".into()];
        let problems = validate_content(&content);
        assert_eq!(
            fields(&problems),
            ["title", "description", "location", "ends_at", "recurrence"]
        );
        assert_eq!(problems[2].problem, "must not contain the control character U+0007");
        assert_eq!(problems[3].problem, "must be after starts_at");
    }

    #[test]
    fn limits_count_characters_of_titles_and_bytes_of_descriptions() {
        let mut content = content();
        content.title = "ž".repeat(1024);
        content.description = "ž".repeat(4096);
        assert_eq!(validate_content(&content), []);
        content.description.push('x');
        assert_eq!(fields(&validate_content(&content)), ["description"]);
        assert_eq!(Limits::GOOGLE.problems(&content), []);
    }

    #[test]
    fn nul_is_refused_from_google_too() {
        let mut content = content();
        content.description = "a\u{b}".into();
        assert_eq!(Limits::GOOGLE.problems(&content), []);
        content.description = "a\0".into();
        assert_eq!(fields(&Limits::GOOGLE.problems(&content)), ["description"]);
    }

    #[test]
    fn an_event_of_no_length_is_accepted_from_google_only() {
        let mut content = content();
        content.when.span = timed("2026-03-01T09:00:00", "2026-03-01T09:00:00");
        assert_eq!(Limits::GOOGLE.problems(&content), []);
        assert_eq!(fields(&validate_content(&content)), ["ends_at"]);
        let day = chrono::NaiveDate::from_ymd_opt(2026, 3, 1).unwrap();
        content.when.span = Span::AllDay { start: day, end: day };
        assert_eq!(fields(&Limits::GOOGLE.problems(&content)), ["ends_at"]);
    }

    #[test]
    fn an_occurrence_cannot_recur() {
        let mut content = content();
        content.when.recurrence = vec!["RRULE:FREQ=DAILY".into()];
        assert_eq!(validate_content(&content), []);
        assert_eq!(fields(&validate_occurrence(&content)), ["recurrence"]);
    }

    #[test]
    fn texts_that_differ_only_in_line_ends_final_space_or_composition_are_the_same() {
        assert_eq!(
            canonical_text("Cafe\u{301}\r\nroom \r\n\n"),
            canonical_text("Café\nroom")
        );
        assert_ne!(canonical_text(" a"), canonical_text("a"));
        assert_ne!(canonical_text("a\n\nb"), canonical_text("a\nb"));
    }
}
