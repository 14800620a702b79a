//! A record of a run as a sentence or two.

use chrono::{DateTime, SubsecRound, Utc};
use docket_model::{
    AllocationName, Run,
    journal::{Outage, Pause},
    run::{RunState, Trigger},
    wire::Sentence,
};

use super::{
    Question,
    attempts::earlier,
    lateness::lateness,
    outcome::outcome,
    tale::{Tale, listed, sentence, stop},
};

/// How many parents are named.
const MOST_PARENTS: usize = 3;

/// How many remarks are told.
const MOST_REMARKS: usize = 3;

/// The record in sentences: what and when, then why so late, the attempts, and remarks.
pub(super) fn told(question: &Question<'_>, run: &Run) -> Sentence {
    let tale = question.tale();
    let (when, wanted) = (when(&tale, run), wanted(question, &tale, run));
    let mut text = format!("{when}{wanted}: {}", stop(&outcome(question, &tale, run)));
    let more = [lateness(question, &tale, run), earlier(&tale, run), pauses(question, &tale, run)];
    let line = question.last_lines.get(&run.id.instant);
    let line = line.map(|line| format!("The last line of its output: `{line}`."));
    for more in more.into_iter().flatten().chain(remarks(run)).chain(line) {
        text.push(' ');
        text.push_str(&more);
    }
    Sentence { at: Some(run.id.instant.moment()), text }
}

/// The instant, or the span of those that were missed.
fn when(tale: &Tale, run: &Run) -> String {
    let first = tale.time(run.id.instant.moment());
    match &run.state {
        RunState::Missed { last, count, .. } if *count > 1 => {
            format!("{first} to {} ({count} instants)", tale.time(last.moment()))
        }
        _ => first,
    }
}

/// Who or what wanted it, if not its schedule.
fn wanted(question: &Question<'_>, tale: &Tale, run: &Run) -> String {
    match &run.trigger {
        Trigger::Schedule | Trigger::CatchUp => String::new(),
        Trigger::Manual(demand) if run.is_backfill() => {
            format!(" (backfilled at {} by {})", tale.time(run.decided_at), demand.by)
        }
        Trigger::Manual(demand) => format!(" (run manually by {})", demand.by),
        Trigger::Dependency => {
            let parents = question.allocation().specification.parents();
            match parents.len() {
                0 => " (after what it ran after then)".to_owned(),
                count if count > MOST_PARENTS => format!(" (after {count} others)"),
                _ => format!(
                    " (after {})",
                    listed(&parents.iter().map(AllocationName::as_str).collect::<Vec<_>>())
                ),
            }
        }
    }
}

/// The pauses that missed instants fell into, where the reason does not name them.
fn pauses(question: &Question<'_>, tale: &Tale, run: &Run) -> Option<String> {
    let RunState::Missed { reason, last, .. } = &run.state else { return None };
    if reason.is_suspension() {
        return None;
    }
    let pauses = question.pauses(run.id.instant.moment(), last.moment());
    let others = pauses.filter(|pause| !reason.outage().is_some_and(|named| is_same(pause, named)));
    let others: Vec<_> = others.map(|pause| pause.words(tale)).collect();
    (!others.is_empty()).then(|| format!("In that time {}.", listed(&others)))
}

/// True of the pause that a reason names: records of older versions have whole seconds.
fn is_same(pause: &Pause, named: &Outage) -> bool {
    let second = |at: DateTime<Utc>| at.trunc_subsecs(0);
    pause.cause == named.cause
        && second(pause.from) == second(named.from)
        && named.to.is_some_and(|to| second(to) == second(pause.to))
}

/// What went well enough but not as asked.
fn remarks(run: &Run) -> impl Iterator<Item = String> {
    let remarks = run.attempt().map(|attempt| attempt.remarks.as_slice()).unwrap_or_default();
    remarks.iter().take(MOST_REMARKS).map(|remark| sentence(remark))
}
