//! Whatever happens in whatever order, a customer gets a mail only after their user said yes to exactly it, once at most, and true.
//!
//! Random stories (`mail_story`) are told against a real database, the pretend Google and its mail server; at the end the auditor
//! compares what the server took with the ledger. A failing story shrinks and is printed as a test for `mail_regressions.rs`,
//! where it stays under a name. How to tell more of them: `support/stories.rs`.
mod mail_story;
mod support;

use mail_story::{Setting, Step, any_story, tell, trace};
use proptest::strategy::Strategy;
use support::stories::{On, Tale, tell_many};

#[derive(Clone, Copy)]
struct OfMail;

impl Tale for OfMail {
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

/// Promise 6.
#[test]
fn in_any_story_every_mail_has_its_own_consent_on_sqlite() {
    tell_many(OfMail, 48, On::Sqlite);
}

/// Promise 6.
#[test]
fn in_any_story_every_mail_has_its_own_consent_on_postgres() {
    tell_many(OfMail, 8, On::Postgres);
}
