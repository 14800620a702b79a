//! The engine as a simulated server reaches it: requests and answers are late and get lost.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use docket_model::{RunId, allocation::Pull, run::ContainerId};
use futures_util::{StreamExt as _, stream};

use super::{
    event::{ContainerProgress, Event, Owner as ContainerOwner},
    machine::{EnginePlace, Fate, Machine, Request},
};
use crate::engine::{
    Captured, Condition, Containers, Disarmed, Engine, EngineError, EngineStatus, Follow, Found,
    Handle, Launch, Log, LogCursor, Observation, Observations, Owner, Plan, Prepared, Pulled,
    Refusal, Starts, Stop, TakeOver, Takeover, Target, scripted_engine::ScriptedEngine,
};

/// How many of a thousand starts wait for a node, where the engine has versions.
const WAITING: u64 = 300;
/// Longer than a run waits for a node.
const LATE_NODE: Duration = Duration::from_secs(700);

/// A scripted engine of the machine behind an unreliable connection.
#[derive(Debug, Clone)]
pub(super) struct SimulatedEngine {
    pub(super) machine: Arc<Machine>,
    pub(super) place: EnginePlace,
}

fn unreachable(fate: Fate) -> EngineError {
    EngineError::Unreachable(format!("{fate:?}"))
}

fn refused() -> EngineError {
    EngineError::Refused { kind: Refusal::Failed, message: "refused".to_owned() }
}

impl SimulatedEngine {
    fn engine(&self) -> &ScriptedEngine {
        self.machine.engine(self.place)
    }

