//! The engine: each call of docket, carried out on pods.

use std::sync::Arc;

use async_trait::async_trait;
use docket_model::{Specification, allocation::Pull};
use docket_server::engine::{
    Captured, Condition, Containers, Disarmed, Engine, EngineError, EngineStatus, Finding, Follow,
    Found, Guard, Handle, Launch, Log, LogCursor, Observation, Observations, Owner, Past, Plan,
    Prepared, Pulled, Starts, Stop, TakeOver, Takeover, Target,
};
use serde_json::Value;

use crate::{
    create_pod, list_pods, pending_starts, pod_body, pod_log, pod_owner, pod_state::state_of,
    pods::Pods, read_log, remove_pod, stop_pod, watch_pod,
};

/// The cores of a cluster, as far as the number of containers in creation depends on them.
// The nodes are not asked: that takes rights on the whole cluster. Twice as many creates at once are little
// for an API server, and more would not be quicker.
const CORES: usize = 8;

/// The nodes of a cluster: they are not counted, for the same reason.
const NODES: usize = 1;

/// Runs each attempt as a pod of one namespace.
#[derive(Debug)]
pub(crate) struct KubernetesEngine {
    pods: Arc<Pods>,
}

impl KubernetesEngine {
    pub(crate) fn new(pods: Pods) -> Self {
        Self { pods: Arc::new(pods) }
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

    async fn status(&self) -> Result<EngineStatus, EngineError> {
        let cluster = &self.pods.cluster;
        let version = cluster.version().await?;
        // Its uid tells both clusters and namespaces apart.
        let (namespace, time) = cluster.namespace().await?;
        create_pod::try_gates(&self.pods).await?;
        let text = |key: &str| version.get(key).and_then(Value::as_str).unwrap_or_default();
        Ok(EngineStatus {
            id: Some(namespace.metadata.uid.into()),
            version: text("gitVersion").trim_start_matches('v').to_owned(),
            api_version: format!("{}.{}", text("major"), text("minor").trim_end_matches('+')),
            cores: CORES,
            capacity: None,
            time,
            labels: [].into(),
            nodes: NODES,
        })
    }

    fn starts(&self) -> Starts {
        if self.pods.has_gates() { Starts::Conditionally } else { Starts::WithPrepare }
    }

    fn check(&self, specification: &Specification) -> Vec<Finding> {
        pod_body::check(specification)
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
        create_pod::prepare(&self.pods, plan).await
    }

    async fn launch(&self, handle: &Handle) -> Result<Launch, EngineError> {
        pending_starts::launch(&self.pods, handle).await
    }

    async fn stop(&self, handle: &Handle, how: Stop) -> Result<(), EngineError> {
        stop_pod::stop(&self.pods, handle, how).await
    }

    async fn remove(&self, handle: &Handle, condition: Condition) -> Result<(), EngineError> {
        remove_pod::remove(&self.pods, handle, condition).await
    }
}

#[async_trait]
impl Containers for KubernetesEngine {
    async fn inspect(&self, handle: &Handle) -> Result<Observation, EngineError> {
        match self.pods.look(&handle.id).await {
            Ok(pod) => Ok(state_of(&pod).into()),
            Err(EngineError::Gone) => Ok(Observation::Gone(Past::Unknown)),
            Err(error) => Err(error),
        }
    }

    async fn identify(&self, handle: &Handle) -> Result<Option<Found>, EngineError> {
        Ok(pod_owner::found(&self.pods.look(&handle.id).await?))
    }

    fn watch(&self, handle: &Handle) -> Observations {
        watch_pod::observations(&self.pods, &handle.id)
    }

    fn logs(&self, handle: &Handle, from: LogCursor, follow: Follow) -> Log {
        pod_log::read(&self.pods, &handle.id, from, follow)
    }

    async fn read_log(&self, handle: &Handle, limit: usize) -> Result<Captured, EngineError> {
        read_log::read_log(&self.pods, &handle.id, limit).await
    }

    async fn list_owned(&self, owner: &Owner) -> Result<Vec<Found>, EngineError> {
        list_pods::owned(&self.pods, owner).await
    }

    async fn list_of_other_stores(&self, owner: &Owner) -> Result<Vec<Found>, EngineError> {
        list_pods::running_of_other_stores(&self.pods, owner).await
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
                pending_starts::disarm(&self.pods, &handle).await
            }
            Target::Name(identity) => pending_starts::hold_name(&self.pods, identity).await,
        }
    }
}
