//! Decides from values alone what becomes of instants: which start, which are missed, which wait.

mod due_instants;
mod jitter;
mod overlap;
#[cfg(test)]
mod tests;

use chrono::{DateTime, TimeDelta, Utc};
use docket_model::{
    Allocation, Zone,
    allocation::{CatchUp, MOST_CAUGHT_UP, Retries},
    missed_instants::suspended_spans,
    run::{RunState, Trigger},
};

use self::due_instants::Instants;
pub(crate) use self::{
    due_instants::PolicyInput,
    jitter::starts_at,
    overlap::{Admission, Beside, Full, admit},
};
pub(crate) use docket_model::missed_instants::{
    Missed, Suspensions, Why, after_parents, suspended,
};

/// How late the decision to start may fall at most, where the next instant is further off.
const STARTING_DEADLINE: TimeDelta = TimeDelta::hours(1);

/// From which lateness on a start makes up for an instant that had gone by.
// `CatchUp: None` starts what is due now, and a slow decision must not turn that into a miss.
const CATCH_UP: TimeDelta = TimeDelta::seconds(10);

/// What becomes of one instant, or of several in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Nothing starts for them.
    Missed(Missed),
    /// It starts, unless another run of the allocation is in its way.
    Start(DateTime<Utc>, Trigger),
}

impl Decision {
    /// The last instant that it is about.
    pub(crate) fn last(&self) -> DateTime<Utc> {
        match self {
            Self::Missed(missed) => missed.last,
            Self::Start(instant, _) => *instant,
        }
    }
}

/// Decides about all instants after `decided` that have come, in their order.
///
/// Those of a suspension are missed. Of the others [`CatchUp`] says which start, if their deadline
/// has not passed; all before those are missed.
pub(crate) fn decide(question: PolicyInput<'_>) -> Vec<Decision> {
    let PolicyInput { allocation, now, .. } = question;
    let mut rulings = Vec::new();
    let mut instants = Instants::of(question, question.decided);
    for (until, why) in suspended_spans(allocation, question.suspensions, now) {
        if let Some(missed) = instants.missed_before(until, why) {
            instants = Instants::of(question, missed.last);
            rulings.push(Decision::Missed(missed));
        }
    }
    let starts = starting(&instants, question);
    let first = starts.first().copied();
    let bound = first.unwrap_or(DateTime::<Utc>::MAX_UTC);
    rulings.extend(instants.missed_before(bound, Why::TooLate).map(Decision::Missed));
    rulings.extend(starts.into_iter().map(|instant| {
        let late = now - starts_at(allocation, instant, question.zone);
        let trigger = if late >= CATCH_UP { Trigger::CatchUp } else { Trigger::Schedule };
        Decision::Start(instant, trigger)
    }));
    rulings
}

/// Those of missed instants that are before a moment.
pub(crate) fn missed_before(
    question: PolicyInput<'_>,
    missed: Missed,
    bound: DateTime<Utc>,
) -> Option<Missed> {
    let from = missed.first - TimeDelta::nanoseconds(1);
    Instants::of(question, from).missed_before(bound, missed.why)
}

/// Which instants start: the latest within its deadline, and with `CatchUp: All` those before it.
fn starting(instants: &Instants<'_>, question: PolicyInput<'_>) -> Vec<DateTime<Utc>> {
    let PolicyInput { allocation, zone, now, .. } = question;
    let policies = &allocation.specification.policies;
    let late = |instant| now - starts_at(allocation, instant, zone);
    let Some(latest) = instants.latest() else { return Vec::new() };
    let deadline = policies.starting_deadline.map(TimeDelta::from);
    let most = match policies.catch_up {
        CatchUp::None => deadline.unwrap_or(CATCH_UP).min(CATCH_UP),
        CatchUp::Latest | CatchUp::All => deadline.unwrap_or(STARTING_DEADLINE),
    };
    // Those before it are later still, so none of them starts.
    if late(latest) > most {
        return Vec::new();
    }
    let mut starts = vec![latest];
    // Without a deadline of its own each one's ends at the next instant, so only the latest is left.
    if let (CatchUp::All, Some(deadline)) = (policies.catch_up, deadline) {
        let mut earlier = instants.before(latest);
        while let Some(instant) = earlier.filter(|instant| late(*instant) <= deadline) {
            if starts.len() == MOST_CAUGHT_UP {
                break;
            }
            starts.push(instant);
            earlier = instants.before(instant);
        }
        starts.reverse();
    }
    starts
}

/// True where a run that was claimed, and for which no container ever started, may still start.
pub(crate) fn may_still_start(
    instant: DateTime<Utc>,
    trigger: &Trigger,
    allocation: &Allocation,
    zone: Zone,
    now: DateTime<Utc>,
) -> bool {
    // `StartingDeadline` is about the instants of a schedule.
    if !matches!(trigger, Trigger::Schedule | Trigger::CatchUp) {
        return true;
    }
    let late = now - starts_at(allocation, instant, zone);
    let next = || allocation.next(instant, zone).map(|next| starts_at(allocation, next, zone));
    match allocation.specification.policies.starting_deadline {
        Some(deadline) => late <= deadline.into(),
        None => late <= STARTING_DEADLINE && next().is_none_or(|next| now < next),
    }
}

/// How long to wait before the next attempt of a run that ended so, if there is to be one.
pub(crate) fn retry(state: &RunState, retries: Retries, attempt: u32) -> Option<TimeDelta> {
    // A lost run may have done its work, so it is not repeated.
    let may_be_mended = matches!(state, RunState::Failed(_) | RunState::TimedOut(_));
    (may_be_mended && attempt <= retries.limit).then(|| retries.pause_after(attempt).into())
}
