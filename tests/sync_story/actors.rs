//! The hands of a story: what each step does, and the note that is made of it.
use super::sides::{Face, Sides, nth_start, original_start, parts, when};
use super::{Edit, Field, Item, Object, Side, Step, Story, Via};
use crate::support::google::ANA;
use crate::support::world::{event, hour, run};
use accord::args;
use accord::domain::booking::{Occurrence, Side as Origin};
use accord::domain::ids::BookingId;
use accord::domain::time::{Fold, Zoned};
use accord::engine::bookings::BookingEdit;
use accord::engine::once::Answer;
use accord::store::bookings::{self, BookingRow, BookingText, NewBooking};
use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Tz;
use serde_json::{Value, json};

const LIVE: &str = "live";
const GONE: &str = "gone";
const WEEKLY: &str = "RRULE:FREQ=WEEKLY;COUNT=4";

/// What an edit does to one field.
enum Change {
    Title(String),
    Description(String),
    /// Start and end; dates for whole days.
    Times(String, String),
    Recurrence(String),
    Place(String),
    /// A room with this name; `None` takes the room away.
    Room(Option<String>),
    Life(&'static str),
}

impl Change {
    /// What the field holds afterwards.
    fn note(&self, before: &Face) -> (Field, String) {
        let (start, end, recurrence) = parts(&before.when);
        match self {
            Change::Title(text) => (Field::Title, text.clone()),
            Change::Description(text) => (Field::Description, text.clone()),
            Change::Times(start, end) => (Field::When, when(start, end, recurrence)),
            Change::Recurrence(lines) => (Field::When, when(start, end, lines)),
            Change::Place(text) => (Field::Place, text.clone()),
            Change::Room(name) => (Field::Place, name.clone().unwrap_or_default()),
            Change::Life(word) => (Field::Life, (*word).to_owned()),
        }
    }

    /// As a person's PATCH.
    fn patch(&self) -> Value {
        match self {
            Change::Title(text) => json!({"summary": text}),
            Change::Description(text) => json!({"description": text}),
            Change::Times(start, end) if start.len() == 10 => json!({
                "start": {"date": start, "dateTime": null, "timeZone": null},
                "end": {"date": end, "dateTime": null, "timeZone": null}}),
            Change::Times(start, end) => json!({
                "start": {"dateTime": start, "timeZone": "Europe/Madrid", "date": null},
                "end": {"dateTime": end, "timeZone": "Europe/Madrid", "date": null}}),
            Change::Recurrence(lines) => json!({"recurrence": [lines]}),
            Change::Place(text) => json!({"location": text}),
            Change::Room(_) => unreachable!("persons type places"),
            Change::Life(_) => json!({"status": "confirmed"}),
        }
    }

    /// As a request to the API; a room by its id.
    fn edit(&self, room: Option<String>) -> BookingEdit {
        let mut edit = BookingEdit::default();
        match self {
            Change::Title(text) => edit.title = Some(text.clone()),
            Change::Description(text) => edit.description = Some(text.clone()),
            Change::Times(start, end) if start.len() == 10 => {
                (edit.starts_at, edit.ends_at) = (Some(start.clone()), Some(end.clone()));
                edit.all_day = Some(true);
            }
            Change::Times(start, end) => {
                (edit.starts_at, edit.ends_at) = (Some(rfc3339(start)), Some(rfc3339(end)));
                edit.all_day = Some(false);
                edit.time_zone = Some(Some("Europe/Madrid".into()));
            }
            Change::Recurrence(lines) => edit.recurrence = Some(vec![lines.clone()]),
            Change::Place(_) => unreachable!("the app cannot write places"),
            Change::Room(_) => edit.resource_id = Some(room),
            Change::Life(word) => edit.status = Some(status(word).to_owned()),
        }
        edit
    }
}

fn status(life: &str) -> &'static str {
    if life == LIVE { "confirmed" } else { "cancelled" }
}

