//! The first meeting of an app's customers and a user's contacts, the user's choice of a label, and the plan of it all.
#![expect(clippy::unwrap_used, reason = "a test that panics fails, which is right")]
mod support;
use accord::domain::access::ContactsChoice;
use accord::domain::ids::CustomerId;
use accord::engine::sync;
use accord::store::contact_links::LinkState;
use accord::store::scopes::ScopeKey;
use serde_json::{Value, json};
use support::people::{People, contact, customer, emails, emails_of, phones};
use support::postgres::both_databases;

async fn expire(people: &People) {
    people.contacts_do("expire_sync_tokens", json!({})).await;
}

/// Ana has two contacts with the email of the app's one customer.
async fn two_contacts_of_one(people: &People) -> (String, String, CustomerId) {
    let one = people.person_adds(contact("Mia", "", "shared@example.com")).await;
    let two = people.person_adds(contact("Jan", "", "shared@example.com")).await;
    let id = people.app_adds(customer("", "Novak", "shared@example.com")).await;
    (one, two, id)
}

async fn answer_about(people: &People, contact: &str, answer: &str) {
    use accord::engine::questions::{self, Answerer};
    let open = people.open_questions().await;
    let question = open
        .iter()
        .find(|question| question.detail["contact_id"] == contact)
        .expect("it is asked about");
    questions::answer(
        &people.engine,
        people.tenant,
        question.id,
        answer,
        Answerer::User(people.ana.user),
    )
    .await
    .unwrap();
}

