//! What one command, or several that are written together, change of a catalogue. Nobody sees it
//! before the catalogue accepts it; a draft that is dropped changes nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use docket_model::{
    Allocation, AllocationName, Origin, Run, Specification, chain,
    journal::{Event, Suspension},
    run::Instant,
    undecided::Suspensions,
};

use super::{
    Condition, Control, Effect, Push, ServerControl, StoreError, ZoneChange,
    catalogue::{Catalogue, Entry},
    rules,
};
use crate::observer::News;

/// A catalogue with changes that are not accepted yet.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    base: &'a Catalogue,
    staged: Staged,
}

/// The changes alone.
#[derive(Debug)]
pub(super) struct Staged {
    /// Allocations that changed; nothing for those that go.
    pub(super) entries: BTreeMap<u64, Option<Entry>>,
    pub(super) positions: HashMap<AllocationName, Option<u64>>,
    pub(super) children: HashMap<AllocationName, BTreeSet<AllocationName>>,
    /// The positions that readers are told about, and their names.
    pub(super) changed: HashMap<u64, AllocationName>,
    /// What those who follow events are told, in its order.
    pub(super) news: Vec<News>,
    pub(super) counter: u64,
    pub(super) pause: Option<Arc<Suspension>>,
}

/// What storing one specification did.
#[derive(Debug)]
pub(super) struct Put {
    pub(super) effect: Effect,
    pub(super) position: u64,
    /// The allocation as it was before.
    pub(super) before: Option<Arc<Allocation>>,
}

impl<'a> Draft<'a> {
    pub(super) fn of(base: &'a Catalogue) -> Self {
        let staged = Staged {
            entries: BTreeMap::new(),
            positions: HashMap::new(),
            children: HashMap::new(),
            changed: HashMap::new(),
            news: Vec::new(),
            counter: base.counter,
            pause: base.pause.clone(),
        };
        Self { base, staged }
    }

    pub(super) fn into_staged(self) -> Staged {
        self.staged
    }

    /// The greatest number given so far.
    pub(super) fn counter(&self) -> u64 {
        self.staged.counter
    }

    /// What keeps an allocation from starting.
    pub(super) fn suspensions<'b>(&'b self, entry: &'b Entry) -> Suspensions<'b> {
        Suspensions {
            allocation: entry.suspension.as_deref(),
            server: self.staged.pause.as_deref(),
        }
    }

    /// The newest pause of the whole server.
    pub(super) fn pause(&self) -> Option<Arc<Suspension>> {
        self.staged.pause.clone()
    }

    /// Pauses or unpauses the whole server; what to note about it, unless it is so already.
    pub(super) fn control_server(
        &mut self,
        control: &ServerControl,
        at: DateTime<Utc>,
    ) -> Option<Event> {
        let (pause, event) = rules::controlled(self.staged.pause.as_deref(), control, at)?;
        self.staged.pause = Some(Arc::new(pause));
        Some(event)
    }

    pub(super) fn entry(&self, name: &str) -> Option<(u64, &Entry)> {
        let position = self.position(name)?;
        Some((position, self.at(position)?))
    }

    pub(super) fn entry_mut(&mut self, name: &str) -> Option<(u64, &mut Entry)> {
        let position = self.position(name)?;
        Some((position, self.at_mut(position)?))
    }

    /// The entry that a run is of, if it is still as it was when the run was decided about.
    pub(super) fn entry_of(&mut self, run: &Run) -> Option<(u64, &mut Entry)> {
        self.entry_mut(run.id.allocation.as_str()).filter(|(_, entry)| {
            entry.allocation.uid == run.uid && entry.allocation.revision == run.revision
        })
    }

    /// Takes up what the record of a run says now, and has it told.
    pub(super) fn follow(&mut self, run: &Arc<Run>, at: DateTime<Utc>) {
        self.follow_in_silence(run);
        self.tell(News::Run(Arc::clone(run), at));
    }

    /// Takes up what the record of a run says now.
    pub(super) fn follow_in_silence(&mut self, run: &Arc<Run>) {
        if let Some((_, entry)) = self.entry_mut(run.id.allocation.as_str()) {
            entry.follow(run);
        }
    }

    /// Has something told once all this is accepted.
    pub(super) fn tell(&mut self, news: News) {
        self.staged.news.push(news);
    }

