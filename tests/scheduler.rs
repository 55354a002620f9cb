//! Claims of due scopes, as several workers meet them, and the end of the scheduler.
#![expect(clippy::unwrap_used, reason = "a test that panics fails, which is right")]
mod support;

use accord::app::{App, Surroundings};
use accord::config::{Config, Sources};
use accord::domain::ids::{AccountId, CalendarId, TenantId, UserId};
use accord::engine::housekeeping::Retention;
use accord::engine::{Engine, due};
use accord::jobs::{self, cadence::Cadence};
use accord::lifecycle::Shutdown;
use accord::store::scopes::{self, ScopeKey};
use std::collections::HashSet;
use std::time::Duration;
use support::postgres::both_databases;
use tokio::time::{Instant, sleep, timeout};

/// An app over `url` whose Google is a port at which nobody answers.
async fn app(url: &str) -> (App, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (open(url, folder.path()).await.unwrap(), folder)
}

/// The same with a key file in this folder.
async fn open(url: &str, folder: &std::path::Path) -> Result<App, accord::app::OpenError> {
    let nobody = "http://127.0.0.1:9";
    let mut sources = Sources::default()
        .with("database.url", url)
        .with("secrets.key_file", folder.join("accord.key").display().to_string());
    for key in ["auth_url", "token_url", "revoke_url", "userinfo_url", "calendar_url"] {
        sources = sources.with(&format!("google.{key}"), nobody);
    }
    let config = Config::load(&sources).unwrap();
    App::open(config, Surroundings::real()).await
}

/// `count` due scopes of one account.
async fn due_scopes(engine: &Engine, count: usize) -> (TenantId, AccountId) {
    let (tenant, user, account) = (engine.fresh_uuid(), engine.fresh_uuid(), engine.fresh_uuid());
    let (tenant, user, account) = (TenantId(tenant), UserId(user), AccountId(account));
    let mut tx = engine.db.begin().await.unwrap();
    let rows = [
        (
            "INSERT INTO tenants (id, name, settings, created_at, updated_at) VALUES ($1, 'Kaval', '{}', 0, 0)",
            accord::args![tenant],
        ),
        (
            "INSERT INTO users (tenant_id, id, name, email, created_at, updated_at) VALUES ($1, $2, 'Jana', 'j@kaval.example', 0, 0)",
            accord::args![tenant, user],
        ),
        (
            "INSERT INTO accounts (tenant_id, id, user_id, sub, email, state, created_at, updated_at) \
             VALUES ($1, $3, $2, 's', 'j@kaval.example', 'active', 0, 0)",
            accord::args![tenant, user, account],
        ),
    ];
    for (sql, args) in rows {
        tx.execute(sql, args).await.unwrap();
    }
    for number in 0..count {
        scopes::ensure_scope(
            &mut tx,
            tenant,
            account,
            &CalendarId(format!("c{number}@kaval.example")),
        )
        .await
        .unwrap();
    }
    tx.execute(
        "UPDATE sync_scopes SET enabled = 1, due_at = 0 WHERE tenant_id = $1",
        accord::args![tenant],
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    (tenant, account)
}

both_databases! {
    async fn a_start_with_a_key_file_that_lacks_a_key_in_use_is_refused(url: String) {
        let ((first, folder), (_second, other)) = (app(&url).await, app(&url).await);
        let (tenant, account) = due_scopes(&first.engine, 1).await;
        let header = first.engine.keys.header().to_vec();
        let mut tx = first.engine.db.begin().await.unwrap();
        let sealed = "UPDATE accounts SET refresh_token_sealed = $3 WHERE tenant_id = $1 AND id = $2";
        tx.execute(sealed, accord::args![tenant, account, header]).await.unwrap();
        tx.commit().await.unwrap();
        open(&url, folder.path()).await.unwrap();
        let refused = open(&url, other.path()).await.err().unwrap();
        assert!(matches!(refused, accord::app::OpenError::MissingKey(key) if key == first.engine.keys.newest()), "{refused}");
    }

    async fn each_due_scope_is_claimed_by_one_of_two_workers(url: String) {
        let (app, _folder) = app(&url).await;
        due_scopes(&app.engine, 20).await;
        let worker = async |engine: Engine| {
            let mut mine: Vec<ScopeKey> = Vec::new();
            loop {
                let claims = due::claim(&engine, 3).await.unwrap();
                if claims.is_empty() && !due::is_any(&engine).await.unwrap() {
                    return mine;
                }
                mine.extend(claims.into_iter().map(|claim| claim.key));
            }
        };
        let (one, other) = tokio::join!(worker(app.engine.clone()), worker(app.engine.clone()));
        let all: HashSet<ScopeKey> = one.iter().chain(&other).cloned().collect();
        assert_eq!((one.len() + other.len(), all.len()), (20, 20));
    }

    async fn a_worker_that_overslept_its_lease_writes_nothing_more(url: String) {
        let (app, _folder) = app(&url).await;
        let mut sleeper = app.engine.clone();
        sleeper.sync.lease_ms = 1;
        due_scopes(&sleeper, 1).await;
        let old = due::claim(&sleeper, 1).await.unwrap().pop().unwrap();
        let new = timeout(Duration::from_secs(10), async {
            loop {
                if let Some(claim) = due::claim(&app.engine, 1).await.unwrap().pop() {
                    return claim;
                }
                sleep(Duration::from_millis(5)).await;
            }
        });
        let new = new.await.expect("the lease runs out by itself");
        assert!(new.fence > old.fence);
        let mut tx = app.engine.db.begin().await.unwrap();
        assert!(!scopes::hold(&mut tx, &old, 1_000).await.unwrap(), "the sleeper is fenced off");
        assert!(scopes::hold(&mut tx, &new, 1_000).await.unwrap());
    }

    async fn a_scope_that_was_let_go_is_due_at_once(url: String) {
        let (app, _folder) = app(&url).await;
        due_scopes(&app.engine, 1).await;
        let claim = due::claim(&app.engine, 1).await.unwrap().pop().unwrap();
        assert!(due::claim(&app.engine, 1).await.unwrap().is_empty());
        due::let_go(&app.engine, &claim).await.unwrap();
        assert_eq!(due::claim(&app.engine, 1).await.unwrap().len(), 1);
    }

    async fn the_jobs_try_every_due_scope_and_end_when_asked(url: String) {
        let (app, _folder) = app(&url).await;
        let (tenant, _) = due_scopes(&app.engine, 5).await;
        let schedule = app.config().sync.schedule.clone();
        let settings = jobs::Settings {
            cadence: Cadence::new(schedule, app.engine.clock.now()),
            concurrency: 2,
            retention: Retention { changes_days: 30, choosing_hours: 24, letters_days: 30 },
        };
        let shutdown = Shutdown::new(Duration::from_secs(10));
        let running = tokio::spawn(jobs::run(app.engine.clone(), settings, shutdown.stop()));
        // No calendar row stands behind these scopes, so every pass fails; each failure is kept with its scope.
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let scopes = due::of(&app.engine, tenant, None).await.unwrap();
            if scopes.iter().all(|scope| scope.failures > 0 && scope.last_error.is_some()) {
                break;
            }
            assert!(Instant::now() < end, "{scopes:?}");
            sleep(Duration::from_millis(50)).await;
        }
        shutdown.request();
        timeout(Duration::from_secs(10), running).await.expect("the jobs end").unwrap();
    }
}
