//! The hand of the app: over the API and in SQL.
use super::{Item, Story, Via, Wish};
use crate::support::world::hour;
use accord::args;
use accord::domain::booking::{Content, Side, Status};
use accord::domain::ids::{BookingId, CustomerId};
use accord::domain::time::{Fold, OriginalStart, Zoned};
use accord::engine::bookings::BookingEdit;
use accord::engine::customers::CustomerEdit;
use accord::engine::once::Answer;
use accord::store::bookings::{self, BookingRow, BookingText, NewBooking};
use accord::store::{Tx, Value};
use chrono::TimeDelta;
use chrono_tz::Tz;
use serde_json::json;

pub(super) const WEEKLY: &str = "RRULE:FREQ=WEEKLY;COUNT=4";

/// What an edit does to one field.
pub(super) enum Change {
    Title(String),
    Description(String),
    /// Start and end in Madrid.
    Times(String, String),
    /// A new room with this name.
    Room(String),
    Status(&'static str),
}

fn rfc3339(local: &str) -> String {
    let time = Zoned::parse_local(local, Tz::Europe__Madrid, Fold::Earlier);
    time.expect("a local time").rfc3339()
}

fn word(wish: Wish) -> Option<String> {
    (wish == Wish::Quietly).then(|| "none".to_owned())
}

/// What the steps write: every text and every time names the step that wrote it.
impl Story {
    fn day(&self) -> String {
        let days = 3 + i64::try_from(self.step).expect("few steps") % 20;
        let day = self.world.engine.clock.now() + TimeDelta::days(days);
        day.format("%Y-%m-%d").to_string()
    }

    pub(super) fn title(&self) -> Change {
        Change::Title(format!("title {}", self.step))
    }

    pub(super) fn description(&self) -> Change {
        Change::Description(format!("secret {}", self.step))
    }

    pub(super) fn room(&self) -> Change {
        Change::Room(format!("Room {}", self.step))
    }

    pub(super) fn times(&self) -> Change {
        let (day, minute) = (self.day(), self.step % 60);
        Change::Times(format!("{day}T10:{minute:02}:00"), format!("{day}T11:{minute:02}:00"))
    }

    fn times_text(&self) -> (String, String) {
        match self.times() {
            Change::Times(start, end) => (start, end),
            _ => unreachable!("times are times"),
        }
    }

    /// The customers of a set.
    fn set(&self, user: usize, people: u8) -> Vec<CustomerId> {
        let all = self.customers[user].iter().enumerate();
        all.filter(|(bit, _)| people & (1 << bit) != 0)
            .map(|(_, id)| *id)
            .collect()
    }

    /// The kth item's row, and whose it is.
    pub(super) async fn item(&mut self, k: usize) -> Option<(usize, BookingRow)> {
        self.learn().await;
        let k = k.checked_rem(self.items.len())?;
        let row = self.world.booking(self.items[k].booking?).await?;
        let user = self.users.iter().position(|user| user.user == row.user_id)?;
        Some((user, row))
    }

    fn wished(&mut self, wish: Wish, booking: BookingId) {
        if wish == Wish::Quietly {
            self.quiet.insert(booking);
        }
    }

