//! The agenda: which allocation is due next. Its cost depends on changes and due instants, not on the number
//! of allocations.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use docket_model::{Allocation, Zone, journal::Suspension};
use uuid::Uuid;

use crate::{mutation_testing, policy::starts_at};

/// Below this size the heap is not searched for outdated entries.
const LEAST_SWEEP: usize = 1024;

/// A heap of next instants, one for each allocation that has one.
///
/// Allocations are identified by their positions in the store. Most are idle, so each must cost little.
#[derive(Debug)]
pub(super) struct Agenda {
    zone: Zone,
    heap: BinaryHeap<Reverse<Ticket>>,
    slots: HashMap<u64, Slot>,
}

/// An entry in the heap. It is valid only while its slot waits for the same instant.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Ticket {
    /// When the run starts, in milliseconds since 1970.
    // Not a `DateTime`, with which an entry would take 24 bytes in place of 16.
    at: i64,
    position: u64,
}

#[derive(Debug)]
struct Slot {
    allocation: Arc<Allocation>,
    /// Which of its entries in the heap is valid, by its millisecond.
    ticket: i64,
    /// Absent while nothing has happened to it.
    history: Option<Box<History>>,
}

/// What happened to an allocation since it was scheduled.
#[derive(Debug, Default)]
struct History {
    suspension: Option<Arc<Suspension>>,
    /// All instants up to this time are decided.
    decided: DateTime<Utc>,
    /// It was due, and a task decides its instants.
    is_being_decided: bool,
}

/// The ticket of an allocation that is not in the heap.
const NO_TICKET: i64 = i64::MAX;

/// An allocation with one or more due instants.
#[derive(Debug)]
pub(super) struct Due {
    pub(super) position: u64,
    pub(super) allocation: Arc<Allocation>,
    pub(super) suspension: Option<Arc<Suspension>>,
    /// All instants up to then are decided.
    pub(super) decided: DateTime<Utc>,
}

impl Agenda {
    pub(super) fn new(zone: Zone) -> Self {
        Self { zone, heap: BinaryHeap::new(), slots: HashMap::new() }
    }

    /// Adds or updates an allocation, with the time up to which the store has decided it.
    pub(super) fn store(
        &mut self,
        position: u64,
        allocation: Arc<Allocation>,
        decided: Option<DateTime<Utc>>,
        suspension: Option<Arc<Suspension>>,
    ) {
        // A change that waited may be older than what the loop knows: the store answers a second question
        // has on record, and says up to when. Or a reset has set its latest instant back.
        let decided = decided.unwrap_or_default();
        let before = self.slots.remove(&position);
        let is_being_decided = before.as_ref().is_some_and(Slot::is_being_decided);
        let is_idle = decided <= allocation.scheduled_at && suspension.is_none();
        let history = (is_being_decided || !is_idle)
            .then(|| Box::new(History { suspension, decided, is_being_decided }));
        let ticket = before.map_or(NO_TICKET, |before| before.ticket);
        self.slots.insert(position, Slot { allocation, ticket, history });
        if !is_being_decided {
            self.await_next(position);
        }
    }

    /// Removes an allocation; returns its uid.
    pub(super) fn delete(&mut self, position: u64) -> Option<Uuid> {
        // Its entry in the heap is outdated now, and is dropped when it comes to the top.
        self.slots.remove(&position).map(|slot| slot.allocation.uid)
    }

    /// Takes all due allocations out of the heap. Each stays out until [`Agenda::decided`].
    pub(super) fn due(&mut self, now: DateTime<Utc>) -> Vec<Due> {
        let mut due = Vec::new();
        while self.next().is_some_and(|at| at <= now) {
            let Some(Reverse(Ticket { position, .. })) = self.heap.pop() else { break };
            let Some(slot) = self.slots.get_mut(&position) else { continue };
            let decided = slot.decided();
            slot.ticket = NO_TICKET;
            let history = slot.history.get_or_insert_default();
            history.is_being_decided = true;
            let (allocation, suspension) =
                (Arc::clone(&slot.allocation), history.suspension.clone());
            due.push(Due { position, allocation, suspension, decided });
        }
        due
    }

