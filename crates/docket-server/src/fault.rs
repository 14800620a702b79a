//! Points at which a build for tests dies on demand, as by a crash; in a release they are nothing.
//!
//! `DOCKET_DIE_AT=Started` ends the process with SIGKILL once it gets there, `Started:3` when it gets
//! there for the third time.

/// A step of a run, or of the upgrade of a store, that was just done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    /// It waits for an older run of its allocation; nothing of it was begun.
    Waiting,
    /// The older run has ended, and it is noted that the turn came.
    TurnCame,
    /// The next attempt is noted, and nothing of it was begun.
    NextAttempt,
    Claimed,
    Pulled,
    Created,
    IdNoted,
    Started,
    /// It is noted that a container which may have been asked to start is replaced.
    Replacing,
    /// That container was removed.
    Unstarted,
    /// It is noted that it never ran.
    NeverRan,
    /// Somebody wants it to end; it is noted, and nothing was done about it.
    Cancelling,
    Exited,
    /// The output was read, and is not noted.
    Captured,
    EndNoted,
    Removed,
    /// A copy of the store is written, and does not have its name yet.
    StoreCopyWritten,
    /// The store was copied before it is upgraded.
    StoreCopied,
    /// All steps of an upgrade are taken, and not committed.
    StoreUpgrading,
    /// The upgrade is committed.
    StoreUpgraded,
}

/// Dies here if that is wanted.
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
        // It cannot fail: the process is our own.
        let _: Result<(), _> = kill_process(getpid(), Signal::KILL);
    }
}

/// Nothing happens here.
#[cfg(not(debug_assertions))]
pub(crate) const fn point(_reached: Point) {}