fn rfc3339(local: &str) -> String {
    Zoned::parse_local(local, Tz::Europe__Madrid, Fold::Earlier)
        .expect("a local time")
        .rfc3339()
}

impl Story {
    fn day(&self) -> NaiveDate {
        let first = NaiveDate::from_ymd_opt(2026, 3, 4).expect("a date");
        first + TimeDelta::days(self.step.try_into().expect("few steps"))
    }

    fn title(&self) -> Change {
        Change::Title(format!("title {}", self.step))
    }

    fn description(&self) -> Change {
        Change::Description(format!("description {}", self.step))
    }

    fn times(&self) -> Change {
        Change::Times(format!("{}T10:00:00", self.day()), format!("{}T11:00:00", self.day()))
    }

    fn whole_day(&self) -> Change {
        let day = self.day();
        Change::Times(day.to_string(), (day + TimeDelta::days(1)).to_string())
    }

    fn weekly(&self) -> Change {
        Change::Recurrence(format!("RRULE:FREQ=WEEKLY;COUNT={}", 4 + self.step))
    }

    /// The evening of an occurrence's day.
    fn evening(&self, original_start: &str) -> Change {
        let (day, minute) = (&original_start[..10], self.step);
        Change::Times(format!("{day}T20:{minute:02}:00"), format!("{day}T21:{minute:02}:00"))
    }

    /// Does one step. `false`: there was nothing that it could be done to.
    pub(super) async fn act(&mut self, step: Step) -> bool {
        match step {
            Step::PersonCreates => self.person_creates(false).await,
            Step::PersonCreatesSeries => self.person_creates(true).await,
            Step::PersonRenames(k) => self.person_changes(k, self.title()).await,
            Step::PersonDescribes(k) => self.person_changes(k, self.description()).await,
            Step::PersonPlaces(k) => {
                self.person_changes(k, Change::Place(format!("place {}", self.step)))
                    .await
            }
            Step::PersonMoves(k) => self.person_changes(k, self.times()).await,
            Step::PersonMakesWeekly(k) => self.person_changes(k, self.weekly()).await,
            Step::PersonMakesAllDay(k) => self.person_changes(k, self.whole_day()).await,
            Step::PersonDeletes(k) => self.person_changes(k, Change::Life(GONE)).await,
            Step::PersonRestores(k) => self.person_changes(k, Change::Life(LIVE)).await,
            Step::PersonCopies(k) => self.person_copies(k).await,
            Step::PersonChangesCalendar(k) => self.person_changes_calendar(k).await,
            Step::PersonRenamesOccurrence(k, n) => self.person_changes_one(k, n, |story, _| story.title()).await,
            Step::PersonMovesOccurrence(k, n) => self.person_changes_one(k, n, Story::evening).await,
            Step::PersonCancelsOccurrence(k, n) => self.person_changes_one(k, n, |_, _| Change::Life(GONE)).await,
            Step::AppCreates(via) => self.app_creates(via, false).await,
            Step::AppCreatesSeries(via) => self.app_creates(via, true).await,
            Step::AppRenames(via, k) => self.app_changes(via, k, self.title()).await,
            Step::AppDescribes(via, k) => self.app_changes(via, k, self.description()).await,
            Step::AppMoves(via, k) => self.app_changes(via, k, self.times()).await,
            Step::AppMakesWeekly(via, k) => self.app_changes(via, k, self.weekly()).await,
            Step::AppMakesAllDay(via, k) => self.app_changes(via, k, self.whole_day()).await,
            Step::AppAssigns(via, k) => {
                self.app_changes(via, k, Change::Room(Some(format!("Room {}", self.step))))
                    .await
            }
            Step::AppUnassigns(via, k) => self.app_changes(via, k, Change::Room(None)).await,
            Step::AppCancels(via, k) => self.app_changes(via, k, Change::Life(GONE)).await,
            Step::AppConfirms(via, k) => self.app_changes(via, k, Change::Life(LIVE)).await,
            Step::AppDeletes(via, k) => self.app_deletes(via, k).await,
            Step::AppReinserts(k) => self.app_reinserts(k).await,
            Step::AppRenamesOccurrence(via, k, n) => self.app_changes_one(via, k, n, |story, _| story.title()).await,
            Step::AppMovesOccurrence(via, k, n) => self.app_changes_one(via, k, n, Story::evening).await,
            Step::AppCancelsOccurrence(via, k, n) => self.app_changes_one(via, k, n, |_, _| Change::Life(GONE)).await,
            Step::Poll(scope) => self.poll(scope).await.is_ok(),
            Step::ExpireAccessToken => {
                self.world
                    .google
                    .switch("tokens/expire_access", &json!({"email": ANA}))
                    .await;
                true
            }
            Step::ExpireSyncTokens => {
                self.world
                    .google
                    .switch("calendar/expire_sync_tokens", &json!({}))
                    .await;
                true
            }
            Step::ForgetTombstones => {
                for calendar in self.scopes.clone() {
                    self.world
                        .google
                        .switch("calendar/purge_tombstones", &json!({"calendar": calendar}))
                        .await;
                }
                true
            }
            Step::Fault(method, trouble) => {
                self.world.fault(method.rule(trouble)).await;
                true
            }
            Step::Restart => {
                self.world.restart().await;
                true
            }
            Step::HoursPass(hours) => {
                self.hours_pass(hours).await;
                true
            }
        }
    }

