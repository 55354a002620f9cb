//! Stories of mail that once ended badly, as `mail_property` found and shrank them. Each is told on both databases.
mod mail_story;
mod support;

use mail_story::Step::*;
use mail_story::Via::*;
use mail_story::Wish::*;
use mail_story::{ALONE, TOGETHER, tell};
use support::postgres::both_databases;

both_databases! {
    async fn a_cancellation_that_waits_goes_on_when_another_customer_with_the_address_takes_the_place(url: String) {
        tell(&url, ALONE, &[
            AppCreates(Api, Propose, 1),
            Approves(0),
            Send,
            AppCancels(Api, Propose, 0),
            AppSeats(Sql, Propose, 0, 4),
        ]).await.unwrap();
    }

    async fn a_confirmation_that_waits_goes_on_to_the_other_customer_with_the_address(url: String) {
        tell(&url, ALONE, &[
            AppCreates(Api, Propose, 5),
            AppSeats(Api, Propose, 0, 4),
        ]).await.unwrap();
    }

    async fn nobody_is_told_that_an_occurrence_is_cancelled_while_another_customer_with_the_address_has_it(url: String) {
        tell(&url, ALONE, &[
            AppCreatesSeries(Api, Propose, 5),
            ApprovesAll,
            Send,
            AppSeatsOccurrence(Propose, 0, 1, 4),
        ]).await.unwrap();
    }

    async fn of_two_customers_with_one_address_the_one_that_stays_is_told_what_changed_before(url: String) {
        tell(&url, ALONE, &[
            AppCreates(Api, Propose, 4),
            ApprovesAll,
            Send,
            AppSeats(Api, Propose, 0, 5),
            AppMoves(Api, Propose, 0),
            ApprovesAll,
            Send,
            AppSeats(Api, Propose, 0, 4),
        ]).await.unwrap();
    }

    async fn an_occurrence_that_was_cancelled_before_its_series_was_confirmed_is_told(url: String) {
        tell(&url, ALONE, &[AppCreatesSeries(Api, Propose, 1), AppCancelsOccurrence(0, 1)]).await.unwrap();
    }

    async fn that_a_booking_has_no_title_any_more_is_told(url: String) {
        tell(&url, ALONE, &[
            AppCreates(Api, Propose, 1),
            ApprovesAll,
            Send,
            AppUnnames(Api, Propose, 0),
        ]).await.unwrap();
    }

    async fn who_joins_a_series_is_told_of_the_occurrence_that_is_without_them(url: String) {
        tell(&url, ALONE, &[
            AppCreatesSeries(Api, Propose, 1),
            AppMovesOccurrence(Propose, 0, 1),
            AppSeats(Api, Propose, 0, 3),
        ]).await.unwrap();
    }

    async fn of_two_customers_with_one_address_both_are_told_when_the_first_gets_another(url: String) {
        tell(&url, ALONE, &[AppCreates(Api, Propose, 5), CustomerMoves(Api, 0)]).await.unwrap();
    }

    async fn a_deletion_in_sql_that_wishes_for_mail_is_told_although_google_has_it_first(url: String) {
        tell(&url, ALONE, &[
            AppCreates(Api, Propose, 1),
            Approves(0),
            Send,
            AppDeletes(Sql, Propose, 0),
            AppCreates(Sql, Propose, 1),
        ]).await.unwrap();
    }

    async fn who_has_a_new_address_is_told_there_although_the_mail_to_the_one_they_shared_was_declined(url: String) {
        tell(&url, ALONE, &[
            AppCreatesSeries(Api, Propose, 5),
            CustomerMoves(Api, 0),
            Declines(0),
        ]).await.unwrap();
    }

    async fn who_had_no_address_when_mail_was_wished_is_told_once_there_is_one(url: String) {
        tell(&url, ALONE, &[AppCreates(Api, Propose, 12), Work, CustomerMoves(Api, 3)]).await.unwrap();
    }

    async fn a_series_that_is_moved_with_a_wish_is_told_although_its_occurrences_change_too(url: String) {
        tell(&url, ALONE, &[
            AppCreatesSeries(Sql, Propose, 3),
            AppCreatesSeries(Api, Propose, 3),
            CustomerMoves(Api, 0),
            WorkTogether,
            AppMoves(Sql, Propose, 1),
            AppCancelsOccurrence(1, 0),
            AppAssigns(Sql, Propose, 0),
            ApprovesAll,
            AppSeatsOccurrence(Propose, 1, 1, 5),
            AppSeatsOccurrence(Quietly, 0, 3, 3),
            Send,
            MinutesPass(40),
            Consider,
            AppMoves(Api, Propose, 0),
            Work,
            AppMoves(Sql, Propose, 1),
        ]).await.unwrap();
    }

    async fn who_had_one_occurrence_only_is_told_that_the_series_was_deleted(url: String) {
        tell(&url, ALONE, &[
            AppCreatesSeries(Api, Propose, 1),
            AppSeatsOccurrence(Propose, 0, 1, 3),
            Sync,
            ApprovesAll,
            Send,
            AppDeletes(Api, Propose, 0),
        ]).await.unwrap();
    }

    async fn whoever_takes_a_series_over_tells_their_customers_of_its_occurrences(url: String) {
        tell(&url, TOGETHER, &[
            AppCreatesSeries(Api, Propose, 1),
            AppMovesOccurrence(Propose, 0, 1),
            Sync,
            ApprovesAll,
            Send,
            AppHandsOver(Propose, 0, 2),
        ]).await.unwrap();
    }

    async fn of_two_addresses_that_a_customer_had_one_at_least_hears_of_the_cancellation(url: String) {
        tell(&url, ALONE, &[
            AppCreates(Api, Propose, 1),
            ApprovesAll,
            Send,
            CustomerMoves(Api, 0),
            Work,
            ApprovesAll,
            Send,
            CustomerLosesAddress(Api, 0),
            Work,
            AppCancels(Api, Propose, 0),
        ]).await.unwrap();
    }

    async fn who_takes_a_place_at_an_address_that_was_told_nothing_is_told(url: String) {
        tell(&url, ALONE, &[
            AppCreates(Api, Propose, 1),
            Work,
            Declines(0),
            AppSeats(Api, Propose, 0, 4),
        ]).await.unwrap();
    }

    async fn a_wish_that_was_not_noticed_yet_outlives_a_quiet_edit_of_what_nobody_is_told(url: String) {
        tell(&url, ALONE, &[AppCreates(Sql, Propose, 1), AppDescribes(Api, Quietly, 0)]).await.unwrap();
    }

    async fn who_takes_a_place_at_an_address_is_told_of_the_occurrence_that_was_cancelled_before(url: String) {
        tell(&url, ALONE, &[
            AppCreatesSeries(Sql, Propose, 3),
            Consider,
            MinutesPass(8),
            AppCancelsOccurrence(0, 1),
            AppSeats(Api, Propose, 0, 4),
        ]).await.unwrap();
    }
}
