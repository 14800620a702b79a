//! Carries out one claimed run from start to finish. When something is due is not known here.
//!
//! 1. The order of steps: claim, pull, create, note the container's id, start, follow, note the end
//!    and the output, and only then remove.
//! 2. Runs are independent: one that waits for the engine holds up no other.
//! 3. When the server stops, a step that was begun is finished, and containers are let go.

mod attempt;
mod gate;
mod health;
pub(crate) mod policy;

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, Utc};
use docket_model::{
    Allocation, AllocationName, Run, RunId,
    run::{ContainerId, Instant, RunState, Trigger},
};
use parking_lot::Mutex;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, info, warn};

use self::{
    attempt::{Attempt, Outcome, Over},
    gate::Gate,
};
use crate::{
    clock::Clock,
    config::Namespace,
    engine::{Engine, EngineError, Identity},
    store::{End, Recorded, Snapshot, Store, StoreError},
};

pub(crate) use self::health::{EngineHealth, EngineState};

/// Carries out runs.
#[derive(Debug)]
pub(crate) struct Runner {
    store: Arc<dyn Store>,
    engine: Arc<dyn Engine>,
    clock: Arc<dyn Clock>,
    health: Arc<EngineHealth>,
    namespace: Arc<str>,
    gate: Gate,
    /// The failed container of each allocation that stays for inspection.
    kept: Mutex<HashMap<AllocationName, (Instant, ContainerId)>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// What a runner works with.
#[derive(Debug)]
pub(crate) struct Surroundings {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) health: Arc<EngineHealth>,
    pub(crate) namespace: Namespace,
    pub(crate) max_starting: Option<usize>,
}

