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
}
