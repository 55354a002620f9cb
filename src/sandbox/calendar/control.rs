//! Commands for tests, outside Google's API: expire tokens, change roles, break pages, plant poison, look inside.
//!
//! `expire_sync_tokens {calendar?}` · `set_role {user, calendar, role|null}` · `split_series {calendar, event, at, title?}` ·
//! `paging {page_size?, empty_page_every?, exceptions_first?, duplicate_items?, shuffle_seed?}` · `sparse_cancelled {on}` ·
//! `opaque_instance_ids {on}` · `hide_page_tokens {on}` · `window_leavers {mode}` · `purge_tombstones {calendar}` ·
//! `raw_event {calendar, event}` · `copy_event {calendar, event, times}` · `list_empty {calendar, times}` · `dump {}`.
use super::super::arguments::{flag, number, text};
use super::state::{Event, Gone, Leavers, Object, Role, State};
use super::time::When;
use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Value, json};

impl State {
    /// Runs one command.
    pub(super) fn control(&mut self, command: &str, body: &Value, now: i64) -> Result<Value, String> {
        match command {
            "expire_sync_tokens" => self.expire_sync_tokens(body),
            "set_role" => self.force_role(body, now),
            "split_series" => {
                let at = moment(text(body, "at")?)?;
                let title = body.get("title").and_then(Value::as_str);
                let id = self.split_series(text(body, "calendar")?, text(body, "event")?, at, title, now)?;
                Ok(json!({"id": id}))
            }
            "paging" => self.set_paging(body),
            "sparse_cancelled" => {
                self.switches.sparse_cancelled = flag(body, "on")?;
                Ok(json!({}))
            }
            "opaque_instance_ids" => {
                self.switches.opaque_instance_ids = flag(body, "on")?;
                Ok(json!({}))
            }
            "hide_page_tokens" => {
                self.switches.hide_page_tokens = flag(body, "on")?;
                Ok(json!({}))
            }
            "window_leavers" => {
                self.switches.window_leavers = match text(body, "mode")? {
                    "whole" => Leavers::Whole,
                    "omitted" => Leavers::Omitted,
                    "cancelled" => Leavers::Cancelled,
                    _ => return Err("mode is whole, omitted or cancelled".into()),
                };
                Ok(json!({}))
            }
            "purge_tombstones" => self.purge_tombstones(text(body, "calendar")?),
            "raw_event" => self.plant(body, now),
            "copy_event" => self.copy_event(body, now),
            "list_empty" => {
                let times = number(body, "times")?.ok_or("times is missing")?;
                self.known_calendar(text(body, "calendar")?)?.empty_lists = times as u64;
                Ok(json!({}))
            }
            "dump" => serde_json::to_value(&*self).map_err(|error| error.to_string()),
            _ => Err(format!("unknown command {command}")),
        }
    }

    fn known_calendar(&mut self, id: &str) -> Result<&mut super::state::Calendar, String> {
        self.calendars.get_mut(id).ok_or_else(|| format!("no calendar {id}"))
    }

    fn expire_sync_tokens(&mut self, body: &Value) -> Result<Value, String> {
        if let Some(id) = body.get("calendar").and_then(Value::as_str) {
            self.known_calendar(id)?.epoch += 1;
            return Ok(json!({}));
        }
        for calendar in self.calendars.values_mut() {
            calendar.epoch += 1;
        }
        for user in self.users.values_mut() {
            user.list_epoch += 1;
        }
        Ok(json!({}))
    }

    /// Sets a user's role; a new reader also gets the calendar into the list, as an accepted invitation would.
    fn force_role(&mut self, body: &Value, now: i64) -> Result<Value, String> {
        let user = text(body, "user")?.to_lowercase();
        let calendar = text(body, "calendar")?.to_owned();
        if !self.users.contains_key(&user) {
            return Err(format!("no user {user}"));
        }
        self.known_calendar(&calendar)?;
        let role = match body.get("role") {
            Some(Value::Null) => None,
            Some(Value::String(role)) => Some(Role::parse(role).ok_or("no such role")?),
            _ => return Err("role is missing".into()),
        };
        self.set_rule(&calendar, &format!("user:{user}"), role, now);
        let listed = self.users[&user]
            .list
            .get(&calendar)
            .is_some_and(|entry| !entry.deleted);
        if role.is_some() && !listed {
            let fields = Object::from_iter([("selected".to_owned(), json!(true))]);
            self.put_entry(&user, &calendar, fields, now);
        }
        Ok(json!({}))
    }

