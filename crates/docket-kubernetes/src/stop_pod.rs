//! Ending a pod before its time: it is deleted, and its finalizer keeps it with its exit code.
//!
//! 1. Its log goes with its container, so what was followed of it is what remains: see [`crate::kept_log`].

use std::{sync::Arc, time::Duration};

use docket_server::engine::{EngineError, Handle, Stop};
use tokio::time::timeout;

use crate::{
    deleted_before_start::reported_state,
    kept_logs::KeptLogs,
    mapping::SHORTEST_GRACE,
    pod_owner::BY_A_STOP,
    pod_state::{PodState, state_of},
    pod_watch::PodWatch,
    remove_pod::{TRIES, mark_stopped, refused},
    shared_engine_state::{Pods, gone_or},
};

/// How long a pod may take to end beyond its grace: a node that was about to start it reports late.
const LONGEST_END: Duration = Duration::from_secs(90);

/// Ends a pod; returns once it has ended.
pub(crate) async fn stop(
    pods: &Arc<Pods>,
    logs: &KeptLogs,
    handle: &Handle,
    how: Stop,
) -> Result<(), EngineError> {
    let grace = match how {
        Stop::Gently(grace) => grace.length().as_secs().max(SHORTEST_GRACE),
        Stop::AtOnce => SHORTEST_GRACE,
    };
    if ask_to_end(pods, logs, handle, grace).await? == Asked::HasEnded {
        return Ok(());
    }
    let limit = Duration::from_secs(grace) + LONGEST_END;
    match timeout(limit, end_of(pods, handle)).await {
        Ok(ended) => ended,
        Err(_) => Err(EngineError::WillNotDie(match state_of(&pods.look(&handle.id).await?) {
            PodState::NodeAway { node, .. } => format!("its node {node} is away"),
            _ => format!("its node has not ended it within {} s", limit.as_secs()),
        })),
    }
}

/// What a pod was that is to be ended.
#[derive(PartialEq, Eq)]
enum Asked {
    HasEnded,
    /// Its node ends it, as far as it is in reach.
    Ends,
}

/// Deletes a pod that has not ended. One that someone else has deleted by force is left to its node.
async fn ask_to_end(
    pods: &Pods,
    logs: &KeptLogs,
    handle: &Handle,
    grace: u64,
) -> Result<Asked, EngineError> {
    for _ in 0..TRIES {
        let pod = pods.look(&handle.id).await?;
        if has_ended(&reported_state(pods, &pod).await?) {
            return Ok(Asked::HasEnded);
        }
        logs.keep(&handle.id);
        if pod.is_given_up_by_node() {
            return Ok(Asked::Ends);
        }
        if mark_stopped(pods, &pod, BY_A_STOP).await? {
            pods.cluster.delete(&pod, None, grace).await.map_err(gone_or)?;
            return Ok(Asked::Ends);
        }
    }
    Err(refused("the pod changes all the time"))
}

async fn end_of(pods: &Arc<Pods>, handle: &Handle) -> Result<(), EngineError> {
    let mut watch = PodWatch::new(Arc::clone(pods), handle.id.clone());
    loop {
        let pod = watch.next().await?;
        if has_ended(&reported_state(pods, &pod).await?) {
            return Ok(());
        }
    }
}

/// True of what does not run and will not by itself.
fn has_ended(state: &PodState) -> bool {
    matches!(state, PodState::Gated | PodState::CannotStart(_) | PodState::Ended(_))
}