impl Runner {
    pub(crate) fn new(with: Surroundings) -> Self {
        Self {
            store: with.store,
            engine: with.engine,
            clock: with.clock,
            health: with.health,
            namespace: with.namespace.shared(),
            gate: Gate::new(with.max_starting),
            kept: Mutex::default(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        }
    }

    /// Records that nothing starts for a span of instants, and why.
    pub(crate) async fn miss(
        &self,
        allocation: &Allocation,
        missed: policy::Missed,
        reason: String,
    ) -> Result<(), StoreError> {
        let last = Instant::new(missed.last);
        let state = RunState::Missed { reason, last, count: missed.count };
        let run = self.record(allocation, missed.first, Trigger::Schedule);
        let (name, first) = (allocation.name(), run.id.instant);
        let run = Run { state, attempts: Vec::new(), ended_at: Some(run.decided_at), ..run };
        let reason = run.state.reason().unwrap_or_default().to_owned();
        if self.store.decide(run).await? == Recorded::New {
            warn!(allocation = %name, %first, %last, missed.count, reason, "run missed");
        }
        Ok(())
    }

    /// Claims an instant and, if nobody did before, starts to carry out its run.
    pub(crate) async fn start(
        self: &Arc<Self>,
        allocation: Arc<Allocation>,
        instant: DateTime<Utc>,
        trigger: Trigger,
    ) -> Result<(), StoreError> {
        let run = self.record(&allocation, instant, trigger);
        let id = run.id.clone();
        match self.store.decide(run).await? {
            Recorded::New => {
                let runner = Arc::clone(self);
                self.tasks.spawn(async move { runner.carry_out(id, allocation).await });
            }
            _ => debug!(run = %id, "the instant was decided before"),
        }
        Ok(())
    }

    /// Lets go of the container that was kept for an allocation which is no more.
    pub(crate) fn forget(self: &Arc<Self>, name: &AllocationName) {
        if let Some((_, container)) = self.kept.lock().remove(name.as_str()) {
            let runner = Arc::clone(self);
            self.tasks.spawn(async move { runner.remove(&container).await });
        }
    }

    /// Widens the gate to what the engine can take.
    pub(crate) fn engine_has(&self, cores: usize) {
        self.gate.widen(cores);
    }

    /// Finishes what is being written, and lets the containers go.
    pub(crate) async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn record(&self, allocation: &Allocation, instant: DateTime<Utc>, trigger: Trigger) -> Run {
        let instant = Instant::new(instant);
        Run::decided(allocation, instant, trigger, RunState::Claimed, self.clock.now())
    }

    async fn carry_out(self: Arc<Self>, id: RunId, allocation: Arc<Allocation>) {
        let identity = Identity {
            namespace: Arc::clone(&self.namespace),
            store: self.store.id(),
            allocation: id.allocation.clone(),
            uid: allocation.uid,
            instant: id.instant,
            attempt: 1,
        };
        let mut attempt = Attempt::new(&self, &id, identity, &allocation);
        match attempt.carry_out().await {
            Ok(Outcome::Over(over)) => {
                let Over { state, exit, output, remarks } = *over;
                let container = attempt.container;
                log_end(&id, &state, exit.as_ref().map(|exit| exit.code));
                let failed = !matches!(state, RunState::Succeeded);
                let end = End { state, exit, output, remarks, at: self.clock.now() };
                if let Err(error) = self.store.finish(&id, end).await {
                    // The allocation was deleted meanwhile, and its history with it.
                    info!(run = %id, %error, "the end of a run could not be recorded");
                }
                if let Some(container) = container {
                    self.dispose(&allocation, id.instant, container, failed).await;
                }
            }
            Ok(Outcome::LetGo) => info!(run = %id, "let go: the server stops"),
            Err(error) => warn!(run = %id, %error, "nothing more is done about this run"),
        }
    }

    /// Removes an ended container, unless it is the newest failed one and was not to remove itself.
    async fn dispose(
        &self,
        allocation: &Allocation,
        instant: Instant,
        container: ContainerId,
        failed: bool,
    ) {
        if !failed || allocation.specification.container.auto_remove() {
            return self.remove(&container).await;
        }
        let name = allocation.name();
        let older = self.keep(name, instant, container);
        // Looked at after keeping: a deletion from now on makes the scheduler let go of it.
        let now = self.store.get(name.as_str()).await;
        let is_there = |now: &Snapshot| now.standing.allocation.uid == allocation.uid;
        let gone = if now.is_ok_and(|now| now.as_ref().is_some_and(is_there)) {
            None
        } else {
            self.kept.lock().remove(name.as_str()).map(|(_, container)| container)
        };
        for container in older.iter().chain(&gone) {
            self.remove(container).await;
        }
    }

    /// Keeps the container of the later instant; returns the other one.
    fn keep(
        &self,
        name: &AllocationName,
        instant: Instant,
        container: ContainerId,
    ) -> Option<ContainerId> {
        let mut kept = self.kept.lock();
        let older = match kept.get(name.as_str()) {
            Some((held, _)) if *held > instant => return Some(container),
            _ => kept.insert(name.clone(), (instant, container)),
        };
        older.map(|(_, container)| container)
    }

    async fn remove(&self, container: &ContainerId) {
        let removed = self.persistently(|| self.engine.remove(container)).await;
        if let Ok(Err(error)) = removed {
            warn!(%container, %error, "a container that has ended could not be removed");
        }
    }

    /// Repeats a call for as long as the engine gives no answer; ends early when the server stops.
    async fn persistently<T, F>(
        &self,
        call: impl Fn() -> F,
    ) -> Result<Result<T, EngineError>, Stopped>
    where
        F: Future<Output = Result<T, EngineError>>,
    {
        loop {
            match call().await {
                Err(EngineError::Unreachable(reason)) => {
                    self.health.suspect(&reason, self.clock.now());
                    self.unless_stopped(self.health.up()).await?;
                }
                answer => return Ok(answer),
            }
        }
    }

    async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Result<T, Stopped> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Stopped),
            done = work => Ok(done),
        }
    }
}

/// The server stops: what only waits is given up.
#[derive(Debug, Clone, Copy)]
struct Stopped;

fn log_end(id: &RunId, state: &RunState, exit_code: Option<i64>) {
    let (allocation, run) = (&id.allocation, id.instant);
    match state.reason() {
        None => info!(%allocation, %run, exit_code, "run {}", state.word()),
        Some(reason) => warn!(%allocation, %run, exit_code, reason, "run {}", state.word()),
    }
}
