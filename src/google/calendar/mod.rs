//! Google Calendar, method by method.
//!
//! Every request names the fields it wants, every write asks Google to send no mail, and no method retries: the caller
//! decides by the class of the error. Pages are read item by item, so that one unreadable event spoils nothing else.
pub mod event_body;
pub mod event_json;
mod list;

pub use event_body::{Target, insert_body, patch_body};
pub use event_json::{Broken, ParsedItem, Reading};
pub use list::{CalendarEntry, ListParameters, Page, PageEnd, Query};

use super::error::GoogleError;
use super::transport::{Call, Transport};
use super::url;
use crate::domain::ids::{CalendarId, EventId};
use crate::domain::time::OriginalStart;
use chrono::{DateTime, SecondsFormat, Utc};
use http::Method;
use list::{CalendarListPage, EventsPage, ListEntry};
use secrecy::SecretString;
use serde_json::Value;
use serde_json::value::RawValue;
use std::sync::Arc;

/// The only fields of an event that are ever requested. The key of our private property has a dot in it, which no mask can
/// name, so the map comes whole and other keys are dropped while parsing.
const EVENT_FIELDS: &str = "id,etag,status,summary,description,location,start,end,recurrence,recurringEventId,\
    originalStartTime,iCalUID,updated,visibility,eventType,organizer(self),attendees(self,responseStatus),\
    attendeesOmitted,extendedProperties/private";
const ENTRY_FIELDS: &str = "id,summary,timeZone,accessRole,primary,deleted,hidden";
/// With more guests than one Google names only the user's own entry and says that it left out others.
const ONE_ATTENDEE: (&str, &str) = ("maxAttendees", "1");
const NO_MAIL: (&str, &str) = ("sendUpdates", "none");

/// The Calendar API at one address.
#[derive(Clone)]
pub struct CalendarApi {
    transport: Arc<Transport>,
    base_url: Arc<str>,
}

impl CalendarApi {
    /// The API at `base_url`, for example `https://www.googleapis.com/calendar/v3/`.
    pub fn new(transport: Arc<Transport>, base_url: &str) -> Self {
        Self {
            transport,
            base_url: base_url.into(),
        }
    }

    /// All calendars in the user's list, hidden ones too, all pages.
    pub async fn calendar_list(&self, access: &SecretString) -> Result<Vec<CalendarEntry>, GoogleError> {
        let fields = format!("kind,nextPageToken,items({ENTRY_FIELDS})");
        let mut entries = Vec::new();
        let mut page_token: Option<String> = None;
        loop {
            let mut query = vec![("maxResults", "250"), ("showHidden", "true"), ("fields", &fields)];
            query.extend(page_token.as_deref().map(|token| ("pageToken", token)));
            let page: CalendarListPage = self.get(access, &["users", "me", "calendarList"], &query).await?;
            list::expect_kind(page.kind.as_deref(), "calendar#calendarList")?;
            for entry in page.items.unwrap_or_default() {
                entries.push(entry.into_entry()?);
            }
            page_token = list::following(page_token, page.next_page_token)?;
            if page_token.is_none() {
                return Ok(entries);
            }
        }
    }

    /// One calendar as it stands in the user's list: tells its role and zone, and that the calendar itself answers.
    pub async fn calendar(&self, access: &SecretString, id: &CalendarId) -> Result<CalendarEntry, GoogleError> {
        let fields = format!("kind,{ENTRY_FIELDS}");
        let path = ["users", "me", "calendarList", id.as_str()];
        let entry: ListEntry = self.get(access, &path, &[("fields", &fields)]).await?;
        list::expect_kind(entry.kind.as_deref(), "calendar#calendarListEntry")?;
        entry.into_entry()
    }

