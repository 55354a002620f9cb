//! The list of sealed columns against the schema itself: a column that is forgotten there would keep its old keys for ever.
mod support;

use accord::args;
use accord::store::sealed::COLUMNS;
use accord::store::{Backend, Db, migrate};
use std::collections::BTreeSet;
use std::fs;
use support::postgres::both_databases;

/// The names that the code knows.
fn listed() -> BTreeSet<(String, String)> {
    let names = COLUMNS
        .iter()
        .map(|column| (column.table.to_owned(), column.column.to_owned()));
    names.collect()
}

both_databases! {
    async fn every_column_that_is_called_sealed_is_listed_and_no_other(url: String) {
        let db = match url.strip_prefix("sqlite://") {
            Some(path) => Db::open_sqlite(path.as_ref()).await,
            None => Db::open_postgres(&url).await,
        };
        let db = db.unwrap();
        migrate(&db).await.unwrap();
        let sql = match db.backend() {
            Backend::Sqlite => "SELECT m.name AS tab, c.name AS col, lower(c.type) AS kind FROM sqlite_master m, \
                pragma_table_info(m.name) c WHERE m.type = 'table'",
            Backend::Postgres => "SELECT CAST(table_name AS TEXT) AS tab, CAST(column_name AS TEXT) AS col, \
                CAST(data_type AS TEXT) AS kind FROM information_schema.columns WHERE table_schema = current_schema()",
        };
        let mut tx = db.read().await.unwrap();
        let all = tx.fetch_all(sql, args![]).await.unwrap();
        assert!(all.len() > 100, "the schema has {} columns", all.len());
        let mut found = BTreeSet::new();
        for row in &all {
            let (table, column, kind) = (row.text("tab").unwrap(), row.text("col").unwrap(), row.text("kind").unwrap());
            if column.contains("sealed") {
                assert!(kind == "blob" || kind == "bytea", "{table}.{column} is {kind}");
                assert!(column.ends_with("_sealed"), "{table}.{column}");
                found.insert((table, column));
            }
        }
        assert_eq!(found, listed());
        // Each of them can be asked for and found by its row, so the names of the rows are right, too.
        assert!(accord::store::sealed::headers(&mut tx).await.unwrap().is_empty());
        for column in &COLUMNS {
            accord::store::sealed::not_begun_with(&mut tx, column, &[0; 5], 1).await.unwrap();
        }
    }
}

/// `(table, column)` of every column whose comment says that it holds something sealed or encrypted.
fn said_to_be_sealed(text: &str) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    let mut table = String::new();
    for line in text.lines() {
        let (code, comment) = line.split_once("--").unwrap_or((line, ""));
        let words: Vec<&str> = code.split_whitespace().collect();
        match words.as_slice() {
            ["CREATE", "TABLE", name, ..] => table = (*name).to_owned(),
            ["ALTER", "TABLE", name, "ADD", "COLUMN", column, ..] if says_sealed(comment) => {
                found.insert(((*name).to_owned(), (*column).to_owned()));
            }
            [column, _, ..] if !table.is_empty() && says_sealed(comment) => {
                found.insert((table.clone(), (*column).to_owned()));
            }
            _ => {}
        }
    }
    found
}

fn says_sealed(comment: &str) -> bool {
    let comment = comment.to_lowercase();
    comment.contains("sealed") || comment.contains("encrypted")
}

#[test]
fn no_column_is_said_to_be_sealed_without_being_listed() {
    let sample = "CREATE TABLE t (\n    a BLOB, -- sealed\n    b TEXT -- plain\n);\nALTER TABLE u ADD COLUMN c BLOB; -- encrypted";
    let pair = |table: &str, column: &str| (table.to_owned(), column.to_owned());
    assert_eq!(
        said_to_be_sealed(sample),
        BTreeSet::from([pair("t", "a"), pair("u", "c")])
    );
    for kind in ["sqlite", "postgres"] {
        let folder = format!("{}/migrations/{kind}", env!("CARGO_MANIFEST_DIR"));
        for file in fs::read_dir(folder).unwrap() {
            let file = file.unwrap().path();
            for column in said_to_be_sealed(&fs::read_to_string(&file).unwrap()) {
                assert!(listed().contains(&column), "{column:?} of {}", file.display());
            }
        }
    }
}
