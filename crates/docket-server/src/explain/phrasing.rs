//! How times, durations and lists read in a sentence.

use std::{cell::Cell, fmt};

use chrono::{DateTime, FixedOffset, NaiveDate, SubsecRound, TimeDelta, TimeZone, Timelike, Utc};
use docket_model::{
    Zone, measured_duration,
    parse_time::Moment,
    run::{Instant, TimeStyle},
};

const ORDINALS: [&str; 10] =
    ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"];

/// The times of one sentence, on the clock of a zone or at an offset.
///
/// A date is written if it is not the date of the time before it in the sentence, or today's.
#[derive(Debug)]
pub(super) struct ClockTimes {
    zone: Zone,
    /// Replaces the zone.
    offset: Option<FixedOffset>,
    // A `Cell`, because `TimeStyle` formats with a shared reference.
    day: Cell<NaiveDate>,
}

impl ClockTimes {
    pub(super) fn new(zone: Zone, offset: Option<FixedOffset>, now: DateTime<Utc>) -> Self {
        let today = offset.map(|offset| now.with_timezone(&offset).date_naive());
        let today = today.unwrap_or_else(|| now.with_timezone(&zone).date_naive());
        Self { zone, offset, day: Cell::new(today) }
    }

    /// A moment to the second: `09:00`, `2026-11-20 09:00:12`; with its offset if the time occurs twice.
    pub(super) fn time(&self, at: DateTime<Utc>) -> String {
        let at = at.trunc_subsecs(0);
        if let Some(offset) = self.offset {
            return self.formatted(&at.with_timezone(&offset), "");
        }
        let at = at.with_timezone(&self.zone);
        let is_twice =
            matches!(Moment::of_wall(at.naive_local(), self.zone), Some(Moment::Twice { .. }));
        self.formatted(&at, if is_twice { " (%:z)" } else { "" })
    }

    fn formatted<T: TimeZone>(&self, at: &DateTime<T>, offset: &str) -> String
    where
        T::Offset: fmt::Display,
    {
        let day = at.date_naive();
        let date = if self.day.replace(day) == day { "" } else { "%Y-%m-%d " };
        let time = if at.second() == 0 { "%H:%M" } else { "%H:%M:%S" };
        at.format(&format!("{date}{time}{offset}")).to_string()
    }

    /// A moment to the millisecond: `09:00:00.250`.
    pub(super) fn exactly(&self, at: DateTime<Utc>) -> String {
        let (time, milliseconds) = (self.time(at), at.timestamp_subsec_millis());
        match milliseconds {
            0 => time,
            _ if at.second() == 0 => format!("{time}:00.{milliseconds:03}"),
            _ => format!("{time}.{milliseconds:03}"),
        }
    }

    /// A moment, always with its date.
    pub(super) fn date_and_time(&self, at: DateTime<Utc>) -> String {
        // No time is on this day, so the date is written.
        self.day.set(NaiveDate::MIN);
        self.time(at)
    }
}

/// Names a run by the time of its instant.
impl TimeStyle for ClockTimes {
    fn moment(&self, at: DateTime<Utc>) -> String {
        self.time(at)
    }

    fn run(&self, instant: Instant) -> String {
        format!("the run of {}", self.time(instant.moment()))
    }
}

/// A duration as the client shows it; a negative one as zero.
pub(super) fn duration(time: TimeDelta) -> String {
    measured_duration::exact(time.max(TimeDelta::zero()))
}

/// Words in a list: `a`, `a and b`, `a, b and c`.
pub(super) fn listed<T: AsRef<str>>(words: &[T]) -> String {
    match words {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [first @ .., last] => {
            let first: Vec<_> = first.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", first.join(", "), last.as_ref())
        }
    }
}

/// A clause as a sentence, with a capital letter and a full stop.
pub(super) fn capitalized(clause: &str) -> String {
    let mut letters = clause.trim().chars();
    let capital = letters.next().map(|first| first.to_uppercase().collect::<String>());
    full_stop(&(capital.unwrap_or_default() + letters.as_str()))
}

/// A clause with a full stop.
pub(super) fn full_stop(clause: &str) -> String {
    let clause = clause.trim_end();
    let end = if clause.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{clause}{end}")
}

/// `first` to `tenth`, and then `11th`.
pub(super) fn ordinal(number: u32) -> String {
    let place = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
    let word = place.and_then(|place| ORDINALS.get(place));
    let ending = match (number % 10, number % 100) {
        (1, rest) if rest != 11 => "st",
        (2, rest) if rest != 12 => "nd",
        (3, rest) if rest != 13 => "rd",
        _ => "th",
    };
    word.map_or_else(|| format!("{number}{ending}"), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use docket_model::run::Reason;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn times() -> ClockTimes {
        ClockTimes::new("Europe/Berlin".parse::<Zone>().unwrap(), None, at("2026-11-21T09:00:00Z"))
    }

    #[test]
    fn a_date_is_written_if_it_is_not_the_date_of_the_time_before() {
        let times = times();
        let moments = ["2026-11-20T23:00:00Z", "2026-11-20T22:59:12Z", "2026-11-20T08:00:00.9Z"];
        assert_eq!(
            moments.map(|moment| times.time(at(moment))),
            ["00:00", "2026-11-20 23:59:12", "09:00"]
        );
        assert_eq!(times.time(at("2026-11-21T08:00:00Z")), "2026-11-21 09:00");
    }

    #[test]
    fn a_time_that_occurs_twice_is_written_with_its_offset() {
        let times = ClockTimes::new(
            "Europe/Berlin".parse::<Zone>().unwrap(),
            None,
            at("2026-10-25T09:00:00Z"),
        );
        assert_eq!(times.time(at("2026-10-25T00:30:00Z")), "02:30 (+02:00)");
        assert_eq!(times.time(at("2026-10-25T01:30:00Z")), "02:30 (+01:00)");
    }

    #[test]
    fn a_reason_has_times_of_the_clock() {
        let written = |words| Reason::of_words(words).words(&times());
        assert_eq!(
            written("docket was not running from 2026-11-21T00:12:00Z to 2026-11-21T05:40:00Z"),
            "docket was not running from 01:12 to 06:40"
        );
        assert_eq!(
            written(
                "the run 20261121T070000Z is already waiting for 20261121T060000Z to end (`Overlap: Queue`)"
            ),
            "the run of 08:00 is already waiting for the run of 07:00 to end (`Overlap: Queue`)"
        );
    }

    #[test]
    fn short_durations_are_precise() {
        let lengths = [0, 50, 420, 2000, 2450, 12_345, 3_723_000].map(TimeDelta::milliseconds);
        let expected = ["0ms", "50ms", "420ms", "2s", "2.4s", "12.3s", "1h 2m"];
        assert_eq!(lengths.map(duration), expected.map(str::to_owned));
    }

    #[test]
    fn lists_and_sentences_read_as_english() {
        assert_eq!(listed(&["a"]), "a");
        assert_eq!(listed(&["a", "b", "c"]), "a, b and c");
        assert_eq!(capitalized("the image is gone"), "The image is gone.");
    }
}
