//! The names of days and months, lists in words, and the warnings about a calendar.

use super::calendar::Calendar;
use super::day::Deciding;
use super::sentence_days::{month_day_parts, week_day_parts};

pub(super) const WEEK_DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Returns warnings about what may be unintended in a calendar.
pub(super) fn warnings(calendar: &Calendar, text: &str) -> Vec<String> {
    let mut warnings = Vec::new();
    if calendar.may_mean_seconds {
        let shorter = text.rsplit_once([' ', '\t']).map_or(text, |(shorter, _)| shorter).trim_end();
        warnings.push(format!(
            "six fields end with the year; if seconds were meant first, write `{text} *`, and if not, \
             write `{shorter}`"
        ));
    }
    let days = &calendar.walk.days;
    if days.deciding == Deciding::Either && calendar.has_stepped_days {
        let (month, week) = (month_day_parts(days.month), week_day_parts(days.week));
        warnings.push(format!("runs on {} OR {}", joined(&month), joined(&week)));
    }
    if calendar.walk.at_or_after(0).is_none() {
        warnings.push("never runs: there is no such date".to_owned());
    }
    warnings
}

/// Joins as in a sentence: `a, b and c`.
pub(super) fn joined(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [only] => only.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}
