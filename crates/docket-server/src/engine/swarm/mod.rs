//! A Docker Swarm: each container of a run is the one task of a service.
//!
//! 1. A service is created without a task, and started by a change of its number of tasks to 1 under the
//!    version in which it was seen: of several such changes the Swarm carries out one.
//! 2. Never a job mode: a Swarm starts jobs again after each change of its leader.
//! 3. After its start a service is changed once at most, to end its task.
//! 4. Each call is one attempt: `runner/engine_call_retry.rs` repeats calls.

mod create_service;
mod find_owned_services;
mod managers;
mod node;
mod observe;
mod option_mapping;
mod pending_starts;
mod placement;
mod secrets_and_configs;
mod service;
mod service_cache;
mod stop_task;
mod task;
mod task_log;
#[cfg(test)]
mod tests;
mod trial_service;
mod watch_task;

use std::{path::PathBuf, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use docket_model::{
    Specification,
    allocation::{Placement, Pull},
};
use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::Map;

use self::{
    managers::{Managers, or_no_answer},
    node::Node,
    observe::Sight,
    option_mapping::Options,
    service_cache::Notes,
    trial_service::TrialService,
};
use super::{
    Captured, Condition, Containers, Disarmed, Engine, EngineCheck, EngineError, EngineStatus,
    Finding, Follow, Found, Handle, Launch, Log, LogCursor, Observation, Observations, Owner, Past,
    Plan, Prepared, Pulled, Starts, Stop, TakeOver, Takeover, Target, Trial, bounded,
    docker_api::{endpoint::Endpoint, endpoint_error::ConnectError, transport},
};

/// A Swarm, reached by some of its managers.
#[derive(Debug)]
pub struct SwarmEngine {
    managers: Arc<Managers>,
    notes: Arc<Notes>,
    /// Docker's configuration folder, where the logins at registries are.
    config: Option<PathBuf>,
}

/// Makes a client of a Swarm by its managers; they need not be up.
///
/// # Errors
/// [`ConnectError`] where an endpoint's certificates cannot be used.
pub fn connect(
    managers: &[Endpoint],
    config: Option<PathBuf>,
) -> Result<SwarmEngine, ConnectError> {
    let clients = managers.iter().map(transport::client).collect::<Result<_, _>>()?;
    let managers = Arc::new(Managers::new(clients));
    Ok(SwarmEngine { managers, notes: Arc::default(), config })
}

impl SwarmEngine {
    /// Where the managers are and what named them, in words.
    #[must_use]
    pub fn endpoints(&self) -> String {
        self.managers.endpoints()
    }
}

/// What is read of a manager's description of itself.
#[derive(Deserialize)]
struct Info {
    #[serde(rename = "SystemTime")]
    time: Option<DateTime<Utc>>,
}

/// What is read of a manager's version.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    #[serde(default)]
    version: String,
    #[serde(default)]
    api_version: String,
}

/// What is read of a Swarm's description.
#[derive(Deserialize)]
struct Cluster {
    #[serde(rename = "ID")]
    id: String,
}

#[async_trait]
impl Engine for SwarmEngine {
    async fn ping(&self) -> Result<(), EngineError> {
        self.managers.ping().await
    }

    fn is_costly_to_reach(&self) -> bool {
        self.managers.are_by_process()
    }

    async fn status(&self) -> Result<EngineStatus, EngineError> {
        let unanswered = |error| or_no_answer(error, "the description of the Swarm");
        let managers = &self.managers;
        let cluster = managers.get::<Cluster>("/swarm").await.map_err(unanswered)?;
        let version = managers.get::<Version>("/version").await.map_err(unanswered)?;
        let info = managers.get::<Info>("/info").await.map_err(unanswered)?;
        let nodes = managers.nodes().await?;
        let cores: u64 = nodes.iter().map(Node::cores).sum();
        Ok(EngineStatus {
            id: Some(bounded(cluster.id).into()),
            version: bounded(version.version),
            api_version: bounded(version.api_version),
            // Those of a node are not the Swarm's.
            labels: [].into(),
            nodes: Some(nodes.len()),
            cores: usize::try_from(cores).unwrap_or(usize::MAX),
            time: info.time,
        })
    }

    fn starts(&self) -> Starts {
        Starts::Conditionally
    }

    fn has_nodes(&self) -> bool {
        true
    }

    async fn nodes(
        &self,
        on_nodes: &Placement,
    ) -> Result<Vec<docket_model::run::Node>, EngineError> {
        placement::nodes(&self.managers, on_nodes).await
    }

    fn check(&self, specification: &Specification, on_nodes: &Placement) -> Vec<Finding> {
        let parts = specification.container.parts();
        let empty = Map::new();
        let options = Options {
            config: &parts.config,
            host_config: parts.host_config.as_ref().unwrap_or(&empty),
            networking_config: parts.networking_config.as_ref().unwrap_or(&empty),
            platform: parts.platform.as_deref(),
            may_be_node_bound: placement::may_be_node_bound(on_nodes),
        };
        let of_options = option_mapping::check(options).into_iter();
        let mut findings: Vec<_> = of_options.map(Finding::below_container).collect();
        findings.extend(placement::check(on_nodes));
        findings.extend(pull_finding(specification));
        findings
    }

