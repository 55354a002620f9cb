//! The part of a mail that the recipient's calendar reads: one event with the tenant as organizer and one attendee.
//!
//! It follows RFC 5545, and RFC 5546 for what REQUEST and CANCEL must carry. There is never a description, an alarm or
//! another customer in it. Every zone is explained by a `VTIMEZONE`; what cannot be said in local time (the second of two
//! equal times) is said in UTC. It does not know what was sent before: uid and sequence are handed in.
use crate::domain::mail::{CalendarPart, Mailbox, Method, one_line};
use crate::domain::time::{Fold, OriginalStart, Span, Zoned};
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use chrono_tz::Tz;
use icalendar::{Calendar, Component, Event, EventLike, Property};

mod recurrence;
mod zone;

/// What a calendar is told.
#[derive(Debug, Clone, PartialEq)]
pub struct CalendarFacts {
    /// The same for every mail about this booking, and for all occurrences of a series.
    pub uid: String,
    /// Rises with every change that is mailed (RFC 5546, 2.1.4).
    pub sequence: i64,
    /// When this was written; fixed with the letter.
    pub dtstamp: DateTime<Utc>,
    /// Whether it takes place.
    pub method: Method,
    /// From when to when; of a series, the first span.
    pub span: Span,
    /// `RRULE:`, `RDATE:`, `EXDATE:` lines as stored; none for a single booking and for an occurrence.
    pub recurrence: Vec<String>,
    /// Which occurrence of a series this is about.
    pub recurrence_id: Option<OriginalStart>,
    /// The first span of that series: its zone is that of the `RECURRENCE-ID`.
    pub series_span: Option<Span>,
    /// The title.
    pub summary: String,
    /// Place or resource.
    pub location: Option<String>,
    /// The tenant.
    pub organizer: Mailbox,
    /// The recipient.
    pub attendee: Mailbox,
}

/// Who wrote the object (RFC 5545, 3.7.3).
const PRODID: &str = "-//Accord//Accord//EN";

/// Writes the calendar object. Texts are made one line each first; the same facts give the same bytes.
pub fn calendar_part(facts: &CalendarFacts) -> CalendarPart {
    let mut event = Event::new();
    event.uid(&one_line(&facts.uid));
    event.timestamp(facts.dtstamp);
    // An INTEGER (RFC 5545, 3.3.8) has 32 bits.
    event.add_property("SEQUENCE", facts.sequence.clamp(0, i64::from(i32::MAX)).to_string());
    event.summary(&one_line(&facts.summary));
    if let Some(location) = facts
        .location
        .as_deref()
        .map(one_line)
        .filter(|place| !place.is_empty())
    {
        event.location(&location);
    }
    event.add_property(
        "STATUS",
        match facts.method {
            Method::Request => "CONFIRMED",
            Method::Cancel => "CANCELLED",
        },
    );
    event.add_property("TRANSP", "OPAQUE");
    event.append_property(organizer(&facts.organizer));
    event.append_multi_property(attendee(&facts.attendee));

    let recurs = !facts.recurrence.is_empty() && facts.recurrence_id.is_none();
    let mut used = Vec::new();
    for (name, moment) in ["DTSTART", "DTEND"].into_iter().zip(ends(&facts.span, recurs)) {
        event.append_property(moment.property(name));
        used.extend(moment.zone());
    }
    if let Some(original) = facts.recurrence_id {
        let moment = original_moment(original, facts.series_span.as_ref());
        event.append_property(moment.property("RECURRENCE-ID"));
        used.extend(moment.zone());
    }
    if recurs {
        for property in recurrence::properties(&facts.recurrence, &facts.span) {
            event.append_multi_property(property);
        }
    }

    let mut calendar = Calendar::empty();
    calendar.append_property(Property::new("VERSION", "2.0"));
    calendar.append_property(Property::new("PRODID", PRODID));
    calendar.append_property(Property::new("CALSCALE", "GREGORIAN"));
    calendar.append_property(Property::new("METHOD", facts.method.as_str()));
    used.sort_by_key(|zone| zone.name());
    used.dedup();
    calendar.push(event.done());
    let zones: String = used
        .into_iter()
        .map(|zone| zone::component(zone, zone::period(facts, zone)))
        .collect();
    CalendarPart {
        method: facts.method,
        // Zones stand before the events that use them. No value has a line end in it, so that the first such line begins the event.
        text: calendar
            .to_string()
            .replacen("BEGIN:VEVENT\r\n", &format!("{zones}BEGIN:VEVENT\r\n"), 1),
    }
}

