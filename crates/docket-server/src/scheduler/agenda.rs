//! The agenda: which allocation is due next. It costs what changes or is due, not what is stored.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use docket_model::{Allocation, AllocationName};
use uuid::Uuid;

use crate::store::Change;

/// Below this many the heap is not searched for what is out of date.
const LEAST_SWEEP: usize = 1024;

/// A heap of next instants, one for each allocation that has one.
#[derive(Debug)]
pub(super) struct Agenda {
    zone: Tz,
    heap: BinaryHeap<Reverse<Ticket>>,
    slots: HashMap<AllocationName, Slot>,
    tickets: u64,
}

/// A place in the heap. It counts only as long as its slot holds the same number.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Ticket {
    instant: DateTime<Utc>,
    number: u64,
    name: AllocationName,
}

#[derive(Debug)]
struct Slot {
    allocation: Arc<Allocation>,
    /// All instants up to then are decided.
    decided: DateTime<Utc>,
    stage: Stage,
}

#[derive(Debug, PartialEq, Eq)]
enum Stage {
    /// Its next instant is in the heap.
    Waiting(u64),
    /// It was due, and somebody decides.
    Deciding,
    /// It has no instant any more.
    Done,
}

/// An allocation one or more of whose instants have come.
#[derive(Debug)]
pub(super) struct Due {
    pub(super) allocation: Arc<Allocation>,
    /// All instants up to then are decided.
    pub(super) decided: DateTime<Utc>,
}

impl Agenda {
    pub(super) fn new(zone: Tz) -> Self {
        Self { zone, heap: BinaryHeap::new(), slots: HashMap::new(), tickets: 0 }
    }

    /// Learns what became of an allocation.
    pub(super) fn apply(&mut self, name: &AllocationName, change: Change) {
        let (allocation, decided) = match change {
            Change::Stored { allocation, decided } => (allocation, decided),
            Change::Deleted => {
                self.slots.remove(name);
                return;
            }
        };
        let known = self.slots.remove(name).filter(|slot| slot.allocation.uid == allocation.uid);
        let decided = decided.unwrap_or(allocation.scheduled_at).max(allocation.scheduled_at);
        let (decided, stage) = match known {
            Some(slot) => (decided.max(slot.decided), slot.stage),
            None => (decided, Stage::Done),
        };
        let deciding = stage == Stage::Deciding;
        self.slots.insert(name.clone(), Slot { allocation, decided, stage });
        if !deciding {
            self.await_next(name);
        }
    }

    /// Takes out all whose instant has come. Each stays out until [`Agenda::decided`].
    pub(super) fn due(&mut self, now: DateTime<Utc>) -> Vec<Due> {
        let mut due = Vec::new();
        while self.next().is_some_and(|instant| instant <= now) {
            let Some(Reverse(ticket)) = self.heap.pop() else { break };
            let Some(slot) = self.slots.get_mut(&ticket.name) else { continue };
            slot.stage = Stage::Deciding;
            due.push(Due { allocation: Arc::clone(&slot.allocation), decided: slot.decided });
        }
        due
    }

    /// Learns that all instants of an allocation up to `through` are decided.
    pub(super) fn decided(&mut self, name: &AllocationName, uid: Uuid, through: DateTime<Utc>) {
        let slot = self.slots.get_mut(name).filter(|slot| slot.allocation.uid == uid);
        if let Some(slot) = slot {
            slot.decided = slot.decided.max(through);
            self.await_next(name);
        }
    }

    /// The least instant on the agenda.
    pub(super) fn next(&mut self) -> Option<DateTime<Utc>> {
        loop {
            let Reverse(ticket) = self.heap.peek()?;
            if self.counts(ticket) {
                return Some(ticket.instant);
            }
            self.heap.pop();
        }
    }

    fn counts(&self, ticket: &Ticket) -> bool {
        let slot = self.slots.get(&ticket.name);
        slot.is_some_and(|slot| slot.stage == Stage::Waiting(ticket.number))
    }

    fn await_next(&mut self, name: &AllocationName) {
        let Some(slot) = self.slots.get_mut(name) else { return };
        let Some(instant) = slot.allocation.next(slot.decided, self.zone) else {
            slot.stage = Stage::Done;
            return;
        };
        self.tickets += 1;
        slot.stage = Stage::Waiting(self.tickets);
        self.heap.push(Reverse(Ticket { instant, number: self.tickets, name: name.clone() }));
        if self.heap.len() > LEAST_SWEEP.max(2 * self.slots.len()) {
            let heap = std::mem::take(&mut self.heap);
            self.heap = heap.into_iter().filter(|Reverse(ticket)| self.counts(ticket)).collect();
        }
    }
}
