//! Occurrences over HTTP: expansion, changes to one of them, and what takes place within a range of time.
#![expect(clippy::unwrap_used, reason = "a test that panics fails, which is right")]
mod api_support;
mod support;

use api_support::App;
use serde_json::{Value, json};
use support::postgres::both_databases;

/// A daily series at 9 in Prague, across the change to summer time of 29 March 2026.
async fn daily(app: &App) -> Value {
    app.book(
        json!({"starts_at": "2026-03-27T09:00:00+01:00", "ends_at": "2026-03-27T10:00:00+01:00",
        "recurrence": ["RRULE:FREQ=DAILY;COUNT=5"], "description": "d"}),
    )
    .await
}

async fn within(app: &App, more: &str) -> Vec<Value> {
    let body = app
        .get(&format!(
            "/bookings?from=2026-03-01T00:00:00Z&to=2026-04-30T00:00:00Z{more}"
        ))
        .await
        .expect(200);
    body["items"].as_array().unwrap().clone()
}

fn starts(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["starts_at"].as_str().unwrap()).collect()
}

fn path(series: &Value, start: &str) -> String {
    format!("/bookings/{}/occurrences/{start}", series["id"].as_str().unwrap())
}

both_databases! {
    async fn a_series_is_expanded_by_the_clock_on_the_wall(url: String) {
        let app = App::start(url).await;
        let series = daily(&app).await;
        let found = within(&app, "").await;
        assert_eq!(starts(&found), ["2026-03-27T09:00:00+01:00", "2026-03-28T09:00:00+01:00", "2026-03-29T09:00:00+02:00",
            "2026-03-30T09:00:00+02:00", "2026-03-31T09:00:00+02:00"]);
        assert_eq!(found[2]["original_start"], "2026-03-29T07:00:00Z");
        assert_eq!((&found[2]["id"], &found[2]["series_id"]), (&series["id"], &series["id"]));
        assert_eq!((&found[2]["recurrence"], &found[2]["version"]), (&json!([]), &json!(0)));
        let stored = app.get("/bookings?view=stored").await.expect(200);
        assert_eq!(stored["items"], json!([series]));
    }

    async fn a_changed_occurrence_stands_in_the_place_of_its_own_and_inherits_the_rest(url: String) {
        let app = App::start(url).await;
        let series = daily(&app).await;
        let room = app.add_resource("Room 1").await;
        let third = path(&series, "2026-03-29T07:00:00Z");
        let shown = app.get(&third).await.expect(200);
        assert_eq!(shown["starts_at"], "2026-03-29T09:00:00+02:00");
        let edit = json!({"title": "Longer", "ends_at": "2026-03-29T12:00:00+02:00", "resource_id": room["id"]});
        let changed = app.patch(&third, &shown["version"], &edit).await.expect(200);
        assert_ne!(changed["id"], series["id"]);
        assert_eq!((&changed["series_id"], &changed["original_start"]), (&series["id"], &json!("2026-03-29T07:00:00Z")));
        assert_eq!((&changed["description"], &changed["starts_at"]), (&json!("d"), &shown["starts_at"]));
        let found = within(&app, "").await;
        assert_eq!((found.len(), &found[2]), (5, &changed));
        // It can be found by its own resource, and no longer by what its series is.
        let room = room["id"].as_str().unwrap();
        assert_eq!(within(&app, &format!("&resource_id={room}")).await, std::slice::from_ref(&changed));
        // The same change again goes to the same row; the series itself was not touched.
        let moved = json!({"starts_at": "2026-04-20T09:00:00+02:00", "ends_at": "2026-04-20T10:00:00+02:00"});
        app.patch(&third, &shown["version"], &moved).await.problem(412, "stale-version");
        let moved = app.patch(&third, &changed["version"], &moved).await.expect(200);
        assert_eq!(moved["id"], changed["id"]);
        assert_eq!(starts(&within(&app, "").await).last(), Some(&"2026-04-20T09:00:00+02:00"));
        assert_eq!(within(&app, "").await.len(), 5);
        let id = series["id"].as_str().unwrap();
        assert_eq!(app.get(&format!("/bookings/{id}")).await.expect(200), series);
        // By its own id it is the same thing.
        let by_id = app.get(&format!("/bookings/{}", moved["id"].as_str().unwrap())).await.expect(200);
        assert_eq!(by_id, moved);
    }

    async fn a_deleted_occurrence_is_cancelled_and_stays_away(url: String) {
        let app = App::start(url).await;
        let series = daily(&app).await;
        let second = path(&series, "2026-03-28T08:00:00Z");
        app.delete(&second, &json!(0)).await.expect(204);
        let found = within(&app, "").await;
        assert_eq!(starts(&found), ["2026-03-27T09:00:00+01:00", "2026-03-29T09:00:00+02:00", "2026-03-30T09:00:00+02:00",
            "2026-03-31T09:00:00+02:00"]);
        let cancelled = app.get(&second).await.expect(200);
        assert_eq!(cancelled["status"], "cancelled");
        assert_eq!(within(&app, "&status=cancelled").await, std::slice::from_ref(&cancelled));
        // Deleting the row by its id means the same: it does not bring the occurrence back.
        let row = format!("/bookings/{}", cancelled["id"].as_str().unwrap());
        app.delete(&row, &cancelled["version"]).await.expect(204);
        assert_eq!(within(&app, "").await.len(), 4);
        let back = app.patch(&second, &cancelled["version"], &json!({"status": "confirmed"})).await.expect(200);
        assert_eq!((&back["status"], within(&app, "").await.len()), (&json!("confirmed"), 5));
        // With the series goes what was changed of it.
        let id = series["id"].as_str().unwrap();
        app.delete(&format!("/bookings/{id}"), &series["version"]).await.expect(204);
        assert!(within(&app, "").await.is_empty());
        assert_eq!(app.sql("SELECT COUNT(*) FROM bookings").await.unwrap(), "0");
    }

    async fn what_is_no_occurrence_is_missing(url: String) {
        let app = App::start(url).await;
        let series = daily(&app).await;
        let single = app.book(json!({})).await;
        for start in ["2026-03-28T08:00:01Z", "2026-03-28", "2026-04-05T07:00:00Z", "tomorrow", "2026-03-28T09:00:00+01:00"] {
            app.get(&path(&series, start)).await.problem(404, "not-found");
            app.delete(&path(&series, start), &json!(0)).await.problem(404, "not-found");
        }
        let of_single = path(&single, "2026-03-02T08:00:00Z");
        app.patch(&of_single, &single["version"], &json!({"title": "x"})).await.problem(404, "not-found");
        assert_eq!(app.sql("SELECT COUNT(*) FROM bookings").await.unwrap(), "2");
    }

    async fn an_occurrence_refuses_what_makes_no_sense_and_stores_nothing(url: String) {
        let app = App::start(url).await;
        let series = daily(&app).await;
        let second = path(&series, "2026-03-28T08:00:00Z");
        let edit = json!({"recurrence": ["RRULE:FREQ=DAILY"], "ends_at": "2026-03-28T08:00:00+01:00", "location": "x", "user_id": app.user});
        let refused = app.patch(&second, &json!(0), &edit).await;
        assert_eq!(refused.bad_fields(), ["ends_at", "location", "recurrence", "user_id"]);
        let stale = app.patch(&second, &series["version"], &json!({"title": "x"})).await.problem(412, "stale-version");
        assert_eq!(stale["version"], 0);
        app.call("PATCH", &second, Some(&app.token), &[], Some("{}")).await.problem(428, "if-match-required");
        // Nothing changes: no row.
        let same = app.patch(&second, &json!(0), &json!({"title": "Haircut"})).await.expect(200);
        assert_eq!(same["id"], series["id"]);
        assert_eq!(app.sql("SELECT COUNT(*) FROM bookings").await.unwrap(), "1");
    }

    async fn all_day_occurrences_are_named_by_their_date(url: String) {
        let app = App::start(url).await;
        let series = json!({"user_id": app.user, "all_day": true, "starts_at": "2026-03-28", "ends_at": "2026-03-29",
            "recurrence": ["RRULE:FREQ=DAILY;COUNT=3"]});
        let series = app.post("/bookings", &series).await.expect(201);
        app.delete(&path(&series, "2026-03-29"), &json!(0)).await.expect(204);
        assert_eq!(starts(&within(&app, "").await), ["2026-03-28", "2026-03-30"]);
    }

    async fn occurrences_come_in_pages_without_gaps_or_repetitions(url: String) {
        let app = App::start(url).await;
        daily(&app).await;
        let other = daily(&app).await;
        app.patch(&path(&other, "2026-03-28T08:00:00Z"), &json!(0), &json!({"title": "Other"})).await.expect(200);
        let all = within(&app, "").await;
        assert_eq!(all.len(), 10);
        let mut paged = Vec::new();
        let mut more = String::from("&limit=3");
        loop {
            let body = app.get(&format!("/bookings?from=2026-03-01T00:00:00Z&to=2026-04-30T00:00:00Z{more}")).await.expect(200);
            let items = body["items"].as_array().unwrap();
            assert!((1..=3).contains(&items.len()));
            paged.extend(items.clone());
            match body["next"].as_str() {
                Some(next) => more = format!("&limit=3&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(paged, all);
        for (query, field) in [("from=2026-03-01T00:00:00Z", "to"), ("to=2026-03-01T00:00:00Z", "from"),
            ("from=2026-03-01T00:00:00Z&to=2028-03-01T00:00:00Z", "to"), ("from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z", "to"),
            ("view=occurrences", "from"), ("from=yesterday&to=2026-03-01T00:00:00Z", "from")] {
            assert_eq!(app.get(&format!("/bookings?{query}")).await.bad_fields(), [field], "{query}");
        }
    }

    async fn a_cancelled_series_takes_its_changed_occurrences_with_it(url: String) {
        let app = App::start(url).await;
        let series = daily(&app).await;
        app.patch(&path(&series, "2026-03-28T08:00:00Z"), &json!(0), &json!({"title": "Other"})).await.expect(200);
        let id = series["id"].as_str().unwrap();
        app.patch(&format!("/bookings/{id}"), &series["version"], &json!({"status": "cancelled"})).await.expect(200);
        assert!(within(&app, "").await.is_empty());
        assert_eq!(within(&app, "&status=cancelled").await.len(), 5);
    }
}
