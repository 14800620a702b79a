//! How many containers may be in creation or start at once, first come, first served.
//!
//! 1. A limit lets each start sooner; one that takes long gives its permit back and goes on without it.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, sleep_until},
};

/// The least default: an engine on one core does not get quicker by waiting for itself.
const LEAST: usize = 4;

/// How long one may hold its permit: a creation and a start take a second on an engine that is
/// well, and for ever where a volume's server does not answer.
const LONGEST: Duration = Duration::from_secs(5);

/// The way through the gate, until it is dropped or has been used for long.
#[derive(Debug)]
pub(crate) struct Permit<'a> {
    way: Option<SemaphorePermit<'a>>,
    until: Instant,
}

impl Permit<'_> {
    /// Does something in the gate; what takes too long is done beside it.
    pub(crate) async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        tokio::select! {
            biased;
            done = &mut work => return done,
            // Dropping the permit lets the next one in, while this work continues.
            () = sleep_until(self.until), if self.way.is_some() => self.way = None,
        }
        work.await
    }

    /// True until it has been used for too long.
    pub(crate) fn is_valid(&self) -> bool {
        self.way.is_some()
    }
}

/// Lets creates and starts through in the order in which they came.
///
/// An engine saturates at four to eight at once; more only adds latency to each.
#[derive(Debug)]
pub(crate) struct StartLimiter {
    semaphore: Semaphore,
    width: AtomicUsize,
    fixed: bool,
}

impl StartLimiter {
    /// A gate as wide as asked for, or else one that waits for the engine's number of cores.
    pub(crate) fn new(width: Option<usize>) -> Self {
        let now = width.unwrap_or(LEAST).max(1);
        Self {
            semaphore: Semaphore::new(now),
            width: AtomicUsize::new(now),
            fixed: width.is_some(),
        }
    }

    /// Widens a gate of no fixed width to twice the cores.
    pub(crate) fn set_cores(&self, cores: usize) {
        let wanted = (2 * cores).max(LEAST);
        if !self.fixed {
            // Called each time that the engine is back; only what is more than before is added.
            // Relaxed, because the semaphore alone synchronises.
            let before = self.width.fetch_max(wanted, Ordering::Relaxed);
            self.semaphore.add_permits(wanted.saturating_sub(before));
        }
    }

    /// Waits to be let through; the gate is free for the next one when what is returned is dropped.
    pub(crate) async fn acquire(&self) -> Permit<'_> {
        // The semaphore is never closed.
        let way = self.semaphore.acquire().await.ok();
        Permit { way, until: Instant::now() + LONGEST }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn work_that_takes_long_gives_its_permit_back() {
        let limiter = StartLimiter::new(Some(1));
        let mut permit = limiter.acquire().await;
        let begun_at = Instant::now();
        let work = async {
            tokio::join!(permit.during(tokio::time::sleep(4 * LONGEST)), async {
                drop(limiter.acquire().await);
                begun_at.elapsed()
            })
        };

        let ((), waited) = work.await;

        assert_eq!((waited, begun_at.elapsed()), (LONGEST, 4 * LONGEST));
        assert!(!permit.is_valid());
    }

    #[test]
    fn a_limiter_admits_twice_the_cores_of_the_engine_unless_it_is_configured() {
        let widths = [(None, 1), (None, 2), (None, 8), (Some(1), 8), (Some(32), 2)];
        let widened = widths.map(|(width, cores)| {
            let limiter = StartLimiter::new(width);
            limiter.set_cores(cores);
            limiter.set_cores(cores);
            limiter.semaphore.available_permits()
        });
        assert_eq!(widened, [4, 4, 16, 1, 32]);
    }
}
