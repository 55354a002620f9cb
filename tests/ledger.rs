//! The ledger on both databases: rows are only added, every manipulation is found, nothing personal is in it.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]
mod ledger_support;
mod support;

use accord::args;
use accord::domain::ids::TenantId;
use accord::domain::ledger::{Salts, first_hash, hex, next_hash};
use accord::domain::seal::{KeyId, KeyRing, SealingKey};
use accord::engine::Engine;
use accord::engine::ledger::{Event, append, erase, log_heads, message_owner, recipient_owner, verify};
use accord::mail::compose::compose;
use accord::store::ledger::insert_salts;
use chrono::DateTime;
use ledger_support::office::audit;
use ledger_support::{Book, HOUR_MS, START_MS, booking, err, letter, message, out, user};
use serde_json::Value;
use std::fs;
use std::sync::Arc;
use support::postgres::{both_databases, fresh_sqlite};
use zeroize::Zeroizing;

const KEY: [u8; 32] = [7; 32];

fn proposed<'a>(last: u8, address: &'a str, at: i64) -> Event<'a> {
    Event::Proposed {
        message: message(last),
        booking: booking(1),
        user: user(1),
        kind: "confirmation",
        recipient_key: &KEY,
        address,
        content_hash: letter(last, address).hash(),
        expires_at: at + 24 * HOUR_MS,
    }
}

/// Proposed, approved, sent; then a row about somebody else. Eight rows.
async fn eight_rows(book: &Book) {
    let (at, address) = (book.at(), "eva@example.com");
    let content_hash = letter(1, address).hash();
    book.note(proposed(1, address, at)).await;
    let notice = Event::Notice {
        message: message(9),
        kind: "consent_request",
        recipient_key: &[8; 32],
        address: "ana@kaval.example",
        content_hash: [9; 32],
    };
    book.note(notice).await;
    book.note(Event::Prompted {
        message: message(1),
        notice: message(9),
    })
    .await;
    book.note(Event::Approved {
        message: message(1),
        user: user(1),
        how: "mailbox",
        key_id: None,
        content_hash,
        expires_at: at + 24 * HOUR_MS,
    })
    .await;
    book.note(Event::Sending {
        message: message(1),
        class: "customer",
        attempt: 1,
        recipient_key: &KEY,
        address,
        content_hash,
    })
    .await;
    book.note(Event::Result {
        message: message(1),
        attempt: 1,
        result: "accepted",
        answer_code: Some(250),
    })
    .await;
    book.note(Event::Suppressed {
        recipient_key: &KEY,
        address: Some(address),
        message: message(1),
    })
    .await;
    book.note(Event::Paused { user: user(2) }).await;
}

/// What is done, which rows are named, and a word about it.
type Case = (&'static [&'static str], &'static [Option<i64>], &'static str);

/// The rows that `verify` names, and everything that it says.
async fn found(book: &Book) -> (Vec<Option<i64>>, String) {
    let checked = verify(&book.engine, book.tenant, None).await.unwrap();
    let rows = checked.problems.iter().map(|problem| problem.seq).collect();
    (rows, format!("{:?}", checked.problems))
}

