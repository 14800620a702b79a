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
    /// The latest instant about which it was decided.
    pub(super) decided: Option<DateTime<Utc>>,
    /// The latest instant whose record was pruned.
    pub(super) pruned: Option<Instant>,
    /// The greatest instant for which a run succeeded.
    pub(super) succeeded: Option<Instant>,
    runs: BTreeMap<Instant, Kept>,
    running: usize,
}

/// What a change of the history did to its size: bytes that came and ages that went.
#[derive(Debug, Default)]
pub(super) struct Resized {
    pub(super) grown: isize,
    pub(super) gone: Vec<u64>,
}

impl History {
    /// No runs, but all instants up to this one are decided.
    pub(super) fn decided_up_to(decided: DateTime<Utc>) -> Self {
        Self { decided: Some(decided), ..Self::default() }
    }

    pub(super) fn running(&self) -> usize {
        self.running
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
    pub(super) fn fold(&mut self, run: &Run) -> bool {
        let Some((_, newest)) = self.runs.iter_mut().next_back() else { return false };
        let Some(folded) = rules::folded(&newest.run, run) else { return false };
        Arc::make_mut(&mut newest.run).state = folded;
        true
    }

    /// The record of missed instants that spans this one.
    pub(super) fn span(&self, instant: Instant) -> Option<&Arc<Run>> {
        let (_, kept) = self.runs.range(..=instant).next_back()?;
        let spans =
            matches!(kept.run.state, RunState::Missed { .. }) && kept.run.latest() >= instant;
        spans.then_some(&kept.run)
    }

    pub(super) fn insert(&mut self, run: Run, age: u64, keep: Keep) -> Resized {
        let weight = run.weight();
        self.running += usize::from(!run.state.is_over());
        self.runs.insert(run.id.instant, Kept { run: Arc::new(run), age, weight });
        let mut resized = self.prune(keep);
        resized.grown += signed(weight);
        resized
    }

    /// Takes a record of an instant for which nothing runs out, to be put in anew.
    pub(super) fn take(&mut self, instant: Instant) -> Resized {
        let taken = self.runs.remove(&instant);
        taken.map_or_else(Resized::default, |kept| Resized {
            grown: -signed(kept.weight),
            gone: vec![kept.age],
        })
    }

    /// The runs that are not over.
    pub(super) fn under_way(&self) -> impl Iterator<Item = &Arc<Run>> {
        let runs = self.runs.values().filter(|_| self.running > 0);
        runs.map(|kept| &kept.run).filter(|run| !run.state.is_over())
    }

    /// Changes a record that is there; `None` where there is none.
    pub(super) fn change(
        &mut self,
        instant: Instant,
        change: impl FnOnce(&mut Run),
    ) -> Option<isize> {
        let kept = self.runs.get_mut(&instant)?;
        let was_over = kept.run.state.is_over();
        change(Arc::make_mut(&mut kept.run));
        if !was_over && kept.run.state.is_over() {
            self.running = self.running.saturating_sub(1);
        }
        if kept.run.state == RunState::Succeeded {
            self.succeeded = self.succeeded.max(Some(instant));
        }
        let before = std::mem::replace(&mut kept.weight, kept.run.weight());
        Some(signed(kept.weight) - signed(before))
    }

    /// Forgets a run that is over; the bytes it took, or `None` while it is under way.
    pub(super) fn forget(&mut self, instant: Instant) -> Option<usize> {
        if !self.runs.get(&instant)?.run.state.is_over() {
            return None;
        }
        let kept = self.runs.remove(&instant)?;
        self.pruned = self.pruned.max(Some(kept.run.latest()));
        Some(kept.weight)
    }

    /// All runs' ages and weights, when the allocation goes.
    pub(super) fn into_ages(self) -> impl Iterator<Item = (u64, usize)> {
        self.runs.into_values().map(|kept| (kept.age, kept.weight))
    }

    /// Forgets the oldest runs beyond the bounds: failures outlive successes.
    fn prune(&mut self, keep: Keep) -> Resized {
        let mut resized = Resized::default();
        if self.runs.len() <= keep.runs {
            return resized;
        }
        let older = self.runs.iter().rev().skip(keep.runs).map(|(instant, kept)| Age {
            instant: *instant,
            is_over: kept.run.state.is_over(),
            is_failure: kept.run.state.is_failure(),
        });
        for instant in rules::surplus(older, keep) {
            let Some(kept) = self.runs.remove(&instant) else { continue };
            self.pruned = self.pruned.max(Some(kept.run.latest()));
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
