//! The logs that docket keeps of the pods that may run.
//!
//! 1. All of them together take at most [`MOST_TOGETHER`] bytes: the fuller that is, the less is kept of the
//!    next one.

use std::{collections::HashMap, sync::Arc};

use docket_model::run::ContainerId;
use parking_lot::Mutex;

use crate::{kept_log::KeptLog, shared_engine_state::Pods};

/// How many bytes all logs together may take: 256 whole ones.
const MOST_TOGETHER: usize = 64 << 20;
/// How many bytes are kept of a log: head and tail.
const MOST_EACH: usize = 256 << 10;
/// The part of the free bytes that the next log may take, so that there is always something left.
const SHARE: usize = 8;

/// The logs that are kept, by pod.
pub(crate) struct KeptLogs {
    pods: Arc<Pods>,
    logs: Mutex<HashMap<ContainerId, Arc<KeptLog>>>,
}

impl KeptLogs {
    pub(crate) fn new(pods: Arc<Pods>) -> Self {
        Self { pods, logs: Mutex::default() }
    }

    /// The log that is kept of a pod; begins to follow it where none is.
    pub(crate) fn keep(&self, id: &ContainerId) -> Arc<KeptLog> {
        let mut logs = self.logs.lock();
        if let Some(log) = logs.get(id) {
            return Arc::clone(log);
        }
        let limit = next_limit(logs.values().map(|log| log.limit()).sum());
        let log = KeptLog::follow(&self.pods, id.clone(), limit);
        logs.insert(id.clone(), Arc::clone(&log));
        log
    }

    /// The log that is kept of a pod.
    pub(crate) fn kept(&self, id: &ContainerId) -> Option<Arc<KeptLog>> {
        self.logs.lock().get(id).cloned()
    }

    /// Forgets the log that is kept of a pod.
    pub(crate) fn forget(&self, id: &ContainerId) {
        if let Some(log) = self.logs.lock().remove(id) {
            log.forget();
        }
    }
}

/// How many bytes of the next log are kept, where the others may take so many together.
fn next_limit(reserved: usize) -> usize {
    MOST_EACH.min((MOST_TOGETHER - reserved) / SHARE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_logs_together_are_bounded_however_many_there_are() {
        let mut reserved = 0;
        for number in 0..10_000 {
            let limit = next_limit(reserved);
            assert!(number >= 240 || limit == MOST_EACH, "{number}: {limit}");
            reserved += limit;
        }
        assert!(reserved <= MOST_TOGETHER, "{reserved}");
    }
}
