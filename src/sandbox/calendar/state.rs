//! What the pretend Google remembers: users, calendars, events, sharing, and the strictly growing stamp of every change.
use super::errors::Refusal;
use super::paging::Listing;
use super::recurrence::Series;
use super::time::{self, When};
use chrono_tz::Tz;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, VecDeque};

/// A JSON object.
pub type Object = Map<String, Value>;

/// What a user may do with a calendar, weakest first, by Google's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    FreeBusyReader,
    Reader,
    WriterWithoutPrivateAccess,
    Writer,
    Owner,
}

impl Role {
    /// From Google's spelling; `none` and nonsense are `None`.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "freeBusyReader" => Role::FreeBusyReader,
            "reader" => Role::Reader,
            "writerWithoutPrivateAccess" => Role::WriterWithoutPrivateAccess,
            "writer" => Role::Writer,
            "owner" => Role::Owner,
            _ => return None,
        })
    }

    /// Google's spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::FreeBusyReader => "freeBusyReader",
            Role::Reader => "reader",
            Role::WriterWithoutPrivateAccess => "writerWithoutPrivateAccess",
            Role::Writer => "writer",
            Role::Owner => "owner",
        }
    }
}

/// A pretend user.
#[derive(Debug, Clone, Default, Serialize)]
pub struct User {
    /// IANA name.
    pub time_zone: String,
    /// Calendar list entries by calendar id, removed ones included.
    pub list: BTreeMap<String, ListEntry>,
    /// Generation of the calendar list's sync tokens.
    pub list_epoch: u64,
    /// When this user created secondary calendars, in microseconds: deleting them refunds nothing.
    pub creations: Vec<i64>,
}

/// One user's own view of a calendar.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ListEntry {
    /// The fields that the user may write.
    pub fields: Object,
    /// Removed from the list.
    pub deleted: bool,
    /// Position of the last change that a delta shows.
    pub changed: u64,
    /// Stamp of that change, for the etag.
    pub stamp: i64,
}

/// An access rule.
#[derive(Debug, Clone, Serialize)]
pub struct Rule {
    /// `None` is a removed rule (`none`).
    pub role: Option<Role>,
    /// Position of the last change.
    pub changed: u64,
    /// Stamp of the last change.
    pub stamp: i64,
}

/// A calendar with its events.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Calendar {
    /// `summary`, `description`, `location`, `timeZone` and what else a user may write.
    pub fields: Object,
    /// The user whose primary calendar it is.
    pub primary_of: Option<String>,
    /// The user who owns its data.
    pub data_owner: String,
    /// Access rules by id (`user:a@b.c`, `domain:b.c`, `default`).
    pub acl: BTreeMap<String, Rule>,
    /// Stamp of the last change of the calendar itself.
    pub stamp: i64,
    /// Generation of its sync tokens.
    pub epoch: u64,
    /// Tokens older than this position would miss purged tombstones.
    pub purged: u64,
    /// Events by id, tombstones and exceptions included; unchanged instances are virtual.
    pub events: BTreeMap<String, Event>,
    /// How many full lists will be empty although events exist.
    pub empty_lists: u64,
}

/// Why an event is gone, which decides what is still shown of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Gone {
    /// Deleted where it was organized, or removed by the guest: details stay readable.
    Deleted,
    /// Withdrawn by others (moved away, cancelled by the organizer): only the id is certain.
    Withdrawn,
    /// An exception whose series no longer has that occurrence.
    Dropped,
}

/// A stored event: single, series, exception or tombstone.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Event {
    /// Its id in this calendar.
    pub id: String,
    /// Canonical fields; defaults are absent, times are UTC with their zone.
    pub fields: Object,
    /// Stamp of creation.
    pub created: i64,
    /// Stamp of the last change; the etag is twice this.
    pub updated: i64,
    /// Position of the last change that a delta shows.
    pub changed: u64,
    /// Reminders by user.
    pub reminders: BTreeMap<String, Value>,
    /// Set on tombstones.
    pub gone: Option<Gone>,
    /// Put there by a test: shown as it is.
    pub raw: bool,
    /// A private copy (import): never propagated, editable although the organizer is elsewhere.
    pub detached: bool,
    /// Instances have ids in the announced opaque form.
    pub opaque: bool,
    /// After a split: the series whose id the instance ids still carry.
    pub instance_base: Option<String>,
    /// Where it was earlier, in time: (position of the change away, start, end).
    pub past: Vec<(u64, i64, i64)>,
    /// Occurrences that the series lost: (position, original start in compact form).
    pub shed: Vec<(u64, String)>,
}

