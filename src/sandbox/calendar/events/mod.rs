//! Events: finding them, storing a change, reading one, deleting one. Each other operation has its own file.
//!
//! Unchanged occurrences of a series are not stored; they are made up when asked for by id or in an expansion.
mod attendees;
mod body;
mod change;
mod insert;
mod instances;
mod list;
mod relocate;
mod render;
mod rooms;
mod series;
mod special;

use super::Ctx;
use super::errors::{Answer, Refusal, no_content, not_modified, ok};
use super::methods::Method;
use super::state::{Calendar, Event, Gone, Role, State};
use super::time::When;
use super::tokens;
use chrono::DateTime;
use render::{Form, View};
use serde_json::{Value, json};

/// A range of time in microseconds: `min` bounds the end of an event, `max` its start, both exclusive.
#[derive(Debug, Clone, Copy, Default)]
pub struct Window {
    /// `timeMin`.
    pub min: Option<i64>,
    /// `timeMax`.
    pub max: Option<i64>,
}

impl Window {
    fn holds(self, (start, end): (i64, i64)) -> bool {
        self.min.is_none_or(|min| end > min) && self.max.is_none_or(|max| start < max)
    }
}

/// An event as found by its id.
struct Found {
    event: Event,
    /// Made up: an unchanged occurrence of a series.
    is_virtual: bool,
}

/// The id of an occurrence: `<series>_<original start>` today, opaque in the announced form.
fn instance_id(series: &Event, original: When) -> String {
    let base = series.instance_base.as_ref().unwrap_or(&series.id);
    if series.opaque {
        return tokens::base32hex(format!("{}\0{base}", original.compact()).as_bytes());
    }
    format!("{base}_{}", original.compact())
}

/// An unchanged occurrence, with the series' stamps.
fn instance(series: &Event, original: When, calendar: &Calendar) -> Event {
    let mut event = series.clone();
    event.id = instance_id(series, original);
    let zone = series.zone_of("start").unwrap_or_else(|| calendar.zone());
    let end = match (series.start(), series.end(), original) {
        (Some(When::Day(start)), Some(When::Day(end)), When::Day(day)) => When::Day(day + (end - start)),
        (Some(When::At(start)), Some(When::At(end)), When::At(at)) => When::At(at + (end - start)),
        _ => original,
    };
    event.fields.remove("recurrence");
    event.fields.insert("start".into(), original.field(zone.name()));
    event.fields.insert("end".into(), end.field(zone.name()));
    event.fields.insert("recurringEventId".into(), json!(series.id));
    event
        .fields
        .insert("originalStartTime".into(), original.field(zone.name()));
    event.past.clear();
    event.shed.clear();
    event
}

impl Calendar {
    /// The stored exceptions of a series.
    fn exceptions<'a>(&'a self, series: &'a str) -> impl Iterator<Item = &'a Event> {
        self.events
            .values()
            .filter(move |event| event.series_id() == Some(series))
    }

    /// Whether the series of this exception is gone; a series that was never here is not.
    fn series_is_gone(&self, event: &Event) -> bool {
        let series = event.series_id().and_then(|id| self.events.get(id));
        series.is_some_and(|series| series.gone.is_some())
    }

    /// Whether this exception was dropped and its series has the occurrence again: it is an unchanged one then.
    fn is_reset(&self, event: &Event) -> bool {
        let series = event.series_id().and_then(|id| self.events.get(id));
        let series = series.filter(|series| event.gone == Some(Gone::Dropped) && series.gone.is_none());
        let expansion = series.and_then(|series| series.series(self.zone()));
        expansion
            .zip(event.original_start())
            .is_some_and(|(expansion, original)| expansion.contains(original))
    }

