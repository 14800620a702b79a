//! Carries out runs from claim to end. When something is due is not known here.
//!
//! 1. The order of steps: claim, pull, create, note the container's id, start, follow, note the end
//!    and the output, and only then remove. Claim, id and end are durable before the next step.
//! 2. Runs are independent: one that waits for the engine or the store holds up no other.
//! 3. A run that is not over has a task, or waits in its queue, until the term ends.
//! 4. When the term ends, a step that was begun is finished, and containers keep running.

mod attempt;
mod attempt_outcomes;
mod cancel_runs;
mod check_on_engine;
mod confirm_runs;
mod container_planner;
mod current_runner;
mod deadlines;
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
mod node_shortages;
mod outages;
mod panicked_runs;
mod pause_server;
mod place_parts;
mod recovery;
mod restored_store;
mod run_attempts;
mod run_context;
mod run_stage;
mod runs_of_term;
mod runs_under_way;
mod shared_timeout;
mod standby;
mod start_container;
mod stop_all_runs;
mod store_access;
#[cfg(test)]
mod tests;
mod unanswered_starts;
mod wait_for_node;

use std::{path::PathBuf, sync::Arc};

use docket_model::{Life, Zone};

use self::{
    check_on_engine::EngineCheck, container_planner::Planner, deadlines::Deadlines,
    engine_outages::EngineFollower, missed_summary::MissedSummary, pause_server::ServerPause,
    place_parts::PartPlacement,
};
pub(crate) use self::{
    current_runner::{NoTerm, RunnerPort},
    engine_call_retry::{EngineAccess, Retry},
    engine_reports::engine_reports,
    engines::{DelayedKind, Engines},
    env_files::{NO_FOLDER, read as read_env_files},
    follow_container::judge,
    manual_runs::ManualError,
    outages::StoreTrouble,
    run_context::AttemptContext,
    runs_of_term::RunRecords,
    runs_under_way::{attempt_span, run_span},
    standby::{Standby, StandbyState},
    stop_all_runs::stop_all_runs,
    store_access::StoreAccess,
};
use crate::{
    cleanup::Retention,
    config::Namespace,
    engine::{Owner, engine_registry::EngineRegistry},
    outputs::Outputs,
    term_tasks::Term,
};
pub(crate) use crate::{engine::engine_registry::EngineState, term_tasks::Stopped};

/// Carries out runs, for one term.
#[derive(Debug)]
pub(crate) struct Runner {
    pub(crate) records: RunRecords,
    pub(crate) context: Arc<AttemptContext>,
    pub(crate) engines: Arc<Engines>,
    pub(crate) retention: Arc<Retention>,
    placement: PartPlacement,
    missed: MissedSummary,
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
        let retention = Retention::new(Arc::clone(&store), Arc::clone(outputs.readers()));
        let owner = Owner { namespace: namespace.shared(), store: store.id() };
        let records =
            RunRecords { store: Arc::clone(&store), term: term.clone(), queues: Arc::default() };
        let placement =
            PartPlacement { engines: Arc::clone(&engines), queues: Arc::clone(&records.queues) };
        let context = AttemptContext {
            records: records.clone(),
            standby: Standby::new(Arc::clone(&store), life, is_first_life),
            planner: Planner { owner, life, env_dir },
            outputs,
            deadlines: Deadlines { store: Arc::clone(&store), engines: Arc::clone(&engines), zone },
        };
        Self {
            records,
            context: Arc::new(context),
            engines,
            retention: Arc::new(retention),
            placement,
            missed: MissedSummary::new(store, term),
        }
    }

    /// What pauses and unpauses the server.
    pub(crate) fn server_pause(&self) -> ServerPause {
        ServerPause::new(&self.records)
    }

    /// What checks specifications on engines.
    pub(crate) fn engine_check(&self) -> EngineCheck<'_> {
        EngineCheck { records: &self.records, planner: &self.context.planner }
    }

    /// What follows the states of the engines.
    pub(crate) fn engine_follower(&self) -> EngineFollower {
        EngineFollower {
            engines: Arc::clone(&self.engines),
            store: Arc::clone(&self.records.store),
            term: self.records.term.clone(),
        }
    }

    /// The engine that its runs go to.
    #[cfg(test)]
    pub(crate) fn engine(&self) -> &Arc<EngineAccess> {
        self.engines.default_engine()
    }
}