both_databases! {
    async fn two_contacts_with_the_email_of_one_customer_are_a_question_and_nothing_is_made(url: String) {
        let people = People::new(&url).await;
        let (one, two, id) = two_contacts_of_one(&people).await;
        let report = people.sync().await;
        assert_eq!((report.waiting, report.customers_created, report.contacts_created, report.linked), (2, 0, 0, 0), "{report:?}");
        people.settle().await;
        let open = people.open_questions().await;
        assert_eq!(open.len(), 2);
        assert!(open.iter().all(|question| question.kind == "match" && question.addressee == "user"));
        assert!(open.iter().all(|question| question.choices == [format!("link:{id}"), "separate".to_owned()]), "{open:?}");
        assert_eq!((people.customers().await.len(), people.contacts().await.len()), (1, 2));
        answer_about(&people, &two, &format!("link:{id}")).await;
        people.settle().await;
        assert_eq!(people.customer_of(&two).await, Some(id));
        // The other one may be nobody else, and is a customer of its own.
        let other = people.customer_of(&one).await.unwrap();
        assert_ne!(other, id);
        assert!(people.open_questions().await.is_empty());
        assert_eq!((people.customers().await.len(), people.contacts().await.len()), (2, 2));
    }

    async fn separate_makes_everybody_a_person_of_their_own(url: String) {
        let people = People::new(&url).await;
        let (one, two, id) = two_contacts_of_one(&people).await;
        people.sync().await;
        answer_about(&people, &one, "separate").await;
        people.sync().await;
        assert!(people.customer_of(&one).await.is_some_and(|own| own != id));
        answer_about(&people, &two, "separate").await;
        people.settle().await;
        assert_eq!((people.customers().await.len(), people.contacts().await.len()), (3, 3));
        expire(&people).await;
        people.settle().await;
        assert_eq!((people.customers().await.len(), people.contacts().await.len()), (3, 3));
    }

    async fn two_customers_with_the_email_of_one_contact_are_a_question(url: String) {
        let people = People::new(&url).await;
        let name = people.person_adds(contact("Mia", "Novak", "shared@example.com")).await;
        let one = people.app_adds(customer("Mia", "", "shared@example.com")).await;
        let two = people.app_adds(customer("", "Novak", "shared@example.com")).await;
        people.settle().await;
        assert_eq!((people.customers().await.len(), people.contacts().await.len()), (2, 1));
        people.answer(&format!("link:{two}")).await;
        people.settle().await;
        assert_eq!(people.customer_of(&name).await, Some(two));
        assert_eq!(people.details(two).await.given_name, "Mia");
        assert_eq!(people.link(one).await.unwrap().state, LinkState::Live, "the other one becomes a contact");
        assert_eq!((people.customers().await.len(), people.contacts().await.len()), (2, 2));
    }

    async fn a_phone_alone_and_a_contradicting_name_are_questions(url: String) {
        let people = People::new(&url).await;
        people.set(json!({"region": "CZ"})).await;
        people.person_adds(json!({"names": [{"givenName": "Mia"}], "phoneNumbers": [{"value": "601 000 001"}]})).await;
        people.person_adds(contact("Petr", "Novak", "petr@example.com")).await;
        people.app_adds(json!({"given_name": "Mia", "phones": [{"value": "+420601000001"}]})).await;
        people.app_adds(customer("Pavel", "Novak", "petr@example.com")).await;
        people.settle().await;
        assert_eq!(people.open_questions().await.len(), 2);
        assert_eq!((people.customers().await.len(), people.contacts().await.len()), (2, 2));
    }

    async fn an_open_question_is_not_asked_again_by_a_full_listing(url: String) {
        let people = People::new(&url).await;
        let (one, ..) = two_contacts_of_one(&people).await;
        people.settle().await;
        let before: Vec<_> = people.open_questions().await.iter().map(|question| question.id).collect();
        expire(&people).await;
        let report = people.sync().await;
        assert!(report.full && report.is_quiet(), "{report:?}");
        let after: Vec<_> = people.open_questions().await.iter().map(|question| question.id).collect();
        assert_eq!(before, after);
        // A contact that changes is asked about with what it is now.
        people.person_edits(&one, json!({"names": [{"givenName": "Maria"}]})).await;
        people.settle().await;
        let open = people.open_questions().await;
        assert_eq!(open.len(), 2);
        assert!(open.iter().any(|question| question.detail["contact"]["name"] == "Maria"));
    }

    async fn a_question_is_void_when_its_contact_is_deleted(url: String) {
        let people = People::new(&url).await;
        let (one, two, id) = two_contacts_of_one(&people).await;
        people.settle().await;
        people.person_deletes(&one).await;
        people.person_deletes(&two).await;
        people.settle().await;
        assert!(people.open_questions().await.is_empty());
        // The customer has nobody to wait for.
        assert_eq!(people.link(id).await.unwrap().state, LinkState::Live);
        assert_eq!(people.contacts().await.len(), 1);
    }

    async fn a_question_is_void_when_its_customer_is_deleted(url: String) {
        let people = People::new(&url).await;
        let (_, _, id) = two_contacts_of_one(&people).await;
        people.settle().await;
        people.app_drops(id).await;
        people.settle().await;
        assert!(people.open_questions().await.is_empty());
        assert_eq!((people.customers().await.len(), people.contacts().await.len()), (2, 2), "the contacts become customers");
    }

    async fn an_answer_that_came_too_late_does_no_harm(url: String) {
        let people = People::new(&url).await;
        let name = people.person_adds(contact("Mia", "Novak", "shared@example.com")).await;
        let one = people.app_adds(customer("Mia", "", "shared@example.com")).await;
        let two = people.app_adds(customer("", "Novak", "shared@example.com")).await;
        people.settle().await;
        people.answer(&format!("link:{two}")).await;
        people.app_drops(two).await;
        people.settle().await;
        assert_eq!(people.customer_of(&name).await, Some(one), "only one is left, and that is certain");
        assert_eq!((people.customers().await.len(), people.contacts().await.len()), (1, 1));
    }

    async fn values_that_differ_at_the_first_meeting_change_neither_side_and_are_recorded(url: String) {
        let people = People::new(&url).await;
        people.set(json!({"conflict": "ask"})).await;
        let mut mia = contact("Mia", "", "mia@example.com");
        mia["birthdays"] = json!([{"date": {"year": 1990, "month": 5, "day": 3}}]);
        mia["phoneNumbers"] = json!([{"value": "+420601000001"}]);
        let name = people.person_adds(mia).await;
        let id = people.app_adds(json!({"given_name": "Mia", "family_name": "Novak", "emails": [{"value": "mia@example.com"}],
            "birthday": {"month": 6, "day": 4}, "phones": [{"value": "+420601000002"}]})).await;
        people.settle().await;
        assert_eq!(people.customer_of(&name).await, Some(id));
        let (details, now) = (people.details(id).await, people.contact(&name).await.unwrap());
        assert_eq!((details.birthday.unwrap().month, &now["birthdays"][0]["date"]["month"]), (6, &json!(5)));
        assert_eq!((now["names"][0]["familyName"].as_str(), phones(&now).len(), details.phones.len()), (Some("Novak"), 2, 2));
        let records = people.conflicts().await;
        assert_eq!(records.len(), 1, "{records:?}");
        assert_eq!((records[0].field.as_str(), records[0].policy.as_str(), records[0].winner.as_deref()), ("birthday", "first_link", None));
        assert!(people.open_questions().await.is_empty());
        // What both were is kept, so that the link can be undone.
        let link = people.link(id).await.unwrap();
        let sealed = link.before_sealed.clone().unwrap();
        let before = people.engine.open("contact_links", "before_sealed", people.tenant, &link.id.to_string(), &sealed).unwrap();
        let before: Value = serde_json::from_slice(&before).unwrap();
        assert_eq!((&before["local"]["family_name"], &before["remote"]["family_name"]), (&json!("Novak"), &json!("")));
        // From now on an edit of either side is an edit.
        people.app_edits(id, json!({"birthday": {"month": 7, "day": 1}})).await;
        people.settle().await;
        assert_eq!(people.contact(&name).await.unwrap()["birthdays"][0]["date"]["month"], 7);
    }

    async fn a_plan_shows_the_whole_first_sync_and_does_nothing(url: String) {
        let people = People::new(&url).await;
        two_contacts_of_one(&people).await;
        people.person_adds(contact("Iva", "Mala", "iva@example.com")).await;
        people.person_adds(contact("Eva", "Velka", "eva@example.com")).await;
        people.app_adds(customer("Eva", "Velka", "eva@example.com")).await;
        people.app_adds(customer("Ota", "Kral", "ota@example.com")).await;
        let key = ScopeKey::contacts(people.tenant, people.ana.account);
        let (customers, writes) = (people.customers().await, people.writes().await);
        for _ in 0..2 {
            let plan = sync::plan(&people.engine, &key).await.unwrap();
            let numbers = (plan.linked, plan.customers_created, plan.contacts_created, plan.waiting);
            assert_eq!(numbers, (1, 1, 1, 2), "{plan:?}");
            let mut actions: Vec<&str> = plan.steps.unwrap().iter().map(|step| step.action).collect();
            actions.sort();
            assert_eq!(actions, ["ask", "ask", "create the contact", "create the customer", "link"]);
        }
        assert_eq!((people.customers().await, people.writes().await), (customers, writes));
        assert!(people.open_questions().await.is_empty() && people.groups().await.is_empty());
        // What is then done is what was planned.
        let report = people.sync().await;
        let numbers = (report.linked, report.customers_created, report.contacts_created, report.waiting);
        assert_eq!(numbers, (1, 1, 1, 2), "{report:?}");
    }

    async fn a_plan_shows_removals_without_carrying_them_out(url: String) {
        let people = People::new(&url).await;
        let ours = people.app_adds(customer("Ota", "Kral", "ota@example.com")).await;
        let name = people.person_adds(contact("Mia", "Novak", "mia@example.com")).await;
        people.sync().await;
        people.app_drops(ours).await;
        people.person_deletes(&name).await;
        let key = ScopeKey::contacts(people.tenant, people.ana.account);
        let plan = sync::plan(&people.engine, &key).await.unwrap();
        assert_eq!((plan.contacts_deleted, plan.customers_deleted), (1, 1), "{plan:?}");
        assert_eq!((people.contacts().await.len(), people.customers().await.len()), (1, 1));
    }

    async fn only_contacts_under_the_chosen_label_come(url: String) {
        let people = People::choosing(&url, &ContactsChoice::None).await;
        let label = people.person_adds_label("Clients").await;
        people.choose_contacts(&people.ana.clone(), &ContactsChoice::Label { group: label.clone(), name: "Clients".into() }).await;
        let inside = people.person_adds(contact("Mia", "Novak", "mia@example.com")).await;
        let outside = people.person_adds(contact("Iva", "Mala", "iva@example.com")).await;
        people.person_labels(&label, &[&inside], &[]).await;
        let ours = people.app_adds(customer("Ota", "Kral", "ota@example.com")).await;
        people.settle().await;
        let id = people.customer_of(&inside).await.unwrap();
        assert_eq!(people.customers().await.len(), 2);
        assert_eq!(people.customer_of(&outside).await, None);
        // What Accord made is followed whatever label it bears.
        let made = people.link(ours).await.unwrap().contact_id;
        people.person_edits(&made, json!({"emailAddresses": [{"value": "ota@new.example"}]})).await;
        people.settle().await;
        assert_eq!(emails_of(&people.details(ours).await), ["ota@new.example"]);
        // Leaving the label freezes: neither side changes the other.
        people.person_labels(&label, &[], &[&inside]).await;
        people.settle().await;
        assert_eq!(people.link(id).await.unwrap().state, LinkState::Frozen);
        people.person_edits(&inside, json!({"emailAddresses": [{"value": "mia@example.com"}, {"value": "mia@home.example"}]})).await;
        people.app_edits(id, json!({"phones": [{"value": "+420601000001"}]})).await;
        people.settle().await;
        assert_eq!(emails_of(&people.details(id).await), ["mia@example.com"]);
        assert!(phones(&people.contact(&inside).await.unwrap()).is_empty());
        // Coming back merges.
        people.person_labels(&label, &[&inside, &outside], &[]).await;
        people.settle().await;
        assert_eq!(emails_of(&people.details(id).await), ["mia@example.com", "mia@home.example"]);
        assert_eq!(phones(&people.contact(&inside).await.unwrap()), ["+420601000001"]);
        assert_eq!(emails(&people.contact(&outside).await.unwrap()), ["iva@example.com"]);
        assert!(people.customer_of(&outside).await.is_some());
        assert!(people.conflicts().await.is_empty());
    }

    async fn a_frozen_contact_that_is_deleted_takes_no_customer_along(url: String) {
        let people = People::choosing(&url, &ContactsChoice::None).await;
        let label = people.person_adds_label("Clients").await;
        people.choose_contacts(&people.ana.clone(), &ContactsChoice::Label { group: label.clone(), name: "Clients".into() }).await;
        let name = people.person_adds(contact("Mia", "Novak", "mia@example.com")).await;
        people.person_labels(&label, &[&name], &[]).await;
        people.settle().await;
        let id = people.customer_of(&name).await.unwrap();
        people.person_labels(&label, &[], &[&name]).await;
        people.settle().await;
        people.person_deletes(&name).await;
        people.settle().await;
        assert!(people.customer(id).await.is_some(), "leaving freezes, and what is frozen stays");
        assert_eq!(people.link(id).await.unwrap().state, LinkState::Gone);
        assert!(people.contacts().await.is_empty());
    }

    async fn a_deleted_label_freezes_whom_it_held(url: String) {
        let people = People::choosing(&url, &ContactsChoice::None).await;
        let label = people.person_adds_label("Clients").await;
        people.choose_contacts(&people.ana.clone(), &ContactsChoice::Label { group: label.clone(), name: "Clients".into() }).await;
        let name = people.person_adds(contact("Mia", "Novak", "mia@example.com")).await;
        people.person_labels(&label, &[&name], &[]).await;
        people.settle().await;
        let id = people.customer_of(&name).await.unwrap();
        people.person_deletes_label(&label).await;
        expire(&people).await;
        people.settle().await;
        assert!(people.customer(id).await.is_some());
        assert_eq!(people.link(id).await.unwrap().state, LinkState::Frozen);
    }

    async fn whoever_chose_nothing_is_neither_read_nor_written(url: String) {
        let people = People::choosing(&url, &ContactsChoice::None).await;
        people.person_adds(contact("Mia", "Novak", "mia@example.com")).await;
        people.app_adds(customer("Ota", "Kral", "ota@example.com")).await;
        let _ = people.try_sync().await;
        let _ = people.try_sync().await;
        assert!(people.requests().await.is_empty(), "not even a look");
        assert_eq!((people.customers().await.len(), people.contacts().await.len()), (1, 1));
    }
}
