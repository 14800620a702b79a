//! Stores keep allocations and runs. Engines, schedules' arithmetic and HTTP are not known here.
//!
//! 1. A push is all or nothing, and what is acknowledged is kept.
//! 2. One run has one record: whoever comes second is told so.
//! 3. The latest instant decided of a name only grows, also when its history is pruned, and is
//!    remembered for [`REMEMBERED`] after the name is deleted.

mod changes;
#[cfg(test)]
mod contract;
mod history;
mod memory;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use docket_model::{
    Allocation, AllocationName, Origin, Output, Run, RunId, Specification,
    run::{ContainerId, Exit, Instant, RunState, Step},
};
use thiserror::Error;
use uuid::Uuid;

pub use self::{
    changes::{Change, Changes},
    memory::MemoryStore,
};

/// How long a deleted name's latest instant is remembered, so that a name created anew by mistake or
/// by a script does not repeat what was done.
pub const REMEMBERED: TimeDelta = TimeDelta::days(7);

/// How much history an allocation keeps.
pub mod keep {
    /// Runs, the newest.
    pub const RUNS: usize = 100;
    /// Runs that failed or were missed, the newest beyond [`RUNS`].
    pub const FAILURES: usize = 20;
    /// Bytes of an output: head and tail.
    pub const OUTPUT: usize = 1 << 20;
}

/// Specifications to be stored together or not at all.
#[derive(Debug, Clone)]
pub struct Push {
    /// What is wanted; no name twice.
    pub specifications: Vec<Specification>,
    /// Where they come from.
    pub origin: Origin,
    /// True where allocations of this origin that are not among them go.
    pub complete: bool,
    /// When the push was accepted.
    pub at: DateTime<Utc>,
}

/// What a push did about one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The name is new.
    Created,
    /// The specification changed.
    Updated,
    /// It was the same already.
    Unchanged,
}

impl Effect {
    /// The effect as one word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
        }
    }
}

/// An allocation and what happened to it lately.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The allocation.
    pub allocation: Arc<Allocation>,
    /// Its place in the order of creation; the cursor of a list.
    pub position: u64,
    /// The latest instant about which it was decided.
    pub decided: Option<DateTime<Utc>>,
    /// The newest runs, the newest first; as many as its `Logs` may need.
    pub recent: Vec<Arc<Run>>,
    /// How many runs are under way.
    pub running: usize,
}

/// What became of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// The record was made, and with it the right to act on it.
    New,
    /// The instant was decided before, or the allocation is not the same any more.
    TooLate,
}

/// What is learnt of a run under way.
#[derive(Debug, Clone)]
pub enum Progress {
    /// The image is there.
    Pulled {
        /// The image's repository.
        repository: String,
        /// Its tag or digest.
        tag: String,
        /// Why an image that could not be pulled serves all the same.
        stale: Option<String>,
    },
    /// The container was created.
    Created {
        /// Its id.
        container: ContainerId,
        /// Its image's id.
        image: Option<Arc<str>>,
        /// What the engine had to say.
        remarks: Vec<String>,
    },
    /// The container was started.
    Started,
}

/// How a run ended.
#[derive(Debug, Clone)]
pub struct End {
    /// The state it ends in.
    pub state: RunState,
    /// How its container ended, if one did.
    pub exit: Option<Exit>,
    /// What the container wrote.
    pub output: Option<Output>,
    /// What was not as it should be about the end.
    pub remarks: Vec<String>,
    /// When all this was known.
    pub at: DateTime<Utc>,
}

/// Which runs to list.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Only runs of earlier instants.
    pub before: Option<Instant>,
    /// Only runs in the state of this name.
    pub state: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// Keeps allocations in the order in which they were created.
#[async_trait]
pub trait AllocationStore: fmt::Debug + Send + Sync {
    /// The id that the store made once, for the labels of its containers.
    fn id(&self) -> Uuid;

    /// Stores all specifications or none; tells the effect on each, in their order.
    async fn push(&self, push: Push) -> Result<Vec<Effect>, StoreError>;

    /// Deletes a name; false where there is none.
    async fn delete(
        &self,
        name: &str,
        origin: &Origin,
        at: DateTime<Utc>,
    ) -> Result<bool, StoreError>;

