//! The built binary as an operator meets it: exit codes, streams, refusals, what is shown once.
mod cli_support;

use cli_support::{Place, accord, code, err, out};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

#[test]
fn config_check_lists_every_problem_at_once_and_exits_with_2() {
    let place = Place::new();
    place.configure("[sync]\nschedule = \"never\"\nconflict = \"newest\"\n[web]\nport = 80\n");
    let output = place.run(&["config", "check"]);
    assert_eq!(code(&output), 2);
    for part in ["sync.schedule", "sync.conflict", "web.port", "3 problems", "hint:"] {
        assert!(err(&output).contains(part), "{part}: {}", err(&output));
    }
    assert_eq!(out(&output), "", "problems are not data");
}

#[test]
fn config_check_says_what_serving_still_needs() {
    let output = Place::new().run(&["config", "check"]);
    assert_eq!(code(&output), 2);
    assert!(
        err(&output).contains("google.client_id") && err(&output).contains("google.client_secret"),
        "{}",
        err(&output)
    );
}

#[test]
fn config_show_masks_secrets_in_text_and_in_json() {
    let place = Place::new();
    place.configure("[google]\nclient_id = \"our-id\"\nclient_secret = \"hush-hush\"\n");
    let text = place.run(&["config", "show"]);
    assert_eq!(code(&text), 0, "{}", err(&text));
    assert!(
        out(&text).contains("our-id") && !out(&text).contains("hush-hush"),
        "{}",
        out(&text)
    );
    let shown = place.json(&["config", "show"]);
    assert_eq!(shown["google"]["client_secret"], "********");
}

#[test]
fn wrong_usage_exits_with_2_and_help_with_0() {
    assert_eq!(code(&accord(&["tenant", "create"])), 2);
    assert_eq!(code(&accord(&["no-such-command"])), 2);
    assert_eq!(code(&accord(&["tenant", "show", "not-an-id"])), 2);
    let help = accord(&["--help"]);
    assert_eq!(code(&help), 0);
    assert!(out(&help).contains("demo"), "{}", out(&help));
    assert_eq!(code(&accord(&["--version"])), 0);
}

#[test]
fn an_unknown_kind_of_database_is_refused_without_quoting_its_password() {
    let place = Place::new();
    fs::write(
        place.path("accord.toml"),
        "[database]\nurl = \"mysql://root:hush-hush@db/accord\"\n",
    )
    .unwrap();
    let output = place.run(&["status"]);
    assert_eq!(code(&output), 2);
    assert!(
        err(&output).contains("mysql") && err(&output).contains("sqlite"),
        "{}",
        err(&output)
    );
    assert!(!err(&output).contains("hush-hush"), "{}", err(&output));
}

#[test]
fn a_new_tenant_shows_its_key_once() {
    let place = Place::migrated();
    let made = place.json(&["tenant", "create", "Kaval", "--admin-email", "admin@kaval.example"]);
    let (id, key) = (made["id"].as_str().unwrap(), made["api_key"].as_str().unwrap());
    assert!(key.starts_with("accord_"), "{key}");
    let listed = place.run(&["--json", "tenant", "list"]);
    assert!(out(&listed).contains(id) && !out(&listed).contains(key));
    let shown = place.run(&["tenant", "show", id]);
    assert!(
        out(&shown).contains("admin@kaval.example") && !out(&shown).contains(key),
        "{}",
        out(&shown)
    );
    let secret = key.rsplit('_').next().unwrap();
    let database = fs::read(place.path("accord.db")).unwrap();
    assert!(!database.windows(secret.len()).any(|window| window == secret.as_bytes()));
}

#[test]
fn a_setting_is_changed_goes_back_to_its_default_and_nonsense_is_refused() {
    let place = Place::migrated();
    let made = place.json(&["tenant", "create", "Kaval", "--admin-email", "admin@kaval.example"]);
    let id = made["id"].as_str().unwrap();
    let set = place.json(&["tenant", "set", id, "conflict=ask", "brake_min=20", "name=Kaval Ltd"]);
    assert_eq!(
        (
            &set["settings"]["conflict"],
            &set["settings"]["brake_min"],
            &set["name"]
        ),
        (&"ask".into(), &20.into(), &"Kaval Ltd".into())
    );
    let back = place.json(&["tenant", "set", id, "conflict="]);
    assert_eq!(back["settings"]["conflict"], "origin");
    let refused = place.run(&["tenant", "set", id, "conflict=newest", "colour=red"]);
    assert_eq!(code(&refused), 2);
    assert!(
        err(&refused).contains("conflict") && err(&refused).contains("colour"),
        "{}",
        err(&refused)
    );
}

