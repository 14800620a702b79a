//! Carries out runs from claim to end. When something is due is not known here.
//!
//! 1. The order of steps: claim, pull, create, note the container's id, start, follow, note the end
//!    and the output, and only then remove. Claim, id and end are durable before the next step.
//! 2. Runs are independent: one that waits for the engine or the store holds up no other.
//! 3. A run that is not over has a task, or waits in its queue, until the term ends.
//! 4. When the term ends, a step that was begun is finished, and containers keep running.

mod allocation_queue;
mod attempt;
mod attempt_outcomes;
mod cancel_runs;
mod check_on_engine;
mod confirm_runs;
mod container_planner;
mod current_runner;
mod decide_before_push;
mod dependencies;
mod due_instants;
mod engine_call_retry;
mod engine_outages;
mod engine_reports;
mod engines;
mod env_files;
mod failure_reasons;
mod first_look_at_engine;
mod follow_container;
mod manual_runs;
mod missed_summary;
mod outages;
mod panicked_runs;
mod pause_server;
mod recovery;
mod restored_store;
mod resume_point;
mod run_attempts;
mod run_context;
mod start_container;
mod start_permission;
mod stop_all_runs;
mod store_access;
#[cfg(test)]
mod tests;
mod unanswered_starts;
mod wait_for_node;

use std::{path::PathBuf, sync::Arc};

use chrono::{DateTime, Utc};
use docket_model::{
    Life, Zone,
    journal::{Cause, Outage},
};

use self::{
    allocation_queue::AllocationQueues, container_planner::Planner, missed_summary::MissedSummary,
};
pub(crate) use self::{
    allocation_queue::run_span,
    current_runner::{NoTerm, RunnerPort},
    engine_call_retry::{EngineAccess, Retry},
    engines::Engines,
    env_files::NO_FOLDER,
    follow_container::judge,
    manual_runs::ManualError,
    outages::StoreTrouble,
    start_permission::{Standby, StandbyState},
    store_access::StoreAccess,
};
use crate::{
    cleanup::{Orphans, Retention},
    config::Namespace,
    engine::{Owner, engine_registry::EngineRegistry},
    outputs::Outputs,
    store::StoreError,
    term_tasks::Term,
};
pub(crate) use crate::{engine::engine_registry::EngineState, term_tasks::Stopped};

/// Carries out runs, for one term.
#[derive(Debug)]
pub(crate) struct Runner {
    pub(crate) term: Term,
    pub(crate) store: Arc<StoreAccess>,
    pub(crate) engines: Arc<Engines>,
    pub(crate) standby: Standby,
    pub(crate) planner: Planner,
    pub(crate) queues: AllocationQueues,
    pub(crate) retention: Arc<Retention>,
    pub(crate) outputs: Arc<Outputs>,
    missed: MissedSummary,
    /// The zone of allocations that name none.
    zone: Zone,
}

/// What a runner works with.
#[derive(Debug)]
pub(crate) struct Surroundings {
    pub(crate) term: Term,
    pub(crate) store: Arc<StoreAccess>,
    pub(crate) engines: Arc<EngineRegistry>,
    pub(crate) zone: Zone,
    pub(crate) namespace: Namespace,
    pub(crate) env_dir: Option<PathBuf>,
    pub(crate) life: Life,
    /// True if no earlier life can have left a container.
    pub(crate) is_first_life: bool,
}

impl Runner {
    pub(crate) fn new(with: Surroundings) -> Self {
        let Surroundings { term, store, engines, zone, namespace, env_dir, life, is_first_life } =
            with;
        let engines = Arc::new(Engines::new(&engines, &store, &term));
        let outputs = Arc::new(Outputs::new(Arc::clone(&store), Arc::clone(&engines)));
        let orphans = Arc::<Orphans>::default();
        let readers = Arc::clone(outputs.readers());
        let retention = Retention::new(Arc::clone(&store), readers, orphans);
        let owner = Owner { namespace: namespace.shared(), store: store.id() };
        Self {
            standby: Standby::new(Arc::clone(&store), life, is_first_life),
            planner: Planner { owner, life, env_dir },
            queues: AllocationQueues::default(),
            retention: Arc::new(retention),
            missed: MissedSummary::new(Arc::clone(&store), term.clone()),
            term,
            store,
            engines,
            outputs,
            zone,
        }
    }

    /// The times during which nothing could be decided, as far as they are remembered.
    fn outages(&self) -> Vec<Outage> {
        let mut outages = self.store.outages().outages();
        // An outage of an engine becomes a pause only when it is over.
        for engine in self.engines.all() {
            if let EngineState::Away { since, .. } = engine.health.state() {
                outages.push(Outage { cause: Cause::EngineAway, from: since, to: None });
            }
        }
        outages
    }

    /// What kept instants from being decided for most of the time between two moments. What is decided
    /// now ends an outage that lasted until now.
    fn outage(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> Option<Outage> {
        let now = self.store.now();
        let ended = |outage: Outage| Outage { to: outage.to.or(Some(now)), ..outage };
        let outages: Vec<_> = self.outages().into_iter().map(ended).collect();
        // The store's begins when the decision about an instant cannot be written, so just after it.
        let during = Outage::main(outages.iter().copied(), from, to);
        during.or_else(|| Outage::main(outages, to, now))
    }

    /// Reads or writes, again and again while the store does not do it; ends early with the term.
    pub(crate) async fn durably<T, F>(
        &self,
        write: impl Fn() -> F,
    ) -> Result<Result<T, StoreError>, Stopped>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        self.store.durably(&self.term, write).await
    }

    /// The engine that its runs go to.
    #[cfg(test)]
    pub(crate) fn engine(&self) -> &Arc<EngineAccess> {
        self.engines.default_engine()
    }
}
