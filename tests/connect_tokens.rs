//! Access tokens: one refresh at a time, and only Google's word that a grant is dead stops an account.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
mod connect_support;
mod support;

use accord::args;
use accord::engine::tokens::{TokenError, access_token, invalidate};
use accord::store::accounts::{self, AccountState};
use connect_support::{ALL, Bed};
use secrecy::ExposeSecret;
use serde_json::json;
use std::io::Write;
use std::sync::{Arc, Mutex};
use support::google::{ANA, EVENTS};
use support::http::query_of;
use support::postgres::{both_databases, fresh_sqlite};

/// Longer than an access token lives.
const HOUR: i64 = 3_600;

both_databases! {
    /// Checklist line 18.
    async fn many_callers_cause_one_refresh(url: String) {
        let bed = Bed::new(&url).await;
        let account = bed.connect(bed.ana, ANA).await.id;
        let refresh = bed.stored(account, "refresh_token").await;
        bed.pass(HOUR).await;
        let before = bed.asked("token").await;
        bed.fault("/token", 1, json!({"delay_ms": 300})).await;
        let other = bed.other_worker();
        let calls = (0..6).map(|n| {
            let engine = if n % 2 == 0 { bed.engine.clone() } else { other.clone() };
            let tenant = bed.tenant;
            tokio::spawn(async move { access_token(&engine, tenant, account).await.unwrap().expose_secret().to_owned() })
        });
        let tokens = futures_util::future::join_all(calls.collect::<Vec<_>>()).await;
        let tokens: std::collections::BTreeSet<String> = tokens.into_iter().map(Result::unwrap).collect();
        assert_eq!(tokens.len(), 1, "everybody got the same one");
        assert_eq!(bed.asked("token").await, before + 1);
        assert_eq!(bed.stored(account, "refresh_token").await, refresh, "Google sent no new one, the old one stays");
    }

    async fn a_refused_token_is_replaced_once(url: String) {
        let bed = Bed::new(&url).await;
        let account = bed.connect(bed.ana, ANA).await.id;
        let old = access_token(&bed.engine, bed.tenant, account).await.unwrap();
        let before = bed.asked("token").await;
        invalidate(&bed.engine, bed.tenant, account, &old).await.unwrap();
        let new = access_token(&bed.engine, bed.tenant, account).await.unwrap();
        assert_ne!(old.expose_secret(), new.expose_secret());
        // The second caller who met the refusal of the old one does not void the new one.
        invalidate(&bed.engine, bed.tenant, account, &old).await.unwrap();
        let same = access_token(&bed.engine, bed.tenant, account).await.unwrap();
        assert_eq!(new.expose_secret(), same.expose_secret());
        assert_eq!(bed.asked("token").await, before + 1);
    }

    async fn a_rotated_refresh_token_replaces_the_old_one(url: String) {
        let bed = Bed::new(&url).await;
        let account = bed.connect(bed.ana, ANA).await.id;
        bed.pass(HOUR).await;
        let body = json!({"access_token": "ya29.rotated", "expires_in": 3599, "token_type": "Bearer", "refresh_token": "1//rotated"});
        bed.fault("/token", 1, json!({"status": 200, "body": body})).await;
        let access = access_token(&bed.engine, bed.tenant, account).await.unwrap();
        assert_eq!(access.expose_secret(), "ya29.rotated");
        assert_eq!(bed.stored(account, "refresh_token").await.unwrap(), "1//rotated");
        assert_eq!(bed.stored(account, "access_token").await.unwrap(), "ya29.rotated");
    }

    async fn a_dead_grant_stops_the_account_and_a_new_connection_starts_it_again(url: String) {
        let bed = Bed::new(&url).await;
        let account = bed.connect(bed.ana, ANA).await.id;
        bed.google.switch("tokens/revoke_refresh", &json!({"email": ANA})).await;
        bed.pass(HOUR).await;
        let changes = "SELECT COUNT(*) AS n FROM changes WHERE kind = 'account'";
        let before = bed.count(changes).await;
        for _ in 0..2 {
            let error = access_token(&bed.engine, bed.tenant, account).await.unwrap_err();
            assert!(matches!(error, TokenError::NeedsReconnect), "{error:?}");
        }
        let stopped = bed.account(bed.ana).await.unwrap();
        assert_eq!(stopped.state, AccountState::NeedsReconnect);
        assert!(stopped.last_error.unwrap().contains("connect"));
        assert_eq!(bed.polled().await, 0);
        assert_eq!(bed.count(changes).await, before + 1, "it is said once");
        let mut browser = bed.browser();
        bed.to_choices(&mut browser, bed.ana, ANA, ALL).await.expect(303);
        let again = bed.account(bed.ana).await.unwrap();
        assert_eq!((again.id, again.state, again.last_error), (account, AccountState::Active, None));
        assert_eq!(bed.polled().await, 1, "the old choices are in force at once");
        access_token(&bed.engine, bed.tenant, account).await.unwrap();
    }

    /// Checklist line 8.
    async fn an_outage_or_a_wrong_client_secret_says_nothing_about_the_account(url: String) {
        let bed = Bed::new(&url).await;
        let account = bed.connect(bed.ana, ANA).await.id;
        let untouched = bed.account(bed.ana).await;
        bed.pass(HOUR).await;
        let invalid_client = json!({"status": 401, "body": {"error": "invalid_client", "error_description": "Unauthorized"}});
        bed.fault("/token", 1, invalid_client).await;
        let error = access_token(&bed.engine, bed.tenant, account).await.unwrap_err();
        assert!(matches!(error, TokenError::OperatorAlarm), "{error:?}");
        for action in [json!({"status": 500}), json!({"status": 400, "body": "html"}), json!({"cut": "before"}), json!({"garbage": true})] {
            bed.fault("/token", 1, action.clone()).await;
            let error = access_token(&bed.engine, bed.tenant, account).await.unwrap_err();
            assert!(matches!(error, TokenError::Transient { .. }), "{action}: {error:?}");
        }
        assert_eq!(bed.account(bed.ana).await, untouched);
        assert_eq!(bed.polled().await, 1);
        access_token(&bed.engine, bed.tenant, account).await.unwrap();
    }

    async fn a_scope_that_was_taken_back_turns_the_calendar_off(url: String) {
        let bed = Bed::new(&url).await;
        let account = bed.connect(bed.ana, ANA).await.id;
        bed.google.switch("tokens/drop_scope", &json!({"email": ANA, "scope": EVENTS})).await;
        bed.pass(HOUR).await;
        access_token(&bed.engine, bed.tenant, account).await.unwrap();
        let now = bed.account(bed.ana).await.unwrap();
        assert_eq!(now.state, AccountState::Active);
        assert!(now.last_error.unwrap().contains("calendar"));
        assert_eq!(bed.polled().await, 0);
        let mut browser = bed.browser();
        let page = bed.sign_in(&mut browser, ANA).await.expect(200);
        page.says("without access to your calendar");
        page.says("Connect again");
    }

    async fn an_abandoned_lease_is_waited_for_and_then_taken(url: String) {
        let bed = Bed::new(&url).await;
        let account = bed.connect(bed.ana, ANA).await.id;
        bed.pass(HOUR).await;
        let mut tx = bed.engine.db.begin().await.unwrap();
        assert!(accounts::lease_refresh(&mut tx, bed.tenant, account, 700).await.unwrap());
        assert!(!accounts::lease_refresh(&mut tx, bed.tenant, account, 700).await.unwrap());
        tx.commit().await.unwrap();
        let before = bed.asked("token").await;
        let started = tokio::time::Instant::now();
        access_token(&bed.engine, bed.tenant, account).await.unwrap();
        assert!(started.elapsed().as_millis() >= 400, "somebody else had the lease");
        assert_eq!(bed.asked("token").await, before + 1);
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// One thread, so that everything that is logged meets this test's subscriber.
/// Promise 9.
#[tokio::test]
async fn no_secret_reaches_logs_debug_output_or_the_database_file() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let database = fresh_sqlite();
    let bed = Bed::new(database.url()).await;
    let mut browser = bed.browser();
    let link = bed.link(bed.ana).await;
    let page = browser.get(&link).await.expect(200);
    let departure = browser.submit(&page, 0, &[]).await.expect(303);
    let back = bed.at_google(&departure, ANA, ALL, "allow").await;
    let arrived = browser.get(&back).await.expect(303);
    let page = browser.get(arrived.location()).await.expect(200);
    browser.submit(&page, 0, &[]).await.expect(303);
    let account = bed.account(bed.ana).await.unwrap();
    let access = access_token(&bed.engine, bed.tenant, account.id).await.unwrap();
    bed.pass(HOUR).await;
    bed.fault("/token", 1, json!({"status": 500})).await;
    let error = access_token(&bed.engine, bed.tenant, account.id).await.unwrap_err();
    let newer = access_token(&bed.engine, bed.tenant, account.id).await.unwrap();

    let answer = query_of(&back);
    let secret_of = |link: &str| link.rsplit('.').next().unwrap().to_owned();
    let secrets = [
        ("refresh token", bed.stored(account.id, "refresh_token").await.unwrap()),
        ("access token", access.expose_secret().to_owned()),
        ("newer access token", newer.expose_secret().to_owned()),
        ("code", answer["code"].clone()),
        ("state", secret_of(&answer["state"])),
        ("one-time secret", secret_of(&link)),
        ("cookie", browser.cookies.values().next().unwrap().clone()),
    ];
    let mut tx = bed.engine.db.read().await.unwrap();
    let stored = accounts::tokens(&mut tx, bed.tenant, account.id).await.unwrap();
    drop(tx);
    let shown = format!("{account:?} {stored:?} {error:?} {error} {access:?}");
    bed.sql(
        "UPDATE accounts SET last_error = $1",
        args!["a marker that is in the file"],
    )
    .await;
    bed.engine.db.close().await;
    let file = std::fs::read(database.url().strip_prefix("sqlite://").unwrap()).unwrap();
    let logged = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    let holds = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(
        holds(&file, "a marker that is in the file"),
        "the scan looks at the right file"
    );
    for (name, secret) in &secrets {
        assert!(secret.len() > 20, "{name}");
        assert!(!holds(&file, secret), "{name} is in the database file");
        assert!(!logged.contains(secret), "{name} is in the log");
        assert!(!shown.contains(secret), "{name} is in debug output");
    }
}
