//! Placements: the links between bookings and events, with what both sides last agreed on.
//!
//! A placement outlives what it links: a tombstone (`gone`) is how Accord knows that an event was deleted and must not
//! come back.
use super::{Row, StoreError, Tx, list};
use crate::args;
use crate::domain::booking::Content;
use crate::domain::event::Words;
use crate::domain::ids::{AccountId, BookingId, CalendarId, EventId, TenantId};
use crate::domain::merge::{RemoteForm, Waiting};
use crate::domain::time::OriginalStart;

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
) -> Result<Vec<Placement>, StoreError> {
    const SQL: &str = select!(
        "WHERE tenant_id = $1 AND account_id = $2 AND calendar_id = $3 AND state = 'live' AND confirmed_at < $4 ORDER BY event_id"
    );
    read_all(&tx.fetch_all(SQL, args![tenant, account, calendar, before]).await?)
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

/// Inserts or replaces a placement.
///
/// # Errors
/// [`StoreError::Serialization`] if somebody has answered about it, or passed its lead on, since it was read.
pub async fn put(tx: &mut Tx, p: &Placement) -> Result<(), StoreError> {
    write(tx, p, p.revision).await
}

/// The same by somebody other than the pass that leads the placement: what that pass has read of it is void.
///
/// # Errors
/// As [`put`].
pub async fn put_over(tx: &mut Tx, p: &mut Placement) -> Result<(), StoreError> {
    write(tx, p, p.revision + 1).await?;
    p.revision += 1;
    Ok(())
}

async fn write(tx: &mut Tx, p: &Placement, revision: i64) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO placements (tenant_id, calendar_id, event_id, booking_id, account_id, is_lead, state, \
             ical_uid, series_event_id, original_start, etag, remote_updated_at, words, is_writable, has_guests, is_ours, \
             base_local, base_remote, waiting, answer, confirmed_at, copied_from, revision) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23) \
         ON CONFLICT (tenant_id, calendar_id, event_id) DO UPDATE SET booking_id = excluded.booking_id, \
             account_id = excluded.account_id, is_lead = excluded.is_lead, state = excluded.state, \
             ical_uid = excluded.ical_uid, series_event_id = excluded.series_event_id, \
             original_start = excluded.original_start, etag = excluded.etag, \
             remote_updated_at = excluded.remote_updated_at, words = excluded.words, is_writable = excluded.is_writable, \
             has_guests = excluded.has_guests, is_ours = excluded.is_ours, base_local = excluded.base_local, \
             base_remote = excluded.base_remote, waiting = excluded.waiting, answer = excluded.answer, \
             confirmed_at = excluded.confirmed_at, copied_from = excluded.copied_from, revision = excluded.revision \
         WHERE placements.revision = $24";
    let values = args![
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
        revision,
        p.revision
    ];
    if tx.execute(SQL, values).await? == 0 {
        return Err(StoreError::Serialization);
    }
    Ok(())
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

/// The booking with this identity; registers `fresh` if there is none yet. Two passes that meet get the same answer.
pub async fn identify(
    tx: &mut Tx,
    tenant: TenantId,
    ical_uid: &str,
    original_start: Option<OriginalStart>,
    fresh: BookingId,
) -> Result<BookingId, StoreError> {
    const SQL: &str = "INSERT INTO booking_identities (tenant_id, ical_uid, original_start, booking_id) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (tenant_id, ical_uid, original_start) DO UPDATE SET booking_id = booking_identities.booking_id \
         RETURNING booking_id";
    let start = original_start.map(|start| start.to_string()).unwrap_or_default();
    let row = tx.fetch_optional(SQL, args![tenant, ical_uid, start, fresh]).await?;
    row.map_or(Ok(fresh), |row| row.parse("booking_id"))
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