    /// The names of its origin that a complete push does not have.
    pub(super) fn left_out(&self, push: &Push) -> Vec<AllocationName> {
        if !push.complete {
            return Vec::new();
        }
        let wanted: HashSet<_> = push.specifications.iter().map(|pushed| &pushed.name).collect();
        let staged = self.staged.entries.values().flatten();
        let base = self.base.entries.iter();
        let base = base.filter(|(position, _)| !self.staged.entries.contains_key(position));
        base.map(|(_, entry)| entry)
            .chain(staged)
            .map(|entry| &entry.allocation)
            .filter(|held| {
                rules::is_same_owner(&held.origin, &push.origin) && !wanted.contains(held.name())
            })
            .map(|held| held.name().clone())
            .collect()
    }

    /// Refuses a push that cannot be taken as a whole.
    pub(super) fn check(&self, push: &Push, left_out: &[AllocationName]) -> Result<(), StoreError> {
        for specification in &push.specifications {
            let held = self.entry(specification.name.as_str()).map(|(_, entry)| &*entry.allocation);
            push.only_if.check(&specification.name, held)?;
            if let Some(held) = held {
                rules::check_owner(held, &push.origin)?;
            }
        }
        let gone: HashSet<_> = left_out.iter().collect();
        let stored = |name: &AllocationName| {
            let (_, entry) = self.entry(name.as_str()).filter(|_| !gone.contains(name))?;
            Some(entry.allocation.specification.parents().to_vec())
        };
        let pushed: Vec<_> = push.specifications.iter().collect();
        let unfit = chain::unfit(&pushed, &stored);
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
        let children = self.children(name).into_iter().flatten();
        let children: Vec<_> = children.filter(|child| !does_not_count(child)).cloned().collect();
        if children.is_empty() {
            return Ok(());
        }
        Err(StoreError::HasChildren { name: name.clone(), children })
    }

    /// Creates or updates an allocation; one that is the same already stays as it is.
    ///
    /// `remembered` tells up to which instant it was decided about a name that was deleted lately.
    pub(super) fn put(
        &mut self,
        specification: Specification,
        push: &Push,
        remembered: Option<DateTime<Utc>>,
    ) -> Put {
        let name = specification.name.clone();
        let held = self.entry(name.as_str());
        let held = held.map(|(position, entry)| (position, Arc::clone(&entry.allocation)));
        let Some((position, before)) = held else {
            let position = self.count();
            let created = rules::created(specification, &push.origin, position, push.at);
            self.link(&created);
            // What was done under the name is not on record any more.
            let pruned = remembered.map(Instant::new);
            let entry = Entry { decided: remembered, pruned, ..Entry::new(Arc::new(created)) };
            self.staged.entries.insert(position, Some(entry));
            self.staged.positions.insert(name.clone(), Some(position));
            self.staged.changed.insert(position, name);
            return Put { effect: Effect::Created, position, before: None };
        };
        if before.specification == specification && before.origin == push.origin {
            return Put { effect: Effect::Unchanged, position, before: Some(before) };
        }
        let revision = self.count();
        let updated = rules::updated(&before, specification, &push.origin, revision, push.at);
        self.unlink(&before);
        self.link(&updated);
        if let Some(entry) = self.at_mut(position) {
            entry.allocation = Arc::new(updated);
        }
        self.staged.changed.insert(position, name);
        Put { effect: Effect::Updated, position, before: Some(before) }
    }

    /// Does something to an allocation by hand; `None` where there is none. A reset needs to know the
    /// latest instant up to now for which a run succeeded.
    pub(super) fn control(
        &mut self,
        name: &str,
        control: Control,
        at: DateTime<Utc>,
        succeeded: Option<Instant>,
    ) -> Option<(u64, &Entry)> {
        let (position, entry) = self.entry_mut(name)?;
        match control {
            Control::Suspend(suspension) => entry.suspension = Some(Arc::new(suspension)),
            Control::Resume { is_of_all } => {
                let held = entry.suspension.as_ref().filter(|held| held.holds_at(at));
                if let Some(resumed) = held.and_then(|held| held.resumed(is_of_all, at)) {
                    entry.suspension = Some(Arc::new(resumed));
                }
            }
            Control::Reset => {
                entry.decided = entry.decided.map(|decided| decided.min(at));
                entry.succeeded = succeeded;
                let allocation = Arc::make_mut(&mut entry.allocation);
                allocation.scheduled_at = allocation.scheduled_at.min(at);
                allocation.created_at = allocation.created_at.min(at);
            }
        }
        let name = entry.allocation.name().clone();
        self.staged.changed.insert(position, name);
        self.at(position).map(|entry| (position, entry))
    }

