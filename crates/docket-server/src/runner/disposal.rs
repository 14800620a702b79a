//! What becomes of containers that have ended: they go, but for the newest failed one of each
//! allocation, which stays for inspection unless it was to remove itself.

use std::{collections::HashMap, sync::Arc};

use docket_model::{
    Allocation, AllocationName,
    run::{ContainerId, Instant, RunState},
};
use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tracing::warn;

use super::Runner;
use crate::{
    engine::{Condition, Handle},
    fault::{Point, point},
};

/// What is left of an attempt that is over.
#[derive(Debug, Clone)]
pub(super) struct Remains {
    pub(super) allocation: Arc<Allocation>,
    pub(super) instant: Instant,
    /// Its number.
    pub(super) attempt: u32,
    /// It has ended, or never ran.
    pub(super) container: ContainerId,
}

/// The failed container of each allocation that stays for inspection.
#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<HashMap<AllocationName, Remains>>);

impl Kept {
    /// Keeps the newer container; returns the other one.
    fn keep(&self, remains: Remains) -> Option<ContainerId> {
        let mut kept = self.0.lock();
        let name = remains.allocation.name();
        let age = |of: &Remains| (of.instant, of.attempt);
        match kept.get(name) {
            Some(held) if held.container == remains.container => None,
            Some(held) if age(held) > age(&remains) => Some(remains.container),
            _ => kept.insert(name.clone(), remains).map(|older| older.container),
        }
    }

    fn let_go(&self, name: &AllocationName) -> Option<ContainerId> {
        self.0.lock().remove(name).map(|kept| kept.container)
    }

    /// Lets go of this container, unless another one is kept in its place by now.
    fn let_go_of(&self, name: &AllocationName, container: &ContainerId) {
        let mut kept = self.0.lock();
        if kept.get(name).is_some_and(|held| held.container == *container) {
            kept.remove(name);
        }
    }
}

impl Runner {
    /// Lets go of the container that was kept for an allocation which is no more.
    pub(crate) fn forget(self: &Arc<Self>, name: &AllocationName) {
        if let Some(container) = self.kept.let_go(name) {
            let runner = Arc::clone(self);
            self.disposals.spawn(async move { runner.remove(&container).await });
        }
    }

    /// Lets go of what is left of an attempt whose end, in this state, is on record.
    ///
    /// In a task of its own: the next run need not wait until everybody has read the output.
    pub(super) fn dispose(self: &Arc<Self>, remains: Remains, state: &RunState) -> JoinHandle<()> {
        let failed = matches!(
            state,
            RunState::Failed(_) | RunState::TimedOut(_) | RunState::Retrying { .. }
        );
        let runner = Arc::clone(self);
        self.disposals.spawn(async move {
            if failed && !remains.allocation.specification.container.auto_remove() {
                runner.keep(remains).await;
            } else {
                runner.remove(&remains.container).await;
                point(Point::Removed);
            }
        })
    }

    /// Keeps a failed container in place of an older one, as long as its allocation is there.
    async fn keep(&self, remains: Remains) {
        let container = remains.container.clone();
        let allocation = Arc::clone(&remains.allocation);
        if !self.is_there(&allocation).await {
            return self.remove(&container).await;
        }
        if let Some(other) = self.kept.keep(remains) {
            self.remove(&other).await;
        }
        // Looked at after keeping, too: a deletion from now on makes the scheduler let go of it.
        if !self.is_there(&allocation).await {
            self.kept.let_go_of(allocation.name(), &container);
            self.remove(&container).await;
        }
    }

    async fn is_there(&self, allocation: &Allocation) -> bool {
        match self.store.status(allocation.name().as_str()).await {
            Ok(standing) => {
                standing.is_some_and(|standing| standing.allocation.uid == allocation.uid)
            }
            Err(_) => true,
        }
    }

    /// Removes an ended container, once nobody reads its output any more.
    pub(super) async fn remove(&self, container: &ContainerId) {
        let removing = async {
            self.readers.gone(container).await;
            let handle = Handle::from(container);
            self.engine
                .retry("the removal", || self.engine.engine.remove(&handle, Condition::NotRunning))
                .await
        };
        if let Ok(Ok(Err(error))) = self.unless_stopped(removing).await {
            warn!(%container, %error, "a container that has ended could not be removed");
            self.leftovers.suspect();
        }
    }
}