    /// One allocation.
    async fn get(&self, name: &str) -> Result<Option<Snapshot>, StoreError>;

    /// At most `limit` allocations after a position, in the order of creation.
    async fn list(&self, after: Option<u64>, limit: usize) -> Result<Vec<Snapshot>, StoreError>;

    /// The name nearest to one that there is not.
    async fn nearest(&self, name: &str) -> Result<Option<AllocationName>, StoreError>;

    /// All allocations, and from then on each change of one.
    fn changes(&self) -> Arc<Changes>;
}

/// Keeps one record for each run.
#[async_trait]
pub trait RunStore: fmt::Debug + Send + Sync {
    /// Makes the record of a decision, if the instant is later than all decided before.
    ///
    /// A record of missed instants that follows another of the same reason lengthens that one.
    async fn decide(&self, run: Run) -> Result<Recorded, StoreError>;

    /// Adds what was learnt of a run under way.
    async fn note(
        &self,
        id: &RunId,
        progress: Progress,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError>;

    /// Records how a run ended, with its output.
    async fn finish(&self, id: &RunId, end: End) -> Result<(), StoreError>;

    /// The record of one run.
    async fn run(&self, name: &str, instant: Instant) -> Result<Option<Arc<Run>>, StoreError>;

    /// The records of an allocation, the newest first.
    async fn runs(&self, name: &str, filter: &RunFilter) -> Result<Vec<Arc<Run>>, StoreError>;
}

/// All that a store does.
pub trait Store: AllocationStore + RunStore {}

impl<S: AllocationStore + RunStore> Store for S {}

/// What can go wrong at a store.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StoreError {
    /// The allocation belongs to a file, which is the only place to change it.
    #[error("`{name}` is defined in {file} and can only be changed there")]
    ReadOnly {
        /// The allocation.
        name: AllocationName,
        /// The file, as it was given.
        file: Arc<str>,
    },
    /// A file defines a name that was pushed over the API.
    #[error("`{name}` was pushed over the API already: delete it there first, or rename it")]
    Taken {
        /// The allocation.
        name: AllocationName,
    },
    /// There is no record of this run, so nothing can be added to it.
    #[error("there is no record of the run `{0}`")]
    NoSuchRun(RunId),
}

impl Progress {
    /// Adds what was learnt to the record.
    fn apply(self, run: &mut Run, at: DateTime<Utc>) {
        if matches!(self, Self::Started) {
            run.state = RunState::Running;
        }
        let Some(attempt) = run.attempt_mut() else { return };
        let step = match self {
            Self::Pulled { stale: Some(reason), .. } => {
                attempt.remarks.push(format!("the image could not be pulled: {reason}"));
                Step::NotPulled { reason: reason.into() }
            }
            Self::Pulled { repository, tag, .. } => {
                Step::Pulled { repository: repository.into(), tag: tag.into() }
            }
            Self::Created { container, image, remarks } => {
                attempt.container = Some(container);
                attempt.image = image;
                attempt.remarks.extend(remarks);
                Step::Created
            }
            Self::Started => {
                attempt.started_at = Some(at);
                Step::Started
            }
        };
        attempt.steps.push((at, step));
    }
}

impl End {
    /// Adds the end to the record.
    fn apply(self, run: &mut Run) {
        let error = match &self.state {
            RunState::Failed(reason) | RunState::Cancelled(reason) if self.exit.is_none() => {
                Some(Step::Error(reason.as_str().into()))
            }
            _ => None,
        };
        run.state = self.state;
        run.ended_at = Some(self.at);
        let Some(attempt) = run.attempt_mut() else { return };
        attempt.steps.extend(self.exit.as_ref().map(|_| (self.at, Step::Exited)));
        attempt.steps.extend(error.map(|step| (self.at, step)));
        attempt.steps.shrink_to_fit();
        attempt.remarks.extend(self.remarks);
        if let Some(exit) = self.exit {
            attempt.started_at = exit.started_at.or(attempt.started_at);
            attempt.image = exit.image.clone().or(attempt.image.take());
            attempt.exit = Some(exit);
        }
        attempt.output = self.output.map(|mut output| {
            output.shrink();
            Arc::new(output)
        });
    }
}