    /// Takes an allocation out that this origin may delete and no other runs after; `None` where
    /// there is none.
    pub(super) fn delete(
        &mut self,
        name: &str,
        origin: &Origin,
        only_if: &Condition,
    ) -> Result<Option<(u64, Entry)>, StoreError> {
        let Some((_, entry)) = self.entry(name) else { return Ok(None) };
        only_if.check(entry.allocation.name(), Some(&entry.allocation))?;
        rules::check_deletion(&entry.allocation, origin)?;
        let name = entry.allocation.name().clone();
        self.check_childless(&name, |_| false)?;
        Ok(self.remove(&name))
    }

    /// All names, in the order of their creation.
    pub(super) fn names(&self) -> Vec<AllocationName> {
        let base = self.base.entries.iter().map(|(position, entry)| (*position, Some(entry)));
        let staged = self.staged.entries.iter();
        let staged = staged.map(|(position, entry)| (*position, entry.as_ref()));
        let all: BTreeMap<_, _> = base.chain(staged).collect();
        all.into_values().flatten().map(|entry| entry.allocation.name().clone()).collect()
    }

    /// Has readers told of an allocation, of which more is decided than they can know.
    pub(super) fn announce(&mut self, name: &AllocationName) {
        if let Some(position) = self.position(name.as_str()) {
            self.staged.changed.insert(position, name.clone());
        }
    }

    /// Makes nothing of the past due of an allocation with another wall clock; `None` for others.
    pub(super) fn close(
        &mut self,
        name: &AllocationName,
        change: &ZoneChange,
    ) -> Option<(u64, DateTime<Utc>)> {
        let (_, entry) = self.entry(name.as_str())?;
        if !change.affects(&entry.allocation) {
            return None;
        }
        let (position, entry) = self.entry_mut(name.as_str())?;
        let decided = entry.decided.map_or(change.at, |decided| decided.max(change.at));
        entry.decided = Some(decided);
        self.announce(name);
        Some((position, decided))
    }

    /// Takes an allocation out.
    pub(super) fn remove(&mut self, name: &AllocationName) -> Option<(u64, Entry)> {
        let (position, entry) = self.entry(name.as_str())?;
        let entry = entry.clone();
        self.unlink(&entry.allocation);
        self.staged.entries.insert(position, None);
        self.staged.positions.insert(name.clone(), None);
        self.staged.changed.insert(position, name.clone());
        Some((position, entry))
    }

    fn count(&mut self) -> u64 {
        self.staged.counter += 1;
        self.staged.counter
    }

    fn position(&self, name: &str) -> Option<u64> {
        let staged = self.staged.positions.get(name);
        staged.copied().unwrap_or_else(|| self.base.positions.get(name).copied())
    }

    fn at(&self, position: u64) -> Option<&Entry> {
        match self.staged.entries.get(&position) {
            Some(staged) => staged.as_ref(),
            None => self.base.entries.get(&position),
        }
    }

    fn at_mut(&mut self, position: u64) -> Option<&mut Entry> {
        let base = self.base;
        let staged = self.staged.entries.entry(position);
        staged.or_insert_with(|| base.entries.get(&position).cloned()).as_mut()
    }

    fn children(&self, parent: &AllocationName) -> Option<&BTreeSet<AllocationName>> {
        self.staged.children.get(parent).or_else(|| self.base.children.get(parent))
    }

    fn children_mut(&mut self, parent: &AllocationName) -> &mut BTreeSet<AllocationName> {
        let base = self.base;
        let staged = self.staged.children.entry(parent.clone());
        staged.or_insert_with(|| base.children.get(parent).cloned().unwrap_or_default())
    }

    fn link(&mut self, child: &Allocation) {
        for parent in child.specification.parents() {
            self.children_mut(parent).insert(child.name().clone());
        }
    }

    fn unlink(&mut self, child: &Allocation) {
        for parent in child.specification.parents() {
            self.children_mut(parent).remove(child.name());
        }
    }
}
