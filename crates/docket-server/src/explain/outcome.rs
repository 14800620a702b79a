//! What state a run is in or how it ended, as the rest of a sentence that begins with the run.

use chrono::{DateTime, SubsecRound, Utc};
use docket_model::{
    Run,
    run::{Attempt, Exit, ExitCause, Reason, RunState, Step, TimeStyle},
};

use super::{
    EngineAway, Facts,
    phrasing::{ClockTimes, duration, ordinal},
};

/// The state of a run, or how it ended: `failed at 02:07 with exit code 3 after 7m`.
pub(super) fn outcome(facts: &Facts<'_>, times: &ClockTimes, run: &Run) -> String {
    match &run.state {
        RunState::Succeeded => format!("succeeded{}", course(run)),
        RunState::Failed(reason) => {
            format!("failed{}{}", ended(times, run), failure(times, reason, run))
        }
        RunState::TimedOut(reason) => {
            // The words of this reason are a verb without a subject.
            let subject = if matches!(reason, Reason::Timeout { .. }) { "it " } else { "" };
            format!("timed out{}: {subject}{}", ended(times, run), reason.words(times))
        }
        RunState::Cancelled(reason) => cancelled(times, run, reason),
        RunState::Skipped(reason) => format!("skipped{}", because(times, reason)),
        RunState::Missed { reason, .. } => format!("missed{}", because(times, reason)),
        RunState::Lost(reason) => format!("lost: {}", reason.words(times)),
        _ => under_way(facts, times, run),
    }
}

fn cancelled(times: &ClockTimes, run: &Run, reason: &Reason) -> String {
    let lasted = run.attempt().and_then(lasted).map(|lasted| format!(" after {lasted}"));
    let (ended, lasted) = (ended(times, run), lasted.unwrap_or_default());
    match reason {
        Reason::CancelledBy { by } => format!("cancelled{ended}{lasted} by {by}"),
        reason => format!("cancelled{ended}{lasted}: {}", reason.words(times)),
    }
}

/// The same after the name of an allocation: `was skipped …`.
pub(super) fn outcome_of(facts: &Facts<'_>, times: &ClockTimes, run: &Run) -> String {
    let is_passive = matches!(
        run.state,
        RunState::Cancelled(_) | RunState::Skipped(_) | RunState::Missed { .. } | RunState::Lost(_)
    );
    let outcome = outcome(facts, times, run);
    if is_passive { format!("was {outcome}") } else { outcome }
}

/// Why nothing started for an instant: `, because …`.
fn because(times: &ClockTimes, reason: &Reason) -> String {
    match reason {
        Reason::StoreRestored { copied_at } => format!(
            ": whether it ran is not known, because the store was restored from a copy of {}",
            times.time(*copied_at)
        ),
        Reason::NamespaceChanged { from } => format!(
            ": whether it ran is not known, because the store was served in the namespace `{from}` \
             before"
        ),
        Reason::Suspended(_) | Reason::SuspendedBySpecification => {
            format!(", because it was {}", reason.words(times))
        }
        Reason::Overlap { older } => {
            format!(", because {} was still under way (`Overlap: Forbid`)", times.run(*older))
        }
        Reason::QueueTaken { waiting, older } => format!(
            ", because {} was already waiting for {} to end (`Overlap: Queue`)",
            times.run(*waiting),
            times.run(*older)
        ),
        Reason::QueueFull { max_running, queue } => full(*max_running, *queue),
        Reason::DeadlinePassed { .. }
        | Reason::Edited(_)
        | Reason::Paused(_)
        | Reason::OverlapUnconfirmed { .. } => format!(", because {}", reason.words(times)),
        reason => format!(": {}", reason.words(times)),
    }
}

/// That all slots and the queue were full.
fn full(max_running: usize, queue: usize) -> String {
    let running = if max_running == 1 { "container ran" } else { "containers ran" };
    let waiting = if queue == 1 { "run was" } else { "runs were" };
    format!(
        ", because {max_running} {running} (`--max-running`) and {queue} {waiting} already waiting \
         (`--queue`)"
    )
}

fn failure(times: &ClockTimes, reason: &Reason, run: &Run) -> String {
    match run.attempt_without_parts().and_then(|attempt| attempt.exit.as_ref()) {
        // The reason only repeats what the exit shows.
        Some(_) => course(run),
        None => format!(": {}", reason.words(times)),
    }
}

/// The exit code, the duration, and the attempt.
fn course(run: &Run) -> String {
    // Each part has an exit code of its own.
    let Some(attempt) = run.attempt_without_parts() else {
        return run.duration().map(|took| format!(" after {}", duration(took))).unwrap_or_default();
    };
    let exit = attempt.exit.as_ref().map(|exit| format!(" {}", exited(exit)));
    let exit = exit.unwrap_or_default();
    match (attempt.key.number, lasted(attempt)) {
        (0 | 1, Some(lasted)) => format!("{exit} after {lasted}"),
        (0 | 1, None) => exit,
        (number, Some(lasted)) => {
            format!("{exit} at the {} attempt, which took {lasted}", ordinal(number))
        }
        (number, None) => format!("{exit} at the {} attempt", ordinal(number)),
    }
}

