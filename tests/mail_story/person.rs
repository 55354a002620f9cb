//! The hand of a person in Google: whoever's calendar it is changes events there.
use super::{Item, Story};
use crate::support::google::ANA;
use crate::support::http::Answer;
use crate::support::world::event;
use accord::args;
use serde_json::{Value, json};

impl Story {
    async fn hand(&self, user: usize, method: &str, path: &str, body: &Value) -> Answer {
        let calendar = self.calendar(user);
        let bearer = format!("Bearer person:{calendar}");
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

    /// Learns which event is which booking.
    pub(super) async fn learn(&mut self) {
        let mut tx = self.world.read().await;
        for item in &mut self.items {
            let found = match (item.booking, &item.event) {
                (Some(booking), None) => {
                    let sql = "SELECT event_id AS other FROM placements WHERE tenant_id = $1 AND booking_id = $2 AND is_lead = 1";
                    tx.fetch_optional(sql, args![self.world.tenant, booking]).await
                }
                (None, Some(event)) => {
                    let sql = "SELECT booking_id AS other FROM placements WHERE tenant_id = $1 AND event_id = $2";
                    tx.fetch_optional(sql, args![self.world.tenant, event]).await
                }
                _ => continue,
            };
            let Some(other) = found.expect("placements").map(|row| row.text("other").expect("text")) else {
                continue;
            };
            match item.booking {
                Some(_) => item.event = Some(other),
                None => item.booking = other.parse().ok(),
            }
        }
    }

    /// The kth item's event if it is there, and whose it is.
    async fn event(&mut self, k: usize) -> Option<(usize, Value)> {
        self.learn().await;
        let k = k.checked_rem(self.items.len())?;
        let id = self.items[k].event.clone()?;
        for user in 0..self.users.len() {
            let answer = self.hand(user, "GET", &format!("/{id}"), &Value::Null).await;
            if answer.status == 200 {
                let event = answer.json();
                return (event["status"] != "cancelled").then_some((user, event));
            }
        }
        None
    }

    async fn person_patches(&mut self, k: usize, change: impl FnOnce(&Story, &Value) -> Value) -> bool {
        let Some((user, event)) = self.event(k).await else {
            return false;
        };
        let path = format!("/{}", event["id"].as_str().expect("an id"));
        let change = change(self, &event);
        self.hand(user, "PATCH", &path, &change).await.status < 300
    }

    pub(super) async fn person_creates(&mut self) -> bool {
        let made = event(&format!("title {}", self.step), &self.start_text());
        let made = self.world.person_creates_in(ANA, "primary", made).await;
        self.items.push(Item {
            booking: None,
            event: Some(made),
        });
        true
    }

    fn start_text(&self) -> String {
        match self.times() {
            super::app::Change::Times(start, _) => start,
            _ => unreachable!("times are times"),
        }
    }

    pub(super) async fn person_renames(&mut self, k: usize) -> bool {
        let title = json!({"summary": format!("title {}", self.step)});
        self.person_patches(k, |_, _| title).await
    }

    pub(super) async fn person_moves(&mut self, k: usize) -> bool {
        let times = event("", &self.start_text());
        self.person_patches(k, |_, _| json!({"start": times["start"], "end": times["end"]}))
            .await
    }

    pub(super) async fn person_hides(&mut self, k: usize, hides: bool) -> bool {
        let word = if hides { "private" } else { "default" };
        self.person_patches(k, |_, _| json!({"visibility": word})).await
    }

    pub(super) async fn person_deletes(&mut self, k: usize) -> bool {
        let Some((user, event)) = self.event(k).await else {
            return false;
        };
        let path = format!("/{}", event["id"].as_str().expect("an id"));
        self.hand(user, "DELETE", &path, &Value::Null).await.status < 300
    }

    pub(super) async fn person_changes_occurrence(&mut self, k: usize, n: usize, cancels: bool) -> bool {
        let Some((user, event)) = self.event(k).await else {
            return false;
        };
        if event["recurrence"].is_null() {
            return false;
        }
        let series = event["id"].as_str().expect("an id");
        let list = self
            .hand(user, "GET", &format!("/{series}/instances?maxResults=50"), &Value::Null)
            .await;
        let list = list.json();
        let Some(instance) = list["items"].as_array().and_then(|all| all.get(n)) else {
            return false;
        };
        let path = format!("/{}", instance["id"].as_str().expect("an id"));
        let answer = if cancels {
            self.hand(user, "DELETE", &path, &Value::Null).await
        } else {
            let day = &instance["start"]["dateTime"].as_str().expect("a start")[..10];
            let times = crate::support::world::event("", &format!("{day}T19:{:02}:00", self.step % 60));
            let change = json!({"start": times["start"], "end": times["end"]});
            self.hand(user, "PATCH", &path, &change).await
        };
        answer.status < 300
    }
}
