//! One attempt at a run: where it goes on from, and how it ends.

use std::{pin::pin, sync::Arc};

use chrono::{DateTime, Utc};
use docket_model::run::{ContainerId, Reason, RunState};
use tracing::warn;

use super::{
    Stopped,
    attempt_outcomes::{AttemptEnd, Break, Fate, Purpose},
    run_context::RunPart,
    run_stage::StartFrom,
};
use crate::{
    crash_points::{Point, point},
    engine::engine_registry::Reservation,
    engine::{EngineError, Found, Identity, Observation, Starts},
    store::Progress,
};

/// An attempt under way.
#[derive(Debug)]
pub(super) struct Attempt<'a> {
    pub(super) run: &'a RunPart,
    /// The container, once there is one.
    pub(super) container: Option<ContainerId>,
    /// When the creation of the container was noted, by docket's clock.
    pub(super) created_at: Option<DateTime<Utc>>,
    /// When its container started, by docket's clock, where an earlier life of the server noted that.
    pub(super) started_before: Option<DateTime<Utc>>,
    /// True while a request to start the container may be on its way.
    pub(super) may_start: bool,
    /// True where it was begun in this life of the server, so that no earlier one made a container.
    pub(super) is_begun_here: bool,
}

impl<'a> Attempt<'a> {
    pub(super) fn new(run: &'a RunPart) -> Self {
        Self {
            run,
            container: None,
            created_at: None,
            started_before: None,
            may_start: false,
            is_begun_here: false,
        }
    }

    /// Goes on from where the run stands to the attempt's end.
    pub(super) async fn run(mut self, start_from: StartFrom) -> Result<AttemptEnd, Stopped> {
        let mut outcome = match start_from {
            StartFrom::Claimed(place) => {
                self.is_begun_here = true;
                self.begin(place).await
            }
            // Boxed: a run that waits for a slot needs no room for these paths, which only a
            // restart takes.
            StartFrom::ClaimedBefore => Box::pin(self.begin_late()).await,
            StartFrom::Created { container, engine, created_at, started_at } => {
                (self.created_at, self.started_before) = (created_at, started_at);
                Box::pin(self.resume(container, engine)).await
            }
        };
        // A start request that arrives later must find nothing before the run is recorded as over. When the term
        // ends nothing is undone: the next one continues the run from its record.
        while self.may_start
            && let Err(failure) = outcome
        {
            if matches!(failure, Break::Stopped) {
                return Err(Stopped);
            }
            outcome = Box::pin(self.give_up(failure)).await;
        }
        let state = match outcome {
            Ok(over) => return Ok(over),
            Err(Break::Stopped) => return Err(Stopped),
            Err(Break::Engine(error @ EngineError::Gone)) => {
                self.container = None;
                RunState::Failed(error.into())
            }
            Err(Break::Engine(EngineError::NoSuchImage { image, reason })) => {
                let state = RunState::Failed(Reason::ImageNotFound { image: image.into() });
                // There is a container only where nodes pull images: it has not run.
                return Ok(AttemptEnd { remarks: vec![reason], ..self.end_in(state) });
            }
            Err(Break::Engine(
                error @ (EngineError::NotPulled { .. }
                | EngineError::MayNotPull { .. }
                | EngineError::OtherPlatform { .. }),
            )) => return Ok(self.end_in(RunState::Failed(error.into()))),
            Err(Break::Engine(error @ EngineError::NodeLost(_))) => {
                // The cleanup finds its end, or removes what has none.
                self.run.part.engine.suspect_orphan();
                self.container = None;
                RunState::Lost(error.into())
            }
            Err(Break::Engine(error)) => {
                // It may have created what it refused to create.
                self.run.part.engine.suspect_orphan();
                RunState::Failed(error.into())
            }
            Err(Break::Environment(error)) => {
                RunState::Failed(Reason::EnvFiles { message: error.into() })
            }
            Err(Break::Store(error)) => RunState::Cancelled(error.into()),
            Err(Break::Cancelled(reason)) => RunState::Cancelled(reason),
            Err(Break::TimedOut(limit)) => {
                RunState::TimedOut(Reason::RunTimeoutBeforeStart { limit })
            }
            Err(Break::Lost(reason)) => {
                self.container = None;
                // The container is gone or belongs to another server: the cleanup must not remove
                // it.
                RunState::Lost(reason)
            }
        };
        Ok(self.end_in(state))
    }

    /// The end in this state; the container, if there is one, is removed later.
    fn end_in(self, state: RunState) -> AttemptEnd {
        AttemptEnd { container: self.container, ..AttemptEnd::without_container(state) }
    }

    /// From the claim to the end.
    async fn begin(&mut self, place: Reservation) -> Result<AttemptEnd, Break> {
        point(Point::Claimed);
        let _slot = self.unless_cancelled(place.slot()).await?;
        // Thousands may wait for a slot: the memory for what follows is taken once there is one.
        Box::pin(self.pull_and_start()).await
    }

