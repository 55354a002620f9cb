//! Mail on the command line: what waits for a yes, what was sent, how it looks, and through which server it goes.
#![expect(clippy::unwrap_used, reason = "a test that panics fails, which is right")]
mod cli_support;

use accord::app::{App, Surroundings};
use accord::config::{Config, Sources};
use accord::engine::mail;
use accord::sandbox::{Sandbox, SandboxOptions};
use cli_support::{Place, code, err, out};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

const USER: &str = "0190f3c4-5b1e-7cc0-9d3a-000000000001";
const CUSTOMER: &str = "0190f3c4-5b1e-7cc0-9d3a-000000000002";
const BOOKING: &str = "0190f3c4-5b1e-7cc0-9d3a-000000000003";
const ACCOUNT: &str = "0190f3c4-5b1e-7cc0-9d3a-000000000004";
const NOBODY: &str = "0190f3c4-5b1e-7cc0-9d3a-0000000000cc";

/// An installation whose tenant has a user, a booking far ahead with a customer, and a confirmation that waits for the user's yes.
struct Office {
    place: Place,
    tenant: String,
}

impl Office {
    async fn open(mail: &str) -> Office {
        let place = Place::migrated();
        place.configure(mail);
        let tenant = place.tenant();
        place.sql(&format!(
            "INSERT INTO users (tenant_id, id, name, email, time_zone, created_at, updated_at)
                 VALUES ('{tenant}', '{USER}', 'Jana', 'jana@kaval.example', 'Europe/Prague', 0, 0);
             INSERT INTO accounts (tenant_id, id, user_id, sub, email, state, created_at, updated_at)
                 VALUES ('{tenant}', '{ACCOUNT}', '{USER}', 'sub', 'jana@gmail.example', 'active', 0, 0);
             INSERT INTO customers (tenant_id, id, user_id, given_name, emails)
                 VALUES ('{tenant}', '{CUSTOMER}', '{USER}', 'Karel', '[{{\"value\": \"karel@customers.example\"}}]');
             INSERT INTO bookings (tenant_id, id, user_id, title, starts_local, ends_local, time_zone, mail_wish)
                 VALUES ('{tenant}', '{BOOKING}', '{USER}', 'Haircut', '2035-01-08T09:00:00', '2035-01-08T10:00:00', 'Europe/Prague', 'propose');
             INSERT INTO booking_customers (tenant_id, user_id, booking_id, customer_id) VALUES ('{tenant}', '{USER}', '{BOOKING}', '{CUSTOMER}');"
        ));
        let office = Office { place, tenant };
        office.consider().await;
        office
    }

    /// What the daemon does when a booking was written in SQL.
    async fn consider(&self) {
        let sources = Sources {
            file: Some(self.place.path("accord.toml")),
            ..Sources::default()
        };
        let config = Config::load(&sources).unwrap();
        let app = App::open_as_it_is(config, Surroundings::real()).await.unwrap();
        let mut engine = app.engine.clone();
        engine.mail.rest = -60_000;
        mail::consider_waiting(&engine).await.unwrap();
        drop(engine);
        app.close().await;
    }

    fn list(&self, arguments: &[&str]) -> Vec<Value> {
        let all = [&["consent", "list", "--tenant", &self.tenant], arguments].concat();
        self.place.json(&all).as_array().unwrap().clone()
    }

    fn run(&self, arguments: &[&str]) -> std::process::Output {
        let all: Vec<&str> = arguments
            .iter()
            .map(|argument| if *argument == "TENANT" { &self.tenant } else { *argument })
            .collect();
        self.place.run(&all)
    }
}

