//! Mails to customers over the API: who sees them, who decides about them, and what an app learns of what became of them.
#![expect(clippy::unwrap_used, reason = "a test that panics fails, which is right")]
mod api_support;
mod support;

use accord::domain::ids::{ApiKeyId, TenantId};
use accord::engine::mail;
use accord::sandbox::{Sandbox, SandboxOptions};
use api_support::App;
use chrono::TimeDelta;
use serde_json::{Value, json};
use support::postgres::both_databases;

const NOBODY: &str = "0190f3c4-5b1e-7cc0-9d3a-0000000000cc";
/// Nothing answers there.
const NO_SERVER: &str = "smtp://127.0.0.1:9";

/// A customer of a user with an address.
async fn customer(app: &App, user: &str, name: &str) -> String {
    let address = format!("{}@customers.example", name.to_lowercase());
    let body = json!({"user_id": user, "given_name": name, "emails": [{"value": address}]});
    let made = app.post("/customers", &body).await.expect(201);
    made["id"].as_str().unwrap().to_owned()
}

/// A booking with a customer, and the confirmation that is proposed for it.
async fn proposed(app: &App, name: &str) -> (Value, Value) {
    let customer = customer(app, &app.user, name).await;
    let booking = app.book(json!({"customer_ids": [customer]})).await;
    let proposals = booking["proposals"].as_array().unwrap();
    let mut found = Vec::new();
    for id in proposals {
        let consent = app
            .get(&format!("/consents/{}", id.as_str().unwrap()))
            .await
            .expect(200);
        if consent["kind"] == "confirmation" {
            found.push(consent);
        }
    }
    assert_eq!(found.len(), 1, "{booking}");
    (booking, found.remove(0))
}

fn id(body: &Value) -> &str {
    body["id"].as_str().unwrap()
}

async fn decide(app: &App, token: &str, consent: &Value, how: &str) -> api_support::Reply {
    let body = json!({"content_hash": consent["content_hash"]}).to_string();
    let body = (how == "approve").then_some(body);
    let path = format!("/consents/{}/{how}", id(consent));
    app.call("POST", &path, Some(token), &[], body.as_deref()).await
}

async fn token_of(app: &App, user: &str) -> String {
    let made = app
        .call("POST", &format!("/users/{user}/token"), Some(&app.token), &[], None)
        .await;
    made.expect(201)["token"].as_str().unwrap().to_owned()
}

/// The user has a connected account.
async fn connect(app: &App) {
    let (tenant, user) = (app.tenant, &app.user);
    app.sql(&format!(
        "INSERT INTO accounts (tenant_id, id, user_id, sub, email, state, created_at, updated_at)
             VALUES ('{tenant}', '{NOBODY}', '{user}', 'sub', 'jana@gmail.example', 'active', 0, 0)"
    ))
    .await
    .unwrap();
}

async fn ids(app: &App, path: &str) -> Vec<String> {
    let page = app.get(path).await.expect(200);
    let items = page["items"].as_array().unwrap();
    items.iter().map(|item| id(item).to_owned()).collect()
}

fn key_id(app: &App) -> String {
    let simple = app.token.split('_').nth(2).unwrap();
    ApiKeyId(uuid::Uuid::try_parse(simple).unwrap()).to_string()
}

