//! The journal of the server and its allocations, and the sign that the server runs.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use docket_model::journal::Entry;

use super::{StoreError, staged_changes::meta, transaction::Transaction, write_commands::Command};

/// Adds an entry to the journal.
pub(super) struct RecordEntry(pub(super) Entry);

#[async_trait]
impl Command for RecordEntry {
    type Output = ();

    async fn apply(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        transaction.record([self.0.clone()]);
        Ok(())
    }
}

/// Notes that the server runs.
pub(super) struct Alive(pub(super) DateTime<Utc>);

#[async_trait]
impl Command for Alive {
    type Output = ();

    fn is_repeatable(&self) -> bool {
        // The server soon notes it again, so an unknown outcome need not be waited for.
        true
    }

    async fn apply(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        transaction.staged.set(meta::LAST_ALIVE, &self.0)
    }
}
