//! Manual changes of allocations and of the whole server.

use std::{ops::Bound, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use docket_model::{
    AllocationName,
    run::{Instant, RunState},
};

use super::{
    AllocationStatus, ChangeContext, Control, ServerControl, StoreError, rules,
    staged_changes::meta,
    transaction::{Runs, Transaction},
    write_commands::Command,
};
use crate::mutation_testing::{self, Mutation};

/// Suspends, resumes or resets an allocation; false where there is none.
pub(super) struct ControlAllocation {
    pub(super) name: String,
    pub(super) control: Control,
    pub(super) context: ChangeContext,
}

#[async_trait]
impl Command for ControlAllocation {
    type Output = bool;

    async fn apply(&self, transaction: &mut Transaction) -> Result<bool, StoreError> {
        let Some((position, entry)) = transaction.entry(&self.name) else { return Ok(false) };
        let ChangeContext { at, by, only_if } = &self.context;
        let status = entry.allocation_status(position);
        only_if.check(status.allocation.name(), Some(&status.allocation))?;
        let control = rules::completed(&status, self.control.clone(), *at);
        // Where nothing changes, the journal gets no entry either.
        let Some(event) = rules::controlled(&status, &control, *at) else { return Ok(true) };
        let name = status.allocation.name().clone();
        // All records are read, so only where a success is ahead of the clock.
        let succeeded = if rules::has_success_ahead(&status, *at) {
            succeeded_before(transaction, &name, *at).await?
        } else {
            status.succeeded
        };
        carry_out(transaction, &status, control, *at, succeeded);
        transaction.announce(&name);
        transaction.record([rules::entry(name, event, *at, by)]);
        Ok(true)
    }
}

fn carry_out(
    transaction: &mut Transaction,
    status: &AllocationStatus,
    control: Control,
    at: DateTime<Utc>,
    succeeded: Option<Instant>,
) {
    let name = status.allocation.name();
    let Some((_, entry)) = transaction.entry_mut(name.as_str()) else { return };
    match control {
        Control::Suspend(suspension) => entry.status_mut().suspension = Some(Arc::new(suspension)),
        Control::Resume { is_of_all } => {
            let held = status.suspension.as_ref().filter(|held| held.holds_at(at));
            if let Some(resumed) = held.and_then(|held| held.resumed(is_of_all, at)) {
                entry.status_mut().suspension = Some(Arc::new(resumed));
            }
        }
        Control::Reset => {
            let record = entry.status_mut();
            record.decided = record.decided.map(|decided| decided.min(at));
            record.succeeded = succeeded;
            // A new allocation by its pointer, so that the specification counts as changed and is
            // stored.
            let allocation = Arc::make_mut(&mut entry.allocation);
            allocation.scheduled_at = allocation.scheduled_at.min(at);
            allocation.created_at = allocation.created_at.min(at);
        }
    }
}

/// The latest instant before a moment for which a run succeeded whose record is kept.
async fn succeeded_before(
    transaction: &mut Transaction,
    name: &AllocationName,
    at: DateTime<Utc>,
) -> Result<Option<Instant>, StoreError> {
    let range = Runs::newest(Bound::Excluded(Instant::new(at)), usize::MAX);
    let runs = transaction.runs(name, range).await?;
    let succeeded = runs.iter().find(|run| run.state == RunState::Succeeded);
    Ok(succeeded.map(|run| run.id.instant))
}

/// Pauses or unpauses the whole server; false where that was so already.
pub(super) struct ControlServer {
    pub(super) control: ServerControl,
    pub(super) context: ChangeContext,
}

#[async_trait]
impl Command for ControlServer {
    type Output = bool;

    async fn apply(&self, transaction: &mut Transaction) -> Result<bool, StoreError> {
        let held = transaction.pause();
        let at = self.context.at;
        let Some((pause, event)) = rules::server_controlled(held.as_deref(), &self.control, at)
        else {
            return Ok(false);
        };
        transaction.staged.set(meta::PAUSE, &pause)?;
        if !mutation_testing::is_active(Mutation::PauseNotInForce) {
            transaction.staged.pause = Some(Arc::new(pause));
        }
        transaction.record([rules::server_entry(event, &self.context)]);
        Ok(true)
    }
}
