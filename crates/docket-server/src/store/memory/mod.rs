//! The store that lives as long as the server does.

mod state;

use std::{collections::VecDeque, path::Path, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use docket_model::{
    AllocationName, Origin, Run, RunId,
    journal::{Entry, Event},
    mistake,
    run::Instant,
};
use parking_lot::{Mutex, RwLock};
use uuid::Uuid;

use self::state::State;
use super::{
    About, AllocationStore, Changes, Effect, End, EntryFilter, JournalStore, MOST_ENTRIES,
    Progress, Push, Recorded, RunFilter, RunStore, Snapshot, Standing, Steering, Store, StoreError,
    UnderWay, rules,
};

/// Among how many names the nearest is looked for: a wrong name must not cost a large store much.
const MOST_COMPARED: usize = 10_000;

/// Keeps everything in memory, records and outputs together within a bound of bytes.
#[derive(Debug)]
pub struct MemoryStore {
    id: Uuid,
    most_bytes: usize,
    state: RwLock<State>,
    journal: Mutex<VecDeque<Entry>>,
}

impl MemoryStore {
    /// An empty store whose records and outputs take at most so many bytes.
    #[must_use]
    pub fn new(most_bytes: usize) -> Self {
        Self { id: Uuid::new_v4(), most_bytes, state: RwLock::default(), journal: Mutex::default() }
    }

    fn add(&self, entries: impl IntoIterator<Item = Entry>) {
        let mut journal = self.journal.lock();
        journal.extend(entries);
        let excess = journal.len().saturating_sub(MOST_ENTRIES);
        journal.drain(..excess);
    }
}

#[async_trait]
impl AllocationStore for MemoryStore {
    async fn push(&self, push: Push) -> Result<Vec<Effect>, StoreError> {
        let mut state = self.state.write();
        let left_out = state.left_out(&push);
        state.check(&push, &left_out)?;
        let mut changes = Vec::with_capacity(push.specifications.len() + left_out.len());
        let mut events = Vec::new();
        for name in left_out {
            changes.extend(state.remove(name.as_str(), push.at));
            events.push((name, Event::Deleted));
        }
        let mut effects = Vec::with_capacity(push.specifications.len());
        for specification in push.specifications {
            let name = specification.name.clone();
            let put = state.put(specification, &push.origin, push.at);
            effects.push(put.effect);
            let Some(event) = rules::event(put.effect, &put.keys) else { continue };
            let stored = state.entry(name.as_str());
            changes.extend(stored.map(|(position, entry)| (position, entry.change())));
            events.push((name, event));
        }
        self.add(
            events.into_iter().map(|(name, event)| rules::entry(name, event, push.at, &push.by)),
        );
        state.publish(&changes);
        Ok(effects)
    }

    async fn delete(
        &self,
        name: &str,
        origin: &Origin,
        at: DateTime<Utc>,
        by: &str,
    ) -> Result<bool, StoreError> {
        let mut state = self.state.write();
        let Some((_, entry)) = state.entry(name) else { return Ok(false) };
        rules::check_deletion(&entry.allocation, origin)?;
        let name = entry.allocation.name().clone();
        state.check_childless(&name, |_| false)?;
        let change = state.remove(name.as_str(), at);
        self.add([rules::entry(name, Event::Deleted, at, by)]);
        state.publish(change.as_slice());
        Ok(true)
    }

    async fn steer(
        &self,
        name: &str,
        steering: Steering,
        at: DateTime<Utc>,
        by: &str,
    ) -> Result<bool, StoreError> {
        let mut state = self.state.write();
        let Some((position, entry)) = state.entry(name) else { return Ok(false) };
        let (name, standing) = (entry.allocation.name().clone(), entry.standing(position));
        let Some(event) = rules::steered(&standing, &steering, at) else { return Ok(true) };
        let change = state.steer(name.as_str(), steering, at);
        self.add([rules::entry(name, event, at, by)]);
        state.publish(change.as_slice());
        Ok(true)
    }

    async fn standing(&self, name: &str) -> Result<Option<Standing>, StoreError> {
        let state = self.state.read();
        Ok(state.entry(name).map(|(position, entry)| entry.standing(position)))
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

    async fn children(&self, name: &str) -> Result<Vec<AllocationName>, StoreError> {
        let state = self.state.read();
        Ok(state.children.get(name).into_iter().flatten().cloned().collect())
    }

    async fn nearest(&self, name: &str) -> Result<Option<AllocationName>, StoreError> {
        let state = self.state.read();
        let near = mistake::nearest(
            name,
            state.positions.keys().take(MOST_COMPARED).map(AllocationName::as_str),
        );
        Ok(near.and_then(|near| state.positions.get_key_value(near)).map(|(name, _)| name.clone()))
    }
}

#[async_trait]
impl RunStore for MemoryStore {
    async fn decide(&self, run: Run) -> Result<Recorded, StoreError> {
        let mut state = self.state.write();
        let recorded = state.decide(run);
        state.shrink_to(self.most_bytes);
        Ok(recorded)
    }

    async fn demand(&self, run: Run, following: Option<Instant>) -> Result<Recorded, StoreError> {
        let mut state = self.state.write();
        let recorded = state.demand(run, following);
        state.shrink_to(self.most_bytes);
        Ok(recorded)
    }

    async fn note(
        &self,
        id: &RunId,
        progress: Progress,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut state = self.state.write();
        let run = state.history(id.allocation.as_str()).and_then(|history| history.get(id.instant));
        rules::check_under_way(id, run.map(AsRef::as_ref))?;
        state.change_run(id, |run| progress.apply(run, at));
        Ok(())
    }

    async fn finish(&self, id: &RunId, end: End) -> Result<(), StoreError> {
        let mut state = self.state.write();
        let run = state.history(id.allocation.as_str()).and_then(|history| history.get(id.instant));
        rules::check_finishable(id, run.map(AsRef::as_ref))?;
        state.change_run(id, |run| end.apply(run));
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

    async fn under_way(&self) -> Result<Vec<UnderWay>, StoreError> {
        let state = self.state.read();
        let mut all = Vec::new();
        for entry in state.entries.values() {
            let runs = entry.history.iter().flat_map(|history| history.under_way());
            all.extend(runs.map(|run| UnderWay {
                run: Arc::clone(run),
                allocation: Arc::clone(&entry.allocation),
            }));
        }
        all.sort_by_key(|under_way| under_way.run.id.instant);
        Ok(all)
    }
}

#[async_trait]
impl JournalStore for MemoryStore {
    async fn record(&self, entry: Entry) -> Result<(), StoreError> {
        self.add([entry]);
        Ok(())
    }

    async fn entries(&self, filter: &EntryFilter) -> Result<Vec<Entry>, StoreError> {
        let journal = self.journal.lock();
        let matching = journal.iter().rev().filter(|entry| rules::matches(filter, entry));
        Ok(matching.take(filter.limit).cloned().collect())
    }

    async fn alive(&self, _at: DateTime<Utc>) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn id(&self) -> Uuid {
        self.id
    }

    fn about(&self) -> About {
        About {
            kind: "memory".to_owned(),
            is_volatile: true,
            is_new: true,
            folder: None,
            last_alive: None,
        }
    }

    fn changes(&self) -> Arc<Changes> {
        let changes = Arc::new(Changes::default());
        let mut state = self.state.write();
        changes.add(state.entries.iter().map(|(position, entry)| (*position, entry.change())));
        state.readers.push(Arc::downgrade(&changes));
        changes
    }

    async fn backup(&self, _to: &Path) -> Result<(), StoreError> {
        Err(StoreError::NoFile)
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
