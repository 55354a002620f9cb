//! Edits of both sides, value by value: what each policy does, what survives, and what is written of it.
#![expect(clippy::unwrap_used, reason = "a test that panics fails, which is right")]
mod support;
use accord::domain::ids::CustomerId;
use serde_json::{Value, json};
use support::people::{People, contact, customer, emails, emails_of, phones, phones_of};
use support::postgres::both_databases;

async fn mia(people: &People, fields: Value) -> (String, CustomerId) {
    let mut mia = contact("Mia", "Novak", "mia@example.com");
    for (field, value) in fields.as_object().unwrap() {
        mia[field] = value.clone();
    }
    let name = people.person_adds(mia).await;
    people.sync().await;
    let id = people.customer_of(&name).await.unwrap();
    (name, id)
}

both_databases! {
    // Scenario 23.
    async fn a_label_changed_here_and_a_number_changed_there_both_survive(url: String) {
        let people = People::new(&url).await;
        let (name, id) = mia(&people, json!({"phoneNumbers": [{"value": "+420601000001", "type": "home"}]})).await;
        people.person_edits(&name, json!({"phoneNumbers": [{"value": "+420601000009", "type": "home"}]})).await;
        people.app_edits(id, json!({"phones": [{"value": "+420601000001", "type": "work"}]})).await;
        people.settle().await;
        let now = people.contact(&name).await.unwrap();
        assert_eq!((phones(&now), &now["phoneNumbers"][0]["type"]), (vec!["+420601000009".to_owned()], &json!("work")));
        let phone = people.details(id).await.phones.remove(0);
        assert_eq!((phone.value.as_str(), phone.label.as_str()), ("+420601000009", "work"));
        assert!(people.conflicts().await.is_empty());
    }

    async fn names_changed_on_different_sides_both_survive(url: String) {
        let people = People::new(&url).await;
        let (name, id) = mia(&people, json!({})).await;
        people.person_edits(&name, json!({"names": [{"givenName": "Mia", "familyName": "Mala"}]})).await;
        people.app_edits(id, json!({"given_name": "Maria"})).await;
        people.settle().await;
        let now = people.contact(&name).await.unwrap();
        assert_eq!((&now["names"][0]["givenName"], &now["names"][0]["familyName"]), (&json!("Maria"), &json!("Mala")));
        let details = people.details(id).await;
        assert_eq!((details.given_name.as_str(), details.family_name.as_str()), ("Maria", "Mala"));
        assert!(people.conflicts().await.is_empty());
    }

    async fn the_order_of_values_and_with_it_the_primary_one_is_kept(url: String) {
        let people = People::new(&url).await;
        let three = json!([{"value": "a@example.com"}, {"value": "b@example.com"}, {"value": "c@example.com", "metadata": {"primary": true, "sourcePrimary": true}}]);
        let (name, id) = mia(&people, json!({"emailAddresses": three})).await;
        assert_eq!(emails_of(&people.details(id).await)[0], "c@example.com", "the primary one comes first");
        people.app_edits(id, json!({"emails": [{"value": "b@example.com"}, {"value": "c@example.com"}, {"value": "a@example.com"}]})).await;
        people.settle().await;
        assert_eq!(emails(&people.contact(&name).await.unwrap())[0], "b@example.com");
        assert_eq!(emails_of(&people.details(id).await), ["b@example.com", "c@example.com", "a@example.com"]);
        people.person_edits(&name, json!({"emailAddresses": [{"value": "a@example.com"}, {"value": "b@example.com"}, {"value": "d@example.com"}]})).await;
        people.app_edits(id, json!({"family_name": "Mala"})).await;
        people.settle().await;
        assert_eq!(emails_of(&people.details(id).await), ["a@example.com", "b@example.com", "d@example.com"]);
        assert_eq!(emails(&people.contact(&name).await.unwrap()), ["a@example.com", "b@example.com", "d@example.com"]);
    }

    async fn a_value_removed_on_one_side_goes_on_the_other_and_an_added_one_stays(url: String) {
        let people = People::new(&url).await;
        let (name, id) = mia(&people, json!({"emailAddresses": [{"value": "a@example.com", "type": "home"}, {"value": "b@example.com", "type": "work"}]})).await;
        people.person_edits(&name, json!({"emailAddresses": [{"value": "b@example.com", "type": "work"}]})).await;
        people.app_edits(id, json!({"emails": [{"value": "a@example.com", "type": "home"}, {"value": "b@example.com", "type": "work"}, {"value": "c@example.com", "type": "other"}]})).await;
        people.settle().await;
        assert_eq!(emails_of(&people.details(id).await), ["b@example.com", "c@example.com"]);
        assert_eq!(emails(&people.contact(&name).await.unwrap()), ["b@example.com", "c@example.com"]);
    }

    // Scenario 19 and lesson 33.
    async fn what_google_makes_of_a_value_is_no_edit(url: String) {
        let people = People::new(&url).await;
        people.contacts_do("country", json!({"calling_code": "420"})).await;
        people.google.switch("people/shuffle_fields", &json!({"seed": 7})).await;
        let id = people.app_adds(json!({"given_name": " Ota  ", "family_name": "Kra\u{301}l\n", "gender": "Male",
            "emails": [{"value": "Ota@Example.COM ", "type": "Work"}], "phones": [{"value": "601 000 001"}, {"value": "00420 601 000 002", "type": "Mobile"}],
            "addresses": [{"street": "Main 1\r\nBack door", "city": "Brno ", "country_code": "CZ"}], "birthday": {"month": 2, "day": 29},
            "organizations": [{"name": "Acme ", "title": " Painter"}]})).await;
        people.sync().await;
        let writes = people.writes().await;
        for _ in 0..5 {
            people.assert_quiet().await;
        }
        people.contacts_do("expire_sync_tokens", json!({})).await;
        people.assert_quiet().await;
        // A touch changes the etag and nothing else.
        let name = people.link(id).await.unwrap().contact_id;
        people.contacts_do("touch", json!({"contact": name})).await;
        people.assert_quiet().await;
        assert_eq!(people.writes().await, writes);
        assert_eq!(people.details(id).await.given_name, " Ota  ", "nor is it made of the app's value");
    }

    // Scenarios 24 and 25.
    async fn each_policy_decides_what_both_changed_and_keeps_what_lost(url: String) {
        for (policy, made_in_google, winner) in [("origin", true, "google"), ("origin", false, "app"), ("google", false, "google"), ("app", true, "app")] {
            let people = People::new(&url).await;
            people.set(json!({"conflict": policy})).await;
            let (name, id) = if made_in_google {
                mia(&people, json!({})).await
            } else {
                let id = people.app_adds(customer("Mia", "Novak", "mia@example.com")).await;
                people.sync().await;
                (people.link(id).await.unwrap().contact_id, id)
            };
            people.person_edits(&name, json!({"names": [{"givenName": "Google", "familyName": "Same"}]})).await;
            people.app_edits(id, json!({"given_name": "App", "family_name": "Same"})).await;
            people.settle().await;
            let expected = if winner == "app" { "App" } else { "Google" };
            assert_eq!(people.details(id).await.given_name, expected, "{policy}");
            assert_eq!(people.contact(&name).await.unwrap()["names"][0]["givenName"], expected, "{policy}");
            let records = people.conflicts().await;
            assert_eq!(records.len(), 1, "the same value is no conflict: {records:?}");
            assert_eq!((records[0].field.as_str(), records[0].winner.as_deref(), records[0].policy.as_str()), ("given_name", Some(winner), policy));
            let values = serde_json::to_string(&records[0]).unwrap();
            for value in ["Mia", "App", "Google"] {
                assert!(values.contains(value), "{value} in {values}");
            }
            people.person_deletes(&name).await;
            people.settle().await;
        }
    }

    async fn a_conflict_under_ask_waits_and_the_answer_decides_it(url: String) {
        for answer in ["app", "google"] {
            let people = People::new(&url).await;
            people.set(json!({"conflict": "ask"})).await;
            let (name, id) = mia(&people, json!({})).await;
            people.person_edits(&name, json!({"names": [{"givenName": "Google", "familyName": "Novak"}]})).await;
            people.app_edits(id, json!({"given_name": "App", "phones": [{"value": "+420601000001"}]})).await;
            let report = people.sync().await;
            assert_eq!(report.waiting, 1, "{report:?}");
            people.assert_quiet().await;
            assert!(phones(&people.contact(&name).await.unwrap()).is_empty(), "nothing of it is written meanwhile");
            let open = people.open_questions().await;
            assert_eq!((open.len(), open[0].addressee.as_str()), (1, "user"));
            // An edit that has nothing to do with it comes with the answer.
            people.person_edits(&name, json!({"emailAddresses": [{"value": "mia@example.com"}, {"value": "mia@home.example"}]})).await;
            people.sync().await;
            assert_eq!(people.open_questions().await.len(), 1);
            people.answer(answer).await;
            people.settle().await;
            let expected = if answer == "app" { "App" } else { "Google" };
            let (details, now) = (people.details(id).await, people.contact(&name).await.unwrap());
            assert_eq!((details.given_name.as_str(), &now["names"][0]["givenName"]), (expected, &json!(expected)));
            assert_eq!((emails_of(&details).len(), emails(&now).len(), phones_of(&details).len(), phones(&now).len()), (2, 2, 1, 1));
            assert!(people.open_questions().await.is_empty());
            assert!(people.conflicts().await.iter().all(|record| record.state == "decided"));
            people.person_deletes(&name).await;
            people.settle().await;
        }
    }

    async fn a_conflict_that_ends_by_itself_is_asked_about_no_more(url: String) {
        let people = People::new(&url).await;
        people.set(json!({"conflict": "ask"})).await;
        let (name, id) = mia(&people, json!({})).await;
        people.person_edits(&name, json!({"names": [{"givenName": "Google", "familyName": "Novak"}]})).await;
        people.app_edits(id, json!({"given_name": "App"})).await;
        people.sync().await;
        people.person_edits(&name, json!({"names": [{"givenName": "App", "familyName": "Novak"}]})).await;
        people.settle().await;
        assert!(people.open_questions().await.is_empty());
        people.app_edits(id, json!({"given_name": "Maria"})).await;
        people.settle().await;
        assert_eq!(people.contact(&name).await.unwrap()["names"][0]["givenName"], "Maria");
    }

    // Lesson 37.
    async fn an_update_names_only_what_changed_and_carries_the_rest_through(url: String) {
        let people = People::new(&url).await;
        let (name, id) = mia(&people, json!({
            "names": [{"givenName": "Mia", "middleName": "Eva", "familyName": "Novak", "honorificPrefix": "Dr."}],
            "nicknames": [{"value": "Mimi"}], "biographies": [{"value": "likes tea", "contentType": "TEXT_PLAIN"}],
            "organizations": [{"name": "Acme", "title": "Painter", "department": "Colours"}],
            "addresses": [{"streetAddress": "Main 1", "poBox": "77", "extendedAddress": "Floor 2", "city": "Brno", "countryCode": "CZ", "country": "Czechia"}],
            "urls": [{"value": "https://mia.example"}], "userDefined": [{"key": "pet", "value": "cat"}],
        })).await;
        let edits = [
            (json!({"given_name": "Maria"}), "names"),
            (json!({"organizations": [{"name": "Acme", "title": "Boss"}]}), "organizations"),
            (json!({"addresses": [{"street": "Main 2", "city": "Brno", "country_code": "CZ"}]}), "addresses"),
            (json!({"emails": [{"value": "maria@example.com"}], "gender": "female"}), "emailAddresses,genders"),
        ];
        for (edit, mask) in edits {
            people.app_edits(id, edit).await;
            people.settle().await;
            assert_eq!(people.masks().await.pop().unwrap(), mask);
        }
        assert_eq!(people.masks().await.len(), 4);
        let now = people.contact(&name).await.unwrap();
        assert_eq!((&now["names"][0]["middleName"], &now["names"][0]["honorificPrefix"]), (&json!("Eva"), &json!("Dr.")));
        assert_eq!((&now["organizations"][0]["title"], &now["organizations"][0]["department"]), (&json!("Boss"), &json!("Colours")));
        assert_eq!((&now["addresses"][0]["streetAddress"], &now["addresses"][0]["poBox"]), (&json!("Main 2"), &json!("77")));
        assert_eq!((&now["nicknames"][0]["value"], &now["biographies"][0]["value"]), (&json!("Mimi"), &json!("likes tea")));
        assert!(now["addresses"][0]["formattedValue"].as_str().is_none_or(|whole| whole.contains("Main 2")), "{now}");
    }

    // Least data: what is not mirrored is neither stored nor logged.
    async fn notes_and_nicknames_are_stored_nowhere(url: String) {
        let people = People::new(&url).await;
        let (name, id) = mia(&people, json!({"biographies": [{"value": "secretnote", "contentType": "TEXT_PLAIN"}], "nicknames": [{"value": "secretnick"}]})).await;
        people.app_edits(id, json!({"given_name": "Maria"})).await;
        people.settle().await;
        let all = format!("{:?} {:?}", people.customer(id).await, people.link(id).await);
        assert!(!all.contains("secretn"), "{all}");
        let log = people.requests().await.iter().map(Value::to_string).collect::<String>();
        assert!(!log.contains("secretn"));
        assert_eq!(people.contact(&name).await.unwrap()["biographies"][0]["value"], "secretnote");
    }

    // "Ten quick edits become one write."
    async fn ten_quick_edits_become_one_write(url: String) {
        let people = People::new(&url).await;
        let (name, id) = mia(&people, json!({})).await;
        let before = people.writes().await;
        for at in 0..10 {
            people.app_edits(id, json!({"given_name": format!("Mia {at}")})).await;
        }
        people.settle().await;
        assert_eq!(people.writes().await, before + 1);
        assert_eq!(people.contact(&name).await.unwrap()["names"][0]["givenName"], "Mia 9");
    }
}
