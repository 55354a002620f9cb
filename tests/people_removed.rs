//! What is removed on one side: what follows on the other, what stays, and what only looks removed.
#![expect(clippy::unwrap_used, reason = "a test that panics fails, which is right")]
mod support;
use accord::args;
use accord::domain::ids::{BookingId, CustomerId};
use accord::engine::notice;
use accord::store::contact_links::{GoneBecause, LinkState};
use serde_json::{Value, json};
use support::people::{People, contact, customer, emails_of};
use support::postgres::both_databases;
use support::world::{self, hour};

/// A contact of Ana's that is a customer.
async fn mia(people: &People) -> (String, CustomerId) {
    let name = people.person_adds(contact("Mia", "Novak", "mia@example.com")).await;
    people.sync().await;
    let id = people.customer_of(&name).await.unwrap();
    (name, id)
}

/// A customer that Accord made a contact of.
async fn ota(people: &People) -> (String, CustomerId) {
    let id = people.app_adds(customer("Ota", "Kral", "ota@example.com")).await;
    people.sync().await;
    (people.link(id).await.unwrap().contact_id, id)
}

/// A confirmed booking with a customer.
async fn books(people: &People, id: CustomerId, when: &str) -> BookingId {
    let booking = people.app_creates("Consultation", hour(when)).await;
    let sql = "INSERT INTO booking_customers (tenant_id, user_id, booking_id, customer_id) VALUES ($1, $2, $3, $4)";
    world::run(
        &people.engine.db,
        sql,
        args![people.tenant, people.ana.user, booking, id],
    )
    .await;
    while notice::run(&people.engine).await.unwrap() {}
    booking
}

async fn gone_because(people: &People, id: CustomerId) -> Option<GoneBecause> {
    people.link(id).await.unwrap().gone_because
}

/// The fields of the conflicts that are recorded.
async fn conflict_fields(people: &People) -> Vec<String> {
    people
        .conflicts()
        .await
        .into_iter()
        .map(|conflict| conflict.field)
        .collect()
}

/// Forces a listing of everything.
async fn expire(people: &People) {
    people.contacts_do("expire_sync_tokens", json!({})).await;
}

/// A direct read that says of every contact that it is not there, although it is.
async fn not_found(people: &People, names: &[&str]) {
    let items: Vec<Value> = names
        .iter()
        .map(|name| json!({"httpStatusCode": 404, "requestedResourceName": name}))
        .collect();
    people
        .fault(json!({"path": "people:batchGet", "action": {"status": 200, "body": {"responses": items}}}))
        .await;
}

