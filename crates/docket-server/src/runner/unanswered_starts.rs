//! Containers that may have been asked to start, by a request that may still be on its way.
//!
//! 1. Such a container is never asked to start again: it is removed, and its run gets a new one.
//! 2. That it is removed is on record before it is.
//! 3. Whether it ran is the engine's to say ([`Takeover`](crate::engine::Takeover)).

use docket_model::run::ContainerId;
use tracing::info;

use super::{
    attempt::Attempt,
    attempt_outcomes::{AttemptEnd, Break, Fate},
    engine_call_retry::Retry,
};
use crate::{
    crash_points::{Point, point},
    engine::{Disarmed, EngineError, Handle, Observation, Prepared, TakeOver, Target},
    store::Progress,
};

impl Attempt<'_> {
    /// Removes a container that was created and not started, so that no start request can start it
    /// any more; or reports that it did start. `purpose` says on record why.
    pub(super) async fn replace(
        &mut self,
        container: &ContainerId,
        purpose: &str,
    ) -> Result<Fate, Break> {
        let engine = &self.task.engine;
        let mut retry = Retry::endless("the removal of the container");
        let mut is_noted = false;
        loop {
            let guard = match self.take_over(container).await? {
                TakeOver::Replaceable(guard) => guard,
                TakeOver::Found(started) => return Ok(Fate::Found(started)),
                TakeOver::Gone(past) => return self.gone(past.into()).await,
                TakeOver::Unclear(_) => return self.gone(Fate::Unknown).await,
            };
            // Once, however often the removal is repeated.
            if !is_noted {
                let remark =
                    format!("container {container} was created and not started: {purpose}");
                info!("{remark}");
                self.note_best_effort(Progress::Replacing { remark }).await?;
                point(Point::Replacing);
                is_noted = true;
            }
            match engine.term.unless_ended(engine.engine.disarm(Target::Guarded(guard))).await? {
                Ok(Disarmed::Found(started)) => return Ok(Fate::Found(started)),
                Ok(Disarmed::Gone(past)) => {
                    point(Point::Unstarted);
                    return self.gone(past.into()).await;
                }
                // It is gone, so the next look reads its past.
                Ok(Disarmed::Unclear(_) | Disarmed::NameTaken(_)) => {}
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
            TakeOver::Unclear(_) => self.gone(Fate::Unknown).await,
        }
    }

    /// Makes sure that no request, however late, starts a container under the name of the attempt, where
    /// preparing starts one; continues with one that was started already.
    pub(super) async fn hold_name(&mut self) -> Result<Option<AttemptEnd>, Break> {
        let engine = &self.task.engine;
        let identity = self.identity();
        let mut retry = Retry::endless("the request to hold the name of the container");
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
                Ok(Disarmed::Gone(_) | Disarmed::Found(_)) => break,
                Err(error) => error,
            };
            engine.wait_endlessly(&mut retry, error).await?;
        }
        self.may_start = false;
        Ok(None)
    }

    /// How far a container is; unclear where the engine has not reported its past for long.
    async fn take_over(&self, container: &ContainerId) -> Result<TakeOver, Break> {
        let (engine, handle) = (&self.task.engine, Handle::from(container));
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

    /// Notes that a container never ran, where that is known.
    async fn gone(&mut self, fate: Fate) -> Result<Fate, Break> {
        self.container = None;
        self.may_start = false;
        self.task.handle.has_no_container();
        if matches!(fate, Fate::NeverRan) {
            self.note_best_effort(Progress::NeverRan).await?;
            point(Point::NeverRan);
        }
        Ok(fate)
    }
}
