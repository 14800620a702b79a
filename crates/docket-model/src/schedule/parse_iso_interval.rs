//! Parsing of ISO 8601 repeating intervals: `R/START/PERIOD` and `Rn/START/PERIOD`.

use chrono::{DateTime, NaiveDateTime};

use super::error::{Piece, ScheduleError};
use super::iso_interval::{Period, Repeating, Start};

/// The longest period, in years: the year of a start has four digits, too.
const LONGEST: i64 = 9999;

/// The shape of a START in local time, and its length.
const WALL: (&str, usize) = ("%Y-%m-%dT%H:%M:%S", 19);

/// The shape of an offset after a START, with zeros for digits.
const OFFSET: &str = "+00:00";

/// Returns whether a text looks like a repeating interval.
pub(super) fn is_meant(text: &str) -> bool {
    let mut letters = text.chars();
    let first = letters.next();
    // A minus or a small `r` is wrong, but shows what is meant, so the error is about that.
    let head = letters.as_str().trim_start_matches(|c: char| c.is_ascii_digit() || c == '-');
    matches!(first, Some('R' | 'r')) && head.starts_with('/')
}

pub(super) fn parse(piece: Piece<'_>) -> Result<Repeating, Vec<ScheduleError>> {
    let parts: Vec<_> = piece.split(|c| c == '/').collect();
    let &[count, start, period] = parts.as_slice() else {
        let message = format!("found {} parts between slashes, not 3", parts.len());
        return Err(vec![
            ScheduleError::new(None, piece, message).with_hint("write R/START/PERIOD"),
        ]);
    };
    match (runs(count), self::start(start), self::period(period)) {
        // A second run would be at the same instant, and an instant has one run.
        (Ok(runs), Ok(start), Ok(found)) if found.is_zero() && runs != Some(1) => {
            let repeating = Repeating { runs, start, period: found };
            Err(vec![zero(period, repeating.runs)])
        }
        (Ok(runs), Ok(start), Ok(period)) => Ok(Repeating { runs, start, period }),
        (runs, start, period) => {
            let errors = [runs.err(), start.err(), period.err()];
            Err(errors.into_iter().flatten().collect())
        }
    }
}

fn zero(period: Piece<'_>, runs: Option<u64>) -> ScheduleError {
    let message = format!("{} is zero, which only R1 may be", period.text);
    let error = ScheduleError::new(Some("period"), period, message);
    match runs {
        None => error.with_hint("write R1 for a single run"),
        Some(_) => error,
    }
}

fn runs(piece: Piece<'_>) -> Result<Option<u64>, ScheduleError> {
    let wrong = |message: &str| {
        ScheduleError::new(Some("count"), piece, format!("{} {message}", piece.text))
    };
    let Some(digits) = piece.text.strip_prefix('R') else {
        return Err(wrong("does not begin with a capital R").with_hint("write R"));
    };
    match digits {
        "" => Ok(None),
        _ if !digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Err(wrong("is not a number of runs (R1 or more)")
                .with_hint("write R to repeat for ever"))
        }
        _ => match digits.parse() {
            Ok(0) => Err(wrong("never runs (R1 or more)")),
            Ok(runs) => Ok(Some(runs)),
            Err(_) => Err(wrong("is too large a number of runs")),
        },
    }
}

fn start(piece: Piece<'_>) -> Result<Start, ScheduleError> {
    if piece.text.is_empty() {
        return Ok(Start::Acceptance);
    }
    let (wall, zone) = piece.split_at(WALL.1);
    let reading = Some(wall.text).filter(|text| is_shaped(text, "0000-00-00T00:00:00"));
    // chrono would read a leap second as the second before it.
    let reading = reading
        .filter(|text| !text.ends_with("60"))
        .and_then(|text| NaiveDateTime::parse_from_str(text, WALL.0).ok());
    let parsed = match (reading, zone.text) {
        (Some(reading), "") => Some(Start::Wall(reading.and_utc().timestamp())),
        (Some(_), "Z") => instant(piece),
        (Some(_), offset) if is_shaped(&offset.replacen('-', "+", 1), OFFSET) => instant(piece),
        _ => None,
    };
    parsed.ok_or_else(|| {
        let message = format!("{} is not a date and time", piece.text);
        let hint =
            "write 2026-04-29T18:00:00, with Z or an offset such as +02:00 behind it or nothing";
        ScheduleError::new(Some("start"), piece, message).with_hint(hint)
    })
}

fn instant(piece: Piece<'_>) -> Option<Start> {
    let instant = DateTime::parse_from_rfc3339(piece.text).ok()?;
    Some(Start::Instant(instant.timestamp()))
}

/// Compares with a shape in which a zero matches any digit.
fn is_shaped(text: &str, shape: &str) -> bool {
    text.len() == shape.len()
        && text.bytes().zip(shape.bytes()).all(|(byte, like)| match like {
            b'0' => byte.is_ascii_digit(),
            _ => byte == like,
        })
}

fn period(piece: Piece<'_>) -> Result<Period, ScheduleError> {
    let wrong = |message: &str, hint: &str| {
        let message = format!("{} {message}", piece.text);
        Err(ScheduleError::new(Some("period"), piece, message).with_hint(hint))
    };
    let Some(parts) = piece.text.strip_prefix('P') else {
        return wrong("is not a period", "write P1D, P1M or PT1H30M");
    };
    let (date, time) = match parts.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (parts, None),
    };
    if time == Some("") || parts.is_empty() {
        return wrong("has no length", "write P1D or PT1H");
    }
    if parts.contains('-') {
        return wrong("is negative", "a period is positive, such as P1D");
    }
    if parts.contains(['.', ',']) {
        return wrong("has a fraction", "write PT30M for half an hour");
    }
    let time = time.unwrap_or_default();
    match (amounts(date, "YMWD"), amounts(time, "HMS")) {
        (Some(date), Some(time)) => sum(&date, &time).ok_or_else(|| {
            let message = format!("{} is too long (up to {LONGEST} years)", piece.text);
            ScheduleError::new(Some("period"), piece, message)
        }),
        _ => wrong("is not a period", "write each unit once, in the order P1Y2M3W4DT5H6M7S"),
    }
}

/// Reads numbers before units; each unit at most once and in order. A number that is too large
/// becomes the largest one, which no period can have.
fn amounts(text: &str, units: &str) -> Option<Vec<i64>> {
    let mut found = Vec::with_capacity(units.len());
    let mut rest = text;
    for unit in units.chars() {
        let tail = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let digits = rest.strip_suffix(tail).unwrap_or_default();
        match tail.strip_prefix(unit) {
            Some(tail) if !digits.is_empty() => {
                // Every product with it overflows or exceeds the limit, which gives the right
                // error.
                found.push(digits.parse().unwrap_or(i64::MAX));
                rest = tail;
            }
            _ => found.push(0),
        }
    }
    rest.is_empty().then_some(found)
}

fn sum(date: &[i64], time: &[i64]) -> Option<Period> {
    let total = |amounts: &[i64], sizes: &[i64], limit: i64| {
        let sum = amounts
            .iter()
            .zip(sizes)
            .try_fold(0_i64, |sum, (amount, size)| amount.checked_mul(*size)?.checked_add(sum))?;
        (sum <= limit).then_some(sum)
    };
    let (months, days) = date.split_at_checked(2)?;
    Some(Period {
        months: u32::try_from(total(months, &[12, 1], LONGEST * 12)?).ok()?,
        days: total(days, &[7, 1], LONGEST * 366)?,
        seconds: total(time, &[3600, 60, 1], LONGEST * 366 * 86_400)?,
    })
}
