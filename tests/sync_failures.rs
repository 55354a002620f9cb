//! What Google, the network, the database and the app's SQL can do to a pass: every failure has its own handling, none is
//! taken for a deletion, and everything goes on where it stopped. On both databases.
mod support;

use accord::args;
use accord::domain::failure::FailureClass;
use accord::engine::sync::{SyncError, pass};
use accord::engine::tokens::{TokenCache, TokenError, access_token};
use accord::engine::{Engine, quarantine};
use accord::store::StoreError;
use accord::store::accounts::{self, AccountState};
use accord::store::scopes::{self, ScopeStatus};
use chrono::TimeDelta;
use secrecy::ExposeSecret;
use serde_json::json;
use support::google::{ANA, CALLBACK, CLIENT, SECRET};
use support::postgres::{both_databases, fresh_sqlite};
use support::world::{BEN, Connected, World, event, hour, open};

const MINUTE: i64 = 60_000;

async fn status_of(world: &World, who: &Connected) -> ScopeStatus {
    let all = scopes::status(&mut world.read().await, world.tenant, Some(who.account)).await;
    all.expect("status").remove(0)
}

/// How long until the next try, ms.
async fn wait(world: &World) -> i64 {
    status_of(world, &world.ana).await.due_at - world.engine.now_ms()
}

async fn last_error(world: &World) -> String {
    status_of(world, &world.ana).await.last_error.unwrap_or_default()
}

async fn no_faults(world: &World) {
    world
        .google
        .http
        .delete(&world.google.url("/_sandbox/faults"), &[])
        .await;
}

async fn account(world: &World) -> accounts::Account {
    accounts::get(&mut world.read().await, world.tenant, world.ana.account)
        .await
        .expect("account")
        .expect("Ana's account")
}

/// Time passes for both.
async fn pass_time(world: &World, seconds: i64) {
    world.clock.advance(TimeDelta::seconds(seconds));
    world.google.pass(seconds).await;
}

async fn tokens(world: &World, command: &str) {
    world
        .google
        .switch(&format!("tokens/{command}"), &json!({"email": ANA}))
        .await;
}

/// How often the token endpoint was asked.
async fn refreshes(world: &World) -> usize {
    let log = world.google.look("requests?after=0").await;
    let all = log["requests"]
        .as_array()
        .or(log.as_array())
        .cloned()
        .unwrap_or_default();
    all.iter().filter(|r| r["path"] == "/token").count()
}

/// A booking of the app's that both sides agree on, and its event.
async fn agreed(world: &World, title: &str, at: &str) -> (accord::domain::ids::BookingId, String) {
    let id = world.app_creates(title, hour(at)).await;
    world.settle().await;
    (id, world.event_of(id).await)
}

async fn set_client_secret(world: &World, secret: &str) {
    let client = json!({"client_id": CLIENT, "client_secret": secret, "redirect_uris": [CALLBACK]});
    world.google.switch("clients", &client).await;
}

async fn aside(world: &World) -> Vec<quarantine::SetAside> {
    quarantine::list(&world.engine, world.tenant, None).await.expect("list")
}

async fn stored_refresh_token(world: &World) -> String {
    let stored = accounts::tokens(&mut world.read().await, world.tenant, world.ana.account)
        .await
        .expect("tokens");
    let sealed = stored.refresh_sealed.expect("a refresh token is kept");
    let row = world.ana.account.to_string();
    let plain = world
        .engine
        .open("accounts", "refresh_token", world.tenant, &row, &sealed)
        .expect("it opens");
    String::from_utf8(plain.to_vec()).expect("text")
}

