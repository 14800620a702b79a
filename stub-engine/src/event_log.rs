//! The events that the engine remembers, of all containers. Who may read which is `event_reader`'s part.
//!
//! 1. Events have numbers without a gap, in the order in which they happened.
//! 2. A new reader gets the last 256 of them at most; one that reads already may fall further behind.
//!
//! Events of networks, images and volumes, which count towards the 256 of a real engine, are not kept.

use std::collections::VecDeque;

use crate::event::Event;

/// How many past events a new reader gets: Docker's `eventsLimit`.
const REPLAYED: usize = 256;
/// How far a reader may fall behind: a storm makes a few events of each of a thousand containers
/// before a reader gets its turn.
const KEPT: usize = 8192;

/// The newest events.
#[derive(Debug, Default)]
pub(crate) struct EventLog {
    /// The place of the container, and what happened to it.
    entries: VecDeque<(usize, Event)>,
    /// The number of the oldest entry.
    first: usize,
}

impl EventLog {
    pub(crate) fn push(&mut self, place: usize, event: Event) {
        if self.entries.len() == KEPT {
            self.entries.pop_front();
            // The numbers go on, so that a reader that fell behind skips what is gone and nothing
            // else.
            self.first += 1;
        }
        self.entries.push_back((place, event));
    }

    /// Forgets all of them, as an engine that is restarted does.
    pub(crate) fn forget(&mut self) {
        self.first = self.end();
        self.entries.clear();
    }

    /// The number of the first event that a new reader gets of the past.
    pub(crate) fn past(&self) -> usize {
        self.first.max(self.end().saturating_sub(REPLAYED))
    }

    /// The number of the next event.
    pub(crate) fn end(&self) -> usize {
        self.first + self.entries.len()
    }

    /// The events from a number on.
    pub(crate) fn since(&self, number: usize) -> impl Iterator<Item = (usize, Event)> {
        self.entries.iter().skip(number.saturating_sub(self.first)).copied()
    }
}
