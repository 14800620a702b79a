//! Why there is no record of a moment.

use chrono::{DateTime, SubsecRound, Utc};
use docket_model::{
    journal::{Entry, Event},
    parse_time::Moment,
    run::Instant,
    schedule::Schedule,
    wire::Sentence,
};

use super::{
    Facts, current_state, journal_entries,
    outcome::outcome_of,
    phrasing::{capitalized, listed},
};
use crate::policy;

/// Why a moment has no record: the first cause that applies, and what was going on.
pub(super) fn sentences(facts: &Facts<'_>, at: DateTime<Utc>) -> Vec<Sentence> {
    let schedule = facts.allocation().specification.schedule();
    let text = match schedule {
        _ if at <= facts.allocation().created_at => before_creation(facts, at),
        None => after_parents(facts, at),
        Some(schedule) => of_schedule(facts, schedule, at),
    };
    let mut sentences = vec![Sentence { at: Some(at), text }];
    // A suspension in force decides whether the future instant starts.
    if at > facts.now && schedule.is_some() {
        sentences.extend(current_state::suspension(facts));
    }
    sentences.extend(facts.pauses(at, at).map(|pause| {
        let text = format!("by the journal, {}", pause.words(&facts.times()));
        Sentence { at: Some(pause.to), text: capitalized(&text) }
    }));
    sentences
}

/// The schedule as it is written.
pub(super) fn schedule_text(facts: &Facts<'_>) -> String {
    let text = facts.allocation().specification.schedule().map_or("", Schedule::text).trim();
    if text.is_empty() { "this allocation".to_owned() } else { format!("`{text}`") }
}

fn of_schedule(facts: &Facts<'_>, schedule: &Schedule, at: DateTime<Utc>) -> String {
    let (times, status) = (facts.times(), facts.status);
    let when = times.time(at);
    let pruned = status.pruned.map(Instant::moment).filter(|pruned| at <= *pruned);
    if at <= facts.allocation().scheduled_at {
        let lost = " The record of that time, if there was one, was pruned.";
        let lost = pruned.map(|_| lost).unwrap_or_default();
        return format!("There is no record of {when}. {}{lost}", schedule_changed(facts));
    }
    if !facts.is_instant(at) {
        return not_an_instant(facts, schedule, at);
    }
    if let Some(bound) = out_of_bounds(facts, at) {
        return format!("{when} is an instant of the schedule, but {bound}");
    }
    if let Some(pruned) = pruned {
        let pruned = times.time(pruned);
        return format!("The record of {when} was pruned, as all up to {pruned}: see `Keep`.");
    }
    if at > facts.now {
        return future(facts, at);
    }
    if let Some(text) = zone_changed(facts, schedule, at) {
        return text;
    }
    match status.decided.filter(|decided| at <= *decided) {
        Some(decided) => format!(
            "{when} was not decided again: all instants up to {} had already been decided.",
            times.time(decided)
        ),
        None => current_state::undecided_yet(facts, at),
    }
}

fn future(facts: &Facts<'_>, at: DateTime<Utc>) -> String {
    let times = facts.times();
    let starts = policy::starts_at(facts.allocation(), at, facts.server_zone);
    let when = times.time(at);
    if policy::suspended(facts.allocation(), facts.suspensions(), at).is_some() {
        format!("{when} is in the future, and nothing will start then unless it is resumed before.")
    } else if starts > at {
        let starts = times.time(starts);
        format!("{when} is in the future: it will start at {starts} because of its `Jitter`.")
    } else {
        format!("{when} is in the future: it will start then.")
    }
}

/// Why a moment is not an instant: a local time that occurs twice, or the nearest instants.
fn not_an_instant(facts: &Facts<'_>, schedule: &Schedule, at: DateTime<Utc>) -> String {
    let (allocation, times, zone) = (facts.allocation(), facts.times(), facts.zone());
    let when = times.exactly(at);
    if schedule.text().trim().is_empty() {
        return format!("There is no run at {when}: it has no schedule and runs only manually.");
    }
    let local = at.trunc_subsecs(0).with_timezone(&zone).naive_local();
    if let Some(Moment::Twice { first, second }) = Moment::of_wall(local, zone)
        && second == at
        && facts.is_instant(first)
    {
        let first = times.time(first);
        return format!(
            "{when} occurs twice that day, and the schedule runs at the first only: {first}."
        );
    }
    let before = schedule.previous(at, allocation.anchor(schedule), zone);
    // An earlier instant of this schedule was never due.
    let before = before.filter(|before| *before > allocation.scheduled_at);
    let after = allocation.next(at, facts.server_zone);
    let near: Vec<_> = before.into_iter().chain(after).map(|near| times.time(near)).collect();
    let nearest = match near.as_slice() {
        [] => "it has none".to_owned(),
        [one] => format!("the nearest is {one}"),
        two => format!("the nearest are {}", listed(two)),
    };
    format!("{when} is not an instant of this schedule ({}); {nearest}.", schedule_text(facts))
}

