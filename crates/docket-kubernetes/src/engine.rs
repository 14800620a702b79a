//! The engine: each call of docket, carried out on pods.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use docket_model::{
    Specification,
    allocation::{Placement, Pull},
    run::Node,
};
use docket_server::engine::{
    Captured, Condition, Containers, Disarmed, Engine, EngineCheck, EngineError, EngineStatus,
    Finding, Follow, Found, Guard, Handle, Launch, Log, LogCursor, Observation, Observations,
    Owner, Past, Plan, Prepared, Pulled, Starts, Stop, TakeOver, Takeover, Target, Trial, bounded,
};
use serde_json::Value;

use crate::{
    api::CallError, create_pod, deleted_before_start::reported_state, dry_run, follow_pod_to_end,
    kept_logs::KeptLogs, list_pods, mapping, pending_starts, pod_body, pod_log, pod_owner,
    read_log, remove_pod, shared_engine_state::Pods, stop_pod,
};

/// The cores of a cluster, as far as the number of containers in creation depends on them.
// The nodes are not asked for theirs: that takes rights on the whole cluster. Twice as many creates at once are little
// for an API server, and more would not be quicker.
const CORES: usize = 8;

/// Runs each attempt as a pod of one namespace.
pub(crate) struct KubernetesEngine {
    pods: Arc<Pods>,
    logs: Arc<KeptLogs>,
}

impl KubernetesEngine {
    pub(crate) fn new(pods: Pods) -> Self {
        let pods = Arc::new(pods);
        Self { logs: Arc::new(KeptLogs::new(Arc::clone(&pods))), pods }
    }
}

impl fmt::Debug for KubernetesEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KubernetesEngine").field("pods", &self.pods).finish_non_exhaustive()
    }
}

impl Drop for KubernetesEngine {
    fn drop(&mut self) {
        self.pods.closed.cancel();
    }
}

#[async_trait]
impl Engine for KubernetesEngine {
    async fn ping(&self) -> Result<(), EngineError> {
        // It takes the store of the cluster and the credentials to answer this.
        self.pods.cluster.namespace().await?;
        Ok(())
    }

    fn is_costly_to_reach(&self) -> bool {
        self.pods.cluster.runs_command()
    }

    async fn status(&self) -> Result<EngineStatus, EngineError> {
        let cluster = &self.pods.cluster;
        let version = cluster.version().await?;
        // Its uid tells both clusters and namespaces apart.
        let (namespace, time) = cluster.namespace().await?;
        let text = |key: &str| version.get(key).and_then(Value::as_str).unwrap_or_default();
        let (major, minor) = (text("major"), text("minor").trim_end_matches('+'));
        let number = |text: &str| text.parse().unwrap_or_default();
        create_pod::try_gates(&self.pods, (number(major), number(minor))).await?;
        // Counting the nodes takes a right of the whole cluster, which docket need not have.
        let nodes = match cluster.count_nodes().await {
            Err(CallError::Refused { .. }) => None,
            count => Some(count?),
        };
        Ok(EngineStatus {
            id: Some(namespace.metadata.uid.into()),
            version: text("gitVersion").trim_start_matches('v').to_owned(),
            api_version: format!("{major}.{minor}"),
            cores: CORES,
            time,
            labels: [].into(),
            nodes,
        })
    }

    fn starts(&self) -> Starts {
        if self.pods.has_gates() { Starts::Conditionally } else { Starts::WithPrepare }
    }

    fn has_nodes(&self) -> bool {
        true
    }

    fn has_pods(&self) -> bool {
        true
    }

    async fn nodes(&self, on_nodes: &Placement) -> Result<Vec<Node>, EngineError> {
        let nodes = self.pods.cluster.nodes().await?.into_iter();
        let fitting = nodes.filter(|node| mapping::node_fits(on_nodes, node));
        Ok(fitting.map(|node| Node::named(bounded(node.name()))).collect())
    }

    fn check(&self, specification: &Specification, on_nodes: &Placement) -> Vec<Finding> {
        pod_body::check(specification, on_nodes)
    }

