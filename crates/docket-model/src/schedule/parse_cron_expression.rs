//! Cron expressions: from fields to a [`Calendar`].

use std::collections::BTreeSet;

use super::cron_clock_changes::{Calendar, Clock};
use super::cron_fields::{Field, SUNDAY};
use super::day_rule::{DayRule, Deciding, MonthDays, WeekDays};
use super::error::{Piece, ScheduleError};
use super::field_element::{self, Element};
use super::local_time_walk::Walk;

const FIVE: [Field; 5] =
    [Field::Minute, Field::Hour, Field::MonthDay, Field::Month, Field::WeekDay];

/// Parses an expression whose words are its fields, and reports every error in it.
pub(super) fn parse(whole: Piece<'_>) -> Result<Calendar, Vec<ScheduleError>> {
    let words: Vec<_> = whole.words().collect();
    let fields: &[&[Field]] = match words.len() {
        5 => &[&FIVE],
        6 => &[&FIVE, &[Field::Year]],
        7 => &[&[Field::Second], &FIVE, &[Field::Year]],
        _ => return Err(vec![wrong_count(whole, words.len())]),
    };
    let mut lists = Vec::with_capacity(words.len());
    let mut errors = Vec::new();
    for (field, word) in fields.iter().copied().flatten().zip(&words) {
        lists.push(List::parse(*field, *word, &mut errors));
    }
    if errors.is_empty() {
        return calendar(&lists).map_err(|message| vec![ScheduleError::new(None, whole, message)]);
    }
    if words.len() == 6 {
        // Other programs read six fields with seconds first, which is the usual reason of such
        // errors.
        explain_six(whole, &mut errors);
    }
    Err(errors)
}

fn wrong_count(whole: Piece<'_>, found: usize) -> ScheduleError {
    let fields = if found == 1 { "field" } else { "fields" };
    let message = format!("found {found} {fields}, a cron schedule has 5, 6 or 7");
    let hint = if whole.text.starts_with("PT") {
        "write @every 1h30m for an interval, or R//PT1H30M to begin at once"
    } else {
        "write min hour dom month dow, then year if wanted, and sec before all of them"
    };
    ScheduleError::new(None, whole, message).with_hint(hint)
}

/// The error for six fields that are probably meant to begin with seconds.
fn explain_six(whole: Piece<'_>, errors: &mut [ScheduleError]) {
    let seven = format!("{} *", whole.text);
    // Seven fields never get here again, so this parses at most twice.
    let is_meant = parse(Piece { text: &seven, offset: 0 }).is_ok();
    let in_year = errors.iter().position(|error| error.part == Some(Field::Year.name()));
    let Some(index) = in_year.or(is_meant.then_some(0)) else {
        return;
    };
    if let Some(error) = errors.get_mut(index) {
        let year = "the sixth of six fields is the year";
        let hint = match &error.hint {
            _ if is_meant => format!("{year}; with seconds write {seven}"),
            Some(rewrite) => format!("{year}; {rewrite}"),
            None => year.to_owned(),
        };
        error.hint = Some(hint);
    }
}

/// The elements of one field.
struct List {
    field: Field,
    elements: Vec<Element>,
    begins_with_star: bool,
}

impl List {
    fn parse(field: Field, word: Piece<'_>, errors: &mut Vec<ScheduleError>) -> Self {
        let mut elements = Vec::new();
        for piece in word.split(|c| c == ',') {
            match field_element::parse(field, piece) {
                _ if piece.text.is_empty() => {
                    // One error for the list: after `,,` each further empty element would be the
                    // same slip.
                    errors.push(field.misuse(word, "has an empty element in its list"));
                    break;
                }
                _ if !piece.text.is_ascii() => {
                    errors.push(ScheduleError::foreign(Some(field.name()), piece));
                }
                Ok(element) => elements.push(element),
                Err(error) => errors.push(error),
            }
        }
        Self { field, elements, begins_with_star: word.text.starts_with(['*', '?']) }
    }

    fn is_restricted(&self) -> bool {
        !self.elements.contains(&Element::Any)
    }

    /// Returns whether the list contains `*/n`.
    fn has_stepped_star(&self) -> bool {
        self.elements
            .iter()
            .any(|element| matches!(element, Element::Range(range) if range.is_star))
    }

    /// Writes the values in the syntax of the `cron` crate.
    fn values(&self) -> String {
        let values: BTreeSet<u16> =
            self.elements.iter().flat_map(|element| element.values()).collect();
        let all = usize::from(self.field.greatest() - self.field.least()) + 1;
        // `*` takes the crate less memory than all values.
        if !self.is_restricted() || values.len() == all {
            return "*".to_owned();
        }
        let values: Vec<_> = values.iter().map(ToString::to_string).collect();
        values.join(",")
    }
}

fn calendar(lists: &[List]) -> Result<Calendar, String> {
    let list = |field| lists.iter().find(|list| list.field == field);
    let values = |field, missing: &str| list(field).map_or(missing.to_owned(), List::values);
    let times = format!(
        "{} {} {} * {} * {}",
        values(Field::Second, "0"),
        values(Field::Minute, "*"),
        values(Field::Hour, "*"),
        values(Field::Month, "*"),
        values(Field::Year, "*"),
    );
    // All values are numbers in range, so the crate accepts them; its error is a safety net.
    let times = times.parse().map_err(|error: cron::error::Error| error.to_string())?;
    let days = [Field::MonthDay, Field::WeekDay].map(list);
    let is_wildcard = [Field::Second, Field::Minute, Field::Hour]
        .into_iter()
        .any(|field| list(field).is_some_and(|list| list.begins_with_star));
    Ok(Calendar {
        walk: Walk { times, days: day_rule(days) },
        clock: if is_wildcard { Clock::Wildcard } else { Clock::Fixed },
        has_stepped_days: days.into_iter().flatten().any(List::has_stepped_star),
        may_mean_seconds: list(Field::Second).is_none()
            && list(Field::Year).is_some_and(|year| !year.is_restricted()),
    })
}

fn day_rule(lists: [Option<&List>; 2]) -> DayRule {
    // `*,5` counts as open: an element `*` already matches every day.
    let [month, week] = lists.map(|list| list.filter(|list| list.is_restricted()));
    let deciding = match (month, week) {
        (None, None) => Deciding::Neither,
        (Some(_), None) => Deciding::Month,
        (None, Some(_)) => Deciding::Week,
        (Some(_), Some(_)) => Deciding::Either,
    };
    DayRule {
        month: month.map(month_days).unwrap_or_default(),
        week: week.map(week_days).unwrap_or_default(),
        deciding,
    }
}

fn month_days(list: &List) -> MonthDays {
    let mut days = MonthDays::default();
    for element in &list.elements {
        match element {
            Element::Nearest(day) => days.nearest |= 1 << day,
            Element::LastDay => days.last = true,
            Element::LastWeekday => days.last_weekday = true,
            _ => days.days |= element.values().fold(0, |all, day| all | 1 << day),
        }
    }
    days
}

fn week_days(list: &List) -> WeekDays {
    let mut days = WeekDays::default();
    for element in &list.elements {
        match element {
            Element::LastOf(day) => days.last |= 1 << day,
            Element::Nth(day, nth) => {
                if let Some(days) = days.nth.get_mut(usize::from(nth - 1)) {
                    *days |= 1 << day;
                }
            }
            _ => {
                // Sunday is both 0 and 7.
                days.days |= element.values().fold(0, |all, day| all | 1 << (day % SUNDAY));
            }
        }
    }
    days
}
