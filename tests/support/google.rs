//! A pretend Google for one test, with the moves that a person, an app and a test make on it.
use super::http::{Answer, Http, form, query_of};
use accord::sandbox::{Sandbox, SandboxOptions};
use serde_json::{Value, json};

pub const CLIENT: &str = "test-client.apps.googleusercontent.com";
pub const SECRET: &str = "test-secret";
pub const CALLBACK: &str = "http://127.0.0.1:9999/oauth/callback";
pub const ANA: &str = "ana@example.com";
pub const EVENTS: &str = "https://www.googleapis.com/auth/calendar.events";
pub const CONTACTS: &str = "https://www.googleapis.com/auth/contacts";
pub const LISTS: &str = "https://www.googleapis.com/auth/calendar.calendarlist.readonly";

/// Noon of 2 March 2026, a Monday.
pub const START_US: i64 = 1_772_452_800_000_000;

/// A running sandbox, the client that talks to it, and one user, Ana.
pub struct Google {
    pub sandbox: Sandbox,
    pub http: Http,
}

impl Google {
    /// A sandbox with one client, a frozen clock and Ana.
    pub async fn start() -> Self {
        let options = SandboxOptions {
            client_id: CLIENT.into(),
            client_secret: SECRET.into(),
            redirect_uris: vec![CALLBACK.into()],
            start_us: Some(START_US),
            frozen: true,
            ..SandboxOptions::default()
        };
        let google = Self {
            sandbox: Sandbox::start(options).await.expect("sandbox starts"),
            http: Http::default(),
        };
        google
            .switch(
                "users",
                &json!({"email": ANA, "name": "Ana Ruiz", "time_zone": "Europe/Madrid"}),
            )
            .await;
        google
    }

    /// An address of the sandbox.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.sandbox.base_url())
    }

    /// Posts a command under `/_sandbox/` that must work.
    pub async fn switch(&self, command: &str, body: &Value) -> Value {
        let answer = self
            .http
            .post(&self.url(&format!("/_sandbox/{command}")), &[], body)
            .await;
        assert!(answer.status < 300, "{command}: {}", answer.text());
        if answer.body.is_empty() {
            Value::Null
        } else {
            answer.json()
        }
    }

    /// Reads something under `/_sandbox/`.
    pub async fn look(&self, what: &str) -> Value {
        self.http
            .get(&self.url(&format!("/_sandbox/{what}")), &[])
            .await
            .expect(200)
            .json()
    }

    /// Lets time pass.
    pub async fn pass(&self, seconds: i64) {
        self.switch("clock", &json!({"advance_ms": seconds * 1_000})).await;
    }

    /// The query of a well-formed offline authorization request; `changes` replace or add fields, an empty value removes one.
    pub fn request(&self, changes: &[(&str, &str)]) -> String {
        let scope = format!("openid email {EVENTS} {LISTS}");
        let mut fields = vec![
            ("client_id", CLIENT),
            ("redirect_uri", CALLBACK),
            ("response_type", "code"),
            ("scope", scope.as_str()),
            ("access_type", "offline"),
            ("state", "s-1"),
        ];
        for change in changes {
            fields.retain(|(key, _)| key != &change.0);
            fields.push(*change);
        }
        fields.retain(|(_, value)| !value.is_empty());
        form(&fields)
    }

    /// Opens the authorization page.
    pub async fn open_page(&self, request: &str) -> Answer {
        self.http
            .get(&self.url(&format!("/o/oauth2/v2/auth?{request}")), &[])
            .await
    }

    /// A user answers the page: `scopes` are the ticked ones. Gives the answer to the browser.
    pub async fn decide(&self, request: &str, user: &str, scopes: &[&str], decision: &str) -> Answer {
        let mut fields = vec![("request", request), ("user", user), ("decision", decision)];
        fields.extend(scopes.iter().map(|scope| ("scope", *scope)));
        self.http.post_form(&self.url("/o/oauth2/v2/auth"), &[], &fields).await
    }

    /// A user allows everything that was asked; gives the code.
    pub async fn code(&self, request: &str, user: &str) -> String {
        let scope = query_of(&format!("?{request}"))["scope"].clone();
        let scopes: Vec<&str> = scope.split(' ').collect();
        let answer = self.decide(request, user, &scopes, "allow").await.expect(302);
        query_of(answer.header("location").expect("a redirect"))["code"].clone()
    }

    /// Sends a form to the token endpoint; `changes` replace or add fields, an empty value removes one.
    pub async fn token(&self, fields: &[(&str, &str)], changes: &[(&str, &str)]) -> Answer {
        let mut all = vec![
            ("client_id", CLIENT),
            ("client_secret", SECRET),
            ("redirect_uri", CALLBACK),
        ];
        all.extend_from_slice(fields);
        for change in changes {
            all.retain(|(key, _)| key != &change.0);
            all.push(*change);
        }
        all.retain(|(_, value)| !value.is_empty());
        self.http.post_form(&self.url("/token"), &[], &all).await
    }

    /// Exchanges a code.
    pub async fn exchange(&self, code: &str, changes: &[(&str, &str)]) -> Answer {
        self.token(&[("grant_type", "authorization_code"), ("code", code)], changes)
            .await
    }

    /// Uses a refresh token.
    pub async fn refresh(&self, token: &str) -> Answer {
        self.token(
            &[("grant_type", "refresh_token"), ("refresh_token", token)],
            &[("redirect_uri", "")],
        )
        .await
    }

    /// The whole way: page, yes, exchange. `changes` go to the authorization request.
    pub async fn connect(&self, user: &str, changes: &[(&str, &str)]) -> Value {
        let code = self.code(&self.request(changes), user).await;
        self.exchange(&code, &[]).await.expect(200).json()
    }

    /// An access token of Ana's with every right that the default request asks for, as a header value.
    pub async fn bearer(&self) -> String {
        format!("Bearer {}", text(&self.connect(ANA, &[]).await, "access_token"))
    }

    /// The address of Ana's events.
    pub fn events(&self) -> String {
        self.url("/calendar/v3/calendars/primary/events")
    }
}

/// A text field of a JSON object.
pub fn text(value: &Value, field: &str) -> String {
    value[field]
        .as_str()
        .unwrap_or_else(|| panic!("no text `{field}` in {value}"))
        .to_owned()
}

/// A short timed event.
pub fn event(summary: &str) -> Value {
    json!({"summary": summary,
        "start": {"dateTime": "2026-03-04T10:00:00", "timeZone": "Europe/Madrid"},
        "end": {"dateTime": "2026-03-04T11:00:00", "timeZone": "Europe/Madrid"}})
}
