//! The engine as a simulated server reaches it: requests and answers are late and get lost.

use std::sync::Arc;

use async_trait::async_trait;
use docket_model::{RunId, allocation::Pull, run::ContainerId};
use futures_util::{StreamExt as _, stream};

use super::{
    event::{ContainerProgress, Event, Owner as ContainerOwner},
    machine::{Fate, Machine, Request},
};
use crate::engine::{
    Captured, Condition, Containers, Disarmed, Engine, EngineError, EngineStatus, Follow, Found,
    Handle, Launch, Log, LogCursor, Observation, Observations, Owner, Plan, Prepared, Pulled,
    Refusal, Starts, Stop, TakeOver, Takeover, Target,
};

/// The scripted engine behind an unreliable connection.
#[derive(Debug, Clone)]
pub(super) struct SimulatedEngine(pub(super) Arc<Machine>);

fn unreachable(fate: Fate) -> EngineError {
    EngineError::Unreachable(format!("{fate:?}"))
}

fn refused() -> EngineError {
    EngineError::Refused { kind: Refusal::Failed, message: "refused".to_owned() }
}

impl SimulatedEngine {
    /// A call that changes nothing.
    async fn read<T>(
        &self,
        call: &str,
        work: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<T, EngineError> {
        let machine = &self.0;
        machine.travel().await;
        match machine.fate(call, machine.weather().engine_faults) {
            Fate::Answered => {
                let answer = work.await;
                machine.travel().await;
                answer
            }
            fate => {
                machine.travel().await;
                Err(unreachable(fate))
            }
        }
    }

    /// A call that changes something at once when it arrives.
    async fn write<T: Send + 'static>(
        &self,
        call: &str,
        effect: impl Fn(&Machine, bool) -> Result<T, EngineError> + Clone + Send + 'static,
    ) -> Result<T, EngineError> {
        let machine = &self.0;
        let late = effect.clone();
        // Made before it travels: if the server dies on the way, it may still arrive.
        let request = Request::new(machine, move |machine| drop(late(machine, true)));
        machine.travel().await;
        let fate = machine.fate(call, machine.weather().engine_faults);
        match fate {
            Fate::Answered => {
                request.arrives();
                let answer = effect(machine, false);
                machine.travel().await;
                answer
            }
            Fate::AnswerLost => {
                request.arrives();
                drop(effect(machine, false));
                machine.travel().await;
                Err(unreachable(fate))
            }
            Fate::Late(after) => {
                request.arrives_after(after);
                machine.travel().await;
                Err(unreachable(fate))
            }
            // `arrives` only disarms it: a lost request has no effect later either.
            Fate::Lost => {
                request.arrives();
                machine.travel().await;
                Err(unreachable(fate))
            }
            Fate::Refused => {
                request.arrives();
                Err(refused())
            }
        }
    }

    fn inspected(&self, container: &ContainerId, seen: &Result<Observation, EngineError>) {
        let progress = match seen {
            Ok(Observation::Pending(_) | Observation::Waiting(_)) => ContainerProgress::Created,
            Ok(Observation::Running { .. } | Observation::NodeAway { .. }) => {
                ContainerProgress::Running
            }
            Ok(Observation::Ended(_)) => ContainerProgress::Ended,
            Ok(Observation::Gone(_)) | Err(EngineError::Gone) => ContainerProgress::Gone,
            Err(_) => return,
        };
        let container = container.clone();
        self.0.record(Event::Inspected { container, progress });
    }
}

fn prepare(machine: &Machine, plan: &Plan, is_late: bool) -> Result<Prepared, EngineError> {
    let prepared = machine.engine.prepare_now(plan)?;
    // A container of that name was there before, and its creation is recorded already.
    if !prepared.joined {
        let identity = &plan.identity;
        let of = ContainerOwner {
            uid: identity.uid,
            run: RunId { allocation: identity.allocation.clone(), instant: identity.instant },
            attempt: identity.attempt.number,
        };
        machine.record(Event::Prepared { container: prepared.handle.id.clone(), of, is_late });
    }
    Ok(prepared)
}

fn launch(machine: &Machine, handle: &Handle) -> Result<Launch, EngineError> {
    let starts = || machine.engine.starts_of_container(&handle.id);
    // The answer does not say whether this request started it: the container may have run already.
    let before = starts();
    let launched = machine.engine.launch_now(handle);
    let (container, has_started) = (handle.id.clone(), starts() > before);
    let mut beside = machine.engine.running();
    beside.retain(|other| *other != container);
    machine.record(Event::StartRequested { container, has_started, beside });
    launched
}

fn remove(machine: &Machine, handle: &Handle, condition: Condition) -> Result<(), EngineError> {
    let is_there = || machine.engine.has(&handle.id);
    let before = is_there();
    let removed = machine.engine.remove_now(handle, condition);
    if before && !is_there() {
        machine.record(Event::Removed(handle.id.clone()));
    }
    removed
}

