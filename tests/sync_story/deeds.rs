//! What somebody did holds: no edit is lost, nothing dies without a deed, nothing comes back, nothing is made up.
use super::change::{GONE, LIVE};
use super::face::shown;
use super::notes::{Answered, Edit};
use super::sides::Sides;
use super::{Field, Object, Side, Story};
use accord::domain::booking::Content;
use accord::domain::event::EventContent;
use accord::domain::time::{SpanColumns, When};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeSet;

impl Story {
    /// A deletion or a restoration that nobody contested holds, and nothing dies without one.
    pub(super) fn life(&self, sides: &Sides, item: usize) -> Result<(), String> {
        let live = self.is_live(sides, item);
        let of = |side| {
            let mut deeds = self
                .edits
                .iter()
                .filter(move |e| e.object == Object::whole(item) && e.field == Field::Life && e.side == side);
            deeds.next_back()
        };
        let (person, app) = (of(Side::Person), of(Side::App));
        // Of an event that somebody else organizes the app decides nothing.
        let app = app.filter(|_| !self.is_foreign(item));
        if [person, app].iter().flatten().all(|deed| deed.value == LIVE) && !live {
            return Err(format!(
                "item {item} is gone although its last word on both sides is that it lives"
            ));
        }
        if let Some(answer) = self.answers.iter().rev().find(|answer| answer.item == item) {
            return self.answer_holds(sides, answer);
        }
        let Some(last) = [person, app].into_iter().flatten().max_by_key(|deed| deed.step) else {
            return Ok(());
        };
        let of_item = || self.edits.iter().filter(|e| e.object.item == item);
        let alone = self.is_foreign(item) || of_item().all(|e| e.side == last.side);
        let contested = !self.is_foreign(item) && of_item().any(|e| e.step > last.step && e.side != last.side);
        if (last.agreed || alone) && !contested && live != (last.value == LIVE) {
            let now = if live { "alive" } else { GONE };
            return Err(format!(
                "item {item} is {now} although step {} by {:?} says {}",
                last.step, last.side, last.value
            ));
        }
        Ok(())
    }

    /// Whether its organizer is unknown to the daemon.
    fn is_foreign(&self, item: usize) -> bool {
        self.items[item].is_bens && !self.setting.with_ben
    }

    /// What was answered is so, unless somebody has edited since.
    fn answer_holds(&self, sides: &Sides, answer: &Answered) -> Result<(), String> {
        let item = answer.item;
        let edited_since = self
            .edits
            .iter()
            .any(|edit| edit.object.item == item && edit.step > answer.step);
        let answers = self
            .answers
            .iter()
            .filter(|other| other.item == item && other.step >= answer.step);
        if edited_since || answers.count() > 1 || self.is_foreign(item) {
            return Ok(());
        }
        let live = self.is_live(sides, item);
        if live != (answer.life == LIVE) {
            return Err(format!("item {item} does not follow {answer:?}"));
        }
        let face = self.google_face(sides, &Object::whole(item));
        match (&answer.when, face) {
            (Some(when), Some(face)) if live && face.when != *when => {
                Err(format!("item {item} does not follow {answer:?}: {face:?}"))
            }
            _ => Ok(()),
        }
    }

    fn is_live(&self, sides: &Sides, item: usize) -> bool {
        let whole = Object::whole(item);
        let faces = [self.app_face(sides, &whole), self.google_face(sides, &whole)];
        faces.iter().flatten().any(|face| face.live)
    }

    /// The edit is what both sides have, or is kept in a conflict record, or was replaced by somebody who knew it.
    pub(super) fn not_lost(
        &self,
        sides: &Sides,
        kept: &BTreeSet<String>,
        number: usize,
        edit: &Edit,
    ) -> Result<(), String> {
        if edit.field == Field::Life {
            return Ok(());
        }
        let mut faces = [
            self.app_face(sides, &edit.object),
            self.google_face(sides, &edit.object),
        ];
        if let (Some(room), Some(face)) = (self.assigned_room(sides, edit), faces.iter_mut().flatten().next())
            && edit.field == Field::Place
            && room == edit.value
        {
            face.place = room;
        }
        let shown = faces.iter().flatten().any(|face| face.field(edit.field) == edit.value);
        if shown || edit.value.is_empty() || kept.contains(&edit.value) {
            return Ok(());
        }
        let known = |later: &Edit| {
            later
                .saw
                .as_ref()
                .is_some_and(|face| face.field(edit.field) == edit.value)
        };
        let replaced = self.edits[number + 1..].iter().any(|later| {
            let same = later.object == edit.object;
            let whole = later.object == Object::whole(edit.object.item);
            let by_itself = later.side == edit.side;
            let ends = later.field == Field::Life && later.value == GONE;
            let reshapes = !same && whole && (ends || later.field == Field::When || later.value == LIVE);
            (same && (later.field == edit.field || ends) && (by_itself || known(later))) || (reshapes && by_itself)
        });
        if replaced {
            return Ok(());
        }
        Err(format!("lost: {edit:?}\nat the end: {faces:?}\nkept: {kept:?}"))
    }

    /// The name of the room that the app has assigned.
    fn assigned_room(&self, sides: &Sides, edit: &Edit) -> Option<String> {
        let row = sides.row(sides.booking_of(&self.items[edit.object.item])?)?;
        let wanted = row.text.resource_id.as_ref()?;
        self.rooms.get(wanted).cloned()
    }

    /// Every value at the end is one that somebody wrote.
    pub(super) fn nothing_invented(&self, sides: &Sides) -> Result<(), String> {
        for number in 0..self.items.len() {
            let whole = Object::whole(number);
            let Some(face) = self.google_face(sides, &whole).filter(|face| face.live) else {
                continue;
            };
            for what in [Field::Title, Field::Description, Field::When, Field::Place] {
                let value = face.field(what);
                let mut written = self.edits.iter().filter(|e| e.object == whole && e.field == what);
                if !value.is_empty() && !written.any(|edit| edit.value == value) {
                    return Err(format!("nobody wrote {value:?} into the {what:?} of item {number}"));
                }
            }
        }
        Ok(())
    }

    /// Every value in the conflict records.
    pub(super) async fn kept(&self) -> BTreeSet<String> {
        let mut kept = BTreeSet::new();
        for conflict in self.world.conflicts().await {
            for value in [conflict.base, conflict.app, conflict.google] {
                remember(&mut kept, value);
            }
        }
        kept
    }
}

fn remember(kept: &mut BTreeSet<String>, value: Value) {
    fn read<T: DeserializeOwned>(value: &Value) -> Option<T> {
        serde_json::from_value(value.clone()).ok()
    }
    let times = |when: &When| {
        let span = SpanColumns::from(when.span);
        let zone = span.time_zone.as_deref();
        let end_zone = span.end_time_zone.as_deref().or(zone);
        super::face::when(
            &shown(&span.starts_local, zone),
            &shown(&span.ends_local, end_zone),
            &when.recurrence.join("\n"),
        )
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
