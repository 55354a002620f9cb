//! Customers and their contacts over HTTP: who is whom, who wins, and the acts that link and unlink.
#![expect(clippy::unwrap_used, reason = "a test that panics fails, which is right")]
mod api_support;
mod contacts_support;
mod support;

use accord::domain::ids::CustomerId;
use accord::engine::questions::{self, AnswerError, Answerer};
use accord::store::contact_links::{GoneBecause, LinkState, LinkWaiting};
use contacts_support::{Desk, details};
use serde_json::{Value, json};
use support::postgres::both_databases;

const CONTACT: &str = "people/c1";

both_databases! {
    async fn a_match_is_answered_with_the_tenants_key_by_command_or_by_its_user(url: String) {
        let desk = Desk::new(url).await;
        let (eva, other) = (desk.customer(json!({"given_name": "Eva"})).await, desk.customer(json!({"given_name": "Eva"})).await);
        let answers = async || -> Vec<Option<String>> {
            let mut rows = desk.matches().await;
            rows.sort_by_key(|row| row.customer_id);
            rows.into_iter().map(|row| row.answer).collect()
        };
        desk.app.sql(&format!("UPDATE row_state SET agreed_version = 0, held_version = version WHERE id = '{eva}'")).await.unwrap();
        assert!(!desk.is_pending(eva).await);
        let asked = desk.matching(CONTACT, &[eva, other]).await;
        let shown = desk.app.get(&format!("/questions/{asked}")).await.expect(200);
        assert_eq!((&shown["scope"], &shown["calendar_id"], &shown["kind"]), (&json!("contacts"), &json!(""), &json!("match")));
        assert_eq!(shown["detail"]["candidates"][0]["customer_id"], json!(eva));
        assert_eq!(desk.answer(asked, "link:nobody").await.bad_fields(), ["answer"]);
        desk.answer(asked, &format!("link:{eva}")).await.expect(200);
        assert_eq!(answers().await, [Some("link".to_owned()), None]);
        assert!(desk.is_due().await && desk.is_pending(eva).await, "what was held is looked at again");
        desk.answer(asked, "separate").await.problem(409, "not-possible-now");

        let engine = &desk.app.engine;
        let asked = desk.matching(CONTACT, &[eva, other]).await;
        questions::answer(engine, desk.app.tenant, asked, "separate", Answerer::CommandLine).await.unwrap();
        assert_eq!(answers().await, [Some("separate".to_owned()), Some("separate".to_owned())]);

        let asked = desk.matching(CONTACT, &[eva, other]).await;
        let stranger = desk.app.add_user("Petr").await.parse().unwrap();
        let refused = questions::answer(engine, desk.app.tenant, asked, "separate", Answerer::User(stranger)).await;
        assert!(matches!(refused, Err(AnswerError::NotFound)), "{refused:?}");
        questions::answer(engine, desk.app.tenant, asked, &format!("link:{other}"), Answerer::User(desk.app.user_id())).await.unwrap();
        assert_eq!(answers().await, [None, Some("link".to_owned())]);
    }

    async fn a_match_with_a_customer_that_is_gone_is_refused_and_stays_open(url: String) {
        let desk = Desk::new(url).await;
        let (eva, other) = (desk.customer(json!({"given_name": "Eva"})).await, desk.customer(json!({})).await);
        let asked = desk.matching(CONTACT, &[eva, other]).await;
        desk.app.sql(&format!("DELETE FROM customers WHERE id = '{eva}'")).await.unwrap();
        let refused = desk.answer(asked, &format!("link:{eva}")).await.problem(409, "not-possible-now");
        assert!(refused["detail"].as_str().unwrap().contains("no such customer any more"), "{refused}");
        assert!(desk.matches().await.iter().all(|row| row.answer.is_none()));
        assert_eq!(desk.app.get(&format!("/questions/{asked}")).await.expect(200)["state"], "open");
        desk.answer(asked, "separate").await.expect(200);
    }

    async fn only_the_user_says_who_wins_a_conflict_about_a_customer(url: String) {
        let desk = Desk::new(url).await;
        let eva = desk.customer(json!({"given_name": "Eva"})).await;
        desk.link(eva, CONTACT, |link| link.waiting = Some(LinkWaiting::Conflict)).await;
        let detail = json!({"customer_id": eva, "name": "Eva", "fields": [{"field": "given_name", "base": "Eva", "app": "Ewa", "google": "Evička"}]});
        let asked = desk.ask("conflict", &eva.to_string(), &["app".to_owned(), "google".to_owned()], &detail).await;
        desk.answer(asked, "google").await.problem(409, "not-possible-now");
        questions::answer(&desk.app.engine, desk.app.tenant, asked, "google", Answerer::User(desk.app.user_id())).await.unwrap();
        let link = &desk.links(eva).await[0];
        assert_eq!((link.answer.as_deref(), link.waiting), (Some("google"), Some(LinkWaiting::Conflict)));
        assert!(desk.is_due().await);
    }

    async fn the_brake_of_the_contacts_is_answered_for_each_side_that_removed(url: String) {
        let desk = Desk::new(url).await;
        let (present, gone) = (desk.customer(json!({})).await, desk.customer(json!({})).await);
        for (customer, contact) in [(present, "people/c1"), (gone, "people/c2")] {
            desk.link(customer, contact, |link| link.waiting = Some(LinkWaiting::Brake)).await;
        }
        desk.app.sql(&format!("DELETE FROM customers WHERE id = '{gone}'")).await.unwrap();
        let said = async |id: CustomerId| desk.links(id).await[0].answer.clone();
        for (answer, of_present, of_gone) in [("approve", "google", "app"), ("reject", "app", "google")] {
            let detail = json!({"count": 2, "customer_ids": [present, gone]});
            let asked = desk.ask("brake", "digest", &["approve".to_owned(), "reject".to_owned()], &detail).await;
            desk.answer(asked, answer).await.expect(200);
            assert_eq!((said(present).await.as_deref(), said(gone).await.as_deref()), (Some(of_present), Some(of_gone)), "{answer}");
        }
    }

    async fn a_customer_says_how_it_stands_to_the_contacts(url: String) {
        let desk = Desk::new(url).await;
        let stands = async |id: CustomerId| desk.show(id).await["contact"].clone();
        let new = desk.customer(json!({"given_name": "New"})).await;
        assert_eq!(stands(new).await, json!({"state": "none", "reason": null, "contact_id": null}));

        let eva = desk.customer(json!({"given_name": "Eva"})).await;
        desk.link(eva, "people/c0", |link| *link = link.clone().buried(GoneBecause::Merged)).await;
        desk.link(eva, CONTACT, |link| *link = link.clone().buried(GoneBecause::Google)).await;
        assert_eq!(stands(eva).await, json!({"state": "unlinked", "reason": "google", "contact_id": CONTACT}), "the newest counts");
        desk.link(eva, "", |link| (link.state, link.source_id) = (LinkState::Creating, String::new())).await;
        assert_eq!(stands(eva).await, json!({"state": "creating", "reason": null, "contact_id": null}));
        let (jan, petr) = (desk.customer(json!({})).await, desk.customer(json!({})).await);
        desk.link(jan, "people/c2", |_| ()).await;
        assert_eq!(stands(jan).await, json!({"state": "linked", "reason": null, "contact_id": "people/c2"}));
        desk.link(petr, "people/c3", |link| link.state = LinkState::Frozen).await;
        assert_eq!(stands(petr).await["state"], "frozen");
        desk.matching("people/c4", &[new]).await;
        assert_eq!(stands(new).await["state"], "matching");

        // The list says the same of each, and a patch cannot write it.
        let page = desk.app.get("/customers").await.expect(200);
        let states: Vec<&Value> = page["items"].as_array().unwrap().iter().map(|item| &item["contact"]["state"]).collect();
        assert_eq!(states, ["matching", "creating", "linked", "frozen"]);
        let patched = desk.app.patch(&format!("/customers/{new}"), &json!(1), &json!({"contact": {"state": "linked"}})).await;
        assert_eq!(patched.bad_fields(), ["contact"]);
        // What was so in an account that has been left counts only where nothing is so in the present one.
        desk.app.sql("UPDATE accounts SET state = 'disconnected'").await.unwrap();
        assert_eq!(stands(jan).await["state"], "linked");
    }

    async fn unlinking_leaves_a_tombstone_pushes_nothing_and_is_in_the_feed(url: String) {
        let desk = Desk::new(url).await;
        let eva = desk.customer(json!({"given_name": "Eva", "phones": [{"value": "+420601"}]})).await;
        let path = format!("/customers/{eva}/contact");
        desk.app.call("DELETE", &path, Some(&desk.app.token), &[], None).await.problem(409, "not-possible-now");
        desk.link(eva, CONTACT, |link| {
            link.waiting = Some(LinkWaiting::Conflict);
            link.base_local = Some(details(json!({"given_name": "Eva"})));
        }).await;
        let asked = desk.ask("conflict", &eva.to_string(), &["app".to_owned()], &json!({})).await;
        let conflict = desk.conflict(eva, "given_name", ("ask", None), &json!({"base": "Eva", "app": "Ewa", "google": "Evi"})).await;
        desk.app.patch(&format!("/customers/{eva}"), &json!(1), &json!({"given_name": "Ewa"})).await.expect(200);
        assert!(desk.is_pending(eva).await);
        let (_, before) = desk.app.feed(None, 1).await;

        let reply = desk.app.call("DELETE", &path, Some(&desk.app.token), &[], None).await;
        let shown = reply.expect(200);
        assert_eq!(shown["contact"], json!({"state": "unlinked", "reason": "unlinked", "contact_id": CONTACT}));
        assert_eq!((&shown["given_name"], reply.header("etag")), (&json!("Ewa"), "\"2\""));
        let link = &desk.links(eva).await[0];
        assert_eq!((link.state, &link.base_local, link.waiting), (LinkState::Gone, &None, None));
        assert!(!desk.is_pending(eva).await, "there is nothing to push any more");
        assert!(desk.is_due().await);
        assert_eq!(desk.app.get(&format!("/questions/{asked}")).await.expect(200)["state"], "withdrawn");
        assert_eq!(desk.app.get(&format!("/conflicts/{conflict}")).await.expect(200)["state"], "decided");
        let (entries, _) = desk.app.feed(Some(&before), 1).await;
        let is_act = |entry: &Value| entry["kind"] == "customer" && entry["id"] == json!(eva) && entry["version"] == 0;
        assert!(entries.iter().any(is_act), "beside the edit, which has a version: {entries:?}");
        desk.app.call("DELETE", &path, Some(&desk.app.token), &[], None).await.problem(409, "not-possible-now");
    }

    async fn unlinking_gives_back_what_the_customer_held_before(url: String) {
        let desk = Desk::new(url).await;
        let eva = desk.customer(json!({"given_name": "Eva", "family_name": "Malá", "phones": [{"value": "+420601234567"}]})).await;
        let path = format!("/customers/{eva}/contact?restore=true");
        let link = desk.link(eva, CONTACT, |_| ()).await;
        let refused = desk.app.call("DELETE", &path, Some(&desk.app.token), &[], None).await.problem(409, "not-possible-now");
        assert!(refused["detail"].as_str().unwrap().contains("is not known"), "{refused}");
        assert_eq!(desk.links(eva).await[0].state, LinkState::Live, "nothing has changed");

        let before = json!({"local": {"given_name": "Eva", "emails": [{"value": "eva@old.example"}]}, "remote": {"family_name": "Malá"}});
        let sealed = desk.app.engine.seal("contact_links", "before_sealed", desk.app.tenant, &link.id.to_string(), before.to_string().as_bytes());
        let mut tx = desk.write().await;
        let mut link = link;
        link.before_sealed = Some(sealed);
        accord::store::contact_links::put(&mut tx, &mut link).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(desk.app.call("DELETE", &path.replace("true", "yes"), Some(&desk.app.token), &[], None).await.bad_fields(), ["restore"]);
        let shown = desk.app.call("DELETE", &path, Some(&desk.app.token), &[], None).await.expect(200);
        assert_eq!((&shown["given_name"], &shown["family_name"], &shown["phones"]), (&json!("Eva"), &json!(""), &json!([])));
        assert_eq!((&shown["emails"][0]["value"], &shown["version"]), (&json!("eva@old.example"), &json!(2)));
        assert!(!desk.is_pending(eva).await, "what was given back is not an edit to push");
        let found = desk.app.get("/customers?email=eva@old.example").await.expect(200);
        assert_eq!(found["items"].as_array().unwrap().len(), 1);
        assert_eq!(desk.links(eva).await[0].before_sealed, None);
    }

    async fn a_create_whose_outcome_is_not_known_cannot_be_unlinked(url: String) {
        let desk = Desk::new(url).await;
        let eva = desk.customer(json!({"given_name": "Eva"})).await;
        desk.link(eva, "", |link| (link.state, link.attempted_at, link.source_id) = (LinkState::Creating, 5, String::new())).await;
        let path = format!("/customers/{eva}/contact");
        desk.app.call("DELETE", &path, Some(&desk.app.token), &[], None).await.problem(409, "not-possible-now");
        desk.app.post(&path, &json!({"create": true})).await.problem(409, "not-possible-now");
        assert_eq!(desk.links(eva).await[0].state, LinkState::Creating);
        // One that was never sent can.
        desk.app.sql("UPDATE contact_links SET attempted_at = 0").await.unwrap();
        let shown = desk.app.call("DELETE", &path, Some(&desk.app.token), &[], None).await.expect(200);
        assert_eq!(shown["contact"]["state"], "unlinked");
    }

    async fn an_unlinked_customer_becomes_a_contact_again_only_when_somebody_says_so(url: String) {
        let desk = Desk::new(url).await;
        let eva = desk.customer(json!({"given_name": "Eva"})).await;
        let path = format!("/customers/{eva}/contact");
        for (body, fields) in [
            (json!({}), vec!["create"]), (json!({"create": false}), vec!["create"]), (json!({"contact_id": "people/"}), vec!["contact_id"]),
            (json!({"contact_id": "c1"}), vec!["contact_id"]), (json!({"contact_id": "people/c1/../c2"}), vec!["contact_id"]),
            (json!({"create": true, "contact_id": CONTACT}), vec!["create"]), (json!({"create": true, "force": true}), vec!["force"]),
        ] {
            assert_eq!(desk.app.post(&path, &body).await.bad_fields(), fields, "{body}");
        }
        desk.link(eva, CONTACT, |link| *link = link.clone().buried(GoneBecause::Unlinked)).await;
        let shown = desk.app.post(&path, &json!({"create": true})).await.expect(202);
        assert_eq!(shown["contact"]["state"], "none");
        assert!(desk.is_pending(eva).await && desk.is_due().await);
        assert_eq!(desk.links(eva).await, [], "the customer is free");
        // The contact that it was is still nobody's to import: Google has it yet.
        let mut tx = desk.write().await;
        let of_contact = accord::store::contact_links::of_contacts(&mut tx, desk.app.tenant, desk.account, &[CONTACT], &["1"]).await.unwrap();
        assert_eq!(of_contact.iter().map(|link| link.state).collect::<Vec<_>>(), [LinkState::Gone]);
        drop(tx);

        let linked = desk.customer(json!({})).await;
        desk.link(linked, "people/c2", |_| ()).await;
        for body in [json!({"create": true}), json!({"contact_id": "people/c9"})] {
            desk.app.post(&format!("/customers/{linked}/contact"), &body).await.problem(409, "not-possible-now");
        }
        let matching = desk.customer(json!({})).await;
        desk.matching("people/c3", &[matching]).await;
        let refused = desk.app.post(&format!("/customers/{matching}/contact"), &json!({"create": true})).await.problem(409, "not-possible-now");
        assert!(refused["detail"].as_str().unwrap().contains("question"), "{refused}");
    }

    async fn a_customer_is_linked_with_the_contact_that_somebody_names(url: String) {
        let desk = Desk::new(url).await;
        let (eva, other) = (desk.customer(json!({"given_name": "Eva"})).await, desk.customer(json!({})).await);
        let path = format!("/customers/{eva}/contact");
        desk.link(eva, CONTACT, |link| *link = link.clone().buried(GoneBecause::Unlinked)).await;
        desk.link(other, "people/c2", |_| ()).await;
        desk.app.post(&path, &json!({"contact_id": "people/c2"})).await.problem(409, "not-possible-now");
        let asked = desk.matching(CONTACT, &[other]).await;
        desk.app.post(&path, &json!({"contact_id": CONTACT})).await.expect(202);
        let matches = desk.matches().await;
        assert_eq!(matches.iter().map(|row| (row.customer_id, row.answer.as_deref())).collect::<Vec<_>>(), [(eva, Some("link"))]);
        assert_eq!(desk.links(eva).await, []);
        assert_eq!(desk.app.get(&format!("/questions/{asked}")).await.expect(200)["state"], "withdrawn");
        assert!(desk.is_due().await);
        let left = desk.app.sql("SELECT COUNT(*) FROM contact_links WHERE state = 'gone'").await.unwrap();
        assert_eq!(left, "0", "a tombstone of exactly these two is gone");
    }

    async fn nobody_is_linked_whose_user_lets_no_contacts_be_used(url: String) {
        let desk = Desk::new(url).await;
        let eva = desk.customer(json!({})).await;
        let path = format!("/customers/{eva}/contact");
        for closed in ["contacts = 'none'", "contacts = NULL", "contacts = 'all', tenant_contacts = 0", "tenant_contacts = 1, state = 'disconnected'"] {
            desk.app.sql(&format!("UPDATE accounts SET {closed}")).await.unwrap();
            let refused = desk.app.post(&path, &json!({"create": true})).await.problem(409, "not-possible-now");
            assert!(refused["detail"].as_str().unwrap().contains("no Google Contacts connected"), "{closed}: {refused}");
        }
        assert!(!desk.is_pending(eva).await && !desk.is_due().await);
    }

    async fn the_losing_value_of_a_customer_is_put_back_as_an_edit(url: String) {
        let desk = Desk::new(url).await;
        let eva = desk.customer(json!({"given_name": "Evička", "emails": [{"value": "a@example.com"}],
            "phones": [{"value": "+420 601 234 567", "type": "home"}, {"value": "+420602", "type": "work"}]})).await;
        let name = desk.conflict(eva, "given_name", ("google", Some("google")), &json!({"base": "Eva", "app": "Ewa", "google": "Evička"})).await;
        let values = json!({"base": {"value": "+420600", "type": "home"}, "app": {"value": "+420603111222", "type": "home"}, "google": {"value": "+420601234567", "type": "home"}});
        let phone = desk.conflict(eva, "phones", ("google", Some("google")), &values).await;
        let shown = desk.app.get(&format!("/conflicts/{name}")).await.expect(200);
        assert_eq!((&shown["booking_id"], &shown["customer_id"], &shown["app"]), (&Value::Null, &json!(eva), &json!("Ewa")));
        let listed = desk.app.get(&format!("/conflicts?customer_id={eva}")).await.expect(200);
        assert_eq!(listed["items"].as_array().unwrap().len(), 2);
        let none = desk.app.get(&format!("/conflicts?booking_id={eva}")).await.expect(200);
        assert_eq!(none["items"], json!([]));

        desk.resolve(name, "google").await.problem(409, "not-possible-now");
        assert_eq!(desk.resolve(name, "app").await.expect(200)["state"], "restored");
        assert_eq!(desk.resolve(phone, "app").await.expect(200)["winner"], "app");
        let shown = desk.show(eva).await;
        assert_eq!((&shown["given_name"], &shown["version"]), (&json!("Ewa"), &json!(3)));
        let phones: Vec<&Value> = shown["phones"].as_array().unwrap().iter().map(|phone| &phone["value"]).collect();
        assert_eq!(phones, ["+420603111222", "+420602"], "in the winner's place, beside its neighbour");
        assert_eq!(shown["emails"][0]["value"], "a@example.com");
        assert!(desk.is_pending(eva).await && desk.is_due().await);
        let found = desk.app.get("/customers?phone=%2B420603111222").await.expect(200);
        assert_eq!(found["items"].as_array().unwrap().len(), 1);
        // And back again.
        desk.resolve(name, "google").await.expect(200);
        assert_eq!(desk.show(eva).await["given_name"], "Evička");
        let removed = desk.conflict(eva, "emails", ("google", Some("google")), &json!({"base": {"value": "a@example.com", "type": ""}, "app": null, "google": {"value": "A@example.com", "type": ""}})).await;
        desk.resolve(removed, "app").await.expect(200);
        assert_eq!(desk.show(eva).await["emails"], json!([]), "the loser had none");
    }

    async fn a_difference_at_the_first_link_is_decided_by_hand(url: String) {
        let desk = Desk::new(url).await;
        let eva = desk.customer(json!({"given_name": "Eva", "gender": "female"})).await;
        let agreed = json!({"given_name": "Eva", "gender": "female"});
        desk.link(eva, CONTACT, |link| {
            link.base_local = Some(details(agreed));
            link.base_remote = Some(details(json!({"given_name": "Evička", "gender": "unspecified"})));
        }).await;
        let by_nobody = ("first_link", None);
        let name = desk.conflict(eva, "given_name", by_nobody, &json!({"base": "", "app": "Eva", "google": "Evička"})).await;
        let gender = desk.conflict(eva, "gender", by_nobody, &json!({"base": "", "app": "female", "google": "unspecified"})).await;
        assert!(!desk.is_pending(eva).await);

        // The app's name: the customer holds it already, and Google has to follow.
        desk.resolve(name, "app").await.expect(200);
        let link = &desk.links(eva).await[0];
        let base = link.base_local.clone().unwrap();
        assert_eq!((base.given_name.as_str(), base.gender.as_str()), ("Evička", "female"), "the app's name counts as edited since");
        let shown = desk.show(eva).await;
        assert_eq!((&shown["given_name"], &shown["version"]), (&json!("Eva"), &json!(1)));
        assert!(desk.is_pending(eva).await && desk.is_due().await);
        // Google's gender: the customer takes it over.
        desk.resolve(gender, "google").await.expect(200);
        assert_eq!(desk.show(eva).await["gender"], "unspecified");
        // And the name after all.
        desk.resolve(name, "google").await.expect(200);
        assert_eq!(desk.show(eva).await["given_name"], "Evička");
    }

    async fn a_conflict_about_a_customer_that_cannot_be_resolved_says_why(url: String) {
        let desk = Desk::new(url).await;
        let eva = desk.customer(json!({"given_name": "Eva"})).await;
        let why = async |conflict, keep: &str| desk.resolve(conflict, keep).await.problem(409, "not-possible-now")["detail"].as_str().unwrap().to_owned();
        let names = json!({"base": "", "app": "Ewa", "google": "Eva"});
        let asked = desk.conflict(eva, "given_name", ("ask", None), &names).await;
        let question = desk.ask("conflict", &eva.to_string(), &["app".to_owned(), "google".to_owned()], &json!({})).await;
        assert!(why(asked, "app").await.contains("answer its question"));
        questions::answer(&desk.app.engine, desk.app.tenant, question, "google", Answerer::User(desk.app.user_id())).await.unwrap();

        let deleted = desk.conflict(eva, "contact", ("origin", Some("google")), &json!({"base": null, "app": {"given_name": "Eva"}, "google": null})).await;
        assert!(why(deleted, "app").await.contains("cannot undelete"));
        let held = desk.conflict(eva, "given_name", ("app", Some("app")), &json!({"base": "", "app": "Ewa", "google": "Eva"})).await;
        assert!(why(held, "google").await.contains("holds it already"));
        let first = desk.conflict(eva, "given_name", ("first_link", None), &json!({"base": "", "app": "Eva", "google": "Evi"})).await;
        assert!(why(first, "app").await.contains("not linked"));
        let odd = json!({"base": null, "app": null, "google": {"value": "no address", "type": ""}});
        let odd = desk.conflict(eva, "emails", ("app", Some("app")), &odd).await;
        assert!(why(odd, "google").await.contains("emails must hold email addresses"));
        let lost = desk.conflict(eva, "given_name", ("app", Some("app")), &json!({"base": "", "app": "Eva", "google": "Evi"})).await;
        desk.app.sql(&format!("DELETE FROM customers WHERE id = '{eva}'")).await.unwrap();
        assert!(why(lost, "google").await.contains("deleted"));
        assert_eq!(desk.app.get(&format!("/conflicts/{lost}")).await.expect(200)["state"], "decided");
    }
}
