//! Times during which nothing could start, so that what was missed can be explained.

use std::collections::VecDeque;

use chrono::{DateTime, SecondsFormat, Utc};

use crate::runner::policy::Missed;

/// How many pauses are remembered.
const MOST: usize = 64;

/// A time during which nothing could start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pause {
    /// What it was, as the beginning of a sentence: "the engine was away".
    pub(super) cause: String,
    pub(super) from: DateTime<Utc>,
    pub(super) to: DateTime<Utc>,
}

/// The newest pauses.
#[derive(Debug, Default)]
pub(super) struct Pauses(VecDeque<Pause>);

impl Pauses {
    pub(super) fn add(&mut self, pause: Pause) {
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back(pause);
    }

    /// Why these instants were missed: the pause that covers most of them.
    pub(super) fn reason(&self, missed: &Missed) -> String {
        let covered = |pause: &&Pause| pause.to.min(missed.last) - pause.from.max(missed.first);
        let touching =
            self.0.iter().filter(|pause| pause.from <= missed.last && pause.to >= missed.first);
        match touching.max_by_key(covered) {
            Some(Pause { cause, from, to }) => {
                format!("{cause} from {} to {}", shown(*from), shown(*to))
            }
            None => "docket came too late to it: the next instant had come, or an hour had gone by"
                .to_owned(),
        }
    }
}

fn shown(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Secs, true)
}
