//! A span as SQL columns, which is also its JSON form.
//!
//! The app may write these columns itself, so every error names the column and what to write instead.
use super::{Fold, InvalidTime, Span, UnknownZone, Zoned, parse_date, parse_zone};
use serde::{Deserialize, Serialize};

/// The columns of a span; in JSON what is absent or ordinary is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpanColumns {
    /// Whether the local columns are dates.
    #[serde(default, skip_serializing_if = "is_false")]
    pub all_day: bool,
    /// `YYYY-MM-DDTHH:MM:SS`, or `YYYY-MM-DD` when `all_day`.
    pub starts_local: String,
    /// The same for the end; a date is exclusive.
    pub ends_local: String,
    /// IANA name; null when `all_day`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Null when it is `time_zone`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_time_zone: Option<String>,
    /// 1 for the later of two equal starts.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub fold: i64,
    /// 1 for the later of two equal ends.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub end_fold: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(value: &i64) -> bool {
    *value == 0
}

/// A column that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ColumnError {
    /// Neither a date nor a local time, as `all_day` asks.
    #[error("{column} {problem}")]
    Time {
        /// The column.
        column: &'static str,
        /// What is wrong, and an example.
        problem: InvalidTime,
    },
    /// No zone of this name.
    #[error("{column}: {problem}")]
    Zone {
        /// The column.
        column: &'static str,
        /// What is wrong, and an example.
        problem: UnknownZone,
    },
    /// A timed row without a zone.
    #[error("time_zone is null: set it to an IANA name such as Europe/Prague, or set all_day and write dates")]
    ZoneMissing,
    /// Not 0 or 1.
    #[error("{column} is {value}: write 0, or 1 for the later of two equal times when clocks go back")]
    Fold {
        /// The column.
        column: &'static str,
        /// What was found.
        value: i64,
    },
}

impl From<Span> for SpanColumns {
    fn from(span: Span) -> Self {
        let flag = |fold| i64::from(fold == Fold::Later);
        match span {
            Span::AllDay { start, end } => Self {
                all_day: true,
                starts_local: start.format(super::DATE_FORMAT).to_string(),
                ends_local: end.format(super::DATE_FORMAT).to_string(),
                time_zone: None,
                end_time_zone: None,
                fold: 0,
                end_fold: 0,
            },
            Span::Timed { start, end } => Self {
                all_day: false,
                starts_local: start.local_text(),
                ends_local: end.local_text(),
                time_zone: Some(start.zone.name().to_owned()),
                end_time_zone: (end.zone != start.zone).then(|| end.zone.name().to_owned()),
                fold: flag(start.fold),
                end_fold: flag(end.fold),
            },
        }
    }
}

impl TryFrom<SpanColumns> for Span {
    type Error = ColumnError;

    fn try_from(columns: SpanColumns) -> Result<Self, ColumnError> {
        Self::try_from(&columns)
    }
}

impl TryFrom<&SpanColumns> for Span {
    type Error = ColumnError;

    /// Zones of whole days are not looked at: they have no meaning there (Google's words). Order is not checked here.
    fn try_from(columns: &SpanColumns) -> Result<Self, ColumnError> {
        if columns.all_day {
            let date = |column, text: &str| parse_date(text).map_err(|problem| ColumnError::Time { column, problem });
            return Ok(Span::AllDay {
                start: date("starts_local", &columns.starts_local)?,
                end: date("ends_local", &columns.ends_local)?,
            });
        }
        let zone = |column, name: &str| parse_zone(name).map_err(|problem| ColumnError::Zone { column, problem });
        let fold = |column, value| match value {
            0 => Ok(Fold::Earlier),
            1 => Ok(Fold::Later),
            value => Err(ColumnError::Fold { column, value }),
        };
        let local = |column, text: &str, zone, fold| {
            Zoned::parse_local(text, zone, fold).map_err(|problem| ColumnError::Time { column, problem })
        };
        let start_zone = zone(
            "time_zone",
            columns.time_zone.as_deref().ok_or(ColumnError::ZoneMissing)?,
        )?;
        let end_zone = match &columns.end_time_zone {
            Some(name) => zone("end_time_zone", name)?,
            None => start_zone,
        };
        let (fold, end_fold) = (fold("fold", columns.fold)?, fold("end_fold", columns.end_fold)?);
        Ok(Span::Timed {
            start: local("starts_local", &columns.starts_local, start_zone, fold)?,
            end: local("ends_local", &columns.ends_local, end_zone, end_fold)?,
        })
    }
}
