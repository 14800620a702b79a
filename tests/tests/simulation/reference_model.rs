//! Judges what a simulated server does, event by event, by rules of its own: it knows the documents of
//! docket-model, and nothing of the server's code.

mod commits;
mod containers;
mod end;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use chrono::{DateTime, Utc};
use docket_model::{
    Allocation, AllocationName, Run, RunId,
    journal::Suspension,
    run::{ContainerId, Instant, RunState},
};
use docket_server::simulation::{ContainerProgress, Event, Happened, Owner, Random};
use uuid::Uuid;

use super::{clock_change::ClockChange, recorded_instants::Coverage};

/// A rule that the server is to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Invariant {
    /// A container starts once, and an attempt has one container that starts.
    OneStart,
    /// Nothing is decided or started before its instant.
    NeverEarly,
    /// An instant has one record, and none is without one.
    OneRecord,
    /// Claim, prepare, note the id, start, note the end, remove.
    OrderOfSteps,
    /// A record goes forward: what it has is not taken back, and one that is over stays so.
    RecordGoesForward,
    /// The latest instant decided only grows.
    DecidedGrows,
    /// No decision about an allocation before its containers of earlier lives were inspected.
    LookedFirst,
    /// `Overlap` holds, also between two attempts.
    Overlap,
    /// A schedule is not in force before it was accepted.
    NoPast,
    /// Nothing starts by itself while the server is paused.
    Paused,
    /// Nothing is written in a term that is over.
    Terms,
    /// What is bounded stays within its bounds.
    Bounds,
    /// In the end all runs are over, and no container is left that nothing will remove.
    NothingLeft,
}

/// A rule that was broken.
#[derive(Debug, Clone)]
pub(crate) struct Violation {
    pub(crate) invariant: Invariant,
    at: Option<DateTime<Utc>>,
    text: String,
}

impl Violation {
    pub(crate) fn new(invariant: Invariant, text: String) -> Self {
        Self { invariant, at: None, text }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.invariant, self.text)?;
        self.at.map_or(Ok(()), |at| write!(f, " (at {at})"))
    }
}

/// A container that the engine created.
#[derive(Debug)]
struct Container {
    of: Owner,
    /// The life in which it was created, unless the request came late.
    life: Option<u64>,
    /// True where the request to create it was the one to start it.
    is_created_by_start: bool,
    starts: u32,
    /// What the server learned of it last, and in which life.
    seen: Option<(u64, ContainerProgress)>,
}

/// What was decided about a name that was deleted.
#[derive(Debug, Clone, Copy)]
struct Deleted {
    decided: Instant,
    at: DateTime<Utc>,
}

/// What the model knows.
#[derive(Debug, Default)]
pub(crate) struct Model {
    /// The number of the server that runs now, or ran last.
    life: u64,
    /// What the wall clock showed at most.
    // After the clock was set back, what was due before may still start.
    latest: DateTime<Utc>,
    now: DateTime<Utc>,
    allocations: BTreeMap<AllocationName, Arc<Allocation>>,
    /// All that were ever in force, by uid and revision.
    // A run keeps the specification of its claim, whatever is pushed later.
    revisions: BTreeMap<(Uuid, u64), Arc<Allocation>>,
    deleted_uids: BTreeSet<Uuid>,
    deleted: BTreeMap<AllocationName, Deleted>,
    runs: BTreeMap<(AllocationName, Instant), Arc<Run>>,
    decided: BTreeMap<AllocationName, Instant>,
    containers: BTreeMap<ContainerId, Container>,
    /// The containers of runs that were under way when the server started, and that it has not seen to be under
    /// way yet.
    inherited: BTreeMap<ContainerId, RunId>,
    coverage: BTreeMap<Uuid, Coverage>,
    /// The newest pause of the server.
    pause: Option<Suspension>,
    /// The clock change near which the world began.
    clock_change: Option<ClockChange>,
    /// How many commits there were.
    commits: u64,
    /// The commit of the newest record of each allocation that got one while nothing went wrong, so that its
    /// old ones were pruned.
    pruned: BTreeMap<Uuid, u64>,
    /// The commit in which the end of each run was recorded, which may be long after it.
    ended: BTreeMap<(AllocationName, Instant), u64>,
}

impl Model {
    /// A model of a world that began near this clock change, if near one.
    pub(crate) fn new(clock_change: Option<ClockChange>) -> Self {
        Self { clock_change, ..Self::default() }
    }

    /// Judges an event.
    pub(crate) fn see(&mut self, happened: &Happened) -> Result<(), Violation> {
        self.now = happened.wall;
        self.latest = self.latest.max(happened.wall);
        let judged = match &happened.event {
            Event::Began(life) => {
                self.begin(*life);
                Ok(())
            }
            Event::Committed { term, newest, writes } => {
                // The backend has to refuse such a write.
                if term != newest {
                    let text = format!("a write of term {term} in term {newest}");
                    return Err(Violation::new(Invariant::Terms, text));
                }
                self.commit(writes)
            }
            Event::Prepared { container, of, is_late, is_start } => {
                self.add_container(container, of, *is_late, *is_start);
                self.judge_creation(container, *is_late)
            }
            Event::StartRequested { container, has_started: true, beside }
            | Event::TakenByNode { container, beside } => self.start(container, beside),
            Event::Inspected { container, progress } => {
                self.inspect(container, *progress);
                Ok(())
            }
            Event::Removed(container) => self.remove(container),
            Event::StartRequested { .. } | Event::Crashed | Event::Stopped | Event::Note(_) => {
                Ok(())
            }
        };
        judged.map_err(|violation| Violation { at: Some(happened.wall), ..violation })
    }

    /// Nothing goes wrong from now on.
    pub(crate) fn begin_calm(&mut self) {
        // Records that faults kept from being pruned go with the next record of the allocation.
        self.pruned.clear();
    }

    fn begin(&mut self, life: u64) {
        self.life = life;
        let open = self.runs.values().filter(|run| !run.state.is_over());
        let containers = open.flat_map(|run| {
            run.parts().filter_map(|part| {
                // The last attempt of one that is over, or between two attempts, is over: there is no
                // container to inspect.
                let state = run.part_state(part);
                let is_under_way = !state.is_over() && !matches!(state, RunState::Retrying { .. });
                let container = run.newest_of_part(part)?.container.clone();
                Some((container.filter(|_| is_under_way)?, run.id.clone()))
            })
        });
        self.inherited = containers.collect();
    }

    /// The run of a container, as it is on record.
    fn run_of(&self, of: &Owner) -> Option<&Arc<Run>> {
        let key = (of.run.allocation.clone(), of.run.instant);
        self.runs.get(&key).filter(|run| run.uid == of.uid)
    }

    fn allocation_of(&self, run: &Run) -> Option<&Arc<Allocation>> {
        self.revisions.get(&(run.uid, run.revision))
    }

    /// A past instant of an allocation's schedule.
    pub(crate) fn some_instant(&self, name: &str, random: &mut Random) -> Option<DateTime<Utc>> {
        let allocation = self.allocations.values().find(|held| held.name().as_str() == name)?;
        let back = chrono::TimeDelta::minutes(random.below(600).cast_signed());
        allocation.specification.schedule()?;
        allocation.next(self.now - back, docket_model::Zone::utc())
    }

    /// A run that is not over.
    pub(crate) fn some_open_run(&self, random: &mut Random) -> Option<RunId> {
        let open = self.runs.values().filter(|run| !run.state.is_over());
        let open: Vec<_> = open.map(|run| run.id.clone()).collect();
        (!open.is_empty()).then(|| random.pick(&open).clone())
    }
}
