//! Mutations: faults that the simulation switches on, to show that it finds them. A build without the
//! feature `simulation` has none of them.

use chrono::TimeDelta;

/// A known way to break a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "simulation"),
    expect(unreachable_pub, reason = "public for the simulation alone")
)]
pub enum Mutation {
    /// A start request without an answer is sent again to the same container.
    StartAskedTwice,
    /// The id of a container is noted after it was started.
    IdNotedAfterStart,
    /// A run is given up while its container waits for a node, which may still start it.
    GivenUpWhileWaiting,
    /// A container is removed before its end is recorded.
    RemovedBeforeEndRecorded,
    /// An allocation is decided about before its containers of earlier lives were inspected.
    DecidedBeforeLooking,
    /// The record of a run is written whatever revision it has.
    WrittenWithoutRevision,
    /// The backend takes a write of a term that is over.
    WriteOfOldTerm,
    /// A pause of the server is stored, and in force only after the next start.
    PauseNotInForce,
    /// A changed schedule catches up on instants from before the change.
    CatchUpBeforeEdit,
    /// A run does not count for `Overlap` while it waits for its next attempt.
    OverlapFreedBetweenAttempts,
    /// Runs are due one second before their instants.
    OneSecondEarly,
    /// The latest instant decided is forgotten when old records are pruned.
    DecidedLostWhenPruned,
}

/// True where the simulation has switched the mutation on for this thread.
#[cfg(feature = "simulation")]
pub(crate) fn is_active(mutation: Mutation) -> bool {
    crate::simulation::mutation() == Some(mutation)
}

/// Never true.
#[cfg(not(feature = "simulation"))]
pub(crate) const fn is_active(_mutation: Mutation) -> bool {
    false
}

/// How long before their instants runs are due: nothing without [`Mutation::OneSecondEarly`].
pub(crate) fn earliness() -> TimeDelta {
    TimeDelta::seconds(i64::from(is_active(Mutation::OneSecondEarly)))
}
