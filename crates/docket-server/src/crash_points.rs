//! Crash points: a debug build kills itself there on request; a release build ignores them.
//!
//! `DOCKET_DIE_AT=Started` ends the process with SIGKILL when it reaches that point, `Started:3` when it
//! reaches it for the third time.

/// A step of a run, or of the upgrade of a store, that has just completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    /// The run waits for an older run of its allocation.
    Waiting,
    /// The older run has ended, and the store has the end of the wait.
    TurnCame,
    /// The store has the next attempt, which has not begun.
    NextAttempt,
    Claimed,
    Pulled,
    Created,
    IdNoted,
    Started,
    /// The store has the replacement of a container that may have received a start request.
    Replacing,
    /// That container was removed, or no earlier request starts it any more.
    Unstarted,
    /// The store has that it never ran.
    NeverRan,
    /// The store has the cancellation, which has not been carried out.
    Cancelling,
    Exited,
    /// The output was read, and is not in the store.
    Captured,
    EndNoted,
    Removed,
    /// A notification is in the outbox, and is about to be sent.
    NotificationDue,
    /// A notification was sent, and is still in the outbox.
    NotificationSent,
    /// A copy of the store is written under a temporary name.
    StoreCopyWritten,
    /// The store was copied before it is upgraded.
    StoreCopied,
    /// All steps of an upgrade are done, and not committed.
    StoreUpgrading,
    /// The upgrade is committed.
    StoreUpgraded,
}

/// Kills the process if this point is configured.
#[cfg(debug_assertions)]
pub(crate) fn point(reached: Point) {
    use std::sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    };

    use rustix::process::{Signal, getpid, kill_process};

    static WANTED: LazyLock<Option<(String, AtomicU32)>> = LazyLock::new(|| {
        let wanted = std::env::var("DOCKET_DIE_AT").ok()?;
        let (name, times) = wanted.split_once(':').unwrap_or((&wanted, "1"));
        Some((name.to_owned(), AtomicU32::new(times.parse().ok()?)))
    });
    let Some((name, left)) = &*WANTED else { return };
    if *name == format!("{reached:?}") && left.fetch_sub(1, Ordering::SeqCst) == 1 {
        // It cannot fail: the signal goes to our own process.
        let _: Result<(), _> = kill_process(getpid(), Signal::KILL);
    }
}

/// Does nothing in a release build.
#[cfg(not(debug_assertions))]
pub(crate) const fn point(_reached: Point) {}
