//! The engine as one server sees it: answers are lost now and then, and it hears no dead server.

use std::sync::Arc;

use async_trait::async_trait;
use docket_model::run::ContainerId;
use futures_util::{StreamExt, stream};
use uuid::Uuid;

use super::wire::{Fault, Wire};
use crate::engine::{
    Captured, ContainerState, Created, Engine, EngineError, EngineInfo, Finding, Found, LifeEvents,
    LiveOutput, Observation, Observations, Plan, Pulled, Refusal, Stop, scripted::ScriptedEngine,
};

/// The scripted engine behind a server's wire.
#[derive(Debug, Clone)]
pub(in crate::scheduler::tests) struct WiredEngine {
    pub(super) engine: Arc<ScriptedEngine>,
    pub(super) wire: Arc<Wire>,
}

impl WiredEngine {
    async fn call<T>(
        &self,
        call: &'static str,
        work: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<T, EngineError> {
        let answer = self.wire.carry(call, work).await;
        answer.unwrap_or_else(|fault: Fault| match fault {
            Fault::Refuses => {
                Err(EngineError::Refused { kind: Refusal::Failed, message: "refused".to_owned() })
            }
            fault => Err(EngineError::Unreachable(format!("{fault:?}"))),
        })
    }
}

#[async_trait]
impl Engine for WiredEngine {
    async fn ping(&self) -> Result<(), EngineError> {
        self.call("ping", self.engine.ping()).await
    }

    async fn info(&self) -> Result<EngineInfo, EngineError> {
        self.call("info", self.engine.info()).await
    }

    async fn pull(
        &self,
        image: &str,
        platform: Option<&str>,
        pull: docket_model::allocation::Pull,
    ) -> Result<Pulled, EngineError> {
        self.call("pull", self.engine.pull(image, platform, pull)).await
    }

    async fn create(&self, plan: &Plan) -> Result<Created, EngineError> {
        self.call("create", self.engine.create(plan)).await
    }

    async fn start(&self, container: &ContainerId) -> Result<(), EngineError> {
        self.call("start", self.engine.start(container)).await
    }

    fn watch(&self, container: &ContainerId) -> Observations {
        let (wired, container) = (self.clone(), container.clone());
        stream::once(async move {
            let last = async {
                let seen: Vec<_> = wired.engine.watch(&container).collect().await;
                seen.into_iter().last().unwrap()
            };
            wired.call("watch", last).await
        })
        .boxed()
    }

    async fn stop(&self, container: &ContainerId, how: Stop) -> Result<(), EngineError> {
        self.call("stop", self.engine.stop(container, how)).await
    }

    async fn remove(&self, container: &ContainerId) -> Result<(), EngineError> {
        self.call("remove", self.engine.remove(container)).await
    }
}

#[async_trait]
impl Observation for WiredEngine {
    async fn inspect(&self, container: &ContainerId) -> Result<ContainerState, EngineError> {
        self.call("inspect", self.engine.inspect(container)).await
    }

    async fn labels(&self, container: &ContainerId) -> Result<Option<Found>, EngineError> {
        self.call("labels", self.engine.labels(container)).await
    }

    fn life_events(&self, container: &ContainerId) -> LifeEvents {
        self.engine.life_events(container)
    }

    async fn output(&self, container: &ContainerId, limit: usize) -> Result<Captured, EngineError> {
        self.call("output", self.engine.output(container, limit)).await
    }

    fn live_output(&self, container: &ContainerId, skip: u64) -> LiveOutput {
        self.engine.live_output(container, skip)
    }

    fn output_so_far(&self, container: &ContainerId, skip: u64) -> LiveOutput {
        self.engine.output_so_far(container, skip)
    }

    async fn list_owned(&self, namespace: &str, store: Uuid) -> Result<Vec<Found>, EngineError> {
        self.call("list_owned", self.engine.list_owned(namespace, store)).await
    }

    async fn list_of_other_stores(
        &self,
        namespace: &str,
        store: Uuid,
    ) -> Result<Vec<Found>, EngineError> {
        self.call("list_of_other_stores", self.engine.list_of_other_stores(namespace, store)).await
    }

    async fn rehearse(
        &self,
        plan: &Plan,
        pull: docket_model::allocation::Pull,
    ) -> Result<Vec<Finding>, EngineError> {
        self.call("rehearse", self.engine.rehearse(plan, pull)).await
    }
}
