//! The consent page and the page of customers, as people use them.
use crate::mail_page_support::{Office, at};
use crate::person::Person;
use crate::support::demo::{Demo, until};
use crate::support::postgres::fresh_sqlite;
use accord::engine::bookings::BookingEdit;
use accord::engine::mail::{self, Filter};
use http::Method;

/// Ana at her browser, with three mails that wait.
struct Desk {
    office: Office,
    person: Person,
    address: String,
    link: String,
    _database: crate::support::postgres::SqliteDatabase,
}

impl Desk {
    async fn new() -> Desk {
        let database = fresh_sqlite();
        let office = Office::new(database.url()).await;
        office.proposal("Fitting", "Eva Nováková", "eva@example.com").await;
        office.proposal("Consultation", "Filip", "filip@example.com").await;
        office.proposal("Delivery", "Gita", "gita@example.com").await;
        let link = office.link().await;
        let address = office.listen().await;
        let hosts = [address.clone(), office.bed.google.sandbox.base_url()];
        Desk {
            link: format!("{address}{link}"),
            person: Person::between(hosts).await,
            office,
            address,
            _database: database,
        }
    }

    async fn states(&self) -> Vec<String> {
        let engine = &self.office.bed.engine;
        let filter = Filter {
            class: Some("customer"),
            ..Filter::default()
        };
        let all = mail::list(engine, self.office.bed.tenant, &filter, None, 100)
            .await
            .unwrap();
        all.iter().map(|mail| mail.row.state.to_string()).collect()
    }

    async fn consents(&self) -> i64 {
        self.office.bed.count("SELECT COUNT(*) AS n FROM consents").await
    }
}

