//! Walks from any local time to the next one of a calendar, without zones and daylight saving.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime};
use cron::TimeUnitSpec;

use super::day_rule::{DayRule, Month};

/// The years of the language.
pub(super) const YEARS: std::ops::RangeInclusive<i32> = 1970..=2099;

const DAY: i64 = 24 * 3600;

/// A calendar of local times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Walk {
    /// Seconds to years, with open day fields: `days` decides the days.
    pub(super) times: cron::Schedule,
    pub(super) days: DayRule,
}

impl Walk {
    /// Returns the first local time of the calendar at or after `wall`.
    pub(super) fn at_or_after(&self, wall: i64) -> Option<i64> {
        let day = self.day_at_or_after(wall.div_euclid(DAY))?;
        // The crate has open day fields and knows nothing of the day rule, so it may leave the day.
        let found = self.time_at_or_after(wall.max(day * DAY))?;
        if found.div_euclid(DAY) == day {
            return Some(found);
        }
        // The day has no more times. Each later one begins with its first time.
        self.time_at_or_after(self.day_at_or_after(day + 1)? * DAY)
    }

    /// Returns the number of local times of the calendar in `[from, end)`, counted by days.
    pub(super) fn count(&self, from: i64, end: i64) -> u64 {
        let first = self.day_at_or_after(from.div_euclid(DAY));
        let days = std::iter::successors(first, |day| self.day_at_or_after(day + 1));
        days.take_while(|day| day * DAY < end)
            .map(|day| {
                let before = |wall: i64| self.times_before((wall - day * DAY).clamp(0, DAY));
                before(end) - before(from)
            })
            .sum()
    }

    /// Returns the number of times of a matching day before a second of it.
    fn times_before(&self, second: i64) -> u64 {
        let units = |bound: i64| u32::try_from(bound).unwrap_or_default();
        let (hour, minute, second) =
            (units(second / 3600), units(second / 60 % 60), units(second % 60));
        let (hours, minutes, seconds) =
            (self.times.hours(), self.times.minutes(), self.times.seconds());
        let mut before = named_below(seconds, second);
        before *= u64::from(minutes.includes(minute));
        before += named_below(minutes, minute) * u64::from(seconds.count());
        before *= u64::from(hours.includes(hour));
        before + named_below(hours, hour) * u64::from(minutes.count()) * u64::from(seconds.count())
    }

    fn time_at_or_after(&self, wall: i64) -> Option<i64> {
        // The crate searches strictly after a time.
        let before = DateTime::from_timestamp(wall - 1, 0)?;
        self.times.after(&before).next().map(|found| found.timestamp())
    }

    /// Returns the first matching day at or after a day, both counted from 1970-01-01. It steps by
    /// whole months, so a date decades away, or a nonexistent one, costs little.
    fn day_at_or_after(&self, day: i64) -> Option<i64> {
        // The language begins in 1970, so an earlier day means the first one.
        let start = DateTime::from_timestamp(day.max(0).checked_mul(DAY)?, 0)?.date_naive();
        let years =
            (start.year()..=*YEARS.end()).filter(|year| includes(self.times.years(), *year));
        let months = years.flat_map(|year| {
            self.times
                .months()
                .iter()
                .filter_map(move |month| NaiveDate::from_ymd_opt(year, month, 1))
        });
        let this = start.with_day(1)?;
        for first in months.skip_while(|first| *first < this) {
            let over = if first == this { start.day() } else { 0 };
            // Clears the bits of the days before the one from which the search begins.
            let days = self.days.days(shape(first)) & (u32::MAX << over);
            if days != 0 {
                let named = first.with_day(days.trailing_zeros())?.and_time(NaiveTime::MIN);
                return Some(named.and_utc().timestamp() / DAY);
            }
        }
        None
    }
}

fn includes(unit: &impl TimeUnitSpec, value: i32) -> bool {
    u32::try_from(value).is_ok_and(|value| unit.includes(value))
}

fn named_below(unit: &impl TimeUnitSpec, bound: u32) -> u64 {
    (0..bound).filter(|value| unit.includes(*value)).count() as u64
}

fn shape(first: NaiveDate) -> Month {
    Month {
        length: u32::from(first.num_days_in_month()),
        first: first.weekday().num_days_from_sunday(),
    }
}