    /// A call that changes nothing.
    async fn read<T>(
        &self,
        call: &str,
        work: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<T, EngineError> {
        let machine = &self.machine;
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
        effect: impl Fn(On<'_>, bool) -> Result<T, EngineError> + Clone + Send + 'static,
    ) -> Result<T, EngineError> {
        let (machine, place) = (&self.machine, self.place);
        let late = effect.clone();
        // Made before it travels: if the server dies on the way, it may still arrive.
        let request = Request::new(machine, move |machine| drop(late(On { machine, place }, true)));
        machine.travel().await;
        let fate = machine.fate(call, machine.weather().engine_faults);
        match fate {
            Fate::Answered => {
                request.arrives();
                let answer = effect(On { machine, place }, false);
                machine.travel().await;
                answer
            }
            Fate::AnswerLost => {
                request.arrives();
                drop(effect(On { machine, place }, false));
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
            Ok(seen) if seen.is_start_unknown() => ContainerProgress::Created,
            Ok(Observation::Pending(_) | Observation::Waiting(_)) => ContainerProgress::Created,
            Ok(Observation::Running { .. } | Observation::NodeAway { .. }) => {
                ContainerProgress::Running
            }
            Ok(Observation::Ended(_)) => ContainerProgress::Ended,
            Ok(Observation::Gone(_)) | Err(EngineError::Gone) => ContainerProgress::Gone,
            Err(_) => return,
        };
        let container = container.clone();
        self.machine.record(Event::Inspected { container, progress });
    }
}

/// Where the effect of a call takes place.
#[derive(Clone, Copy)]
struct On<'m> {
    machine: &'m Machine,
    place: EnginePlace,
}

impl<'m> On<'m> {
    fn engine(self) -> &'m ScriptedEngine {
        self.machine.engine(self.place)
    }

    /// The containers that run beside this one.
    fn beside(self, container: &ContainerId) -> Vec<ContainerId> {
        let mut beside = self.engine().running();
        beside.retain(|other| other != container);
        beside
    }

    /// Whether a container that is started waits for a node.
    fn has_to_wait(self) -> bool {
        // Where nothing goes wrong, a node takes what is started at once.
        self.machine.weather().engine_faults > 0 && self.machine.chance(WAITING)
    }

    /// A node takes a container that waits for one after some time.
    fn is_taken_later(self, container: &ContainerId) {
        let (container, place) = (container.clone(), self.place);
        // Some nodes come only after a run has given up its wait for one.
        let after = if self.machine.chance(250) { LATE_NODE } else { self.machine.lateness() };
        self.machine.deliver_later(after, move |machine| take(On { machine, place }, &container));
    }

    /// Records that a start request arrived; the container had been started so often before.
    fn start_requested(self, container: ContainerId, before: u32) {
        let has_started = self.engine().starts_of_container(&container) > before;
        let beside = self.beside(&container);
        self.machine.record(Event::StartRequested { container, has_started, beside });
    }
}

fn prepare(on: On<'_>, plan: &Plan, is_late: bool) -> Result<Prepared, EngineError> {
    let starts = on.engine().starts() == Starts::WithPrepare;
    // One that never ran keeps its name, too, except from a later request of its owner.
    if starts && is_late && on.engine().has_had(&plan.identity) {
        return Err(EngineError::NameHeld { holder: "a container that was removed".to_owned() });
    }
    let waits = starts && on.has_to_wait();
    let prepared = if waits {
        on.engine().prepare_waiting_now(plan)?
    } else {
        on.engine().prepare_now(plan)?
    };
    // A container of that name was there before, and its creation is recorded already.
    if prepared.joined {
        return Ok(prepared);
    }
    let identity = &plan.identity;
    let of = ContainerOwner {
        uid: identity.uid,
        run: RunId { allocation: identity.allocation.clone(), instant: identity.instant },
        attempt: identity.attempt,
    };
    let (container, is_start) = (prepared.handle.id.clone(), prepared.started);
    on.machine.record(Event::Prepared { container: container.clone(), of, is_late, is_start });
    if is_start {
        if waits {
            on.is_taken_later(&container);
        }
        on.start_requested(container, 0);
    }
    Ok(prepared)
}

fn launch(on: On<'_>, handle: &Handle) -> Result<Launch, EngineError> {
    // The answer does not say whether this request started it: the container may have run already.
    let before = on.engine().starts_of_container(&handle.id);
    let waits = on.engine().starts() == Starts::Conditionally && on.has_to_wait();
    let launched =
        if waits { on.engine().accept_now(handle) } else { on.engine().launch_now(handle) };
    if let Ok(Launch::Accepted) = launched {
        on.is_taken_later(&handle.id);
    }
    on.start_requested(handle.id.clone(), before);
    launched
}

/// A node takes a container that waits for one.
fn take(on: On<'_>, container: &ContainerId) {
    if on.engine().take_waiting(container) {
        let beside = on.beside(container);
        on.machine.record(Event::TakenByNode { container: container.clone(), beside });
    }
}

fn remove(on: On<'_>, handle: &Handle, condition: Condition) -> Result<(), EngineError> {
    let is_there = || on.engine().has(&handle.id);
    let before = is_there();
    let removed = on.engine().remove_now(handle, condition);
    if before && !is_there() {
        on.machine.record(Event::Removed(handle.id.clone()));
    }
    removed
}

#[async_trait]
impl Engine for SimulatedEngine {
    async fn ping(&self) -> Result<(), EngineError> {
        self.engine().ping().await
    }

    async fn status(&self) -> Result<EngineStatus, EngineError> {
        self.read("status", self.engine().status()).await
    }

    fn starts(&self) -> Starts {
        self.engine().starts()
    }

    async fn pull(
        &self,
        image: &str,
        platform: Option<&str>,
        pull: Pull,
    ) -> Result<Option<Pulled>, EngineError> {
        self.read("pull", self.engine().pull(image, platform, pull)).await
    }

    async fn prepare(&self, plan: &Plan) -> Result<Prepared, EngineError> {
        self.engine().ping().await?;
        let plan = plan.clone();
        self.write("prepare", move |on, is_late| prepare(on, &plan, is_late)).await
    }

