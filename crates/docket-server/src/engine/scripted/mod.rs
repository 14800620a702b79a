//! An engine for tests of what stands above engines: it runs containers in paused time, and can be
//! away.

mod container;
mod tests;

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::TimeDelta;
use docket_model::{
    Output,
    output::Stream,
    run::{ContainerId, Exit},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use parking_lot::Mutex;
use tokio::{sync::watch, time::Instant};
use uuid::Uuid;

pub(crate) use self::container::Seen;
use self::container::{Container, State, number};
use super::{
    Captured, Chunk, ContainerState, Created, Engine, EngineError, EngineInfo, Finding, Found,
    LifeEvent, LifeEvents, LiveOutput, Observation, Observations, Plan, Pull, Pulled, Refusal,
    Stop,
};
use crate::clock::Clock;

/// Images say what happens.
///
/// `exit-3` fails with that code, `fail-until-3` in its first two attempts; `sleep-5` runs for so
/// many seconds, `long` for an hour, `grace-5` until so long after it is told to end, and whatever
/// is done about it `stubborn-5` for so many seconds and `undying` for ever; `pull-5` takes so long
/// to pull, `slow` is never pulled, and `nothing` cannot be; the creation of `broken` gets no answer,
/// and the log of `mute` none. All others end well and at once.
#[derive(Debug, Clone)]
pub(crate) struct ScriptedEngine {
    id: Arc<str>,
    clock: Arc<dyn Clock>,
    containers: Arc<Mutex<HashMap<ContainerId, Container>>>,
    /// True while it is away; sent again when a container changes.
    away: watch::Sender<bool>,
    /// How far its clock is ahead of docket's.
    ahead: Arc<Mutex<TimeDelta>>,
}

impl ScriptedEngine {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self::called("E", clock)
    }

    /// One that gives itself this id.
    pub(crate) fn called(id: &str, clock: Arc<dyn Clock>) -> Self {
        Self {
            id: id.into(),
            clock,
            containers: Arc::default(),
            away: watch::Sender::new(false),
            ahead: Arc::default(),
        }
    }

    /// The same one, with its containers, after it got another id.
    pub(crate) fn renamed(&self, id: &str) -> Self {
        Self { id: id.into(), ..self.clone() }
    }

    pub(crate) fn set_away(&self, away: bool) {
        self.away.send_replace(away);
    }

    /// All containers that were ever created, by their instants and attempts.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        let mut containers = self.containers.lock();
        let mut seen: Vec<_> = containers
            .values_mut()
            .map(|container| {
                container.state();
                container.seen.clone()
            })
            .collect();
        seen.sort_by_key(|Seen { identity, created_at, .. }| {
            (identity.instant, identity.allocation.clone(), identity.attempt, *created_at)
        });
        seen
    }

    /// How often containers of this name were started, all that ever had it together.
    pub(crate) fn starts(&self, name: &str) -> u32 {
        let seen = self.seen();
        seen.iter().filter(|seen| seen.identity.name() == name).map(|seen| seen.starts).sum()
    }

    /// Someone else removes the container of this name, whether it runs or not.
    pub(crate) fn take_away(&self, name: &str) {
        for container in self.containers.lock().values_mut() {
            if container.seen.identity.name() == name {
                container.kill(self.clock.now());
                container.seen.removed = true;
            }
        }
        self.tell();
    }

    /// Its clock is so far ahead of docket's from now on.
    pub(crate) fn set_clock_ahead(&self, ahead: TimeDelta) {
        *self.ahead.lock() = ahead;
    }

    /// It was started anew, and does not remember any events before that.
    pub(crate) fn forget_events(&self) {
        self.containers
            .lock()
            .values_mut()
            .for_each(|container| container.seen.is_forgotten = true);
    }

    /// What happened to a container so far, as far as it is remembered.
    fn events_of(&self, id: &ContainerId) -> Vec<LifeEvent> {
        let mut containers = self.containers.lock();
        let Some(container) = containers.get_mut(id) else { return Vec::new() };
        container.state();
        container.seen.events()
    }

    /// Waits until a started container has ended; breaks off where the engine goes away.
    async fn follow(&self, container: &ContainerId) -> Result<Exit, EngineError> {
        let mut changes = self.away.subscribe();
        loop {
            changes.mark_unchanged();
            let until = match self.state(container)? {
                State::Ended(exit) => return Ok(exit),
                State::Runs { end, .. } => end.map(|(end, _)| end),
                State::Created => {
                    let reason = "the container was never started".to_owned();
                    return Err(EngineError::NotStartable(reason));
                }
            };
            tokio::select! {
                // The sender lives in `self`.
                _ = changes.changed() => {}
                () = sleep_until(until) => {}
            }
        }
    }

    fn answer(&self) -> Result<(), EngineError> {
        if *self.away.borrow() {
            return Err(EngineError::Unreachable("connection refused".to_owned()));
        }
        Ok(())
    }

    /// Does something with a container that is there.
    fn with<T>(
        &self,
        id: &ContainerId,
        work: impl FnOnce(&mut Container) -> T,
    ) -> Result<T, EngineError> {
        self.answer()?;
        match self.containers.lock().get_mut(id) {
            Some(container) if !container.seen.removed => Ok(work(container)),
            _ => Err(EngineError::Gone),
        }
    }

    fn state(&self, id: &ContainerId) -> Result<State, EngineError> {
        self.with(id, |container| container.state().clone())
    }

    /// Wakes those who follow a container.
    fn tell(&self) {
        self.away.send_modify(|_| {});
    }
}

