//! People who are not as expected: without an address, with a thousand, of any script, or in rows that nobody can read.
#![expect(clippy::unwrap_used, reason = "a test that panics fails, which is right")]
mod support;
use accord::args;
use accord::domain::access::ContactsChoice;
use accord::domain::ids::CustomerId;
use accord::store::contact_links::LinkState;
use accord::store::quarantine;
use serde_json::{Value, json};
use support::people::{People, contact, customer, emails, emails_of, phones, phones_of};
use support::postgres::both_databases;
use support::world;

/// What is set aside: side, item, reason.
async fn aside(people: &People) -> Vec<(String, String, String)> {
    let all = quarantine::list(&mut people.read().await, people.tenant, None)
        .await
        .unwrap();
    all.into_iter()
        .map(|item| (item.side, item.item_id, item.reason))
        .collect()
}

async fn raw(people: &People, person: Value) -> String {
    let made = people.contacts_do("raw_contact", json!({"person": person})).await;
    made["resourceName"].as_str().unwrap().to_owned()
}

fn many(count: usize) -> Value {
    (0..count)
        .map(|at| json!({"value": format!("{at}@example.com")}))
        .collect()
}

/// The app writes a column of a customer in SQL.
async fn sql(people: &People, sql: &'static str, id: CustomerId, value: &str) {
    world::run(&people.engine.db, sql, args![people.tenant, id, value]).await;
}

const EMAILS: &str = "UPDATE customers SET emails = $3 WHERE tenant_id = $1 AND id = $2";
const BIRTHDAY: &str = "UPDATE customers SET birthday = $3 WHERE tenant_id = $1 AND id = $2";
const GENDER: &str = "UPDATE customers SET gender = $3 WHERE tenant_id = $1 AND id = $2";

