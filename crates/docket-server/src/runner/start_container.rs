//! From an image to a container that was started.
//!
//! 1. Each container gets one start request, for each version of it where its engine has versions. One whose
//!    request got no answer is disarmed.

use std::{sync::Arc, time::Duration};

use docket_model::{
    allocation::Pull,
    run::{Cancellation, ContainerId, Reason},
};
use tokio::time::Instant;
use tracing::{info, warn};

use super::{
    attempt::Attempt,
    attempt_outcomes::{AttemptEnd, Break, Fate, Purpose, Start},
    engine_call_retry::Retry,
    run_context::RunPart,
    standby::Twin,
};
use crate::{
    backoff::Backoff,
    crash_points::{Point, point},
    engine::engine_registry::{EngineState, Permit},
    engine::{EngineError, Handle, Identity, Launch, Observation, Plan, Prepared, Pulled},
    mutation_testing::{self, Mutation},
    store::Progress,
};

/// How long a name is waited for whose holder is being removed, or cannot be inspected yet.
const NAME_LIMIT: Duration = Duration::from_secs(30);
/// The first pause and the longest before that: a holder can be inspected after some 8 ms.
const NAME_PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(500));

/// How often a container is created anew that another program removed before it was started.
// A program that removes each new container must not keep the run busy for ever.
const MOST_MADE: u32 = 5;

/// A container that was there under the name of the run's.
enum Joined {
    /// It was created by this server or an earlier life of it, and never asked to start.
    IsOurs,
    /// Another server created it, and may ask it to start.
    MayBeStarted,
    /// It was started.
    WasStarted(Observation),
}

/// What came of a start request.
enum Launched {
    /// It started the container, when the answer came.
    At(Start),
    /// It was accepted, and the container waits for a node.
    Accepted,
    /// The container was started before.
    Before,
    /// The container is gone and was not started.
    NeverRan,
    /// The container is gone.
    Gone,
    /// There was no answer; why, in words.
    WithoutAnswer(String),
}

impl<'a> Attempt<'a> {
    /// The id of the engine, as soon as it answers; none where it has no lasting one.
    pub(super) async fn engine_id(&self) -> Result<Option<Arc<str>>, Break> {
        let context = &self.run.context;
        loop {
            if let EngineState::Up(info) = self.run.part.engine.health.state() {
                return Ok(info.id.clone());
            }
            // The engine may be away again by the next look at its state.
            context.records.term.unless_ended(self.run.part.engine.health.up()).await?;
        }
    }

    /// Makes sure that the image is there.
    pub(super) async fn pull(&self) -> Result<(), Break> {
        let specification = &self.run.handle.allocation.specification;
        let (image, policy) = (specification.container.image(), specification.policies.pull);
        let platform = specification.container.platform();
        let pulling = self.run.part.engine.retry("the pull", || {
            self.run.part.engine.engine.pull(&image, platform.as_deref(), policy)
        });
        let Some(pulled) = self.unless_cancelled(pulling).await??? else { return Ok(()) };
        let Pulled { repository, tag, stale, was_pulled } = pulled;
        if was_pulled || stale.is_some() {
            self.run.note(Progress::Pulled { repository, tag, stale }).await??;
        }
        Ok(())
    }

    /// Whose its container is.
    pub(super) fn identity(&self) -> Identity {
        let RunPart { context, handle, attempt, .. } = self.run;
        context.planner.identity(&handle.id, handle.allocation.uid, *attempt)
    }

    async fn plan(&self) -> Result<Plan, Break> {
        let RunPart { context, handle, .. } = self.run;
        let specification = &handle.allocation.specification;
        let request = handle.trigger.manual_request();
        let planned = context.planner.plan(self.identity(), &self.run.part.engine, specification);
        let mut plan = planned.await.map_err(Break::Environment)?;
        plan.node = self.run.part.node.as_ref().map(|node| Arc::clone(&node.id));
        plan.parts = u32::try_from(handle.parts.len()).unwrap_or(u32::MAX);
        if let Some(request) = request {
            plan.environment.extend(request.environment.iter().cloned());
            plan.command.clone_from(&request.command);
        }
        Ok(plan)
    }

