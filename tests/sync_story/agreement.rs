//! Both sides equal: each live event has one confirmed booking, each confirmed booking one live event, and they say the same.
use super::face::{Face, original_start};
use super::sides::{Found, Sides, Spot};
use accord::domain::ids::BookingId;
use accord::domain::time::SpanColumns;
use accord::store::bookings::BookingRow;
use serde_json::Value;
use std::collections::HashSet;

/// Compares everything but what waits for an answer.
pub(super) fn equal(sides: &Sides, asked: &HashSet<BookingId>) -> Result<(), String> {
    for found in sides.events.values().flatten() {
        let booking = sides.spot(found).map(|spot| spot.booking);
        if booking.is_none_or(|booking| !asked.contains(&booking)) {
            has_its_booking(sides, found, asked)?;
        }
    }
    for row in sides.rows.iter().filter(|row| !asked.contains(&row.id)) {
        if let (Some(series), Some(start)) = (&row.text.series_id, &row.text.original_start) {
            override_has_its_event(sides, row, series, start)?;
            continue;
        }
        let live = row.text.status == "confirmed";
        let event = sides.lead(row.id).and_then(|lead| {
            let mut all = sides.events.get(&lead.event)?.iter();
            all.find(|found| found.calendar == lead.calendar)
        });
        if live && event.is_none() {
            return Err(format!("a confirmed booking has no event: {row:?}"));
        }
    }
    Ok(())
}

impl Sides {
    /// The placement of an event.
    fn spot(&self, found: &Found) -> Option<&Spot> {
        let mut all = self.spots.iter();
        all.find(|spot| found.event["id"] == spot.event.as_str() && spot.calendar == found.calendar)
    }
}

fn has_its_booking(sides: &Sides, found: &Found, asked: &HashSet<BookingId>) -> Result<(), String> {
    let event = &found.event;
    if let Some(series) = event["recurringEventId"].as_str() {
        let master = sides.event(series);
        return match master {
            Some(master) if Face::of_event(&master.event).live => exception_has_its_row(sides, series, found, asked),
            _ => Ok(()),
        };
    }
    let live = Face::of_event(event).live;
    let Some(spot) = sides.spot(found) else {
        return if live {
            Err(format!("an event has no booking: {event}"))
        } else {
            Ok(())
        };
    };
    let mut leads = sides
        .spots
        .iter()
        .filter(|other| other.is_lead && other.event == spot.event && other.calendar == spot.calendar);
    if leads.nth(1).is_some() {
        return Err(format!("an event leads two bookings: {event}"));
    }
    let row = sides.row(spot.booking);
    if spot.state == "hidden" {
        return match row {
            Some(row) => Err(format!("a booking that the app has hidden is there: {row:?}")),
            None => Ok(()),
        };
    }
    if !spot.is_lead {
        // The lead speaks for it.
        let lead = sides.lead(spot.booking);
        return lead
            .map(drop)
            .ok_or_else(|| format!("a placement without a lead: {spot:?}"));
    }
    match row {
        None if live => Err(format!("an event has no booking: {event}")),
        Some(row) => same(event, row),
        None => Ok(()),
    }
}

fn same(event: &Value, row: &BookingRow) -> Result<(), String> {
    let (google, app) = (Face::of_event(event), Face::of_row(&row.text));
    let both_gone = !google.live && !app.live;
    if both_gone || google == app {
        Ok(())
    } else {
        Err(format!("the sides differ:\ngoogle {google:?}\napp    {app:?}"))
    }
}

fn exception_has_its_row(sides: &Sides, series: &str, found: &Found, asked: &HashSet<BookingId>) -> Result<(), String> {
    let Some(start) = original_start(&found.event) else {
        return Ok(());
    };
    let mut leads = sides.spots.iter().filter(|spot| spot.is_lead && spot.event == series);
    let Some(lead) = leads.next() else {
        return Err(format!(
            "the series of a changed occurrence has no booking: {}",
            found.event
        ));
    };
    let speaks = lead.calendar == found.calendar && lead.state != "hidden";
    if !speaks || asked.contains(&lead.booking) {
        return Ok(());
    }
    match sides.override_of(lead.booking, &start) {
        Some(row) => same(&found.event, row),
        None if as_its_series(sides, lead, &found.event, &start) => Ok(()),
        None => Err(format!("the changed occurrence {start} has no row: {}", found.event)),
    }
}

/// Whether an exception says what its series says anyway.
fn as_its_series(sides: &Sides, lead: &Spot, event: &Value, start: &str) -> bool {
    let series = sides.row(lead.booking);
    let unchanged =
        series.and_then(|row| Some((row, row.text.content().ok()?.when.span.shift_to(start.parse().ok()?)?)));
    unchanged.is_some_and(|(row, span)| {
        let columns = SpanColumns::from(span);
        let mut text = row.text.clone();
        (text.starts_local, text.ends_local) = (columns.starts_local, columns.ends_local);
        text.recurrence.clear();
        Face::of_row(&text) == Face::of_event(event)
    })
}

fn override_has_its_event(sides: &Sides, row: &BookingRow, series: &str, start: &str) -> Result<(), String> {
    let Some(master) = sides.rows.iter().find(|row| row.id.to_string() == series) else {
        return Err(format!("an override has lost its series: {row:?}"));
    };
    let Some(lead) = sides.lead(master.id) else {
        // The series never reached Google, and was cancelled before it could.
        return Ok(());
    };
    if master.text.status != "confirmed" {
        return match row.text.status.as_str() {
            "cancelled" => Ok(()),
            _ => Err(format!("an occurrence of a cancelled series is confirmed: {row:?}")),
        };
    }
    match sides.exception_of(&lead.event, start) {
        Some(found) => same(&found.event, row),
        None if !has_occurrence(master, start) && row.text.status == "cancelled" => Ok(()),
        None => Err(format!("the override {start} is no exception in Google: {row:?}")),
    }
}

/// Whether a series has this occurrence: one that a move of the series has left behind is nothing in Google.
fn has_occurrence(series: &BookingRow, start: &str) -> bool {
    let (Ok(content), Ok(start)) = (series.text.content(), start.parse()) else {
        return true;
    };
    accord::domain::recurrence::contains(&content.when, start)
}
