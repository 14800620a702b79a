//! Who reads the output of which container: it is not removed before they have read it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use docket_model::run::ContainerId;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// For how long a container that has ended stays for those who still read its output.
// A client that reads slowly, or not at all, must not keep containers and their disk space.
const LONGEST_READING: Duration = Duration::from_secs(60);

/// Who reads the output of which container.
#[derive(Debug, Default)]
pub(crate) struct Readers {
    // A count, because several readers may follow one container.
    reading: Mutex<HashMap<ContainerId, usize>>,
    left: Notify,
}

/// Keeps a container from being removed, until it is dropped.
pub(super) struct Reading {
    readers: Arc<Readers>,
    container: ContainerId,
}

impl Readers {
    pub(super) fn enter(self: &Arc<Self>, container: &ContainerId) -> Reading {
        *self.reading.lock().entry(container.clone()).or_default() += 1;
        Reading { readers: Arc::clone(self), container: container.clone() }
    }

    /// Waits until the last reader of this container's output has left, for a minute at most.
    pub(crate) async fn gone(&self, container: &ContainerId) {
        let gone = async {
            loop {
                // Made before the look at the readers: one that leaves in between still wakes it.
                let left = self.left.notified();
                if !self.reading.lock().contains_key(container) {
                    return;
                }
                left.await;
            }
        };
        // A reader that is slower than that reads what the store keeps.
        let _: Result<(), _> = tokio::time::timeout(LONGEST_READING, gone).await;
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let mut reading = self.readers.reading.lock();
        if let Some(count) = reading.get_mut(&self.container) {
            *count -= 1;
            if *count == 0 {
                reading.remove(&self.container);
            }
        }
        // Those that wake up take this lock at once.
        drop(reading);
        self.readers.left.notify_waiters();
    }
}
