//! Cron expressions as Accord reads them: in UTC, with weekdays by name.
//!
//! UTC because a zone with daylight saving skips and repeats times. Names because `2` is Tuesday to crontab and Monday to
//! the cron crate. Dates that never come (`31 2`) are refused when the configuration is read, not discovered by waiting.
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use super::problem::Invalid;

/// When something is due, again and again.
#[derive(Debug, Clone)]
pub struct Schedule {
    written: String,
    cron: cron::Schedule,
}

impl Schedule {
    /// The first due time strictly after `instant`; `None` when the expression names a year and it is over.
    pub fn next_after(&self, instant: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.cron.after(&instant).next()
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl FromStr for Schedule {
    type Err = Invalid;

    fn from_str(written: &str) -> Result<Self, Invalid> {
        const EXAMPLE: &str = "write five fields such as `*/2 * * * *` (minute hour day month weekday, in UTC)";
        let fields: Vec<&str> = written.split_whitespace().collect();
        let (normal, weekday) = match fields.as_slice() {
            [_, _, _, _, weekday] => (format!("0 {}", fields.join(" ")), *weekday),
            [_, _, _, _, _, weekday] | [_, _, _, _, _, weekday, _] => (fields.join(" "), *weekday),
            _ => {
                return Err(Invalid::new(
                    format!("`{written}` has {} fields", fields.len()),
                    EXAMPLE,
                ));
            }
        };
        // The number after a slash is a step, not a day.
        let days = weekday
            .split(',')
            .map(|part| part.split('/').next().unwrap_or_default());
        if days.into_iter().any(|day| day.contains(|c: char| c.is_ascii_digit())) {
            let wrong =
                format!("`{written}` gives the weekday as a number, which means different days to different programs");
            return Err(Invalid::new(wrong, "write names such as Mon-Fri or Sat,Sun"));
        }
        let cron: cron::Schedule = normal
            .parse()
            .map_err(|_| Invalid::new(format!("`{written}` is not a cron expression"), EXAMPLE))?;
        // The crate reads the clock here; the answer only tells "some day" from "never".
        if cron.upcoming(Utc).next().is_none() {
            return Err(Invalid::new(
                format!("`{written}` never comes"),
                "write a date that exists in some year ahead",
            ));
        }
        Ok(Self {
            written: written.to_owned(),
            cron,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(expression: &str, after: &str) -> String {
        let schedule: Schedule = expression.parse().unwrap();
        let next = schedule.next_after(after.parse().unwrap()).unwrap();
        next.format("%FT%TZ").to_string()
    }

    #[test]
    fn five_fields_mean_the_start_of_the_minute() {
        assert_eq!(next("*/2 * * * *", "2026-03-29T00:59:30Z"), "2026-03-29T01:00:00Z");
        assert_eq!(next("30 6 * * Mon-Fri", "2026-11-21T12:00:00Z"), "2026-11-23T06:30:00Z");
    }

    #[test]
    fn six_and_seven_fields_keep_their_seconds_and_year() {
        assert_eq!(next("*/10 * * * * *", "2026-01-01T00:00:01Z"), "2026-01-01T00:00:10Z");
        assert_eq!(next("0 0 0 1 1 * 2099", "2026-01-01T00:00:01Z"), "2099-01-01T00:00:00Z");
    }

    #[test]
    fn weekday_digits_nonsense_and_days_that_never_come_are_refused() {
        for (written, part) in [
            ("0 6 * * 1", "weekday as a number"),
            ("0 6 * * Mon,3", "weekday as a number"),
            ("0 0 31 2 *", "never comes"),
            ("0 0 0 1 1 * 2001", "never comes"),
            ("every minute", "has 2 fields"),
            ("61 * * * *", "not a cron expression"),
        ] {
            let error = written.parse::<Schedule>().unwrap_err();
            assert!(error.wrong.contains(part), "{written}: {}", error.wrong);
        }
        "0 6 * * */2".parse::<Schedule>().expect("a step is not a day");
    }
}
