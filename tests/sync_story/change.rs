//! What an edit does to one field: as a person's PATCH, as a request to the API, as the app's SQL, and as a note of it.
use super::face::{Face, parts, when};
use super::{Field, Story, Via};
use crate::support::world::run;
use accord::args;
use accord::domain::time::{Fold, Zoned};
use accord::engine::bookings::BookingEdit;
use accord::store::bookings::BookingRow;
use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Tz;
use serde_json::{Value, json};

pub(super) const LIVE: &str = "live";
pub(super) const GONE: &str = "gone";
pub(super) const WEEKLY: &str = "RRULE:FREQ=WEEKLY;COUNT=4";

/// What an edit does to one field.
pub(super) enum Change {
    Title(String),
    Description(String),
    /// Start and end, and their zone; dates for whole days.
    Times(String, String, Tz),
    /// A line, or nothing: then it does not recur.
    Recurrence(String),
    Place(String),
    /// A room with this name; `None` takes the room away.
    Room(Option<String>),
    Life(&'static str),
}

impl Change {
    /// What the field holds afterwards.
    pub fn note(&self, before: &Face) -> (Field, String) {
        let (start, end, recurrence) = parts(&before.when);
        match self {
            Change::Title(text) => (Field::Title, text.clone()),
            Change::Description(text) => (Field::Description, text.clone()),
            Change::Times(start, end, zone) => {
                let shown = |local: &str| super::face::shown(local, Some(zone.name()));
                (Field::When, when(&shown(start), &shown(end), recurrence))
            }
            Change::Recurrence(line) => (Field::When, when(start, end, line)),
            Change::Place(text) => (Field::Place, text.clone()),
            Change::Room(name) => (Field::Place, name.clone().unwrap_or_default()),
            Change::Life(word) => (Field::Life, (*word).to_owned()),
        }
    }

    /// As a person's PATCH.
    pub fn patch(&self) -> Value {
        match self {
            Change::Title(text) => json!({"summary": text}),
            Change::Description(text) => json!({"description": text}),
            Change::Times(start, end, _) if start.len() == 10 => json!({
                "start": {"date": start, "dateTime": null, "timeZone": null},
                "end": {"date": end, "dateTime": null, "timeZone": null}}),
            Change::Times(start, end, zone) => json!({
                "start": {"dateTime": start, "timeZone": zone.name(), "date": null},
                "end": {"dateTime": end, "timeZone": zone.name(), "date": null}}),
            Change::Recurrence(line) if line.is_empty() => json!({"recurrence": null}),
            Change::Recurrence(line) => json!({"recurrence": [line]}),
            Change::Place(text) => json!({"location": text}),
            Change::Room(_) => unreachable!("persons type places"),
            Change::Life(_) => json!({"status": "confirmed"}),
        }
    }

    /// As a request to the API; a room by its id.
    pub fn edit(&self, room: Option<String>) -> BookingEdit {
        let mut edit = BookingEdit::default();
        match self {
            Change::Title(text) => edit.title = Some(text.clone()),
            Change::Description(text) => edit.description = Some(text.clone()),
            Change::Times(start, end, _) if start.len() == 10 => {
                (edit.starts_at, edit.ends_at) = (Some(start.clone()), Some(end.clone()));
                edit.all_day = Some(true);
            }
            Change::Times(start, end, zone) => {
                (edit.starts_at, edit.ends_at) = (Some(rfc3339(start, *zone)), Some(rfc3339(end, *zone)));
                edit.all_day = Some(false);
                edit.time_zone = Some(Some(zone.name().into()));
            }
            Change::Recurrence(line) => {
                edit.recurrence = Some(
                    Some(line)
                        .filter(|line| !line.is_empty())
                        .into_iter()
                        .cloned()
                        .collect(),
                );
            }
            Change::Place(_) => unreachable!("the app cannot write places"),
            Change::Room(_) => edit.resource_id = Some(room),
            Change::Life(word) => edit.status = Some(status(word).to_owned()),
        }
        edit
    }
}

pub(super) fn status(life: &str) -> &'static str {
    if life == LIVE { "confirmed" } else { "cancelled" }
}

