//! What only a backend in a file does.

mod committing;
mod copying;
mod faults;
mod file_size;
mod group_commit;
mod loading;
mod moved_files;
mod opening;
mod outputs;
mod reopening;
mod upgrading;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
};

use docket_model::{AllocationName, run::Instant};
use futures_util::{StreamExt as _, TryStreamExt as _};
use tempfile::TempDir;

use super::{Opener, SqliteBackend};
use crate::store::backend::{
    Backend, Batch, Collection, CommitError, Key, Loaded, Record, Revision, Term, Write,
};

/// A new store, and the term of its server.
async fn new() -> (TempDir, SqliteBackend, Term) {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).unwrap();
    let term = store.begin_term().await.unwrap();
    (directory, store, term)
}

/// Where the store of a test is.
fn path(directory: &TempDir) -> PathBuf {
    directory.path().join("docket.db")
}

fn open(directory: &TempDir) -> Result<SqliteBackend, super::OpenError> {
    SqliteBackend::open(&path(directory), &Opener::for_tests())
}

fn name(text: &str) -> AllocationName {
    AllocationName::parse(text).unwrap()
}

fn instant(second: i64) -> Instant {
    Instant::new(chrono::DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap())
}

/// The key of a value that there is once.
fn meta(key: &str) -> Key {
    Key::Item(Collection::Meta, key.to_owned())
}

/// A change of such a value.
fn set(key: &str, value: &str) -> Write {
    Write::Put(meta(key), Record::Item(value.into()))
}

fn batch(writes: impl IntoIterator<Item = Write>) -> Arc<Batch> {
    Arc::new(Batch { writes: writes.into_iter().collect(), expected: Vec::new() })
}

async fn commit(
    store: &SqliteBackend,
    term: Term,
    writes: impl IntoIterator<Item = Write>,
) -> Result<Revision, CommitError> {
    store.commit(batch(writes), term).await
}

/// The text of a value, if it is there, with its revision.
async fn value(store: &SqliteBackend, key: &str) -> Option<(Revision, String)> {
    let (revision, record) = store.read(vec![meta(key)]).await.unwrap().remove(0)?;
    let Record::Item(text) = record else { panic!("{record:?}") };
    Some((revision, text.to_string()))
}

/// All keys but runs and outputs, in their order.
async fn loaded(store: &SqliteBackend) -> Vec<Loaded> {
    let mut all: Vec<_> = store.load().try_concat().await.unwrap();
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all
}

/// How many chunks of keys come when all are loaded.
async fn chunks(store: &SqliteBackend) -> usize {
    store.load().count().await
}

/// Looks into the file as anyone can with `sqlite3`.
fn number(path: &Path, query: &str) -> i64 {
    let sql = rusqlite::Connection::open(path).unwrap();
    sql.query_row(query, [], |row| row.get(0)).unwrap()
}

/// Keeps the thread that writes busy until what is returned is dropped.
fn occupy(store: &SqliteBackend) -> mpsc::Sender<()> {
    let (started, starts) = mpsc::channel();
    let (release, released) = mpsc::channel();
    store.writer.act(move |_| {
        let _: Result<_, _> = started.send(());
        let _: Result<(), _> = released.recv();
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
