//! The backends that keep the contract.

use std::sync::Arc;

use super::{
    super::{MemoryBackend, Opener, SqliteBackend, Store},
    doubles::FaultyBackend,
    keeps_the_contract,
};

mod memory {
    use super::*;

    async fn new() -> ((), Store) {
        let backend = MemoryBackend::new(usize::MAX);
        ((), Store::open(Arc::new(backend)).await.unwrap())
    }

    keeps_the_contract!(new);
}

mod sqlite {
    use super::*;

    async fn new() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("docket.db");
        let backend = SqliteBackend::open(&path, &Opener::for_tests()).unwrap();
        (folder, Store::open(Arc::new(backend)).await.unwrap())
    }

    keeps_the_contract!(new);
}

/// Conflicts, lost answers and refusals that a caller never learns of.
mod faulty {
    use super::*;

    async fn new() -> ((), Store) {
        let backend = FaultyBackend::over(Arc::new(MemoryBackend::new(usize::MAX)), 11);
        ((), Store::open(Arc::new(backend)).await.unwrap())
    }

    keeps_the_contract!(new);
}
