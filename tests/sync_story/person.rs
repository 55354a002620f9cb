//! The hands of persons in Google: whoever organizes an event changes it there.
use super::change::{Change, GONE, LIVE, WEEKLY};
use super::face::{Face, original_start};
use super::notes::Item;
use super::sides::Found;
use super::{Object, Side, Story};
use crate::support::google::ANA;
use crate::support::http::Answer;
use crate::support::world::{BEN, event};
use serde_json::{Value, json};

/// Whose calendar it is.
pub(super) fn owner(calendar: &str) -> &'static str {
    if calendar == BEN { BEN } else { ANA }
}

/// The calendar in which an event is changed: its organizer's.
fn desk(found: &Found) -> &str {
    if found.event["organizer"]["email"] == BEN {
        BEN
    } else {
        &found.calendar
    }
}

impl Story {
    /// What a person does in a calendar.
    pub(super) async fn hand(&self, method: &str, calendar: &str, path: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer person:{}", owner(calendar));
        let headers = [("authorization", bearer.as_str())];
        let google = &self.world.google;
        let url = google.url(&format!("/calendar/v3/calendars/{calendar}/events{path}"));
        match method {
            "GET" => google.http.get(&url, &headers).await,
            "POST" => google.http.post(&url, &headers, body).await,
            "PATCH" => google.http.patch(&url, &headers, body).await,
            _ => google.http.delete(&url, &headers).await,
        }
    }

    pub(super) async fn person_creates(&mut self, series: bool) -> bool {
        let made = self.invitation(series);
        self.person_inserts(ANA, made).await
    }

    pub(super) fn invitation(&self, series: bool) -> Value {
        let mut made = event(&format!("title {}", self.step), &format!("{}T10:00:00", self.day()));
        if series {
            made["recurrence"] = json!([WEEKLY]);
        }
        made
    }

    pub(super) async fn person_copies(&mut self, k: usize) -> bool {
        let sides = self.look().await;
        let Some(found) = self.pick(k).and_then(|k| sides.event_of(&self.items[k])) else {
            return false;
        };
        if found.event["status"] == "cancelled" {
            return false;
        }
        let mut copy = json!({});
        for field in [
            "summary",
            "description",
            "location",
            "start",
            "end",
            "recurrence",
            "extendedProperties",
        ] {
            if !found.event[field].is_null() {
                copy[field] = found.event[field].clone();
            }
        }
        self.person_inserts(ANA, copy).await
    }

    pub(super) async fn person_inserts(&mut self, calendar: &str, body: Value) -> bool {
        let sides = self.sides().await;
        let made = self.hand("POST", calendar, "", &body).await.expect(200).json();
        self.items.push(Item {
            event: made["id"].as_str().map(str::to_owned),
            is_bens: calendar == BEN,
            ..Item::default()
        });
        self.note_new(&sides, Side::Person, self.items.len() - 1, &Face::of_event(&made));
        true
    }

    pub(super) async fn person_changes(&mut self, k: usize, change: Change) -> bool {
        let sides = self.look().await;
        let Some(k) = self.pick(k) else { return false };
        let Some(found) = sides.event_of(&self.items[k]) else {
            return false;
        };
        let before = Face::of_event(&found.event);
        let restores = matches!(change, Change::Life(LIVE));
        let recurs = !found.event["recurrence"].is_null();
        let nothing =
            matches!(&change, Change::Recurrence(line) if !recurs && (line.is_empty() || line.ends_with("=2")));
        // What the guest has declined is there for its organizer.
        let declined = !before.live && found.event["status"] != "cancelled";
        if before.live == restores || declined || nothing || self.is_out_of_sight(k) {
            return false;
        }
        let path = format!("/{}", self.items[k].event.as_ref().expect("learnt"));
        let answer = match change {
            Change::Life(GONE) => self.hand("DELETE", desk(found), &path, &Value::Null).await,
            _ => self.hand("PATCH", desk(found), &path, &change.patch()).await,
        };
        if answer.status >= 300 {
            return false;
        }
        self.note(&sides, Side::Person, Object::whole(k), &[change.note(&before)]);
        true
    }

    /// Whether what happens to this event in Google is not seen by the daemon any more.
    fn is_out_of_sight(&self, k: usize) -> bool {
        self.items[k].is_left && !self.setting.with_ben
    }

