//! The engine as one server sees it: answers are lost now and then, and it hears no dead server.

use std::sync::Arc;

use async_trait::async_trait;
use docket_model::{
    Specification,
    allocation::{Placement, Pull},
    run::Node,
};
use futures_util::{StreamExt, stream};

use super::fault_injection::{Fault, Wire};
use crate::engine::{
    Captured, Condition, Containers, Disarmed, Engine, EngineCheck, EngineError, EngineStatus,
    Finding, Follow, Found, Handle, Launch, Log, LogCursor, Observation, Observations, Owner, Plan,
    Prepared, Pulled, Refusal, Starts, Stop, TakeOver, Takeover, Target,
    scripted_engine::ScriptedEngine,
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
        let answer = self.wire.carry(&[call], work).await;
        answer.unwrap_or_else(|fault: Fault| match fault {
            Fault::Refuses => {
                Err(EngineError::Refused { kind: Refusal::Failed, message: "refused".to_owned() })
            }
            fault => Err(EngineError::Unreachable(format!("{fault:?}"))),
        })
    }
}

// A method with a default that is not passed on would hide the engine's own.
#[warn(clippy::missing_trait_methods)]
#[async_trait]
impl Engine for WiredEngine {
    async fn ping(&self) -> Result<(), EngineError> {
        self.call("ping", self.engine.ping()).await
    }

    async fn status(&self) -> Result<EngineStatus, EngineError> {
        self.call("status", self.engine.status()).await
    }

    fn starts(&self) -> Starts {
        self.engine.starts()
    }

    fn has_nodes(&self) -> bool {
        self.engine.has_nodes()
    }

    fn has_pods(&self) -> bool {
        self.engine.has_pods()
    }

    fn is_costly_to_reach(&self) -> bool {
        self.engine.is_costly_to_reach()
    }

    fn trials(&self) -> Option<&dyn EngineCheck> {
        self.engine.trials()
    }

    async fn nodes(&self, on_nodes: &Placement) -> Result<Vec<Node>, EngineError> {
        self.call("nodes", self.engine.nodes(on_nodes)).await
    }

    fn check(&self, specification: &Specification, on_nodes: &Placement) -> Vec<Finding> {
        self.engine.check(specification, on_nodes)
    }

    async fn pull(
        &self,
        image: &str,
        platform: Option<&str>,
        pull: Pull,
    ) -> Result<Option<Pulled>, EngineError> {
        self.call("pull", self.engine.pull(image, platform, pull)).await
    }

    async fn prepare(&self, plan: &Plan) -> Result<Prepared, EngineError> {
        self.call("prepare", self.engine.prepare(plan)).await
    }

    async fn launch(&self, handle: &Handle) -> Result<Launch, EngineError> {
        match self.call("launch", self.engine.launch(handle)).await {
            Err(EngineError::Unreachable(reason)) => Ok(Launch::Unknown(reason)),
            launched => launched,
        }
    }

    async fn stop(&self, handle: &Handle, how: Stop) -> Result<(), EngineError> {
        self.call("stop", self.engine.stop(handle, how)).await
    }

    async fn remove(&self, handle: &Handle, condition: Condition) -> Result<(), EngineError> {
        self.call("remove", self.engine.remove(handle, condition)).await
    }
}

#[async_trait]
impl Containers for WiredEngine {
    async fn inspect(&self, handle: &Handle) -> Result<Observation, EngineError> {
        self.call("inspect", self.engine.inspect(handle)).await
    }

    async fn identify(&self, handle: &Handle) -> Result<Option<Found>, EngineError> {
        self.call("identify", self.engine.identify(handle)).await
    }

    fn watch(&self, handle: &Handle) -> Observations {
        let watch = (self.clone(), self.engine.watch(handle));
        stream::unfold(Some(watch), async |watch| {
            let (wired, mut observations) = watch?;
            let next = async { observations.next().await.transpose() };
            let seen = wired.call("watch", next).await.transpose()?;
            let goes_on = seen.is_ok();
            Some((seen, goes_on.then_some((wired, observations))))
        })
        .boxed()
    }

    fn logs(&self, handle: &Handle, from: LogCursor, follow: Follow) -> Log {
        if self.wire.breaks_off("logs") {
            let error = EngineError::Unreachable("the log broke off".to_owned());
            return stream::iter([Err(error)]).boxed();
        }
        self.engine.logs(handle, from, follow)
    }

    async fn read_log(&self, handle: &Handle, limit: usize) -> Result<Captured, EngineError> {
        self.call("read_log", self.engine.read_log(handle, limit)).await
    }

    async fn list_owned(&self, owner: &Owner) -> Result<Vec<Found>, EngineError> {
        self.call("list_owned", self.engine.list_owned(owner)).await
    }

    async fn list_of_other_stores(&self, owner: &Owner) -> Result<Vec<Found>, EngineError> {
        self.call("list_of_other_stores", self.engine.list_of_other_stores(owner)).await
    }
}

#[async_trait]
impl Takeover for WiredEngine {
    async fn take_over(&self, handle: &Handle) -> Result<TakeOver, EngineError> {
        self.call("inspect", self.engine.take_over(handle)).await
    }

    async fn disarm(&self, target: Target<'_>) -> Result<Disarmed, EngineError> {
        self.call("remove", self.engine.disarm(target)).await
    }
}
