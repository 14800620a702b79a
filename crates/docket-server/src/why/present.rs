//! How an allocation stands now: suspended, under way, when it is due next, and what it waits for.

use chrono::{DateTime, Utc};
use docket_model::{
    journal::Suspension,
    undecided::{self, Suspensions},
    wire::Sentence,
};

use super::{
    Question,
    outcome::outcome,
    parents,
    tale::{length, stop},
};
use crate::policy;

/// What the clock shows; then all that is so now.
pub(super) fn told(question: &Question<'_>) -> Vec<Sentence> {
    let mut sentences = vec![clock(question)];
    sentences.extend(suspension(question));
    sentences.extend(engine(question));
    sentences.extend(store(question));
    sentences.extend(standby(question));
    sentences.extend(under_way(question));
    sentences.extend(ahead(question));
    if question.allocation().specification.schedule().is_some() {
        sentences.extend(due(question));
    } else {
        sentences.extend(parents::told(question));
    }
    sentences
}

/// What the clock shows, and in which zone.
pub(super) fn clock(question: &Question<'_>) -> Sentence {
    let now = question.tale().date_and_time(question.now);
    question.now(match question.offset {
        Some(offset) => format!("It is {now} at UTC offset {offset}."),
        None => format!("It is {now} in {}.", question.wall().name()),
    })
}

/// Why nothing starts by itself, if that is so.
pub(super) fn suspension(question: &Question<'_>) -> Vec<Sentence> {
    let mut sentences = Vec::new();
    if question.allocation().specification.policies.suspended {
        sentences.push(
            question.now(
                "Its specification says `Suspended`, so it starts nothing by itself.".to_owned(),
            ),
        );
    }
    let held = question.status.suspension.as_deref();
    if let Some(held) = held.filter(|held| held.holds_at(question.now)) {
        let details = details(question, held, "somebody resumes it");
        sentences.push(question.now(stop(&format!("It is suspended {details}"))));
    }
    if let Some(held) = question.pause.filter(|held| held.holds_at(question.now)) {
        let details = details(question, held, "it is unpaused");
        let text = format!("docket is paused and starts nothing by itself, {details}");
        sentences.push(question.now(stop(&text)));
    }
    sentences
}

/// Since when a suspension holds, by whom, until when and why.
fn details(question: &Question<'_>, held: &Suspension, open_end: &str) -> String {
    let tale = question.tale();
    let (since, by) = (tale.time(held.since), &held.by);
    let until = held.until.map_or_else(|| open_end.to_owned(), |it| tale.time(it));
    let reason = held.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("since {since} by {by}, until {until}{reason}")
}

fn engine(question: &Question<'_>) -> Option<Sentence> {
    let (since, reason) = question.engine_away?;
    let since = question.tale().time(since);
    let text = format!("The engine does not answer since {since}, so nothing starts: {reason}");
    Some(question.now(stop(&text)))
}

fn store(question: &Question<'_>) -> Option<Sentence> {
    let (since, reason) = question.store_trouble?;
    let since = question.tale().time(since);
    let text = format!("The store cannot be written since {since}, so nothing starts: {reason}");
    Some(question.now(stop(&text)))
}

fn standby(question: &Question<'_>) -> Option<Sentence> {
    let reason = question.standby?;
    Some(question.now(stop(&format!("Nothing starts on this server: {reason}"))))
}

/// The runs that are not over, the newest first.
fn under_way(question: &Question<'_>) -> Vec<Sentence> {
    let runs = question.runs.iter().filter(|run| !run.state.is_over());
    let told = runs.map(|run| {
        let tale = question.tale();
        let instant = run.id.instant.moment();
        let when = tale.time(instant);
        let how = outcome(question, &tale, run);
        Sentence { at: Some(instant), text: format!("The run of {when}: {how}.") }
    });
    let mut told: Vec<_> = told.collect();
    let older = question.status.runs.under_way().saturating_sub(told.len());
    if older > 0 {
        told.push(question.now(format!("Besides, {older} older runs are under way.")));
    }
    told
}

/// Says so where the latest instant decided is ahead of the clock.
fn ahead(question: &Question<'_>) -> Option<Sentence> {
    let decided = question.status.decided.filter(|decided| *decided > question.now)?;
    let (decided, by) = (question.tale().time(decided), length(decided - question.now));
    Some(question.now(format!(
        "It was decided up to {decided} already, {by} ahead of the clock, so nothing starts before \
         then unless it is reset."
    )))
}

