//! The web page: everything a person does there works with forms alone.
use crate::support::google::{ANA, Google, text};
use serde_json::json;

/// The web page: a person makes, renames, moves and deletes an event with nothing but forms.
#[tokio::test]
async fn a_person_can_make_change_and_delete_an_event_on_the_page() {
    let google = Google::start().await;
    let home = google.http.get(&google.url("/"), &[]).await.expect(200).text();
    assert!(home.contains("Pretend Google Calendar") && home.contains(ANA));
    let person = google.url("/people/ana%40example%2Ecom");
    let form = [
        ("calendar", ANA),
        ("summary", "Dentist & <b>co</b>"),
        ("start", "2026-03-04T10:00"),
        ("end", "2026-03-04T11:00"),
    ];
    let created = google
        .http
        .post_form(&format!("{person}/events"), &[], &form)
        .await
        .expect(303);
    let week = google
        .http
        .get(&google.url(created.header("location").unwrap()), &[])
        .await
        .expect(200)
        .text();
    assert!(
        week.contains("Dentist &amp; &lt;b&gt;co&lt;&#x2f;b&gt;") && week.contains("10:00 – 11:00"),
        "{week}"
    );

    let bearer = format!("Bearer person:{ANA}");
    let headers = [("authorization", bearer.as_str())];
    let id = text(
        &google.http.get(&google.events(), &headers).await.json()["items"][0],
        "id",
    );
    let address = format!("{person}/event?calendar={}&id={id}", "ana%40example%2Ecom");
    let shown = google.http.get(&address, &[]).await.expect(200).text();
    assert!(shown.contains("value=\"2026-03-04T10:00\""), "{shown}");
    let change = |what: &'static str, start: &'static str, end: &'static str| {
        let (url, id, http) = (format!("{person}/event"), id.clone(), google.http.clone());
        async move {
            let fields = [
                ("calendar", ANA),
                ("id", &id),
                ("summary", "Moved"),
                ("start", start),
                ("end", end),
                ("what", what),
            ];
            http.post_form(&url, &[], &fields).await
        }
    };
    change("save", "2026-03-05T12:00", "2026-03-05T12:30").await.expect(303);
    let event = google
        .http
        .get(&format!("{}/{id}?timeZone=Europe/Madrid", google.events()), &headers)
        .await
        .expect(200)
        .json();
    assert_eq!(event["summary"], "Moved");
    assert!(
        text(&event["start"], "dateTime").starts_with("2026-03-05T12:00"),
        "{event}"
    );
    change("dance", "2026-03-05T12:00", "2026-03-05T12:30")
        .await
        .expect(400);
    change("delete", "2026-03-05T12:00", "2026-03-05T12:30")
        .await
        .expect(303);
    let left = google.http.get(&google.events(), &headers).await.json();
    assert_eq!(left["items"], json!([]));
    google
        .http
        .get(&google.url("/people/who%40example.com"), &[])
        .await
        .expect(404);
}

/// The web page: a weekly series, one occurrence of it renamed, another removed, then the whole.
#[tokio::test]
async fn a_person_can_make_a_series_and_change_one_occurrence_of_it() {
    let google = Google::start().await;
    let person = google.url("/people/ana%40example%2Ecom");
    let bearer = format!("Bearer person:{ANA}");
    let headers = [("authorization", bearer.as_str())];
    let form = [
        ("calendar", ANA),
        ("summary", "Yoga"),
        ("start", "2026-03-25T10:00"),
        ("end", "2026-03-25T11:00"),
        ("weeks", "1"),
    ];
    google
        .http
        .post_form(&format!("{person}/events"), &[], &form)
        .await
        .expect(303);
    let id = text(
        &google.http.get(&google.events(), &headers).await.json()["items"][0],
        "id",
    );
    let post = |id: String, fields: Vec<(&'static str, &'static str)>| {
        let (url, http) = (format!("{person}/event"), google.http.clone());
        async move {
            let mut all = vec![("calendar", ANA), ("id", id.as_str())];
            all.extend(fields);
            http.post_form(&url, &[], &all).await
        }
    };
    post(id.clone(), vec![("what", "repeat"), ("weeks", "1")])
        .await
        .expect(400);
    let repeated = post(id.clone(), vec![("what", "repeat"), ("weeks", "3")])
        .await
        .expect(303);
    let page = google
        .http
        .get(&google.url(repeated.header("location").unwrap()), &[])
        .await
        .expect(200)
        .text();
    assert!(page.contains("RRULE:FREQ=WEEKLY;COUNT=3"), "{page}");
    // Ten o'clock stays ten o'clock when the clocks change in between.
    for when in ["2026-03-25 10:00", "2026-04-01 10:00", "2026-04-08 10:00"] {
        assert!(page.contains(when), "{when}: {page}");
    }

    let instances = format!("{}/{id}/instances", google.events());
    let listed = google.http.get(&instances, &headers).await.expect(200).json();
    let (second, third) = (text(&listed["items"][1], "id"), text(&listed["items"][2], "id"));
    let moved = vec![
        ("what", "save"),
        ("summary", "Yoga late"),
        ("start", "2026-04-01T18:00"),
        ("end", "2026-04-01T19:00"),
    ];
    post(second, moved).await.expect(303);
    post(third, vec![("what", "delete")]).await.expect(303);
    let left = google.http.get(&instances, &headers).await.expect(200).json();
    let titles: Vec<String> = left["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| text(item, "summary"))
        .collect();
    assert_eq!(titles, ["Yoga", "Yoga late"]);
    let week = google
        .http
        .get(&format!("{person}?day=2026-04-01"), &[])
        .await
        .expect(200)
        .text();
    assert!(week.contains("18:00 – 19:00") && week.contains("repeats"), "{week}");

    post(id, vec![("what", "delete")]).await.expect(303);
    assert_eq!(
        google.http.get(&google.events(), &headers).await.json()["items"],
        json!([])
    );
}

/// The web page: an all-day event shows its last day, not the day after it, and keeps its days when only its title changes.
#[tokio::test]
async fn an_all_day_event_keeps_its_days_when_it_is_renamed_on_the_page() {
    let google = Google::start().await;
    let person = google.url("/people/ana%40example%2Ecom");
    let bearer = format!("Bearer person:{ANA}");
    let headers = [("authorization", bearer.as_str())];
    let form = [
        ("calendar", ANA),
        ("summary", "Fair"),
        ("all_day", "yes"),
        ("start", "2026-03-04T10:00"),
        ("end", "2026-03-05T11:00"),
    ];
    google
        .http
        .post_form(&format!("{person}/events"), &[], &form)
        .await
        .expect(303);
    let event = google.http.get(&google.events(), &headers).await.json()["items"][0].clone();
    assert_eq!(
        (&event["start"]["date"], &event["end"]["date"]),
        (&json!("2026-03-04"), &json!("2026-03-06"))
    );
    let id = text(&event, "id");
    let address = format!("{person}/event?calendar=primary&id={id}");
    let page = google.http.get(&address, &[]).await.expect(200).text();
    assert!(page.contains("type=\"date\" value=\"2026-03-05\""), "{page}");
    let rename = [
        ("calendar", "primary"),
        ("id", id.as_str()),
        ("summary", "Book fair"),
        ("start", "2026-03-04"),
        ("end", "2026-03-05"),
        ("what", "save"),
    ];
    google
        .http
        .post_form(&format!("{person}/event"), &[], &rename)
        .await
        .expect(303);
    let renamed = google
        .http
        .get(&format!("{}/{id}", google.events()), &headers)
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&renamed["summary"], &renamed["end"]),
        (&json!("Book fair"), &event["end"])
    );
}
