//! What has to hold whatever happens: a disturbed first reading leaves the same rows as an undisturbed one, unknown fields of
//! an event survive our writes, and every request names the fields that it wants. On both databases.
mod support;

use accord::args;
use accord::domain::ids::BookingId;
use accord::store::Tx;
use serde_json::{Value, json};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use support::google::ANA;
use support::postgres::both_databases;
use support::series::series_event;
use support::world::{BEN, Connected, World, event, hour, run as sql};

/// What differs between two runs although both remember the same: instants, counters, fresh ids, sealed bytes.
const OF_ONE_RUN: [&str; 13] = [
    "created_at",
    "updated_at",
    "at",
    "confirmed_at",
    "last_started_at",
    "last_good_at",
    "due_at",
    "lease_until",
    "fence",
    "xid",
    "seq",
    "sync_token",
    "last",
];

/// Single events of the filled calendar: three transactions' worth.
const EVENTS: usize = 260;

fn is_sqlite(tx: &Tx) -> bool {
    tx.backend() == accord::store::Backend::Sqlite
}

/// One column of text of every row that a query finds.
async fn texts(tx: &mut Tx, query: String) -> Vec<String> {
    let rows = tx
        .fetch_all(String::leak(query), args![])
        .await
        .expect("the query runs");
    rows.iter().map(|row| row.text("line").expect("a text")).collect()
}

/// Every row of every table as text, with bookings named by their events.
async fn remembered(world: &World) -> Vec<String> {
    let mut tx = world.read().await;
    let tables = if is_sqlite(&tx) {
        "SELECT name AS line FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '%sqlx%' AND name NOT LIKE 'sqlite%'"
    } else {
        "SELECT table_name::text AS line FROM information_schema.tables WHERE table_schema = current_schema() \
         AND table_name NOT LIKE '%sqlx%'"
    };
    let tables = texts(&mut tx, tables.to_owned()).await;
    assert!(tables.len() > 20, "{tables:?}");
    let pairs = "SELECT booking_id || ' ' || event_id AS line FROM placements".to_owned();
    let names = texts(&mut tx, pairs).await;
    let mut lines = Vec::new();
    for table in tables {
        let columns = if is_sqlite(&tx) {
            format!("SELECT name AS line FROM pragma_table_info('{table}')")
        } else {
            format!(
                "SELECT column_name::text AS line FROM information_schema.columns \
                 WHERE table_schema = current_schema() AND table_name = '{table}'"
            )
        };
        let mut columns = texts(&mut tx, columns).await;
        columns.sort();
        let fresh_id = matches!(table.as_str(), "quarantine" | "conflicts" | "questions");
        columns.retain(|column| {
            let is_masked = OF_ONE_RUN.contains(&column.as_str())
                || column.ends_with("_sealed")
                || column.ends_with("_hash")
                || fresh_id && column == "id";
            !is_masked
        });
        let parts: Vec<String> = columns
            .iter()
            .map(|column| format!("'{column}=' || COALESCE(CAST({column} AS TEXT), '~')"))
            .collect();
        let query = format!(
            "SELECT '{table}: ' || {} AS line FROM {table}",
            parts.join(" || ' ' || ")
        );
        lines.extend(texts(&mut tx, query).await);
    }
    for name in &names {
        let (booking, event) = name.split_once(' ').expect("two ids");
        for line in &mut lines {
            *line = line.replace(booking, &format!("<{event}>"));
        }
    }
    lines.sort();
    lines
}

