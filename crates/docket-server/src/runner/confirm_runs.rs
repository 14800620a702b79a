//! Waits until the engine has reported on each run under way, before it is decided what may start
//! beside them.
//!
//! After a restart, or an outage of the engine, what docket knows of a container may be long untrue: a
//! run that has ended must not be the reason why another one is skipped, queued, or replaces it.

use std::{sync::Arc, time::Duration};

use docket_model::{Allocation, allocation::Overlap};
use tokio::time::{Instant, timeout};
use tracing::warn;

use super::{
    Stopped,
    runs_of_term::RunRecords,
    runs_under_way::{AllocationQueue, DecisionLock, PartHandle, RunHandle, Sign},
};
use crate::{
    engine::Observation,
    mutation_testing::{self, Mutation},
    policy::Beside,
};

/// How long a decision about an instant waits for the engine's reports, and for the ends of runs that
/// it reports to be on record.
pub(super) const FOR_SCHEDULES: Duration = Duration::from_secs(60);
/// How long the answer to a request waits for them.
// Shorter than for schedules, because a client waits for the response.
pub(super) const FOR_REQUESTS: Duration = Duration::from_secs(10);

/// A part of a run under way of which it is not known whether it has ended.
pub(super) struct Unconfirmed {
    run: Arc<RunHandle>,
    pub(super) part: Arc<PartHandle>,
    /// What shows it.
    sign: Sign,
}

impl RunRecords {
    /// Waits for the right to decide about an allocation, with the runs beside it confirmed by the
    /// engine; for so long at most.
    pub(super) async fn confirmed_lock(
        &self,
        allocation: &Allocation,
        limit: Duration,
    ) -> DecisionLock<'_> {
        let begun_at = Instant::now();
        loop {
            let lock = self.queues.lock(allocation.uid).await;
            // `Allow` starts beside anything, so it does not wait for an engine that reports
            // slowly.
            let is_indifferent = allocation.specification.policies.overlap == Overlap::Allow;
            let unconfirmed = lock.unconfirmed().filter(|_| !is_indifferent);
            let Some(unconfirmed) = unconfirmed else { return lock };
            let left = limit.saturating_sub(begun_at.elapsed());
            if left.is_zero() {
                let Unconfirmed { run, part, .. } = unconfirmed;
                run.span.in_scope(|| {
                    let engine = &part.engine.name;
                    warn!(%engine, "the engine has not reported on this run since it came up");
                });
                return lock;
            }
            // The run needs the turn to leave its line.
            drop(lock);
            let confirming = self.confirm(&unconfirmed);
            if let Ok(Err(Stopped)) = timeout(left, confirming).await {
                return self.queues.lock(allocation.uid).await;
            }
        }
    }

    /// Inspects the container of a run; if it does not run, waits until that is on record.
    async fn confirm(&self, unconfirmed: &Unconfirmed) -> Result<(), Stopped> {
        let Unconfirmed { run, part, sign } = unconfirmed;
        // Subscribed before the first look at the queue, so that no change is missed in between.
        let mut progress = self.queues.progress();
        // Read before the inspection: if the engine goes away meanwhile, the report does not count.
        let epoch = part.engine.health.epoch();
        if let Sign::Container(container) = sign
            && let Some(
                Observation::Waiting(_)
                | Observation::Running { .. }
                // A container that was not started yet may still start, and so counts as running.
                | Observation::NodeAway { .. }
                | Observation::Pending(_),
            ) = part.engine.inspect_until_known(container).await?
        {
            part.runs_in(container, epoch);
            return Ok(());
        }
        let queue = self.queues.of(run.allocation.uid);
        while queue.is_under_way(run.id.instant) && part.unconfirmed_since(epoch).is_some() {
            let _: Result<_, _> = self.term.unless_ended(progress.changed()).await?;
        }
        Ok(())
    }
}

impl AllocationQueue {
    /// The runs beside which a new one would start.
    pub(super) fn beside(&self) -> Beside {
        Beside {
            under_way: self.under_way().iter().map(|handle| handle.id.instant).collect(),
            is_unconfirmed: self.unconfirmed().is_some(),
            waiting: self.waiting().map(|handle| handle.id.instant),
            full: None,
        }
    }

    /// A run under way on whose container the engine has not reported since it came up, or of which it is
    /// not decided whether it still starts one.
    pub(super) fn unconfirmed(&self) -> Option<Unconfirmed> {
        if mutation_testing::is_active(Mutation::DecidedBeforeLooking) {
            return None;
        }
        self.under_way().into_iter().find_map(|run| {
            let signs = run.parts.iter().filter_map(|part| Some((part, part.unconfirmed()?)));
            let (part, sign) = signs.map(|(part, sign)| (Arc::clone(part), sign)).next()?;
            Some(Unconfirmed { run, part, sign })
        })
    }
}
