//! What becomes of customers and contacts when an account is disconnected.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
mod connect_support;
mod support;

use accord::args;
use accord::domain::ids::{AccountId, CustomerId, LinkId};
use accord::engine::disconnect::{
    Ending, ReadData, WrittenItems, continue_disconnects, counts, disconnect, run_revocations,
};
use accord::google::people::ParsedPerson;
use accord::store::accounts::AccountState;
use accord::store::contact_links::{self, ContactLink, LinkState};
use connect_support::Bed;
use serde_json::{Value, json};
use support::google::{ANA, CONTACTS, EVENTS, LISTS};
use support::postgres::both_databases;
use uuid::Uuid;

const EVERYTHING: &[&str] = &["openid", "email", EVENTS, LISTS, CONTACTS];
const REVOCATIONS: &str = "SELECT COUNT(*) AS n FROM revocations";
const REMOVE: Ending = Ending {
    read: ReadData::Keep,
    written: WrittenItems::Remove,
};

async fn connected(bed: &Bed) -> AccountId {
    let mut browser = bed.browser();
    let arrived = bed.to_choices(&mut browser, bed.ana, ANA, EVERYTHING).await.expect(303);
    let page = browser.get(arrived.location()).await.expect(200);
    browser.submit(&page, 0, &[("contacts", "all")]).await.expect(303);
    bed.account(bed.ana).await.unwrap().id
}

/// Ana's own hands in her contacts.
async fn google(bed: &Bed, method: &str, path: &str, body: &Value) -> support::http::Answer {
    let authorization = format!("Bearer person:{ANA}");
    let headers = [("authorization", authorization.as_str())];
    let url = bed.google.url(&format!("/v1/{path}"));
    match method {
        "GET" => bed.google.http.get(&url, &headers).await,
        "POST" => bed.google.http.post(&url, &headers, body).await,
        _ => bed.google.http.patch(&url, &headers, body).await,
    }
}

/// A contact of Ana's with this name, as Google and as a link know it.
async fn contact(bed: &Bed, account: AccountId, name: &str) -> accord::google::people::Person {
    let body = json!({"names": [{"givenName": name}]});
    let made = google(bed, "POST", "people:createContact?personFields=names,metadata", &body).await;
    let name = made.expect(200).json()["resourceName"].as_str().unwrap().to_owned();
    let access = accord::engine::tokens::access_token(&bed.engine, bed.tenant, account)
        .await
        .unwrap();
    match bed.engine.people.get(&access, &name).await.unwrap() {
        ParsedPerson::Person(person) => *person,
        ParsedPerson::Broken(broken) => panic!("{broken:?}"),
    }
}

async fn is_there(bed: &Bed, name: &str) -> bool {
    google(bed, "GET", &format!("{name}?personFields=names"), &Value::Null)
        .await
        .status
        == 200
}

fn id(n: u8) -> Uuid {
    Uuid::from_u128(0x0190_f3c4_5b1e_7cc0_9d3a_0000_0000_0900 + u128::from(n))
}

/// A customer of Ana's about whom both sides agree.
async fn customer(bed: &Bed, n: u8, origin: &str) -> CustomerId {
    const SQL: &str =
        "INSERT INTO customers (tenant_id, id, user_id, given_name, origin) VALUES ($1, $2, $3, 'secret name', $4)";
    const AGREE: &str = "UPDATE row_state SET agreed_version = version WHERE kind = 'customer' AND id = $1";
    let customer = CustomerId(id(n));
    bed.sql(SQL, args![bed.tenant, customer, bed.ana, origin]).await;
    bed.sql(AGREE, args![customer]).await;
    customer
}

async fn link(bed: &Bed, account: AccountId, customer: CustomerId, change: impl FnOnce(&mut ContactLink)) {
    let mut link = ContactLink {
        contact_id: format!("people/c{}", customer.0.simple()),
        ..ContactLink::new(bed.tenant, LinkId(customer.0), account, customer)
    };
    change(&mut link);
    let mut tx = bed.engine.db.begin().await.unwrap();
    contact_links::put(&mut tx, &mut link).await.unwrap();
    tx.commit().await.unwrap();
}

/// The link of a contact that Accord wrote as Google shows it now.
fn ours(person: &accord::google::people::Person) -> impl FnOnce(&mut ContactLink) {
    let (name, source, etag) = (
        person.resource_name.clone(),
        person.source_id.clone(),
        person.etag.clone(),
    );
    move |link| {
        link.contact_id = name;
        link.source_id = source;
        link.etag = etag;
        link.is_ours = true;
    }
}

