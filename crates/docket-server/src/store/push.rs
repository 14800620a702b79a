//! Pushes and deletions of allocations.

use std::borrow::Cow;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use docket_model::{AllocationName, Origin, journal::Event};

use super::{
    ChangeContext, Effect, Push, StoreError,
    catalogue::{Deleted, Entry},
    record_missed, rules,
    transaction::Transaction,
    write_commands::Command,
};

/// Below this many deleted names none is forgotten, so that looking for them costs little in all.
const LEAST_SWEEP: usize = 1024;

#[async_trait]
impl Command for Push {
    type Output = Vec<Effect>;

    async fn apply(&self, transaction: &mut Transaction) -> Result<Vec<Effect>, StoreError> {
        let left_out = transaction.left_out(self);
        transaction.check(self, &left_out)?;
        // First of all: what is due depends on the specifications so far.
        let undecided = record_missed::of_push(transaction, self);
        record_missed::record(transaction, &undecided, &self.circumstances.outages).await?;
        let mut entries = Vec::new();
        for name in left_out {
            if let Some(entry) = transaction.remove(&name) {
                remember(transaction, &entry, self.at);
            }
            entries.push(rules::entry(name, Event::Deleted, self.at, &self.by));
        }
        let mut effects = Vec::with_capacity(self.specifications.len());
        for specification in &self.specifications {
            let name = &specification.name;
            let is_new = transaction.entry(name.as_str()).is_none();
            let remembered = if is_new { remembered(transaction, name, self.at) } else { None };
            // `check` has refused masks that stand for no stored URL.
            let with_urls = transaction.with_stored_urls(specification);
            let with_urls = with_urls.unwrap_or(Cow::Borrowed(specification)).into_owned();
            let put = transaction.put(with_urls, self, remembered);
            effects.push(put.effect);
            let now = transaction.entry(name.as_str());
            let event = now.and_then(|(_, entry)| rules::event(&put, &entry.allocation));
            entries.extend(event.map(|event| rules::entry(name.clone(), event, self.at, &self.by)));
        }
        transaction.record(entries);
        Ok(effects)
    }
}

/// Deletes a name that no other runs after; false where there is none.
pub(super) struct Delete {
    pub(super) name: String,
    pub(super) origin: Origin,
    pub(super) context: ChangeContext,
}

#[async_trait]
impl Command for Delete {
    type Output = bool;

    async fn apply(&self, transaction: &mut Transaction) -> Result<bool, StoreError> {
        let Some((_, entry)) = transaction.entry(&self.name) else { return Ok(false) };
        let ChangeContext { at, by, only_if } = &self.context;
        only_if.check(entry.allocation.name(), Some(&entry.allocation))?;
        rules::check_deletion(&entry.allocation, &self.origin)?;
        let name = entry.allocation.name().clone();
        transaction.check_childless(&name, |_| false)?;
        transaction.remove(&name);
        remember(transaction, &entry, *at);
        transaction.record([rules::entry(name, Event::Deleted, *at, by)]);
        Ok(true)
    }
}

/// Remembers up to when it was decided about a name that is deleted.
fn remember(transaction: &mut Transaction, entry: &Entry, at: DateTime<Utc>) {
    // Nothing was decided, so nothing could be repeated.
    let Some(decided) = entry.status().decided else { return };
    let expired = expired(transaction, at);
    transaction.staged.deleted.extend(expired.into_iter().map(|name| (name, None)));
    let name = entry.allocation.name().clone();
    transaction.staged.deleted.insert(name, Some(Deleted { decided, at }));
}

/// The names that need not be remembered any more, looked for once they may be many.
fn expired(transaction: &mut Transaction, at: DateTime<Utc>) -> Vec<AllocationName> {
    let base = transaction.base();
    let count = base.deleted.len();
    if count < transaction.staged.sweep_deleted_at.max(LEAST_SWEEP) {
        return Vec::new();
    }
    let is_expired = |deleted: &Deleted| at - deleted.at >= rules::REMEMBERED;
    let expired = base.deleted.iter().filter(|(_, deleted)| is_expired(deleted));
    let expired: Vec<_> = expired.map(|(name, _)| name.clone()).collect();
    drop(base);
    // Not before there are twice as many, so a deletion costs the same on average.
    transaction.staged.sweep_deleted_at = 2 * (count - expired.len());
    expired
}

/// The latest instant decided of a name that was deleted lately.
fn remembered(
    transaction: &Transaction,
    name: &AllocationName,
    at: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let staged = transaction.staged.deleted.get(name).copied();
    let deleted = staged.unwrap_or_else(|| transaction.base().deleted.get(name).copied())?;
    rules::remembered(deleted.decided, deleted.at, at)
}
