//! One attempt at a run: where it goes on from, and how it ends.

use std::sync::Arc;

use docket_model::{
    Output,
    run::{Cancellation, ContainerId, Exit, RunState},
};
use tracing::warn;

use super::{Stopped, berths::Place, journey::Journey, policy};
use crate::{
    engine::{EngineError, Sight},
    fault::{Point, point},
    store::{Progress, StoreError},
};

/// Where an attempt goes on from.
#[derive(Debug)]
pub(super) enum Setting {
    /// It was claimed just now, and has its place among those that may have a container.
    Claimed(Place),
    /// It was claimed before the server started, and no container of it is known.
    ClaimedBefore,
    /// A container of it was created before the server started.
    Made {
        container: ContainerId,
        /// The id of the engine that has it.
        engine: Option<Arc<str>>,
        /// True where it is known to have been started.
        was_started: bool,
    },
}

/// How an attempt ended.
#[derive(Debug)]
pub(super) struct Over {
    pub(super) state: RunState,
    pub(super) exit: Option<Exit>,
    pub(super) output: Option<Arc<Output>>,
    pub(super) remarks: Vec<String>,
    /// The container that is there and does not run.
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
    pub(super) async fn carry_out(mut self, setting: Setting) -> Result<Over, Stopped> {
        let outcome = match setting {
            Setting::Claimed(place) => self.begin(place).await,
            Setting::ClaimedBefore => self.begin_late().await,
            Setting::Made { container, engine, was_started } => {
                self.resume(container, engine, was_started).await
            }
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
                self.journey.runner.leftovers.suspect();
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
    async fn begin(&mut self, place: Place) -> Result<Over, Break> {
        point(Point::Claimed);
        let _berth = self.unless_over(place.berth()).await?;
        self.pull().await?;
        point(Point::Pulled);
        self.bring_up_and_see_out().await
    }

    /// From a claim of an earlier life of the server, if it is still in time.
    async fn begin_late(&mut self) -> Result<Over, Break> {
        if !self.may_still_start().await? {
            return Ok(self.missed());
        }
        let instant = self.journey.handle.id.instant;
        self.begin(self.journey.runner.berths.line_up(instant)).await
    }

    /// From a container that an earlier life of the server made.
    async fn resume(
        &mut self,
        container: ContainerId,
        engine: Option<Arc<str>>,
        was_started: bool,
    ) -> Result<Over, Break> {
        let runner = &self.journey.runner;
        let _berth = runner.berths.occupy();
        let here = self.engine_id().await?;
        // An engine that has the very container is the one, whatever it calls itself now.
        let Some(sight) = runner.look_surely(&container).await? else {
            return Err(Break::Lost(gone_from(engine, &here)));
        };
        self.container = Some(container.clone());
        match sight {
            Sight::Created if self.may_still_start().await? => self.bring_up_and_see_out().await,
            Sight::Created => Ok(self.missed()),
            Sight::Runs { started_at } => {
                if !was_started {
                    self.note_loosely(Progress::Started).await?;
                }
                let started_at = started_at.unwrap_or_else(|| runner.clock.now());
                self.see_out(&container, started_at).await
            }
            Sight::Ended(exit) => {
                let early = self.ended_early(&exit);
                self.capture(&container, exit, early).await
            }
        }
    }

    async fn bring_up_and_see_out(&mut self) -> Result<Over, Break> {
        let (container, started_at) = self.bring_up().await?;
        self.see_out(&container, started_at).await
    }

    /// Notes what a run goes on from also where its record is gone.
    pub(super) async fn note_loosely(&self, progress: Progress) -> Result<(), Stopped> {
        if let Err(error) = self.journey.note(progress).await? {
            warn!(run = %self.journey.handle.id, %error, "the run goes on without a record");
        }
        Ok(())
    }

    /// Whether a run that was claimed earlier, and never started, is still in time; known once the
    /// engine is back, because nothing can start before.
    async fn may_still_start(&self) -> Result<bool, Break> {
        let Journey { runner, handle, attempt, waited } = self.journey;
        self.unless_over(runner.health.up()).await?;
        let in_time = || {
            policy::may_still_start(
                handle.id.instant.moment(),
                &handle.trigger,
                &handle.allocation,
                runner.zone,
                runner.clock.now() - *waited,
            )
        };
        Ok(*attempt > 1 || in_time())
    }

    /// The end of a run that came too late; its container, if it was made, was never started.
    fn missed(&self) -> Over {
        let Journey { runner, handle, .. } = self.journey;
        let instant = handle.id.instant;
        let now = runner.clock.now();
        let paused = runner.outage(instant.moment(), now);
        let paused = paused.map_or_else(String::new, |paused| format!(": {paused}"));
        let reason = format!("claimed in time, and not started before its deadline{paused}");
        let state = RunState::Missed { reason, last: instant, count: 1 };
        Over { container: self.container.clone(), ..Over::without_container(state) }
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

/// Why nobody knows how a run ended whose container this engine does not have.
fn gone_from(engine: Option<Arc<str>>, here: &str) -> String {
    match engine.filter(|engine| **engine != *here) {
        None => GONE_MEANWHILE.to_owned(),
        Some(engine) => {
            format!("its container is on the engine {engine}, and docket talks to another one now")
        }
    }
}

/// Why nobody knows how a run ended.
pub(super) const GONE_MEANWHILE: &str =
    "its container is gone, removed from outside: whether and how it ran is not known";
