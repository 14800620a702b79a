//! Explains why an allocation ran or did not, in sentences made from typed values. Nothing is read from
//! the store here, and no text is parsed.
//!
//! 1. The first sentence has the time and the zone of all times.
//! 2. Sentences about the past come from records and the journal only: nothing is guessed.

mod current_state;
mod dependencies;
mod failed_attempts;
mod journal_entries;
mod late_start;
mod missing_record;
mod one_instant;
mod one_run;
mod outcome;
mod phrasing;
mod recent_history;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, FixedOffset, TimeDelta, Utc};
use docket_model::{
    Allocation, AllocationName, Run, Zone,
    journal::{Entry, Event, Pause, Suspension, concerns_runs},
    run::Instant,
    wire::Sentence,
};

use self::phrasing::{ClockTimes, full_stop};
pub(crate) use self::{one_instant::about, recent_history::recent};
use crate::{policy::Suspensions, store::AllocationStatus};

/// How many of the newest records are explained.
pub(crate) const MOST_RUNS: usize = 20;

/// How many entries of the journal are read for the events between the records.
pub(crate) const MOST_ENTRIES: usize = 500;

/// What is known about an allocation and its server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub(crate) status: &'a AllocationStatus,
    /// The newest records first: the newest of all, or those up to a moment.
    pub(crate) runs: &'a [Arc<Run>],
    /// Journal entries about the allocation and the server, the newest first.
    pub(crate) entries: &'a [Entry],
    /// The newest pause of the whole server.
    pub(crate) pause: Option<&'a Suspension>,
    pub(crate) parents: &'a [Parent],
    /// The engine that it waits for, while none answers that may run it.
    pub(crate) engine_away: Option<EngineAway<'a>>,
    /// The names of the engines that may run it.
    pub(crate) engines: &'a [Arc<str>],
    /// Why no engine can run it.
    pub(crate) unfit: Option<&'a str>,
    /// Why its next run waits for nodes, where too few fit.
    pub(crate) shortage: Option<&'a str>,
    /// Since when the store cannot be written, and why.
    pub(crate) store_trouble: Option<(DateTime<Utc>, &'a str)>,
    /// Why this server starts nothing although engine and store work.
    pub(crate) standby: Option<&'a str>,
    /// The last lines of output of some runs, by instant.
    pub(crate) last_lines: &'a BTreeMap<Instant, String>,
    /// The zone of allocations without a `TimeZone`.
    pub(crate) server_zone: Zone,
    /// The UTC offset of the request, if it has one: times are shown at it.
    pub(crate) offset: Option<FixedOffset>,
    pub(crate) now: DateTime<Utc>,
}

/// An engine that does not answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EngineAway<'a> {
    /// `engine`, or with its name.
    pub(crate) engine: &'a str,
    pub(crate) since: DateTime<Utc>,
    pub(crate) reason: &'a str,
}

/// An allocation in the `After` of another.
#[derive(Debug, Clone)]
pub(crate) struct Parent {
    pub(crate) name: AllocationName,
    /// The greatest instant for which it succeeded.
    pub(crate) succeeded: Option<Instant>,
    /// Its newest record.
    pub(crate) newest: Option<Arc<Run>>,
    /// Its record of the requested instant.
    pub(crate) then: Option<Arc<Run>>,
}

impl<'a> Facts<'a> {
    fn allocation(&self) -> &'a Allocation {
        &self.status.allocation
    }

    fn suspensions(&self) -> Suspensions<'a> {
        Suspensions { allocation: self.status.suspension.as_deref(), server: self.pause }
    }

    fn zone(&self) -> Zone {
        self.allocation().zone(self.server_zone)
    }

    /// The times of a new sentence.
    fn times(&self) -> ClockTimes {
        ClockTimes::new(self.zone(), self.offset, self.now)
    }

    /// A sentence about the present.
    fn present(&self, text: impl AsRef<str>) -> Sentence {
        Sentence { at: Some(self.now), text: full_stop(text.as_ref()) }
    }

    /// The journal's pauses between two moments that may have concerned it, the earliest first.
    fn pauses(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> impl DoubleEndedIterator<Item = &'a Pause> {
        let engines = self.engines;
        let concerns = move |pause: &&Pause| {
            let may_run_on = |name: &str| engines.iter().any(|engine| **engine == *name);
            concerns_runs(pause.engine.as_deref(), may_run_on)
        };
        let pauses = self.entries.iter().rev().filter_map(|entry| match &entry.event {
            Event::Paused(pause) => Some(pause),
            _ => None,
        });
        pauses.filter(concerns).filter(move |pause| pause.from <= to && pause.to >= from)
    }

    /// True if the schedule has this instant, whatever `NotBefore` and `NotAfter` are.
    fn is_instant(&self, at: DateTime<Utc>) -> bool {
        let allocation = self.allocation();
        allocation.specification.schedule().is_some_and(|schedule| {
            let anchor = allocation.anchor(schedule);
            // `next` finds instants after a moment, so the look begins just before this one.
            schedule.next(at - TimeDelta::nanoseconds(1), anchor, self.zone()) == Some(at)
        })
    }
}