impl Event {
    /// A text field.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.fields.get(key)?.as_str()
    }

    /// The etag, quotes included.
    pub fn etag(&self) -> String {
        format!("\"{}\"", i128::from(self.updated) * 2)
    }

    /// Recurrence lines; empty on single events and exceptions.
    pub fn lines(&self) -> Vec<String> {
        let lines = self.fields.get("recurrence").and_then(Value::as_array);
        lines
            .into_iter()
            .flatten()
            .filter_map(|line| line.as_str().map(str::to_owned))
            .collect()
    }

    /// Whether it is a series.
    pub fn is_series(&self) -> bool {
        self.fields.get("recurrence").is_some_and(Value::is_array)
    }

    /// The series that it is an exception of.
    pub fn series_id(&self) -> Option<&str> {
        self.text("recurringEventId")
    }

    /// Its start.
    pub fn start(&self) -> Option<When> {
        time::stored(self.fields.get("start"))
    }

    /// Its end.
    pub fn end(&self) -> Option<When> {
        time::stored(self.fields.get("end"))
    }

    /// The occurrence that an exception replaces.
    pub fn original_start(&self) -> Option<When> {
        time::stored(self.fields.get("originalStartTime"))
    }

    /// The zone named by a time field.
    pub fn zone_of(&self, key: &str) -> Option<Tz> {
        time::zone(self.fields.get(key)?.get("timeZone")?.as_str()?)
    }

    /// The expandable series; `None` for single events and for poison.
    pub fn series(&self, calendar_zone: Tz) -> Option<Series> {
        let zone = self.zone_of("start").unwrap_or(calendar_zone);
        Series::read(&self.lines(), self.start()?, zone).ok()
    }

    /// The address of whoever organizes it.
    pub fn organizer(&self) -> &str {
        let organizer = self.fields.get("organizer").and_then(|o| o.get("email"));
        organizer.and_then(Value::as_str).unwrap_or_default()
    }

    /// First start and last end in microseconds; `i64` extremes where unknown or endless.
    pub fn extent(&self, calendar_zone: Tz) -> (i64, i64) {
        let (Some(start), Some(end)) = (self.start(), self.end()) else {
            return (i64::MIN, i64::MAX);
        };
        let (first, close) = (start.micros(calendar_zone), end.micros(calendar_zone));
        if !self.is_series() {
            return (first, close);
        }
        match self.series(calendar_zone) {
            Some(series) if !series.endless() => match series.last() {
                Some(last) => (first, last.micros(calendar_zone) + (close - first)),
                None => (first, close),
            },
            _ => (first, i64::MAX),
        }
    }
}

impl Calendar {
    /// Its zone; UTC when nonsense was seeded.
    pub fn zone(&self) -> Tz {
        let name = self.fields.get("timeZone").and_then(Value::as_str);
        name.and_then(time::zone).unwrap_or(Tz::UTC)
    }

    /// Its title.
    pub fn summary(&self) -> &str {
        let summary = self.fields.get("summary").and_then(Value::as_str);
        summary.unwrap_or_default()
    }
}

/// Switches that tests turn.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Switches {
    /// At most so many items on a page.
    pub page_size: Option<usize>,
    /// Every n-th page is empty.
    pub empty_page_every: Option<usize>,
    /// Exceptions come before their series.
    pub exceptions_first: bool,
    /// Every item comes twice.
    pub duplicate_items: bool,
    /// Pages in a scrambled order.
    pub shuffle_seed: Option<u64>,
    /// Cancelled exceptions in deltas carry only id and status.
    pub sparse_cancelled: bool,
    /// New series give their instances opaque ids.
    pub opaque_instance_ids: bool,
    /// Lists carry neither page nor sync token.
    pub hide_page_tokens: bool,
    /// What a delta with a window says of an event that left it.
    pub window_leavers: Leavers,
}

