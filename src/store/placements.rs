//! Placements: the links between bookings and events, with what both sides last agreed on.
//!
//! A placement outlives what it links: a tombstone (`gone`) is how Accord knows that an event was deleted and must not
//! come back.
use super::{Row, StoreError, Tx, Value, list};
use crate::args;
use crate::domain::booking::Content;
use crate::domain::event::Words;
use crate::domain::ids::{AccountId, BookingId, CalendarId, EventId, TenantId};
use crate::domain::merge::{RemoteForm, Waiting};
use crate::domain::time::OriginalStart;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Where a placement stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlacementState {
    /// The event id is chosen and stored; whether Google has the event is not known yet.
    Creating,
    /// Both sides exist.
    Live,
    /// The event is cancelled or deleted, and both sides know.
    Gone,
    /// The booking was deleted in the app, but the event is not ours to delete.
    Hidden,
}

impl PlacementState {
    fn as_str(self) -> &'static str {
        match self {
            PlacementState::Creating => "creating",
            PlacementState::Live => "live",
            PlacementState::Gone => "gone",
            PlacementState::Hidden => "hidden",
        }
    }

    fn read(text: &str) -> PlacementState {
        match text {
            "creating" => PlacementState::Creating,
            "gone" => PlacementState::Gone,
            "hidden" => PlacementState::Hidden,
            _ => PlacementState::Live,
        }
    }
}

fn read_waiting(text: &str) -> Waiting {
    match text {
        "cancel" => Waiting::Cancel,
        "move" => Waiting::Move,
        "guests" => Waiting::Guests,
        "brake" => Waiting::Brake,
        "lead_lost" => Waiting::LeadLost,
        _ => Waiting::Conflict,
    }
}

/// A booking in one calendar.
#[derive(Debug, Clone, PartialEq)]
pub struct Placement {
    /// Tenant.
    pub tenant_id: TenantId,
    /// Calendar.
    pub calendar_id: CalendarId,
    /// Event.
    pub event_id: EventId,
    /// Booking; it may have been deleted.
    pub booking_id: BookingId,
    /// The account that leads it.
    pub account_id: AccountId,
    /// Whether this placement carries the booking's fields.
    pub is_lead: bool,
    /// Where it stands.
    pub state: PlacementState,
    /// RFC 5545 UID.
    pub ical_uid: Option<String>,
    /// The series' event, for an occurrence.
    pub series_event_id: Option<EventId>,
    /// Which occurrence.
    pub original_start: Option<OriginalStart>,
    /// As last seen; empty before the first answer.
    pub etag: String,
    /// Google's `updated` of what was last seen, ms.
    pub remote_updated_at: i64,
    /// Whether the words may be known.
    pub words: Words,
    /// Whether shared fields may be changed.
    pub is_writable: bool,
    /// Whether there are Google guests.
    pub has_guests: bool,
    /// Whether Accord inserted the event.
    pub is_ours: bool,
    /// The booking at the last agreement.
    pub base_local: Option<Content>,
    /// The event at the last agreement.
    pub base_remote: Option<RemoteForm>,
    /// Why it waits.
    pub waiting: Option<Waiting>,
    /// Who wins, as a person said: `app` or `google`.
    pub answer: Option<String>,
    /// When Google last showed it, ms; while the lead is lost, when the loss was seen.
    pub confirmed_at: i64,
    /// The booking that the event's mark names although it is another one's event.
    pub copied_from: Option<BookingId>,
    /// Of what was read; 0 of a new one. [`put`] writes over no other.
    pub revision: i64,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT tenant_id, calendar_id, event_id, booking_id, account_id, is_lead, state, ical_uid, series_event_id, ",
            "original_start, etag, remote_updated_at, words, is_writable, has_guests, is_ours, base_local, base_remote, ",
            "waiting, answer, confirmed_at, copied_from, revision FROM placements ",
            $rest
        )
    };
}

