//! What comes before a push: what is due under the old specification is decided first, so that it
//! starts. What cannot be decided is the store's part, which records it as missed.

use std::sync::Arc;

use docket_model::{Specification, Zone, missed_instants};
use futures_util::{StreamExt, stream};
use tokio::time::timeout;
use tracing::{Instrument, error, warn};

use super::{
    Runner, confirm_runs::FOR_REQUESTS, dependencies::AT_ONCE, runs_under_way::decision_span,
};
use crate::store::{AllocationStatus, Circumstances, StoreError};

/// How many allocations are read from the store at once.
// This bounds the memory for statuses where a store has very many allocations.
const CHUNK: usize = 1024;

impl Runner {
    /// Decides what is due now of those allocations of which a push changes what is due, as far as the
    /// engine answers.
    pub(crate) async fn decide_due(self: &Arc<Self>, pushed: &[Specification]) {
        // Nothing may start yet, so nothing can be decided: the store records what is due as
        // missed.
        if !self.context.standby.is_over() {
            return;
        }
        let mut due = Vec::new();
        for wanted in pushed {
            if let Some(held) = self.records.store.status(wanted.name.as_str())
                && missed_instants::edit(&held.allocation.specification, wanted).is_some()
            {
                due.push(held);
            }
        }
        self.decide_all_held(due, "push").await;
    }

    /// Decides what is due now of the allocations in some zones, as far as the engine answers.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub(crate) async fn decide_due_in(self: &Arc<Self>, zones: &[Zone]) -> Result<(), StoreError> {
        if !self.context.standby.is_over() {
            return Ok(());
        }
        let mut after = None;
        loop {
            let chunk = self.records.store.statuses(after, CHUNK);
            let Some(last) = chunk.last() else { return Ok(()) };
            after = Some(last.position);
            let is_affected = |held: &AllocationStatus| {
                held.allocation.is_in_one_of(zones, self.context.deadlines.zone)
            };
            let held = chunk.into_iter().filter(is_affected).collect();
            self.decide_all_held(held, "update of the time zone data").await;
        }
    }

    async fn decide_all_held(self: &Arc<Self>, mut due: Vec<AllocationStatus>, what: &str) {
        // A decision would wait until the engine is back, and the push must not.
        due.retain(|held| self.engines.is_up_for(&held.allocation.specification.policies));
        if due.is_empty() {
            return;
        }
        let runner = Arc::clone(self);
        // A decision is carried out as a whole, also when the request has ended.
        let decided = self.records.term.to_its_end(async move {
            let each = stream::iter(due);
            each.for_each_concurrent(AT_ONCE, |held| runner.decide_held(held)).await;
        });
        // Only the wait ends: the decisions continue, and a claim that comes after the push is
        // rejected because the allocation has another revision.
        if timeout(FOR_REQUESTS, decided).await.is_err() {
            warn!(
                "{what} continues: due instants were not decided within {} s and will be recorded as \
                 missed",
                FOR_REQUESTS.as_secs()
            );
        }
    }

    async fn decide_held(self: &Arc<Self>, held: AllocationStatus) {
        let AllocationStatus { allocation, suspension, decided, .. } = held;
        if allocation.specification.schedule().is_none() {
            let span = decision_span(allocation.name());
            if let Err(error) =
                self.check_due_once(allocation.name()).instrument(span.clone()).await
            {
                span.in_scope(|| error!(%error, "store write failed for a decision"));
            }
            return;
        }
        // An instant from before the schedule was accepted is never due.
        let decided = decided.unwrap_or_default().max(allocation.scheduled_at);
        if allocation
            .next(decided, self.context.deadlines.zone)
            .is_some_and(|next| next <= self.records.now())
        {
            self.decide(&allocation, suspension.as_deref(), decided).await;
        }
    }

    /// What a push has to know about instants that are due and cannot be decided.
    pub(crate) fn circumstances(&self) -> Circumstances {
        Circumstances {
            zone: self.context.deadlines.zone,
            outages: self.context.deadlines.outages(),
        }
    }
}
