//! Instants that are due and not decided yet: which of them nothing starts for, and why. No clock is
//! read here; policies and stores ask with values.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::{
    Allocation, Specification,
    journal::{Outage, Suspension},
    run::Instant,
};

/// The reason where nothing else explains why an instant did not start in time.
const TOO_LATE: &str = "docket came too late to it: its deadline had passed";

/// Consecutive instants that nothing starts for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed {
    /// The first instant.
    pub first: DateTime<Utc>,
    /// The last instant.
    pub last: DateTime<Utc>,
    /// How many instants there are, both included.
    pub count: u64,
    /// Why nothing starts for them.
    pub why: Why,
}

/// Why nothing starts for an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// Its deadline had passed, or the policy starts a later instant instead.
    TooLate,
    /// A suspension began after the instant and before it was decided.
    Overtaken(String),
    /// A suspension was in force at the instant.
    Suspended(String),
    /// The specification was changed after the instant and before it was decided; how, as a clause.
    Edited(&'static str),
    /// Another reason, complete in itself.
    Given(String),
}

impl Why {
    /// Returns the reason in words; `outage` is what kept docket from deciding, if anything did.
    #[must_use]
    pub fn reason(&self, outage: Option<&Outage>) -> String {
        match (self, outage) {
            (Self::TooLate | Self::Overtaken(_), Some(outage)) => outage.to_string(),
            (Self::TooLate, None) => TOO_LATE.to_owned(),
            (Self::Overtaken(reason), None) => format!("{reason}, before it started"),
            (Self::Edited(what), Some(outage)) => {
                format!("{outage}, and {what} before it could start")
            }
            (Self::Edited(what), None) => format!("{what} before it started"),
            (Self::Suspended(reason) | Self::Given(reason), _) => reason.clone(),
        }
    }
}

/// The suspensions that may keep an allocation from starting, in force or over.
#[derive(Debug, Clone, Copy, Default)]
pub struct Suspensions<'a> {
    /// The newest manual suspension of the allocation.
    pub allocation: Option<&'a Suspension>,
    /// The newest pause of the whole server.
    pub server: Option<&'a Suspension>,
}

impl Suspensions<'_> {
    /// Returns both with their reasons, the earlier one first.
    fn in_order(self) -> impl Iterator<Item = (DateTime<Utc>, Option<DateTime<Utc>>, String)> {
        let with = |held: &Suspension, reason| (held.since, held.until, reason);
        let mut held: Vec<_> = [
            self.allocation.map(|held| with(held, held.to_string())),
            self.server.map(|held| with(held, held.of_server())),
        ]
        .into_iter()
        .flatten()
        .collect();
        held.sort_by_key(|(since, ..)| *since);
        held.into_iter()
    }
}

/// The reason of what a specification suspends.
const BY_SPECIFICATION: &str = "suspended by its specification";

/// Returns why an allocation starts nothing by itself now, if that is so.
#[must_use]
pub fn suspended(
    allocation: &Allocation,
    suspensions: Suspensions<'_>,
    now: DateTime<Utc>,
) -> Option<String> {
    if allocation.specification.policies.suspended {
        return Some(BY_SPECIFICATION.to_owned());
    }
    let mut held = suspensions.in_order();
    let in_force = held.find(|(_, until, _)| until.is_none_or(|until| now < until));
    in_force.map(|(.., reason)| reason)
}

/// Returns the moments before which nothing starts by itself, and why.
///
/// They are to be applied in their order, each to the instants that those before it leave.
#[must_use]
pub fn suspended_spans(
    allocation: &Allocation,
    suspensions: Suspensions<'_>,
    now: DateTime<Utc>,
) -> Vec<(DateTime<Utc>, Why)> {
    if allocation.specification.policies.suspended {
        // A change of `Suspended` settles what is due, so all that is undecided came after it.
        let reason = Why::Suspended(BY_SPECIFICATION.to_owned());
        return vec![(DateTime::<Utc>::MAX_UTC, reason)];
    }
    let spans = suspensions.in_order().flat_map(|(since, until, reason)| {
        let until = until.filter(|until| *until <= now).unwrap_or(DateTime::<Utc>::MAX_UTC);
        [(since, Why::Overtaken(reason.clone())), (until, Why::Suspended(reason))]
    });
    spans.collect()
}

/// Returns all instants of a schedule in `(decided, now]` as missed: those of suspensions for these,
/// the rest for the reason given.
#[must_use]
pub fn all_missed(
    allocation: &Allocation,
    suspensions: Suspensions<'_>,
    zone: Tz,
    decided: DateTime<Utc>,
    now: DateTime<Utc>,
    rest: Why,
) -> Vec<Missed> {
    let mut from = decided;
    let spans = suspended_spans(allocation, suspensions, now);
    let pieces = spans.into_iter().chain([(DateTime::<Utc>::MAX_UTC, rest)]);
    let missed = pieces.filter_map(|(until, why)| {
        let to = now.min(until - TimeDelta::nanoseconds(1));
        let missed = missed_within(allocation, zone, from, to, why)?;
        from = missed.last;
        Some(missed)
    });
    missed.collect()
}

/// Returns the instants of a schedule in `(from, to]` as missed, if there are any.
#[must_use]
pub fn missed_within(
    allocation: &Allocation,
    zone: Tz,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    why: Why,
) -> Option<Missed> {
    let last = allocation.latest(from, to, zone)?;
    let first = allocation.next(from, zone)?;
    Some(Missed { first, last, count: allocation.count(from, last, zone), why })
}

/// Returns how another specification of an allocation changes what is due, as a clause, if it does.
#[must_use]
pub fn edit(before: &Specification, after: &Specification) -> Option<&'static str> {
    if before.due != after.due {
        Some("its schedule was changed")
    } else if before.time_zone != after.time_zone {
        Some("its time zone was changed")
    } else if !before.has_same_instants(after) {
        Some("its `NotBefore` or `NotAfter` was changed")
    } else if before.policies.suspended != after.policies.suspended {
        Some("it was suspended by its specification")
    } else {
        None
    }
}

/// Returns the instant for which an allocation is due after its parents, if it is.
///
/// Each parent must have succeeded for an instant later than all that the allocation was decided
/// about; the newest of those counts. `succeeded` has the greatest instant of each parent. An instant
/// after `now`, for which a parent ran while the clock was ahead, does not count.
#[must_use]
pub fn after_parents(
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
