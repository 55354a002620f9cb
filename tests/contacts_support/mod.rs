//! What stands between a user's customers and contacts, written by hand as a pass would have written it.
#![allow(dead_code, reason = "each test file uses its own part of this")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
use crate::api_support::App;
use accord::domain::access::ContactsChoice;
use accord::domain::customer::Details;
use accord::domain::ids::{AccountId, CalendarId, ConflictId, CustomerId, LinkId, QuestionId};
use accord::store::accounts::{self, AccountState};
use accord::store::conflicts::{self, ConflictRow};
use accord::store::contact_links::{self, ContactLink};
use accord::store::questions::{self, QuestionRow};
use accord::store::scopes::{self, ScopeKey};
use accord::store::{Tx, contact_matches, customer_states};
use serde_json::{Value, json};

/// An app whose user has connected their contacts.
pub struct Desk {
    pub app: App,
    pub account: AccountId,
}

impl Desk {
    pub async fn new(url: String) -> Desk {
        let app = App::start(url).await;
        let account = AccountId(app.engine.fresh_uuid());
        let desk = Desk { app, account };
        let mut tx = desk.write().await;
        let tenant = desk.app.tenant;
        accounts::insert(
            &mut tx,
            tenant,
            account,
            desk.app.user_id(),
            "sub",
            "jana@gmail.example",
            &[],
        )
        .await
        .unwrap();
        accounts::set_state(&mut tx, tenant, account, AccountState::Active, None)
            .await
            .unwrap();
        accounts::set_contacts(&mut tx, tenant, account, Some(&ContactsChoice::All))
            .await
            .unwrap();
        scopes::ensure_scope(&mut tx, tenant, account, &CalendarId(String::new()))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        desk.rest().await;
        desk
    }

    pub async fn write(&self) -> Tx {
        self.app.engine.db.begin().await.unwrap()
    }

    pub fn key(&self) -> ScopeKey {
        ScopeKey::contacts(self.app.tenant, self.account)
    }

    /// Nothing is due and nothing is pending, as after a pass.
    pub async fn rest(&self) {
        self.app
            .sql("UPDATE sync_scopes SET due_at = 9000000000000")
            .await
            .unwrap();
        self.app
            .sql("UPDATE row_state SET agreed_version = version, held_version = 0 WHERE kind = 'customer'")
            .await
            .unwrap();
    }

    pub async fn is_due(&self) -> bool {
        let mut tx = self.app.engine.db.read().await.unwrap();
        let status = scopes::status(&mut tx, self.app.tenant, Some(self.account))
            .await
            .unwrap();
        status[0].due_at == 0
    }

    /// Whether a customer is to be carried to Google.
    pub async fn is_pending(&self, id: CustomerId) -> bool {
        let mut tx = self.app.engine.db.read().await.unwrap();
        let pending = customer_states::pending(&mut tx, self.app.tenant, self.app.user_id(), self.account).await;
        pending.unwrap().contains(&id)
    }

    /// A customer that both sides agree on.
    pub async fn customer(&self, more: Value) -> CustomerId {
        self.app.clock.advance(chrono::TimeDelta::milliseconds(1));
        let mut body = json!({"user_id": self.app.user});
        for (field, value) in more.as_object().unwrap() {
            body[field] = value.clone();
        }
        let made = self.app.post("/customers", &body).await.expect(201);
        self.rest().await;
        made["id"].as_str().unwrap().parse().unwrap()
    }

    pub async fn show(&self, id: CustomerId) -> Value {
        self.app.get(&format!("/customers/{id}")).await.expect(200)
    }

    /// A link of this customer, after what `more` does to it.
    pub async fn link(&self, customer: CustomerId, contact: &str, more: impl FnOnce(&mut ContactLink)) -> ContactLink {
        self.app.clock.advance(chrono::TimeDelta::milliseconds(1));
        let id = LinkId(self.app.engine.fresh_uuid());
        let mut link = ContactLink::new(self.app.tenant, id, self.account, customer);
        link.contact_id = contact.to_owned();
        link.source_id = contact.trim_start_matches("people/c").to_owned();
        more(&mut link);
        let mut tx = self.write().await;
        contact_links::put(&mut tx, &mut link).await.unwrap();
        tx.commit().await.unwrap();
        link
    }