    fn trials(&self) -> Option<&dyn EngineCheck> {
        Some(self)
    }

    /// Nodes pull by themselves.
    async fn pull(&self, _: &str, _: Option<&str>, _: Pull) -> Result<Option<Pulled>, EngineError> {
        Ok(None)
    }

    async fn prepare(&self, plan: &Plan) -> Result<Prepared, EngineError> {
        create_service::prepare(&self.managers, &self.notes, self.config.as_deref(), plan).await
    }

    async fn launch(&self, handle: &Handle) -> Result<Launch, EngineError> {
        pending_starts::launch(&self.managers, &self.notes, handle).await
    }

    /// The grace is that of the service, which has it from the same specification.
    async fn stop(&self, handle: &Handle, _: Stop) -> Result<(), EngineError> {
        stop_task::stop(&self.managers, &self.notes, &handle.id).await
    }

    async fn remove(&self, handle: &Handle, condition: Condition) -> Result<(), EngineError> {
        pending_starts::remove(&self.managers, &self.notes, handle, condition).await?;
        self.notes.forget(&handle.id);
        Ok(())
    }
}

#[async_trait]
impl EngineCheck for SwarmEngine {
    async fn examine(&self, plan: &Plan, _: Pull) -> Result<Trial, EngineError> {
        trial_service::examine(&self.managers, plan).await
    }

    async fn try_out(&self, trial: &Trial) -> Result<Vec<Finding>, EngineError> {
        let Some(service) = trial.container::<TrialService>() else { return Ok(Vec::new()) };
        service.create(&self.managers, self.config.as_deref()).await
    }

    async fn clean_up(&self, trial: &Trial) -> Result<(), EngineError> {
        let Some(service) = trial.container::<TrialService>() else { return Ok(()) };
        service.remove(&self.managers).await
    }
}

/// What Swarm cannot do of a policy about images: each start pulls on its node.
fn pull_finding(specification: &Specification) -> Option<Finding> {
    let image = specification.container.image();
    match specification.policies.pull {
        Pull::Always => None,
        // An image with its digest is pulled only where it is missing.
        Pull::Missing if image.contains("@sha256:") => None,
        Pull::Missing => Some(Finding::fatal(
            "Pull",
            format!(
                "a Swarm's nodes pull at each start: for `Pull: Missing` write the image with its digest \
                 (`{image}@sha256:…`), or choose `Pull: Always`"
            ),
        )),
        Pull::Never => Some(Finding::fatal(
            "Pull",
            "a Swarm's nodes pull at each start, so `Pull: Never` is not possible: choose \
             `Pull: Always`, with which a local image serves where the pull fails"
                .to_owned(),
        )),
    }
}

#[async_trait]
impl Containers for SwarmEngine {
    async fn inspect(&self, handle: &Handle) -> Result<Observation, EngineError> {
        let sight = observe::look(&self.managers, &self.notes, &handle.id).await;
        sight.map(Sight::observation)
    }

    async fn identify(&self, handle: &Handle) -> Result<Option<Found>, EngineError> {
        Ok(self.managers.service(&handle.id.0).await?.found().ok())
    }

    fn watch(&self, handle: &Handle) -> Observations {
        watch_task::watch(&self.managers, &self.notes, &handle.id)
    }

    /// A position is a number of bytes: a manager hands a log out from its beginning.
    fn logs(&self, handle: &Handle, from: LogCursor, follow: Follow) -> Log {
        let (managers, notes) = (Arc::clone(&self.managers), Arc::clone(&self.notes));
        let chunks = task_log::output(managers, notes, handle.id.clone(), from.bytes(), follow);
        from.place(chunks).boxed()
    }

    async fn read_log(&self, handle: &Handle, limit: usize) -> Result<Captured, EngineError> {
        task_log::read(&self.managers, &self.notes, &handle.id, limit).await
    }

    async fn list_owned(&self, owner: &Owner) -> Result<Vec<Found>, EngineError> {
        find_owned_services::list_owned(&self.managers, owner).await
    }

    async fn list_of_other_stores(&self, owner: &Owner) -> Result<Vec<Found>, EngineError> {
        find_owned_services::list_of_other_stores(&self.managers, owner).await
    }
}

#[async_trait]
impl Takeover for SwarmEngine {
    async fn take_over(&self, handle: &Handle) -> Result<TakeOver, EngineError> {
        pending_starts::take_over(&self.managers, &self.notes, &handle.id).await
    }

    /// A service that was created late has no task, so a name needs nothing.
    async fn disarm(&self, target: Target<'_>) -> Result<Disarmed, EngineError> {
        match target {
            Target::Guarded(guard) => {
                pending_starts::disarm(&self.managers, &self.notes, &guard.handle).await
            }
            Target::Name(_) => Ok(Disarmed::Gone(Past::NeverRan)),
        }
    }
}
