//! Following a container to its end, and ending it before.
//!
//! 1. Time spans are measured by one clock: docket's own, or the engine's.

use std::{
    pin::{Pin, pin},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use docket_model::run::{Cancellation, ContainerId, Exit, ExitCause, Reason, RunState};
use tracing::{info, warn};

use super::{
    Stopped,
    attempt::Attempt,
    attempt_outcomes::{AttemptEnd, Break, Start},
    engine_call_retry::{EngineAccess, Retry},
    run_context::RunPart,
};
use crate::{
    backoff::Backoff,
    crash_points::{Point, point},
    engine::{EngineError, Handle, Observation, Stop},
    outputs::EndedOutput,
    store::Progress,
};

/// Why a container that was not started has no end.
const NEVER_STARTED: &str = "the container was never started";
/// How often an engine may refuse to end a container before the container counts as one that will not
/// die: a kill may come in the moment in which the container ends.
const MOST_REFUSALS: u32 = 2;
/// The pauses before an engine that refused is asked again.
const REFUSAL_PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// How often a container that will not die is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// Why a container is to end before its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Early {
    Cancelled(Cancellation),
    TimedOut(TimeLimit),
}

/// How long a container may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TimeLimit {
    /// `Timeout`, by which its end is explained.
    limit: docket_model::Duration,
    /// How much of it the container has: where other parts of its run started earlier, the rest.
    own: TimeDelta,
}

/// A container's end, as it will come by itself.
type Following<'a> = Pin<&'a mut (dyn Future<Output = Result<Exit, EngineError>> + Send)>;

/// Requests to end a container: how often they got no answer, or were refused.
struct StopRetry {
    without_answer: Retry,
    refusals: u32,
    backoff: Backoff,
}

impl StopRetry {
    fn new() -> Self {
        let backoff = Backoff::new(REFUSAL_PAUSES.0, REFUSAL_PAUSES.1);
        let without_answer = Retry::bounded("the request to end it");
        Self { without_answer, refusals: 0, backoff }
    }

    /// Waits until the request may be made again; an error where the container will not die.
    async fn wait(
        &mut self,
        engine: &EngineAccess,
        failure: &EngineError,
    ) -> Result<(), EngineError> {
        match failure {
            EngineError::Unreachable(reason) => {
                engine.wait_before_retry(&mut self.without_answer, reason).await
            }
            EngineError::Refused { .. } if self.refusals < MOST_REFUSALS => {
                self.refusals += 1;
                self.backoff.wait().await;
                Ok(())
            }
            EngineError::Refused { message, .. } => Err(EngineError::WillNotDie(message.clone())),
            failure => Err(failure.clone()),
        }
    }
}

