//! A small world for sync tests: a database, an engine, a pretend Google, one tenant and Ana, who has connected.
//!
//! Actors do things: `person_*` is a hand in Google's own screens, `app_*` the app in SQL or through the engine, `sync` one
//! pass. Nothing waits for time; both clocks stand still until a test moves them.
use super::google::{ANA, CLIENT, Google, SECRET, START_US, text};
use accord::args;
use accord::domain::access::AccessRole;
use accord::domain::booking::{Content, Side, Status};
use accord::domain::clock::{Clock, TestClock, TestEntropy};
use accord::domain::ids::{AccountId, BookingId, CalendarId, TenantId, UserId};
use accord::domain::seal::{KeyRing, SealingKey};
use accord::domain::settings::TenantDefaults;
use accord::domain::time::{Fold, Span, When, Zoned};
use accord::engine::Engine;
use accord::engine::conflicts::{self, Conflict, ConflictFilter};
use accord::engine::mail::MailSettings;
use accord::engine::questions::{self, Answerer, Question, QuestionFilter};
use accord::engine::sync::{self, PassReport, SyncError, SyncSettings};
use accord::engine::tokens::TokenCache;
use accord::google::calendar::CalendarApi;
use accord::google::oauth::{Endpoints, OAuth};
use accord::google::people::PeopleApi;
use accord::google::transport::Transport;
use accord::store::bookings::{self, BookingRow, BookingText, NewBooking};
use accord::store::calendars::Listed;
use accord::store::placements::{self, Placement};
use accord::store::scopes::{self, ScopeKey};
use accord::store::{Db, Tx, calendars, migrate, states};
use chrono::{DateTime, TimeDelta};
use chrono_tz::Tz;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub const BEN: &str = "ben@example.com";

/// One user whose account is connected.
#[derive(Debug, Clone)]
pub struct Connected {
    pub user: UserId,
    pub account: AccountId,
    pub email: String,
}

/// Everything of one test.
pub struct World {
    pub google: Google,
    pub engine: Engine,
    pub clock: Arc<TestClock>,
    pub tenant: TenantId,
    pub ana: Connected,
    url: String,
}

pub async fn open(url: &str) -> Db {
    match url.strip_prefix("sqlite://") {
        Some(path) => Db::open_sqlite(Path::new(path)).await,
        None => Db::open_postgres(url).await,
    }
    .expect("the database opens")
}

impl World {
    /// A tenant, and Ana, whose primary calendar is read and written.
    pub async fn new(url: &str) -> World {
        let google = Google::start().await;
        let now = DateTime::from_timestamp_micros(START_US).expect("a valid instant");
        let clock = Arc::new(TestClock::at(now));
        let engine = engine(url, &google, clock.clone()).await;
        migrate(&engine.db).await.expect("the schema is made");
        let tenant = TenantId(engine.fresh_uuid());
        let settings = json!({"admin_email": "admin@example.com"}).to_string();
        let now = engine.now_ms();
        run(
            &engine.db,
            "INSERT INTO tenants (id, name, settings, created_at, updated_at) VALUES ($1, 'Acme', $2, $3, $3)",
            args![tenant, settings, now],
        )
        .await;
        let ana = Connected {
            user: UserId(engine.fresh_uuid()),
            account: AccountId(engine.fresh_uuid()),
            email: ANA.into(),
        };
        let world = World {
            google,
            engine,
            clock,
            tenant,
            ana: ana.clone(),
            url: url.to_owned(),
        };
        world.connect(&ana).await;
        world
    }

    /// The daemon stops and starts again: nothing is left but the database.
    pub async fn restart(&mut self) {
        self.engine.db.close().await;
        self.engine = engine(&self.url, &self.google, self.clock.clone()).await;
    }

