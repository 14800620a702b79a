//! Services as a manager reports them, and the changes of one: each under the version it was seen in.

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use docket_model::run::ContainerId;
use serde::Deserialize;
use serde_json::{Value, json};

use super::managers::{Managers, gone_or_no_answer};
use crate::engine::{
    EngineError, Found, Handle, Observation, Refusal, bounded, docker_api::http_client::Call,
};

/// How long a change may take. The Swarm decides within milliseconds, or has no leader.
const CHANGE_LIMIT: Duration = Duration::from_secs(30);
/// A constraint that no node meets: ids of nodes have 25 characters.
pub(super) const NOWHERE: &str = "node.id==none";
/// The label that moves the version of a service on and starts nothing.
const DISARMED: &str = "io.docket.disarmed";

/// A service, as a manager reports it. Its specification stays as it is, to be sent back with a change.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Service {
    #[serde(rename = "ID")]
    pub(super) id: Box<str>,
    version: Version,
    created_at: Option<DateTime<Utc>>,
    spec: Value,
    previous_spec: Option<Value>,
    #[serde(rename = "ServiceStatus")]
    tasks: Option<TaskCounts>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    index: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TaskCounts {
    #[serde(default, rename = "RunningTasks")]
    running: u64,
}

/// What came of a change.
#[derive(Debug)]
pub(super) enum Changed {
    Done,
    /// The service has another version by now, or is gone.
    OutOfDate,
}

impl Service {
    /// Its id and the version in which it was seen.
    pub(super) fn handle(&self) -> Handle {
        Handle {
            id: ContainerId((&*self.id).into()),
            version: Some(self.version.index.to_string().into()),
        }
    }

    /// True once it was asked to run its task.
    pub(super) fn was_started(&self) -> bool {
        replicas(&self.spec) > 0
    }

    /// True where it was started, and someone else set its number of tasks to 0, which removes them.
    pub(super) fn was_scaled_down(&self) -> bool {
        !self.was_started() && self.previous_spec.as_ref().is_some_and(|spec| replicas(spec) > 0)
    }

    /// True where docket has asked it to end.
    pub(super) fn is_stopped(&self) -> bool {
        let constraints = self.spec.pointer("/TaskTemplate/Placement/Constraints");
        constraints == Some(&json!([NOWHERE]))
    }

    /// True where a task of it runs.
    pub(super) fn runs(&self) -> bool {
        self.tasks.as_ref().is_some_and(|tasks| tasks.running > 0)
    }

    /// How long a task may take to end, as its specification says.
    pub(super) fn grace(&self) -> Duration {
        let grace = self.spec.pointer("/TaskTemplate/ContainerSpec/StopGracePeriod");
        // Swarm's own default.
        grace.and_then(Value::as_u64).map_or(Duration::from_secs(10), Duration::from_nanos)
    }

    /// Its image, as it was asked for.
    pub(super) fn image(&self) -> &str {
        let image = self.spec.pointer("/TaskTemplate/ContainerSpec/Image");
        image.and_then(Value::as_str).unwrap_or("unknown")
    }

    fn labels(&self) -> HashMap<String, String> {
        let labels = self.spec.get("Labels").cloned().unwrap_or_default();
        serde_json::from_value(labels).unwrap_or_default()
    }

    /// Whose it is, by its labels; the key of a label that does not say so.
    pub(super) fn found(&self) -> Result<Found, &'static str> {
        Found::of(self.handle(), &self.labels(), self.created_at)
    }

    /// The service in words, for one who wonders whose it is.
    pub(super) fn description(&self) -> String {
        let name = self.spec.get("Name").and_then(Value::as_str).unwrap_or_default();
        bounded(format!("service {} (`{name}`, image `{}`)", self.id, self.image()))
    }
}

fn replicas(spec: &Value) -> u64 {
    spec.pointer("/Mode/Replicated/Replicas").and_then(Value::as_u64).unwrap_or_default()
}

impl Managers {
    /// Reads a service by id or name.
    ///
    /// # Errors
    /// [`EngineError::Gone`] where there is none.
    pub(super) async fn service(&self, service: &str) -> Result<Service, EngineError> {
        let answer = self.get(&format!("/services/{service}")).await;
        answer.map_err(|error| gone_or_no_answer(error, "the inspection of a service"))
    }

    /// Asks for the service's task: its number of tasks becomes 1, and nothing else changes.
    pub(super) async fn start_task(&self, service: &Service) -> Result<Changed, EngineError> {
        let mut spec = service.spec.clone();
        if let Some(replicas) = spec.pointer_mut("/Mode/Replicated/Replicas") {
            *replicas = 1.into();
        }
        self.update(service, &spec).await
    }

    /// Asks for the end of the service's task: no node may run it any more. Its exit code and its log stay,
    /// which they would not if the number of tasks became 0.
    pub(super) async fn end_task(&self, service: &Service) -> Result<Changed, EngineError> {
        let mut spec = service.spec.clone();
        if let Some(template) = spec.get_mut("TaskTemplate").and_then(Value::as_object_mut) {
            let placement = template.entry("Placement").or_insert_with(|| json!({}));
            *placement = json!({"Constraints": [NOWHERE]});
        }
        self.update(service, &spec).await
    }

    /// Moves the version on, so that a start under the present one is refused. It starts nothing.
    pub(super) async fn move_version_on(&self, service: &Service) -> Result<Changed, EngineError> {
        let mut spec = service.spec.clone();
        if let Some(labels) = spec.get_mut("Labels").and_then(Value::as_object_mut) {
            // Another value than before: the Swarm may take a change without a difference for none.
            labels.insert(DISARMED.to_owned(), service.version.index.to_string().into());
        }
        self.update(service, &spec).await
    }

    /// Changes a service if it still has the version in which it was seen.
    async fn update(&self, service: &Service, spec: &Value) -> Result<Changed, EngineError> {
        let Service { id, version, .. } = service;
        let path = format!("/services/{id}/update?version={}", version.index);
        let call = Call::post(path, Bytes::from(spec.to_string()));
        match self.carry_out(call, CHANGE_LIMIT).await {
            Ok(()) => Ok(Changed::Done),
            Err(EngineError::Refused { kind: Refusal::NotFound, .. }) => Ok(Changed::OutOfDate),
            Err(EngineError::Refused { message, .. }) if is_out_of_date(&message) => {
                Ok(Changed::OutOfDate)
            }
            Err(error) => Err(error),
        }
    }

    /// Removes a service; one that is gone already is fine.
    pub(super) async fn delete_service(&self, id: &ContainerId) -> Result<(), EngineError> {
        match self.carry_out(Call::delete(format!("/services/{id}")), CHANGE_LIMIT).await {
            Err(EngineError::Refused { kind: Refusal::NotFound, .. }) => Ok(()),
            removed => removed,
        }
    }
}

/// Swarm's words where another change came first; the status is 500, which it has for much else.
fn is_out_of_date(message: &str) -> bool {
    message.contains("update out of sequence")
}

/// A container that is not there.
pub(super) fn gone() -> Observation {
    Observation::Gone(crate::engine::Past::Unknown)
}
