//! Which ended containers wrote to a terminal, so that the engine is asked once.
//!
//! Losing a note costs a request, never a decision.

use std::collections::HashMap;

use docket_model::run::ContainerId;
use parking_lot::Mutex;

/// More notes than containers that are under way at once.
const MOST: usize = 1 << 16;

/// Notes on containers that have ended: true where one wrote to a terminal.
#[derive(Debug, Default)]
pub(super) struct Notes(Mutex<HashMap<ContainerId, bool>>);

impl Notes {
    /// Notes whether it wrote to a terminal.
    pub(super) fn has_terminal(&self, id: &ContainerId, has_terminal: bool) {
        let mut notes = self.0.lock();
        if notes.len() >= MOST {
            notes.clear();
        }
        notes.insert(id.clone(), has_terminal);
    }

    /// Whether it wrote to a terminal, where that is known.
    pub(super) fn terminal(&self, id: &ContainerId) -> Option<bool> {
        self.0.lock().get(id).copied()
    }

    /// Drops what is known of it.
    pub(super) fn forget(&self, id: &ContainerId) {
        self.0.lock().remove(id);
    }
}