    pub(super) async fn person_changes_calendar(&mut self, k: usize) -> bool {
        let sides = self.look().await;
        let Some(found) = self.pick(k).and_then(|k| sides.event_of(&self.items[k])) else {
            return false;
        };
        let mut own = self.scopes.iter().filter(|scope| owner(&scope.calendar) == ANA);
        let other = own.find(|scope| scope.calendar != found.calendar);
        let (Some(other), Some(id)) = (other, found.event["id"].as_str()) else {
            return false;
        };
        let path = format!("/{id}/move?destination={}", other.calendar);
        // The daemon has to see it before anybody can say that both sides agree.
        self.good_pass.fill(0);
        self.hand("POST", &found.calendar, &path, &json!({})).await.status < 300
    }

    /// The nth occurrence of a series that is there.
    async fn nth_instance(&self, found: &Found, n: usize) -> Option<Value> {
        if found.event["status"] == "cancelled" || found.event["recurrence"].is_null() {
            return None;
        }
        let series = found.event["id"].as_str().expect("an id");
        let path = format!("/{series}/instances?maxResults=50");
        let list = self.hand("GET", desk(found), &path, &Value::Null).await.json();
        let mut all = list["items"].as_array().cloned().unwrap_or_default();
        all.sort_by_key(original_start);
        all.get(n).cloned()
    }

    pub(super) async fn person_changes_one(
        &mut self,
        k: usize,
        n: usize,
        change: impl Fn(&Story, &str) -> Change,
    ) -> bool {
        let sides = self.look().await;
        let Some(k) = self.pick(k) else { return false };
        let Some(found) = sides.event_of(&self.items[k]) else {
            return false;
        };
        if self.is_out_of_sight(k) || !Face::of_event(&found.event).live {
            return false;
        }
        let Some(instance) = self.nth_instance(found, n).await else {
            return false;
        };
        let start = original_start(&instance).expect("an instance has an original start");
        let (change, before) = (change(self, &start), Face::of_event(&instance));
        let path = format!("/{}", instance["id"].as_str().expect("an id"));
        let answer = match change {
            Change::Life(_) => self.hand("DELETE", desk(found), &path, &Value::Null).await,
            _ => self.hand("PATCH", desk(found), &path, &change.patch()).await,
        };
        if answer.status >= 300 {
            return false;
        }
        let object = Object {
            item: k,
            occurrence: Some(start),
        };
        self.note(&sides, Side::Person, object, &[change.note(&before)]);
        true
    }

    /// "This and following": the series ends before its nth occurrence, and a new one with another title begins there.
    pub(super) async fn person_splits(&mut self, k: usize, n: usize) -> bool {
        let sides = self.look().await;
        let Some(k) = self.pick(k) else { return false };
        let Some(found) = sides.event_of(&self.items[k]) else {
            return false;
        };
        if self.is_out_of_sight(k) || !Face::of_event(&found.event).live {
            return false;
        }
        let Some(instance) = self.nth_instance(found, n + 1).await else {
            return false;
        };
        let start = &instance["originalStartTime"];
        let at = start["date"].as_str().or(start["dateTime"].as_str()).expect("a start");
        let (calendar, series) = (desk(found), found.event["id"].as_str().expect("an id"));
        let title = format!("title {}", self.step);
        let body = json!({"calendar": calendar, "event": series, "at": at, "title": title});
        let url = self.world.google.url("/_sandbox/calendar/split_series");
        let answer = self.world.google.http.post(&url, &[], &body).await;
        if answer.status >= 300 {
            // It was moved out of the rule, or it is the first one.
            return false;
        }
        let tail = answer.json()["id"].as_str().expect("an id").to_owned();
        let read = async |id: &str| {
            let path = format!("/{id}");
            self.hand("GET", calendar, &path, &Value::Null).await.expect(200).json()
        };
        let (head, event) = (Face::of_event(&read(series).await), Face::of_event(&read(&tail).await));
        let is_bens = self.items[k].is_bens;
        self.note(
            &sides,
            Side::Person,
            Object::whole(k),
            &[(super::Field::When, head.when)],
        );
        self.items.push(Item {
            event: Some(tail),
            tail_of: Some(k),
            is_bens,
            ..Item::default()
        });
        self.note_new(&sides, Side::Person, self.items.len() - 1, &event);
        true
    }
}
