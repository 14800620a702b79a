//! The methods of the store that read: allocations from memory, records of runs that are over from the backend.

use std::{ops::Bound, sync::Arc};

use docket_model::{
    AllocationName, Run,
    journal::{Entry, Suspension},
    output::Excerpt,
    run::{AttemptKey, Instant},
};

use super::{
    AllocationStatus, EntryFilter, RunCounts, RunFilter, Snapshot, Store, StoreError, Subscription,
    UnderWay,
    backend::{Key, Order, Record, Scan},
    catalogue, read_output, rules,
};

/// How many of the newest runs are read first for a snapshot: usually these are enough.
const FIRST: usize = 32;

/// How many runs are read at once to find those in a state.
const PAGE: usize = 256;

/// The status of an allocation, and whose runs are to be read for its snapshot, if it has any.
type Sketch = (AllocationStatus, bool);

fn sketch((position, entry): (u64, &catalogue::Entry)) -> Sketch {
    (entry.allocation_status(position), entry.status().records > 0)
}

/// Reads of allocations.
impl Store {
    /// One allocation and its status.
    #[must_use]
    pub fn status(&self, name: &str) -> Option<AllocationStatus> {
        self.catalogue.read().status(name)
    }

    /// One allocation with its newest runs.
    pub async fn get(&self, name: &str) -> Result<Option<Snapshot>, StoreError> {
        // Copied, as no lock is held while the backend is read.
        let sketch = self.catalogue.read().entry(name).map(sketch);
        Ok(self.snapshots(sketch.into_iter().collect()).await?.pop())
    }

    /// At most `limit` allocations after a position, in the order of creation.
    pub async fn list(
        &self,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Snapshot>, StoreError> {
        let sketches = self.catalogue.read().page(after, limit).map(sketch).collect();
        self.snapshots(sketches).await
    }

    /// As [`Store::list`], without their runs, which costs far less.
    #[must_use]
    pub fn statuses(&self, after: Option<u64>, limit: usize) -> Vec<AllocationStatus> {
        let catalogue = self.catalogue.read();
        let page = catalogue.page(after, limit);
        page.map(|(position, entry)| entry.allocation_status(position)).collect()
    }

    /// How many allocations there are, and how many runs of all of them are not over.
    #[must_use]
    pub fn counts(&self) -> (usize, RunCounts) {
        let catalogue = self.catalogue.read();
        let mut runs = RunCounts::default();
        let under_way = catalogue.entries.values().flat_map(catalogue::Entry::under_way);
        under_way.for_each(|under_way| runs.add(&under_way.run.state));
        (catalogue.entries.len(), runs)
    }

    /// The allocations that run after this one.
    #[must_use]
    pub fn children(&self, name: &str) -> Vec<AllocationName> {
        self.catalogue.read().children(name)
    }

    /// The name nearest to one that there is not.
    #[must_use]
    pub fn nearest(&self, name: &str) -> Option<AllocationName> {
        self.catalogue.read().nearest(name)
    }

    /// The entries of the journal, the newest first.
    #[must_use]
    pub fn entries(&self, filter: &EntryFilter) -> Vec<Entry> {
        self.catalogue.read().journal(filter)
    }

    /// Adds the newest runs to the status of allocations.
    async fn snapshots(&self, sketches: Vec<Sketch>) -> Result<Vec<Snapshot>, StoreError> {
        let names = sketches.iter().filter(|(_, has_runs)| *has_runs);
        let names: Vec<_> = names.map(|(status, _)| status.allocation.name().clone()).collect();
        let mut recent = self.recent(names).await?.into_iter();
        let snapshot = |(status, has_runs): Sketch| {
            let recent = if has_runs { recent.next() } else { None };
            Snapshot { status, recent: recent.unwrap_or_default() }
        };
        Ok(sketches.into_iter().map(snapshot).collect())
    }

    /// The newest runs of allocations, as many as a snapshot has.
    async fn recent(&self, names: Vec<AllocationName>) -> Result<Vec<Vec<Arc<Run>>>, StoreError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        // Steps that were noted without waiting may still be queued, and belong to the answer.
        self.settled().await;
        let scan = |name: &AllocationName, limit| newest(name.clone(), Bound::Unbounded, limit);
        let scans = names.iter().map(|name| scan(name, FIRST)).collect();
        let mut all = Vec::new();
        for (name, runs) in names.iter().zip(self.backend.scan(scans).await?) {
            let (is_all, mut recent) = (runs.len() < FIRST, rules::recent(runs));
            // The first ones did not suffice: they have too few steps, or none is over.
            if !is_all && recent.len() == FIRST {
                let scans = vec![scan(name, rules::RECENT)];
                recent =
                    rules::recent(self.backend.scan(scans).await?.into_iter().flatten().collect());
            }
            all.push(recent);
        }
        Ok(all)
    }
}