    async fn pull_and_start(&mut self) -> Result<AttemptEnd, Break> {
        self.pull().await?;
        point(Point::Pulled);
        self.start_and_follow().await
    }

    /// From a claim of an earlier life of the server, if it is still in time.
    async fn begin_late(&mut self) -> Result<AttemptEnd, Break> {
        // Where preparing starts, an earlier life may have sent the request.
        self.may_start = self.starts_with_prepare();
        if !self.may_still_start().await? {
            return Ok(self.hold_name().await?.unwrap_or_else(|| self.missed()));
        }
        let RunPart { context, handle, part, .. } = self.run;
        // That it still starts is decided, so decisions that wait for this go on. Where preparing
        // starts a container, only the engine can say what an earlier request did.
        if !self.may_start {
            part.has_no_container();
            context.records.queues.note_progress();
        }
        let instant = handle.id.instant;
        self.begin(part.engine.slots.enqueue(instant)).await
    }

    /// From a container that an earlier life of the server made.
    async fn resume(
        &mut self,
        container: ContainerId,
        engine: Option<Arc<str>>,
    ) -> Result<AttemptEnd, Break> {
        // The container exists already, so it takes a slot even if all are taken.
        let _slot = self.run.part.engine.slots.adopt();
        let here = self.engine_id().await?;
        // An engine that has the very container is the one, whatever it calls itself now.
        let Some(labels) = self.run.part.engine.labels_until_known(&container).await? else {
            return self.resume_gone(&container, engine, here).await;
        };
        // An id on record is no proof of whose the container is, so the labels decide.
        if let Some(reason) = foreign(labels.as_ref(), &self.identity()) {
            return Err(Break::Lost(reason));
        }
        let Some(sight) = self.run.part.engine.inspect_until_known(&container).await? else {
            return self.resume_gone(&container, engine, here).await;
        };
        self.container = Some(container.clone());
        match (sight, self.started_before) {
            // The earlier life may have sent a start request that is still on its way.
            (Observation::Pending(_), _) => {
                self.may_start = true;
                self.prepare_anew_in_time(&container).await
            }
            // The start on record stays: of a node that is away the engine may not know it.
            (sight @ (Observation::Running { .. } | Observation::NodeAway { .. }), Some(at)) => {
                self.follow_to_end(&container, self.start_seen_again(at, sight.since())).await
            }
            (sight, _) => self.continue_with(&container, sight).await,
        }
    }

    /// From a container that is gone: its end, or a new one, where the engine's events say so.
    async fn resume_gone(
        &mut self,
        container: &ContainerId,
        engine: Option<Arc<str>>,
        here: Option<Arc<str>>,
    ) -> Result<AttemptEnd, Break> {
        match gone_from(engine, here) {
            Some(reason) => Err(Break::Lost(reason)),
            None => match (self.past_of(container).await?, self.run.context.standby.doubt()) {
                // Another server, which the restored store does not know, may have continued it.
                (Fate::NeverRan | Fate::Unknown, Some(doubt)) => Err(Break::Lost(doubt.clone())),
                (Fate::NeverRan, _) if self.may_still_start().await? => self.pull_and_start().await,
                (Fate::NeverRan, _) => Ok(self.missed()),
                (fate, _) => self.end_as(container, fate).await,
            },
        }
    }

    /// Prepares a container that was never started anew, if its run is still in time.
    async fn prepare_anew_in_time(&mut self, container: &ContainerId) -> Result<AttemptEnd, Break> {
        // Decided first, because the record says why before the container is disarmed.
        let is_in_time = self.may_still_start().await?;
        let anew = Purpose::PrepareAnew("it is prepared anew");
        let purpose = if is_in_time { anew } else { Purpose::GiveUp };
        match self.disarm(container, purpose).await? {
            Fate::NeverRan if is_in_time => self.pull_and_start().await,
            Fate::NeverRan => Ok(self.missed()),
            fate => self.end_as(container, fate).await,
        }
    }

    /// Goes on with a container that was started, or ends with what is known of it.
    pub(super) async fn end_as(
        &mut self,
        container: &ContainerId,
        fate: Fate,
    ) -> Result<AttemptEnd, Break> {
        match fate {
            Fate::Found(sight) => {
                self.container = Some(container.clone());
                self.may_start = false;
                self.continue_with(container, sight).await
            }
            Fate::Ran(exit) => {
                let early = self.ended_early(&exit);
                let remark = "its container was removed before docket read its output";
                let over = self.judged(exit, early);
                Ok(AttemptEnd { remarks: vec![remark.to_owned()], ..over })
            }
            Fate::NeverRan | Fate::Unknown => Err(Break::Lost(Reason::ContainerGone)),
        }
    }

