//! Bookings over HTTP: what is stored, what is refused, and that a refusal leaves nothing behind.
#![expect(clippy::unwrap_used, reason = "a test that panics fails, which is right")]
mod api_support;
mod support;

use api_support::App;
use serde_json::{Value, json};
use support::postgres::both_databases;

const KAREL: &str = "0190f3c4-5b1e-7cc0-9d3a-000000000001";
const OTHERS: &str = "0190f3c4-5b1e-7cc0-9d3a-000000000002";
const NOBODY: &str = "0190f3c4-5b1e-7cc0-9d3a-00000000ffff";

/// Lead placement of a booking, as the sync would store it.
async fn place(app: &App, booking: &Value, columns: &str) {
    let (tenant, user, id) = (app.tenant, &app.user, booking["id"].as_str().unwrap());
    app.sql(&format!(
        "INSERT INTO accounts (tenant_id, id, user_id, sub, email, state, created_at, updated_at)
             VALUES ('{tenant}', '{NOBODY}', '{user}', 'sub', 'jana@gmail.example', 'active', 0, 0);
         INSERT INTO calendars (tenant_id, account_id, calendar_id, title, time_zone, access_role, frozen)
             VALUES ('{tenant}', '{NOBODY}', 'cal', 'Work', 'Europe/Prague', 'owner', 'unticked');
         INSERT INTO sync_scopes (tenant_id, account_id, calendar_id, due_at) VALUES ('{tenant}', '{NOBODY}', 'cal', 99);
         INSERT INTO placements (tenant_id, calendar_id, event_id, booking_id, account_id, is_lead, state)
             VALUES ('{tenant}', 'cal', 'event', '{id}', '{NOBODY}', 1, 'live');
         UPDATE placements SET {columns}"
    ))
    .await
    .unwrap();
}

