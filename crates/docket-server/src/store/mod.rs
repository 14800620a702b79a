//! Stores keep allocations, runs and the journal. Engines, schedules' arithmetic and HTTP are not
//! known here.
//!
//! 1. A push is all or nothing, and what is acknowledged is kept.
//! 2. One run has one record: whoever comes second is told so.
//! 3. The latest instant decided of a name only grows, also when its history is pruned, and is
//!    remembered for [`REMEMBERED`] after the name is deleted. Only somebody's hand sets it back.
//! 4. What is wrong at the moment of writing changes nothing, and the same call may be made again.

mod catalogue;
mod changes;
mod condition;
#[cfg(test)]
mod contract;
mod draft;
mod error;
mod history;
mod memory;
mod progress;
mod provenance;
mod rules;
mod settle;
mod sqlite;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use docket_model::{
    Allocation, AllocationName, Origin, Run, RunId, Specification, Zone,
    journal::{Entry, Suspension},
    output::Excerpt,
    run::{Instant, RunState},
};
use uuid::Uuid;

use crate::observer::Events;

pub use self::{
    changes::{Change, Changes},
    condition::{ChangeContext, Condition},
    error::StoreError,
    memory::MemoryStore,
    progress::{End, Progress},
    provenance::{Doubt, KnownLife, LifeStore, NotedEngine, Provenance, Restoration},
    settle::{ChangedZone, Circumstances, Settlement, ZoneChange},
    sqlite::{OpenError, Opener, SqliteStore, backup_of},
};

/// How long a deleted name's latest instant is remembered, so that a name created anew by mistake or
/// by a script does not repeat what was done.
pub const REMEMBERED: TimeDelta = TimeDelta::days(7);

/// How many entries of the journal are kept: the newest.
pub const MOST_ENTRIES: usize = 10_000;

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
    /// Who pushes, for the journal.
    pub by: Arc<str>,
    /// What must be so of each of these names.
    pub only_if: Condition,
    /// What becomes of instants that are due, and that the push leaves without a schedule.
    pub circumstances: Circumstances,
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

/// An allocation and how it stands.
#[derive(Debug, Clone)]
pub struct AllocationStatus {
    /// The allocation.
    pub allocation: Arc<Allocation>,
    /// Its place in the order of creation; the cursor of a list.
    pub position: u64,
    /// The latest instant about which it was decided.
    pub decided: Option<DateTime<Utc>>,
    /// The latest instant whose record is not kept any more.
    pub pruned: Option<Instant>,
    /// The greatest instant for which it succeeded, kept or not.
    pub succeeded: Option<Instant>,
    /// The newest suspension by hand, in force or not any more.
    pub suspension: Option<Arc<Suspension>>,
    /// How many of its runs that are not over are how far.
    pub runs: RunCounts,
}

/// How many runs of an allocation that are not over are how far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RunCounts {
    /// Claimed, and their containers do not run yet.
    pub starting: usize,
    /// Their containers run.
    pub running: usize,
    /// In the queue until an older run has ended.
    pub waiting: usize,
    /// Between two attempts.
    pub retrying: usize,
}

impl RunCounts {
    /// All of them.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.starting + self.running + self.waiting + self.retrying
    }

    fn add(&mut self, state: &RunState) {
        self.of(state).into_iter().for_each(|count| *count += 1);
    }

    fn remove(&mut self, state: &RunState) {
        self.of(state).into_iter().for_each(|count| *count = count.saturating_sub(1));
    }

    /// The count that a state is part of; none once a run is over.
    fn of(&mut self, state: &RunState) -> Option<&mut usize> {
        match state {
            RunState::Starting => Some(&mut self.starting),
            RunState::Running | RunState::Stuck(_) => Some(&mut self.running),
            RunState::Waiting => Some(&mut self.waiting),
            RunState::Retrying { .. } => Some(&mut self.retrying),
            _ => None,
        }
    }
}

/// An allocation and what happened to it lately.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The allocation and how it stands.
    pub standing: AllocationStatus,
    /// The newest runs, the newest first; as many as its `Logs` may need.
    pub recent: Vec<Arc<Run>>,
}

/// A run that is not over, and the allocation as it was when the run was claimed.
#[derive(Debug, Clone)]
pub struct UnderWay {
    /// The run.
    pub run: Arc<Run>,
    /// What it carries out, whatever was pushed since.
    pub allocation: Arc<Allocation>,
}

