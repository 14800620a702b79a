//! How many containers may be alive at once. Runs wait for a slot in the order of their instants.
//!
//! 1. Whoever is admitted has a place from that moment on, so many at once cannot pass the bounds.
//! 2. A place in the queue is given up, and a slot handed over, with the lock: each ticket is of one
//!    who waits, or counted as given up.

use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc};

use docket_model::run::Instant;
use parking_lot::Mutex;
use tokio::sync::oneshot;

/// The slots, and who waits for one.
#[derive(Debug)]
pub(crate) struct RunSlots {
    most: usize,
    queue: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    taken: usize,
    // A heap, because a hundred thousand runs may wait that are due at one instant.
    waiting: BinaryHeap<Reverse<Ticket>>,
    // A heap gives up only its first element, so the others stay in it and are counted.
    /// How many of those have given up.
    given_up: usize,
    tickets: u64,
}

/// A place in the queue: the earliest instant first, then who came first.
#[derive(Debug)]
struct Ticket {
    instant: Instant,
    number: u64,
    call: oneshot::Sender<RunSlot>,
}

impl PartialEq for Ticket {
    fn eq(&self, other: &Self) -> bool {
        // No two tickets have one number, so this agrees with the order below.
        self.number == other.number
    }
}

impl Eq for Ticket {}

impl PartialOrd for Ticket {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ticket {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.instant, self.number).cmp(&(other.instant, other.number))
    }
}

/// All slots are taken, and as many runs wait as may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SlotsFull {
    pub(crate) max_running: usize,
    pub(crate) queue: usize,
}

/// The right to have a container alive, until it is dropped.
#[derive(Debug)]
pub(crate) struct RunSlot(Arc<RunSlots>);

impl Drop for RunSlot {
    fn drop(&mut self) {
        self.0.release();
    }
}

/// A slot, or a place in the queue for one.
#[derive(Debug)]
pub(crate) enum Reservation {
    Slot(RunSlot),
    Queue(Queued),
}

/// A place in the queue, until it is dropped.
#[derive(Debug)]
pub(crate) struct Queued {
    called: oneshot::Receiver<RunSlot>,
    slots: Arc<RunSlots>,
}

impl Drop for Queued {
    fn drop(&mut self) {
        // The slot has arrived and was taken, so the ticket is gone.
        if self.called.is_terminated() {
            return;
        }
        let mut state = self.slots.state.lock();
        self.called.close();
        // No slot is handed over under the lock, so either it is here or the ticket is still there.
        let unused = self.called.try_recv();
        if unused.is_err() {
            state.give_up();
        }
        // A slot that is dropped takes the lock by itself.
        drop(state);
        drop(unused);
    }
}

impl State {
    /// Counts a ticket as given up; once most of them are, they are taken out.
    fn give_up(&mut self) {
        self.given_up += 1;
        // Not for each one: then many that give up at once would take quadratic time.
        if 2 * self.given_up > self.waiting.len() {
            self.waiting.retain(|Reverse(ticket)| !ticket.call.is_closed());
            self.given_up = 0;
        }
    }
}

impl Reservation {
    /// Waits for the slot.
    pub(crate) async fn slot(self) -> RunSlot {
        match self {
            Self::Slot(slot) => slot,
            Self::Queue(mut queued) => match (&mut queued.called).await {
                Ok(slot) => slot,
                // Tickets are dropped unanswered with the slots only, and then no run waits.
                Err(_) => std::future::pending().await,
            },
        }
    }
}

impl RunSlots {
    /// So many slots, and so many runs that may wait for one.
    pub(crate) fn new(most: usize, queue: usize) -> Arc<Self> {
        Arc::new(Self { most, queue, state: Mutex::default() })
    }

    /// How many slots there are.
    pub(crate) fn most(&self) -> usize {
        self.most
    }

