//! Which records are deleted: those beyond what an allocation keeps, and, where records are in memory,
//! the oldest outputs and then the oldest records until the rest fits.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Bound,
    sync::Arc,
};

use async_trait::async_trait;
use docket_model::{AllocationName, Run, run::Instant};

use super::{
    StoreError,
    backend::{Order, Scan},
    catalogue::Entry,
    claim::span,
    command::Command,
    rules::{self, Age},
    staged::Staged,
    transaction::Transaction,
};

/// Said of an attempt whose output is not kept any more.
const REMOVED: &str = "the output was removed to make room for newer ones (`--memory`)";

/// Deletes the oldest records of allocations that have too many: failures outlive successes.
pub(super) struct Prune(pub(super) Vec<AllocationName>);

#[async_trait]
impl Command for Prune {
    type Output = ();

    fn is_repeatable(&self) -> bool {
        true
    }

    async fn apply(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        let held: Vec<_> =
            self.0.iter().filter_map(|name| transaction.entry(name.as_str())).collect();
        let scans = held.iter().map(|(_, entry)| Scan {
            allocation: entry.allocation.name().clone(),
            from: Bound::Unbounded,
            to: Bound::Unbounded,
            order: Order::Descending,
            skip: entry.allocation.specification.policies.keep.runs,
            limit: usize::MAX,
        });
        let older = transaction.scan(scans.collect()).await?;
        for ((_, entry), older) in held.iter().zip(older) {
            let keep = entry.allocation.specification.policies.keep;
            let ages = older.iter().map(|run| age(run));
            for age in rules::surplus(ages, keep, entry.settled()) {
                forget(transaction, entry.allocation.name(), age.instant, age.latest);
            }
        }
        Ok(())
    }
}

/// What pruning needs to know of a record.
fn age(run: &Run) -> Age {
    Age {
        instant: run.id.instant,
        latest: run.latest(),
        is_over: run.state.is_over(),
        is_failure: run.state.is_failure(),
    }
}

/// Deletes a record, and remembers up to which instant records are not kept any more.
fn forget(transaction: &mut Transaction, name: &AllocationName, instant: Instant, latest: Instant) {
    transaction.remove_run(name, instant);
    if let Some((_, entry)) = transaction.entry_mut(name.as_str()) {
        let status = entry.status_mut();
        status.pruned = status.pruned.max(Some(latest));
    }
}

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
    /// The records that the newest transaction wrote.
    written: Vec<Place>,
    /// Counts records: each age is given once.
    age: u64,
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
        }
    }

    /// Follows what a transaction wrote.
    pub(super) fn follow(&mut self, staged: &Staged) {
        self.written.clear();
        for name in &staged.wiped {
            let instants = self.records.get(name).map(|runs| runs.keys().copied().collect());
            let instants: Vec<Instant> = instants.unwrap_or_default();
            for instant in instants {
                self.remove(name, instant);
            }
        }
        for (name, runs) in &staged.runs {
            for (instant, staged) in runs {
                match &staged.run {
                    Some(run) => {
                        self.put(name, run);
                        self.written.push((name.clone(), *instant));
                    }
                    None => self.remove(name, *instant),
                }
            }
        }
    }

    /// What is to be deleted now, if anything is, without so many of the oldest records that had to stay.
    pub(super) fn excess(&self, passed_over: usize) -> Option<Shrink> {
        let mut bytes = self.bytes;
        let mut outputs = Vec::new();
        let oldest = self.outputs.values();
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

    fn put(&mut self, name: &AllocationName, run: &Arc<Run>) {
        let instant = run.id.instant;
        let outputs = run.attempts.iter().filter_map(|attempt| attempt.output.as_ref());
        let output = outputs.map(|output| output.kept()).sum();
        // A sized output weighs as much as its bytes.
        let record = run.weight().saturating_sub(output);
        let held = self.records.get(name).and_then(|runs| runs.get(&instant)).copied();
        if let Some(held) = held {
            self.subtract(held);
        } else {
            self.age += 1;
        }
        let weight = Weight { age: held.map_or(self.age, |held| held.age), record, output };
        self.bytes += record + output;
        self.output_bytes += output;
        if output > 0 {
            self.outputs.insert(weight.age, (name.clone(), instant));
        }
        let runs = self.records.entry(name.clone()).or_default();
        let newest = runs.last_key_value().map(|(instant, weight)| (weight.age, *instant));
        runs.insert(instant, weight);
        if held.is_none()
            && let Some((age, newest)) = newest
        {
            // The newest of an allocation always stays.
            let overtaken = if newest < instant { (age, newest) } else { (weight.age, instant) };
            self.ages.insert(overtaken.0, (name.clone(), overtaken.1));
        }
    }

    fn remove(&mut self, name: &AllocationName, instant: Instant) {
        let Some(runs) = self.records.get_mut(name) else { return };
        let removed = runs.remove(&instant);
        if runs.is_empty() {
            self.records.remove(name);
        }
        let Some(weight) = removed else { return };
        self.ages.remove(&weight.age);
        self.subtract(weight);
    }

    fn subtract(&mut self, weight: Weight) {
        self.bytes = self.bytes.saturating_sub(weight.record + weight.output);
        self.output_bytes -= weight.output;
        self.outputs.remove(&weight.age);
    }
}

/// Deletes the oldest outputs, and then the oldest records, until the rest fits. A large output takes no
/// record's place.
pub(super) struct Shrink {
    outputs: Vec<Place>,
    records: Vec<Place>,
}

#[async_trait]
impl Command for Shrink {
    /// How many of the records had to stay.
    type Output = usize;

    fn is_repeatable(&self) -> bool {
        true
    }

    async fn apply(&self, transaction: &mut Transaction) -> Result<usize, StoreError> {
        for (name, instant) in &self.outputs {
            let Some(run) = transaction.run(name, *instant).await? else { continue };
            let run = Arc::new(without_outputs(&run));
            transaction.remove_pieces(name, *instant);
            transaction.put_run(&run);
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
    if !run.state.is_over() || rules::is_undecided(instant, entry.settled()) {
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

/// The allocations whose records are pruned next, a few at a time so that what arrives meanwhile does
/// not wait long.
pub(super) fn take_some(overfull: &mut BTreeSet<AllocationName>) -> Vec<AllocationName> {
    /// How many allocations are pruned at once.
    const MOST: usize = 500;
    let mut some = Vec::new();
    while some.len() < MOST
        && let Some(name) = overfull.pop_first()
    {
        some.push(name);
    }
    some
}

#[cfg(test)]
mod tests;