    /// One page of events: of a full listing, or of what changed since a sync token.
    pub async fn list_events(
        &self,
        access: &SecretString,
        calendar: &CalendarId,
        reading: &Reading,
        query: &Query<'_>,
    ) -> Result<Page, GoogleError> {
        let pairs = query.pairs();
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let page: Result<EventsPage, _> = self
            .get(access, &["calendars", calendar.as_str(), "events"], &pairs)
            .await;
        match page {
            Ok(page) => page.into_page(reading),
            // A list has nothing that could be gone but its token; whatever the reason is called, it is void.
            Err(mut error) => {
                if query.since.is_some()
                    && let Some(refusal) = error.refusal_mut()
                    && refusal.status == 410
                {
                    refusal.reason = Some("fullSyncRequired".into());
                }
                Err(error)
            }
        }
    }

    /// One event; a deleted one comes as cancelled for as long as Google remembers it.
    pub async fn get_event(
        &self,
        access: &SecretString,
        calendar: &CalendarId,
        reading: &Reading,
        id: &EventId,
    ) -> Result<ParsedItem, GoogleError> {
        let fields = event_fields();
        let path = ["calendars", calendar.as_str(), "events", id.as_str()];
        let item: Box<RawValue> = self.get(access, &path, &[ONE_ATTENDEE, ("fields", &fields)]).await?;
        single(&item, reading)
    }

    /// Creates an event under the id in the body (see [`insert_body`]), which makes a repetition safe.
    pub async fn insert_event(
        &self,
        access: &SecretString,
        calendar: &CalendarId,
        reading: &Reading,
        body: &Value,
    ) -> Result<ParsedItem, GoogleError> {
        let url = self.write_url(&["calendars", calendar.as_str(), "events"])?;
        let reply = self
            .transport
            .send(Call::new(Method::POST, url).bearer(access).json(body))
            .await?;
        single(&reply.json::<Box<RawValue>>()?, reading)
    }

    /// Changes the fields in the body (see [`patch_body`]) if the event still has this etag.
    pub async fn patch_event(
        &self,
        access: &SecretString,
        calendar: &CalendarId,
        reading: &Reading,
        id: &EventId,
        etag: Option<&str>,
        body: &Value,
    ) -> Result<ParsedItem, GoogleError> {
        let url = self.write_url(&["calendars", calendar.as_str(), "events", id.as_str()])?;
        let call = Call::new(Method::PATCH, url).bearer(access).if_match(etag).json(body);
        single(&self.transport.send(call).await?.json::<Box<RawValue>>()?, reading)
    }

    /// Deletes an event if it still has this etag. One that is already gone is an error of class `Gone`.
    pub async fn delete_event(
        &self,
        access: &SecretString,
        calendar: &CalendarId,
        id: &EventId,
        etag: Option<&str>,
    ) -> Result<(), GoogleError> {
        let url = url::join(
            &self.base_url,
            &["calendars", calendar.as_str(), "events", id.as_str()],
            &[NO_MAIL],
        )?;
        self.transport
            .send(Call::new(Method::DELETE, url).bearer(access).if_match(etag))
            .await
            .map(|_| ())
    }

    /// Moves an event to another calendar of the same account; id and iCalUID stay.
    ///
    /// Google answers with the event as the old calendar sees it, cancelled, so the answer is not given on: get the event
    /// from its new calendar.
    pub async fn move_event(
        &self,
        access: &SecretString,
        from: &CalendarId,
        id: &EventId,
        to: &CalendarId,
        etag: Option<&str>,
    ) -> Result<(), GoogleError> {
        // An empty destination would be Google's to interpret.
        if to.as_str().is_empty() {
            return Err(GoogleError::unsendable("an id is empty"));
        }
        let query = [("destination", to.as_str()), NO_MAIL, ("fields", "id")];
        let url = url::join(
            &self.base_url,
            &["calendars", from.as_str(), "events", id.as_str(), "move"],
            &query,
        )?;
        self.transport
            .send(Call::new(Method::POST, url).bearer(access).if_match(etag))
            .await
            .map(|_| ())
    }

