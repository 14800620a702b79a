//! Records instants that are due and not decided as missed, where nothing can be decided about them
//! any more: a push changes the specification, the server has another zone, or it is not known what
//! became of them. What every store does alike; where records are kept is not known here.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use docket_model::{
    Allocation, AllocationName, Run, Zone,
    allocation::Due,
    journal::Outage,
    missed_instants::{self, Missed, Why},
    run::{Edit, Instant, RunState, Trigger},
};
use tracing::{debug, warn};

use super::{
    ChangedZone, ClaimOutcome, Push, Settlement, StoreError, ZoneChange, claim::claim, rules,
    staged_changes::meta, transaction::Transaction, write_commands::Command,
};

impl ZoneChange {
    /// Tells whether an allocation is due by another clock from now on.
    pub(super) fn affects(&self, allocation: &Allocation) -> bool {
        match &self.what {
            ChangedZone::OfServer { .. } => allocation.specification.depends_on_server_zone(),
            ChangedZone::Rules { zones, server, .. } => allocation.is_in_one_of(zones, *server),
        }
    }

    /// When nothing could be decided about instants that are due by the old clock.
    pub(super) fn outages(&self) -> &[Outage] {
        match &self.what {
            ChangedZone::OfServer { .. } => &[],
            ChangedZone::Rules { outages, .. } => outages,
        }
    }

    /// Why instants that are due by the old clock are missed.
    fn why(&self) -> Why {
        match &self.what {
            ChangedZone::OfServer { reason, .. } => Why::Given(reason.clone()),
            ChangedZone::Rules { .. } => Why::Edited(Edit::ZoneData),
        }
    }

    /// The zone, so far, of allocations that name none.
    fn server_zone(&self) -> Option<Zone> {
        match &self.what {
            ChangedZone::OfServer { old, .. } => *old,
            ChangedZone::Rules { server, .. } => Some(*server),
        }
    }
}

/// Instants of one allocation that are due and not decided.
pub(super) struct Undecided {
    allocation: Arc<Allocation>,
    zone: Zone,
    at: DateTime<Utc>,
    missed: Vec<Missed>,
}

/// What a push changes about what is due, for the names of which it changes that.
pub(super) fn of_push(transaction: &Transaction, push: &Push) -> Vec<Undecided> {
    let edits = push.specifications.iter().filter_map(|wanted| {
        let (_, entry) = transaction.entry(wanted.name.as_str())?;
        let what = missed_instants::edit(&entry.allocation.specification, wanted)?;
        of(transaction, &wanted.name, push.circumstances.zone, push.at, Why::Edited(what))
    });
    edits.collect()
}

/// What is due by the old clock, of the allocations that have another one from now on.
pub(super) fn of_zone(
    transaction: &Transaction,
    names: &[AllocationName],
    change: &ZoneChange,
) -> Vec<Undecided> {
    // In a zone that this docket does not know, nothing can be computed.
    let Some(zone) = change.server_zone() else { return Vec::new() };
    let is_affected = |name: &AllocationName| {
        let held = transaction.entry(name.as_str());
        held.is_some_and(|(_, entry)| change.affects(&entry.allocation))
    };
    let of = |name| of(transaction, name, zone, change.at, change.why());
    names.iter().filter(|name| is_affected(name)).filter_map(of).collect()
}

/// What is due of an allocation at a moment and not decided, if anything is.
pub(super) fn of(
    transaction: &Transaction,
    name: &AllocationName,
    zone: Zone,
    at: DateTime<Utc>,
    why: Why,
) -> Option<Undecided> {
    let (_, entry) = transaction.entry(name.as_str())?;
    let allocation = &entry.allocation;
    let suspensions = transaction.suspensions(&entry);
    let missed = match &allocation.specification.due {
        Due::Schedule(_) => {
            let decided = entry.status().decided.unwrap_or_default();
            missed_instants::all_missed(allocation, suspensions, zone, decided, at, why)
        }
        Due::After(parents) => {
            let succeeded =
                |parent: &AllocationName| transaction.entry(parent.as_str())?.1.status().succeeded;
            let succeeded: Vec<_> = parents.iter().map(succeeded).collect();
            let due =
                missed_instants::after_parents(allocation, entry.status().decided, &succeeded, at);
            let suspended = || missed_instants::suspended(allocation, suspensions, at);
            let missed = due.map(Instant::moment).map(|instant| {
                let why = suspended().map_or(why, Why::Suspended);
                Missed { first: instant, last: instant, count: 1, why }
            });
            missed.into_iter().collect()
        }
    };
    let allocation = Arc::clone(allocation);
    (!missed.is_empty()).then_some(Undecided { allocation, zone, at, missed })
}

