//! All allocations and their status, the journal and small values, in memory. Records of runs that are
//! over are not here.
//!
//! A catalogue changes only by `accept`: what a
//! [`Transaction`](super::transaction::Transaction) staged comes in as a whole once it is committed, and
//! then goes to the feed.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use docket_model::{
    Allocation, AllocationName, Run,
    allocation::Notification,
    finding,
    journal::{Entry as JournalEntry, Suspension},
    run::{Instant, RunState},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    AllocationStatus, Change, EntryFilter, RunCounts, UnderWay,
    allocation_status::{IDLE, Newest, StatusRecord},
    backend::Revision,
    change_feed::Feed,
    outbox::Outbox,
    rules,
    server_lives::Lives,
};

/// Among how many names the nearest is looked for: a wrong name must not cost a large store much.
const MOST_COMPARED: usize = 10_000;

/// One allocation and its status. Most of many allocations are idle, so those cost little.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) allocation: Arc<Allocation>,
    /// The revision of its specification; 0 while it is staged.
    pub(super) specification: Revision,
    /// Absent while nothing has happened to it.
    // Shared, as each transaction clones the entries that it touches.
    history: Option<Arc<History>>,
}

/// What happened to an allocation.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    /// What a backend keeps of it beside the specification; shared with one in memory.
    status: Arc<StatusRecord>,
    /// The revision of that; none while it is not stored.
    revision: Option<Revision>,
    /// Its runs that are not over.
    under_way: BTreeMap<Instant, Held>,
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
    /// An allocation to which nothing has happened, and the revision of its specification.
    pub(super) fn new(allocation: Arc<Allocation>, specification: Revision) -> Self {
        Self { allocation, specification, history: None }
    }

    /// Its status as a backend keeps it.
    pub(super) fn status(&self) -> &StatusRecord {
        self.history.as_ref().map_or(&IDLE, |history| &history.status)
    }

    pub(super) fn status_mut(&mut self) -> &mut StatusRecord {
        // A copy while the catalogue or a backend in memory shares it: neither may see it early.
        Arc::make_mut(&mut self.history_mut().status)
    }

    /// Its status, to be stored.
    pub(super) fn shared_status(&self) -> Arc<StatusRecord> {
        self.history.as_ref().map(|history| Arc::clone(&history.status)).unwrap_or_default()
    }

    /// The revision of its status; none while that is not stored.
    pub(super) fn status_revision(&self) -> Option<Revision> {
        self.history.as_ref()?.revision
    }

    /// Takes over a status that was read or written.
    pub(super) fn set_status(&mut self, status: Arc<StatusRecord>, revision: Revision) {
        let history = self.history_mut();
        (history.status, history.revision) = (status, Some(revision));
    }

    /// Notes the revision of the records of runs that a commit wrote.
    pub(super) fn note_runs(&mut self, revision: Revision) {
        // Staged records have revision 0, which no commit has.
        let is_new = |held: &Held| held.revision == 0;
        if self.history.as_ref().is_some_and(|history| history.under_way.values().any(is_new)) {
            let under_way = self.history_mut().under_way.values_mut();
            under_way.filter(|held| is_new(held)).for_each(|held| held.revision = revision);
        }
    }

    fn history_mut(&mut self) -> &mut History {
        Arc::make_mut(self.history.get_or_insert_default())
    }

    /// The allocation and its status for callers.
    pub(super) fn allocation_status(&self, position: u64) -> AllocationStatus {
        let mut runs = RunCounts::default();
        self.under_way().for_each(|under_way| runs.add(&under_way.run.state));
        let status = self.status();
        AllocationStatus {
            allocation: Arc::clone(&self.allocation),
            position,
            decided: status.decided,
            pruned: status.pruned,
            succeeded: status.succeeded,
            suspension: status.suspension.clone(),
            runs,
        }
    }

    /// Up to which instant all is decided, where more is to be decided at all: a backfilled run beyond
    /// must keep its record, or its instant would be decided to run once more.
    pub(super) fn settled(&self) -> Option<DateTime<Utc>> {
        let specification = &self.allocation.specification;
        let has_schedule =
            specification.schedule().is_some_and(|schedule| !schedule.text().trim().is_empty());
        // Where nothing is ever decided, no record is protected from pruning.
        let runs_by_itself = has_schedule || !specification.parents().is_empty();
        // Before the first decision every instant is still to be decided.
        runs_by_itself.then(|| self.status().decided.unwrap_or_default())
    }

    /// The runs that are not over, the earliest first.
    pub(super) fn under_way(&self) -> impl Iterator<Item = &UnderWay> {
        let held = self.history.iter().flat_map(|history| history.under_way.values());
        held.map(|held| &held.under_way)
    }

    /// The run of an instant, while it is not over.
    pub(super) fn running(&self, instant: Instant) -> Option<&Held> {
        self.history.as_ref()?.under_way.get(&instant)
    }

    /// Follows the record of a run: it is under way, or it has ended.
    ///
    /// The allocation of a run is the one that it was claimed with.
    pub(super) fn follow(&mut self, run: &Arc<Run>) {
        let instant = run.id.instant;
        let status = self.status_mut();
        if run.state == RunState::Succeeded {
            status.succeeded = status.succeeded.max(Some(instant));
        }
        // Equal where the newest record itself changes: it may have stopped being a missed one.
        if status.newest.is_none_or(|newest| newest.instant <= instant) {
            let is_missed = matches!(run.state, RunState::Missed { .. });
            status.newest = Some(Newest { instant, is_missed });
        }
        if !run.state.is_over() {
            let claimed = self.running(instant).map(|held| &held.under_way.allocation);
            let claimed = Arc::clone(claimed.unwrap_or(&self.allocation));
            // The revision is known after the commit: see `note_runs`.
            self.add_under_way(UnderWay { run: Arc::clone(run), allocation: claimed }, 0);
        } else if self.history_mut().under_way.remove(&instant).is_some() {
            self.status_mut().under_way.retain(|other| *other != instant);
        }
    }

    /// Adds a run that is not over, or replaces its record.
    pub(super) fn add_under_way(&mut self, under_way: UnderWay, revision: Revision) {
        let instant = under_way.run.id.instant;
        self.history_mut().under_way.insert(instant, Held { under_way, revision });
        // Only for a new one: a status that is touched is copied and stored again.
        if let Err(place) = self.status().under_way.binary_search(&instant) {
            self.status_mut().under_way.insert(place, instant);
        }
    }

    /// True where readers of changes get the same of both.
    fn is_announced_as(&self, other: &Self) -> bool {
        let status = |entry: &Self| (entry.status().decided, entry.status().suspension.clone());
        self.allocation == other.allocation && status(self) == status(other)
    }

    pub(super) fn change(&self) -> Change {
        Change::Stored {
            allocation: Arc::clone(&self.allocation),
            decided: self.status().decided,
            suspension: self.status().suspension.clone(),
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
    /// The id of this server: names this store among all that were opened over the backend.
    pub(super) writer: Uuid,
    /// How many commits this server made.
    pub(super) commits: u64,
    /// The lives of servers.
    pub(super) lives: Lives,
    /// Notifications that are not delivered yet.
    pub(super) outbox: Outbox,
    /// Who gets notifications of allocations without `Notify`.
    pub(super) default_notify: Arc<[Notification]>,
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
        // A name that was created anew has another position: the old one is reported first.
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
        let is_new = |at: &u64, entry: &Entry| {
            let held = self.entries.get(at);
            held.is_none_or(|held| !held.is_announced_as(entry))
        };
        let new = loaded.entries.iter().filter(|(at, entry)| is_new(at, entry));
        let new = new.map(|(position, entry)| (*position, entry.change()));
        let changes: Vec<_> = gone.chain(new).collect();
        // Otherwise this server would give the numbers of another one's events again.
        self.feed.continue_after(loaded.feed.newest());
        // Readers hold the feed; the other two name the commits of this very store.
        let (feed, writer, commits) = (Arc::clone(&self.feed), self.writer, self.commits);
        let default_notify = Arc::clone(&self.default_notify);
        let outbox = Outbox { dropped: self.outbox.dropped, ..loaded.outbox };
        *self = Self { writer, commits, outbox, default_notify, feed, ..loaded };
        self.feed.outbox_changed();
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

    pub(super) fn status(&self, name: &str) -> Option<AllocationStatus> {
        self.entry(name).map(|(position, entry)| entry.allocation_status(position))
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

    /// Adds an entry that another writer made.
    pub(super) fn add_entry(&mut self, sequence: u64, entry: Arc<JournalEntry>) {
        // A reload may have brought it already.
        if sequence >= self.next_sequence() {
            self.journal.push_back((sequence, entry));
            let excess = self.journal.len().saturating_sub(rules::MOST_ENTRIES);
            self.journal.drain(..excess);
        }
    }

    /// The sequence number of the next entry of the journal.
    pub(super) fn next_sequence(&self) -> u64 {
        self.journal.back().map_or(1, |(sequence, _)| sequence + 1)
    }
}
