//! One log line about the instants that an outage kept from starting, once they are on record.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, Utc};
use docket_model::{
    AllocationName,
    journal::{Cause, shown},
    missed_instants::Missed,
};
use parking_lot::Mutex;
use tokio::time::sleep;
use tracing::warn;

use super::store_access::{StoreAccess, WRITE_AGAIN};
use crate::term_tasks::Term;

/// How long no further missed instant may be recorded before the line is logged: a decision whose write
/// failed is repeated within that time.
const QUIET: Duration = WRITE_AGAIN.saturating_mul(2);
/// How many allocations the line names.
const MOST_NAMED: usize = 5;

/// Counts the missed instants of outages until they are logged. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct MissedSummary {
    outages: Arc<Mutex<BTreeMap<Interruption, OfOutage>>>,
    store: Arc<StoreAccess>,
    term: Term,
}

/// What kept instants from starting: the cause, and the engine that was away.
type Interruption = (Cause, Option<Arc<str>>);

/// The missed instants of one outage.
#[derive(Debug)]
struct OfOutage {
    first: DateTime<Utc>,
    last: DateTime<Utc>,
    instants: u64,
    allocations: BTreeSet<AllocationName>,
}

impl MissedSummary {
    pub(super) fn new(store: Arc<StoreAccess>, term: Term) -> Self {
        Self { outages: Arc::default(), store, term }
    }

    /// Counts instants that are on record as missed because of an outage. The sum is logged when the
    /// outage is over and no more follow.
    pub(super) fn add(&self, name: &AllocationName, missed: &Missed, by: Interruption) {
        let Missed { first, last, count, .. } = *missed;
        let mut outages = self.outages.lock();
        if !outages.contains_key(&by) {
            self.term.spawn(self.clone().log_when_quiet(by.clone()));
        }
        let none = OfOutage { first, last, instants: 0, allocations: BTreeSet::new() };
        let counted = outages.entry(by).or_insert(none);
        counted.first = counted.first.min(first);
        counted.last = counted.last.max(last);
        counted.instants += count;
        counted.allocations.insert(name.clone());
    }

    async fn log_when_quiet(self, by: Interruption) {
        let mut counted = 0;
        // It is logged at once when the term ends.
        while self.term.unless_ended(sleep(QUIET)).await.is_ok() {
            let before = counted;
            counted = self.outages.lock().get(&by).map_or(0, |missed| missed.instants);
            // During an outage of the store some writes may succeed. Other outages are over before
            // anything is decided.
            let is_over = by.0 != Cause::StoreUnwritable || self.store.trouble().is_none();
            if is_over && counted == before {
                break;
            }
        }
        let missed = self.outages.lock().remove(&by);
        if let Some(missed) = missed {
            missed.log(&by);
        }
    }
}

impl OfOutage {
    fn log(&self, (cause, engine): &Interruption) {
        let Self { first, last, instants, allocations } = self;
        let named: Vec<_> =
            allocations.iter().take(MOST_NAMED).map(AllocationName::as_str).collect();
        let more = if allocations.len() > MOST_NAMED { ", …" } else { "" };
        warn!(
            // It is about many allocations, so it is in no span of one.
            parent: None,
            instants,
            allocations = allocations.len(),
            first = shown(*first),
            last = shown(*last),
            names = format!("{}{more}", named.join(", ")),
            "instants were missed because {}; `docket runs NAME --state missed` lists them",
            cause.clause_of(engine.as_deref()),
        );
    }
}
