//! What a pod's status says about its container. Pure: nothing here asks a cluster.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use docket_model::run::{Exit, ExitCause};
use docket_server::engine::{Observation, bounded};

use crate::{
    api::{ContainerStatus, Pod, Terminated},
    pod_owner::STOPPED,
};

/// The exit code of a container that was killed: 128 and the number of SIGKILL.
const KILLED: i64 = 137;
/// Reasons of a container whose program could not be started, by `dockershim` and by all other runtimes.
const NOT_STARTED: [&str; 2] = ["ContainerCannotRun", "StartError"];
/// Reasons that say no more than the exit code.
const PLAIN: [&str; 3] = ["Completed", "Error", "OOMKilled"];

/// Where a pod is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PodState {
    /// It is gated, so nothing starts it.
    Gated,
    /// It may start at any moment; why it did not yet, in words.
    Waiting(Option<String>),
    /// Its program cannot be started; why, in words.
    CannotStart(String),
    /// It runs.
    Running { since: Option<DateTime<Utc>>, node: Option<Arc<str>> },
    /// It runs, as far as is known: its node is away.
    NodeAway { node: Arc<str>, since: Option<DateTime<Utc>> },
    /// It has ended.
    Ended(Exit),
}

impl From<PodState> for Observation {
    fn from(state: PodState) -> Self {
        match state {
            PodState::Gated => Self::Pending(None),
            PodState::CannotStart(reason) => Self::Pending(Some(reason)),
            PodState::Waiting(reason) => Self::Waiting(reason),
            PodState::Running { since, node } => Self::Running { since, node },
            PodState::NodeAway { node, since } => Self::NodeAway { node, since },
            PodState::Ended(exit) => Self::Ended(exit),
        }
    }
}

/// Where a pod is in its life.
pub(crate) fn state_of(pod: &Pod) -> PodState {
    if pod.is_gated() {
        return PodState::Gated;
    }
    let container = pod.container();
    let terminated = container.and_then(|container| container.state.terminated.as_ref());
    match (container, terminated) {
        (Some(container), Some(terminated)) => ended(pod, container, terminated),
        (container, _) if matches!(pod.status.phase.as_str(), "Failed" | "Succeeded") => {
            PodState::Ended(without_status(pod, container))
        }
        (Some(container), _) if container.state.running.is_some() => running(pod, container),
        (container, _) => PodState::Waiting(waiting_reason(pod, container)),
    }
}

fn ended(pod: &Pod, container: &ContainerStatus, terminated: &Terminated) -> PodState {
    let reason = terminated.reason.as_deref().unwrap_or_default();
    if NOT_STARTED.contains(&reason) {
        let message = terminated.message.as_deref().unwrap_or(reason);
        return PodState::CannotStart(bounded(message));
    }
    // Versions before 1.22 report a container that they lost sight of as ended with code 0, without times.
    if terminated.finished_at.is_none() {
        return PodState::Ended(without_status(pod, Some(container)));
    }
    let code = terminated.exit_code;
    let cause = match reason {
        "OOMKilled" => Some(ExitCause::OutOfMemory),
        _ if code == KILLED => Some(ExitCause::Killed),
        _ => None,
    };
    let own_reason = (!PLAIN.contains(&reason) && !reason.is_empty())
        .then(|| sentence(reason, terminated.message.as_deref()));
    PodState::Ended(Exit {
        code,
        image: image_id(container),
        started_at: terminated.started_at,
        ended_at: terminated.finished_at,
        error: pod_error(pod, code).or(own_reason),
        cause,
    })
}

/// The end of a pod whose container has no status of an end.
fn without_status(pod: &Pod, container: Option<&ContainerStatus>) -> Exit {
    let running = container.and_then(|container| container.state.running.as_ref());
    let unknown = "Kubernetes does not report its exit code";
    Exit {
        code: KILLED,
        image: container.and_then(image_id),
        started_at: running.and_then(|running| running.started_at),
        ended_at: None,
        error: Some(
            pod_error(pod, KILLED)
                .map_or(unknown.to_owned(), |error| format!("{error}; {unknown}")),
        ),
        cause: Some(ExitCause::Killed),
    }
}

/// Why the pod failed as a whole, such as by an eviction.
fn pod_error(pod: &Pod, code: i64) -> Option<String> {
    if let Some(reason) = pod.status.reason.as_deref().filter(|reason| !reason.is_empty()) {
        return Some(sentence(reason, pod.status.message.as_deref()));
    }
    let is_deleted = pod.metadata.deletion_timestamp.is_some();
    let was_stopped = pod.metadata.annotations.contains_key(STOPPED);
    (is_deleted && !was_stopped && code != 0)
        .then(|| "the pod was deleted by someone else".to_owned())
}

fn running(pod: &Pod, container: &ContainerStatus) -> PodState {
    let node = pod.spec.node_name.as_deref().map(Arc::from);
    // Only the controller of nodes makes a pod unready whose container is ready.
    let unready = pod.condition("Ready").filter(|ready| ready.status != "True" && container.ready);
    match (unready, node) {
        (Some(unready), Some(node)) => {
            PodState::NodeAway { node, since: unready.last_transition_time }
        }
        (_, node) => {
            let since = container.state.running.as_ref().and_then(|running| running.started_at);
            PodState::Running { since, node }
        }
    }
}

/// Why a pod does not run yet: that of its container, or else that of the scheduler.
fn waiting_reason(pod: &Pod, container: Option<&ContainerStatus>) -> Option<String> {
    if let Some(waiting) = container.and_then(|container| container.state.waiting.as_ref()) {
        return waiting
            .reason
            .as_deref()
            .map(|reason| sentence(reason, waiting.message.as_deref()));
    }
    let scheduled =
        pod.condition("PodScheduled").filter(|condition| condition.status == "False")?;
    Some(sentence(scheduled.reason.as_deref()?, scheduled.message.as_deref()))
}

fn sentence(reason: &str, message: Option<&str>) -> String {
    match message.filter(|message| !message.is_empty()) {
        Some(message) => bounded(format!("{reason}: {message}")),
        None => bounded(reason),
    }
}

/// `docker://sha256:…` without the runtime.
fn image_id(container: &ContainerStatus) -> Option<Arc<str>> {
    let id = container.image_id.as_str();
    let id = id.split_once("://").map_or(id, |(_, id)| id);
    (!id.is_empty()).then(|| id.into())
}
