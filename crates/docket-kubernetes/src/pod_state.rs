//! What a pod's status says about its container. Pure: nothing here asks a cluster.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use docket_model::run::{Exit, ExitCause};
use docket_server::engine::{Observation, bounded};

use crate::{
    api::{ContainerStatus, Pod, Terminated},
    pod_owner::{BY_A_STOP, BY_SOMEONE_ELSE, STOPPED},
};

/// The exit code of a container that was killed: 128 and the number of SIGKILL.
const KILLED: i64 = 137;
/// Reasons of a container whose program could not be started, by `dockershim` and by all other runtimes.
const NOT_STARTED: [&str; 2] = ["ContainerCannotRun", "StartError"];
/// What a node does on the way to a start: nothing is waited for.
const STARTING: [&str; 2] = ["ContainerCreating", "PodInitializing"];
/// Reasons that say no more than the exit code.
const PLAIN: [&str; 3] = ["Completed", "Error", "OOMKilled"];

/// Reasons of pods that failed as a whole, and whose containers may have run before. A node that rejects a pod has
/// one of many others, such as `OutOfcpu`, or is low on resources (`Evicted`), too.
const MAY_HAVE_RUN: [&str; 7] = [
    "DeadlineExceeded",
    "Evicted",
    "NodeLost",
    "NodeShutdown",
    "Preempting",
    "Shutdown",
    "Terminated",
];

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
    /// Its node is away, and has reported that it runs, or nothing.
    NodeAway { node: Arc<str>, since: Option<DateTime<Utc>>, was_running: bool },
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
            PodState::NodeAway { node, since, was_running } => {
                Self::NodeAway { node, since, was_running }
            }
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
        (None, _) if is_rejected(pod) => PodState::CannotStart(rejection(pod)),
        (container, _) if matches!(pod.status.phase.as_str(), "Failed" | "Succeeded") => {
            PodState::Ended(without_status(pod, container))
        }
        (Some(container), _) if container.state.running.is_some() => running(pod, container),
        (container, _) => waiting(pod, container),
    }
}

/// Where a pod is that has not started, as far as is known. Where someone else has deleted it by force, its node may
/// start it before it learns of that, and reports it later: see [`crate::deleted_before_start`].
fn waiting(pod: &Pod, container: Option<&ContainerStatus>) -> PodState {
    match pod.spec.node_name.as_deref() {
        Some(node) if pod.is_given_up_by_node() => PodState::NodeAway {
            node: node.into(),
            since: pod.metadata.deletion_timestamp,
            was_running: false,
        },
        // No node gets it any more.
        None if pod.metadata.deletion_timestamp.is_some() => {
            PodState::CannotStart(why_deleted(pod))
        }
        _ => PodState::Waiting(waiting_reason(pod, container)),
    }
}

/// Whether the node of a pod without a container has refused to run it.
fn is_rejected(pod: &Pod) -> bool {
    let reason = pod.status.reason.as_deref().filter(|reason| !reason.is_empty());
    pod.status.phase == "Failed" && reason.is_some_and(|reason| !MAY_HAVE_RUN.contains(&reason))
}

fn rejection(pod: &Pod) -> String {
    let reason = pod.status.reason.as_deref().unwrap_or_default();
    format!("its node rejected the pod: {}", sentence(reason, pod.status.message.as_deref()))
}

/// Why a pod was deleted that will never be started.
pub(crate) fn why_deleted(pod: &Pod) -> String {
    let noted = pod.metadata.annotations.get(STOPPED);
    noted.map_or(BY_SOMEONE_ELSE, String::as_str).to_owned()
}

fn ended(pod: &Pod, container: &ContainerStatus, terminated: &Terminated) -> PodState {
    let reason = terminated.reason.as_deref().unwrap_or_default();
    if NOT_STARTED.contains(&reason) {
        let message = terminated.message.as_deref().unwrap_or(reason);
        return PodState::CannotStart(bounded(message));
    }
    let own_reason = (!PLAIN.contains(&reason) && !reason.is_empty())
        .then(|| sentence(reason, terminated.message.as_deref()));
    // A kubelet reports a container that it lost sight of as ended without times: with code 0 before 1.22, and
    // since then with code 137 and a reason.
    if terminated.finished_at.is_none() {
        let exit = without_status(pod, Some(container));
        return PodState::Ended(Exit { error: exit.error.or(own_reason), ..exit });
    }
    let code = terminated.exit_code;
    let cause = match reason {
        "OOMKilled" => Some(ExitCause::OutOfMemory),
        _ if code == KILLED => Some(ExitCause::Killed),
        _ => None,
    };
    PodState::Ended(Exit {
        code: Some(code),
        image: image_id(container),
        started_at: terminated.started_at,
        ended_at: terminated.finished_at,
        error: pod_error(pod, Some(code)).or(own_reason),
        cause,
    })
}

