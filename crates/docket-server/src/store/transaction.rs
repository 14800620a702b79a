//! Commands that are committed together: the catalogue, and over it what they changed so far. Nothing of
//! it is visible before the catalogue accepts it; a transaction that is dropped changes nothing.
//!
//! A command checks first and changes afterwards, so a command that is refused changes nothing. Where a
//! record cannot be read, the whole transaction is dropped.

mod allocation_changes;

use std::{
    collections::{BTreeMap, HashMap},
    ops::{Bound, RangeBounds as _},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use docket_model::{
    AllocationName, Run,
    journal::{Entry as JournalEntry, Suspension},
    run::Instant,
};
use parking_lot::{RwLock, RwLockReadGuard};

use super::{
    StoreError,
    backend::{Backend, Batch, Key, Order, ReadError, Record, Revision, Scan, ScannedRun, Term},
    catalogue::{Catalogue, Entry},
    change_feed::News,
    observer::Milestone,
    staged_changes::{Staged, StagedRun, meta},
};

impl From<ReadError> for StoreError {
    fn from(ReadError(reason): ReadError) -> Self {
        Self::Unreadable(reason)
    }
}

/// A catalogue with changes that are not committed yet.
#[derive(Debug)]
pub(super) struct Transaction {
    base: Arc<RwLock<Catalogue>>,
    backend: Arc<dyn Backend>,
    pub(super) staged: Staged,
    /// The revisions of records that were read.
    seen: HashMap<(AllocationName, Instant), Revision>,
}

/// The range of the runs of an allocation that is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Runs {
    pub(super) from: Bound<Instant>,
    pub(super) to: Bound<Instant>,
    pub(super) order: Order,
    pub(super) limit: usize,
}

impl Runs {
    /// The newest runs up to an instant.
    pub(super) fn newest(to: Bound<Instant>, limit: usize) -> Self {
        Self { from: Bound::Unbounded, to, order: Order::Descending, limit }
    }
}

impl Transaction {
    pub(super) fn new(base: Arc<RwLock<Catalogue>>, backend: Arc<dyn Backend>) -> Self {
        let catalogue = base.read();
        let staged = Staged {
            counter: catalogue.counter,
            pause: catalogue.pause.clone(),
            sweep_deleted_at: catalogue.sweep_deleted_at,
            commits: catalogue.commits,
            ..Staged::default()
        };
        drop(catalogue);
        Self { base, backend, staged, seen: HashMap::new() }
    }

    /// What is to be committed.
    pub(super) fn into_batch(mut self, term: Term) -> Result<(Batch, Staged), StoreError> {
        let batch = self.staged.batch(&self.base.read(), term)?;
        Ok((batch, self.staged))
    }

    /// The newest pause of the whole server, which must still be the newest when this is committed.
    pub(super) fn pause(&mut self) -> Option<Arc<Suspension>> {
        self.staged.depends_on.insert(meta::PAUSE);
        self.staged.pause.clone()
    }

    pub(super) fn entry(&self, name: &str) -> Option<(u64, Entry)> {
        let position = self.position(name)?;
        Some((position, self.at(position)?))
    }

    pub(super) fn entry_mut(&mut self, name: &str) -> Option<(u64, &mut Entry)> {
        let position = self.position(name)?;
        Some((position, self.at_mut(position)?))
    }

    /// The entry that a run is of, if it is still as it was when the run was decided about.
    pub(super) fn entry_of(&self, run: &Run) -> Option<(u64, Entry)> {
        self.entry(run.id.allocation.as_str()).filter(|(_, entry)| {
            entry.allocation.uid == run.uid && entry.allocation.revision == run.revision
        })
    }

    /// Publishes something once all this is committed.
    pub(super) fn publish(&mut self, news: News) {
        self.staged.news.push(news);
    }

    /// Reports a start or an end of a run once all this is committed.
    pub(super) fn report(&mut self, milestone: Milestone, run: &Arc<Run>) {
        self.staged.milestones.push((milestone, Arc::clone(run)));
    }

