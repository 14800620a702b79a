//! Describes a schedule in words, as a clause after "runs".

use chrono::DateTime;

use super::Rule;
use super::cron_clock_changes::Calendar;
use super::describe_days as days;
use super::describe_times::{Sets, ranges, times};
use super::iso_interval::{Period, Repeating, Start};
use super::warnings::joined;

/// The units of a duration, in seconds.
const UNITS: [(i64, &str); 3] = [(3600, "hour"), (60, "minute"), (1, "second")];

/// Describes when a rule is due.
pub(super) fn of(rule: &Rule) -> String {
    match rule {
        Rule::Empty => "only manually".to_owned(),
        Rule::Calendar(calendar) => of_calendar(calendar),
        Rule::Every(interval) => every(interval.seconds()),
        Rule::Repeating(repeating) => of_repeating(repeating),
    }
}

fn of_calendar(calendar: &Calendar) -> String {
    let sets = Sets::of(&calendar.walk.times);
    let (time, is_clock_time) = times(&sets);
    let day = days::of(&calendar.walk.days, &sets);
    let day = if day.is_empty() && is_clock_time { "every day".to_owned() } else { day };
    let parts = [time, day, years(&sets.years)];
    let said = parts.iter().map(String::as_str).filter(|part| !part.is_empty());
    said.collect::<Vec<_>>().join(" ")
}

/// Describes the years; empty for all of them.
fn years(years: &[u32]) -> String {
    match (years, ranges(years).as_slice()) {
        (all, _) if all.len() == super::local_time_walk::YEARS.count() => String::new(),
        ([first, .., last], [_]) => format!("from {first} to {last}"),
        (_, ranges) => format!("in {}", joined(ranges)),
    }
}

/// A duration by units: `1 hour`, `30 minutes`. Days are given in hours, as a day with a change of
/// the clock has another length.
fn parts_of(seconds: i64) -> Vec<String> {
    let mut rest = seconds;
    let part = |(size, unit): &(i64, &str)| {
        let count = rest / size;
        rest %= size;
        (count > 0).then(|| counted(count, unit))
    };
    UNITS.iter().filter_map(part).collect()
}

/// An interval: `every 5 minutes`, `every 1 hour 30 minutes`.
fn every(seconds: i64) -> String {
    // English leaves out a single 1: `every hour`, but `every 1 hour 30 minutes`.
    match parts_of(seconds).as_slice() {
        [only] => format!("every {}", only.strip_prefix("1 ").unwrap_or(only)),
        parts => format!("every {}", parts.join(" ")),
    }
}

