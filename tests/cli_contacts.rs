//! What an operator sees and says about customers and contacts on the command line.
#![expect(clippy::unwrap_used, reason = "a test that panics fails, which is right")]
mod cli_support;

use accord::config::keys::{KeySource, load_or_create};
use accord::domain::clock::{Clock, TestEntropy};
use accord::domain::seal::SealContext;
use cli_support::{Place, code, err, out};
use serde_json::{Value, json};

const USER: &str = "0190f3c4-5b1e-7cc0-9d3a-000000000001";
const ACCOUNT: &str = "0190f3c4-5b1e-7cc0-9d3a-000000000002";
const EVA: &str = "0190f3c4-5b1e-7cc0-9d3a-000000000003";
const JAN: &str = "0190f3c4-5b1e-7cc0-9d3a-000000000004";
const QUESTION: &str = "0190f3c4-5b1e-7cc0-9d3a-000000000005";
const CONFLICT: &str = "0190f3c4-5b1e-7cc0-9d3a-000000000006";
const LINK: &str = "0190f3c4-5b1e-7cc0-9d3a-000000000007";

/// The key is there already; nothing asks for the time.
struct NoClock;

impl Clock for NoClock {
    fn now(&self) -> chrono::DateTime<chrono::Utc> {
        panic!("a key was made")
    }
}

/// A tenant with a user whose contacts are connected, and two customers: Eva is linked, Jan may be a contact.
fn place() -> (Place, String) {
    let place = Place::migrated();
    let tenant = place.tenant();
    place.sql(&format!(
        "INSERT INTO users (tenant_id, id, name, email, time_zone, created_at, updated_at) VALUES ('{tenant}', '{USER}', 'Jana', 'j@kaval.example', 'UTC', 0, 0);
         INSERT INTO accounts (tenant_id, id, user_id, sub, email, state, contacts, created_at, updated_at)
             VALUES ('{tenant}', '{ACCOUNT}', '{USER}', 'sub', 'jana@gmail.example', 'active', 'all', 0, 0);
         INSERT INTO sync_scopes (tenant_id, account_id, calendar_id, due_at, last_good_at, last_error, failures) VALUES ('{tenant}', '{ACCOUNT}', '', 9000000000000, 5000, 'transient: slow', 2);
         INSERT INTO customers (tenant_id, id, user_id, given_name) VALUES ('{tenant}', '{EVA}', '{USER}', 'Eva'), ('{tenant}', '{JAN}', '{USER}', 'Jan');
         UPDATE row_state SET agreed_version = version WHERE id = '{EVA}';
         INSERT INTO contact_links (tenant_id, id, account_id, customer_id, contact_id, state) VALUES ('{tenant}', '{LINK}', '{ACCOUNT}', '{EVA}', 'people/c1', 'live');
         INSERT INTO contact_matches (tenant_id, account_id, contact_id, customer_id) VALUES ('{tenant}', '{ACCOUNT}', 'people/c2', '{JAN}');"
    ));
    // What a name may do to a terminal is not done.
    let detail = json!({"contact_id": "people/c2", "contact": {"name": "Jan\u{1b}[2J\u{202e}x", "emails": ["jan@example.com"], "phones": ["+420601"]},
        "candidates": [{"customer_id": JAN, "name": "Jan", "emails": ["jan@example.com"], "phones": []}]});
    let sealed = seal(&place, &tenant, ("questions", "detail_sealed", QUESTION), &detail);
    let choices = json!([format!("link:{JAN}"), "separate"]);
    place.sql(&format!(
        "INSERT INTO questions (tenant_id, id, kind, addressee, user_id, account_id, calendar_id, subject_id, choices, detail_sealed, state, created_at)
             VALUES ('{tenant}', '{QUESTION}', 'match', 'user', '{USER}', '{ACCOUNT}', '', 'people/c2', '{choices}', x'{sealed}', 'open', 0)"
    ));
    let values =
        json!({"base": {"value": "1", "type": ""}, "app": null, "google": {"value": "+420602", "type": "work"}});
    let sealed = seal(&place, &tenant, ("conflicts", "values_sealed", EVA), &values);
    place.sql(&format!(
        "INSERT INTO conflicts (tenant_id, id, booking_id, customer_id, user_id, field, policy, winner, values_sealed, state, created_at)
             VALUES ('{tenant}', '{CONFLICT}', '', '{EVA}', '{USER}', 'phones', 'app', 'app', x'{sealed}', 'decided', 0)"
    ));
    (place, tenant)
}

