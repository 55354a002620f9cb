//! A tenant that sends mail, with Ana, her customers and what they are to be told, beside the pretend mail server.
#![allow(dead_code, reason = "each test file uses its own part of this")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
use crate::connect_support::{Bed, Browser, PUBLIC, Seen};
use crate::support::google::ANA;
use accord::args;
use accord::domain::ids::{BookingId, MessageId, UserId};
use accord::engine::bookings::{BookingEdit, BookingView};
use accord::engine::customers::CustomerEdit;
use accord::engine::mail::{self, Filter, Proposal};
use accord::engine::once::Answer;
use accord::web::pages::{Pages, router};
use axum::body::Body;
use http::{Method, Request, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::sync::Arc;
use tower::ServiceExt;

/// Everything of one test.
pub struct Office {
    pub bed: Bed,
}

/// What an answer was, without a browser's rules.
pub struct Raw {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: String,
}

impl Office {
    /// Ana is connected, and the tenant has a sender.
    pub async fn new(url: &str) -> Office {
        let mut bed = Bed::new(url).await;
        let server = format!("smtp://{}", bed.google.sandbox.smtp_addr());
        bed.engine.mail.server = Some(Arc::new(server.parse().unwrap()));
        bed.engine.mail.settle = 0;
        bed.engine.mail.rest = 0;
        bed.engine.mail.prompt_interval = 0;
        let mut office = Office { bed };
        office.serve();
        office.set(json!({})).await;
        let sql = "UPDATE users SET time_zone = 'Europe/Madrid' WHERE tenant_id = $1";
        office.bed.sql(sql, args![office.bed.tenant]).await;
        office.bed.connect(office.bed.ana, ANA).await;
        office
    }

    /// Serves the pages with the engine as it is now.
    pub fn serve(&mut self) {
        let auth = self.bed.google.url("/o/oauth2/v2/auth");
        self.bed.app = router(Pages::new(self.bed.engine.clone(), &auth).unwrap());
    }

    /// Serves the pages on a port, for a real browser; gives the address.
    pub async fn listen(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = self.bed.app.clone();
        tokio::spawn(async move { axum::serve(listener, app).await });
        format!("http://{address}")
    }

    /// Tenant settings beside the sender.
    pub async fn set(&self, more: Value) {
        let mut settings =
            json!({"admin_email": "admin@example.com", "sender": "Acme <mail@acme.example>", "reminders": ""});
        for (name, value) in more.as_object().unwrap() {
            settings[name] = value.clone();
        }
        let sql = "UPDATE tenants SET settings = $2 WHERE id = $1";
        self.bed.sql(sql, args![self.bed.tenant, settings.to_string()]).await;
    }

    pub async fn customer(&self, name: &str, email: &str) -> String {
        self.customer_of(self.bed.ana, name, email).await
    }

    pub async fn customer_of(&self, user: UserId, name: &str, email: &str) -> String {
        let fields = json!({"given_name": name, "emails": [{"value": email}]});
        let edit = CustomerEdit {
            fields: fields.as_object().unwrap().clone(),
            bad: Vec::new(),
        };
        let mut id = String::new();
        let render = |view: &accord::engine::customers::CustomerView| {
            id = view.row.id.to_string();
            Answer {
                status: 201,
                body: Vec::new(),
            }
        };
        let user = user.to_string();
        self.bed
            .engine
            .create_customer(self.bed.tenant, Some(&user), &edit, None, render)
            .await
            .unwrap();
        id
    }

    /// A booking with a customer on 4 March 2026, an hour in Prague; the customer is to be told.
    pub async fn book(&self, title: &str, starts: &str, customer: &str) -> BookingView {
        self.book_of(self.bed.ana, title, starts, customer).await
    }

    pub async fn book_of(&self, user: UserId, title: &str, starts: &str, customer: &str) -> BookingView {
        let edit = BookingEdit {
            title: Some(title.to_owned()),
            description: Some("Bring the old shoes and patience.".to_owned()),
            customer_ids: Some(vec![customer.to_owned()]),
            mail: Some("propose".to_owned()),
            ..at(starts)
        };
        self.create(user, &edit).await
    }

    pub async fn create(&self, user: UserId, edit: &BookingEdit) -> BookingView {
        let mut made = None;
        let render = |view: &BookingView| {
            made = Some(view.clone());
            Answer {
                status: 201,
                body: Vec::new(),
            }
        };
        self.bed.clock.advance(chrono::TimeDelta::milliseconds(1));
        let user = user.to_string();
        self.bed
            .engine
            .create_booking(self.bed.tenant, Some(&user), edit, None, render)
            .await
            .unwrap();
        made.unwrap()
    }

    /// A booking with a customer of its own; gives both ids and the one proposal.
    pub async fn proposal(&self, title: &str, customer: &str, email: &str) -> (BookingView, MessageId) {
        let customer = self.customer(customer, email).await;
        let made = self.book(title, "2026-03-04T10:00:00", &customer).await;
        assert_eq!(made.proposals.len(), 1, "{made:?}");
        let id = made.proposals[0];
        (made, id)
    }

    /// The app changes a booking; gives it with what is proposed.
    pub async fn change(&self, id: BookingId, edit: BookingEdit) -> BookingView {
        let version = self.bed.engine.booking(self.bed.tenant, id).await.unwrap().version();
        self.bed
            .engine
            .patch_booking(self.bed.tenant, id, version, &edit)
            .await
            .unwrap()
    }

    /// Runs what the daemon runs until nothing of it is left to do.
    pub async fn daemon(&self) {
        let engine = &self.bed.engine;
        for _ in 0..3 {
            mail::consider_waiting(engine).await.unwrap();
            mail::expire(engine).await.unwrap();
            mail::remind_due(engine).await.unwrap();
            mail::prompt_waiting(engine).await.unwrap();
            mail::send_due(engine).await.unwrap();
        }
    }

    /// What the mail server took for an address.
    pub async fn inbox(&self, address: &str) -> Vec<Value> {
        let all = self.bed.google.look(&format!("mail/messages?to={address}")).await;
        all.as_array().unwrap().clone()
    }

    /// The address of the consent page in the last mail to Ana.
    pub async fn link(&self) -> String {
        self.daemon().await;
        let mails = self.inbox(ANA).await;
        let text = mails.last().expect("a mail to Ana").to_string();
        let start = text.find(&format!("{PUBLIC}/consents/")).expect("a link") + PUBLIC.len();
        let rest = &text[start..];
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || "/-_".contains(c)))
            .unwrap();
        rest[..end].to_owned()
    }

    pub async fn message(&self, id: MessageId) -> Proposal {
        mail::one(&self.bed.engine, self.bed.tenant, id).await.unwrap()
    }

    pub async fn state(&self, id: MessageId) -> &'static str {
        self.message(id).await.row.state.as_str()
    }

    /// The proposals that wait.
    pub async fn waiting(&self) -> Vec<Proposal> {
        let filter = Filter {
            state: Some(accord::domain::mail::State::Proposed),
            ..Filter::default()
        };
        mail::list(&self.bed.engine, self.bed.tenant, &filter, None, 100)
            .await
            .unwrap()
    }

    /// How many rows each store of mail has: a request that changes nothing leaves it as it is.
    pub async fn everything(&self) -> (i64, i64, i64, i64) {
        (
            self.bed.count("SELECT COUNT(*) AS n FROM ledger").await,
            self.bed.count("SELECT COUNT(*) AS n FROM consents").await,
            self.bed.count("SELECT COUNT(*) AS n FROM suppressions").await,
            self.bed
                .count("SELECT COUNT(*) AS n FROM messages WHERE state = 'proposed'")
                .await,
        )
    }

    /// A request without cookies.
    pub async fn raw(&self, method: Method, path: &str, kind: &str, body: &str) -> Raw {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::CONTENT_TYPE, kind);
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    pub async fn send(&self, request: Request<Body>) -> Raw {
        let (parts, body) = self.bed.app.clone().oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Raw {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }
}

