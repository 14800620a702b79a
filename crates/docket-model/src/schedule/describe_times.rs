//! Describes the times of a day: `at 09:00`, `every 5 minutes from 09:00 to 17:55`.

use cron::TimeUnitSpec;

use super::warnings::joined;

/// How many times of a day are listed one by one.
const LISTED: usize = 4;

/// The values of each unit of a calendar, in order.
pub(super) struct Sets {
    seconds: Vec<u32>,
    minutes: Vec<u32>,
    hours: Vec<u32>,
    pub(super) months: Vec<u32>,
    pub(super) years: Vec<u32>,
}

impl Sets {
    pub(super) fn of(times: &cron::Schedule) -> Self {
        Self {
            seconds: times.seconds().iter().collect(),
            minutes: times.minutes().iter().collect(),
            hours: times.hours().iter().collect(),
            months: times.months().iter().collect(),
            years: times
                .years()
                .iter()
                .filter(|year| {
                    super::local_time_walk::YEARS.contains(&i32::try_from(*year).unwrap_or(0))
                })
                .collect(),
        }
    }
}

/// Describes the times; also returns whether they are single times, which need a day.
pub(super) fn times(sets: &Sets) -> (String, bool) {
    regular(sets).unwrap_or_else(|| (each_unit(sets), false))
}

/// Describes the times by unit: `at minutes 1, 2 and 4 to 8 of hours 1 and 3`.
fn each_unit(sets: &Sets) -> String {
    let (minutes, hours) = (sets.minutes.as_slice(), sets.hours.as_slice());
    let hours = if hours.len() == 24 { None } else { Some(numbered("hour", hours)) };
    let of_hours = match &hours {
        Some(hours) => format!(" of {hours}"),
        None => String::new(),
    };
    let seconds = sets.seconds.as_slice();
    if seconds == [0] {
        return match (stepped(minutes), minutes) {
            // `*/7` starts anew each hour, which `every 7 minutes` alone would hide.
            (Some((0, step)), [.., last]) if step > 1 && last + step > 59 => {
                let of_hours = of_hours.strip_prefix(" of").unwrap_or(" each hour");
                format!("every {step} minutes within{of_hours}")
            }
            _ if minutes.len() == 60 => format!("every minute{of_hours}"),
            _ => format!("at {}{of_hours}", numbered("minute", minutes)),
        };
    }
    let of_minutes = match (minutes.len(), &hours) {
        (60, None) => " of every minute".to_owned(),
        (60, Some(hours)) => format!(" of every minute of {hours}"),
        _ => format!(" of {}{of_hours}", numbered("minute", minutes)),
    };
    match seconds.len() {
        60 => format!("every second{of_minutes}"),
        _ => format!("at {}{of_minutes}", numbered("second", seconds)),
    }
}

/// Some values of a unit: `minute 5`, `minutes 1, 2 and 4 to 8`.
fn numbered(unit: &str, values: &[u32]) -> String {
    let plural = if values.len() == 1 { "" } else { "s" };
    format!("{unit}{plural} {}", joined(&ranges(values)))
}

/// Values in their order, three or more in a row as a range: `1`, `2`, `4 to 8`.
pub(super) fn ranges(values: &[u32]) -> Vec<String> {
    let rows = values.chunk_by(|one, next| next - one == 1);
    let in_words = |row: &[u32]| match row {
        [first, _, .., last] if row.len() > 2 => vec![format!("{first} to {last}")],
        few => few.iter().map(u32::to_string).collect(),
    };
    rows.flat_map(in_words).collect()
}

