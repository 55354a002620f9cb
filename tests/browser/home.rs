//! The user's own page: signing in, answering questions, leaving.
use crate::calendar::{is_gone, makes};
use crate::connect::newcomer;
use crate::person::Person;
use crate::support::demo::{Demo, until};
use serde_json::json;

/// Signs in as one of the demo's users.
async fn signs_in(demo: &Demo, person: &Person, email: &str) {
    person.open(demo.said("user_page")).await;
    person.presses("Sign in with Google").await;
    person.ticks(email).await;
    person.presses("Allow").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_is_answered_with_a_click_and_the_answer_arrives_in_the_calendar() {
    let demo = Demo::start().await;
    let key = demo.key();
    let tenant = format!("{}/api/v1/tenant", demo.said("base_url"));
    let asking = json!({"settings": {"inbound_move": "ask", "inbound_cancel": "ask"}});
    demo.http
        .patch(&tenant, &[("authorization", &key)], &asking)
        .await
        .expect(200);
    let person = Person::at(&demo).await;
    person.open(demo.said("google_url")).await;
    person.follows("Jana").await;
    makes(&person, "Ask me", "2031-03-04T10:00", "2031-03-04T11:00").await;
    person.follows("Ask me").await;
    let at_google = person.run("return location.href").await;
    let made = until("the booking", async || demo.booking("Ask me").await).await;

    person.fills("Starts", "2031-03-06T08:00").await;
    person.fills("Ends", "2031-03-06T09:00").await;
    person.presses("Save").await;
    signs_in(&demo, &person, "jana@kaval.example").await;
    person
        .waits_for("It was moved in your calendar. Should the booking move too?")
        .await;
    person.presses_at("Ask me", "Keep the booking's time").await;
    person.misses("Should the booking move too?").await;

    person.open(at_google.as_str().unwrap()).await;
    until("the time going back", async || {
        person.chrome.client.refresh().await.unwrap();
        (person.field("Starts").await == "2031-03-04T10:00").then_some(())
    })
    .await;

    person.presses("Delete").await;
    person.open(demo.said("user_page")).await;
    person
        .waits_for("It was deleted in your calendar. Should the booking be cancelled too?")
        .await;
    person.presses_at("Ask me", "Cancel the booking").await;
    let address = format!("/bookings/{}", made["id"].as_str().unwrap());
    until("the cancellation", async || {
        is_gone(&demo, &address).await.then_some(())
    })
    .await;
    person.leaves().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_disconnects_only_with_the_box_ticked_and_then_nothing_goes_on() {
    let demo = Demo::start().await;
    let person = Person::at(&demo).await;
    signs_in(&demo, &person, "jana@kaval.example").await;
    person.presses("Disconnect").await;
    person.sees("Disconnect jana@kaval.example from Kaval Telephony?").await;
    person.presses("Disconnect").await;
    person
        .sees("To disconnect, tick “Yes, disconnect”. Nothing was changed.")
        .await;
    person.presses("Stay connected").await;
    person.sees("Connected").await;

    person.presses("Disconnect").await;
    person.ticks("Yes, disconnect").await;
    person.presses("Disconnect").await;
    person
        .sees("jana@kaval.example is no longer connected to Kaval Telephony")
        .await;

    signs_in(&demo, &person, "jana@kaval.example").await;
    person.sees("This Google account is not connected").await;
    let accounts = demo.get("/accounts").await;
    let states: Vec<&str> = accounts["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|account| account["state"].as_str().unwrap())
        .collect();
    assert!(
        states.contains(&"disconnected") && states.contains(&"active"),
        "{accounts}"
    );
    person.leaves().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_pages_run_no_script_and_load_no_picture() {
    let demo = Demo::start().await;
    let person = Person::at(&demo).await;
    person.open(demo.said("user_page")).await;
    // A developer's console may add to the page; what it adds is under the page's policy.
    person
        .run("const script = document.createElement('script'); script.textContent = 'window.ran = true'; document.body.append(script)")
        .await;
    assert_eq!(person.run("return window.ran === true").await, false, "a script ran");
    let picture =
        "const picture = document.createElement('img'); picture.src = '/pages.css'; document.body.append(picture)";
    person.run(picture).await;
    let mut refused = Vec::new();
    until("both refusals", async || {
        refused.extend(person.chrome.console().await);
        let says = |words: &str| {
            refused
                .iter()
                .any(|entry| entry["message"].as_str().is_some_and(|text| text.contains(words)))
        };
        (says("script") && says("image")).then_some(())
    })
    .await;
    assert!(
        refused.iter().all(|entry| entry["source"] == "security"),
        "{refused:#?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_page_is_wider_than_a_telephone_and_the_bare_address_says_what_this_is() {
    let demo = Demo::start().await;
    let person = Person::at(&demo).await;
    let long = "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichenverleihung";
    let email = format!("{}@kaval.example", "a".repeat(60));
    let link = newcomer(&demo, &person, long, &email).await;
    person.chrome.is_a_telephone().await;
    person.open(demo.said("base_url")).await;
    person
        .sees("To connect your Google account, ask the app for a link")
        .await;
    person.open(&link).await;
    person.fits().await;
    person.presses("Continue to Google").await;
    person.fits().await;
    person.presses("Allow").await;
    person.fits().await;
    person.ticks("All my contacts").await;
    person.presses("Start").await;
    signs_in(&demo, &person, &email).await;
    person.sees(long).await;
    person.fits().await;
    person.presses("Disconnect").await;
    person.fits().await;
    person.open(demo.said("google_url")).await;
    person.fits().await;
    person.follows(long).await;
    makes(&person, &long.repeat(3), "2031-03-04T10:00", "2031-03-04T11:00").await;
    person.fits().await;
    person.follows(&long.repeat(3)).await;
    person.fits().await;
    person.leaves().await;
}
