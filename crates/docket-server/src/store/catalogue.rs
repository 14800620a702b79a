//! All allocations and their status, the journal and small values, in memory. Records of runs that are
//! over are not here.
//!
//! A catalogue changes only by [`accept`](Catalogue::accept): what a
//! [`Transaction`](super::transaction::Transaction) staged comes in as a whole once it is committed, and
//! then goes to the feed.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use docket_model::{
    Allocation, AllocationName, Run, finding,
    journal::{Entry as JournalEntry, Suspension},
    run::{Instant, RunState},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    AllocationStatus, Change, EntryFilter, RunCounts, UnderWay,
    backend::{Newest, Revision, StandingRecord},
    feed::{Feed, Labels},
    lives::Lives,
    rules,
    staged::Staged,
};

/// Among how many names the nearest is looked for: a wrong name must not cost a large store much.
const MOST_COMPARED: usize = 10_000;

/// One allocation and its status.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) allocation: Arc<Allocation>,
    /// The latest instant about which it was decided.
    pub(super) decided: Option<DateTime<Utc>>,
    /// The latest instant whose record was pruned.
    pub(super) pruned: Option<Instant>,
    /// The greatest instant for which a run succeeded.
    pub(super) succeeded: Option<Instant>,
    pub(super) suspension: Option<Arc<Suspension>>,
    /// How many records there are.
    pub(super) records: usize,
    /// The newest of them.
    pub(super) newest: Option<Newest>,
    /// Its runs that are not over, counted by state.
    pub(super) counts: RunCounts,
    /// Absent while there are none, because most allocations of many are idle.
    pub(super) under_way: Option<Arc<BTreeMap<Instant, Held>>>,
    /// The revision of its specification; 0 while it is staged.
    pub(super) specification: Revision,
    /// The revision of its standing; none while nothing was decided about it.
    pub(super) standing: Option<Revision>,
}

/// A run under way and the revision of its record.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) under_way: UnderWay,
    pub(super) revision: Revision,
}

/// What is remembered of a name that was deleted, as it is stored in
/// [`Collection::Deleted`](super::backend::Collection::Deleted).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Deleted {
    /// Up to which instant it was decided.
    pub(super) decided: DateTime<Utc>,
    /// When it was deleted.
    pub(super) at: DateTime<Utc>,
}

impl Entry {
    /// An allocation without records.
    pub(super) fn new(allocation: Arc<Allocation>) -> Self {
        Self {
            allocation,
            decided: None,
            pruned: None,
            succeeded: None,
            suspension: None,
            records: 0,
            newest: None,
            counts: RunCounts::default(),
            under_way: None,
            specification: 0,
            standing: None,
        }
    }

    pub(super) fn status(&self, position: u64) -> AllocationStatus {
        AllocationStatus {
            allocation: Arc::clone(&self.allocation),
            position,
            decided: self.decided,
            pruned: self.pruned,
            succeeded: self.succeeded,
            suspension: self.suspension.clone(),
            runs: self.counts,
        }
    }

    /// What a backend keeps of it beside the specification.
    pub(super) fn record(&self) -> StandingRecord {
        StandingRecord {
            decided: self.decided,
            pruned: self.pruned,
            succeeded: self.succeeded,
            suspension: self.suspension.clone(),
            records: self.records,
            newest: self.newest,
            under_way: self.under_way.iter().flat_map(|runs| runs.keys().copied()).collect(),
        }
    }

    /// Up to which instant all is decided, where more is to be decided at all: a backfilled run beyond
    /// must keep its record, or its instant would be decided to run once more.
    pub(super) fn settled(&self) -> Option<DateTime<Utc>> {
        let specification = &self.allocation.specification;
        let has_schedule =
            specification.schedule().is_some_and(|schedule| !schedule.text().trim().is_empty());
        let runs_by_itself = has_schedule || !specification.parents().is_empty();
        runs_by_itself.then(|| self.decided.unwrap_or_default())
    }

    /// The runs that are not over, the earliest first.
    pub(super) fn under_way(&self) -> impl Iterator<Item = &UnderWay> {
        self.under_way.iter().flat_map(|runs| runs.values()).map(|held| &held.under_way)
    }

    /// The run of an instant, while it is not over.
    pub(super) fn running(&self, instant: Instant) -> Option<&Held> {
        self.under_way.as_ref()?.get(&instant)
    }

