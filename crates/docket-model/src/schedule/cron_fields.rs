//! The fields of a cron expression: their ranges, their names, and a single value in them.

use super::error::{Piece, ScheduleError};

/// One of the seven fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Second,
    Minute,
    Hour,
    MonthDay,
    Month,
    WeekDay,
    Year,
}

const MONTHS: [&str; 12] = [
    "JANUARY",
    "FEBRUARY",
    "MARCH",
    "APRIL",
    "MAY",
    "JUNE",
    "JULY",
    "AUGUST",
    "SEPTEMBER",
    "OCTOBER",
    "NOVEMBER",
    "DECEMBER",
];

const WEEK_DAYS: [&str; 7] =
    ["SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY"];

/// Sunday as the end of a week.
pub(super) const SUNDAY: u16 = 7;

/// A value, and whether it was written as a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) number: u16,
    pub(super) is_name: bool,
}

impl Field {
    /// The name of the field in this language and in its errors.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Second => "sec",
            Self::Minute => "min",
            Self::Hour => "hour",
            Self::MonthDay => "dom",
            Self::Month => "month",
            Self::WeekDay => "dow",
            Self::Year => "year",
        }
    }

    /// What a value of the field is called, with its article.
    fn noun(self) -> &'static str {
        match self {
            Self::Second => "a second",
            Self::Minute => "a minute",
            Self::Hour => "an hour",
            Self::MonthDay => "a day of the month",
            Self::Month => "a month",
            Self::WeekDay => "a day of the week",
            Self::Year => "a year",
        }
    }

    pub(super) fn least(self) -> u16 {
        match self {
            Self::Second | Self::Minute | Self::Hour | Self::WeekDay => 0,
            Self::MonthDay | Self::Month => 1,
            Self::Year => 1970,
        }
    }

    /// The greatest value of `*` and `v/n`, which is also the largest step, except for the seven days
    /// of a week.
    pub(super) fn greatest(self) -> u16 {
        match self {
            Self::Second | Self::Minute => 59,
            Self::Hour => 23,
            Self::MonthDay => 31,
            Self::Month => 12,
            Self::WeekDay => 6,
            Self::Year => 2099,
        }
    }

    /// The greatest value that can be written: Sunday is 0 and 7.
    pub(super) fn greatest_written(self) -> u16 {
        if self == Self::WeekDay { SUNDAY } else { self.greatest() }
    }

    /// The allowed values, for errors.
    fn allowed(self) -> String {
        let names = match self {
            Self::Month => ", JAN-DEC",
            Self::WeekDay => ", SUN-SAT",
            _ => "",
        };
        format!("{}-{}{names}", self.least(), self.greatest_written())
    }

    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Month => &MONTHS,
            Self::WeekDay => &WEEK_DAYS,
            _ => &[],
        }
    }

    pub(super) fn error(self, piece: Piece<'_>, message: String) -> ScheduleError {
        ScheduleError::new(Some(self.name()), piece, message)
    }

    /// The error for a text of the wrong form, with the allowed values.
    pub(super) fn misuse(self, piece: Piece<'_>, what: &str) -> ScheduleError {
        self.error(piece, format!("{} {what} ({})", piece.text, self.allowed()))
    }

    /// The error for a text that is not a value of the field.
    pub(super) fn misfit(self, piece: Piece<'_>) -> ScheduleError {
        self.misuse(piece, &format!("is not {}", self.noun()))
    }

    /// Parses a number or a name.
    pub(super) fn value(self, piece: Piece<'_>) -> Result<Value, ScheduleError> {
        let text = piece.text;
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return self.number(piece).map(|number| Value { number, is_name: false });
        }
        if let Some(index) = named(self.names(), text) {
            return Ok(Value { number: index + self.least(), is_name: true });
        }
        Err(self.foreign(piece))
    }

    fn number(self, piece: Piece<'_>) -> Result<u16, ScheduleError> {
        // Leading zeros may make the text long, so a text that overflows is out of range, not
        // misspelt.
        let number = piece.text.parse::<u64>().ok().and_then(|number| u16::try_from(number).ok());
        let range = self.least()..=self.greatest_written();
        number.filter(|number| range.contains(number)).ok_or_else(|| {
            let (text, least, greatest) = (piece.text, self.least(), self.greatest_written());
            self.error(piece, format!("{text} is out of range ({least}-{greatest})"))
        })
    }

    /// The error for a text that is a name of another field, or misspelled.
    fn foreign(self, piece: Piece<'_>) -> ScheduleError {
        let text = piece.text.to_ascii_uppercase();
        for other in [Self::Month, Self::WeekDay] {
            if other != self && named(other.names(), &text).is_some() {
                let hint = format!("{} belongs in {}", piece.text, other.name());
                return self.misfit(piece).with_hint(hint);
            }
        }
        let meant = self
            .names()
            .iter()
            // `TUES` and `SEPT` are common abbreviations.
            .find(|name| text.get(..3).is_some_and(|head| name.starts_with(head)));
        match meant.and_then(|name| name.get(..3)) {
            Some(name) if text.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
                self.misfit(piece).with_hint(format!("write {name}"))
            }
            _ => self.misfit(piece),
        }
    }

    /// Writes a value in the style of the other end of its range.
    pub(super) fn show(self, number: u16, as_name: bool) -> String {
        let index =
            if self == Self::WeekDay { number % SUNDAY } else { number - self.least().min(number) };
        match self.names().get(usize::from(index)).and_then(|name| name.get(..3)) {
            Some(name) if as_name => name.to_owned(),
            _ => number.to_string(),
        }
    }
}

fn named(names: &[&str], text: &str) -> Option<u16> {
    let found = names.iter().position(|name| {
        name.eq_ignore_ascii_case(text)
            || name.get(..3).is_some_and(|name| name.eq_ignore_ascii_case(text))
    });
    found.and_then(|index| u16::try_from(index).ok())
}
