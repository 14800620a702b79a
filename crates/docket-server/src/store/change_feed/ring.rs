//! The newest events, and how many read them.

use std::{collections::VecDeque, sync::Arc};

use docket_model::AllocationName;

use super::event::{Event, Labels, News};

/// What all events may weigh that are kept, in bytes: a manual run may have a long command.
const HEAVIEST: usize = 64 << 20;

/// The newest events, or without a reader their number alone.
#[derive(Debug)]
pub(super) struct Ring {
    /// The number of the next event.
    next: u64,
    /// The events before it.
    kept: VecDeque<Arc<Event>>,
    /// What they weigh together, in bytes.
    weight: usize,
    most: usize,
    pub(super) readers: usize,
    is_awake: bool,
}

impl Ring {
    /// A ring whose first event follows the one of this number. It is awake, for readers that the server
    /// before had.
    pub(super) fn beginning_after(number: u64, most: usize) -> Self {
        Self {
            next: number + 1,
            kept: VecDeque::new(),
            weight: 0,
            most,
            readers: 0,
            is_awake: true,
        }
    }

    /// Lets a reader in, who wakes it.
    pub(super) fn enter(&mut self) {
        self.readers += 1;
        self.is_awake = true;
    }

    /// The number of the newest event; 0 where there was none.
    pub(super) fn newest(&self) -> u64 {
        self.next - 1
    }

    /// Goes on behind a number up to which another server has numbered events; false where it is not ahead.
    /// Those events are not known here.
    pub(super) fn continue_after(&mut self, number: u64) -> bool {
        let is_ahead = number > self.newest();
        if is_ahead {
            (self.kept, self.weight) = (VecDeque::new(), 0);
            self.next = number + 1;
        }
        is_ahead
    }

    /// True where all events after this one, which was given, are kept.
    pub(super) fn keeps_after(&self, number: u64) -> bool {
        let first = self.next - self.kept.len() as u64;
        // A greater number is of another store, or of a later copy of this one.
        number < self.next && number + 1 >= first
    }

    /// The events after this one that are kept.
    pub(super) fn after(&self, number: u64) -> impl Iterator<Item = &Arc<Event>> {
        let many = self.next.saturating_sub(number + 1);
        let many = usize::try_from(many).unwrap_or(usize::MAX).min(self.kept.len());
        self.kept.range(self.kept.len() - many..)
    }

    /// Takes events in; the oldest go.
    pub(super) fn add(&mut self, news: Vec<News>, labels: impl Fn(&AllocationName) -> Vec<Labels>) {
        if !self.is_awake {
            self.next += news.len() as u64;
            return;
        }
        let surplus = (self.kept.len() + news.len()).saturating_sub(self.most);
        // The ring is full again and no reader came back: see 3 of `events`.
        if surplus > 0 && self.readers == 0 {
            self.is_awake = false;
            // A new one, since `clear` would keep the memory.
            (self.kept, self.weight) = (VecDeque::new(), 0);
            self.next += news.len() as u64;
            return;
        }
        let oldest = surplus.min(self.kept.len());
        self.weight -= self.kept.drain(..oldest).map(|event| event.weight()).sum::<usize>();
        // A commit may have more news than the ring holds: the first are counted, never kept.
        self.next += (surplus - oldest) as u64;
        for news in news.into_iter().skip(surplus - oldest) {
            let labels = news.allocation().map(&labels).unwrap_or_default();
            let event = Arc::new(Event::new(self.next, news, labels));
            self.weight += event.weight();
            self.kept.push_back(event);
            self.next += 1;
        }
        while self.weight > HEAVIEST {
            let Some(oldest) = self.kept.pop_front() else { break };
            self.weight -= oldest.weight();
        }
    }
}
