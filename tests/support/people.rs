//! A world whose Ana lets her contacts be followed: the app's customers on one side, a person in Google Contacts on the other.
use super::google::{ANA, text};
use super::world::{Connected, World, run};
use accord::args;
use accord::domain::access::ContactsChoice;
use accord::domain::customer::{Details, Email, Phone};
use accord::domain::ids::CustomerId;
use accord::engine::customers::CustomerEdit;
use accord::engine::sync::{PassReport, SyncError};
use accord::store::contact_links::{self, ContactLink};
use accord::store::customers::{self, CustomerRow};
use accord::store::scopes::{self, ScopeKey};
use accord::store::{accounts, customer_states};
use serde_json::{Map, Value, json};
use std::ops::Deref;

const CONTACTS: &str = "https://www.googleapis.com/auth/contacts";

/// The world, with contacts.
pub struct People {
    pub world: World,
}

impl Deref for People {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl People {
    /// Ana lets all her contacts be followed; quotas are wide, and what she does is seen at once.
    pub async fn new(url: &str) -> People {
        Self::choosing(url, &ContactsChoice::All).await
    }

    pub async fn choosing(url: &str, choice: &ContactsChoice) -> People {
        let world = World::new(url).await;
        let wide = 1_000_000;
        let quota = json!({"critical_reads": wide, "critical_writes": wide, "reads": wide, "writes": wide, "full_syncs": wide,
            "daily_writes": wide});
        world.google.switch("switches", &json!({"people_quota": quota})).await;
        let people = People { world };
        people.propagation(0).await;
        let ana = people.ana.clone();
        people.connect_contacts(&ana, choice).await;
        people
    }

    /// Lets the contacts of somebody who is connected be followed, with a token that may do that.
    pub async fn connect_contacts(&self, who: &Connected, choice: &ContactsChoice) {
        let scope = format!(
            "openid email {} {} {CONTACTS}",
            super::google::EVENTS,
            super::google::LISTS
        );
        let tokens = self
            .google
            .connect(&who.email, &[("prompt", "consent"), ("scope", &scope)])
            .await;
        let row = who.account.to_string();
        let seal = |column: &str, token: &str| {
            self.engine
                .seal("accounts", column, self.tenant, &row, token.as_bytes())
        };
        run(
            &self.engine.db,
            "UPDATE accounts SET scopes = $3, refresh_token_sealed = $4, access_token_sealed = $5, access_expires_at = $6 \
             WHERE tenant_id = $1 AND id = $2",
            args![
                self.tenant,
                who.account,
                text(&tokens, "scope"),
                seal("refresh_token", &text(&tokens, "refresh_token")),
                seal("access_token", &text(&tokens, "access_token")),
                self.engine.now_ms() + 3_599_000
            ],
        )
        .await;
        self.choose_contacts(who, choice).await;
    }

    /// Changes the choice of somebody whose contacts are followed.
    pub async fn choose_contacts(&self, who: &Connected, choice: &ContactsChoice) {
        let mut tx = self.engine.db.begin().await.expect("begin");
        accounts::set_contacts(&mut tx, self.tenant, who.account, Some(choice))
            .await
            .expect("choice");
        let key = ScopeKey::contacts(self.tenant, who.account);
        scopes::ensure_scope(&mut tx, self.tenant, who.account, &key.calendar)
            .await
            .expect("scope");
        customer_states::look_again(&mut tx, self.tenant, who.user)
            .await
            .expect("again");
        tx.commit().await.expect("commit");
    }

    async fn command(&self, command: &str, mut body: Value) -> Value {
        body["user"] = json!(ANA);
        self.google.switch(&format!("people/{command}"), &body).await
    }

    /// A command of the pretend Google Contacts about Ana, for example `merge`.
    pub async fn contacts_do(&self, command: &str, body: Value) -> Value {
        self.command(command, body).await
    }

