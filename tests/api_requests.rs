//! What holds for every request: keys, problems, limits, headers, repetition; and the small resources of the API.
#![expect(clippy::unwrap_used, reason = "a test that panics fails, which is right")]
mod api_support;
mod support;

use api_support::{App, BODY_LIMIT};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use support::postgres::both_databases;

both_databases! {
    async fn a_key_that_is_not_valid_gets_the_same_401_whatever_is_wrong_with_it(url: String) {
        let app = App::start(url).await;
        let (stranger, _) = app.stranger().await;
        let parts: Vec<&str> = app.token.splitn(4, '_').collect();
        let of_stranger: Vec<&str> = stranger.splitn(4, '_').collect();
        let odd = [
            String::new(), "x".into(), "accord".into(), "accord___".into(),
            format!("accord_{}_{}_", parts[1], parts[2]),
            format!("accord_{}_{}_{}", parts[1], parts[2], of_stranger[3]),
            format!("accord_{}_{}_{}", of_stranger[1], parts[2], parts[3]),
            format!("accord_{}_{}_{}", parts[1].to_uppercase(), parts[2], parts[3]),
            format!("{}A", app.token), format!("{}=", app.token), "accord_' OR 1=1 --".into(),
        ];
        let none = app.call("GET", "/tenant", None, &[], None).await;
        none.problem(401, "unauthorized");
        assert_eq!(none.header("www-authenticate"), "Bearer");
        for token in odd {
            let reply = app.call("GET", "/tenant", Some(&token), &[], None).await;
            assert_eq!((reply.status, &reply.text), (401, &none.text), "{token}");
        }
        let basic = app.call("GET", "/tenant", None, &[("authorization", &format!("Basic {}", app.token))], None).await;
        assert_eq!(basic.text, none.text);
        // An unknown caller learns nothing about bodies and addresses either.
        app.call("POST", "/bookings", None, &[], Some("{")).await.problem(401, "unauthorized");
    }

    /// Promise 8.
    async fn no_route_tells_another_tenants_ids_from_those_that_never_were(url: String) {
        const THEIRS: &str = "0190f3c4-5b1e-7cc0-9d3a-0000000000aa";
        const NEVER: &str = "0190f3c4-5b1e-7cc0-9d3a-0000000000bb";
        let app = App::start(url).await;
        let (stranger, _) = app.stranger().await;
        let (tenant, user) = (app.tenant, &app.user);
        let blob = if app.is_sqlite() { "x'00'" } else { "decode('00', 'hex')" };
        // One row of everything, all under one id of the first tenant.
        app.sql(&format!(
            "INSERT INTO users (tenant_id, id, name, email, time_zone, created_at, updated_at)
                 VALUES ('{tenant}', '{THEIRS}', 'Jan', 'jan@tenant.example', 'UTC', 0, 0);
             INSERT INTO resources (tenant_id, id, name) VALUES ('{tenant}', '{THEIRS}', 'Room');
             INSERT INTO bookings (tenant_id, id, user_id, starts_local, ends_local, time_zone, recurrence)
                 VALUES ('{tenant}', '{THEIRS}', '{user}', '2026-03-02T09:00:00', '2026-03-02T10:00:00', 'UTC', 'RRULE:FREQ=DAILY');
             INSERT INTO accounts (tenant_id, id, user_id, sub, email, state, created_at, updated_at)
                 VALUES ('{tenant}', '{THEIRS}', '{user}', 'sub', 'jana@gmail.example', 'active', 0, 0);
             INSERT INTO customers (tenant_id, id, user_id) VALUES ('{tenant}', '{THEIRS}', '{user}');
             INSERT INTO contact_links (tenant_id, id, account_id, customer_id, contact_id, state)
                 VALUES ('{tenant}', '{THEIRS}', '{THEIRS}', '{THEIRS}', 'people/c1', 'live');
             INSERT INTO messages (tenant_id, id, class, kind, user_id, subject_id, booking_id, customer_id, state, recipient_key,
                     content_hash, expires_at, created_at, updated_at)
                 VALUES ('{tenant}', '{THEIRS}', 'customer', 'confirmation', '{user}', '{THEIRS}', '{THEIRS}', '{THEIRS}', 'proposed', {blob},
                     {blob}, 9999999999999, 0, 0);
             INSERT INTO consents (tenant_id, message_id, user_id, how, content_hash, decided_at, expires_at, mac)
                 VALUES ('{tenant}', '{THEIRS}', '{user}', 'mailbox', {blob}, 0, 0, {blob});
             INSERT INTO conflicts (tenant_id, id, booking_id, user_id, field, policy, winner, values_sealed, state, created_at)
                 VALUES ('{tenant}', '{THEIRS}', '{THEIRS}', '{user}', 'title', 'origin', 'app', {blob}, 'decided', 0);
             INSERT INTO questions (tenant_id, id, kind, addressee, user_id, account_id, calendar_id, subject_id, choices, detail_sealed, state, created_at)
                 VALUES ('{tenant}', '{THEIRS}', 'cancel', 'user', '{user}', '{THEIRS}', 'c', '{THEIRS}', '[\"apply\"]', {blob}, 'open', 0)"
        ).replace("\\\"", "\"")).await.unwrap();
        let openapi = app.get("/openapi.json").await.expect(200);
        let mut asked = 0;
        for (path, methods) in openapi["paths"].as_object().unwrap() {
            if !path.contains('{') {
                continue;
            }
            let path = path.trim_start_matches("/api/v1").replace("{original_start}", "2026-03-03T09:00:00Z");
            for method in methods.as_object().unwrap().keys() {
                let method = method.to_uppercase();
                if !["GET", "PATCH", "POST", "DELETE"].contains(&method.as_str()) {
                    continue;
                }
                let with = |id: &str| path.replace("{id}", id).replace("{series}", id);
                let body = (method == "PATCH" || method == "POST").then_some(if path.ends_with("/answer") {
                    "{\"answer\": \"apply\"}"
                } else if path.ends_with("/resolve") {
                    "{\"keep\": \"google\"}"
                } else if path.ends_with("/calendars") {
                    "{\"calendar_id\": \"c\", \"reads\": false}"
                } else if path.ends_with("/contacts") {
                    "{\"allowed_by_tenant\": false}"
                } else if path.ends_with("/approve") {
                    "{\"content_hash\": \"0000000000000000000000000000000000000000000000000000000000000000\"}"
                } else if path.ends_with("/contact") {
                    "{\"create\": true}"
                } else if path.starts_with("/resources") {
                    "{\"name\": \"Mine\"}"
                } else {
                    "{}"
                });
                let theirs = app.call(&method, &with(THEIRS), Some(&stranger), &[("if-match", "\"1\"")], body).await;
                let never = app.call(&method, &with(NEVER), Some(&stranger), &[("if-match", "\"1\"")], body).await;
                assert_eq!((theirs.status, theirs.text.replace(THEIRS, NEVER)), (404, never.text.clone()), "{method} {path}");
                assert_eq!(never.status, 404, "{method} {path}");
                asked += 1;
            }
        }
        assert!(asked >= 28, "{asked}");
    }

    async fn a_second_key_works_until_it_is_revoked(url: String) {
        let app = App::start(url).await;
        let key = app.engine.create_api_key(app.tenant).await.unwrap();
        let key = key.expose_secret();
        app.call("GET", "/tenant", Some(key), &[], None).await.expect(200);
        let id = key.split('_').nth(2).unwrap();
        let id = uuid::Uuid::parse_str(id).unwrap().to_string().parse().unwrap();
        app.engine.revoke_api_key(app.tenant, id).await.unwrap();
        app.call("GET", "/tenant", Some(key), &[], None).await.problem(401, "unauthorized");
        app.get("/tenant").await.expect(200);
        // Only hashes are kept.
        let stored = app.sql("SELECT COUNT(*) FROM api_keys WHERE length(secret_hash) = 32").await.unwrap();
        assert_eq!(stored, "2");
    }

    async fn what_is_not_there_or_not_readable_is_a_problem_too(url: String) {
        let app = App::start(url).await;
        app.get("//nowhere").await.problem(404, "not-found");
        app.get("/nowhere").await.problem(404, "not-found");
        app.call("PUT", "/tenant", Some(&app.token), &[], None).await.problem(405, "method-not-allowed");
        let token = Some(app.token.as_str());
        app.call("POST", "/bookings", token, &[], Some("{")).await.problem(400, "invalid-request");
        app.call("POST", "/bookings", token, &[], Some("[]")).await.problem(400, "invalid-request");
        app.call("POST", "/bookings", token, &[("content-type", "text/plain")], Some("{}")).await.problem(415, "unsupported-media-type");
        let long = json!({"title": "x".repeat(BODY_LIMIT)});
        app.post("/bookings", &long).await.problem(413, "too-large");
        app.get("/bookings/%FF").await.problem(404, "not-found");
        assert_eq!(app.get("/bookings?limit=1&limit=2").await.bad_fields(), ["limit"]);
    }

    async fn every_answer_carries_the_security_headers(url: String) {
        let app = App::start(url).await;
        for reply in [app.get("/tenant").await, app.get("/nowhere").await, app.call("GET", "/tenant", None, &[], None).await] {
            assert_eq!(reply.header("x-content-type-options"), "nosniff");
            assert_eq!(reply.header("cache-control"), "no-store");
            assert_eq!(reply.header("referrer-policy"), "no-referrer");
            assert!(reply.header("content-security-policy").contains("default-src 'none'"));
        }
    }

    async fn a_request_that_is_sent_twice_is_done_once(url: String) {
        let app = App::start(url).await;
        let body = app.booking(json!({}));
        let first = app.post_once("/bookings", &body, Some("k-1")).await;
        let made = first.expect(201);
        let path = format!("/bookings/{}", made["id"].as_str().unwrap());
        app.patch(&path, &made["version"], &json!({"title": "Changed meanwhile"})).await.expect(200);
        let again = app.post_once("/bookings", &body, Some("k-1")).await;
        assert_eq!((again.status, &again.text), (201, &first.text), "the first answer is given again");
        for header in ["etag", "location", "content-type"] {
            assert_eq!(again.header(header), first.header(header));
        }
        app.post_once("/bookings", &app.booking(json!({"title": "Other"})), Some("k-1")).await.problem(422, "idempotency-key-reused");
        app.post_once("/users", &body, Some("k-1")).await.problem(422, "idempotency-key-reused");
        assert_eq!(app.post_once("/bookings", &body, Some("a key")).await.bad_fields(), ["Idempotency-Key"]);
        assert_eq!(app.get("/bookings").await.expect(200)["items"].as_array().unwrap().len(), 1);
        // What is stored is sealed.
        let stored = if app.is_sqlite() { "SELECT hex(body_sealed) FROM idempotency_keys" } else { "SELECT encode(body_sealed, 'hex') FROM idempotency_keys" };
        let stored = app.sql(stored).await.unwrap().to_lowercase();
        let plain: String = "Haircut".bytes().map(|byte| format!("{byte:02x}")).collect();
        assert!(stored.len() > 100 && !stored.contains(&plain));
        // Another tenant's keys are its own.
        let (stranger, user) = app.stranger().await;
        let theirs = json!({"user_id": user, "starts_at": "2026-03-02T09:00:00Z", "ends_at": "2026-03-02T10:00:00Z"}).to_string();
        app.call("POST", "/bookings", Some(&stranger), &[("idempotency-key", "k-1")], Some(&theirs)).await.expect(201);
    }

    async fn a_refusal_does_not_use_up_the_key(url: String) {
        let app = App::start(url).await;
        let bad = app.booking(json!({"ends_at": "2026-03-02T08:00:00+01:00"}));
        app.post_once("/bookings", &bad, Some("k")).await.problem(400, "invalid-request");
        app.post_once("/bookings", &app.booking(json!({})), Some("k")).await.expect(201);
    }

    async fn requests_with_one_key_at_the_same_time_make_one_booking(url: String) {
        let app = App::start(url).await;
        let body = app.booking(json!({}));
        let replies = futures_util::future::join_all((0..8).map(|_| app.post_once("/bookings", &body, Some("same")))).await;
        let mut made = BTreeSet::new();
        for reply in &replies {
            match reply.status {
                201 => drop(made.insert(reply.text.clone())),
                _ => drop(reply.problem(409, "request-in-progress")),
            }
        }
        assert_eq!(made.len(), 1, "{replies:?}");
        assert_eq!(app.sql("SELECT COUNT(*) FROM bookings").await.unwrap(), "1");
    }

    async fn a_tenant_reads_and_patches_its_settings(url: String) {
        let app = App::start(url).await;
        let shown = app.get("/tenant").await.expect(200);
        assert_eq!(shown["settings"], json!({"admin_email": "admin@tenant.example"}));
        assert_eq!((&shown["effective"]["conflict"], &shown["effective"]["brake_min"]), (&json!("origin"), &json!(10)));
        let token = Some(app.token.as_str());
        let patch = |body: Value| { let app = &app; async move { app.call("PATCH", "/tenant", token, &[], Some(&body.to_string())).await } };
        let set = patch(json!({"name": "Renamed", "settings": {"conflict": "ask", "time_zone": "Europe/Prague"}})).await.expect(200);
        assert_eq!((&set["name"], &set["effective"]["conflict"]), (&json!("Renamed"), &json!("ask")));
        let odd = patch(json!({"name": "", "colour": 1, "id": "x", "settings": {"conflict": "newest", "colour": 1, "admin_email": null}})).await;
        assert_eq!(odd.bad_fields(), ["colour", "id", "name", "settings.admin_email", "settings.colour", "settings.conflict"]);
        let back = patch(json!({"settings": {"conflict": null}})).await.expect(200);
        assert_eq!((&back["settings"]["conflict"], &back["effective"]["conflict"]), (&Value::Null, &json!("origin")));
        // New users get the tenant's zone.
        let user = app.post("/users", &json!({"name": "Petr", "email": "petr@tenant.example"})).await.expect(201);
        assert_eq!(user["time_zone"], "Europe/Prague");
    }

    async fn users_are_listed_in_pages_and_refused_with_every_problem(url: String) {
        let app = App::start(url).await;
        app.clock.advance(chrono::TimeDelta::seconds(1));
        let petr = app.add_user("Petr").await;
        let first = app.get("/users?limit=1").await.expect(200);
        assert_eq!(first["items"][0]["id"], app.user.as_str());
        let next = first["next"].as_str().unwrap();
        let second = app.get(&format!("/users?limit=1&cursor={next}")).await.expect(200);
        assert_eq!((&second["items"][0]["id"], &second["next"]), (&json!(petr), &Value::Null));
        assert_eq!(app.get(&format!("/users/{petr}")).await.expect(200)["name"], "Petr");
        let odd = app.post("/users", &json!({"name": " ", "email": "a@b\r\nc", "time_zone": "Mars", "phone": "1"})).await;
        assert_eq!(odd.bad_fields(), ["email", "name", "phone", "time_zone"]);
        let (stranger, theirs) = app.stranger().await;
        app.get(&format!("/users/{theirs}")).await.problem(404, "not-found");
        app.call("GET", &format!("/users/{petr}"), Some(&stranger), &[], None).await.problem(404, "not-found");
    }

    async fn resources_have_names_that_people_can_tell_apart(url: String) {
        let app = App::start(url).await;
        let room = app.add_resource("Café").await;
        let path = format!("/resources/{}", room["id"].as_str().unwrap());
        let taken = app.post("/resources", &json!({"name": " CAFE\u{301} "})).await;
        taken.problem(409, "name-taken");
        let other = app.add_resource("Room 2").await;
        let other = format!("/resources/{}", other["id"].as_str().unwrap());
        app.patch(&other, &json!(1), &json!({"name": "café"})).await.problem(409, "name-taken");
        let renamed = app.patch(&path, &room["version"], &json!({"name": "CAFÉ"})).await.expect(200);
        assert_eq!((&renamed["name"], &renamed["version"]), (&json!("CAFÉ"), &json!(2)));
        app.patch(&path, &room["version"], &json!({"name": "x"})).await.problem(412, "stale-version");
        app.call("PATCH", &path, Some(&app.token), &[], Some("{}")).await.problem(428, "if-match-required");
        assert_eq!(app.patch(&path, &json!(2), &json!({"name": "", "size": 3})).await.bad_fields(), ["size"]);
        let booking = app.book(json!({"resource_id": room["id"]})).await;
        app.delete(&path, &json!(2)).await.problem(409, "in-use");
        let booking_path = format!("/bookings/{}", booking["id"].as_str().unwrap());
        app.patch(&booking_path, &booking["version"], &json!({"resource_id": null})).await.expect(200);
        app.delete(&path, &json!(1)).await.problem(412, "stale-version");
        app.delete(&path, &json!(2)).await.expect(204);
        app.get(&path).await.problem(404, "not-found");
        let list = app.get("/resources").await.expect(200);
        assert_eq!(list["items"].as_array().unwrap().len(), 1);
    }

    async fn the_description_of_the_api_is_complete_and_true(url: String) {
        let app = App::start(url).await;
        let document = app.call("GET", "/openapi.json", None, &[], None).await.expect(200);
        assert_eq!(document["components"]["securitySchemes"]["api_key"]["scheme"], "bearer");
        assert_eq!(document["security"][0]["api_key"], json!([]));
        assert!(document["info"]["description"].as_str().unwrap().contains("urn:accord:problem:stale-version"));
        let mut operations = 0;
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                operations += 1;
                let name = format!("{method} {path}");
                assert!(operation["summary"].is_string() && operation["tags"].is_array(), "{name}");
                let problem = &operation["responses"]["default"]["content"]["application/problem+json"]["schema"]["$ref"];
                assert_eq!(problem, "#/components/schemas/ProblemBody", "{name}");
                // It exists: whoever has no key is told so, and not that there is nothing.
                let here = path.strip_prefix("/api/v1").unwrap().replace(['{', '}'], "");
                let reply = app.call(&method.to_uppercase(), &here, None, &[], None).await;
                assert_eq!(reply.status, 401, "{name}");
                // Every property that a body may have is known, and refused when it is of a wrong type.
                let Some(schema) = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str() else { continue };
                let properties = &document["components"]["schemas"][schema.rsplit('/').next().unwrap()]["properties"];
                let names: BTreeSet<String> = properties.as_object().unwrap().keys().cloned().collect();
                let wrong: Value = names.iter().map(|name| (name.clone(), json!(1))).collect::<serde_json::Map<_, _>>().into();
                let made = match path.as_str() {
                    p if p.contains("occurrences") => format!("/bookings/{}/occurrences/2026-03-02T08:00:00Z",
                        app.book(json!({"recurrence": ["RRULE:FREQ=DAILY"]})).await["id"].as_str().unwrap()),
                    p if p.contains("/bookings/{") => format!("/bookings/{}", app.book(json!({})).await["id"].as_str().unwrap()),
                    p if p.contains("/resources/{") => format!("/resources/{}", app.add_resource("Room").await["id"].as_str().unwrap()),
                    p if p.contains("/customers/{") && !p.ends_with("/contact") => format!("/customers/{}",
                        app.post("/customers", &json!({"user_id": app.user})).await.expect(201)["id"].as_str().unwrap()),
                    // What a body must look like is said before anybody looks whether there is such a thing.
                    p => p.strip_prefix("/api/v1").unwrap().replace("{id}", "0190f3c4-5b1e-7cc0-9d3a-000000000001"),
                };
                let seen = if made.contains("occurrences") { "\"0\"" } else { "\"1\"" };
                let reply = app.call(&method.to_uppercase(), &made, Some(&app.token), &[("if-match", seen)], Some(&wrong.to_string())).await;
                for error in reply.problem(400, "invalid-request")["errors"].as_array().unwrap() {
                    let (field, problem) = (error["field"].as_str().unwrap(), error["problem"].as_str().unwrap());
                    assert!(names.contains(field) && problem.starts_with("must be"), "{name}: {error}");
                }
                assert_eq!(reply.bad_fields().into_iter().collect::<BTreeSet<_>>(), names, "{name}");
            }
        }
        assert!(operations >= 18, "{operations}");
    }
}
