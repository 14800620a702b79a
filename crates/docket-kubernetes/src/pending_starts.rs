//! Pods that may still be started, by a request that is on its way or by the cluster itself.
//!
//! 1. A gated pod is started by lifting its gate under the version that was seen: a late request finds
//!    another version, or no pod.
//! 2. Where creating starts, a name is taken by a pod that never starts, so that a late create finds it taken.

use std::{sync::Arc, time::Duration};

use docket_server::engine::{
    Disarmed, EngineError, Guard, Handle, Identity, Launch, Past, TakeOver, short_name,
};
use serde_json::json;
use tokio::time::sleep;

use crate::{
    api::CallError,
    deleted_before_start::reported_state,
    pod_body,
    pod_owner::{belongs_to, is_removed},
    pod_state::PodState,
    remove_pod::{DELETED_BEFORE_START, TRIES, Unstartable, make_unstartable, retire_unstarted},
    shared_engine_state::{Pods, name_and_uid, unread},
};

/// The pause before a pod is disarmed again that another program has changed.
const PAUSE: Duration = Duration::from_millis(200);

/// Lifts the gate of a pod, if it still has the version of the handle.
pub(crate) async fn launch(pods: &Arc<Pods>, handle: &Handle) -> Result<Launch, EngineError> {
    let Ok((name, uid)) = name_and_uid(&handle.id) else { return Ok(Launch::NeverRan) };
    let Some(version) = handle.version.as_deref() else { return not_started(pods, handle).await };
    let changes = json!([
        {"op": "test", "path": "/metadata/uid", "value": uid},
        {"op": "test", "path": "/metadata/resourceVersion", "value": version},
        {"op": "remove", "path": "/spec/schedulingGates"},
    ]);
    match pods.cluster.patch(name, &changes).await {
        Ok(_) => Ok(Launch::Accepted),
        Err(CallError::Unreachable(reason)) => Ok(Launch::Unknown(reason)),
        Err(error) if error.is_not_found() => Ok(Launch::NeverRan),
        Err(error) if error.is_out_of_date() => match not_started(pods, handle).await? {
            // It still has the version that was tested, so the start itself was refused.
            Launch::OutOfDate(present) if present == *handle => Err(error.into()),
            launch => Ok(launch),
        },
        Err(error) => Err(error.into()),
    }
}

/// What a pod is that no request of this handle has started.
async fn not_started(pods: &Arc<Pods>, handle: &Handle) -> Result<Launch, EngineError> {
    match pods.look(&handle.id).await {
        Ok(pod) => {
            let version = Some(pod.metadata.resource_version.as_str().into());
            let is_known = handle.version.is_none() || handle.version == version;
            if !pod.is_gated() && is_known {
                return Ok(Launch::AlreadyRan);
            }
            Ok(Launch::OutOfDate(Handle { id: pod.id(), version }))
        }
        Err(EngineError::Gone) => Ok(Launch::NeverRan),
        // The request that was answered started nothing.
        Err(error) => Err(error),
    }
}

/// Reports how far a pod is.
pub(crate) async fn take_over(pods: &Arc<Pods>, handle: &Handle) -> Result<TakeOver, EngineError> {
    let (pod, _) = match pods.find(&handle.id).await? {
        Ok(found) => found,
        Err(past) => return Ok(TakeOver::Gone(past)),
    };
    let guard = Guard::new(pod.handle(), ());
    Ok(match reported_state(pods, &pod).await? {
        PodState::Gated => TakeOver::Replaceable(guard),
        PodState::Waiting(reason) => TakeOver::Waiting { guard, reason },
        started => TakeOver::Found(started.into()),
    })
}

/// Makes sure that a pod cannot start any more, and removes it.
pub(crate) async fn disarm(pods: &Arc<Pods>, handle: &Handle) -> Result<Disarmed, EngineError> {
    for _ in 0..TRIES {
        let pod = match make_unstartable(pods, &handle.id, DELETED_BEFORE_START).await {
            Ok(Unstartable::NeverRan(pod)) => pod,
            Ok(Unstartable::Found(observation)) => return Ok(Disarmed::Found(observation)),
            Err(EngineError::Gone) => return Ok(Disarmed::Gone(Past::Unknown)),
            Err(error) => return Err(error),
        };
        match retire_unstarted(pods, &pod).await {
            Ok(()) => return Ok(Disarmed::Gone(Past::NeverRan)),
            Err(error) if error.is_not_found() => return Ok(Disarmed::Gone(Past::NeverRan)),
            // It has changed since: it may have been started.
            Err(error) if error.is_conflict() => sleep(PAUSE).await,
            Err(error) => return Err(error.into()),
        }
    }
    // The caller asks again, with growing pauses.
    Err(EngineError::Unreachable("another program changes the pod all the time".to_owned()))
}

/// Makes sure that nothing starts under the name of an attempt any more.
pub(crate) async fn hold_name(
    pods: &Arc<Pods>,
    identity: &Identity,
) -> Result<Disarmed, EngineError> {
    let nothing_starts = Ok(Disarmed::Gone(Past::NeverRan));
    let mut refusal = None;
    if !pods.has_gates() {
        match pods.cluster.create(&pod_body::name_holder(identity), false).await {
            Ok(_) => return nothing_starts,
            Err(error) if error.is_conflict() => {}
            // A quota refuses a pod before it is known that its name is taken.
            Err(error @ CallError::Refused { .. }) if !error.is_unauthorized() => {
                refusal = Some(error.into());
            }
            // Without credentials that are accepted nothing is known of the name.
            Err(error) => return Err(unread(error)),
        }
    }
    match pods.cluster.pod(&short_name(identity)).await {
        Ok(pod) if is_removed(&pod) || pod.is_gated() || !belongs_to(&pod, identity) => {
            nothing_starts
        }
        Ok(pod) => Ok(Disarmed::NameTaken(pod.handle())),
        // With gates a create that is still on its way starts nothing.
        Err(error) if error.is_not_found() && pods.has_gates() => nothing_starts,
        Err(error) if error.is_not_found() => Err(refusal.unwrap_or_else(|| {
            EngineError::NameBusy("the pod of this name was deleted in this moment".to_owned())
        })),
        Err(error) => Err(unread(error)),
    }
}