    /// Puts an allocation back: all its instants up to `through` are decided.
    pub(super) fn decided(&mut self, position: u64, through: DateTime<Utc>) {
        if let Some(slot) = self.slots.get_mut(&position) {
            let history = slot.history.get_or_insert_default();
            // A change that came meanwhile may know of later decisions.
            history.decided = history.decided.max(through);
            history.is_being_decided = false;
            self.await_next(position);
        }
    }

    /// Computes all next instants again after a change of the time zone data.
    pub(super) fn renew(&mut self) {
        // An allocation that is being decided gets its next instant when that is done.
        let is_idle =
            |(position, slot): (&u64, &Slot)| (!slot.is_being_decided()).then_some(*position);
        let idle: Vec<_> = self.slots.iter().filter_map(is_idle).collect();
        for position in idle {
            self.await_next(position);
        }
    }

    /// When the next run starts.
    pub(super) fn next(&mut self) -> Option<DateTime<Utc>> {
        loop {
            let Reverse(ticket) = self.heap.peek()?;
            if self.counts(ticket) {
                return DateTime::from_timestamp_millis(ticket.at);
            }
            self.heap.pop();
        }
    }

    fn counts(&self, ticket: &Ticket) -> bool {
        let slot = self.slots.get(&ticket.position);
        slot.is_some_and(|slot| slot.ticket == ticket.at)
    }

    fn await_next(&mut self, position: u64) {
        let Some(slot) = self.slots.get_mut(&position) else { return };
        let Some(instant) = slot.allocation.next(slot.decided(), self.zone) else {
            slot.ticket = NO_TICKET;
            return;
        };
        let at = starts_at(&slot.allocation, instant, self.zone) - mutation_testing::earliness();
        let at = at.timestamp_millis();
        if slot.ticket == at {
            return;
        }
        slot.ticket = at;
        self.heap.push(Reverse(Ticket { at, position }));
        // A sweep removes at least half of the heap, so there are as many changes between two
        // sweeps.
        if self.heap.len() > LEAST_SWEEP.max(2 * self.slots.len()) {
            self.sweep();
        }
    }

    /// Removes outdated entries, and duplicates of an allocation that changed back and forth.
    fn sweep(&mut self) {
        let mut tickets = std::mem::take(&mut self.heap).into_vec();
        tickets.retain(|Reverse(ticket)| self.counts(ticket));
        tickets.sort_unstable();
        tickets.dedup();
        self.heap = tickets.into();
    }
}

impl Slot {
    fn decided(&self) -> DateTime<Utc> {
        let decided = self.history.as_ref().map_or_else(Default::default, |it| it.decided);
        decided.max(self.allocation.scheduled_at)
    }

    fn is_being_decided(&self) -> bool {
        self.history.as_ref().is_some_and(|history| history.is_being_decided)
    }
}

#[cfg(test)]
mod tests {
    use docket_model::{FieldPath, Origin, Specification, container::UnknownOptions};
    use serde_json::json;

    use super::*;

    fn allocation(cron: &str) -> Arc<Allocation> {
        let posted = json!({"Name": "a", "Cron": cron, "Container": {"Config": {"Image": "x"}}});
        let read = Specification::read(posted, &FieldPath::default(), UnknownOptions::Refuse);
        let accepted = "2026-11-21T09:00:00Z".parse().unwrap();
        Arc::new(Allocation {
            specification: read.unwrap().specification,
            uid: uuid::Uuid::nil(),
            revision: 1,
            origin: Origin::Api,
            created_at: accepted,
            scheduled_at: accepted,
        })
    }

    #[test]
    fn an_allocation_that_changes_without_end_takes_no_more_room() {
        let mut agenda = Agenda::new(Zone::utc());
        let versions = [allocation("0 10 * * *"), allocation("0 11 * * *")];

        for round in 0..10_000 {
            agenda.store(1, Arc::clone(&versions[round % 2]), None, None);
        }

        assert!(agenda.heap.len() <= LEAST_SWEEP, "{}", agenda.heap.len());
        let due = agenda.due("2026-11-21T12:00:00Z".parse().unwrap());
        assert_eq!(due.len(), 1);
        assert_eq!(agenda.next(), None);
    }
}
