//! What people say about customers and contacts, and what the next passes make of it: unlinking, linking, matching, and who wins.
#![expect(clippy::unwrap_used, reason = "a test that panics fails, which is right")]
mod support;

use accord::args;
use accord::domain::booking::Side;
use accord::domain::ids::{ConflictId, CustomerId};
use accord::engine::bookings::BookingEdit;
use accord::engine::conflicts;
use accord::engine::customers::ContactWish;
use accord::engine::questions::{self, Answerer};
use accord::engine::{Refusal, due, quarantine, status, sync_now};
use accord::store::contact_links::LinkState;
use accord::store::customer_contacts::{self, Standing};
use accord::store::scopes::ScopeKind;
use serde_json::{Value, json};
use support::people::{People, contact, customer, emails, emails_of};
use support::postgres::both_databases;
use support::world;

/// The next pass lists everything.
async fn resync(people: &People) {
    due::resync(&people.engine, people.tenant, people.ana.account)
        .await
        .unwrap();
}

async fn standing(people: &People, id: CustomerId) -> Standing {
    let found = customer_contacts::of_customers(&mut people.read().await, people.tenant, &[id])
        .await
        .unwrap();
    found.get(&id).map(|contact| contact.standing).unwrap_or_default()
}

fn name(contact: &Value) -> &str {
    contact["names"][0]["givenName"].as_str().unwrap_or_default()
}

async fn unlink(people: &People, id: CustomerId, restore: bool) {
    people.engine.unlink_contact(people.tenant, id, restore).await.unwrap();
}

async fn link(people: &People, id: CustomerId, wish: ContactWish) {
    people.engine.link_contact(people.tenant, id, &wish).await.unwrap();
}

/// The records about a customer: their fields, in the order of the alphabet, and ids.
async fn records(people: &People, id: CustomerId) -> Vec<(String, ConflictId)> {
    let found = people
        .conflicts()
        .await
        .into_iter()
        .filter(|conflict| conflict.customer_id == Some(id));
    let mut found: Vec<_> = found.map(|conflict| (conflict.field, conflict.id)).collect();
    found.sort();
    found
}