    /// How many runs have a slot, and how many wait for one.
    pub(crate) fn in_use(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.taken, state.waiting.len() - state.given_up)
    }

    /// A place for a new run; the bounds, where no further run can even wait.
    pub(crate) fn acquire(self: &Arc<Self>, instant: Instant) -> Result<Reservation, SlotsFull> {
        let mut state = self.state.lock();
        let waiting = state.waiting.len() - state.given_up;
        if state.taken >= self.most && waiting >= self.queue {
            return Err(SlotsFull { max_running: self.most, queue: self.queue });
        }
        Ok(self.reserve_in(&mut state, instant))
    }

    /// A place for a run that was admitted before, however many wait.
    pub(crate) fn enqueue(self: &Arc<Self>, instant: Instant) -> Reservation {
        self.reserve_in(&mut self.state.lock(), instant)
    }

    fn reserve_in(self: &Arc<Self>, state: &mut State, instant: Instant) -> Reservation {
        if state.taken < self.most {
            state.taken += 1;
            return Reservation::Slot(RunSlot(Arc::clone(self)));
        }
        let (call, called) = oneshot::channel();
        let number = state.tickets;
        state.tickets += 1;
        state.waiting.push(Reverse(Ticket { instant, number, call }));
        Reservation::Queue(Queued { called, slots: Arc::clone(self) })
    }

    /// Takes a slot for a container that is alive already, even where there is none left.
    pub(crate) fn adopt(self: &Arc<Self>) -> RunSlot {
        self.state.lock().taken += 1;
        RunSlot(Arc::clone(self))
    }

    fn release(self: &Arc<Self>) {
        let mut state = self.state.lock();
        state.taken -= 1;
        // Adopted containers may take more slots than there are; then this one is not passed on.
        while state.taken < self.most {
            let Some(Reverse(ticket)) = state.waiting.pop() else { return };
            if ticket.call.is_closed() {
                state.given_up -= 1;
                continue;
            }
            state.taken += 1;
            // It cannot fail: whoever gives up has the lock.
            let _: Result<(), RunSlot> = ticket.call.send(RunSlot(Arc::clone(self)));
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use futures_util::FutureExt;

    use super::*;

    fn instant(second: i64) -> Instant {
        Instant::new(DateTime::from_timestamp(second, 0).unwrap())
    }

    #[test]
    fn runs_are_let_in_by_their_instants_and_then_in_the_order_they_came() {
        let slots = RunSlots::new(1, 10);
        let first = slots.acquire(instant(9)).unwrap();
        let places = [("five", 5), ("three", 3), ("five, later", 5)];
        let mut waiting: Vec<_> = places
            .map(|(name, second)| (name, Box::pin(slots.enqueue(instant(second)).slot())))
            .into();
        assert!(waiting.iter_mut().all(|(_, waits)| waits.as_mut().now_or_never().is_none()));

        drop(first);
        let mut order = Vec::new();
        while !waiting.is_empty() {
            // Whoever gets the slot drops it at once, so the next one is let in.
            let called =
                waiting.iter_mut().position(|(_, waits)| waits.as_mut().now_or_never().is_some());
            order.push(waiting.remove(called.unwrap()).0);
        }

        assert_eq!(order, ["three", "five", "five, later"]);
        assert_eq!(slots.state.lock().taken, 0);
    }

    #[test]
    fn a_run_that_gives_up_holds_no_slot_and_no_place() {
        let slots = RunSlots::new(1, 1);
        let full = SlotsFull { max_running: 1, queue: 1 };
        let first = slots.acquire(instant(1)).unwrap();
        let second = slots.acquire(instant(2)).unwrap();
        assert_eq!(slots.acquire(instant(3)).unwrap_err(), full);

        drop(second);
        let third = slots.acquire(instant(3)).unwrap();
        assert_eq!(slots.acquire(instant(4)).unwrap_err(), full);
        // Called and not there any more: the slot goes back.
        drop(first);
        drop(third);

        assert_eq!(slots.state.lock().taken, 0);
    }

    #[test]
    fn a_hundred_thousand_runs_at_one_instant_are_admitted_and_as_many_refused_in_no_time() {
        let slots = RunSlots::new(1, 100_000);
        let began = std::time::Instant::now();

        let places: Vec<_> = (0..200_000).map(|_| slots.acquire(instant(1))).collect();

        // It took many minutes when each one looked at all before it.
        assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
        assert_eq!(places.iter().filter(|place| place.is_ok()).count(), 100_001);
        drop(places);
        let state = slots.state.lock();
        assert_eq!((state.taken, state.waiting.len(), state.given_up), (0, 0, 0));
    }

    #[test]
    fn what_is_alive_already_and_what_was_admitted_before_is_never_refused() {
        let slots = RunSlots::new(1, 0);
        let alive = [slots.adopt(), slots.adopt()];
        let mut waits = Box::pin(slots.enqueue(instant(1)).slot());
        assert!(slots.acquire(instant(2)).is_err());

        let [first, second] = alive;
        drop(first);
        assert!(waits.as_mut().now_or_never().is_none());
        drop(second);

        assert!(waits.as_mut().now_or_never().is_some());
        assert_eq!(slots.state.lock().taken, 0);
    }
}
