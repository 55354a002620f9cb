//! What must hold when everybody rests: both sides equal, no edit lost, nothing twice, nothing back from the dead.
use super::sides::{Face, Sides, original_start};
use super::{Edit, Field, Object, Side, Story};
use accord::domain::booking::Content;
use accord::domain::event::EventContent;
use accord::domain::time::{SpanColumns, When};
use accord::store::bookings::BookingRow;
use accord::store::quarantine;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

impl Story {
    /// Judges the end of a story.
    pub(super) async fn verdict(&mut self) -> Result<(), String> {
        let sides = self.sides().await;
        self.nothing_is_left().await?;
        equal(&sides)?;
        self.nothing_twice(&sides)?;
        let kept = self.kept().await;
        for item in 0..self.items.len() {
            self.life(&sides, item)?;
        }
        for (number, edit) in self.edits.iter().enumerate() {
            self.not_lost(&sides, &kept, number, edit)?;
        }
        self.nothing_invented(&sides)
    }

    async fn nothing_is_left(&self) -> Result<(), String> {
        let pending = self.world.pending().await;
        if pending != 0 {
            return Err(format!("{pending} rows are still to be pushed"));
        }
        let open = self.world.open_questions().await;
        if !open.is_empty() {
            return Err(format!("open questions: {open:?}"));
        }
        let aside = quarantine::list(&mut self.world.read().await, self.world.tenant, None).await;
        let aside = aside.expect("quarantine");
        if let Some(item) = aside.first() {
            return Err(format!("set aside: {} {}: {}", item.side, item.item_id, item.reason));
        }
        Ok(())
    }

    /// One live event per mark (copies that the person made are not the daemon's), one booking per identity.
    fn nothing_twice(&self, sides: &Sides) -> Result<(), String> {
        let copies: BTreeSet<&str> = self.items.iter().filter_map(|item| item.event.as_deref()).collect();
        let mut marks: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (id, found) in sides
            .events
            .iter()
            .flat_map(|(id, all)| all.iter().map(move |found| (id, found)))
        {
            let event = &found.event;
            let mark = event["extendedProperties"]["private"]["accord.booking"].as_str();
            let Some(mark) = mark.filter(|_| event["status"] != "cancelled" && event["recurringEventId"].is_null())
            else {
                continue;
            };
            let own = sides
                .spots
                .iter()
                .any(|spot| spot.event == *id && spot.booking.to_string() == mark);
            if own || !copies.contains(id.as_str()) {
                marks.entry(mark).or_default().push(id);
            }
        }
        if let Some((mark, events)) = marks.iter().find(|(_, events)| events.len() > 1) {
            return Err(format!("booking {mark} has several live events: {events:?}"));
        }
        let mut identities = BTreeMap::new();
        for spot in &sides.spots {
            let Some(uid) = &spot.ical_uid else { continue };
            let known = identities.insert((uid, &spot.original_start), spot.booking);
            if known.is_some_and(|known| known != spot.booking) {
                return Err(format!("two bookings for {uid} {:?}", spot.original_start));
            }
        }
        Ok(())
    }

    /// A deletion or a restoration that nobody contested holds, and nothing dies without one.
    fn life(&self, sides: &Sides, item: usize) -> Result<(), String> {
        let whole = Object { item, occurrence: None };
        let live = is_live(sides, self, &whole);
        let of = |side| {
            let mut deeds = self
                .edits
                .iter()
                .filter(move |e| e.object == whole_of(item) && e.field == Field::Life && e.side == side);
            deeds.next_back()
        };
        let deeds = [of(Side::Person), of(Side::App)];
        if deeds.iter().flatten().all(|deed| deed.value == "live") && !live {
            return Err(format!(
                "item {item} is gone although its last word on both sides is that it lives"
            ));
        }
        let Some(last) = deeds.into_iter().flatten().max_by_key(|deed| deed.step) else {
            return Ok(());
        };
        let alone = self.edits.iter().all(|e| e.object.item != item || e.side == last.side);
        let contested = self
            .edits
            .iter()
            .any(|e| e.object.item == item && e.step > last.step && e.side != last.side);
        if (last.agreed || alone) && !contested && live != (last.value == "live") {
            let now = if live { "alive" } else { "gone" };
            return Err(format!(
                "item {item} is {now} although step {} by {:?} says {}",
                last.step, last.side, last.value
            ));
        }
        Ok(())
    }

    /// The edit is what both sides have, or is kept in a conflict record, or was replaced by somebody who knew it.
    fn not_lost(&self, sides: &Sides, kept: &BTreeSet<String>, number: usize, edit: &Edit) -> Result<(), String> {
        if edit.field == Field::Life {
            return Ok(());
        }
        let item = &self.items[edit.object.item];
        let mut faces = [
            sides.app_face(item, &edit.object),
            sides.google_face(item, &edit.object),
        ];
        if let (Some(room), Some(face)) = (self.room(sides, edit), faces.iter_mut().flatten().next())
            && edit.field == Field::Place
            && room == edit.value
        {
            face.place = room;
        }
        let shown = faces.iter().flatten().any(|face| field(face, edit.field) == edit.value);
        if shown || edit.value.is_empty() || kept.contains(&edit.value) {
            return Ok(());
        }
        let known = |later: &Edit| {
            later
                .saw
                .as_ref()
                .is_some_and(|face| field(face, edit.field) == edit.value)
        };
        let replaced = self.edits[number + 1..].iter().any(|later| {
            let same = later.object == edit.object;
            let whole = later.object == whole_of(edit.object.item);
            let by_itself = later.side == edit.side;
            let ends = later.field == Field::Life && later.value == "gone";
            let reshapes = !same && whole && (ends || later.field == Field::When || later.value == "live");
            (same && (later.field == edit.field || ends) && (by_itself || known(later))) || (reshapes && by_itself)
        });
        if replaced {
            return Ok(());
        }
        Err(format!("lost: {edit:?}\nat the end: {faces:?}\nkept: {kept:?}"))
    }

