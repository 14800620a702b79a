//! What a transaction changes, before it is committed, and the batch that a backend gets of it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use docket_model::{
    AllocationName, Run,
    journal::{Entry as JournalEntry, Suspension},
    run::Instant,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    StoreError,
    allocation_status::{IDLE, StatusRecord},
    backend::{Batch, Collection, Key, Piece, PieceKey, Positioned, Record, Revision, Term, Write},
    catalogue::{Catalogue, Deleted, Entry},
    change_feed::News,
    codec::uid,
    observer::Milestone,
    outbox::StagedOutbox,
    rules::MOST_ENTRIES,
    server_lives::StoredLife,
};
use crate::mutation_testing::{self, Mutation};

/// The values that there are once, by their keys in [`Collection::Meta`].
pub(super) mod meta {
    /// The id of the store.
    pub(crate) const ID: &str = "id";
    /// The greatest position or revision of an allocation.
    pub(crate) const COUNTER: &str = "counter";
    /// The newest pause of the whole server.
    pub(crate) const PAUSE: &str = "pause";
    /// The zone of allocations that name none.
    pub(crate) const TIME_ZONE: &str = "time_zone";
    /// The last moment at which a server is known to have run.
    pub(crate) const LAST_ALIVE: &str = "last_alive";
    /// The newest commit.
    pub(crate) const LAST_COMMIT: &str = "last_commit";
    /// Where the store is served.
    pub(crate) const HOME: &str = "home";
    /// When the store was copied, as the copy says.
    pub(crate) const COPIED_AT: &str = "copied_at";
}

/// The newest commit, as it is stored with each: no two are equal, so that a commit whose answer was
/// lost can be recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct LastCommit {
    /// The store that made it: new whenever one is opened.
    #[serde(with = "uid")]
    pub(super) writer: Uuid,
    /// The term in which it was made.
    pub(super) term: Term,
    /// How many commits the server had made.
    pub(super) number: u64,
    /// The number of the newest event.
    pub(super) events: u64,
    /// The moment of the newest event.
    pub(super) at: Option<DateTime<Utc>>,
}

impl LastCommit {
    /// The commit as it is stored.
    pub(super) fn record(self) -> Record {
        // Numbers and a moment: JSON can always hold them.
        Record::Item(serde_json::to_string(&self).unwrap_or_default().into())
    }
}

/// The changes of a transaction.
#[derive(Debug, Default)]
pub(super) struct Staged {
    /// Allocations that changed; nothing for those that are deleted.
    pub(super) entries: BTreeMap<u64, Option<Entry>>,
    pub(super) positions: HashMap<AllocationName, Option<u64>>,
    pub(super) children: HashMap<AllocationName, BTreeSet<AllocationName>>,
    /// The allocations of which readers of changes learn, by position.
    pub(super) changed: HashMap<u64, AllocationName>,
    /// The events, in order.
    pub(super) news: Vec<News>,
    /// Starts and ends of runs, for the observer.
    pub(super) milestones: Vec<(Milestone, Arc<Run>)>,
    pub(super) counter: u64,
    pub(super) pause: Option<Arc<Suspension>>,
    pub(super) deleted: HashMap<AllocationName, Option<Deleted>>,
    pub(super) sweep_deleted_at: usize,
    pub(super) journal: Vec<Arc<JournalEntry>>,
    /// The values that are written and on which later transactions may depend.
    pub(super) meta: BTreeSet<&'static str>,
    pub(super) commits: u64,
    /// Lives of servers that are listed, with their numbers.
    pub(super) lives: Vec<(u64, StoredLife)>,
    /// Names whose runs of before are deleted.
    pub(super) wiped: BTreeSet<AllocationName>,
    pub(super) runs: BTreeMap<AllocationName, BTreeMap<Instant, StagedRun>>,
    pub(super) pieces: Vec<(PieceKey, Piece)>,
    pub(super) items: BTreeMap<(Collection, String), Option<Record>>,
    pub(super) outbox: StagedOutbox,
    /// Values that must not have been changed by another writer.
    pub(super) depends_on: BTreeSet<&'static str>,
    /// Allocations that have more records than are kept.
    pub(super) overfull: BTreeSet<AllocationName>,
    /// What of each staged allocation is written: its specification, its status.
    pub(super) puts: Vec<(u64, bool, Option<Arc<StatusRecord>>)>,
}

/// The record of a run that is written or deleted.
#[derive(Debug, Clone, Default)]
pub(super) struct StagedRun {
    /// The record; nothing where it is deleted.
    pub(super) run: Option<Arc<Run>>,
    /// The revision that it has before; none where it is absent.
    pub(super) expected: Option<Revision>,
    /// True where pieces of outputs are deleted first.
    pub(super) drops_pieces: bool,
}

