//! The store that lives as long as the server does.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Weak},
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use docket_model::{
    Allocation, AllocationName, Origin, Run, RunId, Specification, log, mistake, run::Instant,
};
use parking_lot::RwLock;
use uuid::Uuid;

use super::{
    AllocationStore, Change, Changes, Effect, End, Progress, Push, REMEMBERED, Recorded, RunFilter,
    RunStore, Snapshot, StoreError,
    history::{History, Resized},
};

/// How many of the newest runs a snapshot has: as many as can fill `Logs`, with a step each.
const RECENT: usize = log::MAX_ENTRIES;

/// Among how many names the nearest is looked for: a wrong name must not cost a large store much.
const MOST_COMPARED: usize = 10_000;

/// Keeps everything in memory, records and outputs together within a bound of bytes.
#[derive(Debug)]
pub struct MemoryStore {
    id: Uuid,
    most_bytes: usize,
    state: RwLock<State>,
}

/// Below this many deleted names none is forgotten, so that looking for them costs little in all.
const LEAST_SWEEP: usize = 1024;

#[derive(Debug, Default)]
struct State {
    entries: BTreeMap<u64, Entry>,
    positions: HashMap<AllocationName, u64>,
    /// Names that were deleted, with the latest instant decided and the time of deletion.
    deleted: HashMap<AllocationName, (DateTime<Utc>, DateTime<Utc>)>,
    /// At which number of them those that need not be remembered any more are looked for.
    sweep_deleted_at: usize,
    /// Where each record is, the oldest first.
    ages: BTreeMap<u64, (u64, Instant)>,
    bytes: usize,
    /// Counts changes, positions and ages: each number is given once.
    counter: u64,
    readers: Vec<Weak<Changes>>,
}

#[derive(Debug)]
struct Entry {
    allocation: Arc<Allocation>,
    /// Absent until the first run, because most allocations of many have none yet.
    history: Option<Box<History>>,
}

impl MemoryStore {
    /// An empty store whose records and outputs take at most so many bytes.
    #[must_use]
    pub fn new(most_bytes: usize) -> Self {
        Self { id: Uuid::new_v4(), most_bytes, state: RwLock::default() }
    }
}

impl Entry {
    fn snapshot(&self, position: u64) -> Snapshot {
        let history = self.history.as_deref();
        let recent = history.map(|history| history.newest_before(None).take(RECENT).cloned());
        Snapshot {
            allocation: Arc::clone(&self.allocation),
            position,
            decided: history.and_then(|history| history.decided),
            recent: recent.into_iter().flatten().collect(),
            running: history.map_or(0, History::running),
        }
    }

    fn change(&self) -> Change {
        let decided = self.history.as_deref().and_then(|history| history.decided);
        Change::Stored { allocation: Arc::clone(&self.allocation), decided }
    }
}