    /// Every link of the account's customer, the oldest first.
    pub async fn links(&self, customer: CustomerId) -> Vec<ContactLink> {
        let mut tx = self.app.engine.db.read().await.unwrap();
        contact_links::of_customers_anywhere(&mut tx, self.app.tenant, &[customer])
            .await
            .unwrap()
    }

    pub async fn matches(&self) -> Vec<contact_matches::Candidate> {
        let mut tx = self.app.engine.db.read().await.unwrap();
        contact_matches::of_account(&mut tx, self.app.tenant, self.account)
            .await
            .unwrap()
    }

    /// An open question of the contacts.
    pub async fn ask(&self, kind: &str, subject: &str, choices: &[String], detail: &Value) -> QuestionId {
        let id = QuestionId(self.app.engine.fresh_uuid());
        let sealed = self.app.engine.seal(
            "questions",
            "detail_sealed",
            self.app.tenant,
            &id.to_string(),
            detail.to_string().as_bytes(),
        );
        let row = QuestionRow {
            id,
            kind: kind.to_owned(),
            addressee: if kind == "brake" { "admin" } else { "user" }.to_owned(),
            user_id: Some(self.app.user_id()),
            account_id: self.account,
            calendar_id: CalendarId(String::new()),
            subject_id: subject.to_owned(),
            choices: choices.to_vec(),
            detail_sealed: sealed,
            state: "open".to_owned(),
            answer: None,
            answered_by: None,
            created_at: 0,
            answered_at: None,
        };
        let mut tx = self.write().await;
        assert!(questions::insert(&mut tx, self.app.tenant, &row).await.unwrap());
        tx.commit().await.unwrap();
        id
    }

    /// A contact that may be one of these customers, and the question about it.
    pub async fn matching(&self, contact: &str, customers: &[CustomerId]) -> QuestionId {
        let mut tx = self.write().await;
        contact_matches::set(&mut tx, self.app.tenant, self.account, contact, customers)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let choices = customers.iter().map(|id| format!("link:{id}"));
        let choices: Vec<String> = choices.chain(["separate".to_owned()]).collect();
        let candidates: Vec<Value> = customers
            .iter()
            .map(|id| json!({"customer_id": id, "name": "Eva", "emails": ["eva@example.com"], "phones": []}))
            .collect();
        let detail = json!({"contact_id": contact, "candidates": candidates,
            "contact": {"name": "Eva", "emails": ["eva@example.com"], "phones": ["+420601"]}});
        self.ask("match", contact, &choices, &detail).await
    }

    pub async fn answer(&self, question: QuestionId, answer: &str) -> crate::api_support::Reply {
        let path = format!("/questions/{question}/answer");
        self.app.post(&path, &json!({"answer": answer})).await
    }

    /// A conflict record of a customer.
    pub async fn conflict(
        &self,
        customer: CustomerId,
        field: &str,
        (policy, winner): (&str, Option<&str>),
        values: &Value,
    ) -> ConflictId {
        let id = ConflictId(self.app.engine.fresh_uuid());
        let mut row = ConflictRow {
            id,
            booking_id: None,
            customer_id: Some(customer),
            user_id: self.app.user_id(),
            field: field.to_owned(),
            policy: policy.to_owned(),
            winner: winner.map(str::to_owned),
            values_sealed: Vec::new(),
            state: if policy == "ask" { "open" } else { "decided" }.to_owned(),
            created_at: 0,
            resolved_at: None,
        };
        let plain = values.to_string();
        row.values_sealed = self.app.engine.seal(
            "conflicts",
            "values_sealed",
            self.app.tenant,
            &row.subject(),
            plain.as_bytes(),
        );
        let mut tx = self.write().await;
        conflicts::insert(&mut tx, self.app.tenant, &row).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    pub async fn resolve(&self, conflict: ConflictId, keep: &str) -> crate::api_support::Reply {
        let path = format!("/conflicts/{conflict}/resolve");
        self.app.post(&path, &json!({"keep": keep})).await
    }
}

/// Details as the API would read them.
pub fn details(json: Value) -> Details {
    serde_json::from_value(json).unwrap()
}
