//! Series and their exceptions: what a change of the one does to the others, and the web page's "this and following".
use super::super::errors::Refusal;
use super::super::recurrence::{self, HORIZON, Series};
use super::super::state::{Event, Gone, State};
use super::super::time::When;
use super::attendees::is_guest_copy;
use chrono::DateTime;
use chrono_tz::Tz;
use serde_json::{Value, json};

/// Fields of an exception that follow the series while they are equal to it.
const FOLLOWING: [&str; 11] = [
    "summary",
    "description",
    "location",
    "colorId",
    "visibility",
    "transparency",
    "attendees",
    "extendedProperties",
    "guestsCanModify",
    "guestsCanInviteOthers",
    "guestsCanSeeOtherGuests",
];

/// Occurrences of the old series that the new event no longer has.
pub fn lost_occurrences(old: &Event, new: &Event, zone: Tz, now: i64) -> Vec<When> {
    let now = DateTime::from_timestamp_micros(now).unwrap_or_default();
    let all = |event: &Event| match event.series(zone) {
        Some(series) => series.occurrences(now, None),
        None => Vec::new(),
    };
    let kept = all(new);
    let mut lost = all(old);
    lost.retain(|when| kept.binary_search(when).is_err());
    let surplus = lost.len().saturating_sub(HORIZON);
    lost.split_off(surplus)
}

fn strictness(visibility: Option<&str>) -> u8 {
    match visibility {
        Some("public") => 0,
        Some("private" | "confidential") => 2,
        _ => 1,
    }
}

impl State {
    /// After a series has changed: exceptions of occurrences that are no more are dropped, the others follow where they
    /// were equal to the series.
    pub(super) fn follow_series(&mut self, calendar: &str, old: &Event, new: &Event, now: i64) -> Result<(), Refusal> {
        if !old.is_series() {
            return Ok(());
        }
        let found = self.calendar(calendar)?;
        let expansion = new.series(found.zone());
        let exceptions: Vec<Event> = found
            .exceptions(&new.id)
            .filter(|event| event.gone != Some(Gone::Dropped))
            .cloned()
            .collect();
        for exception in exceptions {
            let mut event = exception.clone();
            let holds = |when| expansion.as_ref().is_some_and(|series: &Series| series.contains(when));
            if !event.original_start().is_some_and(holds) {
                event.gone = Some(Gone::Dropped);
            } else if event.gone.is_none() {
                for key in FOLLOWING {
                    if event.fields.get(key) != old.fields.get(key) {
                        continue;
                    }
                    match new.fields.get(key) {
                        Some(value) => drop(event.fields.insert(key.into(), value.clone())),
                        None => drop(event.fields.remove(key)),
                    }
                }
            }
            if event.fields != exception.fields || event.gone != exception.gone {
                let event = self.put(calendar, event, now)?;
                self.propagate(calendar, &event.id, now)?;
            }
        }
        Ok(())
    }

    /// On an instance a stricter visibility spreads to the whole series and a looser one is ignored.
    pub(super) fn limit_visibility(
        &mut self,
        calendar: &str,
        old: &Event,
        fields: &mut super::super::state::Object,
        now: i64,
    ) -> Result<(), Refusal> {
        let wanted = fields.get("visibility").cloned();
        let Some(series) = old
            .series_id()
            .and_then(|id| self.calendars.get(calendar)?.events.get(id))
        else {
            return Ok(());
        };
        let series = series.clone();
        let level = strictness(wanted.as_ref().and_then(Value::as_str));
        if level > strictness(series.text("visibility")) {
            let mut stricter = series.clone();
            stricter.fields.insert("visibility".into(), wanted.unwrap_or_default());
            let stricter = self.put(calendar, stricter, now)?;
            self.follow_series(calendar, &series, &stricter, now)?;
            return self.propagate(calendar, &stricter.id, now);
        }
        match series.fields.get("visibility") {
            Some(value) => drop(fields.insert("visibility".into(), value.clone())),
            None => drop(fields.remove("visibility")),
        }
        Ok(())
    }

    /// What Google's web page does on "this and following": the old series ends before `at`, a new one
    /// `<original>_R<start>` begins there, and later exceptions keep their ids under the new one. Answers its id.
    pub(in super::super) fn split_series(
        &mut self,
        calendar: &str,
        id: &str,
        at: When,
        title: Option<&str>,
        now: i64,
    ) -> Result<String, String> {
        let refused = |_| "the calendar or event is not there".to_owned();
        let found = self.calendar(calendar).map_err(refused)?;
        let zone = found.zone();
        let old = found
            .events
            .get(id)
            .filter(|event| event.gone.is_none() && event.is_series());
        let old = old.cloned().ok_or("no such live series")?;
        if is_guest_copy(&old, calendar) {
            return Err("only the organizer can split a series".into());
        }
        let series = old.series(zone).ok_or("the series cannot be expanded")?;
        if !series.contains(at) || old.start() == Some(at) {
            return Err("the series has no such later occurrence".into());
        }
        let original = old.instance_base.clone().unwrap_or_else(|| old.id.clone());
        let new_id = format!("{original}_R{}", at.compact().trim_end_matches('Z'));
        let parts = recurrence::split(&old.lines(), &series, at);
        let mut new = super::instance(&old, at, found);
        new.id = new_id.clone();
        new.instance_base = Some(original);
        new.created = 0;
        let uid = json!(format!("{new_id}@google.com"));
        for key in ["recurringEventId", "originalStartTime"] {
            new.fields.remove(key);
        }
        new.fields.insert("recurrence".into(), json!(parts.after));
        new.fields.insert("iCalUID".into(), uid.clone());
        if let Some(title) = title {
            new.fields.insert("summary".into(), json!(title));
        }
        let moved: Vec<Event> = found
            .exceptions(id)
            .filter(|event| event.original_start().is_some_and(|start| start >= at))
            .cloned()
            .collect();
        let new = self.put(calendar, new, now).map_err(refused)?;
        for mut event in moved {
            event.fields.insert("recurringEventId".into(), json!(new_id));
            event.fields.insert("iCalUID".into(), uid.clone());
            if event.fields.get("summary") == old.fields.get("summary") {
                event.fields.insert("summary".into(), new.fields["summary"].clone());
            }
            self.put(calendar, event, now).map_err(refused)?;
        }
        let mut cut = old.clone();
        cut.fields.insert("recurrence".into(), json!(parts.before));
        let sequence = old.fields.get("sequence").and_then(Value::as_u64).unwrap_or(0);
        cut.fields.insert("sequence".into(), json!(sequence + 1));
        let cut = self.put(calendar, cut, now).map_err(refused)?;
        self.follow_series(calendar, &old, &cut, now).map_err(refused)?;
        self.propagate(calendar, id, now).map_err(refused)?;
        self.propagate(calendar, &new_id, now).map_err(refused)?;
        Ok(new_id)
    }
}
