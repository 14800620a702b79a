//! A part of a run on its way: attempt after attempt, until it is over. The last part takes the run out of
//! its queue.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use docket_model::{
    Run,
    measured_duration::{exact, length},
    run::{AttemptKey, Cancellation, Exit, Reason, RunState},
};
use tracing::{Instrument, Span, info, warn};

use super::{
    Runner, Stopped,
    attempt::Attempt,
    attempt_outcomes::AttemptEnd,
    run_context::{RunPart, RunTask},
    run_stage::{Stage, StartFrom, stage},
    runs_under_way::{AllocationQueue, RunHandle, attempt_span},
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
    /// Carries a part of a run out, in a task of its own.
    pub(super) fn spawn_run(&self, task: RunTask, stage: Stage) {
        let span = task.run.handle.span.clone();
        self.records.term.spawn(task.carry_out(Some(stage)).instrument(span));
    }

    /// Carries a part of a run of an earlier life on, in a task of its own, as soon as things may start.
    pub(super) fn spawn_after_standby(&self, task: RunTask) {
        let span = task.run.handle.span.clone();
        self.records.term.spawn(task.carry_out(None).instrument(span));
    }

    /// Takes a run that is over out of its line, and lets the next one go that waits for it.
    pub(super) async fn leave(self: &Arc<Self>, handle: &RunHandle) {
        let queue = self.records.queues.lock(handle.allocation.uid).await;
        queue.remove(handle.id.instant);
        self.records.queues.note_progress();
        self.start_next_waiting(&queue);
    }

    /// Starts the waiting run, if no run is before it any more.
    ///
    /// Those of a newer revision were let in after it, so it does not wait for them.
    ///
    /// The caller holds the decision lock.
    pub(super) fn start_next_waiting(self: &Arc<Self>, queue: &AllocationQueue) {
        let Some(next) = queue.waiting() else { return };
        let revision = next.allocation.revision;
        let mut under_way = queue.under_way().into_iter();
        if under_way.all(|other| other.allocation.revision > revision) {
            queue.add(Arc::clone(&next));
            for part in next.open_parts() {
                let task = RunTask::new(Arc::clone(self), Arc::clone(&next), part);
                self.spawn_run(task, Stage::TurnCame);
            }
        }
    }
}

/// What the log says about the end of a container.
#[derive(Debug, Default)]
struct ContainerEnd {
    exit_code: Option<i64>,
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
    /// Carries the part on from its record, as soon as things may start.
    pub(super) async fn run_from_record(mut self) {
        let context = Arc::clone(&self.run.context);
        let record = context.records.term.unless_ended(self.run.record_after_standby()).await;
        let Ok(run) = record else { return };
        match run {
            Some(run) => {
                self.is_resumed = true;
                if run.decided_at >= self.run.context.standby.life().start() {
                    // It was claimed in this life, so it is no later than it was then.
                    self.run.waited = self.run.context.records.now() - run.decided_at;
                }
                let part = self.run.part.attempt.part;
                let newest = run.newest_of_part(part);
                self.run.attempt = newest.map_or(AttemptKey::first_of(part), |attempt| attempt.key);
                let state = run.part_state(part);
                if state.is_over() {
                    self.part_ended(state).await;
                } else {
                    self.run(stage(&run, part)).await;
                }
            }
            // It is over by now, or its allocation was deleted.
            None => self.part_ended(&RunState::Cancelled(Reason::AllocationDeleted)).await,
        }
    }

    pub(super) async fn run(mut self, stage: Stage) {
        let Ok(end) = self.attempts(stage).await else {
            info!("docket stops following the run; its container, if it has one, goes on running");
            return;
        };
        self.part_ended(&end).await;
    }

    /// Takes the run out of its queue if this was its last part.
    pub(super) async fn part_ended(&self, end: &RunState) {
        let RunPart { context, handle, part, .. } = &self.run;
        let Some(has_succeeded) = handle.part_ended(part, end) else {
            // No decision waits for it any more, while other parts may go on for long.
            part.has_no_container();
            context.records.queues.note_progress();
            return;
        };
        // Until the run has left, a decision beside it waits: it would find the run under way, though it is over.
        if handle.has_parts() {
            self.run.log_run_end().await;
        }
        self.runner.leave(handle).await;
        if has_succeeded {
            self.runner.check_dependents(&handle.id.allocation).await;
        }
    }