#[test]
fn a_user_gets_a_one_time_address() {
    let place = Place::migrated();
    let tenant = place.json(&["tenant", "create", "Kaval", "--admin-email", "admin@kaval.example"])["id"].clone();
    let tenant = tenant.as_str().unwrap();
    let user = place.json(&[
        "user",
        "create",
        "--tenant",
        tenant,
        "--name",
        "Jana",
        "--email",
        "jana@kaval.example",
    ]);
    let link = place.run(&["user", "connect", "--tenant", tenant, user["id"].as_str().unwrap()]);
    assert_eq!(code(&link), 0, "{}", err(&link));
    assert!(
        out(&link).starts_with("http://127.0.0.1:8080/connect/"),
        "{}",
        out(&link)
    );
    assert_eq!(out(&link).lines().count(), 1, "the address is the only data");
}

#[test]
fn a_database_of_a_newer_accord_is_left_alone() {
    let place = Place::new();
    assert_eq!(code(&place.run(&["migrate"])), 0);
    let sql = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', 1, x'00', 0)";
    let done = Command::new("sqlite3")
        .arg(place.path("accord.db"))
        .arg(sql)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", err(&done));
    let output = place.run(&["status"]);
    assert_eq!(code(&output), 1);
    assert!(
        err(&output).contains("9999") && err(&output).contains("newer"),
        "{}",
        err(&output)
    );
}

#[test]
fn a_missing_key_file_stops_a_database_that_needs_it() {
    let place = Place::migrated().with_sealed_value();
    fs::remove_file(place.path("accord.key")).unwrap();
    let output = place.run(&["status"]);
    assert_eq!(code(&output), 1);
    assert!(err(&output).contains("restore it from your backup"), "{}", err(&output));
    assert!(!place.path("accord.key").exists(), "no other key takes its place");
}