    fn find(&self, id: &str) -> Option<Found> {
        if let Some(event) = self.events.get(id).filter(|event| !self.is_reset(event)) {
            let mut event = event.clone();
            if event.gone.is_none() && self.series_is_gone(&event) {
                event.gone = Some(Gone::Deleted);
            }
            return Some(Found {
                event,
                is_virtual: false,
            });
        }
        let (prefix, original) = match id.rsplit_once('_') {
            Some((prefix, start)) => (prefix.to_owned(), When::from_compact(start)?),
            None => {
                let text = String::from_utf8(tokens::from_base32hex(id)?).ok()?;
                let (start, series) = text.split_once('\0')?;
                (series.to_owned(), When::from_compact(start)?)
            }
        };
        let series = self.events.values().find(|event| {
            (event.id == prefix || event.instance_base.as_deref() == Some(&prefix))
                && instance_id(event, original) == id
                && event
                    .series(self.zone())
                    .is_some_and(|series| series.contains(original))
        })?;
        if let Some(event) = self
            .exceptions(&series.id)
            .find(|e| e.original_start() == Some(original) && e.gone != Some(Gone::Dropped))
        {
            return self.find(&event.id.clone());
        }
        Some(Found {
            event: instance(series, original, self),
            is_virtual: true,
        })
    }
}

impl State {
    fn find_event(&self, calendar: &str, id: &str) -> Result<Found, Refusal> {
        self.calendar(calendar)?.find(id).ok_or_else(Refusal::not_found)
    }

    /// Stores a changed event: stamps it, and remembers where it was and which occurrences the series lost.
    fn put(&mut self, calendar: &str, mut event: Event, now: i64) -> Result<Event, Refusal> {
        event.updated = self.stamp(now);
        event.changed = self.next_position();
        if event.created == 0 {
            event.created = event.updated;
        }
        let calendar = self.calendar_mut(calendar)?;
        let zone = calendar.zone();
        let is = event.extent(zone);
        let was = match (calendar.events.get(&event.id), event.original_start()) {
            (Some(old), _) => old.extent(zone),
            (None, Some(original)) => {
                let start = original.micros(zone);
                (start, start.saturating_add(is.1.saturating_sub(is.0)))
            }
            (None, None) => is,
        };
        if was != is {
            event.past.push((event.changed, was.0, was.1));
        }
        if let Some(old) = calendar.events.get(&event.id).filter(|old| old.is_series()) {
            let same = ["start", "recurrence"]
                .iter()
                .all(|key| old.fields.get(*key) == event.fields.get(*key));
            if !same {
                let lost = series::lost_occurrences(old, &event, zone, now);
                event
                    .shed
                    .extend(lost.iter().map(|when| (event.changed, when.compact())));
            }
        }
        calendar.events.insert(event.id.clone(), event.clone());
        Ok(event)
    }

