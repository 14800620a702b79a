//! From an image to a container that was started.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use docket_model::run::{Cancellation, ContainerId};
use tracing::warn;

use super::{
    EngineState,
    attempt::{Attempt, Break, GONE_MEANWHILE},
    environment,
    gate::{self, Permit},
    journey::Journey,
};
use crate::{
    engine::{EngineError, Identity, Made, Plan, Pulled, Sight},
    fault::{Point, point},
    store::Progress,
};

/// How often a container is made anew that somebody removed before it was started.
const MOST_MADE: u32 = 5;

impl<'a> Attempt<'a> {
    /// The id of the engine, as soon as it answers.
    pub(super) async fn engine_id(&self) -> Result<Arc<str>, Break> {
        let runner = &self.journey.runner;
        loop {
            if let EngineState::Up(info) = runner.health.state() {
                return Ok(info.id.as_str().into());
            }
            runner.unless_stopped(runner.health.up()).await?;
        }
    }

    /// Makes sure that the image is there.
    pub(super) async fn pull(&self) -> Result<(), Break> {
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
    pub(super) async fn bring_up(&mut self) -> Result<(ContainerId, DateTime<Utc>), Break> {
        for _ in 0..MOST_MADE {
            let (id, permit) = match self.container.clone() {
                Some(made) => (made, None),
                None => self.make().await?,
            };
            let permit = match permit {
                None => self.unless_over(self.journey.runner.gate.enter()).await?,
                held => held,
            };
            match self.start(&id, permit).await {
                Err(Break::Engine(EngineError::NeverStarted)) => {
                    warn!(run = %self.journey.handle.id, "removed from outside, and made anew");
                    self.container = None;
                }
                started => return Ok((id, started?)),
            }
        }
        Err(EngineError::NeverStarted.into())
    }

    /// Creates the container and notes its id; returns with its permit, if that is left, for the start.
    async fn make(&mut self) -> Result<(ContainerId, Permit<'a>), Break> {
        let Journey { runner, handle, .. } = self.journey;
        let plan = self.plan().await?;
        let (made, engine, permit) = loop {
            // Whoever waits for the engine does not stand in the gate.
            let engine = self.unless_over(self.engine_id()).await??;
            let mut permit = self.unless_over(runner.gate.enter()).await?;
            match gate::pass(&mut permit, runner.engine.create(&plan)).await {
                Err(EngineError::Unreachable(reason)) => {
                    runner.health.suspect(&reason, runner.clock.now());
                }
                made => break (made?, engine, permit),
            }
        };
        point(Point::Created);
        let Made { id, image, warnings: remarks } = made;
        let created = Progress::Created { container: id.clone(), engine, image, remarks };
        self.container = Some(id.clone());
        // Deleted in this moment: what was never started goes, as if it had never been.
        self.journey.note(created).await??;
        point(Point::IdNoted);
        match handle.cancelled() {
            Some(Cancellation { reason, .. }) => Err(Break::Cancelled(reason)),
            None => Ok((id, permit)),
        }
    }

    /// Starts the container; returns when that was.
    async fn start(&self, id: &ContainerId, permit: Permit<'_>) -> Result<DateTime<Utc>, Break> {
        let runner = &self.journey.runner;
        let mut permit = permit;
        loop {
            match gate::pass(&mut permit, runner.engine.start(id)).await {
                Err(EngineError::Unreachable(reason)) => {
                    drop(permit);
                    runner.health.suspect(&reason, runner.clock.now());
                    runner.unless_stopped(runner.health.up()).await?;
                    self.unless_never_started(id).await?;
                    permit = runner.unless_stopped(runner.gate.enter()).await?;
                }
                // It may have been started, have ended and been removed: nobody knows.
                Err(EngineError::Gone) => return Err(Break::Lost(GONE_MEANWHILE.to_owned())),
                started => break started?,
            }
        }
        drop(permit);
        point(Point::Started);
        self.note_loosely(Progress::Started).await?;
        Ok(runner.clock.now())
    }

    /// Ends a run that somebody wants to end, where a start without an answer did not come about.
    async fn unless_never_started(&self, id: &ContainerId) -> Result<(), Break> {
        let Journey { runner, handle, .. } = self.journey;
        let Some(Cancellation { reason, .. }) = handle.cancelled() else { return Ok(()) };
        match runner.persistently(|| runner.engine.look(id)).await? {
            Ok(Sight::Created) => Err(Break::Cancelled(reason)),
            _ => Ok(()),
        }
    }
}
