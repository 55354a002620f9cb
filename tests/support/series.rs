//! Series in a test's world: making them, changing single occurrences in the app, and comparing what both sides show.
//!
//! The app's side is expanded by the product's own rules, Google's by the sandbox, which shares no code with them.
use super::google::ANA;
use super::world::{World, hour, run};
use accord::args;
use accord::domain::ids::BookingId;
use accord::domain::recurrence;
use accord::domain::time::{OriginalStart, Span, When};
use chrono::{DateTime, SecondsFormat, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};
use std::collections::HashMap;

/// An occurrence as a person sees it: start, end, title. Days as dates, times in UTC.
pub type Shown = (String, String, String);

const FROM: &str = "2026-01-01T00:00:00Z";
const UNTIL: &str = "2027-03-31T00:00:00Z";

/// Hours of a series in Madrid.
pub fn hours(starts_local: &str, lines: &[&str]) -> When {
    When {
        recurrence: lines.iter().map(|line| (*line).to_owned()).collect(),
        ..hour(starts_local)
    }
}

/// The same as an event's JSON.
pub fn series_event(title: &str, starts_local: &str, lines: &[&str]) -> Value {
    let mut event = super::world::event(title, starts_local);
    event["recurrence"] = json!(lines);
    event
}

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

fn shown(span: &Span, title: &str) -> Shown {
    let (start, end) = match span {
        Span::AllDay { start, end } => (start.to_string(), end.to_string()),
        Span::Timed { start, end } => (instant(start.instant()), instant(end.instant())),
    };
    (start, end, title.to_owned())
}

/// Everything the app shows in fifteen months.
pub async fn app_shows(world: &World) -> Vec<Shown> {
    let (from, until) = (at(FROM), at(UNTIL));
    let rows = world.bookings().await;
    let mut changed: HashMap<BookingId, Vec<OriginalStart>> = HashMap::new();
    for row in &rows {
        if let Some(occurrence) = row.text.occurrence().expect("a readable row") {
            let of_series = changed.entry(occurrence.series_id).or_default();
            of_series.push(occurrence.original_start);
        }
    }
    let mut all = Vec::new();
    for row in rows.iter().filter(|row| row.text.status == "confirmed") {
        let when = row.text.content().expect("a readable row").when;
        let found = recurrence::expand(&when, from..until, Tz::Europe__Madrid, usize::MAX).expect("it expands");
        let replaced = changed.get(&row.id).cloned().unwrap_or_default();
        all.extend(
            found
                .iter()
                .filter(|occurrence| !replaced.contains(&occurrence.original_start))
                .map(|occurrence| shown(&occurrence.span, &row.text.title)),
        );
    }
    all.sort();
    all
}

/// Everything Google shows in the same time.
pub async fn google_shows(world: &World) -> Vec<Shown> {
    let path = format!(
        "/calendar/v3/calendars/primary/events?singleEvents=true&maxResults=2500&timeMin={FROM}&timeMax={UNTIL}"
    );
    let bearer = format!("Bearer person:{ANA}");
    let answer = world
        .google
        .http
        .get(&world.google.url(&path), &[("authorization", &bearer)])
        .await;
    let list = answer.expect(200).json();
    assert!(list["nextPageToken"].is_null(), "one page is enough for a test");
    let bound = |bound: &Value| match bound["date"].as_str() {
        Some(date) => date.to_owned(),
        None => {
            let at = DateTime::parse_from_rfc3339(bound["dateTime"].as_str().expect("a time")).expect("RFC 3339");
            instant(at.to_utc())
        }
    };
    let items = list["items"].as_array().expect("items");
    let live = items.iter().filter(|item| item["status"] != "cancelled");
    let mut all: Vec<Shown> = live
        .map(|item| {
            let title = item["summary"].as_str().unwrap_or_default();
            (bound(&item["start"]), bound(&item["end"]), title.to_owned())
        })
        .collect();
    all.sort();
    all
}

