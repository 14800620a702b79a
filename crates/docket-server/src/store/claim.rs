//! Claims: the durable write that creates the record of a run, and with it the right to start it.

use std::{ops::Bound, sync::Arc};

use async_trait::async_trait;
use docket_model::{
    AllocationName, Run,
    missed_instants::Suspensions,
    run::{Instant, RunState},
};

use super::{
    ClaimOutcome, StoreError,
    backend::Order,
    catalogue::Entry,
    change_feed::News,
    observer::Milestone,
    rules,
    transaction::{Runs, Transaction},
    write_commands::Command,
};

/// Creates the record of a decision.
pub(super) struct Claim(pub(super) Arc<Run>);

#[async_trait]
impl Command for Claim {
    type Output = ClaimOutcome;

    async fn apply(&self, transaction: &mut Transaction) -> Result<ClaimOutcome, StoreError> {
        claim(transaction, &self.0).await
    }
}

/// Creates the record of a decision, if its instant is later than all decided before.
pub(super) async fn claim(
    transaction: &mut Transaction,
    run: &Arc<Run>,
) -> Result<ClaimOutcome, StoreError> {
    // The commit depends on it: a pause by another writer meanwhile is a conflict.
    let pause = transaction.pause();
    let Some((_, entry)) = transaction.entry_of(run) else {
        return Ok(ClaimOutcome::Changed);
    };
    let (name, instant, latest) = (&run.id.allocation, run.id.instant, run.latest());
    if let Some(decided) = entry.status().decided.filter(|decided| *decided >= instant.moment()) {
        return Ok(ClaimOutcome::Decided(Instant::new(decided)));
    }
    let suspensions =
        Suspensions { allocation: entry.status().suspension.as_deref(), server: pause.as_deref() };
    if rules::is_suspended(run, suspensions) {
        return Ok(ClaimOutcome::Changed);
    }
    match first_within(transaction, &entry, instant, latest).await? {
        // Only missed instants span others; their maker splits the span around this record.
        Some(other) if other > instant => return Ok(ClaimOutcome::Beside(other)),
        // A manual run has taken the instant before its time.
        Some(_) => {
            transaction.decided(name, instant.moment());
            return Ok(ClaimOutcome::Decided(instant));
        }
        None => {}
    }
    let folded = folded(transaction, &entry, run).await?;
    transaction.decided(name, latest.moment());
    match folded {
        Some(folded) => {
            // Not `add_run`: the record is there already and must not be counted twice.
            transaction.put_run(&folded);
            transaction.report(Milestone::end(&run.state), &folded);
            let before = entry.status().decided.or(Some(instant.moment()));
            transaction.notify(&folded, before, run.decided_at)?;
            transaction.publish(News::Run(folded, run.decided_at));
        }
        None => transaction.add_run(run)?,
    }
    Ok(ClaimOutcome::New)
}

/// The first record of two instants and those between them. Usually none is so new, and none is read.
async fn first_within(
    transaction: &mut Transaction,
    entry: &Entry,
    first: Instant,
    last: Instant,
) -> Result<Option<Instant>, StoreError> {
    let status = entry.status();
    if status.records == 0 || status.newest.is_some_and(|newest| newest.instant < first) {
        return Ok(None);
    }
    let (from, to) = (Bound::Included(first), Bound::Included(last));
    let range = Runs { from, to, order: Order::Ascending, limit: 1 };
    let runs = transaction.runs(entry.allocation.name(), range).await?;
    Ok(runs.first().map(|run| run.id.instant))
}

/// The newest record, lengthened by this one, if both are of missed instants for the same reason.
async fn folded(
    transaction: &mut Transaction,
    entry: &Entry,
    run: &Run,
) -> Result<Option<Arc<Run>>, StoreError> {
    let is_missed = matches!(run.state, RunState::Missed { .. });
    let Some(newest) = entry.status().newest.filter(|newest| is_missed && newest.is_missed) else {
        return Ok(None);
    };
    let newest = transaction.run(entry.allocation.name(), newest.instant).await?;
    Ok(newest.and_then(|newest| {
        let state = rules::folded(&newest, run)?;
        Some(Arc::new(Run { state, ..Run::clone(&newest) }))
    }))
}

/// The record of missed instants that spans this one.
pub(super) async fn span(
    transaction: &mut Transaction,
    name: &AllocationName,
    instant: Instant,
) -> Result<Option<Arc<Run>>, StoreError> {
    /// How many records are read at once.
    // Few of the instants of a span are backfilled, so one page is usually enough.
    const PAGE: usize = 64;
    let mut to = Bound::Included(instant);
    loop {
        let page = transaction.runs(name, Runs::newest(to, PAGE)).await?;
        // Backfilled instants within the span have records of their own, in front of it.
        let is_missed = |run: &&Arc<Run>| matches!(run.state, RunState::Missed { .. });
        if let Some(missed) = page.iter().find(is_missed) {
            return Ok(Some(Arc::clone(missed)).filter(|span| span.latest() >= instant));
        }
        match page.last() {
            Some(last) if page.len() == PAGE => to = Bound::Excluded(last.id.instant),
            _ => return Ok(None),
        }
    }
}
