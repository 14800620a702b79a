//! Times during which nothing could start, so that what was missed can be explained.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use docket_model::journal::{Cause, Outage, Pause};
use parking_lot::Mutex;

use crate::store::StoreError;

/// How many pauses are remembered.
const MOST: usize = 64;

/// The newest pauses.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    over: Mutex<VecDeque<Pause>>,
    store: Mutex<Option<StoreTrouble>>,
}

/// The store cannot be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoreTrouble {
    /// Since when.
    pub(crate) since: DateTime<Utc>,
    /// Why, in words.
    pub(crate) reason: String,
}

impl Pauses {
    pub(super) fn add(&self, pause: Pause) {
        let mut pauses = self.over.lock();
        if pauses.len() == MOST {
            pauses.pop_front();
        }
        pauses.push_back(pause);
    }

    /// All that are remembered.
    pub(super) fn all(&self) -> Vec<Pause> {
        self.over.lock().iter().copied().collect()
    }

    /// Takes note of what came of writing to the store; the pause that is over with it.
    pub(super) fn heed<T>(
        &self,
        written: &Result<T, StoreError>,
        now: DateTime<Utc>,
    ) -> Option<Pause> {
        let mut trouble = self.store.lock();
        match written {
            Err(StoreError::Unwritable(reason)) => {
                trouble.get_or_insert_with(|| StoreTrouble { since: now, reason: reason.clone() });
                None
            }
            // What is refused or cannot be read tells nothing about that.
            Err(_) => None,
            Ok(_) => {
                let StoreTrouble { since, .. } = trouble.take()?;
                Some(Pause { cause: Cause::StoreUnwritable, from: since, to: now })
            }
        }
    }

    /// Why the store cannot be written now, if that is so.
    pub(super) fn store_trouble(&self) -> Option<StoreTrouble> {
        self.store.lock().clone()
    }

    /// All outages that are remembered, with the one of the store that is not over.
    pub(super) fn outages(&self) -> Vec<Outage> {
        let trouble = self.store_trouble().map(|StoreTrouble { since, .. }| Outage {
            cause: Cause::StoreUnwritable,
            from: since,
            to: None,
        });
        self.all().into_iter().map(Outage::from).chain(trouble).collect()
    }
}