impl Attempt<'_> {
    /// Follows a container to its end, by itself or before its time, and reads its output.
    pub(super) async fn follow_to_end(
        &self,
        container: &ContainerId,
        start: Start,
    ) -> Result<AttemptEnd, Break> {
        let context = &self.run.context;
        self.run.part.runs_in(container, self.run.part.engine.health.epoch());
        let mut following =
            pin!(self.run.part.engine.watch_to_end(container, move |node| async move {
                let progress = node.map_or(Progress::NodeBack, |node| Progress::NodeAway { node });
                // When the term ends, the next one learns it anew.
                let _: Result<_, Stopped> = self.note_best_effort(progress).await;
            }));
        let watched = async {
            let early = tokio::select! {
                biased;
                // Biased: the container's own end counts if the run is cancelled at the same
                // moment.
                exit = &mut following => return Ok((exit?, None)),
                early = self.wait_for_early_end(start) => early,
            };
            let exit = self.stop_container(container, following.as_mut(), &early).await?;
            Ok::<_, Break>((exit, Some(early)))
        };
        let (exit, early) = context.records.term.unless_ended(pin!(watched)).await??;
        point(Point::Exited);
        let started_at = Some(start.at);
        Ok(AttemptEnd { started_at, ..self.capture(container, exit, early).await? })
    }

    /// Goes on with a container that was started while docket did not see it.
    pub(super) async fn continue_with(
        &mut self,
        container: &ContainerId,
        sight: Observation,
    ) -> Result<AttemptEnd, Break> {
        match sight {
            Observation::Waiting(_) | Observation::NodeAway { was_running: false, .. } => {
                Box::pin(self.wait_for_node(container, sight)).await
            }
            Observation::Running { .. } | Observation::NodeAway { .. } => {
                let at = self.inferred_start(sight.since());
                self.note_best_effort_at(Progress::Started, at).await?;
                let start = self.start_seen_again(at, sight.since());
                self.follow_to_end(container, start).await
            }
            Observation::Ended(exit) => {
                let exit = self.with_recorded_start(exit);
                let early = self.ended_early(&exit);
                self.capture(container, exit, early).await
            }
            Observation::Pending(reason) => {
                let reason = reason.unwrap_or_else(|| NEVER_STARTED.to_owned());
                Err(EngineError::NotStartable(reason).into())
            }
            Observation::Gone(_) => Err(EngineError::Gone.into()),
        }
    }

    /// When a container started, by docket's clock, though docket did not see it: its age by the
    /// engine's clock ago, between the moment its creation was noted and now.
    pub(super) fn inferred_start(&self, by_the_engine: Option<DateTime<Utc>>) -> DateTime<Utc> {
        let context = &self.run.context;
        let now = context.records.now();
        let earliest = self.created_at.unwrap_or(now).min(now);
        let ago = self.run.part.engine.health.time_since(by_the_engine);
        ago.map_or(earliest, |ago| (now - ago).clamp(earliest, now))
    }

    /// The start of a container that an earlier life, or an unanswered request, started at this moment.
    /// How long it has run is the engine's to say: docket's clock may have been set meanwhile.
    pub(super) fn start_seen_again(
        &self,
        at: DateTime<Utc>,
        by_the_engine: Option<DateTime<Utc>>,
    ) -> Start {
        let ago = self.run.part.engine.health.time_since(by_the_engine);
        Start::ago(at, ago.unwrap_or_else(|| self.run.context.records.now() - at))
    }

    /// An exit with the start on record, by the engine's clock, where the engine does not keep when a container
    /// started.
    fn with_recorded_start(&self, exit: Exit) -> Exit {
        let on_record = || {
            let engine_time = self.run.part.engine.health.engine_time()?;
            let at = engine_time - (self.run.context.records.now() - self.started_before?);
            Some(exit.ended_at.map_or(at, |ended_at| at.min(ended_at)))
        };
        Exit { started_at: exit.started_at.or_else(on_record), ..exit }
    }

    /// Waits until the run is cancelled, or its time is up.
    async fn wait_for_early_end(&self, start: Start) -> Early {
        let handle = &self.run.handle;
        let time_is_up = async {
            if let Some(timeout) = &handle.shared_timeout {
                timeout.note(self.run.attempt.number, start);
                Box::pin(timeout.is_up(self.run.attempt.number)).await;
            }
            // After the wait, in which the first start of the parts may have changed.
            let Some(limit) = self.time_limit(start.at) else {
                return std::future::pending().await;
            };
            if handle.shared_timeout.is_none() {
                let own = limit.own.to_std().unwrap_or_default();
                tokio::time::sleep(own.saturating_sub(start.elapsed())).await;
            }
            limit
        };
        tokio::select! {
            biased;
            cancellation = handle.cancellation_after(None) => Early::Cancelled(cancellation),
            limit = time_is_up => Early::TimedOut(limit),
        }
    }

    /// How long the container may run, if that is limited, where it started at this time.
    fn time_limit(&self, started_at: DateTime<Utc>) -> Option<TimeLimit> {
        let RunPart { handle, attempt, .. } = self.run;
        let limit = handle.allocation.specification.policies.timeout?;
        let shared = handle.shared_timeout.as_ref();
        let own = shared.map(|timeout| timeout.rest(attempt.number, started_at));
        Some(TimeLimit { limit, own: own.unwrap_or(limit.into()) })
    }

    /// Ends a container; one that will not die is looked at again until it has.
    async fn stop_container(
        &self,
        container: &ContainerId,
        mut following: Following<'_>,
        early: &Early,
    ) -> Result<Exit, Break> {
        let handle = &self.run.handle;
        let mut wanted = match early {
            Early::Cancelled(cancellation) => Some(cancellation.clone()),
            Early::TimedOut(_) => None,
        };
        match early {
            Early::Cancelled(Cancellation { reason, .. }) => {
                info!(reason = reason.to_string(), "stopping the container");
            }
            Early::TimedOut(TimeLimit { limit, .. }) => {
                info!("timed out after {limit} (`Timeout`); stopping the container");
            }
        }
        let mut how = match &wanted {
            Some(Cancellation { kill: true, .. }) => Stop::AtOnce,
            _ => Stop::Gently(handle.grace()),
        };
        let mut noted = None;
        let mut stop_retry = StopRetry::new();
        let target = Handle::from(container);
        loop {
            let mut refusal = tokio::select! {
                biased;
                exit = &mut following => return Ok(exit?),
                // The stop request under way is dropped: a kill must not wait until the grace is
                // over.
                newer = handle.cancellation_after(wanted.as_ref()) => {
                    how = if newer.kill { Stop::AtOnce } else { how };
                    wanted = Some(newer);
                    continue;
                }
                stopped = self.run.part.engine.engine.stop(&target, how) => match stopped {
                    // Its end is known to the engine, so whoever follows it learns it.
                    Ok(()) | Err(EngineError::Gone) => return Ok(following.await?),
                    Err(refusal) => refusal,
                },
            };
            let again = tokio::select! {
                biased;
                exit = &mut following => return Ok(exit?),
                again = stop_retry.wait(&self.run.part.engine, &refusal) => again,
            };
            match again {
                Ok(()) => continue,
                Err(given_up) => refusal = given_up,
            }
            if noted.as_ref() != Some(&refusal) {
                warn!(%container, %refusal, "the container could not be stopped; retrying");
                self.note_best_effort(Progress::WillNotDie(refusal.clone().into())).await?;
                noted = Some(refusal);
            }
            // A gentle stop has failed several times by now.
            how = Stop::AtOnce;
            tokio::select! {
                biased;
                exit = &mut following => return Ok(exit?),
                newer = handle.cancellation_after(wanted.as_ref()) => wanted = Some(newer),
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
        }
    }

    /// Why a container that is found ended did not end by itself, as far as is known.
    pub(super) fn ended_early(&self, exit: &Exit) -> Option<Early> {
        let handle = &self.run.handle;
        if let Some(cancellation) = handle.cancelled() {
            return Some(Early::Cancelled(cancellation));
        }
        let limit = self.time_limit(self.inferred_start(exit.started_at))?;
        // A stop by `Timeout` has no record before the end, so it is inferred: from what the engine has noted,
        // or from the duration.
        if exit.cause == Some(ExitCause::Stopped) {
            return Some(Early::TimedOut(limit));
        }
        let took = exit.ended_at? - exit.started_at?;
        // A container that succeeded counts as not stopped.
        let was_stopped = exit.code != Some(0) && took >= limit.own;
        was_stopped.then_some(Early::TimedOut(limit))
    }

    /// Reads the output of a container that has ended, and judges its end.
    pub(super) async fn capture(
        &self,
        container: &ContainerId,
        exit: Exit,
        early: Option<Early>,
    ) -> Result<AttemptEnd, Break> {
        let (context, handle) = (&self.run.context, &self.run.handle);
        let most = handle.allocation.specification.policies.keep.output;
        let EndedOutput { output, reserved, remark } =
            context.outputs.capture(&self.run.part.engine, container, most).await?;
        point(Point::Captured);
        let (remarks, container) = (Vec::from_iter(remark), Some(container.clone()));
        Ok(AttemptEnd { output, reserved, remarks, container, ..self.judged(exit, early) })
    }

    /// The end of an attempt whose container ended so.
    pub(super) fn judged(&self, exit: Exit, early: Option<Early>) -> AttemptEnd {
        let took = exit.ended_at.zip(exit.started_at).map(|(ended, started)| ended - started);
        // An end before the start: the engine's clock was set back, so how long it took is unknown.
        let took = took.filter(|took| *took >= TimeDelta::zero());
        // It may have ended in time by itself, before the engine could be asked to stop it.
        let early = early.filter(|early| match early {
            Early::TimedOut(TimeLimit { own, .. }) => took.is_none_or(|took| took >= *own),
            Early::Cancelled(_) => true,
        });
        let state = match early {
            None => judge(&exit),
            Some(Early::Cancelled(Cancellation { reason, .. })) => RunState::Cancelled(reason),
            Some(Early::TimedOut(TimeLimit { limit, .. })) => {
                let exit_code = exit.code;
                RunState::TimedOut(match &self.run.handle.shared_timeout {
                    Some(_) => Reason::RunTimeout { limit, exit_code },
                    None => Reason::Timeout { limit, exit_code },
                })
            }
        };
        let started_at = Some(self.inferred_start(exit.started_at));
        AttemptEnd { exit: Some(exit), started_at, ..AttemptEnd::without_container(state) }
    }
}

/// Whether a run whose container ended so has succeeded, and if not, why.
pub(crate) fn judge(exit: &Exit) -> RunState {
    if exit.code == Some(0) && exit.error.is_none() {
        return RunState::Succeeded;
    }
    let exit_code = exit.code;
    RunState::Failed(match (exit.cause, &exit.error) {
        (Some(ExitCause::EngineWentDown), _) => Reason::EngineWentDown { exit_code },
        (Some(ExitCause::OutOfMemory), _) => Reason::OutOfMemory { exit_code },
        (_, Some(error)) => Reason::ContainerError { message: error.as_str().into(), exit_code },
        (Some(ExitCause::Killed | ExitCause::Stopped), None) => Reason::Killed { exit_code },
        (None, None) => {
            exit_code.map_or(Reason::EndNotReported, |exit_code| Reason::ExitCode { exit_code })
        }
    })
}
