//! The runs of one term: their records, their queues, and the term itself.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use docket_model::run::RunId;
use uuid::Uuid;

use super::{runs_under_way::AllocationQueues, store_access::StoreAccess};
use crate::{
    store::{End, PartProgress, StoreError},
    term_tasks::{Stopped, Term},
};

/// Reads and writes the records of runs, and lets those know who wait for news of them. Clones share the
/// queues.
#[derive(Debug, Clone)]
pub(crate) struct RunRecords {
    pub(crate) store: Arc<StoreAccess>,
    pub(crate) term: Term,
    pub(crate) queues: Arc<AllocationQueues>,
}

impl RunRecords {
    /// The time by docket's clock.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.store.now()
    }

    /// Reads or writes, again and again while the store does not do it; ends early with the term.
    pub(crate) async fn durably<T, F>(
        &self,
        write: impl Fn() -> F,
    ) -> Result<Result<T, StoreError>, Stopped>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        self.store.durably(&self.term, write).await
    }

    /// Adds to the record of a run. An error means that there is none any more: the allocation is gone.
    pub(super) async fn note(
        &self,
        id: &RunId,
        uid: Uuid,
        progress: &PartProgress,
        at: DateTime<Utc>,
    ) -> Result<Result<(), StoreError>, Stopped> {
        let noted = self.durably(|| self.store.note(id, uid, progress.clone(), at)).await;
        self.queues.note_progress();
        noted
    }

    /// Records the end of a run, or of a part of it.
    pub(crate) async fn finish(
        &self,
        id: &RunId,
        uid: Uuid,
        end: &End,
    ) -> Result<Result<(), StoreError>, Stopped> {
        let finished = self.durably(|| self.store.finish(id, uid, end.clone())).await;
        self.queues.note_progress();
        finished
    }
}
