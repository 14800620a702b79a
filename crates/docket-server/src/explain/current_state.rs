//! The present: suspensions, obstacles, runs under way, the next instant and what it waits for.

use chrono::{DateTime, Utc};
use docket_model::{
    journal::Suspension,
    missed_instants::{self, Suspensions},
    wire::Sentence,
};

use super::{
    EngineAway, Facts, dependencies, journal_entries::reason, outcome::outcome, phrasing::duration,
};
use crate::policy;

/// The time, and then all that applies now.
pub(super) fn sentences(facts: &Facts<'_>) -> Vec<Sentence> {
    let mut sentences = vec![clock(facts)];
    sentences.extend(suspension(facts));
    sentences.extend(obstacles(facts));
    sentences.extend(under_way(facts));
    sentences.extend(decided_ahead(facts));
    if facts.allocation().specification.schedule().is_some() {
        sentences.extend(due(facts));
    } else {
        sentences.extend(dependencies::sentences(facts));
    }
    sentences
}

/// The time, and the zone of all times.
pub(super) fn clock(facts: &Facts<'_>) -> Sentence {
    let now = facts.times().date_and_time(facts.now);
    facts.present(match facts.offset {
        Some(offset) => format!("It is {now} at UTC offset {offset}"),
        None => format!("It is {now} in {}", facts.zone().name()),
    })
}

/// The suspensions in force.
pub(super) fn suspension(facts: &Facts<'_>) -> Vec<Sentence> {
    let in_force = |held: &&Suspension| held.holds_at(facts.now);
    let specified = facts.allocation().specification.policies.suspended;
    let specified =
        specified.then(|| "Its specification has `Suspended`, so it only runs manually".to_owned());
    let suspended = facts
        .status
        .suspension
        .as_deref()
        .filter(in_force)
        .map(|held| format!("It has been suspended {}", details(facts, held, "it is resumed")));
    let paused = facts.pause.filter(in_force).map(|held| {
        let details = details(facts, held, "it is unpaused");
        format!("docket is paused and starts nothing by itself, {details}")
    });
    [specified, suspended, paused].into_iter().flatten().map(|text| facts.present(text)).collect()
}

fn details(facts: &Facts<'_>, held: &Suspension, open_end: &str) -> String {
    let times = facts.times();
    let since = times.time(held.since);
    let until = held.until.map_or_else(|| open_end.to_owned(), |until| times.time(until));
    format!("since {since} by {}, until {until}{}", held.by, reason(held))
}

/// What keeps this server from starting anything.
fn obstacles(facts: &Facts<'_>) -> impl Iterator<Item = Sentence> {
    let time = |since| facts.times().time(since);
    let engine = facts.engine_away.map(|EngineAway { engine, since, reason }| {
        format!("The {engine} has not answered since {}, so nothing starts: {reason}", time(since))
    });
    let unfit = facts
        .unfit
        .map(|reason| format!("No engine fits its `Placement`, so nothing starts: {reason}"));
    let shortage =
        facts.shortage.map(|reason| format!("Its next run waits until more nodes fit: {reason}"));
    let store = facts.store_trouble.map(|(since, reason)| {
        format!(
            "The store has not been writable since {}, so nothing starts: {reason}",
            time(since)
        )
    });
    let standby = facts.standby.map(|reason| format!("Nothing starts on this server: {reason}"));
    [engine, unfit, shortage, store, standby].into_iter().flatten().map(|text| facts.present(text))
}

/// The runs that are not over, the newest first.
fn under_way(facts: &Facts<'_>) -> Vec<Sentence> {
    let runs = facts.runs.iter().filter(|run| !run.state.is_over());
    let sentences = runs.map(|run| {
        let (times, instant) = (facts.times(), run.id.instant.moment());
        let when = times.time(instant);
        let text = format!("The run of {when}: {}.", outcome(facts, &times, run));
        Sentence { at: Some(instant), text }
    });
    let mut sentences: Vec<_> = sentences.collect();
    // Only the newest records were read, and an older run may still be under way.
    let older = facts.status.runs.under_way().saturating_sub(sentences.len());
    if older > 0 {
        sentences.push(facts.present(format!("{older} older runs are also under way")));
    }
    sentences
}

/// That the latest decided instant is ahead of the clock, if it is.
fn decided_ahead(facts: &Facts<'_>) -> Option<Sentence> {
    let decided = facts.status.decided.filter(|decided| *decided > facts.now)?;
    let (decided, ahead) = (facts.times().time(decided), duration(decided - facts.now));
    Some(facts.present(format!(
        "Its instants are already decided up to {decided}, {ahead} ahead of the clock, so nothing \
         starts before then unless it is reset"
    )))
}

