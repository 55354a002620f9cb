//! The sandbox's mail server over a raw socket, written from the RFCs like the server itself: its rules, its faults, what it
//! remembers, and the mailbox page.
mod faults;
mod kept;
mod letters;
mod page;
mod rules;
#[path = "../support/mod.rs"]
mod support;
mod wire;

use accord::sandbox::{Sandbox, SandboxOptions, SmtpCredentials};
use serde_json::{Value, json};
use support::{
    google::START_US,
    http::{Answer, Http},
};

const ANA: &str = "ana@example.com";
const BEA: &str = "bea@example.org";

/// A well-formed letter.
const LETTER: &str = "From: Ana <ana@example.com>\r\nTo: bea@example.org\r\nSubject: Hello\r\n\
    Date: Mon, 02 Mar 2026 12:00:00 +0000\r\nMessage-ID: <1@example.com>\r\n\r\nHello Bea.\r\n";

/// A sandbox whose clock stands still, and the client of its control endpoints.
struct Server {
    sandbox: Sandbox,
    http: Http,
}

impl Server {
    async fn start() -> Self {
        Self::start_with(None).await
    }

    async fn start_with(smtp_auth: Option<SmtpCredentials>) -> Self {
        let options = SandboxOptions {
            smtp_auth,
            start_us: Some(START_US),
            frozen: true,
            ..SandboxOptions::default()
        };
        Self {
            sandbox: Sandbox::start(options).await.expect("sandbox starts"),
            http: Http::default(),
        }
    }

    /// A client that read the greeting.
    async fn connect(&self) -> wire::Client {
        let mut client = wire::Client::open(&self.sandbox).await;
        assert_eq!(client.reply().await.code, 220);
        client
    }

    /// A client that said EHLO.
    async fn greeted(&self) -> wire::Client {
        let mut client = self.connect().await;
        client.say("EHLO client.example", 250).await;
        client
    }

    /// A client that may send its letter to Bea.
    async fn at_data(&self) -> wire::Client {
        let mut client = self.greeted().await;
        client.envelope(ANA, &[BEA]).await;
        client.say("DATA", 354).await;
        client
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.sandbox.base_url())
    }

    /// Reads something under `/_sandbox/mail/`.
    async fn look(&self, what: &str) -> Value {
        self.open(&format!("/_sandbox/mail/{what}")).await.expect(200).json()
    }

    async fn open(&self, path: &str) -> Answer {
        self.http.get(&self.url(path), &[]).await
    }

    /// Posts a command under `/_sandbox/mail/` that must work.
    async fn switch(&self, command: &str, body: Value) {
        let url = self.url(&format!("/_sandbox/mail/{command}"));
        let answer = self.http.post(&url, &[], &body).await;
        assert!(answer.status < 300, "{command}: {}", answer.text());
    }

    /// One fault.
    async fn fault(&self, stage: &str, action: Value) {
        self.switch("faults", json!({"stage": stage, "action": action})).await;
    }

    async fn messages(&self) -> Vec<Value> {
        self.look("messages").await.as_array().expect("a list").clone()
    }

    /// The latest session, as soon as it is as wanted.
    async fn session(&self, is_wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let journal = self.look("journal").await;
            if let Some(latest) = journal.as_array().and_then(|all| all.last())
                && is_wanted(latest)
            {
                return latest.clone();
            }
            tokio::task::yield_now().await;
        }
    }

    /// The latest session, as soon as it is over.
    async fn ended(&self) -> Value {
        self.session(|session| !session["end"].is_null()).await
    }
}
