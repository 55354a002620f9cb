//! The brake on contacts: many removals at once wait for the admin, whichever side removed, and an answer is about exactly those.
#![expect(clippy::unwrap_used, reason = "a test that panics fails, which is right")]
mod support;
use accord::domain::ids::CustomerId;
use accord::store::contact_links::LinkState;
use serde_json::json;
use support::people::{People, contact, customer, emails};
use support::postgres::both_databases;

/// Contacts of Ana's that are customers: (resource name, customer).
async fn from_google(people: &People, count: usize) -> Vec<(String, CustomerId)> {
    let mut names = Vec::new();
    for at in 0..count {
        names.push(
            people
                .person_adds(contact("Mia", &at.to_string(), &format!("{at}@example.com")))
                .await,
        );
    }
    people.sync().await;
    let mut both = Vec::new();
    for name in names {
        let id = people.customer_of(&name).await.unwrap();
        both.push((name, id));
    }
    both
}

/// Customers that Accord made contacts of.
async fn from_app(people: &People, count: usize) -> Vec<(String, CustomerId)> {
    let mut both = Vec::new();
    for at in 0..count {
        let id = people
            .app_adds(customer("Ota", &at.to_string(), &format!("{at}@app.example")))
            .await;
        both.push((String::new(), id));
    }
    people.sync().await;
    for (name, id) in &mut both {
        *name = people.link(*id).await.unwrap().contact_id;
    }
    both
}

