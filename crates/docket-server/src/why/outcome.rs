//! How far a run is or how it ended, as the rest of a sentence that begins with the run.

use chrono::{DateTime, SubsecRound, Utc};
use docket_model::{
    Run,
    run::{Attempt, Exit, RunState, Step},
};

use super::{
    Question,
    attempts::ordinal,
    tale::{Tale, length},
};

/// Reasons as the server has them, told of the present; a record is of the past.
const PAST: [(&str, &str); 6] = [
    (" is still under way ", " was still under way "),
    (" is already waiting for ", " was already waiting for "),
    (" containers run (", " containers ran ("),
    (" container runs (", " container ran ("),
    (" runs are already waiting (", " runs were already waiting ("),
    (" run is already waiting (", " run was already waiting ("),
];

/// How reasons begin that are clauses of their own.
const CLAUSES: [&str; 7] = [
    "docket was ",
    "docket came ",
    "the engine was ",
    "the host was ",
    "the clock was ",
    "the run ",
    "the store ",
];

/// How far a run is, or how it ended: `failed at 02:07 with exit code 3 after 7m`.
pub(super) fn outcome(question: &Question<'_>, tale: &Tale, run: &Run) -> String {
    match &run.state {
        RunState::Succeeded => format!("succeeded{}", course(run)),
        RunState::Failed(reason) => {
            format!("failed{}{}", ended(tale, run), failure(tale, reason, run))
        }
        RunState::TimedOut(reason) => {
            let subject = if reason.starts_with("ran ") { "it " } else { "" };
            format!("timed out{}: {subject}{}", ended(tale, run), tale.retold(reason))
        }
        RunState::Cancelled(reason) => cancelled(tale, run, reason),
        RunState::Skipped(reason) => format!("skipped{}", because(tale, reason)),
        RunState::Missed { reason, .. } => format!("missed{}", because(tale, reason)),
        RunState::Lost(reason) => format!("lost: {}", tale.retold(reason)),
        _ => under_way(question, tale, run),
    }
}

/// When it was cancelled, and by whom or why.
fn cancelled(tale: &Tale, run: &Run, reason: &str) -> String {
    let lasted = lasted(run).map(|lasted| format!(" after {lasted}")).unwrap_or_default();
    let ended = ended(tale, run);
    match reason.strip_prefix("cancelled ") {
        Some(by) => format!("cancelled{ended}{lasted} {}", tale.retold(by)),
        None => format!("cancelled{ended}{lasted}: {}", tale.retold(reason)),
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

/// A reason behind what it is the reason of: `, because …`, or in its own words.
pub(super) fn because(tale: &Tale, reason: &str) -> String {
    let past = PAST.iter().fold(reason.to_owned(), |told, (is, was)| told.replace(is, was));
    let told = tale.retold(&past);
    let is_past = past != reason;
    if let Some(cause) = told.strip_prefix("not known: ") {
        format!(": whether it ran is not known, because {cause}")
    } else if reason.starts_with("suspended by ") {
        format!(", because it was {told}")
    } else if is_past || CLAUSES.iter().any(|clause| reason.starts_with(clause)) {
        format!(", because {told}")
    } else {
        format!(": {told}")
    }
}

/// Why and with what a run failed.
fn failure(tale: &Tale, reason: &str, run: &Run) -> String {
    match run.attempt().and_then(|attempt| attempt.exit.as_ref()) {
        Some(_) => course(run),
        None => format!(": {}", tale.retold(reason)),
    }
}

/// With what exit code, after how long, and at which attempt.
fn course(run: &Run) -> String {
    let Some(attempt) = run.attempt() else { return String::new() };
    let exit = attempt.exit.as_ref().map(|exit| format!(" {}", exited(exit)));
    let exit = exit.unwrap_or_default();
    match (attempt.number, lasted(run)) {
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
        RunState::Claimed => claimed(question, tale, run),
        RunState::BetweenAttempts { reason, until } => {
            let number = run.attempt().map_or(1, |attempt| attempt.number);
            let (number, reason) = (ordinal(number), tale.retold(reason));
            format!(
                "failed at the {number} attempt ({reason}), and the next begins at {}",
                tale.time(*until)
            )
        }
        RunState::WillNotDie(reason) => {
            format!(
                "will not die: its container was told to end and goes on ({})",
                tale.retold(reason)
            )
        }
        _ => running(question, tale, run),
    };
    match &run.cancellation {
        Some(wanted) => format!("{far}; it is to end: {}", tale.retold(&wanted.reason)),
        None => far,
    }
}

fn running(question: &Question<'_>, tale: &Tale, run: &Run) -> String {
    let attempt = run.attempt();
    let number = attempt.map_or(1, |attempt| attempt.number);
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