#[test]
fn a_key_file_that_others_can_read_is_refused() {
    let place = Place::migrated();
    assert_eq!(code(&place.run(&["tenant", "list"])), 0);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (mode(&place.path("accord.key")), mode(&place.path("accord.db"))),
        (0o600, 0o600)
    );
    fs::set_permissions(place.path("accord.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let output = place.run(&["tenant", "list"]);
    assert_eq!(code(&output), 1);
    assert!(err(&output).contains("chmod 600"), "{}", err(&output));
}

#[test]
fn a_rotated_key_joins_the_old_one() {
    let place = Place::migrated();
    assert_eq!(code(&place.run(&["tenant", "list"])), 0);
    let rotated = place.json(&["key", "rotate"]);
    assert_ne!(rotated["old"], rotated["new"]);
    let keys = fs::read_to_string(place.path("accord.key")).unwrap();
    for id in [&rotated["old"], &rotated["new"]] {
        assert!(keys.contains(id.as_str().unwrap()), "{id}");
    }
}

#[test]
fn an_api_key_is_ended_by_its_id_with_or_without_hyphens() {
    let place = Place::migrated();
    let made = place.json(&["tenant", "create", "Kaval", "--admin-email", "admin@kaval.example"]);
    let tenant = made["id"].as_str().unwrap();
    for without in [true, false] {
        let key = place.json(&["tenant", "key", tenant]);
        let mut id = key["key_id"].as_str().unwrap().to_owned();
        if without {
            id.retain(|c| c != '-');
        }
        assert_eq!(code(&place.run(&["tenant", "key", tenant, "--revoke", &id])), 0);
    }
}

#[test]
fn sqlite_has_no_sql_roles_and_says_what_that_means() {
    let place = Place::migrated();
    let made = place.json(&["tenant", "create", "Kaval", "--admin-email", "admin@kaval.example"]);
    let output = place.run(&["tenant", "sql-role", made["id"].as_str().unwrap()]);
    assert_eq!(code(&output), 2);
    assert!(err(&output).contains("fully trusted"), "{}", err(&output));
}

#[test]
fn doctor_changes_nothing_and_names_what_is_in_the_way() {
    let place = Place::new();
    // Nobody listens at port 9 of this machine.
    let google = "http://127.0.0.1:9";
    place.configure(&format!(
        "[google]\ntoken_url = \"{google}\"\ncalendar_url = \"{google}\"\nuserinfo_url = \"{google}\"\n"
    ));
    let output = place.run(&["doctor"]);
    assert_eq!(code(&output), 1, "{}", out(&output));
    for part in ["google.client_id", "not made yet", "127.0.0.1:9", "firewall"] {
        assert!(out(&output).contains(part), "{part}: {}", out(&output));
    }
    assert!(!place.path("accord.db").exists() && !place.path("accord.key").exists());
}

#[test]
fn only_serve_and_migrate_touch_the_schema() {
    let place = Place::new();
    let output = place.run(&["tenant", "list"]);
    assert_eq!(code(&output), 1);
    assert!(
        err(&output).contains("not made yet") && err(&output).contains("accord migrate"),
        "{}",
        err(&output)
    );
    assert!(!place.path("accord.db").exists() && !place.path("accord.key").exists());

    let place = Place::migrated();
    let newest = place.sql("SELECT MAX(version) FROM _sqlx_migrations");
    place.sql(&format!("DELETE FROM _sqlx_migrations WHERE version = {newest}"));
    for command in [&["status"][..], &["tenant", "list"], &["key", "rotate"]] {
        let output = place.run(command);
        assert_eq!(code(&output), 1, "{command:?}");
        for part in [
            &format!("needs version {newest}")[..],
            "nothing was changed",
            "accord migrate",
        ] {
            assert!(err(&output).contains(part), "{part}: {}", err(&output));
        }
    }
    let left = place
        .sql("SELECT MAX(version) FROM _sqlx_migrations")
        .parse::<i64>()
        .unwrap();
    assert!(left < newest.parse().unwrap(), "nothing was migrated");
    assert!(!place.path("accord.key").exists());
}

#[test]
fn what_does_not_exist_is_never_an_empty_answer() {
    let place = Place::migrated();
    let tenant = place.tenant();
    let nobody = "0190f3c4-5b1e-7cc0-9d3a-6f1f2b7c8d9e";
    let unknown_tenant: &[&[&str]] = &[
        &["status", "--tenant", nobody],
        &["account", "list", "--tenant", nobody],
        &["conflict", "list", "--tenant", nobody],
        &["question", "list", "--tenant", nobody],
        &["user", "list", "--tenant", nobody],
        &[
            "user",
            "create",
            "--tenant",
            nobody,
            "--name",
            "Jana",
            "--email",
            "j@kaval.example",
        ],
        &["tenant", "show", nobody],
        &["tenant", "set", nobody, "conflict=ask"],
        &["tenant", "key", nobody],
        &["tenant", "key", nobody, "--list"],
        &["tenant", "key", nobody, "--revoke", nobody],
    ];
    let unknown_thing: &[&[&str]] = &[
        &["account", "show", "--tenant", &tenant, nobody],
        &["account", "pause", "--tenant", &tenant, nobody],
        &["account", "resume", "--tenant", &tenant, nobody],
        &["account", "disconnect", "--tenant", &tenant, nobody, "--yes"],
        &["sync", "run", "--tenant", &tenant, nobody],
        &["sync", "plan", "--tenant", &tenant, nobody],
        &["sync", "resync", "--tenant", &tenant, nobody],
        &["sync", "retry", "--tenant", &tenant, nobody],
        &["sync", "approve", "--tenant", &tenant, nobody, "--yes"],
        &["question", "list", "--tenant", &tenant, "--user", nobody],
        &["question", "answer", "--tenant", &tenant, nobody, "apply"],
        &["conflict", "show", "--tenant", &tenant, nobody],
        &["conflict", "resolve", "--tenant", &tenant, nobody, "--keep", "app"],
        &["user", "connect", "--tenant", &tenant, nobody],
        &["tenant", "key", &tenant, "--revoke", nobody],
    ];
    for (commands, said) in [(unknown_tenant, "no such tenant"), (unknown_thing, "there is no such")] {
        for command in commands {
            let output = place.run(command);
            assert_eq!(code(&output), 1, "{command:?}: {}", err(&output));
            assert!(
                err(&output).contains(said) && err(&output).contains("hint:"),
                "{command:?}: {}",
                err(&output)
            );
            assert_eq!(out(&output), "", "{command:?}");
        }
    }
}

#[test]
fn what_is_said_wrongly_is_wrong_usage() {
    let place = Place::migrated();
    let tenant = place.tenant();
    let wrong: &[&[&str]] = &[
        &["conflict", "list", "--tenant", &tenant, "--state", "bogus"],
        &["conflict", "list", "--tenant", &tenant, "--booking", "x"],
        &["conflict", "list", "--tenant", "x"],
        &["question", "answer", "--tenant", &tenant, "x", "apply"],
        &["sync", "retry", "--tenant", &tenant, "x"],
        &["status", "--tenant", "x"],
        &["tenant", "create", " ", "--admin-email", "admin@kaval.example"],
        &["tenant", "create", "Kaval", "--admin-email", "nobody"],
        &[
            "tenant",
            "create",
            "Kaval",
            "--admin-email",
            "a@kaval.example",
            "--time-zone",
            "Mars",
        ],
        &["tenant", "set", &tenant, "name="],
        &["tenant", "set", &tenant, "conflict"],
        &["tenant", "set", &tenant, "=x"],
        &["tenant", "key", &tenant, "--revoke", "x"],
        &["tenant", "key", &tenant, "--list", "--revoke", &tenant],
        &[
            "user",
            "create",
            "--tenant",
            &tenant,
            "--name",
            "",
            "--email",
            "j@kaval.example",
        ],
        &[
            "user", "create", "--tenant", &tenant, "--name", "Jana", "--email", "jana",
        ],
        &[
            "user",
            "create",
            "--tenant",
            &tenant,
            "--name",
            "Jana",
            "--email",
            "j@kaval.example",
            "--time-zone",
            "Mars",
        ],
        &["user", "connect", "--tenant", &tenant, "x"],
        &["sandbox", "--listen", "somewhere"],
        &["sandbox", "--listen", "0.0.0.0:0"],
        &["sandbox", "--listen", "127.0.0.1:0", "--user", "nobody"],
        &[
            "sandbox",
            "--listen",
            "127.0.0.1:0",
            "--user",
            "a@example.com",
            "--user",
            "a@example.com",
        ],
        &["sandbox", "--listen", "127.0.0.1:0", "--redirect-uri", "nowhere"],
        &["sandbox", "--listen", "127.0.0.1:0", "--client-id", ""],
    ];
    for command in wrong {
        let output = place.run(command);
        assert_eq!(code(&output), 2, "{command:?}: {}", err(&output));
        assert!(err(&output).contains("error:"), "{command:?}: {}", err(&output));
        assert_eq!(out(&output), "", "{command:?}");
    }
}

#[test]
fn the_keys_of_a_tenant_are_listed_with_their_use_and_their_end() {
    let place = Place::migrated();
    let made = place.json(&["tenant", "create", "Kaval", "--admin-email", "admin@kaval.example"]);
    let (tenant, first) = (made["id"].as_str().unwrap(), made["key_id"].as_str().unwrap());
    let second = place.json(&["tenant", "key", tenant]);
    assert_eq!(code(&place.run(&["tenant", "key", tenant, "--revoke", first])), 0);
    let listed = place.json(&["tenant", "key", tenant, "--list"]);
    let keys = listed.as_array().unwrap();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0]["key_id"], first);
    assert!(keys[0]["revoked_at"].is_string() && keys[0]["created_at"].is_string());
    assert_eq!(
        (&keys[1]["key_id"], &keys[1]["revoked_at"], &keys[1]["last_used_at"]),
        (&second["key_id"], &Value::Null, &Value::Null)
    );
    let text = out(&place.run(&["tenant", "key", tenant, "--list"]));
    assert!(text.contains("LAST USED") && text.contains(first), "{text}");
    assert!(!text.contains("accord_") && !listed.to_string().contains("accord_"));
    let told = out(&place.run(&["tenant", "create", "Kaval", "--admin-email", "admin@kaval.example"]));
    assert!(told.contains("key id"), "{told}");
}

