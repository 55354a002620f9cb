//! Who does a step, and with which words.
use super::change::{Change, GONE, LIVE};
use super::{Step, Story};
use crate::support::google::ANA;
use chrono_tz::Tz;
use serde_json::json;

const FAR_AWAY: Tz = Tz::America__New_York;
const SHORTER: &str = "RRULE:FREQ=WEEKLY;COUNT=2";

impl Story {
    /// Does one step. `false`: there was nothing that it could be done to.
    pub(super) async fn act(&mut self, step: Step) -> bool {
        match step {
            Step::PersonCreates => self.person_creates(false).await,
            Step::PersonCreatesSeries => self.person_creates(true).await,
            Step::PersonRenames(k) => self.person_changes(k, self.title()).await,
            Step::PersonDescribes(k) => self.person_changes(k, self.description()).await,
            Step::PersonPlaces(k) => self.person_changes(k, self.place()).await,
            Step::PersonMoves(k) => self.person_changes(k, self.times()).await,
            Step::PersonMovesFar(k) => self.person_changes(k, self.times_in(FAR_AWAY)).await,
            Step::PersonMakesWeekly(k) => self.person_changes(k, self.weekly()).await,
            Step::PersonMakesAllDay(k) => self.person_changes(k, self.whole_day()).await,
            Step::PersonShortens(k) => self.person_changes(k, Change::Recurrence(SHORTER.to_owned())).await,
            Step::PersonEndsSeries(k) => self.person_changes(k, Change::Recurrence(String::new())).await,
            Step::PersonSplits(k, n) => self.person_splits(k, n).await,
            Step::PersonDeletes(k) => self.person_changes(k, Change::Life(GONE)).await,
            Step::PersonRestores(k) => self.person_changes(k, Change::Life(LIVE)).await,
            Step::PersonCopies(k) => self.person_copies(k).await,
            Step::PersonChangesCalendar(k) => self.person_changes_calendar(k).await,
            Step::PersonRenamesOccurrence(k, n) => self.person_changes_one(k, n, |story, _| story.title()).await,
            Step::PersonMovesOccurrence(k, n) => self.person_changes_one(k, n, Story::evening).await,
            Step::PersonCancelsOccurrence(k, n) => self.person_changes_one(k, n, |_, _| Change::Life(GONE)).await,
            Step::BenInvites => self.ben_invites(false).await,
            Step::BenInvitesToSeries => self.ben_invites(true).await,
            Step::AnaInvites(k) => self.ana_invites(k, true).await,
            Step::AnaUninvites(k) => self.ana_invites(k, false).await,
            Step::GuestAccepts(k) => self.guest_answers(k, "accepted").await,
            Step::GuestDeclines(k) => self.guest_answers(k, "declined").await,
            Step::GuestLeaves(k) => self.guest_leaves(k).await,
            Step::AppCreates(via) => self.app_creates(via, false).await,
            Step::AppCreatesSeries(via) => self.app_creates(via, true).await,
            Step::AppRenames(via, k) => self.app_changes(via, k, self.title()).await,
            Step::AppDescribes(via, k) => self.app_changes(via, k, self.description()).await,
            Step::AppMoves(via, k) => self.app_changes(via, k, self.times()).await,
            Step::AppMovesFar(via, k) => self.app_changes(via, k, self.times_in(FAR_AWAY)).await,
            Step::AppMakesWeekly(via, k) => self.app_changes(via, k, self.weekly()).await,
            Step::AppMakesAllDay(via, k) => self.app_changes(via, k, self.whole_day()).await,
            Step::AppShortens(via, k) => self.app_changes(via, k, Change::Recurrence(SHORTER.to_owned())).await,
            Step::AppEndsSeries(via, k) => self.app_changes(via, k, Change::Recurrence(String::new())).await,
            Step::AppAssigns(via, k) => self.app_changes(via, k, self.room()).await,
            Step::AppUnassigns(via, k) => self.app_changes(via, k, Change::Room(None)).await,
            Step::AppCancels(via, k) => self.app_changes(via, k, Change::Life(GONE)).await,
            Step::AppConfirms(via, k) => self.app_changes(via, k, Change::Life(LIVE)).await,
            Step::AppDeletes(via, k) => self.app_deletes(via, k).await,
            Step::AppReinserts(k) => self.app_reinserts(k).await,
            Step::AppRenamesOccurrence(via, k, n) => self.app_changes_one(via, k, n, |story, _| story.title()).await,
            Step::AppMovesOccurrence(via, k, n) => self.app_changes_one(via, k, n, Story::evening).await,
            Step::AppCancelsOccurrence(via, k, n) => self.app_changes_one(via, k, n, |_, _| Change::Life(GONE)).await,
            Step::Answers(k, yes) => self.somebody_answers(k, yes).await,
            Step::Poll(scope) => self.poll(scope).await.is_ok(),
            Step::Kill(scope, moment) => self.killed_poll(scope, moment).await,
            Step::ExpireAccessToken => self.switch("tokens/expire_access", json!({"email": ANA})).await,
            Step::ExpireSyncTokens => self.switch("calendar/expire_sync_tokens", json!({})).await,
            Step::ForgetTombstones => {
                for scope in self.scopes.clone() {
                    self.switch("calendar/purge_tombstones", json!({"calendar": scope.calendar}))
                        .await;
                }
                true
            }
            Step::Fault(method, trouble) => {
                self.world.fault(method.rule(trouble)).await;
                true
            }
            Step::Restart => {
                self.world.restart().await;
                true
            }
            Step::HoursPass(hours) => {
                self.hours_pass(hours).await;
                true
            }
        }
    }

    async fn switch(&self, command: &str, body: serde_json::Value) -> bool {
        self.world.google.switch(command, &body).await;
        true
    }
}