    fn pick(&self, k: usize) -> Option<usize> {
        (!self.items.is_empty()).then(|| k % self.items.len())
    }

    /// Items learn their other half as soon as it can be seen.
    fn learn(&mut self, sides: &Sides) {
        for item in &mut self.items {
            item.booking = sides.booking_of(item);
            if let Some(found) = sides.event_of(item) {
                item.event = found.event["id"].as_str().map(str::to_owned);
            }
        }
    }

    async fn look(&mut self) -> Sides {
        let sides = self.sides().await;
        self.learn(&sides);
        sides
    }

    fn note(&mut self, sides: &Sides, side: Side, object: Object, changes: &[(Field, String)]) {
        let item = &self.items[object.item];
        let (app, google) = (sides.app_face(item, &object), sides.google_face(item, &object));
        let known = |face: &Option<Face>| face.clone().filter(|face| face.live);
        let last = self.edits.iter().rev().find(|edit| edit.object.item == object.item);
        let since = last.map_or(0, |edit| edit.step);
        let agreed = known(&app) == known(&google) && self.good_pass.iter().all(|pass| *pass > since);
        let saw = if side == Side::App { app } else { google };
        for (field, value) in changes {
            self.edits.push(Edit {
                step: self.step,
                side,
                object: object.clone(),
                field: *field,
                value: value.clone(),
                saw: saw.clone(),
                agreed,
            });
        }
    }

    /// Notes everything of an object that was just made.
    fn note_new(&mut self, sides: &Sides, side: Side, item: usize, face: &Face) {
        let object = Object { item, occurrence: None };
        let all = [
            (Field::Title, face.title.clone()),
            (Field::Description, face.description.clone()),
            (Field::When, face.when.clone()),
            (Field::Place, face.place.clone()),
            (Field::Life, LIVE.to_owned()),
        ];
        self.note(sides, side, object, &all);
    }

    // The person ------------------------------------------------------------------------------------------------------

    async fn person_creates(&mut self, series: bool) -> bool {
        let title = format!("title {}", self.step);
        let mut made = event(&title, &format!("{}T10:00:00", self.day()));
        if series {
            made["recurrence"] = json!([WEEKLY]);
        }
        self.person_inserts(made).await
    }

    async fn person_copies(&mut self, k: usize) -> bool {
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
        self.person_inserts(copy).await
    }

