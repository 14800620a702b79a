//! Properties of any schedule: generated expressions against a walk of every minute that knows
//! what their fields mean.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

use chrono::{DateTime, Datelike, TimeDelta, Timelike, Utc};
use docket_model::{
    schedule::Schedule,
    zone::{self, Zone},
};
use proptest::prelude::*;

/// How far a walk goes before it gives up: far enough for most, and quick.
const WALKED: TimeDelta = TimeDelta::days(4);

/// Elements as they are written, with the values that they mean.
type Elements = Vec<(String, Vec<u32>)>;

/// Generates one element of a field with these ends, and its values.
fn element(least: u32, greatest: u32) -> impl Strategy<Value = (String, Vec<u32>)> {
    let value = least..=greatest;
    (value.clone(), value, 1..=greatest, 0..6).prop_map(move |(one, two, step, form)| {
        let (low, high) = (one.min(two), one.max(two));
        let every = |low: u32, high: u32| (low..=high).step_by(step as usize).collect::<Vec<_>>();
        match form {
            0 => ("*".to_owned(), (least..=greatest).collect()),
            1 => (format!("*/{step}"), every(least, greatest)),
            2 => (format!("{low}-{high}"), (low..=high).collect()),
            3 => (format!("{low}-{high}/{step}"), every(low, high)),
            4 => (format!("{low}/{step}"), every(low, greatest)),
            _ => (format!("{low:02}"), vec![low]),
        }
    })
}

fn field(least: u32, greatest: u32) -> impl Strategy<Value = Elements> {
    prop::collection::vec(element(least, greatest), 1..4)
}

fn written(elements: &Elements) -> String {
    let texts: Vec<_> = elements.iter().map(|(text, _)| text.as_str()).collect();
    texts.join(",")
}

/// An expression of six fields, minutes to years.
#[derive(Debug, Clone)]
struct Expression {
    fields: Vec<Elements>,
}

impl Expression {
    fn text(&self) -> String {
        let fields: Vec<_> = self.fields.iter().map(written).collect();
        fields.join(" ")
    }

    fn has(&self, index: usize, value: u32) -> bool {
        self.fields[index].iter().any(|(_, values)| values.contains(&value))
    }

    fn is_open(&self, index: usize) -> bool {
        self.fields[index].iter().any(|(text, _)| text == "*")
    }

    fn names(&self, at: DateTime<Utc>) -> bool {
        let day = self.has(2, at.day());
        let weekday = self.has(4, at.weekday().num_days_from_sunday());
        let is_day = match (self.is_open(2), self.is_open(4)) {
            (true, true) => true,
            (false, true) => day,
            (true, false) => weekday,
            (false, false) => day || weekday,
        };
        is_day
            && self.has(0, at.minute())
            && self.has(1, at.hour())
            && self.has(3, at.month())
            && self.has(5, at.year().unsigned_abs())
    }
}

fn expression() -> impl Strategy<Value = Expression> {
    let fields =
        (field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 6), field(1970, 2099));
    fields.prop_map(|(minute, hour, day, month, weekday, year)| Expression {
        fields: vec![minute, hour, day, month, weekday, year],
    })
}

fn moment() -> impl Strategy<Value = DateTime<Utc>> {
    (0_i64..4_102_444_800).prop_map(|seconds| DateTime::from_timestamp(seconds, 0).unwrap())
}

fn zone() -> impl Strategy<Value = Zone> {
    prop::sample::select(zone::names().map(|name| name.parse().unwrap()).collect::<Vec<Zone>>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_minute_that_matches_is_passed_over(expression in expression(), from in moment()) {
        let schedule = Schedule::parse(&expression.text()).unwrap();

        let next = schedule.next(from, from, Zone::utc());

        let walked = from + WALKED;
        let mut minute = from.with_second(0).unwrap() + TimeDelta::minutes(1);
        while minute < next.unwrap_or(walked).min(walked) {
            prop_assert!(!expression.names(minute), "{} at {minute}", expression.text());
            minute += TimeDelta::minutes(1);
        }
        if let Some(next) = next {
            prop_assert!(expression.names(next), "{} at {next}", expression.text());
        }
    }

    #[test]
    fn instants_follow_one_another_in_any_zone(expression in expression(), from in moment(), zone in zone()) {
        let schedule = Schedule::parse(&expression.text()).unwrap();

        let instants: Vec<_> = schedule.upcoming(from, from, zone).take(20).map(|next| next.at).collect();

        prop_assert!(instants.first().is_none_or(|first| *first > from));
        prop_assert!(instants.is_sorted_by(|one, two| one < two));
        if let Some(last) = instants.last() {
            prop_assert_eq!(schedule.count(from, *last, from, zone), instants.len() as u64);
        }
    }

    #[test]
    fn a_search_from_any_moment_before_an_instant_finds_it(
        expression in expression(), from in moment(), zone in zone(), part in 0.0..1.0_f64,
    ) {
        let schedule = Schedule::parse(&expression.text()).unwrap();
        let Some(next) = schedule.next(from, from, zone) else { return Ok(()) };

        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "any moment will do")]
        let between = from + TimeDelta::seconds(((next - from).num_seconds() as f64 * part) as i64);

        prop_assert_eq!(schedule.next(between, from, zone), Some(next));
    }

    #[test]
    fn intervals_divide_as_they_step(
        period in "P([1-9]Y)?([1-9]M)?([1-3]W)?([1-9]D)?T([1-9]H)?([1-9]M)?[1-9]S",
        start in moment(), from in moment(), zone in zone(),
    ) {
        let text = format!("R/{}/{period}", start.format("%Y-%m-%dT%H:%M:%S"));
        let schedule = Schedule::parse(&text).unwrap();

        let instants: Vec<_> = schedule.upcoming(from, from, zone).take(10).map(|next| next.at).collect();

        prop_assert_eq!(instants.len(), 10);
        prop_assert!(instants.is_sorted_by(|one, two| one < two));
        prop_assert!(*instants.first().unwrap() > from);
        prop_assert_eq!(schedule.count(from, *instants.last().unwrap(), from, zone), 10);
    }

    #[test]
    fn any_text_is_parsed_or_refused_with_places_in_it(text in "\\PC{0,60}") {
        if let Err(invalid) = Schedule::parse(&text) {
            prop_assert!(!invalid.errors().is_empty());
            for error in invalid.errors() {
                let end = error.offset + error.length;
                prop_assert_eq!(text.get(error.offset..end), Some(error.text.as_str()));
            }
            prop_assert!(invalid.snippet().contains('^'));
        }
    }
}
