//! Which records are deleted because an allocation has more than it keeps.

use std::{collections::BTreeSet, ops::Bound};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use docket_model::{AllocationName, Run, allocation::Keep, run::Instant};

use super::{
    StoreError,
    backend::{Order, Scan},
    transaction::Transaction,
    write_commands::Command,
};
use crate::mutation_testing::{self, Mutation};

/// Deletes the oldest records of allocations that have too many: failures outlive successes.
pub(super) struct Prune(pub(super) Vec<AllocationName>);

#[async_trait]
impl Command for Prune {
    type Output = ();

    fn is_repeatable(&self) -> bool {
        true
    }

    async fn apply(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        let held: Vec<_> =
            self.0.iter().filter_map(|name| transaction.entry(name.as_str())).collect();
        let scans = held.iter().map(|(_, entry)| Scan {
            allocation: entry.allocation.name().clone(),
            from: Bound::Unbounded,
            to: Bound::Unbounded,
            order: Order::Descending,
            // The newest always stay, so they are not even read.
            skip: entry.allocation.specification.policies.keep.runs,
            limit: usize::MAX,
        });
        // As committed, which is all there is: the writer gives this command its own transaction.
        let older = transaction.scan(scans.collect()).await?;
        for ((_, entry), older) in held.iter().zip(older) {
            let keep = entry.allocation.specification.policies.keep;
            let ages = older.iter().map(|run| Age::of(run));
            for age in surplus(ages, keep, entry.settled()) {
                forget(transaction, entry.allocation.name(), age.instant, age.latest);
            }
        }
        Ok(())
    }
}

/// Deletes a record, and remembers up to which instant records are not kept any more.
pub(super) fn forget(
    transaction: &mut Transaction,
    name: &AllocationName,
    instant: Instant,
    latest: Instant,
) {
    transaction.remove_run(name, instant);
    if let Some((_, entry)) = transaction.entry_mut(name.as_str()) {
        let status = entry.status_mut();
        status.pruned = status.pruned.max(Some(latest));
        if mutation_testing::is_active(Mutation::DecidedLostWhenPruned) {
            status.decided = None;
        }
    }
}

/// True where a schedule may still decide about the instant of a record: schedules name whole
/// seconds.
pub(super) fn is_undecided(instant: Instant, settled: Option<DateTime<Utc>>) -> bool {
    let moment = instant.moment();
    settled.is_some_and(|settled| moment > settled) && moment.timestamp_subsec_millis() == 0
}

/// What pruning needs to know of a record.
#[derive(Debug, Clone, Copy)]
struct Age {
    instant: Instant,
    /// The latest instant that it accounts for.
    latest: Instant,
    is_over: bool,
    is_failure: bool,
}

impl Age {
    fn of(run: &Run) -> Self {
        Self {
            instant: run.id.instant,
            latest: run.latest(),
            is_over: run.state.is_over(),
            is_failure: run.state.is_failure(),
        }
    }
}

/// Which of the records, newest first and without the newest [`Keep::runs`], are forgotten.
///
/// What was made up for out of missed instants stays as long as the record of these: without its own
/// it would pass for one of them, and could be made up for again.
fn surplus(
    older: impl IntoIterator<Item = Age>,
    keep: Keep,
    settled: Option<DateTime<Utc>>,
) -> Vec<Age> {
    let mut failures = 0;
    let judged = older.into_iter().map(|age| {
        failures += usize::from(age.is_failure);
        let is_too_many = !age.is_failure || failures > keep.failures;
        (age, age.is_over && is_too_many && !is_undecided(age.instant, settled))
    });
    let newest_first: Vec<_> = judged.collect();
    // Up to which instant the records that stay, of those so far, account for.
    let mut covered = None;
    let mut surplus = Vec::new();
    // The oldest first: a record of missed instants covers only later ones.
    for (age, is_surplus) in newest_first.into_iter().rev() {
        if is_surplus && covered < Some(age.instant) {
            surplus.push(age);
        } else {
            covered = covered.max(Some(age.latest));
        }
    }
    surplus
}

/// The allocations whose records are pruned next, a few at a time so that what arrives meanwhile does
/// not wait long.
pub(super) fn take_some(overfull: &mut BTreeSet<AllocationName>) -> Vec<AllocationName> {
    /// How many allocations are pruned at once.
    const MOST: usize = 500;
    std::iter::from_fn(|| overfull.pop_first()).take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The seconds of the first instants of what is forgotten.
    fn forgotten(newest_first: impl IntoIterator<Item = Age>, failures: usize) -> Vec<i64> {
        let settled = DateTime::from_timestamp(10, 0);
        let surplus = surplus(newest_first, Keep { runs: 0, failures, output: 0 }, settled);
        surplus.iter().map(|age| age.instant.moment().timestamp()).collect()
    }

    fn age(first: i64, last: i64, is_over: bool, is_failure: bool) -> Age {
        let instant = |second| Instant::new(DateTime::from_timestamp(second, 0).unwrap());
        Age { instant: instant(first), latest: instant(last), is_over, is_failure }
    }

    #[test]
    fn failures_outlive_successes_within_their_bound() {
        let newest_first = [
            age(5, 5, true, true),
            age(4, 4, false, false),
            age(3, 3, true, false),
            age(2, 2, true, true),
        ];

        assert_eq!(forgotten(newest_first, 1), [2, 3]);
    }

    #[test]
    fn what_was_made_up_for_stays_as_long_as_the_record_of_those_that_were_missed() {
        let newest_first =
            || [age(6, 6, true, false), age(4, 4, true, false), age(2, 5, true, true)];

        assert_eq!(forgotten(newest_first(), 1), [6]);
        assert_eq!(forgotten(newest_first(), 0), [2, 4, 6]);
    }

    #[test]
    fn what_was_made_up_for_before_its_time_stays_until_it_is_decided() {
        assert_eq!(forgotten([age(11, 11, true, false), age(10, 10, true, false)], 0), [10]);
    }
}