/// The end of a pod whose container has no status of an end. The phase says nothing of it: versions before 1.22
/// report such a container as ended with code 0, and its pod as succeeded.
fn without_status(pod: &Pod, container: Option<&ContainerStatus>) -> Exit {
    let running = container.and_then(|container| container.state.running.as_ref());
    let is_stopped = pod.metadata.annotations.get(STOPPED).is_some_and(|why| why == BY_A_STOP);
    Exit {
        code: None,
        image: container.and_then(image_id),
        started_at: running.and_then(|running| running.started_at),
        ended_at: None,
        error: pod_error(pod, None),
        cause: is_stopped.then_some(ExitCause::Stopped),
    }
}

/// Why the pod failed as a whole, such as by an eviction.
fn pod_error(pod: &Pod, code: Option<i64>) -> Option<String> {
    if let Some(reason) = pod.status.reason.as_deref().filter(|reason| !reason.is_empty()) {
        return Some(sentence(reason, pod.status.message.as_deref()));
    }
    let is_deleted = pod.metadata.deletion_timestamp.is_some();
    let why = pod.metadata.annotations.get(STOPPED);
    let was_stopped = why.is_some_and(|why| why != BY_SOMEONE_ELSE);
    (is_deleted && !was_stopped && code != Some(0))
        .then(|| "the pod was deleted by someone else".to_owned())
}

fn running(pod: &Pod, container: &ContainerStatus) -> PodState {
    let node = pod.spec.node_name.as_deref().map(Arc::from);
    // Only the controller of nodes makes a pod unready whose container is ready.
    let unready = pod.condition("Ready").filter(|ready| ready.status != "True" && container.ready);
    let away = |node, since| PodState::NodeAway { node, since, was_running: true };
    match (unready, node) {
        (_, Some(node)) if pod.is_given_up_by_node() => away(node, pod.metadata.deletion_timestamp),
        (Some(unready), Some(node)) => away(node, unready.last_transition_time),
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
            .filter(|reason| !STARTING.contains(reason))
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A pod whose node has lost sight of its container, as 1.20 reports that.
    fn lost_sight_of(annotations: &serde_json::Value) -> Pod {
        let status = json!({"state": {"terminated": {"exitCode": 0}}});
        let pod = json!({
            "metadata": {"annotations": annotations},
            "status": {"phase": "Failed", "containerStatuses": [status]},
        });
        serde_json::from_value(pod).unwrap()
    }

    #[test]
    fn an_end_that_is_not_reported_has_no_exit_code_and_says_whether_docket_stopped_it() {
        for (annotations, cause) in [
            (json!({}), None),
            (json!({STOPPED: BY_A_STOP}), Some(ExitCause::Stopped)),
            (json!({STOPPED: "ImagePullBackOff"}), None),
        ] {
            let state = state_of(&lost_sight_of(&annotations));

            let PodState::Ended(exit) = state else { panic!("{state:?}") };
            assert_eq!((exit.code, exit.cause), (None, cause), "{annotations}");
        }
    }

    #[test]
    fn a_container_that_the_kubelet_lost_sight_of_keeps_its_words() {
        let terminated = json!({
            "exitCode": 137, "reason": "ContainerStatusUnknown",
            "message": "The container could not be located when the pod was deleted.",
        });
        let status = json!({"state": {"terminated": terminated}});
        let pod = json!({"status": {"phase": "Failed", "containerStatuses": [status]}});

        let state = state_of(&serde_json::from_value(pod).unwrap());

        let PodState::Ended(exit) = state else { panic!("{state:?}") };
        assert_eq!((exit.code, exit.cause), (None, None));
        assert!(exit.error.unwrap().starts_with("ContainerStatusUnknown: The container"));
    }

    #[test]
    fn the_node_of_a_pod_that_runs_though_it_was_deleted_by_force_is_away() {
        let running = json!({"startedAt": "2026-11-21T09:00:00Z"});
        let pod = |metadata: &serde_json::Value| -> Pod {
            let status = json!({"ready": true, "state": {"running": running}});
            let pod = json!({
                "metadata": metadata,
                "spec": {"nodeName": "n1"},
                "status": {"phase": "Running", "containerStatuses": [status]},
            });
            serde_json::from_value(pod).unwrap()
        };
        let at = "2026-11-21T09:10:00Z";
        let forced = json!({"deletionTimestamp": at, "deletionGracePeriodSeconds": 0});
        let gentle = json!({"deletionTimestamp": at, "deletionGracePeriodSeconds": 30});

        let away = state_of(&pod(&forced));

        let since = Some(at.parse().unwrap());
        assert_eq!(away, PodState::NodeAway { node: "n1".into(), since, was_running: true });
        assert!(matches!(state_of(&pod(&gentle)), PodState::Running { .. }));
    }
}
