//! What the memory store holds. Locking and answering are not done here.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::{Arc, Weak},
};

use chrono::{DateTime, Utc};
use docket_model::{
    Allocation, AllocationName, Origin, Run, RunId, Specification,
    journal::Suspension,
    log,
    run::{Instant, RunState},
};

use super::super::{
    Change, Changes, Effect, Push, REMEMBERED, Recorded, Snapshot, Standing, Steering, StoreError,
    history::{History, Resized},
    rules,
};

/// How many of the newest runs a snapshot has: as many as can fill `Logs`, with a step each.
const RECENT: usize = log::MAX_ENTRIES;

/// Below this many deleted names none is forgotten, so that looking for them costs little in all.
const LEAST_SWEEP: usize = 1024;

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) entries: BTreeMap<u64, Entry>,
    pub(super) positions: HashMap<AllocationName, u64>,
    /// Who runs after whom.
    pub(super) children: HashMap<AllocationName, BTreeSet<AllocationName>>,
    /// Names that were deleted, with the latest instant decided and the time of deletion.
    deleted: HashMap<AllocationName, (DateTime<Utc>, DateTime<Utc>)>,
    /// At which number of them those that need not be remembered any more are looked for.
    sweep_deleted_at: usize,
    /// Where each record is, the oldest first.
    ages: BTreeMap<u64, (u64, Instant)>,
    pub(super) bytes: usize,
    /// Counts changes, positions and ages: each number is given once.
    counter: u64,
    pub(super) readers: Vec<Weak<Changes>>,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) allocation: Arc<Allocation>,
    /// Absent until the first run, because most allocations of many have none yet.
    pub(super) history: Option<Box<History>>,
    suspension: Option<Arc<Suspension>>,
}

impl Entry {
    pub(super) fn standing(&self, position: u64) -> Standing {
        let history = self.history.as_deref();
        Standing {
            allocation: Arc::clone(&self.allocation),
            position,
            decided: history.and_then(|history| history.decided),
            pruned: history.and_then(|history| history.pruned),
            succeeded: history.and_then(|history| history.succeeded),
            suspension: self.suspension.clone(),
            running: history.map_or(0, History::running),
        }
    }

    pub(super) fn snapshot(&self, position: u64) -> Snapshot {
        let history = self.history.as_deref();
        let recent = history.map(|history| history.newest_before(None).take(RECENT).cloned());
        let recent = recent.into_iter().flatten().collect();
        Snapshot { standing: self.standing(position), recent }
    }

    pub(super) fn change(&self) -> Change {
        Change::Stored {
            allocation: Arc::clone(&self.allocation),
            decided: self.history.as_deref().and_then(|history| history.decided),
            suspension: self.suspension.clone(),
        }
    }

    fn steer(&mut self, steering: Steering, at: DateTime<Utc>) {
        match steering {
            Steering::Suspend(suspension) => self.suspension = Some(Arc::new(suspension)),
            Steering::Resume => {
                if let Some(held) = self.suspension.as_mut().filter(|held| held.holds_at(at)) {
                    Arc::make_mut(held).until = Some(at);
                }
            }
            Steering::Reset => {
                if let Some(history) = self.history.as_deref_mut() {
                    history.decided = history.decided.map(|decided| decided.min(at));
                }
            }
        }
    }
}

