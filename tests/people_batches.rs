//! Many customers that the app changes at once go to Google in few requests, and whatever spoils a batch spoils nothing else.
mod support;
use accord::engine::sync_now;
use serde_json::json;
use support::people::{People, contact, customer, phones};
use support::postgres::both_databases;
use support::world::run;

const MANY: usize = 20;

/// Twenty contacts that are customers; each has a nickname that Accord does not know.
async fn world(url: &str) -> (People, Vec<String>) {
    let people = People::new(url).await;
    let mut names = Vec::new();
    for at in 0..MANY {
        let mut person = contact("Mia", &format!("Novak {at}"), &format!("mia{at}@example.com"));
        person["nicknames"] = json!([{"value": format!("Mimi {at}")}]);
        names.push(people.person_adds(person).await);
    }
    people.settle().await;
    (people, names)
}

async fn app_gives_all_a_phone(people: &People) {
    let sql = "UPDATE customers SET phones = '[{\"value\":\"+420601000001\",\"type\":\"mobile\"}]'";
    assert_eq!(run(&people.engine.db, sql, vec![]).await, MANY as u64);
}

async fn all_have_it(people: &People, names: &[String]) {
    for (at, name) in names.iter().enumerate() {
        let now = people.contact(name).await.expect("the contact is there");
        assert_eq!(phones(&now), ["+420601000001"]);
        assert_eq!(now["nicknames"][0]["value"], format!("Mimi {at}"));
    }
}

both_databases! {
    async fn changes_that_touch_the_same_fields_go_in_one_request(url: String) {
        let (people, names) = world(&url).await;
        app_gives_all_a_phone(&people).await;
        let before = people.requests().await.len();
        let report = people.sync().await;
        assert_eq!(report.contacts_updated, MANY as u64, "{report:?}");
        let requests = people.requests().await;
        let writes = requests[before..].iter().filter(|r| r["method"] != "GET").count();
        assert_eq!((writes, requests.len() - before), (1, 3), "a list, a batch of reads and a batch of writes");
        all_have_it(&people, &names).await;
        people.settle().await;
    }

    async fn few_changes_go_one_by_one(url: String) {
        let (people, names) = world(&url).await;
        for name in &names[..3] {
            let id = people.customer_of(name).await.expect("a customer");
            people.app_edits(id, json!({"phones": [{"value": "+420601000001"}]})).await;
        }
        let before = people.writes().await;
        people.sync().await;
        assert_eq!(people.writes().await - before, 3);
        people.settle().await;
    }

    async fn a_batch_that_is_refused_for_its_etags_is_done_later_and_nothing_is_lost(url: String) {
        let (people, names) = world(&url).await;
        people.contacts_do("stale_etags", json!({"for_ms": 60_000})).await;
        app_gives_all_a_phone(&people).await;
        let report = people.sync().await;
        assert_eq!(report.contacts_updated, 0, "{report:?}");
        people.minutes(2).await;
        people.settle().await;
        all_have_it(&people, &names).await;
    }

    async fn a_batch_whose_answer_is_lost_is_recognised_in_the_next_pass(url: String) {
        let (people, names) = world(&url).await;
        people.fault(json!({"path": "people:batchUpdateContacts", "action": {"cut": "after"}})).await;
        app_gives_all_a_phone(&people).await;
        people.try_sync().await.expect_err("no answer comes");
        people.settle().await;
        all_have_it(&people, &names).await;
        assert_eq!(people.contacts().await.len(), MANY);
    }

    /// Checklist line 148.
    async fn two_who_let_one_account_be_synchronised_at_once_never_write_at_once(url: String) {
        let people = People::new(&url).await;
        people.google.switch("switches", &json!({"people_write_ms": 300})).await;
        for at in 0..3 {
            people.app_adds(customer("Ota", "Kral", &format!("ota{at}@example.com"))).await;
        }
        let (one, two) = (people.engine.clone(), people.engine.clone());
        let (first, second) = tokio::join!(
            sync_now::run(&one, people.tenant, people.ana.account),
            sync_now::run(&two, people.tenant, people.ana.account)
        );
        assert!(first.is_ok() && second.is_ok());
        assert_eq!(people.google.look("switches").await["people_overlaps"], 0);
        people.settle().await;
        assert_eq!(people.contacts().await.len(), 3);
    }
}
