//! Meetings of two: Ana invites Ben, Ben invites Ana, and the guest answers.
use super::change::{GONE, LIVE};
use super::face::Face;
use super::{Field, Object, Side, Story};
use crate::support::google::ANA;
use crate::support::world::BEN;
use serde_json::{Value, json};

impl Story {
    pub(super) async fn ben_invites(&mut self, series: bool) -> bool {
        let mut meeting = self.invitation(series);
        meeting["attendees"] = json!([{"email": ANA}]);
        self.person_inserts(BEN, meeting).await
    }

    /// Ana makes Ben a guest of an event of hers, or takes him off it.
    pub(super) async fn ana_invites(&mut self, k: usize, invites: bool) -> bool {
        let sides = self.look().await;
        let Some(found) = self.pick(k).and_then(|k| sides.event_of(&self.items[k])) else {
            return false;
        };
        let is_guest = found.event["attendees"].as_array().is_some_and(|all| !all.is_empty());
        if found.event["status"] == "cancelled" || found.event["organizer"]["email"] == BEN || is_guest == invites {
            return false;
        }
        let guests = if invites { json!([{"email": BEN}]) } else { json!([]) };
        let path = format!("/{}", found.event["id"].as_str().expect("an id"));
        let answer = self
            .hand("PATCH", &found.calendar, &path, &json!({"attendees": guests}))
            .await;
        // The daemon has to see it before anybody can say that both sides agree.
        self.good_pass.fill(0);
        answer.status < 300
    }

    /// The guest's own copy, if there is a guest and a copy.
    async fn copy_of(&self, k: usize) -> Option<(&'static str, Value)> {
        let guest = if self.items[k].is_bens { ANA } else { BEN };
        let path = format!("/{}", self.items[k].event.as_ref()?);
        let answer = self.hand("GET", guest, &path, &Value::Null).await;
        let copy = (answer.status == 200).then(|| answer.json())?;
        let is_guest = copy["attendees"]
            .as_array()?
            .iter()
            .any(|entry| entry["email"] == guest);
        (copy["status"] != "cancelled" && is_guest).then_some((guest, copy))
    }

    pub(super) async fn guest_answers(&mut self, k: usize, answer: &str) -> bool {
        let sides = self.look().await;
        let Some(k) = self.pick(k) else { return false };
        let Some((guest, copy)) = self.copy_of(k).await else {
            return false;
        };
        let mut entries = copy["attendees"].clone();
        let mine = entries.as_array_mut().into_iter().flatten();
        for entry in mine.filter(|entry| entry["email"] == guest) {
            entry["responseStatus"] = json!(answer);
        }
        let path = format!("/{}", copy["id"].as_str().expect("an id"));
        let done = self.hand("PATCH", guest, &path, &json!({"attendees": entries})).await;
        if done.status >= 300 {
            return false;
        }
        let life = if answer == "declined" { GONE } else { LIVE };
        if guest == ANA && !self.setting.with_ben && Face::of_event(&copy).life() != life {
            self.note(
                &sides,
                Side::Person,
                Object::whole(k),
                &[(Field::Life, life.to_owned())],
            );
        }
        self.good_pass.fill(0);
        true
    }

    /// The guest removes the meeting from the own calendar.
    pub(super) async fn guest_leaves(&mut self, k: usize) -> bool {
        let sides = self.look().await;
        let Some(k) = self.pick(k) else { return false };
        let Some((guest, copy)) = self.copy_of(k).await else {
            return false;
        };
        let path = format!("/{}", copy["id"].as_str().expect("an id"));
        let done = self.hand("DELETE", guest, &path, &Value::Null).await;
        if done.status >= 300 {
            return false;
        }
        if guest == ANA {
            self.items[k].is_left = true;
        }
        if guest == ANA && !self.setting.with_ben && Face::of_event(&copy).live {
            self.note(
                &sides,
                Side::Person,
                Object::whole(k),
                &[(Field::Life, GONE.to_owned())],
            );
        }
        self.good_pass.fill(0);
        true
    }
}