    /// Goes all the way to the end of the last attempt.
    async fn attempts(&mut self, mut stage: Stage) -> Result<RunState, Stopped> {
        if let Some(reason) = &self.run.part.missing_engine {
            let over = AttemptEnd::without_container(RunState::Lost(reason.clone()));
            return self.finish(over).await;
        }
        loop {
            let start_from = match stage {
                Stage::Attempt(start_from) => start_from,
                Stage::TurnCame => match self.run.begin_attempt(Progress::TurnCame).await? {
                    Ok(start_from) => start_from,
                    Err(gone) => return Ok(gone),
                },
                Stage::Between(until) => {
                    if let Some(Cancellation { reason, .. }) = self.run.pause(until).await? {
                        let over = AttemptEnd::without_container(RunState::Cancelled(reason));
                        return self.finish(over).await;
                    }
                    self.run.attempt = self.run.attempt.next();
                    match self.run.begin_attempt(Progress::NextAttempt).await? {
                        Ok(start_from) => start_from,
                        Err(gone) => return Ok(gone),
                    }
                }
            };
            let span = attempt_span(&Span::current(), self.run.attempt);
            let mut over = Attempt::new(&self.run).run(start_from).instrument(span.clone()).await?;
            let pause = self.retry(&over.state);
            if let Some(until) = pause {
                over.state = over.state.retried_at(until);
            }
            let end = self.finish(over).instrument(span).await?;
            let Some(until) = pause else { return Ok(end) };
            self.run.part.has_no_container();
            if mutation_testing::is_active(Mutation::OverlapFreedBetweenAttempts) {
                self.runner.leave(&self.run.handle).await;
            }
            self.run.context.records.queues.note_progress();
            stage = Stage::Between(until);
        }
    }

    /// When the next attempt begins, if there is to be one.
    fn retry(&self, state: &RunState) -> Option<DateTime<Utc>> {
        // Where a copy of the store was restored, the next attempt may have been made already.
        if self.is_resumed && self.run.context.standby.doubt().is_some() {
            return None;
        }
        let retries = self.run.handle.allocation.specification.policies.retries;
        let counted = self.run.attempt.number.saturating_sub(self.run.earlier_attempts());
        let pause = policy::retry(state, retries, counted)?;
        let is_wanted = self.run.handle.cancelled().is_none();
        is_wanted.then(|| self.run.context.records.now() + pause)
    }

    /// Records the end of an attempt, and only then lets its container go.
    pub(super) async fn finish(&self, over: AttemptEnd) -> Result<RunState, Stopped> {
        let AttemptEnd { state, exit, started_at, output, reserved, remarks, container } = over;
        let (records, retention) = (&self.run.context.records, &self.runner.retention);
        let (id, uid) = (&self.run.handle.id, self.run.handle.allocation.uid);
        let at = records.now();
        let part = Some(self.run.attempt.part);
        let end = End { part, state: state.clone(), exit, started_at, output, remarks, at };
        // From here on decisions wait for the record, and no longer for the container.
        self.run.part.has_ended();
        if let Some(container) = &container
            && mutation_testing::is_active(Mutation::RemovedBeforeEndRecorded)
        {
            // Boxed: the future of every run would have room for it, though only a test takes this way.
            Box::pin(retention.remove(&self.run.part.engine, container)).await;
        }
        if let Err(error) = records.finish(id, uid, &end).await? {
            // The allocation was deleted meanwhile, and its history with it.
            info!(%error, "the end of the run could not be recorded");
        }
        // The store has the output now, so another one may have its memory.
        drop(reserved);
        point(Point::EndNoted);
        let now = self.run.part.engine.health.engine_time();
        self.run.log_end(&state, end.exit.as_ref().map(|exit| ContainerEnd::of(exit, now)));
        drop(end);
        if let Some(container) = container {
            let allocation = Arc::clone(&self.run.handle.allocation);
            let (instant, attempt) = (id.instant, self.run.attempt);
            let engine = Arc::clone(&self.run.part.engine);
            let finished = FinishedContainer { allocation, engine, instant, attempt, container };
            // Not awaited: it waits for readers of the output and for the engine, and the next run
            // must not.
            drop(retention.clean_up(finished, &state));
        }
        Ok(state)
    }
}

