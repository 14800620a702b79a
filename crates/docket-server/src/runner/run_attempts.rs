//! A run on its way: attempt after attempt, until it is over.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use docket_model::{
    Run,
    measured_duration::{exact, length},
    run::{AttemptKey, Cancellation, Exit, RunState},
};
use tracing::{Instrument, info, info_span, warn};

use super::{
    Runner, Stopped,
    allocation_queue::{AllocationQueue, RunHandle},
    attempt::Attempt,
    attempt_outcomes::AttemptEnd,
    resume_point::{Stage, StartFrom, stage},
    run_context::RunTask,
};
use crate::{
    cleanup::FinishedContainer,
    crash_points::{Point, point},
    mutation_testing::{self, Mutation},
    policy,
    store::{End, Progress},
};

/// From how long on after its end the log says when a container ended.
const LATE: TimeDelta = TimeDelta::seconds(2);

impl Runner {
    /// Carries a run out, in a task of its own.
    pub(super) fn spawn_run(&self, task: RunTask, stage: Stage) {
        let span = task.handle.span.clone();
        self.term.spawn(task.carry_out(Some(stage)).instrument(span));
    }

    /// Carries a run of an earlier life on, in a task of its own, as soon as things may start.
    pub(super) fn spawn_after_standby(&self, task: RunTask) {
        let span = task.handle.span.clone();
        self.term.spawn(task.carry_out(None).instrument(span));
    }

    /// Takes a run that is over out of its line, and lets the next one go that waits for it.
    pub(super) async fn leave(self: &Arc<Self>, handle: &RunHandle) {
        let queue = self.queues.lock(handle.allocation.uid).await;
        queue.remove(handle.id.instant);
        self.queues.note_progress();
        self.start_next_waiting(&queue);
    }

    /// Starts the waiting run, if no run is before it any more.
    ///
    /// Those of a newer revision were let in after it, so it does not wait for them.
    ///
    /// The caller has the line's turn.
    pub(super) fn start_next_waiting(self: &Arc<Self>, queue: &AllocationQueue) {
        let Some(next) = queue.waiting() else { return };
        let revision = next.allocation.revision;
        let mut under_way = queue.under_way().into_iter();
        if under_way.all(|other| other.allocation.revision > revision) {
            queue.add(Arc::clone(&next));
            self.spawn_run(RunTask::new(Arc::clone(self), next), Stage::TurnCame);
        }
    }
}

/// What the log says about the end of a container.
#[derive(Debug, Default)]
struct ContainerEnd {
    exit_code: i64,
    duration: Option<String>,
    /// How long ago it ended, where docket was late to learn of it.
    ended_ago: Option<String>,
}

impl ContainerEnd {
    /// `now` is the time by the engine's clock, which the times of an exit are from.
    fn of(exit: &Exit, now: Option<DateTime<Utc>>) -> Self {
        let ran = exit.started_at.zip(exit.ended_at).map(|(from, to)| to - from);
        let ago = now.zip(exit.ended_at).map(|(now, ended)| now - ended);
        Self {
            exit_code: exit.code,
            duration: ran.map(exact),
            ended_ago: ago.filter(|ago| *ago > LATE).map(exact),
        }
    }
}

impl RunTask {
    /// Carries a run on from its record, as soon as things may start.
    pub(super) async fn run_from_record(mut self) {
        let runner = Arc::clone(&self.runner);
        let Ok(run) = runner.term.unless_ended(self.record_after_standby()).await else { return };
        match run {
            Some(run) => {
                self.is_resumed = true;
                if run.decided_at >= self.runner.standby.life().start() {
                    // It was claimed in this life, so it is no later than it was then.
                    self.waited = self.runner.store.now() - run.decided_at;
                }
                self.attempt = run.attempt().map_or(AttemptKey::FIRST, |attempt| attempt.key);
                self.run(stage(&run)).await;
            }
            // It is over by now, or its allocation was deleted.
            None => runner.leave(&self.handle).await,
        }
    }

    /// The record of the run once things may start, if it is not over by then.
    async fn record_after_standby(&self) -> Option<Arc<Run>> {
        let Self { runner, handle, .. } = self;
        runner.standby.has_begun().await;
        let id = &handle.id;
        let record = || runner.store.run(id.allocation.as_str(), id.instant);
        let run = runner.durably(record).await.ok()?.ok()??;
        (!run.state.is_over() && run.uid == handle.allocation.uid).then_some(run)
    }

    pub(super) async fn run(mut self, stage: Stage) {
        let Ok(end) = self.attempts(stage).await else {
            info!("docket stops following the run; its container, if it has one, goes on running");
            return;
        };
        let Self { runner, handle, .. } = self;
        runner.leave(&handle).await;
        if end == RunState::Succeeded {
            runner.check_dependents(&handle.id.allocation).await;
        }
    }

    /// Goes all the way to the end of the last attempt.
    async fn attempts(&mut self, mut stage: Stage) -> Result<RunState, Stopped> {
        loop {
            let start_from = match stage {
                Stage::Attempt(start_from) => start_from,
                Stage::TurnCame => match self.begin_attempt(Progress::TurnCame).await? {
                    Ok(start_from) => start_from,
                    Err(gone) => return Ok(gone),
                },
                Stage::Between(until) => {
                    if let Some(Cancellation { reason, .. }) = self.pause(until).await? {
                        let over = AttemptEnd::without_container(RunState::Cancelled(reason));
                        return self.finish(over).await;
                    }
                    self.attempt = self.attempt.next();
                    match self.begin_attempt(Progress::NextAttempt).await? {
                        Ok(start_from) => start_from,
                        Err(gone) => return Ok(gone),
                    }
                }
            };
            let span = info_span!("attempt", attempt = %self.attempt);
            let mut over = Attempt::new(self).run(start_from).instrument(span.clone()).await?;
            let pause = self.retry(&over.state);
            if let Some(until) = pause {
                over.state = over.state.retried_at(until);
            }
            let end = self.finish(over).instrument(span).await?;
            let Some(until) = pause else { return Ok(end) };
            self.handle.has_no_container();
            if mutation_testing::is_active(Mutation::OverlapFreedBetweenAttempts) {
                self.runner.leave(&self.handle).await;
            }
            self.runner.queues.note_progress();
            stage = Stage::Between(until);
        }
    }

