//! The schedule language: when an allocation is due. No clock is read here; the current time is an
//! argument.
//!
//! 1. A [`Schedule`] that exists is valid, and all its instants are whole seconds.
//! 2. The next instant depends on nothing but the schedule, the anchor, the zone and `from`:
//!    calls in any order give the same series.

mod cron_clock_changes;
mod cron_fields;
mod day_rule;
mod describe;
mod describe_days;
mod describe_times;
mod error;
mod every_interval;
mod field_element;
mod iso_interval;
mod local_time_walk;
mod month_dependent;
mod parse_cron_expression;
mod parse_iso_interval;
mod parse_schedule;
mod schedule_pool;
mod skipped_local_time;
mod upcoming;
mod warnings;

use chrono::{DateTime, TimeDelta, Utc};

use cron_clock_changes::Calendar;
use every_interval::Interval;
use iso_interval::Repeating;

use crate::zone::Zone;

pub use error::{InvalidSchedule, ScheduleError};
pub use schedule_pool::shared;
pub use skipped_local_time::LeftOut;
pub use upcoming::{Note, Upcoming};

/// A valid schedule, with its text as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    text: Box<str>,
    rule: Rule,
}

/// The forms of a schedule; the large ones are boxed to keep the others small.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    Empty,
    Calendar(Box<Calendar>),
    Every(Interval),
    Repeating(Box<Repeating>),
}

/// Which form a schedule has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Manual runs only.
    Empty,
    /// A cron expression or an alias: local times.
    Calendar,
    /// `@every`: an interval from the anchor.
    Every,
    /// An ISO 8601 repeating interval.
    Repeating,
}

impl Schedule {
    /// Parses a schedule of up to 1,024 bytes; white space around it is ignored.
    ///
    /// # Errors
    /// [`InvalidSchedule`] holds every error in the text, with its place.
    pub fn parse(text: &str) -> Result<Self, InvalidSchedule> {
        match parse_schedule::parse(text) {
            Ok(rule) => Ok(Self { text: text.into(), rule }),
            Err(errors) => Err(InvalidSchedule::new(text, errors)),
        }
    }

    /// Returns the schedule as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Describes when it is due: `at 09:00 on weekdays`, `every 5 minutes`.
    ///
    /// For a dense expression the values are listed.
    #[must_use]
    pub fn in_words(&self) -> String {
        describe::of(&self.rule)
    }

    /// Returns which form the schedule has.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.rule {
            Rule::Empty => Kind::Empty,
            Rule::Calendar(_) => Kind::Calendar,
            Rule::Every(_) => Kind::Every,
            Rule::Repeating(_) => Kind::Repeating,
        }
    }

    /// Returns true if its instants depend on a time zone.
    ///
    /// `@every` does not, nor does an ISO 8601 interval of hours, minutes and seconds that begins at
    /// an instant; one of days or months keeps the local time, so it does.
    #[must_use]
    pub fn depends_on_zone(&self) -> bool {
        match &self.rule {
            Rule::Empty | Rule::Every(_) => false,
            Rule::Calendar(_) => true,
            Rule::Repeating(repeating) => repeating.depends_on_zone(),
        }
    }

    /// Returns the first instant strictly after `from`, if there is one.
    ///
    /// The anchor is when the allocation was created, from which `@every` and an empty START
    /// count; a fraction of a second is rounded up, so that nothing runs early.
    #[must_use]
    pub fn next(
        &self,
        from: DateTime<Utc>,
        anchor: DateTime<Utc>,
        zone: Zone,
    ) -> Option<DateTime<Utc>> {
        // Instants are whole seconds, so dropping a fraction of `from` neither skips nor repeats
        // one.
        let (after, anchor) = (from.timestamp(), whole_second(anchor));
        let at = match &self.rule {
            Rule::Empty => None,
            Rule::Calendar(calendar) => calendar.at_or_after(after + 1, &zone.rules()),
            Rule::Every(interval) => interval.next(after, anchor),
            Rule::Repeating(repeating) => {
                repeating.next(after, anchor, &zone.rules()).map(|run| run.at)
            }
        };
        DateTime::from_timestamp(at.filter(|at| *at <= LAST_INSTANT)?, 0)
    }

    /// Returns the last instant before a time, if there is one within 68 years.
    ///
    /// The search goes back in strides that double, so it costs some tens of [`Schedule::next`].
    #[must_use]
    pub fn previous(
        &self,
        before: DateTime<Utc>,
        anchor: DateTime<Utc>,
        zone: Zone,
    ) -> Option<DateTime<Utc>> {
        let next = |from| self.next(from, anchor, zone).filter(|instant| *instant < before);
        // The newest instant is usually near, so the strides begin small.
        let strides = (0..=LONGEST_STRIDE).map(|power| TimeDelta::seconds(1 << power));
        let found = strides.into_iter().find_map(|stride| next(before - stride))?;
        Some(last_instant(found, before, next))
    }

    /// Returns the number of instants in `(from, to]`.
    ///
    /// Intervals are divided and calendars counted by days; only calendars without a star in their
    /// times are walked, within two days of a change of the clock.
    #[must_use]
    pub fn count(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        anchor: DateTime<Utc>,
        zone: Zone,
    ) -> u64 {
        let (after, anchor) = (from.timestamp(), whole_second(anchor));
        let until = to.timestamp().min(LAST_INSTANT);
        match &self.rule {
            _ if until <= after => 0,
            Rule::Empty => 0,
            Rule::Calendar(calendar) => calendar.count(after, until, &zone.rules()),
            Rule::Every(interval) => interval.count(after, until, anchor),
            Rule::Repeating(repeating) => repeating.count(after, until, anchor, &zone.rules()),
        }
    }

    /// Returns warnings about what may be unintended; empty for most schedules.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        match &self.rule {
            Rule::Calendar(calendar) => warnings::warnings(calendar, self.text.trim()),
            _ => Vec::new(),
        }
    }

    /// Returns all instants after `from` in order, with what daylight saving does to them.
    pub fn upcoming(
        &self,
        from: DateTime<Utc>,
        anchor: DateTime<Utc>,
        zone: Zone,
    ) -> impl Iterator<Item = Upcoming> {
        // It keeps one set of rules, so that an update of the zone data does not change a series
        // halfway.
        upcoming::Walker {
            rule: &self.rule,
            after: from.timestamp(),
            anchor: whole_second(anchor),
            rules: zone.rules(),
        }
    }
}

/// The end of the year 9999: RFC 3339 and the names of runs write years with four digits.
const LAST_INSTANT: i64 = 253_402_300_799;

/// The longest stride back, as a power of two in seconds: 68 years.
const LONGEST_STRIDE: u32 = 31;

/// Returns the last instant of a series, one of which was found, by bisection; `next` returns the first
/// instant after a time and before the end of the series, which is at `end` or before.
pub(crate) fn last_instant(
    mut found: DateTime<Utc>,
    mut end: DateTime<Utc>,
    next: impl Fn(DateTime<Utc>) -> Option<DateTime<Utc>>,
) -> DateTime<Utc> {
    // Most series are short.
    if next(found).is_none() {
        return found;
    }
    while end - found > TimeDelta::seconds(1) {
        let middle = found + (end - found) / 2;
        match next(middle) {
            Some(later) => found = later,
            None => end = middle,
        }
    }
    // An instant at the middle itself was excluded.
    next(found).unwrap_or(found)
}

/// Rounds up to a whole second.
fn whole_second(at: DateTime<Utc>) -> i64 {
    at.timestamp() + i64::from(at.timestamp_subsec_nanos() > 0)
}
