//! The days of a calendar in words: `on weekdays`, `on the last day of the month`.

use super::day::{DayRule, Deciding, MonthDays, WeekDays};
use super::times::Sets;
use super::words::{NTH, WEEK_DAYS, joined};

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

/// So many days of a month are listed one by one.
const LISTED: usize = 6;

/// The bits of Monday to Friday.
const WORKING_DAYS: u8 = 0b011_1110;
/// The bits of Saturday and Sunday.
const WEEKEND: u8 = 0b100_0001;

/// Says on which days of which months; empty for all of them.
pub(super) fn of(rule: &DayRule, sets: &Sets) -> Option<String> {
    let months = months(&sets.months)?;
    let of_month = months.as_deref().and_then(|said| said.strip_prefix("in "));
    let of_month = format!("of {}", of_month.unwrap_or("the month"));
    let with_months = |days: String| match &months {
        Some(months) => format!("{days} {months}"),
        None => days,
    };
    match rule.deciding {
        Deciding::Neither => {
            Some(months.map(|said| format!("every day {said}")).unwrap_or_default())
        }
        // `from June to August` stands behind; a month by name is what the day is of.
        Deciding::Month if months.as_ref().is_some_and(|said| !said.starts_with("in ")) => {
            Some(with_months(month_days(rule.month, "of the month")?))
        }
        Deciding::Month => month_days(rule.month, &of_month),
        Deciding::Week => Some(with_months(week_days(rule.week)?)),
        Deciding::Either => {
            let days = [month_days(rule.month, "of the month")?, week_days(rule.week)?];
            Some(with_months(days.join(" and ")))
        }
    }
}

/// In which months; nothing where in all.
fn months(months: &[u32]) -> Option<Option<String>> {
    let name = |month: &u32| MONTHS.get(*month as usize - 1).map(ToString::to_string);
    match months {
        all if all.len() == MONTHS.len() => Some(None),
        [first, _, .., last]
            if last - first + 1 == u32::try_from(months.len()).ok()? && months.len() > 2 =>
        {
            Some(Some(format!("from {} to {}", name(first)?, name(last)?)))
        }
        some => {
            let names: Option<Vec<_>> = some.iter().map(name).collect();
            Some(Some(format!("in {}", joined(&names?))))
        }
    }
}

fn month_days(named: MonthDays, of_month: &str) -> Option<String> {
    let numbers =
        |bits: u32| (1..=31).filter(move |day| bits & (1 << day) != 0).collect::<Vec<_>>();
    let days = numbers(named.days);
    let mut parts = Vec::new();
    match days.as_slice() {
        [] => {}
        [first, .., last] if days.len() > 2 && last - first + 1 == days.len() => {
            if named.nearest != 0 || named.last || named.last_weekday {
                return None;
            }
            return Some(format!("from the {} to the {} {of_month}", nth(*first), nth(*last)));
        }
        few if few.len() <= LISTED => {
            let each: Vec<_> = few.iter().map(|day| nth(*day)).collect();
            parts.push(format!("the {}", joined(&each)));
        }
        _ => return None,
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
    Some(format!("on {} {of_month}", joined(&parts)))
}

fn week_days(named: WeekDays) -> Option<String> {
    let listed =
        |bits: u8| (0..7).filter(move |day| bits & (1 << day) != 0).collect::<Vec<usize>>();
    let is_plain = named.last == 0 && named.nth.iter().all(|days| *days == 0);
    let name = |day: usize| WEEK_DAYS.get(day).copied().unwrap_or_default();
    match (named.days, listed(named.days).as_slice()) {
        (WORKING_DAYS, _) if is_plain => return Some("on weekdays".to_owned()),
        (WEEKEND, _) if is_plain => return Some("on weekends".to_owned()),
        (_, all) if is_plain && all.len() == 7 => return Some("every day".to_owned()),
        (_, [first, .., last])
            if is_plain
                && *first > 0
                && last - first > 1
                && last - first + 1 == listed(named.days).len() =>
        {
            return Some(format!("from {} to {}", name(*first), name(*last)));
        }
        _ => {}
    }
    let mut parts: Vec<_> =
        listed(named.days).into_iter().map(|day| format!("{}s", name(day))).collect();
    let mut of_month = listed(named.last)
        .into_iter()
        .map(|day| format!("the last {}", name(day)))
        .collect::<Vec<_>>();
    for (days, nth) in named.nth.iter().zip(NTH) {
        of_month.extend(listed(*days).into_iter().map(|day| format!("the {nth} {}", name(day))));
    }
    if let Some(last) = of_month.last_mut() {
        last.push_str(" of the month");
    }
    parts.extend(of_month);
    Some(format!("on {}", joined(&parts)))
}

/// `1st`, `22nd`, `13th`.
fn nth(day: usize) -> String {
    let ending = match (day % 10, day / 10) {
        (_, 1) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{day}{ending}")
}