    /// Publishes a record of a run as it is now, where it was to be published.
    pub(super) fn amend_news(&mut self, run: &Arc<Run>) {
        for news in &mut self.staged.news {
            // Events of its earlier states show the record as it was then.
            if let News::Run(held, _) = news
                && held.id == run.id
                && held.state == run.state
            {
                *held = Arc::clone(run);
            }
        }
    }

    /// Adds entries to the journal, and publishes them.
    pub(super) fn record(&mut self, entries: impl IntoIterator<Item = JournalEntry>) {
        for entry in entries {
            let entry = Arc::new(entry);
            self.staged.news.push(News::Entry(Arc::clone(&entry)));
            self.staged.journal.push(entry);
        }
    }

    /// Notes up to when it is decided about an allocation.
    pub(super) fn decided(&mut self, name: &AllocationName, up_to: DateTime<Utc>) {
        if let Some((_, entry)) = self.entry_mut(name.as_str()) {
            entry.status_mut().decided = Some(up_to);
        }
    }

    /// Readers of changes learn of an allocation of which more is decided than they can know.
    pub(super) fn announce(&mut self, name: &AllocationName) {
        if let Some(position) = self.position(name.as_str()) {
            self.staged.changed.insert(position, name.clone());
        }
    }

    /// All names, in the order of their creation.
    pub(super) fn names(&self) -> Vec<AllocationName> {
        let base = self.base.read();
        let all = base.entries.iter().map(|(position, entry)| (*position, Some(entry)));
        let staged = self.staged.entries.iter();
        let staged = staged.map(|(position, entry)| (*position, entry.as_ref()));
        let all: BTreeMap<_, _> = all.chain(staged).collect();
        all.into_values().flatten().map(|entry| entry.allocation.name().clone()).collect()
    }

    /// Reads what the catalogue has and no transaction changes but by a command's own hand.
    pub(super) fn base(&self) -> RwLockReadGuard<'_, Catalogue> {
        self.base.read()
    }

    fn position(&self, name: &str) -> Option<u64> {
        // `Some(None)` is a name that this transaction deleted.
        let staged = self.staged.positions.get(name);
        staged.copied().unwrap_or_else(|| self.base.read().positions.get(name).copied())
    }

    fn at(&self, position: u64) -> Option<Entry> {
        match self.staged.entries.get(&position) {
            Some(staged) => staged.clone(),
            None => self.base.read().entries.get(&position).cloned(),
        }
    }

    fn at_mut(&mut self, position: u64) -> Option<&mut Entry> {
        let base = &self.base;
        let staged = self.staged.entries.entry(position);
        staged.or_insert_with(|| base.read().entries.get(&position).cloned()).as_mut()
    }
}

/// Runs and their records.
impl Transaction {
    /// The record of a run.
    pub(super) async fn run(
        &mut self,
        name: &AllocationName,
        instant: Instant,
    ) -> Result<Option<Arc<Run>>, StoreError> {
        let id = (name.clone(), instant);
        if let Some(staged) = self.staged.runs.get(name).and_then(|runs| runs.get(&instant)) {
            return Ok(staged.run.clone());
        }
        // The backend still has the records of before the deletion.
        if self.staged.wiped.contains(name) {
            return Ok(None);
        }
        let entry = self.entry(name.as_str());
        // Runs under way are in memory, and most changes are about them.
        if let Some(held) = entry.as_ref().and_then(|(_, entry)| entry.running(instant)) {
            self.seen.insert(id, held.revision);
            return Ok(Some(Arc::clone(&held.under_way.run)));
        }
        let read = self.backend.read_one(Key::Run(name.clone(), instant)).await?;
        // Not noted as seen: the commit then expects that the record is still absent.
        let Some((revision, Record::Run(run))) = read else {
            return Ok(None);
        };
        self.seen.insert(id, revision);
        Ok(Some(run))
    }

