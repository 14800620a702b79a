//! From an image to a container that was started.
//!
//! 1. Each container gets one start request. One whose request got no answer is replaced.

use std::{sync::Arc, time::Duration};

use docket_model::{
    allocation::Pull,
    run::{Cancellation, ContainerId, Reason},
};
use tokio::time::Instant;
use tracing::{info, warn};

use super::{
    attempt::Attempt,
    attempt_outcomes::{AttemptEnd, Break, Fate, Start},
    engine_call_retry::Retry,
    run_context::RunTask,
    start_permission::Twin,
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
        let runner = &self.task.runner;
        loop {
            if let EngineState::Up(info) = self.task.engine.health.state() {
                return Ok(info.id.clone());
            }
            // The engine may be away again by the next look at its state.
            runner.term.unless_ended(self.task.engine.health.up()).await?;
        }
    }

    /// Makes sure that the image is there.
    pub(super) async fn pull(&self) -> Result<(), Break> {
        let specification = &self.task.handle.allocation.specification;
        let (image, policy) = (specification.container.image(), specification.policies.pull);
        let platform = specification.container.platform();
        let pulling = self.task.engine.retry("the pull", || {
            self.task.engine.engine.pull(&image, platform.as_deref(), policy)
        });
        let Some(pulled) = self.unless_cancelled(pulling).await??? else { return Ok(()) };
        let Pulled { repository, tag, stale, was_pulled } = pulled;
        if was_pulled || stale.is_some() {
            self.task.note(Progress::Pulled { repository, tag, stale }).await??;
        }
        Ok(())
    }

    /// Whose its container is.
    pub(super) fn identity(&self) -> Identity {
        let RunTask { runner, handle, attempt, .. } = self.task;
        runner.planner.identity(&handle.id, handle.allocation.uid, *attempt)
    }

    async fn plan(&self) -> Result<Plan, Break> {
        let RunTask { runner, handle, .. } = self.task;
        let specification = &handle.allocation.specification;
        let request = handle.trigger.manual_request();
        let planned = runner.planner.plan(self.identity(), specification);
        let mut plan = planned.await.map_err(Break::Environment)?;
        if let Some(request) = request {
            plan.environment.extend(request.environment.iter().cloned());
            plan.command.clone_from(&request.command);
        }
        Ok(plan)
    }

    /// Creates and starts the container, as soon as the gate lets it through, and follows it to its end.
    pub(super) async fn start_and_follow(&mut self) -> Result<AttemptEnd, Break> {
        let runner = &self.task.runner;
        let mut removed = 0;
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
            if prepared.joined {
                match self.join(&id).await? {
                    Joined::IsOurs => {}
                    Joined::MayBeStarted => {
                        match self.replace(&id, "a server with a copy of the store made it").await?
                        {
                            Fate::NeverRan => continue,
                            fate => return self.end_as(&id, fate).await,
                        }
                    }
                    Joined::WasStarted(sight) => return self.continue_with(&id, sight).await,
                }
            }
            let no_answer = match self.start(handle, permit).await? {
                Launched::At(start) => return self.follow_to_end(&id, start).await,
                Launched::Accepted => return Box::pin(self.wait_for_node(&id)).await,
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
            runner
                .term
                .unless_ended(self.task.engine.wait_before_retry(&mut retry, &no_answer))
                .await??;
            match self.replace(&id, "its start got no answer, so it is replaced").await? {
                Fate::NeverRan => {}
                fate => return self.end_as(&id, fate).await,
            }
        }
    }

    /// Creates the container and notes its id; returns with the gate still held, for the start.
    async fn make(&mut self) -> Result<(Prepared, Permit<'a>), Break> {
        let RunTask { runner, handle, .. } = self.task;
        // Just before the create: another server may have shown itself while the run waited for its
        // slot.
        self.unless_cancelled(runner.standby.may_start()).await?;
        let plan = self.unless_cancelled(self.plan()).await??;
        let mut retry = Retry::bounded("the creation of the container");
        let mut name_backoff = Backoff::new(NAME_PAUSES.0, NAME_PAUSES.1);
        let name_deadline = Instant::now() + NAME_LIMIT;
        let mut may_pull = handle.allocation.specification.policies.pull != Pull::Never;
        let (made, engine, mut permit) = loop {
            // Whoever waits for the engine does not stand in the gate.
            let engine = self.unless_cancelled(self.engine_id()).await??;
            let mut permit =
                self.unless_cancelled(self.task.engine.start_limiter.acquire()).await?;
            // Before the request is sent: without a response it may have started the container.
            self.may_start |= self.starts_with_prepare();
            match permit.during(self.task.engine.engine.prepare(&plan)).await {
                Err(EngineError::Unreachable(reason)) => {
                    drop(permit);
                    // It may have been made all the same, whatever becomes of the run.
                    runner.retention.orphans.suspect();
                    self.unless_cancelled(self.task.engine.wait_before_retry(&mut retry, &reason))
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
                made => break (made?, engine, permit),
            }
        };
        point(Point::Created);
        if mutation_testing::is_active(Mutation::IdNotedAfterStart) {
            drop(self.task.engine.engine.launch(&made.handle).await);
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
        self.created_at = Some(self.task.runner.store.now());
        Ok(self.task.note(created).await??)
    }

    /// Looks at a container that was there under the name of the run's.
    async fn join(&mut self, id: &ContainerId) -> Result<Joined, Break> {
        let runner = &self.task.runner;
        let found = self.task.engine.labels_until_known(id).await?.flatten();
        let twin = found
            .and_then(|found| runner.standby.twin(&self.task.engine, &found, self.is_begun_here));
        match (self.task.engine.inspect_until_known(id).await?, twin) {
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
        if let Some(observation) = self.task.engine.inspect_until_known(id).await? {
            return self.continue_with(id, observation).await;
        }
        let fate = self.past_of(id).await?;
        self.end_as(id, fate).await
    }

    /// Sends the start request of the container; returns when the answer came.
    async fn start(&mut self, handle: Handle, permit: Permit<'_>) -> Result<Launched, Break> {
        let runner = &self.task.runner;
        let (mut handle, mut permit) = (handle, permit);
        if !permit.is_valid() {
            permit = runner.term.unless_ended(self.task.engine.start_limiter.acquire()).await?;
        }
        self.may_start = true;
        let mut is_asked_again = mutation_testing::is_active(Mutation::StartAskedTwice);
        let launched = loop {
            match permit.during(self.task.engine.engine.launch(&handle)).await {
                // Nothing was started, and a request on the version before starts nothing any more. The
                // version is on record before it is started: each start follows a write of its own.
                Ok(Launch::OutOfDate(newer)) => {
                    self.may_start = false;
                    let version = newer.version.clone();
                    permit.during(self.task.note(Progress::VersionSeen(version))).await??;
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
                info!(container = %handle.id, late = self.task.lateness(), "container started");
                let start = Start::now(runner.store.now());
                self.note_best_effort(Progress::Started).await?;
                Launched::At(start)
            }
            Launch::Accepted => {
                point(Point::Started);
                info!(container = %handle.id, late = self.task.lateness(), "start of the container accepted");
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
