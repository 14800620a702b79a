//! What can be seen of a simulated server from outside: its commits, and what reaches the engine.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use docket_model::{
    Allocation, AllocationName, Run, RunId,
    journal::Entry,
    run::{AttemptKey, ContainerId, Instant},
};
use uuid::Uuid;

use crate::store::backend::{Key, Record, Write};

/// Something that happened, and when.
#[derive(Debug, Clone)]
pub struct Happened {
    /// What the wall clock showed.
    pub wall: DateTime<Utc>,
    /// The time since the simulation began.
    pub elapsed: Duration,
    /// What happened.
    pub event: Event,
}

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// A server opened the store; its life has this number.
    Began(u64),
    /// The server died.
    Crashed,
    /// The server stopped in order.
    Stopped,
    /// The backend committed a batch.
    Committed {
        /// The term of the writer.
        term: u64,
        /// The newest term of the backend.
        newest: u64,
        /// What was written, in order.
        writes: Vec<Written>,
    },
    /// The engine created a container.
    Prepared {
        /// Its id.
        container: ContainerId,
        /// Whose it is.
        of: Owner,
        /// True where the request arrived after its sender had given it up.
        is_late: bool,
        /// True where the request to create it is the one to start it.
        is_start: bool,
    },
    /// A start request reached the engine.
    StartRequested {
        /// The container.
        container: ContainerId,
        /// True where the request started it.
        has_started: bool,
        /// The other containers that run.
        beside: Vec<ContainerId>,
    },
    /// A node took a container that waited for one, and started it.
    TakenByNode {
        /// The container.
        container: ContainerId,
        /// The other containers that run.
        beside: Vec<ContainerId>,
    },
    /// A server learned how far a container is.
    Inspected {
        /// The container.
        container: ContainerId,
        /// How far it is.
        progress: ContainerProgress,
    },
    /// A server removed a container.
    Removed(ContainerId),
    /// Something that the simulation did, in words: an operation, an answer, a fault.
    Note(String),
}

/// Whose a container is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The uid of the allocation.
    pub uid: Uuid,
    /// The run.
    pub run: RunId,
    /// The attempt.
    pub attempt: AttemptKey,
}

/// How far a container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerProgress {
    /// It was not started.
    Created,
    /// It runs.
    Running,
    /// It has ended.
    Ended,
    /// It is gone.
    Gone,
}

/// One change of a commit.
#[derive(Debug, Clone)]
pub enum Written {
    /// The record of a run.
    Run(Arc<Run>),
    /// The record of a run was deleted.
    RunDeleted(AllocationName, Instant),
    /// All records of runs of an allocation were deleted.
    RunsDeleted(AllocationName),
    /// An allocation.
    Allocation(Arc<Allocation>),
    /// An allocation was deleted.
    AllocationDeleted(AllocationName),
    /// Up to when it is decided about an allocation.
    Decided(AllocationName, Option<DateTime<Utc>>),
    /// An entry of the journal.
    Entry(Arc<Entry>),
    /// Something else, by its key.
    Other(String),
}

impl Written {
    pub(super) fn of(write: &Write) -> Self {
        match write {
            Write::Put(_, Record::Run(run)) => Self::Run(Arc::clone(run)),
            Write::Put(Key::Specification(_), Record::Specification(positioned)) => {
                Self::Allocation(Arc::clone(&positioned.allocation))
            }
            Write::Put(Key::Status(name), Record::Status(status)) => {
                Self::Decided(name.clone(), status.decided)
            }
            Write::Put(_, Record::Entry(entry)) => Self::Entry(Arc::clone(entry)),
            Write::Delete(Key::Run(name, instant)) => Self::RunDeleted(name.clone(), *instant),
            Write::Delete(Key::Specification(name)) => Self::AllocationDeleted(name.clone()),
            Write::DeleteRuns(name) => Self::RunsDeleted(name.clone()),
            // The model judges none of these; they are only in the trace.
            Write::Put(key, _) => Self::Other(format!("{key:?}")),
            other => Self::Other(format!("{other:?}")),
        }
    }
}