both_databases! {
    async fn an_untouched_ledger_verifies_and_names_its_head(url: String) {
        let book = Book::new(&url).await;
        let output = book.accord(&["ledger", "verify"]);
        assert_eq!((output.status.code(), out(&output).as_str()), (Some(0), "there is no ledger yet\n"));
        eight_rows(&book).await;
        let checked = verify(&book.engine, book.tenant, None).await.unwrap();
        assert_eq!((checked.rows, checked.seq, checked.problem_count), (8, 8, 0), "{:?}", checked.problems);

        let output = book.accord(&["ledger", "verify"]);
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        assert_eq!(out(&output), format!("tenant {}: 8 rows, head 8:{}\n", book.tenant, checked.hash));
        assert!(err(&output).contains("cannot be told without a head from outside"), "{}", err(&output));

        let (tenant, head) = (book.tenant.to_string(), format!("8:{}", checked.hash));
        let output = book.accord(&["ledger", "verify", "--tenant", &tenant, "--head", &head]);
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        assert!(err(&output).contains("nothing was cut off\n"), "{}", err(&output));
        book.note(Event::Resumed { user: user(2) }).await;
        let output = book.accord(&["ledger", "verify", "--tenant", &tenant, "--head", &head, "--json"]);
        let shown: Value = serde_json::from_str(&out(&output)).unwrap();
        assert_eq!((&shown[0]["sure_to"], &shown[0]["seq"]), (&8.into(), &9.into()));
        assert!(err(&output).contains("up to row 8"), "{}", err(&output));
        for wrong in ["8", "8:00", "-1:00", "x:00"] {
            let output = book.accord(&["ledger", "verify", "--tenant", &tenant, "--head", wrong]);
            assert_eq!(output.status.code(), Some(2), "{wrong}");
        }
        log_heads(&book.engine).await.unwrap();
    }

    async fn rows_can_only_be_added(url: String) {
        let book = Book::new(&url).await;
        eight_rows(&book).await;
        let mut refused: Vec<&'static str> = vec![
            "UPDATE ledger SET entry = '{}' WHERE seq = 3",
            "UPDATE ledger SET seq = seq + 100",
            "DELETE FROM ledger WHERE seq = 8",
            "DELETE FROM ledger",
        ];
        if book.is_postgres() {
            refused.extend([
                "TRUNCATE ledger",
                "INSERT INTO ledger SELECT tenant_id, seq, at, '{}', hash FROM ledger WHERE seq = 3 \
                 ON CONFLICT (tenant_id, seq) DO UPDATE SET entry = excluded.entry",
            ]);
        } else {
            refused.push("INSERT OR REPLACE INTO ledger SELECT tenant_id, seq, at, '{}', hash FROM ledger WHERE seq = 3");
        }
        for sql in refused {
            let error = book.try_sql(sql, args![]).await.expect_err(sql);
            assert!(error.contains("ledger: rows are only added"), "{sql}: {error}");
        }
        assert_eq!(found(&book).await.0, []);
    }

    async fn every_manipulation_is_found_where_it_is(url: String) {
        let copy_back: &'static str = "INSERT INTO ledger SELECT tenant_id, seq, at, entry, hash FROM kept";
        let cases: &[Case] = &[
            (&["UPDATE ledger SET entry = replace(entry, 'mailbox', 'sign_in') WHERE seq = 4"], &[Some(4)], "was changed"),
            (&["UPDATE ledger SET at = at - 1 WHERE seq = 2"], &[Some(2)], "time"),
            (&["UPDATE ledger SET hash = (SELECT hash FROM kept WHERE seq = 1) WHERE seq = 6"], &[Some(6), Some(7)], "was changed"),
            (&["UPDATE ledger SET entry = 'nonsense' WHERE seq = 5"], &[Some(5), Some(5)], "no entry"),
            (&["DELETE FROM ledger WHERE seq = 4"], &[Some(4)], "is missing"),
            (&["DELETE FROM ledger WHERE seq IN (4, 5)"], &[Some(4)], "up to row 5"),
            (&["DELETE FROM ledger WHERE seq = 1"], &[Some(1)], "is missing"),
            (&["DELETE FROM ledger WHERE seq > 6"], &[None], "cut off"),
            (&["DELETE FROM ledger WHERE seq = 3", "UPDATE ledger SET seq = seq - 1 WHERE seq > 3"],
                &[Some(3), Some(3), Some(4), Some(5), Some(6), Some(7), None], "moved"),
            (&["UPDATE ledger SET seq = 100 WHERE seq = 6", "UPDATE ledger SET seq = 6 WHERE seq = 5", "UPDATE ledger SET seq = 5 WHERE seq = 100"],
                &[Some(5), Some(5), Some(6), Some(6), Some(7)], "moved"),
            (&["INSERT INTO ledger SELECT tenant_id, 0, at, entry, hash FROM kept WHERE seq = 1"], &[Some(0)], "too many"),
            (&["INSERT INTO ledger SELECT tenant_id, 9, at, entry, hash FROM kept WHERE seq = 8"], &[Some(9), Some(9), None], "row 8"),
            (&["UPDATE ledger_heads SET seq = 7"], &[None, None], "no good code"),
            (&["UPDATE ledger_heads SET hash = (SELECT hash FROM kept WHERE seq = 7)"], &[None, None], "another hash"),
            (&["UPDATE ledger_heads SET mac = hash"], &[None], "no good code"),
            (&["DELETE FROM ledger WHERE seq > 7", "UPDATE ledger_heads SET seq = 7, hash = (SELECT hash FROM kept WHERE seq = 7)"],
                &[None], "no good code"),
            (&["DELETE FROM ledger_heads"], &[None], "the head was removed"),
            (&["DELETE FROM ledger"], &[None], "cut off"),
        ];
        let book = Book::new(&url).await;
        eight_rows(&book).await;
        book.drop_triggers().await;
        book.sql("CREATE TABLE kept AS SELECT * FROM ledger", args![]).await;
        book.sql("CREATE TABLE kept_heads AS SELECT * FROM ledger_heads", args![]).await;
        for (changes, rows, says) in cases {
            for sql in *changes {
                assert!(book.sql(sql, args![]).await > 0, "{sql} does nothing");
            }
            let (named, text) = found(&book).await;
            assert_eq!(named, *rows, "{changes:?}: {text}");
            assert!(text.contains(says), "{changes:?}: {text}");
            let output = book.accord(&["ledger", "verify", "--tenant", &book.tenant.to_string()]);
            assert_eq!(output.status.code(), Some(1), "{changes:?}");
            assert!(out(&output).contains(says), "{}", out(&output));
            for sql in ["DELETE FROM ledger", copy_back, "DELETE FROM ledger_heads", "INSERT INTO ledger_heads SELECT * FROM kept_heads"] {
                book.sql(sql, args![]).await;
            }
            assert_eq!(found(&book).await.0, [], "it was put back");
        }
    }

    async fn a_chain_made_anew_lacks_the_code_of_its_head(url: String) {
        let book = Book::new(&url).await;
        eight_rows(&book).await;
        book.drop_triggers().await;
        // Somebody with all of the database and this source, but not the key file.
        let mut tx = book.engine.db.begin().await.unwrap();
        let rows = tx.fetch_all("SELECT seq, entry FROM ledger ORDER BY seq", args![]).await.unwrap();
        let mut hash = first_hash(book.tenant).to_vec();
        for row in &rows {
            let entry = row.text("entry").unwrap().replace("mailbox", "sign_in");
            hash = next_hash(&hash, &entry).to_vec();
            let values = args![row.int("seq").unwrap(), &entry, hash.clone()];
            tx.execute("UPDATE ledger SET entry = $2, hash = $3 WHERE seq = $1", values).await.unwrap();
        }
        tx.execute("UPDATE ledger_heads SET hash = $1", args![hash]).await.unwrap();
        tx.commit().await.unwrap();
        let (rows, text) = found(&book).await;
        assert_eq!(rows, [None], "{text}");
        assert!(text.contains("no good code"), "{text}");
    }

    async fn nothing_is_added_to_a_forged_ledger(url: String) {
        let book = Book::new(&url).await;
        eight_rows(&book).await;
        book.drop_triggers().await;
        // The newest row and the head go, and the head before is put in place, as far as one can without the keys.
        book.sql("UPDATE ledger_heads SET seq = 7, hash = (SELECT hash FROM ledger WHERE seq = 7)", args![]).await;
        book.sql("DELETE FROM ledger WHERE seq = 8", args![]).await;
        let mut tx = book.engine.db.begin().await.unwrap();
        let error = append(&book.engine, &mut tx, book.tenant, Event::Paused { user: user(1) }).await.unwrap_err();
        drop(tx);
        assert!(error.to_string().contains("forged") && error.is_about_a_row(), "{error}");
        // Nor does the job make it good.
        log_heads(&book.engine).await.unwrap();
        assert_eq!(found(&book).await.0, [None]);
    }

    async fn heads_move_to_the_newest_key_before_the_older_one_leaves(url: String) {
        let mut book = Book::new(&url).await;
        let key = |id: u8| SealingKey::new(KeyId::from_bytes([id; 4]), Zeroizing::new([id; 32]));
        book.engine.keys = Arc::new(KeyRing::new(key(1), Vec::new()));
        book.note(Event::Paused { user: user(1) }).await;
        book.engine.keys = Arc::new(KeyRing::new(key(2), vec![key(1)]));
        assert_eq!(found(&book).await.0, []);
        let alone = Arc::new(KeyRing::new(key(2), Vec::new()));
        let rotated = Engine { keys: alone, ..book.engine.clone() };
        assert_eq!(verify(&rotated, book.tenant, None).await.unwrap().problem_count, 1);
        log_heads(&book.engine).await.unwrap();
        assert_eq!(verify(&rotated, book.tenant, None).await.unwrap().problem_count, 0);
    }

    async fn a_tail_that_was_cut_with_an_old_head_is_found_by_a_head_from_outside_only(url: String) {
        let book = Book::new(&url).await;
        eight_rows(&book).await;
        book.sql("CREATE TABLE old_head AS SELECT * FROM ledger_heads", args![]).await;
        book.note(Event::Resumed { user: user(2) }).await;
        let noted = verify(&book.engine, book.tenant, None).await.unwrap();
        book.drop_triggers().await;
        for sql in ["DELETE FROM ledger WHERE seq = 9", "DELETE FROM ledger_heads", "INSERT INTO ledger_heads SELECT * FROM old_head"] {
            book.sql(sql, args![]).await;
        }
        let (tenant, head) = (book.tenant.to_string(), format!("9:{}", noted.hash));
        let output = book.accord(&["ledger", "verify", "--tenant", &tenant]);
        assert_eq!(output.status.code(), Some(0));
        assert!(err(&output).contains("cannot be told"), "{}", err(&output));
        let output = book.accord(&["ledger", "verify", "--tenant", &tenant, "--head", &head]);
        assert_eq!(output.status.code(), Some(1));
        assert!(out(&output).contains("row 9 was noted outside"), "{}", out(&output));
    }

    async fn many_writers_make_no_gap_and_no_two_rows_of_one_number(url: String) {
        const WRITERS: i64 = 6;
        const ROWS: i64 = 15;
        let book = Book::new(&url).await;
        let writer = |engine: Engine, tenant: TenantId, writer: i64| async move {
            for row in 0..ROWS {
                let mut tx = engine.db.begin().await.unwrap();
                // All of them about one recipient, so that they meet at its salt, too.
                let last = u8::try_from(writer * ROWS + row).unwrap();
                append(&engine, &mut tx, tenant, proposed(last, "eva@example.com", 0)).await.unwrap();
                // Every third is given up.
                if row % 3 == 2 { drop(tx) } else { tx.commit().await.unwrap() }
            }
        };
        let tasks: Vec<_> = (0..WRITERS).map(|n| tokio::spawn(writer(book.engine.clone(), book.tenant, n))).collect();
        for task in tasks {
            task.await.unwrap();
        }
        let checked = verify(&book.engine, book.tenant, None).await.unwrap();
        assert_eq!((checked.rows, checked.problem_count), (WRITERS * ROWS / 3 * 2, 0), "{:?}", checked.problems);
        let mut tx = book.engine.db.read().await.unwrap();
        let salts = tx.fetch_all("SELECT owner FROM ledger_salts WHERE owner LIKE 'recipient:%'", args![]).await.unwrap();
        assert_eq!(salts.len(), 1);
    }

    async fn tenants_have_ledgers_of_their_own(url: String) {
        let mut book = Book::new(&url).await;
        eight_rows(&book).await;
        let first = book.tenant;
        book.tenant = TenantId(book.engine.fresh_uuid());
        book.add_tenant(book.tenant).await;
        eight_rows(&book).await;
        let output = book.accord(&["ledger", "verify"]);
        assert_eq!(out(&output).lines().count(), 2, "{}", out(&output));
        assert!(!book.export().contains(&first.to_string()));
        // A ledger under another tenant's name is another ledger.
        book.drop_triggers().await;
        for sql in ["DELETE FROM ledger WHERE tenant_id = $1", "DELETE FROM ledger_heads WHERE tenant_id = $1"] {
            book.sql(sql, args![book.tenant]).await;
        }
        for sql in ["UPDATE ledger SET tenant_id = $1", "UPDATE ledger_heads SET tenant_id = $1"] {
            book.sql(sql, args![book.tenant]).await;
        }
        let (rows, text) = found(&book).await;
        assert_eq!(rows, [Some(1), None], "{text}");
    }

    async fn erased_salts_leave_the_chain_whole_and_are_in_no_export(url: String) {
        let book = Book::new(&url).await;
        eight_rows(&book).await;
        let (recipient, content) = (recipient_owner(&KEY), message_owner(message(1)));
        assert!(book.export().contains(&recipient) && book.export().contains(&content));
        let mut tx = book.engine.db.begin().await.unwrap();
        assert_eq!(erase(&mut tx, book.tenant, &[recipient.clone(), content.clone()]).await.unwrap(), 2);
        tx.commit().await.unwrap();
        assert_eq!(found(&book).await.0, []);
        let export = book.export();
        assert!(!export.contains(&recipient) && !export.contains(&content), "{export}");
        assert!(export.contains("\"salt\":\"message:"), "the others are there");
        // The next row about them has a new salt: nobody can tell that it is about the same one.
        book.note(Event::Suppressed { recipient_key: &KEY, address: None, message: message(1) }).await;
        let entries: Vec<Value> = entries(&book.export());
        assert_ne!(entries[0]["recipient"], entries[8]["recipient"]);
    }

    async fn nothing_personal_is_in_an_export(url: String) {
        use proptest::strategy::{Strategy, ValueTree};
        let book = Book::new(&url).await;
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let mut personal = Vec::new();
        for last in 0..25 {
            let person = ("[A-ZÁÉ][a-zéß]{4,9} [A-Z][a-zñ]{5,12}", "[a-z]{4,9}[.+][a-zü0-9]{4,9}@[g-z]{6,10}\\.example");
            let (name, address) = person.new_tree(&mut runner).unwrap().current();
            let mut about = letter(last, &address);
            about.to.name.clone_from(&name);
            let content_hash = about.hash();
            book.note(proposed(last, &address, book.at())).await;
            // A caller who mistakes a text for a word.
            book.note(Event::Withdrawn { message: message(last), by: &address, reason: &name }).await;
            book.note(Event::Sending { message: message(last), class: "customer", attempt: 1, recipient_key: &KEY, address: &address, content_hash }).await;
            book.note(Event::Suppressed { recipient_key: &KEY, address: Some(&address), message: message(last) }).await;
            let words = [name.split(' ').map(str::to_owned).collect(), vec![address.clone(), hex(&content_hash), name]];
            personal.extend(words.concat());
            personal.extend(address.split('@').map(str::to_owned));
        }
        let export = book.export();
        assert_eq!(export.lines().filter(|line| line.contains("\"entry\":")).count(), 100);
        for text in personal {
            assert!(!export.contains(&text), "{text} is in the export");
        }
    }
}