    /// Replaces all paging switches: what is not named is off.
    fn set_paging(&mut self, body: &Value) -> Result<Value, String> {
        let on = |name| match body.get(name) {
            None => Ok(false),
            Some(_) => flag(body, name),
        };
        let every = number(body, "empty_page_every")?;
        if every.is_some_and(|every| every < 2) {
            return Err("empty_page_every is at least 2: otherwise no page ever has items".into());
        }
        self.switches.page_size = number(body, "page_size")?;
        self.switches.empty_page_every = every;
        self.switches.exceptions_first = on("exceptions_first")?;
        self.switches.duplicate_items = on("duplicate_items")?;
        self.switches.shuffle_seed = number(body, "shuffle_seed")?.map(|seed| seed as u64);
        Ok(json!({}))
    }

    /// Forgets tombstones for good; sync tokens that have not seen them die with them.
    fn purge_tombstones(&mut self, id: &str) -> Result<Value, String> {
        let calendar = self.known_calendar(id)?;
        let gone: Vec<String> = calendar
            .events
            .values()
            .filter(|event| {
                // A cancelled occurrence is part of its live series and stays.
                let series = event.series_id().and_then(|series| calendar.events.get(series));
                let series_is_gone = series.is_none_or(|series| series.gone.is_some());
                let dropped = event.gone == Some(Gone::Dropped);
                (event.gone.is_some() || series.is_some()) && (series_is_gone || dropped)
            })
            .map(|event| event.id.clone())
            .collect();
        for event in &gone {
            if let Some(event) = calendar.events.remove(event) {
                calendar.purged = calendar.purged.max(event.changed);
            }
        }
        Ok(json!({"purged": gone.len()}))
    }

    /// Fills a calendar: copies of one event, each with an id, an iCalUID and a numbered title of its own.
    fn copy_event(&mut self, body: &Value, now: i64) -> Result<Value, String> {
        let (calendar, id) = (text(body, "calendar")?.to_owned(), text(body, "event")?.to_owned());
        let times = number(body, "times")?.ok_or("times is missing")?;
        let events = &self.known_calendar(&calendar)?.events;
        let model = events.get(&id).ok_or_else(|| format!("no event {id}"))?.clone();
        let title = model.text("summary").unwrap_or_default().to_owned();
        for copy in 1..=times {
            let mut event = model.clone();
            event.id = self.make_id();
            event
                .fields
                .insert("iCalUID".into(), json!(format!("{}@google.com", event.id)));
            event.fields.insert("summary".into(), json!(format!("{title} {copy}")));
            (event.updated, event.changed) = (self.stamp(now), self.next_position());
            event.created = event.updated;
            self.known_calendar(&calendar)?.events.insert(event.id.clone(), event);
        }
        Ok(json!({"copies": times}))
    }

    /// Puts any JSON as an event, unchecked.
    fn plant(&mut self, body: &Value, now: i64) -> Result<Value, String> {
        let calendar = text(body, "calendar")?.to_owned();
        self.known_calendar(&calendar)?;
        let fields = body
            .get("event")
            .and_then(Value::as_object)
            .ok_or("event is missing")?
            .clone();
        let id = match fields.get("id").and_then(Value::as_str) {
            Some(id) => id.to_owned(),
            None => self.make_id(),
        };
        let (updated, changed) = (self.stamp(now), self.next_position());
        let event = Event {
            id: id.clone(),
            gone: (fields.get("status") == Some(&json!("cancelled"))).then_some(Gone::Deleted),
            fields,
            created: updated,
            updated,
            changed,
            raw: true,
            opaque: self.switches.opaque_instance_ids,
            ..Event::default()
        };
        self.known_calendar(&calendar)?.events.insert(id.clone(), event);
        Ok(json!({"id": id}))
    }
}

/// A date, or RFC 3339 with an offset.
fn moment(text: &str) -> Result<When, String> {
    if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Ok(When::Day(day));
    }
    match DateTime::parse_from_rfc3339(text) {
        Ok(at) => Ok(When::At(at.with_timezone(&Utc))),
        Err(_) => Err("at is a date or an RFC 3339 time".into()),
    }
}
