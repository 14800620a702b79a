//! From an image to a container that was started.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use docket_model::run::{Cancellation, ContainerId};
use tracing::warn;

use super::{
    EngineState,
    attempt::{Attempt, Break, GONE_MEANWHILE},
    environment,
    gate::Permit,
    journey::Journey,
    patience::Patience,
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
        let pulling = runner.persistently("the pull", || runner.engine.pull(&image, policy));
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
                Some(made) => (made, self.unless_over(self.journey.runner.gate.enter()).await?),
                None => self.make().await?,
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

    /// Creates the container and notes its id; returns with the gate still held, for the start.
    async fn make(&mut self) -> Result<(ContainerId, Permit<'a>), Break> {
        let Journey { runner, handle, .. } = self.journey;
        let plan = self.unless_over(self.plan()).await??;
        let mut patience = Patience::bounded("the creation of the container");
        let (made, engine, mut permit) = loop {
            // Whoever waits for the engine does not stand in the gate.
            let engine = self.unless_over(self.engine_id()).await??;
            let mut permit = self.unless_over(runner.gate.enter()).await?;
            match permit.during(runner.engine.create(&plan)).await {
                Err(EngineError::Unreachable(reason)) => {
                    drop(permit);
                    // It may have been made all the same, whatever becomes of the run.
                    runner.leftovers.suspect();
                    self.unless_over(runner.bear(&mut patience, &reason)).await??;
                }
                made => break (made?, engine, permit),
            }
        };
        point(Point::Created);
        let Made { id, image, warnings: remarks } = made;
        let created = Progress::Created { container: id.clone(), engine, image, remarks };
        self.container = Some(id.clone());
        // Deleted in this moment: what was never started goes, as if it had never been.
        permit.during(self.journey.note(created)).await??;
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
        let mut patience = Patience::bounded("the start of the container");
        loop {
            if !permit.is_valid() {
                permit = runner.unless_stopped(runner.gate.enter()).await?;
            }
            match permit.during(runner.engine.start(id)).await {
                Err(EngineError::Unreachable(reason)) => {
                    permit.give_back();
                    let borne = runner.bear(&mut patience, &reason);
                    let borne = runner.unless_stopped(borne).await?;
                    if self.was_started(id).await? {
                        break;
                    }
                    borne?;
                }
                // It may have been started, have ended and been removed: nobody knows.
                Err(EngineError::Gone) => return Err(Break::Lost(GONE_MEANWHILE.to_owned())),
                started => {
                    started?;
                    drop(permit);
                    break;
                }
            }
        }
        point(Point::Started);
        self.note_loosely(Progress::Started).await?;
        Ok(runner.clock.now())
    }

    /// Whether a start without an answer came about; ends a run that did not start and that somebody
    /// wants to end.
    async fn was_started(&self, id: &ContainerId) -> Result<bool, Break> {
        let Journey { runner, handle, .. } = self.journey;
        match (runner.look_surely(id).await?, handle.cancelled()) {
            (None, _) => Err(Break::Lost(GONE_MEANWHILE.to_owned())),
            (Some(Sight::Created), Some(Cancellation { reason, .. })) => {
                Err(Break::Cancelled(reason))
            }
            (Some(sight), _) => Ok(sight != Sight::Created),
        }
    }
}
