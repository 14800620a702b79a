//! Ending a pod before its time: it is deleted, and its finalizer keeps it with its exit code.
//!
//! 1. Its log goes with its container, so what was followed of it is what remains: see [`crate::kept_log`].

use std::{sync::Arc, time::Duration};

use docket_server::engine::{EngineError, Handle, Stop};
use tokio::time::timeout;

use crate::{
    failed_wait::is_deleted_before_start,
    pod_state::{PodState, state_of},
    pods::{Pods, gone_or},
    remove_pod::mark_stopped,
    watch_pod::PodWatch,
};

/// How long a pod may take to end beyond its grace: a node that was about to start it reports late.
const LONGEST_END: Duration = Duration::from_secs(90);
/// The grace of a stop at once. With 0 the API server would not wait for the node; nodes take 2 s at least.
const AT_ONCE: u64 = 1;

/// Ends a pod; returns once it has ended.
pub(crate) async fn stop(pods: &Arc<Pods>, handle: &Handle, how: Stop) -> Result<(), EngineError> {
    let pod = pods.look(&handle.id).await?;
    if has_ended(&state_of(&pod)) || is_deleted_before_start(&pod) {
        return Ok(());
    }
    let grace = match how {
        Stop::Gently(grace) => grace.length().as_secs().max(AT_ONCE),
        Stop::AtOnce => AT_ONCE,
    };
    pods.keep_log(&handle.id);
    mark_stopped(pods, &pod).await?;
    pods.cluster.delete(&pod, None, grace).await.map_err(gone_or)?;
    let limit = Duration::from_secs(grace) + LONGEST_END;
    match timeout(limit, end_of(pods, handle)).await {
        Ok(ended) => ended,
        Err(_) => Err(EngineError::WillNotDie(match state_of(&pods.look(&handle.id).await?) {
            PodState::NodeAway { node, .. } => format!("its node {node} is away"),
            _ => format!("its node has not ended it within {} s", limit.as_secs()),
        })),
    }
}

async fn end_of(pods: &Arc<Pods>, handle: &Handle) -> Result<(), EngineError> {
    let mut watch = PodWatch::new(Arc::clone(pods), handle.id.clone());
    loop {
        let pod = watch.next().await?;
        if has_ended(&state_of(&pod)) || is_deleted_before_start(&pod) {
            return Ok(());
        }
    }
}

/// True of what does not run and will not by itself.
fn has_ended(state: &PodState) -> bool {
    matches!(state, PodState::Gated | PodState::CannotStart(_) | PodState::Ended(_))
}
