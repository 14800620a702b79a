//! What is left in the end, after a calm time.

use std::{collections::BTreeSet, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use docket_model::{Allocation, Run};
use docket_server::simulation::World;

use super::{Invariant, Model, Violation};

impl Model {
    /// Up to when each instant of each schedule is to have a record by now.
    pub(crate) fn covered_until(&self) -> DateTime<Utc> {
        // A decision waits up to a minute for the engine to report on older runs.
        self.now - TimeDelta::seconds(120)
    }

    /// Judges what is left. Instants up to `until` have their records.
    pub(crate) fn judge_end(
        &mut self,
        until: DateTime<Utc>,
        world: &World,
    ) -> Result<(), Violation> {
        for allocation in self.allocations.values() {
            // An allocation without any record has no coverage yet, and is judged all the same.
            let coverage = self.coverage.entry(allocation.uid).or_default();
            coverage.judge(allocation, until, self.clock_change)?;
        }
        self.judge_runs()?;
        self.judge_containers(world)?;
        if !world.is_idle() {
            let text = "the server still has something to do".to_owned();
            return Err(Violation::new(Invariant::NothingLeft, text));
        }
        Ok(())
    }

    fn judge_runs(&self) -> Result<(), Violation> {
        let open = self.runs.values().find(|run| !run.state.is_over());
        if let Some(run) = open {
            let text = format!("{} is not over: {:?}", run.id, run.state);
            return Err(Violation::new(Invariant::NothingLeft, text));
        }
        // Only these: faults may have kept the others from being pruned.
        let is_pruned = |allocation: &&Arc<Allocation>| self.pruned.contains_key(&allocation.uid);
        for allocation in self.allocations.values().filter(is_pruned) {
            let of_it = || self.runs.values().filter(|run| run.uid == allocation.uid);
            // Old records go when one is added; those of runs whose end is recorded with it or later go with the
            // next one.
            let added_at = of_it().map(|run| run.decided_at).max();
            let was_over = |run: &&Arc<Run>| {
                let ended = self.ended.get(&(run.id.allocation.clone(), run.id.instant));
                ended < self.pruned.get(&run.uid) || Some(run.decided_at) == added_at
            };
            let records = || of_it().filter(was_over);
            let keep = allocation.specification.policies.keep;
            // What was backfilled out of a span of missed instants stays as long as the span.
            let manual = records().filter(|run| run.trigger.manual_request().is_some()).count();
            let (count, most) = (records().count(), keep.runs + keep.failures + manual);
            if count > most {
                let name = allocation.name();
                let held: Vec<_> = records().map(|run| (run.id.instant, &run.state)).collect();
                let text = format!("{name} has {count} records, not {most} at most: {held:?}");
                return Err(Violation::new(Invariant::Bounds, text));
            }
        }
        Ok(())
    }

    /// Of each allocation at most its newest failed container is left, for inspection.
    fn judge_containers(&self, world: &World) -> Result<(), Violation> {
        let mut kept = BTreeSet::new();
        for id in world.containers() {
            let Some(container) = self.containers.get(&id) else { continue };
            let name = &container.of.run.allocation;
            let is_first = kept.insert(name);
            let is_unknown = self.run_of(&container.of).is_some_and(|run| !run.knows(&id));
            if is_unknown || !self.allocations.contains_key(name) || !is_first {
                let state = self.run_of(&container.of).map(|run| &run.state);
                let text =
                    format!("{id} is left (unknown: {is_unknown}, first: {is_first}): {state:?}");
                return Err(Violation::new(Invariant::NothingLeft, text));
            }
        }
        Ok(())
    }
}