    /// Follows the record of a run: it is under way, or it has ended.
    ///
    /// The allocation of a run is the one that it was claimed with.
    pub(super) fn follow(&mut self, run: &Arc<Run>) {
        let instant = run.id.instant;
        if run.state == RunState::Succeeded {
            self.succeeded = self.succeeded.max(Some(instant));
        }
        if self.newest.is_none_or(|newest| newest.instant <= instant) {
            let is_missed = matches!(run.state, RunState::Missed { .. });
            self.newest = Some(Newest { instant, is_missed });
        }
        if let Some(before) = self.running(instant).map(|held| held.under_way.run.state.clone()) {
            self.counts.remove(&before);
        }
        if !run.state.is_over() {
            let claimed = self.running(instant).map(|held| &held.under_way.allocation);
            let claimed = Arc::clone(claimed.unwrap_or(&self.allocation));
            self.add_under_way(UnderWay { run: Arc::clone(run), allocation: claimed }, 0);
        } else if self.running(instant).is_some()
            && let Some(runs) = self.under_way.as_mut()
        {
            Arc::make_mut(runs).remove(&instant);
            self.under_way.take_if(|runs| runs.is_empty());
        }
    }

    /// Adds a run that is not over, or replaces its record.
    pub(super) fn add_under_way(&mut self, under_way: UnderWay, revision: Revision) {
        self.counts.add(&under_way.run.state);
        let instant = under_way.run.id.instant;
        let runs = Arc::make_mut(self.under_way.get_or_insert_default());
        runs.insert(instant, Held { under_way, revision });
    }

    fn change(&self) -> Change {
        Change::Stored {
            allocation: Arc::clone(&self.allocation),
            decided: self.decided,
            suspension: self.suspension.clone(),
        }
    }
}

/// The allocations in the order of their creation, the journal, and what there is once.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    pub(super) entries: BTreeMap<u64, Entry>,
    pub(super) positions: HashMap<AllocationName, u64>,
    /// The allocations that run after each.
    pub(super) children: HashMap<AllocationName, BTreeSet<AllocationName>>,
    /// Names that were deleted lately.
    pub(super) deleted: HashMap<AllocationName, Deleted>,
    /// At how many deleted names those that need not be remembered any more are looked for.
    pub(super) sweep_deleted_at: usize,
    /// The newest entries of the journal with their sequence numbers, the oldest first.
    pub(super) journal: VecDeque<(u64, Arc<JournalEntry>)>,
    /// The greatest position or revision of an allocation so far: each number is given once.
    pub(super) counter: u64,
    /// The newest pause of the whole server.
    pub(super) pause: Option<Arc<Suspension>>,
    /// The revisions of the values that a transaction may depend on.
    pub(super) meta: HashMap<&'static str, Revision>,
    /// Names this store among all that were opened over the backend.
    pub(super) writer: Uuid,
    /// How many commits this server made.
    pub(super) commits: u64,
    /// The lives of servers.
    pub(super) lives: Lives,
    pub(super) feed: Arc<Feed>,
}

impl Catalogue {
    /// Adds an allocation that was loaded.
    pub(super) fn insert(&mut self, position: u64, entry: Entry) {
        let name = entry.allocation.name();
        for parent in entry.allocation.specification.parents() {
            self.children.entry(parent.clone()).or_default().insert(name.clone());
        }
        self.positions.insert(name.clone(), position);
        self.entries.insert(position, entry);
    }

    /// Replaces an allocation that another writer changed.
    pub(super) fn replace(&mut self, name: &AllocationName, entry: Option<(u64, Entry)>) {
        let before = self.positions.get(name).copied();
        self.remove(name);
        let now = entry.as_ref().map(|(position, _)| *position);
        let mut changes = Vec::new();
        if let Some(gone) = before.filter(|before| Some(*before) != now) {
            changes.push((gone, Change::Deleted { name: name.clone() }));
        }
        if let Some((position, entry)) = entry {
            changes.push((position, entry.change()));
            self.insert(position, entry);
        }
        self.feed.publish_changes(&changes);
    }

    /// Replaces everything by what was loaded anew.
    pub(super) fn reload(&mut self, loaded: Self) {
        let gone = self.entries.iter().filter(|(at, _)| !loaded.entries.contains_key(at));
        let gone = gone.map(|(position, entry)| {
            (*position, Change::Deleted { name: entry.allocation.name().clone() })
        });
        let changes: Vec<_> = gone.chain(loaded.all_changes()).collect();
        let (feed, writer, commits) = (Arc::clone(&self.feed), self.writer, self.commits);
        *self = Self { writer, commits, feed, ..loaded };
        self.feed.publish_changes(&changes);
    }

    fn remove(&mut self, name: &AllocationName) {
        let Some(entry) = self.positions.remove(name).and_then(|at| self.entries.remove(&at))
        else {
            return;
        };
        for parent in entry.allocation.specification.parents() {
            if let Some(children) = self.children.get_mut(parent) {
                children.remove(name);
            }
        }
    }

    pub(super) fn entry(&self, name: &str) -> Option<(u64, &Entry)> {
        let position = *self.positions.get(name)?;
        Some((position, self.entries.get(&position)?))
    }

    pub(super) fn entry_mut(&mut self, name: &AllocationName) -> Option<&mut Entry> {
        self.entries.get_mut(self.positions.get(name)?)
    }

    pub(super) fn status(&self, name: &str) -> Option<AllocationStatus> {
        self.entry(name).map(|(position, entry)| entry.status(position))
    }