const WITH_SENDER: &str =
    "[mail]\nsmtp_url = \"smtp://127.0.0.1:9\"\nfrom = \"Kaval <mail@kaval.example>\"\nreminders = \"\"\n";

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn consents_are_listed_and_shown_and_the_command_line_says_who_can_decide() {
    let office = Office::open(WITH_SENDER).await;
    let found = office.list(&[]);
    assert_eq!(found.len(), 1, "{found:?}");
    let consent = &found[0];
    let id = consent["id"].as_str().unwrap();
    assert_eq!(
        (&consent["state"], &consent["kind"]),
        (&json!("proposed"), &json!("confirmation"))
    );
    assert_eq!(
        (&consent["booking_id"], &consent["recipient"]["address"]),
        (&json!(BOOKING), &json!("karel@customers.example"))
    );
    assert!(
        office
            .list(&["--user", USER, "--booking", BOOKING, "--customer", CUSTOMER])
            .len()
            == 1
    );
    assert!(office.list(&["--booking", NOBODY]).is_empty() && office.list(&["--state", "sent"]).is_empty());

    let text = office.run(&["consent", "list", "--tenant", "TENANT"]);
    assert!(
        out(&text).contains("Haircut") && out(&text).contains("k***@c***.example"),
        "{}",
        out(&text)
    );
    assert!(!out(&text).contains("karel@customers.example"), "{}", out(&text));
    assert!(err(&text).contains("only the user can say yes"), "{}", err(&text));
    let shown = office.run(&["consent", "show", "--tenant", "TENANT", id]);
    for words in [
        "confirmation, proposed",
        "Karel <karel@customers.example>",
        "Haircut",
        "calendar part REQUEST",
    ] {
        assert!(out(&shown).contains(words), "{words}: {}", out(&shown));
    }
    assert_eq!(
        code(&office.run(&["consent", "approve", "--tenant", "TENANT", id])),
        2,
        "there is no such command"
    );
    let unknown = office.run(&["consent", "show", "--tenant", "TENANT", NOBODY]);
    assert!(
        code(&unknown) == 1 && err(&unknown).contains("hint:"),
        "{}",
        err(&unknown)
    );
    assert_eq!(code(&office.run(&["consent", "list", "--tenant", NOBODY])), 1);
    assert_eq!(
        code(&office.run(&["consent", "list", "--tenant", "TENANT", "--state", "open"])),
        2
    );
    // It was not approved: it is no mail.
    assert_eq!(out(&office.run(&["mail", "list", "--tenant", "TENANT"])), "no mail\n");

    let status = office.place.json(&["status"]);
    let mail = &status[0]["mail"];
    assert_eq!(
        (&mail["state"], &mail["proposed"], &mail["queued"]),
        (&json!("on"), &json!(1), &json!(0))
    );
    assert!(out(&office.run(&["status"])).contains("on, 1 to approve"));
    office
        .place
        .sql("UPDATE messages SET state = 'maybe_sent', updated_at = 0");
    assert_eq!(
        office.place.json(&["status"])[0]["mail"]["maybe_sent"],
        0,
        "older than a week"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_are_listed_by_state_and_maybe_sent_is_explained() {
    let office = Office::open(WITH_SENDER).await;
    let id = office.list(&[])[0]["id"].as_str().unwrap().to_owned();
    let tenant = &office.tenant;
    office.place.sql(&format!(
        "INSERT INTO consents (tenant_id, message_id, user_id, how, content_hash, decided_at, expires_at, mac)
             VALUES ('{tenant}', '{id}', '{USER}', 'mailbox', x'00', 0, 0, x'00');
         UPDATE messages SET state = 'maybe_sent', answer = 'the line broke' || char(27) || '[31m'"
    ));
    let listed = office
        .place
        .json(&["mail", "list", "--tenant", tenant, "--state", "maybe_sent"]);
    assert_eq!(
        (&listed[0]["id"], &listed[0]["state"]),
        (&json!(id), &json!("maybe_sent"))
    );
    let none = office
        .place
        .json(&["mail", "list", "--tenant", tenant, "--state", "failed"]);
    assert_eq!(none, json!([]));
    assert_eq!(
        office
            .place
            .json(&["mail", "list", "--tenant", tenant, "--class", "notice"]),
        json!([])
    );
    let text = office.run(&["mail", "list", "--tenant", "TENANT"]);
    assert!(
        out(&text).contains("the line broke") && !out(&text).contains('\u{1b}'),
        "{}",
        out(&text)
    );
    assert!(err(&text).contains("never sent again by itself"), "{}", err(&text));
}

#[test]
fn samples_are_shown_in_every_language_without_a_database() {
    let place = Place::new();
    let text = place.run(&["mail", "preview"]);
    assert_eq!(code(&text), 0, "{}", err(&text));
    assert!(
        out(&text).starts_with("Subject: ") && out(&text).contains("Check-up and cleaning"),
        "{}",
        out(&text)
    );
    assert!(!place.path("accord.db").exists());
    let german = place.json(&["mail", "preview", "--mail", "booking_cancelled", "--language", "de"]);
    assert!(german["subject"].as_str().unwrap().contains("Kontrolle"), "{german}");
    let html = place.run(&["mail", "preview", "--mail", "consent_request", "--part", "html"]);
    assert!(out(&html).contains("<html") && out(&html).trim_end().ends_with("</html>"));
    let subject = out(&place.run(&["mail", "preview", "--language", "es", "--part", "subject"]));
    assert_eq!(subject.lines().count(), 1, "{subject}");
    place.configure("[mail]\nlanguage = \"es\"\n");
    assert_eq!(out(&place.run(&["mail", "preview", "--part", "subject"])), subject);
    for odd in [
        ["--mail", "invoice"],
        ["--language", "fr"],
        ["--part", "pdf"],
        ["--message", USER],
    ] {
        assert_eq!(
            code(&place.run(&[&["mail", "preview"], &odd[..]].concat())),
            2,
            "{odd:?}"
        );
    }
}

#[test]
fn a_preview_goes_to_a_file_that_only_its_owner_reads_in_the_form_that_its_name_says() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    for (name, begin) in [
        ("mail.html", "<!doctype html>"),
        ("mail.txt", "Hello"),
        ("mail.eml", "Message-ID: <"),
    ] {
        let path = place.path(name);
        let done = place.run(&["mail", "preview", "--out", path.to_str().unwrap()]);
        assert!(code(&done) == 0 && err(&done).contains(name), "{}", err(&done));
        assert_eq!(out(&done), "");
        let text = fs::read_to_string(&path).unwrap();
        match name {
            "mail.eml" => assert!(
                text.contains("Message-ID: <") && text.contains("multipart/alternative"),
                "{text}"
            ),
            _ => assert!(text.to_lowercase().contains(&begin.to_lowercase()), "{text}"),
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let nowhere = place.path("none/mail.html");
    assert_eq!(
        code(&place.run(&["mail", "preview", "--out", nowhere.to_str().unwrap()])),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_mail_is_previewed_as_it_was_proposed_until_it_is_erased() {
    let office = Office::open(WITH_SENDER).await;
    let consent = &office.list(&[])[0];
    let id = consent["id"].as_str().unwrap();
    let preview = ["mail", "preview", "--tenant", &office.tenant, "--message", id];
    assert_eq!(office.place.json(&preview)["html"], consent["html"]);
    let eml = office.run(&[&preview[..], &["--part", "eml"]].concat());
    assert!(
        out(&eml).contains("karel@customers.example") && out(&eml).contains("text/calendar"),
        "{}",
        out(&eml)
    );
    office
        .place
        .sql("UPDATE messages SET letter_sealed = NULL, content_sealed = NULL");
    let erased = office.run(&preview);
    assert!(
        code(&erased) == 1 && err(&erased).contains("was erased"),
        "{}",
        err(&erased)
    );
    let listed = office.list(&["--all"]);
    assert_eq!(
        (&listed[0]["html"], &listed[0]["recipient"]),
        (&Value::Null, &Value::Null)
    );
    assert!(out(&office.run(&["consent", "show", "--tenant", "TENANT", id])).contains("its text was erased"));
}

#[test]
fn a_broken_template_of_a_tenant_is_refused_with_file_line_and_name() {
    let place = Place::migrated();
    let templates = place.path("templates");
    fs::create_dir(&templates).unwrap();
    place.configure(&format!("[mail]\ntemplates = \"{}\"\n", templates.display()));
    let tenant = place.tenant();
    let check = ["mail", "check-templates", "--tenant", &tenant];
    assert_eq!(place.json(&check), json!({"folder": null, "files": 0}));
    let own = templates.join(&tenant);
    write(&own, "booking_confirmed/en/subject.txt", "Ours: {{ title }}\n");
    assert_eq!(place.json(&check)["files"], 1);
    let preview = ["mail", "preview", "--tenant", &tenant, "--language", "en"];
    let subject = place.json(&preview)["subject"].clone();
    assert_eq!(subject, "Ours: Check-up and cleaning");
    // Without the tenant it is ours.
    assert_ne!(place.json(&["mail", "preview"])["subject"], subject);

    write(
        &own,
        "booking_confirmed/en/body.txt",
        "Hello\n{{ titel }}\n{{ unsubscribe_url }}\n",
    );
    for command in [&check[..], &preview[..]] {
        let refused = place.run(command);
        assert_eq!((code(&refused), out(&refused).as_str()), (1, ""), "{command:?}");
        for part in ["booking_confirmed/en/body.txt", "line 2", "titel", "built-in"] {
            assert!(err(&refused).contains(part), "{part}: {}", err(&refused));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_mail_prints_what_the_server_said_and_fails_unless_it_was_taken() {
    let sandbox = Sandbox::start(SandboxOptions::default()).await.unwrap();
    let url = format!("smtp://{}", sandbox.smtp_addr());
    let place = Place::migrated();
    let tenant = place.tenant();
    let test = ["mail", "test", "--tenant", &tenant];
    let none = place.run(&test);
    assert!(
        code(&none) == 1 && err(&none).contains("mail.smtp_url"),
        "{}",
        err(&none)
    );

    place.configure(&format!(
        "[mail]\nsmtp_url = \"{url}\"\nfrom = \"mail@kaval.example\"\n"
    ));
    let taken = place.json(&test);
    assert_eq!(
        (&taken["result"], &taken["to"]),
        (&json!("accepted"), &json!("admin@kaval.example"))
    );
    let good = place.run(&test);
    assert!(
        code(&good) == 0 && out(&good).starts_with("accepted: "),
        "{}{}",
        out(&good),
        err(&good)
    );
    let doctor = place.run(&["--json", "doctor"]);
    let findings: Vec<Value> = serde_json::from_str(&out(&doctor)).unwrap();
    let about_mail = |findings: &[Value]| {
        findings
            .iter()
            .filter(|found| found["about"] == "mail")
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(about_mail(&findings)[0]["verdict"], "good", "{findings:?}");
    assert_eq!(about_mail(&findings).len(), 1, "{findings:?}");

    place.configure("[mail]\nsmtp_url = \"smtp://127.0.0.1:9\"\nfrom = \"mail@kaval.example\"\n");
    let down = place.run(&test);
    assert!(
        code(&down) == 1 && out(&down).starts_with("deferred: connecting to 127.0.0.1:9"),
        "{}",
        out(&down)
    );
    assert!(err(&down).contains("has not taken"), "{}", err(&down));
    let doctor = place.run(&["doctor"]);
    assert!(
        out(&doctor).contains("BAD mail") && out(&doctor).contains("mail.smtp_url"),
        "{}",
        out(&doctor)
    );
    place.configure("[mail]\nsmtp_url = \"smtp://127.0.0.1:9\"\n");
    assert!(out(&place.run(&["doctor"])).contains("mail.from is empty"));
    place.configure("");
    assert!(out(&place.run(&["doctor"])).contains("mail.smtp_url is empty"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_own_mail_server_is_read_from_a_file_sealed_and_taken_away_again() {
    let sandbox = Sandbox::start(SandboxOptions::default()).await.unwrap();
    let office = Office::open("[mail]\nfrom = \"mail@kaval.example\"\n").await;
    let place = &office.place;
    assert_eq!(place.json(&["status"])[0]["mail"]["missing"], "mail server");
    assert!(out(&place.run(&["status"])).contains("off: no mail server"));
    let file = place.path("smtp-url");
    let file = file.to_str().unwrap();
    let set = ["tenant", "smtp", &office.tenant, "--url-file", file];
    assert_eq!(code(&place.run(&set)), 2, "there is no such file");
    fs::write(file, "smtps://user:hunter2@mail.example.com/inbox\n").unwrap();
    let refused = place.run(&set);
    assert!(
        code(&refused) == 2 && err(&refused).contains("has a path"),
        "{}",
        err(&refused)
    );
    assert!(!err(&refused).contains("hunter2"), "{}", err(&refused));

    fs::write(file, format!("smtp://{}\n", sandbox.smtp_addr())).unwrap();
    let done = place.run(&set);
    assert!(code(&done) == 0, "{}", err(&done));
    assert_eq!(
        place.json(&["mail", "test", "--tenant", &office.tenant])["result"],
        "accepted"
    );
    assert_eq!(place.json(&["status"])[0]["mail"]["state"], "on");
    let stored = place.sql("SELECT hex(smtp_url_sealed) FROM mail_tenants");
    assert!(
        stored.len() > 40 && !stored.contains("736D74703A"),
        "smtp: is sealed: {stored}"
    );
    assert_eq!(code(&place.run(&["tenant", "smtp", &office.tenant, "--clear"])), 0);
    assert_eq!(code(&place.run(&["mail", "test", "--tenant", &office.tenant])), 1);
    // Never on the command line, where everybody sees it; and one of the two.
    for odd in [&[][..], &["smtp://127.0.0.1:25"], &["--clear", "--url-file", file]] {
        assert_eq!(
            code(&place.run(&[&["tenant", "smtp", &office.tenant], odd].concat())),
            2,
            "{odd:?}"
        );
    }
    assert_eq!(code(&place.run(&["tenant", "smtp", NOBODY, "--clear"])), 1);
}

#[test]
fn the_operator_alone_lets_an_app_say_yes_and_is_told_what_that_means() {
    let place = Place::migrated();
    let tenant = place.tenant();
    let asserted = || place.json(&["tenant", "show", &tenant])["app_asserted"].clone();
    assert_eq!(asserted(), false);
    let allowed = place.run(&["tenant", "app-asserted", &tenant, "--allow"]);
    assert_eq!(code(&allowed), 0, "{}", err(&allowed));
    for words in [
        "API key",
        "in the name of its users",
        "cannot see whether the user was asked",
        "--forbid",
    ] {
        assert!(err(&allowed).contains(words), "{words}: {}", err(&allowed));
    }
    assert_eq!(asserted(), true);
    assert!(out(&place.run(&["tenant", "show", &tenant])).contains("may approve mails"));
    assert_eq!(code(&place.run(&["tenant", "set", &tenant, "app_asserted=true"])), 2);
    assert_eq!(code(&place.run(&["tenant", "app-asserted", &tenant, "--forbid"])), 0);
    assert_eq!(asserted(), false);
    for odd in [&[][..], &["--allow", "--forbid"]] {
        assert_eq!(
            code(&place.run(&[&["tenant", "app-asserted", &tenant], odd].concat())),
            2,
            "{odd:?}"
        );
    }
    assert_eq!(code(&place.run(&["tenant", "app-asserted", NOBODY, "--allow"])), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mail_of_an_account_can_be_paused_here_and_only_by_its_user_let_go_on() {
    let office = Office::open(WITH_SENDER).await;
    let which = ["--tenant", &office.tenant, ACCOUNT];
    let paused = office.run(&[&["account", "mail-pause"], &which[..]].concat());
    assert!(
        code(&paused) == 0 && err(&paused).contains("only the user"),
        "{}",
        err(&paused)
    );
    assert_eq!(
        code(&office.run(&[&["account", "mail-resume"], &which[..]].concat())),
        2
    );
    let ended = &office.list(&["--all"])[0];
    assert_eq!(
        (&ended["state"], &ended["reason"]),
        (&json!("withdrawn"), &json!("paused"))
    );
    assert_eq!(office.place.json(&["status"])[0]["mail"]["state"], "paused");
    let shown = office.run(&[&["account", "show"], &which[..]].concat());
    assert!(out(&shown).contains("mail             paused"), "{}", out(&shown));
    assert_eq!(
        code(&office.run(&["account", "mail-pause", "--tenant", "TENANT", NOBODY])),
        1
    );
}
