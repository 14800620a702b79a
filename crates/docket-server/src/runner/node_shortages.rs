//! Allocations whose next run waits because too few nodes fit, or because nodes could not be listed.
//!
//! 1. A shortage ends with the next try that finds enough nodes, when its instant is missed, or with the
//!    allocation.
//! 2. Between two tries nothing is decided about the allocation, unless it is changed or an engine comes up.

use std::{collections::BTreeMap, time::Duration};

use docket_model::{Allocation, run::Reason};
use parking_lot::Mutex;
use tracing::{info, warn};
use uuid::Uuid;

use super::runs_under_way::decision_span;

/// After how long the nodes are listed again.
// A Swarm reports a node that comes back within some seconds.
pub(super) const NEXT_TRY: Duration = Duration::from_secs(10);

/// Why a run cannot be placed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shortage {
    /// In words.
    pub(crate) words: String,
    /// Why its instants are missed, if it lasts until their deadline.
    pub(crate) reason: Reason,
}

/// The shortages, by the uids of their allocations.
#[derive(Debug, Default)]
pub(super) struct NodeShortages(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// How many tries have found too few nodes.
    tries: u64,
    lasting: BTreeMap<Uuid, Lasting>,
}

#[derive(Debug)]
struct Lasting {
    shortage: Shortage,
    /// The number of the newest try.
    attempt: u64,
    /// True until the next try.
    is_waiting: bool,
}

impl NodeShortages {
    /// Notes that too few nodes fit; the number of this try.
    pub(super) fn begin(&self, allocation: &Allocation, shortage: Shortage) -> u64 {
        let mut state = self.0.lock();
        state.tries += 1;
        let attempt = state.tries;
        let before = state.lasting.get(&allocation.uid);
        // The same condition is logged once.
        if before.is_none_or(|before| before.shortage.reason != shortage.reason) {
            let (reason, seconds) = (&shortage.words, NEXT_TRY.as_secs());
            decision_span(allocation.name()).in_scope(|| {
                warn!(
                    reason,
                    "the run cannot be placed yet; listing nodes again every {seconds} s"
                );
            });
        }
        state.lasting.insert(allocation.uid, Lasting { shortage, attempt, is_waiting: true });
        attempt
    }

    /// Notes that enough nodes fit.
    pub(super) fn end(&self, allocation: &Allocation) {
        if self.0.lock().lasting.remove(&allocation.uid).is_some() {
            decision_span(allocation.name()).in_scope(|| info!("the run can be placed now"));
        }
    }

    /// The allocation was changed, or is gone, or does not wait any more.
    pub(super) fn forget(&self, uid: Uuid) {
        self.0.lock().lasting.remove(&uid);
    }

    /// The nodes may be listed again, if this try is the newest one; whether it is.
    pub(super) fn try_again(&self, uid: Uuid, attempt: u64) -> bool {
        let mut state = self.0.lock();
        let newest = state.lasting.get_mut(&uid).filter(|lasting| lasting.attempt == attempt);
        newest.map(|lasting| lasting.is_waiting = false).is_some()
    }

    /// The same for all.
    pub(super) fn try_all_again(&self) {
        for lasting in self.0.lock().lasting.values_mut() {
            lasting.is_waiting = false;
        }
    }

    /// True until the next try.
    pub(super) fn is_waiting(&self, uid: Uuid) -> bool {
        self.0.lock().lasting.get(&uid).is_some_and(|lasting| lasting.is_waiting)
    }

    /// What an allocation waits for.
    pub(super) fn of(&self, uid: Uuid) -> Option<Shortage> {
        self.0.lock().lasting.get(&uid).map(|lasting| lasting.shortage.clone())
    }
}
