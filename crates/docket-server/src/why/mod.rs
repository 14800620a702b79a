//! Why an allocation ran or did not, in sentences. All is made of values; nothing is looked up here.
//!
//! 1. The first sentence says what the clock shows and names the zone; all times are by that clock.
//! 2. What is told of the past comes from records and the journal alone: nothing is guessed.

mod attempts;
mod event;
mod instant;
mod lateness;
mod missing;
mod outcome;
mod parents;
mod present;
mod recent;
mod record;
mod tale;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, FixedOffset, TimeDelta, Utc};
use docket_model::{
    Allocation, AllocationName, Run, Zone,
    journal::{Entry, Event, Pause, Suspension},
    run::Instant,
    wire::Sentence,
};

use self::tale::Tale;
pub(crate) use self::{instant::about, recent::recent};
use crate::{policy::Suspensions, store::AllocationStatus};

/// How many of the newest records are told.
pub(crate) const MOST_RUNS: usize = 20;

/// How many entries of the journal are looked at for what stands between them.
pub(crate) const MOST_ENTRIES: usize = 500;

/// Whose past is asked about, and all that is known of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    /// The allocation and how it stands.
    pub(crate) status: &'a AllocationStatus,
    /// Records, the newest first: the newest of all, or those up to what is asked about.
    pub(crate) runs: &'a [Arc<Run>],
    /// Entries of the journal about it and about the server, the newest first.
    pub(crate) entries: &'a [Entry],
    /// The newest pause of the whole server.
    pub(crate) pause: Option<&'a Suspension>,
    /// Those it runs after.
    pub(crate) parents: &'a [Parent],
    /// Since when the engine does not answer, and why.
    pub(crate) engine_away: Option<(DateTime<Utc>, &'a str)>,
    /// Since when the store cannot be written, and why.
    pub(crate) store_trouble: Option<(DateTime<Utc>, &'a str)>,
    /// Why this server starts nothing, though engine and store are there.
    pub(crate) standby: Option<&'a str>,
    /// The last lines that runs wrote, by their instants, as far as they were read.
    pub(crate) last_lines: &'a BTreeMap<Instant, String>,
    /// The zone of allocations that name none.
    pub(crate) zone: Zone,
    /// The offset of the moment that is asked about, where it was written with one: times are shown so.
    pub(crate) offset: Option<FixedOffset>,
    pub(crate) now: DateTime<Utc>,
}

/// An allocation that another runs after.
#[derive(Debug, Clone)]
pub(crate) struct Parent {
    pub(crate) name: AllocationName,
    /// The greatest instant for which it succeeded.
    pub(crate) succeeded: Option<Instant>,
    /// Its newest record.
    pub(crate) newest: Option<Arc<Run>>,
    /// Its record of the instant that is asked about.
    pub(crate) then: Option<Arc<Run>>,
}

impl<'a> Question<'a> {
    fn allocation(&self) -> &'a Allocation {
        &self.status.allocation
    }

    /// What keeps it from starting.
    fn suspensions(&self) -> Suspensions<'a> {
        Suspensions { allocation: self.status.suspension.as_deref(), server: self.pause }
    }

    /// The zone whose wall clock is told.
    fn wall(&self) -> Zone {
        self.allocation().zone(self.zone)
    }

    /// The beginning of a sentence.
    fn tale(&self) -> Tale {
        Tale::new(self.wall(), self.now).at(self.offset, self.now)
    }

    /// A sentence about the present.
    fn now(&self, text: String) -> Sentence {
        Sentence { at: Some(self.now), text }
    }

    /// The pauses that the journal knows between two moments, the earliest first.
    fn pauses(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> impl DoubleEndedIterator<Item = &'a Pause> {
        let pauses = self.entries.iter().rev().filter_map(|entry| match &entry.event {
            Event::Paused(pause) => Some(pause),
            _ => None,
        });
        pauses.filter(move |pause| pause.from <= to && pause.to >= from)
    }

    /// Whether the schedule names an instant, whatever its allocation's bounds.
    fn is_instant(&self, at: DateTime<Utc>) -> bool {
        let allocation = self.allocation();
        let Some(schedule) = allocation.specification.schedule() else { return false };
        let anchor = allocation.anchor(schedule);
        schedule.next(at - TimeDelta::nanoseconds(1), anchor, self.wall()) == Some(at)
    }
}