    /// How long it takes until a write is seen in lists.
    pub async fn propagation(&self, ms: u64) {
        self.google.switch("people/propagation", &json!({"min_ms": ms})).await;
    }

    /// Time passes, here and in Google.
    pub async fn minutes(&self, minutes: i64) {
        self.clock.advance(chrono::TimeDelta::minutes(minutes));
        self.google.pass(minutes * 60).await;
    }

    // Passes --------------------------------------------------------------------------------------------------------

    /// One pass over Ana's contacts that must work.
    pub async fn sync(&self) -> PassReport {
        self.try_sync().await.expect("a good pass")
    }

    pub async fn try_sync(&self) -> Result<PassReport, SyncError> {
        self.world.try_sync_scope(&self.ana.clone(), "").await
    }

    /// Passes until nothing moves any more, then one more that must be quiet and send no write.
    pub async fn settle(&self) {
        for _ in 0..6 {
            if self.sync().await.is_quiet() {
                break;
            }
        }
        self.assert_quiet().await;
    }

    pub async fn assert_quiet(&self) {
        let before = self.writes().await;
        let report = self.sync().await;
        assert!(report.is_quiet(), "not quiet: {report:?}");
        assert_eq!(self.writes().await, before, "a quiet pass wrote to Google");
    }

    /// Requests of Accord to the People API so far.
    pub async fn requests(&self) -> Vec<Value> {
        let log = self.google.look("requests?after=0").await;
        let all = log["requests"]
            .as_array()
            .or(log.as_array())
            .cloned()
            .unwrap_or_default();
        let ours = |r: &Value| {
            let path = r["path"].as_str().unwrap_or_default();
            r["person"] != true && (path.contains("/people") || path.contains("/contactGroups"))
        };
        all.into_iter().filter(ours).collect()
    }

    /// Those that wrote something.
    pub async fn writes(&self) -> usize {
        self.requests().await.iter().filter(|r| r["method"] != "GET").count()
    }

    // A person in Google Contacts -----------------------------------------------------------------------------------

    async fn person(&self, method: http::Method, path: &str, body: &Value) -> (u16, Value) {
        let bearer = format!("Bearer person:{ANA}");
        let url = self.google.url(&format!("/v1{path}"));
        let headers = [("authorization", bearer.as_str())];
        let answer = match method {
            http::Method::GET => self.google.http.get(&url, &headers).await,
            http::Method::DELETE => self.google.http.delete(&url, &headers).await,
            method => self.google.http.send_json(method, &url, &headers, body).await,
        };
        let json = if answer.body.is_empty() {
            Value::Null
        } else {
            answer.json()
        };
        (answer.status, json)
    }

    /// Ana makes a contact; gives its resource name.
    pub async fn person_adds(&self, person: Value) -> String {
        let (status, made) = self
            .person(http::Method::POST, "/people:createContact?personFields=names", &person)
            .await;
        assert!(status < 300, "{made}");
        text(&made, "resourceName")
    }

    /// The contact as Google has it; `None` when it is gone.
    pub async fn contact(&self, name: &str) -> Option<Value> {
        let fields = "names,emailAddresses,phoneNumbers,organizations,addresses,birthdays,genders,biographies,clientData,\
                      memberships,metadata,nicknames";
        let path = format!("/{name}?personFields={fields}");
        let (status, person) = self.person(http::Method::GET, &path, &Value::Null).await;
        (status == 200).then_some(person)
    }

    /// Every contact of Ana's, all pages.
    pub async fn contacts(&self) -> Vec<Value> {
        let fields = "names,emailAddresses,phoneNumbers,organizations,addresses,birthdays,genders,clientData,memberships,metadata";
        let (mut all, mut page) = (Vec::new(), String::new());
        loop {
            let path = format!("/people/me/connections?personFields={fields}&pageSize=1000{page}");
            let (status, list) = self.person(http::Method::GET, &path, &Value::Null).await;
            assert_eq!(status, 200, "{list}");
            all.extend(list["connections"].as_array().cloned().unwrap_or_default());
            match list["nextPageToken"].as_str() {
                Some(token) => page = format!("&pageToken={token}"),
                None => return all,
            }
        }
    }

