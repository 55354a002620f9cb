//! Telling many random stories, and printing the one that ends badly as a test.
//!
//! The usual run tells the same stories every time. `ACCORD_PROPTEST_CASES` tells more of them, each time others; a failure
//! names its seed, and `ACCORD_PROPTEST_SEED` tells the same ones again. `ACCORD_PROPTEST_SHRINK=0` prints a failing story as it is.
use super::postgres::{fresh_database, fresh_sqlite};
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};
use std::fmt::Debug;
use std::hash::BuildHasher;

#[derive(Clone, Copy)]
pub enum On {
    Sqlite,
    Postgres,
}

/// How a kind of story is told: on the database with this URL, under a setting, step by step.
pub trait Tale: Copy + Send + 'static {
    type Setting: Copy + Debug;
    type Step: Clone + Debug;

    /// Any story.
    fn any(self) -> impl Strategy<Value = (Self::Setting, Vec<Self::Step>)>;

    /// Tells it and judges its end: what is wrong, in words.
    fn tell(self, url: &str, setting: Self::Setting, steps: &[Self::Step]) -> impl Future<Output = Result<(), String>>;

    /// The same, for somebody who wants to read how it came to this.
    fn trace(self, url: &str, setting: Self::Setting, steps: &[Self::Step]) -> impl Future<Output = String>;
}

/// Tells so many stories, or as many as the environment asks for.
#[expect(
    clippy::disallowed_methods,
    reason = "how many stories are told is asked of the one who runs the test"
)]
pub fn tell_many<T: Tale>(tale: T, default_cases: u32, on: On) {
    let asked = |name: &str| {
        std::env::var(name)
            .ok()
            .map(|text| text.parse::<u64>().expect("a number"))
    };
    let cases = asked("ACCORD_PROPTEST_CASES");
    let new = || cases.map(|_| std::hash::RandomState::new().hash_one(0));
    let seed = asked("ACCORD_PROPTEST_SEED").or_else(new).unwrap_or(20_260_302);
    let shrinks = asked("ACCORD_PROPTEST_SHRINK").unwrap_or(250);
    let config = Config {
        cases: cases.map_or(default_cases, |cases| cases.try_into().expect("a sensible number")),
        rng_seed: RngSeed::Fixed(seed),
        max_shrink_iters: shrinks.try_into().expect("a sensible number"),
        failure_persistence: None,
        ..Config::default()
    };
    // Proptest's own frames are under the story's.
    let told = std::thread::Builder::new()
        .stack_size(16 << 20)
        .spawn(move || tell_all(tale, config, seed, on));
    if let Err(panic) = told.expect("a thread").join() {
        std::panic::resume_unwind(panic);
    }
}

fn tell_all<T: Tale>(tale: T, config: Config, seed: u64, on: On) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let told = TestRunner::new(config).run(&tale.any(), |(setting, steps)| {
        let outcome = runtime.block_on(async {
            match on {
                On::Sqlite => tale.tell(fresh_sqlite().url(), setting, &steps).await,
                On::Postgres => tale.tell(fresh_database().await.url(), setting, &steps).await,
            }
        });
        outcome.map_err(TestCaseError::fail)
    });
    match told {
        Ok(()) => {}
        Err(TestError::Fail(reason, (setting, steps))) => {
            let how = runtime.block_on(async { tale.trace(fresh_sqlite().url(), setting, &steps).await });
            panic!(
                "ACCORD_PROPTEST_SEED={seed}: {}\n\n{how}",
                as_test(&reason.to_string(), &setting, &steps)
            )
        }
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}

/// The story as it is pasted among the regressions.
fn as_test(reason: &str, setting: &impl Debug, steps: &[impl Debug]) -> String {
    let steps: String = steps.iter().map(|step| format!("            {step:?},\n")).collect();
    format!(
        "{reason}\n\n    async fn name_what_must_hold(url: String) {{\n        tell(&url, {setting:?}, &[\n{steps}        ]).await.unwrap();\n    }}\n"
    )
}
