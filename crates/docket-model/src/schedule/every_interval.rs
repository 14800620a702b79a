//! Intervals: `@every 1h30m`, counted from when the allocation was created.

use super::error::{Piece, ScheduleError};

const PART: Option<&str> = Some("interval");

/// The longest interval, a thousand years of 366 days; a longer one is a typo.
const LONGEST: u64 = 1000 * 366 * 24 * 3600;

/// An interval of whole seconds, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Interval {
    seconds: i64,
}

impl Interval {
    /// Parses the text after `@every`.
    pub(super) fn parse(piece: Piece<'_>) -> Result<Self, ScheduleError> {
        // Only a text that cannot be read is compared with the units of other programs.
        let seconds = total(piece).map_err(|error| foreign(piece).unwrap_or(error))?;
        if seconds == 0 {
            return Err(ScheduleError::new(PART, piece, "an interval is at least 1s".into()));
        }
        match i64::try_from(seconds) {
            Ok(seconds) => Ok(Self { seconds }),
            Err(_) => Err(wrong(piece, "is too long (up to 1000 years)")),
        }
    }

    /// Returns its seconds.
    pub(super) fn seconds(self) -> i64 {
        self.seconds
    }

    /// Returns the first run after `from`.
    pub(super) fn next(self, from: i64, anchor: i64) -> Option<i64> {
        // By division, so that a server that was down for a year computes no missed instant one by
        // one.
        let run = self.runs_until(from, anchor).checked_add(1)?;
        anchor.checked_add(self.seconds.checked_mul(run)?)
    }

    /// Returns the number of runs in `(from, to]`.
    pub(super) fn count(self, from: i64, to: i64, anchor: i64) -> u64 {
        let runs = self.runs_until(to, anchor) - self.runs_until(from, anchor);
        u64::try_from(runs).unwrap_or(0)
    }

    fn runs_until(self, at: i64, anchor: i64) -> i64 {
        // Before the anchor there are no runs, and the first one is an interval after it.
        at.saturating_sub(anchor).max(0) / self.seconds
    }
}

/// Adds up the amounts; each unit at most once, larger units first.
fn total(piece: Piece<'_>) -> Result<u64, ScheduleError> {
    let mut rest = piece.text;
    let (mut total, mut smallest) = (0_u64, u64::MAX);
    while !rest.is_empty() {
        let digits_end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (digits, tail) = rest.split_at(digits_end);
        let mut tail = tail.chars();
        let unit = unit(piece, digits, tail.next())?;
        if unit >= smallest {
            let error = wrong(piece, "repeats a unit or has them out of order");
            return Err(error.with_hint("write 1h30m10s"));
        }
        smallest = unit;
        let number = digits.parse::<u64>().ok();
        total = number
            .and_then(|number| number.checked_mul(unit)?.checked_add(total))
            .filter(|total| *total <= LONGEST)
            .ok_or_else(|| wrong(piece, "is too long (up to 1000 years)"))?;
        rest = tail.as_str();
    }
    Ok(total)
}

/// The units of intervals in other programs: their names, and their milliseconds.
// Milliseconds, because durations of Go have fractions of a second; 0 is for units below one.
const FOREIGN_UNITS: [(&[&str], u64); 7] = [
    (&["ns", "us", "\u{b5}s", "\u{3bc}s"], 0),
    (&["ms"], 1),
    (&["s", "sec", "secs", "second", "seconds"], 1000),
    (&["m", "min", "mins", "minute", "minutes"], 60_000),
    (&["h", "hr", "hrs", "hour", "hours"], 3_600_000),
    (&["d", "day", "days"], 86_400_000),
    (&["w", "week", "weeks"], 604_800_000),
];

/// The error for an interval with the units of other programs, with what to write.
fn foreign(piece: Piece<'_>) -> Option<ScheduleError> {
    let text: String = piece.text.split_whitespace().collect();
    let (mut rest, mut total, mut longest) = (text.as_str(), 0_u64, 0);
    while !rest.is_empty() {
        let digits_end = rest.find(|c: char| !c.is_ascii_digit())?;
        let (digits, tail) = rest.split_at(digits_end);
        let unit_end = tail.find(|c: char| !c.is_alphabetic()).unwrap_or(tail.len());
        let (unit, after) = tail.split_at(unit_end);
        let unit = unit.to_lowercase();
        let (_, size) = FOREIGN_UNITS.iter().find(|(names, _)| names.contains(&unit.as_str()))?;
        total = digits.parse::<u64>().ok()?.checked_mul(*size)?.checked_add(total)?;
        (rest, longest) = (after, longest.max(*size));
    }
    let is_own = |c: char| c.is_ascii_digit() || matches!(c, 'h' | 'm' | 's');
    // With units of its own the text has another error, which `total` has found.
    if piece.text.chars().all(is_own) && !text.contains("ms") {
        return None;
    }
    let what = match longest {
        _ if total % 1000 != 0 || total == 0 => "has parts of a second",
        86_400_000 => "has days, whose length daylight saving changes",
        604_800_000 => "has weeks, whose length daylight saving changes",
        _ => "is not written with the units h, m and s",
    };
    // Rounded up, so that nothing runs more often than written.
    let seconds = total.div_ceil(1000).max(1);
    let daily = match seconds {
        86_400 => ", or @daily for each day at 00:00",
        604_800 => ", or @weekly for each Sunday at 00:00",
        _ => "",
    };
    Some(wrong(piece, what).with_hint(format!("write @every {}{daily}", written(seconds))))
}

/// Writes an interval.
fn written(seconds: u64) -> String {
    let parts = [(seconds / 3600, 'h'), (seconds / 60 % 60, 'm'), (seconds % 60, 's')];
    let parts = parts.into_iter().filter(|(count, _)| *count > 0);
    let parts: Vec<_> = parts.map(|(count, unit)| format!("{count}{unit}")).collect();
    parts.concat()
}

/// Returns the seconds of the unit after some digits.
fn unit(piece: Piece<'_>, digits: &str, letter: Option<char>) -> Result<u64, ScheduleError> {
    match letter {
        Some('h' | 'm' | 's') if digits.is_empty() => {
            Err(wrong(piece, "lacks a number").with_hint("write 1h30m10s"))
        }
        Some('h') => Ok(3600),
        Some('m') => Ok(60),
        Some('s') => Ok(1),
        None => {
            let hint = format!("write {digits}s or {digits}m");
            Err(ScheduleError::new(PART, piece, format!("{digits} what?")).with_hint(hint))
        }
        Some('.' | ',') => Err(wrong(piece, "has a fraction").with_hint("write 1h30m for 1.5h")),
        Some(_) => Err(wrong(piece, "is not an interval")
            .with_hint("write hours, minutes and seconds as 1h30m10s")),
    }
}

fn wrong(piece: Piece<'_>, what: &str) -> ScheduleError {
    ScheduleError::new(PART, piece, format!("{} {what}", piece.text))
}
