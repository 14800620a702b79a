//! What only a store in a file does.

use tempfile::TempDir;

use super::SqliteStore;
use crate::store::contract::keeps_the_contract;

fn new() -> (TempDir, SqliteStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&directory.path().join("docket.db")).unwrap();
    (directory, store)
}

keeps_the_contract!(new);
