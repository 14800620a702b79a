//! How many containers may be in creation or start at once, first come, first served.

use std::{
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use tokio::sync::{Semaphore, SemaphorePermit};

/// The least default: an engine on one core does not get quicker by waiting for itself.
const LEAST: usize = 4;
/// How long one create or start keeps others waiting: many times what a busy engine takes for it.
const PATIENCE: Duration = Duration::from_secs(10);

/// The way through the gate, until it is dropped; nothing once it was given up.
pub(super) type Permit<'a> = Option<SemaphorePermit<'a>>;

/// Lets creates and starts through in the order in which they came.
///
/// An engine saturates at four to eight at once; more only adds latency to each.
#[derive(Debug)]
pub(super) struct Gate {
    semaphore: Semaphore,
    width: AtomicUsize,
    fixed: bool,
}

impl Gate {
    /// A gate as wide as asked for, or else one that waits for the engine's number of cores.
    pub(super) fn new(width: Option<usize>) -> Self {
        let now = width.unwrap_or(LEAST).max(1);
        Self {
            semaphore: Semaphore::new(now),
            width: AtomicUsize::new(now),
            fixed: width.is_some(),
        }
    }

    /// Widens a gate of no fixed width to twice the cores.
    pub(super) fn widen(&self, cores: usize) {
        let wanted = (2 * cores).max(LEAST);
        if !self.fixed {
            let before = self.width.fetch_max(wanted, Ordering::Relaxed);
            self.semaphore.add_permits(wanted.saturating_sub(before));
        }
    }

    /// Waits to be let through; the gate is free for the next one when what is returned is dropped.
    pub(super) async fn enter(&self) -> Permit<'_> {
        // The semaphore is never closed.
        self.semaphore.acquire().await.ok()
    }
}

/// Does what the permit is for, and gives it up where that takes too long: the engine may hang, and
/// be well for everybody else.
pub(super) async fn pass<T>(permit: &mut Permit<'_>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    if let Ok(done) = tokio::time::timeout(PATIENCE, work.as_mut()).await {
        return done;
    }
    *permit = None;
    work.await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_is_twice_as_wide_as_the_engine_has_cores_unless_told_otherwise() {
        let widths = [(None, 1), (None, 2), (None, 8), (Some(1), 8), (Some(32), 2)];
        let widened = widths.map(|(width, cores)| {
            let gate = Gate::new(width);
            gate.widen(cores);
            gate.widen(cores);
            gate.semaphore.available_permits()
        });
        assert_eq!(widened, [4, 4, 16, 1, 32]);
    }
}
