//! The backends that keep the contract.

use std::sync::Arc;

use super::{
    super::{MemoryBackend, Opener, SqliteBackend, Store, backend::Bounds},
    keeps_the_contract,
    unreliable_backends::FaultyBackend,
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

/// A backend that takes little at once: most pushes are staged.
mod bounded {
    use super::*;

    async fn new() -> ((), Store) {
        let bounds = Bounds { operations: 12, ..Bounds::NONE };
        let backend = MemoryBackend::bounded(bounds);
        ((), Store::open(Arc::new(backend)).await.unwrap())
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