    /// The occurrences of a series, all pages: the one that would have started at `original_start`, or those inside the
    /// window (end after its first instant, start before its second).
    pub async fn instances(
        &self,
        access: &SecretString,
        calendar: &CalendarId,
        reading: &Reading,
        series: &EventId,
        wanted: &Wanted,
    ) -> Result<Vec<ParsedItem>, GoogleError> {
        let fields = format!("kind,nextPageToken,timeZone,accessRole,items({EVENT_FIELDS})");
        let mut query = vec![ONE_ATTENDEE, ("maxResults", "250"), ("fields", &fields)];
        let original_start = wanted.original_start.map(|start| match start {
            OriginalStart::Date(date) => date.to_string(),
            OriginalStart::At(instant) => rfc3339(instant),
        });
        let window = wanted.window.map(|(from, to)| (rfc3339(from), rfc3339(to)));
        query.extend(original_start.as_deref().map(|start| ("originalStart", start)));
        if let Some((from, to)) = &window {
            query.extend([("timeMin", from.as_str()), ("timeMax", to.as_str())]);
        }
        if wanted.show_deleted {
            query.push(("showDeleted", "true"));
        }
        let path = ["calendars", calendar.as_str(), "events", series.as_str(), "instances"];
        self.all_items(access, &path, reading, &query).await
    }

    /// The events with this iCalUID that end after `window_start`, all pages: a series comes with its changed and cancelled
    /// occurrences, as in a full listing.
    pub async fn events_of(
        &self,
        access: &SecretString,
        calendar: &CalendarId,
        reading: &Reading,
        ical_uid: &str,
        window_start: DateTime<Utc>,
    ) -> Result<Vec<ParsedItem>, GoogleError> {
        let fields = format!("kind,nextPageToken,timeZone,accessRole,items({EVENT_FIELDS})");
        let window_start = rfc3339(window_start);
        let query = [
            ONE_ATTENDEE,
            ("iCalUID", ical_uid),
            ("singleEvents", "false"),
            ("timeMin", window_start.as_str()),
            ("maxResults", "250"),
            ("fields", fields.as_str()),
        ];
        let path = ["calendars", calendar.as_str(), "events"];
        self.all_items(access, &path, reading, &query).await
    }

    /// The items of all pages of a listing that has no sync token.
    async fn all_items(
        &self,
        access: &SecretString,
        path: &[&str],
        reading: &Reading,
        query: &[(&str, &str)],
    ) -> Result<Vec<ParsedItem>, GoogleError> {
        let mut items = Vec::new();
        let mut page_token: Option<String> = None;
        loop {
            let mut query = query.to_vec();
            query.extend(page_token.as_deref().map(|token| ("pageToken", token)));
            let page: EventsPage = self.get(access, path, &query).await?;
            let next = page.next_page_token.clone();
            items.extend(page.parse_items(reading)?);
            page_token = list::following(page_token, next)?;
            if page_token.is_none() {
                return Ok(items);
            }
        }
    }

    async fn get<T: serde::de::DeserializeOwned>(
        &self,
        access: &SecretString,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, GoogleError> {
        let url = url::join(&self.base_url, path, query)?;
        self.transport
            .send(Call::new(Method::GET, url).bearer(access))
            .await?
            .json()
    }

    fn write_url(&self, path: &[&str]) -> Result<String, GoogleError> {
        url::join(
            &self.base_url,
            path,
            &[NO_MAIL, ONE_ATTENDEE, ("fields", &event_fields())],
        )
    }
}

/// Which occurrences of a series.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Only the one that would have started then.
    pub original_start: Option<OriginalStart>,
    /// Only those that touch this window.
    pub window: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// Cancelled ones too; without it the look-up of a cancelled occurrence finds nothing.
    pub show_deleted: bool,
}

fn event_fields() -> String {
    format!("kind,{EVENT_FIELDS}")
}

/// Google ignores parts of seconds in bounds and wants an offset.
fn rfc3339(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn single(item: &RawValue, reading: &Reading) -> Result<ParsedItem, GoogleError> {
    #[derive(serde::Deserialize)]
    struct Kind {
        kind: Option<String>,
    }
    let kind: Kind =
        serde_json::from_str(item.get()).map_err(|_| GoogleError::protocol("an event was expected, not this"))?;
    list::expect_kind(kind.kind.as_deref(), "calendar#event")?;
    Ok(event_json::parse(item, reading))
}