    /// Makes sure that a run which does not go on cannot start any more; where it still may, it is called again.
    async fn give_up(&mut self, failure: Break) -> Result<AttemptEnd, Break> {
        let Some(container) = self.container.clone() else {
            return self.hold_name().await?.ok_or(failure);
        };
        match self.disarm(&container, Purpose::GiveUp).await? {
            // A container that cannot start any more never ran either.
            Fate::NeverRan | Fate::Found(Observation::Pending(_)) => {
                self.may_start = false;
                Err(failure)
            }
            Fate::Found(seen) if seen.is_start_unknown() => {
                self.wait_for_report(&container).await?;
                Err(failure)
            }
            fate => self.end_as(&container, fate).await,
        }
    }

    /// Whether preparing its container starts it.
    pub(super) fn starts_with_prepare(&self) -> bool {
        self.run.part.engine.engine.starts() == Starts::WithPrepare
    }

    /// Notes what a run goes on from also where its record is gone.
    pub(super) async fn note_best_effort(&self, progress: Progress) -> Result<(), Stopped> {
        self.note_best_effort_at(progress, self.run.context.records.now()).await
    }

    /// The same about another moment.
    pub(super) async fn note_best_effort_at(
        &self,
        progress: Progress,
        at: DateTime<Utc>,
    ) -> Result<(), Stopped> {
        // The container exists whatever the record accepts, so it is followed to its end.
        if let Err(error) = self.run.note_at(progress, at).await? {
            warn!(%error, "progress could not be written to the store; the run continues");
        }
        Ok(())
    }

    /// Whether a run that was claimed earlier, and never started, is still in time; known once the
    /// engine is back, because nothing can start before.
    async fn may_still_start(&self) -> Result<bool, Break> {
        let RunPart { context, handle, attempt, waited, .. } = self.run;
        self.unless_cancelled(self.run.part.engine.health.up()).await?;
        // The deadline is about the instant, which the first attempt has met.
        Ok(attempt.number > 1 || context.deadlines.may_still_start(handle, *waited))
    }

    /// The end of a run that came too late; its container, if it was made, was never started.
    fn missed(&self) -> AttemptEnd {
        let RunPart { context, handle, .. } = self.run;
        AttemptEnd {
            container: self.container.clone(),
            ..AttemptEnd::without_container(context.deadlines.missed(handle))
        }
    }

    /// Waits until the run is cancelled; or its time is over, which other parts share.
    async fn interruption(&self) -> Break {
        let RunPart { handle, attempt, .. } = self.run;
        let Some(timeout) = &handle.shared_timeout else {
            return Break::Cancelled(handle.cancellation_after(None).await.reason);
        };
        // Boxed: most runs have no parts, and their futures have no room for it.
        Box::pin(async {
            tokio::select! {
                biased;
                cancelled = handle.cancellation_after(None) => Break::Cancelled(cancelled.reason),
                () = timeout.is_up(attempt.number) => Break::TimedOut(timeout.limit()),
            }
        })
        .await
    }

    /// Waits for something, unless the run is cancelled, its time is over, or the server stops.
    pub(super) async fn unless_cancelled<T>(
        &self,
        work: impl Future<Output = T>,
    ) -> Result<T, Break> {
        let context = &self.run.context;
        // Pinned: each future around it would otherwise hold it twice, as its argument and while it
        // waits for it.
        let work = pin!(work);
        let unless_cancelled = async {
            tokio::select! {
                biased;
                // Biased: a cancelled run takes no further step, even if the step is ready at the
                // same time.
                interruption = self.interruption() => Err(interruption),
                done = work => Ok(done),
            }
        };
        context.records.term.unless_ended(unless_cancelled).await?
    }
}

/// Why a container whose id is on record is not the run's: it is left alone.
fn foreign(labels: Option<&Found>, identity: &Identity) -> Option<Reason> {
    match labels {
        Some(Found { identity: labels, .. }) if labels == identity => None,
        Some(Found { identity: labels, .. }) if labels.namespace != identity.namespace => {
            Some(Reason::OtherNamespace { namespace: (&*labels.namespace).into() })
        }
        Some(_) => Some(Reason::OtherRun),
        None => Some(Reason::LabelsRemoved),
    }
}

/// Why it is not known how a run ended whose container another engine has, where both engines are
/// known by their ids.
fn gone_from(engine: Option<Arc<str>>, here: Option<Arc<str>>) -> Option<Reason> {
    // Earlier versions noted an empty id where none was known.
    let engine = engine.filter(|engine| !engine.is_empty());
    let (engine, _) = engine.zip(here).filter(|(engine, here)| engine != here)?;
    Some(Reason::OtherEngine { engine: (&*engine).into() })
}
