//! Removing pods, and making sure that one does not start any more.
//!
//! 1. A pod goes by lifting its finalizer and deleting it, both under the version or the uid that was seen.
//! 2. Where creating a pod starts it, a removed pod stays for a while, marked as removed: a create that
//!    arrives late finds its name taken.

use std::{sync::Arc, time::Duration};

use docket_model::run::ContainerId;
use docket_server::engine::{Condition, EngineError, Handle, Observation, Refusal};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tracing::debug;

use crate::{
    api::{CallError, Pod},
    failed_wait::{has_settled, is_deleted_before_start},
    pod_owner::{REMOVED, STOPPED},
    pod_state::{PodState, state_of},
    pods::{Pods, gone_or},
    watch_pod::PodWatch,
};

/// How often a removal is tried while the pod changes: its node may report on it at any moment.
const TRIES: u32 = 5;
/// After which time a node that tries again does so, or does not because its pod is deleted.
const SETTLED_AFTER: Duration = Duration::from_secs(5);
/// How long a node may take to report that it does not start a deleted pod, before the caller has to ask
/// again.
const SETTLE_LIMIT: Duration = Duration::from_secs(60);

/// Whether a pod that was to be made unable to start has started.
pub(crate) enum Unstartable {
    /// It never ran, and cannot start any more; it is still there.
    NeverRan(Box<Pod>),
    /// It was started.
    Found(Observation),
}

/// Removes a pod that does not run.
pub(crate) async fn remove(
    pods: &Arc<Pods>,
    handle: &Handle,
    condition: Condition,
) -> Result<(), EngineError> {
    for _ in 0..TRIES {
        let pod = match pods.look(&handle.id).await {
            Err(EngineError::Gone) => return Ok(()),
            pod => pod?,
        };
        let has_changed = handle
            .version
            .as_deref()
            .is_some_and(|version| version != pod.metadata.resource_version);
        if condition == Condition::Unchanged && has_changed {
            return Err(refused("the pod has changed since it was seen"));
        }
        let may_run = match state_of(&pod) {
            PodState::Running { .. } | PodState::NodeAway { .. } => true,
            PodState::Waiting(_) => !is_deleted_before_start(&pod),
            PodState::Gated | PodState::CannotStart(_) | PodState::Ended(_) => false,
        };
        if may_run {
            return Err(refused("the pod has not ended"));
        }
        match retire(pods, &pod).await {
            Err(error) if error.is_conflict() => debug!(pod = %handle, "the pod has changed"),
            Err(error) if error.is_not_found() => return Ok(()),
            retired => return Ok(retired?),
        }
    }
    Err(refused("the pod changes all the time"))
}

fn refused(message: &str) -> EngineError {
    EngineError::Refused { kind: Refusal::Conflict, message: message.to_owned() }
}

/// Takes a pod out of use: at once, or so that it still holds its name for a while.
pub(crate) async fn retire(pods: &Arc<Pods>, pod: &Pod) -> Result<(), CallError> {
    pods.forget_log(&pod.id());
    // What was gated was never started by its creation, and a late create will be gated, too.
    if pods.has_gates() || pod.is_gated() {
        return purge(pods, pod).await;
    }
    let mark = json!({"annotations": {REMOVED: "true"}});
    let marked = pods.cluster.merge(&pod.metadata.name, &under_version(pod, mark)).await?;
    // From here on its finalizer alone keeps it, and its node cleans up.
    pods.cluster.delete(&marked, None, 0).await?;
    purge_later(pods, marked);
    Ok(())
}

