//! Contacts that are being created or changed when the answer is lost, the daemon dies, or a neighbour is refused: nothing is
//! doubled, and nothing is lost.
mod support;
use accord::args;
use accord::store::contact_links::LinkState;
use serde_json::{Value, json};
use support::people::{People, contact, customer, emails, phones};
use support::postgres::both_databases;
use support::world;

/// Everybody's first email, sorted: who is in Google, and how often.
async fn in_google(people: &People) -> Vec<String> {
    let mut all: Vec<String> = people
        .contacts()
        .await
        .iter()
        .map(|contact| emails(contact).remove(0))
        .collect();
    all.sort();
    all
}

async fn cut(people: &People, path: &str, when: &str) {
    people.fault(json!({"path": path, "action": {"cut": when}})).await;
}

async fn creates(people: &People) -> usize {
    let is_create = |r: &&Value| {
        r["path"]
            .as_str()
            .unwrap_or_default()
            .to_lowercase()
            .contains("createcontact")
    };
    people.requests().await.iter().filter(is_create).count()
}

/// So many customers, whose emails are `1@example.com` and so on.
async fn crowd(people: &People, count: usize) -> Vec<accord::domain::ids::CustomerId> {
    let mut ids = Vec::new();
    for at in 0..count {
        ids.push(
            people
                .app_adds(customer("Ota", &format!("Kral {at}"), &format!("{at}@example.com")))
                .await,
        );
    }
    ids
}

