//! Caches how containers are logged and how far their logs were read, so that the engine is asked once.
//!
//! Losing a note costs a request, or the knowledge of how much output is missing; never a decision.

use std::{collections::HashMap, sync::Arc};

use docket_model::run::ContainerId;
use parking_lot::Mutex;

use super::rotated_log_index::LogIndex;

/// More notes than containers that are under way at once.
const MOST: usize = 1 << 16;

/// How the log of a container is read.
#[derive(Debug, Clone)]
pub(super) struct LogForm {
    /// True where the container writes to a terminal, so that the log has no frames.
    pub(super) has_terminal: bool,
    /// True where each message can be read with its time.
    pub(super) has_stamps: bool,
    /// Where its log driver drops old output: how much it keeps.
    pub(super) kept: Option<Kept>,
}

/// How much of an output a log driver keeps that drops old output.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    /// The driver and its options, in words.
    pub(super) words: Arc<str>,
    /// So many bytes of its files it keeps before it drops any; 0 if that is not known.
    pub(super) at_least: u64,
}

/// Notes on containers.
#[derive(Debug, Default)]
pub(super) struct Notes(Mutex<HashMap<ContainerId, Note>>);

#[derive(Debug, Default)]
struct Note {
    form: Option<LogForm>,
    index: Arc<LogIndex>,
    /// The engine gave no answer since the container was last seen running: it may have gone down.
    has_broken_watch: bool,
    /// Why the engine could not start it.
    failed_start: Option<Arc<str>>,
}

impl Notes {
    /// Notes how the log of a container is read.
    pub(super) fn note(&self, id: &ContainerId, form: LogForm) {
        self.change(id, |note| note.form = Some(form));
    }

    /// How the log of a container is read, where that is known.
    pub(super) fn form(&self, id: &ContainerId) -> Option<LogForm> {
        self.0.lock().get(id)?.form.clone()
    }

    /// How far the log of a container was read, for all who read it.
    pub(super) fn index(&self, id: &ContainerId) -> Arc<LogIndex> {
        self.change(id, |note| Arc::clone(&note.index))
    }

    /// Notes whether the engine gave no answer since the container was last seen running.
    pub(super) fn set_broken_watch(&self, id: &ContainerId, is_broken: bool) {
        // Most watches never break, and need no note about it.
        if is_broken || self.has_broken_watch(id) {
            self.change(id, |note| note.has_broken_watch = is_broken);
        }
    }

    /// Whether the engine gave no answer since the container was last seen running.
    pub(super) fn has_broken_watch(&self, id: &ContainerId) -> bool {
        self.0.lock().get(id).is_some_and(|note| note.has_broken_watch)
    }

    /// Notes why the engine could not start a container: not every engine says so again.
    pub(super) fn note_failed_start(&self, id: &ContainerId, reason: &str) {
        self.change(id, |note| note.failed_start = Some(reason.into()));
    }

    /// Why the engine could not start a container, if a start failed.
    pub(super) fn failed_start(&self, id: &ContainerId) -> Option<String> {
        self.0.lock().get(id)?.failed_start.as_deref().map(str::to_owned)
    }

    /// Drops what is known of it.
    pub(super) fn forget(&self, id: &ContainerId) {
        self.0.lock().remove(id);
    }

    fn change<T>(&self, id: &ContainerId, change: impl FnOnce(&mut Note) -> T) -> T {
        let mut notes = self.0.lock();
        if notes.len() >= MOST && !notes.contains_key(id) {
            // The removal of a container drops its note, so this is only a last limit on memory.
            notes.clear();
        }
        change(notes.entry(id.clone()).or_default())
    }
}