/// A date or time as a property has it.
enum Moment {
    Day(NaiveDate),
    Utc(DateTime<Utc>),
    Local(NaiveDateTime, Tz),
}

impl Moment {
    /// In local time where that is without doubt.
    fn of(time: &Zoned) -> Self {
        if is_utc(time.zone) || time.fold == Fold::Later {
            Self::Utc(time.instant())
        } else {
            Self::Local(time.local, time.zone)
        }
    }

    fn zone(&self) -> Option<Tz> {
        match self {
            Self::Local(_, zone) => Some(*zone),
            Self::Day(_) | Self::Utc(_) => None,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Day(day) => day.format("%Y%m%d").to_string(),
            Self::Utc(instant) => instant.format("%Y%m%dT%H%M%SZ").to_string(),
            Self::Local(local, _) => local.format("%Y%m%dT%H%M%S").to_string(),
        }
    }

    fn property(&self, name: &str) -> Property {
        let mut property = Property::new(name, self.text());
        match self {
            Self::Day(_) => drop(property.add_parameter("VALUE", "DATE")),
            Self::Utc(_) => {}
            Self::Local(_, zone) => drop(property.add_parameter("TZID", zone.name())),
        }
        property
    }
}

/// `Z` needs no zone to be explained.
fn is_utc(zone: Tz) -> bool {
    matches!(
        zone,
        Tz::UTC | Tz::Etc__UTC | Tz::Etc__UCT | Tz::Etc__Universal | Tz::Etc__Zulu | Tz::UCT | Tz::Universal | Tz::Zulu
    )
}

/// Start and end. A time that does not exist is written as the one that it means, as clients disagree about it, and both in
/// UTC when one of them is the second of two equal times. A series must stay in local time: its rule counts on that clock.
fn ends(span: &Span, recurs: bool) -> [Moment; 2] {
    match span {
        Span::AllDay { start, end } => [Moment::Day(*start), Moment::Day(*end)],
        Span::Timed { start, end } if recurs && !is_utc(start.zone) => {
            let end_moment = Moment::of(&Zoned::from_instant(end.instant(), end.zone));
            [Moment::Local(start.local, start.zone), end_moment]
        }
        Span::Timed { start, end } => {
            if start.fold == Fold::Later || end.fold == Fold::Later {
                return [Moment::Utc(start.instant()), Moment::Utc(end.instant())];
            }
            [start, end].map(|time| Moment::of(&Zoned::from_instant(time.instant(), time.zone)))
        }
    }
}

/// RFC 5545, 3.8.4.4: of the same type as the start of the series, and on its clock.
fn original_moment(original: OriginalStart, series: Option<&Span>) -> Moment {
    match (original, series) {
        (OriginalStart::Date(date), _) => Moment::Day(date),
        (OriginalStart::At(instant), Some(Span::Timed { start, .. })) => {
            Moment::of(&Zoned::from_instant(instant, start.zone))
        }
        (OriginalStart::At(instant), _) => Moment::Utc(instant),
    }
}

fn organizer(mailbox: &Mailbox) -> Property {
    named("ORGANIZER", mailbox)
}

/// The customer is told, not asked: RSVP=FALSE. Nobody has said yes for them, so that NEEDS-ACTION is the truth.
fn attendee(mailbox: &Mailbox) -> Property {
    let mut property = named("ATTENDEE", mailbox);
    property.add_parameter("CUTYPE", "INDIVIDUAL");
    property.add_parameter("ROLE", "REQ-PARTICIPANT");
    property.add_parameter("PARTSTAT", "NEEDS-ACTION");
    property.add_parameter("RSVP", "FALSE");
    property
}

/// The crate quotes names that need it, but neither a quote inside of them nor a control character: they cannot be written
/// in a parameter (RFC 5545, 3.2), so that both are gone before.
fn named(name: &str, mailbox: &Mailbox) -> Property {
    let mut property = Property::new(name, format!("mailto:{}", mail_uri(&mailbox.address)));
    let shown = one_line(&mailbox.name.replace('"', "'"));
    if !shown.is_empty() {
        property.add_parameter("CN", &shown);
    }
    property
}

/// What has a meaning in a URI is percent-encoded (RFC 6068, 2); letters beyond ASCII stay, as calendars compare them so.
fn mail_uri(address: &str) -> String {
    let mut uri = String::new();
    for c in one_line(address).chars() {
        if "%/?#[]&;=^`{|}\"<>\\ ".contains(c) {
            uri += &format!("%{:02X}", u32::from(c));
        } else {
            uri.push(c);
        }
    }
    uri
}

#[cfg(test)]
mod tests;