impl Placement {
    fn from_row(row: &Row) -> Result<Placement, StoreError> {
        Ok(Placement {
            tenant_id: row.parse("tenant_id")?,
            calendar_id: CalendarId(row.text("calendar_id")?),
            event_id: EventId(row.text("event_id")?),
            booking_id: row.parse("booking_id")?,
            account_id: row.parse("account_id")?,
            is_lead: row.flag("is_lead")?,
            state: PlacementState::read(&row.text("state")?),
            ical_uid: row.opt_text("ical_uid")?,
            series_event_id: row.opt_text("series_event_id")?.map(EventId),
            original_start: row.opt_parse("original_start")?,
            etag: row.text("etag")?,
            remote_updated_at: row.int("remote_updated_at")?,
            words: if row.text("words")? == "withheld" {
                Words::Withheld
            } else {
                Words::Shared
            },
            is_writable: row.flag("is_writable")?,
            has_guests: row.flag("has_guests")?,
            is_ours: row.flag("is_ours")?,
            base_local: row.opt_json("base_local")?,
            base_remote: row.opt_json("base_remote")?,
            waiting: row.opt_text("waiting")?.map(|text| read_waiting(&text)),
            answer: row.opt_text("answer")?,
            confirmed_at: row.int("confirmed_at")?,
            copied_from: row.opt_parse("copied_from")?,
            revision: row.int("revision")?,
        })
    }
}

fn read_all(rows: &[Row]) -> Result<Vec<Placement>, StoreError> {
    rows.iter().map(Placement::from_row).collect()
}

/// The placement of an event.
pub async fn get(
    tx: &mut Tx,
    tenant: TenantId,
    calendar: &CalendarId,
    event: &EventId,
) -> Result<Option<Placement>, StoreError> {
    Ok(get_many(tx, tenant, calendar, std::slice::from_ref(event)).await?.pop())
}

/// The placements of these events of a calendar; unknown ones are left out.
pub async fn get_many(
    tx: &mut Tx,
    tenant: TenantId,
    calendar: &CalendarId,
    events: &[EventId],
) -> Result<Vec<Placement>, StoreError> {
    const SQL: &str = select!("WHERE tenant_id = $1 AND calendar_id = $2 AND event_id IN LIST($3)");
    read_all(&tx.fetch_all(SQL, args![tenant, calendar, list(events)]).await?)
}

/// All placements of a booking, the lead first.
pub async fn of_booking(tx: &mut Tx, tenant: TenantId, booking: BookingId) -> Result<Vec<Placement>, StoreError> {
    const SQL: &str = select!("WHERE tenant_id = $1 AND booking_id = $2 ORDER BY is_lead DESC, calendar_id, event_id");
    read_all(&tx.fetch_all(SQL, args![tenant, booking]).await?)
}

/// The lead placements of these bookings.
pub async fn leads(tx: &mut Tx, tenant: TenantId, bookings: &[BookingId]) -> Result<Vec<Placement>, StoreError> {
    const SQL: &str = select!("WHERE tenant_id = $1 AND booking_id IN LIST($2) AND is_lead = 1");
    read_all(&tx.fetch_all(SQL, args![tenant, list(bookings)]).await?)
}

/// The placements of the changed occurrences of a series.
pub async fn of_series(
    tx: &mut Tx,
    tenant: TenantId,
    calendar: &CalendarId,
    series: &EventId,
) -> Result<Vec<Placement>, StoreError> {
    const SQL: &str = select!("WHERE tenant_id = $1 AND calendar_id = $2 AND series_event_id = $3 ORDER BY event_id");
    read_all(&tx.fetch_all(SQL, args![tenant, calendar, series]).await?)
}

/// The placements of the changed occurrences of these series.
pub async fn of_many_series(
    tx: &mut Tx,
    tenant: TenantId,
    calendar: &CalendarId,
    series: &[EventId],
) -> Result<Vec<Placement>, StoreError> {
    const SQL: &str =
        select!("WHERE tenant_id = $1 AND calendar_id = $2 AND series_event_id IN LIST($3) ORDER BY event_id");
    read_all(&tx.fetch_all(SQL, args![tenant, calendar, list(series)]).await?)
}

