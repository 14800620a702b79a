//! An engine that measures its calls and reports them to an observer.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use docket_model::{
    Specification,
    allocation::{Placement, Pull},
    run::Node,
};
use tokio::time::Instant;

use super::{
    Captured, Condition, Containers, Disarmed, Engine, EngineCheck, EngineError, EngineStatus,
    Finding, Follow, Found, Handle, Launch, Log, LogCursor, Observation, Observations, Owner, Plan,
    Prepared, Pulled, Starts, Stop, TakeOver, Takeover, Target,
};

/// Observes the calls of engines.
pub(crate) trait CallObserver: fmt::Debug + Send + Sync {
    /// An engine of this name answered a call, or did not.
    fn call(&self, engine: &Arc<str>, call: &'static str, took: Duration, is_answered: bool);
}

/// An engine whose calls are timed, except streams, which take as long as a container runs, and trials.
#[derive(Debug)]
pub(crate) struct MeasuredEngine {
    pub(crate) name: Arc<str>,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) observer: Arc<dyn CallObserver>,
}

impl MeasuredEngine {
    async fn timed<T>(
        &self,
        call: &'static str,
        work: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<T, EngineError> {
        self.timed_unless(call, |_| false, work).await
    }

    /// The same of a call that may also have had no answer where it is no error.
    async fn timed_unless<T>(
        &self,
        call: &'static str,
        is_unknown: impl Fn(&T) -> bool,
        work: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<T, EngineError> {
        let begun_at = Instant::now();
        let answer = work.await;
        let is_answered = match &answer {
            Ok(answer) => !is_unknown(answer),
            // A refusal is an answer.
            Err(error) => !matches!(error, EngineError::Unreachable(_)),
        };
        self.observer.call(&self.name, call, begun_at.elapsed(), is_answered);
        answer
    }
}

// A method with a default that is not passed on would hide the engine's own.
#[warn(clippy::missing_trait_methods)]
#[async_trait]
impl Engine for MeasuredEngine {
    async fn ping(&self) -> Result<(), EngineError> {
        self.timed("ping", self.engine.ping()).await
    }

    async fn status(&self) -> Result<EngineStatus, EngineError> {
        self.timed("status", self.engine.status()).await
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

    async fn nodes(&self, on_nodes: &Placement) -> Result<Vec<Node>, EngineError> {
        self.timed("nodes", self.engine.nodes(on_nodes)).await
    }

    fn check(&self, specification: &Specification, on_nodes: &Placement) -> Vec<Finding> {
        self.engine.check(specification, on_nodes)
    }

    fn trials(&self) -> Option<&dyn EngineCheck> {
        self.engine.trials()
    }

    async fn pull(
        &self,
        image: &str,
        platform: Option<&str>,
        pull: Pull,
    ) -> Result<Option<Pulled>, EngineError> {
        self.timed("pull", self.engine.pull(image, platform, pull)).await
    }

    async fn prepare(&self, plan: &Plan) -> Result<Prepared, EngineError> {
        self.timed("prepare", self.engine.prepare(plan)).await
    }

    async fn launch(&self, handle: &Handle) -> Result<Launch, EngineError> {
        let is_unknown = |launch: &Launch| matches!(launch, Launch::Unknown(_));
        self.timed_unless("launch", is_unknown, self.engine.launch(handle)).await
    }

    async fn stop(&self, handle: &Handle, how: Stop) -> Result<(), EngineError> {
        self.timed("stop", self.engine.stop(handle, how)).await
    }

    async fn remove(&self, handle: &Handle, condition: Condition) -> Result<(), EngineError> {
        self.timed("remove", self.engine.remove(handle, condition)).await
    }
}

#[async_trait]
impl Containers for MeasuredEngine {
    async fn inspect(&self, handle: &Handle) -> Result<Observation, EngineError> {
        self.timed("inspect", self.engine.inspect(handle)).await
    }

    async fn identify(&self, handle: &Handle) -> Result<Option<Found>, EngineError> {
        self.timed("identify", self.engine.identify(handle)).await
    }

    fn watch(&self, handle: &Handle) -> Observations {
        self.engine.watch(handle)
    }

    fn logs(&self, handle: &Handle, from: LogCursor, follow: Follow) -> Log {
        self.engine.logs(handle, from, follow)
    }

    async fn read_log(&self, handle: &Handle, limit: usize) -> Result<Captured, EngineError> {
        self.timed("read_log", self.engine.read_log(handle, limit)).await
    }

    async fn list_owned(&self, owner: &Owner) -> Result<Vec<Found>, EngineError> {
        self.timed("list", self.engine.list_owned(owner)).await
    }

    async fn list_of_other_stores(&self, owner: &Owner) -> Result<Vec<Found>, EngineError> {
        self.timed("list", self.engine.list_of_other_stores(owner)).await
    }
}

#[async_trait]
impl Takeover for MeasuredEngine {
    async fn take_over(&self, handle: &Handle) -> Result<TakeOver, EngineError> {
        self.timed("take_over", self.engine.take_over(handle)).await
    }

    async fn disarm(&self, target: Target<'_>) -> Result<Disarmed, EngineError> {
        self.timed("disarm", self.engine.disarm(target)).await
    }
}
