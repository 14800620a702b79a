//! Finished containers: they are removed, except for the newest failed one of each allocation, which
//! stays for inspection unless its specification has `AutoRemove`.

use std::{collections::HashMap, pin::pin, sync::Arc};

use docket_model::{
    Allocation, AllocationName, RunId,
    run::{AttemptKey, ContainerId, Instant, Reason, RunState},
};
use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, warn};

use crate::{
    crash_points::{Point, point},
    engine::{Condition, Handle},
    outputs::Readers,
    runner::{EngineAccess, StoreAccess, attempt_span, run_span},
};

/// The container of an attempt that is over.
#[derive(Debug, Clone)]
pub(crate) struct FinishedContainer {
    pub(crate) allocation: Arc<Allocation>,
    /// The engine that has it.
    pub(crate) engine: Arc<EngineAccess>,
    pub(crate) instant: Instant,
    pub(crate) attempt: AttemptKey,
    /// It has ended, or never ran.
    pub(crate) container: ContainerId,
}

/// The failed container of each allocation that stays for inspection.
#[derive(Debug, Default)]
struct KeptContainers(Mutex<HashMap<AllocationName, FinishedContainer>>);

impl KeptContainers {
    /// Keeps the newer container; returns the other one.
    fn keep(&self, finished: FinishedContainer) -> Option<FinishedContainer> {
        let mut kept = self.0.lock();
        let name = finished.allocation.name();
        let age = |of: &FinishedContainer| (of.instant, of.attempt);
        match kept.get(name) {
            // Each look for orphaned containers finds the kept one again.
            Some(held) if held.container == finished.container => None,
            Some(held) if age(held) > age(&finished) => Some(finished),
            _ => kept.insert(name.clone(), finished),
        }
    }

    fn take(&self, name: &AllocationName) -> Option<FinishedContainer> {
        self.0.lock().remove(name)
    }

    /// Forgets this container, unless another one is kept in its place by now.
    fn forget_container(&self, name: &AllocationName, container: &ContainerId) {
        let mut kept = self.0.lock();
        if kept.get(name).is_some_and(|held| held.container == *container) {
            kept.remove(name);
        }
    }
}

/// True of an attempt whose container had no image: there is nothing to inspect.
fn lacked_image(state: &RunState) -> bool {
    matches!(
        state.reason(),
        Some(
            Reason::ImageNotFound { .. }
                | Reason::PullFailed(_)
                | Reason::PullForbidden { .. }
                | Reason::WrongPlatform(_)
        )
    )
}

/// Removes finished containers, and keeps the newest failed one of each allocation.
#[derive(Debug)]
pub(crate) struct Retention {
    store: Arc<StoreAccess>,
    readers: Arc<Readers>,
    kept: KeptContainers,
    /// The clean-ups under way; given up when the server stops.
    tasks: TaskTracker,
}

impl Retention {
    /// The retention of containers, whose outputs these may read.
    pub(crate) fn new(store: Arc<StoreAccess>, readers: Arc<Readers>) -> Self {
        let (kept, tasks) = (KeptContainers::default(), TaskTracker::new());
        Self { store, readers, kept, tasks }
    }

    /// Waits until the clean-ups under way are done; none begins any more.
    pub(crate) async fn close(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Removes the container that was kept for an allocation that was deleted.
    pub(crate) fn forget(self: &Arc<Self>, name: &AllocationName) {
        if let Some(finished) = self.kept.take(name) {
            let FinishedContainer { engine, instant, attempt, container, .. } = finished;
            let run = RunId { allocation: name.clone(), instant };
            let span = attempt_span(&run_span(&run), attempt);
            let retention = Arc::clone(self);
            // In a task of its own, because the scheduler calls this and must not wait for an
            // engine.
            let removing = async move { retention.remove(&engine, &container).await };
            self.tasks.spawn(removing.instrument(span));
        }
    }

    /// Cleans up the container of an attempt whose end, in this state, is on record.
    ///
    /// In a task of its own: the next run does not wait for readers of the output.
    pub(crate) fn clean_up(
        self: &Arc<Self>,
        finished: FinishedContainer,
        state: &RunState,
    ) -> JoinHandle<()> {
        let failed = matches!(
            state,
            RunState::Failed(_) | RunState::TimedOut(_) | RunState::Retrying { .. }
        ) && !lacked_image(state);
        let retention = Arc::clone(self);
        let cleaning = async move {
            if failed && !finished.allocation.specification.container.auto_remove() {
                retention.keep(finished).await;
            } else {
                retention.remove(&finished.engine, &finished.container).await;
                point(Point::Removed);
            }
        };
        self.tasks.spawn(cleaning.in_current_span())
    }

    /// Keeps a failed container in place of an older one, as long as its allocation is there.
    async fn keep(&self, finished: FinishedContainer) {
        let (engine, container) = (Arc::clone(&finished.engine), finished.container.clone());
        let allocation = Arc::clone(&finished.allocation);
        if !self.is_there(&allocation) {
            return self.remove(&engine, &container).await;
        }
        if let Some(other) = self.kept.keep(finished) {
            self.remove(&other.engine, &other.container).await;
        }
        // Checked after keeping, too: the scheduler reports a deletion from now on.
        if !self.is_there(&allocation) {
            self.kept.forget_container(allocation.name(), &container);
            self.remove(&engine, &container).await;
        }
    }

    fn is_there(&self, allocation: &Allocation) -> bool {
        let status = self.store.status(allocation.name().as_str());
        status.is_some_and(|status| status.allocation.uid == allocation.uid)
    }

    /// Removes an ended container, once its output has no reader any more.
    pub(crate) async fn remove(&self, engine: &EngineAccess, container: &ContainerId) {
        let removing = async {
            self.readers.gone(container).await;
            let handle = Handle::from(container);
            // Never forced: another program may have started the container again.
            let remove = || engine.engine.remove(&handle, Condition::NotRunning);
            engine.retry("the removal", remove).await
        };
        if let Ok(Ok(Err(error))) = engine.term.unless_ended(pin!(removing)).await {
            warn!(%container, %error, "a container that has ended could not be removed");
            engine.suspect_orphan();
        }
    }
}