/// Records instants that are due and not decided as missed.
pub(super) async fn record(
    transaction: &mut Transaction,
    undecided: &[Undecided],
    outages: &[Outage],
) -> Result<(), StoreError> {
    for undecided in undecided {
        undecided.record(transaction, outages).await?;
    }
    Ok(())
}

#[async_trait]
impl Command for Settlement {
    type Output = ();

    async fn apply(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        let Self { at, zone, reason } = self;
        let names = transaction.names();
        let of = |name| of(transaction, name, *zone, *at, Why::Given(reason.clone()));
        let undecided: Vec<_> = names.iter().filter_map(of).collect();
        record(transaction, &undecided, &[]).await?;
        for undecided in &undecided {
            transaction.announce(undecided.allocation.name());
        }
        Ok(())
    }
}

#[async_trait]
impl Command for ZoneChange {
    type Output = ();

    async fn apply(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        let names = transaction.names();
        let undecided = of_zone(transaction, &names, self);
        record(transaction, &undecided, self.outages()).await?;
        // Also where nothing was due: no past instant may become due by the new clock.
        for name in &names {
            close(transaction, name, self);
        }
        if let ChangedZone::OfServer { to, .. } = &self.what {
            transaction.staged.set(meta::TIME_ZONE, &to.name())?;
        }
        transaction.record([rules::zone_entry(self)]);
        Ok(())
    }
}

/// Makes nothing of the past due of an allocation that has another wall clock from now on.
fn close(transaction: &mut Transaction, name: &AllocationName, change: &ZoneChange) {
    let held = transaction.entry(name.as_str());
    let affected = held.filter(|(_, entry)| change.affects(&entry.allocation));
    let Some((_, entry)) = affected else { return };
    let decided = entry.status().decided.map_or(change.at, |decided| decided.max(change.at));
    transaction.decided(name, decided);
    transaction.announce(name);
}

/// Notes the zone of allocations that name none.
pub(super) struct NoteZone(pub(super) Zone);

#[async_trait]
impl Command for NoteZone {
    type Output = ();

    async fn apply(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        transaction.staged.set(meta::TIME_ZONE, &self.0.name())
    }
}

impl Undecided {
    /// Records them as missed, around the records there are.
    async fn record(
        &self,
        transaction: &mut Transaction,
        outages: &[Outage],
    ) -> Result<(), StoreError> {
        for missed in &self.missed {
            let mut left = Some(missed.clone());
            while let Some(missed) = left.take() {
                let (first, last) = (missed.first, missed.last);
                let run = Arc::new(self.run(outages, &missed));
                left = match claim(transaction, &run).await? {
                    ClaimOutcome::Beside(other) => {
                        // The span is half-open, and a nanosecond is less than the distance of any
                        // two instants.
                        let before = other.moment() - TimeDelta::nanoseconds(1);
                        let before =
                            self.within(first - TimeDelta::nanoseconds(1), before, &missed);
                        if let Some(before) = before {
                            // `other` is the first record of the span, so nothing is in the way.
                            claim(transaction, &Arc::new(self.run(outages, &before))).await?;
                        }
                        self.within(other.moment(), last, &missed)
                    }
                    // A part of the span was decided meanwhile; the rest still needs a record.
                    ClaimOutcome::Decided(up_to) => self.within(up_to.moment(), last, &missed),
                    _ => None,
                };
            }
        }
        Ok(())
    }

    /// Those of missed instants in `(from, to]`.
    fn within(&self, from: DateTime<Utc>, to: DateTime<Utc>, missed: &Missed) -> Option<Missed> {
        let why = missed.why.clone();
        missed_instants::missed_within(&self.allocation, self.zone, from, to, why)
    }

    fn run(&self, outages: &[Outage], missed: &Missed) -> Run {
        let placement = &self.allocation.specification.policies.placement;
        let outages = outages.iter().filter(|outage| outage.concerns(placement)).cloned();
        let outage = Outage::main(outages, missed.first, missed.last);
        let reason = missed.why.reason(outage.as_ref());
        let (first, last) = (Instant::new(missed.first), Instant::new(missed.last));
        let (name, count) = (self.allocation.name(), missed.count);
        if let Why::Given(_) = missed.why {
            // The log says once why this is so of all allocations, and a container may still mend it.
            debug!(allocation = %name, %first, %last, count, %reason, "instants missed");
        } else {
            warn!(allocation = %name, %first, %last, count, %reason, "instants missed");
        }
        let state = RunState::Missed { reason, last, count };
        Run::decided(&self.allocation, first, Trigger::Schedule, state, self.at)
    }
}