fn counted(count: i64, unit: &str) -> String {
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

fn of_repeating(repeating: &Repeating) -> String {
    let start = match repeating.start {
        Start::Acceptance => None,
        Start::Instant(at) => Some(format!("{} UTC", moment(at))),
        Start::Wall(at) => Some(moment(at)),
    };
    if repeating.runs == Some(1) {
        return match start {
            // The period of a single run has no effect, so it is not mentioned.
            Some(start) => format!("once, at {start}"),
            None => "once, when it was created".to_owned(),
        };
    }
    let times = repeating.runs.map(|runs| format!(", {runs} times in all")).unwrap_or_default();
    let start = start.map(|start| format!(" from {start}")).unwrap_or_default();
    format!("{}{start}{times}", period(repeating.period))
}

/// A period: `every 2 weeks`, `every 1 month 2 days 3 hours`.
fn period(period: Period) -> String {
    let one = |count: i64, unit: &str| match count {
        1 => format!("every {unit}"),
        _ => format!("every {count} {unit}s"),
    };
    match period {
        Period { months, days: 0, seconds: 0 } if months > 0 && months % 12 == 0 => {
            one(i64::from(months / 12), "year")
        }
        Period { months, days: 0, seconds: 0 } => one(i64::from(months), "month"),
        Period { months: 0, days, seconds: 0 } if days % 7 == 0 => one(days / 7, "week"),
        Period { months: 0, days, seconds: 0 } => one(days, "day"),
        Period { months: 0, days: 0, seconds } => every(seconds),
        Period { months, days, seconds } => {
            let counts = [(i64::from(months), "month"), (days, "day")];
            let counts = counts.into_iter().filter(|(count, _)| *count > 0);
            let parts: Vec<_> = counts.map(|(count, unit)| counted(count, unit)).collect();
            let rest = if seconds > 0 { parts_of(seconds) } else { Vec::new() };
            format!("every {}", [parts, rest].concat().join(" "))
        }
    }
}

fn moment(at: i64) -> String {
    let form = if at % 60 == 0 { "%Y-%m-%d %H:%M" } else { "%Y-%m-%d %H:%M:%S" };
    DateTime::from_timestamp(at, 0).map(|at| at.format(form).to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use crate::schedule::Schedule;

    fn words(text: &str) -> String {
        Schedule::parse(text).unwrap().in_words()
    }

    #[test]
    fn times_of_a_day_are_described_by_the_clock() {
        let cases = [
            ("0 9 * * *", "at 09:00 every day"),
            ("@daily", "at 00:00 every day"),
            ("30 8,12 * * *", "at 08:30 and 12:30 every day"),
            ("0,30 9 * * *", "at 09:00 and 09:30 every day"),
            ("30 0 9 * * * *", "at 09:00:30 every day"),
            ("0 9-17 * * *", "hourly from 09:00 to 17:00"),
            ("15 9-17 * * *", "hourly from 09:15 to 17:15"),
            ("0 */2 * * *", "every 2 hours"),
            ("10 */3 * * *", "every 3 hours from 00:10"),
            ("10 */6 * * *", "at 00:10, 06:10, 12:10 and 18:10 every day"),
            ("@hourly", "every hour"),
            ("20 * * * *", "every hour at minute 20"),
            ("0,15,20 * * * *", "every hour at minutes 0, 15 and 20"),
        ];
        for (text, said) in cases {
            assert_eq!(words(text), said, "{text}");
        }
    }

    #[test]
    fn what_is_often_due_is_described_by_its_interval() {
        let cases = [
            ("* * * * *", "every minute"),
            ("*/5 * * * *", "every 5 minutes"),
            ("2-59/5 * * * *", "every 5 minutes from minute 2"),
            ("*/5 9-17 * * 1-5", "every 5 minutes from 09:00 to 17:55 on weekdays"),
            ("* 9 * * *", "every minute from 09:00 to 09:59"),
            ("*/10 * * * * * *", "every 10 seconds"),
            ("* * * * * * *", "every second"),
            ("15 * * * * * *", "every minute at second 15"),
            ("@every 1s", "every second"),
            ("@every 5m", "every 5 minutes"),
            ("@every 1h30m", "every 1 hour 30 minutes"),
            ("@every 48h", "every 48 hours"),
        ];
        for (text, said) in cases {
            assert_eq!(words(text), said, "{text}");
        }
    }

    #[test]
    fn days_months_and_years_follow_the_time() {
        let cases = [
            ("0 9 * * 1-5", "at 09:00 on weekdays"),
            ("0 9 * * SAT,SUN", "at 09:00 on weekends"),
            ("0 9 * * 1", "at 09:00 on Mondays"),
            ("0 9 * * 1,4", "at 09:00 on Mondays and Thursdays"),
            ("0 9 * * 2-5", "at 09:00 from Tuesday to Friday"),
            ("0 9 * * 5L", "at 09:00 on the last Friday of the month"),
            ("0 9 * * 5#3", "at 09:00 on the third Friday of the month"),
            ("30 2 L * *", "at 02:30 on the last day of the month"),
            ("0 18 LW * *", "at 18:00 on the last weekday of the month"),
            ("0 9 15W * *", "at 09:00 on the weekday nearest the 15th of the month"),
            ("0 9 1,15 * *", "at 09:00 on the 1st and 15th of the month"),
            ("0 9 1-7 * *", "at 09:00 from the 1st to the 7th of the month"),
            ("0 9 22 3 *", "at 09:00 on the 22nd of March"),
            ("0 9 * 6-8 *", "at 09:00 every day from June to August"),
            ("0 9 * 6,12 1", "at 09:00 on Mondays in June and December"),
            ("0 9 13 * 5", "at 09:00 on the 13th of the month and on Fridays"),
            ("0 9 * * 1-5 2027", "at 09:00 on weekdays in 2027"),
            ("0 9 * * * 2027-2030", "at 09:00 every day from 2027 to 2030"),
            ("@yearly", "at 00:00 on the 1st of January"),
            ("@weekly", "at 00:00 on Sundays"),
        ];
        for (text, said) in cases {
            assert_eq!(words(text), said, "{text}");
        }
    }

    #[test]
    fn repeating_intervals_tell_where_they_begin() {
        let cases = [
            ("R/2026-04-29T18:00:00Z/P1D", "every day from 2026-04-29 18:00 UTC"),
            ("R3/2026-04-29T18:00:00/P2W", "every 2 weeks from 2026-04-29 18:00, 3 times in all"),
            ("R1/2026-04-29T18:00:00Z/P0D", "once, at 2026-04-29 18:00 UTC"),
            ("R//PT1H30M", "every 1 hour 30 minutes"),
            ("R/2026-04-29T18:00:10/P1Y", "every year from 2026-04-29 18:00:10"),
        ];
        for (text, said) in cases {
            assert_eq!(words(text), said, "{text}");
        }
    }

    #[test]
    fn dense_and_irregular_schedules_have_words_too() {
        let cases = [
            ("*/7 * * * *", "every 7 minutes within each hour"),
            ("*/7 9-17 * * *", "every 7 minutes within hours 9 to 17"),
            ("*/45 * * * * * *", "at seconds 0 and 45 of every minute"),
            ("1,2,4,8,16,32,50 * * * *", "at minutes 1, 2, 4, 8, 16, 32 and 50"),
            ("7,8,9,11,13 1,2,3 * * *", "at minutes 7 to 9, 11 and 13 of hours 1 to 3"),
            ("* 1,3 * * *", "every minute of hours 1 and 3"),
            ("0 */5 * * *", "at minute 0 of hours 0, 5, 10, 15 and 20"),
            (
                "0 9 1,3,7,12,19,22,30 * *",
                "at 09:00 on the 1st, 3rd, 7th, 12th, 19th, 22nd and 30th of the month",
            ),
            (
                "0 9 1-5,L * *",
                "at 09:00 on the 1st, 2nd, 3rd, 4th and 5th and the last day of the month",
            ),
            ("1,9,20 * * * * * *", "at seconds 1, 9 and 20 of every minute"),
            ("1,9 5-8 2 * * * *", "at seconds 1 and 9 of minutes 5 to 8 of hour 2"),
            (
                "* */7 3 * * * *",
                "every second of minutes 0, 7, 14, 21, 28, 35, 42, 49 and 56 of hour 3",
            ),
            ("0 9 * * * 2027,2029-2032,2040", "at 09:00 every day in 2027, 2029 to 2032 and 2040"),
            (
                "R/2026-04-29T18:00:00Z/P1M2DT3H",
                "every 1 month 2 days 3 hours from 2026-04-29 18:00 UTC",
            ),
            ("", "only manually"),
        ];
        for (text, said) in cases {
            assert_eq!(words(text), said, "{text}");
        }
    }
}
