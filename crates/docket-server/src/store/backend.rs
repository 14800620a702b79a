//! A backend loads, commits and reads keys. It knows no rule of docket: what a key means, which records
//! are kept and what may follow what is the [`Store`](super::Store)'s part.
//!
//! 1. A commit is all or nothing, and durable once it is answered (as durable as the backend is).
//! 2. A commit applies only where each expected key has the expected revision, and only in the newest
//!    term.
//! 3. Revisions grow with each commit, also over restarts. All keys of one commit get the same one.

mod records;

use std::{fmt, ops::Bound, path::Path, path::PathBuf, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use docket_model::{AllocationName, Run, run::Instant};
use futures_util::stream::BoxStream;
use thiserror::Error;

pub(crate) use self::records::{Collection, Key, Piece, PieceBytes, PieceKey, Positioned, Record};
use super::store_origin::{Home, Provenance};

/// The number of the commit that last wrote a key.
pub(crate) type Revision = u64;

/// The number of a term: the time for which one server may write. Greater terms depose lesser ones.
pub(crate) type Term = u64;

/// One change of a batch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Write {
    /// Writes a record, whatever was there.
    Put(Key, Record),
    /// Deletes a key, if it is there.
    Delete(Key),
    /// Deletes all pieces of a run.
    DeletePieces(AllocationName, Instant),
    /// Deletes all runs and pieces of an allocation.
    DeleteRuns(AllocationName),
}

/// Changes that are made together or not at all, in this order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Batch {
    /// The changes. A key is written once, except that runs may follow a [`Write::DeleteRuns`].
    pub(crate) writes: Vec<Write>,
    /// The revision that each of these keys must have; `None` where it must be absent.
    pub(crate) expected: Vec<(Key, Option<Revision>)>,
}

/// What a backend can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// How many writes and expectations a commit has at most.
    pub(crate) operations: usize,
    /// How many bytes the records of a commit have at most.
    pub(crate) commit_bytes: usize,
    /// How many bytes runs and outputs may take, where they are in memory.
    pub(crate) memory_bytes: Option<usize>,
}

impl Batch {
    /// The keys that it writes or deletes, one by one.
    pub(crate) fn keys(&self) -> Vec<Key> {
        let keys = self.writes.iter().filter_map(|write| match write {
            Write::Put(key, _) | Write::Delete(key) => Some(key.clone()),
            // Followers keep no ended runs, and the allocation has a key of its own here.
            Write::DeletePieces(..) | Write::DeleteRuns(_) => None,
        });
        keys.collect()
    }
}

impl Bounds {
    /// No bound that a push or an output could reach.
    pub(crate) const NONE: Self =
        Self { operations: usize::MAX, commit_bytes: usize::MAX, memory_bytes: None };
}

/// Runs to read: some of one allocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scan {
    /// Whose runs.
    pub(crate) allocation: AllocationName,
    /// From which instant on.
    pub(crate) from: Bound<Instant>,
    /// Up to which instant.
    pub(crate) to: Bound<Instant>,
    /// In which order.
    pub(crate) order: Order,
    /// How many to leave out first.
    pub(crate) skip: usize,
    /// At most so many.
    pub(crate) limit: usize,
}

impl Scan {
    /// True where no instant can be in the range.
    pub(crate) fn is_empty(&self) -> bool {
        // `BTreeMap::range` panics at some of these, and a user can ask for such a range.
        match (self.from, self.to) {
            (Bound::Included(from), Bound::Included(to)) => from > to,
            (
                Bound::Excluded(from) | Bound::Included(from),
                Bound::Excluded(to) | Bound::Included(to),
            ) => from >= to,
            _ => false,
        }
    }
}

/// The order of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// The earliest instant first.
    Ascending,
    /// The latest instant first.
    Descending,
}

/// A record with its key and revision.
pub(crate) type Loaded = (Key, Revision, Record);

/// A run with its revision.
pub(crate) type ScannedRun = (Revision, Arc<Run>);