/// Which of these events' bookings are series with changed occurrences in the app, or with copies in this calendar
/// ([`copies_of`]).
pub async fn with_family(
    tx: &mut Tx,
    tenant: TenantId,
    calendar: &CalendarId,
    events: &[EventId],
) -> Result<HashSet<EventId>, StoreError> {
    const SERIES: &str = "SELECT event_id, booking_id FROM placements \
         WHERE tenant_id = $1 AND calendar_id = $2 AND event_id IN LIST($3)";
    const CHANGED: &str = "SELECT DISTINCT series_id AS booking_id FROM bookings \
         WHERE tenant_id = $1 AND series_id IN LIST($2)";
    const COPIED: &str = "SELECT DISTINCT copied_from AS booking_id FROM placements \
         WHERE tenant_id = $1 AND calendar_id = $2 AND copied_from IN LIST($3) AND copied_from IS NOT NULL";
    let mut series: HashMap<String, Vec<EventId>> = HashMap::new();
    for row in tx.fetch_all(SERIES, args![tenant, calendar, list(events)]).await? {
        series
            .entry(row.text("booking_id")?)
            .or_default()
            .push(EventId(row.text("event_id")?));
    }
    let bookings = list(series.keys());
    let mut rows = tx.fetch_all(CHANGED, args![tenant, bookings.clone()]).await?;
    rows.extend(tx.fetch_all(COPIED, args![tenant, calendar, bookings]).await?);
    let mut found = HashSet::new();
    for row in rows {
        found.extend(series.remove(&row.text("booking_id")?).unwrap_or_default());
    }
    Ok(found)
}

/// Placements of a calendar that a person has answered about, or that wait for other scopes.
pub async fn to_plan_again(tx: &mut Tx, tenant: TenantId, calendar: &CalendarId) -> Result<Vec<Placement>, StoreError> {
    const SQL: &str = select!(
        "WHERE tenant_id = $1 AND calendar_id = $2 AND waiting IS NOT NULL \
         AND (answer IS NOT NULL OR waiting = 'lead_lost') ORDER BY event_id"
    );
    read_all(&tx.fetch_all(SQL, args![tenant, calendar]).await?)
}

/// The placements of a calendar whose events are marked as these bookings' and are not.
pub async fn copies_of(
    tx: &mut Tx,
    tenant: TenantId,
    calendar: &CalendarId,
    bookings: &[BookingId],
) -> Result<Vec<Placement>, StoreError> {
    const SQL: &str = select!(
        "WHERE tenant_id = $1 AND calendar_id = $2 AND copied_from IN LIST($3) AND copied_from IS NOT NULL ORDER BY event_id"
    );
    read_all(&tx.fetch_all(SQL, args![tenant, calendar, list(bookings)]).await?)
}

/// Everything of an account that waits.
pub async fn waiting(tx: &mut Tx, tenant: TenantId, account: AccountId) -> Result<Vec<Placement>, StoreError> {
    const SQL: &str =
        select!("WHERE tenant_id = $1 AND account_id = $2 AND waiting IS NOT NULL ORDER BY calendar_id, event_id");
    read_all(&tx.fetch_all(SQL, args![tenant, account]).await?)
}

/// Live placements of a calendar that no listing has shown since `before` (ms): suspects after a full listing.
pub async fn not_confirmed_since(
    tx: &mut Tx,
    tenant: TenantId,
    account: AccountId,
    calendar: &CalendarId,
    before: i64,
) -> Result<Vec<EventId>, StoreError> {
    const SQL: &str = "SELECT event_id FROM placements \
         WHERE tenant_id = $1 AND account_id = $2 AND calendar_id = $3 AND state = 'live' AND confirmed_at < $4";
    let rows = tx.fetch_all(SQL, args![tenant, account, calendar, before]).await?;
    rows.iter().map(|row| Ok(EventId(row.text("event_id")?))).collect()
}

