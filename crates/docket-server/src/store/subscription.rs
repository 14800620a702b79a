//! The one subscription to the change feed, and the views that its readers need.

use std::sync::Arc;

use docket_model::RunId;
use parking_lot::RwLock;
use tokio::sync::Notify;

use super::{
    catalogue::Catalogue,
    change_feed::{Changes, Missed, Reader, RunChanges, TooMany},
};

/// What changes in the store, once it is durable, in the order of the commits. No reader holds up the
/// writer, and a slow reader costs no memory.
#[derive(Debug, Clone)]
pub struct Subscription(Arc<RwLock<Catalogue>>);

impl Subscription {
    pub(super) fn new(catalogue: Arc<RwLock<Catalogue>>) -> Self {
        Self(catalogue)
    }

    /// Each change of a record of a run and each new entry of the journal, from now on or after the
    /// event of a number. Where not all of it is kept, it begins now and says how many were missed.
    ///
    /// # Errors
    /// [`TooMany`] read already.
    pub fn events(&self, after: Option<u64>) -> Result<(Reader, Option<Missed>), TooMany> {
        self.0.read().feed.events().read(after)
    }

    /// How many readers of events there are.
    #[must_use]
    pub fn event_readers(&self) -> usize {
        self.0.read().feed.events().readers()
    }

    /// All allocations, and from then on the latest change of each.
    #[must_use]
    pub fn allocations(&self) -> Arc<Changes> {
        // Locked until the reader is registered, so that no commit falls in between.
        let catalogue = self.0.read();
        catalogue.feed.changes(catalogue.all_changes())
    }

    /// A wake-up for changes of the outbox, for one reader.
    #[must_use]
    pub fn outbox(&self) -> Arc<Notify> {
        self.0.read().feed.outbox()
    }

    /// A wake-up for each change of the record of one run.
    #[must_use]
    pub fn run(&self, id: &RunId) -> RunChanges {
        self.0.read().feed.follow(id)
    }
}