impl Staged {
    /// Notes the revision of the commit in what it wrote.
    pub(super) fn note_revision(&mut self, revision: Revision) {
        for (position, specification, status) in std::mem::take(&mut self.puts) {
            let Some(Some(entry)) = self.entries.get_mut(&position) else { continue };
            if specification {
                entry.specification = revision;
            }
            if let Some(status) = status {
                entry.set_status(status, revision);
            }
        }
        self.entries.values_mut().flatten().for_each(|entry| entry.note_runs(revision));
    }

    /// What a backend is to write.
    pub(super) fn batch(&mut self, base: &Catalogue, term: Term) -> Result<Batch, StoreError> {
        let mut batch = Batch::default();
        // Before the specifications: in tables runs name their allocation by the id of its row.
        for name in &self.wiped {
            batch.writes.push(Write::DeleteRuns(name.clone()));
        }
        self.add_allocations(base, &mut batch)?;
        self.add_runs(&mut batch);
        self.add_journal(base, &mut batch);
        // A deletion writes the same number again: its new revision makes other pushes conflict.
        if self.counter != base.counter || self.depends_on.contains(meta::COUNTER) {
            self.depends_on.insert(meta::COUNTER);
            self.set(meta::COUNTER, &self.counter.clone())?;
        }
        for ((collection, name), record) in &self.items {
            let key = Key::Item(*collection, name.clone());
            batch.writes.push(match record {
                Some(record) => Write::Put(key, record.clone()),
                None => Write::Delete(key),
            });
        }
        // What changes nothing need not be checked against other writers either.
        if batch.writes.is_empty() {
            return Ok(Batch::default());
        }
        // A request that comes late must not be applied a second time: it would set the number of events back,
        // and make the newest commit look like one that was not made.
        if batch.expected.is_empty() && self.depends_on.is_empty() {
            self.depends_on.insert(meta::LAST_COMMIT);
        }
        self.meta.insert(meta::LAST_COMMIT);
        for key in &self.depends_on {
            let revision = base.meta.get(key).copied();
            batch.expected.push((Key::Item(Collection::Meta, (*key).to_owned()), revision));
        }
        self.commits = base.commits + 1;
        let last = LastCommit {
            writer: base.writer,
            term,
            number: self.commits,
            events: base.feed.newest() + self.news.len() as u64,
            at: self.news.iter().map(News::at).max(),
        };
        let key = Key::Item(Collection::Meta, meta::LAST_COMMIT.to_owned());
        batch.writes.push(Write::Put(key, last.record()));
        Ok(batch)
    }

    /// Writes one of the values that there are once.
    pub(super) fn set<T: Serialize>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), StoreError> {
        self.items.insert((Collection::Meta, key.to_owned()), Some(item(value)?));
        self.meta.insert(key);
        Ok(())
    }

    fn add_allocations(&mut self, base: &Catalogue, batch: &mut Batch) -> Result<(), StoreError> {
        let mut names = BTreeSet::new();
        for (position, staged) in &self.entries {
            let entry = staged.as_ref().or_else(|| base.entries.get(position));
            names.extend(entry.map(|entry| entry.allocation.name().clone()));
        }
        for name in names {
            let before = base.entry(name.as_str());
            let position = self.positions.get(&name).copied();
            let position = position.unwrap_or_else(|| base.positions.get(&name).copied());
            let now = position
                .and_then(|position| Some((position, self.entries.get(&position)?.as_ref()?)));
            let (specification, status) = allocation_writes(&name, before, now, batch);
            self.puts.extend(position.map(|position| (position, specification, status)));
            let claimed = claimed_writes(&name, before.map(|it| it.1), now);
            self.items.extend(claimed);
        }
        for (name, deleted) in &self.deleted {
            let value = deleted.as_ref().map(item);
            let key = (Collection::Deleted, name.to_string());
            self.items.insert(key, value.transpose()?);
        }
        Ok(())
    }

    fn add_runs(&mut self, batch: &mut Batch) {
        let all = self.runs.iter();
        let all = all.flat_map(|(name, runs)| runs.iter().map(move |(at, run)| (name, at, run)));
        for (name, instant, staged) in all {
            let key = Key::Run(name.clone(), *instant);
            let is_checked = !mutation_testing::is_active(Mutation::WrittenWithoutRevision);
            // `DeleteRuns` deletes whatever records there are.
            if is_checked && !self.wiped.contains(name) {
                batch.expected.push((key.clone(), staged.expected));
            }
            if staged.drops_pieces {
                batch.writes.push(Write::DeletePieces(name.clone(), *instant));
            }
            match &staged.run {
                Some(run) => batch.writes.push(Write::Put(key, Record::Run(Arc::clone(run)))),
                // One that was made and removed in this transaction was never stored.
                None if staged.expected.is_some() => batch.writes.push(Write::Delete(key)),
                None => {}
            }
        }
        for (key, piece) in self.pieces.drain(..) {
            batch.writes.push(Write::Put(Key::Piece(key), Record::Piece(piece)));
        }
    }

    /// Writes new entries of the journal and deletes the oldest, so that the newest stay.
    fn add_journal(&self, base: &Catalogue, batch: &mut Batch) {
        // One transaction may have more entries than are kept.
        let unwritten = self.journal.len().saturating_sub(MOST_ENTRIES);
        let added = (base.next_sequence()..).zip(&self.journal).skip(unwritten);
        for (sequence, entry) in added {
            let key = Key::Entry(sequence);
            // Another writer may have given the number meanwhile.
            batch.expected.push((key.clone(), None));
            batch.writes.push(Write::Put(key, Record::Entry(Arc::clone(entry))));
        }
        let excess = (base.journal.len() + self.journal.len()).saturating_sub(MOST_ENTRIES);
        for (sequence, _) in base.journal.iter().take(excess) {
            batch.writes.push(Write::Delete(Key::Entry(*sequence)));
        }
    }
}

