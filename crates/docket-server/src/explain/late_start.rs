//! Why a container started later than it was due.

use chrono::{DateTime, TimeDelta, Utc};
use docket_model::{
    Run,
    allocation::Overlap,
    journal::{Cause, Pause},
    run::{Attempt, RunState, Step, Trigger},
};

use super::{
    Facts,
    phrasing::{ClockTimes, duration},
};
use crate::policy;

/// A shorter lateness needs no explanation.
const PUNCTUAL: TimeDelta = TimeDelta::seconds(5);

/// A shorter delay is not mentioned.
const NOTABLE: TimeDelta = TimeDelta::seconds(2);

/// How late the first container started and why, in a sentence; nothing if it was in time.
pub(super) fn lateness(facts: &Facts<'_>, times: &ClockTimes, run: &Run) -> Option<String> {
    let first = run.attempts.first()?;
    let started = first.started_at?;
    let (due, jitter) = due(facts, run);
    let late = started - due;
    let spread = format!("{} of `Jitter`", duration(jitter));
    if late <= PUNCTUAL {
        let at = (jitter > PUNCTUAL).then(|| times.time(started))?;
        return Some(format!("It started at {at}, after {spread}."));
    }
    let mut causes = Vec::new();
    if jitter >= NOTABLE {
        causes.push(format!("it was due after {spread}"));
    }
    causes.extend(decision(facts, times, due, run.decided_at));
    // Small parts of a long delay would hide its main cause.
    let notable = NOTABLE.max(late / 10);
    causes.extend(delays(facts, times, run, Start { first, at: started, notable }));
    let relation = if run.is_backfill() { "after it was requested" } else { "late" };
    let summary = format!("It started at {}, {} {relation}", times.time(started), duration(late));
    let causes = causes.join("; ");
    Some(if causes.is_empty() { summary + "." } else { format!("{summary}: {causes}.") })
}

/// When the run was to start, and how much of that is jitter.
fn due(facts: &Facts<'_>, run: &Run) -> (DateTime<Utc>, TimeDelta) {
    let (instant, allocation) = (run.id.instant.moment(), facts.allocation());
    if !matches!(run.trigger, Trigger::Schedule | Trigger::CatchUp) {
        return (run.decided_at, TimeDelta::zero());
    }
    if run.revision != allocation.revision {
        // The older revision may have had another jitter, which is not on record.
        return (instant, TimeDelta::zero());
    }
    let starts = policy::starts_at(allocation, instant, facts.server_zone);
    // A run that was decided before the computed start was due earlier, as in another zone.
    let due = starts.min(run.decided_at.max(instant));
    (due, due - instant)
}

/// Why the run was decided late.
fn decision(
    facts: &Facts<'_>,
    times: &ClockTimes,
    due: DateTime<Utc>,
    decided: DateTime<Utc>,
) -> Vec<String> {
    if decided - due < NOTABLE {
        return Vec::new();
    }
    let pauses: Vec<_> = facts.pauses(due, decided).map(|pause| pause.words(times)).collect();
    if pauses.is_empty() {
        return vec![format!("docket decided it only at {}", times.time(decided))];
    }
    pauses
}

/// The start of the first attempt, and the shortest delay before it that is mentioned.
#[derive(Debug, Clone, Copy)]
struct Start<'a> {
    first: &'a Attempt,
    at: DateTime<Utc>,
    notable: TimeDelta,
}

/// What delayed the run between the decision and the start of its container.
fn delays(facts: &Facts<'_>, times: &ClockTimes, run: &Run, start: Start<'_>) -> Vec<String> {
    let mut causes = Vec::new();
    let mut from = run.decided_at;
    if let Some((older, ended)) = awaited(facts, run, start.at) {
        let (older, until) = (times.time(older), times.time(ended));
        causes.push(format!("it waited until {until} for the run of {older} to end"));
        from = ended;
    }
    let delayed = |pause: &&Pause| {
        matches!(pause.cause, Cause::NotRunning | Cause::EngineAway) && pause.to > run.decided_at
    };
    for pause in facts.pauses(from, start.at).filter(delayed) {
        causes.push(pause.words(times));
        from = from.max(pause.to);
    }
    causes.extend(slow_steps(start, from));
    causes
}

/// Which steps of the attempt took long.
fn slow_steps(
    Start { first, at: started, notable }: Start<'_>,
    from: DateTime<Utc>,
) -> Vec<String> {
    let time_of = |is_wanted: fn(&Step) -> bool| {
        first.steps.iter().find(|(_, step)| is_wanted(step)).map(|(at, _)| *at)
    };
    let pulled = time_of(|step| matches!(step, Step::Pulled { .. } | Step::NotPulled { .. }));
    let created = time_of(|step| matches!(step, Step::Created));
    let ready = pulled.or(created).unwrap_or(started);
    let (waited, took) = (ready - from, started - ready.max(from));
    let mut causes = Vec::new();
    if waited >= notable {
        let awaited = if pulled.is_some() {
            "its image or a free slot (`--max-running`)"
        } else {
            "a free slot (`--max-running`, `--max-starting`) or the engine"
        };
        causes.push(format!("it waited {} for {awaited}", duration(waited)));
    }
    if pulled.is_some() && took >= notable {
        causes.push(format!("creating and starting its container took {}", duration(took)));
    }
    causes
}

/// The older run for whose end the run waited: its instant and its end.
fn awaited(
    facts: &Facts<'_>,
    run: &Run,
    started: DateTime<Utc>,
) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let overlap = facts.allocation().specification.policies.overlap;
    if !matches!(overlap, Overlap::Queue | Overlap::Replace) {
        return None;
    }
    let older = facts.runs.iter().filter(|older| {
        older.id != run.id
            && older.decided_at < run.decided_at
            && !matches!(older.state, RunState::Skipped(_) | RunState::Missed { .. })
    });
    let ends = older.filter_map(|older| Some((older.id.instant.moment(), older.ended_at?)));
    let between = ends.filter(|(_, ended)| *ended - run.decided_at >= NOTABLE && *ended <= started);
    between.max_by_key(|(_, ended)| *ended)
}