/// The instant that is due and not decided, and the next one.
fn due(facts: &Facts<'_>) -> Vec<Sentence> {
    let Facts { status, server_zone: zone, now, .. } = *facts;
    let allocation = facts.allocation();
    let schedule = allocation.specification.schedule();
    if schedule.is_none_or(|schedule| schedule.text().trim().is_empty()) {
        return vec![facts.present("It has no schedule, so it runs only manually")];
    }
    let decided = status.decided.unwrap_or(allocation.scheduled_at);
    let undecided = allocation.next(decided, zone).filter(|instant| *instant <= now);
    let undecided = undecided
        .map(|instant| Sentence { at: Some(instant), text: undecided_yet(facts, instant) });
    // What is due by now has a sentence of its own.
    let from = decided.max(now);
    let next = match missed_instants::starts_after(allocation, facts.suspensions(), from, now) {
        None => until_resumed(facts),
        Some(start) => match allocation.next(start, zone) {
            Some(next) => coming(facts, next, allocation.next(from, zone) != Some(next)),
            None => no_next_instant(facts),
        },
    };
    undecided.into_iter().chain([facts.present(next)]).chain(bounds(facts)).collect()
}

/// The next instant that starts if nothing changes.
fn coming(facts: &Facts<'_>, next: DateTime<Utc>, is_suspended_until_then: bool) -> String {
    let times = facts.times();
    let starts = policy::starts_at(facts.allocation(), next, facts.server_zone);
    let when = format!("It is due next at {}", times.time(next));
    if is_suspended_until_then {
        format!("{when}. Until then its instants are missed")
    } else if starts > next {
        format!("{when}, and starts at {} because of its `Jitter`", times.time(starts))
    } else {
        when
    }
}

/// That there is no next instant, because a suspension has no end.
fn until_resumed(facts: &Facts<'_>) -> String {
    let allocation = facts.allocation();
    // If its own suspension has no end either, an unpaused server would not start it.
    let own = Suspensions { server: None, ..facts.suspensions() };
    let until = if allocation.specification.policies.suspended {
        "it is pushed without `Suspended`"
    } else if missed_instants::starts_after(allocation, own, facts.now, facts.now).is_none() {
        "it is resumed"
    } else {
        "docket is unpaused"
    };
    format!("It has no next instant until {until}")
}

/// `NotBefore` and `NotAfter`, if they are in the future.
fn bounds(facts: &Facts<'_>) -> impl Iterator<Item = Sentence> {
    let policies = &facts.allocation().specification.policies;
    let bounds =
        [(policies.not_before, "before", "NotBefore"), (policies.not_after, "after", "NotAfter")];
    bounds.into_iter().filter_map(|(bound, side, key)| {
        let bound = bound.map(|bound| bound.to_utc()).filter(|bound| *bound > facts.now)?;
        let bound = facts.times().time(bound);
        Some(facts.present(format!("Nothing is due {side} its `{key}`, {bound}")))
    })
}

/// Why a past instant is not decided.
pub(super) fn undecided_yet(facts: &Facts<'_>, instant: DateTime<Utc>) -> String {
    let times = facts.times();
    let starts = policy::starts_at(facts.allocation(), instant, facts.server_zone);
    let when = times.time(instant);
    if starts > facts.now {
        let starts = times.time(starts);
        return format!("{when} is due and starts at {starts} because of its `Jitter`.");
    }
    let reason = match *facts {
        Facts { engine_away: Some(EngineAway { engine, since, .. }), .. } => {
            format!(
                "the {engine} has not answered since {}, and it is decided once the engine answers",
                times.time(since)
            )
        }
        Facts { unfit: Some(reason), .. } => {
            format!("no engine fits its `Placement`: {reason}")
        }
        Facts { shortage: Some(reason), .. } => reason.to_owned(),
        Facts { store_trouble: Some((since, _)), .. } => {
            format!(
                "the store has not been writable since {}, and it is decided once the store is",
                times.time(since)
            )
        }
        Facts { standby: Some(reason), .. } => reason.to_owned(),
        _ => return format!("{when} is due and is being decided at this moment."),
    };
    format!("{when} is due and not decided yet: {reason}.")
}

/// Why it has no next instant. "Never again" is only true of what ran before.
fn no_next_instant(facts: &Facts<'_>) -> String {
    let policies = &facts.allocation().specification.policies;
    let never = if facts.runs.is_empty() { "never runs" } else { "never runs again" };
    match policies.not_after.filter(|bound| *bound <= facts.now.fixed_offset()) {
        Some(bound) => {
            format!("It {never}: its `NotAfter` is {}", facts.times().time(bound.to_utc()))
        }
        None => format!("It {never}: its schedule has no future instants"),
    }
}