both_databases! {
    /// Scenario 44; checklist lines 118, 119.
    async fn a_rate_limit_on_reading_waits_a_little_and_proves_nothing(url: String) {
        let world = World::new(&url).await;
        let (booking, _) = agreed(&world, "Stays", "2026-03-05T09:00:00").await;
        for reason in ["rateLimitExceeded", "userRateLimitExceeded", "429", "rate_limit_new"] {
            world.fault(json!({"method": "GET", "path": "/events", "times": 1, "action": {"refuse": reason}})).await;
            let error = world.try_sync().await.expect_err("limited");
            assert!(matches!(error.class(), FailureClass::RateLimited { .. }), "{reason}: {error}");
            assert!(last_error(&world).await.starts_with("rate_limited"), "{reason}");
            let wait = wait(&world).await;
            assert!((1_000..=15 * MINUTE).contains(&wait), "{reason}: {wait}");
            assert_eq!(world.text(booking).await.status, "confirmed");
        }
        assert_eq!(status_of(&world, &world.ana).await.failures, 4);
        world.assert_quiet().await;
        assert_eq!(status_of(&world, &world.ana).await.failures, 0);
    }

    /// Scenario 44.
    async fn a_rate_limit_on_writing_keeps_the_change_for_the_next_try(url: String) {
        let world = World::new(&url).await;
        let (booking, event_id) = agreed(&world, "First", "2026-03-05T09:00:00").await;
        for reason in ["rateLimitExceeded", "userRateLimitExceeded", "429", "rate_limit_new"] {
            world.app_renames(booking, reason).await;
            world.fault(json!({"method": "PATCH", "path": "/events/", "times": 1, "action": {"refuse": reason}})).await;
            let error = world.try_sync().await.expect_err("limited");
            assert!(matches!(error.class(), FailureClass::RateLimited { .. }), "{reason}: {error}");
            assert_eq!(world.pending().await, 1);
            world.sync().await;
            assert_eq!(world.event(&event_id).await["summary"], reason);
            assert_eq!(world.pending().await, 0);
        }
        assert!(aside(&world).await.is_empty(), "a limit is nobody's poison");
    }

    /// Scenario 44; checklist line 120.
    async fn a_used_up_quota_pauses_writing_for_hours_while_reading_goes_on(url: String) {
        for reason in ["quotaExceeded", "dailyLimitExceeded"] {
            let world = World::new(&url).await;
            let (booking, event_id) = agreed(&world, "First", "2026-03-05T09:00:00").await;
            world.app_renames(booking, "Second").await;
            world.fault(json!({"method": "PATCH", "path": "/events/", "times": 1, "action": {"refuse": reason}})).await;
            world.sync().await;
            assert!(last_error(&world).await.starts_with("quota_exhausted"), "shown: {}", last_error(&world).await);
            let writes = world.google_writes().await;
            let theirs = world.person_creates(event("Read on", "2026-03-06T09:00:00")).await;
            world.sync().await;
            assert_eq!(world.booking_of(&theirs).await.text.title, "Read on");
            assert_eq!(world.google_writes().await, writes, "{reason}: no write while it pauses");
            assert_eq!(world.event(&event_id).await["summary"], "First");
            pass_time(&world, 2 * 3600).await;
            world.sync().await;
            assert_eq!(world.event(&event_id).await["summary"], "Second");
            world.settle().await;
            assert_eq!(last_error(&world).await, "");
        }
    }

    async fn a_used_up_quota_on_reading_is_left_alone_for_an_hour(url: String) {
        let world = World::new(&url).await;
        world.fault(json!({"method": "GET", "path": "/events", "times": 1, "action": {"refuse": "dailyLimitExceeded"}})).await;
        let error = world.try_sync().await.expect_err("no quota");
        assert_eq!(error.class(), FailureClass::QuotaExhausted);
        assert!(wait(&world).await >= 60 * MINUTE, "{}", wait(&world).await);
    }

    /// Scenario 44.
    async fn a_change_that_only_the_organizer_may_make_is_put_back_with_a_record(url: String) {
        let world = World::new(&url).await;
        let (booking, event_id) = agreed(&world, "Theirs", "2026-03-05T09:00:00").await;
        world.app_renames(booking, "Mine").await;
        world.fault(json!({"method": "PATCH", "path": "/events/", "times": 1, "action": {"status": 403,
            "body": {"error": {"errors": [{"domain": "calendar", "reason": "forbiddenForNonOrganizer", "message": "no"}], "code": 403, "message": "no"}}}})).await;
        world.sync().await;
        assert_eq!(world.text(booking).await.title, "Theirs", "never a silent disagreement");
        assert_eq!(world.event(&event_id).await["summary"], "Theirs");
        let conflicts = world.conflicts().await;
        assert_eq!(conflicts.len(), 1, "{conflicts:?}");
        let writes = world.google_writes().await;
        world.sync().await;
        assert_eq!(world.google_writes().await, writes, "permanent: not tried again");
    }

    /// Scenario 45; checklist line 121.
    async fn a_retry_after_in_seconds_or_as_a_date_is_obeyed_and_other_accounts_go_on(url: String) {
        let world = World::new(&url).await;
        let ben = world.ben().await;
        world.settle().await;
        let date = json!({"refuse": "rateLimitExceeded", "retry_after": "Mon, 02 Mar 2026 12:20:00 GMT",
            "headers": {"date": "Mon, 02 Mar 2026 12:00:00 GMT"}});
        let unavailable = json!({"status": 503, "retry_after": 1200});
        for action in [json!({"refuse": "429", "retry_after": 1200}), unavailable, date] {
            world.fault(json!({"method": "GET", "path": "/events", "user": ANA, "times": 1, "action": action})).await;
            world.try_sync().await.expect_err("refused");
            let wait = wait(&world).await;
            assert!((20 * MINUTE..=25 * MINUTE).contains(&wait), "{action}: {wait}");
            world.sync_scope(&ben, BEN).await;
            assert_eq!(status_of(&world, &ben).await.failures, 0);
        }
    }

    async fn an_html_page_of_a_proxy_is_transient_whatever_its_status(url: String) {
        let world = World::new(&url).await;
        let (booking, event_id) = agreed(&world, "Stays", "2026-03-05T09:00:00").await;
        for status in [502, 500, 504, 403, 404] {
            world.fault(json!({"method": "GET", "path": "/events", "times": 1, "action": {"status": status, "body": "html"}})).await;
            let error = world.try_sync().await.expect_err("no page of Google's");
            assert!(matches!(error.class(), FailureClass::Transient { .. }), "{status}: {error}");
        }
        for status in [502, 404, 410, 403] {
            world.app_renames(booking, &format!("After {status}")).await;
            world.fault(json!({"method": "PATCH", "path": "/events/", "times": 1, "action": {"status": status, "body": "html"}})).await;
            world.try_sync().await.expect_err("no answer of Google's");
            assert_eq!(world.text(booking).await.status, "confirmed");
            world.settle().await;
            assert_eq!(world.event(&event_id).await["summary"], format!("After {status}"));
        }
        assert!(aside(&world).await.is_empty());
    }

    /// Promise 4.
    async fn an_outage_of_everything_deletes_nothing(url: String) {
        let world = World::new(&url).await;
        let (booking, _) = agreed(&world, "Stays", "2026-03-05T09:00:00").await;
        let theirs = world.person_creates(event("Theirs", "2026-03-06T09:00:00")).await;
        world.settle().await;
        for action in [json!({"cut": "before"}), json!({"status": 503}), json!({"garbage": true}), json!({"empty_json": true})] {
            world.fault(json!({"times": 1000, "action": action})).await;
            for _ in 0..3 {
                world.try_sync().await.expect_err("nothing answers");
            }
            no_faults(&world).await;
        }
        assert_eq!(world.text(booking).await.status, "confirmed");
        assert_eq!(world.booking_of(&theirs).await.text.status, "confirmed");
        assert_eq!(status_of(&world, &world.ana).await.failures, 12);
        assert!(wait(&world).await <= 20 * MINUTE, "it is tried again within minutes");
        world.assert_quiet().await;
    }

    /// Scenario 47; checklist line 7.
    async fn a_revoked_grant_asks_for_a_new_sign_in_and_stops_polling(url: String) {
        let world = World::new(&url).await;
        let (booking, event_id) = agreed(&world, "Stays", "2026-03-05T09:00:00").await;
        world.app_renames(booking, "Kept for later").await;
        tokens(&world, "revoke_refresh").await;
        tokens(&world, "expire_access").await;
        let error = world.try_sync().await.expect_err("the grant is dead");
        assert_eq!(error.class(), FailureClass::Reconnect, "{error}");
        let known = account(&world).await;
        assert_eq!(known.state, AccountState::NeedsReconnect);
        assert!(!status_of(&world, &world.ana).await.enabled, "polling stops");
        let asked = refreshes(&world).await;
        for _ in 0..3 {
            let refused = access_token(&world.engine, world.tenant, world.ana.account).await;
            assert!(matches!(refused, Err(TokenError::NeedsReconnect)), "{refused:?}");
        }
        assert_eq!(refreshes(&world).await, asked, "no retry");
        assert_eq!(world.text(booking).await.status, "confirmed");
        assert_eq!(world.event(&event_id).await["summary"], "Stays");
        assert_eq!(world.pending().await, 1, "the change waits");
    }

    /// Scenario 47.
    async fn a_wrong_client_secret_alarms_the_operator_and_changes_no_account(url: String) {
        let world = World::new(&url).await;
        let (booking, event_id) = agreed(&world, "First", "2026-03-05T09:00:00").await;
        world.app_renames(booking, "Second").await;
        set_client_secret(&world, "another").await;
        tokens(&world, "expire_access").await;
        for _ in 0..3 {
            let error = world.try_sync().await.expect_err("the client is refused");
            assert_eq!(error.class(), FailureClass::OperatorAlarm, "{error}");
        }
        assert!(last_error(&world).await.contains("google.client_id"), "{}", last_error(&world).await);
        assert_eq!(account(&world).await.state, AccountState::Active, "no user is affected");
        assert!(status_of(&world, &world.ana).await.enabled);
        set_client_secret(&world, SECRET).await;
        world.settle().await;
        assert_eq!(world.event(&event_id).await["summary"], "Second");
    }

    /// Scenario 47.
    async fn a_token_endpoint_that_fails_is_waited_for(url: String) {
        let world = World::new(&url).await;
        world.settle().await;
        tokens(&world, "expire_access").await;
        for action in [json!({"status": 500}), json!({"status": 503, "body": "html"}), json!({"cut": "before"}), json!({"garbage": true})] {
            world.fault(json!({"path": "/token", "times": 1, "action": action})).await;
            let error = world.try_sync().await.expect_err("no token");
            assert!(matches!(error.class(), FailureClass::Transient { .. }), "{action}: {error}");
            assert_eq!(account(&world).await.state, AccountState::Active);
            assert!(wait(&world).await <= 15 * MINUTE);
        }
        world.assert_quiet().await;
    }

    /// Scenario 48.
    async fn an_expired_access_token_is_refreshed_once_within_the_pass(url: String) {
        let world = World::new(&url).await;
        world.settle().await;
        let before = refreshes(&world).await;
        tokens(&world, "expire_access").await;
        world.assert_quiet().await;
        assert_eq!(refreshes(&world).await - before, 1);
        assert_eq!(status_of(&world, &world.ana).await.failures, 0, "nobody notices");
    }

    async fn a_fresh_access_token_that_is_refused_too_is_not_refreshed_for_ever(url: String) {
        let world = World::new(&url).await;
        world.settle().await;
        let before = refreshes(&world).await;
        world.fault(json!({"path": "/calendar/v3", "times": 1000, "action": {"refuse": "authError"}})).await;
        let error = world.try_sync().await.expect_err("refused");
        assert_eq!(error.class(), FailureClass::Unauthorized);
        assert_eq!(refreshes(&world).await - before, 1);
        assert_eq!(account(&world).await.state, AccountState::Active, "only the token endpoint can say that a grant is dead");
        no_faults(&world).await;
        world.assert_quiet().await;
    }

    /// Scenario 48.
    async fn two_workers_refresh_once(url: String) {
        let world = World::new(&url).await;
        world.settle().await;
        pass_time(&world, 3600).await;
        let before = refreshes(&world).await;
        let elsewhere = Engine { tokens: TokenCache::default(), ..world.engine.clone() };
        let (tenant, id) = (world.tenant, world.ana.account);
        let (a, b, c) = tokio::join!(
            access_token(&world.engine, tenant, id),
            access_token(&world.engine, tenant, id),
            access_token(&elsewhere, tenant, id)
        );
        let (a, b, c) = (a.expect("a"), b.expect("b"), c.expect("c"));
        assert_eq!(a.expose_secret(), b.expose_secret());
        assert_eq!(a.expose_secret(), c.expose_secret(), "the other process reads what the first stored");
        assert_eq!(refreshes(&world).await - before, 1);
    }

    /// Scenario 48; checklist line 6.
    async fn a_refresh_keeps_the_old_refresh_token_unless_google_sends_a_new_one(url: String) {
        let world = World::new(&url).await;
        world.settle().await;
        let old = stored_refresh_token(&world).await;
        pass_time(&world, 3600).await;
        world.assert_quiet().await;
        assert_eq!(stored_refresh_token(&world).await, old);
        pass_time(&world, 3600).await;
        let scope = account(&world).await.scopes.join(" ");
        world.fault(json!({"path": "/token", "times": 1, "action": {"status": 200, "body":
            {"access_token": "at-new", "expires_in": 3599, "token_type": "Bearer", "refresh_token": "rt-new", "scope": scope}}})).await;
        let token = access_token(&world.engine, world.tenant, world.ana.account).await.expect("a token");
        assert_eq!(token.expose_secret(), "at-new");
        assert_eq!(stored_refresh_token(&world).await, "rt-new");
    }

    async fn rows_that_the_api_would_refuse_are_set_aside_and_pushed_once_mended(url: String) {
        let world = World::new(&url).await;
        let (booking, event_id) = agreed(&world, "Ends first", "2026-03-05T09:00:00").await;
        let (zone, zone_event) = agreed(&world, "No zone", "2026-03-06T09:00:00").await;
        let (long, long_event) = agreed(&world, "Long", "2026-03-07T09:00:00").await;
        let (good, good_event) = agreed(&world, "Good", "2026-03-08T09:00:00").await;
        let writes = world.google_writes().await;
        world.app_moves(booking, "2026-03-05T12:00:00", "2026-03-05T11:00:00").await;
        world.app_sql("UPDATE bookings SET time_zone = 'Mars/Base' WHERE tenant_id = $1 AND id = $2", zone).await;
        support::world::run(&world.engine.db, "UPDATE bookings SET description = $3 WHERE tenant_id = $1 AND id = $2",
            args![world.tenant, long, "x".repeat(9000)]).await;
        world.app_renames(good, "Goes on").await;
        let report = world.sync().await;
        assert_eq!(report.quarantined, 3, "{report:?}");
        assert_eq!(world.google_writes().await, writes + 1, "only the good one is written");
        assert_eq!(world.event(&good_event).await["summary"], "Goes on");
        let items = aside(&world).await;
        for id in [booking, zone, long] {
            let item = items.iter().find(|item| item.item_id == id.to_string()).expect("set aside");
            assert_eq!(item.side, "app");
            assert!(!item.reason.is_empty(), "with its reason");
        }
        world.assert_quiet().await;
        assert_eq!(aside(&world).await.len(), 3);

        world.app_moves(booking, "2026-03-05T12:00:00", "2026-03-05T13:00:00").await;
        world.app_sql("UPDATE bookings SET time_zone = 'Europe/Prague' WHERE tenant_id = $1 AND id = $2", zone).await;
        world.app_sql("UPDATE bookings SET description = 'short' WHERE tenant_id = $1 AND id = $2", long).await;
        world.settle().await;
        assert!(aside(&world).await.is_empty());
        assert_eq!(world.event(&event_id).await["start"]["dateTime"], "2026-03-05T12:00:00+01:00");
        assert_eq!(world.event(&zone_event).await["start"]["timeZone"], "Europe/Prague");
        assert_eq!(world.event(&long_event).await["description"], "short");
        assert_eq!(world.pending().await, 0);
    }

    async fn new_rows_that_make_no_sense_are_never_pushed(url: String) {
        let world = World::new(&url).await;
        let ids: Vec<_> = (0..3).map(|_| accord::domain::ids::BookingId(world.engine.fresh_uuid())).collect();
        let rows = [("yesterday", "tomorrow", ""), ("2026-03-05T09:00:00", "2026-03-05T10:00:00", "RRULE:FREQ=SOMETIMES"), ("2026-03-05", "2026-03-04", "")];
        for (id, (starts, ends, recurrence)) in ids.iter().zip(rows) {
            support::world::run(&world.engine.db,
                "INSERT INTO bookings (tenant_id, id, user_id, title, starts_local, ends_local, time_zone, recurrence) \
                 VALUES ($1, $2, $3, 'New', $4, $5, 'Europe/Madrid', $6)",
                args![world.tenant, *id, world.ana.user, starts, ends, recurrence]).await;
        }
        let report = world.sync().await;
        assert_eq!((report.quarantined, report.events_created), (3, 0), "{report:?}");
        world.assert_quiet().await;
        assert!(world.events().await.is_empty());
        world.app_moves(ids[0], "2026-03-05T09:00:00", "2026-03-05T10:00:00").await;
        world.settle().await;
        assert_eq!(world.events().await.len(), 1);
        assert_eq!(aside(&world).await.len(), 2);
    }

    async fn a_row_that_is_broken_meets_an_edit_in_google_and_neither_is_lost(url: String) {
        let world = World::new(&url).await;
        let (booking, event_id) = agreed(&world, "Both", "2026-03-05T09:00:00").await;
        world.app_moves(booking, "2026-03-05T12:00:00", "nonsense").await;
        world.sync().await;
        world.person_edits(&event_id, json!({"summary": "Renamed in Google"})).await;
        world.sync().await;
        assert_eq!(aside(&world).await.len(), 1);
        world.app_moves(booking, "2026-03-05T12:00:00", "2026-03-05T13:00:00").await;
        world.settle().await;
        let (row, event) = (world.text(booking).await, world.event(&event_id).await);
        assert_eq!((row.title.as_str(), row.starts_local.as_str()), ("Renamed in Google", "2026-03-05T12:00:00"));
        assert_eq!(event["summary"], "Renamed in Google");
        assert_eq!(event["start"]["dateTime"], "2026-03-05T12:00:00+01:00");
        assert!(aside(&world).await.is_empty());
    }

    async fn what_google_will_never_take_is_set_aside_and_its_neighbours_are_written(url: String) {
        let world = World::new(&url).await;
        let (bad, bad_event) = agreed(&world, "Bad", "2026-03-05T09:00:00").await;
        let (good, good_event) = agreed(&world, "Good", "2026-03-06T09:00:00").await;
        world.app_renames(bad, "Refused").await;
        world.app_renames(good, "Taken").await;
        world.fault(json!({"method": "PATCH", "path": bad_event, "times": 1000, "action": {"status": 400,
            "body": {"error": {"errors": [{"domain": "global", "reason": "invalid", "message": "Invalid value"}], "code": 400, "message": "Invalid value"}}}})).await;
        let report = world.sync().await;
        assert_eq!((report.quarantined, report.events_updated), (1, 1), "{report:?}");
        assert_eq!(world.event(&good_event).await["summary"], "Taken");
        world.assert_quiet().await;
        no_faults(&world).await;
        assert_eq!(quarantine::retry(&world.engine, world.tenant, world.ana.account).await.expect("retry"), 1);
        world.settle().await;
        assert_eq!(world.event(&bad_event).await["summary"], "Refused");
        assert!(aside(&world).await.is_empty());
    }
}

