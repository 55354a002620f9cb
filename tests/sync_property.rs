//! Whatever happens in whatever order, both sides agree in the end and nothing is lost, doubled or brought back.
//!
//! Random stories (`sync_story`) are told against a real database and the pretend Google. A failing story shrinks and is
//! printed as a test for `sync_regressions.rs`, where it stays under a name. `ACCORD_PROPTEST_CASES` tells more of them,
//! each time others; a failure names its seed, and `ACCORD_PROPTEST_SEED` tells the same ones again.
mod support;
mod sync_story;

use proptest::strategy::Strategy;
use support::stories::{On, Tale, tell_many};
use sync_story::{Setting, Step, any_story, tell, trace};

#[derive(Clone, Copy)]
struct OfBookings;

impl Tale for OfBookings {
    type Setting = Setting;
    type Step = Step;

    fn any(self) -> impl Strategy<Value = (Setting, Vec<Step>)> {
        any_story()
    }

    async fn tell(self, url: &str, setting: Setting, steps: &[Step]) -> Result<(), String> {
        tell(url, setting, steps).await
    }

    async fn trace(self, url: &str, setting: Setting, steps: &[Step]) -> String {
        trace(url, setting, steps).await
    }
}

/// Promises 1 to 4 and 10.
#[test]
fn any_story_ends_in_agreement_on_sqlite() {
    tell_many(OfBookings, 64, On::Sqlite);
}

/// Promises 1 to 4 and 10.
#[test]
fn any_story_ends_in_agreement_on_postgres() {
    tell_many(OfBookings, 12, On::Postgres);
}
