//! What becomes of containers that have ended: they go, but for the newest failed one of each
//! allocation, which stays for inspection unless it was to remove itself.

use std::{collections::HashMap, sync::Arc};

use docket_model::{
    Allocation, AllocationName,
    run::{ContainerId, Instant},
};
use parking_lot::Mutex;
use tracing::warn;

use super::Runner;

/// The failed container of each allocation that stays for inspection.
#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<HashMap<AllocationName, (Instant, ContainerId)>>);

impl Kept {
    /// Keeps the container of the later instant; returns the other one.
    fn keep(
        &self,
        name: &AllocationName,
        instant: Instant,
        container: ContainerId,
    ) -> Option<ContainerId> {
        let mut kept = self.0.lock();
        match kept.get(name.as_str()) {
            Some((_, held)) if *held == container => None,
            Some((held, _)) if *held > instant => Some(container),
            _ => kept.insert(name.clone(), (instant, container)).map(|(_, container)| container),
        }
    }

    fn let_go(&self, name: &str) -> Option<ContainerId> {
        self.0.lock().remove(name).map(|(_, container)| container)
    }
}

impl Runner {
    /// Lets go of the container that was kept for an allocation which is no more.
    pub(crate) fn forget(self: &Arc<Self>, name: &AllocationName) {
        if let Some(container) = self.kept.let_go(name.as_str()) {
            let runner = Arc::clone(self);
            self.tasks.spawn(async move { runner.remove(&container).await });
        }
    }

    /// Removes an ended container, unless it is the newest failed one and was not to remove itself.
    pub(super) async fn dispose(
        &self,
        allocation: &Allocation,
        instant: Instant,
        container: ContainerId,
        failed: bool,
    ) {
        if !failed || allocation.specification.container.auto_remove() {
            return self.remove(&container).await;
        }
        let name = allocation.name();
        let older = self.kept.keep(name, instant, container);
        // Looked at after keeping: a deletion from now on makes the scheduler let go of it.
        let is_there = match self.store.standing(name.as_str()).await {
            Ok(standing) => {
                standing.is_some_and(|standing| standing.allocation.uid == allocation.uid)
            }
            Err(_) => true,
        };
        let gone = if is_there { None } else { self.kept.let_go(name.as_str()) };
        for container in older.iter().chain(&gone) {
            self.remove(container).await;
        }
    }

    /// Removes an ended container, once nobody reads its output any more.
    pub(super) async fn remove(&self, container: &ContainerId) {
        let removing = async {
            self.readers.gone(container).await;
            self.persistently(|| self.engine.remove(container)).await
        };
        if let Ok(Ok(Err(error))) = self.unless_stopped(removing).await {
            warn!(%container, %error, "a container that has ended could not be removed");
            self.leftovers.notify_one();
        }
    }
}