    async fn person_inserts(&mut self, body: Value) -> bool {
        let sides = self.sides().await;
        let answer = self.hand("POST", "/calendars/primary/events", &body).await;
        let made = answer.expect(200).json();
        self.items.push(Item {
            event: made["id"].as_str().map(str::to_owned),
            booking: None,
        });
        self.note_new(&sides, Side::Person, self.items.len() - 1, &Face::of_event(&made));
        true
    }

    async fn person_changes(&mut self, k: usize, change: Change) -> bool {
        let sides = self.look().await;
        let Some(k) = self.pick(k) else { return false };
        let Some(found) = sides.event_of(&self.items[k]) else {
            return false;
        };
        let before = Face::of_event(&found.event);
        let restores = matches!(change, Change::Life(LIVE));
        if before.live == restores {
            return false;
        }
        let path = format!(
            "/calendars/{}/events/{}",
            found.calendar,
            self.items[k].event.as_ref().expect("learnt")
        );
        let answer = match change {
            Change::Life(GONE) => self.hand("DELETE", &path, &Value::Null).await,
            _ => self.hand("PATCH", &path, &change.patch()).await,
        };
        if answer.status >= 300 {
            return false;
        }
        let object = Object {
            item: k,
            occurrence: None,
        };
        self.note(&sides, Side::Person, object, &[change.note(&before)]);
        true
    }

    async fn person_changes_calendar(&mut self, k: usize) -> bool {
        let sides = self.look().await;
        let Some(found) = self.pick(k).and_then(|k| sides.event_of(&self.items[k])) else {
            return false;
        };
        let other = self.scopes.iter().find(|scope| **scope != found.calendar);
        let (Some(other), Some(id)) = (other, found.event["id"].as_str()) else {
            return false;
        };
        let path = format!("/calendars/{}/events/{id}/move?destination={other}", found.calendar);
        // The daemon has to see it before anybody can say that both sides agree.
        self.good_pass.fill(0);
        self.hand("POST", &path, &json!({})).await.status < 300
    }

