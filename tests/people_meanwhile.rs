//! What people and the app do while a request of Accord is under way, and what two users of a tenant have to do with each other.
#![expect(clippy::unwrap_used, reason = "a test that panics fails, which is right")]
mod support;
use accord::domain::access::ContactsChoice;
use accord::store::contact_links::LinkState;
use serde_json::json;
use support::people::{People, contact, customer, emails, phones};
use support::postgres::both_databases;

/// A pass during which something happens while a request to `path` is held up. The pass must work.
async fn during<F: Future<Output = ()>>(people: &People, path: &str, happens: F) {
    people.fault(json!({"path": path, "action": {"delay_ms": 500}})).await;
    let (pass, ()) = tokio::join!(people.try_sync(), async {
        // The fault is used up as soon as the request has arrived.
        loop {
            let faults = people.google.look("faults").await;
            if faults["faults"].as_array().or(faults.as_array()).map_or(0, Vec::len) == 0 {
                break;
            }
        }
        happens.await;
    });
    pass.unwrap();
}

both_databases! {
    async fn an_edit_of_the_app_during_an_update_is_pushed_after_it(url: String) {
        let people = People::new(&url).await;
        let name = people.person_adds(contact("Mia", "Novak", "mia@example.com")).await;
        people.sync().await;
        let id = people.customer_of(&name).await.unwrap();
        people.app_edits(id, json!({"given_name": "Maria"})).await;
        during(&people, ":updateContact", people.app_edits(id, json!({"given_name": "Marie", "phones": [{"value": "+420601000001"}]}))).await;
        people.settle().await;
        let now = people.contact(&name).await.unwrap();
        assert_eq!((&now["names"][0]["givenName"], phones(&now)), (&json!("Marie"), vec!["+420601000001".to_owned()]));
        assert_eq!(people.details(id).await.given_name, "Marie");
        assert!(people.conflicts().await.is_empty());
    }

    // Scenario 28.
    async fn an_edit_in_google_between_read_and_update_is_merged(url: String) {
        let people = People::new(&url).await;
        let name = people.person_adds(contact("Mia", "Novak", "mia@example.com")).await;
        people.sync().await;
        let id = people.customer_of(&name).await.unwrap();
        people.app_edits(id, json!({"given_name": "Maria"})).await;
        during(&people, ":updateContact", people.person_edits(&name, json!({"names": [{"givenName": "Mia", "familyName": "Mala"}]}))).await;
        people.settle().await;
        let now = people.contact(&name).await.unwrap();
        assert_eq!((&now["names"][0]["givenName"], &now["names"][0]["familyName"]), (&json!("Maria"), &json!("Mala")));
        assert_eq!(people.details(id).await.family_name, "Mala");
    }

    async fn a_contact_that_is_deleted_during_its_update_stays_deleted(url: String) {
        let people = People::new(&url).await;
        let name = people.person_adds(contact("Mia", "Novak", "mia@example.com")).await;
        people.sync().await;
        let id = people.customer_of(&name).await.unwrap();
        people.minutes(60).await;
        people.app_edits(id, json!({"given_name": "Maria"})).await;
        during(&people, ":updateContact", people.person_deletes(&name)).await;
        people.settle().await;
        assert!(people.contacts().await.is_empty());
        assert_eq!(people.details(id).await.given_name, "Maria", "the edit is kept in the app");
        assert_eq!(people.link(id).await.unwrap().state, LinkState::Gone);
    }

    async fn a_customer_that_is_edited_or_deleted_during_its_create_is_followed(url: String) {
        let people = People::new(&url).await;
        let edited = people.app_adds(customer("Ota", "Kral", "ota@example.com")).await;
        during(&people, "people:createContact", people.app_edits(edited, json!({"given_name": "Otakar"}))).await;
        people.settle().await;
        assert_eq!(people.contacts().await[0]["names"][0]["givenName"], "Otakar");
        let deleted = people.app_adds(customer("Iva", "Mala", "iva@example.com")).await;
        during(&people, "people:createContact", people.app_drops(deleted)).await;
        people.settle().await;
        assert_eq!(people.contacts().await.len(), 1);
        assert_eq!(people.customers().await.len(), 1);
    }

    async fn a_contact_that_is_edited_after_the_look_before_its_deletion_is_at_most_deleted_once(url: String) {
        let people = People::new(&url).await;
        let id = people.app_adds(customer("Ota", "Kral", "ota@example.com")).await;
        people.sync().await;
        let name = people.link(id).await.unwrap().contact_id;
        people.app_drops(id).await;
        // The edit comes while the contact is looked at: it is seen, and the contact stays.
        during(&people, "people:batchGet", people.person_edits(&name, json!({"nicknames": [{"value": "Oty"}]}))).await;
        people.settle().await;
        assert!(people.contact(&name).await.is_some());
        assert_eq!(people.link(id).await.unwrap().state, LinkState::Gone);
    }

    async fn two_users_know_the_same_person_each_for_themselves(url: String) {
        let people = People::new(&url).await;
        let ben = people.ben().await;
        people.connect_contacts(&ben, &ContactsChoice::All).await;
        let name = people.person_adds(contact("Mia", "Novak", "mia@example.com")).await;
        people.sync().await;
        let id = people.customer_of(&name).await.unwrap();
        let report = people.world.sync_scope(&ben, "").await;
        assert!(report.customers_created == 0 && report.contacts_created == 0, "{report:?}");
        // Ben's contact of the same person is Ben's customer.
        let his = contact("Mia", "Novak", "mia@example.com");
        people.google.switch("people/raw_contact", &json!({"user": ben.email, "person": his})).await;
        let report = people.world.sync_scope(&ben, "").await;
        assert_eq!((report.customers_created, report.linked, report.waiting), (1, 0, 0), "{report:?}");
        people.app_edits(id, json!({"emails": [{"value": "mia@new.example"}]})).await;
        people.settle().await;
        assert!(people.world.sync_scope(&ben, "").await.is_quiet());
        let users: Vec<_> = people.customers().await.into_iter().map(|row| (row.user_id, row.text.emails.contains("new"))).collect();
        assert_eq!(users.len(), 2);
        assert!(users.contains(&(people.ana.user, true)) && users.contains(&(ben.user, false)));
        assert_eq!(emails(&people.contact(&name).await.unwrap()), ["mia@new.example"]);
    }

    // A refused access token is renewed once, in the middle of anything.
    async fn an_access_token_that_ends_during_a_batch_doubles_nothing(url: String) {
        let people = People::new(&url).await;
        for at in 0..5 {
            people.app_adds(customer("Ota", &at.to_string(), &format!("{at}@example.com"))).await;
        }
        people.fault(json!({"path": "people:batchCreateContacts", "action": {"refuse": "people_credentials"}})).await;
        people.sync().await;
        people.settle().await;
        assert_eq!((people.contacts().await.len(), people.customers().await.len()), (5, 5));
    }
}
