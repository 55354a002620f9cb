//! What a user allows of their contacts, at Google and at us, and what the tenant makes of it.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
mod connect_support;
mod support;

use accord::args;
use accord::domain::access::ContactsChoice;
use accord::domain::ids::{AccountId, CustomerId, LinkId, QuestionId};
use accord::engine::connect::narrow_contacts;
use accord::engine::disconnect::{pause, resume};
use accord::engine::tokens::access_token;
use accord::store::accounts::{self, AccountState};
use accord::store::contact_links::{self, ContactLink, LinkState};
use accord::store::questions::{self, QuestionRow};
use accord::store::scopes::{self, ScopeKey};
use connect_support::{ALL, Bed, Browser, Seen};
use serde_json::json;
use support::google::{ANA, CONTACTS, EVENTS, LISTS};
use support::postgres::both_databases;
use uuid::Uuid;

const EVERYTHING: &[&str] = &["openid", "email", EVENTS, LISTS, CONTACTS];
const ONLY_CONTACTS: &[&str] = &["openid", "email", EVENTS, CONTACTS];

/// Ana, as far as the page with the choices.
async fn at_choices(bed: &Bed, browser: &mut Browser, scopes: &[&str]) -> Seen {
    let arrived = bed.to_choices(browser, bed.ana, ANA, scopes).await.expect(303);
    browser.get(arrived.location()).await.expect(200)
}

/// Ana, connected with a choice of contacts.
async fn connected(bed: &Bed, choice: &str) -> AccountId {
    let mut browser = bed.browser();
    let page = at_choices(bed, &mut browser, EVERYTHING).await;
    browser.submit(&page, 0, &[("contacts", choice)]).await.expect(303);
    bed.account(bed.ana).await.unwrap().id
}

/// A label in Ana's contacts; its resource name.
async fn label(bed: &Bed, name: &str) -> String {
    let authorization = format!("Bearer person:{ANA}");
    let headers = [("authorization", authorization.as_str())];
    let body = json!({"contactGroup": {"name": name}});
    let made = bed
        .google
        .http
        .post(&bed.google.url("/v1/contactGroups"), &headers, &body)
        .await;
    made.expect(200).json()["resourceName"].as_str().unwrap().to_owned()
}

/// Whether contacts are polled.
async fn polls_contacts(bed: &Bed) -> bool {
    bed.count("SELECT COUNT(*) AS n FROM sync_scopes WHERE enabled = 1 AND calendar_id = ''")
        .await
        == 1
}

async fn polls_calendars(bed: &Bed) -> bool {
    bed.count("SELECT COUNT(*) AS n FROM sync_scopes WHERE enabled = 1 AND calendar_id <> ''")
        .await
        > 0
}

fn id(n: u8) -> Uuid {
    Uuid::from_u128(0x0190_f3c4_5b1e_7cc0_9d3a_0000_0000_0900 + u128::from(n))
}

/// A customer of Ana's about whom both sides agree.
async fn customer(bed: &Bed, n: u8) -> CustomerId {
    const SQL: &str = "INSERT INTO customers (tenant_id, id, user_id, given_name) VALUES ($1, $2, $3, 'Cora')";
    const AGREE: &str = "UPDATE row_state SET agreed_version = version WHERE kind = 'customer' AND id = $1";
    let customer = CustomerId(id(n));
    bed.sql(SQL, args![bed.tenant, customer, bed.ana]).await;
    bed.sql(AGREE, args![customer]).await;
    customer
}

async fn is_pending(bed: &Bed, customer: CustomerId) -> bool {
    let mut tx = bed.engine.db.read().await.unwrap();
    let states = accord::store::customer_states::get_many(&mut tx, bed.tenant, &[customer])
        .await
        .unwrap();
    states[0].is_pending()
}

async fn link(bed: &Bed, account: AccountId, customer: CustomerId) -> LinkId {
    let mut link = ContactLink {
        contact_id: "people/c1".to_owned(),
        ..ContactLink::new(bed.tenant, LinkId(customer.0), account, customer)
    };
    let mut tx = bed.engine.db.begin().await.unwrap();
    contact_links::put(&mut tx, &mut link).await.unwrap();
    tx.commit().await.unwrap();
    link.id
}

