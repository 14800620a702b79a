//! Locks on orphaned containers: one task at a time cleans up a container.

use std::{collections::HashSet, sync::Arc};

use docket_model::run::ContainerId;
use parking_lot::Mutex;

/// The orphaned containers that a task cleans up.
#[derive(Debug, Default)]
pub(super) struct OrphanLocks(Mutex<HashSet<ContainerId>>);

impl OrphanLocks {
    /// Locks a container for one task; nothing where another task has locked it.
    pub(super) fn lock(self: &Arc<Self>, container: &ContainerId) -> Option<OrphanLock> {
        let is_free = self.0.lock().insert(container.clone());
        is_free.then(|| OrphanLock { locks: Arc::clone(self), container: container.clone() })
    }
}

/// A container that one task cleans up, until this is dropped.
pub(super) struct OrphanLock {
    locks: Arc<OrphanLocks>,
    container: ContainerId,
}

impl Drop for OrphanLock {
    fn drop(&mut self) {
        self.locks.0.lock().remove(&self.container);
    }
}
