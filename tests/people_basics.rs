//! Customers and Google Contacts, the plain cases: each side's people appear on the other, and edits follow.
mod support;
use serde_json::json;
use support::people::{People, contact, customer, emails, emails_of, phones, phones_of};
use support::postgres::both_databases;

both_databases! {
    async fn a_contact_becomes_a_customer(url: String) {
        let people = People::new(&url).await;
        let name = people.person_adds(contact("Mia", "Novak", "mia@example.com")).await;
        let report = people.sync().await;
        assert_eq!(report.customers_created, 1, "{report:?}");
        let id = people.customer_of(&name).await.unwrap();
        let details = people.details(id).await;
        assert_eq!((details.given_name.as_str(), emails_of(&details)), ("Mia", vec!["mia@example.com"]));
        people.assert_quiet().await;
    }

    async fn a_customer_becomes_a_contact_in_the_group_of_the_tenant(url: String) {
        let people = People::new(&url).await;
        let id = people.app_adds(customer("Ota", "Kral", "ota@example.com")).await;
        let report = people.sync().await;
        assert_eq!(report.contacts_created, 1, "{report:?}");
        let link = people.link(id).await.unwrap();
        let made = people.contact(&link.contact_id).await.unwrap();
        assert_eq!(emails(&made), ["ota@example.com"]);
        let groups = people.groups().await;
        assert_eq!(groups.len(), 1);
        assert_eq!(groups[0].1, "Acme");
        assert!(made["memberships"].to_string().contains(&groups[0].0), "{made}");
        people.assert_quiet().await;
    }

    async fn an_email_added_in_google_and_a_phone_added_in_the_app_both_survive(url: String) {
        let people = People::new(&url).await;
        let name = people.person_adds(contact("Mia", "Novak", "mia@example.com")).await;
        people.sync().await;
        let id = people.customer_of(&name).await.unwrap();
        people.person_edits(&name, json!({"emailAddresses": [{"value": "mia@example.com"}, {"value": "mia@work.example"}]})).await;
        people.app_edits(id, json!({"phones": [{"value": "+420601000001", "type": "mobile"}]})).await;
        people.settle().await;
        let details = people.details(id).await;
        assert_eq!(emails_of(&details), ["mia@example.com", "mia@work.example"]);
        assert_eq!(phones_of(&details), ["+420601000001"]);
        let now = people.contact(&name).await.unwrap();
        assert_eq!((emails(&now), phones(&now)), (vec!["mia@example.com".into(), "mia@work.example".into()], vec!["+420601000001".to_owned()]));
    }

    async fn a_contact_deleted_in_google_takes_a_customer_along_that_nobody_needs(url: String) {
        let people = People::new(&url).await;
        let name = people.person_adds(contact("Mia", "Novak", "mia@example.com")).await;
        people.sync().await;
        let id = people.customer_of(&name).await.unwrap();
        people.person_deletes(&name).await;
        let report = people.sync().await;
        assert_eq!((report.unlinked, report.customers_deleted), (1, 1), "{report:?}");
        assert!(people.customer(id).await.is_none());
        people.assert_quiet().await;
    }

    async fn a_customer_deleted_in_the_app_takes_a_contact_along_that_accord_made(url: String) {
        let people = People::new(&url).await;
        let id = people.app_adds(customer("Ota", "Kral", "ota@example.com")).await;
        people.sync().await;
        let contact = people.link(id).await.unwrap().contact_id;
        people.app_drops(id).await;
        let report = people.sync().await;
        assert_eq!(report.contacts_deleted, 1, "{report:?}");
        assert!(people.contact(&contact).await.is_none());
        people.settle().await;
        assert!(people.customers().await.is_empty());
    }

    async fn the_same_email_on_both_sides_is_one_person(url: String) {
        let people = People::new(&url).await;
        let name = people.person_adds(contact("Mia", "Novak", "Mia@Example.com")).await;
        let id = people.app_adds(json!({"given_name": "Mia", "emails": [{"value": "mia@example.com"}], "phones": [{"value": "+420601000001"}]})).await;
        let report = people.sync().await;
        assert_eq!((report.linked, report.customers_created, report.contacts_created), (1, 0, 0), "{report:?}");
        assert_eq!(people.customer_of(&name).await, Some(id));
        people.settle().await;
        assert_eq!(phones(&people.contact(&name).await.unwrap()), ["+420601000001"]);
        assert_eq!(people.details(id).await.family_name, "Novak");
        assert_eq!(people.contacts().await.len(), 1);
    }
}