/// Notes that a full listing has shown these events; rows that this pass has written know it already.
pub async fn confirm(
    tx: &mut Tx,
    tenant: TenantId,
    calendar: &CalendarId,
    events: &[EventId],
    at: i64,
) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE placements SET confirmed_at = $4 \
         WHERE tenant_id = $1 AND calendar_id = $2 AND event_id IN LIST($3) AND confirmed_at < $4";
    tx.execute(SQL, args![tenant, calendar, list(events), at])
        .await
        .map(drop)
}

/// How many live lead placements a scope mirrors; what the brake's share is a share of.
pub async fn count_live(
    tx: &mut Tx,
    tenant: TenantId,
    account: AccountId,
    calendar: &CalendarId,
) -> Result<i64, StoreError> {
    const SQL: &str = "SELECT COUNT(*) AS n FROM placements \
         WHERE tenant_id = $1 AND calendar_id = $3 AND account_id = $2 AND is_lead = 1 AND state = 'live'";
    tx.fetch_all(SQL, args![tenant, account, calendar])
        .await?
        .first()
        .map_or(Ok(0), |row| row.int("n"))
}

/// How many live occurrences have no say of their own when these bookings are removed: those of the series among them.
pub async fn count_going_with(
    tx: &mut Tx,
    tenant: TenantId,
    calendar: &CalendarId,
    bookings: &[BookingId],
) -> Result<i64, StoreError> {
    const SQL: &str = "SELECT COUNT(*) AS n FROM placements \
         WHERE tenant_id = $1 AND calendar_id = $2 AND is_lead = 1 AND state = 'live' AND series_event_id IN ( \
             SELECT s.event_id FROM placements s \
             WHERE s.tenant_id = $1 AND s.calendar_id = $2 AND s.is_lead = 1 AND s.booking_id IN LIST($3)) \
         AND NOT booking_id IN LIST($3)";
    tx.fetch_all(SQL, args![tenant, calendar, list(bookings)])
        .await?
        .first()
        .map_or(Ok(0), |row| row.int("n"))
}

/// The lead placements of a tenant that are lost and wait for other scopes.
pub async fn lost_leads(tx: &mut Tx, tenant: TenantId) -> Result<Vec<Placement>, StoreError> {
    const SQL: &str =
        select!("WHERE tenant_id = $1 AND waiting = 'lead_lost' ORDER BY account_id, calendar_id, event_id");
    read_all(&tx.fetch_all(SQL, args![tenant]).await?)
}

/// Inserts `ROWS` or replaces those that have this revision, and gives back which it wrote.
macro_rules! upsert {
    ($read:literal) => {
        concat!(
            "INSERT INTO placements (tenant_id, calendar_id, event_id, booking_id, account_id, is_lead, state, \
                 ical_uid, series_event_id, original_start, etag, remote_updated_at, words, is_writable, has_guests, is_ours, \
                 base_local, base_remote, waiting, answer, confirmed_at, copied_from, revision) \
             VALUES ROWS \
             ON CONFLICT (tenant_id, calendar_id, event_id) DO UPDATE SET booking_id = excluded.booking_id, \
                 account_id = excluded.account_id, is_lead = excluded.is_lead, state = excluded.state, \
                 ical_uid = excluded.ical_uid, series_event_id = excluded.series_event_id, \
                 original_start = excluded.original_start, etag = excluded.etag, \
                 remote_updated_at = excluded.remote_updated_at, words = excluded.words, is_writable = excluded.is_writable, \
                 has_guests = excluded.has_guests, is_ours = excluded.is_ours, base_local = excluded.base_local, \
                 base_remote = excluded.base_remote, waiting = excluded.waiting, answer = excluded.answer, \
                 confirmed_at = excluded.confirmed_at, copied_from = excluded.copied_from, revision = excluded.revision \
             WHERE placements.revision = ",
            $read,
            " RETURNING event_id"
        )
    };
}

