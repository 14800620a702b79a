//! A backend that lives as long as the server does.

use std::{
    borrow::Borrow,
    collections::{BTreeMap, HashMap, HashSet},
    future::pending,
    hash::{Hash, Hasher},
    sync::Arc,
};

use async_trait::async_trait;
use docket_model::{
    AllocationName,
    journal::Entry,
    run::{AttemptKey, Instant},
};
use futures_util::{StreamExt as _, stream, stream::BoxStream};
use parking_lot::RwLock;
use tokio::sync::broadcast::{self, error::RecvError};

use super::{
    allocation_status::StatusRecord,
    backend::{
        Backend, BackendInfo, Batch, Bounds, Collection, CommitError, Committed, Key, Loaded,
        Order, Piece, PieceKey, Positioned, ReadError, Record, Revision, Scan, ScannedRun, Term,
        Write,
    },
    staged_changes::{LastCommit, meta},
};
use crate::mutation_testing::{self, Mutation};

/// How many records are loaded at once.
const CHUNK: usize = 1024;

/// How many commits may wait for a slow reader.
// Each keeps what it wrote in memory; a reader that falls behind loads everything again.
const MOST_UNREAD: usize = 1024;

/// Keeps records in memory.
#[derive(Debug)]
pub(crate) struct MemoryBackend {
    bounds: Bounds,
    state: RwLock<State>,
    committed: broadcast::Sender<(Revision, Arc<Batch>)>,
}

#[derive(Debug, Default)]
struct State {
    revision: Revision,
    term: Term,
    /// A table for each kind of record: of many idle allocations each costs an entry in the first alone.
    specifications: HashSet<Named>,
    statuses: HashMap<AllocationName, (Revision, Arc<StatusRecord>)>,
    runs: HashMap<AllocationName, BTreeMap<Instant, ScannedRun>>,
    pieces: BTreeMap<PieceKey, (Revision, Piece)>,
    journal: BTreeMap<u64, (Revision, Arc<Entry>)>,
    items: BTreeMap<(Collection, String), (Revision, Record)>,
}

impl MemoryBackend {
    /// An empty backend; runs and outputs are to take at most so many bytes.
    pub(crate) fn new(most_bytes: usize) -> Self {
        Self::bounded(Bounds { memory_bytes: Some(most_bytes), ..Bounds::NONE })
    }

    /// An empty backend that takes as much at once as a remote one.
    pub(super) fn bounded(bounds: Bounds) -> Self {
        let committed = broadcast::Sender::new(MOST_UNREAD);
        Self { bounds, state: RwLock::default(), committed }
    }

    /// The term in which it is written.
    #[cfg(feature = "simulation")]
    pub(crate) fn term(&self) -> Term {
        self.state.read().term
    }

    /// The same, whose store counts positions, revisions and events from a number: a server that is
    /// started anew must not give the numbers again that another one gave.
    pub(crate) fn counting_from(self, number: u64) -> Self {
        let last_commit = LastCommit { events: number, ..LastCommit::default() };
        let values = [
            (meta::COUNTER, Record::Item(number.to_string().into())),
            (meta::LAST_COMMIT, last_commit.record()),
        ];
        for (key, record) in values {
            // Revision 0, which no commit has: the values were there from the beginning.
            self.state.write().items.insert((Collection::Meta, key.to_owned()), (0, record));
        }
        self
    }
}

impl State {
    fn revision_of(&self, key: &Key) -> Option<Revision> {
        self.get(key).map(|(revision, _)| revision)
    }

    fn get(&self, key: &Key) -> Option<(Revision, Record)> {
        match key {
            Key::Specification(name) => {
                let Named(revision, held) = self.specifications.get(name)?;
                Some((*revision, Record::Specification(held.clone())))
            }
            Key::Status(name) => record(self.statuses.get(name), Record::Status),
            Key::Run(name, instant) => record(self.runs.get(name)?.get(instant), Record::Run),
            Key::Piece(key) => record(self.pieces.get(key), Record::Piece),
            Key::Entry(sequence) => record(self.journal.get(sequence), Record::Entry),
            Key::Item(collection, name) => self.items.get(&(*collection, name.clone())).cloned(),
        }
    }

    fn put(&mut self, key: &Key, record: Record) {
        let revision = self.revision;
        match (key.clone(), record) {
            (Key::Specification(_), Record::Specification(it)) => {
                self.specifications.replace(Named(revision, it));
            }
            (Key::Status(name), Record::Status(it)) => {
                self.statuses.insert(name, (revision, it));
            }
            (Key::Run(name, instant), Record::Run(it)) => {
                self.runs.entry(name).or_default().insert(instant, (revision, it));
            }
            (Key::Piece(key), Record::Piece(it)) => {
                self.pieces.insert(key, (revision, it));
            }
            (Key::Entry(sequence), Record::Entry(it)) => {
                self.journal.insert(sequence, (revision, it));
            }
            (Key::Item(collection, name), record) => {
                self.items.insert((collection, name), (revision, record));
            }
            // Only a mistake in the store itself makes such a pair.
            (key, record) => debug_assert!(false, "{key:?} cannot hold {record:?}"),
        }
    }

    fn delete(&mut self, key: &Key) {
        match key {
            Key::Specification(name) => drop(self.specifications.take(name)),
            Key::Status(name) => drop(self.statuses.remove(name)),
            Key::Run(name, instant) => {
                drop(self.runs.get_mut(name).and_then(|runs| runs.remove(instant)));
            }
            Key::Piece(key) => drop(self.pieces.remove(key)),
            Key::Entry(sequence) => drop(self.journal.remove(sequence)),
            Key::Item(collection, name) => drop(self.items.remove(&(*collection, name.clone()))),
        }
    }