both_databases! {
    async fn what_was_unlinked_goes_separate_ways_until_somebody_links_it_again(url: String) {
        let people = People::new(&url).await;
        let mia = people.person_adds(contact("Mia", "Novak", "mia@example.com")).await;
        people.settle().await;
        let id = people.customer_of(&mia).await.unwrap();
        unlink(&people, id, false).await;
        people.app_edits(id, json!({"given_name": "App"})).await;
        people.person_edits(&mia, json!({"names": [{"givenName": "Google"}]})).await;
        people.settle().await;
        resync(&people).await;
        people.settle().await;
        assert_eq!((people.details(id).await.given_name.as_str(), name(&people.contact(&mia).await.unwrap())), ("App", "Google"));
        assert_eq!((people.customers().await.len(), people.contacts().await.len()), (1, 1), "nobody came twice");

        link(&people, id, ContactWish::Link(mia.clone())).await;
        assert_eq!(standing(&people, id).await, Standing::Matching);
        people.settle().await;
        assert_eq!(standing(&people, id).await, Standing::Linked);
        assert_eq!(people.customer_of(&mia).await, Some(id));
        people.app_edits(id, json!({"gender": "female"})).await;
        people.settle().await;
        assert_eq!(people.contact(&mia).await.unwrap()["genders"][0]["value"], "female");
    }

    async fn an_unlinked_customer_becomes_a_new_contact_and_the_old_one_stays_alone(url: String) {
        let people = People::new(&url).await;
        let mia = people.person_adds(contact("Mia", "Novak", "mia@example.com")).await;
        people.settle().await;
        let id = people.customer_of(&mia).await.unwrap();
        unlink(&people, id, false).await;
        people.settle().await;
        link(&people, id, ContactWish::Create).await;
        people.settle().await;
        resync(&people).await;
        people.settle().await;
        assert_eq!(standing(&people, id).await, Standing::Linked);
        let of = people.link(id).await.unwrap().contact_id;
        assert_ne!(of, mia);
        assert_eq!((people.customers().await.len(), people.contacts().await.len()), (1, 2), "the old contact is nobody's customer");
    }

    async fn a_contact_that_accord_made_for_another_customer_can_be_given_to_this_one(url: String) {
        let people = People::new(&url).await;
        let first = people.app_adds(customer("Ota", "Kral", "ota@example.com")).await;
        people.settle().await;
        let made = people.link(first).await.unwrap().contact_id;
        unlink(&people, first, false).await;
        let other = people.app_adds(customer("Otto", "", "")).await;
        people.settle().await;
        unlink(&people, other, false).await;
        link(&people, other, ContactWish::Link(made.clone())).await;
        people.settle().await;
        assert_eq!(people.customer_of(&made).await, Some(other));
        assert_eq!(standing(&people, first).await, Standing::Unlinked);
        resync(&people).await;
        people.settle().await;
        assert_eq!(people.customer_of(&made).await, Some(other));
        assert_eq!((people.customers().await.len(), people.contacts().await.len()), (2, 2));
    }

    async fn a_link_is_undone_with_what_the_customer_held_before_it(url: String) {
        let people = People::new(&url).await;
        let id = people.app_adds(customer("Eva", "Mala", "eva@example.com")).await;
        let mut person = contact("Eva", "Mala", "eva@example.com");
        person["phoneNumbers"] = json!([{"value": "+420601000001"}]);
        let eva = people.person_adds(person).await;
        people.settle().await;
        assert_eq!(people.customer_of(&eva).await, Some(id), "the same email is the same person");
        assert_eq!(people.details(id).await.phones.len(), 1);
        unlink(&people, id, true).await;
        let details = people.details(id).await;
        assert_eq!((emails_of(&details), details.phones.len()), (vec!["eva@example.com"], 0));
        people.settle().await;
        resync(&people).await;
        people.settle().await;
        assert_eq!(people.contact(&eva).await.unwrap()["phoneNumbers"].as_array().unwrap().len(), 1);
        assert_eq!((people.customers().await.len(), standing(&people, id).await), (1, Standing::Unlinked));
    }

    async fn a_match_is_linked_as_it_was_answered(url: String) {
        matched(&url, true).await;
    }

    async fn a_match_is_kept_apart_as_it_was_answered(url: String) {
        matched(&url, false).await;
    }

    async fn a_difference_at_the_first_link_follows_the_side_that_somebody_chose(url: String) {
        let people = People::new(&url).await;
        let mut fields = customer("Eva", "Mala", "eva@example.com");
        (fields["gender"], fields["birthday"]) = (json!("female"), json!({"month": 5, "day": 6}));
        let id = people.app_adds(fields).await;
        let mut person = contact("Eva", "Mala", "eva@example.com");
        person["genders"] = json!([{"value": "male"}]);
        person["birthdays"] = json!([{"date": {"month": 7, "day": 8}}]);
        let eva = people.person_adds(person).await;
        people.settle().await;
        let records = records(&people, id).await;
        assert_eq!(records.iter().map(|(field, _)| field.as_str()).collect::<Vec<_>>(), ["birthday", "gender"]);
        let resolve = async |at: usize, keep| conflicts::resolve(&people.engine, people.tenant, records[at].1, keep).await;
        resolve(1, Side::App).await.unwrap();
        resolve(0, Side::Google).await.unwrap();
        people.settle().await;
        let (details, now) = (people.details(id).await, people.contact(&eva).await.unwrap());
        assert_eq!((details.gender.as_str(), &now["genders"][0]["value"]), ("female", &json!("female")));
        assert_eq!((details.birthday.unwrap().month, &now["birthdays"][0]["date"]["month"]), (7, &json!(7)));
    }

    async fn the_losing_name_is_put_back_and_reaches_google(url: String) {
        let people = People::new(&url).await;
        let mia = people.person_adds(contact("Mia", "Novak", "mia@example.com")).await;
        people.settle().await;
        let id = people.customer_of(&mia).await.unwrap();
        people.app_edits(id, json!({"given_name": "App"})).await;
        people.person_edits(&mia, json!({"names": [{"givenName": "Google", "familyName": "Novak"}]})).await;
        people.settle().await;
        assert_eq!(people.details(id).await.given_name, "Google", "the side that made the person wins");
        let records = records(&people, id).await;
        assert_eq!(records[0].0, "given_name");
        conflicts::resolve(&people.engine, people.tenant, records[0].1, Side::App).await.unwrap();
        people.settle().await;
        assert_eq!((people.details(id).await.given_name.as_str(), name(&people.contact(&mia).await.unwrap())), ("App", "App"));
    }

    async fn a_contact_deleted_against_an_edit_comes_back_only_as_a_new_one(url: String) {
        let people = People::new(&url).await;
        let mia = people.person_adds(contact("Mia", "Novak", "mia@example.com")).await;
        people.settle().await;
        let id = people.customer_of(&mia).await.unwrap();
        people.app_edits(id, json!({"given_name": "Edited"})).await;
        people.person_deletes(&mia).await;
        people.settle().await;
        assert_eq!(standing(&people, id).await, Standing::Unlinked);
        let records = records(&people, id).await;
        assert_eq!(records[0].0, "contact");
        let refused = conflicts::resolve(&people.engine, people.tenant, records[0].1, Side::App).await.unwrap_err();
        assert!(refused.to_string().contains("cannot undelete"), "{refused}");
        link(&people, id, ContactWish::Create).await;
        people.settle().await;
        let made = people.link(id).await.unwrap();
        assert_eq!(made.state, LinkState::Live);
        let made = people.contact(&made.contact_id).await.unwrap();
        assert_eq!((name(&made), emails(&made)), ("Edited", vec!["mia@example.com".to_owned()]));
    }

    async fn what_was_set_aside_is_tried_again_on_both_sides(url: String) {
        let people = People::new(&url).await;
        let id = people.app_adds(customer("Eva", "Mala", "eva@example.com")).await;
        let spoil = "UPDATE customers SET emails = '[1]' WHERE tenant_id = $1 AND id = $2";
        world::run(&people.engine.db, spoil, args![people.tenant, id]).await;
        people.settle().await;
        let aside = quarantine::list(&people.engine, people.tenant, None).await.unwrap();
        let [item] = aside.as_slice() else { panic!("one item was expected: {aside:?}") };
        assert_eq!((item.scope, item.side.as_str(), item.item_id.as_str()), (ScopeKind::Contacts, "app", id.to_string().as_str()));
        assert!(item.reason.contains("emails"), "{}", item.reason);
        // The same row again is still no good, and is set aside again.
        assert_eq!(quarantine::retry(&people.engine, people.tenant, people.ana.account).await.unwrap(), 1);
        assert_eq!(people.sync().await.quarantined, 1);
        let mend = "UPDATE customers SET emails = '[]' WHERE tenant_id = $1 AND id = $2";
        world::run(&people.engine.db, mend, args![people.tenant, id]).await;
        people.settle().await;
        assert_eq!(standing(&people, id).await, Standing::Linked);
        assert_eq!(quarantine::list(&people.engine, people.tenant, None).await.unwrap().len(), 0);
    }

    async fn every_scope_of_an_account_is_run_and_named_when_somebody_asks(url: String) {
        let people = People::new(&url).await;
        people.app_adds(customer("Eva", "Mala", "eva@example.com")).await;
        let passes = sync_now::run(&people.engine, people.tenant, people.ana.account).await.unwrap();
        let shown = serde_json::to_value(&passes).unwrap();
        let scopes: Vec<&Value> = shown.as_array().unwrap().iter().map(|pass| &pass["scope"]).collect();
        assert_eq!(scopes, ["contacts", "calendar"]);
        assert_eq!((&shown[0]["calendar_id"], &shown[0]["report"]["contacts_created"]), (&json!(""), &json!(1)));
        let status = &status::accounts(&people.engine, Some(people.tenant), false).await.unwrap()[0];
        assert_eq!((status.linked_contacts, status.waiting_changes, status.calendars.len()), (1, 0, 1));
        assert!(status.contacts.as_ref().unwrap().last_good_at.is_some());
    }

    async fn removals_that_the_brake_holds_are_approved_or_put_back_by_the_admin(url: String) {
        let people = People::new(&url).await;
        people.set(json!({"brake_min": 2, "brake_share": 0.1})).await;
        let mut ids = Vec::new();
        for n in 0..4 {
            ids.push(people.app_adds(customer(&format!("Eva {n}"), "Mala", "")).await);
        }
        people.settle().await;
        for id in &ids[..2] {
            people.app_drops(*id).await;
        }
        people.settle().await;
        assert_eq!((people.contacts().await.len(), people.open_questions().await.len()), (4, 1), "both are held");
        people.answer("reject").await;
        people.settle().await;
        assert_eq!((people.contacts().await.len(), people.customers().await.len()), (4, 4), "the customers are back");

        for id in &ids[..2] {
            people.app_drops(*id).await;
        }
        people.settle().await;
        let asked = people.open_questions().await;
        assert_eq!((asked.len(), asked[0].addressee.as_str(), &asked[0].detail["count"]), (1, "admin", &json!(2)));
        questions::answer(&people.engine, people.tenant, asked[0].id, "approve", Answerer::TenantKey).await.unwrap();
        people.settle().await;
        assert_eq!((people.contacts().await.len(), people.customers().await.len()), (2, 2));
    }

    async fn who_wins_is_asked_of_the_user_and_unlinking_ends_the_question(url: String) {
        let people = People::new(&url).await;
        people.set(json!({"conflict": "ask"})).await;
        let mut both = Vec::new();
        for given in ["Mia", "Ota"] {
            let contact = people.person_adds(contact(given, "Novak", &format!("{given}@example.com"))).await;
            people.settle().await;
            let id = people.customer_of(&contact).await.unwrap();
            people.app_edits(id, json!({"given_name": "App"})).await;
            people.person_edits(&contact, json!({"names": [{"givenName": "Google", "familyName": "Novak"}]})).await;
            both.push((contact, id));
        }
        people.settle().await;
        assert_eq!(people.open_questions().await.len(), 2);
        let (ota, id) = &both[1];
        unlink(&people, *id, false).await;
        // The other one: the user says that the app is right.
        people.answer("app").await;
        people.settle().await;
        assert_eq!(people.open_questions().await.len(), 0);
        assert_eq!(name(&people.contact(&both[0].0).await.unwrap()), "App");
        assert_eq!(people.details(both[0].1).await.given_name, "App");
        assert_eq!((people.details(*id).await.given_name.as_str(), name(&people.contact(ota).await.unwrap())), ("App", "Google"));
        assert!(people.conflicts().await.iter().all(|conflict| conflict.state == "decided"));
    }

    async fn a_customer_that_came_from_google_can_be_booked_at_once(url: String) {
        let people = People::new(&url).await;
        let mia = people.person_adds(contact("Mia", "Novak", "mia@example.com")).await;
        people.sync().await;
        let id = people.customer_of(&mia).await.unwrap();
        let book = async |user: String| {
            let edit = BookingEdit {
                title: Some("Haircut".to_owned()),
                starts_at: Some("2031-03-04T10:00:00+01:00".to_owned()),
                ends_at: Some("2031-03-04T11:00:00+01:00".to_owned()),
                time_zone: Some(Some("Europe/Madrid".to_owned())),
                customer_ids: Some(vec![id.to_string()]),
                ..BookingEdit::default()
            };
            let mut named = Vec::new();
            let render = |view: &accord::engine::bookings::BookingView| {
                named.clone_from(&view.row.customer_ids);
                accord::engine::once::Answer { status: 201, body: Vec::new() }
            };
            let made = people.engine.create_booking(people.tenant, Some(&user), &edit, None, render).await;
            made.map(|_| named)
        };
        assert_eq!(book(people.ana.user.to_string()).await.unwrap(), [id]);
        let ben = people.ben().await;
        let refused = book(ben.user.to_string()).await.unwrap_err();
        assert!(matches!(&refused, Refusal::Invalid(bad) if bad[0].field == "customer_ids"), "{refused:?}");
        // Whoever is booked stays, whatever happens to the contact.
        people.person_deletes(&mia).await;
        people.settle().await;
        assert_eq!((people.customer(id).await.is_some(), standing(&people, id).await), (true, Standing::Unlinked));
    }
}

