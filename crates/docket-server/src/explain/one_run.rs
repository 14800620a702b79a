//! A record of a run in a few sentences.

use chrono::{DateTime, SubsecRound, Utc};
use docket_model::{
    AllocationName, Run,
    journal::{Outage, Pause},
    run::{Attempt, RunState, Trigger},
    wire::Sentence,
};

use super::{
    Facts,
    failed_attempts::earlier,
    late_start::lateness,
    outcome::outcome,
    phrasing::{ClockTimes, capitalized, full_stop, listed, ordinal},
};

/// How many parents are named.
const MOST_PARENTS: usize = 3;

/// How many remarks are shown.
const MOST_REMARKS: usize = 3;

/// When and what; then why it was late, the earlier attempts, pauses, remarks and the last line.
pub(super) fn sentence(facts: &Facts<'_>, run: &Run) -> Sentence {
    let times = facts.times();
    let (when, trigger) = (when(&times, run), trigger(facts, &times, run));
    let mut text = format!("{when}{trigger}: {}", full_stop(&outcome(facts, &times, run)));
    let more = [
        lateness(facts, &times, run),
        earlier(&times, run),
        place(run),
        parts(&times, run),
        pauses(facts, &times, run),
    ];
    let remarks = run.attempt().map(|attempt| attempt.remarks.as_slice()).unwrap_or_default();
    let remarks = remarks.iter().take(MOST_REMARKS).map(|remark| capitalized(remark));
    let line = facts.last_lines.get(&run.id.instant);
    let line = line.map(|line| format!("The last line of its output: `{line}`."));
    for more in more.into_iter().flatten().chain(remarks).chain(line) {
        text.push(' ');
        text.push_str(&more);
    }
    Sentence { at: Some(run.id.instant.moment()), text }
}

/// The instant, or the span of missed ones.
fn when(times: &ClockTimes, run: &Run) -> String {
    let first = times.time(run.id.instant.moment());
    match &run.state {
        RunState::Missed { last, count, .. } if *count > 1 => {
            format!("{first} to {} ({count} instants)", times.time(last.moment()))
        }
        _ => first,
    }
}

/// What requested the run, if not its schedule.
fn trigger(facts: &Facts<'_>, times: &ClockTimes, run: &Run) -> String {
    match &run.trigger {
        Trigger::Schedule | Trigger::CatchUp => String::new(),
        Trigger::Manual(request) if run.is_backfill() => {
            format!(" (backfilled at {} by {})", times.time(run.decided_at), request.by)
        }
        Trigger::Manual(request) => format!(" (run manually by {})", request.by),
        Trigger::Dependency => match facts.allocation().specification.parents() {
            [] => " (after its former parents)".to_owned(),
            parents if parents.len() > MOST_PARENTS => format!(" (after {} others)", parents.len()),
            parents => {
                let names: Vec<_> = parents.iter().map(AllocationName::as_str).collect();
                format!(" (after {})", listed(&names))
            }
        },
    }
}

/// The engine and node of the newest attempt, where they are not the default.
fn place(run: &Run) -> Option<String> {
    let attempt = run.attempt_without_parts()?;
    let verb = if run.state.is_over() { "ran" } else { "runs" };
    attempt.place().map(|place| format!("It {verb} on {place}."))
}

/// Where the parts of a run with several ran, or how far each is.
fn parts(times: &ClockTimes, run: &Run) -> Option<String> {
    let place = |part| run.newest_of_part(part).and_then(Attempt::place);
    if run.state.is_over() {
        // Which of them failed is the reason of the run.
        let places: Vec<_> =
            run.parts().zip(&run.part_states).filter_map(|(part, _)| place(part)).collect();
        return (!places.is_empty()).then(|| format!("It ran on {}.", listed(&places)));
    }
    let each = run.parts().zip(&run.part_states).map(|(part, state)| {
        let place = place(part).map(|place| format!(" on {place}")).unwrap_or_default();
        let number = run.newest_of_part(part).map_or(1, |attempt| attempt.key.number);
        let which =
            if number > 1 { format!(" at the {} attempt", ordinal(number)) } else { String::new() };
        let reason = state.reason().map(|reason| format!(" ({})", reason.words(times)));
        let word = state.word();
        format!("Part {part}{place}: {}{which}{}.", word.shown(), reason.unwrap_or_default())
    });
    let each: Vec<_> = each.collect();
    (!each.is_empty()).then(|| each.join(" "))
}

/// The pauses during missed instants, if the reason does not name them.
fn pauses(facts: &Facts<'_>, times: &ClockTimes, run: &Run) -> Option<String> {
    let RunState::Missed { reason, last, .. } = &run.state else { return None };
    // It explains the missed instants, whatever else happened at that time.
    if reason.is_suspension() {
        return None;
    }
    let pauses = facts.pauses(run.id.instant.moment(), last.moment());
    let others = pauses.filter(|pause| !reason.outage().is_some_and(|named| is_same(pause, named)));
    let others: Vec<_> = others.map(|pause| pause.words(times)).collect();
    (!others.is_empty()).then(|| format!("In that time {}.", listed(&others)))
}

/// True if a reason names the pause. Records of older versions have whole seconds.
fn is_same(pause: &Pause, named: &Outage) -> bool {
    let second = |at: DateTime<Utc>| at.trunc_subsecs(0);
    (pause.cause, &pause.engine) == (named.cause, &named.engine)
        && second(pause.from) == second(named.from)
        && named.to.is_some_and(|to| second(to) == second(pause.to))
}