/// Inserts or replaces a placement.
///
/// # Errors
/// [`StoreError::Serialization`] if somebody has answered about it, or passed its lead on, since it was read.
pub async fn put(tx: &mut Tx, placement: &Placement) -> Result<(), StoreError> {
    put_many(tx, &[placement]).await
}

/// The same for many, each of which is named once.
///
/// # Errors
/// As [`put`], if that is so of any of them.
pub async fn put_many(tx: &mut Tx, all: &[&Placement]) -> Result<(), StoreError> {
    const SQL: &str = upsert!("excluded.revision");
    let rows = all.iter().map(|placement| values(placement, placement.revision));
    write(tx, SQL, rows.collect::<Result<_, _>>()?).await
}

/// The same by somebody other than the pass that leads the placement: what that pass has read of it is void.
///
/// # Errors
/// As [`put`].
pub async fn put_over(tx: &mut Tx, placement: &mut Placement) -> Result<(), StoreError> {
    const SQL: &str = upsert!("excluded.revision - 1");
    let row = values(placement, placement.revision + 1)?;
    write(tx, SQL, vec![row]).await?;
    placement.revision += 1;
    Ok(())
}

async fn write(tx: &mut Tx, sql: &'static str, rows: Vec<Vec<Value>>) -> Result<(), StoreError> {
    let count = rows.len();
    if tx.put_rows(sql, rows).await?.len() < count {
        return Err(StoreError::Serialization);
    }
    Ok(())
}

fn values(p: &Placement, revision: i64) -> Result<Vec<Value>, StoreError> {
    Ok(args![
        p.tenant_id,
        &p.calendar_id,
        &p.event_id,
        p.booking_id,
        p.account_id,
        p.is_lead,
        p.state.as_str(),
        p.ical_uid.clone(),
        p.series_event_id.as_ref(),
        p.original_start.map(|start| start.to_string()),
        &p.etag,
        p.remote_updated_at,
        p.words.as_str(),
        p.is_writable,
        p.has_guests,
        p.is_ours,
        json(&p.base_local)?,
        json(&p.base_remote)?,
        p.waiting.map(Waiting::as_str),
        p.answer.clone(),
        p.confirmed_at,
        p.copied_from,
        revision
    ])
}

fn json<T: serde::Serialize>(value: &Option<T>) -> Result<Option<String>, StoreError> {
    value
        .as_ref()
        .map(|value| serde_json::to_string(value).map_err(|error| StoreError::Other(error.to_string())))
        .transpose()
}

/// Forgets a placement whose event never came to be.
pub async fn remove(tx: &mut Tx, tenant: TenantId, calendar: &CalendarId, event: &EventId) -> Result<(), StoreError> {
    const SQL: &str = "DELETE FROM placements WHERE tenant_id = $1 AND calendar_id = $2 AND event_id = $3";
    tx.execute(SQL, args![tenant, calendar, event]).await.map(drop)
}

/// Keeps a person's answer for the next pass.
pub async fn set_answer(
    tx: &mut Tx,
    tenant: TenantId,
    bookings: &[BookingId],
    waiting: Waiting,
    answer: &str,
) -> Result<u64, StoreError> {
    const SQL: &str = "UPDATE placements SET answer = $4, revision = revision + 1 \
         WHERE tenant_id = $1 AND booking_id IN LIST($2) AND waiting = $3";
    tx.execute(SQL, args![tenant, list(bookings), waiting.as_str(), answer])
        .await
}

/// What makes an event the same meeting in every calendar of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    /// RFC 5545 UID.
    pub ical_uid: String,
    /// Which occurrence, of an event that stands for one.
    pub original_start: Option<OriginalStart>,
}

/// The booking with this identity; registers `fresh` if there is none yet. Two passes that meet get the same answer.
pub async fn identify(
    tx: &mut Tx,
    tenant: TenantId,
    ical_uid: &str,
    original_start: Option<OriginalStart>,
    fresh: BookingId,
) -> Result<BookingId, StoreError> {
    let identity = Identity {
        ical_uid: ical_uid.to_owned(),
        original_start,
    };
    Ok(identify_many(tx, tenant, vec![(identity, fresh)]).await?[0])
}