    async fn person_changes_one(&mut self, k: usize, n: usize, change: impl Fn(&Story, &str) -> Change) -> bool {
        let sides = self.look().await;
        let Some(k) = self.pick(k) else { return false };
        let Some(found) = sides.event_of(&self.items[k]) else {
            return false;
        };
        if found.event["status"] == "cancelled" || found.event["recurrence"].is_null() {
            return false;
        }
        let series = found.event["id"].as_str().expect("an id");
        let path = format!("/calendars/{}/events/{series}/instances?maxResults=50", found.calendar);
        let list = self.hand("GET", &path, &Value::Null).await.json();
        let mut all = list["items"].as_array().cloned().unwrap_or_default();
        all.sort_by_key(original_start);
        let Some(instance) = all.get(n) else { return false };
        let start = original_start(instance).expect("an instance has an original start");
        let (change, before) = (change(self, &start), Face::of_event(instance));
        let path = format!(
            "/calendars/{}/events/{}",
            found.calendar,
            instance["id"].as_str().expect("an id")
        );
        let answer = match change {
            Change::Life(_) => self.hand("DELETE", &path, &Value::Null).await,
            _ => self.hand("PATCH", &path, &change.patch()).await,
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

    // The app ---------------------------------------------------------------------------------------------------------

    async fn app_creates(&mut self, via: Via, series: bool) -> bool {
        let sides = self.sides().await;
        let (title, day) = (format!("title {}", self.step), self.day());
        let start = format!("{day}T10:00:00");
        let booking = match via {
            Via::Sql => {
                let mut when = hour(&start);
                when.recurrence.extend(series.then(|| WEEKLY.to_owned()));
                self.world.app_creates(&title, when).await
            }
            Via::Api => {
                let edit = BookingEdit {
                    title: Some(title),
                    starts_at: Some(rfc3339(&start)),
                    ends_at: Some(rfc3339(&format!("{day}T11:00:00"))),
                    time_zone: Some(Some("Europe/Madrid".into())),
                    recurrence: series.then(|| vec![WEEKLY.to_owned()]),
                    ..BookingEdit::default()
                };
                let owner = self.world.ana.user.to_string();
                let (engine, tenant) = (&self.world.engine, self.world.tenant);
                let render = |view: &accord::engine::bookings::BookingView| Answer {
                    status: 201,
                    body: view.row.id.to_string().into(),
                };
                let made = engine.create_booking(tenant, Some(&owner), &edit, None, render).await;
                let id = String::from_utf8(made.expect("a good booking is taken").body).expect("text");
                id.parse().expect("an id")
            }
        };
        self.items.push(Item {
            event: None,
            booking: Some(booking),
        });
        let face = Face::of_row(&self.world.text(booking).await);
        self.note_new(&sides, Side::App, self.items.len() - 1, &face);
        true
    }

    async fn app_changes(&mut self, via: Via, k: usize, change: Change) -> bool {
        let sides = self.look().await;
        let Some(k) = self.pick(k) else { return false };
        let Some(row) = self.items[k].booking.and_then(|id| sides.row(id)) else {
            return false;
        };
        let before = Face::of_row(&row.text);
        let confirms = matches!(change, Change::Life(LIVE));
        let nothing = matches!(change, Change::Room(None)) && row.text.resource_id.is_none();
        if before.live == confirms || nothing || !self.app_writes(via, row, &change).await {
            return false;
        }
        let object = Object {
            item: k,
            occurrence: None,
        };
        self.note(&sides, Side::App, object, &[change.note(&before)]);
        true
    }

    async fn app_writes(&mut self, via: Via, row: &BookingRow, change: &Change) -> bool {
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
            Change::Times(start, end) => {
                let all_day = start.len() == 10;
                let zone = (!all_day).then_some("Europe/Madrid");
                (
                    "UPDATE bookings SET starts_local = $3, ends_local = $4, all_day = $5, time_zone = $6, end_time_zone = NULL \
                     WHERE tenant_id = $1 AND id = $2",
                    args![tenant, id, start, end, all_day, zone],
                )
            }
            Change::Recurrence(lines) => (
                "UPDATE bookings SET recurrence = $3 WHERE tenant_id = $1 AND id = $2",
                args![tenant, id, lines],
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

    async fn app_deletes(&mut self, via: Via, k: usize) -> bool {
        let sides = self.look().await;
        let Some(k) = self.pick(k) else { return false };
        let Some(row) = self.items[k].booking.and_then(|id| sides.row(id)) else {
            return false;
        };
        let (engine, tenant) = (&self.world.engine, self.world.tenant);
        if via == Via::Api {
            if engine.delete_booking(tenant, row.id, row.version).await.is_err() {
                return false;
            }
        } else {
            let mut tx = engine.db.begin().await.expect("begin");
            for sql in [
                "DELETE FROM bookings WHERE tenant_id = $1 AND series_id = $2",
                "DELETE FROM bookings WHERE tenant_id = $1 AND id = $2",
            ] {
                tx.execute(sql, args![tenant, row.id]).await.expect("delete");
            }
            tx.commit().await.expect("commit");
        }
        let object = Object {
            item: k,
            occurrence: None,
        };
        self.note(&sides, Side::App, object, &[(Field::Life, GONE.to_owned())]);
        true
    }

    async fn app_reinserts(&mut self, k: usize) -> bool {
        let sides = self.look().await;
        let Some(k) = self.pick(k) else { return false };
        let Some(id) = self.items[k].booking.filter(|id| sides.row(*id).is_none()) else {
            return false;
        };
        let (tenant, owner, title, day) = (
            self.world.tenant,
            self.world.ana.user,
            format!("title {}", self.step),
            self.day(),
        );
        run(
            &self.world.engine.db,
            "INSERT INTO bookings (tenant_id, id, user_id, title, starts_local, ends_local, time_zone) \
             VALUES ($1, $2, $3, $4, $5, $6, 'Europe/Madrid')",
            args![
                tenant,
                id,
                owner,
                title,
                format!("{day}T10:00:00"),
                format!("{day}T11:00:00")
            ],
        )
        .await;
        let face = Face::of_row(&self.world.text(id).await);
        self.note_new(&sides, Side::App, k, &face);
        true
    }

    async fn app_changes_one(&mut self, via: Via, k: usize, n: usize, change: impl Fn(&Story, &str) -> Change) -> bool {
        let sides = self.look().await;
        let Some(k) = self.pick(k) else { return false };
        let Some(row) = self.items[k].booking.and_then(|id| sides.row(id)) else {
            return false;
        };
        let Some(start) = nth_start(row, n) else { return false };
        if row.text.recurrence.is_empty() || row.text.status != "confirmed" {
            return false;
        }
        let text = start.to_string();
        let change = change(self, &text);
        let existing = sides.override_of(row.id, &text);
        if existing.is_some_and(|row| row.text.status != "confirmed") {
            return false;
        }
        let (engine, tenant) = (&self.world.engine, self.world.tenant);
        let done = match (via, existing) {
            (Via::Sql, Some(existing)) => self.app_writes(via, existing, &change).await,
            (Via::Sql, None) => self.app_inserts_override(row, &text, &change).await,
            (Via::Api, _) => {
                let version = existing.map_or(row.version, |row| row.version);
                match change {
                    Change::Life(_) => engine.delete_occurrence(tenant, row.id, start, version).await.is_ok(),
                    _ => engine
                        .patch_occurrence(tenant, row.id, start, version, &change.edit(None))
                        .await
                        .is_ok(),
                }
            }
        };
        if !done {
            return false;
        }
        let before = Face::of_row(&existing.unwrap_or(row).text);
        let before = Face {
            when: parts_without_rule(&before.when),
            ..before
        };
        let object = Object {
            item: k,
            occurrence: Some(text),
        };
        self.note(&sides, Side::App, object, &[change.note(&before)]);
        true
    }

    async fn app_inserts_override(&self, series: &BookingRow, start: &str, change: &Change) -> bool {
        let Ok(content) = series.text.content() else {
            return false;
        };
        let original_start = start.parse().expect("an original start");
        let Some(span) = content.when.span.shift_to(original_start) else {
            return false;
        };
        let occurrence = Occurrence {
            series_id: series.id,
            original_start,
        };
        let mut text = BookingText::of(&content, Some(&occurrence), None, Origin::App);
        let columns = accord::domain::time::SpanColumns::from(span);
        (text.starts_local, text.ends_local) = (columns.starts_local, columns.ends_local);
        text.recurrence.clear();
        match change {
            Change::Title(title) => text.title.clone_from(title),
            Change::Times(start, end) => {
                (text.starts_local, text.ends_local) = (start.clone(), end.clone());
                text.all_day = 0;
                text.time_zone = Some("Europe/Madrid".into());
            }
            Change::Life(word) => status(word).clone_into(&mut text.status),
            _ => unreachable!("occurrences are renamed, moved and cancelled"),
        }
        let id = BookingId(self.world.engine.fresh_uuid());
        let new = NewBooking {
            tenant_id: self.world.tenant,
            id,
            user_id: series.user_id,
            text: &text,
            customer_ids: &[],
            created_at: 1,
        };
        let mut tx = self.world.engine.db.begin().await.expect("begin");
        bookings::insert(&mut tx, &new).await.expect("insert");
        tx.commit().await.expect("commit");
        true
    }
}

fn parts_without_rule(whole: &str) -> String {
    let (start, end, _) = parts(whole);
    when(start, end, "")
}
