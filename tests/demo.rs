//! The demo from its first line to its end: what is changed on one side arrives on the other.
#![expect(clippy::unwrap_used, reason = "a test that panics fails, which is right")]
mod support;

use serde_json::{Value, json};
use std::process::Command;
use std::time::Duration;
use support::demo::{Demo, until};
use tokio::time::Instant;

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_changed_on_one_side_arrives_on_the_other_and_a_signal_ends_it_cleanly() {
    let mut demo = Demo::start().await;
    let (ready, http) = (demo.ready.clone(), demo.http.clone());
    let (google, base) = (text(&ready["google_url"]), text(&ready["base_url"]));
    assert!(ready["bookings"].as_u64().unwrap() >= 40, "{ready}");
    let app = [("authorization", demo.key())];
    let app: Vec<(&str, &str)> = app.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let person = format!("Bearer person:{}", text(&ready["users"][0]["email"]));
    let person = [("authorization", person.as_str())];
    let events = format!("{google}/calendar/v3/calendars/primary/events");

    // From Google to the app: a person moves an event.
    let found = http
        .get(&format!("{events}?q=Customer%20call%201"), &person)
        .await
        .expect(200)
        .json();
    let event = found["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|event| event["summary"] == "Customer call 1")
        .unwrap()
        .clone();
    let moved = json!({ "summary": "Customer call, moved",
        "start": { "dateTime": "2031-03-04T10:00:00", "timeZone": "Europe/Prague" },
        "end": { "dateTime": "2031-03-04T11:00:00", "timeZone": "Europe/Prague" } });
    http.patch(&format!("{events}/{}", text(&event["id"])), &person, &moved)
        .await
        .expect(200);
    let seen = until("the move in the app", async || {
        let list = http
            .get(&format!("{base}/api/v1/bookings?limit=200"), &app)
            .await
            .expect(200)
            .json();
        list["items"]
            .as_array()
            .unwrap()
            .iter()
            .find(|booking| booking["title"] == "Customer call, moved")
            .cloned()
    })
    .await;
    assert_eq!(seen["starts_at"], "2031-03-04T10:00:00+01:00");

    // From the app to Google: the app renames a booking.
    let address = format!("{base}/api/v1/bookings/{}", text(&ready["booking_id"]));
    until("the app's change", async || {
        // A pass may move the version between the look and the change, as it may for any app.
        let booking = http.get(&address, &app).await.expect(200).json();
        let version = format!("\"{}\"", booking["version"]);
        let headers = [app.clone(), vec![("if-match", version.as_str())]].concat();
        let answer = http
            .patch(&address, &headers, &json!({ "title": "Renamed by the app" }))
            .await;
        (answer.status == 200).then_some(())
    })
    .await;
    let arrived = until("the change in Google", async || {
        let list = http
            .get(&format!("{events}?q=Renamed"), &person)
            .await
            .expect(200)
            .json();
        list["items"]
            .as_array()
            .unwrap()
            .iter()
            .find(|event| event["summary"] == "Renamed by the app")
            .cloned()
    })
    .await;
    assert_eq!(arrived["location"], "Meeting room Vltava");

    contacts_and_customers(&demo).await;
    a_mail_after_a_yes(&demo).await;

    let pid = demo.pid().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let asked = Instant::now();
    let ended = until("the end", async || demo.ended()).await;
    assert_eq!(ended.code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(11), "{:?}", asked.elapsed());
}

/// A booking was made; its user is asked by mail, says yes on the page behind the link, and only then its customer gets the mail.
async fn a_mail_after_a_yes(demo: &Demo) {
    let (ready, http) = (&demo.ready, &demo.http);
    let (google, user, guest) = (
        text(&ready["google_url"]),
        text(&ready["users"][0]["email"]),
        text(&ready["proposed_to"]),
    );
    let box_of = async |address: &str| {
        let list = format!("{google}/_sandbox/mail/messages?to={address}");
        let list = http.get(&list, &[]).await.expect(200).json();
        list.as_array().unwrap().clone()
    };
    let asked = until("the mail that asks", async || box_of(user).await.into_iter().next()).await;
    let words = text(&asked["text"]).to_owned();
    let link = words
        .split_whitespace()
        .find(|word| word.contains("/consents/"))
        .unwrap();
    let page = http.get(link, &[]).await.expect(200);
    let shown = page.text();
    assert!(shown.contains(guest), "{shown}");
    assert!(box_of(guest).await.is_empty(), "opening the link sends nothing");

    let cookie = page.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let values = |before: &str| {
        let parts = shown.split(before).skip(1);
        let values = parts.map(|part| part.split('"').next().unwrap().to_owned());
        values.collect::<Vec<String>>()
    };
    let form = values("name=\"form\" value=\"").swap_remove(0);
    let ticked = values("type=\"checkbox\" name=\"mail\" value=\"");
    assert!(!ticked.is_empty(), "{shown}");
    let mut fields = vec![("form", form.as_str()), ("do", "send")];
    fields.extend(ticked.iter().map(|value| ("mail", value.as_str())));
    http.post_form(link, &[("cookie", cookie.as_str())], &fields)
        .await
        .expect(303);

    let mail = until("the customer's mail", async || box_of(guest).await.into_iter().next()).await;
    assert_eq!(mail["calendar"]["method"], "REQUEST", "{mail}");
    assert_eq!(mail["reply_to"][0]["address"], user);
    let booking = format!("/bookings/{}", text(&ready["proposed_booking_id"]));
    assert_eq!(demo.get(&booking).await["title"], "First consultation");
    assert!(text(&mail["text"]).contains("First consultation"), "{mail}");
    assert!(
        !text(&mail["raw"]).contains("call back"),
        "the description is nobody else's"
    );
    assert_eq!(box_of(guest).await.len(), 1);
}

/// Forty contacts are customers, and an edit of either side arrives at the other.
async fn contacts_and_customers(demo: &Demo) {
    let (ready, http) = (&demo.ready, &demo.http);
    let (google, base) = (text(&ready["google_url"]), text(&ready["base_url"]));
    assert_eq!(
        (&ready["contacts"], &ready["customers"]),
        (&json!(40), &json!(41)),
        "Eva and Ada are both: {ready}"
    );
    let person = format!("Bearer person:{}", text(&ready["users"][0]["email"]));
    let person = [("authorization", person.as_str())];
    let listing = format!(
        "{google}/v1/people/me/connections?pageSize=1000&personFields=names,emailAddresses,organizations,phoneNumbers,metadata,memberships"
    );
    let contacts = async || {
        let list = http.get(&listing, &person).await.expect(200).json();
        list["connections"].as_array().unwrap().clone()
    };
    let ada = async || {
        let all = contacts().await;
        let mut found = all
            .into_iter()
            .filter(|contact| contact["emailAddresses"][0]["value"] == "ada@king.example");
        let ada = found.next().unwrap();
        assert!(found.next().is_none(), "there is one Ada");
        ada
    };
    // Tomás was only in the app: he is a contact now, in a group of the tenant's name.
    let made = until("the customer among the contacts", async || {
        contacts()
            .await
            .into_iter()
            .find(|contact| contact["emailAddresses"][0]["value"] == "tomas@garcia.example")
    })
    .await;
    assert_eq!(made["memberships"].as_array().unwrap().len(), 2, "{made}");
    assert_eq!(contacts().await.len(), 41);

    // From Google to the app: a person adds a number.
    let before = ada().await;
    let body = json!({ "etag": before["etag"], "metadata": before["metadata"],
        "phoneNumbers": [{ "value": "+44 20 7946 0000", "type": "work" }] });
    let address = format!(
        "{google}/v1/{}:updateContact?updatePersonFields=phoneNumbers",
        text(&before["resourceName"])
    );
    http.patch(&address, &person, &body).await.expect(200);
    let customer = format!("/customers/{}", text(&ready["customer_id"]));
    until("the number in the app", async || {
        (demo.get(&customer).await["phones"][0]["value"] == "+44 20 7946 0000").then_some(())
    })
    .await;

    // From the app to Google: the app names the organization.
    until("the app's change", async || {
        let version = format!("\"{}\"", demo.get(&customer).await["version"]);
        let key = demo.key();
        let headers = [("authorization", key.as_str()), ("if-match", version.as_str())];
        let change = json!({ "organizations": [{ "name": "Analytical Engines" }] });
        let answer = http.patch(&format!("{base}/api/v1{customer}"), &headers, &change).await;
        (answer.status == 200).then_some(())
    })
    .await;
    let after = until("the organization in Google", async || {
        let ada = ada().await;
        (ada["organizations"][0]["name"] == "Analytical Engines").then_some(ada)
    })
    .await;
    assert_eq!(after["phoneNumbers"][0]["value"], "+44 20 7946 0000");
}