/// An hour that begins at this time in Prague.
pub fn at(starts: &str) -> BookingEdit {
    let start: chrono::NaiveDateTime = starts.parse().unwrap();
    BookingEdit {
        starts_at: Some(format!("{starts}+01:00")),
        ends_at: Some(format!(
            "{}+01:00",
            (start + chrono::TimeDelta::hours(1)).format("%Y-%m-%dT%H:%M:%S")
        )),
        time_zone: Some(Some("Europe/Prague".to_owned())),
        ..BookingEdit::default()
    }
}

/// The values of the boxes on a page; none may be ticked.
pub fn boxes(page: &Seen) -> Vec<String> {
    let all = page.body.split("<input type=\"checkbox\"").skip(1);
    let read = all.map(|rest| {
        let tag = &rest[..rest.find('>').unwrap()];
        assert!(!tag.contains(" checked"), "a box is ticked: {tag}");
        let (_, value) = tag.split_once("value=\"").unwrap();
        value[..value.find('"').unwrap()].to_owned()
    });
    read.collect()
}

/// The number of the form whose address ends so.
pub fn form_to(page: &Seen, end: &str) -> usize {
    let forms = page.body.split("<form ").skip(1);
    let action = |form: &str| {
        let (_, action) = form.split_once("action=\"").unwrap();
        action[..action.find('"').unwrap()].replace("&#x2f;", "/")
    };
    let found = forms.map(action).position(|action| action.ends_with(end));
    found.unwrap_or_else(|| panic!("no form to {end}:\n{}", page.body))
}

/// Ticks these boxes, presses a button, and follows to the next page.
pub async fn decides(browser: &mut Browser, page: &Seen, link: &str, ticked: &[&str], word: &str) -> Seen {
    let mut fields = vec![("do", word)];
    fields.extend(ticked.iter().map(|value| ("mail", *value)));
    let answer = browser.submit(page, form_to(page, link), &fields).await.expect(303);
    let next = answer.location().to_owned();
    assert!(next.starts_with(link), "{next}");
    browser.get(&next).await.expect(200)
}
