//! Requests that are held on their way to the stub.

use serde_json::Value;

use super::objects::{Objects, Requests};

/// A request that is on its way.
pub(super) enum Late {
    /// A create of this pod.
    Create(Value),
    /// A JSON patch of the pod of this name.
    Patch(String, Value),
}

impl Objects {
    /// Holds a request of this kind, if the next one is to be held.
    pub(super) fn holds(&mut self, kind: Requests, late: impl FnOnce() -> Late) -> bool {
        let is_held = self.holds.take_if(|held| *held == kind).is_some();
        if is_held {
            self.late.push(late());
        }
        is_held
    }

    /// Delivers the requests that were held; returns which of them were carried out.
    pub(crate) fn deliver_late(&mut self) -> Vec<bool> {
        let late = std::mem::take(&mut self.late).into_iter();
        let carried_out = late.map(|late| match late {
            Late::Create(pod) => self.create(pod, false).is_ok(),
            Late::Patch(name, changes) => self.patch(&name, &changes).is_ok(),
        });
        carried_out.collect()
    }
}
