//! Full disks, locks and damage: reported in words, and nothing half done.

use std::{fs::OpenOptions, os::unix::fs::FileExt as _, path::Path, time::Duration};

use futures_util::TryStreamExt as _;
use rusqlite::Connection;

use super::{commit, instant, meta, name, new, number, occupy, open, outputs, path, set, value};
use crate::store::backend::{Backend as _, CommitError, Key, Write};

/// Bounds the file as a full disk would.
fn allow_pages(store: &super::SqliteBackend, pages: i64) {
    store.writer.act(move |sql| {
        sql.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(())).unwrap();
    });
}

fn many(count: usize) -> impl Iterator<Item = Write> {
    (0..count).map(|number| set(&format!("new{number}"), &"x".repeat(100)))
}

#[tokio::test]
async fn on_a_full_disk_nothing_changes_and_the_words_say_so() {
    let (directory, store, term) = new().await;
    commit(&store, term, [set("a", "1")]).await.unwrap();
    allow_pages(&store, 1);

    let refused = commit(&store, term, many(1000)).await;
    let after_the_refusal = value(&store, "new0").await;
    allow_pages(&store, 1_000_000);
    let accepted = commit(&store, term, many(1000)).await;

    let Err(CommitError::Rejected(words)) = refused else { panic!("{refused:?}") };
    let expected = format!("no space is left for `{}`", path(&directory).display());
    assert!(words.starts_with(&expected), "{words}");
    assert_eq!(after_the_refusal, None);
    assert_eq!(value(&store, "new999").await.unwrap().0, accepted.unwrap());
}

#[tokio::test]
async fn what_fits_on_a_nearly_full_disk_is_written_beside_what_does_not() {
    let (_directory, store, term) = new().await;
    let pages = number(&store.path, "PRAGMA page_count");
    allow_pages(&store, pages + 3);
    let release = occupy(&store);

    let (large, small, ()) = tokio::join!(
        commit(&store, term, many(1000)),
        commit(&store, term, [set("a", "1")]),
        async { drop(release) }
    );

    assert!(matches!(large, Err(CommitError::Rejected(_))), "{large:?}");
    assert_eq!(value(&store, "a").await, Some((small.unwrap(), "1".to_owned())));
}

#[tokio::test]
async fn the_transaction_of_another_program_is_waited_for_and_then_named() {
    let (directory, store, term) = new().await;
    store.writer.act(|sql| sql.busy_timeout(Duration::from_millis(1)).unwrap());
    let other = Connection::open(path(&directory)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();

    let refused = commit(&store, term, [set("a", "1")]).await;
    let readable = value(&store, "a").await;
    other.execute_batch("COMMIT").unwrap();

    let Err(CommitError::Unwritable(words)) = refused else { panic!("{refused:?}") };
    assert!(words.starts_with("another program holds `"), "{words}");
    assert_eq!(readable, None);
    assert!(commit(&store, term, [set("a", "1")]).await.is_ok());
}

/// Overwrites the page at which a table or an index begins with zeros.
fn damage(path: &Path, table: &str) {
    let root = format!("SELECT rootpage FROM sqlite_schema WHERE name = '{table}'");
    let page = u64::try_from(number(path, &root)).unwrap();
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(&[0; 4096], (page - 1) * 4096).unwrap();
}

#[tokio::test]
async fn a_damaged_file_is_refused_in_words() {
    for table in ["meta", "items", "specifications", "statuses", "journal"] {
        let (directory, store, term) = new().await;
        commit(&store, term, [set("a", "1")]).await.unwrap();
        drop(store);
        damage(&path(&directory), table);

        let refusal = match open(&directory) {
            Err(refusal) => refusal.to_string(),
            Ok(store) => store.load().try_concat().await.unwrap_err().to_string(),
        };

        let expected = format!("`{}` is damaged", path(&directory).display());
        assert!(refusal.contains(&expected), "{table}: {refusal}");
        assert!(refusal.contains("restore a backup"), "{table}: {refusal}");
    }
}

#[tokio::test]
async fn damage_that_is_met_later_is_an_error_for_those_who_meet_it() {
    for table in ["outputs", "runs"] {
        let (directory, store, term) = new().await;
        commit(&store, term, outputs::with_output("a")).await.unwrap();
        drop(store);
        damage(&path(&directory), table);

        let store = open(&directory).unwrap();
        let term = store.begin_term().await.unwrap();
        let keys = [Key::Run(name("a"), instant(60)), outputs::piece("a", 0)];
        let mut read = Vec::new();
        for key in keys {
            read.push(store.read(vec![key]).await);
        }
        let written = commit(&store, term, outputs::with_output("a")).await;
        let deleted = commit(&store, term, [Write::DeleteRuns(name("a"))]).await;

        let met = read.into_iter().find_map(Result::err).unwrap();
        assert!(met.to_string().contains("is damaged"), "{table}: {met}");
        for outcome in [written, deleted] {
            let Err(CommitError::Rejected(words)) = outcome else { panic!("{table}: {outcome:?}") };
            assert!(words.contains("is damaged"), "{table}: {words}");
        }
        assert!(commit(&store, term, [set("a", "1")]).await.is_ok(), "{table}");
    }
}

#[tokio::test]
async fn a_value_that_docket_never_wrote_is_damage_too() {
    let (directory, store, term) = new().await;
    commit(&store, term, outputs::with_output("a")).await.unwrap();
    let sql = Connection::open(path(&directory)).unwrap();
    sql.execute_batch("UPDATE runs SET value = json_set(value, '$.State', 'asleep')").unwrap();
    drop(sql);

    let read = store.read(vec![Key::Run(name("a"), instant(60))]).await.unwrap_err().to_string();

    assert!(read.contains("is damaged") && read.contains("unknown variant `asleep`"), "{read}");
}

#[tokio::test]
async fn items_of_collections_that_only_a_later_docket_knows_are_left_alone() {
    let (directory, store, term) = new().await;
    commit(&store, term, [set("a", "1")]).await.unwrap();
    drop(store);
    let sql = Connection::open(path(&directory)).unwrap();
    sql.execute_batch("INSERT INTO items VALUES ('colours', 'blue', 1, '{}')").unwrap();
    drop(sql);

    let store = open(&directory).unwrap();

    let keys: Vec<_> = super::loaded(&store).await.into_iter().map(|(key, ..)| key).collect();
    assert_eq!(keys, [meta("a")]);
}