/// The entries of an export.
fn entries(export: &str) -> Vec<Value> {
    let lines = export.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let entries = lines.filter_map(|line| Some(serde_json::from_str(line["entry"].as_str()?).unwrap()));
    entries.collect()
}

both_databases! {
    async fn an_export_can_begin_later_and_long_ones_are_whole(url: String) {
        let book = Book::new(&url).await;
        let mut tx = book.engine.db.begin().await.unwrap();
        // More than two pages.
        for _ in 0..2100 {
            append(&book.engine, &mut tx, book.tenant, Event::Paused { user: user(1) }).await.unwrap();
        }
        tx.commit().await.unwrap();
        assert_eq!(found(&book).await.0, []);
        let export = book.export();
        assert_eq!(export.lines().count(), 2101);
        let rows: Vec<Value> = export.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(rows[0]["before"], hex(&first_hash(book.tenant)));
        assert_eq!((&rows[0]["head"]["seq"], &rows[0]["head"]["hash"]), (&2100.into(), &rows[2100]["hash"]));
        let tenant = book.tenant.to_string();
        let later = book.accord(&["ledger", "export", "--tenant", &tenant, "--from", "2099"]);
        let later: Vec<Value> = out(&later).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((later.len(), &later[1]["seq"]), (3, &2099.into()));
        assert_eq!((&later[0]["from"], &later[0]["before"]), (&2099.into(), &rows[2098]["hash"]));
        let beyond = book.accord(&["ledger", "export", "--tenant", &tenant, "--from", "2102"]);
        assert_eq!(beyond.status.code(), Some(1), "there is nothing to begin with");
        for wrong in [vec!["ledger", "export"], vec!["ledger", "export", "--tenant", &tenant, "--from", "0"]] {
            assert_eq!(book.accord(&wrong).status.code(), Some(2));
        }
        let nobody = book.accord(&["ledger", "export", "--tenant", "0190f3c4-5b1e-7cc0-9d3a-0000000000ff"]);
        assert_eq!(nobody.status.code(), Some(1));
    }
}