    /// Creates and starts the container, as soon as the gate lets it through, and follows it to its end.
    pub(super) async fn start_and_follow(&mut self) -> Result<AttemptEnd, Break> {
        let context = &self.run.context;
        let mut removed = 0;
        let mut disarmed = None;
        let mut retry = Retry::bounded("the start of the container");
        loop {
            let (prepared, permit) = self.make().await?;
            let handle = prepared.handle;
            let id = handle.id.clone();
            if prepared.started {
                // Only creates and starts are limited, and a container may run for days.
                drop(permit);
                return self.continue_with_started(&id).await;
            }
            // What was disarmed just now is asked to start in its new version.
            if prepared.joined && disarmed.as_ref() != Some(&id) {
                match self.join(&id).await? {
                    Joined::IsOurs => {}
                    Joined::MayBeStarted => {
                        let by_another = "a server with a copy of the store made it";
                        match self.disarm(&id, Purpose::PrepareAnew(by_another)).await? {
                            Fate::NeverRan => {
                                disarmed = Some(id);
                                continue;
                            }
                            fate => return self.end_as(&id, fate).await,
                        }
                    }
                    Joined::WasStarted(sight) => return self.continue_with(&id, sight).await,
                }
            }
            let no_answer = match self.start(handle, permit).await? {
                Launched::At(start) => return self.follow_to_end(&id, start).await,
                Launched::Accepted => {
                    return Box::pin(self.wait_for_node(&id, Observation::Waiting(None))).await;
                }
                Launched::Before => return self.continue_with_started(&id).await,
                Launched::NeverRan if removed < MOST_MADE => {
                    warn!(
                        "container removed by another program before its start; creating it anew"
                    );
                    removed += 1;
                    self.container = None;
                    continue;
                }
                Launched::NeverRan => return Err(EngineError::NeverStarted.into()),
                Launched::Gone => match self.past_of(&id).await? {
                    Fate::NeverRan if removed < MOST_MADE => {
                        removed += 1;
                        continue;
                    }
                    fate => return self.end_as(&id, fate).await,
                },
                Launched::WithoutAnswer(reason) => reason,
            };
            context
                .records
                .term
                .unless_ended(self.run.part.engine.wait_before_retry(&mut retry, &no_answer))
                .await??;
            let unanswered = "its start got no answer, so it is prepared anew";
            match self.disarm(&id, Purpose::PrepareAnew(unanswered)).await? {
                Fate::NeverRan => disarmed = Some(id),
                fate => return self.end_as(&id, fate).await,
            }
        }
    }

    /// Creates the container and notes its id; returns with the gate still held, for the start.
    async fn make(&mut self) -> Result<(Prepared, Permit<'a>), Break> {
        let RunPart { context, handle, .. } = self.run;
        // Just before the create: another server may have shown itself while the run waited for its
        // slot.
        self.unless_cancelled(context.standby.may_start()).await?;
        let plan = self.unless_cancelled(self.plan()).await??;
        let mut retry = Retry::bounded("the creation of the container");
        let mut name_backoff = Backoff::new(NAME_PAUSES.0, NAME_PAUSES.1);
        let name_deadline = Instant::now() + NAME_LIMIT;
        let mut may_pull = handle.allocation.specification.policies.pull != Pull::Never;
        let (made, engine, mut permit) = loop {
            // Whoever waits for the engine does not stand in the gate.
            let engine = self.unless_cancelled(self.engine_id()).await??;
            let mut permit =
                self.unless_cancelled(self.run.part.engine.start_limiter.acquire()).await?;
            // Before the request is sent: without a response it may have started the container.
            let may_have_started = self.may_start;
            self.may_start |= self.starts_with_prepare();
            match permit.during(self.run.part.engine.engine.prepare(&plan)).await {
                Err(EngineError::Unreachable(reason)) => {
                    drop(permit);
                    // It may have been made all the same, whatever becomes of the run.
                    self.run.part.engine.suspect_orphan();
                    self.unless_cancelled(
                        self.run.part.engine.wait_before_retry(&mut retry, &reason),
                    )
                    .await??;
                }
                Err(EngineError::NameBusy(_)) if Instant::now() < name_deadline => {
                    drop(permit);
                    self.unless_cancelled(name_backoff.wait()).await?;
                }
                // Another run may have pulled the image of this name for another platform meanwhile.
                Err(
                    error @ (EngineError::NoSuchImage { .. } | EngineError::OtherPlatform { .. }),
                ) if may_pull => {
                    drop(permit);
                    // Once: a program that prunes images all the time must not keep the run busy.
                    may_pull = false;
                    info!(%error, "the image changed since the pull; pulling again");
                    self.pull().await?;
                }
                // What was refused has started nothing.
                Err(error @ EngineError::Refused { .. }) => {
                    self.may_start = may_have_started;
                    return Err(error.into());
                }
                made => break (made?, engine, permit),
            }
        };
        point(Point::Created);
        if mutation_testing::is_active(Mutation::IdNotedAfterStart) {
            drop(self.run.part.engine.engine.launch(&made.handle).await);
        }
        // Deleted in this moment: what was never started goes, as if it had never been.
        permit.during(self.note_created(&made, engine)).await?;
        point(Point::IdNoted);
        // A cancellation does not interrupt the create, which would leave a container without a
        // record.
        match handle.cancelled() {
            Some(Cancellation { reason, .. }) => Err(Break::Cancelled(reason)),
            None => Ok((made, permit)),
        }
    }

