//! Removing pods, and making sure that one does not start any more.
//!
//! 1. A pod goes by lifting its finalizer and deleting it, both under the version or the uid that was seen.
//! 2. A removed pod stays for a while, marked as removed: where creating a pod starts it, so that a create that
//!    arrives late finds its name taken; and after a disarm, until it is on record that it never ran.
//! 3. A pod that has ended is deleted only once its finalizer is lifted: the node of one that is deleted and kept
//!    repeats its DELETE every few seconds, within the few requests a second that a node makes.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use docket_model::run::ContainerId;
use docket_server::engine::{Condition, EngineError, Handle, Observation, Refusal};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tracing::debug;

use crate::{
    api::{CallError, Pod},
    deleted_before_start::{is_deletion_unnoted, is_node_heard, reported_state},
    mapping::SHORTEST_GRACE,
    pod_owner::{BY_SOMEONE_ELSE, HAS_ENDED, NEVER_RAN, REMOVED, REMOVED_AT, STOPPED},
    pod_state::PodState,
    pod_watch::PodWatch,
    shared_engine_state::{NAME_RETENTION, Pods, gone_or},
    stuck_pod::{SETTLED_AFTER, has_settled},
};

/// How often a removal or a stop is tried while the pod changes: its node may report on it at any moment.
pub(crate) const TRIES: u32 = 5;
/// How long a node may take to report that it does not start a deleted pod, before the caller has to ask
/// again.
const SETTLE_LIMIT: Duration = Duration::from_secs(60);

/// Why a pod is not removed.
const NOT_ENDED: &str = "the pod has not ended";
/// Why docket ends a pod whose run is given up.
pub(crate) const DELETED_BEFORE_START: &str = "the pod was deleted by docket before it was started";

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
        let (pod, at) = match pods.look_at(&handle.id).await {
            Err(EngineError::Gone) => return Ok(()),
            looked => looked?,
        };
        let has_changed = handle
            .version
            .as_deref()
            .is_some_and(|version| version != pod.metadata.resource_version);
        if condition == Condition::Unchanged && has_changed {
            return Err(refused("the pod has changed since it was seen"));
        }
        let is_deleted = pod.metadata.deletion_timestamp.is_some();
        let is_lost = condition == Condition::EndUnknown;
        let pod = match reported_state(pods, &pod).await? {
            // Only the finalizer keeps what someone else has deleted by force.
            PodState::NodeAway { .. } if is_lost && pod.is_given_up_by_node() => pod,
            _ if is_lost => return Err(refused("the end of the pod is reported, or will be")),
            PodState::Waiting(_) if is_deleted => {
                match make_unstartable(pods, &handle.id, DELETED_BEFORE_START).await {
                    Ok(Unstartable::NeverRan(pod)) => *pod,
                    Ok(Unstartable::Found(_)) => return Err(refused(NOT_ENDED)),
                    Err(EngineError::Gone) => return Ok(()),
                    Err(error) => return Err(error),
                }
            }
            PodState::Waiting(_) | PodState::Running { .. } | PodState::NodeAway { .. } => {
                return Err(refused(NOT_ENDED));
            }
            PodState::Gated | PodState::CannotStart(_) | PodState::Ended(_) => pod,
        };
        match retire(pods, &pod, at).await {
            Err(error) if error.is_conflict() => debug!(pod = %handle, "the pod has changed"),
            Err(error) if error.is_not_found() => return Ok(()),
            retired => return Ok(retired?),
        }
    }
    Err(refused("the pod changes all the time"))
}

pub(crate) fn refused(message: &str) -> EngineError {
    EngineError::Refused { kind: Refusal::Conflict, message: message.to_owned() }
}

/// Takes a pod out of use whose end is on record: at once, or so that it still holds its name for a while; `at` is
/// the time of the cluster.
async fn retire(pods: &Arc<Pods>, pod: &Pod, at: Option<DateTime<Utc>>) -> Result<(), CallError> {
    // What was gated was never started by its creation, and a late create will be gated, too.
    if pods.has_gates() || pod.is_gated() {
        return purge(pods, pod).await;
    }
    let at = at.map(|at| at.to_rfc3339());
    let marked = mark_removed(pods, pod, json!({REMOVED: HAS_ENDED, REMOVED_AT: at})).await?;
    purge_later(pods, marked);
    Ok(())
}

/// Takes a pod out of use that never ran, which it shows for a while: that is not on record yet.
pub(crate) async fn retire_unstarted(pods: &Arc<Pods>, pod: &Pod) -> Result<(), CallError> {
    let marked = mark_removed(pods, pod, json!({REMOVED: NEVER_RAN})).await?;
    // From here on its finalizer alone keeps it, and its node cleans up.
    pods.cluster.delete(&marked, None, 0).await?;
    purge_later(pods, marked);
    Ok(())
}

async fn mark_removed(pods: &Pods, pod: &Pod, marks: Value) -> Result<Pod, CallError> {
    let mark = under_version(pod, json!({"annotations": marks}));
    pods.cluster.merge(&pod.metadata.name, &mark).await
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
            sleep(NAME_RETENTION).await;
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

/// Makes sure that a pod that was not started cannot start any more; `why` is noted on it.
///
/// # Errors
/// [`EngineError::Unreachable`] where its node has not settled whether it starts.
pub(crate) async fn make_unstartable(
    pods: &Arc<Pods>,
    id: &ContainerId,
    why: &str,
) -> Result<Unstartable, EngineError> {
    let begun_at = Instant::now();
    let mut deleted_at = None;
    let mut watch = PodWatch::new(Arc::clone(pods), id.clone());
    while begun_at.elapsed() < SETTLE_LIMIT {
        let pod = watch.next_within(Duration::from_secs(1)).await?;
        match reported_state(pods, &pod).await? {
            PodState::Gated | PodState::CannotStart(_) => {
                return Ok(Unstartable::NeverRan(Box::new(pod)));
            }
            PodState::Waiting(_) if pod.metadata.deletion_timestamp.is_none() => {
                if mark_stopped(pods, &pod, why).await? {
                    pods.cluster.delete(&pod, None, SHORTEST_GRACE).await.map_err(gone_or)?;
                }
            }
            PodState::Waiting(_) if is_deletion_unnoted(&pod) => {
                mark_stopped(pods, &pod, BY_SOMEONE_ELSE).await?;
            }
            // Its node may still start it.
            PodState::Waiting(_) => {
                let deleted_at = *deleted_at.get_or_insert_with(Instant::now);
                if deleted_at.elapsed() >= SETTLED_AFTER
                    && has_settled(pods, &pod).await
                    && is_node_heard(pods, &pod).await?
                {
                    return Ok(Unstartable::NeverRan(Box::new(pod)));
                }
            }
            started => return Ok(Unstartable::Found(started.into())),
        }
    }
    let reason = "the node of the pod has not reported whether it still starts it";
    Err(EngineError::Unreachable(reason.to_owned()))
}

/// Notes on a pod that it is deleted, and why it is if that is before its start; false where the pod has changed. The
/// mark must not come after a deletion by force, which it would make look like a report of the pod's node.
pub(crate) async fn mark_stopped(pods: &Pods, pod: &Pod, why: &str) -> Result<bool, EngineError> {
    let mark = under_version(pod, json!({"annotations": {STOPPED: why}}));
    match pods.cluster.merge(&pod.metadata.name, &mark).await {
        Ok(_) => Ok(true),
        Err(error) if error.is_conflict() => Ok(false),
        Err(error) => Err(gone_or(error)),
    }
}
