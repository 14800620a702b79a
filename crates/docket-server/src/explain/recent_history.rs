//! The newest records, and the journal's events between them.

use std::cmp::Reverse;

use chrono::{DateTime, Utc};
use docket_model::{
    journal::{Entry, Event},
    wire::Sentence,
};

use super::{Facts, MOST_RUNS, current_state, journal_entries, one_run, phrasing::full_stop};

/// How many consecutive events of the server are listed one by one.
const MOST_EVENTS: usize = 4;

struct Item {
    at: DateTime<Utc>,
    is_of_server: bool,
    sentence: Sentence,
}

/// The present, and then the past, the newest first.
pub(crate) fn recent(facts: &Facts<'_>) -> Vec<Sentence> {
    let runs = facts.runs.iter().take(MOST_RUNS);
    let oldest = facts.runs.get(MOST_RUNS - 1).map(|run| run.id.instant.moment());
    let over = runs.filter(|run| run.state.is_over()).map(|run| Item {
        at: run.id.instant.moment(),
        is_of_server: false,
        sentence: one_run::sentence(facts, run),
    });
    let entries = facts.entries.iter().filter(|entry| is_relevant(facts, entry, oldest));
    // What is in force now is in the sentences about the present.
    let entries = entries.filter(|entry| !is_in_force(facts, &entry.event));
    let events = entries.map(|entry| Item {
        at: entry.at,
        is_of_server: entry.allocation.is_none(),
        sentence: journal_entries::sentence(facts, entry),
    });
    let mut past: Vec<_> = over.chain(events).collect();
    // Stable: at the same moment a run comes before the event.
    past.sort_by_key(|item| Reverse(item.at));
    let mut sentences = current_state::sentences(facts);
    for group in past.chunk_by(|newer, older| newer.is_of_server && older.is_of_server) {
        sentences.extend(shortened(facts, group));
    }
    sentences.extend(end(facts));
    sentences
}

/// True for the beginning of a suspension or a pause that is in force.
fn is_in_force(facts: &Facts<'_>, event: &Event) -> bool {
    let (begun, held) = match event {
        Event::Suspended(begun) => (begun, facts.status.suspension.as_deref()),
        Event::ServerPaused(begun) => (begun, facts.pause),
        _ => return false,
    };
    held.is_some_and(|held| held == begun && held.holds_at(facts.now))
}

/// True for an entry since the oldest record that is shown.
fn is_relevant(facts: &Facts<'_>, entry: &Entry, oldest: Option<DateTime<Utc>>) -> bool {
    // Before the allocation was created only its own history matters.
    oldest.is_none_or(|oldest| entry.at >= oldest)
        && (entry.allocation.is_some() || entry.at >= facts.allocation().created_at)
}

/// Consecutive events; of many events of the server only the newest.
fn shortened(facts: &Facts<'_>, group: &[Item]) -> Vec<Sentence> {
    let all = group.iter().map(|item| item.sentence.clone());
    match group.last() {
        Some(oldest) if group.len() > MOST_EVENTS => {
            let more = group.len() - (MOST_EVENTS - 1);
            let since = facts.times().time(oldest.at);
            let text = format!(
                "Before that the server started, stopped or paused {more} times since {since}."
            );
            all.take(MOST_EVENTS - 1).chain([Sentence { at: Some(oldest.at), text }]).collect()
        }
        _ => all.collect(),
    }
}

/// What is not shown.
fn end(facts: &Facts<'_>) -> Option<Sentence> {
    let text = if facts.runs.len() > MOST_RUNS {
        "There are older records, which are not shown here.".to_owned()
    } else if let Some(pruned) = facts.status.pruned {
        let pruned = facts.times().time(pruned.moment());
        full_stop(&format!("Records up to {pruned} were pruned: see `Keep`"))
    } else if facts.runs.is_empty() {
        "There is no record of any run yet.".to_owned()
    } else {
        return None;
    };
    Some(Sentence { at: None, text })
}