/// Everything that was learnt from Google is forgotten.
async fn forget_everything(world: &World) {
    for statement in [
        "DELETE FROM bookings WHERE tenant_id = $1 AND series_id IS NOT NULL",
        "DELETE FROM bookings WHERE tenant_id = $1",
        "DELETE FROM booking_times WHERE tenant_id = $1",
        "DELETE FROM placements WHERE tenant_id = $1",
        "DELETE FROM booking_identities WHERE tenant_id = $1",
        "DELETE FROM quarantine WHERE tenant_id = $1",
        "DELETE FROM row_state WHERE tenant_id = $1",
        "DELETE FROM changes WHERE tenant_id = $1",
        "DELETE FROM change_counters WHERE tenant_id = $1",
        "UPDATE sync_scopes SET sync_token = NULL, fingerprint = '' WHERE tenant_id = $1",
    ] {
        sql(&world.engine.db, statement, args![world.tenant]).await;
    }
}

async fn kill_after<F: Future>(polls: usize, future: F) {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 || future.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        left -= 1;
        Poll::Pending
    })
    .await;
}

/// Kills it as soon as a look says so. Between two steps it stands still, so that no moment is overlooked.
async fn kill_when<F: Future>(mut look: impl AsyncFnMut() -> bool, future: F) {
    let mut future = pin!(future);
    let mut ended = false;
    while !ended && !look().await {
        ended = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_ready())).await;
    }
}

/// The process starts again, and what it had claimed is free again.
async fn comes_back(world: &mut World) {
    world.restart().await;
    let free = "UPDATE sync_scopes SET lease_until = 0 WHERE tenant_id = $1";
    sql(&world.engine.db, free, args![world.tenant]).await;
}

/// A calendar with something of everything: more single events than one transaction takes, series with changed and cancelled
/// occurrences, whole days, a private event, and one that cannot be understood.
async fn fill(world: &World) {
    for n in 0..EVENTS {
        let start = format!("2026-03-{:02}T{:02}:00:00", n % 28 + 1, n / 28 + 8);
        world.person_creates(event(&format!("Event {n:03}"), &start)).await;
    }
    let series = series_event("Weekly", "2026-03-03T19:00:00", &["RRULE:FREQ=WEEKLY;COUNT=5"]);
    let series = world.person_creates(series).await;
    let moved = world.instance_id(&series, "2026-03-10T18:00:00Z").await;
    world.person_edits(&moved, json!({"summary": "Moved"})).await;
    let cancelled = world.instance_id(&series, "2026-03-17T18:00:00Z").await;
    world.person_deletes(&cancelled).await;
    world
        .person_creates(json!({"summary": "Fair", "start": {"date": "2026-03-20"}, "end": {"date": "2026-03-23"}}))
        .await;
    let mut secret = event("Secret", "2026-03-21T10:00:00");
    secret["visibility"] = json!("private");
    world.person_creates(secret).await;
    let poison =
        json!({"id": "poison01", "status": "confirmed", "summary": "Poison", "start": {"dateTime": "half past nine"}});
    world
        .google
        .switch("calendar/raw_event", &json!({"calendar": ANA, "event": poison}))
        .await;
}

async fn until_quiet(world: &World) {
    for _ in 0..6 {
        if world.sync().await.is_quiet() {
            return;
        }
    }
    panic!("it does not get quiet");
}