/// `with exit code 3`, as far as the engine reports it, and the cause.
pub(super) fn exited(exit: &Exit) -> String {
    let why = match exit {
        Exit { cause: Some(ExitCause::EngineWentDown), .. } => {
            " (the engine or its host went down)".to_owned()
        }
        Exit { cause: Some(ExitCause::OutOfMemory), .. } => " (out of memory)".to_owned(),
        Exit { error: Some(error), .. } => format!(" ({error})"),
        Exit { cause: Some(ExitCause::Killed | ExitCause::Stopped), .. } => " (killed)".to_owned(),
        Exit { cause: None, .. } => String::new(),
    };
    match exit.code {
        Some(code) => format!("with exit code {code}{why}"),
        None => format!("with no exit code reported{why}"),
    }
}

/// How long the container of an attempt ran.
pub(super) fn lasted(attempt: &Attempt) -> Option<String> {
    attempt.lasted().map(duration)
}

fn ended(times: &ClockTimes, run: &Run) -> String {
    let exit = run.attempt_without_parts().and_then(Attempt::ended_at);
    let at = exit.or(run.ended_at).filter(|at| !is_instant(run, *at));
    at.map(|at| format!(" at {}", times.time(at))).unwrap_or_default()
}

/// True if a moment reads as the instant of the run, which is in the sentence already.
fn is_instant(run: &Run, at: DateTime<Utc>) -> bool {
    at.trunc_subsecs(0) == run.id.instant.moment().trunc_subsecs(0)
}

/// The state of a run that is not over.
fn under_way(facts: &Facts<'_>, times: &ClockTimes, run: &Run) -> String {
    let state = match &run.state {
        RunState::Waiting => format!("waits{}", awaited(facts, times, run)),
        RunState::Starting => starting(facts, times, run),
        RunState::Retrying { .. } if run.has_parts() => {
            "under way, between the attempts at a part that failed".to_owned()
        }
        RunState::Retrying { reason, until } => {
            let number = run.attempt().map_or(1, |attempt| attempt.key.number);
            let (number, reason) = (ordinal(number), reason.words(times));
            format!(
                "failed at the {number} attempt ({reason}), and the next begins at {}",
                times.time(*until)
            )
        }
        RunState::Stuck(reason) => {
            format!("stuck, because its container cannot be stopped ({})", reason.words(times))
        }
        _ => running(facts, times, run),
    };
    match &run.cancellation {
        Some(cancellation) => {
            format!("{state}; docket is ending it: {}", cancellation.reason.words(times))
        }
        None => state,
    }
}

fn running(facts: &Facts<'_>, times: &ClockTimes, run: &Run) -> String {
    let attempt = run.attempt_without_parts();
    let number = attempt.map_or(1, |attempt| attempt.key.number);
    let which =
        if number > 1 { format!(" at the {} attempt", ordinal(number)) } else { String::new() };
    let first = || run.attempts.iter().filter_map(|attempt| attempt.started_at).min();
    match attempt.map_or_else(first, |attempt| attempt.started_at) {
        Some(started) => {
            let so_far = duration(facts.now - started);
            if is_instant(run, started) {
                format!("running{which}, for {so_far} so far")
            } else {
                format!("running since {}{which}, for {so_far} so far", times.time(started))
            }
        }
        None => format!("running{which}"),
    }
}

/// What a claimed run without a started container waits for.
fn starting(facts: &Facts<'_>, times: &ClockTimes, run: &Run) -> String {
    let steps = run.attempt().map(|attempt| attempt.steps.as_slice()).unwrap_or_default();
    let is_created = run.attempt().is_some_and(|attempt| attempt.container.is_some());
    let what = match steps.last() {
        _ if is_created => "; its container is created and not started yet".to_owned(),
        Some((at, Step::Pulled { .. } | Step::NotPulled { .. })) => {
            format!(
                "; its image has been ready since {}, its container is not created yet",
                times.time(*at)
            )
        }
        _ => ", waiting for its image or a free slot (`--max-running`)".to_owned(),
    };
    let since = Some(run.decided_at).filter(|at| !is_instant(run, *at));
    let since = since.map(|at| format!(" since {}", times.time(at))).unwrap_or_default();
    let starting = format!("starting{since}{what}");
    match facts.engine_away {
        Some(EngineAway { engine, since, .. }) => {
            format!("{starting}; the {engine} has not answered since {}", times.time(since))
        }
        None => starting,
    }
}

fn awaited(facts: &Facts<'_>, times: &ClockTimes, run: &Run) -> String {
    let older = facts.runs.iter().find(|older| {
        older.id.allocation == run.id.allocation
            && older.id.instant != run.id.instant
            && !older.state.is_over()
            && older.state != RunState::Waiting
    });
    match older {
        Some(older) => format!(" for the run of {} to end", times.time(moment(older))),
        None => " for an older run to end".to_owned(),
    }
}

fn moment(run: &Run) -> DateTime<Utc> {
    run.id.instant.moment()
}
