//! Containers that may have been asked to start, by a request that may still be on its way.
//!
//! 1. Such a container is disarmed: it is removed, and its run gets a new one; or its version moves on, so that
//!    earlier requests are refused.
//! 2. Why it is disarmed is on record before it is.
//! 3. The container of a run that is given up is removed only once that is on record, if its engine allows that.
//! 4. Whether it ran is the engine's to say ([`Takeover`](crate::engine::Takeover)).

use std::time::Duration;

use docket_model::run::ContainerId;
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::{
    Stopped,
    attempt::Attempt,
    attempt_outcomes::{AttemptEnd, Break, Fate, Purpose},
    engine_call_retry::Retry,
};
use crate::{
    backoff::Backoff,
    crash_points::{Point, point},
    engine::{
        Disarmed, EngineError, Handle, LATEST_REQUEST, Observation, Prepared, TakeOver, Target,
    },
    mutation_testing::{Mutation, is_active},
    store::Progress,
};

/// The first pause and the longest before a container is looked at again that has changed meanwhile.
const LOOK_PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(5));
/// The call that holds the name of a container.
const HOLD: &str = "the request to hold the name of the container";
/// How often an engine that refuses that is asked again: what uses up a quota may end at any moment.
const HOLD_PAUSE: Duration = Duration::from_secs(10);

