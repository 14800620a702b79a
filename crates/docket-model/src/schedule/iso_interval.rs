//! ISO 8601 repeating intervals: run k is at START + k·PERIOD, always computed from START.

use crate::zone::{Meaning, Rules};
use chrono::{DateTime, Months};

/// Seconds in the mean month of the Gregorian calendar: 400 years are 146,097 days.
const MEAN_MONTH: i64 = 146_097 * 86_400 / 4800;

const DAY: i64 = 86_400;

/// After this instant, 2100-01-01, no clock is set forward by more than three hours: future rules are
/// those of daylight saving.
const LAST_LONG_GAP: i64 = 4_102_444_800;

/// The start of the runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// When the allocation was accepted.
    Acceptance,
    Instant(i64),
    /// A local time in the allocation's zone.
    Wall(i64),
}

/// The parts of a period, which are added differently.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Period {
    pub(super) months: u32,
    pub(super) days: i64,
    pub(super) seconds: i64,
}

/// A repeating interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Repeating {
    /// The number of runs; `None` for no limit.
    pub(super) runs: Option<u64>,
    pub(super) start: Start,
    pub(super) period: Period,
}

/// One run: when it is, or would be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub(super) at: i64,
    /// The local time, and what it means in the zone.
    pub(super) wall: Option<(i64, Meaning)>,
}

impl Run {
    /// Returns whether the run happens: after a gap of more than three hours it does not.
    fn is_real(&self) -> bool {
        !matches!(self.wall, Some((_, Meaning::Never(change))) if !change.is_made_up())
    }
}

impl Repeating {
    /// Returns whether its runs depend on a time zone.
    pub(super) fn depends_on_zone(&self) -> bool {
        matches!(self.start, Start::Wall(_)) || !self.period.is_exact()
    }

    /// Returns the first run after `from`.
    pub(super) fn next(&self, from: i64, anchor: i64, rules: &Rules) -> Option<Run> {
        let mut number = self.first_after(from, anchor, rules)?;
        loop {
            // Runs are counted by number, so those that were missed or skipped are used up.
            if self.runs.is_some_and(|runs| number >= runs) {
                return None;
            }
            let run = self.run(number, anchor, rules)?;
            if run.is_real() {
                return Some(run);
            }
            number += 1;
        }
    }

    /// Returns the number of runs in `(from, to]`.
    pub(super) fn count(&self, from: i64, to: i64, anchor: i64, rules: &Rules) -> u64 {
        let number = |at| {
            // No run after it, so every run is before: the count ends with the calendar.
            let number = self.first_after(at, anchor, rules).unwrap_or(u64::MAX);
            self.runs.map_or(number, |runs| number.min(runs))
        };
        let (first, end) = (number(from), number(to));
        let left_out = if self.period.is_exact() {
            0
        } else {
            // Each run is inspected for a long gap, so the search needs an end.
            let end = end.min(number(LAST_LONG_GAP));
            let runs = (first..end).filter_map(|number| self.run(number, anchor, rules));
            runs.filter(|run| !run.is_real()).count() as u64
        };
        end.saturating_sub(first).saturating_sub(left_out)
    }

    /// Returns whether a run is due at a local time that the clock skips at an instant.
    pub(super) fn names(&self, wall: i64, at: i64, anchor: i64, rules: &Rules) -> bool {
        let Some(first) = self.first_after(at - 1, anchor, rules) else { return false };
        (first..self.runs.unwrap_or(u64::MAX))
            .map_while(|number| self.run(number, anchor, rules))
            .take_while(|run| run.at == at)
            .any(|run| run.wall.is_some_and(|(named, _)| named == wall))
    }

    /// Returns the number of the first run after `from`, by division and one or two steps.
    fn first_after(&self, from: i64, anchor: i64, rules: &Rules) -> Option<u64> {
        // Beyond the calendar counts as after, so that the search ends there.
        let is_after = |number| self.run(number, anchor, rules).is_none_or(|run| run.at > from);
        let begin = self.run(0, anchor, rules)?.at;
        // A period of zero has one run, and nothing to divide by.
        let Some(guess) = from.saturating_sub(begin).checked_div(self.period.mean()) else {
            return Some(u64::from(begin <= from));
        };
        let mut number = u64::try_from(guess).unwrap_or(0);
        // Months differ from their mean by days, so the guess is off by a run or two.
        while number > 0 && is_after(number - 1) {
            number -= 1;
        }
        while !is_after(number) {
            number += 1;
        }
        Some(number)
    }

    /// Returns a run by its number; `None` beyond chrono's calendar.
    fn run(&self, number: u64, anchor: i64, rules: &Rules) -> Option<Run> {
        let k = i64::try_from(number).ok()?;
        let run = match self.start {
            Start::Wall(wall) => resolved(self.period.stepped(wall, k)?, rules)?,
            Start::Instant(at) => self.stepped_from(at, k, rules)?,
            Start::Acceptance => self.stepped_from(anchor, k, rules)?,
        };
        // Hours are added after the zone is resolved: they are real time, days and months are local
        // time.
        let at = run.at.checked_add(self.period.seconds.checked_mul(k)?)?;
        Some(Run { at, ..run })
    }

    /// Steps from an instant; the first run and periods of seconds need no time zone.
    fn stepped_from(&self, at: i64, k: i64, rules: &Rules) -> Option<Run> {
        if k == 0 || self.period.is_exact() {
            return Some(Run { at, wall: None });
        }
        // Days and months keep the local time, so the instant becomes a local time first.
        resolved(self.period.stepped(at + rules.offset(at), k)?, rules)
    }
}

fn resolved(wall: i64, rules: &Rules) -> Option<Run> {
    let meaning = rules.meaning(wall)?;
    let at = match meaning {
        Meaning::Once(at) | Meaning::Twice { first: at, .. } => at,
        Meaning::Never(change) => change.at,
    };
    Some(Run { at, wall: Some((wall, meaning)) })
}

impl Period {
    pub(super) fn is_zero(self) -> bool {
        self == Self::default()
    }

    /// Returns whether the period always has the same number of seconds.
    fn is_exact(self) -> bool {
        self.months == 0 && self.days == 0
    }

    fn mean(self) -> i64 {
        i64::from(self.months) * MEAN_MONTH + self.days * DAY + self.seconds
    }

    /// Adds k times the months, the day clamped to the month's end, then k times the days.
    fn stepped(self, wall: i64, k: i64) -> Option<i64> {
        let months = u32::try_from(k).ok().and_then(|k| self.months.checked_mul(k));
        // Without months the number of a run may be larger than chrono's count of months.
        let months = if self.months == 0 { 0 } else { months? };
        let wall = DateTime::from_timestamp(wall, 0)?.checked_add_months(Months::new(months))?;
        wall.timestamp().checked_add(self.days.checked_mul(k)?.checked_mul(DAY)?)
    }
}
