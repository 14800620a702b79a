//! Times during which nothing could start, so that what was missed can be explained.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use docket_model::journal::Pause;
use parking_lot::Mutex;

/// How many pauses are remembered.
const MOST: usize = 64;

/// The newest pauses.
#[derive(Debug, Default)]
pub(super) struct Pauses(Mutex<VecDeque<Pause>>);

impl Pauses {
    pub(super) fn add(&self, pause: Pause) {
        let mut pauses = self.0.lock();
        if pauses.len() == MOST {
            pauses.pop_front();
        }
        pauses.push_back(pause);
    }

    /// All that are remembered.
    pub(super) fn all(&self) -> Vec<Pause> {
        self.0.lock().iter().copied().collect()
    }

    /// Why nothing started from one moment to another: the pause that covers most of that time.
    pub(super) fn reason(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> String {
        let covered = |pause: &&Pause| pause.to.min(to) - pause.from.max(from);
        let pauses = self.0.lock();
        let touching = pauses.iter().filter(|pause| pause.from <= to && pause.to >= from);
        touching.max_by_key(covered).map_or_else(
            || "docket came too late to it: its deadline had passed".to_owned(),
            ToString::to_string,
        )
    }
}
