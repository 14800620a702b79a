//! An engine for tests of what stands above engines: it runs containers in paused time, and can be
//! away.

mod container;
#[cfg(test)]
mod contract_tests;
mod script;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use docket_model::{
    Output, Specification,
    allocation::Placement,
    run::{ContainerId, Exit, Node},
};
use futures_util::{StreamExt, stream};
use parking_lot::Mutex;
use tokio::time::timeout;

pub(crate) use self::container::Seen;
#[cfg(test)]
pub(crate) use self::container::name;
use self::{
    container::{Container, State, Unread},
    script::{Script, number},
};
use super::{
    Captured, Chunk, Condition, Containers, Disarmed, Engine, EngineError, EngineStatus, Finding,
    Follow, Found, Guard, Handle, Identity, Launch, Log, LogCursor, Observation, Observations,
    Owner, Past, Plan, Prepared, Pull, Pulled, Refusal, Starts, Stop, TakeOver, Takeover, Target,
    only_a_swarm_gives,
};
use crate::{
    clock::{Clock, Reading},
    watch,
};

/// Images say what happens.
///
/// `exit-3` fails with that code, `fail-until-3` in its first two attempts; `sleep-5` runs for so
/// many seconds, `long` for an hour, `grace-5` until so long after its stop, and whatever
/// is done about it `stubborn-5` for so many seconds and `undying` for ever; `pull-5` takes so long
/// to pull, `waits` and `waits-endless` run once a node takes them ([`ScriptedEngine::take_waiting`]), the node of
/// `unknown-until-3` does not find it in its first two attempts, `slow` is never pulled, and `nothing` cannot
/// be; the creation of `broken` gets no answer, and the log of `mute` none; the end of `unreported` has no exit
/// code; the node of `node-removed` is removed once it runs; `script` does what its `Cmd` lists ([`Script`]). All others end well and at
/// once. Each prints the name of its image.
#[derive(Debug, Clone)]
pub(crate) struct ScriptedEngine {
    id: Arc<str>,
    clock: Arc<dyn Clock>,
    containers: Arc<Mutex<BTreeMap<ContainerId, Container>>>,
    /// True while it is away; sent again when a container changes.
    away: watch::Sender<bool>,
    /// How far its clock is ahead of docket's.
    ahead: Arc<Mutex<TimeDelta>>,
    labels: BTreeMap<String, String>,
    starts: Starts,
    /// Its nodes, where it chooses among some.
    nodes: Option<Arc<Mutex<Vec<ScriptedNode>>>>,
    /// True while the node of each container is out of reach, so that neither a log nor a wait is reported.
    node_away: Arc<Mutex<Option<DateTime<Utc>>>>,
    /// Requests that are on their way, and reach it only once they are released.
    held: Arc<Held>,
}