impl RunPart {
    /// The record of the run once things may start, if it is not over by then.
    async fn record_after_standby(&self) -> Option<Arc<Run>> {
        let Self { context, handle, .. } = self;
        context.standby.has_begun().await;
        let id = &handle.id;
        let record = || context.records.store.run(id.allocation.as_str(), id.instant);
        let run = context.records.durably(record).await.ok()?.ok()??;
        (!run.state.is_over() && run.uid == handle.allocation.uid).then_some(run)
    }

    /// Logs how a run with several parts ended.
    async fn log_run_end(&self) {
        let (records, id) = (&self.context.records, &self.handle.id);
        let Ok(Some(run)) = records.store.run(id.allocation.as_str(), id.instant).await else {
            return;
        };
        let word = run.state.word();
        match run.state.reason().map(ToString::to_string) {
            None => info!("run {}", word.shown()),
            Some(reason) => warn!(reason, "run {}", word.shown()),
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
        let place = || self.part.engine.slots.enqueue(self.handle.id.instant);
        Ok(noted
            .map(|()| StartFrom::Claimed(place()))
            .map_err(|error| RunState::Cancelled(error.into())))
    }

    /// Waits for the next attempt; returns the cancellation, if the run is cancelled meanwhile.
    async fn pause(&self, until: DateTime<Utc>) -> Result<Option<Cancellation>, Stopped> {
        // A clock that was set back since must not make it longer.
        let longest = self.handle.allocation.specification.policies.retries.max_delay;
        let left = (until - self.context.records.now()).min(longest.into());
        let left = left.to_std().unwrap_or_default();
        let waiting = async {
            tokio::select! {
                biased;
                cancelled = self.handle.cancellation_after(None) => Some(cancelled),
                () = tokio::time::sleep(left) => None,
            }
        };
        self.context.records.term.unless_ended(waiting).await
    }

    /// How many attempts its instant had before it was requested anew: `Retries` do not count them.
    fn earlier_attempts(&self) -> u32 {
        self.handle.trigger.manual_request().map_or(0, |request| request.earlier)
    }

    fn log_end(&self, state: &RunState, ended: Option<ContainerEnd>) {
        let number = self.attempt.number;
        let has_ended = ended.is_some();
        let ContainerEnd { exit_code, duration, ended_ago } = ended.unwrap_or_default();
        let reason = state.reason().map(ToString::to_string);
        if let RunState::Retrying { until, .. } = state {
            let limit = self.handle.allocation.specification.policies.retries.limit;
            let most = limit.saturating_add(1).saturating_add(self.earlier_attempts());
            // `length` cuts to whole seconds, and some milliseconds of the pause are over by now.
            let pause = length(*until - self.context.records.now() + TimeDelta::milliseconds(500));
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
        let (id, part) = (&self.handle.id, self.attempt.part);
        // The end of a run with several parts has a line of its own.
        let (what, option) = if self.handle.has_parts() {
            let node = self.part.node.as_ref().map(|node| format!(", node {}", node.name));
            let node = node.unwrap_or_default();
            (format!("part {part} on {}{node}", self.part.engine.name), format!(" --part {part}"))
        } else {
            ("run".to_owned(), String::new())
        };
        if reason.is_none() {
            info!(exit_code, duration, ended_ago, "{what} {}{attempts}", word.shown());
        } else {
            let output = has_ended.then(|| format!("docket logs {id}{option}"));
            warn!(
                exit_code,
                duration,
                ended_ago,
                reason,
                output,
                "{what} {}{attempts}",
                word.shown()
            );
        }
    }
}
