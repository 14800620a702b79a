//! The runs of one allocation, and how many of them are kept.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Utc};
use docket_model::{
    Run,
    allocation::Keep,
    run::{Instant, RunState},
};

use super::rules::{self, Age};

/// A run and when its record was made, counted over the whole store.
#[derive(Debug)]
struct Kept {
    run: Arc<Run>,
    age: u64,
    weight: usize,
}

/// The records of one allocation by instant.
#[derive(Debug, Default)]
pub(super) struct History {
    runs: BTreeMap<Instant, Kept>,
}

/// Said of an attempt whose output is not kept any more.
const REMOVED: &str = "the output was removed to make room for newer ones (`--memory`)";

/// What a change of the history did: bytes that came, ages that went, and the latest instant whose
/// record was pruned.
#[derive(Debug, Default)]
pub(super) struct Resized {
    pub(super) grown: isize,
    /// The record, by age, that is not the newest of its allocation, or not any more.
    pub(super) overtaken: Option<(u64, Instant)>,
    pub(super) gone: Vec<u64>,
    pub(super) pruned: Option<Instant>,
}

impl History {
    pub(super) fn len(&self) -> usize {
        self.runs.len()
    }

    pub(super) fn get(&self, instant: Instant) -> Option<&Arc<Run>> {
        self.runs.get(&instant).map(|kept| &kept.run)
    }

    /// The runs before an instant, the newest first.
    pub(super) fn newest_before(&self, before: Option<Instant>) -> impl Iterator<Item = &Arc<Run>> {
        let end = before.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        self.runs.range((std::ops::Bound::Unbounded, end)).rev().map(|(_, kept)| &kept.run)
    }

    /// Lengthens the newest record if it is one of missed instants for the same reason.
    pub(super) fn fold(&mut self, run: &Run) -> Option<Arc<Run>> {
        let (_, newest) = self.runs.iter_mut().next_back()?;
        let folded = rules::folded(&newest.run, run)?;
        Arc::make_mut(&mut newest.run).state = folded;
        Some(Arc::clone(&newest.run))
    }

    /// The record of missed instants that spans this one.
    pub(super) fn span(&self, instant: Instant) -> Option<&Arc<Run>> {
        let mut earlier = self.runs.range(..=instant).rev().map(|(_, kept)| &kept.run);
        let span = earlier.find(|run| matches!(run.state, RunState::Missed { .. }))?;
        (span.latest() >= instant).then_some(span)
    }

    /// The first record of two instants and those between them.
    pub(super) fn first_within(&self, first: Instant, last: Instant) -> Option<Instant> {
        self.runs.range(first..=last).next().map(|(instant, _)| *instant)
    }

    pub(super) fn insert(
        &mut self,
        run: Arc<Run>,
        age: u64,
        keep: Keep,
        settled: Option<DateTime<Utc>>,
    ) -> Resized {
        let (instant, weight) = (run.id.instant, run.weight());
        let newest = self.runs.last_key_value().map(|(instant, kept)| (kept.age, *instant));
        let is_newest = newest.is_none_or(|(_, newest)| newest <= instant);
        self.runs.insert(instant, Kept { run, age, weight });
        let mut resized = self.prune(keep, settled);
        resized.grown += signed(weight);
        let overtaken = if is_newest { newest } else { Some((age, instant)) };
        // Pruning may have taken it out.
        resized.overtaken = overtaken.filter(|(_, instant)| self.runs.contains_key(instant));
        resized
    }

    /// Takes out a record of an instant, to be put in anew.
    pub(super) fn take(&mut self, instant: Instant) -> Resized {
        let taken = self.runs.remove(&instant);
        taken.map_or_else(Resized::default, |kept| Resized {
            grown: -signed(kept.weight),
            gone: vec![kept.age],
            ..Resized::default()
        })
    }

    /// Puts a changed record in the place of the one that is there; the bytes that came, and its age.
    pub(super) fn replace(&mut self, run: Arc<Run>) -> Option<(isize, u64)> {
        let kept = self.runs.get_mut(&run.id.instant)?;
        let before = std::mem::replace(&mut kept.weight, run.weight());
        kept.run = run;
        Some((signed(kept.weight) - signed(before), kept.age))
    }

    /// Removes the bytes of a run's outputs; the record says so. The bytes that came.
    pub(super) fn remove_outputs(&mut self, instant: Instant) -> isize {
        let Some(kept) = self.runs.get(&instant) else { return 0 };
        let mut run = Run::clone(&kept.run);
        for attempt in &mut run.attempts {
            let removed = attempt.output.as_ref().filter(|output| output.has_bytes());
            if let Some(removed) = removed.map(|output| output.without_bytes()) {
                attempt.output = Some(Arc::new(removed));
                attempt.remarks.push(REMOVED.to_owned());
            }
        }
        self.replace(Arc::new(run)).map_or(0, |(grown, _)| grown)
    }

    /// Forgets a run, unless something may still need its record: the bytes it took and the latest
    /// instant it accounted for. The newest always stays.
    pub(super) fn forget(
        &mut self,
        instant: Instant,
        settled: Option<DateTime<Utc>>,
    ) -> Option<(usize, Instant)> {
        let run = &self.runs.get(&instant)?.run;
        let is_newest = self.runs.last_key_value().is_some_and(|(newest, _)| *newest == instant);
        // What was made up for would pass for one of those that were missed.
        let is_within = self.span(instant).is_some_and(|span| span.id != run.id);
        if is_newest || !run.state.is_over() || is_within || rules::is_undecided(instant, settled) {
            return None;
        }
        let kept = self.runs.remove(&instant)?;
        Some((kept.weight, kept.run.latest()))
    }

    /// All runs' ages and weights, when the allocation goes.
    pub(super) fn into_ages(self) -> impl Iterator<Item = (u64, usize)> {
        self.runs.into_values().map(|kept| (kept.age, kept.weight))
    }

    /// Forgets the oldest runs beyond the bounds: failures outlive successes.
    fn prune(&mut self, keep: Keep, settled: Option<DateTime<Utc>>) -> Resized {
        let mut resized = Resized::default();
        if self.runs.len() <= keep.runs {
            return resized;
        }
        let older = self.runs.iter().rev().skip(keep.runs).map(|(instant, kept)| Age {
            instant: *instant,
            latest: kept.run.latest(),
            is_over: kept.run.state.is_over(),
            is_failure: kept.run.state.is_failure(),
        });
        for age in rules::surplus(older, keep, settled) {
            let Some(kept) = self.runs.remove(&age.instant) else { continue };
            resized.pruned = resized.pruned.max(Some(age.latest));
            resized.grown -= signed(kept.weight);
            resized.gone.push(kept.age);
        }
        resized
    }
}

/// Weights are far below the range of either type.
fn signed(weight: usize) -> isize {
    isize::try_from(weight).unwrap_or(isize::MAX)
}
