//! What handlers work with. Each handler asks for the parts that it needs.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use docket_model::{Zone, container::UnknownOptions};

use super::{error::ApiError, view::View};
use crate::{
    background::Background,
    clock::Clock,
    file_source::FileStatus,
    runner::{EngineHealth, Runner},
    scheduler::Ticks,
    store::{Snapshot, Store},
};

/// The allocations and their runs.
#[derive(Debug)]
pub(crate) struct Allocations {
    pub(crate) store: Arc<Store>,
    pub(crate) runner: Arc<Runner>,
    pub(crate) clock: Arc<dyn Clock>,
    /// The zone of allocations without a `TimeZone`.
    pub(crate) zone: Zone,
}

impl Allocations {
    pub(super) fn view<'a>(&self, snapshot: &'a Snapshot) -> View<'a> {
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
}

/// What health and readiness report about the server itself.
#[derive(Debug)]
pub(crate) struct ServerStatus {
    pub(crate) started: DateTime<Utc>,
    pub(crate) engine: Arc<EngineHealth>,
    pub(crate) background: Arc<Background>,
    pub(crate) ticks: Arc<Ticks>,
    /// The status of the file of allocations, if the server has one.
    pub(crate) file: Option<FileStatus>,
}
