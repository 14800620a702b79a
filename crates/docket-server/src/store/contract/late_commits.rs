//! Commits that arrive a second time, after others.

use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;

use super::{
    super::{
        MemoryBackend, Store,
        backend::{Backend, Batch, CommitError, Revision, Term},
        hooked_backend::Hooks,
    },
    moment, push_a,
};

/// A backend that remembers the requests to commit.
#[derive(Debug)]
struct Remembering {
    backend: MemoryBackend,
    requests: Mutex<Vec<(Arc<Batch>, Term)>>,
}

#[async_trait]
impl Hooks for Remembering {
    fn backend(&self) -> &dyn Backend {
        &self.backend
    }

    async fn commits(&self, batch: Arc<Batch>, term: Term) -> Result<Revision, CommitError> {
        self.requests.lock().push((Arc::clone(&batch), term));
        self.backend.commit(batch, term).await
    }
}

#[tokio::test]
async fn no_commit_is_made_again_where_its_request_arrives_a_second_time() {
    let backend = MemoryBackend::new(usize::MAX);
    let backend = Arc::new(Remembering { backend, requests: Mutex::default() });
    let store = Store::open(Arc::clone(&backend) as _).await.unwrap();
    // It depends on nothing that it reads.
    store.alive(moment(10)).await.unwrap();
    push_a(&store).await;
    store.alive(moment(20)).await.unwrap();
    let requests = std::mem::take(&mut *backend.requests.lock());

    let mut repeated = Vec::new();
    for (batch, term) in &requests {
        repeated.push(backend.backend.commit(Arc::clone(batch), *term).await);
    }

    assert!(requests.len() >= 3, "{requests:?}");
    for outcome in repeated {
        assert!(matches!(outcome, Err(CommitError::Conflict(_))), "{outcome:?}");
    }
}
