//! Describes the days of a calendar: `on weekdays`, `on the last day of the month`.

use super::day_rule::{DayRule, Deciding, MonthDays, WeekDays};
use super::describe_times::Sets;
use super::warnings::{NTH, WEEK_DAYS, joined};

const MONTHS: [&str; 12] = [
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

/// The bits of Monday to Friday.
const WORKING_DAYS: u8 = 0b011_1110;
/// The bits of Saturday and Sunday.
const WEEKEND: u8 = 0b100_0001;

/// Describes the days and months; empty for all of them.
pub(super) fn of(rule: &DayRule, sets: &Sets) -> String {
    let months = months(&sets.months);
    let with_months =
        |days: String| if months.is_empty() { days } else { format!("{days} {months}") };
    match rule.deciding {
        Deciding::Neither if months.is_empty() => months,
        Deciding::Neither => format!("every day {months}"),
        Deciding::Month => match months.strip_prefix("in ") {
            // `of March` reads better than `of the month in March`; a range of months keeps its own
            // words.
            Some(months) => month_days(rule.month, &format!("of {months}")),
            None => with_months(month_days(rule.month, "of the month")),
        },
        Deciding::Week => with_months(week_days(rule.week)),
        Deciding::Either => {
            let days = [month_days(rule.month, "of the month"), week_days(rule.week)];
            // Both sets of days run, which `and` says and `or` would leave open.
            with_months(days.join(" and "))
        }
    }
}

/// Describes the months; empty for all of them.
fn months(months: &[u32]) -> String {
    let names = MONTHS.iter().zip(1..).filter(|(_, number)| months.contains(number));
    let names: Vec<_> = names.map(|(name, _)| (*name).to_owned()).collect();
    let is_unbroken = months.windows(2).all(|pair| pair[1] - pair[0] == 1);
    match names.as_slice() {
        all if all.len() == MONTHS.len() => String::new(),
        [first, _, .., last] if is_unbroken && names.len() > 2 => {
            format!("from {first} to {last}")
        }
        some => format!("in {}", joined(some)),
    }
}

fn month_days(named: MonthDays, of_month: &str) -> String {
    let numbers =
        |bits: u32| (1..=31).filter(move |day| bits & (1 << day) != 0).collect::<Vec<_>>();
    let days = numbers(named.days);
    let is_plain = named.nearest == 0 && !named.last && !named.last_weekday;
    let mut parts = Vec::new();
    match days.as_slice() {
        [] => {}
        [first, .., last] if is_plain && days.len() > 2 && last - first + 1 == days.len() => {
            return format!("from the {} to the {} {of_month}", nth(*first), nth(*last));
        }
        some => {
            let each: Vec<_> = some.iter().map(|day| nth(*day)).collect();
            parts.push(format!("the {}", joined(&each)));
        }
    }
    parts.extend(
        numbers(named.nearest).iter().map(|day| format!("the weekday nearest the {}", nth(*day))),
    );
    if named.last {
        parts.push("the last day".to_owned());
    }
    if named.last_weekday {
        parts.push("the last weekday".to_owned());
    }
    format!("on {} {of_month}", joined(&parts))
}

fn week_days(named: WeekDays) -> String {
    let is_plain = named.last == 0 && named.nth.iter().all(|days| *days == 0);
    if let Some(said) = run_of_week_days(named.days).filter(|_| is_plain) {
        return said;
    }
    let mut parts: Vec<_> = listed(named.days).map(|(_, name)| format!("{name}s")).collect();
    let mut of_month: Vec<_> =
        listed(named.last).map(|(_, name)| format!("the last {name}")).collect();
    for (days, nth) in named.nth.iter().zip(NTH) {
        of_month.extend(listed(*days).map(|(_, name)| format!("the {nth} {name}")));
    }
    if let Some(last) = of_month.last_mut() {
        last.push_str(" of the month");
    }
    parts.extend(of_month);
    format!("on {}", joined(&parts))
}

/// Days of the week with a common name, or in a row.
fn run_of_week_days(days: u8) -> Option<String> {
    match days {
        WORKING_DAYS => return Some("on weekdays".to_owned()),
        WEEKEND => return Some("on weekends".to_owned()),
        _ => {}
    }
    match listed(days).collect::<Vec<_>>().as_slice() {
        all if all.len() == WEEK_DAYS.len() => Some("every day".to_owned()),
        // For people, a row of days begins with Monday.
        several @ [(first, from), _, .., (last, to)]
            if *first > 0 && last - first + 1 == several.len() && several.len() > 2 =>
        {
            Some(format!("from {from} to {to}"))
        }
        _ => None,
    }
}

fn listed(days: u8) -> impl Iterator<Item = (usize, &'static str)> {
    WEEK_DAYS.into_iter().enumerate().filter(move |(index, _)| days & (1 << index) != 0)
}

/// `1st`, `22nd`, `13th`.
fn nth(day: usize) -> String {
    let ending = match day % 10 {
        // 11th, 12th and 13th are irregular.
        _ if day / 10 == 1 => "th",
        1 => "st",
        2 => "nd",
        3 => "rd",
        _ => "th",
    };
    format!("{day}{ending}")
}