impl ScriptedEngine {
    #[cfg(test)]
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
            labels: BTreeMap::new(),
            starts: Starts::ById,
            nodes: None,
            node_away: Arc::default(),
            held: Arc::default(),
        }
    }

    /// The same one, with other means of starting a container once.
    pub(crate) fn that_starts(self, starts: Starts) -> Self {
        Self { starts, ..self }
    }

    /// The same one, which chooses among nodes of these names. Each has its name as its host name, and with `x`
    /// before it as its id.
    #[cfg(test)]
    pub(crate) fn with_nodes(self, names: &[&str]) -> Self {
        let nodes = names.iter().map(|name| ScriptedNode::new(name)).collect();
        Self { nodes: Some(Arc::new(Mutex::new(nodes))), ..self }
    }

    /// Takes nodes away, or adds some.
    #[cfg(test)]
    pub(crate) fn set_nodes(&self, names: &[&str]) {
        let nodes = names.iter().map(|name| ScriptedNode::new(name)).collect();
        *self.nodes.as_ref().unwrap().lock() = nodes;
    }

    /// The same one, with a label of its own.
    #[cfg(test)]
    pub(crate) fn with_label(mut self, key: &str, value: &str) -> Self {
        self.labels.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Whether the call is to be held; it is delivered by `deliver`.
    fn is_held(
        &self,
        call: &'static str,
        deliver: impl FnOnce(&Self) + Send + 'static,
    ) -> Result<(), EngineError> {
        if !self.held.takes(call) {
            return Ok(());
        }
        self.held.calls.lock().push(Box::new(deliver));
        Err(broken_off())
    }

    pub(crate) fn set_away(&self, away: bool) {
        self.away.send_replace(away);
    }

    /// Someone else removes the container of this name, whether it runs or not.
    pub(crate) fn take_away(&self, name: &str) {
        self.remove_by_force_where(|_, container| {
            container::name(&container.seen.identity) == name
        });
    }

    fn remove_by_force_where(&self, is_removed: impl Fn(&ContainerId, &Container) -> bool) {
        let now = self.clock.read();
        for (id, container) in &mut *self.containers.lock() {
            if is_removed(id, container) {
                container.kill(now);
                container.seen.removed = true;
            }
        }
        self.tell();
    }

    /// The node of each container is out of reach, or is back.
    #[cfg(test)]
    pub(crate) fn set_node_away(&self, away: bool) {
        *self.node_away.lock() = away.then(|| self.now().wall);
        self.tell();
    }

    /// Where a container is that waits for a node, as far as the engine can say.
    fn waiting(&self) -> Observation {
        let away_since = *self.node_away.lock();
        let Some(since) = away_since else {
            return Observation::Waiting(Some(NO_NODE.to_owned()));
        };
        Observation::NodeAway { node: "node-1".into(), since: Some(since), was_running: false }
    }

    /// Its clock is so far ahead of docket's from now on.
    pub(crate) fn set_clock_ahead(&self, ahead: TimeDelta) {
        *self.ahead.lock() = ahead;
    }

    /// Refuses to hold names, or holds them again.
    #[cfg(test)]
    pub(crate) fn refuse_to_hold_names(&self, refuses: bool) {
        *self.held.refuses_names.lock() = refuses;
    }

    /// It was started anew, and does not remember any events before that.
    pub(crate) fn forget_events(&self) {
        self.containers
            .lock()
            .values_mut()
            .for_each(|container| container.seen.is_forgotten = true);
    }

    /// It does not say any more when the containers started that have ended.
    #[cfg(test)]
    pub(crate) fn forget_starts(&self) {
        let now = self.now();
        for container in self.containers.lock().values_mut() {
            container.state(now);
            if let State::Ended(exit, _) = &mut container.state {
                exit.started_at = None;
            }
        }
    }

    /// Waits until there is something new to report of a container; breaks off where the engine goes away.
    async fn next_observation(
        &self,
        container: &ContainerId,
        last: Option<&Observation>,
    ) -> Result<Observation, EngineError> {
        if self.with(container, Container::is_lost) == Ok(true) {
            return Err(EngineError::NodeLost("its node was removed".to_owned()));
        }
        let mut changes = self.away.subscribe();
        loop {
            changes.mark_unchanged();
            match self.inspect(&Handle::from(container)).await? {
                seen @ (Observation::Waiting(_) | Observation::NodeAway { .. }) => {
                    let is_quiet = last == Some(&seen)
                        && timeout(REPORTED_AGAIN, changes.changed()).await.is_ok();
                    if !is_quiet {
                        return Ok(seen);
                    }
                }
                Observation::Pending(reason) => {
                    return Err(EngineError::NotStartable(reason.unwrap_or_default()));
                }
                // Its start is no news for who has just asked for it.
                Observation::Running { .. } if last.is_none() => {
                    return self.follow(container).await.map(Observation::Ended);
                }
                seen => return Ok(seen),
            }
        }
    }

    /// Waits until a started container has ended; breaks off where the engine goes away.
    async fn follow(&self, container: &ContainerId) -> Result<Exit, EngineError> {
        let mut changes = self.away.subscribe();
        loop {
            changes.mark_unchanged();
            let until = match self.state(container)? {
                State::Waits => None,
                State::Ended(exit, _) => return Ok(exit),
                State::Runs { end, .. } => end.map(|(end, _)| end),
                State::Created(error) => {
                    let reason = error.unwrap_or("the container was never started".to_owned());
                    return Err(EngineError::NotStartable(reason));
                }
            };
            tokio::select! {
                biased;
                // The sender lives in `self`.
                _ = changes.changed() => {}
                () = self.sleep_until(until) => {}
            }
        }
    }

    /// Reads what a container writes next behind a position; nothing at the end.
    async fn read_next(
        &self,
        id: &ContainerId,
        from: LogCursor,
        follow: Follow,
    ) -> Result<Option<Chunk>, EngineError> {
        let mut changes = self.away.subscribe();
        loop {
            changes.mark_unchanged();
            let until = match self.with(id, |container, now| container.unread(from.bytes(), now))? {
                Unread::Chunk(chunk) => return Ok(Some(chunk)),
                Unread::AtEnd => return Ok(None),
                Unread::NothingUntil(_) | Unread::NotStartable(_) if follow == Follow::UpToNow => {
                    return Ok(None);
                }
                Unread::NotStartable(reason) => return Err(EngineError::NotStartable(reason)),
                Unread::NothingUntil(until) => until,
            };
            tokio::select! {
                biased;
                _ = changes.changed() => {}
                () = self.sleep_until(until) => {}
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
        work: impl FnOnce(&mut Container, Reading) -> T,
    ) -> Result<T, EngineError> {
        self.answer()?;
        let now = self.now();
        match self.containers.lock().get_mut(id) {
            Some(container) if !container.seen.removed => Ok(work(container, now)),
            _ => Err(EngineError::Gone),
        }
    }

    fn state(&self, id: &ContainerId) -> Result<State, EngineError> {
        self.with(id, |container, now| container.state(now).clone())
    }

    /// The time by its own clock.
    fn now(&self) -> Reading {
        let reading = self.clock.read();
        Reading { wall: reading.wall + *self.ahead.lock(), ..reading }
    }

    async fn sleep_until(&self, awake: Option<Duration>) {
        match awake {
            Some(awake) => {
                tokio::time::sleep(awake.saturating_sub(self.clock.read().awake)).await;
            }
            None => std::future::pending().await,
        }
    }

    /// The name of the node of this id.
    fn node_name(&self, id: Option<Arc<str>>) -> Option<Arc<str>> {
        let (id, nodes) = id.zip(self.nodes.as_ref())?;
        let nodes = nodes.lock();
        nodes.iter().find(|node| node.0.id == id).map(|node| Arc::clone(&node.0.name))
    }

    /// Wakes those who follow a container.
    fn tell(&self) {
        self.away.send_modify(|_| {});
    }
}

/// A node of a scripted engine.
#[derive(Debug)]
struct ScriptedNode(Node);

impl ScriptedNode {
    #[cfg(test)]
    fn new(name: &str) -> Self {
        Self(Node { id: format!("x{name}").into(), name: name.into() })
    }

    /// True if it fulfils what is left to the nodes of its engine. It has no labels.
    fn fits(&self, placement: &Placement) -> bool {
        let Self(Node { id, name }) = self;
        placement.constraints.iter().all(|constraint| {
            constraint.holds(match constraint.key() {
                "node.id" => Some(id),
                "node.hostname" => Some(name),
                _ => None,
            })
        })
    }
}

/// For tests of one server at a time.
#[cfg(test)]
impl ScriptedEngine {
    /// The next call of this name gets no answer, and is on its way until [`Self::release`]: also
    /// beyond the end of the server that sent it.
    pub(crate) fn hold(&self, call: &'static str) {
        self.held.next.lock().push(call);
    }

    /// Another program changes the container that is started next, just before its start.
    pub(crate) fn change_before_launch(&self) {
        self.held.next.lock().push(CHANGE);
    }

    /// Delivers the calls that were held, in the order in which they were sent; returns how many.
    pub(crate) fn release(&self) -> usize {
        let calls = std::mem::take(&mut *self.held.calls.lock());
        let count = calls.len();
        for call in calls {
            call(self);
        }
        self.tell();
        count
    }

    /// The same one, with its containers, after it got another id.
    pub(crate) fn renamed(&self, id: &str) -> Self {
        Self { id: id.into(), ..self.clone() }
    }

    /// All containers that were ever created, by their instants and attempts.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        let now = self.now();
        let mut containers = self.containers.lock();
        let mut seen: Vec<_> = containers
            .values_mut()
            .map(|container| {
                container.state(now);
                container.seen.clone()
            })
            .collect();
        seen.sort_by_key(|Seen { identity, created_at, .. }| {
            (identity.instant, identity.allocation.clone(), identity.attempt, *created_at)
        });
        seen
    }

    /// How often containers of this name were started, all that ever had it together.
    pub(crate) fn starts_of(&self, name: &str) -> u32 {
        let seen = self.seen();
        seen.iter()
            .filter(|seen| container::name(&seen.identity) == name)
            .map(|seen| seen.starts)
            .sum()
    }
}

/// For the simulation.
#[cfg(feature = "simulation")]
impl ScriptedEngine {
    /// How often a container was started; 0 where it never was there.
    pub(crate) fn starts_of_container(&self, id: &ContainerId) -> u32 {
        self.containers.lock().get(id).map_or(0, |container| container.seen.starts)
    }

    /// The containers that run.
    pub(crate) fn running(&self) -> Vec<ContainerId> {
        let now = self.now();
        let mut containers = self.containers.lock();
        let running = containers.iter_mut().filter_map(|(id, container)| {
            let is_running = matches!(container.state(now), State::Runs { .. });
            (is_running && !container.seen.removed).then(|| id.clone())
        });
        running.collect()
    }

    /// The containers that are there.
    pub(crate) fn present(&self) -> Vec<ContainerId> {
        let containers = self.containers.lock();
        let present = containers.iter().filter(|(_, container)| !container.seen.removed);
        present.map(|(id, _)| id.clone()).collect()
    }

    /// True where there was a container of this identity, which may be gone.
    pub(crate) fn has_had(&self, identity: &Identity) -> bool {
        self.containers.lock().values().any(|container| container.seen.identity == *identity)
    }

    /// True while the container is there.
    pub(crate) fn has(&self, id: &ContainerId) -> bool {
        self.containers.lock().get(id).is_some_and(|container| !container.seen.removed)
    }
}

/// A change of a container, among the names of the calls that are held.
const CHANGE: &str = "change";

/// Calls that reach the engine late.
#[derive(Default)]
struct Held {
    /// The names of the calls that will be held.
    next: Mutex<Vec<&'static str>>,
    calls: Mutex<Vec<LateCall>>,
    /// The names that no container gets any more.
    names: Mutex<Vec<String>>,
    /// True while it refuses to hold names.
    #[cfg(test)]
    refuses_names: Mutex<bool>,
}

type LateCall = Box<dyn FnOnce(&ScriptedEngine) + Send>;

impl Held {
    /// Whether a call of this name is to be held; it is not asked for again.
    fn takes(&self, call: &str) -> bool {
        let mut next = self.next.lock();
        let position = next.iter().position(|held| *held == call);
        position.map(|position| next.remove(position)).is_some()
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("next", &self.next).finish_non_exhaustive()
    }
}

/// After how long a watch reports again what it reported before.
const REPORTED_AGAIN: Duration = Duration::from_secs(30);
/// Why a container waits that no node has taken.
const NO_NODE: &str = "no suitable node";

fn no_such_image(image: &str) -> EngineError {
    EngineError::NoSuchImage { image: image.to_owned(), reason: "manifest unknown".to_owned() }
}

fn broken_off() -> EngineError {
    EngineError::Unreachable("the connection was closed".to_owned())
}

impl ScriptedEngine {
    pub(crate) fn prepare_now(&self, plan: &Plan) -> Result<Prepared, EngineError> {
        self.prepare_scripted(plan, Script::of(plan))
    }

    /// The same, where preparing starts a container: it waits for a node first.
    #[cfg(feature = "simulation")]
    pub(crate) fn prepare_waiting_now(&self, plan: &Plan) -> Result<Prepared, EngineError> {
        self.prepare_scripted(plan, Script { waits: true, ..Script::of(plan) })
    }

    fn prepare_scripted(&self, plan: &Plan, script: Script) -> Result<Prepared, EngineError> {
        let (identity, name) = (plan.identity.clone(), container::name(&plan.identity));
        if self.held.names.lock().contains(&name) {
            return Err(EngineError::NameHeld { holder: "a holder of the name".to_owned() });
        }
        let image = plan.container.image();
        if image == "nothing" {
            return Err(no_such_image(&image));
        }
        let started = self.starts == Starts::WithPrepare;
        let mut containers = self.containers.lock();
        let mut named = containers
            .iter_mut()
            .filter(|(_, container)| container::name(&container.seen.identity) == name);
        // Where preparing starts, one that ran keeps its name when it is removed: a late request to prepare it
        // must not start another.
        let holder =
            named.find(|(_, it)| !it.seen.removed || (started && it.seen.started_at.is_some()));
        match holder {
            Some((id, holder)) if holder.seen.identity == identity && !holder.seen.removed => {
                return Ok(Prepared {
                    joined: true,
                    started,
                    image: Some(holder.image.as_str().into()),
                    ..Prepared::new(self.handle(id, holder))
                });
            }
            Some((id, holder)) => {
                let holder = format!("container {id} (image `{}`)", holder.image);
                return Err(EngineError::NameHeld { holder });
            }
            None => {}
        }
        // With the id of the engine: two engines never give the same id.
        let id = ContainerId(format!("{name}#{}{}", self.id, containers.len()).into());
        let seen = Seen {
            identity,
            created_at: self.clock.now(),
            starts: 0,
            started_at: None,
            ended_at: None,
            exit_code: None,
            removed: false,
            environment: plan.environment.clone(),
            placement: plan.placement.clone(),
            node: plan.node.clone(),
            is_forgotten: false,
            parts: plan.parts,
            life: plan.life,
        };
        let mut container =
            Container { image, script, seen, state: State::Created(None), version: 1 };
        if started && container.script.waits {
            container.state = State::Waits;
        } else if started {
            container.start(self.now())?;
        }
        let handle = self.handle(&id, &container);
        containers.insert(id, container);
        Ok(Prepared { started, ..Prepared::new(handle) })
    }

    /// The handle of a container, with its version where starts are conditional.
    fn handle(&self, id: &ContainerId, container: &Container) -> Handle {
        let version =
            (self.starts == Starts::Conditionally).then(|| container.version.to_string().into());
        Handle { id: id.clone(), version }
    }

    pub(crate) fn remove_now(
        &self,
        handle: &Handle,
        condition: Condition,
    ) -> Result<(), EngineError> {
        let removed = self.with(&handle.id, |container, now| {
            let is_running = matches!(container.state(now), State::Runs { .. } | State::Waits);
            let is_lost = container.is_lost(now);
            let is_refused = match condition {
                Condition::EndUnknown => !is_lost,
                Condition::NotRunning | Condition::Unchanged => is_running,
            };
            let present = self.handle(&handle.id, container);
            let has_changed = condition == Condition::Unchanged
                && handle.version.is_some()
                && present.version != handle.version;
            if is_refused || has_changed {
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

    /// No node takes a container any more that waits for one, so it may be removed.
    pub(crate) fn withdraw_now(&self, handle: &Handle) -> Result<(), EngineError> {
        match self.with(&handle.id, |container, _| container.withdraw()) {
            Ok(_) | Err(EngineError::Gone) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// What came of a disarmament, by what came of the removal.
    pub(crate) async fn disarmed(
        &self,
        handle: &Handle,
        removed: Result<(), EngineError>,
    ) -> Result<Disarmed, EngineError> {
        if let Err(error) = removed {
            return match self.inspect(handle).await? {
                Observation::Pending(_) => Err(error),
                Observation::Gone(_) => Ok(Disarmed::Gone(self.past(&handle.id))),
                started => Ok(Disarmed::Found(started)),
            };
        }
        // What was removed without a start needs no memory of events.
        Ok(Disarmed::Gone(match self.past(&handle.id) {
            Past::Unknown => Past::NeverRan,
            past => past,
        }))
    }

    /// Moves the version of a container on, where starts are conditional.
    pub(crate) fn disarm_now(&self, handle: &Handle) -> Result<Disarmed, EngineError> {
        let disarmed = self.with(&handle.id, |container, now| match container.state(now).clone() {
            // Started since it was taken over.
            State::Waits if self.handle(&handle.id, container).version != handle.version => {
                Disarmed::Found(self.waiting())
            }
            State::Created(_) | State::Waits => {
                container.withdraw();
                container.version += 1;
                Disarmed::Unstarted
            }
            State::Runs { started_at, .. } => {
                Disarmed::Found(Observation::Running { since: Some(started_at), node: None })
            }
            State::Ended(exit, _) => Disarmed::Found(Observation::Ended(exit)),
        });
        match disarmed {
            Err(EngineError::Gone) => Ok(Disarmed::Gone(self.past(&handle.id))),
            disarmed => disarmed,
        }
    }

    pub(crate) fn launch_now(&self, handle: &Handle) -> Result<Launch, EngineError> {
        self.launch_as(handle, |container, now| {
            if container.script.waits {
                container.state = State::Waits;
                return Ok(Launch::Accepted);
            }
            container.start(now).map(|()| Launch::Started)
        })
    }

    /// Accepts the start of a container, which then waits for a node.
    #[cfg(feature = "simulation")]
    pub(crate) fn accept_now(&self, handle: &Handle) -> Result<Launch, EngineError> {
        self.launch_as(handle, |container, _| {
            container.state = State::Waits;
            Ok(Launch::Accepted)
        })
    }

    /// A node takes a container that waits, which starts it; false where it does not wait.
    pub(crate) fn take_waiting(&self, id: &ContainerId) -> bool {
        let now = self.now();
        let taken = self.containers.lock().get_mut(id).is_some_and(|container| {
            let waits = matches!(container.state, State::Waits) && !container.seen.removed;
            waits && container.start(now).is_ok()
        });
        self.tell();
        taken
    }

    fn launch_as(
        &self,
        handle: &Handle,
        start: impl FnOnce(&mut Container, Reading) -> Result<Launch, EngineError>,
    ) -> Result<Launch, EngineError> {
        let is_changed = self.held.takes(CHANGE);
        let launched = self.with(&handle.id, |container, now| {
            container.version += u64::from(is_changed);
            let present = self.handle(&handle.id, container);
            if present.version != handle.version {
                return Ok(Launch::OutOfDate(present));
            }
            if self.starts == Starts::Conditionally && container.was_asked_to_start() {
                return Ok(Launch::AlreadyRan);
            }
            container.version += 1;
            start(container, now)
        });
        self.tell();
        match launched {
            Err(EngineError::Gone) => Ok(Launch::NeverRan),
            launched => launched?,
        }
    }

    /// Where preparing starts, keeps the name from whatever is still to come.
    pub(crate) fn hold_name_now(&self, identity: &Identity) -> Result<Disarmed, EngineError> {
        self.answer()?;
        if self.starts == Starts::WithPrepare {
            let containers = self.containers.lock();
            let there = |(_, container): &(&ContainerId, &Container)| {
                !container.seen.removed && container.seen.identity == *identity
            };
            if let Some((id, container)) = containers.iter().find(there) {
                return Ok(Disarmed::NameTaken(self.handle(id, container)));
            }
            #[cfg(test)]
            if *self.held.refuses_names.lock() {
                let message = "exceeded quota".to_owned();
                return Err(EngineError::Refused { kind: Refusal::Denied, message });
            }
            self.held.names.lock().push(container::name(identity));
        }
        Ok(Disarmed::Gone(Past::NeverRan))
    }

    /// What is known of a container that is gone.
    fn past(&self, id: &ContainerId) -> Past {
        let mut containers = self.containers.lock();
        let Some(container) = containers.get_mut(id) else { return Past::Unknown };
        container.state(self.now());
        container.seen.past()
    }
}

#[async_trait]
impl Engine for ScriptedEngine {
    async fn ping(&self) -> Result<(), EngineError> {
        self.answer()
    }

    async fn status(&self) -> Result<EngineStatus, EngineError> {
        self.answer()?;
        let (version, api_version) = ("0".to_owned(), "1.41".to_owned());
        // One without a name has no lasting id.
        let id = (!self.id.is_empty()).then(|| self.id.as_ref().into());
        let time = Some(self.now().wall);
        let labels = self.labels.clone();
        let (nodes, cores) = (Some(1), 2);
        Ok(EngineStatus { id, version, api_version, labels, nodes, cores, time })
    }

    fn starts(&self) -> Starts {
        self.starts
    }

    fn has_nodes(&self) -> bool {
        self.nodes.is_some()
    }

    async fn nodes(&self, on_nodes: &Placement) -> Result<Vec<Node>, EngineError> {
        self.answer()?;
        let Some(nodes) = &self.nodes else { return Ok(Vec::new()) };
        let nodes = nodes.lock();
        Ok(nodes.iter().filter(|node| node.fits(on_nodes)).map(|node| node.0.clone()).collect())
    }

    /// It has no privileges to give.
    fn check(&self, specification: &Specification, _: &Placement) -> Vec<Finding> {
        let host_config = specification.container.parts().host_config.unwrap_or_default();
        let is_privileged = host_config.get("Privileged") == Some(&true.into());
        let refusal = || {
            let message = "this engine has no privileges".to_owned();
            Finding::fatal("Container.HostConfig.Privileged", message)
        };
        let of_swarm = only_a_swarm_gives(&specification.container.parts());
        let of_swarm = of_swarm.map(Finding::below_container);
        is_privileged.then(refusal).into_iter().chain(of_swarm).collect()
    }

    async fn pull(
        &self,
        image: &str,
        _platform: Option<&str>,
        pull: Pull,
    ) -> Result<Option<Pulled>, EngineError> {
        self.answer()?;
        if let Some(seconds) = number(image, "pull-") {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            self.answer()?;
        }
        match image {
            "slow" if pull == Pull::Always => std::future::pending().await,
            "nothing" => Err(no_such_image(image)),
            _ => Ok(Some(Pulled {
                repository: image.to_owned(),
                tag: "latest".to_owned(),
                stale: None,
                was_pulled: pull == Pull::Always,
            })),
        }
    }

    async fn prepare(&self, plan: &Plan) -> Result<Prepared, EngineError> {
        self.answer()?;
        if plan.container.image() == "broken" {
            return Err(broken_off());
        }
        let late = plan.clone();
        self.is_held("prepare", move |engine| drop(engine.prepare_now(&late)))?;
        self.prepare_now(plan)
    }

    async fn launch(&self, handle: &Handle) -> Result<Launch, EngineError> {
        let late = handle.clone();
        let sent = self
            .answer()
            .and_then(|()| self.is_held("launch", move |engine| drop(engine.launch_now(&late))));
        match sent {
            Ok(()) => self.launch_now(handle),
            Err(error) => Ok(Launch::Unknown(error.to_string())),
        }
    }

    async fn stop(&self, handle: &Handle, how: Stop) -> Result<(), EngineError> {
        if !self.with(&handle.id, |container, now| container.stop(how, now))? {
            return Err(EngineError::WillNotDie("it goes on".to_owned()));
        }
        self.tell();
        match self.state(&handle.id)? {
            State::Runs { .. } => self.follow(&handle.id).await.map(|_| ()),
            _ => Ok(()),
        }
    }

    async fn remove(&self, handle: &Handle, condition: Condition) -> Result<(), EngineError> {
        self.remove_now(handle, condition)
    }
}

#[async_trait]
impl Containers for ScriptedEngine {
    async fn inspect(&self, handle: &Handle) -> Result<Observation, EngineError> {
        Ok(match self.state(&handle.id) {
            Ok(State::Created(error)) => Observation::Pending(error),
            Ok(State::Waits) => self.waiting(),
            Ok(State::Runs { started_at, .. }) => {
                let node = self.with(&handle.id, |container, _| container.seen.node.clone())?;
                Observation::Running { since: Some(started_at), node: self.node_name(node) }
            }
            Ok(State::Ended(exit, _)) => Observation::Ended(exit),
            Err(EngineError::Gone) => Observation::Gone(Past::Unknown),
            Err(error) => return Err(error),
        })
    }

    async fn identify(&self, handle: &Handle) -> Result<Option<Found>, EngineError> {
        self.with(&handle.id, |found, _| Some(found.found(&handle.id)))
    }

    /// Of one that waits it reports that, and where it is once it does not wait any more.
    fn watch(&self, handle: &Handle) -> Observations {
        let (engine, id) = (self.clone(), handle.id.clone());
        stream::unfold(Some(None), move |last: Option<Option<Observation>>| {
            let (engine, id) = (engine.clone(), id.clone());
            async move {
                let seen = match engine.next_observation(&id, last?.as_ref()).await {
                    Err(EngineError::Gone) => Ok(Observation::Gone(Past::Unknown)),
                    seen => seen,
                };
                let waits =
                    matches!(seen, Ok(Observation::Waiting(_) | Observation::NodeAway { .. }));
                let next = seen.clone().ok().filter(|_| waits).map(Some);
                Some((seen, next))
            }
        })
        .boxed()
    }

    fn logs(&self, handle: &Handle, from: LogCursor, follow: Follow) -> Log {
        let next = (self.clone(), handle.id.clone(), from);
        let log = stream::try_unfold(next, move |(engine, id, from)| async move {
            let Some(chunk) = engine.read_next(&id, from, follow).await? else { return Ok(None) };
            let cursor = from.advanced_by(chunk.bytes.len() as u64);
            Ok(Some(((cursor, chunk), (engine, id, cursor))))
        });
        log.boxed()
    }

    async fn read_log(&self, handle: &Handle, limit: usize) -> Result<Captured, EngineError> {
        if self.node_away.lock().is_some() {
            return Err(EngineError::NodeAway("node-1".into()));
        }
        self.with(&handle.id, |container, now| {
            if container.image == "mute" {
                return Err(broken_off());
            }
            let mut output = Output::bounded(limit);
            for Chunk { stream, bytes, times } in container.written(now) {
                if let Some(at) = times.at(0) {
                    output.note_time(at);
                }
                output.push_to(stream, &bytes);
            }
            Ok(Captured { output, remark: None })
        })?
    }

    async fn list_owned(&self, owner: &Owner) -> Result<Vec<Found>, EngineError> {
        self.answer()?;
        let mut found = Vec::new();
        for (id, container) in &*self.containers.lock() {
            let Seen { identity, removed, .. } = &container.seen;
            if !removed && identity.namespace == owner.namespace && identity.store == owner.store {
                found.push(container.found(id));
            }
        }
        Ok(found)
    }

    async fn list_of_other_stores(&self, owner: &Owner) -> Result<Vec<Found>, EngineError> {
        self.answer()?;
        let (now, mut found) = (self.now(), Vec::new());
        for (id, container) in &mut *self.containers.lock() {
            let is_running = matches!(container.state(now), State::Runs { .. });
            let Seen { identity, removed, .. } = &container.seen;
            let is_others = identity.namespace == owner.namespace && identity.store != owner.store;
            if is_running && !removed && is_others {
                found.push(container.found(id));
            }
        }
        Ok(found)
    }
}

#[async_trait]
impl Takeover for ScriptedEngine {
    async fn take_over(&self, handle: &Handle) -> Result<TakeOver, EngineError> {
        Ok(match self.inspect(handle).await? {
            // By their versions, late requests of others start nothing any more.
            Observation::Pending(_) => TakeOver::Replaceable(Guard::new(handle.clone(), ())),
            Observation::Gone(_) => TakeOver::Gone(self.past(&handle.id)),
            Observation::Waiting(reason) => {
                let version =
                    self.with(&handle.id, |container, _| self.handle(&handle.id, container))?;
                TakeOver::Waiting { guard: Guard::new(version, ()), reason }
            }
            started => TakeOver::Found(started),
        })
    }

    async fn disarm(&self, target: Target<'_>) -> Result<Disarmed, EngineError> {
        match target {
            Target::Guarded(guard) if self.starts == Starts::Conditionally => {
                self.disarm_now(&guard.handle)
            }
            Target::Guarded(guard) => {
                self.withdraw_now(&guard.handle)?;
                let removed = self.remove_now(&guard.handle, Condition::NotRunning);
                self.disarmed(&guard.handle, removed).await
            }
            Target::Name(identity) => self.hold_name_now(identity),
        }
    }
}