    /// Ana changes fields of a contact; `body` holds them whole, under their names in the API.
    pub async fn person_edits(&self, name: &str, body: Value) {
        let mut body = body;
        let fields: Vec<String> = body.as_object().expect("an object").keys().cloned().collect();
        let now = self.contact(name).await.expect("the contact is there");
        body["etag"] = now["etag"].clone();
        body["metadata"] = now["metadata"].clone();
        let path = format!(
            "/{name}:updateContact?updatePersonFields={}&personFields=names",
            fields.join(",")
        );
        let (status, answer) = self.person(http::Method::PATCH, &path, &body).await;
        assert!(status < 300, "{answer}");
    }

    pub async fn person_deletes(&self, name: &str) {
        let (status, answer) = self
            .person(http::Method::DELETE, &format!("/{name}:deleteContact"), &Value::Null)
            .await;
        assert!(status < 300, "{answer}");
    }

    /// The labels of Ana's contacts: (resource name, name).
    pub async fn groups(&self) -> Vec<(String, String)> {
        let (_, list) = self
            .person(http::Method::GET, "/contactGroups?pageSize=1000", &Value::Null)
            .await;
        let groups = list["contactGroups"].as_array().cloned().unwrap_or_default();
        let of_user = groups.iter().filter(|group| group["groupType"] == "USER_CONTACT_GROUP");
        of_user
            .map(|group| (text(group, "resourceName"), text(group, "name")))
            .collect()
    }

    /// Ana makes a label; gives its resource name.
    pub async fn person_adds_label(&self, name: &str) -> String {
        let body = json!({"contactGroup": {"name": name}});
        let (status, made) = self.person(http::Method::POST, "/contactGroups", &body).await;
        assert!(status < 300, "{made}");
        text(&made, "resourceName")
    }

    /// Ana puts contacts under a label, or takes them out.
    pub async fn person_labels(&self, group: &str, add: &[&str], remove: &[&str]) {
        let body = json!({"resourceNamesToAdd": add, "resourceNamesToRemove": remove});
        let (status, answer) = self
            .person(http::Method::POST, &format!("/{group}/members:modify"), &body)
            .await;
        assert!(status < 300, "{answer}");
    }

    pub async fn person_renames_label(&self, group: &str, name: &str) {
        let (_, now) = self.person(http::Method::GET, &format!("/{group}"), &Value::Null).await;
        let body = json!({"contactGroup": {"name": name, "etag": now["etag"]}, "updateGroupFields": "name"});
        let (status, answer) = self.person(http::Method::PUT, &format!("/{group}"), &body).await;
        assert!(status < 300, "{answer}");
    }

    /// Ana deletes a label and keeps its contacts.
    pub async fn person_deletes_label(&self, group: &str) {
        let (status, answer) = self
            .person(http::Method::DELETE, &format!("/{group}"), &Value::Null)
            .await;
        assert!(status < 300, "{answer}");
    }

    /// The fields that Accord's updates have named so far, as Google calls them, one text per update.
    pub async fn masks(&self) -> Vec<String> {
        let mut masks = Vec::new();
        for request in self.requests().await {
            let query = request["query"].to_string();
            if let Some((_, rest)) = query.split_once("updatePersonFields=") {
                let mask: String = rest.chars().take_while(|c| !matches!(c, '&' | '"')).collect();
                masks.push(mask.replace("%2C", ","));
            }
        }
        masks
    }

    // The app -------------------------------------------------------------------------------------------------------