/// The bound of the allocation that excludes an instant.
fn out_of_bounds(facts: &Facts<'_>, at: DateTime<Utc>) -> Option<String> {
    let policies = &facts.allocation().specification.policies;
    let before = policies.not_before.filter(|bound| at < *bound);
    let before = before.map(|bound| ("before its `NotBefore`", bound));
    let after = policies.not_after.filter(|bound| at > *bound);
    let (side, bound) = before.or(after.map(|bound| ("after its `NotAfter`", bound)))?;
    Some(format!("nothing is due {side}, {}.", facts.times().time(bound.to_utc())))
}

/// That another zone, or other rules of the zone, applied at a moment.
fn zone_changed(facts: &Facts<'_>, schedule: &Schedule, at: DateTime<Utc>) -> Option<String> {
    let allocation = facts.allocation();
    if !schedule.depends_on_zone() || facts.status.decided < Some(at) {
        return None;
    }
    let uses_server_zone = allocation.specification.depends_on_server_zone();
    let is_own = |name: &String| name == facts.zone().name();
    let times = facts.times();
    // The earliest change after the moment is the one that ended its rules.
    let mut later = facts.entries.iter().rev().filter(|entry| entry.at >= at);
    later.find_map(|entry| {
        let (when, changed) = (times.time(at), times.time(entry.at));
        let what = match &entry.event {
            Event::ServerZoneChanged { from, to } if uses_server_zone => format!(
                "The time zone of the server was changed from {from} to {to} at {changed}, and instants \
                 of the past do not start in another zone."
            ),
            Event::ZoneDataChanged { zones, .. } if zones.iter().any(is_own) => format!(
                "Newer time zone data was loaded at {changed}, and instants of the past do not start \
                 by its rules."
            ),
            _ => return None,
        };
        Some(format!("There is no record of {when}. {what}"))
    })
}

/// That the schedule changed later, and who changed it.
fn schedule_changed(facts: &Facts<'_>) -> String {
    let scheduled = facts.allocation().scheduled_at;
    let change = facts.entries.iter().find_map(|entry| match &entry.event {
        Event::Updated { keys } if entry.at == scheduled => Some((entry, keys)),
        _ => None,
    });
    let by = change.map(|(entry, keys)| {
        format!("{} ({})", journal_entries::by(entry), journal_entries::quoted(keys))
    });
    format!(
        "The schedule was changed at {}{}, and a changed schedule never starts an instant of the past.",
        facts.times().time(scheduled),
        by.unwrap_or_default()
    )
}

fn before_creation(facts: &Facts<'_>, at: DateTime<Utc>) -> String {
    let (allocation, times) = (facts.allocation(), facts.times());
    let (when, name) = (times.time(at), allocation.name());
    let is_deletion = |entry: &&Entry| {
        entry.event == Event::Deleted && entry.at >= at && entry.at <= allocation.created_at
    };
    let deleted = facts.entries.iter().find(is_deletion);
    let created = times.time(allocation.created_at);
    match deleted {
        Some(entry) => format!(
            "There is no record of {when}: {name} was deleted{} at {}, with its history, and created \
             again at {created}.",
            journal_entries::by(entry),
            times.time(entry.at)
        ),
        None => format!("{name} did not exist at {when}: it was created at {created}."),
    }
}

/// What the parents of the allocation did at an instant.
fn after_parents(facts: &Facts<'_>, at: DateTime<Utc>) -> String {
    let (name, times) = (facts.allocation().name(), facts.times());
    let when = times.time(at);
    let parents: Vec<_> = facts.parents.iter().map(|parent| parent.name.as_str()).collect();
    let mut text = format!("There is no record of {when}: {name} runs after {}.", listed(&parents));
    for parent in facts.parents {
        if let Some(run) = &parent.then {
            let outcome = outcome_of(facts, &times, run);
            text = format!("{text} For {when} {} {outcome}.", parent.name);
        }
    }
    if facts.parents.iter().all(|parent| parent.then.is_none()) {
        text += " None of those has a record of it either.";
    }
    text
}
