//! Decides from values alone what becomes of instants: which start, which are missed, which wait.

mod admission;
mod instants;
mod jitter;
#[cfg(test)]
mod tests;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use docket_model::{
    Allocation,
    allocation::{CatchUp, MOST_CAUGHT_UP, Retries},
    journal::Suspension,
    run::{Instant, RunState, Trigger},
};

use self::instants::Instants;
pub(crate) use self::{
    admission::{Admission, Beside, Full, admit},
    jitter::starts_at,
};

/// How late the decision to start may fall at most, where the next instant is further off.
const STARTING_DEADLINE: TimeDelta = TimeDelta::hours(1);

/// From which lateness on a start makes up for an instant that had gone by.
const CATCH_UP: TimeDelta = TimeDelta::seconds(10);

/// What is asked: what becomes of the instants after `decided`, up to now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) allocation: &'a Allocation,
    /// The newest suspension by hand.
    pub(crate) suspension: Option<&'a Suspension>,
    /// The zone of allocations that name none.
    pub(crate) zone: Tz,
    /// All instants up to then are decided.
    pub(crate) decided: DateTime<Utc>,
    pub(crate) now: DateTime<Utc>,
}

/// What becomes of one instant, or of several in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ruling {
    /// Nothing starts for them.
    Missed(Missed),
    /// It starts, unless another run of the allocation is in its way.
    Start(DateTime<Utc>, Trigger),
}

impl Ruling {
    /// The last instant that it is about.
    pub(crate) fn last(&self) -> DateTime<Utc> {
        match self {
            Self::Missed(missed) => missed.last,
            Self::Start(instant, _) => *instant,
        }
    }
}

/// Instants in a row that nothing starts for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missed {
    pub(crate) first: DateTime<Utc>,
    pub(crate) last: DateTime<Utc>,
    pub(crate) count: u64,
    pub(crate) why: Why,
}

/// Why nothing starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Why {
    /// Their deadline had passed, or a later one is made up for; what kept docket is known elsewhere.
    TooLate,
    /// Somebody suspended it when they had come already, and before they were decided about.
    Overtaken(String),
    /// Somebody wants it so.
    Suspended(String),
}

/// Decides about all instants after `decided` that have come, in their order.
///
/// Those of a suspension are missed. Of the others [`CatchUp`] says which start, if their deadline
/// has not passed; all before those are missed.
pub(crate) fn decide(question: Question<'_>) -> Vec<Ruling> {
    let Question { allocation, now, .. } = question;
    let mut rulings = Vec::new();
    let mut instants = Instants::of(question, question.decided);
    for (until, why) in suspended_spans(allocation, question.suspension, now) {
        if let Some(missed) = instants.missed_before(until, why) {
            instants = Instants::of(question, missed.last);
            rulings.push(Ruling::Missed(missed));
        }
    }
    let starts = starting(&instants, question);
    let first = starts.first().copied();
    let bound = first.unwrap_or(DateTime::<Utc>::MAX_UTC);
    rulings.extend(instants.missed_before(bound, Why::TooLate).map(Ruling::Missed));
    rulings.extend(starts.into_iter().map(|instant| {
        let late = now - starts_at(allocation, instant, question.zone);
        let trigger = if late >= CATCH_UP { Trigger::CatchUp } else { Trigger::Schedule };
        Ruling::Start(instant, trigger)
    }));
    rulings
}

/// Those of missed instants that are before a moment.
pub(crate) fn missed_before(
    question: Question<'_>,
    missed: Missed,
    bound: DateTime<Utc>,
) -> Option<Missed> {
    let from = missed.first - TimeDelta::nanoseconds(1);
    Instants::of(question, from).missed_before(bound, missed.why)
}

/// Which instants start: the latest within its deadline, and with `CatchUp: All` those before it.
fn starting(instants: &Instants<'_>, question: Question<'_>) -> Vec<DateTime<Utc>> {
    let Question { allocation, zone, now, .. } = question;
    let policies = &allocation.specification.policies;
    let late = |instant| now - starts_at(allocation, instant, zone);
    let Some(latest) = instants.latest() else { return Vec::new() };
    let deadline = policies.starting_deadline.map(TimeDelta::from);
    let most = match policies.catch_up {
        CatchUp::None => deadline.unwrap_or(CATCH_UP).min(CATCH_UP),
        CatchUp::Latest | CatchUp::All => deadline.unwrap_or(STARTING_DEADLINE),
    };
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

/// Before which moments nothing starts by itself, and why.
fn suspended_spans(
    allocation: &Allocation,
    suspension: Option<&Suspension>,
    now: DateTime<Utc>,
) -> Vec<(DateTime<Utc>, Why)> {
    let Some((until, reason)) = suspended_until(allocation, suspension, now) else {
        return Vec::new();
    };
    let since = suspension.filter(|_| !allocation.specification.policies.suspended);
    let before = since.map(|by_hand| (by_hand.since, Why::Overtaken(reason.clone())));
    before.into_iter().chain([(until, Why::Suspended(reason))]).collect()
}

/// Before which moment nothing starts by itself, and why.
fn suspended_until(
    allocation: &Allocation,
    suspension: Option<&Suspension>,
    now: DateTime<Utc>,
) -> Option<(DateTime<Utc>, String)> {
    if allocation.specification.policies.suspended {
        return Some((DateTime::<Utc>::MAX_UTC, "suspended by its specification".to_owned()));
    }
    let suspension = suspension?;
    let until = if suspension.holds_at(now) { None } else { suspension.until };
    Some((until.unwrap_or(DateTime::<Utc>::MAX_UTC), suspension.to_string()))
}

/// Why an allocation starts nothing by itself now, if that is so.
pub(crate) fn suspended(
    allocation: &Allocation,
    suspension: Option<&Suspension>,
    now: DateTime<Utc>,
) -> Option<String> {
    let (until, reason) = suspended_until(allocation, suspension, now)?;
    (now < until).then_some(reason)
}

/// True where a run that was claimed, and for which no container ever started, may still start.
pub(crate) fn may_still_start(
    instant: DateTime<Utc>,
    trigger: &Trigger,
    allocation: &Allocation,
    zone: Tz,
    now: DateTime<Utc>,
) -> bool {
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

/// For which instant an allocation runs after its parents, if each has succeeded for one that is
/// newer than all that it was decided about: the newest of those. One that is still to come, for which
/// a parent ran while the clock was ahead, does not count.
pub(crate) fn after_parents(
    allocation: &Allocation,
    decided: Option<DateTime<Utc>>,
    succeeded: &[Option<Instant>],
    now: DateTime<Utc>,
) -> Option<Instant> {
    let floor = decided.unwrap_or_default().max(allocation.scheduled_at);
    let newer = |instant: &Option<Instant>| {
        instant.is_some_and(|instant| floor < instant.moment() && instant.moment() <= now)
    };
    let instant = succeeded.iter().copied().max().flatten()?;
    let policies = &allocation.specification.policies;
    let is_open = policies.not_before.is_none_or(|bound| instant.moment() >= bound)
        && policies.not_after.is_none_or(|bound| instant.moment() <= bound);
    (succeeded.iter().all(newer) && is_open).then_some(instant)
}

/// How long to wait before the next attempt of a run that ended so, if there is to be one.
pub(crate) fn retry(state: &RunState, retries: Retries, attempt: u32) -> Option<TimeDelta> {
    let may_be_mended = matches!(state, RunState::Failed(_) | RunState::TimedOut(_));
    (may_be_mended && attempt <= retries.limit).then(|| retries.pause_after(attempt).into())
}
