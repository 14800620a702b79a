//! One moment: its record, or why there is none.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use docket_model::{
    Run,
    parse_time::{Gap, Moment},
    run::{RunState, Trigger},
    schedule::{LeftOut, Note},
    wire::Sentence,
};

use super::{Facts, current_state, missing_record, one_run, phrasing::ClockTimes};

/// How long after the moment a manual run may be that was perhaps meant.
const NEARBY: TimeDelta = TimeDelta::minutes(1);

/// The longest gap in the local time whose instants run at its end.
// The limit of Vixie cron, which takes longer changes for corrections of the clock.
const MAX_CAUGHT_UP: TimeDelta = TimeDelta::hours(3);

/// Explains a moment. The runs of `facts` are those up to a minute after it.
pub(crate) fn about(facts: &Facts<'_>, asked: Moment) -> Vec<Sentence> {
    let mut sentences = vec![current_state::clock(facts)];
    match asked {
        Moment::Once(at) => sentences.extend(instant(facts, at)),
        Moment::Twice { first, second } => {
            let times = facts.times();
            let (earlier, later) = (times.time(first), times.time(second));
            let text = format!(
                "The clock shows this time twice that day: {earlier} and {later}. {}",
                occurrences(facts, first)
            );
            sentences.push(Sentence { at: Some(first), text });
            sentences.extend(instant(facts, first));
            if facts.is_instant(second) {
                sentences.extend(instant(facts, second));
            }
        }
        Moment::Never(gap) => sentences.extend(skipped_time(facts, &gap)),
    }
    sentences
}

/// Explains a moment that exists.
pub(super) fn instant(facts: &Facts<'_>, at: DateTime<Utc>) -> Vec<Sentence> {
    let mut sentences = match record(facts, at) {
        Some(run) => vec![one_run::sentence(facts, run)],
        None => missing_record::sentences(facts, at),
    };
    let nearby = facts.runs.iter().filter(|run| {
        let instant = run.id.instant.moment();
        matches!(run.trigger, Trigger::Manual(_)) && instant > at && instant < at + NEARBY
    });
    sentences.extend(nearby.map(|run| one_run::sentence(facts, run)));
    sentences
}

/// The record of an instant: its own, or one of missed instants that includes it.
fn record<'a>(facts: &Facts<'a>, at: DateTime<Utc>) -> Option<&'a Run> {
    let own = facts.runs.iter().find(|run| run.id.instant.moment() == at);
    let includes = |run: &&Arc<Run>| {
        matches!(run.state, RunState::Missed { .. })
            && run.id.instant.moment() <= at
            && run.latest().moment() >= at
    };
    // An older schedule may have had other instants.
    let may_be = at <= facts.allocation().scheduled_at || facts.is_instant(at);
    own.or_else(|| facts.runs.iter().filter(|_| may_be).find(includes)).map(AsRef::as_ref)
}

/// At which occurrences of a local time the schedule runs.
fn occurrences(facts: &Facts<'_>, first: DateTime<Utc>) -> &'static str {
    let allocation = facts.allocation();
    let note = allocation.specification.schedule().and_then(|schedule| {
        let (anchor, from) = (allocation.anchor(schedule), first - TimeDelta::nanoseconds(1));
        let upcoming = schedule.upcoming(from, anchor, facts.zone()).next()?;
        upcoming.note.filter(|_| upcoming.at == first)
    });
    match note {
        Some(Note::First(_)) => "The schedule runs at the first only.",
        Some(Note::Both(_)) => "The schedule runs both times.",
        _ => "This is about the first.",
    }
}

/// Explains a local time that does not exist, because the clock is set forward.
fn skipped_time(facts: &Facts<'_>, gap: &Gap) -> Vec<Sentence> {
    let (day, time, from) = (gap.time.date(), gap.time.format("%H:%M"), gap.from.format("%H:%M"));
    let (exist, went) =
        if gap.at <= facts.now { ("did not exist", "went") } else { ("will not exist", "will go") };
    let treatment = treatment(facts, gap);
    let text = format!(
        "{time} {exist} on {day}: the clock {went} from {from} to {} that day. {}",
        end_of_gap(&facts.times(), gap),
        rule(facts, gap, treatment)
    );
    let mut sentences = vec![Sentence { at: Some(gap.at), text }];
    if treatment == LeftOut::MadeUp {
        sentences.extend(instant(facts, gap.at));
    }
    sentences
}

/// The time after the gap, with its date if it is another day.
fn end_of_gap(times: &ClockTimes, gap: &Gap) -> String {
    if gap.to.date() == gap.time.date() {
        gap.to.format("%H:%M").to_string()
    } else {
        times.date_and_time(gap.at)
    }
}

fn treatment(facts: &Facts<'_>, gap: &Gap) -> LeftOut {
    let allocation = facts.allocation();
    let schedule = allocation.specification.schedule();
    schedule.map_or(LeftOut::Unnamed, |schedule| {
        schedule.left_out(gap, allocation.anchor(schedule), facts.zone())
    })
}

/// What the schedule does about the gap.
fn rule(facts: &Facts<'_>, gap: &Gap, treatment: LeftOut) -> String {
    let schedule = missing_record::schedule_text(facts);
    match treatment {
        LeftOut::Unnamed => format!("It is not a time of {schedule} anyway."),
        LeftOut::MadeUp => {
            format!("The schedule {schedule} is due at {} instead.", gap.to.format("%H:%M"))
        }
        LeftOut::Dropped if gap.to - gap.from > MAX_CAUGHT_UP => {
            "Instants in such a long gap are dropped.".to_owned()
        }
        LeftOut::Dropped => {
            format!("The schedule {schedule} has a wildcard, so this instant is dropped.")
        }
    }
}
