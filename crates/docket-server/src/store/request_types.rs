//! The types of requests to the store, and of its responses.

use std::{path::PathBuf, sync::Arc};

use chrono::{DateTime, Utc};
use docket_model::{
    AllocationName, Origin, Run, Specification, Zone,
    journal::{Outage, Suspension},
    run::{Instant, Reason, StateWord},
};

use super::Condition;

/// Specifications to be stored together or not at all.
#[derive(Debug, Clone)]
pub struct Push {
    /// The specifications; no name twice.
    pub specifications: Vec<Specification>,
    /// Where they come from.
    pub origin: Origin,
    /// True where allocations of this origin that are not among them are deleted.
    pub complete: bool,
    /// When the push was accepted.
    pub at: DateTime<Utc>,
    /// Who pushes, for the journal.
    pub by: Arc<str>,
    /// The condition that each of these names must meet.
    pub only_if: Condition,
    /// What decides about instants that are due, and that the push leaves without a schedule.
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

/// A manual change of an allocation; a push neither does nor undoes it.
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

/// What the instant of a manual run is to its allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstantKind {
    /// The present moment, which no schedule missed and no record can have been pruned of.
    Now,
    /// An instant of the past, and the one after it, if that is known.
    Instant(Option<Instant>),
    /// A past moment that is not known to have been an instant.
    Moment,
}

/// What became of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimOutcome {
    /// The record was made, and with it the right to act on it.
    New,
    /// The instant was decided before, as all are up to this one.
    Decided(Instant),
    /// Nothing was decided, because another record stands among the instants, at this one.
    Beside(Instant),
    /// The allocation is not the same any more: it was changed, suspended or deleted.
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

/// Which runs to list.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Only runs of earlier instants.
    pub before: Option<Instant>,
    /// Only runs in these states, if any is named.
    pub states: Vec<StateWord>,
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

/// What decides about the instants that were due when something was changed.
#[derive(Debug, Clone)]
pub struct Circumstances {
    /// The zone of allocations that name none.
    pub zone: Zone,
    /// When nothing could be decided.
    pub outages: Vec<Outage>,
}

/// Makes all instants of all allocations that are due and not decided missed.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// Up to when; later instants stay due.
    pub at: DateTime<Utc>,
    /// The zone of allocations that name none.
    pub zone: Zone,
    /// Why they are missed. Instants of a suspension keep theirs.
    pub reason: Reason,
}

/// Another wall clock for some allocations. No instant of the past starts by it.
#[derive(Debug, Clone)]
pub struct ZoneChange {
    /// What is changed.
    pub what: ChangedZone,
    /// When it is changed.
    pub at: DateTime<Utc>,
}

/// What gives allocations another wall clock.
#[derive(Debug, Clone)]
pub enum ChangedZone {
    /// Allocations that name no zone are in another one.
    OfServer {
        /// The zone so far, by its name.
        from: String,
        /// The same, if docket knows it. Instants that are due in it are recorded as missed.
        old: Option<Zone>,
        /// The zone from now on.
        to: Zone,
        /// Why instants that are due in the old zone are missed.
        reason: Reason,
    },
    /// The rules of some zones change; until the store has recorded what is due, the old ones are in
    /// use.
    Rules {
        /// The zones.
        zones: Vec<Zone>,
        /// The zone of allocations that name none.
        server: Zone,
        /// The edition of the zone data so far, in words.
        from: String,
        /// The edition from now on.
        to: String,
        /// When nothing could be decided.
        outages: Vec<Outage>,
    },
}