fn broken_off() -> EngineError {
    EngineError::Unreachable("the connection was closed".to_owned())
}

/// What a container wrote, without its first bytes.
fn written(image: String, skip: usize) -> Chunk {
    Chunk { stream: Stream::Out, bytes: image.into_bytes().into_iter().skip(skip).collect() }
}

#[async_trait]
impl Engine for ScriptedEngine {
    async fn ping(&self) -> Result<(), EngineError> {
        self.answer()
    }

    async fn info(&self) -> Result<EngineInfo, EngineError> {
        self.answer()?;
        let (version, api_version) = ("0".to_owned(), "1.41".to_owned());
        // One without a name has no lasting id.
        let id = (!self.id.is_empty()).then(|| self.id.as_ref().into());
        let time = Some(self.clock.now() + *self.ahead.lock());
        Ok(EngineInfo { id, version, api_version, cores: 2, time })
    }

    async fn pull(
        &self,
        image: &str,
        _platform: Option<&str>,
        pull: Pull,
    ) -> Result<Pulled, EngineError> {
        self.answer()?;
        if let Some(seconds) = number(image, "pull-") {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            self.answer()?;
        }
        match image {
            "slow" if pull == Pull::Always => std::future::pending().await,
            "nothing" => Err(EngineError::NoSuchImage {
                image: image.to_owned(),
                reason: "manifest unknown".to_owned(),
            }),
            _ => Ok(Pulled {
                repository: image.to_owned(),
                tag: "latest".to_owned(),
                stale: None,
                was_pulled: pull == Pull::Always,
            }),
        }
    }

    async fn create(&self, plan: &Plan) -> Result<Created, EngineError> {
        self.answer()?;
        if plan.container.image() == "broken" {
            return Err(broken_off());
        }
        let (identity, name) = (plan.identity.clone(), plan.identity.name());
        let mut containers = self.containers.lock();
        let holder = containers.iter().find(|(_, container)| {
            !container.seen.removed && container.seen.identity.name() == name
        });
        let id = match holder {
            Some((id, holder)) if holder.seen.identity == identity => {
                let (id, warnings) = (id.clone(), Vec::new());
                return Ok(Created { id, image: None, warnings, joined: true });
            }
            Some((id, _)) => return Err(EngineError::NameHeld { holder: id.to_string() }),
            None => {
                let id = ContainerId(format!("{name}#{}", containers.len()).into());
                let seen = Seen {
                    identity,
                    created_at: self.clock.now(),
                    starts: 0,
                    started_at: None,
                    ended_at: None,
                    exit_code: None,
                    removed: false,
                    environment: plan.environment.clone(),
                    is_forgotten: false,
                    life: plan.life,
                };
                let image = plan.container.image();
                let container = Container { image, seen, state: State::Created };
                containers.insert(id.clone(), container);
                id
            }
        };
        Ok(Created { id, image: None, warnings: Vec::new(), joined: false })
    }

    async fn start(&self, container: &ContainerId) -> Result<(), EngineError> {
        let now = self.clock.now() + *self.ahead.lock();
        let started = self.with(container, |container| container.start(now));
        if started == Err(EngineError::Gone) {
            return Err(EngineError::NeverStarted);
        }
        self.tell();
        started
    }

    fn watch(&self, container: &ContainerId) -> Observations {
        let (engine, container) = (self.clone(), container.clone());
        stream::once(async move { engine.follow(&container).await.map(ContainerState::Ended) })
            .boxed()
    }

