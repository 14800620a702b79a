//! The day rule: the days of a month in a schedule, without times and zones.

/// How the two day fields are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deciding {
    /// Neither field is restricted: every day.
    Neither,
    /// Only the day of the month is restricted.
    Month,
    /// Only the day of the week is restricted.
    Week,
    /// Both are restricted: a day that matches either.
    Either,
}

/// The days of the month in the field `dom`; bit 1 is the first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct MonthDays {
    pub(super) days: u32,
    /// `15W`: the weekday nearest to each of these.
    pub(super) nearest: u32,
    /// `L`
    pub(super) last: bool,
    /// `LW`
    pub(super) last_weekday: bool,
}

/// The days of the week in the field `dow`; bit 0 is Sunday.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct WeekDays {
    pub(super) days: u8,
    /// `5L`: the last of these in the month.
    pub(super) last: u8,
    /// `5#3`: the bits of the days with `#3` are at index 2.
    pub(super) nth: [u8; 5],
}

/// Both day fields, and how they are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DayRule {
    pub(super) month: MonthDays,
    pub(super) week: WeekDays,
    pub(super) deciding: Deciding,
}

/// The length of a month and the weekday of its first day, 0 for Sunday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Month {
    pub(super) length: u32,
    pub(super) first: u32,
}

impl Month {
    fn weekday(self, day: u32) -> u32 {
        // `first + day - 1` modulo 7, without a negative number in between.
        (self.first + day + 6) % 7
    }

    fn is_weekend(self, day: u32) -> bool {
        matches!(self.weekday(day), 0 | 6)
    }

    fn all(self) -> u32 {
        // Bit 0 stays empty, so that a day's bit has the number of the day.
        (u32::MAX >> (31 - self.length)) & !1
    }

    /// The weekday nearest to a day within the month, as a bit.
    fn nearest(self, day: u32) -> u32 {
        let moved = match self.weekday(day) {
            // A nearest weekday never leaves the month, so the first goes forward and the last
            // back.
            6 if day > 1 => day - 1,
            6 => day + 2,
            0 if day < self.length => day + 1,
            0 => day - 2,
            _ => day,
        };
        1 << moved
    }

    fn last_weekday(self) -> u32 {
        let last = (1..=self.length).rev().find(|day| !self.is_weekend(*day));
        last.map_or(0, |day| 1 << day)
    }
}

impl DayRule {
    /// Returns the days of a month that match the rule, bit 1 for the first.
    pub(super) fn days(self, month: Month) -> u32 {
        match self.deciding {
            Deciding::Neither => month.all(),
            Deciding::Month => self.month.days(month),
            Deciding::Week => self.week.days(month),
            Deciding::Either => self.month.days(month) | self.week.days(month),
        }
    }
}

impl MonthDays {
    fn days(self, month: Month) -> u32 {
        let mut days = self.days;
        if self.nearest != 0 {
            let named = (1..=month.length).filter(|day| self.nearest & (1 << day) != 0);
            days |= named.map(|day| month.nearest(day)).fold(0, |all, day| all | day);
        }
        if self.last {
            days |= 1 << month.length;
        }
        if self.last_weekday {
            days |= month.last_weekday();
        }
        // The 31st in a month of 30 days is skipped, not moved.
        days & month.all()
    }
}

impl WeekDays {
    fn days(self, month: Month) -> u32 {
        let named = (1..=month.length).filter(|day| {
            let weekday = 1 << month.weekday(*day);
            let nth = self.nth.get(((day - 1) / 7) as usize).copied().unwrap_or(0);
            // A day is the last of its kind if a week later is another month.
            let last = if day + 7 > month.length { self.last } else { 0 };
            (self.days | nth | last) & weekday != 0
        });
        named.fold(0, |all, day| all | 1 << day)
    }
}
