//! Ends runs before their time: one that waits never starts, one under way gets its stop signal.

use docket_model::run::{Cancellation, Reason, RunId, RunState};
use tracing::warn;
use uuid::Uuid;

use super::{
    runs_of_term::RunRecords,
    runs_under_way::{AllocationQueue, RunHandle},
};
use crate::{
    crash_points::{Point, point},
    store::{End, Progress, StoreError},
};

impl RunRecords {
    /// Ends all runs before the newest that waits. The caller holds the decision lock.
    ///
    /// That the newest waits is on record, so what cannot be written now is wanted again after a
    /// crash.
    pub(super) async fn replace(&self, queue: &AllocationQueue) {
        let mut waiting = queue.all_waiting();
        let Some(newest) = waiting.pop() else { return };
        let reason = Reason::Replaced { newer: newest.id.instant };
        let cancellation = Cancellation { reason: reason.clone(), kill: false };
        for older in queue.under_way() {
            self.cancel_surely(&older, cancellation.clone()).await;
        }
        for older in waiting {
            if let Err(error) = self.give_up_waiting(queue, &older, reason.clone()).await {
                older.span.in_scope(|| warn!(%error, "the end of a waiting run could not be written; cancelling it when its turn comes"));
                // It stays in the queue, because a restart would find it waiting by its record.
                older.cancel(cancellation.clone());
            }
        }
    }

    /// Makes a run under way end, also where that cannot be written.
    pub(super) async fn cancel_surely(&self, handle: &RunHandle, cancellation: Cancellation) {
        if let Err(error) = self.cancel(handle, cancellation.clone()).await {
            handle.span.in_scope(|| warn!(%error, "the cancellation could not be written to the store; stopping the container anyway"));
            handle.cancel(cancellation);
        }
    }

    /// Makes a run under way end; durable before it begins to.
    pub(super) async fn cancel(
        &self,
        handle: &RunHandle,
        cancellation: Cancellation,
    ) -> Result<(), StoreError> {
        // On record before the container is stopped: after a crash the next server stops it by the
        // record.
        self.note_cancelling(&handle.id, handle.allocation.uid, cancellation.clone()).await?;
        point(Point::Cancelling);
        handle.cancel(cancellation);
        Ok(())
    }

    /// Notes that a run is to end before its time, unless it is over.
    pub(super) async fn note_cancelling(
        &self,
        id: &RunId,
        uid: Uuid,
        cancellation: Cancellation,
    ) -> Result<(), StoreError> {
        let progress = Progress::Cancelling(cancellation);
        unless_over(self.store.note(id, uid, progress, self.now()).await)
    }

    /// Ends a run that waits in its queue. The caller holds the decision lock.
    pub(super) async fn give_up_waiting(
        &self,
        queue: &AllocationQueue,
        handle: &RunHandle,
        reason: Reason,
    ) -> Result<(), StoreError> {
        let end = End::without_container(RunState::Cancelled(reason), self.store.now());
        unless_over(self.store.finish(&handle.id, handle.allocation.uid, end).await)?;
        queue.remove(handle.id.instant);
        self.queues.note_progress();
        Ok(())
    }
}

/// The result of a write about a run that may end by itself in this moment.
fn unless_over(written: Result<(), StoreError>) -> Result<(), StoreError> {
    match written {
        Err(StoreError::RunIsOver { .. } | StoreError::NoSuchRun(_)) => Ok(()),
        written => written,
    }
}