/// Passes until nothing moves; then both sides must show the same, and nothing may wait to be pushed. Gives what they show.
pub async fn agree(world: &World) -> Vec<Shown> {
    world.settle().await;
    let (app, google) = (app_shows(world).await, google_shows(world).await);
    assert_eq!(app, google, "the app (left) and Google (right) show different things");
    assert_eq!(world.pending().await, 0, "something waits to be pushed");
    app
}

/// The starts of what is shown.
pub fn starts(shown: &[Shown]) -> Vec<&str> {
    shown.iter().map(|(start, _, _)| start.as_str()).collect()
}

/// The starts and titles.
pub fn titles(shown: &[Shown]) -> Vec<(&str, &str)> {
    shown
        .iter()
        .map(|(start, _, title)| (start.as_str(), title.as_str()))
        .collect()
}

/// What the app writes into the row of a changed occurrence.
pub struct Override<'a> {
    pub title: &'a str,
    pub starts_local: &'a str,
    pub ends_local: &'a str,
    pub status: &'a str,
}

impl World {
    /// The app gives an occurrence (of a series in Madrid) a row of its own.
    pub async fn app_overrides(&self, series: BookingId, original_start: &str, row: Override<'_>) -> BookingId {
        let id = BookingId(self.engine.fresh_uuid());
        run(
            &self.engine.db,
            "INSERT INTO bookings (tenant_id, id, user_id, title, starts_local, ends_local, time_zone, status, series_id, \
             original_start) VALUES ($1, $2, $3, $4, $5, $6, 'Europe/Madrid', $7, $8, $9)",
            args![
                self.tenant,
                id,
                self.ana.user,
                row.title,
                row.starts_local,
                row.ends_local,
                row.status,
                series,
                original_start
            ],
        )
        .await;
        id
    }

    /// The app gives a series (or a single booking) other recurrence lines.
    pub async fn app_recurs(&self, booking: BookingId, lines: &str) {
        run(
            &self.engine.db,
            "UPDATE bookings SET recurrence = $3 WHERE tenant_id = $1 AND id = $2",
            args![self.tenant, booking, lines],
        )
        .await;
    }

    /// The row of an occurrence, if it has one.
    pub async fn override_of(
        &self,
        series: BookingId,
        original_start: &str,
    ) -> Option<accord::store::bookings::BookingRow> {
        let start: OriginalStart = original_start.parse().expect("an original start");
        accord::store::bookings::occurrence(&mut self.read().await, self.tenant, series, start)
            .await
            .expect("a look-up")
    }

    /// The instance of a series in Google that starts (or started) then, whatever its id.
    pub async fn instance(&self, series: &str, original_start: &str) -> Value {
        let bearer = format!("Bearer person:{ANA}");
        let path = format!(
            "/calendar/v3/calendars/primary/events/{series}/instances?showDeleted=true&originalStart={original_start}"
        );
        let url = self.google.url(&path);
        let list = self
            .google
            .http
            .get(&url, &[("authorization", &bearer)])
            .await
            .expect(200)
            .json();
        let items = list["items"].as_array().cloned().unwrap_or_default();
        assert_eq!(items.len(), 1, "one instance: {items:?}");
        items[0].clone()
    }

    /// The id of that instance.
    pub async fn instance_id(&self, series: &str, original_start: &str) -> String {
        super::google::text(&self.instance(series, original_start).await, "id")
    }

    /// The bodies of Accord's patches so far, oldest first.
    pub async fn patches(&self) -> Vec<Value> {
        let requests = self.requests().await;
        let patches = requests.iter().filter(|request| request["method"] == "PATCH");
        patches.map(|request| request["body"].clone()).collect()
    }

    /// Turns a switch of the pretend Google's calendar.
    pub async fn calendar_switch(&self, command: &str, body: Value) -> Value {
        self.google.switch(&format!("calendar/{command}"), &body).await
    }
}
