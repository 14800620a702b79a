//! All allocations and how they stand, in memory, for every store. Records of runs that are over,
//! and what is written where, are not known here.
//!
//! A catalogue changes only by [`accept`](Catalogue::accept): what a [`Draft`](super::draft::Draft)
//! holds comes in as a whole, and readers are told of it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Weak},
};

use chrono::{DateTime, Utc};
use docket_model::{
    Allocation, AllocationName, Run, finding,
    journal::Suspension,
    run::{Instant, RunState},
};
use parking_lot::Mutex;

use super::{AllocationStatus, Change, Changes, RunCounts, UnderWay, draft::Staged};
use crate::observer::{Events, Labels};

/// Among how many names the nearest is looked for: a wrong name must not cost a large store much.
const MOST_COMPARED: usize = 10_000;

/// One allocation and how it stands.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) allocation: Arc<Allocation>,
    /// The latest instant about which it was decided.
    pub(super) decided: Option<DateTime<Utc>>,
    /// The latest instant whose record was pruned.
    pub(super) pruned: Option<Instant>,
    /// The greatest instant for which a run succeeded.
    pub(super) succeeded: Option<Instant>,
    pub(super) suspension: Option<Arc<Suspension>>,
    /// How many records there are.
    pub(super) records: usize,
    /// How many of its runs are how far.
    pub(super) counts: RunCounts,
    /// Absent while there are none, because most allocations of many are idle.
    pub(super) under_way: Option<Arc<BTreeMap<Instant, UnderWay>>>,
}

impl Entry {
    /// An allocation without records.
    pub(super) fn new(allocation: Arc<Allocation>) -> Self {
        Self {
            allocation,
            decided: None,
            pruned: None,
            succeeded: None,
            suspension: None,
            records: 0,
            counts: RunCounts::default(),
            under_way: None,
        }
    }

    pub(super) fn status(&self, position: u64) -> AllocationStatus {
        AllocationStatus {
            allocation: Arc::clone(&self.allocation),
            position,
            decided: self.decided,
            pruned: self.pruned,
            succeeded: self.succeeded,
            suspension: self.suspension.clone(),
            runs: self.counts,
        }
    }

    /// Up to which instant all is decided, where more is to be decided at all: what somebody made up
    /// for beyond must keep its record, or it would be decided to run once more.
    pub(super) fn settled(&self) -> Option<DateTime<Utc>> {
        let specification = &self.allocation.specification;
        let has_schedule =
            specification.schedule().is_some_and(|schedule| !schedule.text().trim().is_empty());
        let runs_by_itself = has_schedule || !specification.parents().is_empty();
        runs_by_itself.then(|| self.decided.unwrap_or_default())
    }

    /// The runs that are not over, the earliest first.
    pub(super) fn under_way(&self) -> impl Iterator<Item = &UnderWay> {
        self.under_way.iter().flat_map(|runs| runs.values())
    }

    /// The run of an instant, while it is not over.
    pub(super) fn running(&self, instant: Instant) -> Option<&UnderWay> {
        self.under_way.as_ref()?.get(&instant)
    }

    /// Takes up what a record of a run says now: that it is under way, or how it ended.
    ///
    /// The allocation of a run is the one that it was claimed with.
    pub(super) fn follow(&mut self, run: &Arc<Run>) {
        let instant = run.id.instant;
        if run.state == RunState::Succeeded {
            self.succeeded = self.succeeded.max(Some(instant));
        }
        if let Some(before) = self.running(instant).map(|held| held.run.state.clone()) {
            self.counts.remove(&before);
        }
        self.counts.add(&run.state);
        if !run.state.is_over() {
            let claimed = self.running(instant).map_or(&self.allocation, |held| &held.allocation);
            let under_way = UnderWay { run: Arc::clone(run), allocation: Arc::clone(claimed) };
            Arc::make_mut(self.under_way.get_or_insert_default()).insert(instant, under_way);
        } else if self.running(instant).is_some()
            && let Some(runs) = self.under_way.as_mut()
        {
            Arc::make_mut(runs).remove(&instant);
            self.under_way.take_if(|runs| runs.is_empty());
        }
    }

    fn change(&self) -> Change {
        Change::Stored {
            allocation: Arc::clone(&self.allocation),
            decided: self.decided,
            suspension: self.suspension.clone(),
        }
    }
}

/// The allocations in the order of their creation.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    pub(super) entries: BTreeMap<u64, Entry>,
    pub(super) positions: HashMap<AllocationName, u64>,
    /// Who runs after whom.
    pub(super) children: HashMap<AllocationName, BTreeSet<AllocationName>>,
    /// The greatest position or revision so far: each number is given once.
    pub(super) counter: u64,
    /// The newest pause of the whole server.
    pub(super) pause: Option<Arc<Suspension>>,
    readers: Mutex<Vec<Weak<Changes>>>,
    pub(super) events: Arc<Events>,
}

