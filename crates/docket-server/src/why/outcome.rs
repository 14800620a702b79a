//! How far a run is or how it ended, as the rest of a sentence that begins with the run.

use chrono::{DateTime, SubsecRound, Utc};
use docket_model::{
    Run,
    run::{Attempt, Exit, Reason, RunState, Step, TimeStyle},
};

use super::{
    Question,
    attempts::ordinal,
    tale::{Tale, length},
};

/// How far a run is, or how it ended: `failed at 02:07 with exit code 3 after 7m`.
pub(super) fn outcome(question: &Question<'_>, tale: &Tale, run: &Run) -> String {
    match &run.state {
        RunState::Succeeded => format!("succeeded{}", course(run)),
        RunState::Failed(reason) => {
            format!("failed{}{}", ended(tale, run), failure(tale, reason, run))
        }
        RunState::TimedOut(reason) => {
            let subject = if matches!(reason, Reason::Timeout { .. }) { "it " } else { "" };
            format!("timed out{}: {subject}{}", ended(tale, run), reason.words(tale))
        }
        RunState::Cancelled(reason) => cancelled(tale, run, reason),
        RunState::Skipped(reason) => format!("skipped{}", because(tale, reason)),
        RunState::Missed { reason, .. } => format!("missed{}", because(tale, reason)),
        RunState::Lost(reason) => format!("lost: {}", reason.words(tale)),
        _ => under_way(question, tale, run),
    }
}

/// When it was cancelled, and by whom or why.
fn cancelled(tale: &Tale, run: &Run, reason: &Reason) -> String {
    let lasted = lasted(run).map(|lasted| format!(" after {lasted}")).unwrap_or_default();
    let ended = ended(tale, run);
    match reason {
        Reason::CancelledBy { by } => format!("cancelled{ended}{lasted} by {by}"),
        reason => format!("cancelled{ended}{lasted}: {}", reason.words(tale)),
    }
}

/// The same behind the name of an allocation: `was skipped …`.
pub(super) fn outcome_of(question: &Question<'_>, tale: &Tale, run: &Run) -> String {
    let is_passive = matches!(
        run.state,
        RunState::Cancelled(_) | RunState::Skipped(_) | RunState::Missed { .. } | RunState::Lost(_)
    );
    let outcome = outcome(question, tale, run);
    if is_passive { format!("was {outcome}") } else { outcome }
}

/// Why nothing started for an instant: `, because …`.
pub(super) fn because(tale: &Tale, reason: &Reason) -> String {
    match reason {
        Reason::StoreRestored { copied_at } => format!(
            ": whether it ran is not known, because the store was restored from a copy of {}",
            tale.time(*copied_at)
        ),
        Reason::NamespaceChanged { from } => format!(
            ": whether it ran is not known, because the store was served in the namespace `{from}` \
             before"
        ),
        Reason::Suspended(_) | Reason::SuspendedBySpecification => {
            format!(", because it was {}", reason.words(tale))
        }
        Reason::Overlap { older } => {
            format!(", because {} was still under way (`Overlap: Forbid`)", tale.run(*older))
        }
        Reason::QueueTaken { waiting, older } => format!(
            ", because {} was already waiting for {} to end (`Overlap: Queue`)",
            tale.run(*waiting),
            tale.run(*older)
        ),
        Reason::QueueFull { max_running, queue } => full(*max_running, *queue),
        Reason::DeadlinePassed { .. }
        | Reason::Edited(_)
        | Reason::Paused(_)
        | Reason::OverlapUnconfirmed { .. } => format!(", because {}", reason.words(tale)),
        reason => format!(": {}", reason.words(tale)),
    }
}

/// That all slots and all places in the queue were taken.
fn full(max_running: usize, queue: usize) -> String {
    let running = if max_running == 1 { "container ran" } else { "containers ran" };
    let waiting = if queue == 1 { "run was" } else { "runs were" };
    format!(
        ", because {max_running} {running} (`--max-running`) and {queue} {waiting} already waiting \
         (`--queue`)"
    )
}

/// Why and with what a run failed.
fn failure(tale: &Tale, reason: &Reason, run: &Run) -> String {
    match run.attempt().and_then(|attempt| attempt.exit.as_ref()) {
        Some(_) => course(run),
        None => format!(": {}", reason.words(tale)),
    }
}

/// With what exit code, after how long, and at which attempt.
fn course(run: &Run) -> String {
    let Some(attempt) = run.attempt() else { return String::new() };
    let exit = attempt.exit.as_ref().map(|exit| format!(" {}", exited(exit)));
    let exit = exit.unwrap_or_default();
    match (attempt.key.number, lasted(run)) {
        (0 | 1, Some(lasted)) => format!("{exit} after {lasted}"),
        (0 | 1, None) => exit,
        (number, Some(lasted)) => {
            format!("{exit} at the {} attempt, which took {lasted}", ordinal(number))
        }
        (number, None) => format!("{exit} at the {} attempt", ordinal(number)),
    }
}

