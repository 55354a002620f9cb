//! Reads everything a pass has to know from Google, and writes nothing.
//!
//! Beside the pages these are the single events that the pages raise questions about: the series of an occurrence that
//! came without it, a tombstone that says nothing but its id, and, after a full listing, whatever the listing did not show.
//! Absence is only a suspicion: what is missing is looked at one by one, and counts as gone only while the calendar itself
//! answers with an unchanged role.
use super::{PassReport, SyncError, context::Context, hand_over, series};
use crate::domain::access::AccessRole;
use crate::domain::event::{Event, EventState, OwnResponse};
use crate::domain::failure::FailureClass;
use crate::domain::ids::{BookingId, EventId};
use crate::google::GoogleError;
use crate::google::calendar::{Broken, ListParameters, PageEnd, ParsedItem, Query};
use crate::store::placements::{self, Placement, PlacementState};
use crate::store::{Tx, bookings, hand_overs, scopes};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use std::collections::{HashMap, HashSet};

/// Placements that are read in one statement: those of a large calendar are not held in memory together.
const LOOKED_UP_AT_ONCE: usize = 1000;
/// Events with an answer that one pass looks at.
const ANSWERED_AT_ONCE: usize = 100;
/// After how many reads of single events the lease is prolonged.
const READS_PER_LEASE: usize = 20;

/// What Google shows.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Whether everything inside the window was listed.
    pub full: bool,
    /// For the next delta.
    pub token: String,
    /// One item per event: the newest.
    pub events: HashMap<EventId, Event>,
    /// Items that cannot be understood.
    pub broken: Vec<Broken>,
    /// Events of ours that a direct read says are gone.
    pub gone: Vec<EventId>,
    /// The calendar's role or zone, when it is not the stored one.
    pub changed_calendar: Option<(AccessRole, Tz)>,
    /// The events that the pages of a full listing showed.
    pub shown: Vec<EventId>,
}

impl Listing {
    /// Whether there is nothing to apply.
    pub fn is_quiet(&self) -> bool {
        self.events.is_empty()
            && self.broken.is_empty()
            && self.gone.is_empty()
            && self.changed_calendar.is_none()
            && self.shown.is_empty()
    }

    fn add(&mut self, item: ParsedItem) {
        match item {
            ParsedItem::Event(event) => match self.events.get(&event.id) {
                Some(known) if known.updated_at > event.updated_at => {}
                _ => {
                    self.events.insert(event.id.clone(), *event);
                }
            },
            ParsedItem::Broken(broken) => self.broken.push(*broken),
        }
    }
}

pub(super) async fn pull(context: &mut Context<'_>, report: &mut PassReport) -> Result<Listing, SyncError> {
    let stored = context
        .claim
        .sync_token
        .as_deref()
        .filter(|_| context.claim.fingerprint == context.fingerprint);
    let mut listing = match stored {
        None => list(context, None).await?,
        Some(token) => match list(context, Some(token)).await {
            Err(SyncError::Google(error)) if error.class() == FailureClass::TokenExpired => {
                tracing::info!("the sync token is void; listing everything");
                list(context, None).await?
            }
            other => other?,
        },
    };
    if let Some((role, zone)) = listing.changed_calendar {
        (context.reading.role, context.reading.zone) = (role, zone);
    }
    report.full = listing.full;
    report.read = (listing.events.len() + listing.broken.len()) as u64;
    let mut suspects = look_around(context, &listing).await?;
    let answered = answered(context, &listing).await?;
    suspects.extend(answered.iter().map(|placement| placement.event_id.clone()));
    suspects.sort();
    suspects.dedup();
    look_at(context, &mut listing, suspects).await?;
    let parents = missing_series(context, &listing).await?;
    look_at(context, &mut listing, parents).await?;
    complete_series(context, &mut listing).await?;
    Ok(listing)
}

