//! Daylight saving against a walk of every minute of a year, which knows the rule and nothing of
//! how the schedule finds its instants.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, Offset, TimeZone, Utc};
use docket_model::{Zone, schedule::Schedule};

/// A zone, the year that is walked, and the seconds from one step to the next.
type Place = (&'static str, i32, i64);

const PLACES: [Place; 18] = [
    ("UTC", 2026, 60),
    ("Asia/Kathmandu", 2026, 60),
    ("America/New_York", 2026, 60),
    ("Europe/Berlin", 2026, 60),
    ("Europe/Dublin", 2026, 60),
    ("Australia/Sydney", 2026, 60),
    ("Australia/Lord_Howe", 2026, 60),
    ("America/Havana", 2025, 60),
    ("America/Sao_Paulo", 2018, 60),
    ("America/St_Johns", 2007, 60),
    ("America/Scoresbysund", 2024, 60),
    ("Africa/Casablanca", 2026, 60),
    ("Asia/Gaza", 2026, 60),
    ("Antarctica/Troll", 2026, 60),
    ("Antarctica/Vostok", 1994, 60),
    ("Pacific/Apia", 2011, 60),
    ("Pacific/Kiritimati", 1994, 60),
    // Its offset had half a minute in it until 1972-01-07.
    ("Africa/Monrovia", 1972, 30),
];

/// What a wall clock shows. Plain numbers, since a year of minutes is read for each expression.
#[derive(Clone, Copy)]
struct Wall {
    /// The reading as a whole, in seconds since 1970.
    reading: i64,
    month: u32,
    day: u32,
    month_length: u32,
}

impl Wall {
    fn new(reading: i64) -> Self {
        let date = DateTime::from_timestamp(reading, 0).unwrap().date_naive();
        let month_length = u32::from(date.num_days_in_month());
        Self { reading, month: date.month(), day: date.day(), month_length }
    }

    fn hour(self) -> i64 {
        self.reading.rem_euclid(DAY) / 3600
    }

    fn minute(self) -> i64 {
        self.reading.rem_euclid(3600) / 60
    }

    /// Counts from Sunday; 1970 began with a Thursday.
    fn weekday(self) -> i64 {
        (self.reading.div_euclid(DAY) + 4).rem_euclid(7)
    }

    fn is_at(self, hour: i64, minute: i64) -> bool {
        self.reading.rem_euclid(DAY) / 60 == hour * 60 + minute
    }
}

const DAY: i64 = 86_400;

/// An expression, whether it follows the instants, and what it names, said once more.
type Rule = (&'static str, bool, fn(Wall) -> bool);

const RULES: [Rule; 18] = [
    ("0 0 * * *", false, |wall| wall.is_at(0, 0)),
    ("15 0 * * *", false, |wall| wall.is_at(0, 15)),
    ("30 1 * * *", false, |wall| wall.is_at(1, 30)),
    ("45 1,2 * * *", false, |wall| wall.is_at(1, 45) || wall.is_at(2, 45)),
    ("0 2 * * *", false, |wall| wall.is_at(2, 0)),
    ("30 2 * * *", false, |wall| wall.is_at(2, 30)),
    ("59 2 * * ?", false, |wall| wall.is_at(2, 59)),
    ("0 3 * * *", false, |wall| wall.is_at(3, 0)),
    ("0,20,40 0-3 * * *", false, |wall| wall.hour() <= 3 && wall.minute() % 20 == 0),
    ("5 0-23 * * *", false, |wall| wall.minute() == 5),
    ("5,* 12 * * *", false, |wall| wall.hour() == 12),
    ("0 30 23 * * SUN *", false, |wall| wall.is_at(23, 30) && wall.weekday() == 0),
    ("10 2 30,31 12 *", false, |wall| wall.is_at(2, 10) && wall.month == 12 && wall.day >= 30),
    ("0 * * * *", true, |wall| wall.minute() == 0),
    ("30 ? * * *", true, |wall| wall.minute() == 30),
    ("*/10 1-2 * * *", true, |wall| matches!(wall.hour(), 1 | 2) && wall.minute() % 10 == 0),
    ("0 */2 * * *", true, |wall| wall.minute() == 0 && wall.hour() % 2 == 0),
    ("45 *,1 L * 5#2", true, |wall| {
        let second_friday = wall.weekday() == 5 && (8..15).contains(&wall.day);
        wall.minute() == 45 && (wall.day == wall.month_length || second_friday)
    }),
];

/// One step of the walk: an instant and what the wall clock shows.
struct Step {
    at: i64,
    wall: Wall,
}

fn steps(zone: Zone, year: i32, seconds: i64) -> Vec<Step> {
    let start = Utc.with_ymd_and_hms(year, 1, 1, 0, 0, 0).unwrap().timestamp();
    let mut last = Wall::new(start);
    let moments = (0..370 * DAY / seconds).map(|step| start + step * seconds);
    let read = |at: i64| {
        let utc = DateTime::from_timestamp(at, 0).unwrap().naive_utc();
        let reading = at + i64::from(zone.offset_from_utc_datetime(&utc).fix().local_minus_utc());
        let is_same_day = reading.div_euclid(DAY) == last.reading.div_euclid(DAY);
        last = if is_same_day { Wall { reading, ..last } } else { Wall::new(reading) };
        Step { at, wall: last }
    };
    moments.map(read).collect()
}

/// Walks every step and applies the rule as it is written.
fn expected(steps: &[Step], step: i64, (_, is_wildcard, names): Rule) -> Vec<i64> {
    let matches = |wall: Wall| wall.reading % 60 == 0 && names(wall);
    let mut runs = BTreeSet::new();
    let mut furthest = i64::MIN;
    for (before, now) in steps.iter().zip(&steps[1..]) {
        let skipped = (before.wall.reading + step..now.wall.reading).step_by(60);
        let gap = now.wall.reading - before.wall.reading - step;
        if !is_wildcard && (1..=3 * 3600).contains(&gap) {
            // A gap may begin within a minute: its first whole minute counts.
            let aligned =
                skipped.map(|wall| wall - wall.rem_euclid(60)).chain([now.wall.reading - 60]);
            let missing = aligned.filter(|wall| *wall > before.wall.reading);
            if missing.map(Wall::new).any(matches) {
                runs.insert(now.at);
            }
        }
        furthest = furthest.max(before.wall.reading);
        if matches(now.wall) && (is_wildcard || now.wall.reading > furthest) {
            runs.insert(now.at);
        }
    }
    runs.into_iter().collect()
}

/// Returns the moments at which the wall clock jumps.
fn jumps(steps: &[Step], step: i64) -> Vec<i64> {
    let pairs = steps.iter().zip(&steps[1..]);
    let jumping = pairs.filter(|(before, now)| now.wall.reading - before.wall.reading != step);
    jumping.map(|(_, now)| now.at).collect()
}

fn instant(at: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(at, 0).unwrap()
}

/// Compares the whole year, then searches that begin around each jump.
fn compare(place: Place) {
    let (name, year, seconds) = place;
    let zone: Zone = name.parse().unwrap();
    let steps = steps(zone, year, seconds);
    let (first, last) = (steps.first().unwrap().at, steps.last().unwrap().at);
    for rule in RULES {
        let expected = expected(&steps, seconds, rule);
        let schedule = Schedule::parse(rule.0).unwrap();
        let next =
            |from: i64| schedule.next(instant(from), instant(from), zone).unwrap().timestamp();

        let found = std::iter::successors(Some(next(first)), |at| Some(next(*at)));
        let found: Vec<_> = found.take_while(|at| *at <= last).collect();

        assert_eq!(found, expected, "{} in {name}", rule.0);
        for jump in jumps(&steps, seconds) {
            for from in
                (-300..300).step_by(7).map(|minutes| jump + minutes * 60).chain([jump - 1, jump])
            {
                let index = expected.partition_point(|at| *at <= from);
                if let Some(at) = expected.get(index) {
                    assert_eq!(next(from), *at, "{} in {name} from {from}", rule.0);
                }
            }
        }
    }
}

#[test]
fn schedules_run_as_a_walk_of_every_minute_says() {
    PLACES[..9].iter().copied().for_each(compare);
}

#[test]
fn schedules_run_as_a_walk_says_where_clocks_are_odd() {
    PLACES[9..].iter().copied().for_each(compare);
}
