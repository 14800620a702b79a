//! Containers that may have been asked to start, by a request that may still be on its way.
//!
//! 1. Such a container is never asked to start again: it is removed, and its run gets a new one.
//! 2. That it is removed is on record before it is.
//! 3. Whether it ran is the engine's to say ([`Takeover`](crate::engine::Takeover)).

use docket_model::run::ContainerId;
use tracing::info;

use super::{
    attempt::Attempt,
    attempt_end::{AttemptEnd, Break, Fate},
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
        let runner = &self.task.runner;
        let mut retry = Retry::endless("the removal of the container");
        let mut past_retry = Retry::bounded("the request for the events of the container");
        let mut is_noted = false;
        loop {
            let guard = match self.take_over(container).await? {
                TakeOver::Replaceable(guard) => guard,
                TakeOver::Found(started) => return Ok(Fate::Found(started)),
                TakeOver::Gone(past) => return self.gone(past.into()).await,
                TakeOver::Unclear(reason) => {
                    let again = self.task.engine.wait_before_retry(&mut past_retry, &reason);
                    if runner.term.unless_ended(again).await?.is_err() {
                        return self.gone(Fate::Unknown).await;
                    }
                    continue;
                }
            };
            if !is_noted {
                let remark =
                    format!("container {container} was created and not started: {purpose}");
                info!("{remark}");
                self.note_best_effort(Progress::Replacing { remark }).await?;
                point(Point::Replacing);
                is_noted = true;
            }
            let disarmed = self.task.engine.engine.disarm(Target::Guarded(guard));
            let reason = match runner.term.unless_ended(disarmed).await? {
                Ok(Disarmed::Found(started)) => return Ok(Fate::Found(started)),
                Ok(Disarmed::Gone(past)) => {
                    point(Point::Unstarted);
                    return self.gone(past.into()).await;
                }
                // It is gone, so the next look reads its past.
                Ok(Disarmed::Unclear(_) | Disarmed::NameTaken(_)) => continue,
                Err(error) => error.to_string(),
            };
            let again = self.task.engine.wait_before_retry(&mut retry, &reason);
            // It is never given up, so there is no error.
            let _: Result<(), EngineError> = runner.term.unless_ended(again).await?;
        }
    }

    /// What became of a container that is gone, as far as the engine remembers.
    pub(super) async fn past_of(&mut self, container: &ContainerId) -> Result<Fate, Break> {
        let runner = &self.task.runner;
        let mut retry = Retry::bounded("the request for the events of the container");
        loop {
            let reason = match self.take_over(container).await? {
                TakeOver::Gone(past) => {
                    info!(%container, "the container is gone");
                    return self.gone(past.into()).await;
                }
                TakeOver::Found(started) => return Ok(Fate::Found(started)),
                TakeOver::Replaceable(_) => return Ok(Fate::Found(Observation::Pending(None))),
                TakeOver::Unclear(reason) => reason,
            };
            let again = self.task.engine.wait_before_retry(&mut retry, &reason);
            if runner.term.unless_ended(again).await?.is_err() {
                return self.gone(Fate::Unknown).await;
            }
        }
    }

    /// Makes sure that no request, however late, starts a container under the name of the attempt, where
    /// preparing starts one; continues with one that was started already.
    pub(super) async fn hold_name(&mut self) -> Result<Option<AttemptEnd>, Break> {
        let runner = &self.task.runner;
        let identity = self.identity();
        let mut retry = Retry::endless("the request to hold the name of the container");
        while self.may_start {
            let disarmed = self.task.engine.engine.disarm(Target::Name(&identity));
            let reason = match runner.term.unless_ended(disarmed).await? {
                Ok(Disarmed::NameTaken(handle)) => {
                    info!(container = %handle, "an earlier request started a container; following it");
                    let engine = self.engine_id().await?;
                    self.note_created(&Prepared::new(handle.clone()), engine).await?;
                    return self.continue_with_started(&handle.id).await.map(Some);
                }
                Ok(Disarmed::Unclear(reason)) => reason,
                Ok(Disarmed::Gone(_) | Disarmed::Found(_)) => break,
                Err(error) => error.to_string(),
            };
            let again = self.task.engine.wait_before_retry(&mut retry, &reason);
            // It is never given up, so there is no error.
            let _: Result<(), EngineError> = runner.term.unless_ended(again).await?;
        }
        self.may_start = false;
        Ok(None)
    }

    /// Asks how far a container is until the engine says so.
    async fn take_over(&self, container: &ContainerId) -> Result<TakeOver, Break> {
        let runner = &self.task.runner;
        let handle = Handle::from(container);
        let mut retry = Retry::endless("the takeover of a container");
        loop {
            let reason =
                match runner.term.unless_ended(self.task.engine.engine.take_over(&handle)).await? {
                    Ok(taken_over) => return Ok(taken_over),
                    Err(error) => error.to_string(),
                };
            let again = self.task.engine.wait_before_retry(&mut retry, &reason);
            // It is never given up, so there is no error.
            let _: Result<(), EngineError> = runner.term.unless_ended(again).await?;
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
