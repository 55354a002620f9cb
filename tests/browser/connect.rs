//! From the one-time URL to "done", with every wrong turn a person can take on the way.
use crate::person::Person;
use crate::support::demo::{Demo, until};
use serde_json::json;

/// Somebody at the pretend Google, and a user of the app with a one-time URL.
pub async fn newcomer(demo: &Demo, person: &Person, name: &str, email: &str) -> String {
    person.open(demo.said("google_url")).await;
    person.fills("E-mail", email).await;
    person.fills("Name", name).await;
    person.fills("Time zone", "Europe/Prague").await;
    person.presses("Add").await;
    person.sees(email).await;
    let user = demo.post("/users", &json!({"name": name, "email": email})).await;
    let user = user.expect(201).json();
    let connect = format!("/users/{}/connect", user["id"].as_str().unwrap());
    let started = demo.post(&connect, &json!({})).await.expect(201).json();
    started["url"].as_str().unwrap().to_owned()
}

const NAME: &str = "Nadia \"<i>N</i>\" شيرازي";
const EMAIL: &str = "nadia@kaval.example";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_connects_a_calendar_after_every_wrong_turn_and_reads_plainly_what_happens() {
    let demo = Demo::start().await;
    let person = Person::at(&demo).await;
    let link = newcomer(&demo, &person, NAME, EMAIL).await;

    person.open(&link).await;
    for words in [
        "Connect your Google Calendar and Contacts to Kaval Telephony",
        NAME,
        "No photos and no notes",
        "What is read",
        "What is written",
        "Who sees it",
    ] {
        person.sees(words).await;
    }
    person.presses("Continue to Google").await;
    person.sees("wants access to a Google Account").await;
    person.presses("Deny").await;
    person
        .sees("You did not allow access on Google's page. Nothing was changed")
        .await;

    person.presses("Try again").await;
    person.presses("Continue to Google").await;
    person.ticks("View and edit events").await;
    person.ticks("permanently delete your contacts").await;
    person.presses("Allow").await;
    person.sees("Your account is connected, but without any access").await;

    person.presses("Allow access").await;
    person.presses("Continue to Google").await;
    person.ticks("View and edit events").await;
    person.presses("Allow").await;
    person.sees("Choose your contacts").await;
    person.sees("The calendar is off").await;
    person.presses("Allow calendar access").await;
    person.presses("Allow").await;
    person.sees("Choose your calendars and contacts").await;
    person.sees("Nothing has been read yet except the lists below").await;

    // No answer about contacts is preset, and the browser itself does not let the form go without one.
    let preset = "return document.querySelectorAll('[name=contacts]:checked').length";
    assert_eq!(person.run(preset).await, 0);
    person
        .run("document.querySelector('form[action$=\"/choices\"] button').click()")
        .await;
    let refused = "return document.querySelector('form').checkValidity()";
    assert_eq!(person.run(refused).await, false);
    person.sees("Choose your calendars and contacts").await;
    person.ticks("All my contacts").await;

    // A choice that cannot be: written to, but not read.
    person.ticks("(your own calendar)").await;
    person.presses("Start").await;
    person.sees("so it must be read too").await;
    person.ticks("(your own calendar)").await;
    person.ticks("With their name, description and location").await;
    person.presses("Start").await;
    person.sees("Done: your Google account is connected").await;

    // The same link once more, and an answer that nobody asked Google for.
    let own_page = person.run("return document.querySelector('main a').href").await;
    person.open(&link).await;
    person.sees("This is done already").await;
    person
        .open(&format!("{}/oauth/callback?state=x&code=y", demo.said("base_url")))
        .await;
    person.sees("This link is not known").await;

    person.open(own_page.as_str().unwrap()).await;
    person.presses("Sign in with Google").await;
    person.ticks(EMAIL).await;
    person.presses("Allow").await;
    person.sees(&format!("{NAME} at Kaval Telephony")).await;
    let chosen = person
        .run("return document.querySelector('[name=private][value=shown]').checked")
        .await;
    assert_eq!(chosen, true, "the choice of a moment ago is shown");
    let contacts = "return document.querySelector('[name=contacts]:checked').value";
    assert_eq!(person.run(contacts).await, "all");

    // It works: what stands in the new calendar becomes a booking.
    person.open(demo.said("google_url")).await;
    person.follows("شيرازي").await;
    crate::calendar::makes(&person, "First of Nadia", "2031-03-04T10:00", "2031-03-04T11:00").await;
    until("the first booking", async || demo.booking("First of Nadia").await).await;
    person.follows("Contacts").await;
    person.opens_details("New contact").await;
    person.fills("Given name", "Nora").await;
    person.presses("Create").await;
    until("the first customer", async || demo.customer("Nora").await).await;
    person.leaves().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_browser_cannot_finish_what_was_begun_in_the_first() {
    let demo = Demo::start().await;
    let (person, other) = (Person::at(&demo).await, Person::at(&demo).await);
    let link = newcomer(&demo, &person, "Vera", "vera@kaval.example").await;
    person.open(&link).await;
    person.presses("Continue to Google").await;
    let at_google = person.run("return location.href").await;

    other.open(at_google.as_str().unwrap()).await;
    other.presses("Allow").await;
    other.sees("This was begun in another browser").await;
    other.sees("Nothing was changed").await;

    person.presses("Allow").await;
    person.sees("Choose your calendars").await;
    person.leaves().await;
    other.leaves().await;
}
