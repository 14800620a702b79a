//! The store that lives as long as the server does.

mod outputs;
mod state;
#[cfg(test)]
mod tests;

use std::{cmp::Reverse, collections::VecDeque, path::Path, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use docket_model::{
    AllocationName, Life, Origin, Run, RunId, Zone,
    journal::{Entry, Event, Suspension},
    output::{Excerpt, PIECE},
    run::Instant,
    undecided::Why,
};
use parking_lot::{Mutex, RwLock};
use uuid::Uuid;

use self::state::State;
use super::{
    About, AllocationStatus, AllocationStore, ChangeContext, Changes, ClaimOutcome, Control,
    Effect, End, EntryFilter, InstantKind, JournalStore, KnownLife, LifeStore, MOST_ENTRIES,
    NotedEngine, Progress, Provenance, Push, Restoration, RunFilter, RunStore, ServerControl,
    Settlement, Snapshot, Store, StoreError, UnderWay, ZoneChange, draft::Draft, rules, settle,
};
use crate::observer::{Events, News};

/// Keeps everything in memory, records and outputs together within a bound of bytes.
#[derive(Debug)]
pub struct MemoryStore {
    id: Uuid,
    most_bytes: usize,
    state: RwLock<State>,
    journal: Mutex<VecDeque<Arc<Entry>>>,
}

impl MemoryStore {
    /// An empty store whose records and outputs take at most so many bytes.
    #[must_use]
    pub fn new(most_bytes: usize) -> Self {
        Self { id: Uuid::new_v4(), most_bytes, state: RwLock::default(), journal: Mutex::default() }
    }

    /// The same, which counts positions and revisions from this number: a server that is started anew
    /// must not give those that another one gave, because they guard against lost updates.
    #[must_use]
    pub fn counting_from(self, number: u64) -> Self {
        self.state.write().catalogue.counter = number;
        self
    }

    /// Notes entries down, and has them told with what the draft does.
    fn note_down(&self, draft: &mut Draft<'_>, entries: impl IntoIterator<Item = Entry>) {
        let mut journal = self.journal.lock();
        for entry in entries {
            let entry = Arc::new(entry);
            draft.tell(News::Entry(Arc::clone(&entry)));
            journal.push_back(entry);
        }
        let excess = journal.len().saturating_sub(MOST_ENTRIES);
        journal.drain(..excess);
    }
}

#[async_trait]
impl AllocationStore for MemoryStore {
    async fn push(&self, mut push: Push) -> Result<Vec<Effect>, StoreError> {
        let state = &mut *self.state.write();
        let draft = Draft::of(&state.catalogue);
        let left_out = draft.left_out(&push);
        draft.check(&push, &left_out)?;
        let undecided = settle::of_push(&draft, &push);
        state.settle(&undecided, &push.circumstances.outages);
        let mut draft = Draft::of(&state.catalogue);
        let mut events = Vec::new();
        let mut gone = Vec::new();
        for name in left_out {
            gone.extend(draft.remove(&name));
            events.push((name, Event::Deleted));
        }
        let mut effects = Vec::with_capacity(push.specifications.len());
        for specification in std::mem::take(&mut push.specifications) {
            let name = specification.name.clone();
            let remembered = state.remembered(name.as_str(), push.at);
            let put = draft.put(specification, &push, remembered);
            effects.push(put.effect);
            let now = draft.entry(name.as_str());
            let event = now.and_then(|(_, entry)| rules::event(&put, &entry.allocation));
            events.extend(event.map(|event| (name, event)));
        }
        let entries = events.into_iter();
        let entries = entries.map(|(name, event)| rules::entry(name, event, push.at, &push.by));
        self.note_down(&mut draft, entries);
        let staged = draft.into_staged();
        state.catalogue.accept(staged);
        for (position, entry) in gone {
            state.forget(position, &entry, push.at);
        }
        state.shrink_to(self.most_bytes);
        Ok(effects)
    }

    async fn delete(
        &self,
        name: &str,
        origin: &Origin,
        context: ChangeContext,
    ) -> Result<bool, StoreError> {
        let state = &mut *self.state.write();
        let mut draft = Draft::of(&state.catalogue);
        let Some((position, entry)) = draft.delete(name, origin, &context.only_if)? else {
            return Ok(false);
        };
        let name = entry.allocation.name().clone();
        self.note_down(&mut draft, [rules::entry(name, Event::Deleted, context.at, &context.by)]);
        let staged = draft.into_staged();
        state.catalogue.accept(staged);
        state.forget(position, &entry, context.at);
        Ok(true)
    }

    async fn control(
        &self,
        name: &str,
        control: Control,
        context: ChangeContext,
    ) -> Result<bool, StoreError> {
        let mut state = self.state.write();
        let Some(standing) = state.catalogue.status(name) else { return Ok(false) };
        context.only_if.check(standing.allocation.name(), Some(&standing.allocation))?;
        let control = rules::completed(&standing, control, context.at);
        let Some(event) = rules::steered(&standing, &control, context.at) else { return Ok(true) };
        let mut draft = Draft::of(&state.catalogue);
        let succeeded = if rules::has_success_ahead(&standing, context.at) {
            state.succeeded_before(name, context.at)
        } else {
            standing.succeeded
        };
        draft.control(name, control, context.at, succeeded);
        let name = standing.allocation.name().clone();
        self.note_down(&mut draft, [rules::entry(name, event, context.at, &context.by)]);
        let staged = draft.into_staged();
        state.catalogue.accept(staged);
        Ok(true)
    }

    async fn settle(&self, settlement: Settlement) -> Result<(), StoreError> {
        let Settlement { at, zone, reason } = settlement;
        let state = &mut *self.state.write();
        let draft = Draft::of(&state.catalogue);
        let names = draft.names();
        let of = |name| settle::of(&draft, name, zone, at, Why::Given(reason.clone()));
        let undecided: Vec<_> = names.iter().filter_map(of).collect();
        state.settle(&undecided, &[]);
        let mut draft = Draft::of(&state.catalogue);
        for undecided in &undecided {
            draft.announce(undecided.name());
        }
        let staged = draft.into_staged();
        state.catalogue.accept(staged);
        state.shrink_to(self.most_bytes);
        Ok(())
    }

    async fn note_zone(&self, _zone: Zone) -> Result<(), StoreError> {
        Ok(())
    }

    async fn change_zone(&self, change: ZoneChange) -> Result<(), StoreError> {
        let state = &mut *self.state.write();
        let draft = Draft::of(&state.catalogue);
        let names = draft.names();
        let undecided = settle::of_zone(&draft, &names, &change);
        state.settle(&undecided, change.outages());
        let mut draft = Draft::of(&state.catalogue);
        for name in &names {
            draft.close(name, &change);
        }
        self.note_down(&mut draft, [rules::zone_entry(&change)]);
        let staged = draft.into_staged();
        state.catalogue.accept(staged);
        state.shrink_to(self.most_bytes);
        Ok(())
    }

    async fn status(&self, name: &str) -> Result<Option<AllocationStatus>, StoreError> {
        Ok(self.state.read().catalogue.status(name))
    }

    async fn get(&self, name: &str) -> Result<Option<Snapshot>, StoreError> {
        let state = self.state.read();
        let entry = state.catalogue.entry(name);
        Ok(entry.map(|(position, entry)| state.snapshot(position, entry)))
    }

    async fn list(&self, after: Option<u64>, limit: usize) -> Result<Vec<Snapshot>, StoreError> {
        let state = self.state.read();
        let page = state.catalogue.page(after, limit);
        Ok(page.map(|(position, entry)| state.snapshot(position, entry)).collect())
    }

    async fn statuses(
        &self,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<AllocationStatus>, StoreError> {
        let state = self.state.read();
        let page = state.catalogue.page(after, limit);
        Ok(page.map(|(position, entry)| entry.status(position)).collect())
    }

    async fn children(&self, name: &str) -> Result<Vec<AllocationName>, StoreError> {
        Ok(self.state.read().catalogue.children(name))
    }

    async fn nearest(&self, name: &str) -> Result<Option<AllocationName>, StoreError> {
        Ok(self.state.read().catalogue.nearest(name))
    }
}

#[async_trait]
impl RunStore for MemoryStore {
    async fn claim(&self, run: Run) -> Result<ClaimOutcome, StoreError> {
        let mut state = self.state.write();
        let recorded = state.decide(run);
        state.shrink_to(self.most_bytes);
        Ok(recorded)
    }

    async fn claim_manual(
        &self,
        run: Run,
        wanted: InstantKind,
    ) -> Result<ClaimOutcome, StoreError> {
        let mut state = self.state.write();
        let recorded = state.demand(run, wanted);
        state.shrink_to(self.most_bytes);
        Ok(recorded)
    }

    async fn note(
        &self,
        id: &RunId,
        uid: Uuid,
        progress: Progress,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut state = self.state.write();
        let shown_at = progress.is_shown().then_some(at);
        let change = |run: &mut Run| progress.apply(run, at);
        state.change(id, uid, rules::check_under_way, shown_at, change).map(drop)
    }

    async fn finish(&self, id: &RunId, uid: Uuid, end: End) -> Result<(), StoreError> {
        let mut state = self.state.write();
        let shown_at = Some(end.at);
        let finished =
            state.change(id, uid, rules::check_finishable, shown_at, |run| end.apply(run))?;
        state.remove_if_too_large(finished, self.most_bytes);
        state.shrink_to(self.most_bytes);
        Ok(())
    }

    async fn run(&self, name: &str, instant: Instant) -> Result<Option<Arc<Run>>, StoreError> {
        let state = self.state.read();
        Ok(state.history(name).and_then(|history| history.get(instant)).cloned())
    }

    async fn output(
        &self,
        name: &str,
        instant: Instant,
        attempt: u32,
        from: u64,
    ) -> Result<Option<Excerpt>, StoreError> {
        let run = self.run(name, instant).await?;
        let mut attempts = run.iter().flat_map(|run| &run.attempts);
        let wrote = attempts.find(|wrote| wrote.number == attempt);
        let output = wrote.and_then(|attempt| attempt.output.as_ref());
        Ok(output.map(|output| output.excerpt(from, PIECE)))
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
        Ok(self.state.read().catalogue.under_way())
    }
}

#[async_trait]
impl JournalStore for MemoryStore {
    async fn record(&self, entry: Entry) -> Result<(), StoreError> {
        let mut state = self.state.write();
        let mut draft = Draft::of(&state.catalogue);
        self.note_down(&mut draft, [entry]);
        let staged = draft.into_staged();
        state.catalogue.accept(staged);
        Ok(())
    }

    async fn entries(&self, filter: &EntryFilter) -> Result<Vec<Entry>, StoreError> {
        let journal = self.journal.lock();
        let matching = journal.iter().rev().filter(|entry| rules::matches(filter, entry));
        // Some are written late. The sort is stable, and takes one pass where all are in order.
        let mut matching: Vec<_> = matching.collect();
        matching.sort_by_key(|entry| Reverse(entry.at));
        Ok(matching.into_iter().take(filter.limit).map(|entry| Entry::clone(entry)).collect())
    }

    async fn alive(&self, _at: DateTime<Utc>) -> Result<(), StoreError> {
        Ok(())
    }

    async fn note_outage(&self, _: DateTime<Utc>, _: DateTime<Utc>) -> Result<(), StoreError> {
        Ok(())
    }
}

/// It is made when its server starts, so it has one life and no copies.
#[async_trait]
impl LifeStore for MemoryStore {
    fn provenance(&self) -> Provenance {
        Provenance::default()
    }

    fn new_life(&self, at: DateTime<Utc>) -> Life {
        Life::new(1, at)
    }

    async fn begin_life(&self, _life: Life) -> Result<(), StoreError> {
        Ok(())
    }

    fn known_life(&self, _life: &Life) -> KnownLife {
        KnownLife::Listed
    }

    async fn note_engine(&self, _engine: NotedEngine) -> Result<(), StoreError> {
        Ok(())
    }

    async fn restore(&self, _restoration: Restoration) -> Result<(), StoreError> {
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
            file: None,
            last_alive: None,
            time_zone: None,
            outages: Vec::new(),
        }
    }

    fn changes(&self) -> Arc<Changes> {
        self.state.read().catalogue.changes()
    }

    fn events(&self) -> Arc<Events> {
        Arc::clone(&self.state.read().catalogue.events)
    }

    fn pause(&self) -> Option<Arc<Suspension>> {
        self.state.read().catalogue.pause.clone()
    }

    async fn control_server(
        &self,
        control: ServerControl,
        context: ChangeContext,
    ) -> Result<bool, StoreError> {
        let mut state = self.state.write();
        let mut draft = Draft::of(&state.catalogue);
        let Some(event) = draft.control_server(&control, context.at) else { return Ok(false) };
        self.note_down(&mut draft, [rules::server_entry(event, &context)]);
        let staged = draft.into_staged();
        state.catalogue.accept(staged);
        Ok(true)
    }

    async fn backup(&self, _to: &Path, _at: DateTime<Utc>) -> Result<(), StoreError> {
        Err(StoreError::NoFile)
    }
}
