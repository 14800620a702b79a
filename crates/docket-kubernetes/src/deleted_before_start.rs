//! Pods that are deleted before their container is started, and whether their nodes may start it all the same.
//!
//! 1. A node that has done with a deleted pod sets its grace to 0, and so does whoever deletes it by force. It is the
//!    node's report only where docket noted the deletion on the pod before, and the node is ready.
//! 2. A node that was cut off counts as ready for as long as the cluster waits for its next sign of life (40 s).

use docket_server::engine::EngineError;

use crate::{
    api::{KnownNode, Pod},
    pod_owner::{BY_SOMEONE_ELSE, STOPPED},
    pod_state::{PodState, state_of, why_deleted},
    shared_engine_state::{Pods, unread},
};

/// Where a pod is in its life, with what its node has reported of one that was deleted before its start.
pub(crate) async fn reported_state(pods: &Pods, pod: &Pod) -> Result<PodState, EngineError> {
    let state = state_of(pod);
    let is_reported = matches!(state, PodState::NodeAway { was_running: false, .. })
        && is_node_heard(pods, pod).await?;
    Ok(if is_reported { PodState::CannotStart(why_deleted(pod)) } else { state })
}

/// Whether the node of a pod whose deletion docket has noted is in reach, so that what it last reported holds.
pub(crate) async fn is_node_heard(pods: &Pods, pod: &Pod) -> Result<bool, EngineError> {
    let noted = pod.metadata.annotations.get(STOPPED);
    let (Some(noted), Some(node)) = (noted, pod.spec.node_name.as_deref()) else {
        return Ok(false);
    };
    Ok(match pods.cluster.node(node).await.map_err(unread)? {
        KnownNode::Found(node) => node.is_ready(),
        KnownNode::Removed => false,
        // Where docket may not know, what follows its own request counts as the answer to it.
        KnownNode::Denied => noted != BY_SOMEONE_ELSE,
    })
}

/// True of a pod with a node that someone else deletes, with a grace, before its container is started. Once its
/// node has reported on it, it is like one that was deleted by force, so docket notes the deletion on it before.
pub(crate) fn is_deletion_unnoted(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some()
        && pod.spec.node_name.is_some()
        && !pod.is_given_up_by_node()
        && !pod.metadata.annotations.contains_key(STOPPED)
}
