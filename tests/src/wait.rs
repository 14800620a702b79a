//! Waiting for something to become true, with a bound.

use std::{
    thread,
    time::{Duration, Instant},
};

/// How long anything may take that only needs the engine to do its work.
pub const BOUND: Duration = Duration::from_secs(60);

/// Looks again and again until there is something to see, and returns it.
///
/// # Panics
/// After [`BOUND`], saying what was waited for.
pub fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(BOUND, what, look)
}

/// Like [`eventually`], with a bound of its own.
pub fn within<T>(bound: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + bound;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < end, "not within {bound:?}: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}
