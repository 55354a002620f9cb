//! Everything can be done without a mouse: each stop of the tabulator has a name, and the focus can be seen.
use crate::connect::newcomer;
use crate::person::Person;
use crate::support::demo::Demo;
use fantoccini::key::Key;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_connects_chooses_and_signs_in_with_the_keyboard_alone() {
    let demo = Demo::start().await;
    let person = Person::at(&demo).await;
    let link = newcomer(&demo, &person, "Keys Only", "keys@kaval.example").await;
    person.open(&link).await;
    person.enters("Continue to Google").await;
    person.enters("Allow").await;
    person.tabs_to("(your own calendar)").await;
    person.types(Key::Space).await;
    assert_eq!(
        person.run("return document.querySelector('[name=read]').checked").await,
        false
    );
    person.types(Key::Space).await;
    // The arrows go from one choice of a group to the next.
    person.tabs_to("As busy time").await;
    person.types(Key::Down).await;
    person.tabs_to("All my contacts").await;
    person.types(Key::Space).await;
    person.types(Key::Down).await;
    person.enters("Start").await;
    person.sees("Done: your Google account is connected").await;
    person.enters("your page").await;
    person.enters("Sign in with Google").await;
    person.tabs_to("jana@kaval.example").await;
    for _ in 0..2 {
        person.types(Key::Down).await;
    }
    person.enters("Allow").await;
    person.sees("Keys Only at Kaval Telephony").await;
    let chosen = person
        .run("return document.querySelector('[name=private][value=shown]').checked")
        .await;
    assert_eq!(chosen, true);
    let contacts = person
        .run("return document.querySelector('[name=contacts]:checked').value")
        .await;
    assert_ne!(contacts, "all", "one further down");
    person.enters("Disconnect").await;
    person.tabs_to("Yes, disconnect").await;
    person.types(Key::Space).await;
    person.enters("Disconnect").await;
    person.sees("is no longer connected").await;
    person.leaves().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_is_made_with_the_keyboard_alone() {
    let demo = Demo::start().await;
    let person = Person::at(&demo).await;
    person.open(demo.said("google_url")).await;
    person.enters("Jana").await;
    person.tabs_to("New event").await;
    person.types(Key::Enter).await;
    person.tabs_to("Title").await;
    let title = person.chrome.client.active_element().await.unwrap();
    title.send_keys("Typed").await.unwrap();
    person.enters("Create").await;
    person.sees("Typed").await;
    person.leaves().await;
}