    /// The name of the room that the app has assigned.
    fn room(&self, sides: &Sides, edit: &Edit) -> Option<String> {
        let row = sides.row(sides.booking_of(&self.items[edit.object.item])?)?;
        let wanted = row.text.resource_id.as_ref()?;
        self.rooms.get(wanted).cloned()
    }

    /// Every value at the end is one that somebody wrote.
    fn nothing_invented(&self, sides: &Sides) -> Result<(), String> {
        for (number, item) in self.items.iter().enumerate() {
            let whole = whole_of(number);
            let Some(face) = sides.google_face(item, &whole).filter(|face| face.live) else {
                continue;
            };
            for what in [Field::Title, Field::Description, Field::When, Field::Place] {
                let value = field(&face, what);
                let mut written = self.edits.iter().filter(|e| e.object == whole && e.field == what);
                if !value.is_empty() && !written.any(|edit| edit.value == value) {
                    return Err(format!("nobody wrote {value:?} into the {what:?} of item {number}"));
                }
            }
        }
        Ok(())
    }

    /// Every value in the conflict records.
    async fn kept(&self) -> BTreeSet<String> {
        let mut kept = BTreeSet::new();
        for conflict in self.world.conflicts().await {
            for value in [conflict.base, conflict.app, conflict.google] {
                remember(&mut kept, value);
            }
        }
        kept
    }
}

fn whole_of(item: usize) -> Object {
    Object { item, occurrence: None }
}

fn is_live(sides: &Sides, story: &Story, object: &Object) -> bool {
    let item = &story.items[object.item];
    let faces = [sides.app_face(item, object), sides.google_face(item, object)];
    faces.iter().flatten().any(|face| face.live)
}

fn field(face: &Face, field: Field) -> &str {
    match field {
        Field::Title => &face.title,
        Field::Description => &face.description,
        Field::When => &face.when,
        Field::Place => &face.place,
        Field::Life if face.live => "live",
        Field::Life => "gone",
    }
}

fn remember(kept: &mut BTreeSet<String>, value: Value) {
    fn read<T: DeserializeOwned>(value: &Value) -> Option<T> {
        serde_json::from_value(value.clone()).ok()
    }
    let times = |when: &When| {
        let span = SpanColumns::from(when.span);
        super::sides::when(&span.starts_local, &span.ends_local, &when.recurrence.join("\n"))
    };
    if let Some(text) = value.as_str() {
        kept.insert(text.to_owned());
    } else if let Some(when) = read::<When>(&value) {
        kept.insert(times(&when));
    } else if let Some(content) = read::<Content>(&value) {
        kept.extend([
            content.title,
            content.description,
            content.location,
            times(&content.when),
        ]);
    } else if let Some(event) = read::<EventContent>(&value) {
        kept.extend([event.title, event.description, event.location, times(&event.when)]);
    } else if let Some(name) = value["name"].as_str() {
        kept.insert(name.to_owned());
    }
}

/// Each live event has one confirmed booking, each confirmed booking one live event, and they say the same.
fn equal(sides: &Sides) -> Result<(), String> {
    for found in sides.events.values().flatten() {
        let id = found.event["id"].as_str().expect("an id");
        let live = found.event["status"] != "cancelled";
        if let Some(series) = found.event["recurringEventId"].as_str() {
            if sides
                .event(series)
                .is_some_and(|master| Face::of_event(&master.event).live)
            {
                exception_has_its_row(sides, series, found.event.clone())?;
            }
            continue;
        }
        let mut leads = sides
            .spots
            .iter()
            .filter(|spot| spot.is_lead && spot.event == id && spot.calendar == found.calendar);
        let row = leads.next().and_then(|spot| sides.row(spot.booking));
        if leads.next().is_some() {
            return Err(format!("event {id} leads two bookings"));
        }
        match row {
            None if live => return Err(format!("event {id} has no booking: {}", found.event)),
            Some(row) => same(&found.event, row)?,
            None => {}
        }
    }
    for row in &sides.rows {
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

fn same(event: &Value, row: &BookingRow) -> Result<(), String> {
    let (google, app) = (Face::of_event(event), Face::of_row(&row.text));
    let both_gone = !google.live && !app.live;
    if both_gone || google == app {
        Ok(())
    } else {
        Err(format!("the sides differ:\ngoogle {google:?}\napp    {app:?}"))
    }
}

fn exception_has_its_row(sides: &Sides, series: &str, event: Value) -> Result<(), String> {
    let Some(start) = original_start(&event) else {
        return Ok(());
    };
    let booking = sides
        .spots
        .iter()
        .find(|spot| spot.is_lead && spot.event == series)
        .map(|spot| spot.booking);
    let row = booking.and_then(|booking| sides.override_of(booking, &start));
    match row {
        Some(row) => same(&event, row),
        None => Err(format!("the changed occurrence {start} has no row: {event}")),
    }
}

fn override_has_its_event(sides: &Sides, row: &BookingRow, series: &str, start: &str) -> Result<(), String> {
    let Some(master) = sides.rows.iter().find(|row| row.id.to_string() == series) else {
        return Err(format!("an override has lost its series: {row:?}"));
    };
    if master.text.status != "confirmed" {
        return match row.text.status.as_str() {
            "cancelled" => Ok(()),
            _ => Err(format!("an occurrence of a cancelled series is confirmed: {row:?}")),
        };
    }
    let event = sides
        .lead(master.id)
        .and_then(|lead| sides.exception_of(&lead.event, start));
    match event {
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
