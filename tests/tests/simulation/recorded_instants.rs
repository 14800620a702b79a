//! Which instants of an allocation have had a record, and which should have had one.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use docket_model::{Allocation, Zone, run::Instant};

use super::{
    clock_change::ClockChange,
    reference_model::{Invariant, Violation},
};

/// How many instants are looked at from each end of a span of time.
// A server that is down for days leaves thousands of instants, and mistakes are made at the ends of
// such a span.
const LOOKED_AT: usize = 60;

/// The instants of one allocation that ever had a record.
#[derive(Debug, Default)]
pub(crate) struct Coverage {
    single: BTreeSet<Instant>,
    /// The spans of missed instants, by their first.
    spans: BTreeMap<Instant, Instant>,
    /// From when on instants are due: neither those of the past nor what was decided before.
    pub(crate) due_after: Option<DateTime<Utc>>,
}

impl Coverage {
    /// Adds a record, of one instant or of a span.
    pub(crate) fn add(&mut self, first: Instant, last: Instant) {
        if first == last {
            self.single.insert(first);
            return;
        }
        let held = self.spans.entry(first).or_insert(last);
        // A span that is backfilled from its beginning shrinks, but its instants have had a record.
        *held = (*held).max(last);
    }

    /// True of an instant that has had a record.
    pub(crate) fn has(&self, instant: Instant) -> bool {
        // A later span that overlaps is the rest of an earlier one, so the last one to begin
        // decides.
        let span = self.spans.range(..=instant).next_back();
        self.single.contains(&instant) || span.is_some_and(|(_, last)| *last >= instant)
    }

    /// Judges whether each instant of a schedule up to a moment has had a record.
    pub(crate) fn judge(
        &self,
        allocation: &Allocation,
        until: DateTime<Utc>,
        clock_change: Option<ClockChange>,
    ) -> Result<(), Violation> {
        let Some(from) = self.due_after else { return Ok(()) };
        let jitter = allocation.specification.policies.jitter.map(TimeDelta::from);
        // An instant is decided about later by up to its jitter.
        let until = until - jitter.unwrap_or_default();
        let next = |from| allocation.next(from, Zone::utc()).filter(|instant| *instant <= until);
        let first = std::iter::successors(next(from), |instant| next(*instant)).take(LOOKED_AT);
        let near_end = from.max(until - TimeDelta::hours(1));
        let last = std::iter::successors(next(near_end), |instant| next(*instant)).take(LOOKED_AT);
        let near_change = clock_change.into_iter().flat_map(|it| near(it, allocation));
        let near_change = near_change.filter(|instant| from < *instant && *instant <= until);
        match first.chain(last).chain(near_change).find(|instant| !self.has(Instant::new(*instant)))
        {
            None => Ok(()),
            Some(instant) => {
                let name = allocation.name();
                let text = format!("{name} has no record of {instant} (due after {from})");
                Err(Violation::new(Invariant::OneRecord, text))
            }
        }
    }
}

/// When an allocation is due in the hours around a clock change.
fn near(change: ClockChange, allocation: &Allocation) -> impl Iterator<Item = DateTime<Utc>> {
    let minutes = (-180..180).map(move |minute| change.at() + TimeDelta::minutes(minute));
    minutes.filter(move |at| change.is_due(allocation, *at) == Some(true))
}
