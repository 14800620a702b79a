//! Why a container started later than it was due.

use chrono::{DateTime, TimeDelta, Utc};
use docket_model::{
    Run,
    allocation::Overlap,
    journal::{Cause, Pause},
    run::{Attempt, RunState, Step, Trigger},
};

use super::{
    Question,
    tale::{Tale, length},
};
use crate::policy;

/// Up to which lateness nobody asks why.
const PUNCTUAL: TimeDelta = TimeDelta::seconds(5);

/// From which length on a part of the way is told.
const NOTABLE: TimeDelta = TimeDelta::seconds(2);

/// How late its first container started and why, in a sentence; nothing where it was in time.
pub(super) fn lateness(question: &Question<'_>, tale: &Tale, run: &Run) -> Option<String> {
    let first = run.attempts.first()?;
    let started = first.started_at?;
    let (due, jitter) = due(question, run);
    let late = started - due;
    let spread = format!("{} of `Jitter`", length(jitter));
    if late <= PUNCTUAL {
        let is_spread = jitter > PUNCTUAL;
        return is_spread.then(|| format!("It started at {}, after {spread}.", tale.time(started)));
    }
    let mut causes = Vec::new();
    if jitter >= NOTABLE {
        causes.push(format!("it was due after {spread}"));
    }
    causes.extend(decision(question, tale, due, run.decided_at));
    let notable = NOTABLE.max(late / 10);
    causes.extend(way(question, tale, run, Start { first, at: started, notable }));
    let late = length(late);
    let told = if run.is_backfill() {
        format!("It started at {}, {late} after it was requested", tale.time(started))
    } else {
        format!("It started at {}, {late} late", tale.time(started))
    };
    Some(if causes.is_empty() {
        format!("{told}.")
    } else {
        format!("{told}: {}.", causes.join("; "))
    })
}

/// When it was to start, and how much of that is jitter.
fn due(question: &Question<'_>, run: &Run) -> (DateTime<Utc>, TimeDelta) {
    let instant = run.id.instant.moment();
    if !matches!(run.trigger, Trigger::Schedule | Trigger::CatchUp) {
        return (run.decided_at, TimeDelta::zero());
    }
    let allocation = question.allocation();
    // An older revision may have had another jitter, which nobody knows any more.
    let is_same = run.revision == allocation.revision;
    let due = if is_same {
        policy::starts_at(allocation, instant, question.zone).min(run.decided_at.max(instant))
    } else {
        instant
    };
    (due, due - instant)
}

/// Why the decision fell late.
fn decision(
    question: &Question<'_>,
    tale: &Tale,
    due: DateTime<Utc>,
    decided: DateTime<Utc>,
) -> Vec<String> {
    if decided - due < NOTABLE {
        return Vec::new();
    }
    let pauses: Vec<_> = question.pauses(due, decided).map(|pause| pause.words(tale)).collect();
    if pauses.is_empty() {
        return vec![format!("docket came to it at {} only", tale.time(decided))];
    }
    pauses
}

/// The first attempt and its start, and which part of the way there is worth telling.
#[derive(Debug, Clone, Copy)]
struct Start<'a> {
    first: &'a Attempt,
    at: DateTime<Utc>,
    notable: TimeDelta,
}

/// What kept it between the decision and the start of its container.
fn way(question: &Question<'_>, tale: &Tale, run: &Run, start: Start<'_>) -> Vec<String> {
    let started = start.at;
    let mut causes = Vec::new();
    let mut from = run.decided_at;
    if let Some((older, ended)) = waited_for(question, run, started) {
        let (older, until) = (tale.time(older), tale.time(ended));
        causes.push(format!("it waited until {until} for the run of {older} to end"));
        from = ended;
    }
    let kept = |pause: &&Pause| {
        matches!(pause.cause, Cause::NotRunning | Cause::EngineAway) && pause.to > run.decided_at
    };
    for pause in question.pauses(from, started).filter(kept) {
        causes.push(pause.words(tale));
        from = from.max(pause.to);
    }
    causes.extend(steps(start, from));
    causes
}

/// Which of its steps took long.
fn steps(Start { first, at: started, notable }: Start<'_>, from: DateTime<Utc>) -> Vec<String> {
    let pulled = step(first, |step| matches!(step, Step::Pulled { .. } | Step::NotPulled { .. }));
    let created = step(first, |step| matches!(step, Step::Created));
    let there = pulled.or(created).unwrap_or(started);
    let (waited, took) = (there - from, started - there.max(from));
    let mut causes = Vec::new();
    if waited >= notable {
        let waited = length(waited);
        causes.push(if pulled.is_some() {
            format!("it waited {waited} for its image or its turn (`--max-running`)")
        } else {
            format!(
                "it waited {waited} for its turn (`--max-running`, `--max-starting`) or the engine"
            )
        });
    }
    if pulled.is_some() && took >= notable {
        causes.push(format!("creating and starting its container took {}", length(took)));
    }
    causes
}

fn step(attempt: &Attempt, is_wanted: impl Fn(&Step) -> bool) -> Option<DateTime<Utc>> {
    attempt.steps.iter().find(|(_, step)| is_wanted(step)).map(|(at, _)| *at)
}

/// The older run whose end it waited for: its instant and its end.
fn waited_for(
    question: &Question<'_>,
    run: &Run,
    started: DateTime<Utc>,
) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let overlap = question.allocation().specification.policies.overlap;
    if !matches!(overlap, Overlap::Queue | Overlap::Replace) {
        return None;
    }
    let older = question.runs.iter().filter(|older| {
        older.id != run.id
            && older.decided_at < run.decided_at
            && !matches!(older.state, RunState::Skipped(_) | RunState::Missed { .. })
    });
    let ends = older.filter_map(|older| Some((older.id.instant.moment(), older.ended_at?)));
    let between = ends.filter(|(_, ended)| *ended - run.decided_at >= NOTABLE && *ended <= started);
    between.max_by_key(|(_, ended)| *ended)
}
