//! Keys, and the records that they name.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use docket_model::{
    Allocation, AllocationName, Output, Run,
    journal::Entry,
    output::{PIECE, Streams, Times},
    run::{AttemptKey, Instant},
};
use serde::{Deserialize, Serialize};

use super::super::allocation_status::StatusRecord;

/// Names a record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Key {
    /// An allocation as it was pushed.
    Specification(AllocationName),
    /// The status of an allocation.
    Status(AllocationName),
    /// The record of a run.
    Run(AllocationName, Instant),
    /// A piece of what an attempt wrote, at most [`PIECE`] bytes.
    // Only staged writes are serialised, and pieces are never staged.
    #[serde(skip)]
    Piece(PieceKey),
    /// An entry of the journal, by its sequence number.
    Entry(u64),
    /// A value of a named collection.
    Item(Collection, String),
}

/// Names a piece of an output.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PieceKey {
    /// The allocation.
    pub(crate) allocation: AllocationName,
    /// The run's instant.
    pub(crate) instant: Instant,
    /// The attempt.
    pub(crate) attempt: AttemptKey,
    /// The piece, counted from 0.
    pub(crate) piece: u32,
}

/// Named collections of small values: a new kind of record needs no new method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Collection {
    /// Values that there are once.
    Meta,
    /// Up to when deleted names are decided.
    Deleted,
    /// Allocations as runs under way were claimed with, where that is not the present specification.
    Claimed,
    /// The lives of servers.
    Lives,
    /// Notifications that are not delivered yet.
    Outbox,
    /// Parts of a commit that is larger than the backend takes at once.
    Staged,
}

impl Collection {
    /// Its name as it is stored.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Deleted => "deleted",
            Self::Claimed => "claimed",
            Self::Lives => "lives",
            Self::Outbox => "outbox",
            Self::Staged => "staged",
        }
    }

    /// The collection of a name; none where this docket knows none of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Meta, Self::Deleted, Self::Claimed, Self::Lives, Self::Outbox, Self::Staged]
            .into_iter()
            .find(|collection| collection.name() == name)
    }
}

/// What a key holds. Cheap to clone.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Record {
    /// Of [`Key::Specification`], and of an item of [`Collection::Claimed`].
    Specification(Positioned),
    /// Of [`Key::Status`].
    Status(Arc<StatusRecord>),
    /// Of [`Key::Run`]. Outputs have their sizes; their bytes are in pieces.
    Run(Arc<Run>),
    /// Of [`Key::Piece`].
    Piece(Piece),
    /// Of [`Key::Entry`].
    Entry(Arc<Entry>),
    /// Of [`Key::Item`], as JSON.
    Item(Arc<str>),
}

/// An allocation and its place in the order of creation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Positioned {
    /// The allocation.
    pub(crate) allocation: Arc<Allocation>,
    /// Its place in the order of creation.
    pub(crate) position: u64,
}

/// A piece of an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// The bytes.
    pub(crate) bytes: PieceBytes,
    /// To which streams they were written, with positions counted from the first of them.
    pub(crate) streams: Streams,
    /// When they were written, as far as that is known, with positions counted from the first of them.
    pub(crate) times: Times,
}

/// The bytes of a piece. A piece of an output that is in memory shares it, so that an output that is
/// stored is not in memory twice.
#[derive(Clone)]
pub(crate) enum PieceBytes {
    /// By themselves.
    Own(Bytes),
    /// The kept bytes of an output from a position on, at most [`PIECE`].
    Shared(Arc<Output>, usize),
}

impl PieceBytes {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Own(bytes) => bytes.len(),
            Self::Shared(output, from) => output.kept().saturating_sub(*from).min(PIECE),
        }
    }

    /// At most `most` of them from a position on.
    pub(crate) fn read(&self, from: usize, most: usize) -> Vec<u8> {
        match self {
            Self::Own(bytes) => bytes.iter().skip(from).take(most).copied().collect(),
            Self::Shared(output, start) => {
                output.kept_bytes(start + from, most.min(self.len().saturating_sub(from)))
            }
        }
    }

    /// All of them.
    pub(crate) fn to_bytes(&self) -> Bytes {
        match self {
            Self::Own(bytes) => bytes.clone(),
            Self::Shared(..) => self.read(0, PIECE).into(),
        }
    }
}

impl From<Bytes> for PieceBytes {
    fn from(bytes: Bytes) -> Self {
        Self::Own(bytes)
    }
}

impl fmt::Debug for PieceBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The bytes may be many, and may hold secrets.
        write!(f, "{} bytes", self.len())
    }
}

impl PartialEq for PieceBytes {
    fn eq(&self, other: &Self) -> bool {
        // A piece that shares its output is the same record as one with its own bytes.
        self.to_bytes() == other.to_bytes()
    }
}

impl Eq for PieceBytes {}
