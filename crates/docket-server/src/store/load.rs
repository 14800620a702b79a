//! Reads the catalogue when a store is opened: allocations, their status, small values, the journal and
//! the runs under way. Records of runs that are over stay in the backend.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use docket_model::{
    Allocation, AllocationName, Run,
    journal::{Entry as JournalEntry, Event},
    run::Instant,
};
use futures_util::TryStreamExt as _;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::{
    StoreError, UnderWay,
    allocation_status::StatusRecord,
    backend::{Backend, Collection, Key, Positioned, Record, Revision, Term},
    catalogue::{Catalogue, Entry},
    change_feed::Feed,
    large_commits,
    staged_changes::{LastCommit, meta},
};
use crate::random_ids::new_id;

/// How many runs under way are read at once.
// Few reads for many runs, and each of a bounded size.
const RUNS_AT_ONCE: usize = 1000;

/// How many events the server of a store may have had since a copy of it was made.
const EVENTS_AFTER_COPY: u64 = 1 << 40;

/// What a backend holds.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    allocations: Vec<(Revision, Positioned)>,
    statuses: HashMap<AllocationName, (Revision, Arc<StatusRecord>)>,
    journal: BTreeMap<u64, Arc<JournalEntry>>,
    items: HashMap<Collection, BTreeMap<String, (Revision, Arc<str>)>>,
}

/// What was loaded once, for the store itself.
#[derive(Debug, Clone, Default)]
pub(super) struct Noted {
    pub(super) id: Option<Uuid>,
    pub(super) time_zone: Option<String>,
    pub(super) last_alive: Option<DateTime<Utc>>,
}

/// Reads all that is to be in memory, and in the writer's term completes what a crash interrupted.
pub(super) async fn load(
    backend: &dyn Backend,
    term: Option<Term>,
) -> Result<(Catalogue, Noted), StoreError> {
    let mut loaded = read(backend).await?;
    if let Some(staged) = loaded.items.get(&Collection::Staged)
        && large_commits::recover(backend, staged, term).await?
    {
        loaded = read(backend).await?;
    }
    loaded.into_catalogue(backend).await
}

async fn read(backend: &dyn Backend) -> Result<Loaded, StoreError> {
    let mut loaded = Loaded::default();
    let mut chunks = backend.load();
    while let Some(chunk) = chunks.try_next().await? {
        for (key, revision, record) in chunk {
            loaded.add(key, revision, record);
        }
    }
    Ok(loaded)
}

impl Loaded {
    pub(super) fn add(&mut self, key: Key, revision: Revision, record: Record) {
        match (key, record) {
            (Key::Specification(_), Record::Specification(it)) => {
                self.allocations.push((revision, it));
            }
            (Key::Status(name), Record::Status(it)) => {
                self.statuses.insert(name, (revision, it));
            }
            (Key::Entry(sequence), Record::Entry(entry)) => {
                self.journal.insert(sequence, entry);
            }
            (Key::Item(collection, name), Record::Item(text)) => {
                self.items.entry(collection).or_default().insert(name, (revision, text));
            }
            // Runs, their claimed allocations and pieces are read when they are needed.
            _ => {}
        }
    }

    async fn into_catalogue(
        mut self,
        backend: &dyn Backend,
    ) -> Result<(Catalogue, Noted), StoreError> {
        let last: LastCommit = self.meta(meta::LAST_COMMIT)?.unwrap_or_default();
        let journal: VecDeque<_> = std::mem::take(&mut self.journal).into_iter().collect();
        let feed = Arc::new(self.feed(&last, journal.back().map(|(_, entry)| entry)));
        let mut catalogue = Catalogue {
            journal,
            // New for each store that is opened; a reload keeps the one that it had.
            writer: new_id(),
            feed,
            ..Catalogue::default()
        };
        for (collection, items) in &self.items {
            for (name, (revision, text)) in items {
                catalogue.set_item(*collection, name, Some((*revision, text)))?;
            }
        }
        let noted = Noted {
            // One that is damaged is not replaced: `new_store_id` conflicts with it and reports it.
            id: self.meta::<String>(meta::ID)?.and_then(|id| id.parse().ok()),
            time_zone: self.meta(meta::TIME_ZONE)?,
            last_alive: self.meta(meta::LAST_ALIVE)?,
        };
        for (position, entry) in self.entries(backend).await? {
            catalogue.insert(position, entry);
        }
        let last_alive = last_alive(&catalogue, noted.last_alive, last.at);
        Ok((catalogue, Noted { last_alive, ..noted }))
    }

