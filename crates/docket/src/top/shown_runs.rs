//! The runs that are shown: those under way, the newest that failed, and the newest of all.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use docket_model::{AllocationName, RunId, wire::RunRecord};

/// The number of failed runs to keep: the newest.
// More do not fit on any screen, and a server may fail for days while this runs.
const MOST_FAILURES: usize = 100;
/// The number of runs to keep of all: the newest.
pub(super) const MOST_RUNS: usize = 200;

/// Runs under way, failed ones, and the newest of all.
#[derive(Debug, Default)]
pub(super) struct Runs {
    /// The earliest instant first.
    // By the instant first, so that the map is in the order of the pane.
    under_way: BTreeMap<(DateTime<Utc>, AllocationName), RunRecord>,
    /// The newest first.
    failures: Vec<RunRecord>,
    /// The newest instant first.
    // Apart from the others, which may be far older: a list with gaps would look complete.
    all: Vec<RunRecord>,
}

impl Runs {
    /// Runs that were loaded: those under way and failed ones, and the newest of all.
    pub(super) fn of(runs: Vec<RunRecord>, mut newest: Vec<RunRecord>) -> Self {
        newest.truncate(MOST_RUNS);
        let mut all = Self { all: newest, ..Self::default() };
        for run in runs {
            all.note_state(run);
        }
        all
    }

    /// Adds or updates a run.
    pub(super) fn note(&mut self, record: RunRecord) {
        self.all.retain(|old| (&old.allocation, old.run) != (&record.allocation, record.run));
        let at = self.all.partition_point(|old| old.instant >= record.instant);
        self.all.insert(at, record.clone());
        self.all.truncate(MOST_RUNS);
        self.note_state(record);
    }

    fn note_state(&mut self, record: RunRecord) {
        let Some(id) = id(&record) else { return };
        let key = (record.instant, id.allocation);
        if !record.is_over() {
            self.under_way.insert(key, record);
            return;
        }
        self.under_way.remove(&key);
        // A record can change after its end: the failure is replaced, and not listed twice.
        self.failures.retain(|old| (&old.allocation, old.run) != (&record.allocation, record.run));
        if record.state.is_failure() {
            let at = self.failures.partition_point(|old| old.ended > record.ended);
            self.failures.insert(at, record);
            self.failures.truncate(MOST_FAILURES);
        }
    }

    /// Removes the runs of an allocation.
    pub(super) fn remove(&mut self, name: &AllocationName) {
        self.under_way.retain(|(_, allocation), _| allocation != name);
        self.failures.retain(|run| run.allocation != name.as_str());
        self.all.retain(|run| run.allocation != name.as_str());
    }

    /// The runs under way, the earliest instant first.
    pub(super) fn under_way(
        &self,
    ) -> impl ExactSizeIterator<Item = &RunRecord> + DoubleEndedIterator {
        self.under_way.values()
    }

    /// The failed runs, newest first.
    pub(super) fn failures(&self) -> &[RunRecord] {
        &self.failures
    }

    /// The newest runs of all states, the newest instant first.
    pub(super) fn all(&self) -> &[RunRecord] {
        &self.all
    }

    /// True if a run is not over.
    pub(super) fn is_under_way(&self, run: &RunId) -> bool {
        self.under_way.contains_key(&(run.instant.moment(), run.allocation.clone()))
    }

    /// The run under way of an allocation whose output is the most interesting.
    pub(super) fn newest(&self, name: &AllocationName) -> Option<RunId> {
        let newest_first = self.under_way().rev();
        let of_it = newest_first.filter(|run| run.allocation == name.as_str());
        id(of_it.min_by_key(|run| run.output_rank())?)
    }
}

/// The id of a record; `None` if this version does not accept the name of its allocation.
pub(super) fn id(record: &RunRecord) -> Option<RunId> {
    let allocation = AllocationName::try_from(record.allocation.clone()).ok()?;
    Some(RunId { allocation, instant: record.run })
}
