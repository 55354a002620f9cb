//! Who does a step.
use super::step::rule;
use super::{Step, Story};

impl Story {
    /// Does one step. `false`: there was nothing that it could be done to.
    ///
    /// # Errors
    /// What must not have happened.
    pub(super) async fn act(&mut self, step: Step) -> Result<bool, String> {
        Ok(match step {
            Step::AppCreates(via, wish, people) => self.app_creates(via, wish, 0, people, false).await,
            Step::AppCreatesForBen(via, wish, people) => self.app_creates(via, wish, 1, people, false).await,
            Step::AppCreatesSeries(via, wish, people) => self.app_creates(via, wish, 0, people, true).await,
            Step::AppRenames(via, wish, k) => self.app_changes(via, wish, k, self.title()).await,
            Step::AppUnnames(via, wish, k) => {
                self.app_changes(via, wish, k, super::app::Change::Title(String::new()))
                    .await
            }
            Step::AppDescribes(via, wish, k) => self.app_changes(via, wish, k, self.description()).await,
            Step::AppMoves(via, wish, k) => self.app_changes(via, wish, k, self.times()).await,
            Step::AppAssigns(via, wish, k) => self.app_changes(via, wish, k, self.room()).await,
            Step::AppCancels(via, wish, k) => {
                self.app_changes(via, wish, k, super::app::Change::Status("cancelled"))
                    .await
            }
            Step::AppConfirms(via, wish, k) => {
                self.app_changes(via, wish, k, super::app::Change::Status("confirmed"))
                    .await
            }
            Step::AppDeletes(via, wish, k) => self.app_deletes(via, wish, k).await,
            Step::AppSeats(via, wish, k, people) => self.app_seats(via, wish, k, people).await,
            Step::AppHandsOver(wish, k, people) => self.app_hands_over(wish, k, people).await,
            Step::AppMovesOccurrence(wish, k, n) => self.app_moves_occurrence(wish, k, n).await,
            Step::AppSeatsOccurrence(wish, k, n, people) => self.app_seats_occurrence(wish, k, n, people).await,
            Step::AppCancelsOccurrence(k, n) => self.app_cancels_occurrence(k, n).await,
            Step::CustomerMoves(via, who) => {
                let address = format!("moved{}@example.org", self.step);
                self.customer_changes_address(via, who, Some(&address)).await
            }
            Step::CustomerLosesAddress(via, who) => self.customer_changes_address(via, who, None).await,
            Step::PersonCreates => self.person_creates().await,
            Step::PersonRenames(k) => self.person_renames(k).await,
            Step::PersonMoves(k) => self.person_moves(k).await,
            Step::PersonHides(k) => self.person_hides(k, true).await,
            Step::PersonShows(k) => self.person_hides(k, false).await,
            Step::PersonDeletes(k) => self.person_deletes(k).await,
            Step::PersonMovesOccurrence(k, n) => self.person_changes_occurrence(k, n, false).await,
            Step::PersonCancelsOccurrence(k, n) => self.person_changes_occurrence(k, n, true).await,
            Step::Sync => self.sync_all().await,
            Step::Consider | Step::Remind | Step::Expire | Step::Prompt | Step::Send | Step::Work => {
                self.job(step).await?
            }
            Step::WorkTogether => self.work_together().await?,
            Step::Approves(n) => self.approves_nth(n).await?,
            Step::ApprovesAll => self.approves_all().await?,
            Step::Looks => self.looks().await,
            Step::ApprovesSeen(n) => self.approves_seen(n).await?,
            Step::ApprovesOtherHash(n) => self.approves_other_hash(n).await?,
            Step::AnotherUserApproves(n) => self.another_approves(n, false).await?,
            Step::TheAppApproves(n) => self.another_approves(n, true).await?,
            Step::Declines(n) => self.declines(n).await?,
            Step::Withdraws(n) => self.withdraws(n).await?,
            Step::Pauses(ben) => self.pauses(usize::from(ben), true).await,
            Step::Resumes(ben) => self.pauses(usize::from(ben), false).await,
            Step::Unsubscribes(n) => self.unsubscribes(n, true).await,
            Step::Resubscribes(n) => self.unsubscribes(n, false).await,
            Step::MinutesPass(minutes) => self.minutes_pass(minutes).await,
            Step::HoursPass(hours) => self.minutes_pass(60 * hours).await,
            Step::Fault(stage, trouble, times) => {
                self.is_stalling |= trouble.stalls();
                self.world
                    .google
                    .switch("mail/faults", &rule(stage, trouble, times))
                    .await;
                true
            }
            Step::Restart => {
                self.restart().await;
                true
            }
            Step::DiesSending(stage, trouble) => self.dies_sending(stage, trouble).await?,
            Step::DiesWriting(rows) => self.dies_writing(rows).await?,
            Step::Tampers(how, n) => self.tampers(how, n).await,
        })
    }
}