    /// The allocations with their positions and their runs under way.
    pub(super) async fn entries(
        &mut self,
        backend: &dyn Backend,
    ) -> Result<Vec<(u64, Entry)>, StoreError> {
        let (mut entries, mut under_way) = (Vec::new(), Vec::new());
        for (revision, Positioned { allocation, position }) in std::mem::take(&mut self.allocations)
        {
            let name = allocation.name().clone();
            let mut entry = Entry::new(allocation, revision);
            if let Some((revision, status)) = self.statuses.remove(&name) {
                let run = |at: &Instant| (entries.len(), Key::Run(name.clone(), *at));
                under_way.extend(status.under_way.iter().map(run));
                entry.set_status(status, revision);
            }
            entries.push((position, entry));
        }
        for runs in under_way.chunks(RUNS_AT_ONCE) {
            let keys = runs.iter().map(|(_, key)| key.clone()).collect();
            for ((of, _), read) in runs.iter().zip(backend.read(keys).await?) {
                // Statuses were read earlier: another writer may have deleted the run since.
                let Some((revision, Record::Run(run))) = read else { continue };
                let Some((_, entry)) = entries.get_mut(*of) else { continue };
                let allocation = claimed(backend, &entry.allocation, &run).await?;
                entry.add_under_way(UnderWay { run, allocation }, revision);
            }
        }
        Ok(entries)
    }

    /// A feed that goes on behind the last event.
    fn feed(&self, last: &LastCommit, newest: Option<&Arc<JournalEntry>>) -> Feed {
        let is_copy = self
            .items
            .get(&Collection::Meta)
            .is_some_and(|items| items.contains_key(meta::COPIED_AT));
        if is_copy {
            // The server of the original may have gone on: its clients must not match by accident.
            return Feed::after(last.events.saturating_add(EVENTS_AFTER_COPY));
        }
        // A server stops after its readers were disconnected, so this is the one event that each of them
        // lacks.
        let is_last = |entry: &&Arc<JournalEntry>| {
            // A commit without an event may follow, but no other event.
            entry.event == Event::Stopped && last.at.is_none_or(|at| at == entry.at)
        };
        match newest.filter(is_last) {
            Some(stopped) => Feed::beginning_with(Arc::clone(stopped), last.events),
            None => Feed::after(last.events),
        }
    }

    fn meta<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, StoreError> {
        let items = self.items.get(&Collection::Meta);
        let held = items.and_then(|items| items.get(key));
        held.map(|(_, text)| parsed(text)).transpose()
    }
}

impl Catalogue {
    /// Takes over a small value that was read; nothing where it is gone.
    pub(super) fn set_item(
        &mut self,
        collection: Collection,
        name: &str,
        held: Option<(Revision, &str)>,
    ) -> Result<(), StoreError> {
        let text = held.map(|(_, text)| text);
        let revision = held.map(|(revision, _)| revision);
        match (collection, name) {
            (Collection::Meta, meta::COUNTER) => {
                self.counter = text.map(parsed).transpose()?.unwrap_or_default();
                self.meta.extend(revision.map(|revision| (meta::COUNTER, revision)));
            }
            (Collection::Meta, meta::PAUSE) => {
                self.pause = text.map(parsed).transpose()?.map(Arc::new);
                self.meta.extend(revision.map(|revision| (meta::PAUSE, revision)));
            }
            (Collection::Meta, meta::LAST_COMMIT) => {
                self.meta.extend(revision.map(|revision| (meta::LAST_COMMIT, revision)));
            }
            (Collection::Deleted, name) => {
                // No push can name it either.
                let Ok(name) = AllocationName::parse(name) else { return Ok(()) };
                match text {
                    Some(text) => self.deleted.insert(name, parsed(text)?),
                    None => self.deleted.remove(&name),
                };
            }
            (Collection::Lives, number) => {
                if let (Ok(number), Some(text)) = (number.parse(), text) {
                    self.lives.add(number, &parsed(text)?);
                }
            }
            (Collection::Outbox, id) => self.outbox.set(id, text.map(parsed).transpose()?),
            (Collection::Meta | Collection::Claimed | Collection::Staged, _) => {}
        }
        Ok(())
    }
}

/// The allocation that a run was claimed with, which may not be the present one.
async fn claimed(
    backend: &dyn Backend,
    present: &Arc<Allocation>,
    run: &Run,
) -> Result<Arc<Allocation>, StoreError> {
    // Usually nothing was pushed since the claim, and nothing need be read.
    if present.revision != run.revision {
        let key = format!("{}@{}", run.id.allocation, run.revision);
        let read = backend.read_one(Key::Item(Collection::Claimed, key)).await?;
        if let Some((_, Record::Specification(claimed))) = read {
            return Ok(claimed.allocation);
        }
    }
    Ok(Arc::clone(present))
}

/// The newest moment of which the store knows that its server ran.
fn last_alive(
    catalogue: &Catalogue,
    noted: Option<DateTime<Utc>>,
    last_event: Option<DateTime<Utc>>,
) -> Option<DateTime<Utc>> {
    let entry = catalogue.journal.back().map(|(_, entry)| entry.at);
    let steps = catalogue.under_way();
    let steps = steps.iter().filter_map(|under_way| latest_step(&under_way.run)).max();
    // Each shows that a server ran; the note by itself is up to 15 s old.
    [noted, entry, last_event, steps].into_iter().flatten().max()
}

fn latest_step(run: &Run) -> Option<DateTime<Utc>> {
    let steps = run.attempts.iter().flat_map(|attempt| &attempt.steps);
    steps.map(|(at, _)| *at).chain([run.decided_at]).max()
}

/// A value that is stored as JSON.
pub(super) fn parsed<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Unreadable(error.to_string()))
}