/// Adds what is written of an allocation; true where its specification is, and its status if that is.
fn allocation_writes(
    name: &AllocationName,
    before: Option<(u64, &Entry)>,
    now: Option<(u64, &Entry)>,
    batch: &mut Batch,
) -> (bool, Option<Arc<StatusRecord>>) {
    let specification = Key::Specification(name.clone());
    let status = Key::Status(name.clone());
    let held = before.and_then(|(_, before)| before.status_revision());
    let expected = before.map(|(_, before)| before.specification);
    // Both, whichever is written: the changes were computed from both.
    batch.expected.push((specification.clone(), expected));
    batch.expected.push((status.clone(), held));
    let Some((position, entry)) = now else {
        if before.is_some() {
            batch.writes.push(Write::Delete(specification));
        }
        if held.is_some() {
            batch.writes.push(Write::Delete(status));
        }
        return (false, None);
    };
    // By pointer, as a changed allocation is always a new one, and comparing them is slow.
    let is_same = |(at, before): (u64, &Entry)| {
        at == position && Arc::ptr_eq(&before.allocation, &entry.allocation)
    };
    let puts_specification = !before.is_some_and(is_same);
    if puts_specification {
        let allocation = Arc::clone(&entry.allocation);
        let record = Record::Specification(Positioned { allocation, position });
        batch.writes.push(Write::Put(specification, record));
    }
    // A name that was created anew does not inherit the status. That of an idle allocation is not
    // stored: most of many are idle.
    let stays = before.filter(|(at, _)| *at == position).filter(|_| held.is_some());
    let stored = stays.map_or(&IDLE, |(_, before)| before.status());
    if entry.status() != stored {
        let record = entry.shared_status();
        batch.writes.push(Write::Put(status, Record::Status(Arc::clone(&record))));
        return (puts_specification, Some(record));
    }
    if stays.is_none() && held.is_some() {
        batch.writes.push(Write::Delete(status));
    }
    (puts_specification, None)
}

/// The specifications that runs under way were claimed with and that are not in force any more: those to
/// be kept since, and those that no run uses any more.
fn claimed_writes(
    name: &AllocationName,
    before: Option<&Entry>,
    now: Option<(u64, &Entry)>,
) -> Vec<((Collection, String), Option<Record>)> {
    let claimed = |entry: &Entry, position| {
        let in_force = entry.allocation.revision;
        let used = entry.under_way().map(|it| Arc::clone(&it.allocation));
        let kept = used.filter(|allocation| allocation.revision != in_force);
        let kept = kept.map(|allocation| {
            let key = (Collection::Claimed, format!("{name}@{}", allocation.revision));
            (key, Record::Specification(Positioned { allocation, position }))
        });
        kept.collect::<BTreeMap<_, _>>()
    };
    // Only the keys of these are compared, so the position does not matter.
    let before = before.map(|entry| claimed(entry, 0)).unwrap_or_default();
    let now = now.map(|(position, entry)| claimed(entry, position)).unwrap_or_default();
    let gone = before.keys().filter(|key| !now.contains_key(key)).map(|key| (key.clone(), None));
    let gone: Vec<_> = gone.collect();
    // The key has the revision, so what is stored under it never changes.
    let new = now.into_iter().filter(|(key, _)| !before.contains_key(key));
    new.map(|(key, record)| (key, Some(record))).chain(gone).collect()
}

/// A value as an item.
pub(super) fn item<T: Serialize>(value: &T) -> Result<Record, StoreError> {
    let text = serde_json::to_string(value);
    let text = text.map_err(|error| StoreError::Unwritable(error.to_string()))?;
    Ok(Record::Item(text.into()))
}
