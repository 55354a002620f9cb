//! Rooms answer by themselves, a little later: accepted, or declined when they are taken.
use super::super::state::{Event, PendingRoom, State};
use serde_json::{Value, json};

/// How long a room thinks, in microseconds.
const DELAY_US: i64 = 2_000_000;

fn rooms(event: &Event) -> Vec<String> {
    let guests = event.fields.get("attendees").and_then(Value::as_array);
    let rooms = guests.into_iter().flatten().filter(|guest| guest["resource"] == true);
    rooms
        .filter_map(|room| room["email"].as_str().map(str::to_owned))
        .collect()
}

impl State {
    /// Remembers to answer for rooms that are new on this event.
    pub(super) fn invite_rooms(&mut self, calendar: &str, old: Option<&Event>, event: &Event, now: i64) {
        let before = old.map(rooms).unwrap_or_default();
        for room in rooms(event) {
            if !before.contains(&room) {
                self.rooms.push(PendingRoom {
                    due: now + DELAY_US,
                    calendar: calendar.to_owned(),
                    event: event.id.clone(),
                    room,
                });
            }
        }
    }

    /// Answers for the rooms whose time has come.
    pub(in super::super) fn let_rooms_answer(&mut self, now: i64) {
        let (due, waiting) = std::mem::take(&mut self.rooms)
            .into_iter()
            .partition(|room| room.due <= now);
        self.rooms = waiting;
        let due: Vec<PendingRoom> = due;
        for room in due {
            self.answer_for(&room, now);
        }
    }

    fn answer_for(&mut self, room: &PendingRoom, now: i64) {
        let Some(calendar) = self.calendars.get(&room.calendar) else {
            return;
        };
        let Some(mut event) = calendar
            .events
            .get(&room.event)
            .filter(|event| event.gone.is_none())
            .cloned()
        else {
            return;
        };
        let span = event.extent(calendar.zone());
        let taken = self.calendars.values().any(|other| {
            other.events.values().any(|used| {
                let used_span = used.extent(other.zone());
                used.id != event.id
                    && used.gone.is_none()
                    && used_span.0 < span.1
                    && span.0 < used_span.1
                    && has_accepted(used, &room.room)
            })
        });
        let answer = if taken { "declined" } else { "accepted" };
        if let Some(Value::Array(guests)) = event.fields.get_mut("attendees") {
            for guest in guests.iter_mut().filter(|guest| guest["email"] == room.room) {
                guest["responseStatus"] = json!(answer);
            }
        }
        if let Ok(event) = self.put(&room.calendar, event, now) {
            // The calendar was there a moment ago, so nothing can be missing.
            let _ = self.propagate(&room.calendar, &event.id, now);
        }
    }
}

fn has_accepted(event: &Event, room: &str) -> bool {
    let guests = event.fields.get("attendees").and_then(Value::as_array);
    let mut guests = guests.into_iter().flatten();
    guests.any(|guest| guest["email"] == room && guest["responseStatus"] == "accepted")
}