    async fn stop(&self, container: &ContainerId, how: Stop) -> Result<(), EngineError> {
        let (gently, code) = match how {
            Stop::Gently(_) => (true, 143),
            Stop::AtOnce => (false, 137),
        };
        if !self.with(container, |container| container.stop(gently, code))? {
            return Err(EngineError::WillNotDie("it goes on".to_owned()));
        }
        self.tell();
        match self.state(container)? {
            State::Runs { .. } => self.follow(container).await.map(|_| ()),
            _ => Ok(()),
        }
    }

    async fn remove(&self, container: &ContainerId) -> Result<(), EngineError> {
        let removed = self.with(container, |container| {
            if matches!(container.state(), State::Runs { .. }) {
                let message = "You cannot remove a running container".to_owned();
                return Err(EngineError::Refused { kind: Refusal::Conflict, message });
            }
            container.seen.removed = true;
            Ok(())
        });
        self.tell();
        match removed {
            Err(EngineError::Gone) => Ok(()),
            removed => removed?,
        }
    }
}

#[async_trait]
impl Observation for ScriptedEngine {
    async fn inspect(&self, container: &ContainerId) -> Result<ContainerState, EngineError> {
        Ok(match self.state(container)? {
            State::Created => ContainerState::Created,
            State::Runs { started_at, .. } => ContainerState::Runs { started_at: Some(started_at) },
            State::Ended(exit) => ContainerState::Ended(exit),
        })
    }

    async fn labels(&self, container: &ContainerId) -> Result<Option<Found>, EngineError> {
        self.with(container, |found| Some(found.found(container)))
    }

    fn life_events(&self, container: &ContainerId) -> LifeEvents {
        if let Err(error) = self.answer() {
            return stream::iter([Err(error)]).boxed();
        }
        let (engine, id) = (self.clone(), container.clone());
        let told = stream::unfold((engine, id, 0), async |(engine, id, told)| {
            let mut changes = engine.away.subscribe();
            loop {
                changes.mark_unchanged();
                let events = engine.events_of(&id);
                if let Some(event) = events.get(told) {
                    return Some((Ok(*event), (engine, id, told + 1)));
                }
                changes.changed().await.ok()?;
            }
        });
        told.boxed()
    }

    async fn output(&self, container: &ContainerId, limit: usize) -> Result<Captured, EngineError> {
        let image = self.with(container, |container| container.image.clone())?;
        if image == "mute" {
            return Err(broken_off());
        }
        let mut output = Output::bounded(limit);
        output.push(image.as_bytes());
        Ok(Captured { output, remark: None })
    }

    /// All at once, and then nothing until the container has ended.
    fn live_output(&self, container: &ContainerId, skip: u64) -> LiveOutput {
        let (engine, container) = (self.clone(), container.clone());
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        let output = stream::once(async move {
            let image = engine.with(&container, |container| container.image.clone())?;
            let rest = written(image, skip);
            let ended = stream::once(async move { engine.follow(&container).await });
            let ended = ended.filter_map(async |ended| ended.err().map(Err));
            Ok(stream::once(async { Ok(rest) }).chain(ended))
        });
        output.try_flatten().boxed()
    }

    fn output_so_far(&self, container: &ContainerId, skip: u64) -> LiveOutput {
        let (engine, container) = (self.clone(), container.clone());
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        let written = stream::once(async move {
            let image = engine.with(&container, |container| container.image.clone())?;
            Ok(written(image, skip))
        });
        written.boxed()
    }

    async fn list_owned(&self, namespace: &str, store: Uuid) -> Result<Vec<Found>, EngineError> {
        self.answer()?;
        let mut found = Vec::new();
        for (id, container) in &*self.containers.lock() {
            let Seen { identity, removed, .. } = &container.seen;
            if !removed && &*identity.namespace == namespace && identity.store == store {
                found.push(container.found(id));
            }
        }
        Ok(found)
    }

    async fn list_of_other_stores(
        &self,
        namespace: &str,
        store: Uuid,
    ) -> Result<Vec<Found>, EngineError> {
        self.answer()?;
        let mut found = Vec::new();
        for (id, container) in &mut *self.containers.lock() {
            let is_running = matches!(container.state(), State::Runs { .. });
            let Seen { identity, removed, .. } = &container.seen;
            let is_others = &*identity.namespace == namespace && identity.store != store;
            if is_running && !removed && is_others {
                found.push(container.found(id));
            }
        }
        Ok(found)
    }

    async fn rehearse(&self, _plan: &Plan, _pull: Pull) -> Result<Vec<Finding>, EngineError> {
        self.answer()?;
        Ok(Vec::new())
    }
}

async fn sleep_until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
