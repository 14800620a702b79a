//! Pods that may still be started, by a request that is on its way or by the cluster itself.
//!
//! 1. A gated pod is started by lifting its gate under the version that was seen: a late request finds
//!    another version, or no pod.
//! 2. Where creating starts, a name is taken by a pod that never starts, so that a late create finds it taken.

use std::sync::Arc;

use docket_server::engine::{
    Disarmed, EngineError, Guard, Handle, Identity, Launch, Past, TakeOver, short_name,
};
use serde_json::json;

use crate::{
    api::CallError,
    pod_body,
    pod_owner::{belongs_to, is_removed},
    pod_state::{PodState, state_of},
    pods::{Pods, name_and_uid},
    remove_pod::{Unstartable, make_unstartable, retire},
};

/// Lifts the gate of a pod, if it still has the version of the handle.
pub(crate) async fn launch(pods: &Arc<Pods>, handle: &Handle) -> Result<Launch, EngineError> {
    let Ok((name, uid)) = name_and_uid(&handle.id) else { return Ok(Launch::NeverRan) };
    let Some(version) = handle.version.as_deref() else { return refused(pods, handle).await };
    let changes = json!([
        {"op": "test", "path": "/metadata/uid", "value": uid},
        {"op": "test", "path": "/metadata/resourceVersion", "value": version},
        {"op": "remove", "path": "/spec/schedulingGates"},
    ]);
    match pods.cluster.patch(name, &changes).await {
        Ok(_) => {
            pods.keep_log(&handle.id);
            Ok(Launch::Accepted)
        }
        Err(CallError::Unreachable(reason)) => Ok(Launch::Unknown(reason)),
        Err(error) if error.is_not_found() => Ok(Launch::NeverRan),
        Err(error) if error.is_out_of_date() => refused(pods, handle).await,
        Err(error) => Err(error.into()),
    }
}

/// What the pod is whose start was refused: nothing was started by it.
async fn refused(pods: &Arc<Pods>, handle: &Handle) -> Result<Launch, EngineError> {
    match pods.look(&handle.id).await {
        Ok(pod) if Some(&*pod.metadata.resource_version) == handle.version.as_deref() => {
            Ok(Launch::AlreadyRan)
        }
        Ok(pod) if !pod.is_gated() && handle.version.is_none() => Ok(Launch::AlreadyRan),
        Ok(pod) => {
            let version = Some(pod.metadata.resource_version.as_str().into());
            Ok(Launch::OutOfDate(Handle { id: pod.id(), version }))
        }
        Err(EngineError::Gone) => Ok(Launch::NeverRan),
        // The request that was answered started nothing.
        Err(error) => Err(error),
    }
}

/// Reports how far a pod is.
pub(crate) async fn take_over(pods: &Arc<Pods>, handle: &Handle) -> Result<TakeOver, EngineError> {
    let pod = match pods.look(&handle.id).await {
        Err(EngineError::Gone) => return Ok(TakeOver::Gone(Past::Unknown)),
        pod => pod?,
    };
    Ok(match state_of(&pod) {
        PodState::Gated | PodState::Waiting(_) => {
            TakeOver::Replaceable(Guard::new(pod.handle(), ()))
        }
        started => TakeOver::Found(started.into()),
    })
}

/// Makes sure that a pod cannot start any more, and removes it.
pub(crate) async fn disarm(pods: &Arc<Pods>, handle: &Handle) -> Result<Disarmed, EngineError> {
    loop {
        let pod = match make_unstartable(pods, &handle.id).await {
            Ok(Unstartable::NeverRan(pod)) => pod,
            Ok(Unstartable::Found(observation)) => return Ok(Disarmed::Found(observation)),
            Err(EngineError::Gone) => return Ok(Disarmed::Gone(Past::Unknown)),
            Err(error) => return Err(error),
        };
        match retire(pods, &pod).await {
            Ok(()) => return Ok(Disarmed::Gone(Past::NeverRan)),
            Err(error) if error.is_not_found() => return Ok(Disarmed::Gone(Past::NeverRan)),
            // It has changed since: it may have been started.
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Makes sure that nothing starts under the name of an attempt any more.
pub(crate) async fn hold_name(
    pods: &Arc<Pods>,
    identity: &Identity,
) -> Result<Disarmed, EngineError> {
    let nothing_starts = Ok(Disarmed::Gone(Past::NeverRan));
    if !pods.has_gates() {
        match pods.cluster.create(&pod_body::name_holder(identity), false).await {
            Ok(_) => return nothing_starts,
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error.into()),
        }
    }
    match pods.cluster.pod(&short_name(identity)).await {
        Ok(pod) if is_removed(&pod) || pod.is_gated() || !belongs_to(&pod, identity) => {
            nothing_starts
        }
        Ok(pod) => Ok(Disarmed::NameTaken(pod.handle())),
        // With gates a create that is still on its way starts nothing.
        Err(error) if error.is_not_found() && pods.has_gates() => nothing_starts,
        Err(error) if error.is_not_found() => {
            Err(EngineError::NameBusy("the pod of this name was deleted in this moment".to_owned()))
        }
        Err(error) => Err(error.into()),
    }
}
