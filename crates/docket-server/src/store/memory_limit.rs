//! What is deleted where records are in memory: the oldest outputs, and then the oldest records, until the
//! rest fits.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use docket_model::{AllocationName, Run, run::Instant};

use super::{
    StoreError,
    catalogue::Entry,
    claim::span,
    record_retention::{forget, is_undecided},
    staged_changes::Staged,
    transaction::Transaction,
};

/// Said of an attempt whose output is not kept any more.
const REMOVED: &str = "the output was removed to make room for newer ones (`--memory`)";

/// A record by its allocation and instant.
type Place = (AllocationName, Instant);

/// How much memory records and outputs take, and which are the oldest.
#[derive(Debug)]
pub(super) struct Footprint {
    most_bytes: usize,
    bytes: usize,
    records: HashMap<AllocationName, BTreeMap<Instant, Weight>>,
    /// The records that are not the newest of their allocation, the oldest first.
    ages: BTreeMap<u64, Place>,
    /// The records that have outputs, the oldest first.
    outputs: BTreeMap<u64, Place>,
    output_bytes: usize,
    /// The records that the present transaction writes.
    written: Vec<Place>,
    /// Counts records: each age is given once.
    age: u64,
    /// What each record took that was set since the last commit, in order.
    undo: Vec<(Place, Option<Weight>)>,
}

/// How much a record takes.
#[derive(Debug, Clone, Copy)]
struct Weight {
    age: u64,
    record: usize,
    output: usize,
}

impl Footprint {
    pub(super) fn new(most_bytes: usize) -> Self {
        Self {
            most_bytes,
            bytes: 0,
            records: HashMap::new(),
            ages: BTreeMap::new(),
            outputs: BTreeMap::new(),
            output_bytes: 0,
            written: Vec::new(),
            age: 0,
            undo: Vec::new(),
        }
    }

    /// Follows what a transaction is to write, until that is accepted or reverted.
    pub(super) fn follow(&mut self, staged: &Staged) {
        self.written.clear();
        for name in &staged.wiped {
            let runs = self.records.get(name).into_iter().flat_map(BTreeMap::keys);
            let is_staged =
                |at: &Instant| staged.runs.get(name).is_some_and(|runs| runs.contains_key(at));
            // Those that are staged anew are weighed below.
            let wiped: Vec<_> = runs.filter(|at| !is_staged(at)).copied().collect();
            for instant in wiped {
                self.set((name.clone(), instant), None);
            }
        }
        for (name, runs) in &staged.runs {
            for (instant, staged) in runs {
                let place = (name.clone(), *instant);
                let weight = staged.run.as_ref().map(|run| self.weigh(&place, run));
                self.set(place.clone(), weight);
                self.written.extend(weight.map(|_| place));
            }
        }
    }

    /// What was followed is committed.
    pub(super) fn accept(&mut self) {
        self.undo.clear();
    }

    /// What was followed since the last commit is not committed.
    pub(super) fn revert(&mut self) {
        // Backwards, since a record may have been set several times.
        for (place, weight) in std::mem::take(&mut self.undo).into_iter().rev() {
            self.set(place, weight);
        }
        // `set` has noted each step back as well.
        self.undo.clear();
        self.written.clear();
    }

    /// What is to be deleted now, if anything is, without so many of the oldest records that had to stay.
    pub(super) fn excess(&self, passed_over: usize) -> Option<Shrink> {
        let mut bytes = self.bytes;
        let mut outputs = Vec::new();
        let oldest = self.outputs.values();
        // A written output may be among the oldest, too, and then counts twice; the caller looks
        // again until nothing is in excess.
        for place in self.written.iter().filter(|place| self.is_too_large(place)).chain(oldest) {
            if bytes <= self.most_bytes {
                break;
            }
            bytes = bytes.saturating_sub(self.weight(place).map_or(0, |weight| weight.output));
            outputs.push(place.clone());
        }
        let (mut needed, mut records) = (bytes.saturating_sub(self.most_bytes), Vec::new());
        for place in self.ages.values().skip(passed_over) {
            if needed == 0 {
                break;
            }
            needed = needed.saturating_sub(self.weight(place).map_or(0, |weight| weight.record));
            records.push(place.clone());
        }
        let shrink = Shrink { outputs, records };
        // Where nothing may go, the limit is exceeded: the newest record of each allocation stays.
        (!shrink.outputs.is_empty() || !shrink.records.is_empty()).then_some(shrink)
    }