both_databases! {
    /// Scenario 2; checklist line 55.
    async fn a_first_reading_that_is_cut_and_killed_leaves_the_same_rows_as_an_undisturbed_one(url: String) {
        let mut world = World::new(&url).await;
        fill(&world).await;
        until_quiet(&world).await;
        let undisturbed = remembered(&world).await;
        assert!(undisturbed.iter().filter(|line| line.starts_with("bookings: ")).count() == EVENTS + 5, "{undisturbed:?}");
        assert_eq!(undisturbed.iter().filter(|line| line.starts_with("quarantine: ")).count(), 1);
        forget_everything(&world).await;
        world.google.switch("calendar/paging", &json!({"page_size": 50})).await;
        world.fault(json!({"path": "/events", "query": "pageToken=", "skip": 1, "times": 1, "action": {"cut": "body"}})).await;
        world.try_sync().await.expect_err("the third page was cut");
        assert!(world.bookings().await.is_empty(), "nothing of a listing that has not ended");
        // Killed while it lists, then between its first transaction and its second, then later and later, until a pass gets
        // through before its end comes.
        let asked = world.requests().await.len();
        comes_back(&mut world).await;
        kill_when(async || world.requests().await.len() >= asked + 4, world.try_sync()).await;
        assert!(world.bookings().await.is_empty(), "killed while it listed");
        comes_back(&mut world).await;
        kill_when(async || !world.bookings().await.is_empty(), world.try_sync()).await;
        let half = world.bookings().await.len();
        assert!((1..EVENTS).contains(&half), "killed while it applied what it had read: {half}");
        let mut polls = 50;
        while world.bookings().await.len() < EVENTS + 5 {
            comes_back(&mut world).await;
            kill_after(polls, world.try_sync()).await;
            polls += polls / 8;
        }
        comes_back(&mut world).await;
        until_quiet(&world).await;
        let disturbed = remembered(&world).await;
        for (disturbed, undisturbed) in disturbed.iter().zip(&undisturbed) {
            assert_eq!(disturbed, undisturbed);
        }
        assert_eq!(disturbed.len(), undisturbed.len());
    }

    /// Checklist line 108.
    async fn fields_that_accord_does_not_know_survive_its_writes(url: String) {
        let world = World::new(&url).await;
        let mut strange = event("Strange", "2026-03-05T09:00:00");
        strange["colorId"] = json!("7");
        strange["reminders"] = json!({"useDefault": false, "overrides": [{"method": "popup", "minutes": 5}]});
        strange["extendedProperties"] = json!({"private": {"another.app": "keep me"}, "shared": {"too": "me"}});
        let id = world.person_creates(strange).await;
        world.sync().await;
        let before = world.event(&id).await;
        let booking = world.booking_of(&id).await.id;
        world.app_renames(booking, "Renamed").await;
        world.app_moves(booking, "2026-03-05T11:00:00", "2026-03-05T12:00:00").await;
        world.settle().await;
        let after = world.event(&id).await;
        assert_eq!(after["summary"], "Renamed");
        for field in ["colorId", "reminders", "extendedProperties", "iCalUID", "organizer"] {
            assert_eq!(after[field], before[field], "{field}");
        }
        assert_eq!(after["colorId"], "7");
    }

    /// Scenario 28: a second 412 is left to a later pass.
    async fn an_event_that_is_always_newer_is_left_to_the_next_pass(url: String) {
        let world = World::new(&url).await;
        let id = world.person_creates(event("Restless", "2026-03-05T09:00:00")).await;
        world.sync().await;
        let booking = world.booking_of(&id).await.id;
        world.app_renames(booking, "From the app").await;
        world.fault(json!({"method": "PATCH", "path": "/events/", "times": 1000, "action": {"status": 412}})).await;
        let before = world.google_writes().await;
        world.try_sync().await.expect("the pass ends");
        let tries = world.google_writes().await - before;
        assert!((2..=3).contains(&tries), "once more, and not for ever: {tries}");
        assert_eq!(world.text(booking).await.title, "From the app", "the edit waits");
        assert_eq!(world.pending().await, 1);
        world.google.http.delete(&world.google.url("/_sandbox/faults"), &[]).await;
        world.settle().await;
        assert_eq!(world.event(&id).await["summary"], "From the app");
    }

    /// Promise 1; scenario 20.
    async fn an_occurrence_that_a_guest_removes_from_their_calendar_stays_for_everybody_else(url: String) {
        let (world, ben, series, booking) = a_series_with_ben(&url, false).await;
        let second = format!("{series}_20260310T180000Z");
        world.person_deletes_in(BEN, "primary", &second).await;
        world.sync_scope(&ben, BEN).await;
        both(&world, &ben).await;
        let rows = world.bookings().await;
        assert!(rows.iter().all(|row| row.text.status == "confirmed"), "{rows:?}");
        assert_eq!(world.occurrences_of(ANA, &series).await.len(), 5);
        assert_eq!(world.text(booking).await.status, "confirmed");
    }

    /// Promise 1; scenario 20.
    async fn an_occurrence_that_the_app_changes_goes_to_the_organizer_though_the_guest_owns_the_series(url: String) {
        let (world, ben, series, booking) = a_series_with_ben(&url, true).await;
        world.set(json!({"guests": "push"})).await;
        assert_eq!(world.booking(booking).await.expect("there").user_id, ben.user, "who brought it owns it");
        let insert = "INSERT INTO bookings (tenant_id, id, user_id, title, starts_local, ends_local, time_zone, series_id, original_start) \
            VALUES ($1, $2, $3, 'Moved', '2026-03-10T20:00:00', '2026-03-10T21:00:00', 'Europe/Madrid', $4, '2026-03-10T18:00:00Z')";
        let id = world.engine.fresh_uuid().to_string();
        sql(&world.engine.db, insert, args![world.tenant, id, ben.user, booking]).await;
        both(&world, &ben).await;
        let shown = world.occurrences_of(ANA, &series).await;
        assert_eq!(shown[1], ("Moved".to_owned(), "2026-03-10T20:00:00+01:00".to_owned()));
    }

    /// Scenario 26, where Google wins.
    async fn deleted_in_google_and_changed_in_the_app_is_cancelled_where_google_wins(url: String) {
        let world = World::new(&url).await;
        world.set(json!({"conflict": "google"})).await;
        let id = world.person_creates(event("Both", "2026-03-05T09:00:00")).await;
        world.sync().await;
        let booking = world.booking_of(&id).await.id;
        world.app_renames(booking, "Still wanted").await;
        world.person_deletes(&id).await;
        world.settle().await;
        assert_eq!(world.text(booking).await.status, "cancelled");
        assert!(world.events().await.is_empty());
        let conflicts = world.conflicts().await;
        assert_eq!((conflicts.len(), conflicts[0].winner.as_deref()), (1, Some("google")), "never silent");
        assert!(conflicts[0].app.to_string().contains("Still wanted"), "{:?}", conflicts[0]);
    }

    /// Checklist lines 36 and 61: a calendar of birthdays has nothing that could grow stale here.
    async fn events_of_other_types_are_not_imported(url: String) {
        let world = World::new(&url).await;
        for (n, kind) in ["birthday", "workingLocation", "focusTime", "outOfOffice", "fromGmail"].into_iter().enumerate() {
            let id = format!("special0{n}");
            let event = json!({"id": id, "status": "confirmed", "summary": kind, "eventType": kind, "etag": "\"1\"",
                "iCalUID": format!("{id}@google.com"), "updated": "2026-03-02T12:00:00.000Z",
                "organizer": {"self": true, "email": ANA}, "start": {"date": "2026-03-10"}, "end": {"date": "2026-03-11"}});
            world.google.switch("calendar/raw_event", &json!({"calendar": ANA, "event": event})).await;
        }
        world.person_creates(event("Ordinary", "2026-03-05T09:00:00")).await;
        assert_eq!(world.sync().await.bookings_created, 1);
        let rows = world.bookings().await;
        assert_eq!(rows.iter().map(|row| row.text.title.as_str()).collect::<Vec<_>>(), ["Ordinary"]);
        let remembered = remembered(&world).await.join("\n");
        for kind in ["birthday", "workingLocation", "focusTime"] {
            assert!(!remembered.contains(kind), "nothing of a {kind} is stored");
        }
        world.assert_quiet().await;
    }

    /// Scenario 29.
    async fn a_move_onto_another_booking_of_the_same_resource_is_applied(url: String) {
        let world = World::new(&url).await;
        let room = world.app_adds_resource("Room 1").await;
        let first = world.app_creates("First", hour("2026-03-05T09:00:00")).await;
        let second = world.app_creates("Second", hour("2026-03-05T11:00:00")).await;
        for booking in [first, second] {
            world.app_assigns(booking, Some(&room)).await;
        }
        world.settle().await;
        let event = world.event_of(second).await;
        world.person_edits(&event, json!({"start": {"dateTime": "2026-03-05T09:30:00", "timeZone": "Europe/Madrid"},
            "end": {"dateTime": "2026-03-05T10:30:00", "timeZone": "Europe/Madrid"}})).await;
        world.settle().await;
        assert_eq!(world.text(second).await.starts_local, "2026-03-05T09:30:00");
        assert_eq!(world.event(&event).await["start"]["dateTime"], "2026-03-05T09:30:00+01:00");
        for booking in [first, second] {
            assert_eq!(world.text(booking).await.resource_id.as_deref(), Some(room.as_str()));
            assert_eq!(world.text(booking).await.status, "confirmed");
        }
        assert!(world.conflicts().await.is_empty());
    }

    /// Promises 6 and 7.
    async fn every_request_names_the_fields_it_wants_and_no_write_makes_google_send_mail(url: String) {
        let world = World::new(&url).await;
        let series = series_event("Weekly", "2026-03-03T19:00:00", &["RRULE:FREQ=WEEKLY;COUNT=5"]);
        let id = world.person_creates(series).await;
        let booking = world.app_creates("Call", hour("2026-03-05T09:00:00")).await;
        world.settle().await;
        world.app_renames(booking, "Renamed").await;
        world.app_moves(world.booking_of(&id).await.id, "2026-03-03T20:00:00", "2026-03-03T21:00:00").await;
        world.settle().await;
        world.app_deletes(booking).await;
        world.settle().await;
        let requests = world.requests().await;
        let mut methods: Vec<&str> = requests.iter().filter_map(|request| request["method"].as_str()).collect();
        methods.sort_unstable();
        methods.dedup();
        assert_eq!(methods, ["DELETE", "GET", "PATCH", "POST"]);
        for request in &requests {
            let query = query_of(request);
            if request["method"] != "GET" {
                assert!(query.contains("sendUpdates=none"), "{request}");
            }
            if request["method"] != "DELETE" {
                let fields = query.split('&').find_map(|part| part.strip_prefix("fields="));
                let fields = fields.unwrap_or_else(|| panic!("no fields: {request}"));
                for never in ["conferenceData", "hangoutLink", "creator", "htmlLink", "attachments", "email", "displayName", "*"] {
                    assert!(!fields.contains(never), "{never}: {request}");
                }
            }
        }
    }
}