    /// The app makes a customer of Ana's over the API.
    pub async fn app_adds(&self, fields: Value) -> CustomerId {
        let edit = CustomerEdit {
            fields: members(fields),
            bad: Vec::new(),
        };
        let user = self.ana.user.to_string();
        let mut made = None;
        let render = |view: &accord::engine::customers::CustomerView| {
            made = Some(view.row.id);
            accord::engine::once::Answer {
                status: 201,
                body: Vec::new(),
            }
        };
        self.engine
            .create_customer(self.tenant, Some(&user), &edit, None, render)
            .await
            .expect("a customer");
        made.expect("a customer")
    }

    /// The app changes fields of a customer over the API.
    pub async fn app_edits(&self, id: CustomerId, fields: Value) {
        let edit = CustomerEdit {
            fields: members(fields),
            bad: Vec::new(),
        };
        let version = self.customer(id).await.expect("the customer is there").version;
        self.engine
            .change_customer(self.tenant, id, version, &edit)
            .await
            .expect("an edit");
    }

    pub async fn app_drops(&self, id: CustomerId) {
        let version = self.customer(id).await.expect("the customer is there").version;
        self.engine
            .delete_customer(self.tenant, id, version)
            .await
            .expect("a deletion");
    }

    // What is there -------------------------------------------------------------------------------------------------

    pub async fn customer(&self, id: CustomerId) -> Option<CustomerRow> {
        customers::get(&mut self.read().await, self.tenant, id)
            .await
            .expect("a customer")
    }

    pub async fn details(&self, id: CustomerId) -> Details {
        let row = self.customer(id).await.expect("the customer is there");
        row.text.details().expect("readable")
    }

    pub async fn customers(&self) -> Vec<CustomerRow> {
        let all = customers::list_after(&mut self.read().await, self.tenant, &Default::default(), None, 100_000).await;
        all.expect("customers")
    }

    /// The link of a customer in Ana's account; the newest, if there are tombstones.
    pub async fn link(&self, id: CustomerId) -> Option<ContactLink> {
        let links = contact_links::of_customers_anywhere(&mut self.read().await, self.tenant, &[id]).await;
        links.expect("links").pop()
    }

    /// The customer that a contact is.
    pub async fn customer_of(&self, contact: &str) -> Option<CustomerId> {
        let mut tx = self.read().await;
        let links = contact_links::of_contacts(&mut tx, self.tenant, self.ana.account, &[contact], &[]).await;
        let links = links.expect("links");
        links
            .iter()
            .find(|link| link.state != contact_links::LinkState::Gone)
            .map(|link| link.customer_id)
    }
}

fn members(value: Value) -> Map<String, Value> {
    value.as_object().expect("an object").clone()
}

/// A contact as the API writes it.
pub fn contact(given: &str, family: &str, email: &str) -> Value {
    let mut person = json!({"names": [{"givenName": given, "familyName": family}]});
    if !email.is_empty() {
        person["emailAddresses"] = json!([{"value": email}]);
    }
    person
}

/// A customer as our API writes it.
pub fn customer(given: &str, family: &str, email: &str) -> Value {
    let mut customer = json!({"given_name": given, "family_name": family});
    if !email.is_empty() {
        customer["emails"] = json!([{"value": email}]);
    }
    customer
}

/// The emails of a contact, in order.
pub fn emails(contact: &Value) -> Vec<String> {
    values(contact, "emailAddresses")
}

/// The phones of a contact, in order.
pub fn phones(contact: &Value) -> Vec<String> {
    values(contact, "phoneNumbers")
}

fn values(contact: &Value, field: &str) -> Vec<String> {
    let all = contact[field].as_array().cloned().unwrap_or_default();
    all.iter().map(|value| text(value, "value")).collect()
}

/// Emails of a customer, in order.
pub fn emails_of(details: &Details) -> Vec<&str> {
    details
        .emails
        .iter()
        .map(|Email { value, .. }| value.as_str())
        .collect()
}

/// Phones of a customer, in order.
pub fn phones_of(details: &Details) -> Vec<&str> {
    details
        .phones
        .iter()
        .map(|Phone { value, .. }| value.as_str())
        .collect()
}