    /// At most `limit` entries after a position.
    pub(super) fn page(
        &self,
        after: Option<u64>,
        limit: usize,
    ) -> impl Iterator<Item = (u64, &Entry)> {
        let first = after.map_or(0, |position| position.saturating_add(1));
        self.entries.range(first..).take(limit).map(|(position, entry)| (*position, entry))
    }

    pub(super) fn children(&self, name: &str) -> Vec<AllocationName> {
        self.children.get(name).into_iter().flatten().cloned().collect()
    }

    pub(super) fn nearest(&self, name: &str) -> Option<AllocationName> {
        let names = self.positions.keys().take(MOST_COMPARED).map(AllocationName::as_str);
        let near = finding::nearest(name, names)?;
        self.positions.get_key_value(near).map(|(name, _)| name.clone())
    }

    /// All runs that are not over, the earliest instant first.
    pub(super) fn under_way(&self) -> Vec<UnderWay> {
        let mut all: Vec<_> = self.entries.values().flat_map(Entry::under_way).cloned().collect();
        all.sort_by_key(|under_way| under_way.run.id.instant);
        all
    }

    /// The entries of the journal that match a filter, the newest first.
    pub(super) fn journal(&self, filter: &EntryFilter) -> Vec<JournalEntry> {
        let all = self.journal.iter().rev().map(|(_, entry)| entry);
        let mut matching: Vec<_> = all.filter(|entry| rules::matches(filter, entry)).collect();
        // Some are written late. The sort is stable, and takes one pass where all are in order.
        matching.sort_by_key(|entry| Reverse(entry.at));
        matching.into_iter().take(filter.limit).map(|entry| JournalEntry::clone(entry)).collect()
    }

    /// All allocations, as a reader of changes gets them first.
    pub(super) fn all_changes(&self) -> impl Iterator<Item = (u64, Change)> {
        self.entries.iter().map(|(position, entry)| (*position, entry.change()))
    }

    /// Accepts what was staged, which is committed by now, and publishes it.
    pub(super) fn accept(&mut self, mut staged: Staged, revision: Revision) {
        let news = std::mem::take(&mut staged.news);
        self.feed.publish(news, |name| self.labels(&staged, name));
        staged.note_revision(revision);
        let Staged { entries, positions, children, changed, counter, pause, .. } = staged;
        self.counter = counter;
        self.pause = pause;
        for (position, entry) in entries {
            match entry {
                Some(entry) => self.entries.insert(position, entry),
                None => self.entries.remove(&position),
            };
        }
        for (name, position) in positions {
            match position {
                Some(position) => self.positions.insert(name, position),
                None => self.positions.remove(&name),
            };
        }
        for (parent, children) in children {
            if children.is_empty() {
                self.children.remove(&parent);
            } else {
                self.children.insert(parent, children);
            }
        }
        for (name, deleted) in staged.deleted {
            match deleted {
                Some(deleted) => self.deleted.insert(name, deleted),
                None => self.deleted.remove(&name),
            };
        }
        self.sweep_deleted_at = staged.sweep_deleted_at;
        self.accept_journal(&staged.journal);
        self.meta.extend(staged.meta.into_iter().map(|key| (key, revision)));
        self.commits = staged.commits;
        for (number, life) in &staged.lives {
            self.lives.add(*number, life);
        }
        let changes =
            changed.into_iter().map(|(position, name)| match self.entries.get(&position) {
                Some(entry) => (position, entry.change()),
                None => (position, Change::Deleted { name }),
            });
        self.feed.publish_changes(&changes.collect::<Vec<_>>());
    }

    fn accept_journal(&mut self, added: &[Arc<JournalEntry>]) {
        let next = self.next_sequence();
        self.journal.extend((next..).zip(added.iter().cloned()));
        let excess = self.journal.len().saturating_sub(super::MOST_ENTRIES);
        self.journal.drain(..excess);
    }

    /// The sequence number of the next entry of the journal.
    pub(super) fn next_sequence(&self) -> u64 {
        self.journal.back().map_or(1, |(sequence, _)| sequence + 1)
    }

    /// The labels of an allocation as they are, and as they will be; none where it has none.
    fn labels(&self, staged: &Staged, name: &AllocationName) -> Vec<Labels> {
        let now = self.entry(name.as_str()).map(|(_, entry)| &entry.allocation);
        let position = staged.positions.get(name).copied();
        let position = position.unwrap_or_else(|| self.positions.get(name).copied());
        let then = position.and_then(|position| staged.entries.get(&position)?.as_ref());
        let then = then.map(|entry| &entry.allocation);
        let then = then.filter(|then| now.is_none_or(|now| !Arc::ptr_eq(now, then)));
        let labels = now.into_iter().chain(then).map(|allocation| &allocation.specification.labels);
        labels.filter(|labels| !labels.is_empty()).cloned().collect()
    }
}