/// `with exit code 3`, and what the engine says of it.
pub(super) fn exited(exit: &Exit) -> String {
    let why = match exit {
        Exit { engine_went_down: true, .. } => " (the engine or its host went down)".to_owned(),
        Exit { out_of_memory: true, .. } => " (out of memory)".to_owned(),
        Exit { error: Some(error), .. } => format!(" ({error})"),
        Exit { code: 137, .. } => " (killed)".to_owned(),
        _ => String::new(),
    };
    format!("with exit code {}{why}", exit.code)
}

/// How long the newest attempt's container ran.
fn lasted(run: &Run) -> Option<String> {
    run.attempt().and_then(lasted_of)
}

/// How long an attempt's container ran.
pub(super) fn lasted_of(attempt: &Attempt) -> Option<String> {
    attempt.lasted().map(length)
}

fn ended(tale: &Tale, run: &Run) -> String {
    let exit = run.attempt().and_then(Attempt::ended_at);
    let at = exit.or(run.ended_at).filter(|at| !is_instant(run, *at));
    at.map(|at| format!(" at {}", tale.time(at))).unwrap_or_default()
}

/// True where a moment reads as the instant of a run does, which its sentence names already.
fn is_instant(run: &Run, at: DateTime<Utc>) -> bool {
    at.trunc_subsecs(0) == run.id.instant.moment().trunc_subsecs(0)
}

/// How far a run is that is not over.
fn under_way(question: &Question<'_>, tale: &Tale, run: &Run) -> String {
    let far = match &run.state {
        RunState::Waiting => format!("waits{}", for_whom(question, tale, run)),
        RunState::Starting => claimed(question, tale, run),
        RunState::Retrying { reason, until } => {
            let number = run.attempt().map_or(1, |attempt| attempt.key.number);
            let (number, reason) = (ordinal(number), reason.words(tale));
            format!(
                "failed at the {number} attempt ({reason}), and the next begins at {}",
                tale.time(*until)
            )
        }
        RunState::Stuck(reason) => {
            format!(
                "will not die: its container was told to end and goes on ({})",
                reason.words(tale)
            )
        }
        _ => running(question, tale, run),
    };
    match &run.cancellation {
        Some(wanted) => format!("{far}; it is to end: {}", wanted.reason.words(tale)),
        None => far,
    }
}

fn running(question: &Question<'_>, tale: &Tale, run: &Run) -> String {
    let attempt = run.attempt();
    let number = attempt.map_or(1, |attempt| attempt.key.number);
    let which =
        if number > 1 { format!(" at the {} attempt", ordinal(number)) } else { String::new() };
    match attempt.and_then(|attempt| attempt.started_at) {
        Some(started) => {
            let so_far = length(question.now - started);
            if is_instant(run, started) {
                format!("running{which}, for {so_far} so far")
            } else {
                format!("running since {}{which}, for {so_far} so far", tale.time(started))
            }
        }
        None => format!("running{which}"),
    }
}

/// Why no container of a claimed run is there yet.
fn claimed(question: &Question<'_>, tale: &Tale, run: &Run) -> String {
    let steps = run.attempt().map(|attempt| attempt.steps.as_slice()).unwrap_or_default();
    let is_created = run.attempt().is_some_and(|attempt| attempt.container.is_some());
    let what = match steps.last() {
        _ if is_created => "; its container is created and not started yet".to_owned(),
        Some((at, Step::Pulled { .. } | Step::NotPulled { .. })) => {
            format!("; its image is there since {}, its container not yet", tale.time(*at))
        }
        _ => ", and waits for its image or its turn (`--max-running`)".to_owned(),
    };
    let since = Some(run.decided_at).filter(|at| !is_instant(run, *at));
    let since = since.map(|at| format!(" since {}", tale.time(at))).unwrap_or_default();
    let claimed = format!("starting{since}{what}");
    match question.engine_away {
        Some((since, _)) => {
            format!("{claimed}; the engine does not answer since {}", tale.time(since))
        }
        None => claimed,
    }
}

fn for_whom(question: &Question<'_>, tale: &Tale, run: &Run) -> String {
    let older = question.runs.iter().find(|older| {
        older.id.allocation == run.id.allocation
            && older.id.instant != run.id.instant
            && !older.state.is_over()
            && older.state != RunState::Waiting
    });
    match older {
        Some(older) => format!(" for the run of {} to end", tale.time(moment(older))),
        None => " for an older run to end".to_owned(),
    }
}

fn moment(run: &Run) -> DateTime<Utc> {
    run.id.instant.moment()
}
