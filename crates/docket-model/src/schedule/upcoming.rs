//! The next instants, each with the effect of daylight saving.

use std::fmt::{self, Display};

use chrono::{DateTime, NaiveDateTime, Timelike, Utc};

use super::cron_clock_changes::{Calendar, Clock};
use super::iso_interval::Run;
use super::{LAST_INSTANT, Rule};
use crate::zone::{Meaning, Rules};

/// One instant of a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upcoming {
    /// The instant.
    pub at: DateTime<Utc>,
    /// The effect of daylight saving on this instant, or on a time just before it.
    pub note: Option<Note>,
}

/// The effect of a change of the clock on a time of a schedule; [`Display`] describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// A time does not exist on that day; it runs at the first instant after the gap.
    Moved {
        /// The time in the schedule.
        time: NaiveDateTime,
        /// The local time at which it runs.
        to: NaiveDateTime,
    },
    /// A time occurs twice, and runs at its first occurrence only.
    First(NaiveDateTime),
    /// A time occurs twice, and runs both times.
    Both(NaiveDateTime),
    /// A time before this instant does not exist, and does not run.
    Dropped(NaiveDateTime),
}

impl Display for Note {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Moved { time, to } => {
                write!(
                    formatter,
                    "{} does not exist that day: runs at {}",
                    clock(*time),
                    clock(*to)
                )
            }
            Self::First(time) => {
                write!(formatter, "{} comes twice: runs at the first", clock(*time))
            }
            Self::Both(time) => write!(formatter, "{} comes twice: runs both times", clock(*time)),
            Self::Dropped(time) => {
                write!(formatter, "{} {} does not exist: does not run", time.date(), clock(*time))
            }
        }
    }
}

fn clock(time: NaiveDateTime) -> impl Display {
    let format = if time.second() == 0 { "%H:%M" } else { "%H:%M:%S" };
    time.format(format)
}

/// Walks from instant to instant.
pub(super) struct Walker<'a> {
    pub(super) rule: &'a Rule,
    pub(super) after: i64,
    pub(super) anchor: i64,
    pub(super) rules: Rules,
}

impl Iterator for Walker<'_> {
    type Item = Upcoming;

    fn next(&mut self) -> Option<Upcoming> {
        let (after, rules) = (self.after, &self.rules);
        let (at, note) = match self.rule {
            Rule::Empty => return None,
            Rule::Every(interval) => (interval.next(after, self.anchor)?, None),
            Rule::Calendar(calendar) => {
                let at = calendar.at_or_after(after + 1, rules)?;
                (at, calendar_note(calendar, after, at, rules))
            }
            Rule::Repeating(repeating) => {
                let run = repeating.next(after, self.anchor, rules)?;
                (run.at, run_note(run, rules))
            }
        };
        if at > LAST_INSTANT {
            return None;
        }
        self.after = at;
        Some(Upcoming { at: DateTime::from_timestamp(at, 0)?, note })
    }
}

fn reading(wall: i64) -> Option<NaiveDateTime> {
    DateTime::from_timestamp(wall, 0).map(|wall| wall.naive_utc())
}

fn calendar_note(calendar: &Calendar, after: i64, at: i64, rules: &Rules) -> Option<Note> {
    let wall = at + rules.offset(at);
    // Each local time of the schedule in between that exists would be an instant of its own.
    let skipped = calendar.walk.at_or_after(after + rules.offset(after) + 1);
    if let Some(time) = skipped.filter(|time| *time < wall) {
        match rules.meaning(time)? {
            Meaning::Never(change) if change.at == at && calendar.makes_up(change) => {
                return Some(Note::Moved { time: reading(time)?, to: reading(wall)? });
            }
            Meaning::Never(_) => return Some(Note::Dropped(reading(time)?)),
            Meaning::Once(_) | Meaning::Twice { .. } => {}
        }
    }
    match (rules.meaning(wall)?, calendar.clock) {
        (Meaning::Twice { .. }, Clock::Fixed) => Some(Note::First(reading(wall)?)),
        (Meaning::Twice { .. }, Clock::Wildcard) => Some(Note::Both(reading(wall)?)),
        _ => None,
    }
}

fn run_note(run: Run, rules: &Rules) -> Option<Note> {
    let (wall, meaning) = run.wall?;
    let time = reading(wall)?;
    match meaning {
        // With hours in its period a run is moved away from its local time, and the note would be
        // wrong.
        Meaning::Twice { first, .. } if first == run.at => Some(Note::First(time)),
        Meaning::Never(change) if change.at == run.at => {
            let to = reading(run.at + rules.offset(run.at))?;
            Some(Note::Moved { time, to })
        }
        _ => None,
    }
}
