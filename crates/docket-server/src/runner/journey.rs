//! A run on its way: attempt after attempt, until it is over.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use docket_model::run::{Cancellation, ContainerId, RunState};
use tracing::{info, warn};

use super::{
    Runner, Stopped,
    attempt::{Attempt, Over},
    line::{Handle, Line},
    policy,
};
use crate::{
    fault::{Point, point},
    store::{End, Progress, StoreError},
};

/// Where a run sets out from.
#[derive(Debug)]
pub(super) enum Stage {
    /// It was claimed just now.
    Fresh,
    /// It waited for another run, which has ended.
    TurnCame,
    /// It was claimed before the server started, and no container of it is known.
    Claimed,
    /// A container of it was created before the server started.
    Made {
        container: ContainerId,
        /// The id of the engine that has it.
        engine: Option<Arc<str>>,
    },
    /// An attempt failed, and there will be another.
    Between(DateTime<Utc>),
}

/// A run on its way.
#[derive(Debug)]
pub(super) struct Journey {
    pub(super) runner: Arc<Runner>,
    pub(super) handle: Arc<Handle>,
    /// The number of the attempt, from 1.
    pub(super) attempt: u32,
}

impl Runner {
    /// Carries a run out, in a task of its own.
    pub(super) fn set_out(&self, journey: Journey, stage: Stage) {
        self.tasks.spawn(journey.go(stage));
    }

    /// Takes a run that is over out of its line, and lets the next one go that waits for it.
    async fn leave(self: &Arc<Self>, handle: &Handle) {
        let uid = handle.allocation.uid;
        let line = self.lines.of(uid);
        let turn = line.turn().await;
        line.leave(handle.id.instant);
        self.tell(&handle.id);
        self.call_next(&line);
        drop(turn);
        self.lines.tidy(uid, line);
    }

    /// Lets the run that waits set out, if there is nobody before it any more.
    ///
    /// The caller has the line's turn.
    pub(super) fn call_next(self: &Arc<Self>, line: &Line) {
        let next = line.waiting().filter(|_| line.under_way().is_empty());
        if let Some(next) = next {
            line.join(Arc::clone(&next));
            self.set_out(Journey::new(Arc::clone(self), next), Stage::TurnCame);
        }
    }
}

impl Journey {
    /// The first attempt of a run.
    pub(super) fn new(runner: Arc<Runner>, handle: Arc<Handle>) -> Self {
        Self { runner, handle, attempt: 1 }
    }

    async fn go(mut self, stage: Stage) {
        let Ok(state) = self.attempts(stage).await else {
            info!(run = %self.handle.id, "let go: the server stops");
            return;
        };
        let Self { runner, handle, .. } = self;
        runner.leave(&handle).await;
        if state == RunState::Succeeded {
            runner.children_of(&handle.id.allocation).await;
        }
    }

    /// Goes all the way to the end of the last attempt.
    async fn attempts(&mut self, mut stage: Stage) -> Result<RunState, Stopped> {
        loop {
            let begun = match stage {
                Stage::Between(until) => {
                    if let Some(Cancellation { reason, .. }) = self.pause(until).await? {
                        let over = Over::without_container(RunState::Cancelled(reason));
                        return self.finish(over).await;
                    }
                    self.attempt += 1;
                    Some(Progress::NextAttempt)
                }
                Stage::TurnCame => Some(Progress::TurnCame),
                Stage::Fresh | Stage::Claimed | Stage::Made { .. } => None,
            };
            if let Some(begun) = begun {
                let reached = match begun {
                    Progress::NextAttempt => Point::NextAttempt,
                    _ => Point::TurnCame,
                };
                if let Err(error) = self.note(begun).await? {
                    return Ok(RunState::Cancelled(error.to_string()));
                }
                point(reached);
                stage = Stage::Fresh;
            }
            let mut over = Attempt::new(self).carry_out(stage).await?;
            let pause = self.retry(&over.state);
            if let Some(until) = pause {
                let reason = over.state.reason().unwrap_or_default().to_owned();
                over.state = RunState::BetweenAttempts { reason, until };
            }
            let state = self.finish(over).await?;
            let Some(until) = pause else { return Ok(state) };
            stage = Stage::Between(until);
        }
    }

    /// When the next attempt begins, if there is to be one.
    fn retry(&self, state: &RunState) -> Option<DateTime<Utc>> {
        let retries = self.handle.allocation.specification.policies.retries;
        let pause = policy::retry(state, retries, self.attempt)?;
        let is_wanted = self.handle.cancelled().is_none();
        is_wanted.then(|| self.runner.clock.now() + pause)
    }

    /// Waits for the next attempt; what is wanted instead, if somebody wants the run to end.
    async fn pause(&self, until: DateTime<Utc>) -> Result<Option<Cancellation>, Stopped> {
        let left = (until - self.runner.clock.now()).to_std().unwrap_or_default();
        let waiting = async {
            tokio::select! {
                cancelled = self.handle.cancellation_after(None) => Some(cancelled),
                () = tokio::time::sleep(left) => None,
            }
        };
        self.runner.unless_stopped(waiting).await
    }

    /// Records the end of an attempt, and only then lets its container go.
    async fn finish(&self, over: Over) -> Result<RunState, Stopped> {
        let Over { state, exit, output, remarks, container } = over;
        let (runner, id) = (&self.runner, &self.handle.id);
        let exit_code = exit.as_ref().map(|exit| exit.code);
        let end = End { state: state.clone(), exit, output, remarks, at: runner.clock.now() };
        if let Err(error) = runner.durably(|| runner.store.finish(id, end.clone())).await? {
            // The allocation was deleted meanwhile, and its history with it.
            info!(run = %id, %error, "the end of a run could not be recorded");
        }
        point(Point::EndNoted);
        runner.tell(id);
        let (allocation, run) = (&id.allocation, id.instant);
        match state.reason() {
            None => info!(%allocation, %run, exit_code, "run {}", state.word()),
            Some(reason) => warn!(%allocation, %run, exit_code, reason, "run {}", state.word()),
        }
        if let Some(container) = container {
            let failed = state != RunState::Succeeded;
            runner.dispose(&self.handle.allocation, id.instant, container, failed).await;
            point(Point::Removed);
        }
        Ok(state)
    }

    /// Adds to the record. An error means that there is none any more: the allocation is gone.
    pub(super) async fn note(&self, progress: Progress) -> Result<Result<(), StoreError>, Stopped> {
        let (runner, id) = (&self.runner, &self.handle.id);
        let at = runner.clock.now();
        let noted = runner.durably(|| runner.store.note(id, progress.clone(), at)).await;
        runner.tell(id);
        noted
    }
}
