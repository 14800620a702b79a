//! A pod, as the API server describes it. What docket does not need is not read.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use docket_model::run::ContainerId;
use docket_server::engine::Handle;
use serde::Deserialize;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Pod {
    pub(crate) metadata: Metadata,
    pub(crate) spec: Spec,
    pub(crate) status: Status,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Metadata {
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) resource_version: String,
    pub(crate) creation_timestamp: Option<DateTime<Utc>>,
    pub(crate) deletion_timestamp: Option<DateTime<Utc>>,
    pub(crate) deletion_grace_period_seconds: Option<i64>,
    pub(crate) annotations: HashMap<String, String>,
    pub(crate) finalizers: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Spec {
    pub(crate) node_name: Option<String>,
    pub(crate) scheduling_gates: Vec<serde::de::IgnoredAny>,
    pub(crate) containers: Vec<ContainerSpec>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ContainerSpec {
    pub(crate) image: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Status {
    pub(crate) phase: String,
    pub(crate) reason: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) container_statuses: Vec<ContainerStatus>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Condition {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) status: String,
    pub(crate) reason: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) last_transition_time: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ContainerStatus {
    #[serde(rename = "containerID")]
    pub(crate) container_id: Option<String>,
    #[serde(rename = "imageID")]
    pub(crate) image_id: String,
    pub(crate) ready: bool,
    pub(crate) restart_count: u32,
    pub(crate) state: State,
    /// That of the container before this one.
    pub(crate) last_state: State,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct State {
    pub(crate) waiting: Option<Waiting>,
    pub(crate) running: Option<Running>,
    pub(crate) terminated: Option<Terminated>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Waiting {
    pub(crate) reason: Option<String>,
    pub(crate) message: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Running {
    pub(crate) started_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Terminated {
    pub(crate) exit_code: i64,
    pub(crate) reason: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) started_at: Option<DateTime<Utc>>,
    pub(crate) finished_at: Option<DateTime<Utc>>,
}

impl Pod {
    /// The id of its container for docket: `NAME/UID`, as calls are by name and names come again.
    pub(crate) fn id(&self) -> ContainerId {
        ContainerId(format!("{}/{}", self.metadata.name, self.metadata.uid).into())
    }

    /// True while a scheduling gate keeps it from being started.
    pub(crate) fn is_gated(&self) -> bool {
        !self.spec.scheduling_gates.is_empty()
    }

    /// The handle, with a version while the pod can be started conditionally.
    pub(crate) fn handle(&self) -> Handle {
        let version = self.is_gated().then(|| self.metadata.resource_version.as_str().into());
        Handle { id: self.id(), version }
    }

    /// True of a deleted pod whose node has reported that nothing of it runs, which sets its grace to 0; or
    /// that someone deletes by force, as Kubernetes does where the node is gone. docket itself never deletes a
    /// pod that may run with a grace of 0.
    pub(crate) fn is_given_up_by_node(&self) -> bool {
        self.metadata.deletion_grace_period_seconds == Some(0)
    }

    /// The status of its container, once its node has reported one.
    pub(crate) fn container(&self) -> Option<&ContainerStatus> {
        self.status.container_statuses.first()
    }

    /// The condition of this type.
    pub(crate) fn condition(&self, kind: &str) -> Option<&Condition> {
        self.status.conditions.iter().find(|condition| condition.kind == kind)
    }
}
