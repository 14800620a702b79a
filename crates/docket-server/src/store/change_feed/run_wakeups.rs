//! Wake-ups for those who follow one run.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Weak},
};

use docket_model::{RunId, journal::Event as Happened};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::event::News;

/// The runs that are followed.
#[derive(Debug, Default)]
pub(super) struct Followed(Mutex<HashMap<RunId, Weak<Notify>>>);

/// Wakes up whenever the record of a run has changed.
#[derive(Debug)]
pub struct RunChanges {
    id: RunId,
    changed: Arc<Notify>,
    followed: Arc<Followed>,
}

impl Followed {
    pub(super) fn follow(self: &Arc<Self>, id: &RunId) -> RunChanges {
        let mut followed = self.0.lock();
        let held = followed.get(id).and_then(Weak::upgrade);
        let changed = held.unwrap_or_else(|| {
            let changed = Arc::new(Notify::new());
            followed.insert(id.clone(), Arc::downgrade(&changed));
            changed
        });
        RunChanges { id: id.clone(), changed, followed: Arc::clone(self) }
    }

    pub(super) fn wake(&self, news: &[News]) {
        let followed = self.0.lock();
        // Usually no run is followed, while a commit may have thousands of news.
        if followed.is_empty() {
            return;
        }
        let mut deleted = HashSet::new();
        for news in news {
            match news {
                News::Run(run, _) => {
                    if let Some(changed) = followed.get(&run.id).and_then(Weak::upgrade) {
                        changed.notify_waiters();
                    }
                }
                News::Entry(entry) if entry.event == Happened::Deleted => {
                    deleted.extend(&entry.allocation);
                }
                News::Entry(_) => {}
            }
        }
        if deleted.is_empty() {
            return;
        }
        // The records of its runs are gone with it, and no run of it is news any more.
        let gone = followed.iter().filter(|(id, _)| deleted.contains(&id.allocation));
        gone.filter_map(|(_, changed)| changed.upgrade()).for_each(|it| it.notify_waiters());
    }
}

impl RunChanges {
    /// Waits for the next change. Changes count from the call on, not from the first poll: call it before
    /// reading the record, and wait for it afterwards.
    pub fn next(&self) -> impl Future<Output = ()> + use<> {
        Arc::clone(&self.changed).notified_owned()
    }
}

impl Drop for RunChanges {
    fn drop(&mut self) {
        // Locked before the count is read: a new follower upgrades under the same lock.
        let mut followed = self.followed.0.lock();
        // This one is the last that follows.
        if Arc::strong_count(&self.changed) == 1 {
            followed.remove(&self.id);
        }
    }
}