    /// True of an output that does not fit by itself: it removes no others.
    fn is_too_large(&self, place: &Place) -> bool {
        self.weight(place).is_some_and(|weight| {
            let others = self.output_bytes - weight.output;
            weight.output > 0 && self.bytes.saturating_sub(others) > self.most_bytes
        })
    }

    fn weight(&self, (name, instant): &Place) -> Option<Weight> {
        self.records.get(name)?.get(instant).copied()
    }

    /// How much a record takes; one that is there keeps its age.
    fn weigh(&mut self, place: &Place, run: &Run) -> Weight {
        let outputs = run.attempts.iter().filter_map(|attempt| attempt.output.as_ref());
        let output = outputs.map(|output| output.kept()).sum();
        // A sized output weighs as much as its bytes.
        let record = run.weight().saturating_sub(output);
        let age = self.weight(place).map(|held| held.age);
        let age = age.unwrap_or_else(|| {
            self.age += 1;
            self.age
        });
        Weight { age, record, output }
    }

    /// Sets how much a record takes, or that there is none.
    fn set(&mut self, place: Place, weight: Option<Weight>) {
        let (name, instant) = &place;
        let runs = self.records.entry(name.clone()).or_default();
        let newest = |runs: &BTreeMap<Instant, Weight>| runs.keys().next_back().copied();
        let newest_before = newest(runs);
        let held = match weight {
            Some(weight) => runs.insert(*instant, weight),
            None => runs.remove(instant),
        };
        // The newest of an allocation always stays.
        let newest = newest(runs);
        // The change may have made another record the newest, or this one no longer.
        for at in [newest_before, Some(*instant), newest].into_iter().flatten() {
            match runs.get(&at) {
                Some(weight) if Some(at) != newest => {
                    self.ages.insert(weight.age, (name.clone(), at));
                }
                Some(weight) => drop(self.ages.remove(&weight.age)),
                None => {}
            }
        }
        if runs.is_empty() {
            self.records.remove(name);
        }
        if let Some(held) = held {
            self.bytes -= held.record + held.output;
            self.output_bytes -= held.output;
            self.outputs.remove(&held.age);
            if weight.is_none() {
                self.ages.remove(&held.age);
            }
        }
        if let Some(weight) = weight {
            self.bytes += weight.record + weight.output;
            self.output_bytes += weight.output;
            if weight.output > 0 {
                self.outputs.insert(weight.age, place.clone());
            }
        }
        self.undo.push((place, held));
    }
}

/// Deletes the oldest outputs, and then the oldest records, until the rest fits. A large output takes no
/// record's place.
pub(super) struct Shrink {
    outputs: Vec<Place>,
    records: Vec<Place>,
}

impl Shrink {
    /// Deletes them in a transaction; how many of the records had to stay.
    pub(super) async fn apply(&self, transaction: &mut Transaction) -> Result<usize, StoreError> {
        for (name, instant) in &self.outputs {
            let Some(run) = transaction.run(name, *instant).await? else { continue };
            let run = Arc::new(without_outputs(&run));
            transaction.remove_pieces(name, *instant);
            transaction.put_run(&run);
            // Its event is not published yet, and would show an output that is gone.
            transaction.amend_news(&run);
        }
        let mut passed_over = 0;
        for (name, instant) in &self.records {
            let Some((_, entry)) = transaction.entry(name.as_str()) else { continue };
            let Some(run) = transaction.run(name, *instant).await? else { continue };
            if may_go(transaction, &entry, &run).await? {
                forget(transaction, name, *instant, run.latest());
            } else {
                passed_over += 1;
            }
        }
        Ok(passed_over)
    }
}

/// True where nothing may still need a record.
async fn may_go(
    transaction: &mut Transaction,
    entry: &Entry,
    run: &Run,
) -> Result<bool, StoreError> {
    let (name, instant) = (&run.id.allocation, run.id.instant);
    if !run.state.is_over() || is_undecided(instant, entry.settled()) {
        return Ok(false);
    }
    // What was backfilled would pass for one of those that were missed.
    let span = span(transaction, name, instant).await?;
    Ok(span.is_none_or(|span| span.id == run.id))
}

/// A record without the bytes of its outputs, which says so.
fn without_outputs(run: &Run) -> Run {
    let mut run = run.clone();
    for attempt in &mut run.attempts {
        let removed = attempt.output.as_ref().filter(|output| output.kept() > 0);
        if let Some(removed) = removed.map(|output| output.without_bytes()) {
            attempt.output = Some(Arc::new(removed));
            attempt.remarks.push(REMOVED.to_owned());
        }
    }
    run
}

#[cfg(test)]
mod tests;
