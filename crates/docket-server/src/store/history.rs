//! The runs of one allocation, and how many of them are kept.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Utc};
use docket_model::{
    Run,
    run::{Instant, RunState},
};

use super::keep;

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
        let RunState::Missed { reason, last, count } = &run.state else { return false };
        let Some((_, newest)) = self.runs.iter_mut().next_back() else { return false };
        match &mut Arc::make_mut(&mut newest.run).state {
            RunState::Missed { reason: before, last: end, count: counted } if before == reason => {
                *end = *last;
                *counted += count;
                true
            }
            _ => false,
        }
    }

    pub(super) fn insert(&mut self, run: Run, age: u64) -> Resized {
        let weight = run.weight();
        self.running += usize::from(!run.state.is_over());
        self.runs.insert(run.id.instant, Kept { run: Arc::new(run), age, weight });
        let mut resized = self.prune();
        resized.grown += signed(weight);
        resized
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
        let before = std::mem::replace(&mut kept.weight, kept.run.weight());
        Some(signed(kept.weight) - signed(before))
    }

    /// Forgets a run that is over; the bytes it took, or `None` while it is under way.
    pub(super) fn forget(&mut self, instant: Instant) -> Option<usize> {
        if !self.runs.get(&instant)?.run.state.is_over() {
            return None;
        }
        self.runs.remove(&instant).map(|kept| kept.weight)
    }

    /// All runs' ages and weights, when the allocation goes.
    pub(super) fn into_ages(self) -> impl Iterator<Item = (u64, usize)> {
        self.runs.into_values().map(|kept| (kept.age, kept.weight))
    }

    /// Forgets the oldest runs beyond the bounds: failures outlive successes.
    fn prune(&mut self) -> Resized {
        let mut resized = Resized::default();
        if self.runs.len() <= keep::RUNS {
            return resized;
        }
        let mut failures = 0;
        let mut surplus = Vec::new();
        for (instant, kept) in self.runs.iter().rev().skip(keep::RUNS) {
            let state = &kept.run.state;
            let failed = matches!(state, RunState::Failed(_) | RunState::Missed { .. });
            failures += usize::from(failed);
            if state.is_over() && (!failed || failures > keep::FAILURES) {
                surplus.push(*instant);
            }
        }
        for kept in surplus.iter().filter_map(|instant| self.runs.remove(instant)) {
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