impl Attempt<'_> {
    /// Makes sure that no earlier request starts a container that was created and not started; or reports
    /// that it did start.
    pub(super) async fn disarm(
        &mut self,
        container: &ContainerId,
        purpose: Purpose,
    ) -> Result<Fate, Break> {
        let engine = &self.run.part.engine;
        let mut retry = Retry::endless("the request to disarm the container");
        // An engine that answers each time that the container has changed is not asked without a pause.
        let mut look_again = Backoff::new(LOOK_PAUSES.0, LOOK_PAUSES.1);
        let mut is_noted = false;
        loop {
            let guard = match self.take_over(container).await? {
                TakeOver::Replaceable(guard) => guard,
                TakeOver::Waiting { .. } if is_active(Mutation::GivenUpWhileWaiting) => {
                    return Ok(Fate::NeverRan);
                }
                TakeOver::Waiting { guard, .. } if purpose == Purpose::GiveUp => guard,
                // Its start was answered, by a container that waits for a node.
                TakeOver::Waiting { reason, .. } => {
                    return Ok(Fate::Found(Observation::Waiting(reason)));
                }
                TakeOver::Found(started) => return Ok(Fate::Found(started)),
                TakeOver::Gone(past) => return self.gone(past.into()).await,
                TakeOver::Unclear(_) => return self.gone(Fate::Unknown).await,
            };
            // Once, however often the request is repeated.
            if !is_noted {
                let words = purpose.words();
                let remark = format!("container {container} was created and not started: {words}");
                info!("{remark}");
                self.note_best_effort(Progress::Replacing { remark }).await?;
                point(Point::Replacing);
                is_noted = true;
            }
            match engine.term.unless_ended(engine.engine.disarm(Target::Guarded(guard))).await? {
                // It was started meanwhile, and may be disarmed as one that waits.
                Ok(Disarmed::Found(Observation::Waiting(_))) if purpose == Purpose::GiveUp => {
                    engine.term.unless_ended(look_again.wait()).await?;
                }
                Ok(Disarmed::Found(started)) => return Ok(Fate::Found(started)),
                Ok(Disarmed::Unstarted) => {
                    point(Point::Unstarted);
                    return self.unstarted(container, purpose).await;
                }
                Ok(Disarmed::Gone(past)) => {
                    point(Point::Unstarted);
                    return self.gone(past.into()).await;
                }
                // It is gone, so the next look reads its past.
                Ok(Disarmed::Unclear(_) | Disarmed::NameTaken(_)) => {
                    engine.term.unless_ended(look_again.wait()).await?;
                }
                Err(error) => engine.wait_endlessly(&mut retry, error).await?,
            }
        }
    }

    /// What became of a container that is gone, as far as the engine remembers.
    pub(super) async fn past_of(&mut self, container: &ContainerId) -> Result<Fate, Break> {
        match self.take_over(container).await? {
            TakeOver::Gone(past) => {
                info!(%container, "the container is gone");
                self.gone(past.into()).await
            }
            TakeOver::Found(started) => Ok(Fate::Found(started)),
            TakeOver::Replaceable(_) => Ok(Fate::Found(Observation::Pending(None))),
            TakeOver::Waiting { reason, .. } => Ok(Fate::Found(Observation::Waiting(reason))),
            TakeOver::Unclear(_) => self.gone(Fate::Unknown).await,
        }
    }

    /// Makes sure that no request, however late, starts a container under the name of the attempt, where
    /// preparing starts one; continues with one that was started already.
    pub(super) async fn hold_name(&mut self) -> Result<Option<AttemptEnd>, Break> {
        let engine = &self.run.part.engine;
        let identity = self.identity();
        let mut retry = Retry::endless(HOLD);
        let mut refused_since = None;
        while self.may_start {
            let disarmed = engine.engine.disarm(Target::Name(&identity));
            let error = match engine.term.unless_ended(disarmed).await? {
                Ok(Disarmed::NameTaken(handle)) => {
                    info!(container = %handle, "an earlier request started a container; following it");
                    let engine = self.engine_id().await?;
                    self.note_created(&Prepared::new(handle.clone()), engine).await?;
                    return self.continue_with_started(&handle.id).await.map(Some);
                }
                Ok(Disarmed::Unclear(reason)) => EngineError::Unreachable(reason),
                Ok(Disarmed::Gone(_) | Disarmed::Unstarted | Disarmed::Found(_)) => break,
                // What refuses this, such as a quota, may admit an earlier request later.
                Err(error @ EngineError::Refused { .. }) => {
                    if self.waited_for_late_requests(&mut refused_since, &error).await? {
                        break;
                    }
                    continue;
                }
                Err(error) => error,
            };
            engine.wait_endlessly(&mut retry, error).await?;
        }
        self.may_start = false;
        Ok(None)
    }

    /// Waits until the name may be asked for again; true once no request can be late any more, since the engine
    /// refused it first.
    async fn waited_for_late_requests(
        &self,
        refused_since: &mut Option<Instant>,
        error: &EngineError,
    ) -> Result<bool, Stopped> {
        let engine = &self.run.part.engine;
        if refused_since.is_none() {
            let remark = format!(
                "the engine refuses to reserve the name of the container ({error}). An earlier request may \
                 still create the container, so the run stays open for up to {} minutes",
                LATEST_REQUEST.as_secs() / 60
            );
            warn!("{remark}");
            self.note_best_effort(Progress::HoldRefused { remark }).await?;
        }
        let since = refused_since.get_or_insert_with(Instant::now);
        if since.elapsed() >= LATEST_REQUEST {
            // A container that appears later is removed as orphaned.
            engine.suspect_orphan();
            return Ok(true);
        }
        engine.term.unless_ended(sleep(HOLD_PAUSE)).await?;
        Ok(false)
    }

    /// How far a container is; unclear where the engine has not reported its past for long.
    async fn take_over(&self, container: &ContainerId) -> Result<TakeOver, Break> {
        let (engine, handle) = (&self.run.part.engine, Handle::from(container));
        let mut retry = Retry::bounded("the request for the events of the container");
        loop {
            let call = || engine.engine.take_over(&handle);
            let taken_over = engine.until_answered("the takeover of a container", call).await?;
            let TakeOver::Unclear(reason) = &taken_over else { return Ok(taken_over) };
            let again = engine.wait_before_retry(&mut retry, reason);
            // After the last try the caller decides what an unknown past means for the run.
            if engine.term.unless_ended(again).await?.is_err() {
                return Ok(taken_over);
            }
        }
    }

    /// Goes on without a container that is still there, and that no earlier request starts.
    async fn unstarted(
        &mut self,
        container: &ContainerId,
        purpose: Purpose,
    ) -> Result<Fate, Break> {
        // Whatever becomes of the run, it is removed once that is on record.
        self.container = Some(container.clone());
        self.may_start = false;
        self.run.part.has_no_container();
        if purpose != Purpose::GiveUp {
            self.note_never_ran().await?;
        }
        Ok(Fate::NeverRan)
    }

    /// Notes that a container never ran, where that is known.
    async fn gone(&mut self, fate: Fate) -> Result<Fate, Break> {
        self.container = None;
        self.may_start = false;
        self.run.part.has_no_container();
        if matches!(fate, Fate::NeverRan) {
            self.note_never_ran().await?;
        }
        Ok(fate)
    }

    async fn note_never_ran(&self) -> Result<(), Stopped> {
        self.note_best_effort(Progress::NeverRan).await?;
        point(Point::NeverRan);
        Ok(())
    }
}
