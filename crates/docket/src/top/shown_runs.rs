//! The runs that are shown: those under way, and the newest that failed.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use docket_model::{AllocationName, RunId, wire::RunRecord};

/// The number of failed runs to keep: the newest.
// More do not fit on any screen, and a server may fail for days while this runs.
const MOST_FAILURES: usize = 100;

/// Runs under way, and failed ones.
#[derive(Debug, Default)]
pub(super) struct Runs {
    /// The earliest instant first.
    // By the instant first, so that the map is in the order of the pane.
    under_way: BTreeMap<(DateTime<Utc>, AllocationName), RunRecord>,
    /// The newest first.
    failures: Vec<RunRecord>,
}

impl Runs {
    /// Adds or updates a run.
    pub(super) fn note(&mut self, record: RunRecord) {
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
