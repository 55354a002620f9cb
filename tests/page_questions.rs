//! Questions about contacts on the user's own page.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
mod connect_support;
mod support;

use accord::args;
use accord::domain::ids::{CalendarId, CustomerId, QuestionId};
use accord::store::contact_links::{self, ContactLink, LinkWaiting};
use accord::store::contact_matches;
use accord::store::questions::{self, QuestionRow};
use connect_support::Bed;
use serde_json::{Value, json};
use support::google::ANA;
use support::postgres::both_databases;
use uuid::Uuid;

fn customer(last: u8) -> CustomerId {
    CustomerId(Uuid::from_u128(
        0x0190_f3c4_5b1e_7cc0_9d3a_0000_0000_0000 + u128::from(last),
    ))
}

/// Asks Ana something about her contacts.
async fn ask(bed: &Bed, kind: &str, subject: &str, choices: Vec<String>, detail: Value) {
    let id = QuestionId(bed.engine.fresh_uuid());
    let row = QuestionRow {
        id,
        kind: kind.to_owned(),
        addressee: "user".to_owned(),
        user_id: Some(bed.ana),
        account_id: bed.account(bed.ana).await.unwrap().id,
        calendar_id: CalendarId(String::new()),
        subject_id: subject.to_owned(),
        choices,
        detail_sealed: bed.engine.seal(
            "questions",
            "detail_sealed",
            bed.tenant,
            &id.to_string(),
            detail.to_string().as_bytes(),
        ),
        state: "open".to_owned(),
        answer: None,
        answered_by: None,
        created_at: 0,
        answered_at: None,
    };
    let mut tx = bed.engine.db.begin().await.unwrap();
    assert!(questions::insert(&mut tx, bed.tenant, &row).await.unwrap());
    tx.commit().await.unwrap();
}

async fn add_customer(bed: &Bed, id: CustomerId, name: &str) {
    const SQL: &str = "INSERT INTO customers (tenant_id, id, user_id, given_name) VALUES ($1, $2, $3, $4)";
    bed.sql(SQL, args![bed.tenant, id, bed.ana, name]).await;
}

both_databases! {
    async fn a_contact_is_shown_beside_the_customers_that_it_may_be(url: String) {
        let bed = Bed::new(&url).await;
        let account = bed.connect(bed.ana, ANA).await.id;
        let (eva, gone) = (customer(11), customer(12));
        add_customer(&bed, eva, "Eva").await;
        let mut tx = bed.engine.db.begin().await.unwrap();
        contact_matches::set(&mut tx, bed.tenant, account, "people/c1", &[eva, gone]).await.unwrap();
        tx.commit().await.unwrap();
        let detail = json!({"contact_id": "people/c1",
            "contact": {"name": "Eva <b>\u{202e}", "emails": ["eva@example.com"], "phones": ["+420601"]},
            "candidates": [
                {"customer_id": eva, "name": "Eva", "emails": ["eva@example.com"], "phones": []},
                {"customer_id": gone, "name": "", "emails": [], "phones": ["<i>"]},
                {"customer_id": customer(13), "name": "No choice", "emails": [], "phones": []},
            ]});
        let choices = vec![format!("link:{eva}"), format!("link:{gone}"), "separate".to_owned()];
        ask(&bed, "match", "people/c1", choices, detail).await;

        let mut browser = bed.browser();
        let page = bed.sign_in(&mut browser, ANA).await.expect(200);
        for words in [
            "<bdi>Eva &lt;b&gt;\u{202e}</bdi>", "<bdi>eva@example.com</bdi>", "<bdi>+420601</bdi>", "It is <bdi>Eva</bdi>",
            "It is <bdi>A customer without a name</bdi>", "<bdi>&lt;i&gt;</bdi>", "It is somebody else", "In your contacts",
        ] {
            page.says(words);
        }
        assert!(!page.body.contains("No choice") && !page.body.contains("<i>"));
        // A customer that is no more: the page says so, and the question stays.
        let refused = browser.submit(&page, 0, &[("answer", &format!("link:{gone}"))]).await.expect(409);
        refused.says("does not exist any more");
        refused.says("It is somebody else");
        let answered = "SELECT COUNT(*) AS n FROM contact_matches WHERE answer IS NOT NULL";
        assert_eq!(bed.count(answered).await, 0);
        browser.submit(&page, 0, &[("answer", &format!("link:{eva}"))]).await.expect(303);
        assert_eq!(bed.count("SELECT COUNT(*) AS n FROM contact_matches WHERE answer = 'link'").await, 1);
        assert_eq!(bed.count("SELECT COUNT(*) AS n FROM questions WHERE answered_by = 'user'").await, 1);
    }

    async fn a_conflict_about_a_customer_shows_both_sides_of_each_value(url: String) {
        let bed = Bed::new(&url).await;
        let account = bed.connect(bed.ana, ANA).await.id;
        let eva = customer(11);
        add_customer(&bed, eva, "Eva").await;
        let id = accord::domain::ids::LinkId(bed.engine.fresh_uuid());
        let mut link = ContactLink { waiting: Some(LinkWaiting::Conflict), contact_id: "people/c1".to_owned(), ..ContactLink::new(bed.tenant, id, account, eva) };
        let mut tx = bed.engine.db.begin().await.unwrap();
        contact_links::put(&mut tx, &mut link).await.unwrap();
        tx.commit().await.unwrap();
        let detail = json!({"customer_id": eva, "name": "Eva & Co", "fields": [
            {"field": "phones", "base": {"value": "1", "type": ""}, "app": {"value": "+420601", "type": "work"}, "google": null},
            {"field": "birthday", "base": null, "app": {"month": 2, "day": 29}, "google": {"year": 1999, "month": 3, "day": 1}},
            {"field": "given_name", "base": "", "app": "<Eva>", "google": ""},
        ]});
        ask(&bed, "conflict", &eva.to_string(), vec!["app".to_owned(), "google".to_owned()], detail).await;
        let mut browser = bed.browser();
        let page = bed.sign_in(&mut browser, ANA).await.expect(200);
        for words in [
            "Eva &amp; Co", "Phone number", "in the app: <bdi>+420601 (work)</bdi>", "in your contacts: <bdi>nothing</bdi>",
            "in the app: <bdi>29 February</bdi>", "in your contacts: <bdi>1 March 1999</bdi>", "<bdi>&lt;Eva&gt;</bdi>",
            "My contacts&#x27; version",
        ] {
            page.says(words);
        }
        browser.submit(&page, 0, &[("answer", "google")]).await.expect(303);
        assert_eq!(bed.count("SELECT COUNT(*) AS n FROM contact_links WHERE waiting = 'conflict' AND answer = 'google'").await, 1);
    }
}