both_databases! {
    async fn a_proposal_is_shown_exactly_as_it_would_arrive(url: String) {
        let app = App::start_with_mail(url, NO_SERVER).await;
        let (booking, consent) = proposed(&app, "Karel").await;
        assert_eq!((&consent["state"], &consent["kind"], &consent["reason"]), (&json!("proposed"), &json!("confirmation"), &Value::Null));
        assert_eq!((&consent["user_id"], &consent["booking_id"]), (&json!(app.user), &booking["id"]));
        assert_eq!(consent["customer_id"], booking["customer_ids"][0]);
        assert_eq!(consent["recipient"], json!({"name": "Karel", "address": "karel@customers.example"}));
        assert!(consent["subject"].as_str().unwrap().contains("Haircut"), "{consent}");
        assert!(consent["text"].as_str().unwrap().contains("Haircut") && consent["html"].as_str().unwrap().contains("<html"));
        assert_eq!(consent["calendar"]["method"], "REQUEST");
        assert!(consent["calendar"]["text"].as_str().unwrap().contains("SUMMARY:Haircut"));
        let hash = consent["content_hash"].as_str().unwrap();
        assert!(hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit()), "{hash}");
        assert_eq!(consent["expires_at"], "2026-03-02T08:00:00.000Z");
        assert_eq!((&consent["decided"], &consent["prompted_at"], &consent["original_start"]), (&Value::Null, &Value::Null, &Value::Null));
        let (changes, _) = app.feed(None, 4).await;
        assert!(changes.iter().any(|change| change["kind"] == "message" && change["id"] == consent["id"]), "{changes:?}");
        // What was only proposed is no mail yet.
        assert_eq!(ids(&app, "/messages").await, [] as [String; 0]);
        app.get(&format!("/messages/{}", id(&consent))).await.problem(404, "not-found");
    }

    async fn the_code_with_which_a_customer_ends_mail_is_shown_to_nobody_else(url: String) {
        let app = App::start_with_mail(url, NO_SERVER).await;
        let (_, consent) = proposed(&app, "Karel").await;
        let (path, theirs) = (format!("/consents/{}", id(&consent)), token_of(&app, &app.user).await);
        for token in [&app.token, &theirs] {
            let shown = app.call("GET", &path, Some(token), &[], None).await.expect(200);
            for part in ["text", "html"] {
                let text = shown[part].as_str().unwrap();
                let (_, code) = text.split_once(&format!("/{}/", id(&consent))).expect("a link that ends mail");
                assert!(code.starts_with('…'), "{code:.40}");
            }
        }
    }

    async fn proposals_come_in_pages_and_by_filter(url: String) {
        let app = App::start_with_mail(url, NO_SERVER).await;
        let (first, one) = proposed(&app, "Karel").await;
        let (_, two) = proposed(&app, "Eva").await;
        let confirmations = |list: Vec<String>| list.into_iter().filter(|found| found == id(&one) || found == id(&two)).collect::<Vec<_>>();
        let all = ids(&app, "/consents").await;
        assert_eq!(confirmations(all.clone()), [id(&one), id(&two)]);
        let page = app.get("/consents?limit=1").await.expect(200);
        assert_eq!(page["items"][0]["id"], all[0]);
        let rest = ids(&app, &format!("/consents?cursor={}", page["next"].as_str().unwrap())).await;
        assert_eq!(rest, all[1..]);
        let by = |query: String| { let app = &app; async move { confirmations(ids(app, &query).await) } };
        assert_eq!(by(format!("/consents?booking_id={}", id(&first))).await, [id(&one)]);
        assert_eq!(by(format!("/consents?customer_id={}", two["customer_id"].as_str().unwrap())).await, [id(&two)]);
        assert_eq!(by(format!("/consents?user_id={NOBODY}")).await, [] as [String; 0]);
        assert_eq!(by("/consents?state=sent".into()).await, [] as [String; 0]);
        decide(&app, &app.token, &one, "decline").await.expect(200);
        assert_eq!(by("/consents?state=declined".into()).await, [id(&one)]);
        assert_eq!(by("/consents?state=proposed".into()).await, [id(&two)]);
        let odd = app.get("/consents?state=open&user_id=1&booking_id=x&customer_id=y&colour=red&limit=0&cursor=abc").await;
        assert_eq!(odd.bad_fields(), ["booking_id", "colour", "cursor", "customer_id", "limit", "state", "user_id"]);
        assert_eq!(app.get("/messages?class=other&state=open").await.bad_fields(), ["class", "state"]);
    }

    /// Promise 6.
    async fn only_the_user_can_say_yes_unless_the_operator_trusts_the_app(url: String) {
        let app = App::start_with_mail(url, NO_SERVER).await;
        let (_, consent) = proposed(&app, "Karel").await;
        let refused = decide(&app, &app.token, &consent, "approve").await.problem(403, "only-the-user");
        let words = refused["detail"].as_str().unwrap();
        assert!(words.contains("only the user can say yes") && words.contains("operator"), "{words}");
        let allow = json!({"app_asserted": true});
        assert_eq!(app.patch("/tenant", &json!(0), &allow).await.bad_fields(), ["app_asserted"]);
        assert_eq!(app.get("/tenant").await.expect(200)["app_asserted"], false);

        app.engine.set_app_asserted(app.tenant, true).await.unwrap();
        assert_eq!(app.get("/tenant").await.expect(200)["app_asserted"], true);
        let path = format!("/consents/{}/approve", id(&consent));
        for odd in [json!({}), json!({"content_hash": "abc"}), json!({"content_hash": 1})] {
            assert_eq!(app.post(&path, &odd).await.bad_fields(), ["content_hash"], "{odd}");
        }
        app.post(&path, &json!({"content_hash": "00".repeat(32)})).await.problem(409, "other-content");
        assert_eq!(app.get(&format!("/consents/{}", id(&consent))).await.expect(200)["state"], "proposed");

        let approved = decide(&app, &app.token, &consent, "approve").await.expect(200);
        let decided = &approved["decided"];
        assert_eq!(approved["state"], "queued");
        assert_eq!((&decided["decision"], &decided["how"], &decided["key_id"]), (&json!("approved"), &json!("app_asserted"), &json!(key_id(&app))));
        assert_eq!(app.sql("SELECT entry FROM ledger WHERE entry LIKE '%app_asserted%'").await.unwrap().matches(&key_id(&app)).count(), 1);
        // Saying it twice is saying it once.
        assert_eq!(decide(&app, &app.token, &consent, "approve").await.expect(200), approved);
        decide(&app, &app.token, &consent, "decline").await.problem(409, "not-possible-now");
        assert_eq!(ids(&app, "/messages?state=queued").await, [id(&consent)]);

        let withdrawn = decide(&app, &app.token, &consent, "withdraw").await.expect(200);
        assert_eq!((&withdrawn["state"], &withdrawn["reason"]), (&json!("withdrawn"), &json!("user")));
        assert!(withdrawn["decided"]["withdrawn_at"].is_string(), "{withdrawn}");
        decide(&app, &app.token, &consent, "withdraw").await.problem(409, "not-possible-now");
        decide(&app, &app.token, &consent, "approve").await.problem(409, "not-possible-now");
        // It was approved once, so it is still told what became of it.
        let message = app.get(&format!("/messages/{}", id(&consent))).await.expect(200);
        assert_eq!((&message["state"], &message["attempts"], &message["class"]), (&json!("withdrawn"), &json!(0), &json!("customer")));

        app.engine.set_app_asserted(app.tenant, false).await.unwrap();
        let (_, other) = proposed(&app, "Eva").await;
        decide(&app, &app.token, &other, "approve").await.problem(403, "only-the-user");
    }

    async fn a_no_is_the_last_word_about_a_mail(url: String) {
        let app = App::start_with_mail(url, NO_SERVER).await;
        let (_, consent) = proposed(&app, "Karel").await;
        decide(&app, &app.token, &consent, "withdraw").await.problem(409, "not-possible-now");
        let declined = decide(&app, &app.token, &consent, "decline").await.expect(200);
        assert_eq!((&declined["state"], &declined["decided"]["decision"]), (&json!("declined"), &json!("declined")));
        assert_eq!(decide(&app, &app.token, &consent, "decline").await.expect(200), declined);
        app.engine.set_app_asserted(app.tenant, true).await.unwrap();
        decide(&app, &app.token, &consent, "approve").await.problem(409, "not-possible-now");
        assert_eq!(ids(&app, "/messages").await, [] as [String; 0]);
    }

    async fn approving_what_has_changed_names_the_proposal_that_took_its_place(url: String) {
        let app = App::start_with_mail(url, NO_SERVER).await;
        app.engine.set_app_asserted(app.tenant, true).await.unwrap();
        let (booking, old) = proposed(&app, "Karel").await;
        app.clock.advance(TimeDelta::seconds(1));
        let path = format!("/bookings/{}", id(&booking));
        let moved = json!({"starts_at": "2026-03-02T09:30:00+01:00"});
        let moved = app.patch(&path, &booking["version"], &moved).await.expect(200);
        let refused = decide(&app, &app.token, &old, "approve").await.problem(409, "proposal-changed");
        let new = refused["proposal_id"].as_str().unwrap_or_else(|| panic!("{refused}"));
        assert_ne!(new, id(&old));
        assert!(moved["proposals"].as_array().unwrap().contains(&json!(new)), "{moved}");
        let new = app.get(&format!("/consents/{new}")).await.expect(200);
        assert_eq!((&new["kind"], &new["state"]), (&json!("confirmation"), &json!("proposed")));
        assert_eq!(decide(&app, &app.token, &new, "approve").await.expect(200)["state"], "queued");
    }

    async fn a_users_token_shows_and_declines_what_that_user_is_asked_and_nothing_else(url: String) {
        let app = App::start_with_mail(url, NO_SERVER).await;
        app.engine.set_app_asserted(app.tenant, true).await.unwrap();
        let (_, own) = proposed(&app, "Karel").await;
        let (_, second) = proposed(&app, "Eva").await;
        let other = app.add_user("Petr").await;
        let (stranger, _) = app.stranger().await;
        app.call("POST", &format!("/users/{}/token", app.user), Some(&stranger), &[], None).await.problem(404, "not-found");
        let (token, theirs) = (token_of(&app, &app.user).await, token_of(&app, &other).await);
        let get = |token: String, path: String| { let app = &app; async move { app.call("GET", &path, Some(&token), &[], None).await } };

        let list = get(token.clone(), "/consents".into()).await.expect(200);
        let all = app.get("/consents").await.expect(200);
        assert_eq!(list, all);
        assert_eq!(get(theirs.clone(), "/consents".into()).await.expect(200)["items"], json!([]));
        get(theirs.clone(), format!("/consents?user_id={}", app.user)).await.problem(403, "user-token");
        let path = format!("/consents/{}", id(&own));
        assert_eq!(get(token.clone(), path.clone()).await.expect(200), own);
        for how in ["approve", "decline", "withdraw"] {
            decide(&app, &theirs, &own, how).await.problem(404, "not-found");
        }
        get(theirs.clone(), path).await.problem(404, "not-found");

        // Not even where the app is believed: the token proves nothing.
        decide(&app, &token, &own, "approve").await.problem(403, "only-the-user");
        let declined = decide(&app, &token, &own, "decline").await.expect(200);
        assert_eq!(declined["state"], "declined");
        assert_eq!(app.sql("SELECT entry FROM ledger WHERE entry LIKE '%declined%'").await.unwrap().matches(&key_id(&app)).count(), 1);
        decide(&app, &app.token, &second, "approve").await.expect(200);
        assert_eq!(decide(&app, &token, &second, "withdraw").await.expect(200)["state"], "withdrawn");

        let document = app.get("/openapi.json").await.expect(200);
        let mut asked = 0;
        for (path, methods) in document["paths"].as_object().unwrap() {
            for method in methods.as_object().unwrap().keys() {
                let path = path.strip_prefix("/api/v1").unwrap();
                if path.starts_with("/consents") {
                    continue;
                }
                let path = path.replace("{id}", &app.user).replace("{series}", NOBODY).replace("{original_start}", "2026-03-03T09:00:00Z");
                let reply = app.call(&method.to_uppercase(), &path, Some(&token), &[("if-match", "\"1\"")], None).await;
                reply.problem(403, "user-token");
                asked += 1;
            }
        }
        assert!(asked >= 35, "{asked}");
    }

    async fn a_token_that_is_not_valid_gets_the_same_401_whatever_is_wrong_with_it(url: String) {
        let app = App::start_with_mail(url, NO_SERVER).await;
        let made = app.call("POST", &format!("/users/{}/token", app.user), Some(&app.token), &[], None).await.expect(201);
        assert_eq!(made["expires_at"], "2026-03-01T08:15:00.000Z");
        let token = made["token"].as_str().unwrap();
        let none = app.call("GET", "/consents", None, &[], None).await;
        none.problem(401, "unauthorized");
        let parts: Vec<&str> = token.splitn(6, '_').collect();
        let with = |at: usize, text: &str| { let mut odd: Vec<&str> = parts.clone(); odd[at] = text; odd.join("_") };
        let nobody = NOBODY.replace('-', "");
        let later = (parts[4].parse::<i64>().unwrap() + 1).to_string();
        let tenant = TenantId(uuid::Uuid::nil()).0.simple().to_string();
        let odd = [with(1, &tenant), with(2, &nobody), with(3, &nobody), with(4, &later), with(4, &format!("0{}", parts[4])), with(5, ""),
            with(5, &parts[5].chars().rev().collect::<String>()), with(1, &parts[1].to_uppercase()), "accordu_".into(), format!("{token}A"),
            with(0, "accord")];
        for odd in odd {
            for path in ["/consents", "/tenant"] {
                let reply = app.call("GET", path, Some(&odd), &[], None).await;
                assert_eq!((reply.status, &reply.text), (401, &none.text), "{odd}");
            }
        }
        let good = || app.call("GET", "/consents", Some(token), &[], None);
        good().await.expect(200);
        app.clock.advance(TimeDelta::minutes(15));
        assert_eq!(good().await.status, 401, "it ends");
        app.clock.advance(TimeDelta::minutes(-15));
        good().await.expect(200);
        let key = key_id(&app).parse().unwrap();
        app.engine.revoke_api_key(app.tenant, key).await.unwrap();
        assert_eq!(good().await.status, 401, "it ends with the key that made it");
    }

    async fn what_was_handed_over_is_told_with_the_servers_answer_and_notices_are_masked(url: String) {
        let sandbox = Sandbox::start(SandboxOptions::default()).await.unwrap();
        let app = App::start_with_mail(url, &format!("smtp://{}", sandbox.smtp_addr())).await;
        app.engine.set_app_asserted(app.tenant, true).await.unwrap();
        connect(&app).await;
        let (booking, consent) = proposed(&app, "Karel").await;
        mail::prompt_waiting(&app.engine).await.unwrap();
        decide(&app, &app.token, &consent, "approve").await.expect(200);
        let notices = app.get("/messages?class=notice").await.expect(200);
        let notice = &notices["items"][0];
        assert_eq!((&notice["kind"], &notice["state"], &notice["user_id"]), (&json!("consent_request"), &json!("queued"), &json!(app.user)));
        assert_eq!(notice["recipient"], json!({"name": "", "address": "j***@g***.example"}));
        app.get(&format!("/consents/{}", id(notice))).await.problem(404, "not-found");
        assert_eq!(ids(&app, "/messages").await.len(), 2);

        mail::send_due(&app.engine).await.unwrap();
        let sent = app.get(&format!("/messages/{}", id(&consent))).await.expect(200);
        assert_eq!((&sent["state"], &sent["attempts"], &sent["next_attempt_at"]), (&json!("sent"), &json!(1), &Value::Null), "{sent}");
        assert_eq!(sent["recipient"]["address"], "karel@customers.example");
        assert!(sent["answer"].is_string(), "{sent}");
        assert_eq!(ids(&app, &format!("/messages?state=sent&booking_id={}", id(&booking))).await, [id(&consent)]);
        decide(&app, &app.token, &consent, "withdraw").await.problem(409, "not-possible-now");
    }

    async fn a_cancellation_that_google_has_not_heard_of_cannot_be_approved_yet(url: String) {
        let sandbox = Sandbox::start(SandboxOptions::default()).await.unwrap();
        let app = App::start_with_mail(url, &format!("smtp://{}", sandbox.smtp_addr())).await;
        app.engine.set_app_asserted(app.tenant, true).await.unwrap();
        connect(&app).await;
        let (booking, consent) = proposed(&app, "Karel").await;
        let (tenant, booking_id) = (app.tenant, id(&booking));
        app.sql(&format!(
            "INSERT INTO calendars (tenant_id, account_id, calendar_id, title, time_zone, access_role)
                 VALUES ('{tenant}', '{NOBODY}', 'cal', 'Work', 'Europe/Prague', 'owner');
             INSERT INTO placements (tenant_id, calendar_id, event_id, booking_id, account_id, is_lead, state)
                 VALUES ('{tenant}', 'cal', 'event', '{booking_id}', '{NOBODY}', 1, 'live')"
        )).await.unwrap();
        decide(&app, &app.token, &consent, "approve").await.expect(200);
        mail::send_due(&app.engine).await.unwrap();
        mail::consider_waiting(&app.engine).await.unwrap();
        let path = format!("/bookings/{booking_id}");
        let now = app.get(&path).await.expect(200);
        app.clock.advance(TimeDelta::seconds(1));
        let cancelled = app.patch(&path, &now["version"], &json!({"status": "cancelled"})).await.expect(200);
        let cancellation = cancelled["proposals"][0].as_str().unwrap_or_else(|| panic!("{cancelled}"));
        let cancellation = app.get(&format!("/consents/{cancellation}")).await.expect(200);
        assert_eq!((&cancellation["kind"], &cancellation["calendar"]["method"]), (&json!("cancellation"), &json!("CANCEL")));
        let refused = decide(&app, &app.token, &cancellation, "approve").await;
        refused.problem(409, "not-certain-yet");
        assert_eq!(refused.header("retry-after"), "5");
        app.sql("UPDATE placements SET state = 'gone'").await.unwrap();
        assert_eq!(decide(&app, &app.token, &cancellation, "approve").await.expect(200)["state"], "queued");
    }

    async fn a_tenants_key_can_pause_the_mail_of_an_account_and_not_let_it_go_on(url: String) {
        let app = App::start_with_mail(url, NO_SERVER).await;
        connect(&app).await;
        let (_, consent) = proposed(&app, "Karel").await;
        let path = format!("/accounts/{NOBODY}");
        assert_eq!(app.get(&path).await.expect(200)["mail_paused_at"], Value::Null);
        let call = |path: String| { let app = &app; async move { app.call("POST", &path, Some(&app.token), &[], None).await } };
        let paused = call(format!("{path}/mail/pause")).await.expect(200);
        assert_eq!(paused["mail_paused_at"], "2026-03-01T08:00:00.001Z");
        assert_eq!(call(format!("{path}/mail/pause")).await.expect(200)["mail_paused_at"], paused["mail_paused_at"]);
        let ended = app.get(&format!("/consents/{}", id(&consent))).await.expect(200);
        assert_eq!((&ended["state"], &ended["reason"]), (&json!("withdrawn"), &json!("paused")));
        let words = call(format!("{path}/mail/resume")).await.problem(403, "only-the-user");
        assert!(words["detail"].as_str().unwrap().contains("only the user can let mail go on"), "{words}");
        assert_eq!(app.get(&path).await.expect(200)["mail_paused_at"], paused["mail_paused_at"]);
        let booking = app.book(json!({"customer_ids": [customer(&app, &app.user, "Eva").await]})).await;
        assert_eq!(booking["proposals"], json!([]));
        for how in ["pause", "resume"] {
            call(format!("/accounts/{}/mail/{how}", app.user)).await.problem(404, "not-found");
        }
    }

    async fn a_tenant_sets_how_its_mails_are_written_and_new_offsets_are_computed_again(url: String) {
        let app = App::start_with_mail(url, NO_SERVER).await;
        let body = json!({"settings": {"language": "de", "sender": "Praxis <praxis@acme.example>", "reminders": "2d, 30m"}});
        proposed(&app, "Karel").await;
        app.sql("UPDATE mail_subjects SET remind_at = 7").await.unwrap();
        app.patch("/tenant", &json!(0), &json!({"settings": {"language": "en", "reminders": "60m"}})).await.expect(200);
        assert_eq!(app.sql("SELECT remind_at FROM mail_subjects").await.unwrap(), "7", "an hour is an hour");
        let set = app.patch("/tenant", &json!(0), &body).await.expect(200);
        for (name, value) in [("language", "de"), ("sender", "Praxis <praxis@acme.example>"), ("reminders", "2d, 30m")] {
            assert_eq!((&set["settings"][name], &set["effective"][name]), (&json!(value), &json!(value)), "{set}");
        }
        assert_eq!(app.sql("SELECT remind_at FROM mail_subjects").await.unwrap(), "0");
        let odd = json!({"settings": {"language": "xx", "sender": "nobody", "reminders": "soon"}});
        let bad = app.patch("/tenant", &json!(0), &odd).await.bad_fields();
        assert_eq!(bad, ["settings.language", "settings.reminders", "settings.sender"]);
        let (_, consent) = proposed(&app, "Eva").await;
        assert!(consent["text"].as_str().unwrap().contains("Termin"), "{consent}");
    }
}

#[tokio::test]
async fn approving_without_a_mail_server_says_so_and_is_no_failure_of_ours() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("accord.db").display());
    let app = App::start_with_mail(url, NO_SERVER).await;
    app.engine.set_app_asserted(app.tenant, true).await.unwrap();
    let (_, consent) = proposed(&app, "Karel").await;
    app.patch("/tenant", &json!(0), &json!({"settings": {"sender": null}}))
        .await
        .expect(200);
    let refused = decide(&app, &app.token, &consent, "approve")
        .await
        .problem(409, "not-possible-now");
    assert!(refused["detail"].as_str().unwrap().contains("no sender"), "{refused}");
}