/// The text of a block of the manual.
fn block<'a>(manual: &'a str, kind: &str) -> &'a str {
    let (_, rest) = manual.split_once(&format!("```{kind}\n")).expect("the block");
    rest.split_once("```").expect("its end").0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_of_the_manual_is_true() {
    let database = fresh_sqlite();
    let mut book = Book::new(database.url()).await;
    let key = SealingKey::new(KeyId::from_bytes([0, 192, 255, 238]), Zeroizing::new([6; 32]));
    book.engine.keys = Arc::new(KeyRing::new(key, Vec::new()));
    let address = "eva@example.com";
    let salts: Salts = [
        (recipient_owner(&KEY), vec![1; 32]),
        (message_owner(message(1)), vec![2; 32]),
    ]
    .into();
    let mut tx = book.engine.db.begin().await.unwrap();
    insert_salts(&mut tx, book.tenant, &salts).await.unwrap();
    tx.commit().await.unwrap();
    let (content_hash, expires_at) = (letter(1, address).hash(), START_MS + 24 * HOUR_MS);
    book.note(proposed(1, address, START_MS)).await;
    let approved = Event::Approved {
        message: message(1),
        user: user(1),
        how: "mailbox",
        key_id: None,
        content_hash,
        expires_at,
    };
    book.note(approved).await;
    let sending = Event::Sending {
        message: message(1),
        class: "customer",
        attempt: 1,
        recipient_key: &KEY,
        address,
        content_hash,
    };
    book.note(sending).await;
    let at = book.at();
    book.note(Event::Result {
        message: message(1),
        attempt: 1,
        result: "accepted",
        answer_code: Some(250),
    })
    .await;
    let composed = compose(&letter(1, address), DateTime::from_timestamp_millis(at).unwrap()).unwrap();
    let mail = String::from_utf8(composed.bytes().to_vec()).unwrap();

    let manual = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/ledger.md")).unwrap();
    let manual = manual.as_str();
    assert_eq!(block(manual, "eml"), mail.replace("\r\n", "\n"));
    assert_eq!(block(manual, "jsonl"), book.export());
    assert!(
        manual.contains(&format!("`{}`", hex(&content_hash))),
        "{}",
        hex(&content_hash)
    );
    // The auditor agrees with what stands there.
    let (mails, ledger) = (book.path("mails"), book.path("ledger.jsonl"));
    fs::create_dir(&mails).unwrap();
    fs::write(mails.join("1.eml"), block(manual, "eml").replace('\n', "\r\n")).unwrap();
    fs::write(
        mails.join("1.json"),
        format!(r#"{{"from":"post@kaval.example","to":["{address}"],"at":{at}}}"#),
    )
    .unwrap();
    fs::write(&ledger, block(manual, "jsonl")).unwrap();
    assert!(audit(&mails, &ledger).is_empty());
}
