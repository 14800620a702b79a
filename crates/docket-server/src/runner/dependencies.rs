//! Starts allocations that run after others (`After`).
//!
//! 1. Whether one is due is read from the store each time, so a signal that was lost costs nothing
//!    but time: it is checked again at every change of it and at the start of the server.

use std::sync::Arc;

use docket_model::{
    AllocationName,
    run::{Instant, Reason, Trigger},
};
use futures_util::{StreamExt, stream};
use tracing::{Instrument, debug, error};

use super::{
    Runner, Stopped,
    confirm_runs::{self, Unconfirmed},
    due_instants::RunRequest,
    engines::DelayedKind,
    runs_under_way::decision_span,
};
use crate::{
    policy::{self, Missed, Suspensions, Why},
    store::{AllocationStatus, ClaimOutcome, StoreError},
};

/// How many children of one parent are looked at at once: one commit of the store takes them all.
pub(super) const AT_ONCE: usize = 64;

impl Runner {
    /// Looks whether those that run after this allocation are due now.
    pub(crate) async fn check_dependents(self: &Arc<Self>, name: &AllocationName) {
        let children = self.records.store.children(name.as_str());
        // Without a child no memory is taken for the checks, which is 2.6 KB for each run that ends.
        if children.is_empty() {
            return;
        }
        let checked = stream::iter(&children);
        checked.for_each_concurrent(AT_ONCE, |child| self.check_due(child)).await;
    }

    /// Checks whether an allocation is due, in a task of its own.
    pub(crate) fn check_due_soon(self: &Arc<Self>, name: AllocationName) {
        let runner = Arc::clone(self);
        // The scheduler calls this, and it waits for nothing but time and changes.
        self.records.term.spawn(async move { runner.check_due(&name).await });
    }

    /// Looks whether an allocation is due because all that it runs after have succeeded anew.
    async fn check_due(self: &Arc<Self>, name: &AllocationName) {
        let span = decision_span(name);
        loop {
            let checking = async {
                let Some(status) = self.records.store.status(name.as_str()) else {
                    return Ok(Ok(None));
                };
                let check = || self.records.durably(|| self.check_due_once(name));
                match self.after_panics(status.allocation.uid, check).await? {
                    Ok(checked) => Ok(checked),
                    Err(message) => {
                        self.records.durably(|| self.give_up_dependent(name, &message)).await
                    }
                }
            };
            match checking.instrument(span.clone()).await {
                // Something changed between the check and the claim, so it is checked again.
                Ok(Ok(Some(ClaimOutcome::Changed))) => {}
                Ok(Err(error)) => {
                    return span.in_scope(|| error!(%error, "the store refused a decision"));
                }
                Ok(Ok(_)) | Err(Stopped) => return,
            }
        }
    }

    /// Records an instant that is due as missed, because a decision about it panicked each time.
    async fn give_up_dependent(
        &self,
        name: &AllocationName,
        message: &str,
    ) -> Result<Option<ClaimOutcome>, StoreError> {
        let Some((status, instant)) = self.due_after_parents(name) else { return Ok(None) };
        let _lock = self.records.queues.lock(status.allocation.uid).await;
        let (first, reason) = (instant.moment(), Reason::InternalError { message: message.into() });
        let missed = Missed { first, last: first, count: 1, why: Why::Given(reason) };
        Ok(Some(self.miss(&status.allocation, missed).await?))
    }

    /// What became of it, if it is due; [`ClaimOutcome::Changed`] if it must be looked at again.
    pub(super) async fn check_due_once(
        self: &Arc<Self>,
        name: &AllocationName,
    ) -> Result<Option<ClaimOutcome>, StoreError> {
        if self.records.term.unless_ended(self.context.standby.may_start()).await.is_err() {
            return Ok(None);
        }
        let Some(status) = self.records.store.status(name.as_str()) else { return Ok(None) };
        let uid = status.allocation.uid;
        let queue =
            self.records.confirmed_lock(&status.allocation, confirm_runs::FOR_SCHEDULES).await;
        let away = queue.unconfirmed().filter(|run| !run.part.engine.health.is_up());
        if let Some(Unconfirmed { part, .. }) = away {
            // An engine may be away for hours, and a run needs the lock to leave its queue.
            drop(queue);
            let is_up = self.records.term.unless_ended(part.engine.health.up()).await.is_ok();
            return Ok(is_up.then_some(ClaimOutcome::Changed));
        }
        // Read again under the lock: another decision may have been made while this one waited.
        let Some((status, instant)) = self.due_after_parents(name) else { return Ok(None) };
        let AllocationStatus { allocation, suspension, .. } = status;
        if allocation.uid != uid {
            // Created anew meanwhile: its line is another one.
            return Ok(Some(ClaimOutcome::Changed));
        }
        let now = self.records.now();
        let (suspension, pause) = (suspension.as_deref(), self.records.store.pause());
        let suspensions = Suspensions { allocation: suspension, server: pause.as_deref() };
        let reason = policy::suspended(&allocation, suspensions, now);
        let recorded = if let Some(reason) = reason {
            let (first, why) = (instant.moment(), Why::Suspended(reason));
            self.miss(&allocation, Missed { first, last: first, count: 1, why }).await?
        } else {
            let Ok(places) = self.placement.places_or_wait(&allocation, &queue).await else {
                let (runner, name) = (Arc::clone(self), name.clone());
                let check_again = move || runner.check_due_soon(name);
                let is_delayed =
                    self.engines.delay(&allocation, DelayedKind::AfterParents, check_again);
                return Ok((!is_delayed).then_some(ClaimOutcome::Changed));
            };
            let request = RunRequest::due(instant, Trigger::Dependency);
            self.enter(&queue, places, &allocation, request).await?
        };
        debug!(?recorded, "checked after its parents");
        Ok(Some(recorded))
    }

    /// The allocation and the instant for which it is due now, if it is. The caller has the turn.
    fn due_after_parents(&self, name: &AllocationName) -> Option<(AllocationStatus, Instant)> {
        let status = self.records.store.status(name.as_str())?;
        let mut succeeded = Vec::new();
        for parent in status.allocation.specification.parents() {
            let parent = self.records.store.status(parent.as_str());
            succeeded.push(parent.and_then(|parent| parent.succeeded));
        }
        let AllocationStatus { allocation, decided, .. } = &status;
        let now = self.records.now();
        let instant = policy::after_parents(allocation, *decided, &succeeded, now);
        instant.map(|instant| (status, instant))
    }
}
