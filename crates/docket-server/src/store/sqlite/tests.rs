//! What only a store in a file does.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use super::SqliteStore;
use crate::store::contract;

#[tokio::test]
async fn the_sqlite_store_keeps_the_contract() {
    let directory = tempfile::tempdir().unwrap();
    let number = AtomicU32::new(0);

    contract::all(|| {
        let name = format!("{}.db", number.fetch_add(1, Ordering::Relaxed));
        Arc::new(SqliteStore::open(&directory.path().join(name)).unwrap())
    })
    .await;
}