async fn links(bed: &Bed, account: AccountId, state: LinkState) -> usize {
    let mut tx = bed.engine.db.read().await.unwrap();
    contact_links::in_state(&mut tx, bed.tenant, account, state)
        .await
        .unwrap()
        .len()
}

/// An open question about a contact of the account, and one about an event.
async fn questions(bed: &Bed, account: AccountId) {
    for (n, calendar) in [(1, ""), (2, ANA)] {
        let id = QuestionId(id(n));
        let row = QuestionRow {
            id,
            kind: "conflict".to_owned(),
            addressee: "user".to_owned(),
            user_id: Some(bed.ana),
            account_id: account,
            calendar_id: calendar.into(),
            subject_id: id.to_string(),
            choices: vec!["app".to_owned(), "google".to_owned()],
            detail_sealed: bed
                .engine
                .seal("questions", "detail_sealed", bed.tenant, &id.to_string(), b"{}"),
            state: "open".to_owned(),
            answer: None,
            answered_by: None,
            answered_at: None,
            created_at: 0,
        };
        let mut tx = bed.engine.db.begin().await.unwrap();
        assert!(questions::insert(&mut tx, bed.tenant, &row).await.unwrap());
        tx.commit().await.unwrap();
    }
}

/// As if a pass had listed the contacts.
async fn with_token(bed: &Bed) {
    bed.sql(
        "UPDATE sync_scopes SET sync_token = 't' WHERE calendar_id = ''",
        args![],
    )
    .await;
}

/// Whether the next pass over the contacts lists everything.
async fn lists_everything(bed: &Bed, account: AccountId) -> bool {
    let mut tx = bed.engine.db.read().await.unwrap();
    let scopes = scopes::status(&mut tx, bed.tenant, Some(account)).await.unwrap();
    scopes.iter().find(|scope| scope.key.is_contacts()).unwrap().full
}