    /// A second user of the tenant, with a Google account of their own.
    pub async fn ben(&self) -> Connected {
        self.google
            .switch(
                "users",
                &json!({"email": BEN, "name": "Ben", "time_zone": "Europe/Prague"}),
            )
            .await;
        let ben = Connected {
            user: UserId(self.engine.fresh_uuid()),
            account: AccountId(self.engine.fresh_uuid()),
            email: BEN.into(),
        };
        self.connect(&ben).await;
        ben
    }

    async fn connect(&self, who: &Connected) {
        let (engine, tenant, now) = (&self.engine, self.tenant, self.engine.now_ms());
        run(
            &engine.db,
            "INSERT INTO users (tenant_id, id, name, email, time_zone, created_at, updated_at) \
             VALUES ($1, $2, $3, $3, 'Europe/Madrid', $4, $4)",
            args![tenant, who.user, &who.email, now],
        )
        .await;
        let tokens = self.google.connect(&who.email, &[("prompt", "consent")]).await;
        let row = who.account.to_string();
        let seal = |column: &str, token: &str| engine.seal("accounts", column, tenant, &row, token.as_bytes());
        let refresh = seal("refresh_token", &text(&tokens, "refresh_token"));
        let access = seal("access_token", &text(&tokens, "access_token"));
        run(
            &engine.db,
            "INSERT INTO accounts (tenant_id, id, user_id, sub, email, state, scopes, refresh_token_sealed, \
             access_token_sealed, access_expires_at, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $4, 'active', $5, $6, $7, $8, $9, $9)",
            args![
                tenant,
                who.account,
                who.user,
                &who.email,
                text(&tokens, "scope"),
                refresh,
                access,
                now + 3_599_000,
                now
            ],
        )
        .await;
        self.choose(who, &who.email, true).await;
    }

    /// A calendar that the user lets Accord read, and perhaps write.
    pub async fn choose(&self, who: &Connected, calendar: &str, writes: bool) {
        let mut tx = self.engine.db.begin().await.expect("begin");
        let calendar_id = CalendarId::from(calendar);
        let listed = Listed {
            calendar_id: calendar_id.clone(),
            title: calendar.to_owned(),
            time_zone: "Europe/Madrid".to_owned(),
            access_role: AccessRole::Owner,
            is_primary: calendar == who.email,
        };
        calendars::upsert_listed(&mut tx, self.tenant, who.account, &listed)
            .await
            .expect("calendar");
        calendars::set_user_choice(&mut tx, self.tenant, who.account, &calendar_id, true, writes)
            .await
            .expect("choice");
        scopes::ensure_scope(&mut tx, self.tenant, who.account, &calendar_id)
            .await
            .expect("scope");
        tx.commit().await.expect("commit");
    }

    /// Changes tenant settings.
    pub async fn set(&self, settings: Value) {
        let mut all = json!({"admin_email": "admin@example.com"});
        for (key, value) in settings.as_object().expect("an object") {
            all[key] = value.clone();
        }
        run(
            &self.engine.db,
            "UPDATE tenants SET settings = $2 WHERE id = $1",
            args![self.tenant, all.to_string()],
        )
        .await;
    }

    pub fn scope(&self, who: &Connected, calendar: &str) -> ScopeKey {
        ScopeKey {
            tenant: self.tenant,
            account: who.account,
            calendar: CalendarId::from(calendar),
        }
    }

    /// One pass over Ana's primary calendar that must work.
    pub async fn sync(&self) -> PassReport {
        self.try_sync().await.expect("a good pass")
    }

    pub async fn try_sync(&self) -> Result<PassReport, SyncError> {
        self.try_sync_scope(&self.ana.clone(), ANA).await
    }

    /// One pass over any calendar.
    pub async fn sync_scope(&self, who: &Connected, calendar: &str) -> PassReport {
        self.try_sync_scope(who, calendar).await.expect("a good pass")
    }

