//! Full disks, locks and damage: said in words, and nothing half done.

use std::{fs::OpenOptions, os::unix::fs::FileExt as _, path::Path, time::Duration};

use docket_model::{Origin, run::RunState};
use rusqlite::Connection;

use super::{SqliteStore, new, number, open, path};
use crate::store::{
    AllocationStore, ChangeContext, ClaimOutcome, Push, RunStore, Store, StoreError,
    contract::{
        carry_out, claim, end, finish, get, instant, moment, names, push, push_a, pushed, record,
        run, specification,
    },
};

/// Bounds the file as a full disk would.
async fn allow_pages(store: &SqliteStore, pages: i64) {
    let allow = move |work: &mut crate::store::sqlite::work::Work<'_>| {
        Ok(work.sql.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?)
    };
    store.writer.ask(allow).await.unwrap();
}

fn many(count: usize) -> Push {
    let named = |number| specification(&format!("new{number}"), "* * * * *");
    pushed((0..count).map(named).collect(), 1)
}

#[tokio::test]
async fn on_a_full_disk_nothing_changes_and_the_words_say_so() {
    let (directory, store) = new();
    push_a(&store).await;
    let changes = store.changes();
    let _: std::collections::HashMap<_, _> = changes.take();
    allow_pages(&store, 1).await;

    let refused = store.push(many(1000)).await;
    let after_the_refusal = names(&store).await;
    allow_pages(&store, 1_000_000).await;
    let accepted = store.push(many(1000)).await;

    let Err(StoreError::Unwritable(words)) = refused else { panic!("{refused:?}") };
    let expected = format!("no space is left for `{}`", path(&directory).display());
    assert!(words.starts_with(&expected), "{words}");
    assert_eq!(after_the_refusal, ["a"]);
    assert_eq!(accepted.unwrap().len(), 1000);
    assert_eq!(changes.take().len(), 1000);
}

#[tokio::test]
async fn what_fits_on_a_nearly_full_disk_is_written_beside_what_does_not() {
    let (_directory, store) = new();
    push_a(&store).await;
    let id = claim(&store, "a", 60).await.id;
    let next = run(&store, "a", 120, RunState::Starting).await;
    let pages = number(&store.path, "PRAGMA page_count");
    allow_pages(&store, pages + 3).await;
    let release = super::occupy(&store);

    let large = store.push(many(1000));
    let (large, claimed, ended, ()) = tokio::join!(
        large,
        store.claim(next),
        finish(&store, &id, end(RunState::Succeeded, 0, "fine")),
        async { drop(release) }
    );

    assert!(matches!(large, Err(StoreError::Unwritable(_))), "{large:?}");
    assert_eq!((claimed, ended), (Ok(ClaimOutcome::New), Ok(())));
    assert_eq!(record(&store, "a", 60).await.state, RunState::Succeeded);
    assert_eq!(get(&store, "a").await.standing.runs.under_way(), 1);
}

#[tokio::test]
async fn the_transaction_of_another_program_is_waited_for_and_then_named() {
    let (directory, store) = new();
    push_a(&store).await;
    let impatient = |work: &mut crate::store::sqlite::work::Work<'_>| {
        Ok(work.sql.busy_timeout(Duration::from_millis(1))?)
    };
    store.writer.ask(impatient).await.unwrap();
    let due = run(&store, "a", 60, RunState::Starting).await;
    let other = Connection::open(path(&directory)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();

    let refused = store.claim(due.clone()).await;
    let readable = get(&store, "a").await.standing.decided;
    other.execute_batch("COMMIT").unwrap();

    let Err(StoreError::Unwritable(words)) = refused else { panic!("{refused:?}") };
    assert!(words.starts_with("another program holds `"), "{words}");
    assert_eq!(readable, None);
    assert_eq!(store.claim(due).await, Ok(ClaimOutcome::New));
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
    for table in ["allocations", "specifications", "runs", "runs_under_way", "journal", "meta"] {
        let (directory, store) = new();
        push_a(&store).await;
        carry_out(&store, "a", 60, RunState::Succeeded).await;
        drop(store);
        damage(&path(&directory), table);

        let refusal = open(&directory).unwrap_err().to_string();

        let expected = format!("`{}` is damaged", path(&directory).display());
        assert!(refusal.contains(&expected), "{table}: {refusal}");
        assert!(refusal.contains("restore a backup"), "{table}: {refusal}");
    }
}

#[tokio::test]
async fn damage_that_is_met_later_is_an_error_for_those_who_meet_it() {
    let (directory, store) = new();
    push_a(&store).await;
    carry_out(&store, "a", 60, RunState::Succeeded).await;
    let id = claim(&store, "a", 120).await.id;
    drop(store);
    damage(&path(&directory), "outputs");

    let store = open(&directory).unwrap();
    let read = store.output("a", instant(60), 1, 0).await;
    let written = finish(&store, &id, end(RunState::Succeeded, 0, "x")).await;

    assert!(matches!(&read, Err(StoreError::Unreadable(words)) if words.contains("is damaged")));
    assert!(matches!(&written, Err(StoreError::Unreadable(_))), "{written:?}");
    assert_eq!(get(&store, "a").await.standing.runs.under_way(), 1);
    assert!(store.delete("a", &Origin::Api, ChangeContext::new(moment(2), "test")).await.is_err());
    push(&store, Origin::Api, &[("b", "")]).await;
}

#[tokio::test]
async fn a_value_that_docket_never_wrote_is_damage_too() {
    let (directory, store) = new();
    push_a(&store).await;
    carry_out(&store, "a", 60, RunState::Succeeded).await;
    let sql = Connection::open(path(&directory)).unwrap();
    sql.execute_batch("UPDATE runs SET state = 'asleep'").unwrap();
    drop(sql);

    let read = store.get("a").await.unwrap_err();

    assert!(matches!(&read, StoreError::Unreadable(words) if words.contains("`asleep` is")));
}