    /// Notes that an attempt begins; an end where the record is gone, and the allocation with it.
    async fn begin_attempt(&self, begun: Progress) -> Result<Result<StartFrom, RunState>, Stopped> {
        let reached = match begun {
            Progress::NextAttempt => Point::NextAttempt,
            _ => Point::TurnCame,
        };
        let noted = self.note(begun).await?;
        point(reached);
        let place = || self.engine.slots.enqueue(self.handle.id.instant);
        Ok(noted
            .map(|()| StartFrom::Claimed(place()))
            .map_err(|error| RunState::Cancelled(error.into())))
    }

    /// When the next attempt begins, if there is to be one.
    fn retry(&self, state: &RunState) -> Option<DateTime<Utc>> {
        // Where a copy of the store was restored, the next attempt may have been made already.
        if self.is_resumed && self.runner.standby.doubt().is_some() {
            return None;
        }
        let retries = self.handle.allocation.specification.policies.retries;
        let counted = self.attempt.number.saturating_sub(self.earlier_attempts());
        let pause = policy::retry(state, retries, counted)?;
        let is_wanted = self.handle.cancelled().is_none();
        is_wanted.then(|| self.runner.store.now() + pause)
    }

    /// Waits for the next attempt; returns the cancellation, if the run is cancelled meanwhile.
    async fn pause(&self, until: DateTime<Utc>) -> Result<Option<Cancellation>, Stopped> {
        // A clock that was set back since must not make it longer.
        let longest = self.handle.allocation.specification.policies.retries.max_delay;
        let left = (until - self.runner.store.now()).min(longest.into());
        let left = left.to_std().unwrap_or_default();
        let waiting = async {
            tokio::select! {
                biased;
                cancelled = self.handle.cancellation_after(None) => Some(cancelled),
                () = tokio::time::sleep(left) => None,
            }
        };
        self.runner.term.unless_ended(waiting).await
    }

    /// How many attempts its instant had before it was requested anew: `Retries` do not count them.
    fn earlier_attempts(&self) -> u32 {
        self.handle.trigger.manual_request().map_or(0, |request| request.earlier)
    }

    fn log_end(&self, state: &RunState, ended: Option<ContainerEnd>) {
        let number = self.attempt.number;
        let exit_code = ended.as_ref().map(|ended| ended.exit_code);
        let ContainerEnd { duration, ended_ago, .. } = ended.unwrap_or_default();
        let reason = state.reason().map(ToString::to_string);
        if let RunState::Retrying { until, .. } = state {
            let limit = self.handle.allocation.specification.policies.retries.limit;
            let most = limit.saturating_add(1).saturating_add(self.earlier_attempts());
            // `length` cuts to whole seconds, and some milliseconds of the pause are over by now.
            let pause = length(*until - self.runner.store.now() + TimeDelta::milliseconds(500));
            warn!(
                exit_code,
                duration,
                ended_ago,
                reason,
                "attempt {number} of {most} failed; retrying in {pause}"
            );
            return;
        }
        let word = state.word();
        let attempts = if number > 1 { format!(" after {number} attempts") } else { String::new() };
        if reason.is_none() {
            info!(exit_code, duration, ended_ago, "run {}{attempts}", word.shown());
        } else {
            let id = &self.handle.id;
            let output = exit_code.map(|_| format!("docket logs {id}"));
            warn!(exit_code, duration, ended_ago, reason, output, "run {}{attempts}", word.shown());
        }
    }

    /// Records the end of an attempt, and only then lets its container go.
    pub(super) async fn finish(&self, over: AttemptEnd) -> Result<RunState, Stopped> {
        let AttemptEnd { state, exit, started_at, output, reserved, remarks, container } = over;
        let (runner, id, uid) = (&self.runner, &self.handle.id, self.handle.allocation.uid);
        let at = runner.store.now();
        let end = End { state: state.clone(), exit, started_at, output, remarks, at };
        // From here on decisions wait for the record, and no longer for the container.
        self.handle.has_ended();
        if let Some(container) = &container
            && mutation_testing::is_active(Mutation::RemovedBeforeEndRecorded)
        {
            // Boxed: the future of every run would have room for it, though only a test takes this way.
            Box::pin(runner.retention.remove(&self.engine, container)).await;
        }
        if let Err(error) = runner.durably(|| runner.store.finish(id, uid, end.clone())).await? {
            // The allocation was deleted meanwhile, and its history with it.
            info!(%error, "the end of the run could not be recorded");
        }
        // The store has the output now, so another one may have its memory.
        drop(reserved);
        point(Point::EndNoted);
        runner.queues.note_progress();
        let now = self.engine.health.engine_time();
        self.log_end(&state, end.exit.as_ref().map(|exit| ContainerEnd::of(exit, now)));
        drop(end);
        if let Some(container) = container {
            let allocation = Arc::clone(&self.handle.allocation);
            let (instant, attempt) = (id.instant, self.attempt);
            let engine = Arc::clone(&self.engine);
            let finished = FinishedContainer { allocation, engine, instant, attempt, container };
            // Not awaited: it waits for readers of the output and for the engine, and the next run
            // must not.
            drop(runner.retention.clean_up(finished, &state));
        }
        Ok(state)
    }
}