const TICKED: &str = "return document.querySelectorAll('input[type=checkbox]:checked').length";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_sends_one_declines_another_and_the_third_waits() {
    let desk = Desk::new().await;
    let person = &desk.person;
    person.open(&desk.link).await;
    assert_eq!(person.run(TICKED).await, 0);
    for words in [
        "Eva Nováková",
        "eva@example.com",
        "this is the first about this booking",
        "The mail as it would arrive",
    ] {
        person.sees(words).await;
    }
    person.presses("Send the ticked mails").await;
    person.sees("Nothing is ticked, so nothing was done").await;
    person.ticks("eva@example.com").await;
    person.presses("Send the ticked mails").await;
    person
        .sees("Confirmation to Eva Nováková, “Fitting”: will be sent within a minute or so.")
        .await;
    assert_eq!(person.run(TICKED).await, 0);
    person.ticks("filip@example.com").await;
    person.presses("Do not send the ticked ones").await;
    person
        .sees("Confirmation to Filip, “Consultation”: not sent: you declined it.")
        .await;
    assert_eq!(desk.states().await, ["queued", "declined", "proposed"]);
    desk.office.daemon().await;
    assert_eq!(desk.office.inbox("eva@example.com").await.len(), 1);
    assert_eq!(desk.office.inbox("filip@example.com").await.len(), 0);
    person.chrome.client.refresh().await.unwrap();
    person.sees("Recently").await;
    person
        .sees("Confirmation to Filip, “Consultation”: not sent: you declined it.")
        .await;
    assert_eq!(desk.states().await, ["sent", "declined", "proposed"]);
    desk.person.leaves().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_double_click_the_back_button_and_a_reload_decide_nothing_twice() {
    let desk = Desk::new().await;
    let person = &desk.person;
    person.open(&desk.link).await;
    for email in ["eva@example.com", "filip@example.com", "gita@example.com"] {
        person.ticks(email).await;
    }
    person
        .run("window.seen = true; const b = document.querySelector('button[value=send]'); b.click(); b.click()")
        .await;
    until("the result", async || {
        person.reads("What you decided").await.then_some(())
    })
    .await;
    assert_eq!(desk.states().await, ["queued", "queued", "queued"]);
    assert_eq!(desk.consents().await, 3);
    person.chrome.client.refresh().await.unwrap();
    person.sees("What you decided").await;
    person.chrome.client.back().await.unwrap();
    until("the page before", async || {
        person.reads("Mails to your customers").await.then_some(())
    })
    .await;
    person.misses("Nothing is ticked").await;
    if person
        .run("return document.querySelectorAll('input[type=checkbox]').length > 0")
        .await
        == true
    {
        // Shown from the browser's own memory: sending it once more is harmless, too.
        person
            .run("document.querySelectorAll('input[type=checkbox]').forEach(box => box.checked = true)")
            .await;
        person.presses("Do not send the ticked ones").await;
        person.sees("will be sent").await;
    }
    assert_eq!(desk.states().await, ["queued", "queued", "queued"]);
    assert_eq!(desk.consents().await, 3);
    person.open(&desk.link).await;
    person.presses_at("Filip", "Take back").await;
    person
        .sees("Confirmation to Filip, “Consultation”: not sent: you took it back.")
        .await;
    desk.office.daemon().await;
    assert_eq!(desk.states().await, ["sent", "withdrawn", "sent"]);
    assert_eq!(desk.office.inbox("filip@example.com").await.len(), 0);
    desk.person.leaves().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changed_meanwhile_is_shown_again_and_an_expired_link_says_where_to_go() {
    let desk = Desk::new().await;
    let person = &desk.person;
    person.open(&desk.link).await;
    let booking = desk.office.waiting().await[0].row.booking_id.unwrap();
    let edit = BookingEdit {
        title: Some("Trial".to_owned()),
        mail: Some("propose".to_owned()),
        ..at("2026-03-05T08:30:00")
    };
    desk.office.change(booking, edit).await;
    person.ticks("eva@example.com").await;
    person.presses("Send the ticked mails").await;
    person.sees("has changed since you saw it and was not sent").await;
    person.sees("Trial").await;
    assert_eq!(person.run(TICKED).await, 0);
    assert_eq!(desk.consents().await, 0);

    desk.office.bed.clock.advance(chrono::TimeDelta::hours(73));
    person.ticks("filip@example.com").await;
    person.presses("Send the ticked mails").await;
    person.sees("This link has expired").await;
    person.sees("no mail was sent by it").await;
    assert_eq!(desk.consents().await, 0);
    person.presses("Sign in").await;
    person
        .sees("Sign in with the Google account that you have connected")
        .await;
    person.open(&format!("{}/consents/x/y/z", desk.address)).await;
    person.sees("This link is not known").await;
    desk.person.leaves().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_mail_is_framed_with_its_own_styles_and_cannot_reach_the_page() {
    let desk = Desk::new().await;
    let person = &desk.person;
    person.open(&desk.link).await;
    let client = &person.chrome.client;
    // Three mails are unfolded; the frame is loaded when it comes near the screen.
    person.run("document.querySelector('iframe').scrollIntoView()").await;
    let styled = until("the mail in its frame", async || {
        client.clone().enter_frame(0).await.ok()?;
        let script = "const h = document.querySelector('h1'); return h && [h.innerText, getComputedStyle(h).fontSize, window.origin]";
        let seen = client.execute(script, vec![]).await;
        client.clone().enter_parent_frame().await.ok()?;
        seen.ok().filter(|seen| !seen.is_null())
    })
    .await;
    assert_eq!(styled[1], "24px", "its styles hold: {styled}");
    assert_eq!(styled[2], "null", "an origin of its own: {styled}");
    desk.person.leaves().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_works_without_scripts_on_a_narrow_screen() {
    let desk = Desk::new().await;
    let long = "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichenverleihung".repeat(3);
    let email = format!("{}@example.com", "a".repeat(60));
    desk.office.proposal(&long, &long, &email).await;
    let person = &desk.person;
    person.chrome.runs_no_script().await;
    person.chrome.has_screen(360, 740).await;
    person.open(&desk.link).await;
    person.fits().await;
    person.opens_details("The mail as it would arrive").await;
    person.fits().await;
    person.ticks("eva@example.com").await;
    person.ticks(&email).await;
    person.presses("Send the ticked mails").await;
    person.fits().await;
    person
        .sees("Confirmation to Eva Nováková, “Fitting”: will be sent within a minute or so.")
        .await;
    assert_eq!(desk.states().await, ["queued", "proposed", "proposed", "queued"]);
    person.opens_details("Pause all mails").await;
    person.presses("Pause all mails").await;
    person.fits().await;
    person.sees("All mails to your customers are paused").await;
    person.presses("Let mails go on").await;
    person.sees("Mails go on").await;
    assert_eq!(desk.states().await, ["withdrawn"; 4]);
    desk.person.leaves().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_unsubscribes_and_comes_back() {
    let desk = Desk::new().await;
    let person = &desk.person;
    let mail = desk.office.waiting().await.swap_remove(0);
    let url = mail.letter.unwrap().unsubscribe.unwrap().url;
    let path = url.strip_prefix(crate::connect_support::PUBLIC).unwrap();
    let page = format!("{}{path}", desk.address);
    person.chrome.has_screen(360, 740).await;
    person.open(&page).await;
    person.sees("No more mails from Acme & Sons?").await;
    person.fits().await;
    assert_eq!(desk.states().await[0], "proposed");
    person.presses("No more mails").await;
    person.sees("You get no more mails from Acme & Sons").await;
    assert_eq!(desk.states().await, ["withdrawn", "proposed", "proposed"]);
    person.chrome.client.refresh().await.unwrap();
    person.sees("You get no more mails from Acme & Sons").await;
    person.presses("Let mails come again").await;
    person.sees("Mails from Acme & Sons come again").await;
    desk.office.raw(Method::POST, path, "text/plain", "").await;
    person.open(&page).await;
    person.sees("You get no more mails from Acme & Sons").await;
    desk.person.leaves().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_the_demo_a_mail_goes_from_the_prompt_over_the_page_to_the_customer() {
    let demo = Demo::start().await;
    let person = Person::at(&demo).await;
    let mails = async |to: &str| {
        let address = format!("{}/_sandbox/mail/messages?to={to}", demo.said("google_url"));
        demo.http.get(&address, &[]).await.expect(200).text()
    };
    let link = until("the mail that asks", async || {
        let text = mails("jana@kaval.example").await;
        let begin = format!("{}/consents/", demo.said("base_url"));
        let rest = &text[text.find(&begin)?..];
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || ":/.-_".contains(c)))?;
        Some(rest[..end].to_owned())
    })
    .await;
    person.open(&link).await;
    person.sees("First consultation").await;
    let guest = demo.said("proposed_to");
    let is_told = async || mails(guest).await.contains("First consultation");
    assert!(!is_told().await, "nothing is sent before the yes");
    person.ticks(guest).await;
    person.presses("Send the ticked mails").await;
    person.sees("What you decided").await;
    until("the customer's mail", async || is_told().await.then_some(())).await;
    person.leaves().await;
}
