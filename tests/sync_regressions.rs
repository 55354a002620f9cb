//! Stories that once ended badly, as `sync_property` found and shrank them. Each is told on both databases.
mod support;
mod sync_story;

use support::postgres::{both_databases, fresh_sqlite};
use sync_story::Method::*;
use sync_story::Moment::*;
use sync_story::Step::*;
use sync_story::Trouble::*;
use sync_story::Via::*;
use sync_story::{PLAIN, Setting, tell};

const TWO_CALENDARS: Setting = Setting {
    two_calendars: true,
    ..PLAIN
};

both_databases! {
    async fn an_event_that_is_renamed_while_the_app_deletes_its_booking_is_deleted_too(url: String) {
        tell(&url, PLAIN, &[AppCreates(Sql), Poll(0), PersonRenames(0), AppDeletes(Sql, 0)]).await.unwrap();
    }

    async fn an_occurrence_changed_in_a_series_that_the_app_overrules_is_kept_in_a_record(url: String) {
        tell(&url, PLAIN, &[
            AppCreates(Sql),
            Poll(0),
            PersonMakesWeekly(0),
            PersonRenamesOccurrence(0, 0),
            AppMoves(Sql, 0),
        ]).await.unwrap();
    }

    async fn the_occurrences_of_a_series_that_is_cancelled_before_it_reaches_google_wait_for_nothing(url: String) {
        tell(&url, PLAIN, &[AppCreatesSeries(Api), AppCancelsOccurrence(Sql, 0, 0), AppCancels(Sql, 0)]).await.unwrap();
    }

    async fn the_occurrences_of_a_series_that_is_confirmed_again_before_it_reaches_google_go_with_it(url: String) {
        tell(&url, PLAIN, &[
            AppCreatesSeries(Api),
            AppCancelsOccurrence(Sql, 0, 0),
            AppCancels(Sql, 0),
            Poll(0),
            AppConfirms(Sql, 0),
        ]).await.unwrap();
    }

    async fn an_event_moved_while_the_answer_to_its_insert_was_lost_moves_its_booking(url: String) {
        tell(&url, PLAIN, &[AppCreates(Sql), Fault(Post, CutAfter), Poll(0), PersonMoves(0)]).await.unwrap();
    }

    async fn an_edit_in_the_app_does_not_revive_what_has_moved_to_another_calendar(url: String) {
        tell(&url, TWO_CALENDARS, &[AppCreates(Sql), Poll(0), AppRenames(Sql, 0), PersonChangesCalendar(0)]).await.unwrap();
    }

    async fn an_event_renamed_after_it_changed_calendars_renames_its_booking(url: String) {
        tell(&url, TWO_CALENDARS, &[
            PersonCreates,
            Poll(0),
            PersonChangesCalendar(0),
            PersonRenames(0),
            Poll(1),
        ]).await.unwrap();
    }

    async fn an_event_renamed_after_both_calendars_were_read_gets_quiet(url: String) {
        tell(&url, TWO_CALENDARS, &[
            PersonCreates,
            Poll(0),
            PersonChangesCalendar(0),
            Poll(1),
            PersonRenames(0),
            Poll(0),
        ]).await.unwrap();
    }

    async fn an_event_that_changed_calendars_and_was_renamed_is_kept_when_the_app_cancels(url: String) {
        tell(&url, TWO_CALENDARS, &[
            AppCreates(Sql),
            Poll(0),
            PersonChangesCalendar(0),
            Poll(1),
            AppCancels(Sql, 0),
            PersonRenames(0),
        ]).await.unwrap();
    }

    async fn a_series_that_is_confirmed_again_agrees_about_its_cancelled_occurrences(url: String) {
        tell(&url, PLAIN, &[
            PersonCreatesSeries,
            Poll(0),
            AppMovesOccurrence(Sql, 0, 0),
            PersonDeletes(0),
            Poll(0),
            AppConfirms(Sql, 0),
        ]).await.unwrap();
    }

    async fn an_edit_of_what_was_moved_and_deleted_does_not_wait_for_ever(url: String) {
        tell(&url, TWO_CALENDARS, &[
            AppCreates(Sql),
            Poll(0),
            PersonChangesCalendar(0),
            PersonDeletes(0),
            AppRenames(Sql, 0),
        ]).await.unwrap();
    }

    async fn a_changed_occurrence_comes_back_with_its_series_whose_deletion_did_not_hold(url: String) {
        tell(&url, PLAIN, &[
            PersonCreatesSeries,
            Fault(Delete, RateLimit403),
            PersonRenamesOccurrence(0, 0),
            Poll(0),
            AppDeletes(Sql, 0),
            Poll(0),
            PersonRenames(0),
        ]).await.unwrap();
    }

    async fn a_changed_occurrence_of_a_series_that_is_deleted_and_renamed_at_once_comes_back_with_it(url: String) {
        tell(&url, PLAIN, &[
            PersonCreatesSeries,
            PersonRenamesOccurrence(0, 0),
            Poll(0),
            AppDeletes(Sql, 0),
            PersonRenames(0),
            PersonRenamesOccurrence(0, 0),
        ]).await.unwrap();
    }

    async fn a_changed_occurrence_goes_with_its_series_when_both_sides_cancel_it_at_once(url: String) {
        tell(&url, PLAIN, &[
            PersonCreatesSeries,
            Poll(0),
            AppRenamesOccurrence(Sql, 0, 0),
            AppCancels(Sql, 0),
            PersonDeletes(0),
        ]).await.unwrap();
    }

    async fn an_occurrence_changed_while_the_move_of_its_series_is_asked_about_is_there_when_it_is_answered(url: String) {
        let asks = Setting { inbound: "ask", ..PLAIN };
        tell(&url, asks, &[PersonCreatesSeries, Poll(0), PersonMoves(0), PersonRenamesOccurrence(0, 0)]).await.unwrap();
    }

    async fn a_changed_occurrence_of_somebody_elses_series_is_put_back_and_follows_the_series_again(url: String) {
        tell(&url, PLAIN, &[
            BenInvitesToSeries,
            Poll(0),
            AppRenamesOccurrence(Sql, 0, 0),
            Poll(0),
            PersonRenames(0),
        ]).await.unwrap();
    }

    async fn a_write_of_the_apps_whose_answer_was_lost_does_not_stand_against_what_the_app_does_next(url: String) {
        let google_wins = Setting { policy: "google", ..PLAIN };
        tell(&url, google_wins, &[
            PersonCreates,
            AppCreatesSeries(Api),
            Poll(0),
            AppAssigns(Sql, 1),
            Kill(0, Answer(1)),
            AppCancels(Sql, 1),
        ]).await.unwrap();
    }

    async fn a_rename_whose_answer_was_lost_does_not_conflict_with_the_apps_next_one(url: String) {
        let google_wins = Setting { policy: "google", ..PLAIN };
        tell(&url, google_wins, &[
            AppCreates(Sql),
            Poll(0),
            AppRenames(Sql, 0),
            Fault(Patch, CutAfter),
            Poll(0),
            AppCancels(Sql, 0),
        ]).await.unwrap();
    }

    async fn an_occurrence_cancelled_before_its_invitation_was_accepted_is_cancelled_in_the_app(url: String) {
        let asks = Setting { inbound: "ask", guests: "ask", ..PLAIN };
        tell(&url, asks, &[
            BenInvitesToSeries,
            PersonCancelsOccurrence(0, 0),
            GuestDeclines(0),
            Poll(0),
            GuestAccepts(0),
        ]).await.unwrap();
    }

    async fn an_occurrence_renamed_after_its_deleted_series_came_back_in_another_calendar_has_a_row(url: String) {
        tell(&url, TWO_CALENDARS, &[
            PersonCreatesSeries,
            Poll(0),
            PersonChangesCalendar(0),
            Poll(1),
            PersonRenames(0),
            AppDeletes(Sql, 0),
            PersonRenamesOccurrence(0, 0),
        ]).await.unwrap();
    }

    async fn an_occurrence_changed_just_before_its_series_was_deleted_has_a_row_when_a_person_restores_the_series(url: String) {
        tell(&url, PLAIN, &[
            PersonCreatesSeries,
            Poll(0),
            PersonRenamesOccurrence(0, 0),
            PersonDeletes(0),
            Poll(0),
            PersonRestores(0),
        ]).await.unwrap();
    }

    async fn an_occurrence_changed_before_its_series_was_ever_seen_has_a_row_when_a_person_restores_the_series(url: String) {
        tell(&url, PLAIN, &[
            PersonCreatesSeries,
            PersonRenamesOccurrence(0, 0),
            PersonCancelsOccurrence(0, 1),
            PersonDeletes(0),
            Poll(0),
            PersonRestores(0),
        ]).await.unwrap();
    }

    async fn an_occurrence_changed_just_before_its_series_was_deleted_has_a_row_when_the_app_confirms_the_series(url: String) {
        tell(&url, PLAIN, &[
            PersonCreatesSeries,
            Poll(0),
            PersonRenamesOccurrence(0, 0),
            PersonDeletes(0),
            Poll(0),
            AppConfirms(Sql, 0),
        ]).await.unwrap();
    }

}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pass_that_is_cut_anywhere_while_a_series_comes_back_loses_none_of_its_changed_occurrences() {
    for writes in 0..5 {
        let database = fresh_sqlite();
        let steps = [
            PersonCreatesSeries,
            Poll(0),
            PersonRenamesOccurrence(0, 0),
            PersonDeletes(0),
            Poll(0),
            PersonRestores(0),
            Kill(0, Write(writes)),
        ];
        let told = tell(database.url(), PLAIN, &steps).await;
        told.unwrap_or_else(|wrong| panic!("cut after {writes} writes: {wrong}"));
    }
}
