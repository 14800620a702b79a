//! Records instants that are due and not decided as missed, where nothing can be decided about them
//! any more: a push changes the specification, the server has another zone, or it is not known what
//! became of them. What every store does alike; where records are kept is not known here.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use docket_model::{
    Allocation, AllocationName, Run, Zone,
    allocation::Due,
    journal::Outage,
    run::{Instant, RunState, Trigger},
    undecided::{self, Missed, Why},
};
use tracing::{debug, warn};

use super::{Push, Recorded, draft::Draft, rules};

/// What decides about the instants that were due when something was changed.
#[derive(Debug, Clone)]
pub struct Circumstances {
    /// The zone of allocations that name none.
    pub zone: Zone,
    /// When nothing could be decided.
    pub outages: Vec<Outage>,
}

/// Makes all instants of all allocations that are due and not decided missed.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// Up to when; later instants stay due.
    pub at: DateTime<Utc>,
    /// The zone of allocations that name none.
    pub zone: Zone,
    /// Why they are missed, as a complete reason. Instants of a suspension keep theirs.
    pub reason: String,
}

/// Another zone for allocations that name none. No instant of the past starts in it.
#[derive(Debug, Clone)]
pub struct ZoneChange {
    /// The zone so far, by its name.
    pub from: String,
    /// The same, where there is such a zone. Instants that are due in it are recorded as missed.
    pub old: Option<Zone>,
    /// The zone from now on.
    pub to: Zone,
    /// When it is changed.
    pub at: DateTime<Utc>,
    /// Why instants that are due in the zone so far are missed, as a complete reason.
    pub reason: String,
}

/// Instants of one allocation that are due and not decided.
pub(super) struct Undecided {
    allocation: Arc<Allocation>,
    zone: Zone,
    at: DateTime<Utc>,
    missed: Vec<Missed>,
}

/// What a push changes about what is due, for the names of which it changes that.
pub(super) fn of_push(draft: &Draft<'_>, push: &Push) -> Vec<Undecided> {
    let edits = push.specifications.iter().filter_map(|wanted| {
        let (_, entry) = draft.entry(wanted.name.as_str())?;
        let what = undecided::edit(&entry.allocation.specification, wanted)?;
        of(draft, &wanted.name, push.circumstances.zone, push.at, Why::Edited(what))
    });
    edits.collect()
}

/// What is due in the zone so far, of the allocations that are in the zone of the server.
pub(super) fn of_zone(
    draft: &Draft<'_>,
    names: &[AllocationName],
    change: &ZoneChange,
) -> Vec<Undecided> {
    let Some(old) = change.old else { return Vec::new() };
    let in_zone = |name: &AllocationName| {
        let held = draft.entry(name.as_str());
        held.is_some_and(|(_, entry)| rules::is_in_server_zone(&entry.allocation))
    };
    let of = |name| of(draft, name, old, change.at, Why::Given(change.reason.clone()));
    names.iter().filter(|name| in_zone(name)).filter_map(of).collect()
}

/// What is due of an allocation at a moment and not decided, if anything is.
pub(super) fn of(
    draft: &Draft<'_>,
    name: &AllocationName,
    zone: Zone,
    at: DateTime<Utc>,
    why: Why,
) -> Option<Undecided> {
    let (_, entry) = draft.entry(name.as_str())?;
    let allocation = &entry.allocation;
    let suspensions = draft.suspensions(entry);
    let missed = match &allocation.specification.due {
        Due::Schedule(_) => {
            let decided = entry.decided.unwrap_or_default();
            undecided::all_missed(allocation, suspensions, zone, decided, at, why)
        }
        Due::After(parents) => {
            let succeeded = |parent: &AllocationName| draft.entry(parent.as_str())?.1.succeeded;
            let succeeded: Vec<_> = parents.iter().map(succeeded).collect();
            let due = undecided::after_parents(allocation, entry.decided, &succeeded, at);
            let suspended = || undecided::suspended(allocation, suspensions, at);
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

impl Undecided {
    /// The allocation's name.
    pub(super) fn name(&self) -> &AllocationName {
        self.allocation.name()
    }

    /// Has them recorded as missed by a store's way to decide, around the records there are.
    pub(super) fn record<E>(
        &self,
        outages: &[Outage],
        mut decide: impl FnMut(Run) -> Result<Recorded, E>,
    ) -> Result<(), E> {
        for missed in &self.missed {
            let mut left = Some(missed.clone());
            while let Some(missed) = left.take() {
                let (first, last) = (missed.first, missed.last);
                left = match decide(self.run(outages, &missed))? {
                    Recorded::Beside(other) => {
                        let before = other.moment() - TimeDelta::nanoseconds(1);
                        let before =
                            self.within(first - TimeDelta::nanoseconds(1), before, &missed);
                        if let Some(before) = before {
                            decide(self.run(outages, &before))?;
                        }
                        self.within(other.moment(), last, &missed)
                    }
                    Recorded::Decided(up_to) => self.within(up_to.moment(), last, &missed),
                    _ => None,
                };
            }
        }
        Ok(())
    }

    /// Those of missed instants in `(from, to]`.
    fn within(&self, from: DateTime<Utc>, to: DateTime<Utc>, missed: &Missed) -> Option<Missed> {
        let why = missed.why.clone();
        undecided::missed_within(&self.allocation, self.zone, from, to, why)
    }

    fn run(&self, outages: &[Outage], missed: &Missed) -> Run {
        let outage = Outage::main(outages.iter().copied(), missed.first, missed.last);
        let reason = missed.why.reason(outage.as_ref());
        let (first, last) = (Instant::new(missed.first), Instant::new(missed.last));
        let (name, count) = (self.allocation.name(), missed.count);
        if let Why::Given(_) = missed.why {
            // The log says once why this is so of all allocations, and a container may still mend it.
            debug!(allocation = %name, %first, %last, count, reason, "run missed");
        } else {
            warn!(allocation = %name, %first, %last, count, reason, "run missed");
        }
        let state = RunState::Missed { reason, last, count };
        Run::decided(&self.allocation, first, Trigger::Schedule, state, self.at)
    }
}