impl State {
    fn count(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    fn entry(&self, name: &str) -> Option<(u64, &Entry)> {
        let position = *self.positions.get(name)?;
        Some((position, self.entries.get(&position)?))
    }

    fn history(&self, name: &str) -> Option<&History> {
        self.entry(name)?.1.history.as_deref()
    }

    /// Refuses a push over names that belong to someone else.
    fn check_owners(&self, push: &Push) -> Result<(), StoreError> {
        for specification in &push.specifications {
            let Some((_, entry)) = self.entry(specification.name.as_str()) else { continue };
            let name = specification.name.clone();
            match (&entry.allocation.origin, &push.origin) {
                (held, new) if held == new => {}
                (Origin::File(file), _) => {
                    return Err(StoreError::ReadOnly { name, file: Arc::clone(file) });
                }
                (Origin::Api, _) => return Err(StoreError::Taken { name }),
            }
        }
        Ok(())
    }

    fn put(&mut self, specification: Specification, origin: &Origin, at: DateTime<Utc>) -> Effect {
        let revision = self.count();
        let name = specification.name.clone();
        let position = self.positions.get(name.as_str()).copied();
        let Some(entry) = position.and_then(|position| self.entries.get_mut(&position)) else {
            let allocation = Allocation {
                specification,
                uid: Uuid::new_v4(),
                revision,
                origin: origin.clone(),
                created_at: at,
                scheduled_at: at,
            };
            let history = self
                .deleted
                .remove(name.as_str())
                .map(|(decided, _)| Box::new(History::decided_up_to(decided)));
            let entry = Entry { allocation: Arc::new(allocation), history };
            self.positions.insert(name, revision);
            self.entries.insert(revision, entry);
            return Effect::Created;
        };
        let before = &entry.allocation;
        if before.specification == specification {
            return Effect::Unchanged;
        }
        let same_schedule = before.specification.schedule == specification.schedule
            && before.specification.time_zone == specification.time_zone;
        entry.allocation = Arc::new(Allocation {
            specification,
            revision,
            scheduled_at: if same_schedule { before.scheduled_at } else { at },
            uid: before.uid,
            origin: before.origin.clone(),
            created_at: before.created_at,
        });
        Effect::Updated
    }

    fn remove(&mut self, name: &str, at: DateTime<Utc>) -> Option<(u64, Change)> {
        let (name, position) = self.positions.remove_entry(name)?;
        let history = self.entries.remove(&position)?.history.unwrap_or_default();
        if let Some(decided) = history.decided {
            if self.deleted.len() >= self.sweep_deleted_at {
                self.deleted.retain(|_, (_, deleted_at)| at - *deleted_at < REMEMBERED);
                self.sweep_deleted_at = (2 * self.deleted.len()).max(LEAST_SWEEP);
            }
            self.deleted.insert(name.clone(), (decided, at));
        }
        for (age, weight) in history.into_ages() {
            self.ages.remove(&age);
            self.bytes = self.bytes.saturating_sub(weight);
        }
        Some((position, Change::Deleted { name }))
    }

    /// The names of an origin that a complete push does not have.
    fn left_out(&self, push: &Push) -> Vec<AllocationName> {
        let wanted: std::collections::HashSet<_> =
            push.specifications.iter().map(|specification| &specification.name).collect();
        let entries = self.entries.values().map(|entry| &entry.allocation);
        entries
            .filter(|held| held.origin == push.origin && !wanted.contains(held.name()))
            .map(|held| held.name().clone())
            .collect()
    }

    fn publish(&mut self, changes: &[(u64, Change)]) {
        self.readers.retain(|reader| {
            let reader = reader.upgrade();
            reader.inspect(|reader| reader.add(changes.iter().cloned())).is_some()
        });
    }

    fn resized(&mut self, resized: &Resized) {
        self.bytes = self.bytes.saturating_add_signed(resized.grown);
        for age in &resized.gone {
            self.ages.remove(age);
        }
    }

    /// Forgets the oldest records, over all allocations, until the rest fits.
    fn shrink_to(&mut self, most_bytes: usize) {
        let mut under_way = Vec::new();
        while self.bytes > most_bytes {
            let Some((age, (position, instant))) = self.ages.pop_first() else { break };
            let entry = self.entries.get_mut(&position);
            let history = entry.and_then(|entry| entry.history.as_deref_mut());
            match history.map(|history| (history.forget(instant), history.get(instant).is_some())) {
                Some((Some(weight), _)) => self.bytes = self.bytes.saturating_sub(weight),
                Some((None, true)) => under_way.push((age, (position, instant))),
                _ => {}
            }
        }
        self.ages.extend(under_way);
    }

    fn change_run(&mut self, id: &RunId, change: impl FnOnce(&mut Run)) -> Result<(), StoreError> {
        let position = self.positions.get(id.allocation.as_str());
        let entry = position.and_then(|position| self.entries.get_mut(position));
        let grown = entry
            .and_then(|entry| entry.history.as_deref_mut()?.change(id.instant, change))
            .ok_or_else(|| StoreError::NoSuchRun(id.clone()))?;
        self.bytes = self.bytes.saturating_add_signed(grown);
        Ok(())
    }
}

#[async_trait]
impl AllocationStore for MemoryStore {
    fn id(&self) -> Uuid {
        self.id
    }

    async fn push(&self, push: Push) -> Result<Vec<Effect>, StoreError> {
        let mut state = self.state.write();
        state.check_owners(&push)?;
        let left_out = if push.complete { state.left_out(&push) } else { Vec::new() };
        let mut changes = Vec::with_capacity(push.specifications.len() + left_out.len());
        for name in left_out {
            changes.extend(state.remove(name.as_str(), push.at));
        }
        let mut effects = Vec::with_capacity(push.specifications.len());
        for specification in push.specifications {
            let name = specification.name.clone();
            let effect = state.put(specification, &push.origin, push.at);
            if effect != Effect::Unchanged {
                let stored = state.entry(name.as_str());
                changes.extend(stored.map(|(position, entry)| (position, entry.change())));
            }
            effects.push(effect);
        }
        state.publish(&changes);
        Ok(effects)
    }