    /// Some runs of an allocation, in order.
    pub(super) async fn runs(
        &mut self,
        name: &AllocationName,
        range: Runs,
    ) -> Result<Vec<Arc<Run>>, StoreError> {
        let Runs { from, to, order, limit } = range;
        let staged = self.staged.runs.get(name).cloned().unwrap_or_default();
        let mut all = BTreeMap::new();
        if !self.staged.wiped.contains(name) {
            // Those that are staged may take the place of as many.
            let limit = limit.saturating_add(staged.len());
            let scan = Scan { allocation: name.clone(), from, to, order, skip: 0, limit };
            for (revision, run) in self.backend.scan(vec![scan]).await?.into_iter().flatten() {
                let instant = run.id.instant;
                self.seen.insert((name.clone(), instant), revision);
                all.insert(instant, run);
            }
        }
        for (instant, staged) in staged {
            match staged.run {
                Some(run) if (from, to).contains(&instant) => all.insert(instant, run),
                _ => all.remove(&instant),
            };
        }
        Ok(match order {
            Order::Ascending => all.into_values().take(limit).collect(),
            Order::Descending => all.into_values().rev().take(limit).collect(),
        })
    }

    /// Runs of several allocations, as they are committed.
    pub(super) async fn scan(
        &mut self,
        scans: Vec<Scan>,
    ) -> Result<Vec<Vec<Arc<Run>>>, StoreError> {
        let found = self.backend.scan(scans).await?;
        for (revision, run) in found.iter().flatten() {
            self.seen.insert((run.id.allocation.clone(), run.id.instant), *revision);
        }
        let runs = |found: Vec<ScannedRun>| found.into_iter().map(|(_, run)| run).collect();
        Ok(found.into_iter().map(runs).collect())
    }

    /// Writes the record of a run that was read, or that is not there.
    pub(super) fn put_run(&mut self, run: &Arc<Run>) {
        self.stage_run(run.id.allocation.clone(), run.id.instant).run = Some(Arc::clone(run));
        if let Some((_, entry)) = self.entry_mut(run.id.allocation.as_str()) {
            entry.follow(run);
        }
    }

    /// Adds a record, and publishes it. Records that are too many by it are pruned later: a claim does
    /// not wait for that.
    pub(super) fn add_run(&mut self, run: &Arc<Run>) -> Result<(), StoreError> {
        if run.state.is_over() {
            self.report(Milestone::end(&run.state), run);
            self.notify(run, None, run.decided_at)?;
        }
        self.add_run_as_of(run, run.decided_at);
        Ok(())
    }

    /// The same of what is left of a record, whose end was reported already.
    pub(super) fn add_run_as_of(&mut self, run: &Arc<Run>, at: DateTime<Utc>) {
        self.put_run(run);
        self.publish(News::Run(Arc::clone(run), at));
        let name = &run.id.allocation;
        let Some((_, entry)) = self.entry_mut(name.as_str()) else { return };
        entry.status_mut().records += 1;
        if entry.status().records > entry.allocation.specification.policies.keep.runs {
            self.staged.overfull.insert(name.clone());
        }
    }

    /// Deletes a record and its outputs.
    pub(super) fn remove_run(&mut self, name: &AllocationName, instant: Instant) {
        self.remove_pieces(name, instant);
        self.stage_run(name.clone(), instant).run = None;
        let Some((_, entry)) = self.entry_mut(name.as_str()) else { return };
        let status = entry.status_mut();
        status.records = status.records.saturating_sub(1);
        // Which one is the newest now is not known; claims then read the records.
        status.newest.take_if(|newest| newest.instant == instant);
    }

    /// Deletes the bytes of a run's outputs.
    pub(super) fn remove_pieces(&mut self, name: &AllocationName, instant: Instant) {
        self.staged.pieces.retain(|(key, _)| (&key.allocation, key.instant) != (name, instant));
        self.stage_run(name.clone(), instant).drops_pieces = true;
    }

    fn stage_run(&mut self, name: AllocationName, instant: Instant) -> &mut StagedRun {
        let id = (name, instant);
        let expected = self.seen.get(&id).copied();
        let staged = self.staged.runs.entry(id.0).or_default().entry(instant);
        // Only the first time: later reads see what is staged already.
        staged.or_insert_with(|| StagedRun { expected, ..StagedRun::default() })
    }
}
