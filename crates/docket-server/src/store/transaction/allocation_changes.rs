//! What a push or a deletion changes of allocations.

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use docket_model::{
    Allocation, AllocationName, Specification,
    allocation::UnknownUrl,
    check_dependencies::{self, DependencyError},
    missed_instants::Suspensions,
    run::Instant,
};

use super::{
    super::{
        Effect, Push, StoreError,
        catalogue::Entry,
        rules::{self, Put},
        staged_changes::meta,
    },
    Transaction,
};

impl Transaction {
    /// What keeps an allocation from starting.
    pub(in crate::store) fn suspensions<'a>(&'a self, entry: &'a Entry) -> Suspensions<'a> {
        Suspensions {
            allocation: entry.status().suspension.as_deref(),
            server: self.staged.pause.as_deref(),
        }
    }

    /// The names of its origin that a complete push does not have.
    pub(in crate::store) fn left_out(&self, push: &Push) -> Vec<AllocationName> {
        if !push.complete {
            return Vec::new();
        }
        let pushed: HashSet<_> = push.specifications.iter().map(|pushed| &pushed.name).collect();
        let names = self.names().into_iter().filter(|name| !pushed.contains(name));
        let is_of_origin = |name: &AllocationName| {
            let held = self.entry(name.as_str());
            held.is_some_and(|(_, it)| rules::is_same_owner(&it.allocation.origin, &push.origin))
        };
        names.filter(is_of_origin).collect()
    }

    /// Refuses a push that cannot be taken as a whole.
    pub(in crate::store) fn check(
        &self,
        push: &Push,
        left_out: &[AllocationName],
    ) -> Result<(), StoreError> {
        for specification in &push.specifications {
            let held = self.entry(specification.name.as_str()).map(|(_, entry)| entry.allocation);
            push.only_if.check(&specification.name, held.as_deref())?;
            if let Some(held) = held {
                rules::check_owner(&held, &push.origin)?;
            }
        }
        let gone: HashSet<_> = left_out.iter().collect();
        let stored = |name: &AllocationName| {
            let (_, entry) = self.entry(name.as_str()).filter(|_| !gone.contains(name))?;
            Some(entry.allocation.specification.parents().to_vec())
        };
        let pushed: Vec<_> = push.specifications.iter().collect();
        let mut unfit = check_dependencies::check(&pushed, &stored);
        unfit.extend(self.unknown_urls(push));
        if !unfit.is_empty() {
            return Err(StoreError::Unfit(unfit));
        }
        let pushed: HashSet<_> = push.specifications.iter().map(|pushed| &pushed.name).collect();
        left_out.iter().try_for_each(|name| {
            self.check_childless(name, |child| gone.contains(child) || pushed.contains(child))
        })
    }

    /// The masked URLs that stand for none that is stored.
    fn unknown_urls(&self, push: &Push) -> Vec<DependencyError> {
        let pushed = push.specifications.iter().enumerate();
        let errors = pushed.flat_map(|(index, wanted)| {
            let unknown = self.with_stored_urls(wanted).err().unwrap_or_default();
            unknown.into_iter().map(move |UnknownUrl { field, message }| DependencyError {
                index,
                name: wanted.name.clone(),
                field,
                message,
            })
        });
        errors.collect()
    }

    /// A specification with the URLs that are stored in place of its masked ones.
    pub(in crate::store) fn with_stored_urls<'s>(
        &self,
        wanted: &'s Specification,
    ) -> Result<Cow<'s, Specification>, Vec<UnknownUrl>> {
        let held = self.entry(wanted.name.as_str()).map(|(_, entry)| entry.allocation);
        wanted.with_stored_urls(held.as_ref().map(|held| &held.specification))
    }

    /// Refuses to delete a name that others run after, but for those that do not count.
    pub(in crate::store) fn check_childless(
        &self,
        name: &AllocationName,
        does_not_count: impl Fn(&AllocationName) -> bool,
    ) -> Result<(), StoreError> {
        let children = self.children(name).into_iter();
        let children: Vec<_> = children.filter(|child| !does_not_count(child)).collect();
        if children.is_empty() {
            return Ok(());
        }
        Err(StoreError::HasChildren { name: name.clone(), children })
    }

    /// Creates or updates an allocation; one that is the same already stays as it is.
    ///
    /// `remembered` is the instant up to which it was decided about a name that was deleted lately.
    pub(in crate::store) fn put(
        &mut self,
        specification: Specification,
        push: &Push,
        remembered: Option<DateTime<Utc>>,
    ) -> Put {
        let name = specification.name.clone();
        let Some((position, entry)) = self.entry(name.as_str()) else {
            // The same number serves as the first revision: each is given once.
            let position = self.count();
            let created = rules::created(specification, &push.origin, position, push.at);
            self.link(&created);
            // What was done under the name is not on record any more.
            let pruned = remembered.map(Instant::new);
            let mut entry = Entry::new(Arc::new(created), 0);
            if remembered.is_some() {
                let status = entry.status_mut();
                (status.decided, status.pruned) = (remembered, pruned);
            }
            self.staged.entries.insert(position, Some(entry));
            self.staged.positions.insert(name.clone(), Some(position));
            self.staged.changed.insert(position, name);
            return Put { effect: Effect::Created, before: None };
        };
        let before = entry.allocation;
        if before.specification == specification && before.origin == push.origin {
            return Put { effect: Effect::Unchanged, before: Some(before) };
        }
        let revision = self.count();
        let updated = rules::updated(&before, specification, &push.origin, revision, push.at);
        // In this order, so that a parent of both stays linked.
        self.unlink(&before);
        self.link(&updated);
        if let Some(entry) = self.at_mut(position) {
            entry.allocation = Arc::new(updated);
        }
        self.staged.changed.insert(position, name);
        Put { effect: Effect::Updated, before: Some(before) }
    }

    /// Deletes an allocation and its runs.
    pub(in crate::store) fn remove(&mut self, name: &AllocationName) -> Option<Entry> {
        let (position, entry) = self.entry(name.as_str())?;
        self.unlink(&entry.allocation);
        self.staged.entries.insert(position, None);
        self.staged.positions.insert(name.clone(), None);
        self.staged.changed.insert(position, name.clone());
        // Earlier commands of this transaction may have staged some of it.
        self.staged.runs.remove(name);
        self.staged.pieces.retain(|(key, _)| key.allocation != *name);
        self.staged.wiped.insert(name.clone());
        // A push by another writer, which may need this name, counts too.
        self.staged.depends_on.insert(meta::COUNTER);
        Some(entry)
    }

    fn count(&mut self) -> u64 {
        self.staged.counter += 1;
        self.staged.counter
    }

    fn children(&self, parent: &AllocationName) -> BTreeSet<AllocationName> {
        match self.staged.children.get(parent) {
            Some(staged) => staged.clone(),
            None => self.base.read().children.get(parent).cloned().unwrap_or_default(),
        }
    }

    fn children_mut(&mut self, parent: &AllocationName) -> &mut BTreeSet<AllocationName> {
        let base = &self.base;
        let staged = self.staged.children.entry(parent.clone());
        staged.or_insert_with(|| base.read().children.get(parent).cloned().unwrap_or_default())
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
