//! Durations as users write them: `1h30m10s`, or ISO 8601 `PT1H30M`.

use std::{fmt, str::FromStr, time};

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A duration in whole seconds. Months and years have no fixed length and are not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Duration(u64);

/// A text that is not a valid duration.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidDuration {
    /// A number without a unit.
    #[error("{0} what? write {0}s or {0}m")]
    BareNumber(String),
    /// An unknown unit.
    #[error("`{0}` is not a unit: use d, h, m and s, as in 1h30m")]
    Unit(String),
    /// A duplicate unit, or one after a smaller one.
    #[error("`{0}` is out of order: write the larger units first and each once, as in 1d2h3m4s")]
    Order(String),
    /// Months or years.
    #[error("a month or a year has no fixed length: count days, as in P30D")]
    Calendar,
    /// More than the limit.
    #[error("`{0}` is too long (at most 366000d)")]
    TooLong(String),
    /// Neither form.
    #[error("`{0}` is not a valid duration: write it as 1h30m10s or PT1H30M10S")]
    Malformed(String),
}

/// A unit: how it is written and how many seconds it has.
type Unit = (&'static str, u64);

const UNITS: [Unit; 4] = [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)];
const ISO_DATE: [Unit; 2] = [("W", 7 * 86_400), ("D", 86_400)];
const ISO_TIME: [Unit; 3] = [("H", 3600), ("M", 60), ("S", 1)];

/// What each duration matches, as a regular expression.
pub(crate) const PATTERN: &str = "^([0-9]+d([0-9]+h)?([0-9]+m)?([0-9]+s)?|[0-9]+h([0-9]+m)?([0-9]+s)?|\
    [0-9]+m([0-9]+s)?|[0-9]+s|\
    [Pp](([0-9]+[Ww])?([0-9]+[Dd])?[Tt]([0-9]+[Hh]([0-9]+[Mm])?([0-9]+[Ss])?|[0-9]+[Mm]([0-9]+[Ss])?|[0-9]+[Ss])|\
    [0-9]+[Ww]([0-9]+[Dd])?|[0-9]+[Dd]))$";

/// The limit, in seconds: a date of the calendar plus this much stays in chrono's range.
const MAX_SECONDS: u64 = 1000 * 366 * 86_400;

impl Duration {
    /// A duration of so many seconds, at most the limit.
    #[must_use]
    pub const fn from_seconds(seconds: u64) -> Self {
        // `min` is not a constant function.
        Self(if seconds < MAX_SECONDS { seconds } else { MAX_SECONDS })
    }

    /// The duration in seconds.
    #[must_use]
    pub fn seconds(self) -> u64 {
        self.0
    }
}

impl FromStr for Duration {
    type Err = InvalidDuration;

    fn from_str(text: &str) -> Result<Self, InvalidDuration> {
        let iso = text.strip_prefix(['P', 'p']);
        let seconds = match iso {
            Some(period) => iso_seconds(text, period)?,
            None if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
                return Err(InvalidDuration::BareNumber(text.to_owned()));
            }
            None => parts(text, text, &UNITS)?,
        };
        if seconds > MAX_SECONDS {
            return Err(InvalidDuration::TooLong(text.to_owned()));
        }
        Ok(Self(seconds))
    }
}

fn iso_seconds(text: &str, period: &str) -> Result<u64, InvalidDuration> {
    // ISO 8601 has capital letters; small ones are as clear.
    let period = period.to_ascii_uppercase();
    let (date, time) = match period.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (period.as_str(), None),
    };
    // Only before the `T`: after it, `M` is minutes.
    if date.contains(['Y', 'M']) {
        return Err(InvalidDuration::Calendar);
    }
    let time = time.map(|time| parts(text, time, &ISO_TIME)).transpose()?;
    match (date, time) {
        ("", Some(time)) => Ok(time),
        _ => Ok(parts(text, date, &ISO_DATE)?.saturating_add(time.unwrap_or(0))),
    }
}