/// A booking with a customer; `hours` after now it ends.
async fn booking(bed: &Bed, n: u8, status: &str, hours: i64, customer: CustomerId) {
    const BOOKING: &str = "INSERT INTO bookings (tenant_id, id, user_id, title, starts_local, ends_local, time_zone, status) \
         VALUES ($1, $2, $3, 'x', '2026-03-02T10:00:00', '2026-03-02T11:00:00', 'UTC', $4)";
    const TIMES: &str = "INSERT INTO booking_times (tenant_id, booking_id, starts_at, ends_at, last_ends_at, tzdb) \
         VALUES ($1, $2, $3, $3, $3, 'x')";
    const WITH: &str =
        "INSERT INTO booking_customers (tenant_id, user_id, booking_id, customer_id) VALUES ($1, $2, $3, $4)";
    let booking = accord::domain::ids::BookingId(id(100 + n));
    bed.sql(BOOKING, args![bed.tenant, booking, bed.ana, status]).await;
    let ends = bed.engine.now_ms() + hours * 3_600_000;
    bed.sql(TIMES, args![bed.tenant, booking, ends]).await;
    bed.sql(WITH, args![bed.tenant, bed.ana, booking, customer]).await;
}

async fn left(bed: &Bed) -> Vec<CustomerId> {
    let mut tx = bed.engine.db.read().await.unwrap();
    let rows = tx
        .fetch_all("SELECT id FROM customers ORDER BY id", vec![])
        .await
        .unwrap();
    rows.iter().map(|row| row.parse("id").unwrap()).collect()
}

async fn links(bed: &Bed, account: AccountId) -> Vec<(CustomerId, LinkState)> {
    let mut tx = bed.engine.db.read().await.unwrap();
    let mut all = Vec::new();
    for state in [LinkState::Creating, LinkState::Live, LinkState::Frozen, LinkState::Gone] {
        let found = contact_links::in_state(&mut tx, bed.tenant, account, state)
            .await
            .unwrap();
        all.extend(found.into_iter().map(|link| (link.customer_id, link.state)));
    }
    all.sort_by_key(|(customer, _)| *customer);
    all
}