    fn write(&mut self, write: &Write) {
        match write {
            Write::Put(key, record) => self.put(key, record.clone()),
            Write::Delete(key) => self.delete(key),
            Write::DeletePieces(name, instant) => self.delete_pieces(name, *instant),
            Write::DeleteRuns(name) => {
                for (instant, _) in self.runs.remove(name).unwrap_or_default() {
                    self.delete_pieces(name, instant);
                }
            }
        }
    }

    fn delete_pieces(&mut self, name: &AllocationName, instant: Instant) {
        let first = PieceKey {
            allocation: name.clone(),
            instant,
            // Below the first: parts and attempts count from 1.
            attempt: AttemptKey { part: 0, number: 0 },
            piece: 0,
        };
        let is_of_run = |key: &PieceKey| key.allocation == *name && key.instant == instant;
        let pieces = self.pieces.range(first..).map(|(key, _)| key);
        let of_run: Vec<_> = pieces.take_while(|key| is_of_run(key)).cloned().collect();
        for key in of_run {
            self.pieces.remove(&key);
        }
    }

    fn scan(&self, scan: &Scan) -> Vec<ScannedRun> {
        let Some(runs) = self.runs.get(&scan.allocation).filter(|_| !scan.is_empty()) else {
            return Vec::new();
        };
        let found = runs.range((scan.from, scan.to)).map(|(_, run)| run);
        match scan.order {
            Order::Ascending => found.skip(scan.skip).take(scan.limit).cloned().collect(),
            Order::Descending => found.rev().skip(scan.skip).take(scan.limit).cloned().collect(),
        }
    }
}

/// A specification, by the name in it.
#[derive(Debug)]
struct Named(Revision, Positioned);

// The set is searched by the name within the value, so that each name is in memory once.
impl Borrow<AllocationName> for Named {
    fn borrow(&self) -> &AllocationName {
        self.1.allocation.name()
    }
}

impl PartialEq for Named {
    fn eq(&self, other: &Self) -> bool {
        self.1.allocation.name() == other.1.allocation.name()
    }
}

impl Eq for Named {}

impl Hash for Named {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.1.allocation.name().hash(state);
    }
}

/// A record of a table, of its kind.
fn record<T: Clone>(
    held: Option<&(Revision, T)>,
    kind: impl FnOnce(T) -> Record,
) -> Option<(Revision, Record)> {
    held.map(|(revision, held)| (*revision, kind(held.clone())))
}

#[async_trait]
impl Backend for MemoryBackend {
    fn bounds(&self) -> Bounds {
        self.bounds
    }

    fn info(&self) -> BackendInfo {
        BackendInfo { kind: "memory".to_owned(), is_volatile: true, is_new: true }
    }

    async fn begin_term(&self) -> Result<Term, CommitError> {
        let mut state = self.state.write();
        state.term += 1;
        Ok(state.term)
    }

    fn load(&self) -> BoxStream<'_, Result<Vec<Loaded>, ReadError>> {
        let state = self.state.read();
        let names = state.specifications.iter().map(|held| held.1.allocation.name().clone());
        let names = names.map(Key::Specification);
        let keys = names.chain(state.statuses.keys().cloned().map(Key::Status));
        let keys = keys.chain(state.journal.keys().copied().map(Key::Entry));
        let items = state.items.keys();
        let keys = keys.chain(items.map(|(collection, name)| Key::Item(*collection, name.clone())));
        let loaded = |key: Key| state.get(&key).map(|(revision, record)| (key, revision, record));
        // Collected, as no lock may be held while the reader takes the chunks.
        let all: Vec<_> = keys.filter_map(loaded).collect();
        let chunks: Vec<_> = all.chunks(CHUNK).map(|chunk| Ok(chunk.to_vec())).collect();
        stream::iter(chunks).boxed()
    }

    async fn commit(&self, batch: Arc<Batch>, term: Term) -> Result<Revision, CommitError> {
        let mut state = self.state.write();
        if state.term != term && !mutation_testing::is_active(Mutation::WriteOfOldTerm) {
            return Err(CommitError::Deposed);
        }
        if batch.writes.len() + batch.expected.len() > self.bounds.operations {
            return Err(CommitError::Rejected("too many operations".to_owned()));
        }
        for (key, expected) in &batch.expected {
            if state.revision_of(key) != *expected {
                return Err(CommitError::Conflict(key.clone()));
            }
        }
        state.revision += 1;
        for write in &batch.writes {
            state.write(write);
        }
        // Without a reader nothing is kept.
        let _: Result<_, _> = self.committed.send((state.revision, Arc::clone(&batch)));
        Ok(state.revision)
    }

    async fn read(&self, keys: Vec<Key>) -> Result<Vec<Option<(Revision, Record)>>, ReadError> {
        let state = self.state.read();
        Ok(keys.iter().map(|key| state.get(key)).collect())
    }

    async fn scan(&self, scans: Vec<Scan>) -> Result<Vec<Vec<ScannedRun>>, ReadError> {
        let state = self.state.read();
        Ok(scans.iter().map(|scan| state.scan(scan)).collect())
    }

    fn watch(&self) -> Option<BoxStream<'static, Committed>> {
        // Now and not at the first poll: commits count from the call on.
        let commits = self.committed.subscribe();
        let next = async |mut commits: broadcast::Receiver<(Revision, Arc<Batch>)>| {
            let committed = match commits.recv().await {
                Ok((revision, batch)) => Committed::Keys(revision, batch.keys()),
                // Which commits were dropped is not known.
                Err(RecvError::Lagged(_)) => Committed::Unknown,
                // The backend is gone, and the contract says that the stream never ends.
                Err(RecvError::Closed) => pending().await,
            };
            Some((committed, commits))
        };
        Some(stream::unfold(commits, next).boxed())
    }
}