both_databases! {
    // Scenario 54.
    async fn people_without_a_name_or_with_an_organization_alone_are_customers(url: String) {
        let people = People::new(&url).await;
        let bare = [json!({"emailAddresses": [{"value": "nobody@example.com"}]}), json!({"organizations": [{"name": "Acme"}]}),
            json!({"phoneNumbers": [{"value": "+420601000001"}]}), json!({"biographies": [{"value": "only a note"}]})];
        for person in &bare {
            people.person_adds(person.clone()).await;
        }
        people.settle().await;
        assert_eq!(people.customers().await.len(), 4);
        let id = people.app_adds(json!({"organizations": [{"title": "Painter"}]})).await;
        people.settle().await;
        assert_eq!(people.link(id).await.unwrap().state, LinkState::Live);
        assert!(aside(&people).await.is_empty());
    }

    async fn what_the_app_may_not_write_comes_from_google_and_is_in_nobodys_way(url: String) {
        let people = People::new(&url).await;
        let name = people.person_adds(json!({"names": [{"givenName": "Mia"}], "emailAddresses": [{"value": "no address at all"}],
            "phoneNumbers": [{"value": "ask at the door"}, {"value": "*#06#"}]})).await;
        people.sync().await;
        let id = people.customer_of(&name).await.unwrap();
        assert_eq!(phones_of(&people.details(id).await), ["ask at the door", "*#06#"]);
        // An edit of another field gets there.
        people.app_edits(id, json!({"given_name": "Maria"})).await;
        people.settle().await;
        let now = people.contact(&name).await.unwrap();
        assert_eq!((&now["names"][0]["givenName"], emails(&now)), (&json!("Maria"), vec!["no address at all".to_owned()]));
        assert!(aside(&people).await.is_empty());
    }

    async fn lists_that_google_shows_in_part_are_read_whole(url: String) {
        let people = People::new(&url).await;
        let mut mia = contact("Mia", "Novak", "");
        (mia["emailAddresses"], mia["phoneNumbers"]) = (many(150), (0..1000).map(|at| json!({"value": format!("+4206010{at:05}")})).collect());
        let name = people.person_adds(mia).await;
        people.person_adds(contact("Iva", "Mala", "iva@example.com")).await;
        people.sync().await;
        let id = people.customer_of(&name).await.unwrap();
        assert_eq!((people.details(id).await.emails.len(), people.details(id).await.phones.len()), (150, 1000));
        people.app_edits(id, json!({"given_name": "Maria"})).await;
        people.settle().await;
        let now = people.contact(&name).await.unwrap();
        assert_eq!((emails(&now).len(), phones(&now).len(), &now["names"][0]["givenName"]), (150, 1000, &json!("Maria")));
        people.person_edits(&name, json!({"emailAddresses": many(149)})).await;
        people.settle().await;
        assert_eq!(people.details(id).await.emails.len(), 149);
        assert_eq!(emails(&people.contact(&name).await.unwrap()).len(), 149);
    }

    async fn a_list_that_cannot_be_read_whole_now_is_asked_for_again(url: String) {
        let people = People::choosing(&url, &ContactsChoice::None).await;
        let label = people.person_adds_label("Clients").await;
        let name = people.person_adds(contact("Mia", "Novak", "mia@example.com")).await;
        people.person_labels(&label, &[&name], &[]).await;
        people.choose_contacts(&people.ana.clone(), &ContactsChoice::Label { group: label, name: "Clients".into() }).await;
        people.settle().await;
        let mut iva = contact("Iva", "Mala", "");
        iva["emailAddresses"] = many(120);
        let late = people.person_adds(iva).await;
        people.sync().await;
        people.choose_contacts(&people.ana.clone(), &ContactsChoice::All).await;
        people.fault(json!({"path": "people:batchGet", "action": {"status": 200, "body": {"responses": [
            {"requestedResourceName": late, "status": {"code": 14, "message": "The service is currently unavailable."}}]}}})).await;
        let report = people.sync().await;
        assert_eq!(report.customers_created, 0, "{report:?}");
        people.settle().await;
        let id = people.customer_of(&late).await.unwrap();
        assert_eq!(people.details(id).await.emails.len(), 120);
        assert_eq!(people.customers().await.len(), 2);
    }

    async fn more_than_a_thousand_values_or_endless_texts_are_set_aside_alone(url: String) {
        let people = People::new(&url).await;
        let mut crowd = contact("Mia", "Novak", "");
        crowd["phoneNumbers"] = (0..1001).map(|at| json!({"value": format!("+4206010{at:05}")})).collect();
        let crowded = people.person_adds(crowd).await;
        let endless = people.person_adds(contact(&"x".repeat(70_000), "", "x@example.com")).await;
        let long = people.person_adds(contact("Long", "", &format!("{}@example.com", "y".repeat(20_000)))).await;
        let fine = people.person_adds(contact("Iva", "Mala", "iva@example.com")).await;
        people.settle().await;
        let mut items: Vec<String> = aside(&people).await.into_iter().map(|(_, item, _)| item).collect();
        items.sort();
        let mut expected = vec![crowded.clone(), endless];
        expected.sort();
        assert_eq!(items, expected);
        assert!(people.customer_of(&fine).await.is_some() && people.customer_of(&long).await.is_some());
        people.person_edits(&crowded, json!({"phoneNumbers": [{"value": "+420601000001"}]})).await;
        people.settle().await;
        assert!(people.customer_of(&crowded).await.is_some());
        assert_eq!(aside(&people).await.len(), 1);
    }

    // Scenario 12, lesson 14.
    async fn any_script_survives_both_ways(url: String) {
        let people = People::new(&url).await;
        let names = ["Žofie", "Zoe\u{308}", "محمد", "\u{202e}dlrow", "王小明", "👩‍👩‍👧‍👦🏳️‍🌈", "a\u{301}\u{302}\u{303}", "𝒜𝓁𝒾𝒸𝑒", "Ա ղ", "\u{200b}zero", "it's \"quoted\" \\ {{x}} %s <b>"];
        let mut ids = Vec::new();
        for (at, name) in names.iter().enumerate() {
            people.person_adds(contact(name, "G", &format!("g{at}@example.com"))).await;
            ids.push(people.app_adds(customer(name, "A", &format!("a{at}@example.com"))).await);
        }
        people.settle().await;
        let mut in_app: Vec<String> = people.customers().await.into_iter().map(|row| row.text.given_name).collect();
        let mut in_google: Vec<String> = people.contacts().await.iter().map(|contact| contact["names"][0]["givenName"].as_str().unwrap().to_owned()).collect();
        let mut twice: Vec<String> = names.iter().chain(&names).map(|name| (*name).to_owned()).collect();
        in_app.sort();
        in_google.sort();
        twice.sort();
        assert_eq!(in_app, twice);
        assert_eq!(in_google, twice);
        assert!(aside(&people).await.is_empty());
    }

    async fn a_contact_that_holds_nul_is_set_aside_until_it_is_mended(url: String) {
        let people = People::new(&url).await;
        let bad = raw(&people, json!({"names": [{"givenName": "Mi\u{0}a"}], "emailAddresses": [{"value": "mia@example.com"}]})).await;
        let worse = raw(&people, json!({"names": [{"givenName": "Worse"}], "emailAddresses": [{"value": 7}]})).await;
        let fine = people.person_adds(contact("Iva", "Mala", "iva@example.com")).await;
        people.settle().await;
        assert_eq!((aside(&people).await.len(), people.customers().await.len()), (2, 1));
        assert!(people.customer_of(&fine).await.is_some());
        people.person_edits(&bad, json!({"names": [{"givenName": "Mia"}]})).await;
        people.settle().await;
        let id = people.customer_of(&bad).await.unwrap();
        assert_eq!(people.details(id).await.given_name, "Mia");
        let left: Vec<String> = aside(&people).await.into_iter().map(|(_, item, _)| item).collect();
        assert_eq!(left, [worse]);
    }

    async fn a_linked_contact_that_turns_unreadable_stops_alone_and_goes_on_when_mended(url: String) {
        let people = People::new(&url).await;
        let name = people.person_adds(contact("Mia", "Novak", "mia@example.com")).await;
        people.sync().await;
        let id = people.customer_of(&name).await.unwrap();
        people.person_edits(&name, json!({"names": [{"givenName": "Mi\u{0}a", "familyName": "Novak"}]})).await;
        people.app_edits(id, json!({"phones": [{"value": "+420601000001"}]})).await;
        people.settle().await;
        assert_eq!(people.details(id).await.given_name, "Mia");
        assert_eq!(aside(&people).await.len(), 1);
        people.person_edits(&name, json!({"names": [{"givenName": "Maria", "familyName": "Novak"}]})).await;
        people.settle().await;
        assert_eq!(people.details(id).await.given_name, "Maria");
        assert_eq!(phones(&people.contact(&name).await.unwrap()), ["+420601000001"]);
        assert!(aside(&people).await.is_empty());
    }

    // Scenario 12.
    async fn unknown_fields_and_words_of_google_are_let_be(url: String) {
        let people = People::new(&url).await;
        let name = raw(&people, json!({"names": [{"givenName": "Mia", "futureName": {"a": [1]}}], "emailAddresses": [{"value": "mia@example.com", "type": "hologram", "strength": 7}],
            "genders": [{"value": "other-than-known"}], "birthdays": [{"text": "in spring"}], "futureFields": [{"x": 1}]})).await;
        people.sync().await;
        let id = people.customer_of(&name).await.unwrap();
        let details = people.details(id).await;
        assert_eq!((details.emails[0].label.as_str(), details.birthday), ("hologram", None));
        people.app_edits(id, json!({"given_name": "Maria"})).await;
        people.settle().await;
        let now = people.contact(&name).await.unwrap();
        assert_eq!(now["birthdays"][0]["text"], "in spring");
    }

    async fn rows_that_the_api_would_refuse_are_set_aside_with_a_reason_and_mended_ones_go_on(url: String) {
        let people = People::new(&url).await;
        let linked = people.app_adds(customer("Ota", "Kral", "ota@example.com")).await;
        people.sync().await;
        let mut bad = Vec::new();
        for at in 0..4 {
            bad.push(people.app_adds(customer("Bad", &at.to_string(), &format!("bad{at}@example.com"))).await);
        }
        let fine = people.app_adds(customer("Iva", "Mala", "iva@example.com")).await;
        sql(&people, EMAILS, bad[0], r#"[{"value": "nonsense"}]"#).await;
        sql(&people, BIRTHDAY, bad[1], "2001-02-29").await;
        sql(&people, GENDER, bad[2], &"x".repeat(2000)).await;
        sql(&people, EMAILS, bad[3], r#"[{"value": 7}]"#).await;
        sql(&people, EMAILS, linked, r#"[{"value": "nonsense, too"}]"#).await;
        let report = people.sync().await;
        assert_eq!((report.quarantined, report.contacts_created), (5, 1), "{report:?}");
        assert_eq!(people.link(fine).await.unwrap().state, LinkState::Live);
        people.assert_quiet().await;
        for (side, item, reason) in aside(&people).await {
            assert!(side == "app" && !reason.is_empty(), "{side} {item} {reason}");
        }
        // Meanwhile the contact of the linked one is edited.
        let name = people.link(linked).await.unwrap().contact_id;
        people.person_edits(&name, json!({"names": [{"givenName": "Otakar", "familyName": "Kral"}]})).await;
        people.settle().await;
        for id in &bad {
            sql(&people, EMAILS, *id, &format!(r#"[{{"value": "{id}@example.com"}}]"#)).await;
            sql(&people, BIRTHDAY, *id, "2000-02-29").await;
            sql(&people, GENDER, *id, "female").await;
        }
        sql(&people, EMAILS, linked, r#"[{"value": "ota@new.example"}]"#).await;
        people.settle().await;
        assert!(aside(&people).await.is_empty());
        assert_eq!(people.contacts().await.len(), 6);
        let now = people.contact(&name).await.unwrap();
        assert_eq!((&now["names"][0]["givenName"], emails(&now)), (&json!("Otakar"), vec!["ota@new.example".to_owned()]));
        assert_eq!(people.details(linked).await.given_name, "Otakar");
    }

    async fn a_row_that_cannot_be_read_keeps_what_google_changed_meanwhile(url: String) {
        let people = People::new(&url).await;
        let name = people.person_adds(contact("Mia", "Novak", "mia@example.com")).await;
        people.sync().await;
        let id = people.customer_of(&name).await.unwrap();
        sql(&people, EMAILS, id, r#"[{"value": 7}]"#).await;
        people.person_edits(&name, json!({"names": [{"givenName": "Maria", "familyName": "Novak"}]})).await;
        people.settle().await;
        assert_eq!(aside(&people).await.len(), 1);
        sql(&people, EMAILS, id, r#"[{"value": "mia@new.example"}]"#).await;
        people.settle().await;
        let details = people.details(id).await;
        assert_eq!((details.given_name.as_str(), emails_of(&details)), ("Maria", vec!["mia@new.example"]));
        let now = people.contact(&name).await.unwrap();
        assert_eq!((&now["names"][0]["givenName"], emails(&now)), (&json!("Maria"), vec!["mia@new.example".to_owned()]));
    }
}
