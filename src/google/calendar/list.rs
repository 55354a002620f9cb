//! Lists: what is asked, and when an answer counts as a page.
//!
//! A page is only believed when it says what it is and how it ends; an error document that was sent with status 200 would
//! otherwise pass as an empty page, and its end as "nothing is left".
use super::event_json::{self, ParsedItem, Reading};
use super::{EVENT_FIELDS, ONE_ATTENDEE, rfc3339};
use crate::domain::access::AccessRole;
use crate::domain::ids::CalendarId;
use crate::domain::time::parse_zone;
use crate::google::error::GoogleError;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

/// A calendar in the user's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarEntry {
    /// Its id; never the alias `primary`.
    pub id: CalendarId,
    /// Its title; empty when Google sends none.
    pub summary: String,
    /// Its zone; absent when Google sends none or one we do not know.
    pub time_zone: Option<Tz>,
    /// What the user may do.
    pub access_role: AccessRole,
    /// Whether it is the account's own calendar.
    pub primary: bool,
    /// Whether it was taken from the list.
    pub deleted: bool,
    /// Whether the user hid it.
    pub hidden: bool,
}

/// What stays the same in all requests of one sync token's life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListParameters {
    /// Events that ended before are left out of a full listing, and Google keeps that for the token's life.
    pub window_start: DateTime<Utc>,
    /// Events per page, at most 2500; may differ from request to request.
    pub page_size: u16,
}

impl ListParameters {
    /// Changes when a token must not be used any longer because the questions have changed since it was given.
    ///
    /// `window_start` is not part of it, because it moves with the calendar: remember beside a token the start that it was
    /// given for, and list in full when an earlier one is wanted.
    pub fn fingerprint() -> String {
        let fixed: String = fixed_pairs()
            .iter()
            .map(|(key, value)| format!("{key}={value}\n"))
            .collect();
        Sha256::digest(fixed)
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// Which page of which listing.
#[derive(Debug, Clone)]
pub struct Query<'a> {
    /// The same for every page.
    pub parameters: &'a ListParameters,
    /// The sync token; without it everything inside the window is listed. The same for every page.
    pub since: Option<&'a str>,
    /// The page token; absent for the first page.
    pub page: Option<&'a str>,
}

impl Query<'_> {
    /// `showDeleted` is never sent: a token implies it, and a full listing without it still names cancelled occurrences
    /// but not thousands of old tombstones (events that vanished are looked at one by one). `singleEvents` stays false
    /// because series are expanded here. `eventTypes` is unset so that no change of type hides an event.
    pub(super) fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = fixed_pairs();
        pairs.push(("maxResults", self.parameters.page_size.clamp(1, 2500).to_string()));
        match self.since {
            Some(token) => pairs.push(("syncToken", token.to_owned())),
            // Google refuses timeMin beside a token.
            None => pairs.push(("timeMin", rfc3339(self.parameters.window_start))),
        }
        pairs.extend(self.page.map(|token| ("pageToken", token.to_owned())));
        pairs
    }
}

fn fixed_pairs() -> Vec<(&'static str, String)> {
    vec![
        ("singleEvents", "false".to_owned()),
        (ONE_ATTENDEE.0, ONE_ATTENDEE.1.to_owned()),
        (
            "fields",
            format!("kind,timeZone,accessRole,nextPageToken,nextSyncToken,items({EVENT_FIELDS})"),
        ),
    ]
}

/// A page of events.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Its items, in Google's order, which means nothing. May be empty although more pages follow.
    pub items: Vec<ParsedItem>,
    /// What comes next.
    pub next: PageEnd,
    /// The calendar's zone at this moment.
    pub time_zone: Option<Tz>,
    /// The user's role at this moment.
    pub access_role: Option<AccessRole>,
}

/// How a page ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageEnd {
    /// With the token of the next page.
    More(String),
    /// As the last one, with the sync token for the next time.
    Done(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventsPage {
    kind: Option<String>,
    items: Option<Vec<Box<RawValue>>>,
    pub(super) next_page_token: Option<String>,
    next_sync_token: Option<String>,
    time_zone: Option<String>,
    access_role: Option<String>,
}

impl EventsPage {
    pub(super) fn into_page(self, reading: &Reading) -> Result<Page, GoogleError> {
        let next = match (self.next_page_token.clone(), self.next_sync_token.clone()) {
            (Some(page), None) if !page.is_empty() => PageEnd::More(page),
            (None, Some(sync)) if !sync.is_empty() => PageEnd::Done(sync),
            (Some(_), Some(_)) => return Err(GoogleError::protocol("a page has both a page token and a sync token")),
            _ => {
                return Err(GoogleError::protocol(
                    "a page has neither a page token nor a sync token",
                ));
            }
        };
        let time_zone = self.time_zone.as_deref().and_then(known_zone);
        let access_role = self.access_role.as_deref().map(AccessRole::from_google);
        Ok(Page {
            items: self.parse_items(reading)?,
            next,
            time_zone,
            access_role,
        })
    }

    /// The page's own zone and role are newer than what the caller remembers; of two roles the lesser one is believed.
    pub(super) fn parse_items(self, reading: &Reading) -> Result<Vec<ParsedItem>, GoogleError> {
        expect_kind(self.kind.as_deref(), "calendar#events")?;
        let role = self
            .access_role
            .as_deref()
            .map_or(reading.role, AccessRole::from_google);
        let reading = Reading {
            zone: self.time_zone.as_deref().and_then(known_zone).unwrap_or(reading.zone),
            role: role.min(reading.role),
            ..*reading
        };
        Ok(self
            .items
            .unwrap_or_default()
            .iter()
            .map(|item| event_json::parse(item, &reading))
            .collect())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CalendarListPage {
    pub(super) kind: Option<String>,
    pub(super) items: Option<Vec<ListEntry>>,
    pub(super) next_page_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListEntry {
    pub(super) kind: Option<String>,
    id: String,
    summary: Option<String>,
    time_zone: Option<String>,
    access_role: Option<String>,
    #[serde(default)]
    primary: bool,
    #[serde(default)]
    deleted: bool,
    #[serde(default)]
    hidden: bool,
}

impl ListEntry {
    pub(super) fn into_entry(self) -> Result<CalendarEntry, GoogleError> {
        if self.id.is_empty() {
            return Err(GoogleError::protocol("a calendar has an empty id"));
        }
        Ok(CalendarEntry {
            id: CalendarId(self.id),
            summary: self.summary.unwrap_or_default(),
            time_zone: self.time_zone.as_deref().and_then(known_zone),
            access_role: AccessRole::from_google(self.access_role.as_deref().unwrap_or_default()),
            primary: self.primary,
            deleted: self.deleted,
            hidden: self.hidden,
        })
    }
}

fn known_zone(name: &str) -> Option<Tz> {
    parse_zone(name).ok()
}

pub(super) fn expect_kind(kind: Option<&str>, expected: &str) -> Result<(), GoogleError> {
    if kind == Some(expected) {
        Ok(())
    } else {
        Err(GoogleError::protocol(format!("it is no {expected}")))
    }
}

/// The next page token; the same one twice would never end.
pub(super) fn following(current: Option<String>, next: Option<String>) -> Result<Option<String>, GoogleError> {
    if next.is_some() && next == current {
        return Err(GoogleError::protocol("a page names itself as the next"));
    }
    Ok(next)
}
