//! The newest records, with what the journal has between them.

use std::cmp::Reverse;

use chrono::{DateTime, Utc};
use docket_model::{
    journal::{Entry, Event},
    wire::Sentence,
};

use super::{MOST_RUNS, Question, event, present, record, tale::stop};

/// How many events of the server in a row are told one by one.
const MOST_EVENTS: usize = 4;

/// Something that happened, and what it is about.
struct Told {
    at: DateTime<Utc>,
    is_of_server: bool,
    sentence: Sentence,
}

/// What is so now, and then what happened lately, the newest first.
pub(crate) fn recent(question: &Question<'_>) -> Vec<Sentence> {
    let runs = question.runs.iter().take(MOST_RUNS);
    let oldest = question.runs.get(MOST_RUNS - 1).map(|run| run.id.instant.moment());
    let over = runs.filter(|run| run.state.is_over()).map(|run| Told {
        at: run.id.instant.moment(),
        is_of_server: false,
        sentence: record::told(question, run),
    });
    let entries = question.entries.iter().filter(|entry| touches(question, entry, oldest));
    // What holds now was said already.
    let entries = entries.filter(|entry| !is_in_force(question, &entry.event));
    let events = entries.map(|entry| Told {
        at: entry.at,
        is_of_server: entry.allocation.is_none(),
        sentence: event::told(question, entry),
    });
    let mut told: Vec<_> = over.chain(events).collect();
    told.sort_by_key(|told| Reverse(told.at));
    let mut sentences = present::told(question);
    for in_a_row in told.chunk_by(|newer, older| newer.is_of_server && older.is_of_server) {
        sentences.extend(folded(question, in_a_row));
    }
    sentences.extend(end(question));
    sentences
}

/// True for the beginning of a suspension or a pause that is in force.
fn is_in_force(question: &Question<'_>, event: &Event) -> bool {
    let held = match event {
        Event::Suspended(noted) => question.status.suspension.as_deref().filter(|it| *it == noted),
        Event::ServerPaused(noted) => question.pause.filter(|held| *held == noted),
        _ => None,
    };
    held.is_some_and(|held| held.holds_at(question.now))
}

/// Whether an entry belongs among the records from the oldest that is told on.
fn touches(question: &Question<'_>, entry: &Entry, oldest: Option<DateTime<Utc>>) -> bool {
    // Of the time before the name was created only its own history says something.
    let created = question.allocation().created_at;
    oldest.is_none_or(|oldest| entry.at >= oldest)
        && (entry.allocation.is_some() || entry.at >= created)
}

/// Events in a row; of many events of the server only the newest.
fn folded(question: &Question<'_>, in_a_row: &[Told]) -> Vec<Sentence> {
    let all = in_a_row.iter().map(|told| told.sentence.clone());
    match in_a_row.last() {
        Some(oldest) if in_a_row.len() > MOST_EVENTS => {
            let more = in_a_row.len() - (MOST_EVENTS - 1);
            let since = question.tale().time(oldest.at);
            let text = format!(
                "Before that the server started, stopped or paused {more} times since {since}."
            );
            all.take(MOST_EVENTS - 1).chain([Sentence { at: Some(oldest.at), text }]).collect()
        }
        _ => all.collect(),
    }
}

/// What there is beyond the oldest record that is told.
fn end(question: &Question<'_>) -> Option<Sentence> {
    let text = if question.runs.len() > MOST_RUNS {
        "There are older records, which are not told here.".to_owned()
    } else if let Some(pruned) = question.status.pruned {
        let pruned = question.tale().time(pruned.moment());
        stop(&format!("Records up to {pruned} were pruned: see `Keep`"))
    } else if question.runs.is_empty() {
        "There is no record of any run yet.".to_owned()
    } else {
        return None;
    };
    Some(Sentence { at: None, text })
}
