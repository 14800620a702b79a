//! Walks from any local time to the next one of a calendar, without zones and daylight saving.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime};

use super::day::{DayRule, Month};

/// The years of the language.
pub(super) const YEARS: std::ops::RangeInclusive<i32> = 1970..=2099;

const DAY: i64 = 24 * 3600;

/// A calendar of local times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Walk {
    pub(super) seconds: Bits,
    pub(super) minutes: Bits,
    pub(super) hours: Bits,
    pub(super) days: DayRule,
    pub(super) months: Bits,
    /// In order; `None` for all.
    pub(super) years: Option<Box<[i32]>>,
}

/// Numbers up to 63.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bits(u64);

impl FromIterator<u16> for Bits {
    fn from_iter<I: IntoIterator<Item = u16>>(numbers: I) -> Self {
        Self(numbers.into_iter().fold(0, |bits, number| bits | 1 << number))
    }
}

impl Bits {
    pub(super) fn iter(self) -> impl Iterator<Item = u32> {
        (0..u64::BITS).filter(move |number| self.has(*number))
    }

    fn has(self, number: u32) -> bool {
        self.0 >> number & 1 == 1
    }

    /// The least number at or after another one.
    fn at_or_after(self, number: u32) -> Option<u32> {
        let rest = self.0.checked_shr(number)?;
        (rest != 0).then(|| number + rest.trailing_zeros())
    }

    fn count(self) -> u64 {
        self.0.count_ones().into()
    }

    fn count_below(self, number: u32) -> u64 {
        Self(self.0 & !(u64::MAX << number)).count()
    }
}

impl Walk {
    /// Returns the first local time of the calendar at or after `wall`.
    pub(super) fn at_or_after(&self, wall: i64) -> Option<i64> {
        let today = wall.div_euclid(DAY);
        let day = self.day_at_or_after(today)?;
        let second = if day == today { wall.rem_euclid(DAY) } else { 0 };
        if let Some(second) = self.second_at_or_after(second) {
            return Some(day * DAY + second);
        }
        // The day has no more times. Each later one begins with its first time.
        Some(self.day_at_or_after(day + 1)? * DAY + self.second_at_or_after(0)?)
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
        let (hour, minute, second) = units(second);
        let mut before = self.seconds.count_below(second);
        before *= u64::from(self.minutes.has(minute));
        before += self.minutes.count_below(minute) * self.seconds.count();
        before *= u64::from(self.hours.has(hour));
        before + self.hours.count_below(hour) * self.minutes.count() * self.seconds.count()
    }

    /// Returns the first time of a matching day at or after a second of it.
    fn second_at_or_after(&self, second: i64) -> Option<i64> {
        let (hour, minute, second) = units(second);
        let in_minute = |hour, minute, second| {
            let second = self.seconds.at_or_after(second)?;
            Some(i64::from((hour * 60 + minute) * 60 + second))
        };
        let in_hour = |hour, minute| in_minute(hour, self.minutes.at_or_after(minute)?, 0);
        let in_this_minute =
            || in_minute(hour, minute, second).filter(|_| self.minutes.has(minute));
        let in_this_hour = || in_this_minute().or_else(|| in_hour(hour, minute + 1));
        let found = if self.hours.has(hour) { in_this_hour() } else { None };
        found.or_else(|| in_hour(self.hours.at_or_after(hour + 1)?, 0))
    }

    /// Returns the first matching day at or after a day, both counted from 1970-01-01. It steps by
    /// whole months, so a date decades away, or a nonexistent one, costs little.
    fn day_at_or_after(&self, day: i64) -> Option<i64> {
        let start = DateTime::from_timestamp(day.max(0).checked_mul(DAY)?, 0)?.date_naive();
        let years = (start.year()..=*YEARS.end())
            .filter(|year| self.years.as_ref().is_none_or(|years| years.contains(year)));
        let months = years.flat_map(|year| {
            self.months.iter().filter_map(move |month| NaiveDate::from_ymd_opt(year, month, 1))
        });
        let this = start.with_day(1)?;
        for first in months.skip_while(|first| *first < this) {
            let over = if first == this { start.day() } else { 0 };
            let days = self.days.days(shape(first)) & (u32::MAX << over);
            if days != 0 {
                let named = first.with_day(days.trailing_zeros())?.and_time(NaiveTime::MIN);
                return Some(named.and_utc().timestamp() / DAY);
            }
        }
        None
    }
}

/// The hour, minute and second of a second of a day.
fn units(second: i64) -> (u32, u32, u32) {
    let unit = |bound: i64| u32::try_from(bound).unwrap_or_default();
    (unit(second / 3600), unit(second / 60 % 60), unit(second % 60))
}

fn shape(first: NaiveDate) -> Month {
    Month {
        length: u32::from(first.num_days_in_month()),
        first: first.weekday().num_days_from_sunday(),
    }
}
