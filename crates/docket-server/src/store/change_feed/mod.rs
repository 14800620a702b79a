//! The one change feed: what changed, published after its commit, in the order of the commits.
//!
//! It is read in three ways: event by event ([`Events`], for live events and observers), the latest of
//! each allocation ([`Changes`], for the scheduler), and as a wake-up for one run ([`RunChanges`], for
//! those who follow its output). No reader holds up the writer, and a slow reader costs no memory.

mod changed_allocations;
mod event;
mod events;
mod ring;
mod run_wakeups;

use std::sync::{Arc, Weak};

use docket_model::{AllocationName, RunId, journal::Entry};
use parking_lot::Mutex;
use tokio::sync::Notify;

pub(super) use self::event::Labels;
use self::run_wakeups::Followed;
pub use self::{
    changed_allocations::{Change, Changes},
    event::{Event, News},
    events::{Behind, Events, MOST_READERS, Missed, Reader, TooMany},
    run_wakeups::RunChanges,
};

/// Publishes changes to all readers.
#[derive(Debug, Default)]
pub(super) struct Feed {
    events: Arc<Events>,
    readers: Mutex<Vec<Weak<Changes>>>,
    followed: Arc<Followed>,
    outbox: Arc<Notify>,
}

impl Feed {
    /// A feed whose next event follows the one of this number.
    pub(super) fn after(number: u64) -> Self {
        Self { events: Arc::new(Events::after(number)), ..Self::default() }
    }

    /// The same; the event of that number is the last entry of the journal.
    pub(super) fn beginning_with(entry: Arc<Entry>, number: u64) -> Self {
        let feed = Self::after(number.saturating_sub(1));
        feed.publish(vec![News::Entry(entry)], |_| Vec::new());
        feed
    }

    /// Goes on behind the events of another server.
    pub(super) fn continue_after(&self, number: u64) {
        self.events.continue_after(number);
    }

    /// The number of the newest event.
    pub(super) fn newest(&self) -> u64 {
        self.events.newest()
    }

    /// Event by event, from now on or from an earlier one.
    pub(super) fn events(&self) -> Arc<Events> {
        Arc::clone(&self.events)
    }

    /// The latest change of each allocation, beginning with what there is.
    pub(super) fn changes(&self, all: impl Iterator<Item = (u64, Change)>) -> Arc<Changes> {
        let changes = Arc::new(Changes::default());
        changes.add(all);
        self.readers.lock().push(Arc::downgrade(&changes));
        changes
    }

    /// Wake-ups for each change of one run.
    pub(super) fn follow(&self, id: &RunId) -> RunChanges {
        self.followed.follow(id)
    }

    /// Wakes up who sends what is in the outbox.
    pub(super) fn outbox_changed(&self) {
        self.outbox.notify_one();
    }

    /// Wakes up its one reader when the outbox has changed.
    pub(super) fn outbox(&self) -> Arc<Notify> {
        Arc::clone(&self.outbox)
    }

    /// Publishes events; `labels` says what labels an allocation had and has.
    pub(super) fn publish(&self, news: Vec<News>, labels: impl Fn(&AllocationName) -> Vec<Labels>) {
        self.followed.wake(&news);
        self.events.publish(news, labels);
    }

    /// Publishes changes of allocations.
    pub(super) fn publish_changes(&self, changes: &[(u64, Change)]) {
        if changes.is_empty() {
            return;
        }
        // Readers do not sign off: one that was dropped is noticed here.
        self.readers.lock().retain(|reader| {
            let reader = reader.upgrade();
            reader.inspect(|reader| reader.add(changes.iter().cloned())).is_some()
        });
    }
}
