//! What is remembered of containers from one call to the next, so that the engine is asked once.
//!
//! Losing a note costs a request, never a decision.

use std::collections::HashMap;

use docket_model::run::ContainerId;
use parking_lot::Mutex;

/// More notes than containers that are under way at once.
const MOST: usize = 1 << 16;

/// Notes on containers.
#[derive(Debug, Default)]
pub(super) struct Notes(Mutex<HashMap<ContainerId, Note>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Note {
    /// It was created here and nobody was asked to start it.
    New,
    /// It has ended; true where it wrote to a terminal.
    Ended { has_terminal: bool },
}

impl Notes {
    /// Notes that nobody was asked to start it.
    pub(super) fn is_new(&self, id: &ContainerId) {
        self.note(id, Note::New);
    }

    /// Notes whether it wrote to a terminal.
    pub(super) fn has_terminal(&self, id: &ContainerId, has_terminal: bool) {
        self.note(id, Note::Ended { has_terminal });
    }

    /// True, and once only, where nobody was asked to start it.
    pub(super) fn take_new(&self, id: &ContainerId) -> bool {
        let mut notes = self.0.lock();
        let is_new = notes.get(id) == Some(&Note::New);
        if is_new {
            notes.remove(id);
        }
        is_new
    }

    /// Whether it wrote to a terminal, where that is known.
    pub(super) fn terminal(&self, id: &ContainerId) -> Option<bool> {
        match self.0.lock().get(id) {
            Some(Note::Ended { has_terminal }) => Some(*has_terminal),
            _ => None,
        }
    }

    /// Drops what is known of it.
    pub(super) fn forget(&self, id: &ContainerId) {
        self.0.lock().remove(id);
    }

    fn note(&self, id: &ContainerId, note: Note) {
        let mut notes = self.0.lock();
        if notes.len() >= MOST {
            notes.clear();
        }
        notes.insert(id.clone(), note);
    }
}
