//! Creating the pod of an attempt, or joining the one that is there.
//!
//! 1. Each pod is created with a scheduling gate. Where the answer does not show it, the cluster has dropped
//!    it, and the create was the start.

use std::sync::Arc;

use docket_server::engine::{EngineError, Plan, Prepared, short_name};

use crate::{
    api::{CallError, Pod},
    pod_body,
    pod_owner::{self, belongs_to, is_removed},
    pods::Pods,
};

/// Finds out whether the cluster keeps scheduling gates, by a create that makes nothing.
pub(crate) async fn try_gates(pods: &Pods) -> Result<(), EngineError> {
    match pods.cluster.create(&pod_body::gate_trial(), true).await {
        Ok(pod) => pods.note_gates(pod.is_gated()),
        Err(CallError::Unreachable(reason)) => return Err(EngineError::Unreachable(reason)),
        // A cluster that refuses the trial may refuse any pod; creating counts as starting.
        Err(CallError::Refused { .. }) => pods.note_gates(false),
    }
    Ok(())
}

/// Creates the pod of an attempt, or joins the one of this name if its identity is the same.
pub(crate) async fn prepare(pods: &Arc<Pods>, plan: &Plan) -> Result<Prepared, EngineError> {
    let body = pod_body::of_run(plan)?;
    let created = match pods.cluster.create(&body, false).await {
        Ok(pod) => prepared(pods, &pod),
        Err(error) if error.is_conflict() => join(pods, plan).await?,
        Err(error) => return Err(error.into()),
    };
    Ok(created)
}

async fn join(pods: &Arc<Pods>, plan: &Plan) -> Result<Prepared, EngineError> {
    let name = short_name(&plan.identity);
    let holder = match pods.cluster.pod(&name).await {
        Err(error) if error.is_not_found() => {
            return Err(EngineError::NameBusy(format!(
                "the pod {name} was deleted in this moment"
            )));
        }
        holder => holder?,
    };
    if is_removed(&holder) || !belongs_to(&holder, &plan.identity) {
        return Err(pod_owner::name_held(&holder));
    }
    let holder_life = pod_owner::found(&holder).and_then(|found| found.life);
    let image = holder.spec.containers.first().map(|container| container.image.as_str().into());
    Ok(Prepared { joined: true, holder_life, image, ..prepared(pods, &holder) })
}

fn prepared(pods: &Arc<Pods>, pod: &Pod) -> Prepared {
    let started = !pod.is_gated();
    if started {
        pods.keep_log(&pod.id());
    }
    let node = pod.spec.node_name.as_deref().map(Arc::from);
    Prepared { started, node, ..Prepared::new(pod.handle()) }
}