/// What somebody does to an allocation by hand; a push neither does nor undoes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Control {
    /// Nothing starts by itself.
    Suspend(Suspension),
    /// Things start again, for instants after this moment. A suspension by name stays where all
    /// allocations are resumed together.
    Resume {
        /// True where all are resumed together.
        is_of_all: bool,
    },
    /// A latest instant ahead of the clock is set back to this moment.
    Reset,
}

/// A manual change of the whole server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerControl {
    /// Nothing starts by itself. A pause in force keeps its beginning, and its reason unless
    /// a new one is given.
    Pause(Suspension),
    /// Things start again, for instants after this moment. Manual suspensions of allocations stay.
    Unpause,
}

/// What the instant of a run by hand is to its allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstantKind {
    /// The present moment, which nobody missed and nobody can have forgotten.
    Now,
    /// An instant that went by, and the one after it, if that is known.
    Instant(Option<Instant>),
    /// A past moment that is not known to have been an instant.
    Moment,
}

/// What became of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimOutcome {
    /// The record was made, and with it the right to act on it.
    New,
    /// The instant was decided before, as all are up to this one.
    Decided(Instant),
    /// Nothing was decided, because another record stands among the instants, at this one.
    Beside(Instant),
    /// The allocation is not the same any more: it was changed, suspended, or is gone.
    Changed,
    /// It may have been carried out before: records up to this instant are not kept any more.
    Pruned(Instant),
    /// The run is under way, or a container was created for it.
    Taken(Arc<Run>),
}

/// Which entries of the journal to list.
#[derive(Debug, Clone, Default)]
pub struct EntryFilter {
    /// Of this allocation and of the server; of all where absent.
    pub allocation: Option<AllocationName>,
    /// Only entries made before.
    pub before: Option<DateTime<Utc>>,
    /// At most so many.
    pub limit: usize,
}

/// What is known of a store as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// `memory`, or `sqlite:` and the path.
    pub kind: String,
    /// True where all is forgotten when the server stops.
    pub is_volatile: bool,
    /// True where it was made when it was opened, so that nothing can be in it.
    pub is_new: bool,
    /// The file that it is in; there is room for more beside it.
    pub file: Option<PathBuf>,
    /// Of a store that was there: the last moment at which its server was known to run.
    pub last_alive: Option<DateTime<Utc>>,
    /// Of a store that was there: the name of the zone of allocations that name none, if it was noted.
    pub time_zone: Option<String>,
    /// Between which moments servers could not write it, where the journal does not have that yet.
    pub outages: Vec<(DateTime<Utc>, DateTime<Utc>)>,
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
    /// Stores all specifications or none; tells the effect on each, in their order.
    ///
    /// `After` must name allocations that there are, without a circle.
    ///
    /// Where a push changes what is due of an allocation, or whether its specification suspends it,
    /// instants that are due by then and not decided are recorded as missed before it is changed.
    async fn push(&self, push: Push) -> Result<Vec<Effect>, StoreError>;

    /// Deletes a name that no other runs after; false where there is none.
    async fn delete(
        &self,
        name: &str,
        origin: &Origin,
        context: ChangeContext,
    ) -> Result<bool, StoreError>;

    /// Does something to an allocation by hand; false where there is none.
    async fn control(
        &self,
        name: &str,
        control: Control,
        context: ChangeContext,
    ) -> Result<bool, StoreError>;

    /// Records instants that are due and not decided as missed, of all allocations.
    async fn settle(&self, settlement: Settlement) -> Result<(), StoreError>;

    /// Sets the zone of allocations that name none, where none was noted before.
    async fn note_zone(&self, zone: Zone) -> Result<(), StoreError>;

    /// Gives allocations another wall clock, and notes it in the journal.
    async fn change_zone(&self, change: ZoneChange) -> Result<(), StoreError>;

    /// One allocation and how it stands.
    async fn status(&self, name: &str) -> Result<Option<AllocationStatus>, StoreError>;

    /// One allocation with its newest runs.
    async fn get(&self, name: &str) -> Result<Option<Snapshot>, StoreError>;

    /// At most `limit` allocations after a position, in the order of creation.
    async fn list(&self, after: Option<u64>, limit: usize) -> Result<Vec<Snapshot>, StoreError>;

    /// As [`AllocationStore::list`], without their runs, which costs far less.
    async fn statuses(
        &self,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<AllocationStatus>, StoreError>;

    /// The allocations that run after this one.
    async fn children(&self, name: &str) -> Result<Vec<AllocationName>, StoreError>;

    /// The name nearest to one that there is not.
    async fn nearest(&self, name: &str) -> Result<Option<AllocationName>, StoreError>;
}

