//! Which allocations changed. A slow reader gets the latest change of each only.
//!
//! An allocation is known by its position, which a name that is created anew does not get again.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Utc};
use docket_model::{Allocation, AllocationName, journal::Suspension};
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
        /// The newest manual suspension.
        suspension: Option<Arc<Suspension>>,
    },
    /// It is gone.
    Deleted {
        /// What it was called.
        name: AllocationName,
    },
}

/// Changes that a reader has not taken yet: at most one each, so a slow reader costs no memory.
#[derive(Debug, Default)]
pub struct Changes {
    pending: Mutex<BTreeMap<u64, Change>>,
    arrived: Notify,
}

impl Changes {
    /// Takes all that changed since the last call; one call for each reader at a time.
    #[must_use]
    pub fn take(&self) -> BTreeMap<u64, Change> {
        std::mem::take(&mut *self.pending.lock())
    }

    /// Waits until there may be something to take.
    pub async fn arrived(&self) {
        self.arrived.notified().await;
    }

    pub(super) fn add(&self, changes: impl IntoIterator<Item = (u64, Change)>) {
        self.pending.lock().extend(changes);
        // It keeps a permit, so a change between a `take` and the next wait is not missed.
        self.arrived.notify_one();
    }
}
