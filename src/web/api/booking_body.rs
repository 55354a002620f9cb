//! A booking as JSON, in both directions.
use super::page;
use crate::domain::time::{OriginalStart, Span};
use crate::engine::bookings::{BookingEdit, BookingView};
use crate::web::fields::Fields;
use serde::Serialize;
use utoipa::ToSchema;

/// A booking: a single one, a series, or an occurrence of a series.
#[derive(Debug, Serialize, ToSchema)]
pub struct BookingBody {
    /// Its own; for an occurrence that is as its series has it, the series'.
    #[schema(format = "uuid")]
    id: String,
    /// The owner.
    #[schema(format = "uuid")]
    user_id: String,
    title: String,
    /// RFC 3339 with the offset of `time_zone`; a date when `all_day`. Null only together with `problem`.
    #[schema(example = "2026-03-01T09:00:00+01:00")]
    starts_at: Option<String>,
    /// Likewise; when `all_day`, the day after the last.
    #[schema(example = "2026-03-01T10:00:00+01:00")]
    ends_at: Option<String>,
    /// IANA name; null when `all_day`.
    #[schema(example = "Europe/Prague")]
    time_zone: Option<String>,
    /// IANA name; null: the same as `time_zone`.
    end_time_zone: Option<String>,
    all_day: bool,
    /// HTML is kept as it came: show it sanitised.
    description: String,
    /// A note that mirrors Google's; read-only.
    location: String,
    /// Its name is written into the event's location.
    #[schema(format = "uuid")]
    resource_id: Option<String>,
    /// Customers of the same user.
    customer_ids: Vec<String>,
    /// `confirmed` or `cancelled`.
    status: String,
    /// RRULE:, RDATE: and EXDATE: lines (RFC 5545); empty when it does not recur.
    recurrence: Vec<String>,
    /// Of an occurrence: its series.
    #[schema(format = "uuid")]
    series_id: Option<String>,
    /// Of an occurrence: which one; `2026-03-01`, or `2026-03-01T08:00:00Z` (UTC).
    original_start: Option<String>,
    /// Who created it: `app` or `google`.
    origin: String,
    /// Whether edits can reach Google.
    writable: bool,
    /// Whether the event has Google guests; Accord does not inform them.
    has_guests: bool,
    /// `shared`, or `withheld`: title, description and location are not mirrored.
    words: String,
    /// Why it is kept but not followed any more; null while it is followed.
    frozen: Option<String>,
    /// Grows with every change; also the `ETag`. 0: an occurrence that is as its series has it.
    version: i64,
    #[schema(format = "date-time")]
    created_at: String,
    #[schema(format = "date-time")]
    updated_at: String,
    /// The messages that were proposed by the change that this answers (`GET /consents/{id}`); empty for a read.
    proposals: Vec<String>,
    /// Only of a row written in SQL that cannot be understood: the column and what is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

/// What a booking is made of.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
pub struct NewBookingBody {
    /// The owner.
    #[schema(format = "uuid")]
    user_id: String,
    /// At most 1024 characters.
    #[schema(required = false)]
    title: String,
    /// At most 8192 bytes.
    #[schema(required = false)]
    description: String,
    /// RFC 3339; the offset must be that of `time_zone` then. A date when `all_day`.
    #[schema(example = "2026-03-01T09:00:00+01:00")]
    starts_at: String,
    /// Likewise; when `all_day`, the day after the last.
    #[schema(example = "2026-03-01T10:00:00+01:00")]
    ends_at: String,
    /// IANA name. Without it times must be UTC.
    #[schema(example = "Europe/Prague")]
    time_zone: Option<String>,
    /// IANA name; null: the same as `time_zone`.
    end_time_zone: Option<String>,
    #[schema(required = false)]
    all_day: bool,
    /// RRULE:, RDATE: and EXDATE: lines (RFC 5545), one each.
    #[schema(required = false)]
    recurrence: Vec<String>,
    /// `confirmed` or `cancelled`.
    #[schema(required = false)]
    status: String,
    #[schema(format = "uuid")]
    resource_id: Option<String>,
    /// Customers of the same user.
    #[schema(required = false)]
    customer_ids: Vec<String>,
    /// `propose` (the default) or `none`: whether this change may propose mail to the customers. Write-only.
    #[schema(required = false)]
    mail: String,
}

/// What changes; fields that are not sent stay. A zone cannot change without `starts_at` and `ends_at`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
#[schema(description = "What changes; fields that are not sent stay.")]
pub struct BookingPatchBody {
    /// Hands the booking over to this user, a series with its changed occurrences. Whoever it is with is named by
    /// `customer_ids` in the same request: a customer belongs to one user.
    #[schema(required = false, format = "uuid")]
    user_id: String,
    #[schema(required = false)]
    title: String,
    #[schema(required = false)]
    description: String,
    #[schema(required = false)]
    starts_at: String,
    #[schema(required = false)]
    ends_at: String,
    time_zone: Option<String>,
    end_time_zone: Option<String>,
    #[schema(required = false)]
    all_day: bool,
    #[schema(required = false)]
    recurrence: Vec<String>,
    #[schema(required = false)]
    status: String,
    resource_id: Option<String>,
    #[schema(required = false)]
    customer_ids: Vec<String>,
    #[schema(required = false)]
    mail: String,
}

/// What changes of one occurrence; fields that are not sent stay. A zone cannot change without `starts_at` and `ends_at`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
#[schema(description = "What changes of one occurrence; fields that are not sent stay.")]
pub struct OccurrencePatchBody {
    #[schema(required = false)]
    title: String,
    #[schema(required = false)]
    description: String,
    #[schema(required = false)]
    starts_at: String,
    #[schema(required = false)]
    ends_at: String,
    time_zone: Option<String>,
    end_time_zone: Option<String>,
    #[schema(required = false)]
    all_day: bool,
    #[schema(required = false)]
    recurrence: Vec<String>,
    #[schema(required = false)]
    status: String,
    resource_id: Option<String>,
    #[schema(required = false)]
    customer_ids: Vec<String>,
    #[schema(required = false)]
    mail: String,
}

/// What is shown but not written.
const READ_ONLY: [&str; 11] = [
    "id",
    "location",
    "origin",
    "writable",
    "has_guests",
    "words",
    "frozen",
    "version",
    "created_at",
    "updated_at",
    "problem",
];

/// Reads the fields that a new booking and a patch share.
pub fn read_edit(fields: &mut Fields) -> BookingEdit {
    let edit = BookingEdit {
        user_id: None,
        title: fields.text("title"),
        description: fields.text("description"),
        starts_at: fields.text("starts_at"),
        ends_at: fields.text("ends_at"),
        time_zone: fields.nullable_text("time_zone"),
        end_time_zone: fields.nullable_text("end_time_zone"),
        all_day: fields.flag("all_day"),
        recurrence: fields.texts("recurrence"),
        status: fields.text("status"),
        resource_id: fields.nullable_text("resource_id"),
        customer_ids: fields.texts("customer_ids"),
        mail: fields.text("mail"),
        bad: Vec::new(),
    };
    fields.read_only(&READ_ONLY, "");
    fields.read_only(
        &["series_id", "original_start"],
        ": change an occurrence at /bookings/{series}/occurrences/{original_start}",
    );
    edit
}

impl From<&BookingView> for BookingBody {
    fn from(view: &BookingView) -> Self {
        let (row, facts) = (&view.row, &view.facts);
        let (span, problem) = match (&view.unchanged, row.read()) {
            (Some(occurrence), _) => (Some(occurrence.span), None),
            (None, Ok(booking)) => (Some(booking.content.when.span), None),
            (None, Err(problem)) => (None, Some(problem.to_string())),
        };
        let (series_id, original_start, recurrence) = match &view.unchanged {
            Some(occurrence) => (
                Some(row.id.to_string()),
                Some(occurrence.original_start.to_string()),
                Vec::new(),
            ),
            None => (
                row.text.series_id.clone(),
                row.text.original_start.clone(),
                row.text.recurrence.lines().map(str::to_owned).collect(),
            ),
        };
        let times = span.map(Times::of).unwrap_or_default();
        Self {
            id: row.id.to_string(),
            user_id: row.user_id.to_string(),
            title: row.text.title.clone(),
            starts_at: times.starts_at,
            ends_at: times.ends_at,
            time_zone: times.time_zone,
            end_time_zone: times.end_time_zone,
            all_day: row.text.all_day != 0,
            description: row.text.description.clone(),
            location: row.text.location.clone(),
            resource_id: row.text.resource_id.clone(),
            customer_ids: row.customer_ids.iter().map(ToString::to_string).collect(),
            status: row.text.status.clone(),
            recurrence,
            series_id,
            original_start,
            origin: row.text.origin.clone(),
            writable: facts.writable,
            has_guests: facts.has_guests,
            words: facts.words.as_str().to_owned(),
            frozen: facts.frozen.clone(),
            version: view.version(),
            created_at: page::instant(row.created_at),
            updated_at: page::instant(row.updated_at),
            proposals: view.proposals.iter().map(ToString::to_string).collect(),
            problem,
        }
    }
}

/// A span as the API writes it.
#[derive(Default)]
struct Times {
    starts_at: Option<String>,
    ends_at: Option<String>,
    time_zone: Option<String>,
    end_time_zone: Option<String>,
}

impl Times {
    fn of(span: Span) -> Self {
        match span {
            Span::AllDay { start, end } => Self {
                starts_at: Some(OriginalStart::Date(start).to_string()),
                ends_at: Some(OriginalStart::Date(end).to_string()),
                time_zone: None,
                end_time_zone: None,
            },
            Span::Timed { start, end } => Self {
                starts_at: Some(start.rfc3339()),
                ends_at: Some(end.rfc3339()),
                time_zone: Some(start.zone.name().to_owned()),
                end_time_zone: (end.zone != start.zone).then(|| end.zone.name().to_owned()),
            },
        }
    }
}
