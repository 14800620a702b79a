//! The warnings about a calendar, with its days in words.

use super::cron_clock_changes::Calendar;
use super::day_rule::{Deciding, MonthDays, WeekDays};

pub(super) const WEEK_DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

pub(super) const NTH: [&str; 5] = ["first", "second", "third", "fourth", "fifth"];

/// The bits of the odd days from 1 to 31.
const ODD_DAYS: u32 = 0xAAAA_AAAA;

/// The bits of the days from 1 to 31.
const ALL_DAYS: u32 = 0xFFFF_FFFE;

/// Returns warnings about what may be unintended in a calendar.
pub(super) fn warnings(calendar: &Calendar, text: &str) -> Vec<String> {
    let mut warnings = Vec::new();
    if calendar.may_mean_seconds {
        // The sixth field is an open year here, so leaving it out changes nothing.
        let shorter = text.rsplit_once([' ', '\t']).map_or(text, |(shorter, _)| shorter).trim_end();
        warnings.push(format!(
            "six fields end with the year; if seconds were meant first, write `{text} *`, and if not, \
             write `{shorter}`"
        ));
    }
    let days = &calendar.walk.days;
    // Vixie cron takes a field that begins with a star as open, and would require both.
    if days.deciding == Deciding::Either && calendar.has_stepped_days {
        warnings.push(format!("runs on {} OR {}", month_days(days.month), week_days(days.week)));
    }
    // From 1970 on, not from now: the answer must not depend on the day of the check.
    if calendar.walk.at_or_after(0).is_none() {
        warnings.push("never runs: there is no such date".to_owned());
    }
    warnings
}

fn month_days(named: MonthDays) -> String {
    let numbers = |bits: u32| (1..=31).filter(move |day| bits & (1 << day) != 0);
    let mut parts = Vec::new();
    match named.days {
        0 => {}
        ODD_DAYS => parts.push("odd days".to_owned()),
        ALL_DAYS => parts.push("every day".to_owned()),
        days => {
            let days: Vec<_> = numbers(days).map(|day| day.to_string()).collect();
            let noun = if days.len() == 1 { "day" } else { "days" };
            parts.push(format!("{noun} {}", joined(&days)));
        }
    }
    parts.extend(numbers(named.nearest).map(|day| format!("the weekday nearest day {day}")));
    if named.last {
        parts.push("the last day".to_owned());
    }
    if named.last_weekday {
        parts.push("the last weekday".to_owned());
    }
    joined(&parts)
}

fn week_days(named: WeekDays) -> String {
    let listed = |bits: u8| {
        let days = WEEK_DAYS.iter().enumerate();
        days.filter(move |(index, _)| bits & (1 << index) != 0).map(|(_, name)| *name)
    };
    let mut parts: Vec<_> = listed(named.days).map(|name| format!("{name}s")).collect();
    parts.extend(listed(named.last).map(|name| format!("the last {name}")));
    for (days, nth) in named.nth.iter().zip(NTH) {
        parts.extend(listed(*days).map(|name| format!("the {nth} {name}")));
    }
    joined(&parts)
}

/// Joins as in a sentence: `a, b and c`.
pub(super) fn joined(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [only] => only.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}
