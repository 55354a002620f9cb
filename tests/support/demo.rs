//! A running `accord demo`: the binary itself, with its pretend Google, its daemon and its two connected users.
use super::http::{Answer, Http};
use serde_json::Value;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// How long a condition may take on a slow machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A running demo; it is ended when the test is.
pub struct Demo {
    process: Child,
    /// What it printed when it was ready.
    pub ready: Value,
    pub http: Http,
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Demo {
    /// Starts it on free ports and waits until it is ready.
    pub async fn start() -> Demo {
        let mut process = Command::new(env!("CARGO_BIN_EXE_accord"))
            .args(["demo", "--json"])
            .args(["--listen", "127.0.0.1:0", "--google-listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the demo can be started");
        let output = process.stdout.take().expect("its output");
        let mut demo = Demo {
            process,
            ready: Value::Null,
            http: Http::default(),
        };
        let reading = tokio::task::spawn_blocking(move || {
            let mut documents = serde_json::Deserializer::from_reader(output).into_iter::<Value>();
            documents
                .next()
                .expect("the demo says that it is ready")
                .expect("in JSON")
        });
        let ready = timeout(PATIENCE, reading).await.expect("the demo is ready in time");
        demo.ready = ready.expect("reading does not panic");
        demo
    }

    /// A text of what it printed when it was ready.
    pub fn said(&self, field: &str) -> &str {
        self.ready[field].as_str().unwrap_or_else(|| panic!("no `{field}`"))
    }

    /// Its process, for signals.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.process.try_wait().expect("its state can be asked")
    }

    /// The authorization of the app.
    pub fn key(&self) -> String {
        format!("Bearer {}", self.said("api_key"))
    }

    /// GET of the app's API, which must be answered.
    pub async fn get(&self, path: &str) -> Value {
        let (address, key) = (format!("{}/api/v1{path}", self.said("base_url")), self.key());
        let answer = self.http.get(&address, &[("authorization", &key)]).await;
        answer.expect(200).json()
    }

    /// POST of the app.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        let (address, key) = (format!("{}/api/v1{path}", self.said("base_url")), self.key());
        self.http.post(&address, &[("authorization", &key)], body).await
    }

    /// The customer with a given name, if there is one.
    pub async fn customer(&self, given_name: &str) -> Option<Value> {
        let list = self.get("/customers?limit=200").await;
        let items = list["items"].as_array().expect("customers");
        items
            .iter()
            .find(|customer| customer["given_name"] == given_name)
            .cloned()
    }

    /// The booking with a title, if there is one.
    pub async fn booking(&self, title: &str) -> Option<Value> {
        let list = self.get("/bookings?limit=200").await;
        let items = list["items"].as_array().expect("bookings");
        items.iter().find(|booking| booking["title"] == title).cloned()
    }
}

/// Looks again and again until there is something to see.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(Instant::now() < end, "{what} did not happen in time");
        sleep(Duration::from_millis(100)).await;
    }
}
