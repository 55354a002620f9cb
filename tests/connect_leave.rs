//! Signing in, narrowing, pausing and leaving.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
mod connect_support;
mod support;

use accord::args;
use accord::domain::ids::{CalendarId, TenantId};
use accord::engine::connect::{ConnectError, Narrowing, Refusal, narrow};
use accord::engine::disconnect::{
    Ending, ReadData, WrittenItems, continue_disconnects, disconnect, pause, resume, run_revocations,
};
use accord::engine::housekeeping::{Retention, sweep};
use accord::engine::sync_now;
use accord::engine::tokens::{TokenError, access_token};
use accord::store::Backend;
use accord::store::accounts::AccountState;
use connect_support::{ALL, BEA, Bed};
use serde_json::json;
use support::google::{ANA, event};
use support::postgres::both_databases;

const REVOCATIONS: &str = "SELECT COUNT(*) AS n FROM revocations";
const BOOKINGS: &str = "SELECT COUNT(*) AS n FROM bookings";

/// A booking in Ana's calendar; `hours` after now it ends.
async fn booking(bed: &Bed, n: u8, origin: &str, hours: i64, event: &str) {
    const BOOKING: &str = "INSERT INTO bookings (tenant_id, id, user_id, title, starts_local, ends_local, time_zone, origin) \
         VALUES ($1, $2, $3, 'secret title', '2026-03-02T10:00:00', '2026-03-02T11:00:00', 'UTC', $4)";
    const TIMES: &str = "INSERT INTO booking_times (tenant_id, booking_id, starts_at, ends_at, last_ends_at, tzdb) \
         VALUES ($1, $2, $3, $3, $3, 'x')";
    const PLACEMENT: &str = "INSERT INTO placements (tenant_id, calendar_id, event_id, booking_id, account_id, is_lead, state, is_ours) \
         SELECT $1, $2, $3, $4, id, 1, 'live', $5 FROM accounts WHERE tenant_id = $1 AND user_id = $6";
    let id = format!("0190f3c4-5b1e-7cc0-9d3a-0000000001{n:02}");
    let ends = bed.engine.now_ms() + hours * 3_600_000;
    bed.sql(BOOKING, args![bed.tenant, &id, bed.ana, origin]).await;
    bed.sql(TIMES, args![bed.tenant, &id, ends]).await;
    bed.sql(PLACEMENT, args![bed.tenant, ANA, event, &id, origin == "app", bed.ana])
        .await;
}

async fn customer(bed: &Bed, n: u8) {
    const CUSTOMER: &str = "INSERT INTO customers (tenant_id, id, user_id) VALUES ($1, $2, $3)";
    const WITH: &str =
        "INSERT INTO booking_customers (tenant_id, user_id, booking_id, customer_id) VALUES ($1, $2, $3, $4)";
    let booking = format!("0190f3c4-5b1e-7cc0-9d3a-0000000001{n:02}");
    let customer = format!("0190f3c4-5b1e-7cc0-9d3a-0000000002{n:02}");
    bed.sql(CUSTOMER, args![bed.tenant, &customer, bed.ana]).await;
    bed.sql(WITH, args![bed.tenant, bed.ana, &booking, &customer]).await;
}

/// An event of Ana's that could not be understood.
async fn quarantined(bed: &Bed) {
    const SQL: &str = "INSERT INTO quarantine (tenant_id, id, account_id, calendar_id, side, item_id, reason, created_at) \
         SELECT tenant_id, '0190f3c4-5b1e-7cc0-9d3a-000000000301', id, $3, 'google', 'odd', 'secret', 0 FROM accounts \
         WHERE tenant_id = $1 AND user_id = $2";
    bed.sql(SQL, args![bed.tenant, bed.ana, ANA]).await;
}

/// Puts an event into Ana's calendar with her own hands.
async fn insert_event(bed: &Bed, summary: &str) -> String {
    let person = format!("person:{ANA}");
    let headers = [("authorization", format!("Bearer {person}"))];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let made = bed
        .google
        .http
        .post(&bed.google.events(), &headers, &event(summary))
        .await
        .expect(200);
    support::google::text(&made.json(), "id")
}

async fn event_status(bed: &Bed, id: &str) -> String {
    let authorization = format!("Bearer person:{ANA}");
    let address = format!("{}/{id}", bed.google.events());
    let answer = bed
        .google
        .http
        .get(&address, &[("authorization", &authorization)])
        .await
        .expect(200)
        .json();
    answer["status"].as_str().unwrap().to_owned()
}