/// Adds the changed occurrences of series that a delta brings as new, or brings back: it names only what has changed since.
/// A pass that is cut before all of them are applied would not ask for them again, so from here on the token is forgotten
/// until then, and the next pass lists everything.
async fn complete_series(context: &Context<'_>, listing: &mut Listing) -> Result<(), SyncError> {
    let incomplete = incomplete_series(context, listing).await?;
    if incomplete.is_empty() {
        return Ok(());
    }
    let access = context.access().await?;
    let (google, key) = (&context.engine.google, context.key());
    for (count, (series, uid)) in incomplete.into_iter().enumerate() {
        if count > 0 && count % READS_PER_LEASE == 0 {
            context.prolong().await?;
        }
        let found = google.events_of(&access, &key.calendar, &context.reading, &uid, window_start(context));
        let found = match found.await {
            Ok(found) => found,
            Err(error) if error.class() == FailureClass::BadData => {
                tracing::warn!(%error, "Google does not show the changed occurrences of a series");
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        for item in found {
            let is_occurrence = match &item {
                ParsedItem::Event(event) => event.instance_of.as_ref().is_some_and(|it| it.series == series),
                ParsedItem::Broken(broken) => broken.id.as_ref() != Some(&series),
            };
            if is_occurrence {
                listing.add(item);
            }
        }
    }
    if !context.is_plan {
        let mut tx = context.begin().await?;
        scopes::list_again(&mut tx, key).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// The series of a delta, with their iCalUIDs, of which occurrences may be unknown that the delta does not name: new ones,
/// those that were cancelled, and those whose row is deleted.
async fn incomplete_series(context: &Context<'_>, listing: &Listing) -> Result<Vec<(EventId, String)>, SyncError> {
    let is_there = |event: &&Event| event.ordinary && event.is_master() && event.own_response != OwnResponse::Declined;
    let masters: Vec<&Event> = listing.events.values().filter(is_there).collect();
    if listing.full || masters.is_empty() {
        return Ok(Vec::new());
    }
    let mut tx = context.engine.db.read().await?;
    let ids: Vec<EventId> = masters.iter().map(|master| master.id.clone()).collect();
    let placed = placements::get_many(&mut tx, context.tenant(), &context.key().calendar, &ids).await?;
    let booked: Vec<BookingId> = placed.iter().map(|placement| placement.booking_id).collect();
    let rows = bookings::get_many(&mut tx, context.tenant(), &booked).await?;
    let complete: HashSet<&EventId> = placed
        .iter()
        .filter(|placement| match placement.state {
            PlacementState::Gone => false,
            PlacementState::Live => rows.iter().any(|row| row.id == placement.booking_id),
            PlacementState::Creating | PlacementState::Hidden => true,
        })
        .map(|placement| &placement.event_id)
        .collect();
    let mut incomplete: Vec<(EventId, String)> = masters
        .into_iter()
        .filter(|master| !complete.contains(&master.id))
        .filter_map(|master| Some((master.id.clone(), master.ical_uid.clone()?)))
        .collect();
    incomplete.sort();
    Ok(incomplete)
}

/// Events that ended earlier are not listed.
fn window_start(context: &Context<'_>) -> DateTime<Utc> {
    let engine = context.engine;
    engine.clock.now() - TimeDelta::days(i64::from(engine.sync.window_past_days))
}

/// Whether a listing shows no such event, because it was over before the window begins.
fn is_over(context: &Context<'_>, placement: &Placement) -> bool {
    let Some(base) = &placement.base_remote else {
        return false;
    };
    let when = &base.content.when;
    when.recurrence.is_empty() && when.span.ends(context.reading.zone) < window_start(context)
}

/// All pages of a full listing or of a delta.
async fn list(context: &mut Context<'_>, since: Option<&str>) -> Result<Listing, SyncError> {
    let access = context.access().await?;
    let engine = context.engine;
    let parameters = ListParameters {
        window_start: window_start(context),
        page_size: engine.sync.page_size,
    };
    let mut listing = Listing {
        full: since.is_none(),
        ..Listing::default()
    };
    let mut page_token: Option<String> = None;
    loop {
        let query = Query {
            parameters: &parameters,
            since,
            page: page_token.as_deref(),
        };
        let calendar = &context.claim.key.calendar;
        let page = engine
            .google
            .list_events(&access, calendar, &context.reading, &query)
            .await?;
        let role = page.access_role.unwrap_or(context.reading.role);
        let zone = page.time_zone.unwrap_or(context.reading.zone);
        if (role, zone) != (context.reading.role, context.reading.zone) {
            listing.changed_calendar = Some((role, zone));
        }
        for item in page.items {
            if let (true, ParsedItem::Event(event)) = (listing.full, &item) {
                listing.shown.push(event.id.clone());
            }
            if let (true, ParsedItem::Broken(broken)) = (listing.full, &item) {
                listing.shown.extend(broken.id.clone());
            }
            listing.add(item);
        }
        match page.next {
            PageEnd::More(token) if page_token.as_deref() == Some(&token) => {
                return Err(GoogleError::protocol("a page names itself as the next one").into());
            }
            PageEnd::More(token) => {
                context.prolong().await?;
                page_token = Some(token);
            }
            PageEnd::Done(token) => {
                listing.token = token;
                return Ok(listing);
            }
        }
    }
}

/// The series of occurrences that came without it.
async fn missing_series(context: &Context<'_>, listing: &Listing) -> Result<Vec<EventId>, SyncError> {
    let series = |event: &Event| event.instance_of.as_ref().map(|instance| instance.series.clone());
    let parents: HashSet<EventId> = listing
        .events
        .values()
        .filter_map(series)
        .filter(|id| !listing.events.contains_key(id))
        .collect();
    unknown(context, parents.into_iter().collect()).await
}

/// Those without a placement, in order.
async fn unknown(context: &Context<'_>, mut ids: Vec<EventId>) -> Result<Vec<EventId>, SyncError> {
    if ids.is_empty() {
        return Ok(ids);
    }
    let mut tx = context.engine.db.read().await?;
    let known = placements::get_many(&mut tx, context.tenant(), &context.key().calendar, &ids).await?;
    let known: HashSet<EventId> = known.into_iter().map(|placement| placement.event_id).collect();
    ids.retain(|id| !known.contains(id));
    ids.sort();
    Ok(ids)
}

/// Changed occurrences whose fate a change of their series leaves open: they are not listed when the series comes back, and
/// when it loses them they may be found under another series.
async fn open_occurrences(context: &Context<'_>, tx: &mut Tx, listing: &Listing) -> Result<Vec<EventId>, SyncError> {
    let (tenant, calendar) = (context.tenant(), &context.key().calendar);
    let whole = |event: &&Event| event.instance_of.is_none() && event.state != EventState::Cancelled;
    let whole: Vec<EventId> = listing.events.values().filter(whole).map(|e| e.id.clone()).collect();
    let mut open = Vec::new();
    for placement in placements::get_many(tx, tenant, calendar, &whole).await? {
        let (Some(event), Some(base)) = (listing.events.get(&placement.event_id), &placement.base_remote) else {
            continue;
        };
        let EventState::Live(now) = &event.state else { continue };
        let came_back = placement.state == PlacementState::Gone;
        if placement.etag == event.etag || base.content.when.recurrence.is_empty() {
            continue;
        }
        if !came_back && base.content.when == now.when {
            continue;
        }
        for occurrence in placements::of_series(tx, tenant, calendar, &placement.event_id).await? {
            let lost = occurrence
                .original_start
                .is_some_and(|start| !series::has(&now.when, start));
            if (came_back || lost) && !listing.events.contains_key(&occurrence.event_id) {
                open.push(occurrence.event_id);
            }
        }
    }
    Ok(open)
}

/// Which events have to be looked at one by one.
async fn look_around(context: &Context<'_>, listing: &Listing) -> Result<Vec<EventId>, SyncError> {
    let mut wanted: HashSet<EventId> = HashSet::new();
    let sparse: Vec<EventId> = listing
        .events
        .values()
        .filter(|event| event.state == EventState::Cancelled && event.instance_of.is_none() && event.ical_uid.is_none())
        .map(|event| event.id.clone())
        .collect();
    if listing.events.is_empty() && !listing.full && !context.has_waiting {
        return Ok(Vec::new());
    }
    wanted.extend(unknown(context, sparse).await?);
    let mut tx = context.engine.db.read().await?;
    let (tenant, key) = (context.tenant(), context.key());
    wanted.extend(open_occurrences(context, &mut tx, listing).await?);
    if listing.full {
        let before = context.started_at;
        let shown: HashSet<&EventId> = listing.shown.iter().collect();
        let mut missing = placements::not_confirmed_since(&mut tx, tenant, key.account, &key.calendar, before).await?;
        missing.retain(|id| !shown.contains(id));
        for chunk in missing.chunks(LOOKED_UP_AT_ONCE) {
            let suspects = placements::get_many(&mut tx, tenant, &key.calendar, chunk).await?;
            let suspects = suspects.into_iter().filter(|placement| !is_over(context, placement));
            wanted.extend(suspects.map(|placement| placement.event_id));
        }
    }
    let mut wanted: Vec<EventId> = wanted.into_iter().collect();
    wanted.sort();
    Ok(wanted)
}

/// What somebody has answered about, and the listing does not show: it is decided on what Google shows now, not on what it
/// showed when the question was asked. What is not looked at in this pass keeps its answer, and is not pushed either.
async fn answered(context: &mut Context<'_>, listing: &Listing) -> Result<Vec<Placement>, SyncError> {
    if !context.has_waiting {
        return Ok(Vec::new());
    }
    let mut tx = context.engine.db.read().await?;
    let key = context.key();
    let mut answered = placements::to_plan_again(&mut tx, key.tenant, &key.calendar).await?;
    let leaving = hand_overs::from_calendar(&mut tx, key.tenant, key.account, &key.calendar).await?;
    let leaving: HashSet<EventId> = leaving.into_iter().map(|found| found.event_id).collect();
    // A hand-over meets what Google shows when it deletes the event.
    answered.retain(|placement| {
        placement.account_id == key.account
            && placement.answer.is_some()
            && !listing.events.contains_key(&placement.event_id)
            && !hand_over::has_answer(&leaving, placement)
    });
    let later = |placement: &Placement| placement.answer.as_deref() == Some("app") && !context.takes_writes();
    let (mut unread, mut now): (Vec<_>, Vec<_>) = answered.into_iter().partition(later);
    if now.len() > ANSWERED_AT_ONCE {
        // In turns, so that those that cannot be carried out yet are in nobody's way.
        let turn = usize::try_from(context.started_at).unwrap_or(0) % now.len();
        now.rotate_left(turn);
        unread.extend(now.split_off(ANSWERED_AT_ONCE));
    }
    context.unread = unread.into_iter().map(|placement| placement.booking_id).collect();
    Ok(now)
}

/// Reads single events. One that is not there is gone only if the calendar itself answers.
async fn look_at(context: &Context<'_>, listing: &mut Listing, wanted: Vec<EventId>) -> Result<(), SyncError> {
    if wanted.is_empty() {
        return Ok(());
    }
    let access = context.access().await?;
    let (google, key) = (&context.engine.google, context.key());
    let mut missing = Vec::new();
    for (count, id) in wanted.into_iter().enumerate() {
        if count > 0 && count % READS_PER_LEASE == 0 {
            context.prolong().await?;
        }
        match google.get_event(&access, &key.calendar, &context.reading, &id).await {
            Ok(ParsedItem::Event(event)) if event.state == EventState::Cancelled && event.instance_of.is_none() => {
                listing.events.insert(id.clone(), *event);
            }
            Ok(item) => {
                listing.events.remove(&id);
                listing.add(item);
            }
            Err(error) if error.class() == FailureClass::Gone => missing.push(id),
            Err(error) if error.class() == FailureClass::BadData => {
                // This one alone cannot be looked at; nothing is proved of it.
                let reason = format!("Google refuses to show it: {error}");
                listing.broken.push(Broken {
                    id: Some(id),
                    updated: None,
                    etag: None,
                    reason,
                    raw: String::from("{}"),
                });
            }
            Err(error) => return Err(error.into()),
        }
    }
    if !missing.is_empty() {
        let calendar = google.calendar(&access, &key.calendar).await?;
        if calendar.access_role == context.reading.role {
            listing.gone.extend(missing);
        }
    }
    Ok(())
}
