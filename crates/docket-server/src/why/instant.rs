//! About one moment that somebody names: its record, or why there is none.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use docket_model::{
    Run,
    moment::{Gap, Moment},
    run::{RunState, Trigger},
    schedule::{LeftOut, Note},
    wire::Sentence,
};

use super::{Question, missing, present, record, tale::Tale};

/// How long after the moment a run by hand may be that was perhaps meant.
const NEARBY: TimeDelta = TimeDelta::minutes(1);

/// How much time the clock may leave out for a schedule to make up for it.
const LONGEST_MADE_UP: TimeDelta = TimeDelta::hours(3);

/// What is known of one moment. The question's records are those up to a minute after it.
pub(crate) fn about(question: &Question<'_>, asked: Moment) -> Vec<Sentence> {
    let mut sentences = vec![present::clock(question)];
    match asked {
        Moment::Once(at) => sentences.extend(instant(question, at)),
        Moment::Twice { first, second } => {
            let tale = question.tale();
            let (earlier, later) = (tale.time(first), tale.time(second));
            let text = format!(
                "The clock shows this time twice that day: {earlier} and {later}. {}",
                repeated(question, first)
            );
            sentences.push(Sentence { at: Some(first), text });
            sentences.extend(instant(question, first));
            if question.is_instant(second) {
                sentences.extend(instant(question, second));
            }
        }
        Moment::Never(gap) => sentences.extend(left_out(question, &gap)),
    }
    sentences
}

/// What is known of one moment that exists.
pub(super) fn instant(question: &Question<'_>, at: DateTime<Utc>) -> Vec<Sentence> {
    let mut sentences = match record(question, at) {
        Some(run) => vec![record::told(question, run)],
        None => missing::told(question, at),
    };
    let is_by_hand = |run: &&Arc<Run>| matches!(run.trigger, Trigger::Manual(_));
    let nearby = question.runs.iter().filter(is_by_hand).filter(|run| {
        let instant = run.id.instant.moment();
        instant > at && instant < at + NEARBY
    });
    sentences.extend(nearby.map(|run| record::told(question, run)));
    sentences
}

/// The record of an instant: its own, or one of missed instants that it is among.
fn record<'a>(question: &Question<'a>, at: DateTime<Utc>) -> Option<&'a Run> {
    let own = question.runs.iter().find(|run| run.id.instant.moment() == at);
    let is_among = |run: &&Arc<Run>| {
        matches!(run.state, RunState::Missed { .. })
            && run.id.instant.moment() <= at
            && run.latest().moment() >= at
    };
    // Under an older schedule other moments were instants.
    let may_be = at <= question.allocation().scheduled_at || question.is_instant(at);
    let span = || question.runs.iter().filter(|_| may_be).find(is_among);
    own.or_else(span).map(AsRef::as_ref)
}

/// What the schedule does about a time that comes twice.
fn repeated(question: &Question<'_>, first: DateTime<Utc>) -> &'static str {
    match note(question, first) {
        Some(Note::First(_)) => "The schedule runs at the first only.",
        Some(Note::Both(_)) => "The schedule runs both times.",
        _ => "This is about the first.",
    }
}

/// What daylight saving does to an instant of the schedule.
fn note(question: &Question<'_>, at: DateTime<Utc>) -> Option<Note> {
    let allocation = question.allocation();
    let schedule = allocation.specification.schedule()?;
    let (anchor, zone) = (allocation.anchor(schedule), question.wall());
    let from = at - TimeDelta::nanoseconds(1);
    let upcoming = schedule.upcoming(from, anchor, zone).next()?;
    upcoming.note.filter(|_| upcoming.at == at)
}

/// About a wall time that the clock left out.
fn left_out(question: &Question<'_>, gap: &Gap) -> Vec<Sentence> {
    let tale = question.tale();
    let (day, time) = (gap.time.date(), gap.time.format("%H:%M"));
    let is_past = gap.at <= question.now;
    let (exist, went) =
        if is_past { ("did not exist", "went") } else { ("will not exist", "will go") };
    let (from, to) = (gap.from.format("%H:%M"), tale_of(&tale, gap));
    let text = format!(
        "{time} {exist} on {day}: the clock {went} from {from} to {to} that day. {}",
        rule(question, gap)
    );
    let mut sentences = vec![Sentence { at: Some(gap.at), text }];
    if treated(question, gap) == LeftOut::MadeUp {
        sentences.extend(instant(question, gap.at));
    }
    sentences
}

/// What the clock shows after the gap, with its date where that is another day.
fn tale_of(tale: &Tale, gap: &Gap) -> String {
    if gap.to.date() == gap.time.date() {
        gap.to.format("%H:%M").to_string()
    } else {
        tale.date_and_time(gap.at)
    }
}

fn treated(question: &Question<'_>, gap: &Gap) -> LeftOut {
    let allocation = question.allocation();
    let schedule = allocation.specification.schedule();
    schedule.map_or(LeftOut::Unnamed, |schedule| {
        schedule.left_out(gap, allocation.anchor(schedule), question.wall())
    })
}

/// What the rule for daylight saving makes of the schedule there.
fn rule(question: &Question<'_>, gap: &Gap) -> String {
    let written = missing::written(question);
    match treated(question, gap) {
        LeftOut::Unnamed => format!("It is not a time of {written} anyway."),
        LeftOut::MadeUp => {
            format!("The schedule {written} is due at {} instead.", gap.to.format("%H:%M"))
        }
        LeftOut::Dropped if gap.to - gap.from > LONGEST_MADE_UP => {
            "So much time left out at once is not made up for.".to_owned()
        }
        LeftOut::Dropped => {
            format!("The schedule {written} has a wildcard, so nothing makes up for it.")
        }
    }
}
