//! One attempt at a run, step by step.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use docket_model::{
    Output,
    run::{Cancellation, ContainerId, Exit, RunState},
};
use tracing::warn;

use super::{
    EngineState, Stopped, environment,
    journey::{Journey, Stage},
    policy,
};
use crate::{
    engine::{EngineError, Identity, Made, Plan, Pulled, Sight},
    fault::{Point, point},
    store::{Progress, StoreError},
};

/// How often a container is made anew that somebody removed before it was started.
const MOST_MADE: u32 = 5;

/// How an attempt ended.
#[derive(Debug)]
pub(super) struct Over {
    pub(super) state: RunState,
    pub(super) exit: Option<Exit>,
    pub(super) output: Option<Arc<Output>>,
    pub(super) remarks: Vec<String>,
    /// The container that is there and has ended.
    pub(super) container: Option<ContainerId>,
}

impl Over {
    /// An end for which no container stands.
    pub(super) fn without_container(state: RunState) -> Self {
        Self { state, exit: None, output: None, remarks: Vec::new(), container: None }
    }
}

/// Why an attempt does not go on to its next step.
#[derive(Debug)]
pub(super) enum Break {
    Stopped,
    /// Somebody wants the run to end.
    Cancelled(String),
    Engine(EngineError),
    /// The record is gone, or takes nothing more.
    Store(StoreError),
    /// A file of its environment cannot be used.
    Environment(String),
    /// It is not known whether its container ever ran.
    Lost(String),
}

impl From<Stopped> for Break {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

impl From<EngineError> for Break {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl From<StoreError> for Break {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// An attempt under way.
#[derive(Debug)]
pub(super) struct Attempt<'a> {
    pub(super) journey: &'a Journey,
    /// The container, once there is one.
    pub(super) container: Option<ContainerId>,
}

impl<'a> Attempt<'a> {
    pub(super) fn new(journey: &'a Journey) -> Self {
        Self { journey, container: None }
    }

    /// Goes on from where the run stands to the attempt's end.
    pub(super) async fn carry_out(mut self, stage: Stage) -> Result<Over, Stopped> {
        let outcome = match stage {
            Stage::Made { container, engine } => self.resume(container, engine).await,
            Stage::Claimed if !self.may_still_start().await => Ok(self.missed()),
            _ => self.begin().await,
        };
        let state = match outcome {
            Ok(over) => return Ok(over),
            Err(Break::Stopped) => return Err(Stopped),
            Err(Break::Engine(EngineError::Gone)) => {
                self.container = None;
                RunState::Failed(EngineError::Gone.to_string())
            }
            Err(Break::Engine(EngineError::NoSuchImage { image, reason })) => {
                let state = RunState::Failed(format!("image {image} not found"));
                return Ok(Over { remarks: vec![reason], ..Over::without_container(state) });
            }
            Err(Break::Engine(error)) => {
                // It may have created what it refused to create.
                self.journey.runner.leftovers.notify_one();
                RunState::Failed(error.to_string())
            }
            Err(Break::Environment(error)) => RunState::Failed(error),
            Err(Break::Store(error)) => RunState::Cancelled(error.to_string()),
            Err(Break::Cancelled(reason)) => RunState::Cancelled(reason),
            Err(Break::Lost(reason)) => {
                self.container = None;
                RunState::Lost(reason)
            }
        };
        Ok(Over { container: self.container, ..Over::without_container(state) })
    }

    /// From the claim to the end.
    async fn begin(&mut self) -> Result<Over, Break> {
        let runner = &self.journey.runner;
        let instant = self.journey.handle.id.instant;
        point(Point::Claimed);
        let berth = self.unless_over(runner.berths.enter(instant)).await?;
        self.pull().await?;
        point(Point::Pulled);
        let plan = self.plan().await?;
        let (container, started_at) = self.bring_up(&plan).await?;
        let over = self.see_out(&container, started_at).await;
        drop(berth);
        over
    }

    /// From a container that an earlier life of the server made.
    async fn resume(
        &mut self,
        container: ContainerId,
        engine: Option<Arc<str>>,
    ) -> Result<Over, Break> {
        let runner = &self.journey.runner;
        let _berth = runner.berths.occupy();
        let here = self.engine_id().await?;
        if let Some(engine) = engine.filter(|engine| *engine != here) {
            return Err(Break::Lost(format!(
                "its container is on the engine {engine}, and docket talks to another one now"
            )));
        }
        let look = || runner.engine.look(&container);
        let sight = match runner.persistently(look).await? {
            Err(EngineError::Gone) => return Err(Break::Lost(GONE_MEANWHILE.to_owned())),
            sight => sight?,
        };
        self.container = Some(container.clone());
        let started_at = match sight {
            Sight::Created if !self.may_still_start().await => {
                runner.remove(&container).await;
                self.container = None;
                return Ok(self.missed());
            }
            Sight::Created => {
                self.unless_over(runner.gate.enter()).await?;
                self.start(&container).await?
            }
            Sight::Runs { started_at } => {
                self.note_loosely(Progress::Started).await?;
                started_at.unwrap_or_else(|| runner.clock.now())
            }
            Sight::Ended(exit) => {
                let early = self.ended_early(&exit);
                return self.capture(&container, exit, early).await;
            }
        };
        self.see_out(&container, started_at).await
    }

    async fn engine_id(&self) -> Result<Arc<str>, Break> {
        let runner = &self.journey.runner;
        loop {
            if let EngineState::Up(info) = runner.health.state() {
                return Ok(info.id.as_str().into());
            }
            runner.unless_stopped(runner.health.up()).await?;
        }
    }

