//! Stories of people that once ended badly, as `people_property` found and shrank them. Each is told on both databases.
mod people_story;
mod support;

use people_story::Method::*;
use people_story::Step::*;
use people_story::Trouble::*;
use people_story::Via::*;
use people_story::{PLAIN, tell};
use support::postgres::both_databases;

both_databases! {
    async fn a_create_whose_contact_was_merged_into_a_linked_one_is_not_repeated(url: String) {
        tell(&url, PLAIN, &[
            PersonCreates,
            Poll,
            AppCreates(Sql),
            Fault(Create, CutAfter),
            Poll,
            PersonMerges(0, 1, true),
        ]).await.unwrap();
    }

    async fn a_create_whose_contact_was_merged_into_a_linked_one_without_a_trace_is_not_repeated(url: String) {
        tell(&url, PLAIN, &[
            PersonCreates,
            Poll,
            AppCreates(Sql),
            Fault(Create, CutAfter),
            Poll,
            PersonMerges(0, 1, false),
        ]).await.unwrap();
    }

    async fn a_create_whose_contact_took_in_a_linked_one_is_not_repeated(url: String) {
        tell(&url, PLAIN, &[
            PersonCreates,
            Poll,
            AppCreates(Sql),
            Fault(Create, CutAfter),
            Poll,
            PersonMerges(1, 0, true),
        ]).await.unwrap();
    }

    async fn two_creates_whose_contacts_were_merged_are_not_repeated(url: String) {
        tell(&url, PLAIN, &[AppCreates(Sql), AppCreates(Sql), Fault(Create, Done503), Poll, PersonMerges(1, 0, false)]).await.unwrap();
    }

    async fn who_a_contact_is_is_not_asked_again_under_a_name_that_it_had_before(url: String) {
        tell(&url, PLAIN, &[
            PersonCreates,
            AppAddsHousemate(0),
            AppAddsHousemate(0),
            PersonAddsHousemate(0),
            Poll,
            PersonMerges(0, 1, true),
            AppDeletes(Sql, 0),
            Poll,
        ]).await.unwrap();
    }

    async fn who_a_contact_is_that_took_in_a_linked_one_is_not_asked_any_more(url: String) {
        tell(&url, PLAIN, &[PersonCreates, AppCreates(Sql), PersonAddsHousemate(0), Poll, PersonMerges(1, 2, true)]).await.unwrap();
    }

    async fn who_deletes_a_contact_that_has_just_taken_in_another_one_deletes_both(url: String) {
        tell(&url, PLAIN, &[PersonCreates, PersonCreates, Poll, PersonMerges(0, 1, true), PersonDeletes(0)]).await.unwrap();
    }
}