    pub(super) async fn app_creates(&mut self, via: Via, wish: Wish, user: usize, people: u8, series: bool) -> bool {
        let Some(owner) = self.users.get(user).map(|user| user.user) else {
            return false;
        };
        let (title, (start, end)) = (format!("title {}", self.step), self.times_text());
        let customers = self.set(user, people);
        let (engine, tenant) = (&self.world.engine, self.world.tenant);
        let booking = match via {
            Via::Sql => {
                let mut when = hour(&start);
                when.recurrence.extend(series.then(|| WEEKLY.to_owned()));
                let content = Content {
                    title,
                    description: "secret".to_owned(),
                    location: String::new(),
                    resource_id: None,
                    when,
                    status: Status::Confirmed,
                };
                let mut text = BookingText::of(&content, None, None, Side::App);
                if wish == Wish::Propose {
                    "propose".clone_into(&mut text.mail_wish);
                }
                let id = BookingId(engine.fresh_uuid());
                let new = NewBooking {
                    tenant_id: tenant,
                    id,
                    user_id: owner,
                    text: &text,
                    customer_ids: &customers,
                    created_at: 1,
                };
                let mut tx = engine.db.begin().await.expect("begin");
                bookings::insert(&mut tx, &new).await.expect("insert");
                tx.commit().await.expect("commit");
                id
            }
            Via::Api => {
                let edit = BookingEdit {
                    title: Some(title),
                    description: Some("secret".to_owned()),
                    starts_at: Some(rfc3339(&start)),
                    ends_at: Some(rfc3339(&end)),
                    time_zone: Some(Some("Europe/Madrid".into())),
                    recurrence: series.then(|| vec![WEEKLY.to_owned()]),
                    customer_ids: Some(customers.iter().map(CustomerId::to_string).collect()),
                    mail: word(wish),
                    ..BookingEdit::default()
                };
                let render = |view: &accord::engine::bookings::BookingView| Answer {
                    status: 201,
                    body: view.row.id.to_string().into(),
                };
                let made = engine
                    .create_booking(tenant, Some(&owner.to_string()), &edit, None, render)
                    .await;
                let id = String::from_utf8(made.expect("a good booking is taken").body).expect("text");
                id.parse().expect("an id")
            }
        };
        self.wished(wish, booking);
        self.items.push(Item {
            booking: Some(booking),
            event: None,
        });
        true
    }

