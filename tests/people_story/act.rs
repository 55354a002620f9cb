//! Who does a step.
use super::{Step, Story};
use crate::support::google::ANA;
use serde_json::json;

impl Story {
    /// Does one step. `false`: there was nothing that it could be done to.
    pub(super) async fn act(&mut self, step: Step) -> bool {
        match step {
            Step::PersonCreates => self.person_creates().await,
            Step::PersonAddsNamesake(k) => self.person_adds_like(k, true).await,
            Step::PersonAddsHousemate(k) => self.person_adds_like(k, false).await,
            Step::PersonEdits(k, change) => self.person_changes(k, change).await,
            Step::PersonDeletes(k) => self.person_removes(k).await,
            Step::PersonTouches(k) => self.person_touches(k).await,
            Step::PersonLabels(k) => self.person_puts_under_label(k, true).await,
            Step::PersonUnlabels(k) => self.person_puts_under_label(k, false).await,
            Step::PersonMerges(k, other, forward) => self.person_merges(k, other, forward).await,
            Step::LinkProfile(k) => self.profile(k, "link_profile").await,
            Step::UnlinkProfile(k) => self.profile(k, "unlink_profile").await,
            Step::AppCreates(via) => self.app_creates(via).await,
            Step::AppAddsNamesake(k) => self.app_adds_like(k, true).await,
            Step::AppAddsHousemate(k) => self.app_adds_like(k, false).await,
            Step::AppEdits(via, k, change) => self.app_changes(via, k, change).await,
            Step::AppDeletes(via, k) => self.app_removes(via, k).await,
            Step::AppBooks(k) => self.app_books(k).await,
            Step::Answers(k, choice) => self.somebody_answers(k, choice).await,
            Step::Poll => self.people.try_sync().await.is_ok(),
            Step::Kill(moment) => self.killed_poll(moment).await,
            Step::Restart => {
                self.people.world.restart().await;
                true
            }
            Step::ExpireAccessToken => {
                let body = json!({"email": ANA});
                self.people.google.switch("tokens/expire_access", &body).await;
                true
            }
            Step::ExpireSyncTokens(form) => {
                self.google("expiry_form", json!({"form": form.as_str()})).await;
                self.google("expire_sync_tokens", json!({})).await
            }
            Step::ForgetTombstones => self.google("purge_tombstones", json!({})).await,
            Step::EmptyLists(times) => {
                self.notes.needs_full_list = true;
                self.google("list_empty", json!({"times": times})).await
            }
            Step::Delay(minutes) => {
                self.people.propagation(minutes * 60_000).await;
                true
            }
            Step::Fault(method, trouble) => {
                self.people.fault(method.rule(trouble)).await;
                true
            }
            Step::MinutesPass(minutes) => {
                self.people.minutes(minutes).await;
                true
            }
        }
    }

    /// A command of the pretend Google Contacts.
    pub(super) async fn google(&self, command: &str, body: serde_json::Value) -> bool {
        self.people.contacts_do(command, body).await;
        true
    }
}