#[test]
fn doctor_names_the_key_that_the_file_lacks() {
    let place = Place::migrated().with_sealed_value();
    let output = place.run(&["doctor"]);
    assert!(out(&output).contains("lacks the key 00000000"), "{}", out(&output));
    assert_eq!(code(&output), 1);
    place.sql("DELETE FROM idempotency_keys");
    let output = place.run(&["doctor"]);
    assert!(out(&output).contains("has every key in use"), "{}", out(&output));
}

#[test]
fn listening_to_the_network_is_warned_of_everywhere() {
    let place = Place::migrated();
    let open = "[web]\nlisten = \"0.0.0.0:8080\"\n[google]\nclient_id = \"x\"\nclient_secret = \"y\"\ntoken_url = \"http://127.0.0.1:9\"\n";
    place.configure(&format!(
        "{open}calendar_url = \"http://127.0.0.1:9\"\nuserinfo_url = \"http://127.0.0.1:9\"\n"
    ));
    let output = place.run(&["config", "check"]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    assert!(
        err(&output).contains("warning: web.listen") && err(&output).contains("TLS proxy"),
        "{}",
        err(&output)
    );
    let output = place.run(&["doctor"]);
    assert!(
        out(&output).contains("web.listen") && out(&output).contains("TLS proxy"),
        "{}",
        out(&output)
    );
    place.configure("[google]\nclient_id = \"x\"\nclient_secret = \"y\"\n");
    assert!(!err(&place.run(&["config", "check"])).contains("warning"));
}