fn seal(place: &Place, tenant: &str, (table, column, row): (&str, &str, &str), value: &Value) -> String {
    let entropy = TestEntropy::default();
    let source = KeySource::File(place.path("accord.key"));
    let keys = load_or_create(&source, false, &entropy, &NoClock).unwrap();
    let context = SealContext {
        table,
        column,
        tenant,
        row,
    };
    let sealed = keys.seal(&entropy, &context, value.to_string().as_bytes());
    sealed.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_state_of_the_contacts_is_shown_beside_the_calendars() {
    let (place, tenant) = place();
    let shown = place.json(&["account", "show", "--tenant", &tenant, ACCOUNT]);
    assert_eq!(shown["calendars"], json!([]));
    assert_eq!(
        (&shown["contacts"]["enabled"], &shown["contacts"]["failures"]),
        (&json!(true), &json!(2))
    );
    let counts = ["linked_contacts", "open_questions", "waiting_changes", "held", "braked"]
        .map(|name| shown[name].as_i64().unwrap());
    assert_eq!(counts, [1, 1, 1, 0, 0], "{shown}");
    let text = out(&place.run(&["account", "show", "--tenant", &tenant, ACCOUNT]));
    for words in [
        "contacts         1 linked, next 2255-",
        "2 failures in a row: transient: slow",
        "open questions   1",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let short = out(&place.run(&["status"]));
    assert!(
        short.contains("jana@gmail.example") && short.contains("1970-01-01 00:00:05Z"),
        "{short}"
    );
    place.sql("UPDATE contact_links SET waiting = 'brake'");
    let all = place.json(&["status"]);
    assert_eq!((&all[0]["braked"], &all[0]["held"]), (&json!(1), &json!(0)));

    // Google is not there: the failure names the scope in words.
    place.sql("UPDATE sync_scopes SET last_error = NULL, failures = 0");
    let run = place.run(&["sync", "run", "--tenant", &tenant, ACCOUNT]);
    assert!(code(&run) == 1 && err(&run).contains("contacts: "), "{}", err(&run));
    let run = place.run(&["--json", "sync", "plan", "--tenant", &tenant, ACCOUNT]);
    let printed: Value = serde_json::from_str(&out(&run)).unwrap();
    assert_eq!(
        (&printed[0]["scope"], &printed[0]["calendar_id"]),
        (&json!("contacts"), &json!(""))
    );
    let resync = place.run(&["sync", "resync", "--tenant", &tenant, ACCOUNT]);
    assert!(err(&resync).contains("1 sync scopes"), "{}", err(&resync));
}

#[test]
fn a_match_is_shown_side_by_side_and_answered_by_one_command() {
    let (place, tenant) = place();
    let listed = out(&place.run(&["question", "list", "--tenant", &tenant]));
    assert!(
        listed.contains("match") && listed.contains(&format!("link:{JAN} | separate")),
        "{listed}"
    );
    let shown = out(&place.run(&["question", "show", "--tenant", &tenant, QUESTION]));
    for words in [
        &format!("the contacts of account {ACCOUNT}"),
        "contact   Jan\u{fffd}[2J\u{fffd}x, jan@example.com, +420601",
        "customer  Jan, jan@example.com",
        &format!("answer link:{JAN}"),
        "somebody else: answer separate",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert_eq!(
        place.json(&["question", "show", "--tenant", &tenant, QUESTION])["scope"],
        "contacts"
    );
    let wrong = place.run(&["question", "answer", "--tenant", &tenant, QUESTION, "app"]);
    assert!(
        code(&wrong) == 1 && err(&wrong).contains("is none of"),
        "{}",
        err(&wrong)
    );
    let answered = place.run(&[
        "question",
        "answer",
        "--tenant",
        &tenant,
        QUESTION,
        &format!("link:{JAN}"),
    ]);
    assert_eq!(code(&answered), 0, "{}", err(&answered));
    assert_eq!(place.sql("SELECT answer FROM contact_matches"), "link");
    assert_eq!(place.sql("SELECT answered_by FROM questions"), "command_line");
    assert_eq!(place.sql("SELECT due_at FROM sync_scopes"), "0");
}

#[test]
fn a_conflict_about_a_customer_is_listed_shown_and_resolved() {
    let (place, tenant) = place();
    let listed = out(&place.run(&["conflict", "list", "--tenant", &tenant, "--customer", EVA]));
    assert!(
        listed.contains(&format!("customer {EVA}")) && listed.contains("phones"),
        "{listed}"
    );
    let none = place.run(&["conflict", "list", "--tenant", &tenant, "--customer", JAN]);
    assert!(out(&none).is_empty() && err(&none).contains("no such conflict"));
    let shown = out(&place.run(&["conflict", "show", "--tenant", &tenant, CONFLICT]));
    for words in [
        &format!("phones of customer {EVA}: decided"),
        "app            -",
        "google         +420602 (work)",
        "app, for app",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let done = place.run(&["conflict", "resolve", "--tenant", &tenant, CONFLICT, "--keep", "google"]);
    assert_eq!(code(&done), 0, "{}", err(&done));
    assert!(
        place
            .sql(&format!("SELECT phones FROM customers WHERE id = '{EVA}'"))
            .contains("+420602")
    );
}

#[test]
fn a_customer_is_unlinked_and_linked_by_command() {
    let (place, tenant) = place();
    let act = |act: &str, customer: &str, more: &[&str]| {
        place.run(&[&["customer", "contact", act, "--tenant", &tenant, customer], more].concat())
    };
    assert_eq!(out(&act("show", EVA, &[])), format!("{EVA}: linked, people/c1\n"));
    assert_eq!(out(&act("show", JAN, &[])), format!("{JAN}: matching\n"));
    assert_eq!(code(&act("create", EVA, &[])), 1, "it is linked already");
    let asks = act("unlink", EVA, &["--restore"]);
    assert!(code(&asks) == 2 && err(&asks).contains("--yes"), "{}", err(&asks));
    let unknown = act("unlink", EVA, &["--restore", "--yes"]);
    assert!(
        code(&unknown) == 1 && err(&unknown).contains("is not known"),
        "{}",
        err(&unknown)
    );
    assert_eq!(
        out(&act("unlink", EVA, &[])),
        format!("{EVA}: unlinked (unlinked), people/c1\n")
    );
    let wrong = act("link", EVA, &["c1"]);
    assert!(code(&wrong) == 2 && err(&wrong).contains("hint:"), "{}", err(&wrong));
    assert_eq!(code(&act("link", EVA, &["people/c1"])), 0);
    let shown = place.json(&["customer", "contact", "show", "--tenant", &tenant, EVA]);
    assert_eq!(
        shown,
        json!({"customer_id": EVA, "state": "matching", "reason": null, "contact_id": null})
    );
    let nobody = act("show", USER, &[]);
    assert!(
        code(&nobody) == 1 && err(&nobody).contains("no such customer"),
        "{}",
        err(&nobody)
    );
}