#[async_trait]
impl Engine for SimulatedEngine {
    async fn ping(&self) -> Result<(), EngineError> {
        self.0.engine.ping().await
    }

    async fn status(&self) -> Result<EngineStatus, EngineError> {
        self.read("status", self.0.engine.status()).await
    }

    fn starts(&self) -> Starts {
        self.0.engine.starts()
    }

    async fn pull(
        &self,
        image: &str,
        platform: Option<&str>,
        pull: Pull,
    ) -> Result<Option<Pulled>, EngineError> {
        self.read("pull", self.0.engine.pull(image, platform, pull)).await
    }

    async fn prepare(&self, plan: &Plan) -> Result<Prepared, EngineError> {
        self.0.engine.ping().await?;
        let plan = plan.clone();
        self.write("prepare", move |machine, is_late| prepare(machine, &plan, is_late)).await
    }

    async fn launch(&self, handle: &Handle) -> Result<Launch, EngineError> {
        let handle = handle.clone();
        match self.write("launch", move |machine, _| launch(machine, &handle)).await {
            // A start without an answer may have happened, which the trait returns as a result: an
            // error would mean that nothing started.
            Err(EngineError::Unreachable(reason)) => Ok(Launch::Unknown(reason)),
            launched => launched,
        }
    }

    async fn stop(&self, handle: &Handle, how: Stop) -> Result<(), EngineError> {
        self.read("stop", self.0.engine.stop(handle, how)).await
    }

    async fn remove(&self, handle: &Handle, condition: Condition) -> Result<(), EngineError> {
        let handle = handle.clone();
        self.write("remove", move |machine, _| remove(machine, &handle, condition)).await
    }
}

#[async_trait]
impl Containers for SimulatedEngine {
    async fn inspect(&self, handle: &Handle) -> Result<Observation, EngineError> {
        let seen = self.read("inspect", self.0.engine.inspect(handle)).await;
        self.inspected(&handle.id, &seen);
        seen
    }

    async fn identify(&self, handle: &Handle) -> Result<Option<Found>, EngineError> {
        self.read("identify", self.0.engine.identify(handle)).await
    }

    fn watch(&self, handle: &Handle) -> Observations {
        let (engine, handle) = (self.clone(), handle.clone());
        stream::once(async move {
            let last = async {
                // One fate for the whole watch, so one observation: the last.
                let last = engine.0.engine.watch(&handle).collect::<Vec<_>>().await.pop();
                last.unwrap_or_else(|| Err(EngineError::Unreachable("no answer".to_owned())))
            };
            let seen = engine.read("watch", last).await;
            engine.inspected(&handle.id, &seen);
            seen
        })
        .boxed()
    }

    fn logs(&self, handle: &Handle, from: LogCursor, follow: Follow) -> Log {
        self.0.engine.logs(handle, from, follow)
    }

    async fn read_log(&self, handle: &Handle, limit: usize) -> Result<Captured, EngineError> {
        self.read("read_log", self.0.engine.read_log(handle, limit)).await
    }

    async fn list_owned(&self, owner: &Owner) -> Result<Vec<Found>, EngineError> {
        self.read("list_owned", self.0.engine.list_owned(owner)).await
    }

    async fn list_of_other_stores(&self, owner: &Owner) -> Result<Vec<Found>, EngineError> {
        self.read("list_of_other_stores", self.0.engine.list_of_other_stores(owner)).await
    }
}

#[async_trait]
impl Takeover for SimulatedEngine {
    async fn take_over(&self, handle: &Handle) -> Result<TakeOver, EngineError> {
        let taken_over = self.read("take_over", self.0.engine.take_over(handle)).await?;
        let progress = match &taken_over {
            TakeOver::Replaceable(_) => ContainerProgress::Created,
            TakeOver::Found(Observation::Running { .. }) => ContainerProgress::Running,
            TakeOver::Found(_) => ContainerProgress::Ended,
            TakeOver::Gone(_) => ContainerProgress::Gone,
            TakeOver::Unclear(_) => return Ok(taken_over),
        };
        self.0.record(Event::Inspected { container: handle.id.clone(), progress });
        Ok(taken_over)
    }

    /// Removes as the scripted engine does, by a request of its own.
    async fn disarm(&self, target: Target<'_>) -> Result<Disarmed, EngineError> {
        let engine = &self.0.engine;
        let handle = match target {
            Target::Guarded(guard) => guard.handle,
            target @ Target::Name(_) => return self.read("disarm", engine.disarm(target)).await,
        };
        let removing = handle.clone();
        let removed = self
            .write("disarm", move |machine, _| remove(machine, &removing, Condition::NotRunning));
        engine.disarmed(&handle, removed.await).await
    }
}
