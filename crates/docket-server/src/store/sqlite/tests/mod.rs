//! What only a store in a file does.

mod copying;
mod faults;
mod homes;
mod opening;
mod outputs;
mod reopening;
mod writing;

use std::{
    path::{Path, PathBuf},
    sync::mpsc,
};

use docket_model::run::{Reason, RunState};
use tempfile::TempDir;

use super::{Opener, SqliteStore};
use crate::store::{Store, contract::keeps_the_contract};

fn new() -> (TempDir, SqliteStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).unwrap();
    (directory, store)
}

keeps_the_contract!(new);

/// Where the store of a test is.
fn path(directory: &TempDir) -> PathBuf {
    directory.path().join("docket.db")
}

fn open(directory: &TempDir) -> Result<SqliteStore, super::OpenError> {
    SqliteStore::open(&path(directory), &Opener::for_tests())
}

/// Looks into the file as anybody could with `sqlite3`.
fn number(path: &Path, query: &str) -> i64 {
    let sql = rusqlite::Connection::open(path).unwrap();
    sql.query_row(query, [], |row| row.get(0)).unwrap()
}

/// Keeps the thread that writes busy until what is returned is dropped.
fn occupy(store: &SqliteStore) -> mpsc::Sender<()> {
    let (started, starts) = mpsc::channel();
    let (release, released) = mpsc::channel();
    store.writer.tell(move |_| {
        let _: Result<_, _> = started.send(());
        let _: Result<(), _> = released.recv();
        Ok(())
    });
    starts.recv().unwrap();
    release
}

/// The names of everything in a directory, in order.
fn files(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.unwrap().file_name().into_string().unwrap()
    };
    let mut names: Vec<_> = entries.map(name).collect();
    names.sort();
    names
}

#[test]
fn the_conditions_in_sql_say_what_the_states_say() {
    use super::record::{FAILURE, UNDER_WAY};
    let (reason, last) = (Reason::text(""), crate::store::contract::instant(0));
    let until = last.moment();
    let states = [
        RunState::Waiting,
        RunState::Starting,
        RunState::Running,
        RunState::Retrying { reason: reason.clone(), until },
        RunState::Stuck(reason.clone()),
        RunState::Succeeded,
        RunState::Failed(reason.clone()),
        RunState::TimedOut(reason.clone()),
        RunState::Cancelled(reason.clone()),
        RunState::Skipped(reason.clone()),
        RunState::Missed { reason: reason.clone(), last, count: 1 },
        RunState::Lost(reason),
    ];
    let sql = rusqlite::Connection::open_in_memory().unwrap();

    for state in states {
        let query = format!("SELECT {UNDER_WAY}, {FAILURE} FROM (SELECT ?1 AS state)");
        let said: (bool, bool) =
            sql.query_row(&query, [state.word()], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        assert_eq!(said, (!state.is_over(), state.is_failure()), "{}", state.word());
    }
}

#[test]
fn the_index_of_runs_under_way_is_of_use() {
    let (directory, store) = new();
    let plan = format!("EXPLAIN QUERY PLAN SELECT * FROM runs WHERE {}", super::record::UNDER_WAY);
    let sql = rusqlite::Connection::open(path(&directory)).unwrap();
    let told: String = sql.query_row(&plan, [], |row| row.get(3)).unwrap();

    assert!(told.contains("runs_under_way"), "{told}");
    assert_eq!(store.about().kind, format!("sqlite:{}", path(&directory).display()));
}
