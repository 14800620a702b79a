//! Waiting for something to become true, with a bound.

use std::{
    thread,
    time::{Duration, Instant},
};

/// How long anything may take that only needs the engine to do its work.
// Generous, as it is only reached by tests that fail.
pub const BOUND: Duration = Duration::from_secs(60);

/// Looks again and again until there is something to see, and returns it.
///
/// # Panics
/// After [`BOUND`], saying what was waited for.
pub fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(BOUND, what, look)
}

/// Like [`eventually`], with a bound of its own.
pub fn within<T>(bound: Duration, what: &str, look: impl FnMut() -> Option<T>) -> T {
    seen_within(bound, look).unwrap_or_else(|| panic!("not within {bound:?}: {what}"))
}

/// Like [`within`], and nothing where there is nothing to see in time.
pub fn seen_within<T>(bound: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + bound;
    loop {
        // Looks before it compares the time: a look that took long still counts.
        let seen = look();
        if seen.is_some() || Instant::now() >= end {
            return seen;
        }
        // Short beside what is waited for, long enough to leave the processor to it.
        thread::sleep(Duration::from_millis(50));
    }
}
