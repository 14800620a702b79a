//! The instants of an allocation that have come and are not decided, however many there are.

use chrono::{DateTime, TimeDelta, Utc};

use docket_model::{
    Allocation, Zone,
    missed_instants::{Missed, Suspensions, Why},
};

use super::jitter::starts_at;

/// What is asked: what becomes of the instants after `decided`, up to now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PolicyInput<'a> {
    pub(crate) allocation: &'a Allocation,
    /// What keeps it from starting.
    pub(crate) suspensions: Suspensions<'a>,
    /// The zone of allocations that name none.
    pub(crate) zone: Zone,
    /// All instants up to then are decided.
    pub(crate) decided: DateTime<Utc>,
    pub(crate) now: DateTime<Utc>,
}

/// The instants after `decided` whose time to start has come.
pub(super) struct Instants<'a> {
    question: PolicyInput<'a>,
    decided: DateTime<Utc>,
    /// The first and the latest, if there is one.
    ends: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

impl<'a> Instants<'a> {
    pub(super) fn of(question: PolicyInput<'a>, decided: DateTime<Utc>) -> Self {
        let mut instants = Self { question, decided, ends: None };
        let Some(first) = instants.next(decided) else { return instants };
        let PolicyInput { allocation, zone, now, .. } = question;
        let latest = allocation.latest(decided, now, zone).unwrap_or(first);
        // A start falls before the next instant, so all but the latest have surely come.
        let has_come = |instant| starts_at(allocation, instant, zone) <= now;
        let latest = if has_come(latest) { Some(latest) } else { instants.earlier(first, latest) };
        instants.ends = latest.map(|latest| (first, latest));
        instants
    }

    pub(super) fn latest(&self) -> Option<DateTime<Utc>> {
        self.ends.map(|(_, latest)| latest)
    }

    /// The one before another of them.
    pub(super) fn before(&self, instant: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.earlier(self.ends?.0, instant)
    }

    /// Those before a moment, as missed.
    pub(super) fn missed_before(&self, bound: DateTime<Utc>, why: Why) -> Option<Missed> {
        let (first, latest) = self.ends.filter(|(first, _)| *first < bound)?;
        let last = if latest < bound { latest } else { self.earlier(first, bound)? };
        let PolicyInput { allocation, zone, .. } = self.question;
        let count = allocation.count(self.decided, last, zone);
        Some(Missed { first, last, count, why })
    }

    fn next(&self, from: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let PolicyInput { allocation, zone, now, .. } = self.question;
        allocation.next(from, zone).filter(|instant| *instant <= now)
    }

    /// The latest instant before `bound`, if there is one from `first` on.
    fn earlier(&self, first: DateTime<Utc>, bound: DateTime<Utc>) -> Option<DateTime<Utc>> {
        // `latest` excludes its first bound and includes its second one.
        let nanosecond = TimeDelta::nanoseconds(1);
        let end = self.question.now.min(bound - nanosecond);
        self.question.allocation.latest(first - nanosecond, end, self.question.zone)
    }
}
