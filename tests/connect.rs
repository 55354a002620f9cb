//! Connecting a Google account, walked as a person does: every page, every redirect, every wrong turn.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
mod connect_support;
mod support;

use accord::store::accounts::AccountState;
use connect_support::{ALL, BEA, Bed, sub};
use support::google::{ANA, CONTACTS, EVENTS, LISTS};
use support::http::query_of;
use support::postgres::both_databases;

both_databases! {
    async fn a_user_connects_chooses_and_is_polled(url: String) {
        let bed = Bed::new(&url).await;
        let mut browser = bed.browser();
        let link = bed.link(bed.ana).await;
        let page = browser.get(&link).await.expect(200);
        for words in ["Acme &amp; Sons", "Ana Ruiz", "What is read", "What is written", "Who sees it"] {
            page.says(words);
        }
        let departure = browser.submit(&page, 0, &[]).await.expect(303);
        let asked = query_of(departure.location());
        assert_eq!(asked["access_type"], "offline");
        assert_eq!(asked["prompt"], "consent");
        assert_eq!(asked["code_challenge_method"], "S256");
        assert_eq!(asked["login_hint"], ANA);
        assert_eq!(asked["scope"], format!("openid email {EVENTS} {LISTS} {CONTACTS}"));
        let back = bed.at_google(&departure, ANA, ALL, "allow").await;
        let arrived = browser.get(&back).await.expect(303);

        let account = bed.account(bed.ana).await.unwrap();
        assert_eq!((account.state, account.sub.as_str()), (AccountState::Choosing, &*sub(&bed.google, ANA).await));
        assert_eq!(bed.polled().await, 0, "nothing is read before the choices");
        assert_eq!(bed.asked("events.list").await, 0);

        let page = browser.get(arrived.location()).await.expect(200);
        page.says("Choose your calendars");
        page.says(ANA);
        page.says("(your own calendar)");
        let chosen = browser.submit(&page, 0, &[]).await.expect(303);
        browser.get(chosen.location()).await.expect(200).says("your Google account is connected");

        let account = bed.account(bed.ana).await.unwrap();
        assert_eq!(account.state, AccountState::Active);
        assert!(!account.private_events_shown);
        let calendars = bed.calendars(account.id).await;
        let primary = calendars.iter().find(|calendar| calendar.is_primary).unwrap();
        assert!(primary.reads && primary.writes && primary.user_reads && primary.user_writes);
        assert!(calendars.iter().all(|calendar| calendar.is_primary || !calendar.reads && !calendar.writes));
        assert_eq!(bed.polled().await, 1);
        assert!(bed.stored(account.id, "refresh_token").await.unwrap().starts_with("1//"));
    }

    /// Scenario 49; checklist line 5.
    async fn an_unticked_calendar_box_turns_off_the_calendar_and_says_so(url: String) {
        let bed = Bed::new(&url).await;
        let mut browser = bed.browser();
        let page = bed.to_choices(&mut browser, bed.ana, ANA, &["openid", "email", EVENTS]).await.expect(200);
        page.says("without any access");
        let account = bed.account(bed.ana).await.unwrap();
        assert_eq!(account.state, AccountState::Choosing);
        assert!(account.last_error.unwrap().contains("calendar"));
        assert_eq!(bed.polled().await, 0);
        // The page leads on: the same browser asks once more and ticks everything.
        let page = browser.submit(&page, 0, &[]).await.expect(200);
        let departure = browser.submit(&page, 0, &[]).await.expect(303);
        let back = bed.at_google(&departure, ANA, ALL, "allow").await;
        let arrived = browser.get(&back).await.expect(303);
        let page = browser.get(arrived.location()).await.expect(200);
        browser.submit(&page, 0, &[]).await.expect(303);
        let account = bed.account(bed.ana).await.unwrap();
        assert_eq!((account.state, account.last_error), (AccountState::Active, None));
        assert_eq!(bed.polled().await, 1);
    }

    /// Checklist line 4.
    async fn a_user_who_says_no_is_not_connected_and_can_try_again(url: String) {
        let bed = Bed::new(&url).await;
        let mut browser = bed.browser();
        let page = browser.get(&bed.link(bed.ana).await).await.expect(200);
        let departure = browser.submit(&page, 0, &[]).await.expect(303);
        let back = bed.at_google(&departure, ANA, &[], "deny").await;
        let told = browser.get(&back).await.expect(403);
        told.says("Not connected");
        assert!(bed.account(bed.ana).await.is_none());
        assert_eq!(bed.count("SELECT COUNT(*) AS n FROM connects WHERE verifier_sealed IS NOT NULL").await, 0);
        let again = browser.submit(&told, 0, &[]).await.expect(200);
        let departure = browser.submit(&again, 0, &[]).await.expect(303);
        let back = bed.at_google(&departure, ANA, ALL, "allow").await;
        browser.get(&back).await.expect(303);
        assert!(bed.account(bed.ana).await.is_some());
    }

    async fn an_answer_of_google_is_used_once(url: String) {
        let bed = Bed::new(&url).await;
        let mut browser = bed.browser();
        let link = bed.link(bed.ana).await;
        let page = browser.get(&link).await.expect(200);
        let departure = browser.submit(&page, 0, &[]).await.expect(303);
        let back = bed.at_google(&departure, ANA, ALL, "allow").await;
        let arrived = browser.get(&back).await.expect(303);
        // Loading the answer again leads on to where one was, without asking Google.
        let replayed = browser.get(&back).await.expect(303);
        assert_eq!(arrived.location(), replayed.location());
        assert_eq!(bed.asked("token").await, 1);
        let page = browser.get(arrived.location()).await.expect(200);
        browser.submit(&page, 0, &[]).await.expect(303);
        // A second click on the same form, and the answer once more, change nothing.
        let twice = browser.submit(&page, 0, &[]).await.expect(303);
        browser.get(twice.location()).await.expect(200).says("Done");
        browser.get(&back).await.expect(409).says("done already");
        bed.browser().get(&link).await.expect(403).says("another browser");
        assert_eq!(bed.asked("token").await, 1);
    }

    async fn a_newer_attempt_voids_the_older_state(url: String) {
        let bed = Bed::new(&url).await;
        let mut browser = bed.browser();
        let page = browser.get(&bed.link(bed.ana).await).await.expect(200);
        let first = browser.submit(&page, 0, &[]).await.expect(303);
        let old = bed.at_google(&first, ANA, ALL, "allow").await;
        let second = browser.submit(&page, 0, &[]).await.expect(303);
        browser.get(&old).await.expect(409).says("This step was taken already");
        let new = bed.at_google(&second, ANA, ALL, "allow").await;
        browser.get(&new).await.expect(303);
    }

    async fn links_and_answers_expire(url: String) {
        let bed = Bed::new(&url).await;
        let mut browser = bed.browser();
        let link = bed.link(bed.ana).await;
        let page = browser.get(&link).await.expect(200);
        let departure = browser.submit(&page, 0, &[]).await.expect(303);
        let back = bed.at_google(&departure, ANA, ALL, "allow").await;
        let late = bed.link(bed.bea).await;
        bed.pass(15 * 60).await;
        browser.get(&back).await.expect(410).says("expired");
        bed.browser().get(&late).await.expect(410).says("new link");
        assert!(bed.account(bed.ana).await.is_none());
        assert_eq!(bed.asked("token").await, 0);
    }

    async fn another_browser_cannot_bring_the_answer(url: String) {
        let bed = Bed::new(&url).await;
        let mut browser = bed.browser();
        let page = browser.get(&bed.link(bed.ana).await).await.expect(200);
        let departure = browser.submit(&page, 0, &[]).await.expect(303);
        let back = bed.at_google(&departure, BEA, ALL, "allow").await;
        bed.browser().get(&back).await.expect(403).says("another browser");
        let mut known = bed.browser();
        known.get(&bed.link(bed.bea).await).await.expect(200);
        known.get(&back).await.expect(403).says("another browser");
        assert_eq!(bed.asked("token").await, 0);
        // The right one still can.
        browser.get(&back).await.expect(303);
    }

    async fn a_state_that_is_not_ours_is_refused(url: String) {
        let bed = Bed::new(&url).await;
        let mut browser = bed.browser();
        browser.get(&bed.link(bed.ana).await).await.expect(200);
        for state in ["", "x", "a.b.c", &format!("{}.{}.secret", bed.tenant, bed.ana)] {
            browser.get(&format!("/oauth/callback?state={state}&code=4/x")).await.expect(404).says("not known");
        }
        browser.get("/oauth/callback").await.expect(404).says("not known");
        browser.get("/connect/nonsense").await.expect(404).says("not known");
        assert_eq!(bed.asked("token").await, 0);
    }

    async fn a_form_from_another_site_does_nothing(url: String) {
        let bed = Bed::new(&url).await;
        let mut browser = bed.browser();
        let link = bed.link(bed.ana).await;
        browser.get(&link).await.expect(200);
        browser.post(&format!("{link}/google"), &[("form", "guessed")]).await.expect(403).says("cannot be used");
        let arrived = bed.to_choices(&mut browser, bed.ana, ANA, ALL).await.expect(303);
        browser.post(arrived.location(), &[("read", ANA)]).await.expect(403);
        assert_eq!(bed.account(bed.ana).await.unwrap().state, AccountState::Choosing);
    }

    /// Scenario 49.
    async fn another_google_account_is_refused_and_its_grant_given_back(url: String) {
        let bed = Bed::new(&url).await;
        let account = bed.connect(bed.ana, ANA).await;
        let mut browser = bed.browser();
        let told = bed.to_choices(&mut browser, bed.ana, BEA, ALL).await.expect(409);
        told.says("Another Google account is connected");
        told.says(ANA);
        assert_eq!(bed.account(bed.ana).await.unwrap(), account);
        assert_eq!(accord::engine::disconnect::run_revocations(&bed.engine).await.unwrap(), 1);
        assert_eq!(bed.asked("revoke").await, 1);
        assert_eq!(bed.count("SELECT COUNT(*) AS n FROM revocations").await, 0);
    }

    async fn whoever_picked_the_wrong_google_account_may_pick_another_before_choosing(url: String) {
        let bed = Bed::new(&url).await;
        let mut browser = bed.browser();
        let wrong = bed.to_choices(&mut browser, bed.ana, BEA, ALL).await.expect(303);
        browser.get(wrong.location()).await.expect(200).says(BEA);
        let arrived = bed.to_choices(&mut browser, bed.ana, ANA, ALL).await.expect(303);
        browser.get(arrived.location()).await.expect(200).says(ANA);
        assert_eq!(bed.account(bed.ana).await.unwrap().sub, sub(&bed.google, ANA).await);
        assert_eq!(bed.count("SELECT COUNT(*) AS n FROM accounts").await, 1);
        assert_eq!(accord::engine::disconnect::run_revocations(&bed.engine).await.unwrap(), 1, "the wrong one's grant");
        assert_eq!(bed.asked("revoke").await, 1);
        accord::engine::tokens::access_token(&bed.engine, bed.tenant, bed.account(bed.ana).await.unwrap().id).await.unwrap();
        // The page of the wrong one leads nowhere.
        browser.get(wrong.location()).await.expect(409);
    }

    async fn a_google_account_of_another_user_is_refused_and_goes_on_working(url: String) {
        let bed = Bed::new(&url).await;
        let account = bed.connect(bed.ana, ANA).await;
        let mut browser = bed.browser();
        bed.to_choices(&mut browser, bed.bea, ANA, ALL).await.expect(409).says("belongs to another user");
        assert!(bed.account(bed.bea).await.is_none());
        assert_eq!(bed.account(bed.ana).await.unwrap(), account);
        assert_eq!(bed.count("SELECT COUNT(*) AS n FROM revocations").await, 0, "revoking would end Ana's connection");
    }

    /// Scenario 49.
    async fn the_same_identity_finds_its_account_and_its_choices_again(url: String) {
        let bed = Bed::new(&url).await;
        let mut browser = bed.browser();
        let arrived = bed.to_choices(&mut browser, bed.ana, ANA, ALL).await;
        let page = browser.get(arrived.location()).await.expect(200);
        browser.submit(&page, 0, &[("write", ""), ("private", "shown")]).await.expect(303);
        let first = bed.account(bed.ana).await.unwrap();
        let ending = accord::engine::disconnect::Ending::default();
        accord::engine::disconnect::disconnect(&bed.engine, bed.tenant, first.id, ending).await.unwrap();
        assert!(bed.account(bed.ana).await.is_none());

        let arrived = bed.to_choices(&mut browser, bed.ana, ANA, ALL).await.expect(303);
        let again = bed.account(bed.ana).await.unwrap();
        assert_eq!((again.id, again.state), (first.id, AccountState::Choosing));
        assert_eq!(bed.count("SELECT COUNT(*) AS n FROM revocations").await, 0, "the grant is wanted again");
        let page = browser.get(arrived.location()).await.expect(200);
        browser.submit(&page, 0, &[]).await.expect(303);
        let again = bed.account(bed.ana).await.unwrap();
        assert!(again.private_events_shown);
        let calendars = bed.calendars(again.id).await;
        assert!(calendars.iter().any(|calendar| calendar.reads) && !calendars.iter().any(|calendar| calendar.writes));
        assert!(calendars.iter().all(|calendar| !calendar.reads || calendar.frozen.is_none()));
        assert_eq!(bed.polled().await, 1);
    }

    async fn only_listed_calendars_that_are_read_can_be_written_to(url: String) {
        let bed = Bed::new(&url).await;
        let mut browser = bed.browser();
        let arrived = bed.to_choices(&mut browser, bed.ana, ANA, ALL).await;
        let page = browser.get(arrived.location()).await.expect(200);
        browser.submit(&page, 0, &[("read", "")]).await.expect(422).says("must be read too");
        browser.submit(&page, 0, &[("read", ""), ("write", "")]).await.expect(422).says("Tick at least one");
        browser.submit(&page, 0, &[("read", "someone@else.example")]).await.expect(422).says("no longer in the list");
        assert_eq!(bed.account(bed.ana).await.unwrap().state, AccountState::Choosing);
        assert_eq!(bed.polled().await, 0);
    }

    async fn a_google_that_is_down_connects_nothing_half(url: String) {
        let bed = Bed::new(&url).await;
        let mut browser = bed.browser();
        bed.fault("/token", 1, serde_json::json!({"status": 503})).await;
        bed.to_choices(&mut browser, bed.ana, ANA, ALL).await.expect(503).says("Google cannot be reached");
        assert!(bed.account(bed.ana).await.is_none());
        // Tokens that nobody could be named for go back, once Google says whose they are.
        bed.fault("/v1/userinfo", 1, serde_json::json!({"status": 500})).await;
        bed.to_choices(&mut browser, bed.ana, ANA, ALL).await.expect(503);
        assert!(bed.account(bed.ana).await.is_none());
        assert_eq!(bed.count("SELECT COUNT(*) AS n FROM revocations").await, 1);
        assert_eq!(accord::engine::disconnect::run_revocations(&bed.engine).await.unwrap(), 1);
        assert_eq!(bed.asked("revoke").await, 1);
    }
}
