//! The runs of all allocations in one order, merged from those of each. Nothing is stored for it.
//!
//! 1. The catalogue has the newest run of each allocation, so only allocations whose turn has come are
//!    read: the first runs of a list cost one read for each of the allocations that they belong to.
//! 2. A list that continues after a place also reads each allocation that ran later, once.
//! 3. At most [`HELD`] runs are in memory besides those that are not over, which are there in any case; and
//!    16 bytes for each allocation.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, VecDeque},
    ops::Bound,
    sync::Arc,
};

use chrono::TimeDelta;
use docket_model::{
    Run, Specification,
    run::{Instant, StateWord},
};

use super::{
    Store, StoreError,
    backend::{Order, Scan, ScannedRun},
    catalogue::{Catalogue, Entry},
};

/// How many runs are kept that were read before their turn.
const HELD: usize = 2048;
/// How many allocations are read at once.
const BATCH: usize = 32;
/// How many runs of an allocation are read at once, where few allocations are listed.
const CHUNK: usize = 64;

/// The place of a run in the list: later instants come first; of those at one instant, the run of the
/// allocation that was created first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunPlace {
    /// The instant of the run.
    pub instant: Instant,
    /// The place of its allocation in the order of creation.
    pub position: Reverse<u64>,
}

/// Which runs of all allocations to list.
pub struct AllRunsFilter<'a> {
    /// Only runs that come later in the list.
    pub after: Option<RunPlace>,
    /// Only runs of this instant, and of later ones.
    pub since: Option<Instant>,
    /// Only runs in these states, if any is named.
    pub states: &'a [StateWord],
    /// Only runs of these allocations.
    pub is_listed: &'a (dyn Fn(&Specification) -> bool + Sync),
}

/// The runs of all allocations, one after another, the newest first.
pub struct AllRuns<'a> {
    store: &'a Store,
    since: Option<Instant>,
    /// For each allocation the place of its next run, or one that the next run cannot precede.
    places: BinaryHeap<RunPlace>,
    /// Runs that were read, by the position of their allocation.
    chunks: HashMap<u64, Chunk>,
    /// How many runs the chunks have.
    held: usize,
}

/// The next runs of an allocation, the newest first; never empty.
struct Chunk {
    runs: VecDeque<Arc<Run>>,
    /// True if there are no others.
    is_last: bool,
}

impl Store {
    /// The runs of all allocations, the newest first.
    ///
    /// If only states of runs that are not over are named, all of them come from memory. Otherwise runs in
    /// other states are among those that are returned: whoever asks decides how many to look at.
    pub async fn all_runs(&self, filter: &AllRunsFilter<'_>) -> AllRuns<'_> {
        // Steps that were noted without waiting may still be queued, and belong to the answer.
        self.settled().await;
        let mut all = AllRuns {
            store: self,
            since: filter.since,
            places: BinaryHeap::new(),
            chunks: HashMap::new(),
            held: 0,
        };
        let catalogue = self.catalogue.read();
        if filter.states.is_empty() || !filter.states.iter().all(StateWord::is_under_way) {
            all.places = catalogue.places(filter).collect();
            return all;
        }
        for (position, entry) in catalogue.listed(filter) {
            all.add_under_way(position, entry, filter);
        }
        all
    }
}

impl Catalogue {
    fn listed<'a>(&'a self, filter: &AllRunsFilter<'_>) -> impl Iterator<Item = (u64, &'a Entry)> {
        let all = self.entries.iter().map(|(position, entry)| (*position, entry));
        all.filter(move |(_, entry)| (filter.is_listed)(&entry.allocation.specification))
    }

    /// A place for each allocation that its first run in the list does not precede.
    fn places(&self, filter: &AllRunsFilter<'_>) -> impl Iterator<Item = RunPlace> {
        self.listed(filter).filter_map(move |(position, entry)| {
            let newest = entry.status().newest?.instant;
            let first = match filter.after {
                Some(after) => newest.min(after.latest_of(position)?),
                None => newest,
            };
            let is_listed = filter.since.is_none_or(|since| first >= since);
            is_listed.then_some(RunPlace { instant: first, position: Reverse(position) })
        })
    }
}

impl RunPlace {
    /// The latest instant that a run of an allocation may have to come after this place.
    fn latest_of(self, position: u64) -> Option<Instant> {
        let has_same_instant = position > self.position.0;
        if has_same_instant { Some(self.instant) } else { before(self.instant) }
    }
}

/// The last moment before an instant that can be an instant.
fn before(instant: Instant) -> Option<Instant> {
    // A cursor may name the first moment of the calendar.
    let moment = instant.moment().checked_sub_signed(TimeDelta::milliseconds(1));
    moment.map(Instant::new)
}

