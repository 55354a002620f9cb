//! Contacts that change their names, merge, or lose their group; stale etags; and what is never asked for.
#![expect(clippy::unwrap_used, reason = "a test that panics fails, which is right")]
mod support;
use accord::store::contact_links::{GoneBecause, LinkState};
use serde_json::{Value, json};
use support::people::{People, contact, customer, emails, emails_of, phones, phones_of};
use support::postgres::both_databases;

async fn expire(people: &People) {
    people.contacts_do("expire_sync_tokens", json!({})).await;
}

both_databases! {
    // Scenario 55.
    async fn a_link_follows_a_contact_that_gets_another_name(url: String) {
        for is_full in [false, true] {
            let people = People::new(&url).await;
            let name = people.person_adds(contact("Mia", "Novak", "mia@example.com")).await;
            people.sync().await;
            let id = people.customer_of(&name).await.unwrap();
            people.contacts_do("link_profile", json!({"contact": name})).await;
            if is_full {
                // A full listing tells no former names; the source is the same.
                people.minutes(60).await;
                expire(&people).await;
            }
            people.settle().await;
            let link = people.link(id).await.unwrap();
            assert!(link.state == LinkState::Live && link.contact_id != name, "{link:?}");
            assert_eq!(people.customers().await.len(), 1);
            people.app_edits(id, json!({"given_name": "Maria"})).await;
            people.settle().await;
            assert_eq!(people.contact(&link.contact_id).await.unwrap()["names"][0]["givenName"], "Maria");
            assert_eq!(people.contacts().await.len(), 1);
            people.contacts_do("unlink_profile", json!({"contact": link.contact_id})).await;
            people.settle().await;
            assert_eq!(people.customer_of(&name).await, Some(id));
            people.person_deletes(&name).await;
            people.settle().await;
        }
    }

    async fn an_edit_meets_a_contact_that_got_another_name_meanwhile(url: String) {
        let people = People::new(&url).await;
        let name = people.person_adds(contact("Mia", "Novak", "mia@example.com")).await;
        people.sync().await;
        let id = people.customer_of(&name).await.unwrap();
        people.propagation(60_000).await;
        people.contacts_do("link_profile", json!({"contact": name})).await;
        people.app_edits(id, json!({"given_name": "Maria"})).await;
        people.sync().await;
        people.minutes(2).await;
        people.propagation(0).await;
        people.settle().await;
        let link = people.link(id).await.unwrap();
        assert_eq!(people.contact(&link.contact_id).await.unwrap()["names"][0]["givenName"], "Maria");
        assert_eq!((people.contacts().await.len(), people.customers().await.len()), (1, 1));
    }

    // Scenario 55.
    async fn two_contacts_that_google_merges_leave_one_link_and_no_double(url: String) {
        for forward in [true, false] {
            let people = People::new(&url).await;
            let one = people.person_adds(contact("Mia", "Novak", "mia@example.com")).await;
            let two = people.person_adds(contact("Mia", "Novak", "mia@work.example")).await;
            people.sync().await;
            let (first, second) = (people.customer_of(&one).await.unwrap(), people.customer_of(&two).await.unwrap());
            people.contacts_do("merge", json!({"keep": one, "others": [two], "forward": forward})).await;
            people.settle().await;
            assert_eq!(people.customer_of(&one).await, Some(first), "forward {forward}");
            assert_eq!(emails_of(&people.details(first).await), ["mia@example.com", "mia@work.example"]);
            assert_eq!(people.contacts().await.len(), 1, "forward {forward}");
            let because = people.link(second).await.unwrap().gone_because;
            assert_eq!(because, Some(if forward { GoneBecause::Merged } else { GoneBecause::Google }));
            // Whom Google merged stays a customer of the app, and is neither pushed nor imported again.
            assert_eq!(people.customer(second).await.is_some(), forward);
            people.minutes(60).await;
            expire(&people).await;
            people.settle().await;
            assert_eq!(people.contacts().await.len(), 1);
            people.person_deletes(&one).await;
            people.settle().await;
        }
    }

    async fn a_link_moves_to_the_contact_that_a_linked_one_was_merged_into(url: String) {
        let people = People::new(&url).await;
        let id = people.app_adds(customer("Ota", "Kral", "ota@example.com")).await;
        people.sync().await;
        let ours = people.link(id).await.unwrap().contact_id;
        let theirs = people.person_adds(json!({"names": [{"givenName": "Ota", "familyName": "Kral"}], "emailAddresses": [{"value": "ota@home.example"}]})).await;
        people.contacts_do("merge", json!({"keep": theirs, "others": [ours], "forward": false})).await;
        people.settle().await;
        assert_eq!(people.customer_of(&theirs).await, Some(id), "it holds what the customer holds");
        assert_eq!((people.customers().await.len(), people.contacts().await.len()), (1, 1));
        assert_eq!(people.details(id).await.emails.len(), 2);
    }

    async fn a_renamed_group_is_the_same_group(url: String) {
        let people = People::new(&url).await;
        people.app_adds(customer("Ota", "Kral", "ota@example.com")).await;
        people.sync().await;
        let (group, _) = people.groups().await.remove(0);
        people.person_renames_label(&group, "My studio").await;
        people.app_adds(customer("Iva", "Mala", "iva@example.com")).await;
        people.settle().await;
        assert_eq!(people.groups().await, [(group.clone(), "My studio".to_owned())]);
        assert!(people.contacts().await.iter().all(|contact| contact["memberships"].to_string().contains(&group)));
    }

    async fn a_deleted_group_is_made_anew_by_the_next_create_and_by_nothing_else(url: String) {
        let people = People::new(&url).await;
        let id = people.app_adds(customer("Ota", "Kral", "ota@example.com")).await;
        people.sync().await;
        let (group, _) = people.groups().await.remove(0);
        people.person_deletes_label(&group).await;
        people.settle().await;
        assert!(people.groups().await.is_empty(), "nobody needs one now");
        assert_eq!(people.link(id).await.unwrap().state, LinkState::Live);
        people.app_edits(id, json!({"given_name": "Otakar"})).await;
        people.settle().await;
        assert!(people.groups().await.is_empty());
        people.app_adds(customer("Iva", "Mala", "iva@example.com")).await;
        people.settle().await;
        let groups = people.groups().await;
        assert_eq!(groups.len(), 1);
        assert_eq!(groups[0].1, "Acme");
        assert_eq!(people.contacts().await.len(), 2);
    }

    async fn a_tenant_that_is_called_like_a_group_of_googles_gets_one_of_its_own(url: String) {
        let people = People::new(&url).await;
        support::world::run(&people.engine.db, "UPDATE tenants SET name = 'Friends' WHERE id = $1", accord::args![people.tenant]).await;
        people.app_adds(customer("Ota", "Kral", "ota@example.com")).await;
        people.settle().await;
        let groups = people.groups().await;
        assert_eq!(groups.len(), 1);
        let made = people.contacts().await.remove(0);
        assert!(made["memberships"].to_string().contains(&groups[0].0), "{made}");
        let system = people.requests().await.iter().any(|r| r["path"].as_str().unwrap().contains("contactGroups/friends") && r["method"] != "GET");
        assert!(!system, "Google's own groups are left alone");
    }

    // Scenario 52.
    async fn additions_of_both_sides_are_united_and_organizations_are_not_touched(url: String) {
        let people = People::new(&url).await;
        let mut mia = contact("Mia", "Novak", "mia@example.com");
        mia["organizations"] = json!([{"name": "Acme", "title": "Painter", "department": "Colours", "startDate": {"year": 2020, "month": 1, "day": 1}}]);
        let name = people.person_adds(mia).await;
        people.sync().await;
        let id = people.customer_of(&name).await.unwrap();
        people.person_edits(&name, json!({"emailAddresses": [{"value": "mia@example.com"}, {"value": "mia@home.example"}]})).await;
        people.app_edits(id, json!({"phones": [{"value": "+420601000001"}]})).await;
        people.settle().await;
        let now = people.contact(&name).await.unwrap();
        assert_eq!((emails(&now).len(), phones(&now).len()), (2, 1));
        assert_eq!(now["organizations"][0]["department"], "Colours");
        let masks: Vec<String> = people.masks().await;
        assert_eq!(masks, ["phoneNumbers"]);
        assert_eq!(phones_of(&people.details(id).await), ["+420601000001"]);
    }

    // Scenario 53.
    async fn a_stale_etag_is_read_again_merged_and_written_again(url: String) {
        let people = People::new(&url).await;
        let name = people.person_adds(contact("Mia", "Novak", "mia@example.com")).await;
        people.sync().await;
        let id = people.customer_of(&name).await.unwrap();
        // The listing does not show the edit yet, the read before the update does.
        people.propagation(60_000).await;
        people.person_edits(&name, json!({"names": [{"givenName": "Mia", "familyName": "Mala"}]})).await;
        people.app_edits(id, json!({"phones": [{"value": "+420601000001"}]})).await;
        let report = people.sync().await;
        assert_eq!(report.contacts_updated, 1, "{report:?}");
        let now = people.contact(&name).await.unwrap();
        assert_eq!((now["names"][0]["familyName"].as_str(), phones(&now)), (Some("Mala"), vec!["+420601000001".to_owned()]));
        assert_eq!(people.details(id).await.family_name, "Mala");
        people.minutes(2).await;
        people.settle().await;
        assert!(people.conflicts().await.is_empty());
    }

    async fn an_etag_that_is_refused_between_read_and_write_is_read_again(url: String) {
        let people = People::new(&url).await;
        let name = people.person_adds(contact("Mia", "Novak", "mia@example.com")).await;
        people.sync().await;
        let id = people.customer_of(&name).await.unwrap();
        people.app_edits(id, json!({"given_name": "Maria"})).await;
        people.fault(json!({"path": ":updateContact", "action": {"refuse": "people_stale_etag"}})).await;
        let report = people.sync().await;
        assert_eq!(report.contacts_updated, 1, "{report:?}");
        people.assert_quiet().await;
    }

    // Scenario 53 and lesson 38.
    async fn a_fresh_etag_that_is_refused_for_a_minute_is_tried_later_and_not_for_ever_at_once(url: String) {
        let people = People::new(&url).await;
        let name = people.person_adds(contact("Mia", "Novak", "mia@example.com")).await;
        people.sync().await;
        let id = people.customer_of(&name).await.unwrap();
        people.contacts_do("stale_etags", json!({"for_ms": 60_000})).await;
        people.app_edits(id, json!({"given_name": "Maria"})).await;
        let before = people.requests().await.len();
        let report = people.sync().await;
        let spent = people.requests().await.len() - before;
        assert!(report.contacts_updated == 0 && spent <= 10, "{spent} requests: {report:?}");
        people.minutes(2).await;
        let report = people.sync().await;
        assert_eq!(report.contacts_updated, 1, "{report:?}");
        people.assert_quiet().await;
    }

    // Scenario 51.
    async fn labels_and_writings_of_numbers_are_neither_lost_nor_doubled(url: String) {
        let people = People::new(&url).await;
        people.set(json!({"region": "CZ"})).await;
        let mut mia = contact("Mia", "Novak", "mia@example.com");
        mia["phoneNumbers"] = json!([{"value": "601 000 001", "type": "workFax"}, {"value": "601 000 002", "type": "Stable"},
            {"value": "+420601000003", "type": "home"}, {"value": "+420601000003", "type": "work"}]);
        let name = people.person_adds(mia).await;
        let id = people.app_adds(json!({"given_name": "Mia", "emails": [{"value": "mia@example.com"}],
            "phones": [{"value": "+420 601 000 003", "type": "home"}, {"value": "+420601000004"}]})).await;
        people.settle().await;
        assert_eq!(people.customer_of(&name).await, Some(id));
        let now = people.contact(&name).await.unwrap();
        let shown: Vec<(String, Value)> = phones(&now).into_iter().zip(now["phoneNumbers"].as_array().unwrap().iter().map(|phone| phone["type"].clone())).collect();
        assert_eq!(shown.len(), 5, "{shown:?}");
        let labels: Vec<&str> = shown.iter().filter_map(|(_, label)| label.as_str()).collect();
        for label in ["workFax", "Stable", "home", "work"] {
            assert!(labels.contains(&label), "{label} of {labels:?}");
        }
        assert_eq!(people.details(id).await.phones.len(), 5);
    }

    // Scenarios 56 and 57.
    async fn photos_and_other_contacts_are_never_asked_for(url: String) {
        let people = People::new(&url).await;
        people.contacts_do("other_contact", json!({"person": {"emailAddresses": [{"value": "met.once@example.com"}]}})).await;
        let name = people.person_adds(contact("Mia", "Novak", "mia@example.com")).await;
        let id = people.app_adds(customer("Ota", "Kral", "ota@example.com")).await;
        people.sync().await;
        people.app_edits(id, json!({"given_name": "Otakar"})).await;
        people.app_edits(people.customer_of(&name).await.unwrap(), json!({"given_name": "Maria"})).await;
        people.settle().await;
        assert_eq!(people.customers().await.len(), 2);
        for request in people.requests().await {
            let text = request.to_string();
            for word in ["otherContacts", "photo", "biographies", "READ_SOURCE_TYPE_PROFILE", "READ_SOURCE_TYPE_DOMAIN"] {
                assert!(!text.contains(word), "{word} in {text}");
            }
        }
    }
}