    fn trials(&self) -> Option<&dyn EngineCheck> {
        Some(self)
    }

    async fn pull(
        &self,
        _image: &str,
        _platform: Option<&str>,
        _pull: Pull,
    ) -> Result<Option<Pulled>, EngineError> {
        // The node of the pod pulls, by the policy that the pod carries.
        Ok(None)
    }

    async fn prepare(&self, plan: &Plan) -> Result<Prepared, EngineError> {
        let prepared = create_pod::prepare(&self.pods, plan).await?;
        if prepared.started {
            self.logs.keep(&prepared.handle.id);
        }
        Ok(prepared)
    }

    async fn launch(&self, handle: &Handle) -> Result<Launch, EngineError> {
        let launched = pending_starts::launch(&self.pods, handle).await?;
        if launched == Launch::Accepted {
            self.logs.keep(&handle.id);
        }
        Ok(launched)
    }

    async fn stop(&self, handle: &Handle, how: Stop) -> Result<(), EngineError> {
        stop_pod::stop(&self.pods, &self.logs, handle, how).await
    }

    async fn remove(&self, handle: &Handle, condition: Condition) -> Result<(), EngineError> {
        remove_pod::remove(&self.pods, handle, condition).await?;
        self.logs.forget(&handle.id);
        Ok(())
    }
}

#[async_trait]
impl Containers for KubernetesEngine {
    async fn inspect(&self, handle: &Handle) -> Result<Observation, EngineError> {
        match self.pods.look(&handle.id).await {
            Ok(pod) => Ok(reported_state(&self.pods, &pod).await?.into()),
            Err(EngineError::Gone) => Ok(Observation::Gone(Past::Unknown)),
            Err(error) => Err(error),
        }
    }

    async fn identify(&self, handle: &Handle) -> Result<Option<Found>, EngineError> {
        Ok(pod_owner::found(&self.pods.look(&handle.id).await?))
    }

    fn watch(&self, handle: &Handle) -> Observations {
        follow_pod_to_end::observations(&self.pods, &self.logs, &handle.id)
    }

    fn logs(&self, handle: &Handle, from: LogCursor, follow: Follow) -> Log {
        pod_log::read(&self.pods, &self.logs, &handle.id, from, follow)
    }

    async fn read_log(&self, handle: &Handle, limit: usize) -> Result<Captured, EngineError> {
        read_log::read_log(&self.pods, &self.logs, &handle.id, limit).await
    }

    async fn list_owned(&self, owner: &Owner) -> Result<Vec<Found>, EngineError> {
        list_pods::owned(&self.pods, owner).await
    }

    async fn list_of_other_stores(&self, owner: &Owner) -> Result<Vec<Found>, EngineError> {
        list_pods::running_of_other_stores(&self.pods, owner).await
    }
}

/// A trial makes nothing.
#[async_trait]
impl EngineCheck for KubernetesEngine {
    async fn examine(&self, plan: &Plan, _: Pull) -> Result<Trial, EngineError> {
        dry_run::examine(&self.pods, plan).await
    }

    async fn try_out(&self, trial: &Trial) -> Result<Vec<Finding>, EngineError> {
        dry_run::try_out(&self.pods, trial).await
    }

    async fn clean_up(&self, _: &Trial) -> Result<(), EngineError> {
        Ok(())
    }
}

#[async_trait]
impl Takeover for KubernetesEngine {
    async fn take_over(&self, handle: &Handle) -> Result<TakeOver, EngineError> {
        pending_starts::take_over(&self.pods, handle).await
    }

    async fn disarm(&self, target: Target<'_>) -> Result<Disarmed, EngineError> {
        match target {
            Target::Guarded(guard) => {
                let (handle, _) = Guard::into_parts::<()>(guard);
                let disarmed = pending_starts::disarm(&self.pods, &handle).await?;
                if let Disarmed::Gone(_) = disarmed {
                    self.logs.forget(&handle.id);
                }
                Ok(disarmed)
            }
            Target::Name(identity) => pending_starts::hold_name(&self.pods, identity).await,
        }
    }
}
