//! All waiting of the benches: with a timeout, and interrupted by a signal to stop.
//!
//! Breaking off is an error like any other, so that everything started is stopped on the way out.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};
use tokio::{
    runtime::Builder,
    signal::unix::{SignalKind, signal},
};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Often enough that an interruption is noticed soon, and too seldom to cost anything.
const LOOK: Duration = Duration::from_millis(20);

/// Starts to listen for Ctrl-C and SIGTERM.
pub(crate) fn listen() -> Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    // Registered before this function returns: a signal that comes now is not lost.
    let (mut interrupt, mut terminate) = {
        let _entered = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        // Relaxed: the flag is all that is passed on. The thread ends here, and a further signal
        // has no effect.
        INTERRUPTED.store(true, Ordering::Relaxed);
    })?;
    Ok(())
}

/// Fails once the program has received a signal to stop.
pub(crate) fn not_interrupted() -> Result<()> {
    ensure!(!INTERRUPTED.load(Ordering::Relaxed), "interrupted");
    Ok(())
}

/// Waits for this duration.
pub(crate) fn pause(duration: Duration) -> Result<()> {
    let end = Instant::now() + duration;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        not_interrupted()?;
        // In short pieces, since a signal does not end a sleep of another thread.
        thread::sleep(left.min(LOOK));
    }
    Ok(())
}

/// Waits until `done`, which is asked every `interval`; fails after `limit`.
pub(crate) fn until(
    what: &str,
    limit: Duration,
    interval: Duration,
    mut done: impl FnMut() -> Result<bool>,
) -> Result<()> {
    let end = Instant::now() + limit;
    while !done()? {
        not_interrupted()?;
        if Instant::now() >= end {
            bail!("{what} took more than {} s", limit.as_secs());
        }
        thread::sleep(interval);
    }
    Ok(())
}
