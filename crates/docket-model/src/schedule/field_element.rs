//! One element of a field: `*`, `v`, `a-b`, each also with a step. Those with `L`, `W` and `#` are in
//! `month_dependent`.

use super::cron_fields::{Field, SUNDAY, Value};
use super::error::{Piece, ScheduleError};
use super::month_dependent::{self, special};

/// A parsed element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    /// `*` or `?`
    Any,
    Range(Range),
    /// `L` in dom
    LastDay,
    /// `LW` in dom
    LastWeekday,
    /// `15W` in dom
    Nearest(u16),
    /// `5L` in dow
    LastOf(u16),
    /// `5#3` in dow
    Nth(u16, u16),
}

/// Every `step`th value from first to last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) first: u16,
    pub(super) last: u16,
    pub(super) step: u16,
    /// True for `*/n`.
    pub(super) is_star: bool,
}

impl Element {
    /// Returns the values of a range; those of the other elements depend on the month.
    pub(super) fn values(self) -> impl Iterator<Item = u16> {
        let range = match self {
            Self::Range(range) => Some(range),
            _ => None,
        };
        range.into_iter().flat_map(|range| (range.first..=range.last).step_by(range.step.into()))
    }
}

pub(super) fn parse(field: Field, piece: Piece<'_>) -> Result<Element, ScheduleError> {
    if let Some(special) = special(field, piece) {
        return special;
    }
    let (base, step) = match piece.split_once('/') {
        Some((base, step)) => (base, Some((step, self::step(field, piece, step)?))),
        None => (piece, None),
    };
    match (base.text, step) {
        ("*" | "?", None) => Ok(Element::Any),
        ("*", Some((_, step))) => {
            let (first, last) = (field.least(), field.greatest());
            Ok(Element::Range(Range { first, last, step, is_star: true }))
        }
        ("?", Some((step, _))) => {
            let hint = format!("write */{}", step.text);
            Err(field.misuse(piece, "is not known, ? has no step").with_hint(hint))
        }
        _ => range(field, piece, base, step.map(|(_, step)| step)),
    }
}

fn step(field: Field, whole: Piece<'_>, piece: Piece<'_>) -> Result<u16, ScheduleError> {
    let greatest = field.greatest_written();
    if piece.text.is_empty() || !piece.text.bytes().all(|byte| byte.is_ascii_digit()) {
        let message = format!("{} has no step (1-{greatest}) after the slash", whole.text);
        return Err(field.error(whole, message));
    }
    let step = piece.text.parse::<u64>().ok().and_then(|step| u16::try_from(step).ok());
    step.filter(|step| (1..=greatest).contains(step)).ok_or_else(|| {
        field.error(piece, format!("step {} is out of range (1-{greatest})", piece.text))
    })
}

fn range(
    field: Field,
    whole: Piece<'_>,
    base: Piece<'_>,
    step: Option<u16>,
) -> Result<Element, ScheduleError> {
    let Some((left, right)) = base.split_once('-') else {
        if step.is_some() && special(field, base).is_some() {
            return Err(month_dependent::lonely(field, base));
        }
        let first = field.value(base)?;
        // Sunday is the first day of a week, unless it ends a range.
        let first = if field == Field::WeekDay { first.number % SUNDAY } else { first.number };
        // As in Vixie cron, `5/15` goes on to the end of the range.
        let last = if step.is_some() { field.greatest() } else { first };
        return Ok(Element::Range(Range { first, last, step: step.unwrap_or(1), is_star: false }));
    };
    if left.text.is_empty() || right.text.is_empty() {
        return Err(field.misuse(base, "is not a range, which has two ends"));
    }
    if let Some(letter) = [left, right].into_iter().find(|side| special(field, *side).is_some()) {
        return Err(month_dependent::lonely(field, letter));
    }
    let (first, mut last) = (field.value(left)?, field.value(right)?);
    // `SAT-SUN` is the weekend; with numbers, `6-0` is reversed and `6-7` means it.
    if field == Field::WeekDay && last.is_name && last.number == 0 && first.number > 0 {
        last.number = SUNDAY;
    }
    if first.number > last.number {
        return Err(reversed(field, whole, (first, last), step));
    }
    let (first, last) = (first.number, last.number);
    Ok(Element::Range(Range { first, last, step: step.unwrap_or(1), is_star: false }))
}

/// The error for a reversed range, with how to write what it means.
fn reversed(
    field: Field,
    whole: Piece<'_>,
    ends: (Value, Value),
    step: Option<u16>,
) -> ScheduleError {
    let (first, last) = ends;
    let range = |from: u16, to: u16| {
        let from_text = field.show(from, first.is_name);
        if from == to {
            return from_text;
        }
        format!("{from_text}-{}", field.show(to, first.is_name || last.is_name))
    };
    let error = field.misuse(whole, "is reversed");
    let (lower, upper) = (field.least(), field.greatest_written());
    let rewrite = match (field, step) {
        // Years do not wrap around, so the ends were exchanged.
        (Field::Year, _) => range(last.number, first.number),
        (_, Some(step)) => stepped(field, (first.number, last.number), step),
        (Field::WeekDay, _) if first.number == SUNDAY => range(0, last.number),
        (Field::WeekDay, _) if last.number == 0 => range(first.number, SUNDAY),
        (Field::WeekDay, _) => format!("{},{}", range(first.number, SUNDAY), range(1, last.number)),
        _ => format!("{},{}", range(first.number, upper), range(lower, last.number)),
    };
    error.with_hint(format!("write {rewrite}"))
}

/// Lists the values of a reversed range with a step that wraps around.
fn stepped(field: Field, (first, last): (u16, u16), step: u16) -> String {
    let (lower, size) = (field.least(), field.greatest() - field.least() + 1);
    let round = (first..=last + size).step_by(usize::from(step));
    let values: Vec<_> = round.map(|value| ((value - lower) % size + lower).to_string()).collect();
    values.join(",")
}
