//! The demo from its first line to its end: what is changed on one side arrives on the other.
#![expect(clippy::unwrap_used, reason = "a test that panics fails, which is right")]
mod support;

use serde_json::{Value, json};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use support::http::Http;
use tokio::time::{Instant, sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(60);

/// A running demo; it is ended when the test is.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the demo on free ports and gives what it prints when it is ready.
async fn start() -> (Demo, Value) {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_accord"))
        .args([
            "demo",
            "--json",
            "--listen",
            "127.0.0.1:0",
            "--google-listen",
            "127.0.0.1:0",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = demo.stdout.take().unwrap();
    let demo = Demo(demo);
    let reading = tokio::task::spawn_blocking(move || {
        let mut documents = serde_json::Deserializer::from_reader(output).into_iter::<Value>();
        documents
            .next()
            .expect("the demo says that it is ready")
            .expect("in JSON")
    });
    let ready = timeout(PATIENCE, reading)
        .await
        .expect("the demo is ready in time")
        .unwrap();
    (demo, ready)
}

/// Looks again and again until there is something to see.
async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(Instant::now() < end, "{what} did not happen in time");
        sleep(Duration::from_millis(100)).await;
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_changed_on_one_side_arrives_on_the_other_and_a_signal_ends_it_cleanly() {
    let (mut demo, ready) = start().await;
    let (google, base) = (text(&ready["google_url"]), text(&ready["base_url"]));
    assert!(ready["bookings"].as_u64().unwrap() >= 40, "{ready}");
    let http = Http::default();
    let app = [("authorization", format!("Bearer {}", text(&ready["api_key"])))];
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

    let pid = demo.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let asked = Instant::now();
    let ended = until("the end", async || demo.0.try_wait().unwrap()).await;
    assert_eq!(ended.code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(11), "{:?}", asked.elapsed());
}
