//! The stub's containers as they are kept, with the log of what happened to them.
//!
//! 1. A container keeps its place for ever, also when it was removed: the ledger is read from them.
//! 2. Whoever changes a container has its news logged before anybody else looks.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    sync::Arc,
    time::Instant,
};

use crate::{
    call_log::now,
    container::Container,
    event::Action,
    event_log::EventLog,
    program_run::{End, Run},
};

/// Every container that there ever was.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) all: Vec<Container>,
    /// The places of those that are there.
    pub(crate) by_name: HashMap<Arc<str>, usize>,
    pub(crate) by_id: HashMap<Arc<str>, usize>,
    pub(crate) log: EventLog,
    /// When runs end, and the places of their containers; some may have ended otherwise.
    // Entries are not removed when a run ends otherwise: `note_end` ignores a run that was noted,
    // or whose end was moved.
    pub(crate) ends: BinaryHeap<Reverse<(Instant, usize)>>,
}

impl Held {
    pub(crate) fn place(&self, reference: &str) -> Option<usize> {
        self.by_name.get(reference).or_else(|| self.by_id.get(reference)).copied()
    }

    /// Logs the ends of all runs that have ended; true if there were any.
    pub(crate) fn log_ends(&mut self) -> bool {
        let mut any = false;
        // The heap has the earliest end on top, so a look costs little while nothing ends.
        while let Some(Reverse((ends, place))) = self.ends.peek().copied()
            && ends <= Instant::now()
        {
            self.ends.pop();
            self.all.get_mut(place).into_iter().for_each(Container::note_end);
            self.log_news(place);
            any = true;
        }
        any
    }

    /// Logs what happened to a container, and notes when its run will end.
    pub(crate) fn log_news(&mut self, place: usize) {
        let Some(container) = self.all.get_mut(place) else { return };
        for event in container.news.drain(..) {
            self.log.push(place, event);
        }
        // Each change may have moved the end, so it is entered again; the old entry does no harm.
        let unnoted = container.runs.last().filter(|run| !run.end_is_noted);
        if let Some(ends) = unnoted.and_then(Run::ends) {
            self.ends.push(Reverse((ends, place)));
        }
    }

    /// Adds a container; returns its place.
    pub(crate) fn insert(&mut self, container: Container) -> usize {
        let place = self.all.len();
        self.by_name.insert(Arc::clone(&container.name), place);
        self.by_id.insert(Arc::clone(&container.id), place);
        self.all.push(container);
        place
    }

    pub(crate) fn remove(&mut self, place: usize) {
        if let Some(container) = self.all.get_mut(place) {
            container.note_end();
            container.note(Action::Destroy);
            container.removed = Some(now());
            // The name is free at once, as with the engine after its response.
            self.by_name.remove(&container.name);
            self.by_id.remove(&container.id);
        }
    }

    /// How a run goes on that was, is, or is to come.
    pub(crate) fn end(&self, place: usize, run: usize) -> End {
        match self.all.get(place) {
            Some(container) => match container.runs.get(run) {
                Some(run) => run.end(),
                // A run that has not begun can still come, unless the container is gone.
                None if container.removed.is_none() => End::Open,
                None => End::Was(0),
            },
            None => End::Was(0),
        }
    }

    /// 64 hexadecimal digits, as the engine's, that differ from the first one on.
    pub(crate) fn next_id(&self) -> Arc<str> {
        let number = self.all.len() as u64 + 1;
        // A Weyl sequence: every product of an odd number is another one.
        let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        format!("{spread:016x}{number:048x}").into()
    }
}
