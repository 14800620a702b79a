//! Orphaned containers: those that may exist without a task that takes care of them.

use std::{collections::HashSet, sync::Arc};

use docket_model::run::ContainerId;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// What is known of orphaned containers.
#[derive(Debug, Default)]
pub(crate) struct Orphans {
    suspected: Notify,
    /// The containers that a task cleans up.
    claimed: Mutex<HashSet<ContainerId>>,
}

impl Orphans {
    /// Reports that a container may exist without a task that takes care of it.
    pub(crate) fn suspect(&self) {
        // It keeps one permit, so a report during a sweep leads to another sweep.
        self.suspected.notify_one();
    }

    /// Waits until a container is suspected.
    pub(super) async fn suspected(&self) {
        self.suspected.notified().await;
    }

    /// Claims a container for one task; nothing where another task has it.
    pub(super) fn claim(self: &Arc<Self>, container: &ContainerId) -> Option<Claim> {
        let is_free = self.claimed.lock().insert(container.clone());
        is_free.then(|| Claim { orphans: Arc::clone(self), container: container.clone() })
    }
}

/// A container that one task cleans up, until this is dropped.
pub(super) struct Claim {
    orphans: Arc<Orphans>,
    container: ContainerId,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.orphans.claimed.lock().remove(&self.container);
    }
}
