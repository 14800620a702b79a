//! How much memory outputs may take on their way from the engine's log to the store.

use std::sync::Arc;

use docket_model::allocation::Keep;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many bytes of outputs may be in memory at once: two of the largest, so that one is read while
/// another is written.
const MOST: usize = 2 * Keep::MOST_OUTPUT;
/// How many bytes one permit of the semaphore is.
const UNIT: usize = 1 << 10;

/// The memory that outputs may take together. Who wants more waits, in the order of asking.
#[derive(Debug)]
pub(super) struct OutputMemory(Arc<Semaphore>);

/// Memory that an output may take, until this is dropped.
#[derive(Debug)]
pub(crate) struct Reserved(OwnedSemaphorePermit);

impl Default for OutputMemory {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST / UNIT)))
    }
}

impl OutputMemory {
    /// Waits for memory for so many bytes; for all there is where they are more.
    pub(super) async fn reserve(&self, bytes: usize) -> Option<Reserved> {
        // A semaphore never grants more permits than it has, so a larger request would wait for
        // ever.
        let units = u32::try_from(bytes.min(MOST).div_ceil(UNIT)).unwrap_or(u32::MAX);
        // It is never closed, so there always is a permit in the end.
        Arc::clone(&self.0).acquire_many_owned(units).await.ok().map(Reserved)
    }
}

impl Reserved {
    /// Gives back what is more than so many bytes.
    pub(super) fn shrink_to(&mut self, bytes: usize) {
        // Rounded up, so that never less is reserved than is held.
        let surplus = self.0.num_permits().saturating_sub(bytes.div_ceil(UNIT));
        drop(self.0.split(surplus));
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn outputs_wait_for_memory_and_one_that_is_too_large_goes_alone() {
        let memory = OutputMemory::default();
        let mut first = memory.reserve(MOST / 2).await.unwrap();
        let second = memory.reserve(MOST / 2).await;

        assert!(memory.reserve(1).now_or_never().is_none());
        first.shrink_to(UNIT);
        let small = memory.reserve(MOST / 4).now_or_never().unwrap();
        assert!(memory.reserve(2 * MOST).now_or_never().is_none());
        drop((first, second, small));
        assert!(memory.reserve(2 * MOST).now_or_never().unwrap().is_some());
    }
}