impl Catalogue {
    /// What a store had when it was opened.
    pub(super) fn opened(entries: impl IntoIterator<Item = (u64, Entry)>, counter: u64) -> Self {
        let mut catalogue = Self { counter, ..Self::default() };
        for (position, entry) in entries {
            let name = entry.allocation.name();
            for parent in entry.allocation.specification.parents() {
                catalogue.children.entry(parent.clone()).or_default().insert(name.clone());
            }
            catalogue.positions.insert(name.clone(), position);
            catalogue.entries.insert(position, entry);
        }
        catalogue
    }

    pub(super) fn entry(&self, name: &str) -> Option<(u64, &Entry)> {
        let position = *self.positions.get(name)?;
        Some((position, self.entries.get(&position)?))
    }

    pub(super) fn status(&self, name: &str) -> Option<AllocationStatus> {
        self.entry(name).map(|(position, entry)| entry.status(position))
    }

    /// At most `limit` entries after a position.
    pub(super) fn page(
        &self,
        after: Option<u64>,
        limit: usize,
    ) -> impl Iterator<Item = (u64, &Entry)> {
        let first = after.map_or(0, |position| position.saturating_add(1));
        self.entries.range(first..).take(limit).map(|(position, entry)| (*position, entry))
    }

    pub(super) fn children(&self, name: &str) -> Vec<AllocationName> {
        self.children.get(name).into_iter().flatten().cloned().collect()
    }

    pub(super) fn nearest(&self, name: &str) -> Option<AllocationName> {
        let names = self.positions.keys().take(MOST_COMPARED).map(AllocationName::as_str);
        let near = finding::nearest(name, names)?;
        self.positions.get_key_value(near).map(|(name, _)| name.clone())
    }

    /// All runs that are not over, the earliest instant first.
    pub(super) fn under_way(&self) -> Vec<UnderWay> {
        let mut all: Vec<_> = self.entries.values().flat_map(Entry::under_way).cloned().collect();
        all.sort_by_key(|under_way| under_way.run.id.instant);
        all
    }

    /// All allocations, and from now on each change of one.
    pub(super) fn changes(&self) -> Arc<Changes> {
        let changes = Arc::new(Changes::default());
        changes.add(self.entries.iter().map(|(position, entry)| (*position, entry.change())));
        self.readers.lock().push(Arc::downgrade(&changes));
        changes
    }

    /// Takes in what a draft changed, which is durable by now, and tells the readers.
    pub(super) fn accept(&mut self, mut staged: Staged) {
        let news = std::mem::take(&mut staged.news);
        self.events.tell(news, |name| self.labels(&staged, name));
        let Staged { entries, positions, children, changed, counter, pause, .. } = staged;
        self.counter = counter;
        self.pause = pause;
        for (position, entry) in entries {
            match entry {
                Some(entry) => self.entries.insert(position, entry),
                None => self.entries.remove(&position),
            };
        }
        for (name, position) in positions {
            match position {
                Some(position) => self.positions.insert(name, position),
                None => self.positions.remove(&name),
            };
        }
        for (parent, children) in children {
            if children.is_empty() {
                self.children.remove(&parent);
            } else {
                self.children.insert(parent, children);
            }
        }
        self.tell(changed);
    }

    /// The labels of an allocation as they are, and as they will be; none where it has none.
    fn labels(&self, staged: &Staged, name: &AllocationName) -> Vec<Labels> {
        let now = self.entry(name.as_str()).map(|(_, entry)| &entry.allocation);
        let position = staged.positions.get(name).copied();
        let position = position.unwrap_or_else(|| self.positions.get(name).copied());
        let then = position.and_then(|position| staged.entries.get(&position)?.as_ref());
        let then = then.map(|entry| &entry.allocation);
        let then = then.filter(|then| now.is_none_or(|now| !Arc::ptr_eq(now, then)));
        let labels = now.into_iter().chain(then).map(|allocation| &allocation.specification.labels);
        labels.filter(|labels| !labels.is_empty()).cloned().collect()
    }

    fn tell(&mut self, changed: HashMap<u64, AllocationName>) {
        if changed.is_empty() {
            return;
        }
        let news: Vec<_> = changed
            .into_iter()
            .map(|(position, name)| match self.entries.get(&position) {
                Some(entry) => (position, entry.change()),
                None => (position, Change::Deleted { name }),
            })
            .collect();
        self.readers.get_mut().retain(|reader| {
            let reader = reader.upgrade();
            reader.inspect(|reader| reader.add(news.iter().cloned())).is_some()
        });
    }
}
