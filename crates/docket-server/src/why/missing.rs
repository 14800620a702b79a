//! Why there is no record of a moment.

use chrono::{DateTime, SubsecRound, Utc};
use docket_model::{
    AllocationName,
    journal::{Entry, Event},
    moment::Moment,
    schedule::Schedule,
    wire::Sentence,
};

use super::{
    Question, event,
    outcome::outcome_of,
    present,
    tale::{listed, sentence},
};
use crate::policy;

/// Why there is no record of a moment; the first cause there is.
pub(super) fn told(question: &Question<'_>, at: DateTime<Utc>) -> Vec<Sentence> {
    let specification = &question.allocation().specification;
    let schedule = specification.schedule();
    let mut sentences = match schedule {
        _ if at <= question.allocation().created_at => vec![before_its_time(question, at)],
        None => after_parents(question, at),
        Some(_) => vec![of_schedule(question, at)],
    };
    for sentence in &mut sentences {
        sentence.at = Some(at);
    }
    if at > question.now && schedule.is_some() {
        sentences.extend(present::suspension(question));
    }
    sentences.extend(pauses(question, at));
    sentences
}

/// The schedule as it is written.
pub(super) fn written(question: &Question<'_>) -> String {
    let text = question.allocation().specification.schedule().map_or("", Schedule::text).trim();
    if text.is_empty() { "this allocation".to_owned() } else { format!("`{text}`") }
}

fn of_schedule(question: &Question<'_>, at: DateTime<Utc>) -> Sentence {
    let allocation = question.allocation();
    let (tale, status) = (question.tale(), question.status);
    let when = tale.time(at);
    let is_pruned = status.pruned.is_some_and(|pruned| at <= pruned.moment());
    let text = if at <= allocation.scheduled_at {
        let changed = changed(question);
        let lost =
            if is_pruned { " The record of that time, if there was one, was pruned." } else { "" };
        format!("There is no record of {when}. {changed}{lost}")
    } else if !question.is_instant(at) {
        not_an_instant(question, at)
    } else if let Some(bound) = out_of_bounds(question, at) {
        format!("{when} is an instant of the schedule, but {bound}")
    } else if is_pruned {
        let pruned = status.pruned.map(|pruned| tale.time(pruned.moment())).unwrap_or_default();
        format!("The record of {when} was pruned, as all up to {pruned}: see `Keep`.")
    } else if at > question.now {
        to_come(question, at)
    } else if let Some(text) = zone_changed(question, at) {
        text
    } else if status.decided.is_some_and(|decided| at <= decided) {
        let decided = status.decided.map(|decided| tale.time(decided)).unwrap_or_default();
        format!(
            "{when} was not decided anew: all instants up to {decided} had been decided before, and \
             time goes one way."
        )
    } else {
        present::undecided_yet(question, at)
    };
    question.now(text)
}

fn to_come(question: &Question<'_>, at: DateTime<Utc>) -> String {
    let tale = question.tale();
    let starts = policy::starts_at(question.allocation(), at, question.zone);
    let when = tale.time(at);
    let is_suspended = policy::suspended(question.allocation(), question.suspensions(), at);
    match is_suspended {
        Some(_) => format!("{when} is still to come, and nothing will start as things stand."),
        None if starts > at => {
            format!("{when} is still to come: it starts at {} by its `Jitter`.", tale.time(starts))
        }
        None => format!("{when} is still to come: it will start then."),
    }
}

/// Why a moment is not an instant: the nearest ones, or a time that comes twice.
fn not_an_instant(question: &Question<'_>, at: DateTime<Utc>) -> String {
    let allocation = question.allocation();
    let Some(schedule) = allocation.specification.schedule() else { return String::new() };
    let tale = question.tale();
    let when = tale.exactly(at);
    if schedule.text().trim().is_empty() {
        return format!("{when}: nothing, as it has no schedule and runs by hand only.");
    }
    if let Some(first) = first_occurrence(question, at).filter(|first| question.is_instant(*first))
    {
        let first = tale.time(first);
        return format!(
            "{when} comes twice that day, and the schedule runs at the first only: {first}."
        );
    }
    let (anchor, zone) = (allocation.anchor(schedule), question.wall());
    let before = schedule.previous(at, anchor, zone).filter(|it| *it > allocation.scheduled_at);
    let after = allocation.next(at, question.zone);
    let near: Vec<_> = before.into_iter().chain(after).map(|near| tale.time(near)).collect();
    let nearest = match near.as_slice() {
        [] => "it has none".to_owned(),
        [one] => format!("the nearest is {one}"),
        two => format!("the nearest are {}", listed(two)),
    };
    format!("{when} is not an instant of this schedule ({}); {nearest}.", written(question))
}