/// Describes few or regular times by the clock or by an interval.
fn regular(sets: &Sets) -> Option<(String, bool)> {
    let (minutes, hours) = (sets.minutes.as_slice(), sets.hours.as_slice());
    let is_each_minute = minutes.len() == 60 && hours.len() == 24;
    match sets.seconds.as_slice() {
        [0] => {}
        [second] if is_each_minute => {
            return Some((format!("every minute at second {second}"), false));
        }
        [second] => return listed(minutes, hours, Some(*second)),
        seconds if is_each_minute => {
            return stepped(seconds).filter(|(_, step)| goes_round(seconds, *step)).map(|found| {
                let said = match found {
                    (_, 1) => "every second".to_owned(),
                    (0, step) => format!("every {step} seconds"),
                    (first, step) => format!("every {step} seconds from second {first}"),
                };
                (said, false)
            });
        }
        _ => return None,
    }
    if let Some(listed) = listed(minutes, hours, None) {
        return Some(listed);
    }
    let often = match minutes {
        [minute] => return hourly(*minute, hours).map(|said| (said, false)),
        minutes => often(minutes)?,
    };
    Some((format!("{often}{}", within(minutes, hours)?), false))
}

/// A few single times.
fn listed(minutes: &[u32], hours: &[u32], second: Option<u32>) -> Option<(String, bool)> {
    // The product is the number of times, since each minute runs in each hour.
    if minutes.len() * hours.len() > LISTED {
        return None;
    }
    let second = second.map(|second| format!(":{second:02}")).unwrap_or_default();
    let each = hours.iter().flat_map(|hour| minutes.iter().map(move |minute| (hour, minute)));
    let each: Vec<_> =
        each.map(|(hour, minute)| format!("{hour:02}:{minute:02}{second}")).collect();
    Some((format!("at {}", joined(&each)), true))
}

/// Once in each of these hours.
fn hourly(minute: u32, hours: &[u32]) -> Option<String> {
    match (stepped(hours)?, hours) {
        (_, hours) if hours.len() == 24 && minute == 0 => Some("every hour".to_owned()),
        (_, hours) if hours.len() == 24 => Some(format!("every hour at minute {minute}")),
        ((0, step), _) if step > 1 && 24 % step == 0 && minute == 0 => {
            Some(format!("every {step} hours"))
        }
        // Steps that do not divide the day have a shorter distance over midnight.
        ((first, step), _) if step > 1 && first < step && 24 % step == 0 => {
            Some(format!("every {step} hours from {first:02}:{minute:02}"))
        }
        ((_, 1), [first, .., last]) => {
            Some(format!("hourly from {first:02}:{minute:02} to {last:02}:{minute:02}"))
        }
        _ => None,
    }
}

/// Several times an hour.
fn often(minutes: &[u32]) -> Option<String> {
    match stepped(minutes) {
        Some((_, 1)) if minutes.len() == 60 => Some("every minute".to_owned()),
        Some((0, step)) if goes_round(minutes, step) => Some(format!("every {step} minutes")),
        Some((first, step)) if goes_round(minutes, step) => {
            Some(format!("every {step} minutes from minute {first}"))
        }
        _ if minutes.len() <= LISTED => {
            let each: Vec<_> = minutes.iter().map(u32::to_string).collect();
            Some(format!("every hour at minutes {}", joined(&each)))
        }
        _ => None,
    }
}

/// True if the times are equally spaced across the hour.
fn goes_round(values: &[u32], step: u32) -> bool {
    // Otherwise the distance over the full hour is another one.
    60 % step == 0 && values.len() == (60 / step) as usize
}

/// Describes the hours; empty for all of them.
fn within(minutes: &[u32], hours: &[u32]) -> Option<String> {
    if hours.len() == 24 {
        return Some(String::new());
    }
    let is_unbroken = hours.len() == 1 || stepped(hours).is_some_and(|(_, step)| step == 1);
    let (from, to) = (hours.first()?, hours.last()?);
    let (first, last) = (minutes.first()?, minutes.last()?);
    is_unbroken.then(|| format!(" from {from:02}:{first:02} to {to:02}:{last:02}"))
}

/// The first value and the distance, if it is constant.
fn stepped(values: &[u32]) -> Option<(u32, u32)> {
    let [first, second, ..] = values else { return None };
    let step = second - first;
    values.windows(2).all(|pair| pair[1] - pair[0] == step).then_some((*first, step))
}