both_databases! {
    async fn a_booking_is_created_with_every_field_and_shown_as_it_was_sent(url: String) {
        let app = App::start(url).await;
        app.add_customer(&app.user, KAREL).await;
        let room = app.add_resource("Room 1").await;
        let sent = app.booking(json!({"description": "<b>short</b>", "resource_id": room["id"], "customer_ids": [KAREL],
            "end_time_zone": "Europe/London", "ends_at": "2026-03-02T09:30:00+00:00",
            "recurrence": ["RRULE:FREQ=WEEKLY;COUNT=3"], "mail": "none"}));
        let reply = app.post("/bookings", &sent).await;
        let made = reply.expect(201);
        for field in ["user_id", "title", "description", "starts_at", "ends_at", "time_zone", "end_time_zone", "resource_id",
            "customer_ids", "recurrence"] {
            assert_eq!(made[field], sent[field], "{field}");
        }
        let facts = json!({"all_day": false, "location": "", "status": "confirmed", "series_id": null, "original_start": null,
            "origin": "app", "writable": true, "has_guests": false, "words": "shared", "frozen": null});
        for (field, value) in facts.as_object().unwrap() {
            assert_eq!(made[field], *value, "{field}");
        }
        assert!(made.get("mail").is_none(), "{made}");
        assert_eq!(made["proposals"], json!([]), "no mail is wished for, and there is no server");
        let path = format!("/bookings/{}", made["id"].as_str().unwrap());
        assert_eq!(reply.header("location"), format!("/api/v1{path}"));
        assert_eq!(reply.header("etag"), format!("\"{}\"", made["version"]));
        let shown = app.get(&path).await;
        assert_eq!(shown.expect(200), made);
        assert_eq!(shown.header("etag"), reply.header("etag"));
        assert_eq!(app.sql("SELECT mail_wish FROM bookings").await.unwrap(), "none");
    }

    async fn an_all_day_booking_begins_in_the_time_zone_of_its_user(url: String) {
        let app = App::start(url).await;
        let body = json!({"user_id": app.user, "all_day": true, "starts_at": "2026-03-02", "ends_at": "2026-03-03"});
        let made = app.post("/bookings", &body).await.expect(201);
        assert_eq!((&made["starts_at"], &made["ends_at"]), (&json!("2026-03-02"), &json!("2026-03-03")));
        assert_eq!(made["time_zone"], Value::Null);
        let within = |from: &str, to: &str| format!("/bookings?from={from}&to={to}");
        // Midnight in Prague is 23:00 UTC in winter.
        let before = app.get(&within("2026-03-01T22:00:00Z", "2026-03-01T23:00:00Z")).await.expect(200);
        assert_eq!(before["items"], json!([]));
        let after = app.get(&within("2026-03-01T23:00:00Z", "2026-03-01T23:01:00Z")).await.expect(200);
        assert_eq!(after["items"][0]["id"], made["id"]);
        let body = json!({"user_id": app.user, "all_day": true, "starts_at": "2026-03-02", "ends_at": "2026-03-02",
            "time_zone": "Europe/Prague"});
        assert_eq!(app.post("/bookings", &body).await.bad_fields(), ["ends_at", "time_zone"]);
    }

    async fn all_problems_of_a_body_are_told_at_once_and_nothing_is_stored(url: String) {
        let app = App::start(url).await;
        let body = json!({"user_id": NOBODY, "title": 5, "description": "x".repeat(9000), "starts_at": "2026-03-02T10:00:00+01:00",
            "ends_at": "2026-03-02T09:00:00+01:00", "time_zone": "Europe/Prague", "recurrence": ["RRULE:FREQ=NEVER"],
            "resource_id": NOBODY, "customer_ids": ["x", KAREL], "status": "maybe", "mail": "all", "location": "Room 9",
            "version": 4, "colour": "red"});
        let reply = app.post("/bookings", &body).await;
        assert_eq!(reply.bad_fields(), ["colour", "customer_ids", "description", "ends_at", "location", "mail", "recurrence",
            "resource_id", "status", "title", "user_id", "version"]);
        let errors = reply.json()["errors"].clone();
        let of = |field: &str| errors.as_array().unwrap().iter().find(|e| e["field"] == field).unwrap()["problem"].clone();
        assert_eq!(of("location"), "is read-only");
        assert_eq!(of("title"), "must be a text, not a number");
        assert!(of("colour").as_str().unwrap().contains("starts_at"));
        assert_eq!(app.get("/bookings").await.expect(200)["items"], json!([]));
        let (changes, _) = app.changes(None).await;
        assert!(changes.is_empty(), "{changes:?}");
        assert_eq!(app.sql("SELECT COUNT(*) FROM booking_times").await.unwrap(), "0");
    }

    async fn times_that_contradict_themselves_are_refused_by_name(url: String) {
        let app = App::start(url).await;
        let cases = [
            (json!({"time_zone": "Mars/Base"}), "time_zone"),
            (json!({"end_time_zone": "Prague"}), "end_time_zone"),
            (json!({"starts_at": "2026-03-02T09:00:00+05:00"}), "starts_at"),
            (json!({"starts_at": "2026-03-02"}), "starts_at"),
            (json!({"ends_at": "tomorrow"}), "ends_at"),
            (json!({"ends_at": "2026-03-02T09:00:00+01:00"}), "ends_at"),
            (json!({"time_zone": null}), "starts_at"),
            (json!({"starts_at": null}), "starts_at"),
            (json!({"title": "t".repeat(1025)}), "title"),
            (json!({"title": "nul\u{0}"}), "title"),
            (json!({"recurrence": ["RRULE:FREQ=DAILY\nEXDATE:20260303T080000Z"]}), "recurrence"),
            (json!({"recurrence": "RRULE:FREQ=DAILY"}), "recurrence"),
            (json!({"all_day": "yes"}), "all_day"),
            (json!({"user_id": "JANA"}), "user_id"),
        ];
        for (more, field) in cases {
            let fields = app.post("/bookings", &app.booking(more.clone())).await.bad_fields();
            assert!(fields.contains(&field.to_owned()), "{more}: {fields:?}");
        }
        let missing = app.post("/bookings", &json!({})).await.bad_fields();
        assert_eq!(missing, ["ends_at", "starts_at", "user_id"]);
        assert_eq!(app.get("/bookings").await.expect(200)["items"], json!([]));
    }

    async fn repeated_hours_and_hours_that_do_not_exist_keep_their_meaning(url: String) {
        let app = App::start(url).await;
        // 25 October 2026: 02:30 exists twice in Prague; the offset tells which.
        let second = app.book(json!({"starts_at": "2026-10-25T02:30:00+01:00", "ends_at": "2026-10-25T03:30:00+01:00"})).await;
        assert_eq!(second["starts_at"], "2026-10-25T02:30:00+01:00");
        let first = app.book(json!({"starts_at": "2026-10-25T02:30:00+02:00", "ends_at": "2026-10-25T03:30:00+01:00"})).await;
        assert_eq!(first["starts_at"], "2026-10-25T02:30:00+02:00");
        // 29 March 2026: 02:30 does not exist and shifts forward.
        let gap = app.book(json!({"starts_at": "2026-03-29T02:30:00+01:00", "ends_at": "2026-03-29T04:00:00+02:00"})).await;
        assert_eq!(gap["starts_at"], "2026-03-29T03:30:00+02:00");
    }

    async fn a_patch_needs_the_version_that_was_seen(url: String) {
        let app = App::start(url).await;
        let made = app.book(json!({})).await;
        let path = format!("/bookings/{}", made["id"].as_str().unwrap());
        let body = json!({"title": "Colour"});
        let without = app.call("PATCH", &path, Some(&app.token), &[], Some(&body.to_string())).await;
        without.problem(428, "if-match-required");
        for odd in ["*", "W/\"1\"", "1", "\"x\""] {
            let reply = app.call("PATCH", &path, Some(&app.token), &[("if-match", odd)], Some(&body.to_string())).await;
            assert_eq!(reply.bad_fields(), ["If-Match"], "{odd}");
        }
        let changed = app.patch(&path, &made["version"], &body).await.expect(200);
        assert_eq!(changed["title"], "Colour");
        assert!(changed["version"].as_i64() > made["version"].as_i64());
        let stale = app.patch(&path, &made["version"], &json!({"title": "Beard"})).await.problem(412, "stale-version");
        assert_eq!(stale["version"], changed["version"]);
        app.delete(&path, &made["version"]).await.problem(412, "stale-version");
        app.call("DELETE", &path, Some(&app.token), &[], None).await.problem(428, "if-match-required");
        assert_eq!(app.get(&path).await.expect(200), changed);
    }

    async fn an_edit_that_changes_nothing_makes_no_version(url: String) {
        let app = App::start(url).await;
        let made = app.book(json!({"description": "x"})).await;
        let path = format!("/bookings/{}", made["id"].as_str().unwrap());
        let (_, now) = app.feed(None, 1).await;
        let same = json!({"title": "Haircut", "starts_at": made["starts_at"], "ends_at": made["ends_at"],
            "time_zone": "Europe/Prague", "end_time_zone": null, "customer_ids": [], "recurrence": [], "all_day": false});
        assert_eq!(app.patch(&path, &made["version"], &same).await.expect(200), made);
        assert!(app.changes(Some(&now)).await.0.is_empty());
    }

    async fn times_are_patched_field_by_field_but_a_zone_never_alone(url: String) {
        let app = App::start(url).await;
        let made = app.book(json!({})).await;
        let path = format!("/bookings/{}", made["id"].as_str().unwrap());
        let alone = app.patch(&path, &made["version"], &json!({"time_zone": "Europe/London"})).await;
        assert_eq!(alone.bad_fields(), ["time_zone"]);
        let late = app.patch(&path, &made["version"], &json!({"starts_at": "2026-03-02T11:00:00+01:00"})).await;
        assert_eq!(late.bad_fields(), ["ends_at"]);
        let moved = app.patch(&path, &made["version"], &json!({"ends_at": "2026-03-02T12:00:00+01:00"})).await.expect(200);
        assert_eq!((&moved["starts_at"], &moved["ends_at"]), (&made["starts_at"], &json!("2026-03-02T12:00:00+01:00")));
        let days = app.patch(&path, &moved["version"], &json!({"all_day": true})).await;
        assert_eq!(days.bad_fields(), ["ends_at", "starts_at"]);
        let days = json!({"all_day": true, "starts_at": "2026-03-05", "ends_at": "2026-03-06"});
        let days = app.patch(&path, &moved["version"], &days).await.expect(200);
        assert_eq!((&days["all_day"], &days["time_zone"]), (&json!(true), &Value::Null));
        // The derived instants moved with it.
        let there = app.get("/bookings?from=2026-03-05T12:00:00Z&to=2026-03-05T13:00:00Z").await.expect(200);
        assert_eq!(there["items"][0]["id"], made["id"]);
        let user = app.patch(&path, &days["version"], &json!({"user_id": "JANA", "series_id": null})).await;
        assert_eq!(user.bad_fields(), ["series_id", "user_id"]);
    }

    async fn a_booking_is_handed_over_together_with_who_it_is_with(url: String) {
        let app = App::start(url).await;
        let petr = app.add_user("Petr").await;
        app.add_customer(&app.user, KAREL).await;
        app.add_customer(&petr, OTHERS).await;
        let series = app.book(json!({"recurrence": ["RRULE:FREQ=WEEKLY;COUNT=3"], "customer_ids": [KAREL]})).await;
        let path = format!("/bookings/{}", series["id"].as_str().unwrap());
        let second = format!("{path}/occurrences/2026-03-09T08:00:00Z");
        let changed = app.patch(&second, &json!(0), &json!({"title": "Colour"})).await.expect(200);
        // Customers belong to one user, so the call has to say who it is with then.
        for (body, bad) in [
            (json!({"user_id": petr}), "customer_ids"),
            (json!({"user_id": petr, "customer_ids": [KAREL]}), "customer_ids"),
            (json!({"user_id": NOBODY, "customer_ids": []}), "user_id"),
            (json!({"user_id": null, "customer_ids": []}), "user_id"),
        ] {
            let refused = app.patch(&path, &series["version"], &body).await;
            assert!(refused.bad_fields().contains(&bad.to_owned()), "{body}: {}", refused.text);
        }
        let alone = format!("/bookings/{}", changed["id"].as_str().unwrap());
        let body = json!({"user_id": petr, "customer_ids": [OTHERS]});
        let refused = app.patch(&alone, &changed["version"], &body).await;
        assert_eq!(refused.bad_fields(), ["customer_ids", "user_id"]);
        assert!(refused.text.contains("hand the series over"), "{}", refused.text);
        assert_eq!(app.get(&path).await.expect(200), series, "nothing was stored");
        assert_eq!(app.get(&alone).await.expect(200), changed, "nothing was stored");
        // With the version that was seen, as any change.
        app.patch(&path, &json!(77), &body).await.problem(412, "stale-version");
        let body = json!({"user_id": petr, "customer_ids": [OTHERS], "title": "Long haircut"});
        let given = app.patch(&path, &series["version"], &body).await.expect(200);
        assert_eq!((&given["user_id"], &given["customer_ids"]), (&json!(petr), &json!([OTHERS])));
        assert_eq!((&given["id"], &given["title"]), (&series["id"], &json!("Long haircut")));
        let along = app.get(&alone).await.expect(200);
        assert_eq!((&along["user_id"], &along["customer_ids"]), (&json!(petr), &json!([OTHERS])));
        assert_eq!(along["title"], "Colour");
        // To whom it belongs already: no version.
        let same = app.patch(&path, &given["version"], &json!({"user_id": petr})).await.expect(200);
        assert_eq!(same["version"], given["version"]);
    }

    async fn what_belongs_to_somebody_else_in_google_is_not_handed_over(url: String) {
        let app = App::start(url).await;
        let petr = app.add_user("Petr").await;
        let made = app.book(json!({})).await;
        place(&app, &made, "is_writable = 0").await;
        let path = format!("/bookings/{}", made["id"].as_str().unwrap());
        let refused = app.patch(&path, &made["version"], &json!({"user_id": petr})).await;
        assert_eq!(refused.status, 409, "{}", refused.text);
        assert_eq!(app.get(&path).await.expect(200)["user_id"], app.user.as_str());
        assert_eq!(app.sql("SELECT COUNT(*) FROM hand_overs").await.unwrap(), "0");
    }

    async fn another_tenants_user_gets_no_booking(url: String) {
        let app = App::start(url).await;
        let (_, eva) = app.stranger().await;
        let made = app.book(json!({})).await;
        let path = format!("/bookings/{}", made["id"].as_str().unwrap());
        let theirs = app.patch(&path, &made["version"], &json!({"user_id": eva})).await;
        let never = app.patch(&path, &made["version"], &json!({"user_id": NOBODY})).await;
        assert_eq!((theirs.bad_fields(), &theirs.text), (vec!["user_id".to_owned()], &never.text));
        assert_eq!(app.get(&path).await.expect(200), made);
    }

    async fn customers_and_resources_must_be_of_the_same_user_and_tenant(url: String) {
        let app = App::start(url).await;
        let petr = app.add_user("Petr").await;
        app.add_customer(&app.user, KAREL).await;
        app.add_customer(&petr, OTHERS).await;
        let refused = app.post("/bookings", &app.booking(json!({"customer_ids": [KAREL, OTHERS]}))).await;
        assert_eq!(refused.bad_fields(), ["customer_ids"]);
        assert!(refused.text.contains(OTHERS) && !refused.text.contains(KAREL), "{}", refused.text);
        let made = app.book(json!({"customer_ids": [KAREL, KAREL]})).await;
        assert_eq!(made["customer_ids"], json!([KAREL]));
        let path = format!("/bookings/{}", made["id"].as_str().unwrap());
        let gone = app.patch(&path, &made["version"], &json!({"customer_ids": []})).await.expect(200);
        assert_eq!(gone["customer_ids"], json!([]));
        assert!(gone["version"].as_i64() > made["version"].as_i64(), "customers are part of the version");
        // What another tenant has does not exist here.
        let (key, _) = app.stranger().await;
        let room = app.call("POST", "/resources", Some(&key), &[], Some("{\"name\": \"Theirs\"}")).await.expect(201);
        let refused = app.post("/bookings", &app.booking(json!({"resource_id": room["id"]}))).await;
        assert_eq!(refused.bad_fields(), ["resource_id"]);
    }

    /// Promise 8.
    async fn another_tenants_bookings_are_missing_like_those_that_never_were(url: String) {
        let app = App::start(url).await;
        let made = app.book(json!({"recurrence": ["RRULE:FREQ=DAILY;COUNT=3"]})).await;
        let (key, user) = app.stranger().await;
        let id = made["id"].as_str().unwrap();
        let paths = [format!("/bookings/{id}"), format!("/bookings/{id}/occurrences/2026-03-03T08:00:00Z")];
        for path in &paths {
            for method in ["GET", "PATCH", "DELETE"] {
                let body = (method == "PATCH").then_some("{\"title\": \"Mine\"}");
                let theirs = app.call(method, path, Some(&key), &[("if-match", "\"1\"")], body).await;
                let never = path.replace(id, NOBODY);
                let never = app.call(method, &never, Some(&key), &[("if-match", "\"1\"")], body).await;
                assert_eq!((theirs.status, &theirs.text), (404, &never.text), "{method} {path}");
                theirs.problem(404, "not-found");
            }
        }
        app.call("GET", "/bookings/not-an-id", Some(&key), &[], None).await.problem(404, "not-found");
        for query in ["/bookings", "/bookings?from=2026-01-01T00:00:00Z&to=2026-12-31T00:00:00Z", "/changes", "/resources"] {
            let list = app.call("GET", query, Some(&key), &[], None).await.expect(200);
            assert_eq!(list["items"], json!([]), "{query}");
        }
        let users = app.call("GET", "/users", Some(&key), &[], None).await.expect(200);
        assert_eq!(users["items"].as_array().unwrap().len(), 1);
        assert_eq!(users["items"][0]["id"], user.as_str());
        assert_eq!(app.get(&paths[0]).await.expect(200), made);
    }

    async fn a_deleted_booking_is_remembered_until_the_sync_has_settled_it(url: String) {
        let app = App::start(url).await;
        let made = app.book(json!({})).await;
        let path = format!("/bookings/{}", made["id"].as_str().unwrap());
        app.delete(&path, &made["version"]).await.expect(204);
        app.get(&path).await.problem(404, "not-found");
        app.delete(&path, &made["version"]).await.problem(404, "not-found");
        assert_eq!(app.sql("SELECT COUNT(*) FROM booking_times").await.unwrap(), "0");
        assert!(app.sql("SELECT deleted_row FROM row_state").await.unwrap().contains("Haircut"));
        let (changes, _) = app.feed(None, 2).await;
        assert_eq!(changes.last().unwrap()["operation"], "delete");
    }

    async fn a_booking_that_its_user_may_not_change_refuses_edits_but_can_be_hidden(url: String) {
        let app = App::start(url).await;
        app.add_customer(&app.user, KAREL).await;
        let made = app.book(json!({})).await;
        place(&app, &made, "is_writable = 0, has_guests = 1").await;
        let path = format!("/bookings/{}", made["id"].as_str().unwrap());
        let shown = app.get(&path).await.expect(200);
        assert_eq!((&shown["writable"], &shown["has_guests"], &shown["frozen"]), (&json!(false), &json!(true), &json!("unticked")));
        for edit in [json!({"title": "Mine"}), json!({"status": "cancelled"}), json!({"ends_at": "2026-03-02T12:00:00+01:00"})] {
            app.patch(&path, &made["version"], &edit).await.problem(409, "read-only-booking");
        }
        assert_eq!(app.get(&path).await.expect(200), shown);
        // Who it is with is the app's own business.
        let with = app.patch(&path, &made["version"], &json!({"customer_ids": [KAREL]})).await.expect(200);
        app.delete(&path, &with["version"]).await.expect(204);
    }

    async fn withheld_words_cannot_be_edited_but_times_can(url: String) {
        let app = App::start(url).await;
        let made = app.book(json!({})).await;
        place(&app, &made, "words = 'withheld'").await;
        let path = format!("/bookings/{}", made["id"].as_str().unwrap());
        for edit in [json!({"title": "Open"}), json!({"description": "Open"})] {
            app.patch(&path, &made["version"], &edit).await.problem(409, "words-withheld");
        }
        let moved = app.patch(&path, &made["version"], &json!({"ends_at": "2026-03-02T12:00:00+01:00"})).await.expect(200);
        assert_eq!(moved["words"], "withheld");
    }

    async fn a_change_makes_the_scopes_of_the_carrying_user_due(url: String) {
        let app = App::start(url).await;
        let made = app.book(json!({})).await;
        place(&app, &made, "is_lead = 1").await;
        let path = format!("/bookings/{}", made["id"].as_str().unwrap());
        assert_eq!(app.sql("SELECT due_at FROM sync_scopes").await.unwrap(), "99");
        app.patch(&path, &made["version"], &json!({"title": "Colour"})).await.expect(200);
        assert_eq!(app.sql("SELECT due_at FROM sync_scopes").await.unwrap(), "0");
    }

    async fn stored_bookings_come_in_pages_and_by_filter(url: String) {
        let app = App::start(url).await;
        app.add_customer(&app.user, KAREL).await;
        let room = app.add_resource("Room 1").await;
        let plain = app.book(json!({})).await;
        let with_room = app.book(json!({"resource_id": room["id"]})).await;
        let with_karel = app.book(json!({"customer_ids": [KAREL]})).await;
        let cancelled = app.book(json!({"status": "cancelled"})).await;
        let ids = |body: &Value| -> Vec<Value> { body["items"].as_array().unwrap().iter().map(|b| b["id"].clone()).collect() };
        let first = app.get("/bookings?limit=3").await.expect(200);
        assert_eq!(ids(&first), [&plain, &with_room, &with_karel].map(|b| b["id"].clone()));
        let next = first["next"].as_str().unwrap();
        let second = app.get(&format!("/bookings?limit=3&cursor={next}")).await.expect(200);
        assert_eq!((ids(&second), &second["next"]), (vec![cancelled["id"].clone()], &Value::Null));
        let by = |query: String| { let app = &app; async move { ids(&app.get(&query).await.expect(200)) } };
        assert_eq!(by(format!("/bookings?resource_id={}", room["id"].as_str().unwrap())).await, [with_room["id"].clone()]);
        assert_eq!(by(format!("/bookings?customer_id={KAREL}")).await, [with_karel["id"].clone()]);
        assert_eq!(by("/bookings?status=cancelled".into()).await, [cancelled["id"].clone()]);
        assert_eq!(by(format!("/bookings?user_id={NOBODY}")).await, [] as [Value; 0]);
        let odd = app.get(&format!("/bookings?limit=0&cursor=abc&status=x&user_id=1&colour=red&from={next}&view=all")).await;
        assert_eq!(odd.bad_fields(), ["colour", "cursor", "from", "limit", "status", "user_id", "view"]);
        let foreign = app.get(&format!("/users?cursor={next}")).await;
        assert_eq!(foreign.bad_fields(), ["cursor"], "a cursor belongs to its list");
    }

    async fn rows_that_cannot_be_understood_are_shown_with_their_problem_and_disturb_nobody(url: String) {
        let app = App::start(url).await;
        let good = app.book(json!({})).await;
        let bad = app.book(json!({})).await;
        let id = bad["id"].as_str().unwrap();
        app.sql(&format!("UPDATE bookings SET time_zone = 'Mars/Base' WHERE id = '{id}'")).await.unwrap();
        let list = app.get("/bookings").await.expect(200);
        assert_eq!(list["items"].as_array().unwrap().len(), 2);
        let within = app.get("/bookings?from=2026-03-01T00:00:00Z&to=2026-03-09T00:00:00Z").await.expect(200);
        assert_eq!(within["items"].as_array().unwrap().len(), 1);
        assert_eq!(within["items"][0]["id"], good["id"]);
        let path = format!("/bookings/{id}");
        let shown = app.get(&path).await.expect(200);
        assert_eq!(shown["starts_at"], Value::Null);
        assert!(shown["problem"].as_str().unwrap().contains("time_zone"), "{shown}");
        app.patch(&path, &shown["version"], &json!({"title": "x"})).await.problem(409, "unreadable-row");
        app.delete(&path, &shown["version"]).await.expect(204);
    }
}