/// The first occurrence of a wall time that comes twice, where a moment is the second.
fn first_occurrence(question: &Question<'_>, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let wall = at.trunc_subsecs(0).with_timezone(&question.wall()).naive_local();
    match Moment::of_wall(wall, question.wall())? {
        Moment::Twice { first, second } if second == at => Some(first),
        _ => None,
    }
}

/// Which bound of the allocation leaves an instant out.
fn out_of_bounds(question: &Question<'_>, at: DateTime<Utc>) -> Option<String> {
    let policies = &question.allocation().specification.policies;
    let tale = question.tale();
    let before = policies.not_before.filter(|bound| at < *bound);
    let after = policies.not_after.filter(|bound| at > *bound);
    let told =
        |key: &str, bound: DateTime<Utc>| format!("nothing is due {key} {}.", tale.time(bound));
    before
        .map(|bound| told("before its `NotBefore`,", bound.to_utc()))
        .or_else(|| after.map(|bound| told("after its `NotAfter`,", bound.to_utc())))
}

/// That another wall clock was in force at a moment, if nothing else was decided about it.
fn zone_changed(question: &Question<'_>, at: DateTime<Utc>) -> Option<String> {
    let allocation = question.allocation();
    let schedule = allocation.specification.schedule()?;
    if !schedule.depends_on_zone() || question.status.decided < Some(at) {
        return None;
    }
    let (zone, names_none) = (question.zone, allocation.specification.depends_on_server_zone());
    let is_own = |name: &String| name == allocation.zone(zone).name();
    let tale = question.tale();
    let mut later = question.entries.iter().rev().filter(|entry| entry.at >= at);
    later.find_map(|entry| {
        let (when, changed) = (tale.time(at), tale.time(entry.at));
        let what = match &entry.event {
            Event::ServerZoneChanged { from, to } if names_none => format!(
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

/// That the schedule changed later, and by whom.
fn changed(question: &Question<'_>) -> String {
    let scheduled = question.allocation().scheduled_at;
    let entry = question
        .entries
        .iter()
        .find(|entry| entry.at == scheduled && matches!(entry.event, Event::Updated { .. }));
    let who = match entry {
        Some(Entry { event: Event::Updated { keys }, by, .. }) => {
            let by = by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
            format!("{by} ({})", event::named(keys))
        }
        _ => String::new(),
    };
    let at = question.tale().time(scheduled);
    format!(
        "The schedule was changed at {at}{who}, and a changed schedule never starts an instant of \
         the past."
    )
}

fn before_its_time(question: &Question<'_>, at: DateTime<Utc>) -> Sentence {
    let allocation = question.allocation();
    let tale = question.tale();
    let (when, name) = (tale.time(at), allocation.name());
    let deleted = question.entries.iter().find(|entry| {
        entry.event == Event::Deleted && entry.at >= at && entry.at <= allocation.created_at
    });
    let created = tale.time(allocation.created_at);
    let text = match deleted {
        Some(entry) => {
            let by = entry.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
            format!(
                "There is no record of {when}: {name} was deleted{by} at {}, its history with it, and \
                 created anew at {created}.",
                tale.time(entry.at)
            )
        }
        None => format!("There was nothing at {when}: {name} was created at {created} only."),
    };
    question.now(text)
}

/// Of an allocation that runs after others: how those stood at an instant.
fn after_parents(question: &Question<'_>, at: DateTime<Utc>) -> Vec<Sentence> {
    let name = question.allocation().name();
    let tale = question.tale();
    let when = tale.time(at);
    let parents: Vec<_> = question.parents.iter().map(|parent| &parent.name).collect();
    let names = listed(&parents.into_iter().map(AllocationName::as_str).collect::<Vec<_>>());
    let mut text = format!("There is no record of {when}: {name} runs after {names}.");
    for parent in question.parents {
        let Some(run) = &parent.then else { continue };
        let how = outcome_of(question, &tale, run);
        text = format!("{text} For {when} {} {how}.", parent.name);
    }
    if question.parents.iter().all(|parent| parent.then.is_none()) {
        text = format!("{text} None of those has a record of it either.");
    }
    vec![question.now(text)]
}

/// The pauses of the server that a moment fell into.
fn pauses(question: &Question<'_>, at: DateTime<Utc>) -> Vec<Sentence> {
    let told = question.pauses(at, at).map(|pause| {
        let text = pause.words(&question.tale());
        Sentence { at: Some(pause.to), text: sentence(&format!("by the journal, {text}")) }
    });
    told.collect()
}
