//! Tells a reader which allocations changed. A reader that is slow learns the latest of each only.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, Utc};
use docket_model::{Allocation, AllocationName};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// What became of an allocation.
#[derive(Debug, Clone)]
pub enum Change {
    /// It is there, new or changed.
    Stored {
        /// As it is now.
        allocation: Arc<Allocation>,
        /// The latest instant about which it was decided.
        decided: Option<DateTime<Utc>>,
    },
    /// It is gone.
    Deleted,
}

/// Changes that a reader has not taken yet: at most one a name, so a slow reader costs no memory.
#[derive(Debug, Default)]
pub struct Changes {
    pending: Mutex<HashMap<AllocationName, Change>>,
    arrived: Notify,
}

impl Changes {
    /// Takes all that changed since the last call; one call for each reader at a time.
    #[must_use]
    pub fn take(&self) -> HashMap<AllocationName, Change> {
        std::mem::take(&mut *self.pending.lock())
    }

    /// Waits until there may be something to take.
    pub async fn arrived(&self) {
        self.arrived.notified().await;
    }

    pub(super) fn add(&self, changes: impl IntoIterator<Item = (AllocationName, Change)>) {
        self.pending.lock().extend(changes);
        self.arrived.notify_one();
    }
}