both_databases! {
    async fn nine_of_ten_contacts_may_go_and_ten_of_eleven_wait(url: String) {
        let people = People::new(&url).await;
        let all = from_google(&people, 20).await;
        for (name, _) in &all[..9] {
            people.person_deletes(name).await;
        }
        let report = people.sync().await;
        assert_eq!((report.customers_deleted, report.braked), (9, 0), "{report:?}");
        // A day later the count begins anew.
        people.minutes(25 * 60).await;
        for (name, _) in &all[9..19] {
            people.person_deletes(name).await;
        }
        let report = people.sync().await;
        assert_eq!((report.customers_deleted, report.braked), (0, 10), "{report:?}");
    }

    async fn ten_of_a_hundred_are_no_mass(url: String) {
        let people = People::new(&url).await;
        let all = from_google(&people, 100).await;
        for (name, _) in &all[..12] {
            people.person_deletes(name).await;
        }
        let report = people.sync().await;
        assert_eq!((report.customers_deleted, report.braked), (12, 0), "{report:?}");
    }

    async fn removals_that_come_one_by_one_within_a_day_are_counted_together(url: String) {
        let people = People::new(&url).await;
        let all = from_google(&people, 15).await;
        let mut held = 0;
        for (name, _) in &all {
            people.person_deletes(name).await;
            held += people.sync().await.braked;
        }
        assert_eq!((people.customers().await.len(), held), (6, 6));
    }

    async fn an_approval_lets_exactly_those_pass_that_it_was_about(url: String) {
        let people = People::new(&url).await;
        let all = from_google(&people, 14).await;
        for (name, _) in &all[..12] {
            people.person_deletes(name).await;
        }
        people.sync().await;
        let open = people.open_questions().await;
        assert_eq!((open.len(), open[0].addressee.as_str(), &open[0].detail["count"]), (1, "admin", &json!(12)));
        people.answer("approve").await;
        // One more, after the approval.
        people.person_deletes(&all[12].0).await;
        let report = people.sync().await;
        assert_eq!((report.customers_deleted, report.braked), (12, 1), "{report:?}");
        assert!(people.customer(all[12].1).await.is_some() && people.customer(all[13].1).await.is_some());
        assert_eq!(people.open_questions().await.len(), 1, "about the one that came later");
    }

    async fn while_removals_are_held_everything_else_goes_on(url: String) {
        let people = People::new(&url).await;
        let all = from_google(&people, 14).await;
        for (name, _) in &all[..12] {
            people.person_deletes(name).await;
        }
        people.sync().await;
        people.person_edits(&all[13].0, json!({"emailAddresses": [{"value": "new@example.com"}]})).await;
        people.app_edits(all[12].1, json!({"given_name": "Maria"})).await;
        people.app_edits(all[0].1, json!({"given_name": "Maria"})).await;
        people.settle().await;
        assert_eq!(emails(&people.contact(&all[13].0).await.unwrap()), ["new@example.com"]);
        assert_eq!(people.details(all[13].1).await.emails[0].value, "new@example.com");
        assert_eq!(people.contact(&all[12].0).await.unwrap()["names"][0]["givenName"], "Maria");
        assert_eq!(people.contacts().await.len(), 2, "the held ones are not made again");
        assert_eq!(people.customers().await.len(), 14);
    }

    async fn a_rejection_brings_the_contacts_back_that_google_lost(url: String) {
        let people = People::new(&url).await;
        let all = from_google(&people, 12).await;
        for (name, _) in &all {
            people.person_deletes(name).await;
        }
        people.sync().await;
        people.answer("reject").await;
        people.settle().await;
        let mut now: Vec<String> = people.contacts().await.iter().map(|contact| emails(contact).remove(0)).collect();
        now.sort();
        now.dedup();
        assert_eq!((people.contacts().await.len(), now.len(), people.customers().await.len()), (12, 12, 12));
        for (name, id) in &all {
            let link = people.link(*id).await.unwrap();
            assert!(link.state == LinkState::Live && link.contact_id != *name, "{link:?}");
        }
        people.minutes(60).await;
        people.contacts_do("expire_sync_tokens", json!({})).await;
        people.settle().await;
        assert_eq!(people.contacts().await.len(), 12);
    }

    async fn many_customers_deleted_in_the_app_wait_and_an_approval_deletes_their_contacts(url: String) {
        let people = People::new(&url).await;
        let all = from_app(&people, 12).await;
        for (_, id) in &all {
            people.app_drops(*id).await;
        }
        let report = people.sync().await;
        assert_eq!((report.contacts_deleted, report.braked), (0, 12), "{report:?}");
        people.assert_quiet().await;
        assert_eq!(people.contacts().await.len(), 12);
        people.answer("approve").await;
        let report = people.sync().await;
        assert_eq!(report.contacts_deleted, 12, "{report:?}");
        assert!(people.contacts().await.is_empty());
        people.settle().await;
    }

    async fn a_rejection_brings_the_customers_back_that_the_app_deleted(url: String) {
        let people = People::new(&url).await;
        let all = from_app(&people, 12).await;
        let before: Vec<_> = people.customers().await.into_iter().map(|row| (row.id, row.text, row.origin, row.created_at)).collect();
        for (_, id) in &all {
            people.app_drops(*id).await;
        }
        people.sync().await;
        people.answer("reject").await;
        people.settle().await;
        let after: Vec<_> = people.customers().await.into_iter().map(|row| (row.id, row.text, row.origin, row.created_at)).collect();
        assert_eq!(after, before);
        for (name, id) in &all {
            assert_eq!(people.customer_of(name).await, Some(*id));
        }
        // They are as alive as before.
        people.app_edits(all[0].1, json!({"given_name": "Otakar"})).await;
        people.settle().await;
        assert_eq!(people.contact(&all[0].0).await.unwrap()["names"][0]["givenName"], "Otakar");
    }

    // The answers of an outage: every single contact is said not to exist, and then is there again.
    async fn contacts_that_turn_up_again_are_not_removed_any_more(url: String) {
        let people = People::new(&url).await;
        let all = from_google(&people, 12).await;
        people.minutes(60).await;
        people.contacts_do("expire_sync_tokens", json!({})).await;
        people.contacts_do("list_empty", json!({"times": 1})).await;
        let items: Vec<_> = all.iter().map(|(name, _)| json!({"httpStatusCode": 404, "requestedResourceName": name})).collect();
        people.fault(json!({"path": "people:batchGet", "action": {"status": 200, "body": {"responses": items}}})).await;
        let report = people.sync().await;
        assert_eq!((report.braked, report.customers_deleted), (12, 0), "{report:?}");
        people.contacts_do("expire_sync_tokens", json!({})).await;
        people.settle().await;
        assert!(people.open_questions().await.is_empty(), "there is nothing left to be asked");
        people.app_edits(all[0].1, json!({"given_name": "Maria"})).await;
        people.settle().await;
        assert_eq!(people.contact(&all[0].0).await.unwrap()["names"][0]["givenName"], "Maria");
    }

    async fn an_approval_removes_no_customer_whose_contact_is_there_again(url: String) {
        let people = People::new(&url).await;
        let all = from_google(&people, 12).await;
        people.minutes(60).await;
        people.contacts_do("expire_sync_tokens", json!({})).await;
        people.contacts_do("list_empty", json!({"times": 1})).await;
        let items: Vec<_> = all.iter().map(|(name, _)| json!({"httpStatusCode": 404, "requestedResourceName": name})).collect();
        people.fault(json!({"path": "people:batchGet", "action": {"status": 200, "body": {"responses": items}}})).await;
        people.sync().await;
        people.person_deletes(&all[3].0).await;
        people.answer("approve").await;
        people.settle().await;
        assert_eq!(people.customers().await.len(), 11);
        assert!(people.customer(all[3].1).await.is_none());
    }

    async fn a_quota_that_ends_while_contacts_are_deleted_pauses_writing_and_not_reading(url: String) {
        let people = People::new(&url).await;
        let all = from_app(&people, 3).await;
        people.app_drops(all[0].1).await;
        let used_up = json!({"error": {"code": 429, "message": "Quota exceeded for quota metric 'Daily writes'.", "status": "RESOURCE_EXHAUSTED",
            "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "RATE_LIMIT_EXCEEDED", "domain": "googleapis.com",
            "metadata": {"quota_limit": "DailyContactWritesPerDayPerProject"}}]}});
        people.fault(json!({"path": ":deleteContact", "action": {"status": 429, "body": used_up}})).await;
        let name = people.person_adds(contact("Mia", "Novak", "mia@example.com")).await;
        let report = people.sync().await;
        assert_eq!((report.contacts_deleted, report.customers_created), (0, 1), "{report:?}");
        people.person_edits(&name, json!({"emailAddresses": [{"value": "mia@new.example"}]})).await;
        let report = people.sync().await;
        assert_eq!((report.contacts_deleted, report.customers_updated), (0, 1), "{report:?}");
        people.minutes(61).await;
        people.settle().await;
        assert!(people.contact(&all[0].0).await.is_none());
    }

    async fn an_account_that_is_full_still_takes_changes_and_deletions(url: String) {
        let people = People::new(&url).await;
        let all = from_app(&people, 3).await;
        people.google.switch("people/contact_limit", &json!({"limit": 3})).await;
        people.app_adds(customer("Iva", "Mala", "iva@example.com")).await;
        people.app_edits(all[0].1, json!({"given_name": "Otakar"})).await;
        let report = people.sync().await;
        assert_eq!((report.contacts_created, report.contacts_updated), (0, 1), "{report:?}");
        people.app_drops(all[1].1).await;
        people.assert_quiet().await;
        people.minutes(61).await;
        people.sync().await;
        people.settle().await;
        let now: Vec<String> = people.contacts().await.iter().map(|contact| emails(contact).remove(0)).collect();
        assert_eq!(now.len(), 3);
        assert!(now.contains(&"iva@example.com".to_owned()) && !now.contains(&"1@app.example".to_owned()), "{now:?}");
    }
}