/// A contact that may be either of two customers, and what comes of the answer.
async fn matched(url: &str, is_same: bool) {
    let people = People::new(url).await;
    let a = people.app_adds(customer("Eva", "Mala", "eva@example.com")).await;
    let b = people.app_adds(customer("Eva", "Mala", "eva@example.com")).await;
    let eva = people.person_adds(contact("Eva", "Mala", "eva@example.com")).await;
    people.settle().await;
    let open = people.open_questions().await;
    assert_eq!((open.len(), open[0].kind.as_str()), (1, "match"));
    let answer = if is_same {
        format!("link:{b}")
    } else {
        "separate".to_owned()
    };
    questions::answer(
        &people.engine,
        people.tenant,
        open[0].id,
        &answer,
        Answerer::CommandLine,
    )
    .await
    .unwrap();
    people.settle().await;
    assert_eq!(people.open_questions().await.len(), 0);
    let (customers, contacts) = (people.customers().await.len(), people.contacts().await.len());
    if is_same {
        assert_eq!((people.customer_of(&eva).await, customers, contacts), (Some(b), 2, 2));
    } else {
        let fresh = people.customer_of(&eva).await.unwrap();
        assert!(fresh != a && fresh != b);
        assert_eq!((customers, contacts), (3, 3));
    }
    for id in [a, b] {
        assert_eq!(standing(&people, id).await, Standing::Linked, "nobody waits any more");
    }
}
