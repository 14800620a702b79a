//! Unreliable backends for tests: one that conflicts, loses answers and its term at random, and one that several
//! stores may write in one term.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use async_trait::async_trait;
use parking_lot::Mutex;

use super::super::{
    backend::{Backend, Batch, CommitError, Revision, Term},
    hooked_backend::Hooks,
};

/// A backend that goes wrong at random, from a seed.
#[derive(Debug)]
pub(in crate::store) struct FaultyBackend {
    backend: Arc<dyn Backend>,
    seed: AtomicU64,
    /// The term that all stores over it share, where they may write beside one another.
    shared: Option<Arc<Mutex<Option<Term>>>>,
    /// A request without an answer that comes late: just before the next one.
    late: Mutex<Option<(Arc<Batch>, Term)>>,
    /// True after an answer was lost: the next one is not.
    has_lost: AtomicBool,
    /// True while nothing goes wrong.
    is_calm: AtomicBool,
    /// True where another server may take over at any commit.
    is_contested: bool,
}

impl FaultyBackend {
    /// A double over a backend.
    pub(in crate::store) fn over(backend: Arc<dyn Backend>, seed: u64) -> Self {
        let (has_lost, is_calm) = (AtomicBool::new(false), AtomicBool::new(false));
        let (late, is_contested) = (Mutex::default(), false);
        let seed = AtomicU64::new(seed);
        Self { backend, seed, shared: None, late, has_lost, is_calm, is_contested }
    }

    /// The same, where another server begins a later term now and then.
    pub(in crate::store) fn contested(self) -> Self {
        Self { is_contested: true, ..self }
    }

    /// The same in a term that other stores write in too.
    pub(in crate::store) fn sharing(self, term: &Arc<Mutex<Option<Term>>>) -> Self {
        Self { shared: Some(Arc::clone(term)), ..self }
    }

    /// Nothing goes wrong from now on.
    pub(in crate::store) fn calm(&self) {
        self.is_calm.store(true, Ordering::SeqCst);
    }

    /// A number below `below` (`SplitMix64`).
    fn random(&self, below: u64) -> u64 {
        let seed = self.seed.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::SeqCst);
        let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % below
    }
}

#[async_trait]
impl Hooks for FaultyBackend {
    fn backend(&self) -> &dyn Backend {
        &*self.backend
    }

    async fn begins_term(&self) -> Result<Term, CommitError> {
        let Some(shared) = &self.shared else { return self.backend.begin_term().await };
        let held = *shared.lock();
        if let Some(term) = held {
            return Ok(term);
        }
        let term = self.backend.begin_term().await?;
        *shared.lock() = Some(term);
        Ok(term)
    }

    async fn commits(&self, batch: Arc<Batch>, term: Term) -> Result<Revision, CommitError> {
        // Others have their turn between two commits.
        tokio::task::yield_now().await;
        let chance = if self.is_calm.load(Ordering::SeqCst) { 9 } else { self.random(10) };
        let has_lost = self.has_lost.swap((1..=3).contains(&chance), Ordering::SeqCst);
        let late = self.late.lock().take();
        if let Some((late, term)) = late {
            let _: Result<_, _> = self.backend.commit(late, term).await;
        }
        match (chance, batch.expected.first()) {
            (1..=3, _) if has_lost => self.backend.commit(batch, term).await,
            // Another writer was faster, and what it did was undone again.
            (0, Some((key, _))) => Err(CommitError::Conflict(key.clone())),
            (1, _) => Err(CommitError::Unanswered("the request was lost".to_owned())),
            (2, _) => {
                self.backend.commit(batch, term).await?;
                Err(CommitError::Unanswered("the answer was lost".to_owned()))
            }
            // A writer beside it cannot know whether a request that comes late was made.
            (3, _) if self.shared.is_none() => {
                *self.late.lock() = Some((batch, term));
                Err(CommitError::Unanswered("the request is late".to_owned()))
            }
            (4, _) if self.is_contested => {
                self.backend.begin_term().await?;
                self.backend.commit(batch, term).await
            }
            _ => self.backend.commit(batch, term).await,
        }
    }

    fn is_watched(&self) -> bool {
        true
    }
}
