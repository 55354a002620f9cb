//! The hand of the app: over the API and in SQL.
use super::change::{Change, GONE, LIVE, WEEKLY, rfc3339, status};
use super::face::{Face, nth_start, without_rule};
use super::notes::Item;
use super::{Field, Object, Side, Story, Via};
use crate::support::world::{hour, run};
use accord::args;
use accord::domain::booking::{Occurrence, Side as Origin};
use accord::domain::ids::BookingId;
use accord::engine::bookings::BookingEdit;
use accord::engine::once::Answer;
use accord::store::bookings::{self, BookingRow, BookingText, NewBooking};
use chrono_tz::Tz;

impl Story {
    pub(super) async fn app_creates(&mut self, via: Via, series: bool) -> bool {
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
                    starts_at: Some(rfc3339(&start, Tz::Europe__Madrid)),
                    ends_at: Some(rfc3339(&format!("{day}T11:00:00"), Tz::Europe__Madrid)),
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
            booking: Some(booking),
            ..Item::default()
        });
        let face = Face::of_row(&self.world.text(booking).await);
        self.note_new(&sides, Side::App, self.items.len() - 1, &face);
        true
    }

    pub(super) async fn app_changes(&mut self, via: Via, k: usize, change: Change) -> bool {
        let sides = self.look().await;
        let Some(k) = self.pick(k) else { return false };
        let Some(row) = self.items[k].booking.and_then(|id| sides.row(id)) else {
            return false;
        };
        let before = Face::of_row(&row.text);
        let confirms = matches!(change, Change::Life(LIVE));
        let nothing = match &change {
            Change::Room(None) => row.text.resource_id.is_none(),
            Change::Recurrence(line) => row.text.recurrence.is_empty() && (line.is_empty() || line.ends_with("=2")),
            _ => false,
        };
        if before.live == confirms || nothing || !self.app_writes(via, row, &change).await {
            return false;
        }
        self.note(&sides, Side::App, Object::whole(k), &[change.note(&before)]);
        true
    }

    pub(super) async fn app_deletes(&mut self, via: Via, k: usize) -> bool {
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
        self.note(&sides, Side::App, Object::whole(k), &[(Field::Life, GONE.to_owned())]);
        true
    }

    pub(super) async fn app_reinserts(&mut self, k: usize) -> bool {
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

    pub(super) async fn app_changes_one(
        &mut self,
        via: Via,
        k: usize,
        n: usize,
        change: impl Fn(&Story, &str) -> Change,
    ) -> bool {
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
            when: without_rule(&before.when),
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
            Change::Times(start, end, _) => {
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