/// A pass of a claimed scope.
async fn claimed(world: &World) -> scopes::Claim {
    let key = world.scope(&world.ana, ANA);
    let mut tx = world.engine.db.begin().await.expect("begin");
    let claim = scopes::claim(&mut tx, &key, world.engine.now_ms(), 60_000)
        .await
        .expect("claim");
    tx.commit().await.expect("commit");
    claim.expect("free")
}

/// The lease of a pass that could not even say that it failed.
async fn lease_ends(world: &World) {
    let sql = "UPDATE sync_scopes SET lease_until = 1 WHERE tenant_id = $1";
    support::world::run(&world.engine.db, sql, args![world.tenant]).await;
}

/// Two things to do: one for each side.
async fn work(world: &World) {
    world.person_creates(event("Theirs", "2026-03-06T09:00:00")).await;
    world.app_creates("Ours", hour("2026-03-07T09:00:00")).await;
}

async fn nothing_was_lost(world: &World) {
    lease_ends(world).await;
    world.settle().await;
    assert_eq!((world.bookings().await.len(), world.events().await.len()), (2, 2));
    assert_eq!(world.pending().await, 0);
}

fn store_error(outcome: Result<accord::engine::sync::PassReport, SyncError>) -> StoreError {
    match outcome {
        Err(SyncError::Store(error)) => error,
        other => panic!("a database error was expected: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_another_process_locks_gives_a_clear_error_and_loses_nothing() {
    let database = fresh_sqlite();
    let world = World::new(database.url()).await;
    work(&world).await;
    let claim = claimed(&world).await;
    let other = open(database.url()).await;
    let lock = other.begin().await.expect("the other process gets the lock");
    let error = store_error(pass(&world.engine, &claim, world.engine.now_ms()).await);
    assert!(matches!(error, StoreError::Locked), "{error:?}");
    lock.rollback().await.expect("rollback");
    nothing_was_lost(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_read_only_gives_a_clear_error_and_loses_nothing() {
    let database = fresh_sqlite();
    let mut world = World::new(database.url()).await;
    work(&world).await;
    let claim = claimed(&world).await;
    set_pragma(&world, "PRAGMA query_only = 1").await;
    let error = store_error(pass(&world.engine, &claim, world.engine.now_ms()).await);
    assert!(matches!(error, StoreError::ReadOnly), "{error:?}");
    world.restart().await;
    nothing_was_lost(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_full_gives_a_clear_error_and_loses_nothing() {
    let database = fresh_sqlite();
    let world = World::new(database.url()).await;
    let text = "x".repeat(8000);
    for n in 0..30 {
        let mut large = event("Large", &format!("2026-03-06T09:{n:02}:00"));
        large["description"] = json!(text);
        world.person_creates(large).await;
    }
    let claim = claimed(&world).await;
    // SQLite never shrinks the limit below what the file has; one page more is soon used up.
    set_pragma(&world, "PRAGMA max_page_count = 1").await;
    let error = store_error(pass(&world.engine, &claim, world.engine.now_ms()).await);
    assert!(matches!(error, StoreError::Full), "{error:?}");
    set_pragma(&world, "PRAGMA max_page_count = 1000000").await;
    lease_ends(&world).await;
    world.settle().await;
    assert_eq!(world.bookings().await.len(), 30);
}

/// SQLite's one writing connection is told something.
async fn set_pragma(world: &World, sql: &'static str) {
    let mut tx = world.engine.db.begin().await.expect("begin");
    let _: Vec<_> = tx.fetch_all(sql, args![]).await.expect("pragma");
    tx.commit().await.expect("commit");
}
