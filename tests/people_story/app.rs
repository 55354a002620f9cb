//! The hand of the app: over the API and in SQL.
use super::face::Face;
use super::sides::Sides;
use super::{Change, Story, Via};
use crate::support::world::{hour, run};
use accord::args;
use accord::domain::ids::{BookingId, CustomerId};
use accord::store::Value as Sql;
use serde_json::Value;

impl Story {
    /// The kth customer that is there, in the order in which they came up.
    pub(super) fn customer(&self, sides: &Sides, k: usize) -> Option<(CustomerId, Face)> {
        let known = self.notes.customers.iter();
        let live: Vec<_> = known
            .filter_map(|id| Some((*id, sides.customers.get(id)?.clone())))
            .collect();
        (!live.is_empty()).then(|| live[k % live.len()].clone())
    }

    async fn app_makes(&mut self, via: Via, face: &Face) -> bool {
        self.notes.added.extend(face.atoms());
        self.notes.made_by_app += 1;
        let body = face.customer_body(&Face::default());
        if via == Via::Api {
            self.people.app_adds(body).await;
            return true;
        }
        let id = CustomerId(self.people.engine.fresh_uuid());
        let sql = "INSERT INTO customers (tenant_id, id, user_id, given_name, family_name, emails, phones, organizations, birthday) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let mut all = args![self.people.tenant, id, self.people.ana.user];
        all.extend(columns(face));
        run(&self.people.engine.db, sql, all).await;
        true
    }

    pub(super) async fn app_creates(&mut self, via: Via) -> bool {
        self.app_makes(via, &Face::new(self.step)).await
    }

    /// A customer with the first email, or the first number, of a contact.
    pub(super) async fn app_adds_like(&mut self, k: usize, by_email: bool) -> bool {
        let sides = self.look().await;
        let live: Vec<&u64> = self
            .notes
            .contacts
            .iter()
            .filter(|id| sides.contacts.get(id).is_some_and(|it| it.live))
            .collect();
        if live.is_empty() {
            return false;
        }
        let of = sides.contacts[live[k % live.len()]].face.clone();
        let Some(face) = self.like(&of, by_email) else {
            return false;
        };
        self.app_makes(Via::Api, &face).await
    }

    pub(super) async fn app_changes(&mut self, via: Via, k: usize, change: Change) -> bool {
        let sides = self.look().await;
        let Some((id, before)) = self.customer(&sides, k) else {
            return false;
        };
        let Some(after) = before.after(change, self.step) else {
            return false;
        };
        self.notes.edit(&before, &after);
        self.notes.touched_customers.insert(id);
        if via == Via::Api {
            self.people.app_edits(id, after.customer_body(&before)).await;
            return true;
        }
        let sql = "UPDATE customers SET given_name = $3, family_name = $4, emails = $5, phones = $6, organizations = $7, \
             birthday = $8 WHERE tenant_id = $1 AND id = $2";
        let mut all = args![self.people.tenant, id];
        all.extend(columns(&after));
        run(&self.people.engine.db, sql, all).await;
        true
    }

    pub(super) async fn app_removes(&mut self, via: Via, k: usize) -> bool {
        let sides = self.look().await;
        let Some((id, face)) = self.customer(&sides, k) else {
            return false;
        };
        let (engine, tenant) = (&self.people.engine, self.people.tenant);
        if via == Via::Api {
            let version = self.people.customer(id).await.expect("the customer is there").version;
            if engine.delete_customer(tenant, id, version).await.is_err() {
                // A booking names it.
                return false;
            }
        } else {
            let mut tx = engine.db.begin().await.expect("begin");
            for sql in [
                "DELETE FROM booking_customers WHERE tenant_id = $1 AND customer_id = $2",
                "DELETE FROM customers WHERE tenant_id = $1 AND id = $2",
            ] {
                tx.execute(sql, args![tenant, id]).await.expect("delete");
            }
            tx.commit().await.expect("commit");
        }
        self.notes.app_dropped(id, &face);
        true
    }

    pub(super) async fn app_books(&mut self, k: usize) -> bool {
        let sides = self.look().await;
        let Some((id, _)) = self.customer(&sides, k) else {
            return false;
        };
        self.notes.touched_customers.insert(id);
        let tomorrow = accord::domain::clock::Clock::now(&*self.people.clock) + chrono::TimeDelta::days(30);
        let when = hour(&tomorrow.format("%Y-%m-%dT10:00:00").to_string());
        let booking: BookingId = self.people.world.app_creates("With a customer", when).await;
        let sql = "INSERT INTO booking_customers (tenant_id, user_id, booking_id, customer_id) VALUES ($1, $2, $3, $4)";
        let all = args![self.people.tenant, self.people.ana.user, booking, id];
        run(&self.people.engine.db, sql, all).await;
        true
    }
}

/// The mirrored columns that stories write.
fn columns(face: &Face) -> Vec<Sql> {
    let body = face.customer_body(&Face::default());
    let list = |field: &str| match &body[field] {
        Value::Null => "[]".to_owned(),
        list => list.to_string(),
    };
    let birthday = (!face.birthday.is_empty()).then(|| face.birthday.clone());
    args![
        &face.given_name,
        &face.family_name,
        list("emails"),
        list("phones"),
        list("organizations"),
        birthday
    ]
}