    pub async fn try_sync_scope(&self, who: &Connected, calendar: &str) -> Result<PassReport, SyncError> {
        // A pass is never shorter than the clock's grain; without this all passes would happen at one instant.
        self.clock.advance(TimeDelta::milliseconds(10));
        let key = self.scope(who, calendar);
        let mut tx = self.engine.db.begin().await.expect("begin");
        let now = self.engine.now_ms();
        let claim = scopes::claim(&mut tx, &key, now, 60_000)
            .await
            .expect("claim")
            .expect("nobody else holds the scope");
        tx.commit().await.expect("commit");
        sync::pass(&self.engine, &claim, now + 120_000).await
    }

    /// Passes until nothing moves any more, then one more that must be quiet and send no write.
    pub async fn settle(&self) {
        for _ in 0..6 {
            if self.sync().await.is_quiet() {
                break;
            }
        }
        self.assert_quiet().await;
    }

    /// One more pass changes nothing and writes nothing.
    pub async fn assert_quiet(&self) {
        let before = self.google_writes().await;
        let report = self.sync().await;
        assert!(report.is_quiet(), "not quiet: {report:?}");
        assert_eq!(self.google_writes().await, before, "a quiet pass wrote to Google");
    }

    /// Write requests to the API so far, persons excluded.
    pub async fn google_writes(&self) -> usize {
        self.requests()
            .await
            .iter()
            .filter(|r| r["method"] != "GET" && calendar_path(r))
            .count()
    }

    /// Requests of Accord to the Calendar API so far.
    pub async fn requests(&self) -> Vec<Value> {
        let log = self.google.look("requests?after=0").await;
        let all = log["requests"]
            .as_array()
            .or(log.as_array())
            .cloned()
            .unwrap_or_default();
        all.into_iter()
            .filter(|r| r["person"] != true && calendar_path(r))
            .collect()
    }

    // A person in Google's own screens ------------------------------------------------------------------------------

    async fn person(&self, method: &str, email: &str, path: &str, body: &Value) -> Value {
        let bearer = format!("Bearer person:{email}");
        let url = self.google.url(&format!("/calendar/v3{path}"));
        let headers = [("authorization", bearer.as_str())];
        let answer = match method {
            "GET" => self.google.http.get(&url, &headers).await,
            "POST" => self.google.http.post(&url, &headers, body).await,
            "PATCH" => self.google.http.patch(&url, &headers, body).await,
            _ => self.google.http.delete(&url, &headers).await,
        };
        assert!(
            answer.status < 300,
            "{method} {path}: {} {}",
            answer.status,
            answer.text()
        );
        if answer.body.is_empty() {
            Value::Null
        } else {
            answer.json()
        }
    }

    /// Ana makes an event in her primary calendar; gives its id.
    pub async fn person_creates(&self, event: Value) -> String {
        text(
            &self.person("POST", ANA, "/calendars/primary/events", &event).await,
            "id",
        )
    }

    pub async fn person_creates_in(&self, email: &str, calendar: &str, event: Value) -> String {
        text(
            &self
                .person("POST", email, &format!("/calendars/{calendar}/events"), &event)
                .await,
            "id",
        )
    }

    pub async fn person_edits(&self, id: &str, change: Value) -> Value {
        self.person("PATCH", ANA, &format!("/calendars/primary/events/{id}"), &change)
            .await
    }

    pub async fn person_edits_in(&self, email: &str, calendar: &str, id: &str, change: Value) -> Value {
        self.person("PATCH", email, &format!("/calendars/{calendar}/events/{id}"), &change)
            .await
    }

    pub async fn person_deletes(&self, id: &str) {
        self.person("DELETE", ANA, &format!("/calendars/primary/events/{id}"), &Value::Null)
            .await;
    }

    pub async fn person_deletes_in(&self, email: &str, calendar: &str, id: &str) {
        self.person(
            "DELETE",
            email,
            &format!("/calendars/{calendar}/events/{id}"),
            &Value::Null,
        )
        .await;
    }

    pub async fn person_posts(&self, email: &str, path: &str, body: Value) -> Value {
        self.person("POST", email, path, &body).await
    }

