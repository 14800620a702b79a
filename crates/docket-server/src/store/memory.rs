//! A backend that lives as long as the server does.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use async_trait::async_trait;
use docket_model::{
    AllocationName,
    run::{AttemptKey, Instant},
};
use futures_util::{StreamExt as _, stream, stream::BoxStream};
use parking_lot::RwLock;

use super::backend::{
    Backend, BackendInfo, Batch, Bounds, Collection, CommitError, Key, Loaded, Order, PieceKey,
    ReadError, Record, Revision, Scan, ScannedRun, Term, Write,
};
use super::staged::{LastCommit, meta};

/// How many records are loaded at once.
const CHUNK: usize = 1024;

/// Keeps records in memory.
#[derive(Debug)]
pub(crate) struct MemoryBackend {
    most_bytes: usize,
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    revision: Revision,
    term: Term,
    runs: HashMap<AllocationName, BTreeMap<Instant, ScannedRun>>,
    pieces: BTreeMap<PieceKey, (Revision, Record)>,
    /// All that is loaded when a store is opened.
    others: BTreeMap<Key, (Revision, Record)>,
}

impl MemoryBackend {
    /// An empty backend; runs and outputs are to take at most so many bytes.
    pub(crate) fn new(most_bytes: usize) -> Self {
        Self { most_bytes, state: RwLock::default() }
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
            let key = Key::Item(Collection::Meta, key.to_owned());
            self.state.write().others.insert(key, (0, record));
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
            Key::Run(name, instant) => {
                let (revision, run) = self.runs.get(name)?.get(instant)?;
                Some((*revision, Record::Run(Arc::clone(run))))
            }
            Key::Piece(key) => self.pieces.get(key).cloned(),
            key => self.others.get(key).cloned(),
        }
    }

    fn write(&mut self, write: &Write) {
        let revision = self.revision;
        match write {
            Write::Put(Key::Run(name, instant), Record::Run(run)) => {
                let runs = self.runs.entry(name.clone()).or_default();
                runs.insert(*instant, (revision, Arc::clone(run)));
            }
            Write::Put(Key::Piece(key), record) => {
                self.pieces.insert(key.clone(), (revision, record.clone()));
            }
            Write::Put(key, record) => {
                self.others.insert(key.clone(), (revision, record.clone()));
            }
            Write::Delete(Key::Run(name, instant)) => {
                let runs = self.runs.get_mut(name);
                runs.and_then(|runs| runs.remove(instant));
            }
            Write::Delete(Key::Piece(key)) => {
                self.pieces.remove(key);
            }
            Write::Delete(key) => {
                self.others.remove(key);
            }
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

#[async_trait]
impl Backend for MemoryBackend {
    fn bounds(&self) -> Bounds {
        Bounds { memory_bytes: Some(self.most_bytes), ..Bounds::NONE }
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
        let loaded = |(key, (revision, record)): (&Key, &(Revision, Record))| {
            (key.clone(), *revision, record.clone())
        };
        let all: Vec<_> = state.others.iter().map(loaded).collect();
        let chunks: Vec<_> = all.chunks(CHUNK).map(|chunk| Ok(chunk.to_vec())).collect();
        stream::iter(chunks).boxed()
    }

    async fn commit(&self, batch: Arc<Batch>, term: Term) -> Result<Revision, CommitError> {
        let mut state = self.state.write();
        if state.term != term {
            return Err(CommitError::Deposed);
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
}