/// What a delta with a window says of an event that left the window. Google does not document it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub enum Leavers {
    /// The whole event, outside the window as it now is.
    #[default]
    Whole,
    /// Nothing.
    Omitted,
    /// A cancelled stub.
    Cancelled,
}

/// A room that has not answered yet.
#[derive(Debug, Clone, Serialize)]
pub struct PendingRoom {
    /// When it will answer, in microseconds.
    pub due: i64,
    /// Organizer's calendar.
    pub calendar: String,
    /// Event there.
    pub event: String,
    /// The room's address.
    pub room: String,
}

/// Everything.
#[derive(Debug, Default, Serialize)]
pub struct State {
    /// By lower-case e-mail.
    pub users: BTreeMap<String, User>,
    /// By id.
    pub calendars: BTreeMap<String, Calendar>,
    /// Test switches.
    pub switches: Switches,
    /// Rooms that will answer.
    pub rooms: Vec<PendingRoom>,
    /// Position of the last change.
    pub position: u64,
    last_stamp: i64,
    made_ids: u64,
    /// Remembered listings, oldest first, for their later pages.
    #[serde(skip)]
    pub listings: VecDeque<(u64, Listing)>,
}

impl State {
    /// A stamp in microseconds: whole milliseconds, as seen at Google, and later than every other stamp.
    pub fn stamp(&mut self, now_us: i64) -> i64 {
        let now = now_us - now_us.rem_euclid(1000);
        self.last_stamp = now.max(self.last_stamp + 1000);
        self.last_stamp
    }

    /// The position of a new change.
    pub fn next_position(&mut self) -> u64 {
        self.position += 1;
        self.position
    }

    /// A 26-character id as the server makes them.
    pub fn make_id(&mut self) -> String {
        use sha2::{Digest, Sha256};
        self.made_ids += 1;
        let digest = Sha256::digest(format!("accord sandbox {}", self.made_ids));
        super::tokens::base32hex(&digest[..16])
    }

    /// `primary` is the user's own address.
    pub fn calendar_id(&self, user: &str, id: &str) -> String {
        if id == "primary" {
            return user.to_owned();
        }
        // Mail addresses are case-insensitive; other ids are not.
        if self.calendars.contains_key(id) {
            id.to_owned()
        } else {
            id.to_lowercase()
        }
    }

    /// The role of a user; the strongest rule counts.
    pub fn role(&self, user: &str, calendar: &str) -> Option<Role> {
        let acl = &self.calendars.get(calendar)?.acl;
        let domain = user.split_once('@').map_or("", |(_, domain)| domain);
        [format!("user:{user}"), format!("domain:{domain}"), "default".to_owned()]
            .iter()
            .filter_map(|id| acl.get(id)?.role)
            .max()
    }

    /// The calendar, if the user sees it; 404 hides the rest.
    pub fn visible(&self, user: &str, id: &str) -> Result<(String, Role), Refusal> {
        let id = self.calendar_id(user, id);
        let role = self.role(user, &id).ok_or_else(Refusal::not_found)?;
        Ok((id, role))
    }

    /// The calendar, if the user may write to it.
    pub fn writable(&self, user: &str, id: &str) -> Result<(String, Role), Refusal> {
        let (id, role) = self.visible(user, id)?;
        if role < Role::WriterWithoutPrivateAccess {
            return Err(Refusal::access_level("writer"));
        }
        Ok((id, role))
    }

    /// The calendar, if the user owns it.
    pub fn owned(&self, user: &str, id: &str) -> Result<String, Refusal> {
        let (id, role) = self.visible(user, id)?;
        if role < Role::Owner {
            return Err(Refusal::access_level("owner"));
        }
        Ok(id)
    }

    /// A calendar that [`State::visible`] has found.
    pub fn calendar(&self, id: &str) -> Result<&Calendar, Refusal> {
        self.calendars.get(id).ok_or_else(Refusal::not_found)
    }

    /// The same, to change it.
    pub fn calendar_mut(&mut self, id: &str) -> Result<&mut Calendar, Refusal> {
        self.calendars.get_mut(id).ok_or_else(Refusal::not_found)
    }
}