    /// The event as Google has it, cancelled ones too.
    pub async fn event(&self, id: &str) -> Value {
        self.person("GET", ANA, &format!("/calendars/primary/events/{id}"), &Value::Null)
            .await
    }

    /// All live events of Ana's primary calendar, series unexpanded.
    pub async fn events(&self) -> Vec<Value> {
        self.events_of(ANA, "primary").await
    }

    pub async fn events_of(&self, email: &str, calendar: &str) -> Vec<Value> {
        let list = self
            .person(
                "GET",
                email,
                &format!("/calendars/{calendar}/events?maxResults=2500"),
                &Value::Null,
            )
            .await;
        list["items"]
            .as_array()
            .cloned()
            .unwrap_or_default()
            .into_iter()
            .filter(|e| e["status"] != "cancelled")
            .collect()
    }

    /// The occurrences of a series as Google shows them.
    pub async fn instances(&self, id: &str) -> Vec<Value> {
        let list = self
            .person(
                "GET",
                ANA,
                &format!("/calendars/primary/events/{id}/instances?maxResults=50"),
                &Value::Null,
            )
            .await;
        list["items"].as_array().cloned().unwrap_or_default()
    }

    /// Sets one fault.
    pub async fn fault(&self, fault: Value) {
        self.google.switch("faults", &json!([fault])).await;
    }

    // The app -------------------------------------------------------------------------------------------------------

    /// A new booking of Ana's, as the API stores it.
    pub async fn app_creates(&self, title: &str, when: When) -> BookingId {
        self.app_creates_for(&self.ana.clone(), title, when).await
    }

    pub async fn app_creates_for(&self, who: &Connected, title: &str, when: When) -> BookingId {
        let content = Content {
            title: title.to_owned(),
            description: String::new(),
            location: String::new(),
            resource_id: None,
            when,
            status: Status::Confirmed,
        };
        let id = BookingId(self.engine.fresh_uuid());
        let text = BookingText::of(&content, None, None, Side::App);
        let mut tx = self.engine.db.begin().await.expect("begin");
        let new = NewBooking {
            tenant_id: self.tenant,
            id,
            user_id: who.user,
            text: &text,
            customer_ids: &[],
            created_at: 1,
        };
        bookings::insert(&mut tx, &new).await.expect("insert");
        tx.commit().await.expect("commit");
        id
    }

    /// SQL as the app writes it. `$1` is the tenant, `$2` the booking.
    pub async fn app_sql(&self, sql: &'static str, booking: BookingId) {
        run(&self.engine.db, sql, args![self.tenant, booking]).await;
    }

    pub async fn app_renames(&self, booking: BookingId, title: &str) {
        run(
            &self.engine.db,
            "UPDATE bookings SET title = $3 WHERE tenant_id = $1 AND id = $2",
            args![self.tenant, booking, title],
        )
        .await;
    }

    pub async fn app_deletes(&self, booking: BookingId) {
        self.app_sql("DELETE FROM bookings WHERE tenant_id = $1 AND id = $2", booking)
            .await;
    }

    pub async fn app_cancels(&self, booking: BookingId) {
        self.app_sql(
            "UPDATE bookings SET status = 'cancelled' WHERE tenant_id = $1 AND id = $2",
            booking,
        )
        .await;
    }

    pub async fn app_moves(&self, booking: BookingId, starts_local: &str, ends_local: &str) {
        run(
            &self.engine.db,
            "UPDATE bookings SET starts_local = $3, ends_local = $4 WHERE tenant_id = $1 AND id = $2",
            args![self.tenant, booking, starts_local, ends_local],
        )
        .await;
    }

    /// A resource.
    pub async fn app_adds_resource(&self, name: &str) -> String {
        let id = self.engine.fresh_uuid().to_string();
        run(
            &self.engine.db,
            "INSERT INTO resources (tenant_id, id, name) VALUES ($1, $2, $3)",
            args![self.tenant, &id, name],
        )
        .await;
        id
    }

