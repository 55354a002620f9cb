//! Whatever happens to people in whatever order, both sides agree in the end and nobody is lost, doubled or brought back.
//!
//! Random stories (`people_story`) are told against a real database and the pretend Google. A failing story shrinks and is
//! printed as a test for `people_regressions.rs`, where it stays under a name. How to tell more of them: `support/stories.rs`.
mod people_story;
mod support;

use people_story::{Setting, Step, any_story, tell, trace};
use proptest::strategy::Strategy;
use support::stories::{On, Tale, tell_many};

#[derive(Clone, Copy)]
struct OfPeople;

impl Tale for OfPeople {
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
    tell_many(OfPeople, 48, On::Sqlite);
}

/// Promises 1 to 4 and 10.
#[test]
fn any_story_ends_in_agreement_on_postgres() {
    tell_many(OfPeople, 10, On::Postgres);
}