    /// Statements of the app about one booking, in one transaction that says whether mail is wished.
    async fn app_sql(&self, wish: Wish, id: BookingId, statements: Vec<(&'static str, Vec<Value>)>) {
        let mut tx = self.world.engine.db.begin().await.expect("begin");
        if wish == Wish::Propose {
            self.wish_in_sql(&mut tx, id).await;
        }
        for (sql, values) in statements {
            tx.execute(sql, values).await.expect("the statement runs");
        }
        tx.commit().await.expect("commit");
    }

    async fn wish_in_sql(&self, tx: &mut Tx, id: BookingId) {
        let sql = "UPDATE bookings SET mail_wish = 'propose' WHERE tenant_id = $1 AND id = $2";
        tx.execute(sql, args![self.world.tenant, id]).await.expect("a wish");
    }

    pub(super) async fn app_changes(&mut self, via: Via, wish: Wish, k: usize, change: Change) -> bool {
        let Some((_, row)) = self.item(k).await else {
            return false;
        };
        let (tenant, id) = (self.world.tenant, row.id);
        let is_same = match &change {
            Change::Status(status) => row.text.status == *status,
            Change::Title(title) => row.text.title == *title,
            _ => false,
        };
        if is_same {
            return false;
        }
        let room = match &change {
            Change::Room(name) => Some(self.world.app_adds_resource(name).await),
            _ => None,
        };
        if via == Via::Api {
            let mut edit = BookingEdit {
                mail: word(wish),
                ..BookingEdit::default()
            };
            match &change {
                Change::Title(text) => edit.title = Some(text.clone()),
                Change::Description(text) => edit.description = Some(text.clone()),
                Change::Times(start, end) => {
                    (edit.starts_at, edit.ends_at) = (Some(rfc3339(start)), Some(rfc3339(end)))
                }
                Change::Room(_) => edit.resource_id = Some(room),
                Change::Status(status) => edit.status = Some((*status).to_owned()),
            }
            let done = self.world.engine.patch_booking(tenant, id, row.version, &edit).await;
            if let Err(problem) = &done {
                self.log.push(format!("    refused: {problem}"));
                return false;
            }
        } else {
            let set = |sql: &'static str, value: &str| (sql, args![tenant, id, value.to_owned()]);
            let statement = match &change {
                Change::Title(text) => set("UPDATE bookings SET title = $3 WHERE tenant_id = $1 AND id = $2", text),
                Change::Description(text) => set(
                    "UPDATE bookings SET description = $3 WHERE tenant_id = $1 AND id = $2",
                    text,
                ),
                Change::Times(start, end) => (
                    "UPDATE bookings SET starts_local = $3, ends_local = $4 WHERE tenant_id = $1 AND id = $2",
                    args![tenant, id, start, end],
                ),
                Change::Room(_) => set(
                    "UPDATE bookings SET resource_id = $3 WHERE tenant_id = $1 AND id = $2",
                    &room.unwrap_or_default(),
                ),
                Change::Status(status) => set(
                    "UPDATE bookings SET status = $3 WHERE tenant_id = $1 AND id = $2",
                    status,
                ),
            };
            self.app_sql(wish, id, vec![statement]).await;
        }
        // What nobody is told of needs no wish.
        if !matches!(change, Change::Description(_)) {
            self.wished(wish, id);
        }
        true
    }

    pub(super) async fn app_deletes(&mut self, via: Via, wish: Wish, k: usize) -> bool {
        let Some((_, row)) = self.item(k).await else {
            return false;
        };
        let (tenant, id) = (self.world.tenant, row.id);
        match via {
            Via::Api => {
                let done = self.world.engine.delete_booking(tenant, id, row.version).await;
                return done.is_ok();
            }
            Via::Sql => {
                let all = [
                    "DELETE FROM booking_customers WHERE tenant_id = $1 AND booking_id IN (SELECT id FROM bookings WHERE tenant_id = $1 AND series_id = $2)",
                    "DELETE FROM booking_customers WHERE tenant_id = $1 AND booking_id = $2",
                    "DELETE FROM bookings WHERE tenant_id = $1 AND series_id = $2",
                    "DELETE FROM bookings WHERE tenant_id = $1 AND id = $2",
                ];
                let statements = all.into_iter().map(|sql| (sql, args![tenant, id]));
                self.app_sql(wish, id, statements.collect()).await;
                self.wished(wish, id);
            }
        }
        true
    }

    pub(super) async fn app_seats(&mut self, via: Via, wish: Wish, k: usize, people: u8) -> bool {
        let Some((user, row)) = self.item(k).await else {
            return false;
        };
        let (tenant, id, customers) = (self.world.tenant, row.id, self.set(user, people));
        if via == Via::Api {
            let edit = BookingEdit {
                customer_ids: Some(customers.iter().map(CustomerId::to_string).collect()),
                mail: word(wish),
                ..BookingEdit::default()
            };
            if self
                .world
                .engine
                .patch_booking(tenant, id, row.version, &edit)
                .await
                .is_err()
            {
                return false;
            }
        } else {
            let take_off = "DELETE FROM booking_customers WHERE tenant_id = $1 AND booking_id = $2";
            let put_on =
                "INSERT INTO booking_customers (tenant_id, user_id, booking_id, customer_id) VALUES ($1, $3, $2, $4)";
            let mut statements = vec![(take_off, args![tenant, id])];
            for customer in customers {
                statements.push((put_on, args![tenant, id, row.user_id, customer]));
            }
            self.app_sql(wish, id, statements).await;
        }
        self.wished(wish, id);
        true
    }

    pub(super) async fn app_hands_over(&mut self, wish: Wish, k: usize, people: u8) -> bool {
        let Some((user, row)) = self.item(k).await else {
            return false;
        };
        let other = (user + 1) % self.users.len();
        let edit = BookingEdit {
            user_id: Some(self.users[other].user.to_string()),
            customer_ids: Some(self.set(other, people).iter().map(CustomerId::to_string).collect()),
            mail: word(wish),
            ..BookingEdit::default()
        };
        let (engine, tenant) = (&self.world.engine, self.world.tenant);
        let done = other != user && engine.patch_booking(tenant, row.id, row.version, &edit).await.is_ok();
        if done {
            self.wished(wish, row.id);
        }
        done
    }

    /// The nth occurrence of the kth item.
    async fn occurrence(&mut self, k: usize, n: usize) -> Option<(usize, BookingId, OriginalStart, i64)> {
        let (user, row) = self.item(k).await?;
        let content = row.text.content().ok()?;
        if content.when.recurrence.is_empty() || row.text.status != "confirmed" {
            return None;
        }
        let weeks = TimeDelta::days(7 * i64::try_from(n).ok()?);
        let local = chrono::NaiveDateTime::parse_from_str(&row.text.starts_local, "%Y-%m-%dT%H:%M:%S").ok()? + weeks;
        let zone: Tz = row.text.time_zone.as_deref()?.parse().ok()?;
        let start = OriginalStart::At(local.and_local_timezone(zone).single()?.to_utc());
        let shown = self
            .world
            .engine
            .occurrence(self.world.tenant, row.id, start)
            .await
            .ok()?;
        Some((user, row.id, start, shown.version()))
    }

    pub(super) async fn app_moves_occurrence(&mut self, wish: Wish, k: usize, n: usize) -> bool {
        let Some((_, id, start, version)) = self.occurrence(k, n).await else {
            return false;
        };
        let (day, minute) = (start.to_string()[..10].to_owned(), self.step % 60);
        let edit = BookingEdit {
            starts_at: Some(rfc3339(&format!("{day}T20:{minute:02}:00"))),
            ends_at: Some(rfc3339(&format!("{day}T21:{minute:02}:00"))),
            mail: word(wish),
            ..BookingEdit::default()
        };
        self.app_patches_occurrence(wish, id, start, version, &edit).await
    }

    pub(super) async fn app_seats_occurrence(&mut self, wish: Wish, k: usize, n: usize, people: u8) -> bool {
        let Some((user, id, start, version)) = self.occurrence(k, n).await else {
            return false;
        };
        let edit = BookingEdit {
            customer_ids: Some(self.set(user, people).iter().map(CustomerId::to_string).collect()),
            mail: word(wish),
            ..BookingEdit::default()
        };
        self.app_patches_occurrence(wish, id, start, version, &edit).await
    }

    async fn app_patches_occurrence(
        &mut self,
        wish: Wish,
        id: BookingId,
        start: OriginalStart,
        version: i64,
        edit: &BookingEdit,
    ) -> bool {
        let (engine, tenant) = (&self.world.engine, self.world.tenant);
        let done = engine.patch_occurrence(tenant, id, start, version, edit).await.is_ok();
        if done {
            self.wished(wish, id);
        }
        done
    }

    pub(super) async fn app_cancels_occurrence(&mut self, k: usize, n: usize) -> bool {
        let Some((_, id, start, version)) = self.occurrence(k, n).await else {
            return false;
        };
        let (engine, tenant) = (&self.world.engine, self.world.tenant);
        engine.delete_occurrence(tenant, id, start, version).await.is_ok()
    }

    /// A customer has another address from now on, or none; the old one is nobody's.
    pub(super) async fn customer_changes_address(&mut self, via: Via, who: usize, address: Option<&str>) -> bool {
        let user = (self.step + who) % self.users.len();
        let id = self.customers[user][who % PEOPLE];
        let (engine, tenant) = (&self.world.engine, self.world.tenant);
        let before = engine.customer(tenant, id).await.expect("a customer");
        let details = before.row.text.details().expect("details");
        let emails: Vec<_> = address.into_iter().map(|address| json!({"value": address})).collect();
        if details.emails.is_empty() && emails.is_empty() {
            return false;
        }
        let old = details.emails.into_iter().map(|email| super::claim::key(&email.value));
        match via {
            Via::Api => {
                let fields = json!({"emails": emails}).as_object().cloned().expect("an object");
                let edit = CustomerEdit {
                    fields,
                    bad: Vec::new(),
                };
                let done = engine.change_customer(tenant, id, before.row.version, &edit).await;
                done.expect("a good address is taken");
            }
            Via::Sql => {
                let sql = "UPDATE customers SET emails = $3 WHERE tenant_id = $1 AND id = $2";
                crate::support::world::run(&engine.db, sql, args![tenant, id, json!(emails).to_string()]).await;
            }
        }
        self.muted_addresses.extend(old);
        true
    }
}

const PEOPLE: usize = super::PEOPLE.len();
