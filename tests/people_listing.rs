//! How the contacts of an account are listed: what a quiet pass costs, tokens that grow old, pages, and copies that come late.
mod support;
use accord::args;
use accord::engine::sync::SyncError;
use accord::store::scopes;
use serde_json::{Value, json};
use support::people::{People, contact, customer, emails};
use support::postgres::both_databases;
use support::world;

const DAY: i64 = 24 * 60;

async fn expire(people: &People) {
    people.contacts_do("expire_sync_tokens", json!({})).await;
}

/// Listings so far that were asked for without a sync token.
async fn full_listings(people: &People) -> usize {
    let is_full = |r: &&Value| {
        let (path, query) = (r["path"].to_string(), r["query"].to_string());
        path.contains("/connections") && !query.contains("syncToken=") && !query.contains("pageToken=")
    };
    people.requests().await.iter().filter(is_full).count()
}

both_databases! {
    async fn a_quiet_pass_costs_one_request(url: String) {
        let people = People::new(&url).await;
        for at in 0..5 {
            people.person_adds(contact("Mia", &at.to_string(), &format!("{at}@example.com"))).await;
            people.app_adds(customer("Ota", &at.to_string(), &format!("{at}@app.example"))).await;
        }
        people.settle().await;
        for _ in 0..3 {
            people.minutes(2).await;
            let before = people.requests().await.len();
            people.sync().await;
            assert_eq!(people.requests().await.len(), before + 1);
        }
    }

    async fn a_token_is_renewed_before_it_is_six_days_old(url: String) {
        let people = People::new(&url).await;
        people.person_adds(contact("Mia", "Novak", "mia@example.com")).await;
        people.settle().await;
        people.minutes(5 * DAY - 60).await;
        assert!(!people.sync().await.full, "not before it is five days old");
        for _ in 0..10 {
            people.minutes(DAY / 4).await;
            people.sync().await;
        }
        assert_eq!(full_listings(&people).await, 2, "once at the start, once before the token is void");
        // A week of such deltas never meets a void token.
        for _ in 0..10 {
            people.minutes(DAY).await;
            people.sync().await;
        }
        let refused = people.requests().await.iter().filter(|r| r["status"].as_i64().is_some_and(|status| status >= 400)).count();
        assert_eq!(refused, 0);
    }

    // Scenarios 1 and 10.
    async fn pages_may_be_short_or_empty_and_show_a_contact_twice(url: String) {
        let people = People::new(&url).await;
        people.google.switch("people/paging", &json!({"page_size": 3, "empty_page_every": 2, "duplicate_items": true})).await;
        for at in 0..10 {
            people.person_adds(contact("Mia", &at.to_string(), &format!("{at}@example.com"))).await;
        }
        let report = people.sync().await;
        assert_eq!(report.customers_created, 10, "{report:?}");
        people.assert_quiet().await;
        for at in 10..20 {
            people.person_adds(contact("Mia", &at.to_string(), &format!("{at}@example.com"))).await;
        }
        people.settle().await;
        people.google.switch("people/paging", &json!({})).await;
        assert_eq!((people.customers().await.len(), people.contacts().await.len()), (20, 20));
    }

    // Scenario 2.
    async fn a_listing_that_breaks_off_between_pages_shows_nothing_and_is_begun_again(url: String) {
        let people = People::new(&url).await;
        people.google.switch("people/paging", &json!({"page_size": 3})).await;
        for at in 0..10 {
            people.person_adds(contact("Mia", &at.to_string(), &format!("{at}@example.com"))).await;
        }
        people.fault(json!({"query": "pageToken=", "skip": 1, "action": {"status": 503}})).await;
        people.try_sync().await.unwrap_err();
        assert!(people.customers().await.is_empty());
        people.settle().await;
        assert_eq!(people.customers().await.len(), 10);
        for (at, id) in people.customers().await.iter().map(|row| row.id).enumerate() {
            let name = people.link(id).await.unwrap().contact_id;
            people.person_edits(&name, json!({"emailAddresses": [{"value": format!("{at}@new.example")}]})).await;
        }
        people.fault(json!({"query": "pageToken=", "action": {"cut": "body"}})).await;
        people.try_sync().await.unwrap_err();
        people.settle().await;
        let all = people.customers().await;
        assert!(all.iter().all(|row| row.text.emails.contains("new.example")));
    }

    // Scenario 4.
    async fn a_token_that_turns_void_between_pages_leads_to_one_full_listing(url: String) {
        let people = People::new(&url).await;
        people.google.switch("people/paging", &json!({"page_size": 3})).await;
        people.sync().await;
        for at in 0..10 {
            people.person_adds(contact("Mia", &at.to_string(), &format!("{at}@example.com"))).await;
        }
        people.fault(json!({"query": "pageToken=", "action": {"refuse": "people_expired_sync_token"}})).await;
        let report = people.sync().await;
        assert!(report.full && report.customers_created == 10, "{report:?}");
        people.assert_quiet().await;
    }

    // Scenario 4.
    async fn a_server_that_calls_every_token_void_is_asked_twice_and_then_left_alone(url: String) {
        let people = People::new(&url).await;
        people.sync().await;
        people.fault(json!({"path": "/connections", "times": 100, "action": {"refuse": "people_expired_sync_token_410"}})).await;
        let before = people.requests().await.len();
        people.try_sync().await.unwrap_err();
        assert!(people.requests().await.len() - before <= 2);
        let status = scopes::status(&mut people.read().await, people.tenant, Some(people.ana.account)).await.unwrap();
        let scope = status.into_iter().find(|scope| scope.key.is_contacts()).unwrap();
        assert!(scope.last_error.is_some() && scope.due_at > people.engine.now_ms(), "{scope:?}");
    }

    // Scenarios 44 and 45.
    async fn a_retry_after_is_obeyed(url: String) {
        let people = People::new(&url).await;
        people.sync().await;
        people.fault(json!({"path": "/connections", "action": {"refuse": "people_quota", "retry_after": 300}})).await;
        people.try_sync().await.unwrap_err();
        let status = scopes::status(&mut people.read().await, people.tenant, Some(people.ana.account)).await.unwrap();
        let scope = status.into_iter().find(|scope| scope.key.is_contacts()).unwrap();
        assert!(scope.due_at >= people.engine.now_ms() + 299_000, "{scope:?}");
    }

    // Scenario 17.
    async fn a_worker_that_lost_the_scope_stops_without_a_trace(url: String) {
        let people = People::new(&url).await;
        people.person_adds(contact("Mia", "Novak", "mia@example.com")).await;
        people.app_adds(customer("Ota", "Kral", "ota@example.com")).await;
        people.fault(json!({"path": "/connections", "action": {"delay_ms": 400}})).await;
        let (pass, ()) = tokio::join!(people.try_sync(), async {
            loop {
                let faults = people.google.look("faults").await;
                if faults["faults"].as_array().or(faults.as_array()).map_or(0, Vec::len) == 0 {
                    break;
                }
            }
            world::run(&people.engine.db, "UPDATE sync_scopes SET fence = fence + 1 WHERE tenant_id = $1", args![people.tenant]).await;
        });
        assert!(matches!(pass, Err(SyncError::LostLease)), "{pass:?}");
        assert_eq!((people.customers().await.len(), people.contacts().await.len(), people.writes().await), (1, 1, 0));
    }

    // Scenario 18: what Accord wrote is seen minutes later and is nothing new.
    async fn a_write_that_is_seen_late_is_an_echo(url: String) {
        let people = People::new(&url).await;
        people.propagation(5 * 60_000).await;
        let id = people.app_adds(customer("Ota", "Kral", "ota@example.com")).await;
        people.sync().await;
        let name = people.link(id).await.unwrap().contact_id;
        people.assert_quiet().await;
        people.app_edits(id, json!({"given_name": "Otakar"})).await;
        people.sync().await;
        for _ in 0..4 {
            people.minutes(2).await;
            people.assert_quiet().await;
        }
        let link = people.link(id).await.unwrap();
        assert!(!link.is_edited, "Accord's own writes are nobody's edit");
        assert_eq!(people.contact(&name).await.unwrap()["names"][0]["givenName"], "Otakar");
    }

    async fn an_older_copy_of_a_contact_is_not_applied(url: String) {
        let people = People::new(&url).await;
        let name = people.person_adds(contact("Mia", "Novak", "mia@example.com")).await;
        people.sync().await;
        let id = people.customer_of(&name).await.unwrap();
        people.propagation(10 * 60_000).await;
        people.minutes(1).await;
        people.app_edits(id, json!({"given_name": "Maria"})).await;
        people.sync().await;
        // A full listing still shows what was before.
        expire(&people).await;
        people.assert_quiet().await;
        assert_eq!(people.details(id).await.given_name, "Maria");
        people.minutes(11).await;
        people.assert_quiet().await;
        assert_eq!(people.contact(&name).await.unwrap()["names"][0]["givenName"], "Maria");
        assert!(people.conflicts().await.is_empty());
    }

    async fn an_edit_that_is_seen_late_still_comes(url: String) {
        let people = People::new(&url).await;
        let name = people.person_adds(contact("Mia", "Novak", "mia@example.com")).await;
        people.sync().await;
        let id = people.customer_of(&name).await.unwrap();
        people.propagation(5 * 60_000).await;
        people.person_edits(&name, json!({"emailAddresses": [{"value": "mia@new.example"}]})).await;
        people.assert_quiet().await;
        people.minutes(6).await;
        people.settle().await;
        assert!(people.details(id).await.emails[0].value.contains("new"));
    }

    // Scenario 27.
    async fn a_host_whose_clock_is_wrong_merges_as_any_other(url: String) {
        for minutes in [-10, 10] {
            let people = People::new(&url).await;
            people.clock.advance(chrono::TimeDelta::minutes(minutes));
            let name = people.person_adds(contact("Mia", "Novak", "mia@example.com")).await;
            people.sync().await;
            let id = people.customer_of(&name).await.unwrap();
            people.person_edits(&name, json!({"names": [{"givenName": "Mia", "familyName": "Mala"}]})).await;
            people.app_edits(id, json!({"emails": [{"value": "mia@new.example"}]})).await;
            people.settle().await;
            let now = people.contact(&name).await.unwrap();
            assert_eq!((&now["names"][0]["familyName"], emails(&now)), (&json!("Mala"), vec!["mia@new.example".to_owned()]), "{minutes}");
            assert_eq!(people.details(id).await.family_name, "Mala");
            people.person_deletes(&name).await;
            people.settle().await;
        }
    }

    async fn a_scope_that_google_takes_back_sets_no_customer_aside(url: String) {
        let people = People::new(&url).await;
        let name = people.person_adds(contact("Mia", "Novak", "mia@example.com")).await;
        people.sync().await;
        let id = people.customer_of(&name).await.unwrap();
        people.app_edits(id, json!({"given_name": "Maria"})).await;
        people.fault(json!({"path": ":updateContact", "action": {"refuse": "people_scope"}})).await;
        people.try_sync().await.unwrap_err();
        people.settle().await;
        assert_eq!(people.contact(&name).await.unwrap()["names"][0]["givenName"], "Maria");
    }
}