/// Lifts the finalizer and deletes the pod, if it still has this version.
pub(crate) async fn purge(pods: &Pods, pod: &Pod) -> Result<(), CallError> {
    let lift = under_version(pod, json!({"finalizers": null}));
    let lifted = pods.cluster.merge(&pod.metadata.name, &lift).await?;
    let version = Some(&*lifted.metadata.resource_version);
    match pods.cluster.delete(&lifted, version, 0).await {
        // One that was deleted before goes with its finalizer.
        Err(error) if error.is_not_found() => Ok(()),
        // Its node has reported on it: without a finalizer it goes all the same.
        Err(error) if error.is_conflict() => match pods.cluster.delete(&lifted, None, 0).await {
            Err(error) if error.is_not_found() || error.is_conflict() => Ok(()),
            deleted => deleted,
        },
        deleted => deleted,
    }
}

/// Purges a removed pod once no create can be late any more.
fn purge_later(pods: &Arc<Pods>, marked: Pod) {
    let pods = Arc::clone(pods);
    tokio::spawn(async move {
        let purge = async {
            sleep(pods.name_retention).await;
            purge_removed(&pods, &marked.metadata.name, &marked.metadata.uid).await;
        };
        tokio::select! {
            // The list of what is left behind finds it.
            () = pods.closed.cancelled() => {}
            () = purge => {}
        }
    });
}

/// Purges a removed pod, whatever its version; what goes wrong is tried again with the next list.
pub(crate) async fn purge_removed(pods: &Pods, name: &str, uid: &str) {
    let purged = async {
        let pod = pods.cluster.pod(name).await?;
        if pod.metadata.uid == uid { purge(pods, &pod).await } else { Ok(()) }
    };
    if let Err(error) = purged.await
        && !error.is_not_found()
    {
        debug!(pod = name, ?error, "a removed pod could not be deleted");
    }
}

/// A change of the metadata of a pod that is refused where the pod has changed.
fn under_version(pod: &Pod, mut metadata: Value) -> Value {
    metadata["uid"] = pod.metadata.uid.as_str().into();
    metadata["resourceVersion"] = pod.metadata.resource_version.as_str().into();
    json!({"metadata": metadata})
}

/// Makes sure that a pod that was not started cannot start any more.
///
/// # Errors
/// [`EngineError::Unreachable`] where its node has not settled whether it starts.
pub(crate) async fn make_unstartable(
    pods: &Arc<Pods>,
    id: &ContainerId,
) -> Result<Unstartable, EngineError> {
    let begun_at = Instant::now();
    let mut deleted_at = None;
    let mut watch = PodWatch::new(Arc::clone(pods), id.clone());
    while begun_at.elapsed() < SETTLE_LIMIT {
        let pod = watch.next_within(Duration::from_secs(1)).await?;
        match state_of(&pod) {
            PodState::Gated | PodState::CannotStart(_) => {
                return Ok(Unstartable::NeverRan(Box::new(pod)));
            }
            PodState::Waiting(_) if pod.metadata.deletion_timestamp.is_none() => {
                mark_stopped(pods, &pod).await?;
                pods.cluster.delete(&pod, None, 1).await.map_err(gone_or)?;
            }
            PodState::Waiting(_) if is_deleted_before_start(&pod) => {
                return Ok(Unstartable::NeverRan(Box::new(pod)));
            }
            // Its node may still start it.
            PodState::Waiting(_) => {
                let deleted_at = *deleted_at.get_or_insert_with(Instant::now);
                if deleted_at.elapsed() >= SETTLED_AFTER && has_settled(pods, &pod).await {
                    return Ok(Unstartable::NeverRan(Box::new(pod)));
                }
            }
            started => return Ok(Unstartable::Found(started.into())),
        }
    }
    let reason = "the node of the pod has not reported whether it still starts it";
    Err(EngineError::Unreachable(reason.to_owned()))
}

/// Notes on a pod that docket ends it.
pub(crate) async fn mark_stopped(pods: &Pods, pod: &Pod) -> Result<(), EngineError> {
    let metadata = &pod.metadata;
    let mark = json!({"metadata": {"uid": metadata.uid, "annotations": {STOPPED: "true"}}});
    pods.cluster.merge(&metadata.name, &mark).await.map(drop).map_err(gone_or)
}