    /// Notes the container of the attempt, which the engine of this id has.
    pub(super) async fn note_created(
        &mut self,
        made: &Prepared,
        engine: Option<Arc<str>>,
    ) -> Result<(), Break> {
        let created = Progress::Created {
            container: made.handle.id.clone(),
            version: made.handle.version.clone(),
            engine,
            image: made.image.clone(),
            remarks: made.warnings.clone(),
        };
        // Before the note: if the record does not accept it, the container still has to be removed.
        self.container = Some(made.handle.id.clone());
        self.may_start = made.started;
        self.created_at = Some(self.run.context.records.now());
        Ok(self.run.note(created).await??)
    }

    /// Looks at a container that was there under the name of the run's.
    async fn join(&mut self, id: &ContainerId) -> Result<Joined, Break> {
        let context = &self.run.context;
        let found = self.run.part.engine.labels_until_known(id).await?.flatten();
        let twin = found.and_then(|found| {
            context.standby.twin(&self.run.part.engine, &found, self.is_begun_here)
        });
        match (self.run.part.engine.inspect_until_known(id).await?, twin) {
            (_, Some(Twin::Earlier)) => Err(Break::Lost(Reason::CopyOfStore)),
            (
                Some(
                    sight @ (Observation::Waiting(_)
                    | Observation::Running { .. }
                    | Observation::NodeAway { .. }
                    | Observation::Ended(_)),
                ),
                _,
            ) => Ok(Joined::WasStarted(sight)),
            (_, Some(Twin::Later)) => Ok(Joined::MayBeStarted),
            (_, None) => Ok(Joined::IsOurs),
        }
    }

    /// Continues with a container that was started by another request, or by its preparation.
    pub(super) async fn continue_with_started(
        &mut self,
        id: &ContainerId,
    ) -> Result<AttemptEnd, Break> {
        if let Some(observation) = self.run.part.engine.inspect_until_known(id).await? {
            return self.continue_with(id, observation).await;
        }
        let fate = self.past_of(id).await?;
        self.end_as(id, fate).await
    }

    /// Sends the start request of the container; returns when the answer came.
    async fn start(&mut self, handle: Handle, permit: Permit<'_>) -> Result<Launched, Break> {
        let context = &self.run.context;
        let (mut handle, mut permit) = (handle, permit);
        if !permit.is_valid() {
            permit = context
                .records
                .term
                .unless_ended(self.run.part.engine.start_limiter.acquire())
                .await?;
        }
        self.may_start = true;
        let mut is_asked_again = mutation_testing::is_active(Mutation::StartAskedTwice);
        let launched = loop {
            match permit.during(self.run.part.engine.engine.launch(&handle)).await {
                // Nothing was started, and a request on the version before starts nothing any more. The
                // version is on record before it is started: each start follows a write of its own.
                Ok(Launch::OutOfDate(newer)) => {
                    self.may_start = false;
                    let version = newer.version.clone();
                    permit.during(self.run.note(Progress::VersionSeen(version))).await??;
                    self.may_start = true;
                    handle = newer;
                }
                Ok(Launch::Unknown(_)) if std::mem::take(&mut is_asked_again) => {}
                launched => break launched,
            }
        };
        // Only a request without a response may still be on its way.
        self.may_start = matches!(launched, Ok(Launch::Unknown(_)));
        drop(permit);
        let launched = match launched? {
            Launch::Started => {
                point(Point::Started);
                info!(container = %handle.id, late = self.run.lateness(), "container started");
                let start = Start::now(context.records.now());
                self.note_best_effort(Progress::Started).await?;
                Launched::At(start)
            }
            Launch::Accepted => {
                point(Point::Started);
                info!(container = %handle.id, late = self.run.lateness(), "start of the container accepted");
                Launched::Accepted
            }
            Launch::AlreadyRan | Launch::OutOfDate(_) => Launched::Before,
            Launch::NeverRan => Launched::NeverRan,
            Launch::Gone => Launched::Gone,
            Launch::Unknown(reason) => Launched::WithoutAnswer(reason),
        };
        Ok(launched)
    }
}