/// The sum of numbers with their units, the larger units first.
fn parts(text: &str, mut rest: &str, mut units: &[Unit]) -> Result<u64, InvalidDuration> {
    let malformed = || InvalidDuration::Malformed(text.to_owned());
    let known = units;
    let mut seconds = 0_u64;
    if rest.is_empty() {
        return Err(malformed());
    }
    while !rest.is_empty() {
        let (number, tail) = rest.split_at(end_of(rest, |c| c.is_ascii_digit()));
        let (unit, tail) = tail.split_at(end_of(tail, char::is_alphabetic));
        if number.is_empty() || unit.is_empty() {
            return Err(malformed());
        }
        let Some(place) = units.iter().position(|(name, _)| *name == unit) else {
            // A known unit that is left over was used before, or comes after a smaller one.
            let misplaced = known.iter().any(|(name, _)| *name == unit);
            return Err(if misplaced {
                InvalidDuration::Order(format!("{number}{unit}"))
            } else {
                InvalidDuration::Unit(unit.to_owned())
            });
        };
        let (given, smaller) = units.split_at(place + 1);
        let length = given.last().map_or(1, |(_, length)| *length);
        // Only digits get here, so it fails if there are too many of them.
        let number: u64 = number.parse().map_err(|_| InvalidDuration::TooLong(text.to_owned()))?;
        // A sum that saturates is above the limit, which is checked by the caller.
        seconds = seconds.saturating_add(number.saturating_mul(length));
        (units, rest) = (smaller, tail);
    }
    Ok(seconds)
}

fn end_of(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

/// Writes the units that are not zero, the largest first: `1d2h`; zero is `0s`.
impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.0;
        for (letter, length) in UNITS {
            if rest >= length {
                write!(f, "{}{letter}", rest / length)?;
            }
            rest %= length;
        }
        Ok(())
    }
}

text_for_serde!(Duration, InvalidDuration);

impl From<Duration> for TimeDelta {
    fn from(duration: Duration) -> Self {
        // The limit is far below what a `TimeDelta` holds.
        Self::seconds(i64::try_from(duration.0).unwrap_or(i64::MAX / 1000))
    }
}

impl From<Duration> for time::Duration {
    fn from(duration: Duration) -> Self {
        Self::from_secs(duration.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_and_written_in_one() {
        let cases = [
            ("10m", 600, "10m"),
            ("1h30m10s", 5410, "1h30m10s"),
            ("90s", 90, "1m30s"),
            ("1d", 86_400, "1d"),
            ("0s", 0, "0s"),
            ("PT10M", 600, "10m"),
            ("pt1h30m", 5400, "1h30m"),
            ("P1DT2H", 93_600, "1d2h"),
            ("P2W", 1_209_600, "14d"),
        ];
        for (text, seconds, written) in cases {
            let duration: Duration = text.parse().unwrap();
            assert_eq!((duration.seconds(), duration.to_string()), (seconds, written.to_owned()));
        }
    }

    #[test]
    fn anything_else_is_refused_with_a_remedy() {
        let cases = [
            ("30", "30 what? write 30s or 30m"),
            ("", "`` is not a valid duration: write it as 1h30m10s or PT1H30M10S"),
            ("1.5h", "`1.5h` is not a valid duration: write it as 1h30m10s or PT1H30M10S"),
            ("-5s", "`-5s` is not a valid duration: write it as 1h30m10s or PT1H30M10S"),
            ("1h30", "`1h30` is not a valid duration: write it as 1h30m10s or PT1H30M10S"),
            ("5é", "`é` is not a unit: use d, h, m and s, as in 1h30m"),
            ("5min", "`min` is not a unit: use d, h, m and s, as in 1h30m"),
            ("10ms", "`ms` is not a unit: use d, h, m and s, as in 1h30m"),
            ("5M", "`M` is not a unit: use d, h, m and s, as in 1h30m"),
            (
                "5s3m",
                "`3m` is out of order: write the larger units first and each once, as in 1d2h3m4s",
            ),
            ("P1M", "a month or a year has no fixed length: count days, as in P30D"),
            ("P", "`P` is not a valid duration: write it as 1h30m10s or PT1H30M10S"),
            ("PT", "`PT` is not a valid duration: write it as 1h30m10s or PT1H30M10S"),
            ("P1DT", "`P1DT` is not a valid duration: write it as 1h30m10s or PT1H30M10S"),
            ("99999999999999999999s", "`99999999999999999999s` is too long (at most 366000d)"),
            ("9999999999999999999d", "`9999999999999999999d` is too long (at most 366000d)"),
        ];
        for (text, message) in cases {
            assert_eq!(text.parse::<Duration>().unwrap_err().to_string(), message, "{text}");
        }
    }
}