    pub async fn read(&self) -> Tx {
        self.engine.db.read().await.expect("read")
    }

    pub async fn booking(&self, id: BookingId) -> Option<BookingRow> {
        bookings::get(&mut self.read().await, self.tenant, id)
            .await
            .expect("booking")
    }

    /// The booking with its text; it must exist.
    pub async fn text(&self, id: BookingId) -> BookingText {
        self.booking(id).await.expect("the booking exists").text
    }

    pub async fn bookings(&self) -> Vec<BookingRow> {
        let filter = bookings::BookingFilter::default();
        bookings::list_stored(&mut self.read().await, self.tenant, &filter, None, 10_000)
            .await
            .expect("bookings")
    }

    /// The booking of an event of Ana's.
    pub async fn booking_of(&self, event: &str) -> BookingRow {
        let placement = self.placement(event).await.expect("the event has a placement");
        self.booking(placement.booking_id)
            .await
            .expect("the placement has a booking")
    }

    pub async fn placement(&self, event: &str) -> Option<Placement> {
        let (calendar, event) = (CalendarId::from(ANA), event.into());
        placements::get(&mut self.read().await, self.tenant, &calendar, &event)
            .await
            .expect("placement")
    }

    /// The event id of a booking's lead placement.
    pub async fn event_of(&self, booking: BookingId) -> String {
        let leads = placements::leads(&mut self.read().await, self.tenant, &[booking])
            .await
            .expect("leads");
        leads.first().expect("the booking has a placement").event_id.0.clone()
    }

    pub async fn pending(&self) -> i64 {
        states::count_pending(&mut self.read().await, self.tenant, self.ana.user)
            .await
            .expect("count")
    }

    pub async fn conflicts(&self) -> Vec<Conflict> {
        conflicts::list(&self.engine, self.tenant, &ConflictFilter::default(), None, 100)
            .await
            .expect("conflicts")
    }

    pub async fn open_questions(&self) -> Vec<Question> {
        let filter = QuestionFilter {
            user: None,
            state: Some("open".into()),
        };
        questions::list(&self.engine, self.tenant, &filter, None, 100)
            .await
            .expect("questions")
    }

    /// The one open question is answered by whom it is addressed to.
    pub async fn answer(&self, answer: &str) {
        let open = self.open_questions().await;
        let [question] = open.as_slice() else {
            panic!("one open question was expected: {open:?}")
        };
        let by = if question.addressee == "admin" {
            Answerer::Admin
        } else {
            Answerer::User(self.ana.user)
        };
        questions::answer(&self.engine, self.tenant, question.id, answer, by)
            .await
            .expect("the answer is taken");
    }
}

async fn engine(url: &str, google: &Google, clock: Arc<TestClock>) -> Engine {
    engine_at(url, &google.sandbox.base_url(), clock).await
}

/// An engine over any database and any pretend Google.
pub async fn engine_at(url: &str, base: &str, clock: Arc<TestClock>) -> Engine {
    static ENTROPY: std::sync::LazyLock<Arc<TestEntropy>> = std::sync::LazyLock::new(Arc::default);
    let transport = Arc::new(Transport::new(Duration::from_secs(10)).expect("a transport"));
    let endpoints = Arc::new(Endpoints {
        client_id: CLIENT.into(),
        client_secret: SECRET.into(),
        auth_url: format!("{base}/o/oauth2/v2/auth"),
        token_url: format!("{base}/token"),
        revoke_url: format!("{base}/revoke"),
        userinfo_url: format!("{base}/v1/userinfo"),
        calendar_url: format!("{base}/calendar/v3"),
    });
    let keys = KeyRing::new(
        SealingKey::new("00000001".parse().expect("an id"), zeroize::Zeroizing::new([7; 32])),
        vec![],
    );
    let _ = clock.now();
    Engine {
        db: open(url).await,
        keys: Arc::new(keys),
        clock,
        entropy: ENTROPY.clone(),
        oauth: OAuth::new(transport.clone(), endpoints),
        google: CalendarApi::new(transport.clone(), &format!("{base}/calendar/v3/")),
        people: PeopleApi::new(transport, &format!("{base}/v1")),
        tokens: TokenCache::default(),
        defaults: TenantDefaults::default(),
        sync: SyncSettings {
            window_past_days: 30,
            lease_ms: 60_000,
            page_size: 250,
            contact_create_delay_ms: 30 * 60 * 1000,
        },
        mail: MailSettings::without_server().expect("the built-in templates are good"),
        public_url: "http://127.0.0.1:9999".into(),
        wake: Arc::default(),
    }
}

