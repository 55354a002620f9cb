//! Stories of mail that once ended badly, as `mail_property` found and shrank them. Each is told on both databases.
mod mail_story;
mod support;

use mail_story::Step::*;
use mail_story::Via::*;
use mail_story::Wish::*;
use mail_story::{ALONE, tell};
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
}