both_databases! {
    // Scenarios 15 and 16.
    /// Checklist line 150.
    async fn a_create_whose_answer_is_lost_is_found_by_its_key_and_not_created_again(url: String) {
        let people = People::new(&url).await;
        let id = people.app_adds(customer("Ota", "Kral", "ota@example.com")).await;
        cut(&people, "people:createContact", "after").await;
        people.try_sync().await.unwrap_err();
        assert_eq!(people.link(id).await.unwrap().state, LinkState::Creating);
        let report = people.sync().await;
        assert!(report.full, "a create that is unsure is looked for in a full listing");
        let link = people.link(id).await.unwrap();
        assert!(link.state == LinkState::Live && link.is_ours && !link.is_edited, "{link:?}");
        people.minutes(31).await;
        people.settle().await;
        assert_eq!((in_google(&people).await.len(), creates(&people).await), (1, 1));
        // It is Accord's own, and goes with its customer.
        people.app_drops(id).await;
        people.settle().await;
        assert!(people.contacts().await.is_empty());
    }

    async fn a_create_that_was_done_and_answered_with_503_is_not_repeated(url: String) {
        let people = People::new(&url).await;
        people.app_adds(customer("Ota", "Kral", "ota@example.com")).await;
        people.fault(json!({"path": "people:createContact", "action": {"after": {"status": 503}}})).await;
        people.try_sync().await.unwrap_err();
        people.settle().await;
        assert_eq!((in_google(&people).await.len(), creates(&people).await), (1, 1));
    }

    async fn a_batch_whose_answer_is_lost_is_found_again_whole(url: String) {
        let people = People::new(&url).await;
        crowd(&people, 30).await;
        cut(&people, "people:batchCreateContacts", "after").await;
        people.try_sync().await.unwrap_err();
        people.minutes(31).await;
        people.settle().await;
        people.minutes(31).await;
        people.settle().await;
        let all = in_google(&people).await;
        let mut once = all.clone();
        once.dedup();
        assert_eq!((all.len(), once.len(), creates(&people).await), (30, 30, 1));
    }

    async fn a_batch_that_is_seen_late_is_not_created_again(url: String) {
        let people = People::new(&url).await;
        people.propagation(20 * 60 * 1000).await;
        crowd(&people, 12).await;
        cut(&people, "people:batchCreateContacts", "after").await;
        people.try_sync().await.unwrap_err();
        for _ in 0..4 {
            people.sync().await;
            people.minutes(8).await;
        }
        people.settle().await;
        assert_eq!((in_google(&people).await.len(), creates(&people).await), (12, 1));
    }

    async fn a_create_that_never_happened_is_repeated_after_two_listings_and_half_an_hour(url: String) {
        let people = People::new(&url).await;
        let id = people.app_adds(customer("Ota", "Kral", "ota@example.com")).await;
        cut(&people, "people:createContact", "before").await;
        people.try_sync().await.unwrap_err();
        let first = people.sync().await;
        assert!(first.full && first.contacts_created == 0, "{first:?}");
        people.minutes(28).await;
        let early = people.sync().await;
        assert!(!early.full && early.contacts_created == 0, "too early: {early:?}");
        people.minutes(3).await;
        let later = people.sync().await;
        assert!(later.full, "{later:?}");
        assert_eq!(later.contacts_created, 1, "{later:?}");
        assert_eq!(people.link(id).await.unwrap().state, LinkState::Live);
        people.assert_quiet().await;
        assert_eq!(in_google(&people).await, ["ota@example.com"]);
    }

    async fn one_listing_alone_proves_nothing_however_late_it_is(url: String) {
        let people = People::new(&url).await;
        people.app_adds(customer("Ota", "Kral", "ota@example.com")).await;
        cut(&people, "people:createContact", "before").await;
        people.try_sync().await.unwrap_err();
        people.minutes(300).await;
        let first = people.sync().await;
        assert_eq!(first.contacts_created, 0, "{first:?}");
        let second = people.sync().await;
        assert_eq!(second.contacts_created, 1, "{second:?}");
    }

    async fn a_listing_that_is_empty_by_mistake_does_not_prove_that_a_create_failed(url: String) {
        let people = People::new(&url).await;
        people.app_adds(customer("Ota", "Kral", "ota@example.com")).await;
        cut(&people, "people:createContact", "after").await;
        people.try_sync().await.unwrap_err();
        people.contacts_do("list_empty", json!({"times": 1})).await;
        let report = people.sync().await;
        assert_eq!(report.contacts_created, 0, "{report:?}");
        people.minutes(31).await;
        people.settle().await;
        assert_eq!((in_google(&people).await.len(), creates(&people).await), (1, 1));
    }

    // Scenario 15, with the request never sent.
    async fn a_crash_between_the_attempt_and_its_request_is_survived(url: String) {
        let mut people = People::new(&url).await;
        let id = people.app_adds(customer("Ota", "Kral", "ota@example.com")).await;
        people.fault(json!({"path": "people:createContact", "action": {"delay_ms": 60_000, "cut": "before"}})).await;
        // The pass is dropped while the request is under way, as a kill would do it.
        tokio::select! {
            outcome = people.try_sync() => panic!("the pass ended: {outcome:?}"),
            () = async {
                loop {
                    let faults = people.google.look("faults").await;
                    if faults["faults"].as_array().or(faults.as_array()).map_or(0, Vec::len) == 0 {
                        break;
                    }
                }
            } => {}
        }
        people.world.restart().await;
        // Its lease runs out, by the clock of the database.
        world::run(&people.engine.db, "UPDATE sync_scopes SET lease_until = 1 WHERE tenant_id = $1", args![people.tenant]).await;
        assert!(people.link(id).await.unwrap().attempted_at > 0);
        people.sync().await;
        people.minutes(31).await;
        people.sync().await;
        people.settle().await;
        assert_eq!(people.link(id).await.unwrap().state, LinkState::Live);
        assert_eq!(in_google(&people).await, ["ota@example.com"]);
    }

    async fn a_customer_that_is_deleted_while_its_create_is_unsure_leaves_nothing_behind(url: String) {
        let people = People::new(&url).await;
        let happened = people.app_adds(customer("Ota", "Kral", "ota@example.com")).await;
        cut(&people, "people:createContact", "after").await;
        people.try_sync().await.unwrap_err();
        people.app_drops(happened).await;
        people.settle().await;
        assert!(people.contacts().await.is_empty());
        let never = people.app_adds(customer("Iva", "Mala", "iva@example.com")).await;
        cut(&people, "people:createContact", "before").await;
        people.try_sync().await.unwrap_err();
        people.app_drops(never).await;
        people.sync().await;
        people.minutes(31).await;
        people.sync().await;
        people.settle().await;
        assert!(people.contacts().await.is_empty() && people.customers().await.is_empty());
        assert_eq!(people.link(never).await.unwrap().state, LinkState::Gone);
    }

    async fn a_customer_that_is_edited_while_its_create_is_unsure_arrives_as_it_is_now(url: String) {
        for when in ["after", "before"] {
            let people = People::new(&url).await;
            let id = people.app_adds(customer("Ota", "Kral", "ota@example.com")).await;
            cut(&people, "people:createContact", when).await;
            people.try_sync().await.unwrap_err();
            people.app_edits(id, json!({"family_name": "Novak", "phones": [{"value": "+420601000001"}]})).await;
            people.sync().await;
            people.minutes(31).await;
            people.sync().await;
            people.settle().await;
            let all = people.contacts().await;
            assert_eq!(all.len(), 1, "{when}");
            assert_eq!(all[0]["names"][0]["familyName"], "Novak", "{when}");
            assert_eq!(phones(&all[0]), ["+420601000001"], "{when}");
            people.app_drops(id).await;
            people.settle().await;
        }
    }

    async fn an_edit_in_google_before_the_lost_create_is_found_is_kept(url: String) {
        let people = People::new(&url).await;
        let id = people.app_adds(customer("Ota", "Kral", "ota@example.com")).await;
        cut(&people, "people:createContact", "after").await;
        people.try_sync().await.unwrap_err();
        let name = people.contacts().await[0]["resourceName"].as_str().unwrap().to_owned();
        people.person_edits(&name, json!({"names": [{"givenName": "Otakar", "familyName": "Kral"}]})).await;
        people.settle().await;
        assert_eq!(people.details(id).await.given_name, "Otakar");
        // It is not Accord's alone any more.
        people.app_drops(id).await;
        people.settle().await;
        assert!(people.contact(&name).await.is_some());
    }

    async fn one_refused_customer_of_a_batch_is_set_aside_and_the_others_get_there_once(url: String) {
        let people = People::new(&url).await;
        let mut ids = crowd(&people, 8).await;
        // Batches are in the order of the ids.
        ids.sort();
        let poison = ids[3];
        let refused = people.details(poison).await.emails[0].value.clone();
        let details = json!({"error": {"code": 400, "message": "Invalid birthday.", "status": "INVALID_ARGUMENT",
            "details": [{"@type": "type.googleapis.com/google.people.v1.BatchCreateContactsErrorDetails",
                "contactErrors": {"3": {"code": 3, "message": "Invalid birthday."}}}]}});
        people.fault(json!({"path": "people:batchCreateContacts", "action": {"status": 400, "body": details}})).await;
        let report = people.sync().await;
        assert_eq!((report.quarantined, report.contacts_created), (1, 0), "{report:?}");
        people.sync().await;
        people.minutes(31).await;
        people.sync().await;
        people.settle().await;
        let all = in_google(&people).await;
        let others: Vec<String> = (0..8).map(|at| format!("{at}@example.com")).filter(|email| *email != refused).collect();
        assert_eq!(all, others);
        // As soon as its row changes it is tried again.
        people.app_edits(poison, json!({"gender": "female"})).await;
        people.settle().await;
        assert_eq!(in_google(&people).await.len(), 8);
    }

    async fn a_batch_that_was_carried_out_but_refused_in_words_is_not_doubled(url: String) {
        let people = People::new(&url).await;
        crowd(&people, 5).await;
        people.fault(json!({"path": "people:batchCreateContacts", "action": {"after": {"refuse": "people_invalid_argument"}}})).await;
        let _ = people.try_sync().await;
        people.settle().await;
        people.minutes(31).await;
        people.settle().await;
        assert_eq!(in_google(&people).await.len(), 5);
    }

    async fn an_update_whose_answer_is_lost_is_recognised(url: String) {
        let people = People::new(&url).await;
        let name = people.person_adds(contact("Mia", "Novak", "mia@example.com")).await;
        people.sync().await;
        let id = people.customer_of(&name).await.unwrap();
        people.app_edits(id, json!({"family_name": "Mala"})).await;
        cut(&people, ":updateContact", "after").await;
        people.try_sync().await.unwrap_err();
        let writes = people.writes().await;
        people.settle().await;
        assert_eq!(people.writes().await, writes, "it was there already");
        assert_eq!(people.contact(&name).await.unwrap()["names"][0]["familyName"], "Mala");
        assert!(people.conflicts().await.is_empty());
    }

    async fn an_update_that_never_arrived_is_sent_again(url: String) {
        let people = People::new(&url).await;
        let name = people.person_adds(contact("Mia", "Novak", "mia@example.com")).await;
        people.sync().await;
        let id = people.customer_of(&name).await.unwrap();
        people.app_edits(id, json!({"family_name": "Mala"})).await;
        cut(&people, ":updateContact", "before").await;
        people.try_sync().await.unwrap_err();
        people.settle().await;
        assert_eq!(people.contact(&name).await.unwrap()["names"][0]["familyName"], "Mala");
    }

    async fn a_deletion_whose_answer_is_lost_is_done(url: String) {
        let people = People::new(&url).await;
        let ids = crowd(&people, 3).await;
        people.sync().await;
        people.app_drops(ids[0]).await;
        people.app_drops(ids[1]).await;
        cut(&people, "people:batchDeleteContacts", "after").await;
        people.try_sync().await.unwrap_err();
        people.settle().await;
        assert_eq!(in_google(&people).await, ["2@example.com"]);
        people.app_drops(ids[2]).await;
        cut(&people, ":deleteContact", "after").await;
        people.try_sync().await.unwrap_err();
        people.settle().await;
        assert!(people.contacts().await.is_empty() && people.customers().await.is_empty());
    }

    async fn a_group_whose_create_got_no_answer_is_used(url: String) {
        let people = People::new(&url).await;
        people.app_adds(customer("Ota", "Kral", "ota@example.com")).await;
        people.fault(json!({"method": "POST", "path": "/v1/contactGroups", "action": {"cut": "after"}})).await;
        people.try_sync().await.unwrap_err();
        people.settle().await;
        assert_eq!(people.groups().await.len(), 1);
        assert_eq!(people.contacts().await.len(), 1);
    }

    // Decisions: the one that is linked counts; the other one is shown, and none is deleted.
    async fn two_contacts_that_carry_one_key_are_one_customer_and_one_that_is_shown(url: String) {
        let people = People::new(&url).await;
        let id = people.app_adds(customer("Ota", "Kral", "ota@example.com")).await;
        cut(&people, "people:createContact", "after").await;
        people.try_sync().await.unwrap_err();
        let name = people.contacts().await[0]["resourceName"].as_str().unwrap().to_owned();
        people.contacts_do("copy_contact", json!({"contact": name, "times": 1})).await;
        people.sync().await;
        people.settle().await;
        assert_eq!(people.contacts().await.len(), 2, "none is deleted");
        assert_eq!(people.customers().await.len(), 1, "none is imported");
        assert_eq!(people.link(id).await.unwrap().state, LinkState::Live);
    }
}
