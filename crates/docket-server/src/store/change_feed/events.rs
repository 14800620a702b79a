//! Events, one by one, for those who follow what happens.
//!
//! 1. Publishing waits for no reader. All readers read from one ring; a reader that falls behind it has
//!    missed events, and gets an error that says so.
//! 2. Events have numbers without a gap, in the order in which the changes became durable.
//! 3. After the store was opened, and after the last reader has left, the ring fills up once, for a reader
//!    that comes back; then it falls asleep, and only the number is kept until there is a reader.
//! 4. Numbers grow, also over restarts and over the terms of other servers.

use std::{collections::VecDeque, sync::Arc};

use docket_model::AllocationName;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::{
    event::{Event, Labels, News},
    ring::Ring,
};

/// How many events are kept: usually some 6 MB of them.
const MOST_KEPT: usize = 8192;
/// How many may read at once.
pub const MOST_READERS: usize = 1000;
/// How many events a reader takes at once.
// However far behind a reader is, it locks the ring only to copy a few pointers.
const TAKEN_AT_ONCE: usize = 64;

/// Takes events in, and hands them out to readers.
#[derive(Debug)]
pub struct Events {
    ring: Mutex<Ring>,
    /// The number of the newest event, for readers that wait.
    newest: watch::Sender<u64>,
    /// The number before the first event of this server.
    start: u64,
}

impl Default for Events {
    fn default() -> Self {
        Self::keeping(MOST_KEPT)
    }
}

impl Events {
    /// Events of which so many are kept while anybody listens.
    #[must_use]
    pub fn keeping(most: usize) -> Self {
        Self {
            ring: Mutex::new(Ring::beginning_after(0, most)),
            newest: watch::Sender::new(0),
            start: 0,
        }
    }

    /// Events whose numbers follow this one.
    pub(super) fn after(number: u64) -> Self {
        let ring = Ring::beginning_after(number, MOST_KEPT);
        Self { ring: Mutex::new(ring), newest: watch::Sender::new(number), start: number }
    }

    /// The number of the newest event.
    pub(super) fn newest(&self) -> u64 {
        self.ring.lock().newest()
    }

    /// How many readers there are.
    pub(in crate::store) fn readers(&self) -> usize {
        self.ring.lock().readers
    }

    /// Goes on behind a number up to which another server has numbered events. Readers are behind then.
    pub(super) fn continue_after(&self, number: u64) {
        if self.ring.lock().continue_after(number) {
            self.newest.send_replace(number);
        }
    }

    /// Publishes what happened; `labels` says what labels an allocation had and has.
    pub(super) fn publish(&self, news: Vec<News>, labels: impl Fn(&AllocationName) -> Vec<Labels>) {
        if news.is_empty() {
            return;
        }
        let mut ring = self.ring.lock();
        ring.add(news, labels);
        let (newest, is_heard) = (ring.newest(), ring.readers > 0);
        // Readers that are woken lock the ring at once.
        drop(ring);
        if is_heard {
            self.newest.send_replace(newest);
        }
    }

    /// A reader of all that happens from now on, or after the event of a number.
    ///
    /// Where not all of it is kept, it reads from now on and gets how many it [missed](Missed).
    pub fn read(self: &Arc<Self>, after: Option<u64>) -> Result<(Reader, Option<Missed>), TooMany> {
        let mut ring = self.ring.lock();
        if ring.readers == MOST_READERS {
            return Err(TooMany);
        }
        ring.enter();
        let newest = ring.newest();
        let missed = after.filter(|after| !ring.keeps_after(*after));
        let missed = missed.map(|after| match newest.checked_sub(after) {
            None => Missed::NotYet,
            Some(_) if after < self.start => Missed::BeforeStart,
            Some(count) => Missed::Some(count),
        });
        let last = after.filter(|_| missed.is_none()).unwrap_or(newest);
        let news = self.newest.subscribe();
        let events = Arc::clone(self);
        Ok((Reader { events, news, last, taken: VecDeque::new() }, missed))
    }
}

/// Too many read already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany;

/// A reader cannot have what happened after the event that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missed {
    /// Some of so many events are not kept any more.
    Some(u64),
    /// The event is from before the start of this server, which does not have all events since.
    BeforeStart,
    /// No event has this number yet.
    NotYet,
}

/// A reader fell behind, so that something it did not read is not kept any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind;

/// One who reads events, in order and each once.
#[derive(Debug)]
pub struct Reader {
    events: Arc<Events>,
    news: watch::Receiver<u64>,
    /// The number of the last event that was handed out.
    last: u64,
    taken: VecDeque<Arc<Event>>,
}

impl Reader {
    /// The number of the last event that was handed out, or after which it reads.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.last
    }

    /// True where every event so far was handed out.
    #[must_use]
    pub fn has_all(&self) -> bool {
        self.taken.is_empty() && self.events.ring.lock().newest() == self.last
    }

    /// The next event, when there is one. It may be given up waiting for.
    ///
    /// # Errors
    /// [`Behind`] where it is not kept any more; the reader then reads from now on.
    pub async fn next(&mut self) -> Result<Arc<Event>, Behind> {
        loop {
            if let Some(event) = self.taken.pop_front() {
                self.last = event.number();
                return Ok(event);
            }
            // Before looking: what comes after this is waited for below.
            self.news.mark_unchanged();
            self.take_some()?;
            if self.taken.is_empty() {
                // The sender lives as long as `self.events`.
                let _: Result<(), _> = self.news.changed().await;
            }
        }
    }

    /// Takes some of what is in the ring and was not handed out.
    fn take_some(&mut self) -> Result<(), Behind> {
        let ring = self.events.ring.lock();
        // The ring may have dropped these while the reader was busy: publishing does not wait.
        if !ring.keeps_after(self.last) {
            self.last = ring.newest();
            return Err(Behind);
        }
        self.taken.extend(ring.after(self.last).take(TAKEN_AT_ONCE).cloned());
        Ok(())
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.events.ring.lock().readers -= 1;
    }
}

#[cfg(test)]
mod tests;
