//! The rules of the house that the compiler does not hold.
//!
//! Each room imports only rooms to its left; every file says why it exists; SQL stays in `store`, HTTP clients in
//! `google`, HTTP servers in `web`; the sandbox shares nothing with what it tests. The checker reads source text as
//! tokens, without comments and strings, and is itself tested with the tricks it must see through.
#![expect(clippy::unwrap_used, reason = "a test that panics fails, which is right")]
use std::fs;
use std::path::{Path, PathBuf};

/// Every room with the rooms it may import. What is not listed here is no room.
const ROOMS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("config", &["domain"]),
    ("templates", &["domain"]),
    ("lifecycle", &["domain", "config"]),
    ("store", &["domain", "config", "templates"]),
    ("google", &["domain", "config", "templates"]),
    ("mail", &["domain", "config", "templates"]),
    ("engine", &["domain", "config", "templates", "store", "google", "mail"]),
    (
        "jobs",
        &[
            "domain",
            "config",
            "templates",
            "store",
            "google",
            "mail",
            "engine",
            "lifecycle",
        ],
    ),
    (
        "web",
        &[
            "domain",
            "config",
            "templates",
            "store",
            "google",
            "mail",
            "engine",
            "lifecycle",
        ],
    ),
    (
        "app",
        &[
            "domain",
            "config",
            "templates",
            "store",
            "google",
            "mail",
            "engine",
            "jobs",
            "web",
            "lifecycle",
        ],
    ),
    (
        "cli",
        &[
            "domain",
            "config",
            "templates",
            "store",
            "google",
            "mail",
            "engine",
            "jobs",
            "web",
            "lifecycle",
            "app",
            "sandbox",
        ],
    ),
    // Written from Google's documents, so that a wrong belief in `google` cannot hide behind the same belief here.
    ("sandbox", &[]),
    ("main", &["cli"]),
];

/// Crates that belong to some rooms.
const CRATES: &[(&[&str], &[&str])] = &[
    (&["sqlx"], &["store"]),
    (
        &["hyper", "hyper_util", "hyper_rustls", "http_body_util"],
        &["google", "sandbox"],
    ),
    (&["oauth2", "google_calendar3"], &["google"]),
    (&["lettre", "icalendar"], &["mail"]),
    // Reads the mails that `mail` wrote, for the sandbox's mailbox; nothing that sends may lean on it.
    (&["mail_parser"], &["sandbox"]),
    (&["mrml"], &["templates"]),
    (
        &["axum", "axum_extra", "tower", "tower_http", "utoipa", "utoipa_axum"],
        &["web", "sandbox"],
    ),
    (&["clap"], &["cli"]),
    // The templates are rendered in one place; pages hand their values over in its type.
    (&["minijinja"], &["templates", "web", "sandbox"]),
];

#[test]
fn every_file_keeps_to_the_rules_of_its_room() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&source, &mut files);
    assert!(
        files.len() > 10,
        "only {} files found below {}",
        files.len(),
        source.display()
    );
    let mut broken = Vec::new();
    for file in files {
        let path = file.strip_prefix(&source).unwrap().to_str().unwrap();
        broken.extend(check(path, &fs::read_to_string(&file).unwrap()));
    }
    assert!(
        broken.is_empty(),
        "{} rules are broken:\n{}",
        broken.len(),
        broken.join("\n")
    );
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// What is wrong with one file; `path` is relative to `src`.
fn check(path: &str, text: &str) -> Vec<String> {
    let mut broken = Vec::new();
    if !text.starts_with("//!") {
        broken.push(format!("{path}: begins without `//!` and what the file is for"));
    }
    let mut modules: Vec<&str> = path.trim_end_matches(".rs").split('/').collect();
    if modules.last() == Some(&"mod") {
        modules.pop();
    }
    if modules == ["lib"] {
        return broken;
    }
    let room = modules[0];
    let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else {
        broken.push(format!("{path}: `{room}` is not a room of the house"));
        return broken;
    };
    let tokens = tokens(text);
    for import in imports(&tokens, modules.len()) {
        let is_fine = match &import {
            // Exported macros live at the root of the crate, whichever room wrote them.
            Import::Room(name) if name == "args" => room == "store" || allowed.contains(&"store"),
            Import::Room(name) => name == room || allowed.contains(&name.as_str()),
            Import::Everything => false,
        };
        if !is_fine {
            broken.push(format!("{path}: `{room}` must not import {import}"));
        }
    }
    // What a test reads a result with is not what the room is built on.
    let is_test = path.ends_with("/tests.rs");
    for (names, rooms) in CRATES.iter().filter(|_| !is_test) {
        for name in *names {
            // A crate is named before `::`, or alone in a `use`.
            let is_used = tokens.windows(2).any(|pair| pair[0] == *name && pair[1] == "::")
                || tokens.windows(2).any(|pair| pair[0] == "use" && pair[1] == *name);
            if is_used && !rooms.contains(&room) {
                broken.push(format!("{path}: the crate `{name}` belongs to {}", rooms.join(", ")));
            }
        }
    }
    broken
}

