//! Pushes that are larger than a backend takes at once, and crashes between their commits.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use docket_model::run::RunState;
use futures_util::StreamExt as _;
use tokio::time::timeout;

use super::{
    super::{
        Effect, EntryFilter, MemoryBackend, Store,
        backend::{Backend, Batch, Bounds, Collection, CommitError, Key, Revision, Term},
        hooked_backend::Hooks,
    },
    carry_out, pushed, specification,
};

const COUNT: usize = 20;

/// A backend that takes eight operations in a commit, and after some commits no further one.
#[derive(Debug)]
struct Crashing {
    backend: Arc<MemoryBackend>,
    left: AtomicUsize,
}

fn small() -> Arc<MemoryBackend> {
    Arc::new(MemoryBackend::bounded(Bounds { operations: 8, ..Bounds::NONE }))
}

#[async_trait]
impl Hooks for Crashing {
    fn backend(&self) -> &dyn Backend {
        &*self.backend
    }

    async fn commits(&self, batch: Arc<Batch>, term: Term) -> Result<Revision, CommitError> {
        let count = |left: usize| left.checked_sub(1);
        match self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, count) {
            Ok(_) => self.backend.commit(batch, term).await,
            Err(_) => Err(CommitError::Unwritable("the server has crashed".to_owned())),
        }
    }
}

async fn push_many(store: &Store) -> Result<Vec<Effect>, super::super::StoreError> {
    let names = (0..COUNT).map(|number| specification(&format!("a{number}"), "* * * * *"));
    store.push(pushed(names.collect(), 0)).await
}

/// How many staged items a backend has.
async fn staged(backend: &MemoryBackend) -> usize {
    let chunks: Vec<_> = backend.load().collect().await;
    let keys = chunks.into_iter().flat_map(Result::unwrap).map(|(key, ..)| key);
    keys.filter(|key| matches!(key, Key::Item(Collection::Staged, _))).count()
}

#[tokio::test]
async fn a_push_that_is_too_large_for_one_commit_is_stored_as_a_whole() {
    let backend = small();
    let store = Store::open(backend.clone()).await.unwrap();

    let effects = push_many(&store).await.unwrap();

    assert_eq!(effects, vec![Effect::Created; COUNT]);
    carry_out(&store, "a7", 60, RunState::Succeeded).await;
    store.close().await;
    let again = Store::open(backend.clone()).await.unwrap();
    assert_eq!(again.statuses(None, 99).len(), COUNT);
    let all = EntryFilter { limit: 99, ..EntryFilter::default() };
    assert_eq!(again.entries(&all), store.entries(&all));
    assert_eq!(staged(&backend).await, 0);
}

#[tokio::test(start_paused = true)]
async fn after_a_crash_between_its_commits_a_push_is_there_as_a_whole_or_not_at_all() {
    let mut outcomes = Vec::new();
    for left in 0.. {
        let backend = small();
        let store = Store::open(backend.clone()).await.unwrap();
        store.close().await;
        let left = AtomicUsize::new(left);
        let crashing = Arc::new(Crashing { backend: backend.clone(), left });
        let store = Store::open(crashing.clone()).await.unwrap();

        let pushed = timeout(Duration::from_secs(60), push_many(&store)).await;

        let again = Store::open(backend.clone()).await.unwrap();
        let count = again.statuses(None, 99).len();
        assert!(count == 0 || count == COUNT, "{count}");
        assert!(count == COUNT || !matches!(pushed, Ok(Ok(_))));
        assert_eq!(staged(&backend).await, 0);
        assert_eq!(push_many(&again).await.map(|effects| effects.len()), Ok(COUNT));
        outcomes.push(count == COUNT);
        if crashing.left.load(Ordering::SeqCst) > 0 {
            break;
        }
    }

    assert!(outcomes.is_sorted(), "{outcomes:?}");
    assert!(outcomes.contains(&false) && outcomes.iter().filter(|it| **it).count() > 2);
}