/// Keeps one record for each run.
#[async_trait]
pub trait RunStore: fmt::Debug + Send + Sync {
    /// Makes the record of a decision, if the instant is later than all decided before and the
    /// allocation is still of the revision that was decided about, and not suspended for a run that
    /// would start.
    ///
    /// A record of missed instants that follows another of the same reason lengthens that one. It
    /// spans no other record: what was made up for by hand has its own.
    ///
    /// Records beyond what the allocation keeps go now, or soon after.
    async fn claim(&self, run: Run) -> Result<ClaimOutcome, StoreError>;

    /// Makes the record of a run by hand, which leaves the latest instant decided as it is.
    ///
    /// Where the instant has a record for which no container was ever created, or one of what was
    /// missed, that record is taken up again. Where it was among missed ones, they are fewer by it,
    /// and a record of them that began with it is moved to the instant after it.
    async fn claim_manual(&self, run: Run, wanted: InstantKind)
    -> Result<ClaimOutcome, StoreError>;

    /// Adds what was learnt of a run under way. What [is momentous](Progress::is_momentous) is
    /// durable when this returns.
    ///
    /// A record of another allocation that had the name, known by its uid, is not there any more.
    async fn note(
        &self,
        id: &RunId,
        uid: Uuid,
        progress: Progress,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError>;

    /// Records how an attempt ended, with its output. A run that was lost may be found again; the
    /// allocation is known by its uid, as above.
    async fn finish(&self, id: &RunId, uid: Uuid, end: End) -> Result<(), StoreError>;

    /// The record of one run: its own, not one of missed instants that spans it. The bytes of its
    /// outputs may be left out, their sizes not.
    async fn run(&self, name: &str, instant: Instant) -> Result<Option<Arc<Run>>, StoreError>;

    /// What an attempt at a run wrote from a position on: one piece of it, which is small beside the
    /// whole. An empty one is the end; nothing where there is no such output.
    async fn output(
        &self,
        name: &str,
        instant: Instant,
        attempt: u32,
        from: u64,
    ) -> Result<Option<Excerpt>, StoreError>;

    /// The records of an allocation, the newest first.
    async fn runs(&self, name: &str, filter: &RunFilter) -> Result<Vec<Arc<Run>>, StoreError>;

    /// All runs that are not over, the earliest instant first.
    async fn under_way(&self) -> Result<Vec<UnderWay>, StoreError>;
}

/// Keeps what happened to the server and to allocations; changes of allocations note themselves.
#[async_trait]
pub trait JournalStore: fmt::Debug + Send + Sync {
    /// Adds an entry.
    async fn record(&self, entry: Entry) -> Result<(), StoreError>;

    /// The entries, the newest first.
    async fn entries(&self, filter: &EntryFilter) -> Result<Vec<Entry>, StoreError>;

    /// Notes that the server runs.
    async fn alive(&self, at: DateTime<Utc>) -> Result<(), StoreError>;

    /// Notes, where the store itself cannot be written, that it could not be written from one moment
    /// until another, or longer than was noted before. The note is durable, and stays until the
    /// journal has a pause that begins at the same moment.
    async fn note_outage(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> Result<(), StoreError>;
}

/// All that a store does.
#[async_trait]
pub trait Store: AllocationStore + RunStore + JournalStore + LifeStore {
    /// The id that the store made once, for the labels of its containers.
    fn id(&self) -> Uuid;

    /// What is known of the store as a whole.
    fn about(&self) -> About;

    /// All allocations, and from then on each change of one.
    fn changes(&self) -> Arc<Changes>;

    /// What happens from now on: each change of a record of a run and each new entry of the journal,
    /// once it is durable, in the order of the changes.
    fn events(&self) -> Arc<Events>;

    /// The newest pause of the whole server, in force or over.
    fn pause(&self) -> Option<Arc<Suspension>>;

    /// Pauses or unpauses the whole server, and notes it in the journal; false where that was so already
    /// and nothing changed.
    async fn control_server(
        &self,
        control: ServerControl,
        context: ChangeContext,
    ) -> Result<bool, StoreError>;

    /// Copies all that it keeps into a new file, as it stands at one moment; the copy says that it was
    /// made `at` that time.
    async fn backup(&self, to: &Path, at: DateTime<Utc>) -> Result<(), StoreError>;
}