/// What is known of a backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BackendInfo {
    /// `memory`, or `sqlite:` and the path.
    pub(crate) kind: String,
    /// True where all is forgotten when the server stops.
    pub(crate) is_volatile: bool,
    /// True where it was made when it was opened, so that nothing can be in it.
    pub(crate) is_new: bool,
}

/// Keeps records by key.
#[async_trait]
pub(crate) trait Backend: fmt::Debug + Send + Sync {
    /// What it can take.
    fn bounds(&self) -> Bounds;

    /// What is known of it.
    fn info(&self) -> BackendInfo;

    /// Begins a term that deposes all before.
    async fn begin_term(&self) -> Result<Term, CommitError>;

    /// All keys but runs and pieces, in chunks, in any order.
    fn load(&self) -> BoxStream<'_, Result<Vec<Loaded>, ReadError>>;

    /// Makes all changes of a batch, or none; the revision that its keys have since.
    async fn commit(&self, batch: Arc<Batch>, term: Term) -> Result<Revision, CommitError>;

    /// The records of keys, in their order; `None` for those that are absent.
    async fn read(&self, keys: Vec<Key>) -> Result<Vec<Option<(Revision, Record)>>, ReadError>;

    /// The record of a key; `None` where it is absent.
    async fn read_one(&self, key: Key) -> Result<Option<(Revision, Record)>, ReadError> {
        Ok(self.read(vec![key]).await?.pop().flatten())
    }

    /// Runs, as of one moment; one answer for each scan.
    async fn scan(&self, scans: Vec<Scan>) -> Result<Vec<Vec<ScannedRun>>, ReadError>;

    /// The commits from the call on, in order, those of this process among them; it never ends. `None`
    /// where one store at a time has the backend open, so that no other commits.
    fn watch(&self) -> Option<BoxStream<'static, Committed>> {
        None
    }

    /// What a backend in a file can do besides.
    fn files(&self) -> Option<&dyn Files> {
        None
    }
}

/// A commit that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Committed {
    /// The keys that it wrote or deleted, but for those of runs and pieces that went with their
    /// allocation.
    Keys(Revision, Vec<Key>),
    /// Some commits, of which it is not known which keys they wrote.
    Unknown,
}

/// What a backend in a file can do besides.
#[async_trait]
pub(crate) trait Files: Send + Sync {
    /// The path of the file.
    fn path(&self) -> PathBuf;

    /// The size of the file and of its log, in bytes; none where it cannot be read.
    fn bytes(&self) -> Option<u64>;

    /// How the file differs from the one that was last served.
    fn provenance(&self) -> Provenance;

    /// Where the file is served now, without the engine.
    fn home(&self) -> Home;

    /// Between which moments servers could not write it, as noted beside the file.
    fn outages(&self) -> Vec<(DateTime<Utc>, DateTime<Utc>)>;

    /// Notes beside the file that it could not be written from one moment until another.
    async fn note_outage(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> std::io::Result<()>;

    /// Forgets the note of the outage that began then.
    async fn forget_outage(&self, from: DateTime<Utc>) -> std::io::Result<()>;

    /// Copies the file, as it stands at one moment; the copy says that it was made `at` that time.
    ///
    /// # Errors
    /// Says in words why there is no copy.
    async fn backup(&self, to: &Path, at: DateTime<Utc>) -> Result<(), String>;
}

/// Why a batch was not written, or may not have been.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum CommitError {
    /// A key has another revision than expected. Nothing was written.
    #[error("`{0:?}` was changed by another writer")]
    Conflict(Key),
    /// A later term has begun. Nothing was written, and nothing will be in this term.
    #[error("another server has taken over the store")]
    Deposed,
    /// It is not known whether the batch was written.
    #[error("{0}")]
    Unanswered(String),
    /// Nothing can be written at present. Nothing was written.
    #[error("{0}")]
    Unwritable(String),
    /// This batch cannot be written; others may. Nothing was written.
    #[error("{0}")]
    Rejected(String),
}

/// Why records could not be read, in words.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub(crate) struct ReadError(pub(crate) String);
