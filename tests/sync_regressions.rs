//! Stories that once ended badly, as `sync_property` found and shrank them. Each is told on both databases.
mod support;
mod sync_story;

use support::postgres::both_databases;
use sync_story::Method::*;
use sync_story::Step::*;
use sync_story::Trouble::*;
use sync_story::Via::*;
use sync_story::{PLAIN, Setting, tell};

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
}