both_databases! {
    async fn what_was_read_and_no_open_booking_needs_is_deleted_here_and_nothing_in_google(url: String) {
        let bed = Bed::new(&url).await;
        let account = connected(&bed).await;
        let unneeded = customer(&bed, 1, "google").await;
        let needed = customer(&bed, 2, "google").await;
        let over = customer(&bed, 3, "google").await;
        let app = customer(&bed, 4, "app").await;
        let pushed = customer(&bed, 5, "google").await;
        for customer in [unneeded, needed, over, app] {
            link(&bed, account, customer, |_| {}).await;
        }
        // From an account of before; this one only got a copy of it.
        link(&bed, account, pushed, |link| link.is_ours = true).await;
        booking(&bed, 1, "confirmed", 5, needed).await;
        booking(&bed, 2, "confirmed", -5, over).await;
        booking(&bed, 3, "cancelled", 5, over).await;
        const MATCH: &str = "INSERT INTO contact_matches (tenant_id, account_id, contact_id, customer_id) VALUES ($1, $2, 'people/c9', $3)";
        bed.sql(MATCH, args![bed.tenant, account, app]).await;
        let number = counts(&bed.engine, bed.tenant, account).await.unwrap();
        assert_eq!((number.customers, number.contacts), (3, 1));

        disconnect(&bed.engine, bed.tenant, account, Ending::default()).await.unwrap();
        assert!(links(&bed, account).await.iter().all(|(_, state)| *state == LinkState::Frozen), "at once");
        assert_eq!(continue_disconnects(&bed.engine).await.unwrap(), 1);
        assert_eq!(left(&bed).await, [needed, app, pushed]);
        assert_eq!(bed.count("SELECT COUNT(*) AS n FROM booking_customers").await, 1, "taken off what is over or cancelled");
        assert_eq!(bed.count("SELECT COUNT(*) AS n FROM bookings").await, 3);
        assert_eq!(bed.count("SELECT COUNT(*) AS n FROM contact_matches").await, 0);
        let frozen = |customer| (customer, LinkState::Frozen);
        assert_eq!(links(&bed, account).await, [frozen(needed), frozen(app), frozen(pushed)]);
        let settled = "SELECT COUNT(*) AS n FROM row_state s WHERE kind = 'customer' AND version = agreed_version \
             AND deleted_row IS NULL AND NOT EXISTS (SELECT 1 FROM customers c WHERE c.id = s.id)";
        assert_eq!(bed.count(settled).await, 2, "nothing of them is kept or pushed");
        assert_eq!(bed.count("SELECT COUNT(*) AS n FROM changes WHERE kind = 'customer' AND operation = 'delete'").await, 2, "the app hears of it");
        assert_eq!(bed.asked("contacts.delete").await, 0);
        let token = "SELECT COUNT(*) AS n FROM sync_scopes WHERE sync_token IS NOT NULL";
        assert_eq!(bed.count(token).await, 0, "whoever comes back is given everything again");
    }

    async fn whoever_keeps_what_was_read_keeps_all_of_it(url: String) {
        let bed = Bed::new(&url).await;
        let account = connected(&bed).await;
        let read = customer(&bed, 1, "google").await;
        link(&bed, account, read, |_| {}).await;
        let keep = Ending { read: ReadData::Keep, written: WrittenItems::Keep };
        disconnect(&bed.engine, bed.tenant, account, keep).await.unwrap();
        continue_disconnects(&bed.engine).await.unwrap();
        assert_eq!((left(&bed).await, links(&bed, account).await), (vec![read], vec![(read, LinkState::Frozen)]));
    }

    async fn what_was_written_is_removed_on_a_page_that_says_how_much_except_what_the_user_edited(url: String) {
        let bed = Bed::new(&url).await;
        let account = connected(&bed).await;
        let (own, kept) = (contact(&bed, account, "Own").await, contact(&bed, account, "Kept").await);
        let (goes, edited) = (contact(&bed, account, "Goes").await, contact(&bed, account, "Edited").await);
        let known = contact(&bed, account, "Known to be edited").await;
        let customers = [
            customer(&bed, 1, "app").await, customer(&bed, 2, "app").await, customer(&bed, 3, "app").await,
            customer(&bed, 4, "app").await, customer(&bed, 5, "google").await,
        ];
        link(&bed, account, customers[0], ours(&goes)).await;
        link(&bed, account, customers[1], ours(&edited)).await;
        link(&bed, account, customers[2], |link| { ours(&known)(link); link.is_edited = true; }).await;
        // Gone already, without our having heard of it.
        link(&bed, account, customers[3], |link| link.is_ours = true).await;
        link(&bed, account, customers[4], |link| { ours(&own)(link); link.is_ours = false; }).await;
        let body = json!({"etag": format!("{}", edited.etag), "names": [{"givenName": "Mine now"}],
            "metadata": {"sources": [{"type": "CONTACT", "id": edited.source_id, "etag": edited.etag}]}});
        let path = format!("{}:updateContact?updatePersonFields=names", edited.resource_name);
        google(&bed, "PATCH", &path, &body).await.expect(200);

        let mut browser = bed.browser();
        bed.sign_in(&mut browser, ANA).await.expect(200);
        let page = browser.get(&format!("/me/{}/disconnect", bed.tenant)).await.expect(200);
        page.says("Written to Google: 3 contacts");
        page.says("Read from Google: 1 contact<");
        let sure = [("written", "remove"), ("read", "keep"), ("sure", "yes")];
        let stale: Vec<(&str, &str)> = sure.iter().copied().chain([("contacts_count", "2")]).collect();
        let page = browser.submit(&page, 0, &stale).await.expect(422);
        page.says("number of events or contacts has changed");
        browser.submit(&page, 0, &sure).await.expect(200).says("is being deleted");

        // Google goes down in the middle; the grant waits.
        bed.fault("/v1/people", 1, json!({"status": 503})).await;
        assert_eq!(continue_disconnects(&bed.engine).await.unwrap(), 0);
        assert_eq!(bed.account_by_id(account).await.state, AccountState::Disconnected);
        assert_eq!(bed.count(REVOCATIONS).await, 0, "the removal comes first");
        assert!(is_there(&bed, &goes.resource_name).await);
        bed.pass(60).await;
        assert_eq!(continue_disconnects(&bed.engine).await.unwrap(), 1);
        assert!(!is_there(&bed, &goes.resource_name).await);
        for stays in [&own, &kept, &edited, &known] {
            assert!(is_there(&bed, &stays.resource_name).await, "{stays:?}");
        }
        assert_eq!(left(&bed).await, customers, "leaving deletes no customer of the app");
        let frozen = [customers[1], customers[2], customers[4]].map(|customer| (customer, LinkState::Frozen));
        assert_eq!(links(&bed, account).await, frozen);
        assert_eq!(run_revocations(&bed.engine).await.unwrap(), 1);
        assert_eq!(bed.stored(account, "refresh_token").await, None);
    }

    async fn a_removal_without_permission_for_contacts_ends(url: String) {
        let bed = Bed::new(&url).await;
        let account = connected(&bed).await;
        let goes = contact(&bed, account, "Goes").await;
        let written = customer(&bed, 1, "app").await;
        link(&bed, account, written, ours(&goes)).await;
        bed.google.switch("tokens/drop_scope", &json!({"email": ANA, "scope": CONTACTS})).await;
        bed.pass(3_600).await;
        disconnect(&bed.engine, bed.tenant, account, REMOVE).await.unwrap();
        assert_eq!(continue_disconnects(&bed.engine).await.unwrap(), 1);
        assert_eq!(bed.count("SELECT COUNT(*) AS n FROM disconnects").await, 0);
        assert_eq!(run_revocations(&bed.engine).await.unwrap(), 1);
        assert_eq!(links(&bed, account).await, [(written, LinkState::Frozen)], "what is still there is still known");
    }

    async fn whoever_connects_again_stops_the_removal_and_keeps_what_was_not_reached(url: String) {
        let bed = Bed::new(&url).await;
        let account = connected(&bed).await;
        let goes = contact(&bed, account, "Goes").await;
        let written = customer(&bed, 1, "app").await;
        link(&bed, account, written, ours(&goes)).await;
        disconnect(&bed.engine, bed.tenant, account, REMOVE).await.unwrap();
        assert_eq!(connected(&bed).await, account);
        assert_eq!(continue_disconnects(&bed.engine).await.unwrap(), 0);
        assert!(is_there(&bed, &goes.resource_name).await);
        assert_eq!(links(&bed, account).await, [(written, LinkState::Frozen)], "the next full listing finds it");
    }
}
