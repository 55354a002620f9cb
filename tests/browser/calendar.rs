//! The pretend Google's calendar under a person's hands, and the bookings that follow.
use crate::person::Person;
use crate::support::demo::{Demo, until};
use serde_json::Value;

const LONG: &str = "Besprechung über Donaudampfschifffahrtsgesellschaftskapitänsmützen – مراجعة الميزانية";

/// Makes an event with the page's form.
pub async fn makes(person: &Person, title: &str, starts: &str, ends: &str) {
    person.opens_details("New event").await;
    person.fills("Title", title).await;
    person.fills("Starts", starts).await;
    person.fills("Ends", ends).await;
    person.presses("Create").await;
    person.sees(title).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_makes_renames_moves_and_deletes_an_event_and_the_booking_follows() {
    let demo = Demo::start().await;
    let person = Person::at(&demo).await;
    person.open(demo.said("google_url")).await;
    person.follows("Jana").await;
    makes(&person, "Fitting", "2031-03-04T10:00", "2031-03-04T11:00").await;
    let made = until("the booking", async || demo.booking("Fitting").await).await;
    assert_eq!(made["starts_at"], "2031-03-04T10:00:00+01:00");

    person.follows("Fitting").await;
    person.fills("Title", LONG).await;
    person.presses("Save").await;
    let renamed = until("the new name", async || demo.booking(LONG).await).await;
    assert_eq!(renamed["id"], made["id"], "it is the same booking");

    person.fills("Starts", "2031-03-05T15:30").await;
    person.fills("Ends", "2031-03-05T16:00").await;
    person.presses("Save").await;
    let address = format!("/bookings/{}", made["id"].as_str().unwrap());
    until("the move", async || {
        let booking = demo.get(&address).await;
        (booking["starts_at"] == "2031-03-05T15:30:00+01:00").then_some(())
    })
    .await;

    person.presses("Delete").await;
    until("the cancellation", async || {
        is_gone(&demo, &address).await.then_some(())
    })
    .await;
    person.leaves().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn series_whole_days_private_and_deleted_events_are_told_apart_and_a_deleted_one_comes_back() {
    let demo = Demo::start().await;
    let person = Person::at(&demo).await;
    person.open(demo.said("google_url")).await;
    person.follows("Jana").await;
    person.opens_details("New event").await;
    person.fills("Visibility", "private").await;
    person.fills("Weekly, how many times", "3").await;
    makes(&person, "Therapy", "2031-03-04T10:00", "2031-03-04T11:00").await;
    person.sees("10:00 – 11:00 · repeats · private").await;
    person.opens_details("New event").await;
    person.ticks("All day").await;
    makes(&person, "Fair", "2031-03-05T10:00", "2031-03-07T11:00").await;
    for words in ["All day, day 1 of 3", "All day, day 3 of 3"] {
        person.sees(words).await;
    }
    makes(&person, "Night shift", "2031-03-08T22:00", "2031-03-09T06:00").await;
    person.sees("22:00 –").await;
    person.sees("– 06:00").await;

    person.follows("Therapy").await;
    person.follows("Whole series").await;
    person
        .sees("A series, every week, 3 times: changes here touch every occurrence")
        .await;
    person.follows("The week of").await;
    person.follows("Therapy").await;
    person.presses("Delete this occurrence").await;
    person.misses("Therapy").await;
    person.follows("Show deleted events").await;
    person.sees("10:00 – 11:00 · repeats · private · deleted").await;
    person.follows("Therapy").await;
    person.sees("This event is deleted").await;
    person.presses("Restore").await;
    person.misses("This event is deleted").await;

    // A booking goes with its event and comes back with it.
    let fair = until("the booking", async || demo.booking("Fair").await).await;
    let address = format!("/bookings/{}", fair["id"].as_str().unwrap());
    person.follows("The week of").await;
    person.follows("Fair").await;
    person.presses("Delete").await;
    until("the cancellation", async || {
        is_gone(&demo, &address).await.then_some(())
    })
    .await;
    person.follows("Show deleted events").await;
    person.follows("Fair").await;
    person.presses("Restore").await;
    until("the return", async || (!is_gone(&demo, &address).await).then_some(())).await;
    person.leaves().await;
}

/// Whether a booking is cancelled.
pub async fn is_gone(demo: &Demo, address: &str) -> bool {
    let booking: Value = demo.get(address).await;
    booking["status"] == "cancelled"
}
