//! Whatever happens in whatever order, both sides agree in the end and nothing is lost, doubled or brought back.
//!
//! Random stories (`sync_story`) are told against a real database and the pretend Google. A failing story shrinks and is
//! printed as a test for `sync_regressions.rs`, where it stays under a name. `ACCORD_PROPTEST_CASES` tells more of them,
//! each time others; a failure names its seed, and `ACCORD_PROPTEST_SEED` tells the same ones again.
mod support;
mod sync_story;

use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};
use std::hash::BuildHasher;
use support::postgres::{fresh_database, fresh_sqlite};
use sync_story::{Setting, Step, any_story, tell, trace};

#[derive(Clone, Copy)]
enum On {
    Sqlite,
    Postgres,
}

#[expect(
    clippy::disallowed_methods,
    reason = "how many stories are told is asked of the one who runs the test"
)]
fn tell_many(default_cases: u32, on: On) {
    // The usual run tells the same stories every time; whoever asks for a number gets new ones.
    let asked = |name: &str| {
        std::env::var(name)
            .ok()
            .map(|text| text.parse::<u64>().expect("a number"))
    };
    let cases = asked("ACCORD_PROPTEST_CASES");
    let new = || cases.map(|_| std::hash::RandomState::new().hash_one(0));
    let seed = asked("ACCORD_PROPTEST_SEED").or_else(new).unwrap_or(20_260_302);
    let config = Config {
        cases: cases.map_or(default_cases, |cases| cases.try_into().expect("a sensible number")),
        rng_seed: RngSeed::Fixed(seed),
        max_shrink_iters: 250,
        failure_persistence: None,
        ..Config::default()
    };
    // Proptest's own frames are under the story's.
    let told = std::thread::Builder::new()
        .stack_size(16 << 20)
        .spawn(move || tell_all(config, seed, on));
    if let Err(panic) = told.expect("a thread").join() {
        std::panic::resume_unwind(panic);
    }
}

fn tell_all(config: Config, seed: u64, on: On) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let told = TestRunner::new(config).run(&any_story(), |(setting, steps)| {
        let outcome = runtime.block_on(async {
            match on {
                On::Sqlite => tell(fresh_sqlite().url(), setting, &steps).await,
                On::Postgres => tell(fresh_database().await.url(), setting, &steps).await,
            }
        });
        outcome.map_err(TestCaseError::fail)
    });
    match told {
        Ok(()) => {}
        Err(TestError::Fail(reason, (setting, steps))) => {
            let how = runtime.block_on(async { trace(fresh_sqlite().url(), setting, &steps).await });
            panic!(
                "ACCORD_PROPTEST_SEED={seed}: {}\n\n{how}",
                as_test(&reason.to_string(), setting, &steps)
            )
        }
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}

/// The story as it is pasted into `sync_regressions.rs`.
fn as_test(reason: &str, setting: Setting, steps: &[Step]) -> String {
    let steps: String = steps.iter().map(|step| format!("            {step:?},\n")).collect();
    format!(
        "{reason}\n\n    async fn name_what_must_hold(url: String) {{\n        tell(&url, {setting:?}, &[\n{steps}        ]).await.unwrap();\n    }}\n"
    )
}

/// Promises 1 to 4 and 10.
#[test]
fn any_story_ends_in_agreement_on_sqlite() {
    tell_many(64, On::Sqlite);
}

/// Promises 1 to 4 and 10.
#[test]
fn any_story_ends_in_agreement_on_postgres() {
    tell_many(12, On::Postgres);
}