both_databases! {
    async fn nothing_is_preset_about_contacts_and_nothing_begins_without_an_answer(url: String) {
        let bed = Bed::new(&url).await;
        let mut browser = bed.browser();
        let page = at_choices(&bed, &mut browser, EVERYTHING).await;
        page.says("All my contacts");
        page.says("None: nothing is read from my contacts");
        for input in page.body.split("<input ").filter(|input| input.contains("name=\"contacts\"")) {
            assert!(!input[..input.find('>').unwrap()].contains("checked"), "{input}");
        }
        browser.submit(&page, 0, &[]).await.expect(422).says("choose which contacts may be read and changed");
        browser.submit(&page, 0, &[("contacts", "some")]).await.expect(422).says("choose which contacts");
        assert_eq!(bed.account(bed.ana).await.unwrap().state, AccountState::Choosing);
        assert_eq!(bed.polled().await, 0);

        let waiting = customer(&bed, 1).await;
        let refused = browser.submit(&page, 0, &[("contacts", "all"), ("read", "")]).await.expect(422);
        refused.says("must be read too");
        assert!(refused.body.contains("value=\"all\" required checked"), "what was chosen stays chosen");
        browser.submit(&page, 0, &[("contacts", "all")]).await.expect(303);
        let account = bed.account(bed.ana).await.unwrap();
        assert_eq!((account.state, account.contacts), (AccountState::Active, Some(ContactsChoice::All)));
        assert!(polls_contacts(&bed).await && polls_calendars(&bed).await);
        assert!(is_pending(&bed, waiting).await, "customers of before become contacts");
        assert_eq!(bed.asked("contacts.list").await, 0, "a pass reads, no page does");
    }

    async fn a_label_is_chosen_from_the_users_own_and_the_starred(url: String) {
        let bed = Bed::new(&url).await;
        let mut browser = bed.browser();
        let (clients, ours) = (label(&bed, "Clients <b>").await, label(&bed, "Acme & Sons").await);
        at_choices(&bed, &mut browser, EVERYTHING).await;
        let account = bed.account(bed.ana).await.unwrap().id;
        let mut tx = bed.engine.db.begin().await.unwrap();
        accounts::set_contact_group(&mut tx, bed.tenant, account, Some(&ours)).await.unwrap();
        tx.commit().await.unwrap();
        let page = at_choices(&bed, &mut browser, EVERYTHING).await;
        page.says("Clients &lt;b&gt;");
        page.says("value=\"contactGroups&#x2f;starred\"");
        for hidden in [ours.rsplit('/').next().unwrap(), "myContacts", "friends"] {
            assert!(!page.body.contains(hidden), "{hidden}");
        }
        let unknown = browser.submit(&page, 0, &[("contacts", "contactGroups/none-such")]).await;
        unknown.expect(422).says("no longer among your contacts");
        browser.submit(&page, 0, &[("contacts", "contactGroups/myContacts")]).await.expect(422);
        browser.submit(&page, 0, &[("contacts", &clients)]).await.expect(303);
        let chosen = ContactsChoice::Label { group: clients.clone(), name: "Clients <b>".to_owned() };
        assert_eq!(bed.account(bed.ana).await.unwrap().contacts, Some(chosen.clone()));
        assert!(polls_contacts(&bed).await);

        // Another choice on the user's page; and while Google shows no labels, what stands can stay.
        let page = bed.sign_in(&mut browser, ANA).await.expect(200);
        page.says(&format!("value=\"{}\" required checked", clients.replace('/', "&#x2f;")));
        browser.submit(&page, 0, &[("contacts", "contactGroups/starred")]).await.expect(303);
        let starred = ContactsChoice::Label { group: "contactGroups/starred".to_owned(), name: "Starred".to_owned() };
        assert_eq!(bed.account(bed.ana).await.unwrap().contacts, Some(starred.clone()));
        bed.fault("/v1/contactGroups", 1, json!({"status": 403})).await;
        let page = browser.get(&format!("/me/{}", bed.tenant)).await.expect(200);
        page.says("Google does not show your labels");
        browser.submit(&page, 0, &[("private", "shown")]).await.expect(303);
        assert_eq!(bed.account(bed.ana).await.unwrap().contacts, Some(starred));
    }

    /// Checklist line 5.
    async fn an_unticked_contacts_box_turns_off_the_contacts_alone_and_says_how_to_get_them(url: String) {
        let bed = Bed::new(&url).await;
        let mut browser = bed.browser();
        let page = at_choices(&bed, &mut browser, ALL).await;
        page.says("Contacts are off");
        assert!(!page.body.contains("name=\"contacts\""));
        // At once: the same page leads to Google once more.
        let departure = browser.submit(&page, 1, &[]).await.expect(303);
        let back = bed.at_google(&departure, ANA, ALL, "allow").await;
        let arrived = browser.get(&back).await.expect(303);
        let page = browser.get(arrived.location()).await.expect(200);
        browser.submit(&page, 0, &[("contacts", "all")]).await.expect(303);
        let account = bed.account(bed.ana).await.unwrap();
        assert_eq!((account.state, account.last_error, account.contacts), (AccountState::Active, None, None), "what was not asked is not taken");
        assert!(polls_calendars(&bed).await && !polls_contacts(&bed).await);
        // Or later, on the user's page.
        let page = bed.sign_in(&mut browser, ANA).await.expect(200);
        page.says("Contacts are off");
        let started = browser.submit(&page, 1, &[]).await.expect(303);
        let page = browser.get(started.location()).await.expect(200);
        let departure = browser.submit(&page, 0, &[]).await.expect(303);
        let back = bed.at_google(&departure, ANA, EVERYTHING, "allow").await;
        let arrived = browser.get(&back).await.expect(303);
        assert_eq!(bed.account(bed.ana).await.unwrap().state, AccountState::Active, "the calendar goes on meanwhile");
        assert!(!polls_contacts(&bed).await, "not before the user says which");
        let page = browser.get(arrived.location()).await.expect(200);
        browser.submit(&page, 0, &[("contacts", "all")]).await.expect(303);
        assert!(polls_contacts(&bed).await && polls_calendars(&bed).await);
    }

    async fn contacts_work_without_the_calendar(url: String) {
        let bed = Bed::new(&url).await;
        let mut browser = bed.browser();
        let page = at_choices(&bed, &mut browser, ONLY_CONTACTS).await;
        page.says("The calendar is off");
        assert!(!page.body.contains("name=\"read\""));
        browser.submit(&page, 0, &[("contacts", "none")]).await.expect(422).says("nothing is read");
        browser.submit(&page, 0, &[("contacts", "all")]).await.expect(303);
        let account = bed.account(bed.ana).await.unwrap();
        assert_eq!(account.state, AccountState::Active);
        assert_eq!(account.last_error.as_deref(), Some("the user does not allow access to the calendar"));
        assert!(polls_contacts(&bed).await && !polls_calendars(&bed).await);
        let page = bed.sign_in(&mut browser, ANA).await.expect(200);
        page.says("The calendar is off");
        page.says("Connect again");

        // With the calendar it is as if nothing had been missing.
        let page = at_choices(&bed, &mut browser, EVERYTHING).await;
        assert!(page.body.contains("value=\"all\" required checked"), "the answer of before");
        browser.submit(&page, 0, &[]).await.expect(303);
        assert_eq!(bed.account(bed.ana).await.unwrap().last_error, None);
        assert!(polls_contacts(&bed).await && polls_calendars(&bed).await);
        // Without it again, the choices about calendars are kept.
        bed.google.switch("tokens/drop_scope", &json!({"email": ANA, "scope": LISTS})).await;
        let page = at_choices(&bed, &mut browser, ONLY_CONTACTS).await;
        browser.submit(&page, 0, &[]).await.expect(303);
        assert!(polls_contacts(&bed).await && !polls_calendars(&bed).await);
        let calendars = bed.calendars(account.id).await;
        assert!(calendars.iter().any(|calendar| calendar.user_reads && calendar.frozen.is_none()));
    }

    async fn contacts_alone_can_be_chosen_of_both(url: String) {
        let bed = Bed::new(&url).await;
        let mut browser = bed.browser();
        let page = at_choices(&bed, &mut browser, EVERYTHING).await;
        browser.submit(&page, 0, &[("read", ""), ("write", ""), ("contacts", "none")]).await.expect(422).says("Tick at least one");
        browser.submit(&page, 0, &[("read", ""), ("write", ""), ("contacts", "all")]).await.expect(303);
        assert!(polls_contacts(&bed).await && !polls_calendars(&bed).await);
        assert_eq!(bed.account(bed.ana).await.unwrap().last_error, None);
    }

    async fn whoever_ends_it_freezes_the_links_and_whoever_allows_it_again_lists_everything(url: String) {
        let bed = Bed::new(&url).await;
        let account = connected(&bed, "all").await;
        let (linked, unlinked) = (customer(&bed, 1).await, customer(&bed, 2).await);
        link(&bed, account, linked).await;
        questions(&bed, account).await;
        with_token(&bed).await;
        let mut browser = bed.browser();
        let page = bed.sign_in(&mut browser, ANA).await.expect(200);
        // The questions come first on the page.
        browser.submit(&page, 2, &[("contacts", "none")]).await.expect(303);
        assert!(!polls_contacts(&bed).await && polls_calendars(&bed).await);
        assert_eq!((links(&bed, account, LinkState::Frozen).await, links(&bed, account, LinkState::Live).await), (1, 0));
        let open = "SELECT COUNT(*) AS n FROM questions WHERE state = 'open' AND calendar_id";
        assert_eq!(bed.count(&*format!("{open} = ''").leak()).await, 0, "nobody needs to answer any more");
        assert_eq!(bed.count(&*format!("{open} <> ''").leak()).await, 1);
        let page = browser.get(&format!("/me/{}", bed.tenant)).await.expect(200);
        browser.submit(&page, 1, &[("contacts", "all")]).await.expect(303);
        assert!(polls_contacts(&bed).await);
        assert!(lists_everything(&bed, account).await, "frozen links are found again only so");
        assert!(is_pending(&bed, unlinked).await && !is_pending(&bed, linked).await);
    }

    async fn a_tenant_narrows_contacts_to_none_and_takes_that_back(url: String) {
        let bed = Bed::new(&url).await;
        let account = connected(&bed, "all").await;
        let linked = customer(&bed, 1).await;
        link(&bed, account, linked).await;
        let stands = narrow_contacts(&bed.engine, bed.tenant, account, false).await.unwrap();
        assert_eq!((stands.choice, stands.in_force), (Some(ContactsChoice::All), false), "the user's word stays");
        assert!(!polls_contacts(&bed).await && polls_calendars(&bed).await);
        assert_eq!(links(&bed, account, LinkState::Frozen).await, 1);
        let mut browser = bed.browser();
        let page = bed.sign_in(&mut browser, ANA).await.expect(200);
        page.says("does not use contacts at present");
        browser.submit(&page, 0, &[]).await.expect(303);
        assert!(!polls_contacts(&bed).await, "the user cannot widen what the tenant narrowed");
        let stands = narrow_contacts(&bed.engine, bed.tenant, account, true).await.unwrap();
        assert!(stands.in_force && polls_contacts(&bed).await);
    }

    async fn a_pause_leaves_the_links_as_they_are(url: String) {
        let bed = Bed::new(&url).await;
        let account = connected(&bed, "all").await;
        let linked = customer(&bed, 1).await;
        link(&bed, account, linked).await;
        with_token(&bed).await;
        pause(&bed.engine, bed.tenant, account).await.unwrap();
        assert_eq!(bed.polled().await, 0);
        assert_eq!(links(&bed, account, LinkState::Live).await, 1);
        resume(&bed.engine, bed.tenant, account).await.unwrap();
        assert!(polls_contacts(&bed).await && !lists_everything(&bed, account).await);
    }

    async fn contacts_access_that_is_taken_back_stops_the_contacts_alone(url: String) {
        let bed = Bed::new(&url).await;
        let account = connected(&bed, "all").await;
        let linked = customer(&bed, 1).await;
        link(&bed, account, linked).await;
        bed.google.switch("tokens/drop_scope", &json!({"email": ANA, "scope": CONTACTS})).await;
        bed.pass(3_600).await;
        access_token(&bed.engine, bed.tenant, account).await.unwrap();
        let known = bed.account_by_id(account).await;
        assert_eq!(known.state, AccountState::Active);
        assert_eq!(known.last_error.as_deref(), Some("the user does not allow access to the contacts"));
        assert!(!polls_contacts(&bed).await && polls_calendars(&bed).await);
        assert_eq!(links(&bed, account, LinkState::Live).await, 1, "a lost permission ends nothing");
        // Saying none is an answer to that.
        let mut browser = bed.browser();
        let arrived = bed.to_choices(&mut browser, bed.ana, ANA, EVERYTHING).await.expect(303);
        assert!(polls_contacts(&bed).await, "the old choice is in force at once");
        let page = browser.get(arrived.location()).await.expect(200);
        browser.submit(&page, 0, &[("contacts", "none")]).await.expect(303);
        let known = bed.account_by_id(account).await;
        assert_eq!((known.contacts, known.last_error), (Some(ContactsChoice::None), None));
    }

    async fn the_calendar_that_is_taken_back_leaves_the_contacts(url: String) {
        let bed = Bed::new(&url).await;
        let account = connected(&bed, "all").await;
        bed.google.switch("tokens/drop_scope", &json!({"email": ANA, "scope": EVENTS})).await;
        bed.pass(3_600).await;
        access_token(&bed.engine, bed.tenant, account).await.unwrap();
        assert!(polls_contacts(&bed).await && !polls_calendars(&bed).await);
    }

    async fn the_contacts_are_no_calendar_that_a_lost_lead_waits_for(url: String) {
        let bed = Bed::new(&url).await;
        let account = connected(&bed, "all").await;
        let calendar = ScopeKey { tenant: bed.tenant, account, calendar: ANA.into() };
        let booking = accord::domain::ids::BookingId(id(1));
        let mut tx = bed.engine.db.read().await.unwrap();
        assert!(scopes::all_looked_since(&mut tx, &calendar, booking, 5).await.unwrap());
        assert_eq!(scopes::others(&mut tx, &calendar, booking).await.unwrap(), []);
    }
}