    async fn delete(
        &self,
        name: &str,
        origin: &Origin,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let mut state = self.state.write();
        let Some((_, entry)) = state.entry(name) else { return Ok(false) };
        if let (Origin::File(file), true) =
            (&entry.allocation.origin, entry.allocation.origin != *origin)
        {
            let name = entry.allocation.name().clone();
            return Err(StoreError::ReadOnly { name, file: Arc::clone(file) });
        }
        let change = state.remove(name, at);
        state.publish(change.as_slice());
        Ok(true)
    }

    async fn get(&self, name: &str) -> Result<Option<Snapshot>, StoreError> {
        let state = self.state.read();
        Ok(state.entry(name).map(|(position, entry)| entry.snapshot(position)))
    }

    async fn list(&self, after: Option<u64>, limit: usize) -> Result<Vec<Snapshot>, StoreError> {
        let state = self.state.read();
        let first = after.map_or(0, |position| position.saturating_add(1));
        let page = state.entries.range(first..).take(limit);
        Ok(page.map(|(position, entry)| entry.snapshot(*position)).collect())
    }

    async fn nearest(&self, name: &str) -> Result<Option<AllocationName>, StoreError> {
        let state = self.state.read();
        let near = mistake::nearest(
            name,
            state.positions.keys().take(MOST_COMPARED).map(AllocationName::as_str),
        );
        Ok(near.and_then(|near| state.positions.get_key_value(near)).map(|(name, _)| name.clone()))
    }

    fn changes(&self) -> Arc<Changes> {
        let changes = Arc::new(Changes::default());
        let mut state = self.state.write();
        changes.add(state.entries.iter().map(|(position, entry)| (*position, entry.change())));
        state.readers.push(Arc::downgrade(&changes));
        changes
    }
}

#[async_trait]
impl RunStore for MemoryStore {
    async fn decide(&self, run: Run) -> Result<Recorded, StoreError> {
        let mut state = self.state.write();
        let age = state.count();
        let Some(&position) = state.positions.get(run.id.allocation.as_str()) else {
            return Ok(Recorded::TooLate);
        };
        let Some(entry) = state.entries.get_mut(&position) else { return Ok(Recorded::TooLate) };
        let (instant, latest) = (run.id.instant, run.latest().moment());
        let decided = entry.history.as_deref().and_then(|history| history.decided);
        let decided_before = decided.is_some_and(|decided| decided >= instant.moment());
        if entry.allocation.uid != run.uid || decided_before {
            return Ok(Recorded::TooLate);
        }
        let history = entry.history.get_or_insert_default();
        history.decided = Some(latest);
        if !history.fold(&run) {
            let resized = history.insert(run, age);
            state.ages.insert(age, (position, instant));
            state.resized(&resized);
            state.shrink_to(self.most_bytes);
        }
        Ok(Recorded::New)
    }

    async fn note(
        &self,
        id: &RunId,
        progress: Progress,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.state.write().change_run(id, |run| progress.apply(run, at))
    }

    async fn finish(&self, id: &RunId, end: End) -> Result<(), StoreError> {
        let mut state = self.state.write();
        state.change_run(id, |run| end.apply(run))?;
        state.shrink_to(self.most_bytes);
        Ok(())
    }

    async fn run(&self, name: &str, instant: Instant) -> Result<Option<Arc<Run>>, StoreError> {
        let state = self.state.read();
        Ok(state.history(name).and_then(|history| history.get(instant)).cloned())
    }

    async fn runs(&self, name: &str, filter: &RunFilter) -> Result<Vec<Arc<Run>>, StoreError> {
        let state = self.state.read();
        let runs = state.history(name).map(|history| history.newest_before(filter.before));
        let matching = runs
            .into_iter()
            .flatten()
            .filter(|run| filter.state.as_deref().is_none_or(|state| state == run.state.word()));
        Ok(matching.take(filter.limit).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::contract;

    #[tokio::test]
    async fn the_memory_store_keeps_the_contract() {
        contract::all(|| Arc::new(MemoryStore::new(usize::MAX))).await;
    }
}
