//! Times during which nothing could start, so that what was missed can be explained.

use std::{
    collections::VecDeque,
    sync::atomic::{AtomicUsize, Ordering},
};

use chrono::{DateTime, TimeDelta, Utc};
use docket_model::journal::{Cause, Entry, Outage, Pause};
use parking_lot::Mutex;

use crate::store::StoreError;

/// How many pauses are remembered.
// The journal has the older ones. They explain nothing that is decided now.
const MOST: usize = 64;

/// For how long no write may meet damage before the store counts as in order again: a damaged part
/// fails some writes only, and those are made again each second.
const QUIET: TimeDelta = TimeDelta::seconds(30);

/// The newest pauses.
#[derive(Debug, Default)]
pub(super) struct Outages {
    over: Mutex<VecDeque<Pause>>,
    /// Entries that could not be written to the journal, to be recorded when that is possible.
    unrecorded: Mutex<VecDeque<Entry>>,
    store: Mutex<Option<StoreTrouble>>,
    /// How many writes that failed are being repeated.
    repeated: AtomicUsize,
}

/// A write that failed and is being repeated, until this is dropped.
#[derive(Debug)]
pub(super) struct Repeating<'a>(&'a AtomicUsize);

impl Drop for Repeating<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The store cannot be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoreTrouble {
    /// Since when.
    pub(crate) since: DateTime<Utc>,
    /// Why, in words.
    pub(crate) reason: String,
    /// When a write last met damage in the file, if one did.
    damaged: Option<DateTime<Utc>>,
}

/// What the result of a write changes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum StoreNews {
    /// The store cannot be written from now on.
    Trouble(StoreTrouble),
    /// It can be written again.
    Over(Pause),
}

impl Outages {
    pub(super) fn add(&self, pause: Pause) {
        let mut pauses = self.over.lock();
        if pauses.len() == MOST {
            pauses.pop_front();
        }
        pauses.push_back(pause);
    }

    /// Takes a pause back that was not one.
    pub(super) fn forget(&self, pause: &Pause) {
        self.over.lock().retain(|remembered| remembered != pause);
    }

    /// All that are remembered.
    pub(super) fn all(&self) -> Vec<Pause> {
        self.over.lock().iter().cloned().collect()
    }

    /// Keeps an entry that is not in the journal yet.
    pub(super) fn keep_unrecorded(&self, entry: Entry) {
        let mut unrecorded = self.unrecorded.lock();
        // A store that stays broken must not fill the memory: the oldest entry is given up.
        if unrecorded.len() == MOST {
            unrecorded.pop_front();
        }
        unrecorded.push_back(entry);
    }

    /// Takes the entries that are not in the journal yet, to record them.
    pub(super) fn take_unrecorded(&self) -> VecDeque<Entry> {
        std::mem::take(&mut self.unrecorded.lock())
    }

    /// Counts a write among those that are being repeated. While there is one the store cannot be
    /// written, also if others succeed: on a full disk there may be room for a small record only.
    pub(super) fn repeating(&self) -> Repeating<'_> {
        self.repeated.fetch_add(1, Ordering::SeqCst);
        Repeating(&self.repeated)
    }

    /// Notes the result of a write to the store; returns what it changes, if anything.
    pub(super) fn record_result<T>(
        &self,
        written: &Result<T, StoreError>,
        now: DateTime<Utc>,
    ) -> Option<StoreNews> {
        let mut trouble = self.store.lock();
        let (reason, damaged) = match written {
            Err(StoreError::Unwritable(reason)) => (reason, None),
            Err(StoreError::Unreadable(reason)) => (reason, Some(now)),
            // What is refused tells nothing about that.
            Err(_) => return None,
            Ok(_) => {
                if self.repeated.load(Ordering::SeqCst) > 0 {
                    return None;
                }
                let is_over = |trouble: &mut StoreTrouble| {
                    // Without its sign, because the clock may have been set back since.
                    trouble.damaged.is_none_or(|damaged| (now - damaged).abs() >= QUIET)
                };
                let StoreTrouble { since, .. } = trouble.take_if(is_over)?;
                let cause = Cause::StoreUnwritable;
                return Some(StoreNews::Over(Pause::of(cause, since, now)));
            }
        };
        if let Some(trouble) = &mut *trouble {
            trouble.damaged = damaged.or(trouble.damaged);
            return None;
        }
        let begun = StoreTrouble { since: now, reason: reason.clone(), damaged };
        *trouble = Some(begun.clone());
        Some(StoreNews::Trouble(begun))
    }

    /// Why the store cannot be written now, if that is so.
    pub(super) fn store_trouble(&self) -> Option<StoreTrouble> {
        self.store.lock().clone()
    }

    /// All outages that are remembered, with the one of the store that is not over.
    pub(super) fn outages(&self) -> Vec<Outage> {
        let trouble = self
            .store_trouble()
            .map(|StoreTrouble { since, .. }| Outage::of(Cause::StoreUnwritable, since, None));
        self.all().into_iter().map(Outage::from).chain(trouble).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_can_be_written_again_once_no_write_is_repeated() {
        let at = |second: i64| DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap();
        let outages = Outages::default();
        let full = Err::<(), _>(StoreError::Unwritable("the disk is full".to_owned()));

        let repeated = outages.repeating();
        let begun = outages.record_result(&full, at(0));
        let smaller = outages.record_result(&Ok(()), at(1));
        drop(repeated);
        let over = outages.record_result(&Ok(()), at(2));

        assert!(matches!(begun, Some(StoreNews::Trouble(_))));
        assert_eq!(smaller, None);
        let pause = Pause::of(Cause::StoreUnwritable, at(0), at(2));
        assert_eq!(over, Some(StoreNews::Over(pause)));
    }

    #[test]
    fn a_damaged_part_is_trouble_until_no_write_met_it_for_a_while() {
        let at = |second: i64| DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap();
        let damage = || Err::<(), _>(StoreError::Unreadable("it is damaged".to_owned()));
        let pauses = Outages::default();

        let begun = pauses.record_result(&damage(), at(0));
        let others = pauses.record_result(&Ok(()), at(1));
        let again = pauses.record_result(&damage(), at(20));
        let soon = pauses.record_result(&Ok(()), at(49));
        let quiet = pauses.record_result(&Ok(()), at(50));

        assert!(matches!(begun, Some(StoreNews::Trouble(trouble)) if trouble.since == at(0)));
        assert_eq!([others, again, soon], [None, None, None]);
        let over = Pause::of(Cause::StoreUnwritable, at(0), at(50));
        assert_eq!(quiet, Some(StoreNews::Over(over)));
        assert_eq!(pauses.store_trouble(), None);
    }
}