/// What has come and is not decided, and when it is due next.
fn due(question: &Question<'_>) -> Vec<Sentence> {
    let Question { status, zone, now, .. } = *question;
    let allocation = question.allocation();
    let schedule = allocation.specification.schedule();
    if schedule.is_none_or(|schedule| schedule.text().trim().is_empty()) {
        return vec![question.now("It has no schedule, so it runs by hand only.".to_owned())];
    }
    let decided = status.decided.unwrap_or(allocation.scheduled_at);
    let mut sentences = Vec::new();
    if let Some(undecided) = allocation.next(decided, zone).filter(|instant| *instant <= now) {
        let text = undecided_yet(question, undecided);
        sentences.push(Sentence { at: Some(undecided), text });
    }
    let from = decided.max(now);
    let text = match undecided::starts_after(allocation, question.suspensions(), from, now) {
        None => without_end(question),
        Some(start) => match allocation.next(start, zone) {
            Some(next) => coming(question, next, allocation.next(from, zone) != Some(next)),
            None => no_next_instant(question),
        },
    };
    sentences.push(question.now(text));
    sentences.extend(bounds(question));
    sentences
}

/// The next instant that starts, if nothing changes.
fn coming(question: &Question<'_>, next: DateTime<Utc>, is_held_until_then: bool) -> String {
    let tale = question.tale();
    let (when, starts) =
        (tale.time(next), policy::starts_at(question.allocation(), next, question.zone));
    if is_held_until_then {
        format!("It is due next at {when}. Until then its instants are missed.")
    } else if starts > next {
        format!("It is due next at {when}, and starts at {} by its `Jitter`.", tale.time(starts))
    } else {
        format!("It is due next at {when}.")
    }
}

/// That there is no next instant, because what suspends it has no end.
fn without_end(question: &Question<'_>) -> String {
    let allocation = question.allocation();
    let by_name = Suspensions { server: None, ..question.suspensions() };
    let until = if allocation.specification.policies.suspended {
        "it is pushed without `Suspended`"
    } else if undecided::starts_after(allocation, by_name, question.now, question.now).is_none() {
        "it is resumed"
    } else {
        "docket is unpaused"
    };
    format!("It has no next instant until {until}.")
}

/// Between which moments it is due, where they are still to come.
fn bounds(question: &Question<'_>) -> Vec<Sentence> {
    let policies = &question.allocation().specification.policies;
    let bounds =
        [(policies.not_before, "before", "NotBefore"), (policies.not_after, "after", "NotAfter")];
    let to_come = bounds.into_iter().filter_map(|(bound, side, key)| {
        let bound = bound?.to_utc();
        (bound > question.now).then(|| {
            let bound = question.tale().time(bound);
            question.now(format!("Nothing is due {side} its `{key}`, {bound}."))
        })
    });
    to_come.collect()
}

/// Why an instant that has come is not decided.
pub(super) fn undecided_yet(question: &Question<'_>, instant: DateTime<Utc>) -> String {
    let tale = question.tale();
    let starts = policy::starts_at(question.allocation(), instant, question.zone);
    let when = tale.time(instant);
    if starts > question.now {
        return format!("{when} has come, and starts at {} by its `Jitter`.", tale.time(starts));
    }
    match question.engine_away {
        Some((since, _)) => {
            let since = tale.time(since);
            format!(
                "{when} has come and is not decided yet: the engine does not answer since {since}, \
                 and it is decided as soon as it does."
            )
        }
        None => match question.store_trouble {
            Some((since, _)) => {
                let since = tale.time(since);
                format!(
                    "{when} has come and is not decided yet: the store cannot be written since \
                     {since}, and it is decided as soon as it can."
                )
            }
            None => match question.standby {
                Some(reason) => format!("{when} has come and is not decided: {reason}."),
                None => format!("{when} has come, and is being decided in this moment."),
            },
        },
    }
}

/// Why it has no next instant. "Never again" is only true of what ran before.
fn no_next_instant(question: &Question<'_>) -> String {
    let policies = &question.allocation().specification.policies;
    let now = question.now.fixed_offset();
    let never = if question.runs.is_empty() { "never runs" } else { "never runs again" };
    match policies.not_after.filter(|bound| *bound <= now) {
        Some(bound) => {
            let bound = question.tale().time(bound.to_utc());
            format!("It {never}: its `NotAfter` is {bound}.")
        }
        None => format!("It {never}: its schedule has no future instants."),
    }
}
