//! The elements whose days depend on the month: `L`, `LW`, `15W`, `5L` and `5#3`.

use super::cron_fields::{Field, SUNDAY};
use super::error::{Piece, ScheduleError};
use super::field_element::Element;

/// Recognises the elements with `L`, `W` and `#`.
pub(super) fn special(field: Field, piece: Piece<'_>) -> Option<Result<Element, ScheduleError>> {
    match field {
        Field::MonthDay => month_day(piece),
        Field::WeekDay => week_day(piece),
        _ => None,
    }
}

fn month_day(piece: Piece<'_>) -> Option<Result<Element, ScheduleError>> {
    let field = Field::MonthDay;
    let text = piece.text.to_ascii_uppercase();
    match text.as_str() {
        "L" => return Some(Ok(Element::LastDay)),
        "LW" => return Some(Ok(Element::LastWeekday)),
        _ => {}
    }
    let (head, tail) = piece.split_at(text.len().saturating_sub(1));
    // Quartz has it; docket rejects it with its own message instead of a broken range.
    if text.starts_with("L-") {
        let what = "is not known, days before the last cannot be counted";
        return Some(Err(field.misuse(piece, what)));
    }
    let is_number = !head.text.is_empty() && head.text.bytes().all(|byte| byte.is_ascii_digit());
    match tail.text {
        "W" | "w" if is_number => Some(field.value(head).map(|day| Element::Nearest(day.number))),
        // Mistaken for the day of the week, where `5L` is valid.
        "L" | "l" if is_number => {
            let hint = "L for the last day; the last Friday is 5L in dow";
            Some(Err(field.misfit(piece).with_hint(hint)))
        }
        _ => None,
    }
}

fn week_day(piece: Piece<'_>) -> Option<Result<Element, ScheduleError>> {
    let field = Field::WeekDay;
    let is_letter_last = piece.text.ends_with(['L', 'l']);
    if let Some((day, number)) = piece.split_once('#') {
        return Some(nth(field, piece, day, number));
    }
    let (head, tail) = piece.split_at(piece.text.len().saturating_sub(1));
    match (head.text, tail.text) {
        ("", _) if is_letter_last => {
            let what = "alone does not say which day of the week";
            Some(Err(field.misuse(piece, what).with_hint("write 6 or 6L")))
        }
        // A range or a step with `L` is left to the error of ranges, which explains it.
        (day, _) if is_letter_last && !day.contains(['-', '/', 'L', 'l']) => {
            Some(field.value(head).map(|day| Element::LastOf(day.number % SUNDAY)))
        }
        (day, "W" | "w") if day.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(Err(field.misfit(piece).with_hint("W belongs in dom")))
        }
        _ => None,
    }
}

fn nth(
    field: Field,
    whole: Piece<'_>,
    day: Piece<'_>,
    number: Piece<'_>,
) -> Result<Element, ScheduleError> {
    if day.text.contains(['-', '/']) || number.text.contains(['-', '/']) {
        return Err(lonely(field, whole));
    }
    if day.text.is_empty() {
        return Err(field.misfit(whole));
    }
    let day = field.value(day)?;
    match number.text.parse::<u16>() {
        Ok(nth @ 1..=5) if !number.text.starts_with('+') => {
            Ok(Element::Nth(day.number % SUNDAY, nth))
        }
        _ => {
            let message = format!("{} does not say which one of the month (1-5)", whole.text);
            Err(field.error(whole, message))
        }
    }
}

pub(super) fn lonely(field: Field, letter: Piece<'_>) -> ScheduleError {
    let what = "stands alone or in a list, never in a range or with a step";
    field.misuse(letter, what)
}
