//! Which dropped messages the journal has: the first at once, and further ones together, so that a receiver that
//! refuses everything does not fill the journal.

use std::time::Duration;

use chrono::{DateTime, Utc};
use docket_model::journal::{Entry, Event};
use tokio::time::Instant;

/// How often the journal has an entry about the same receiver.
const AGAIN: Duration = Duration::from_secs(600);

/// The dropped messages of one receiver.
#[derive(Debug, Default)]
pub(super) struct DropLog {
    /// Those without an entry.
    pending: Option<Pending>,
    entry_at: Option<Instant>,
}

/// Dropped messages.
#[derive(Debug)]
struct Pending {
    receiver: String,
    count: u64,
    /// Why the last of them was dropped.
    reason: String,
}

impl DropLog {
    /// Adds messages to a receiver, in words, that are dropped.
    pub(super) fn add(&mut self, count: u64, to: &str, reason: &str) {
        let before = self.pending.take().map_or(0, |pending| pending.count);
        let (receiver, reason) = (to.to_owned(), reason.to_owned());
        self.pending = Some(Pending { receiver, count: before + count, reason });
    }

    /// When the next entry is due.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        self.pending.as_ref()?;
        Some(self.entry_at.map_or(now, |at| at + AGAIN))
    }

    /// Takes the entry that is due.
    pub(super) fn take(&mut self, now: Instant, at: DateTime<Utc>) -> Option<Entry> {
        self.due(now).filter(|due| *due <= now)?;
        let Pending { receiver, count, reason } = self.pending.take()?;
        self.entry_at = Some(now);
        let event = Event::NotificationsDropped { receiver, count, reason };
        Some(Entry { at, allocation: None, event, by: None })
    }

    /// True if nothing is to be remembered.
    pub(super) fn is_unused(&self, now: Instant) -> bool {
        self.pending.is_none() && self.entry_at.is_none_or(|at| at + AGAIN <= now)
    }
}
