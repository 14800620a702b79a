//! Whether a run may start beside the others of its allocation.

use docket_model::{
    allocation::Overlap,
    run::{Instant, Reason},
};

/// What stands beside a run that is to start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Beside {
    /// Runs of the allocation that are claimed, run or are between attempts, the oldest first.
    pub(crate) under_way: Vec<Instant>,
    /// True where the engine has not reported on one of them since it came up.
    pub(crate) is_unconfirmed: bool,
    /// The run of the allocation that waits for them.
    pub(crate) waiting: Option<Instant>,
    /// Set where no run of any allocation can wait for another one's container to end.
    pub(crate) full: Option<Full>,
}

/// The bounds of the server, both reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full {
    pub(crate) max_running: usize,
    pub(crate) queue: usize,
}

/// What becomes of a run that is to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It starts.
    Start,
    /// It waits until the older ones have ended.
    Wait,
    /// It waits, and the older ones are stopped.
    Replace,
    /// Nothing starts for it, and why.
    Skip(Reason),
}

/// Decides about a run by its allocation's [`Overlap`] and the bounds of the server.
pub(crate) fn admit(overlap: Overlap, beside: &Beside) -> Admission {
    // Before the policy: a run that waits for an older one needs a slot afterwards, too.
    if let Some(Full { max_running, queue }) = beside.full {
        return Admission::Skip(Reason::QueueFull { max_running, queue });
    }
    let Some(&older) = beside.under_way.last() else { return Admission::Start };
    match (overlap, beside.waiting) {
        (Overlap::Allow, _) => Admission::Start,
        (Overlap::Forbid, _) if beside.is_unconfirmed => {
            Admission::Skip(Reason::OverlapUnconfirmed { older })
        }
        (Overlap::Forbid, _) => Admission::Skip(Reason::Overlap { older }),
        (Overlap::Queue, Some(waiting)) => Admission::Skip(Reason::QueueTaken { waiting, older }),
        (Overlap::Queue, None) => Admission::Wait,
        (Overlap::Replace, _) => Admission::Replace,
    }
}