both_databases! {
    async fn a_disconnect_works_while_google_is_down_and_revokes_later(url: String) {
        let bed = Bed::new(&url).await;
        let account = bed.connect(bed.ana, ANA).await.id;
        access_token(&bed.engine, bed.tenant, account).await.unwrap();
        bed.fault("/revoke", 1, json!({"cut": "before"})).await;
        bed.fault("/revoke", 1, json!({"status": 503})).await;
        disconnect(&bed.engine, bed.tenant, account, Ending::default()).await.unwrap();
        assert_eq!(bed.account_by_id(account).await.state, AccountState::Disconnected);
        assert_eq!(bed.stored(account, "refresh_token").await, None);
        assert_eq!(bed.stored(account, "access_token").await, None);
        assert_eq!(bed.polled().await, 0);
        let frozen = bed.calendars(account).await.into_iter().find(|calendar| calendar.reads).unwrap().frozen;
        assert_eq!(frozen.as_deref(), Some("disconnected"));
        let error = access_token(&bed.engine, bed.tenant, account).await.unwrap_err();
        assert!(matches!(error, TokenError::NotConnected), "{error:?}");
        for _ in 0..2 {
            assert_eq!(run_revocations(&bed.engine).await.unwrap(), 0);
            assert_eq!(bed.count(REVOCATIONS).await, 1);
            assert_eq!(run_revocations(&bed.engine).await.unwrap(), 0, "it waits before it asks again");
            bed.pass(60).await;
        }
        assert_eq!(run_revocations(&bed.engine).await.unwrap(), 1);
        assert_eq!(bed.count(REVOCATIONS).await, 0);
        assert_eq!(bed.asked("revoke").await, 3);
        disconnect(&bed.engine, bed.tenant, account, Ending::default()).await.unwrap();
        assert_eq!(bed.count(REVOCATIONS).await, 0, "doing it again does nothing");
    }

    async fn a_grant_that_another_tenant_uses_is_not_revoked(url: String) {
        let mut bed = Bed::new(&url).await;
        let first = bed.connect(bed.ana, ANA).await.id;
        let (one, other) = (bed.tenant, TenantId(uuid::Uuid::from_u128(7)));
        bed.add_tenant(other, "Other").await;
        bed.tenant = other;
        let second = bed.connect(bed.ana, ANA).await.id;
        disconnect(&bed.engine, one, first, Ending::default()).await.unwrap();
        assert_eq!(bed.count(REVOCATIONS).await, 0);
        access_token(&bed.engine, other, second).await.unwrap();
        disconnect(&bed.engine, other, second, Ending::default()).await.unwrap();
        assert_eq!(bed.count(REVOCATIONS).await, 1, "the last one takes the grant along");
    }

    async fn what_was_read_and_nobody_needs_is_deleted_without_a_push(url: String) {
        let bed = Bed::new(&url).await;
        let account = bed.connect(bed.ana, ANA).await.id;
        booking(&bed, 1, "google", -5, "over").await;
        customer(&bed, 1).await;
        booking(&bed, 2, "google", 5, "nobody").await;
        booking(&bed, 3, "google", 5, "needed").await;
        customer(&bed, 3).await;
        booking(&bed, 4, "app", -5, "ours").await;
        quarantined(&bed).await;
        disconnect(&bed.engine, bed.tenant, account, Ending::default()).await.unwrap();
        assert_eq!(continue_disconnects(&bed.engine).await.unwrap(), 1);
        assert_eq!(bed.count("SELECT COUNT(*) AS n FROM quarantine").await, 0);
        let mut tx = bed.engine.db.read().await.unwrap();
        let left = tx.fetch_all("SELECT id FROM bookings ORDER BY id", vec![]).await.unwrap();
        let left: Vec<String> = left.iter().map(|row| row.text("id").unwrap()).collect();
        drop(tx);
        assert_eq!(left.iter().map(|id| &id[34..]).collect::<Vec<_>>(), ["03", "04"]);
        let settled = "SELECT COUNT(*) AS n FROM row_state s WHERE kind = 'booking' AND version = agreed_version \
             AND deleted_row IS NULL AND NOT EXISTS (SELECT 1 FROM bookings b WHERE b.id = s.id)";
        assert_eq!(bed.count(settled).await, 2, "nothing of them is kept or pushed");
        assert_eq!(bed.count("SELECT COUNT(*) AS n FROM placements").await, 2);
        assert_eq!(bed.count("SELECT COUNT(*) AS n FROM disconnects").await, 0);
    }

    async fn a_user_sees_the_numbers_confirms_and_has_everything_removed(url: String) {
        let bed = Bed::new(&url).await;
        let account = bed.connect(bed.ana, ANA).await.id;
        let (ours, foreign) = (insert_event(&bed, "ours").await, insert_event(&bed, "mine").await);
        booking(&bed, 1, "app", 5, &ours).await;
        booking(&bed, 2, "app", 5, "gone00").await;
        booking(&bed, 3, "google", 5, &foreign).await;
        let mut browser = bed.browser();
        bed.sign_in(&mut browser, ANA).await.expect(200);
        let page = browser.get(&format!("/me/{}/disconnect", bed.tenant)).await.expect(200);
        page.says("Read from Google: 1 booking<");
        page.says("Delete 2 events in Google");
        browser.submit(&page, 0, &[("written", "remove")]).await.expect(422).says("tick");
        booking(&bed, 4, "app", 5, "an0ther").await;
        let sure = [("written", "remove"), ("read", "keep"), ("sure", "yes")];
        let page = browser.submit(&page, 0, &sure).await.expect(422);
        page.says("The number of events or contacts has changed");
        assert_eq!(bed.account(bed.ana).await.unwrap().state, AccountState::Active);
        browser.submit(&page, 0, &sure).await.expect(200).says("Disconnected");
        assert_eq!(bed.account_by_id(account).await.state, AccountState::Disconnected);
        browser.get(&format!("/me/{}", bed.tenant)).await.expect(200).says("Sign in with Google");

        bed.fault("/events/", 1, json!({"status": 503})).await;
        assert_eq!(continue_disconnects(&bed.engine).await.unwrap(), 0);
        assert_eq!(bed.count(REVOCATIONS).await, 0, "the removal comes first");
        bed.pass(60).await;
        assert_eq!(continue_disconnects(&bed.engine).await.unwrap(), 1);
        assert_eq!(event_status(&bed, &ours).await, "cancelled");
        assert_eq!(event_status(&bed, &foreign).await, "confirmed");
        assert_eq!(bed.count("SELECT COUNT(*) AS n FROM placements WHERE is_ours = 1 AND state <> 'gone'").await, 0);
        assert_eq!(bed.count(BOOKINGS).await, 4, "leaving cancels and deletes no booking");
        assert_eq!(bed.count("SELECT COUNT(*) AS n FROM bookings WHERE status = 'cancelled'").await, 0);
        assert_eq!(run_revocations(&bed.engine).await.unwrap(), 1);
        assert_eq!(bed.stored(account, "refresh_token").await, None);
    }

    async fn a_dead_grant_does_not_keep_a_disconnect_open_for_ever(url: String) {
        let bed = Bed::new(&url).await;
        let account = bed.connect(bed.ana, ANA).await.id;
        booking(&bed, 1, "app", 5, "ours").await;
        bed.google.switch("tokens/revoke_refresh", &json!({"email": ANA})).await;
        bed.pass(3_600).await;
        let ending = Ending { read: ReadData::Keep, written: WrittenItems::Remove };
        disconnect(&bed.engine, bed.tenant, account, ending).await.unwrap();
        assert_eq!(continue_disconnects(&bed.engine).await.unwrap(), 1);
        assert_eq!(bed.account_by_id(account).await.state, AccountState::Disconnected);
        assert_eq!(bed.count("SELECT COUNT(*) AS n FROM disconnects").await, 0);
        assert_eq!(run_revocations(&bed.engine).await.unwrap(), 1, "a token that is void already counts as done");
    }

    async fn connecting_again_stops_what_a_disconnect_had_left_to_do(url: String) {
        let bed = Bed::new(&url).await;
        let account = bed.connect(bed.ana, ANA).await.id;
        let ours = insert_event(&bed, "ours").await;
        booking(&bed, 1, "app", 5, &ours).await;
        let ending = Ending { read: ReadData::Keep, written: WrittenItems::Remove };
        disconnect(&bed.engine, bed.tenant, account, ending).await.unwrap();
        assert_eq!(bed.connect(bed.ana, ANA).await.id, account);
        assert_eq!(continue_disconnects(&bed.engine).await.unwrap(), 0);
        assert_eq!(run_revocations(&bed.engine).await.unwrap(), 0);
        assert_eq!(event_status(&bed, &ours).await, "confirmed");
        access_token(&bed.engine, bed.tenant, account).await.unwrap();
    }

    async fn what_a_disconnect_forgot_comes_back_when_the_user_connects_again(url: String) {
        let bed = Bed::new(&url).await;
        let account = bed.connect(bed.ana, ANA).await.id;
        insert_event(&bed, "Yoga").await;
        let passes = sync_now::run(&bed.engine, bed.tenant, account).await.unwrap();
        assert!(passes.len() == 1 && passes[0].error.is_none(), "{passes:?}");
        assert_eq!(bed.count(BOOKINGS).await, 1);
        disconnect(&bed.engine, bed.tenant, account, Ending::default()).await.unwrap();
        assert_eq!(continue_disconnects(&bed.engine).await.unwrap(), 1);
        assert_eq!(bed.count(BOOKINGS).await, 0);
        assert_eq!(bed.connect(bed.ana, ANA).await.id, account);
        sync_now::run(&bed.engine, bed.tenant, account).await.unwrap();
        assert_eq!(bed.count(BOOKINGS).await, 1);
    }

    async fn choices_saved_without_calendar_access_leave_the_notice_and_start_nothing(url: String) {
        let bed = Bed::new(&url).await;
        let account = bed.connect(bed.ana, ANA).await.id;
        let mut browser = bed.browser();
        let page = bed.sign_in(&mut browser, ANA).await.expect(200);
        const LOST: &str = "UPDATE accounts SET state = 'choosing', scopes = 'openid email', last_error = 'no calendar access'";
        bed.sql(LOST, args![]).await;
        browser.submit(&page, 0, &[("private", "shown")]).await.expect(303);
        let account = bed.account_by_id(account).await;
        assert_eq!((account.state, account.last_error.as_deref()), (AccountState::Choosing, Some("no calendar access")));
        assert!(account.private_events_shown);
    }

    async fn a_pass_that_was_asked_for_ends_the_wait_after_failures(url: String) {
        let bed = Bed::new(&url).await;
        let account = bed.connect(bed.ana, ANA).await.id;
        bed.sql("UPDATE sync_scopes SET due_at = $1", args![bed.engine.now_ms() + 6 * 3_600_000]).await;
        let passes = sync_now::run(&bed.engine, bed.tenant, account).await.unwrap();
        assert!(passes[0].error.is_none(), "{passes:?}");
        let due = bed.count("SELECT due_at AS n FROM sync_scopes WHERE enabled = 1").await;
        assert_eq!(due - bed.engine.now_ms(), 60_000);
    }

    async fn a_pass_whose_caller_goes_away_gives_the_calendar_back(url: String) {
        let bed = Bed::new(&url).await;
        let account = bed.connect(bed.ana, ANA).await.id;
        bed.fault("/events", 1, json!({"delay_ms": 200})).await;
        // Dropped as soon as it holds the lease.
        let leased = async {
            while bed.count("SELECT COUNT(*) AS n FROM sync_scopes WHERE lease_until > 0").await == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            _ = sync_now::run(&bed.engine, bed.tenant, account) => panic!("the pass was over before it was left"),
            () = leased => {}
        }
        while bed.count("SELECT COUNT(*) AS n FROM sync_scopes WHERE lease_until > 0").await > 0 {
            tokio::task::yield_now().await;
        }
    }

    async fn connecting_again_keeps_what_a_disconnect_had_not_forgotten_yet(url: String) {
        let bed = Bed::new(&url).await;
        let account = bed.connect(bed.ana, ANA).await.id;
        booking(&bed, 1, "google", -5, "over").await;
        disconnect(&bed.engine, bed.tenant, account, Ending::default()).await.unwrap();
        bed.connect(bed.ana, ANA).await;
        assert_eq!(continue_disconnects(&bed.engine).await.unwrap(), 0);
        assert_eq!(bed.count(BOOKINGS).await, 1);
        access_token(&bed.engine, bed.tenant, account).await.unwrap();
    }

    async fn a_disconnect_that_fails_does_not_hold_up_the_others(url: String) {
        let mut bed = Bed::new(&url).await;
        let first = bed.connect(bed.ana, ANA).await.id;
        booking(&bed, 1, "app", 5, "ours").await;
        let one = bed.tenant;
        bed.tenant = TenantId(uuid::Uuid::from_u128(7));
        bed.add_tenant(bed.tenant, "Other").await;
        let second = bed.connect(bed.ana, BEA).await.id;
        let removal = Ending { read: ReadData::Keep, written: WrittenItems::Remove };
        disconnect(&bed.engine, one, first, removal).await.unwrap();
        disconnect(&bed.engine, bed.tenant, second, removal).await.unwrap();
        bed.sql("UPDATE accounts SET refresh_token_sealed = access_token_sealed WHERE id = $1", args![second]).await;
        bed.sql("UPDATE disconnects SET due_at = due_at - 1 WHERE account_id = $1", args![second]).await;
        assert_eq!(continue_disconnects(&bed.engine).await.unwrap(), 1, "the first one, though the second comes before it");
        assert_eq!(bed.count("SELECT COUNT(*) AS n FROM disconnects WHERE failures = 1").await, 1);
    }

    async fn an_account_that_must_be_connected_anew_does_not_keep_the_grant_alive(url: String) {
        let mut bed = Bed::new(&url).await;
        let (one, first) = (bed.tenant, bed.connect(bed.ana, ANA).await.id);
        bed.tenant = TenantId(uuid::Uuid::from_u128(7));
        bed.add_tenant(bed.tenant, "Other").await;
        let second = bed.connect(bed.ana, ANA).await.id;
        bed.sql("UPDATE accounts SET state = 'needs_reconnect' WHERE tenant_id = $1", args![bed.tenant]).await;
        disconnect(&bed.engine, one, first, Ending::default()).await.unwrap();
        assert_eq!(bed.count(REVOCATIONS).await, 1);
        // One that still has events to remove does.
        bed.sql("DELETE FROM revocations", args![]).await;
        bed.connect(bed.ana, ANA).await;
        bed.tenant = one;
        bed.connect(bed.ana, ANA).await;
        let removal = Ending { read: ReadData::Keep, written: WrittenItems::Remove };
        disconnect(&bed.engine, TenantId(uuid::Uuid::from_u128(7)), second, removal).await.unwrap();
        disconnect(&bed.engine, one, first, Ending::default()).await.unwrap();
        assert_eq!(bed.count(REVOCATIONS).await, 0);
        assert_eq!(continue_disconnects(&bed.engine).await.unwrap(), 2);
        assert_eq!(bed.count(REVOCATIONS).await, 1, "whoever is last takes the grant along");
    }

    async fn only_the_connected_identity_signs_in(url: String) {
        let bed = Bed::new(&url).await;
        bed.connect(bed.ana, ANA).await;
        let before = bed.count("SELECT COUNT(*) AS n FROM sessions").await;
        let mut stranger = bed.browser();
        bed.sign_in(&mut stranger, BEA).await.expect(403).says("not connected");
        assert_eq!(bed.count("SELECT COUNT(*) AS n FROM sessions").await, before);
        let mut browser = bed.browser();
        let page = bed.sign_in(&mut browser, ANA).await.expect(200);
        page.says("Ana Ruiz at Acme &amp; Sons");
        assert_eq!(bed.count(REVOCATIONS).await, 0, "signing in leaves the connection alone");
        let home = format!("/me/{}", bed.tenant);
        browser.post(&format!("{home}/choices"), &[("form", "guessed"), ("read", ANA)]).await.expect(403);
        bed.pass(3_600).await;
        browser.get(&home).await.expect(200).says("Sign in with Google");
        browser.submit(&page, 0, &[]).await.expect(401).says("not signed in");
        // Signing out ends the session for whoever kept the cookie, too.
        let page = bed.sign_in(&mut browser, ANA).await.expect(200);
        let kept = browser.cookies.clone();
        let forms = page.body.matches("<form ").count();
        browser.submit(&page, forms - 1, &[]).await.expect(303);
        browser.cookies = kept;
        browser.get(&home).await.expect(200).says("Sign in with Google");
    }

    async fn a_session_of_one_tenant_is_none_in_another(url: String) {
        let bed = Bed::new(&url).await;
        bed.connect(bed.ana, ANA).await;
        let other = TenantId(uuid::Uuid::from_u128(7));
        bed.add_tenant(other, "Other").await;
        let mut browser = bed.browser();
        bed.sign_in(&mut browser, ANA).await.expect(200);
        let page = browser.get(&format!("/me/{other}")).await.expect(200);
        page.says("Sign in with Google");
        assert!(!page.body.contains("Ana"));
    }

    async fn the_tenant_narrows_and_only_the_user_widens(url: String) {
        let bed = Bed::new(&url).await;
        let account = bed.connect(bed.ana, ANA).await.id;
        let primary = CalendarId::from(ANA);
        let narrowing = |reads, writes| [Narrowing { calendar_id: primary.clone(), reads, writes }];
        let now = narrow(&bed.engine, bed.tenant, account, &narrowing(Some(false), None)).await.unwrap();
        let calendar = now.iter().find(|calendar| calendar.is_primary).unwrap();
        assert!(!calendar.reads && !calendar.writes && calendar.user_reads && calendar.frozen.is_some());
        assert_eq!(bed.polled().await, 0);
        // The user saves the same choices again: what the tenant narrowed stays narrowed.
        let mut browser = bed.browser();
        let page = bed.sign_in(&mut browser, ANA).await.expect(200);
        browser.submit(&page, 0, &[]).await.expect(303);
        assert_eq!(bed.polled().await, 0);
        let now = narrow(&bed.engine, bed.tenant, account, &narrowing(Some(true), Some(true))).await.unwrap();
        assert!(now.iter().any(|calendar| calendar.is_primary && calendar.writes && calendar.frozen.is_none()));
        assert_eq!(bed.polled().await, 1);
        // Beyond the user's word the tenant gets nothing.
        browser.submit(&page, 0, &[("write", "")]).await.expect(303);
        let error = narrow(&bed.engine, bed.tenant, account, &narrowing(None, Some(true))).await.unwrap_err();
        assert!(matches!(error, ConnectError::Refused { reason: Refusal::Choice(_), .. }), "{error:?}");
    }

    async fn a_narrowing_outlives_what_the_user_unticks_and_ticks_again(url: String) {
        let bed = Bed::new(&url).await;
        let account = bed.connect(bed.ana, ANA).await.id;
        let primary = CalendarId::from(ANA);
        let narrowing = |reads, writes| [Narrowing { calendar_id: primary.clone(), reads, writes }];
        narrow(&bed.engine, bed.tenant, account, &narrowing(Some(false), None)).await.unwrap();
        let mut browser = bed.browser();
        let page = bed.sign_in(&mut browser, ANA).await.expect(200);
        page.says("Acme &amp; Sons does not use it at present");
        page.says("Acme &amp; Sons writes no new bookings to it at present");
        // Another calendar instead, and then the first one again.
        let other = bed.other_calendar(account).await;
        browser.submit(&page, 0, &[("read", &other), ("write", "")]).await.expect(303);
        let page = browser.get(&format!("/me/{}", bed.tenant)).await.expect(200);
        browser.submit(&page, 0, &[("read", ANA), ("write", ANA)]).await.expect(303);
        let calendars = bed.calendars(account).await;
        let calendar = calendars.iter().find(|calendar| calendar.is_primary).unwrap();
        assert!(calendar.user_reads && calendar.user_writes, "the user's word is kept");
        assert!(!calendar.reads && !calendar.writes && calendar.frozen.is_some(), "and so is the tenant's: {calendar:?}");
        assert_eq!(bed.polled().await, 0);
        // Taken back, everything that the user chose is in force.
        let now = narrow(&bed.engine, bed.tenant, account, &narrowing(Some(true), None)).await.unwrap();
        let calendar = now.iter().find(|calendar| calendar.is_primary).unwrap();
        assert!(calendar.reads && calendar.writes && calendar.frozen.is_none());
        assert_eq!(bed.polled().await, 1);
    }

    async fn a_disconnected_google_account_is_free_for_another_user(url: String) {
        let bed = Bed::new(&url).await;
        let anas = bed.connect(bed.ana, ANA).await.id;
        booking(&bed, 1, "google", 5, "meeting").await;
        customer(&bed, 1).await;
        let mut browser = bed.browser();
        bed.to_choices(&mut browser, bed.bea, ANA, ALL).await.expect(409).says("Another user at this company is connected with it");
        disconnect(&bed.engine, bed.tenant, anas, Ending::default()).await.unwrap();
        // What Ana asked for comes first.
        let told = bed.to_choices(&mut browser, bed.bea, ANA, ALL).await.expect(409);
        told.says("just being disconnected");
        assert!(bed.account(bed.bea).await.is_none());
        assert_eq!(continue_disconnects(&bed.engine).await.unwrap(), 1);

        let beas = bed.connect(bed.bea, ANA).await;
        assert_ne!(beas.id, anas);
        assert_eq!(beas.sub, connect_support::sub(&bed.google, ANA).await);
        assert_eq!(bed.count(REVOCATIONS).await, 0, "the grant is wanted again");
        access_token(&bed.engine, bed.tenant, beas.id).await.unwrap();
        let mine = "SELECT COUNT(*) AS n FROM placements p JOIN accounts a ON a.id = p.account_id AND a.user_id = \
                    '0190f3c4-5b1e-7cc0-9d3a-000000000002'";
        assert_eq!(bed.count(mine).await, 1, "Ana's links stay with Ana's account");
        assert_eq!(bed.account_by_id(anas).await.state, AccountState::Disconnected);
        // Signing in with it now means Bea.
        bed.sign_in(&mut browser, ANA).await.expect(200).says("Bea Sol at Acme");
        bed.to_choices(&mut bed.browser(), bed.ana, ANA, ALL).await.expect(409).says("Another user at this company");

        // And back: each finds their own account.
        disconnect(&bed.engine, bed.tenant, beas.id, Ending::default()).await.unwrap();
        continue_disconnects(&bed.engine).await.unwrap();
        assert_eq!(bed.connect(bed.ana, ANA).await.id, anas);
        disconnect(&bed.engine, bed.tenant, anas, Ending::default()).await.unwrap();
        continue_disconnects(&bed.engine).await.unwrap();
        assert_eq!(bed.connect(bed.bea, ANA).await.id, beas.id);
        assert_eq!(bed.count("SELECT COUNT(*) AS n FROM accounts").await, 2);
    }

    async fn an_account_left_on_the_choices_page_is_given_back_and_removed(url: String) {
        let bed = Bed::new(&url).await;
        let retention = Retention { changes_days: 30, choosing_hours: 24, letters_days: 30 };
        let mut browser = bed.browser();
        let arrived = bed.to_choices(&mut browser, bed.bea, BEA, ALL).await.expect(303);
        browser.get(arrived.location()).await.expect(200);
        assert_eq!(sweep(&bed.engine, retention).await.unwrap().accounts, 0);
        let later = "UPDATE accounts SET updated_at = updated_at - 86400000 WHERE state = 'choosing'";
        bed.sql(later, args![]).await;
        assert_eq!(sweep(&bed.engine, retention).await.unwrap().accounts, 1);
        assert_eq!(bed.count("SELECT COUNT(*) AS n FROM accounts").await, 0);
        assert_eq!(bed.count("SELECT COUNT(*) AS n FROM calendars").await, 0);
        assert_eq!(run_revocations(&bed.engine).await.unwrap(), 1);
        assert_eq!(bed.asked("revoke").await, 1);
        browser.get(arrived.location()).await.expect(409).says("Google no longer accepts the permission");
        bed.pass(3_600).await;
        browser.get(arrived.location()).await.expect(410).says("This page has expired");

        // Whoever had links keeps them, disconnected.
        let account = bed.connect(bed.ana, ANA).await.id;
        booking(&bed, 1, "google", 5, "meeting").await;
        disconnect(&bed.engine, bed.tenant, account, Ending { read: ReadData::Keep, ..Ending::default() }).await.unwrap();
        bed.to_choices(&mut browser, bed.ana, ANA, ALL).await.expect(303);
        bed.sql(later, args![]).await;
        assert_eq!(sweep(&bed.engine, retention).await.unwrap().accounts, 1);
        assert_eq!(bed.account_by_id(account).await.state, AccountState::Disconnected);
        assert_eq!(bed.count("SELECT COUNT(*) AS n FROM placements").await, 1);
        assert_eq!(bed.count(REVOCATIONS).await, 1);
        assert_eq!(bed.connect(bed.ana, ANA).await.id, account);
    }

    async fn a_grant_without_lasting_access_is_given_back_at_once(url: String) {
        let bed = Bed::new(&url).await;
        let mut browser = bed.browser();
        let page = browser.get(&bed.link(bed.ana).await).await.expect(200);
        let mut departure = browser.submit(&page, 0, &[]).await.expect(303);
        let online = departure.location().replace("access_type=offline", "access_type=online");
        departure.headers.insert("location", online.parse().unwrap());
        let back = bed.at_google(&departure, ANA, ALL, "allow").await;
        let told = browser.get(&back).await.expect(502);
        told.says("Google gave no lasting permission");
        told.says("Google is asked to take back what it gave");
        assert!(bed.account(bed.ana).await.is_none());
        assert_eq!(run_revocations(&bed.engine).await.unwrap(), 1);
        assert_eq!((bed.asked("revoke").await, bed.count(REVOCATIONS).await), (1, 0));
    }

    async fn a_revocation_that_cannot_be_noted_does_not_hold_up_the_others(url: String) {
        let bed = Bed::new(&url).await;
        let first = bed.connect(bed.ana, ANA).await.id;
        let second = bed.connect(bed.bea, BEA).await.id;
        for account in [first, second] {
            disconnect(&bed.engine, bed.tenant, account, Ending::default()).await.unwrap();
        }
        bed.sql("UPDATE revocations SET due_at = due_at - 1 WHERE account_id = $1", args![first]).await;
        let refuse: &[&str] = match bed.engine.db.backend() {
            Backend::Sqlite => &["CREATE TRIGGER stuck BEFORE DELETE ON revocations BEGIN SELECT RAISE(ABORT, 'stuck') \
                WHERE OLD.due_at = (SELECT due_at FROM revocations WHERE account_id = (SELECT id FROM accounts WHERE email = 'ana@example.com')) \
                  AND OLD.sub = (SELECT sub FROM accounts WHERE email = 'ana@example.com'); END"],
            Backend::Postgres => &[
                "CREATE FUNCTION stuck() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF OLD.sub = (SELECT sub FROM accounts \
                     WHERE email = 'ana@example.com') THEN RAISE 'stuck'; END IF; RETURN OLD; END $$",
                "CREATE TRIGGER stuck BEFORE DELETE ON revocations FOR EACH ROW EXECUTE FUNCTION stuck()",
            ],
        };
        for sql in refuse {
            bed.sql(sql, args![]).await;
        }
        assert_eq!(run_revocations(&bed.engine).await.unwrap(), 1, "the second one, though the first cannot be noted");
        assert_eq!(bed.count(REVOCATIONS).await, 1);
        bed.sql(match bed.engine.db.backend() {
            Backend::Sqlite => "DROP TRIGGER stuck",
            Backend::Postgres => "DROP TRIGGER stuck ON revocations",
        }, args![]).await;
        assert_eq!(run_revocations(&bed.engine).await.unwrap(), 0, "it waits");
        bed.pass(5 * 60).await;
        assert_eq!(run_revocations(&bed.engine).await.unwrap(), 1);
        assert_eq!(bed.count(REVOCATIONS).await, 0);
    }

    async fn a_paused_account_that_comes_back_without_its_calendar_stays_paused(url: String) {
        let bed = Bed::new(&url).await;
        let account = bed.connect(bed.ana, ANA).await.id;
        pause(&bed.engine, bed.tenant, account).await.unwrap();
        bed.google.switch("tokens/revoke_refresh", &json!({"email": ANA})).await;
        bed.to_choices(&mut bed.browser(), bed.ana, ANA, &["openid", "email"]).await;
        let known = bed.account(bed.ana).await.unwrap();
        assert_eq!((known.id, known.state), (account, AccountState::Paused));
        assert!(known.last_error.unwrap().contains("calendar"), "and what is missing is told");
        // The user gives the calendar back: that ends the complaint, not the pause.
        bed.to_choices(&mut bed.browser(), bed.ana, ANA, ALL).await.expect(303);
        let known = bed.account(bed.ana).await.unwrap();
        assert_eq!((known.state, known.last_error), (AccountState::Paused, None));
        assert_eq!(bed.polled().await, 0);
        resume(&bed.engine, bed.tenant, account).await.unwrap();
        assert_eq!(bed.polled().await, 1, "with the choices of before");
    }

    async fn an_account_that_is_resumed_without_its_calendar_is_not_polled_before_it_has_it_again(url: String) {
        let bed = Bed::new(&url).await;
        let account = bed.connect(bed.ana, ANA).await.id;
        pause(&bed.engine, bed.tenant, account).await.unwrap();
        bed.google.switch("tokens/revoke_refresh", &json!({"email": ANA})).await;
        bed.to_choices(&mut bed.browser(), bed.ana, ANA, &["openid", "email"]).await;
        resume(&bed.engine, bed.tenant, account).await.unwrap();
        assert_eq!(bed.polled().await, 0);
        bed.to_choices(&mut bed.browser(), bed.ana, ANA, ALL).await.expect(303);
        let known = bed.account(bed.ana).await.unwrap();
        assert_eq!((known.state, known.last_error), (AccountState::Active, None));
        assert_eq!(bed.polled().await, 1);
    }

    async fn a_paused_account_is_not_polled_until_it_is_resumed(url: String) {
        let bed = Bed::new(&url).await;
        let account = bed.connect(bed.ana, ANA).await.id;
        pause(&bed.engine, bed.tenant, account).await.unwrap();
        assert_eq!(bed.polled().await, 0);
        let mut browser = bed.browser();
        bed.to_choices(&mut browser, bed.ana, ANA, ALL).await.expect(303);
        assert_eq!(bed.account(bed.ana).await.unwrap().state, AccountState::Paused, "connecting again does not resume");
        assert_eq!(bed.polled().await, 0);
        resume(&bed.engine, bed.tenant, account).await.unwrap();
        assert_eq!(bed.polled().await, 1);
        disconnect(&bed.engine, bed.tenant, account, Ending::default()).await.unwrap();
        assert!(resume(&bed.engine, bed.tenant, account).await.is_err());
        assert_eq!(bed.polled().await, 0);
    }
}

#[test]
fn the_default_ending_deletes_nothing_in_google() {
    assert_eq!(Ending::default().written, WrittenItems::Keep);
}