pub(super) fn rfc3339(local: &str, zone: Tz) -> String {
    Zoned::parse_local(local, zone, Fold::Earlier)
        .expect("a local time")
        .rfc3339()
}

/// What the steps write: every text and every time names the step that wrote it.
impl Story {
    pub(super) fn day(&self) -> NaiveDate {
        let first = NaiveDate::from_ymd_opt(2026, 3, 4).expect("a date");
        first + TimeDelta::days(self.step.try_into().expect("few steps"))
    }

    pub(super) fn title(&self) -> Change {
        Change::Title(format!("title {}", self.step))
    }

    pub(super) fn description(&self) -> Change {
        Change::Description(format!("description {}", self.step))
    }

    pub(super) fn place(&self) -> Change {
        Change::Place(format!("place {}", self.step))
    }

    pub(super) fn room(&self) -> Change {
        Change::Room(Some(format!("Room {}", self.step)))
    }

    pub(super) fn times(&self) -> Change {
        self.times_in(Tz::Europe__Madrid)
    }

    pub(super) fn times_in(&self, zone: Tz) -> Change {
        Change::Times(
            format!("{}T10:00:00", self.day()),
            format!("{}T11:00:00", self.day()),
            zone,
        )
    }

    pub(super) fn whole_day(&self) -> Change {
        let day = self.day();
        Change::Times(
            day.to_string(),
            (day + TimeDelta::days(1)).to_string(),
            Tz::Europe__Madrid,
        )
    }

    pub(super) fn weekly(&self) -> Change {
        Change::Recurrence(format!("RRULE:FREQ=WEEKLY;COUNT={}", 4 + self.step))
    }

    /// The evening of an occurrence's day.
    pub(super) fn evening(&self, original_start: &str) -> Change {
        let (day, minute) = (&original_start[..10], self.step);
        Change::Times(
            format!("{day}T20:{minute:02}:00"),
            format!("{day}T21:{minute:02}:00"),
            Tz::Europe__Madrid,
        )
    }

    /// The app writes a change of a booking. `false`: the API refused it, or there is no such row.
    pub(super) async fn app_writes(&mut self, via: Via, row: &BookingRow, change: &Change) -> bool {
        let room = match change {
            Change::Room(Some(name)) => {
                let id = self.world.app_adds_resource(name).await;
                self.rooms.insert(id.clone(), name.clone());
                Some(id)
            }
            _ => None,
        };
        let (engine, tenant, id) = (&self.world.engine, self.world.tenant, row.id);
        if via == Via::Api {
            let edit = change.edit(room);
            return engine.patch_booking(tenant, id, row.version, &edit).await.is_ok();
        }
        let (sql, values) = match change {
            Change::Title(text) => (
                "UPDATE bookings SET title = $3 WHERE tenant_id = $1 AND id = $2",
                args![tenant, id, text],
            ),
            Change::Description(text) => (
                "UPDATE bookings SET description = $3 WHERE tenant_id = $1 AND id = $2",
                args![tenant, id, text],
            ),
            Change::Times(start, end, zone) => {
                let all_day = start.len() == 10;
                let zone = (!all_day).then_some(zone.name());
                (
                    "UPDATE bookings SET starts_local = $3, ends_local = $4, all_day = $5, time_zone = $6, end_time_zone = NULL \
                     WHERE tenant_id = $1 AND id = $2",
                    args![tenant, id, start, end, all_day, zone],
                )
            }
            Change::Recurrence(line) => (
                "UPDATE bookings SET recurrence = $3 WHERE tenant_id = $1 AND id = $2",
                args![tenant, id, line],
            ),
            Change::Place(_) => unreachable!("the app cannot write places"),
            Change::Room(_) => (
                "UPDATE bookings SET resource_id = $3 WHERE tenant_id = $1 AND id = $2",
                args![tenant, id, room],
            ),
            Change::Life(word) => (
                "UPDATE bookings SET status = $3 WHERE tenant_id = $1 AND id = $2",
                args![tenant, id, status(word)],
            ),
        };
        run(&engine.db, sql, values).await == 1
    }
}