#[derive(Debug, PartialEq, Eq)]
enum Import {
    /// Something of this room, or what only looks like one (`crate::Thing`).
    Room(String),
    /// `crate::*`, or the crate itself under another name.
    Everything,
}

impl std::fmt::Display for Import {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Room(name) => write!(f, "`{name}`"),
            Self::Everything => f.write_str("the whole crate"),
        }
    }
}

/// Every way in which a file reaches the root of the crate, and what it takes there. `depth` is the number of modules
/// between the root and the file.
fn imports(tokens: &[String], depth: usize) -> Vec<Import> {
    let mut found = Vec::new();
    // For every open brace, whether it opened an inline module.
    let mut braces: Vec<bool> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let token = tokens[at].as_str();
        match token {
            "{" => braces.push(at >= 2 && tokens[at - 2] == "mod"),
            "}" => {
                braces.pop();
            }
            "crate" | "accord" if is_start(tokens, at) => match tokens.get(at + 1).map(String::as_str) {
                Some("::") => take(tokens, at + 2, &mut found),
                Some("as") => found.push(Import::Everything),
                _ if at > 0 && tokens[at - 1] == "use" => found.push(Import::Everything),
                _ => {}
            },
            "super" => {
                let deep = depth + braces.iter().filter(|is_module| **is_module).count();
                let mut supers = 1;
                while tokens.get(at + 1).is_some_and(|next| next == "::")
                    && tokens.get(at + 2).is_some_and(|next| next == "super")
                {
                    supers += 1;
                    at += 2;
                }
                if supers >= deep {
                    match tokens.get(at + 1).map(String::as_str) {
                        Some("::") => take(tokens, at + 2, &mut found),
                        Some("as") => found.push(Import::Everything),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// Whether a name begins a path: nothing before it, or a `::` that itself follows no name.
fn is_start(tokens: &[String], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).map_or("", |at| tokens[at].as_str());
    before(1) != "::" || !before(2).starts_with(|c: char| c.is_alphanumeric() || c == '_') || before(2) == "use"
}

/// What a path takes from the root: one name, or the first names of a group.
fn take(tokens: &[String], at: usize, found: &mut Vec<Import>) {
    let Some(first) = tokens.get(at) else { return };
    if first != "{" {
        return found.push(named(first));
    }
    let (mut depth, mut is_first) = (0, true);
    for token in &tokens[at..] {
        match token.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            "," if depth == 1 => is_first = true,
            name if depth == 1 && is_first => {
                found.push(named(name));
                is_first = false;
            }
            _ => {}
        }
        if depth == 0 {
            return;
        }
    }
}

fn named(token: &str) -> Import {
    if matches!(token, "*" | "self") {
        Import::Everything
    } else {
        Import::Room(token.to_owned())
    }
}

/// Names and punctuation; comments, strings, characters and lifetimes are left out. `::` is one token.
fn tokens(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let starts = |at: usize, what: &str| what.chars().enumerate().all(|(i, c)| chars.get(at + i) == Some(&c));
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let mut found: Vec<String> = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let c = chars[at];
        if starts(at, "//") {
            while at < chars.len() && chars[at] != '\n' {
                at += 1;
            }
        } else if starts(at, "/*") {
            let mut depth = 0;
            loop {
                if starts(at, "/*") {
                    (depth, at) = (depth + 1, at + 2);
                } else if starts(at, "*/") {
                    (depth, at) = (depth - 1, at + 2);
                } else {
                    at += 1;
                }
                if depth == 0 || at >= chars.len() {
                    break;
                }
            }
        } else if is_name(c) {
            let start = at;
            while at < chars.len() && is_name(chars[at]) {
                at += 1;
            }
            let name: String = chars[start..at].iter().collect();
            let hashes = chars[at..].iter().take_while(|c| **c == '#').count();
            let is_raw_string = matches!(name.as_str(), "r" | "br" | "cr") && chars.get(at + hashes) == Some(&'"');
            if is_raw_string {
                let end = format!("\"{}", "#".repeat(hashes));
                at += hashes + 1;
                while at < chars.len() && !starts(at, &end) {
                    at += 1;
                }
                at += end.len();
            } else if name == "r" && hashes == 1 {
                // `r#name` is the name.
                at += 1;
            } else {
                found.push(name);
            }
        } else if c == '"' {
            at += 1;
            while at < chars.len() && chars[at] != '"' {
                at += if chars[at] == '\\' { 2 } else { 1 };
            }
            at += 1;
        } else if c == '\'' {
            // 'x' and '\n' are characters, 'x without an end is a lifetime.
            if chars.get(at + 1) == Some(&'\\') {
                at += 3;
                while at < chars.len() && chars[at] != '\'' {
                    at += 1;
                }
                at += 1;
            } else {
                at += if chars.get(at + 2) == Some(&'\'') { 3 } else { 1 };
            }
        } else if starts(at, "::") {
            // A leading `::` names a crate of others; after a name it continues a path.
            found.push("::".to_owned());
            at += 2;
        } else {
            if !c.is_whitespace() {
                found.push(c.to_string());
            }
            at += 1;
        }
    }
    found
}

#[cfg(test)]
mod the_checker {
    use super::*;

    #[track_caller]
    fn refuses(path: &str, code: &str, part: &str) {
        let broken = check(path, &format!("//! Why.\n{code}"));
        assert_eq!(broken.len(), 1, "{code}\n{broken:?}");
        assert!(broken[0].contains(part), "{code}\n{broken:?}");
    }

    #[track_caller]
    fn accepts(path: &str, code: &str) {
        let broken = check(path, &format!("//! Why.\n{code}"));
        assert!(broken.is_empty(), "{code}\n{broken:?}");
    }

    #[test]
    fn finds_every_spelling_of_a_forbidden_import() {
        let part = "`domain` must not import `store`";
        for code in [
            "use crate::store::Db;",
            "use crate::store;",
            "pub use crate :: store as memory;",
            "use {crate::store::Db, std::fmt};",
            "use crate::{domain::Zone as _, store::{Db, Row}};",
            "use crate::{domain::{time, ids}, store};",
            "fn f() { crate::store::Db::open(); }",
            "use crate/* hidden */::store::Db;",
            "use crate::r#store::Db;",
            "use ::accord::store::Db;",
            "use super::super::store::Db;",
            "mod tests { use super::super::super::store::Db; }",
            "use super::super::{domain::ids, store::Db};",
            "fn f() -> Vec<crate::store::Db> { let c = '\"'; Vec::new() }",
            "fn f<'a>(x: &'a str) { crate::store::f(x) }",
        ] {
            refuses("domain/booking.rs", code, part);
        }
        refuses("domain/mod.rs", "use super::store::Db;", part);
        refuses("app.rs", "use super::cli;", "`app` must not import `cli`");
    }

    #[test]
    fn finds_ways_around_names() {
        for code in [
            "use crate::*;",
            "use crate as all;",
            "use crate::{self as all};",
            "use super::super::*;",
            "use accord as all;",
        ] {
            refuses("domain/booking.rs", code, "the whole crate");
        }
    }

    #[test]
    fn finds_neighbours_the_sandbox_and_unknown_rooms() {
        refuses(
            "store/scopes.rs",
            "use crate::google::Client;",
            "`store` must not import `google`",
        );
        refuses(
            "web/api/mod.rs",
            "use crate::jobs::tick;",
            "`web` must not import `jobs`",
        );
        refuses(
            "config/mod.rs",
            "use crate::templates;",
            "`config` must not import `templates`",
        );
        refuses(
            "sandbox/calendar/mod.rs",
            "use crate::domain::event::Event;",
            "`sandbox` must not import `domain`",
        );
        refuses(
            "app.rs",
            "use crate::sandbox::server;",
            "`app` must not import `sandbox`",
        );
        refuses("utils.rs", "", "`utils` is not a room");
    }

    #[test]
    fn finds_crates_outside_of_their_rooms() {
        refuses("engine/pull.rs", "fn f(row: &sqlx::Row) {}", "`sqlx` belongs to store");
        refuses(
            "engine/pull.rs",
            "use hyper_util::client::legacy::Client;",
            "belongs to google, sandbox",
        );
        refuses("store/mod.rs", "use axum::Json;", "belongs to web, sandbox");
        refuses("web/mod.rs", "use sqlx;", "`sqlx` belongs to store");
        refuses(
            "mail/compose.rs",
            "use mail_parser::MessageParser;",
            "belongs to sandbox",
        );
    }

    #[test]
    fn finds_a_file_that_does_not_say_why_it_exists() {
        assert_eq!(check("domain/ids.rs", "use std::fmt;\n//! Late.").len(), 1);
        assert_eq!(check("lib.rs", "pub mod app;").len(), 1);
    }

    #[test]
    fn accepts_what_is_allowed_and_what_only_looks_forbidden() {
        accepts("engine/pull.rs", "use crate::{domain::{ids, plan}, store::Db, google};");
        accepts(
            "domain/booking.rs",
            "use super::ids::Id; mod tests { use super::*; use super::super::ids; }",
        );
        accepts("domain/mod.rs", "mod tests { use super::*; }");
        accepts("domain/booking.rs", "pub(crate) fn f() { super::time::now() }");
        accepts(
            "domain/booking.rs",
            "// crate::store::Db\n/* crate::store /* nested */ crate::web */ fn f() {}",
        );
        accepts(
            "domain/booking.rs",
            "const A: &str = \"crate::store::Db \\\" sqlx::query\"; const B: &str = r#\"crate::web\"#;",
        );
        accepts("domain/booking.rs", "macro_rules! m { () => { $crate::domain::f() } }");
        accepts("domain/booking.rs", "fn store(web: u8) -> u8 { web } mod store {}");
        accepts(
            "sandbox/server.rs",
            "use crate::sandbox::wire::Call; use axum::Router; use hyper::body::Body;",
        );
        accepts("main.rs", "fn main() { accord::cli::run() }");
    }
}
