//! Fixed distances: `@every 1h30m`, counted from when the allocation was created.

use super::mistake::{Mistake, Piece};

const PART: Option<&str> = Some("interval");

/// The longest interval, a thousand years of 366 days; longer ones are slips of the finger.
const LONGEST: u64 = 1000 * 366 * 24 * 3600;

/// A distance of whole seconds, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Interval {
    seconds: i64,
}

impl Interval {
    /// Parses the text after `@every`.
    pub(super) fn parse(piece: Piece<'_>) -> Result<Self, Mistake> {
        let seconds = total(piece)?;
        if seconds == 0 {
            return Err(Mistake::new(PART, piece, "an interval is at least 1s".into()));
        }
        match i64::try_from(seconds) {
            Ok(seconds) => Ok(Self { seconds }),
            Err(_) => Err(wrong(piece, "is too long (up to 1000 years)")),
        }
    }

    /// Returns the distance.
    pub(super) fn seconds(self) -> i64 {
        self.seconds
    }

    /// Returns the first run after `from`.
    pub(super) fn next(self, from: i64, anchor: i64) -> Option<i64> {
        let run = self.runs_until(from, anchor).checked_add(1)?;
        anchor.checked_add(self.seconds.checked_mul(run)?)
    }

    /// Returns the number of runs in `(from, to]`.
    pub(super) fn count(self, from: i64, to: i64, anchor: i64) -> u64 {
        let runs = self.runs_until(to, anchor) - self.runs_until(from, anchor);
        u64::try_from(runs).unwrap_or(0)
    }

    fn runs_until(self, at: i64, anchor: i64) -> i64 {
        at.saturating_sub(anchor).max(0) / self.seconds
    }
}

/// Adds up the amounts, each unit at most once and the larger before the smaller.
fn total(piece: Piece<'_>) -> Result<u64, Mistake> {
    let mut rest = piece.text;
    let (mut total, mut smallest) = (0_u64, u64::MAX);
    while !rest.is_empty() {
        let digits_end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (digits, tail) = rest.split_at(digits_end);
        if let Some(mistake) = foreign_unit(piece, digits, tail).filter(|_| !digits.is_empty()) {
            return Err(mistake);
        }
        let mut tail = tail.chars();
        let unit = unit(piece, digits, tail.next())?;
        if unit >= smallest {
            let mistake = wrong(piece, "repeats a unit or has them out of order");
            return Err(mistake.with_hint("write 1h30m10s"));
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

/// The units that other programs have in an interval, and what to write in their place.
fn foreign_unit(piece: Piece<'_>, digits: &str, rest: &str) -> Option<Mistake> {
    let end = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
    let (unit, _) = rest.split_at(end);
    let lower = unit.to_lowercase();
    let number = digits.parse::<u64>().ok();
    let times = |factor: u64, unit: &str| {
        let product = number.and_then(|number| number.checked_mul(factor));
        product.map(|product| format!("write @every {product}{unit}"))
    };
    let (what, hint) = match lower.as_str() {
        "ms" | "us" | "µs" | "μs" | "ns" => (
            "is no number of whole seconds, and 1s is the least",
            Some("write @every 1s".to_owned()),
        ),
        "d" | "day" | "days" => {
            let hours = times(24, "h");
            let daily = |hours| format!("{hours}, or @daily for each day at 00:00");
            ("has days, whose length daylight saving changes", hours.map(daily))
        }
        "w" | "week" | "weeks" => {
            let hours = times(168, "h");
            let weekly = |hours| format!("{hours}, or @weekly for each Sunday at 00:00");
            ("has weeks, whose length daylight saving changes", hours.map(weekly))
        }
        "y" | "year" | "years" | "mo" | "month" | "months" => (
            "has months or years, whose lengths differ",
            Some("write @monthly or @yearly".to_owned()),
        ),
        "hr" | "hrs" | "hour" | "hours" => ("has a unit that is not known", times(1, "h")),
        "min" | "mins" | "minute" | "minutes" => ("has a unit that is not known", times(1, "m")),
        "sec" | "secs" | "second" | "seconds" => ("has a unit that is not known", times(1, "s")),
        _ if unit != lower && matches!(lower.as_str(), "h" | "m" | "s") => {
            ("has a unit in capitals", times(1, &lower))
        }
        _ => return None,
    };
    let mistake = wrong(piece, what);
    Some(match hint {
        Some(hint) => mistake.with_hint(hint),
        None => mistake,
    })
}

/// Returns the seconds of the unit that follows some digits.
fn unit(piece: Piece<'_>, digits: &str, letter: Option<char>) -> Result<u64, Mistake> {
    match letter {
        Some('h' | 'm' | 's') if digits.is_empty() => {
            Err(wrong(piece, "lacks a number").with_hint("write 1h30m10s"))
        }
        Some('h') => Ok(3600),
        Some('m') => Ok(60),
        Some('s') => Ok(1),
        None => {
            let hint = format!("write {digits}s or {digits}m");
            Err(Mistake::new(PART, piece, format!("{digits} what?")).with_hint(hint))
        }
        Some('.' | ',') => Err(wrong(piece, "has a fraction").with_hint("write 1h30m for 1.5h")),
        Some(' ' | '\t') => {
            let whole: String = piece.text.split_whitespace().collect();
            let hint = match total(Piece { text: &whole, offset: piece.offset }) {
                Ok(_) => Some(format!("write @every {whole}")),
                Err(mistake) => mistake.hint,
            };
            Err(Mistake { hint, ..wrong(piece, "has a space in it") })
        }
        Some(_) => Err(wrong(piece, "is not an interval")
            .with_hint("write hours, minutes and seconds as 1h30m10s")),
    }
}

fn wrong(piece: Piece<'_>, what: &str) -> Mistake {
    Mistake::new(PART, piece, format!("{} {what}", piece.text))
}