    async fn launch(&self, handle: &Handle) -> Result<Launch, EngineError> {
        let handle = handle.clone();
        match self.write("launch", move |on, _| launch(on, &handle)).await {
            // A start without an answer may have happened, which the trait returns as a result: an
            // error would mean that nothing started.
            Err(EngineError::Unreachable(reason)) => Ok(Launch::Unknown(reason)),
            launched => launched,
        }
    }

    async fn stop(&self, handle: &Handle, how: Stop) -> Result<(), EngineError> {
        self.read("stop", self.engine().stop(handle, how)).await
    }

    async fn remove(&self, handle: &Handle, condition: Condition) -> Result<(), EngineError> {
        let handle = handle.clone();
        self.write("remove", move |on, _| remove(on, &handle, condition)).await
    }
}

#[async_trait]
impl Containers for SimulatedEngine {
    async fn inspect(&self, handle: &Handle) -> Result<Observation, EngineError> {
        let seen = self.read("inspect", self.engine().inspect(handle)).await;
        self.inspected(&handle.id, &seen);
        seen
    }

    async fn identify(&self, handle: &Handle) -> Result<Option<Found>, EngineError> {
        self.read("identify", self.engine().identify(handle)).await
    }

    fn watch(&self, handle: &Handle) -> Observations {
        let (engine, handle) = (self.clone(), handle.clone());
        stream::once(async move {
            let last = async {
                // One fate for the whole watch, so one observation: the last. One that waited is watched again.
                let last = engine.engine().watch(&handle).collect::<Vec<_>>().await.pop();
                last.unwrap_or_else(|| Err(EngineError::Unreachable("no answer".to_owned())))
            };
            let seen = engine.read("watch", last).await;
            engine.inspected(&handle.id, &seen);
            seen
        })
        .boxed()
    }

    fn logs(&self, handle: &Handle, from: LogCursor, follow: Follow) -> Log {
        self.engine().logs(handle, from, follow)
    }

    async fn read_log(&self, handle: &Handle, limit: usize) -> Result<Captured, EngineError> {
        self.read("read_log", self.engine().read_log(handle, limit)).await
    }

    async fn list_owned(&self, owner: &Owner) -> Result<Vec<Found>, EngineError> {
        self.read("list_owned", self.engine().list_owned(owner)).await
    }

    async fn list_of_other_stores(&self, owner: &Owner) -> Result<Vec<Found>, EngineError> {
        self.read("list_of_other_stores", self.engine().list_of_other_stores(owner)).await
    }
}

#[async_trait]
impl Takeover for SimulatedEngine {
    async fn take_over(&self, handle: &Handle) -> Result<TakeOver, EngineError> {
        let taken_over = self.read("take_over", self.engine().take_over(handle)).await?;
        let progress = match &taken_over {
            TakeOver::Replaceable(_) | TakeOver::Waiting { .. } => ContainerProgress::Created,
            TakeOver::Found(Observation::Running { .. }) => ContainerProgress::Running,
            TakeOver::Found(_) => ContainerProgress::Ended,
            TakeOver::Gone(_) => ContainerProgress::Gone,
            TakeOver::Unclear(_) => return Ok(taken_over),
        };
        self.machine.record(Event::Inspected { container: handle.id.clone(), progress });
        Ok(taken_over)
    }

    /// Disarms as the scripted engine does, by a request of its own.
    async fn disarm(&self, target: Target<'_>) -> Result<Disarmed, EngineError> {
        let engine = self.engine();
        let handle = match target {
            Target::Guarded(guard) => guard.handle,
            Target::Name(identity) => {
                let identity = identity.clone();
                let hold = move |on: On<'_>, _| on.engine().hold_name_now(&identity);
                return self.write("disarm", hold).await;
            }
        };
        if engine.starts() == Starts::Conditionally {
            return self.write("disarm", move |on, _| on.engine().disarm_now(&handle)).await;
        }
        let removing = handle.clone();
        let removed = self.write("disarm", move |on, _| {
            on.engine().withdraw_now(&removing)?;
            remove(on, &removing, Condition::NotRunning)
        });
        engine.disarmed(&handle, removed.await).await
    }
}
