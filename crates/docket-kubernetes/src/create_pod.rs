//! Creating the pod of an attempt, or joining the one that is there.
//!
//! 1. Each pod is created with a scheduling gate. Where the answer does not show it, the cluster has dropped
//!    it, and the create was the start.

use docket_server::engine::{EngineError, Past, Plan, Prepared, short_name};
use serde_json::Value;

use crate::{
    api::{CallError, Pod},
    mapping::has_patterns,
    pod_body,
    pod_owner::{self, belongs_to, is_removed, past},
    remove_pod::purge_removed,
    shared_engine_state::Pods,
};

/// From this version on, major and minor, scheduling gates cannot be switched off.
const ALWAYS_GATED: (u32, u32) = (1, 30);

/// Finds out whether the cluster keeps scheduling gates, by a create that makes nothing.
///
/// A cluster that refuses the trial, such as by a quota, may have shown it before, or shows it by its version.
pub(crate) async fn try_gates(pods: &Pods, version: (u32, u32)) -> Result<(), EngineError> {
    match pods.cluster.create(&pod_body::gate_trial(), true).await {
        Ok(pod) => pods.note_gates(pod.is_gated()),
        Err(CallError::Unreachable(reason)) => return Err(EngineError::Unreachable(reason)),
        Err(CallError::Refused { .. }) if version >= ALWAYS_GATED => pods.note_gates(true),
        Err(CallError::Refused { .. }) => {}
    }
    Ok(())
}

/// Creates the pod of an attempt, or joins the one of this name if its identity is the same.
pub(crate) async fn prepare(pods: &Pods, plan: &Plan) -> Result<Prepared, EngineError> {
    let body = body(pods, plan).await?;
    match pods.cluster.create(&body, false).await {
        Ok(pod) => return Ok(prepared(&pod)),
        Err(error) if error.is_conflict() => {}
        Err(error) => return Err(error.into()),
    }
    let name = short_name(&plan.identity);
    let holder = match pods.cluster.pod(&name).await {
        Err(error) if error.is_not_found() => {
            return Err(EngineError::NameBusy(format!(
                "the pod {name} was deleted in this moment"
            )));
        }
        holder => holder?,
    };
    // That it never ran is on record by now, and with gates a late create starts nothing.
    if pods.has_gates()
        && past(&holder) == Some(Past::NeverRan)
        && belongs_to(&holder, &plan.identity)
    {
        purge_removed(pods, &name, &holder.metadata.uid).await;
        return Ok(prepared(&pods.cluster.create(&body, false).await?));
    }
    join(plan, &holder)
}

/// The pod of an attempt.
///
/// # Errors
/// [`EngineError::Refused`] names the first option that no pod can have.
pub(crate) async fn body(pods: &Pods, plan: &Plan) -> Result<Value, EngineError> {
    let needs_nodes = plan.node.is_none() && has_patterns(&plan.placement);
    let nodes = if needs_nodes { pods.cluster.nodes().await? } else { Vec::new() };
    pod_body::of_run(plan, &nodes)
}

/// Joins a pod that is there under the name, if its identity is the same.
fn join(plan: &Plan, holder: &Pod) -> Result<Prepared, EngineError> {
    if is_removed(holder) || !belongs_to(holder, &plan.identity) {
        return Err(pod_owner::name_held(holder));
    }
    let image = holder.spec.containers.first().map(|container| container.image.as_str().into());
    Ok(Prepared { joined: true, image, ..prepared(holder) })
}

fn prepared(pod: &Pod) -> Prepared {
    Prepared { started: !pod.is_gated(), ..Prepared::new(pod.handle()) }
}
