//! Customers over HTTP and in SQL: kept as typed, found by what they mean, and never another user's.
#![expect(clippy::unwrap_used, reason = "a test that panics fails, which is right")]
mod api_support;
mod support;

use accord::engine::notice;
use api_support::App;
use serde_json::{Value, json};
use support::postgres::both_databases;

const EVA: &str = "0190f3c4-5b1e-7cc0-9d3a-000000000001";

async fn customer(app: &App, more: Value) -> Value {
    let mut body = json!({"user_id": app.user});
    for (field, value) in more.as_object().unwrap() {
        body[field] = value.clone();
    }
    app.post("/customers", &body).await.expect(201)
}

fn path(customer: &Value) -> String {
    format!("/customers/{}", customer["id"].as_str().unwrap())
}

async fn found(app: &App, query: &str) -> Vec<Value> {
    let page = app.get(&format!("/customers?{query}")).await.expect(200);
    page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["given_name"].clone())
        .collect()
}

both_databases! {
    async fn a_customer_is_kept_as_typed_with_the_number_it_means_beside(url: String) {
        let app = App::start(url).await;
        app.call("PATCH", "/tenant", Some(&app.token), &[], Some(&json!({"settings": {"region": "CZ"}}).to_string())).await.expect(200);
        let sent = json!({"user_id": app.user, "given_name": "Eva", "family_name": "Malá",
            "emails": [{"value": "Eva@Example.com", "type": "home"}, {"value": "eva@work.example.com", "type": "work", "primary": true}],
            "phones": [{"value": "601 234 567", "type": "Work fax"}, {"value": "ask Jan", "type": "other"}],
            "organizations": [{"name": "Example s.r.o.", "title": "CEO"}],
            "addresses": [{"street": "Dlouhá 1", "city": "Praha", "postal_code": "110 00", "country_code": "CZ", "type": "home"}],
            "birthday": {"month": 2, "day": 29}, "gender": "female"});
        let reply = app.post("/customers", &sent).await;
        let made = reply.expect(201);
        assert_eq!(reply.header("location"), format!("/api/v1{}", path(&made)));
        assert_eq!(made["emails"], json!([{"value": "eva@work.example.com", "type": "work", "primary": true},
            {"value": "Eva@Example.com", "type": "home", "primary": false}]));
        assert_eq!(made["phones"], json!([
            {"value": "601 234 567", "type": "Work fax", "primary": true, "e164": "+420601234567"},
            {"value": "ask Jan", "type": "other", "primary": false, "e164": null}]));
        assert_eq!(made["birthday"], json!({"year": null, "month": 2, "day": 29}));
        assert_eq!((&made["origin"], &made["version"], &made["problem"]), (&json!("app"), &json!(1), &Value::Null));
        assert_eq!(app.get(&path(&made)).await.expect(200), made);
        // What was read may be sent back: nothing changes by it.
        let again = json!({"emails": made["emails"], "phones": made["phones"], "addresses": made["addresses"], "birthday": made["birthday"]});
        assert_eq!(app.patch(&path(&made), &made["version"], &again).await.expect(200), made);
    }

    async fn a_patch_replaces_what_it_names_and_null_empties(url: String) {
        let app = App::start(url).await;
        let made = customer(&app, json!({"given_name": "Eva", "gender": "female", "birthday": {"year": 1990, "month": 3, "day": 5},
            "phones": [{"value": "+420601234567"}]})).await;
        let patch = json!({"given_name": "Ewa", "birthday": null, "phones": []});
        let changed = app.patch(&path(&made), &made["version"], &patch).await.expect(200);
        assert_eq!((&changed["given_name"], &changed["gender"], &changed["version"]), (&json!("Ewa"), &json!("female"), &json!(2)));
        assert_eq!((&changed["birthday"], &changed["phones"]), (&Value::Null, &json!([])));
        app.patch(&path(&made), &made["version"], &patch).await.problem(412, "stale-version");
        app.patch(&path(&made), &changed["version"], &json!({"user_id": app.user, "id": EVA})).await.bad_fields();
        let feed = app.feed(None, 2).await.0;
        assert!(feed.iter().all(|entry| entry["kind"] == "customer"), "{feed:?}");
    }

    async fn every_problem_is_named_and_nothing_is_stored(url: String) {
        let app = App::start(url).await;
        let bad = json!({"user_id": EVA, "given_name": 7, "emails": [{"value": "nobody"}], "phones": [{"value": "1", "primary": true}, {"value": "2", "primary": true}],
            "organizations": [{"name": "", "title": ""}], "addresses": [{"street": "A", "planet": "Mars"}], "birthday": {"month": 2, "day": 30},
            "gender": "\u{0}", "notes": "x", "version": 3});
        let fields = app.post("/customers", &bad).await.bad_fields();
        assert_eq!(fields, ["addresses", "birthday", "emails", "gender", "given_name", "notes", "organizations", "phones", "user_id", "version"]);
        let many: Vec<Value> = (0..1000).map(|n| json!({"value": format!("a{n}@example.com")})).collect();
        assert_eq!(app.post("/customers", &json!({"user_id": app.user, "emails": many})).await.bad_fields(), ["emails"]);
        assert_eq!(found(&app, "").await, Vec::<Value>::new());
        assert_eq!(app.sql("SELECT COUNT(*) FROM customer_keys").await.unwrap(), "0");
    }

    async fn language_and_zone_are_kept_shown_and_emptied_by_null(url: String) {
        let app = App::start(url).await;
        // No mail is written in Czech: the tag is kept all the same.
        let made = customer(&app, json!({"given_name": "Eva", "language": "cs-CZ", "time_zone": "Europe/Prague"})).await;
        assert_eq!((&made["language"], &made["time_zone"], &made["version"]), (&json!("cs-CZ"), &json!("Europe/Prague"), &json!(1)));
        assert_eq!(app.get(&path(&made)).await.expect(200), made);
        let same = app.patch(&path(&made), &json!(1), &json!({"language": "cs-CZ", "time_zone": "Europe/Prague"})).await.expect(200);
        assert_eq!(same, made);
        let changed = app.patch(&path(&made), &json!(1), &json!({"language": null})).await.expect(200);
        assert_eq!((&changed["language"], &changed["time_zone"], &changed["version"]), (&Value::Null, &json!("Europe/Prague"), &json!(2)));
        let changed = app.patch(&path(&made), &json!(2), &json!({"given_name": "Ewa"})).await.expect(200);
        assert_eq!((&changed["time_zone"], &changed["version"]), (&json!("Europe/Prague"), &json!(3)));
        let changed = app.patch(&path(&made), &json!(3), &json!({"time_zone": null})).await.expect(200);
        assert_eq!((&changed["language"], &changed["time_zone"], &changed["given_name"]), (&Value::Null, &Value::Null, &json!("Ewa")));
        let plain = customer(&app, json!({})).await;
        assert_eq!((&plain["language"], &plain["time_zone"]), (&Value::Null, &Value::Null));
    }

    async fn a_language_that_is_no_tag_and_a_zone_that_does_not_exist_are_refused_with_their_remedy(url: String) {
        let app = App::start(url).await;
        let made = customer(&app, json!({"language": "de", "time_zone": "UTC"})).await;
        for (language, zone) in [("german", "CET+1"), ("de_AT", "Europe/Atlantis"), ("", ""), ("de,en;q=0.5", "europe/prague")] {
            let refused = app.patch(&path(&made), &json!(1), &json!({"language": language, "time_zone": zone})).await;
            assert_eq!(refused.bad_fields(), ["language", "time_zone"], "{language} {zone}");
            let said = refused.json().to_string();
            assert!(said.contains("such as de, de-AT or pt-BR") && said.contains("such as Europe/Prague"), "{said}");
        }
        let refused = app.post("/customers", &json!({"user_id": app.user, "language": 7, "time_zone": ["UTC"]})).await;
        assert_eq!(refused.bad_fields(), ["language", "time_zone"]);
        assert_eq!(app.get(&path(&made)).await.expect(200), made);
    }

    async fn language_and_zone_written_in_sql_count_a_version_and_stay_when_not_sent(url: String) {
        let app = App::start(url).await;
        let made = customer(&app, json!({"given_name": "Eva"})).await;
        let (_, seen) = app.feed(None, 1).await;
        for (version, sql) in [(2, "UPDATE customers SET language = 'de'"), (2, "UPDATE customers SET language = 'de'"), (3, "UPDATE customers SET time_zone = 'Mars/Base'")] {
            app.sql(sql).await.unwrap();
            let shown = app.get(&path(&made)).await.expect(200);
            assert_eq!(shown["version"], version, "{sql}");
        }
        let (feed, _) = app.feed(Some(&seen), 2).await;
        let versions: Vec<&Value> = feed.iter().map(|entry| &entry["version"]).collect();
        assert_eq!(versions, [&json!(2), &json!(3)]);
        app.patch(&path(&made), &made["version"], &json!({"given_name": "Ewa"})).await.problem(412, "stale-version");
        let changed = app.patch(&path(&made), &json!(3), &json!({"given_name": "Ewa"})).await.expect(200);
        assert_eq!((&changed["language"], &changed["time_zone"], &changed["problem"]), (&json!("de"), &json!("Mars/Base"), &Value::Null));
        app.sql("DELETE FROM customers").await.unwrap();
        let kept = app.sql("SELECT deleted_row FROM row_state WHERE kind = 'customer'").await.unwrap();
        let kept: Value = serde_json::from_str(&kept).unwrap();
        assert_eq!((&kept["language"], &kept["time_zone"]), (&json!("de"), &json!("Mars/Base")));
    }

    async fn names_in_any_script_two_people_with_one_email_and_people_without_a_name_are_accepted(url: String) {
        let app = App::start(url).await;
        let mail = json!([{"value": "shared@example.com"}]);
        for name in ["مرحبا", "👩‍👩‍👧", "\u{202e}evaB", "Nguyễn Thị", ""] {
            let made = customer(&app, json!({"given_name": name, "emails": mail})).await;
            assert_eq!(app.get(&path(&made)).await.expect(200)["given_name"], name);
        }
        assert_eq!(found(&app, "email=shared@example.com").await.len(), 5);
    }

    async fn customers_are_found_by_user_email_in_any_case_and_phone_in_any_writing(url: String) {
        let app = App::start(url).await;
        let other = app.add_user("Petr").await;
        customer(&app, json!({"given_name": "Eva", "emails": [{"value": "Eva@Example.com"}], "phones": [{"value": "+420 601 234 567"}]})).await;
        customer(&app, json!({"given_name": "Ida", "phones": [{"value": "601234567"}]})).await;
        customer(&app, json!({"given_name": "Ota", "user_id": other})).await;
        assert_eq!(found(&app, "email=eva@example.COM").await, ["Eva"]);
        assert_eq!(found(&app, "phone=%2B420601234567").await, ["Eva"]);
        assert_eq!(found(&app, &format!("user_id={other}")).await, ["Ota"]);
        assert_eq!(app.get("/customers?phone=what").await.bad_fields(), ["phone"]);
        assert_eq!(app.get("/customers?name=Eva").await.bad_fields(), ["name"]);
        // A region gives national numbers a meaning.
        app.call("PATCH", "/tenant", Some(&app.token), &[], Some(&json!({"settings": {"region": "CZ"}}).to_string())).await.expect(200);
        notice::run(&app.engine).await.unwrap();
        assert_eq!(found(&app, "phone=601%20234%20567").await, ["Eva", "Ida"]);
        assert_eq!(found(&app, "phone=+420601234567").await, ["Eva", "Ida"], "an unescaped + is a space");
        assert_eq!(app.get("/customers?email=a%00b").await.bad_fields(), ["email"]);
        // Pages follow each other.
        let first = app.get("/customers?limit=2").await.expect(200);
        let next = first["next"].as_str().unwrap();
        let second = app.get(&format!("/customers?limit=2&cursor={next}")).await.expect(200);
        assert_eq!((second["items"][0]["given_name"].as_str(), &second["next"]), (Some("Ota"), &Value::Null));
    }

    async fn a_customer_written_in_sql_is_found_and_one_that_cannot_be_understood_says_why(url: String) {
        let app = App::start(url).await;
        let insert = |id: &str, columns: &str, values: &str| format!(
            "INSERT INTO customers (tenant_id, id, user_id, given_name{columns}) VALUES ('{}', '{id}', '{}', 'Eva'{values})", app.tenant, app.user);
        let emails = r#"[{"value": "eva@example.com", "type": "work"}]"#;
        app.sql(&insert(EVA, ", emails, birthday", &format!(", '{emails}', '--02-29'"))).await.unwrap();
        notice::run(&app.engine).await.unwrap();
        assert_eq!(found(&app, "email=eva@example.com").await, ["Eva"]);
        app.sql("UPDATE customers SET birthday = '1999-02-29'").await.unwrap();
        notice::run(&app.engine).await.unwrap();
        let shown = app.get(&format!("/customers/{EVA}")).await.expect(200);
        assert!(shown["problem"].as_str().unwrap().starts_with("birthday is no day"), "{shown}");
        assert_eq!((&shown["version"], &shown["given_name"]), (&json!(2), &json!("Eva")));
        app.patch(&format!("/customers/{EVA}"), &json!(2), &json!({"given_name": "Ewa"})).await.problem(409, "unreadable-row");
        assert_eq!(found(&app, "email=eva@example.com").await, Vec::<Value>::new());
        for not_a_list in ["", "{}", "[", "null"] {
            let sql = format!("UPDATE customers SET phones = '{not_a_list}'");
            assert!(app.sql(&sql).await.is_err(), "{sql}");
        }
        app.sql("DELETE FROM customers").await.unwrap();
        let kept = app.sql("SELECT deleted_row FROM row_state WHERE kind = 'customer'").await.unwrap();
        assert!(kept.contains("eva@example.com") && kept.contains("1999-02-29"), "{kept}");
        assert_eq!(app.sql("SELECT COUNT(*) FROM customer_keys").await.unwrap(), "0");
        // No contact depends on it: once noticed, nothing is kept of the person.
        notice::run(&app.engine).await.unwrap();
        assert_eq!(app.sql("SELECT COUNT(*) FROM row_state WHERE deleted_row IS NOT NULL").await.unwrap(), "0");
    }

    async fn a_customer_of_any_content_written_in_sql_holds_up_nobody(url: String) {
        let app = App::start(url).await;
        let long = format!("{}@example.com", "x".repeat(9000));
        let odd = [r#"[{"value": "a\u0000@example.com"}]"#.to_owned(), format!(r#"[{{"value": "{long}"}}]"#),
            format!("[{}]", vec![r#"{"value": "same@example.com"}"#; 3000].join(","))];
        for (number, emails) in odd.iter().enumerate() {
            app.sql(&format!("INSERT INTO customers (tenant_id, id, user_id, given_name, emails) VALUES ('{}', '{}', '{}', 'Odd', '{emails}')",
                app.tenant, EVA.replace("0001", &format!("000{}", number + 2)), app.user)).await.unwrap();
        }
        if app.is_sqlite() {
            app.sql(&format!("INSERT INTO customers (tenant_id, id, user_id) VALUES ('{}', '{}', 'jana')", app.tenant, EVA.replace("0001", "0009"))).await.unwrap();
            app.sql(&format!("INSERT INTO customers (tenant_id, id, user_id, given_name) VALUES ('{}', '{}', '{}', CAST(x'4A6F73E9' AS TEXT))",
                app.tenant, EVA.replace("0001", "0008"), app.user)).await.unwrap();
        }
        app.sql(&format!("INSERT INTO customers (tenant_id, id, user_id, given_name, emails) VALUES ('{}', '{EVA}', '{}', 'Eva', '[{{\"value\": \"eva@example.com\"}}]')",
            app.tenant, app.user)).await.unwrap();
        notice::run(&app.engine).await.unwrap();
        assert_eq!(app.sql("SELECT COUNT(*) FROM row_state WHERE version <> noticed_version").await.unwrap(), "0");
        assert_eq!(found(&app, "email=eva@example.com").await, ["Eva"]);
        assert_eq!(found(&app, "").await.len(), 4);
        // What is not sent stays, though the API would refuse it.
        let path = format!("/customers/{}", EVA.replace("0001", "0003"));
        assert_eq!(app.patch(&path, &json!(1), &json!({"given_name": "Even"})).await.expect(200)["given_name"], "Even");
    }

    async fn a_customer_is_deleted_only_when_no_booking_names_it(url: String) {
        let app = App::start(url).await;
        let made = customer(&app, json!({"given_name": "Eva"})).await;
        let booking = app.book(json!({"customer_ids": [made["id"]]})).await;
        app.delete(&path(&made), &made["version"]).await.problem(409, "in-use");
        app.patch(&format!("/bookings/{}", booking["id"].as_str().unwrap()), &booking["version"], &json!({"customer_ids": []})).await.expect(200);
        app.delete(&path(&made), &json!(7)).await.problem(412, "stale-version");
        app.delete(&path(&made), &made["version"]).await.expect(204);
        app.get(&path(&made)).await.problem(404, "not-found");
    }

    async fn a_booking_names_only_customers_of_its_own_user_and_tenants_never_meet(url: String) {
        let app = App::start(url).await;
        let other = app.add_user("Petr").await;
        let theirs = customer(&app, json!({"given_name": "Ota", "user_id": other})).await;
        let refused = app.post("/bookings", &app.booking(json!({"customer_ids": [theirs["id"]]}))).await;
        assert_eq!(refused.bad_fields(), ["customer_ids"]);
        let (stranger, their_user) = app.stranger().await;
        for method in ["GET", "DELETE"] {
            let version = [("if-match", "\"1\"")];
            app.call(method, &path(&theirs), Some(&stranger), &version, None).await.problem(404, "not-found");
        }
        let across = json!({"user_id": app.user, "given_name": "Eva"});
        assert_eq!(app.call("POST", "/customers", Some(&stranger), &[], Some(&across.to_string())).await.bad_fields(), ["user_id"]);
        let page = app.call("GET", "/customers", Some(&stranger), &[], None).await.expect(200);
        assert_eq!(page["items"], json!([]), "{their_user}");
    }

    async fn a_repeated_creation_with_the_same_key_makes_one_customer(url: String) {
        let app = App::start(url).await;
        let body = json!({"user_id": app.user, "given_name": "Eva"});
        let first = app.post_once("/customers", &body, Some("k")).await.expect(201);
        let second = app.post_once("/customers", &body, Some("k")).await.expect(201);
        assert_eq!(first, second);
        assert_eq!(found(&app, "").await, ["Eva"]);
        app.post_once("/customers", &json!({"user_id": app.user}), Some("k")).await.problem(422, "idempotency-key-reused");
    }
}
