//! What handlers work with. Each handler asks for the parts that it needs.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use docket_model::{Zone, container::UnknownOptions};

use super::{allocation_response::View, error::ApiError};
use crate::{
    background::Background,
    clock::Clock,
    config::NotifySettings,
    file_source::FileStatus,
    runner::{EngineState, NoTerm, Runner, RunnerPort, StoreAccess},
    scheduler::Ticks,
    store::Snapshot,
};

/// The allocations and their runs.
#[derive(Debug)]
pub(crate) struct Allocations {
    pub(crate) store: Arc<StoreAccess>,
    pub(crate) port: Arc<RunnerPort>,
    pub(crate) clock: Arc<dyn Clock>,
    /// The zone of allocations without a `TimeZone`.
    pub(crate) zone: Zone,
}

impl Allocations {
    /// The runner of the present term.
    pub(super) fn runner(&self) -> Result<Arc<Runner>, NoTerm> {
        self.port.runner()
    }

    /// The engines of the present term in words, and whether each answers.
    pub(super) fn engine_states(&self) -> Vec<(String, EngineState)> {
        // Between two terms the server has no connection to any engine.
        let Ok(runner) = self.runner() else { return Vec::new() };
        let engines = runner.engines.all().iter();
        engines.map(|engine| (engine.in_words(), engine.health.state())).collect()
    }

    /// Why nothing starts, apart from the engine and the store.
    pub(super) fn standby_reason(&self) -> Option<String> {
        match self.runner() {
            Ok(runner) => runner.context.standby.state().reason(),
            Err(no_term) => Some(no_term.to_string()),
        }
    }

    pub(super) fn view(&self, snapshot: Snapshot) -> View {
        View {
            snapshot,
            zone: self.zone,
            now: self.clock.now(),
            pause: self.store.pause(),
            has_logs: true,
        }
    }

    pub(super) async fn snapshot(&self, name: &str) -> Result<Snapshot, ApiError> {
        match self.store.get(name).await? {
            Some(snapshot) => Ok(snapshot),
            // The search for a similar name compares many names, so it is left to errors.
            None => Err(self.no_such_allocation(name)),
        }
    }

    /// The error for an unknown name, with the most similar name that exists.
    pub(super) fn no_such_allocation(&self, name: &str) -> ApiError {
        ApiError::NoSuchAllocation(name.to_owned(), self.store.nearest(name))
    }
}

/// How specifications are accepted.
#[derive(Debug)]
pub(crate) struct SpecificationSettings {
    /// The maximum size of a request body, in bytes.
    pub(crate) max_body: usize,
    pub(crate) unknown_options: UnknownOptions,
    /// True if the server has a directory for `EnvFiles`.
    pub(crate) has_env_dir: bool,
    /// Where notifications can go.
    pub(crate) notify: Arc<NotifySettings>,
}

impl SpecificationSettings {
    /// How options are read that the Engine API does not know; a request may allow them.
    pub(super) fn options(&self, allows_unknown: bool) -> UnknownOptions {
        if allows_unknown { UnknownOptions::Allow } else { self.unknown_options }
    }
}

/// What health and readiness report about the server itself.
#[derive(Debug)]
pub(crate) struct ServerStatus {
    pub(crate) started: DateTime<Utc>,
    pub(crate) background: Background,
    pub(crate) ticks: Arc<Ticks>,
    /// The status of the file of allocations, if the server has one.
    pub(crate) file: Option<FileStatus>,
}