impl State {
    pub(super) fn count(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    pub(super) fn entry(&self, name: &str) -> Option<(u64, &Entry)> {
        let position = *self.positions.get(name)?;
        Some((position, self.entries.get(&position)?))
    }

    pub(super) fn history(&self, name: &str) -> Option<&History> {
        self.entry(name)?.1.history.as_deref()
    }

    /// Refuses a push that cannot be taken as a whole.
    pub(super) fn check(&self, push: &Push, left_out: &[AllocationName]) -> Result<(), StoreError> {
        for specification in &push.specifications {
            if let Some((_, entry)) = self.entry(specification.name.as_str()) {
                rules::check_owner(&entry.allocation, &push.origin)?;
            }
        }
        let gone: HashSet<_> = left_out.iter().collect();
        let stored = |name: &AllocationName| {
            let (_, entry) = self.entry(name.as_str()).filter(|_| !gone.contains(name))?;
            Some(entry.allocation.specification.parents().to_vec())
        };
        let unfit = rules::unfit(&push.specifications, &stored);
        if !unfit.is_empty() {
            return Err(StoreError::Unfit(unfit));
        }
        let pushed: HashSet<_> = push.specifications.iter().map(|pushed| &pushed.name).collect();
        left_out.iter().try_for_each(|name| {
            self.check_childless(name, |child| gone.contains(child) || pushed.contains(child))
        })
    }

    /// Refuses to let a name go that others run after, but for those that do not count.
    pub(super) fn check_childless(
        &self,
        name: &AllocationName,
        does_not_count: impl Fn(&AllocationName) -> bool,
    ) -> Result<(), StoreError> {
        let children = self.children.get(name).into_iter().flatten();
        let children: Vec<_> = children.filter(|child| !does_not_count(child)).cloned().collect();
        if children.is_empty() {
            return Ok(());
        }
        Err(StoreError::HasChildren { name: name.clone(), children })
    }

    pub(super) fn put(
        &mut self,
        specification: Specification,
        origin: &Origin,
        at: DateTime<Utc>,
    ) -> Put {
        let revision = self.count();
        let name = specification.name.clone();
        let position = self.positions.get(name.as_str()).copied();
        let Some(entry) = position.and_then(|position| self.entries.get_mut(&position)) else {
            let history = self
                .deleted
                .remove(name.as_str())
                .map(|(decided, _)| Box::new(History::decided_up_to(decided)));
            let allocation = Arc::new(rules::created(specification, origin, revision, at));
            self.link(&allocation);
            self.positions.insert(name, revision);
            self.entries.insert(revision, Entry { allocation, history, suspension: None });
            return Put { effect: Effect::Created, keys: Vec::new() };
        };
        if entry.allocation.specification == specification {
            return Put { effect: Effect::Unchanged, keys: Vec::new() };
        }
        let allocation = Arc::new(rules::updated(&entry.allocation, specification, revision, at));
        let before = std::mem::replace(&mut entry.allocation, Arc::clone(&allocation));
        self.unlink(&before);
        self.link(&allocation);
        let keys = before.specification.differences(&allocation.specification);
        Put { effect: Effect::Updated, keys }
    }

    fn link(&mut self, child: &Allocation) {
        for parent in child.specification.parents() {
            self.children.entry(parent.clone()).or_default().insert(child.name().clone());
        }
    }

    fn unlink(&mut self, child: &Allocation) {
        for parent in child.specification.parents() {
            let Some(children) = self.children.get_mut(parent) else { continue };
            children.remove(child.name());
            if children.is_empty() {
                self.children.remove(parent);
            }
        }
    }

    /// Does something to an allocation by hand; `None` where there is none.
    pub(super) fn steer(
        &mut self,
        name: &str,
        steering: Steering,
        at: DateTime<Utc>,
    ) -> Option<(u64, Change)> {
        let position = *self.positions.get(name)?;
        let entry = self.entries.get_mut(&position)?;
        entry.steer(steering, at);
        Some((position, entry.change()))
    }

    pub(super) fn remove(&mut self, name: &str, at: DateTime<Utc>) -> Option<(u64, Change)> {
        let (name, position) = self.positions.remove_entry(name)?;
        let Entry { allocation, history, .. } = self.entries.remove(&position)?;
        self.unlink(&allocation);
        let history = history.unwrap_or_default();
        if let Some(decided) = history.decided {
            if self.deleted.len() >= self.sweep_deleted_at {
                self.deleted.retain(|_, (_, deleted_at)| at - *deleted_at < REMEMBERED);
                self.sweep_deleted_at = (2 * self.deleted.len()).max(LEAST_SWEEP);
            }
            self.deleted.insert(name.clone(), (decided, at));
        }
        for (age, weight) in history.into_ages() {
            self.ages.remove(&age);
            self.bytes = self.bytes.saturating_sub(weight);
        }
        Some((position, Change::Deleted { name }))
    }

    /// The names of an origin that a complete push does not have.
    pub(super) fn left_out(&self, push: &Push) -> Vec<AllocationName> {
        if !push.complete {
            return Vec::new();
        }
        let wanted: HashSet<_> =
            push.specifications.iter().map(|specification| &specification.name).collect();
        let entries = self.entries.values().map(|entry| &entry.allocation);
        entries
            .filter(|held| held.origin == push.origin && !wanted.contains(held.name()))
            .map(|held| held.name().clone())
            .collect()
    }

    pub(super) fn publish(&mut self, changes: &[(u64, Change)]) {
        self.readers.retain(|reader| {
            let reader = reader.upgrade();
            reader.inspect(|reader| reader.add(changes.iter().cloned())).is_some()
        });
    }

    pub(super) fn resized(&mut self, resized: &Resized) {
        self.bytes = self.bytes.saturating_add_signed(resized.grown);
        for age in &resized.gone {
            self.ages.remove(age);
        }
    }

    /// Forgets the oldest records, over all allocations, until the rest fits.
    pub(super) fn shrink_to(&mut self, most_bytes: usize) {
        let mut under_way = Vec::new();
        while self.bytes > most_bytes {
            let Some((age, (position, instant))) = self.ages.pop_first() else { break };
            let entry = self.entries.get_mut(&position);
            let history = entry.and_then(|entry| entry.history.as_deref_mut());
            match history.map(|history| (history.forget(instant), history.get(instant).is_some())) {
                Some((Some(weight), _)) => self.bytes = self.bytes.saturating_sub(weight),
                Some((None, true)) => under_way.push((age, (position, instant))),
                _ => {}
            }
        }
        self.ages.extend(under_way);
    }

    pub(super) fn change_run(&mut self, id: &RunId, change: impl FnOnce(&mut Run)) {
        let position = self.positions.get(id.allocation.as_str());
        let entry = position.and_then(|position| self.entries.get_mut(position));
        let grown =
            entry.and_then(|entry| entry.history.as_deref_mut()?.change(id.instant, change));
        self.bytes = self.bytes.saturating_add_signed(grown.unwrap_or_default());
    }

    /// Makes the record of a decision, if the instant is later than all decided before.
    pub(super) fn decide(&mut self, run: Run) -> Recorded {
        let age = self.count();
        let Some((position, entry)) = self.entry_of(&run) else { return Recorded::Changed };
        let (instant, latest) = (run.id.instant, run.latest().moment());
        let history = entry.history.get_or_insert_default();
        let decided_before = history.decided.is_some_and(|decided| decided >= instant.moment());
        if decided_before || history.get(instant).is_some() {
            return Recorded::Decided;
        }
        history.decided = Some(latest);
        if !history.fold(&run) {
            let resized = history.insert(run, age, entry.allocation.specification.policies.keep);
            self.ages.insert(age, (position, instant));
            self.resized(&resized);
        }
        Recorded::New
    }

    /// Makes the record of a run by hand.
    pub(super) fn demand(&mut self, mut run: Run, following: Option<Instant>) -> Recorded {
        let instant = run.id.instant;
        let ages = [self.count(), self.count()];
        let Some((position, entry)) = self.entry_of(&run) else { return Recorded::Changed };
        let keep = entry.allocation.specification.policies.keep;
        let history = entry.history.get_or_insert_default();
        let mut resized = Vec::new();
        let mut added = vec![(ages[0], instant)];
        match history.get(instant) {
            Some(held) if !held.state.is_over() || held.had_container() => {
                return Recorded::Taken(Arc::clone(held));
            }
            Some(held) if !matches!(held.state, RunState::Missed { .. }) => {
                rules::take_up(&mut run, held);
                resized.push(history.take(instant));
            }
            None if history.span(instant).is_none()
                && history.pruned.is_some_and(|pruned| instant <= pruned) =>
            {
                return Recorded::Pruned(history.pruned.unwrap_or(instant));
            }
            _ => {
                if let Some(span) = history.span(instant).cloned() {
                    resized.push(history.take(span.id.instant));
                    if let Some(rest) = rules::without(&span, instant, following) {
                        added.push((ages[1], rest.id.instant));
                        resized.push(history.insert(rest, ages[1], keep));
                    }
                }
            }
        }
        resized.push(history.insert(run, ages[0], keep));
        self.ages.extend(added.into_iter().map(|(age, instant)| (age, (position, instant))));
        resized.iter().for_each(|resized| self.resized(resized));
        Recorded::New
    }

    /// The entry that a run is of, if it is still as it was when the run was decided about.
    fn entry_of(&mut self, run: &Run) -> Option<(u64, &mut Entry)> {
        let position = *self.positions.get(run.id.allocation.as_str())?;
        let entry = self.entries.get_mut(&position)?;
        let allocation = &entry.allocation;
        let is_same = allocation.uid == run.uid && allocation.revision == run.revision;
        is_same.then_some((position, entry))
    }
}

/// What storing one specification did.
#[derive(Debug)]
pub(super) struct Put {
    pub(super) effect: Effect,
    /// The keys whose values changed.
    pub(super) keys: Vec<&'static str>,
}