    fn view<'a>(&'a self, ctx: &Ctx<'_>, id: &'a str, role: Role) -> Result<View<'a>, Refusal> {
        let calendar = self.calendar(id)?;
        let zone = match ctx.params.text("timeZone") {
            None => calendar.zone(),
            Some(name) => super::time::zone(name)
                .ok_or_else(|| Refusal::parameter("invalid", "Invalid time zone value.", "timeZone"))?,
        };
        let wider: Vec<&str> = Method::EventsList
            .scopes()
            .iter()
            .copied()
            .filter(|scope| *scope != "calendar.events.freebusy")
            .collect();
        let role = if ctx.has_scope(&wider) {
            role
        } else {
            Role::FreeBusyReader
        };
        Ok(View {
            id,
            calendar,
            user: ctx.user.clone(),
            role,
            zone,
            max_attendees: ctx.params.count("maxAttendees"),
        })
    }

    /// The full event, as every write and get answers it.
    fn answer_event(&self, ctx: &Ctx<'_>, calendar: &str, role: Role, event: &Event) -> Answer {
        ok(self.view(ctx, calendar, role)?.render(event, Form::Full))
    }

    /// `events.get`: cancelled events are found too.
    pub(super) fn get_event(&mut self, ctx: &Ctx<'_>) -> Answer {
        let (calendar, role) = self.visible(&ctx.user, ctx.segment(1))?;
        let found = self.find_event(&calendar, ctx.segment(3))?;
        if ctx.is_unchanged(&found.event.etag()) {
            return not_modified();
        }
        self.answer_event(ctx, &calendar, role, &found.event)
    }

    /// `events.delete`.
    pub(super) fn delete_event(&mut self, ctx: &Ctx<'_>) -> Answer {
        let (calendar, role) = self.writable(&ctx.user, ctx.segment(1))?;
        let found = self.find_event(&calendar, ctx.segment(3))?;
        if found.event.gone.is_some() {
            return Err(Refusal::deleted());
        }
        check_private(role, &found.event)?;
        ctx.check_match(&found.event.etag())?;
        self.cancel(&calendar, found.event, ctx.now)?;
        no_content()
    }

    /// Cancels a live event for whoever's calendar it is in: the organizer ends it, a guest declines it.
    fn cancel(&mut self, calendar: &str, event: Event, now: i64) -> Result<Event, Refusal> {
        if attendees::is_guest_copy(&event, calendar) {
            return self.leave(calendar, event, now);
        }
        let mut event = event;
        event.gone = Some(Gone::Deleted);
        event.raw = false;
        let sequence = event.fields.get("sequence").and_then(Value::as_u64).unwrap_or(0);
        event.fields.insert("sequence".into(), json!(sequence + 1));
        let event = self.put(calendar, event, now)?;
        self.propagate(calendar, &event.id, now)?;
        Ok(event)
    }

    /// Cancels an event by id; 404 and 410 as for a delete.
    pub(super) fn remove_event(&mut self, calendar: &str, id: &str, now: i64) -> Result<(), Refusal> {
        let found = self.find_event(calendar, id)?;
        if found.event.gone.is_some() {
            return Err(Refusal::deleted());
        }
        self.cancel(calendar, found.event, now).map(|_| ())
    }

    /// The live events of a calendar in a window, series expanded.
    pub(super) fn single_events(&self, calendar: &Calendar, window: Window, now: i64) -> Vec<Event> {
        let mut events = Vec::new();
        for event in calendar.events.values() {
            if event.gone.is_some() || calendar.series_is_gone(event) {
                continue;
            }
            if event.is_series() {
                let starts = open_occurrences(calendar, event, window, now);
                events.extend(starts.into_iter().map(|start| instance(event, start, calendar)));
            } else if window.holds(event.extent(calendar.zone())) {
                events.push(event.clone());
            }
        }
        events
    }
}

/// The occurrences of a series in the window that no exception replaces.
fn open_occurrences(calendar: &Calendar, series: &Event, window: Window, now: i64) -> Vec<When> {
    let zone = calendar.zone();
    let Some(expansion) = series.series(zone) else {
        return Vec::new();
    };
    let replaced: Vec<When> = calendar
        .exceptions(&series.id)
        .filter(|event| event.gone != Some(Gone::Dropped))
        .filter_map(Event::original_start)
        .collect();
    let length = match (series.start(), series.end()) {
        (Some(start), Some(end)) => end.micros(zone) - start.micros(zone),
        _ => 0,
    };
    let now = DateTime::from_timestamp_micros(now).unwrap_or_default();
    let before = window.max.and_then(DateTime::from_timestamp_micros);
    let mut starts = expansion.occurrences(now, before);
    starts.retain(|start| {
        let begin = start.micros(zone);
        !replaced.contains(start) && window.holds((begin, begin + length))
    });
    starts
}

/// 403 when a writer without private access touches a private event.
fn check_private(role: Role, event: &Event) -> Result<(), Refusal> {
    if role < Role::Writer && render::is_private(event) {
        return Err(Refusal::access_level("writer"));
    }
    Ok(())
}
