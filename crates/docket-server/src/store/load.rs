//! Reads the catalogue when a store is opened: allocations, their status, small values, the journal and
//! the runs under way. Records of runs that are over stay in the backend.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use docket_model::{Allocation, AllocationName, Run, journal::Entry as JournalEntry};
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
const RUNS_AT_ONCE: usize = 1000;

/// What a backend holds.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    allocations: Vec<(Revision, Positioned)>,
    statuses: HashMap<AllocationName, (Revision, Arc<StatusRecord>)>,
    claimed: HashMap<String, Arc<Allocation>>,
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
    fn add(&mut self, key: Key, revision: Revision, record: Record) {
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
            (Key::Item(Collection::Claimed, name), Record::Specification(it)) => {
                self.claimed.insert(name, it.allocation);
            }
            (Key::Item(collection, name), Record::Item(text)) => {
                self.items.entry(collection).or_default().insert(name, (revision, text));
            }
            // Runs and pieces are read when they are needed.
            _ => {}
        }
    }

    async fn into_catalogue(
        mut self,
        backend: &dyn Backend,
    ) -> Result<(Catalogue, Noted), StoreError> {
        let last: LastCommit = self.meta(meta::LAST_COMMIT)?.unwrap_or_default();
        let mut catalogue = Catalogue {
            journal: std::mem::take(&mut self.journal).into_iter().collect(),
            writer: new_id(),
            feed: Arc::new(Feed::after(last.events)),
            ..Catalogue::default()
        };
        for (collection, items) in &self.items {
            for (name, (revision, text)) in items {
                catalogue.set_item(*collection, name, Some((*revision, text)))?;
            }
        }
        let noted = Noted {
            id: self.meta::<String>(meta::ID)?.and_then(|id| id.parse().ok()),
            time_zone: self.meta(meta::TIME_ZONE)?,
            last_alive: self.meta(meta::LAST_ALIVE)?,
        };
        self.add_allocations(&mut catalogue, backend).await?;
        let last_alive = last_alive(&catalogue, noted.last_alive, last.at);
        Ok((catalogue, Noted { last_alive, ..noted }))
    }

    async fn add_allocations(
        &mut self,
        catalogue: &mut Catalogue,
        backend: &dyn Backend,
    ) -> Result<(), StoreError> {
        let mut under_way = Vec::new();
        for (revision, Positioned { allocation, position }) in std::mem::take(&mut self.allocations)
        {
            let name = allocation.name().clone();
            let mut entry = Entry::new(allocation, revision);
            if let Some((revision, status)) = self.statuses.remove(&name) {
                under_way.extend(status.under_way.iter().map(|at| Key::Run(name.clone(), *at)));
                entry.set_status(status, revision);
            }
            catalogue.insert(position, entry);
        }
        for keys in under_way.chunks(RUNS_AT_ONCE) {
            for read in backend.read(keys.to_vec()).await? {
                let Some((revision, Record::Run(run))) = read else { continue };
                let Some(entry) = catalogue.entry_mut(&run.id.allocation) else { continue };
                let key = format!("{}@{}", run.id.allocation, run.revision);
                let claimed = self.claimed.get(&key);
                entry.add_loaded(run, revision, claimed);
            }
        }
        Ok(())
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
            (Collection::Deleted, name) => {
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
            (Collection::Meta | Collection::Claimed | Collection::Staged, _) => {}
        }
        Ok(())
    }
}

impl Entry {
    /// Adds a run under way that was read, with the allocation that it was claimed with, where that is
    /// not the present one.
    pub(super) fn add_loaded(
        &mut self,
        run: Arc<Run>,
        revision: Revision,
        claimed: Option<&Arc<Allocation>>,
    ) {
        let in_force = self.allocation.revision == run.revision;
        let claimed = claimed.filter(|_| !in_force).unwrap_or(&self.allocation);
        let allocation = Arc::clone(claimed);
        self.add_under_way(UnderWay { run, allocation }, revision);
    }
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
