//! Events, one by one, for those who follow what happens.
//!
//! 1. Publishing waits for no reader. All readers read from one ring; a reader that falls behind it has
//!    missed events, and gets an error that says so.
//! 2. Events have numbers without a gap, in the order in which the changes became durable.
//! 3. While there is no reader only the number is kept. After the last reader has left, the ring
//!    fills up once more, for one that comes back; then it falls asleep.
//! 4. An event is put into bytes once, by the first reader that asks for it, for all of them.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use docket_model::{AllocationName, Run, journal::Entry, run::StateWord, wire::EventKind};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::ring::Ring;

/// How many events are kept: usually some 6 MB of them.
const MOST_KEPT: usize = 8192;
/// How many may read at once.
pub const MOST_READERS: usize = 1000;
/// How many events a reader takes at once.
const TAKEN_AT_ONCE: usize = 64;

/// One thing that happened.
#[derive(Debug, Clone)]
pub enum News {
    /// A record of a run was made or changed, at this moment.
    Run(Arc<Run>, DateTime<Utc>),
    /// The journal has a new entry.
    Entry(Arc<Entry>),
}

impl News {
    /// When it happened.
    pub(in crate::store) fn at(&self) -> DateTime<Utc> {
        match self {
            Self::Run(_, at) => *at,
            Self::Entry(entry) => entry.at,
        }
    }

    /// Which allocation it is about; none where it is the server.
    #[must_use]
    pub fn allocation(&self) -> Option<&AllocationName> {
        match self {
            Self::Run(run, _) => Some(&run.id.allocation),
            Self::Entry(entry) => entry.allocation.as_ref(),
        }
    }

    /// The state of the run that it is about, in a word.
    fn state(&self) -> Option<StateWord> {
        match self {
            Self::Run(run, _) => Some(run.word()),
            Self::Entry(_) => None,
        }
    }

    fn kind(&self) -> EventKind {
        match self {
            Self::Run(..) => EventKind::Run,
            Self::Entry(entry) if entry.allocation.is_some() => EventKind::Allocation,
            Self::Entry(_) => EventKind::Server,
        }
    }

    /// How much memory it takes, in bytes.
    fn weight(&self) -> usize {
        match self {
            Self::Run(run, _) => run.weight(),
            Self::Entry(entry) => size_of::<Entry>() + entry.by.as_ref().map_or(0, String::len),
        }
    }

    /// The same without the bytes of outputs, which must not live longer than their records.
    fn without_outputs(self) -> Self {
        match self {
            Self::Run(mut run, at)
                if run.attempts.iter().any(|attempt| attempt.output.is_some()) =>
            {
                for attempt in &mut Arc::make_mut(&mut run).attempts {
                    let sized = attempt.output.as_ref().map(|output| output.to_sized());
                    attempt.output = sized.map(Arc::new);
                }
                Self::Run(run, at)
            }
            news => news,
        }
    }
}

/// The labels of an allocation.
pub(in crate::store) type Labels = BTreeMap<String, String>;

/// One thing that happened, with its number.
#[derive(Debug)]
pub struct Event {
    number: u64,
    kind: EventKind,
    state: Option<StateWord>,
    allocation: Option<AllocationName>,
    /// The labels that its allocation had before and has since, where it has any.
    labels: Vec<Labels>,
    weight: usize,
    content: Mutex<Content>,
}

#[derive(Debug)]
enum Content {
    News(News),
    Bytes(Bytes),
}

impl Event {
    pub(super) fn new(number: u64, news: News, labels: Vec<Labels>) -> Self {
        let (kind, state, allocation) = (news.kind(), news.state(), news.allocation().cloned());
        let news = news.without_outputs();
        let weight = news.weight();
        let content = Mutex::new(Content::News(news));
        Self { number, kind, state, allocation, labels, weight, content }
    }

    /// Its number: one more than that of the event before.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// How much memory it takes, in bytes.
    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    /// What it is about.
    #[must_use]
    pub fn kind(&self) -> EventKind {
        self.kind
    }

    /// The state that the run it is about has since, in a word; none where it is about no run.
    #[must_use]
    pub fn state(&self) -> Option<&StateWord> {
        self.state.as_ref()
    }

    /// Which allocation it is about; none where it is the server.
    #[must_use]
    pub fn allocation(&self) -> Option<&AllocationName> {
        self.allocation.as_ref()
    }

    /// True where the labels that its allocation had before, or those it has since, are so.
    #[must_use]
    pub fn has_labels(&self, are_so: impl Fn(&Labels) -> bool) -> bool {
        self.labels.iter().any(are_so)
    }

    /// What happened, in bytes: as `write` made them for the first who asked.
    #[must_use]
    pub fn bytes(&self, write: impl FnOnce(&News) -> Bytes) -> Bytes {
        let content = &mut *self.content.lock();
        match content {
            Content::Bytes(bytes) => bytes.clone(),
            Content::News(news) => {
                let bytes = write(news);
                *content = Content::Bytes(bytes.clone());
                bytes
            }
        }
    }
}

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

    /// Publishes what happened; `labels` says what labels an allocation had and has.
    pub(super) fn publish(&self, news: Vec<News>, labels: impl Fn(&AllocationName) -> Vec<Labels>) {
        if news.is_empty() {
            return;
        }
        let mut ring = self.ring.lock();
        ring.add(news, labels);
        let (newest, is_heard) = (ring.newest(), ring.readers > 0);
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
        let count = |after: u64| newest.checked_sub(after).filter(|_| after >= self.start);
        let missed = missed.map(|after| Missed { count: count(after) });
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
pub struct Missed {
    /// How many events that is; none where this server did not give the number.
    pub count: Option<u64>,
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
                self.last = event.number;
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