/// The same for many, in their order; an identity that comes again has the booking of the first.
pub async fn identify_many(
    tx: &mut Tx,
    tenant: TenantId,
    all: Vec<(Identity, BookingId)>,
) -> Result<Vec<BookingId>, StoreError> {
    const SQL: &str = "INSERT INTO booking_identities (tenant_id, ical_uid, original_start, booking_id) VALUES ROWS \
         ON CONFLICT (tenant_id, ical_uid, original_start) DO UPDATE SET booking_id = booking_identities.booking_id \
         RETURNING ical_uid, original_start, booking_id";
    let start = |identity: &Identity| {
        identity
            .original_start
            .map(|start| start.to_string())
            .unwrap_or_default()
    };
    let mut known: HashMap<(String, String), BookingId> = HashMap::new();
    // In one order everywhere, so that two passes that meet do not wait for each other.
    let mut rows = BTreeMap::new();
    for (identity, fresh) in &all {
        rows.entry((identity.ical_uid.clone(), start(identity)))
            .or_insert(*fresh);
    }
    let rows = rows
        .into_iter()
        .map(|((uid, start), fresh)| args![tenant, uid, start, fresh]);
    for row in tx.put_rows(SQL, rows.collect()).await? {
        known.insert(
            (row.text("ical_uid")?, row.text("original_start")?),
            row.parse("booking_id")?,
        );
    }
    let found = |(identity, fresh): (Identity, BookingId)| {
        let start = start(&identity);
        known.get(&(identity.ical_uid, start)).copied().unwrap_or(fresh)
    };
    Ok(all.into_iter().map(found).collect())
}

/// The bookings that are known by this iCalUID: an event, or a series and its changed occurrences.
pub async fn identified(tx: &mut Tx, tenant: TenantId, ical_uid: &str) -> Result<Vec<BookingId>, StoreError> {
    const SQL: &str = "SELECT booking_id FROM booking_identities WHERE tenant_id = $1 AND ical_uid = $2";
    let rows = tx.fetch_all(SQL, args![tenant, ical_uid]).await?;
    rows.iter().map(|row| row.parse("booking_id")).collect()
}

/// Notes a deletion or cancellation for the brake's rolling day, and with a series its live occurrences.
pub async fn note_deletion(
    tx: &mut Tx,
    tenant: TenantId,
    account: AccountId,
    calendar: &CalendarId,
    booking: BookingId,
    at: i64,
) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO deletions (tenant_id, account_id, calendar_id, booking_id, at) \
         SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS BIGINT) \
         UNION SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), o.booking_id, CAST($5 AS BIGINT) \
             FROM placements s JOIN placements o ON o.tenant_id = s.tenant_id AND o.calendar_id = s.calendar_id \
                 AND o.series_event_id = s.event_id AND o.is_lead = 1 AND o.state = 'live' \
             WHERE s.tenant_id = $1 AND s.calendar_id = $3 AND s.booking_id = $4 AND s.is_lead = 1 \
         ON CONFLICT (tenant_id, account_id, calendar_id, booking_id) DO UPDATE SET at = excluded.at";
    tx.execute(SQL, args![tenant, account, calendar, booking, at])
        .await
        .map(drop)
}

/// How many deletions a scope has seen since `since` (ms).
pub async fn count_deletions(
    tx: &mut Tx,
    tenant: TenantId,
    account: AccountId,
    calendar: &CalendarId,
    since: i64,
) -> Result<i64, StoreError> {
    const SQL: &str = "SELECT COUNT(*) AS n FROM deletions WHERE tenant_id = $1 AND account_id = $2 AND calendar_id = $3 AND at >= $4";
    tx.fetch_all(SQL, args![tenant, account, calendar, since])
        .await?
        .first()
        .map_or(Ok(0), |row| row.int("n"))
}