    async fn pull(&self) -> Result<(), Break> {
        let runner = &self.journey.runner;
        let specification = &self.journey.handle.allocation.specification;
        let (image, policy) = (specification.container.image(), specification.policies.pull);
        let pulling = runner.persistently(|| runner.engine.pull(&image, policy));
        let Pulled { repository, tag, stale, was_pulled } = self.unless_over(pulling).await???;
        if was_pulled || stale.is_some() {
            self.journey.note(Progress::Pulled { repository, tag, stale }).await??;
        }
        Ok(())
    }

    async fn plan(&self) -> Result<Plan, Break> {
        let Journey { runner, handle, attempt, .. } = self.journey;
        let specification = &handle.allocation.specification;
        let demand = handle.trigger.demand();
        let files = &specification.policies.env_files;
        let mut environment = environment::read(runner.env_dir.as_deref(), files)
            .await
            .map_err(Break::Environment)?;
        environment.extend(demand.iter().flat_map(|demand| demand.environment.iter().cloned()));
        Ok(Plan {
            identity: Identity {
                namespace: Arc::clone(&runner.namespace),
                store: runner.store.id(),
                allocation: handle.id.allocation.clone(),
                uid: handle.allocation.uid,
                instant: handle.id.instant,
                attempt: *attempt,
            },
            labels: specification.labels.clone(),
            container: specification.container.clone(),
            environment,
            command: demand.and_then(|demand| demand.command.clone()),
        })
    }

    /// Creates and starts the container, as soon as the gate lets it through.
    async fn bring_up(&mut self, plan: &Plan) -> Result<(ContainerId, DateTime<Utc>), Break> {
        let runner = &self.journey.runner;
        for _ in 0..MOST_MADE {
            let permit = self.unless_over(runner.gate.enter()).await?;
            let Made { id, image, warnings: remarks } = match runner.engine.create(plan).await {
                Err(EngineError::Unreachable(reason)) => {
                    // Whoever waits for the engine must not stand in the gate.
                    drop(permit);
                    runner.health.suspect(&reason, runner.clock.now());
                    self.unless_over(runner.health.up()).await?;
                    continue;
                }
                made => made?,
            };
            point(Point::Created);
            let (container, engine) = (id.clone(), self.engine_id().await?);
            let created = Progress::Created { container, engine, image, remarks };
            if let Err(refusal) = self.journey.note(created).await? {
                // Deleted in this moment: what was never started goes, as if it had never been.
                runner.remove(&id).await;
                return Err(refusal.into());
            }
            point(Point::IdNoted);
            self.container = Some(id.clone());
            if let Some(Cancellation { reason, .. }) = self.journey.handle.cancelled() {
                return Err(Break::Cancelled(reason));
            }
            match self.start(&id).await {
                Err(Break::Engine(EngineError::NeverStarted)) => {
                    warn!(run = %self.journey.handle.id, "removed from outside, and made anew");
                    self.container = None;
                }
                started => return Ok((id, started?)),
            }
        }
        Err(EngineError::NeverStarted.into())
    }

    /// Starts the container; returns when that was.
    async fn start(&mut self, id: &ContainerId) -> Result<DateTime<Utc>, Break> {
        let runner = &self.journey.runner;
        match runner.persistently(|| runner.engine.start(id)).await? {
            // It may have been started, have ended and been removed: nobody knows.
            Err(EngineError::Gone) => return Err(Break::Lost(GONE_MEANWHILE.to_owned())),
            started => started?,
        }
        point(Point::Started);
        self.note_loosely(Progress::Started).await?;
        Ok(runner.clock.now())
    }

    /// Notes what a run goes on from also where its record is gone.
    pub(super) async fn note_loosely(&self, progress: Progress) -> Result<(), Stopped> {
        if let Err(error) = self.journey.note(progress).await? {
            warn!(run = %self.journey.handle.id, %error, "the run goes on without a record");
        }
        Ok(())
    }

    /// Whether a run that was claimed earlier, and never started, is still in time.
    async fn may_still_start(&self) -> bool {
        let Journey { runner, handle, attempt, .. } = self.journey;
        if *attempt > 1 {
            return true;
        }
        // The gate of time is the engine's return: nothing can start before.
        let _: Result<(), Stopped> = runner.unless_stopped(runner.health.up()).await;
        policy::may_still_start(
            handle.id.instant.moment(),
            &handle.trigger,
            &handle.allocation,
            runner.zone,
            runner.clock.now(),
        )
    }

    fn missed(&self) -> Over {
        let Journey { runner, handle, .. } = self.journey;
        let instant = handle.id.instant;
        let reason = runner.pauses.reason(instant.moment(), runner.clock.now());
        let reason = format!("claimed in time, and not started before its deadline: {reason}");
        Over::without_container(RunState::Missed { reason, last: instant, count: 1 })
    }

    /// Waits for something that may as well not happen, while nobody wants the run to end.
    pub(super) async fn unless_over<T>(&self, work: impl Future<Output = T>) -> Result<T, Break> {
        let Journey { runner, handle, .. } = self.journey;
        let unless_cancelled = async {
            tokio::select! {
                biased;
                Cancellation { reason, .. } = handle.cancellation_after(None) => {
                    Err(Break::Cancelled(reason))
                }
                done = work => Ok(done),
            }
        };
        runner.unless_stopped(unless_cancelled).await?
    }
}

/// Why nobody knows how a run ended.
const GONE_MEANWHILE: &str =
    "its container is gone, removed from outside: whether and how it ran is not known";