impl AllRuns<'_> {
    /// The next run and its place; `None` at the end.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] if the store cannot be read.
    pub async fn next(&mut self) -> Result<Option<(RunPlace, Arc<Run>)>, StoreError> {
        while let Some(place) = self.places.pop() {
            match self.take(place.position) {
                Some(run) => return Ok(Some((place, run))),
                None => self.read(place).await?,
            }
        }
        Ok(None)
    }

    /// Adds the runs of an allocation that are not over, and match.
    fn add_under_way(&mut self, position: u64, entry: &Entry, filter: &AllRunsFilter<'_>) {
        let latest = filter.after.map(|after| after.latest_of(position));
        let is_listed = |run: &Arc<Run>| {
            let instant = run.id.instant;
            filter.states.contains(&run.word())
                && latest.is_none_or(|latest| latest.is_some_and(|latest| instant <= latest))
                && filter.since.is_none_or(|since| instant >= since)
        };
        let runs = entry.under_way().map(|under_way| Arc::clone(&under_way.run));
        let mut runs: VecDeque<_> = runs.filter(is_listed).collect();
        runs.make_contiguous().reverse();
        self.add(Reverse(position), Chunk { runs, is_last: true });
    }

    /// Keeps the next runs of an allocation.
    fn add(&mut self, position: Reverse<u64>, chunk: Chunk) {
        let Some(first) = chunk.runs.front() else { return };
        self.places.push(RunPlace { instant: first.id.instant, position });
        self.held += chunk.runs.len();
        self.chunks.insert(position.0, chunk);
    }

    /// The next run of an allocation, if it was read.
    fn take(&mut self, position: Reverse<u64>) -> Option<Arc<Run>> {
        let chunk = self.chunks.get_mut(&position.0)?;
        let run = chunk.runs.pop_front()?;
        self.held -= 1;
        let next = match chunk.runs.front() {
            Some(next) => Some(next.id.instant),
            None if chunk.is_last => None,
            None => before(run.id.instant),
        };
        if chunk.runs.is_empty() {
            self.chunks.remove(&position.0);
        }
        let next = next.filter(|next| self.since.is_none_or(|since| *next >= since));
        self.places.extend(next.map(|instant| RunPlace { instant, position }));
        Some(run)
    }

    /// Reads the next runs of the allocation whose turn it is, and of those that may follow it.
    async fn read(&mut self, first: RunPlace) -> Result<(), StoreError> {
        let limit = (HELD / (self.places.len() + 1)).clamp(1, CHUNK);
        let mut places = vec![first];
        while places.len() < BATCH
            && let Some(place) = self.places.peek()
            && !self.chunks.contains_key(&place.position.0)
        {
            places.extend(self.places.pop());
        }
        let (places, scans): (Vec<_>, Vec<_>) = {
            let catalogue = self.store.catalogue.read();
            // Whatever was deleted meanwhile has no runs.
            let scan = |place| Some((place, self.scan(&catalogue, place, limit)?));
            places.into_iter().filter_map(scan).unzip()
        };
        let found = self.store.backend.scan(scans).await?;
        for (place, runs) in places.into_iter().zip(found) {
            self.keep(place, runs, limit, place == first);
        }
        Ok(())
    }

    fn scan(&self, catalogue: &Catalogue, place: RunPlace, limit: usize) -> Option<Scan> {
        let entry = catalogue.entries.get(&place.position.0)?;
        Some(Scan {
            allocation: entry.allocation.name().clone(),
            from: self.since.map_or(Bound::Unbounded, Bound::Included),
            to: Bound::Included(place.instant),
            order: Order::Descending,
            skip: 0,
            limit,
        })
    }

    /// Keeps what was read of an allocation, or only its place if too much is held.
    fn keep(&mut self, place: RunPlace, runs: Vec<ScannedRun>, limit: usize, is_first: bool) {
        let is_last = runs.len() < limit;
        let mut runs: VecDeque<_> = runs.into_iter().map(|(_, run)| run).collect();
        let Some(next) = runs.front().map(|run| run.id.instant) else { return };
        if self.held + runs.len() <= HELD {
            return self.add(place.position, Chunk { runs, is_last });
        }
        if is_first && next == place.instant {
            // No other can precede it, so it is taken at once.
            runs.truncate(1);
            return self.add(place.position, Chunk { runs, is_last: false });
        }
        // It is read again when it is its turn; its place is known then.
        self.places.push(RunPlace { instant: next, ..place });
    }
}