pub async fn run(db: &Db, sql: &'static str, args: Vec<accord::store::Value>) -> u64 {
    let mut tx = db.begin().await.expect("begin");
    let affected = tx.execute(sql, args).await.expect("the statement runs");
    tx.commit().await.expect("commit");
    affected
}

fn calendar_path(request: &Value) -> bool {
    request["path"]
        .as_str()
        .is_some_and(|path| path.starts_with("/calendar/v3"))
}

/// An hour in Madrid.
pub fn hour(starts_local: &str) -> When {
    let start = Zoned::parse_local(starts_local, Tz::Europe__Madrid, Fold::Earlier).expect("a local time");
    let end = Zoned {
        local: start.local + TimeDelta::hours(1),
        ..start
    };
    When::once(Span::Timed { start, end })
}

/// The same as an event's JSON.
pub fn event(title: &str, starts_local: &str) -> Value {
    let When {
        span: Span::Timed { start, end },
        ..
    } = hour(starts_local)
    else {
        unreachable!("hour is timed")
    };
    json!({"summary": title,
        "start": {"dateTime": start.local_text(), "timeZone": "Europe/Madrid"},
        "end": {"dateTime": end.local_text(), "timeZone": "Europe/Madrid"}})
}

impl World {
    pub async fn app_assigns(&self, booking: BookingId, resource: Option<&str>) {
        run(
            &self.engine.db,
            "UPDATE bookings SET resource_id = $3 WHERE tenant_id = $1 AND id = $2",
            args![self.tenant, booking, resource],
        )
        .await;
    }

    /// A pass in which a person edits the event after the pull and before the push: the PATCH is held up until the edit is done.
    pub async fn sync_scope_with_an_edit_before_the_patch(&self, event: &str, change: Value) {
        self.fault(json!({"method": "PATCH", "path": "/events", "times": 1, "action": {"delay_ms": 400}}))
            .await;
        let (pass, ()) = tokio::join!(self.try_sync(), async {
            // The fault is used up as soon as the PATCH has arrived.
            loop {
                let faults = self.google.look("faults").await;
                let left = faults["faults"].as_array().or(faults.as_array()).map_or(0, Vec::len);
                if left == 0 {
                    break;
                }
                tokio::task::yield_now().await;
            }
            self.person_edits(event, change).await;
        });
        pass.expect("a good pass");
    }

    /// The occurrences of somebody's series as Google shows them: title and start.
    pub async fn occurrences_of(&self, email: &str, id: &str) -> Vec<(String, String)> {
        let path = format!("/calendars/primary/events/{id}/instances?maxResults=50");
        let list = self.person("GET", email, &path, &Value::Null).await;
        let shown = list["items"].as_array().cloned().unwrap_or_default();
        let mut shown: Vec<(String, String)> = shown
            .iter()
            .map(|event| (text(event, "summary"), text(&event["start"], "dateTime")))
            .collect();
        shown.sort_by(|a, b| a.1.cmp(&b.1));
        shown
    }
}

impl World {
    /// Where the database is.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Whether the database is PostgreSQL.
    pub fn is_postgres(&self) -> bool {
        !self.url.starts_with("sqlite://")
    }
}