/// The newest runs of an allocation up to an instant.
fn newest(allocation: AllocationName, to: Bound<Instant>, limit: usize) -> Scan {
    let (from, order, skip) = (Bound::Unbounded, Order::Descending, 0);
    Scan { allocation, from, to, order, skip, limit }
}

/// Reads of runs.
impl Store {
    /// The record of one run: its own, not one of missed instants that spans it. Outputs have their
    /// sizes; their bytes are read by [`Store::output`].
    pub async fn run(&self, name: &str, instant: Instant) -> Result<Option<Arc<Run>>, StoreError> {
        let Some(name) = self.name_with_runs(name) else { return Ok(None) };
        self.settled().await;
        Ok(match self.backend.read_one(Key::Run(name, instant)).await? {
            Some((_, Record::Run(run))) => Some(run),
            _ => None,
        })
    }

    /// What an attempt at a run wrote from a position on: one piece of it, which is small beside the
    /// whole. An empty one is the end; nothing where there is no such output.
    pub async fn output(
        &self,
        name: &str,
        instant: Instant,
        attempt: AttemptKey,
        from: u64,
    ) -> Result<Option<Excerpt>, StoreError> {
        let Some(run) = self.run(name, instant).await? else { return Ok(None) };
        let read = read_output::read(&*self.backend, &run, attempt, from).await?;
        let is_missing = read.as_ref().is_none_or(Excerpt::is_empty);
        if is_missing && read_output::is_to_come(&run, attempt, from) {
            // It was removed since the record was read; or it is damaged, if the record is as before.
            let now = self.run(name, instant).await?;
            if now.is_some_and(|now| read_output::is_to_come(&now, attempt, from)) {
                let message = format!("a part of the output of `{}` is missing", run.id);
                return Err(StoreError::Unreadable(message));
            }
            return Ok(None);
        }
        Ok(read)
    }

    /// The records of an allocation, the newest first.
    pub async fn runs(&self, name: &str, filter: &RunFilter) -> Result<Vec<Arc<Run>>, StoreError> {
        let Some(name) = self.name_with_runs(name) else { return Ok(Vec::new()) };
        self.settled().await;
        let mut to = filter.before.map_or(Bound::Unbounded, Bound::Excluded);
        // A filter may drop most of a page, so its pages are larger than the answer.
        let limit = if filter.states.is_empty() { filter.limit } else { PAGE };
        let mut found = Vec::new();
        loop {
            let scan = newest(name.clone(), to, limit);
            let page: Vec<_> = self.backend.scan(vec![scan]).await?.into_iter().flatten().collect();
            let (last, is_last) = (page.last().map(|(_, run)| run.id.instant), page.len() < limit);
            let matches =
                |run: &Arc<Run>| filter.states.is_empty() || filter.states.contains(&run.word());
            found.extend(page.into_iter().map(|(_, run)| run).filter(matches));
            match last {
                Some(last) if !is_last && found.len() < filter.limit => to = Bound::Excluded(last),
                _ => break,
            }
        }
        found.truncate(filter.limit);
        Ok(found)
    }

    /// All runs that are not over, the earliest instant first.
    pub async fn under_way(&self) -> Result<Vec<UnderWay>, StoreError> {
        self.settled().await;
        Ok(self.catalogue.read().under_way())
    }

    /// The name, if it has records of runs.
    fn name_with_runs(&self, name: &str) -> Option<AllocationName> {
        let catalogue = self.catalogue.read();
        let (_, entry) = catalogue.entry(name)?;
        // Without records there is no need to ask the backend.
        (entry.status().records > 0).then(|| entry.allocation.name().clone())
    }
}

/// What holds at present, and the change feed.
impl Store {
    /// The newest pause of the whole server, in force or over.
    #[must_use]
    pub fn pause(&self) -> Option<Arc<Suspension>> {
        self.catalogue.read().pause.clone()
    }

    /// What changes from now on, once it is durable, in the order of the commits.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        Subscription::new(Arc::clone(&self.catalogue))
    }
}