/// The query of a logged request, unescaped as far as field lists need it.
fn query_of(request: &Value) -> String {
    let query = match &request["query"] {
        Value::String(text) => text.clone(),
        Value::Object(parts) => {
            let parts = parts
                .iter()
                .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()));
            parts.collect::<Vec<_>>().join("&")
        }
        _ => String::new(),
    };
    query
        .replace("%28", "(")
        .replace("%29", ")")
        .replace("%2C", ",")
        .replace("%2F", "/")
        .replace("%2A", "*")
}

/// A series of Ana's to which Ben is invited, in both calendars; Ben's is read first if `ben_first`.
async fn a_series_with_ben(url: &str, ben_first: bool) -> (World, Connected, String, BookingId) {
    let world = World::new(url).await;
    let ben = world.ben().await;
    let mut series = series_event("Weekly", "2026-03-03T19:00:00", &["RRULE:FREQ=WEEKLY;COUNT=5"]);
    series["attendees"] = json!([{"email": BEN}]);
    let series = world.person_creates(series).await;
    if ben_first {
        world.sync_scope(&ben, BEN).await;
    }
    both(&world, &ben).await;
    let rows = world.bookings().await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    let booking = rows[0].id;
    (world, ben, series, booking)
}

async fn both(world: &World, ben: &Connected) {
    for _ in 0..3 {
        world.sync().await;
        world.sync_scope(ben, BEN).await;
    }
}