both_databases! {
    // Scenario 54.
    async fn a_customer_whom_a_coming_booking_names_is_kept_when_its_contact_is_deleted(url: String) {
        let people = People::new(&url).await;
        let (name, id) = mia(&people).await;
        let booking = books(&people, id, "2026-03-04T10:00:00").await;
        people.person_deletes(&name).await;
        let report = people.sync().await;
        assert_eq!((report.unlinked, report.customers_deleted), (1, 0), "{report:?}");
        assert_eq!(gone_because(&people, id).await, Some(GoneBecause::Google));
        assert!(people.customer(id).await.is_some() && people.booking(booking).await.is_some());
        // It is marked, and is neither pushed again nor imported again.
        people.app_edits(id, json!({"given_name": "Maria"})).await;
        people.settle().await;
        expire(&people).await;
        people.settle().await;
        assert!(people.contacts().await.is_empty());
        assert_eq!(people.customers().await.len(), 1);
    }

    async fn a_customer_whom_only_past_or_cancelled_bookings_name_goes_with_its_contact(url: String) {
        let people = People::new(&url).await;
        let (name, id) = mia(&people).await;
        let past = books(&people, id, "2026-02-04T10:00:00").await;
        let cancelled = books(&people, id, "2026-03-05T10:00:00").await;
        people.app_cancels(cancelled).await;
        people.person_deletes(&name).await;
        let report = people.sync().await;
        assert_eq!(report.customers_deleted, 1, "{report:?}");
        assert!(people.customer(id).await.is_none());
        assert!(people.booking(past).await.is_some(), "the booking itself stays");
        people.assert_quiet().await;
    }

    // Scenario 26.
    async fn a_contact_deleted_in_google_and_edited_in_the_app_parts_the_two_and_keeps_a_record(url: String) {
        let people = People::new(&url).await;
        let (name, id) = mia(&people).await;
        people.app_edits(id, json!({"given_name": "Maria"})).await;
        people.person_deletes(&name).await;
        people.settle().await;
        assert_eq!(people.details(id).await.given_name, "Maria");
        assert_eq!(gone_because(&people, id).await, Some(GoneBecause::Google));
        assert_eq!(conflict_fields(&people).await, ["contact"]);
        assert!(people.contacts().await.is_empty(), "it does not come back");
    }

    async fn a_customer_deleted_in_the_app_and_edited_in_google_parts_the_two_and_keeps_a_record(url: String) {
        let people = People::new(&url).await;
        let (name, id) = ota(&people).await;
        people.person_edits(&name, json!({"emailAddresses": [{"value": "ota@new.example"}]})).await;
        people.app_drops(id).await;
        people.settle().await;
        assert!(people.contact(&name).await.is_some());
        assert!(people.customers().await.is_empty());
        assert_eq!(conflict_fields(&people).await, ["contact"]);
        expire(&people).await;
        people.settle().await;
        assert!(people.customers().await.is_empty(), "it is not imported again");
    }

    async fn a_contact_of_accords_is_kept_if_only_a_note_or_a_nickname_was_added_to_it(url: String) {
        for edit in [json!({"biographies": [{"value": "likes tea", "contentType": "TEXT_PLAIN"}]}), json!({"nicknames": [{"value": "Oty"}]})] {
            let people = People::new(&url).await;
            let (name, id) = ota(&people).await;
            people.person_edits(&name, edit.clone()).await;
            // Either the listing has shown the edit before, or it comes with the same pass.
            if edit["nicknames"].is_array() {
                people.sync().await;
            }
            people.app_drops(id).await;
            people.settle().await;
            assert!(people.contact(&name).await.is_some(), "{edit}");
            assert_eq!(gone_because(&people, id).await, Some(GoneBecause::App));
            people.person_deletes(&name).await;
            people.settle().await;
        }
    }

    async fn a_contact_that_the_user_made_stays_when_the_app_deletes_its_customer(url: String) {
        let people = People::new(&url).await;
        let (name, id) = mia(&people).await;
        people.app_drops(id).await;
        let report = people.sync().await;
        assert_eq!((report.unlinked, report.contacts_deleted), (1, 0), "{report:?}");
        assert!(people.contact(&name).await.is_some());
        people.person_edits(&name, json!({"emailAddresses": [{"value": "mia@new.example"}]})).await;
        people.settle().await;
        expire(&people).await;
        people.settle().await;
        assert!(people.customers().await.is_empty(), "it is not imported again");
    }

    async fn a_contact_that_google_does_not_let_go_of_is_set_aside_and_its_neighbours_go(url: String) {
        let people = People::new(&url).await;
        let mut ids = Vec::new();
        for at in 0..3 {
            ids.push(people.app_adds(customer("Ota", &at.to_string(), &format!("{at}@example.com"))).await);
        }
        people.sync().await;
        let kept = people.link(ids[1]).await.unwrap().contact_id;
        for id in ids {
            people.app_drops(id).await;
        }
        people.fault(json!({"path": "people:batchDeleteContacts", "action": {"refuse": "people_invalid_argument"}})).await;
        people.fault(json!({"path": format!("{kept}:deleteContact"), "times": 9, "action": {"refuse": "people_invalid_argument"}})).await;
        let id = people.app_adds(customer("Iva", "Mala", "iva@example.com")).await;
        let report = people.sync().await;
        assert_eq!((report.contacts_deleted, report.quarantined, report.contacts_created), (2, 1, 1), "{report:?}");
        assert!(people.contact(&kept).await.is_some() && people.link(id).await.is_some());
        people.assert_quiet().await;
    }

    async fn a_contact_that_google_has_hardly_taken_in_is_not_believed_to_be_gone(url: String) {
        let people = People::new(&url).await;
        let (name, id) = ota(&people).await;
        people.app_drops(id).await;
        not_found(&people, &[&name]).await;
        people.sync().await;
        assert_eq!(people.link(id).await.unwrap().state, LinkState::Live, "the deletion waits");
        people.settle().await;
        assert!(people.contact(&name).await.is_none());
    }

    // Lesson 24.
    async fn a_listing_that_is_empty_by_mistake_deletes_nothing(url: String) {
        let people = People::new(&url).await;
        for at in 0..30 {
            people.person_adds(contact("Mia", &at.to_string(), &format!("{at}@example.com"))).await;
        }
        people.sync().await;
        for minutes in [1, 60] {
            people.minutes(minutes).await;
            expire(&people).await;
            people.contacts_do("list_empty", json!({"times": 1})).await;
            let report = people.sync().await;
            assert!(report.full && report.unlinked == 0 && report.braked == 0, "{report:?}");
        }
        people.settle().await;
        assert_eq!(people.customers().await.len(), 30);
        assert!(people.open_questions().await.is_empty());
    }

    // Scenario 32 and lesson 10.
    async fn an_outage_or_a_lost_permission_is_never_a_deletion(url: String) {
        let people = People::new(&url).await;
        let (name, id) = mia(&people).await;
        people.minutes(60).await;
        let answers = [json!({"status": 404}), json!({"status": 404, "body": "html"}), json!({"refuse": "people_not_found"}),
            json!({"refuse": "people_scope"}), json!({"refuse": "people_unavailable"}), json!({"empty_json": true}), json!({"garbage": true})];
        for path in ["/connections", "people:batchGet"] {
            for action in &answers {
                expire(&people).await;
                people.contacts_do("list_empty", json!({"times": 1})).await;
                people.fault(json!({"path": path, "action": action})).await;
                let _ = people.try_sync().await;
                assert!(people.customer(id).await.is_some(), "{path} {action}");
                assert_eq!(people.link(id).await.unwrap().state, LinkState::Live, "{path} {action}");
                people.google.http.delete(&people.google.url("/_sandbox/faults"), &[]).await;
                people.contacts_do("list_empty", json!({"times": 0})).await;
            }
        }
        people.settle().await;
        assert_eq!(people.customer_of(&name).await, Some(id));
    }

    // Scenarios 3 and 5.
    async fn a_void_sync_token_in_any_form_is_followed_by_a_comparison_with_the_links(url: String) {
        for form in ["failed_precondition", "invalid_argument", "gone", "without_details"] {
            let people = People::new(&url).await;
            people.google.switch("people/expiry_form", &json!({"form": form})).await;
            let (name, id) = mia(&people).await;
            let other = people.person_adds(contact("Iva", "Mala", "iva@example.com")).await;
            people.sync().await;
            people.person_deletes(&name).await;
            people.contacts_do("purge_tombstones", json!({})).await;
            people.minutes(31).await;
            let report = people.sync().await;
            assert!(report.full, "{form}: {report:?}");
            assert_eq!((report.unlinked, report.customers_deleted), (1, 1), "{form}: {report:?}");
            assert!(people.customer(id).await.is_none());
            assert!(people.customer_of(&other).await.is_some());
            people.assert_quiet().await;
            people.person_deletes(&other).await;
            people.settle().await;
        }
    }

    async fn a_contact_that_was_shown_less_than_half_an_hour_ago_is_not_missed_yet(url: String) {
        let people = People::new(&url).await;
        let (name, id) = mia(&people).await;
        people.minutes(10).await;
        people.person_deletes(&name).await;
        people.contacts_do("purge_tombstones", json!({})).await;
        people.sync().await;
        assert!(people.customer(id).await.is_some(), "too early");
        people.sync().await;
        // Nobody has to ask for the second look.
        people.minutes(31).await;
        people.settle().await;
        assert!(people.customer(id).await.is_none());
    }

    // Lesson 32: a full listing has no tombstones.
    async fn a_full_listing_brings_nothing_back(url: String) {
        let people = People::new(&url).await;
        let (name, id) = mia(&people).await;
        let (_, ota) = ota(&people).await;
        people.app_drops(id).await;
        people.app_drops(ota).await;
        people.settle().await;
        for _ in 0..3 {
            people.minutes(40).await;
            expire(&people).await;
            people.settle().await;
        }
        assert!(people.customers().await.is_empty());
        assert!(people.contact(&name).await.is_some());
        assert_eq!(people.contacts().await.len(), 1);
    }

    async fn a_deletion_in_the_app_does_not_wait_for_an_answer_about_a_conflict(url: String) {
        let people = People::new(&url).await;
        people.set(json!({"conflict": "ask"})).await;
        let (name, id) = mia(&people).await;
        people.person_edits(&name, json!({"names": [{"givenName": "Mie", "familyName": "Novak"}]})).await;
        people.app_edits(id, json!({"given_name": "Maria"})).await;
        people.sync().await;
        people.app_drops(id).await;
        people.settle().await;
        assert!(people.open_questions().await.is_empty());
        assert!(people.contact(&name).await.is_some(), "it is the user's own");
        assert_eq!(people.link(id).await.unwrap().state, LinkState::Gone);
    }

    async fn an_answer_about_a_conflict_does_not_bring_a_deleted_contact_back(url: String) {
        for answer in ["app", "google"] {
            let people = People::new(&url).await;
            people.set(json!({"conflict": "ask"})).await;
            let (name, id) = mia(&people).await;
            people.person_edits(&name, json!({"names": [{"givenName": "Mie", "familyName": "Novak"}]})).await;
            people.app_edits(id, json!({"given_name": "Maria"})).await;
            people.sync().await;
            people.answer(answer).await;
            people.person_deletes(&name).await;
            people.settle().await;
            assert!(people.contacts().await.is_empty(), "{answer}");
            assert_eq!(people.details(id).await.given_name, "Maria", "{answer}");
            assert_eq!(people.link(id).await.unwrap().state, LinkState::Gone, "{answer}");
        }
    }

    async fn a_contact_that_is_made_anew_after_its_deletion_is_a_new_customer(url: String) {
        let people = People::new(&url).await;
        let (name, id) = mia(&people).await;
        people.person_deletes(&name).await;
        people.settle().await;
        assert!(people.customers().await.is_empty());
        let again = people.person_adds(contact("Mia", "Novak", "mia@example.com")).await;
        people.settle().await;
        let new = people.customer_of(&again).await.unwrap();
        assert_ne!(new, id);
        assert_eq!(emails_of(&people.details(new).await), ["mia@example.com"]);
    }
}
