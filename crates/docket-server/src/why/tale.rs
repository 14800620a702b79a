//! How moments and lengths of time read in a sentence.

use std::{cell::Cell, fmt};

use chrono::{DateTime, FixedOffset, NaiveDate, SubsecRound, TimeDelta, TimeZone, Timelike, Utc};
use docket_model::{
    Zone, length,
    moment::Moment,
    run::{Instant, TimeStyle},
};

/// The times of one sentence, by the wall clock of a zone.
///
/// A date is written where it is another than the last one in the sentence, or else than today's.
#[derive(Debug)]
pub(super) struct Tale {
    zone: Zone,
    /// In place of the zone's clock: times at this offset.
    offset: Option<FixedOffset>,
    day: Cell<NaiveDate>,
}

impl Tale {
    pub(super) fn new(zone: Zone, now: DateTime<Utc>) -> Self {
        Self { zone, offset: None, day: Cell::new(now.with_timezone(&zone).date_naive()) }
    }

    /// The same, with times at an offset where there is one.
    pub(super) fn at(self, offset: Option<FixedOffset>, now: DateTime<Utc>) -> Self {
        let day = offset.map(|offset| now.with_timezone(&offset).date_naive());
        Self { offset, day: Cell::new(day.unwrap_or(self.day.get())), ..self }
    }

    /// A moment, to the second: `09:00`, `2026-11-20 09:00:12`; with its offset if it comes twice.
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

    /// A moment that somebody wrote, to the millisecond if it has any.
    pub(super) fn exactly(&self, at: DateTime<Utc>) -> String {
        let (time, milliseconds) = (self.time(at), at.timestamp_subsec_millis());
        match milliseconds {
            0 => time,
            _ if at.second() == 0 => format!("{time}:00.{milliseconds:03}"),
            _ => format!("{time}.{milliseconds:03}"),
        }
    }

    /// A moment with its date, whatever the day.
    pub(super) fn date_and_time(&self, at: DateTime<Utc>) -> String {
        self.day.set(NaiveDate::MIN);
        self.time(at)
    }
}

/// Moments by the wall clock, and runs by the wall time of their instants.
impl TimeStyle for Tale {
    fn moment(&self, at: DateTime<Utc>) -> String {
        self.time(at)
    }

    fn run(&self, instant: Instant) -> String {
        format!("the run of {}", self.time(instant.moment()))
    }
}

/// A length of time in the same notation as the client shows it; nothing is shorter than no time.
pub(super) fn length(time: TimeDelta) -> String {
    length::exact(time.max(TimeDelta::zero()))
}

/// Words as one would say them: `a`, `a and b`, `a, b and c`.
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

/// A clause that begins with a word of ours as a sentence.
pub(super) fn sentence(clause: &str) -> String {
    let mut letters = clause.trim().chars();
    let capital = letters.next().map(|first| first.to_uppercase().collect::<String>());
    stop(&(capital.unwrap_or_default() + letters.as_str()))
}

/// A clause with a full stop.
pub(super) fn stop(clause: &str) -> String {
    let clause = clause.trim_end();
    let end = if clause.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{clause}{end}")
}

#[cfg(test)]
mod tests {
    use docket_model::run::Reason;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn tale() -> Tale {
        Tale::new("Europe/Berlin".parse::<Zone>().unwrap(), at("2026-11-21T09:00:00Z"))
    }

    #[test]
    fn a_date_is_told_where_it_is_not_the_last_one_told() {
        let tale = tale();
        let told = ["2026-11-20T23:00:00Z", "2026-11-20T22:59:12Z", "2026-11-20T08:00:00.9Z"];
        assert_eq!(
            told.map(|moment| tale.time(at(moment))),
            ["00:00", "2026-11-20 23:59:12", "09:00"]
        );
        assert_eq!(tale.time(at("2026-11-21T08:00:00Z")), "2026-11-21 09:00");
    }

    #[test]
    fn a_time_that_comes_twice_is_told_with_its_offset() {
        let tale = Tale::new("Europe/Berlin".parse::<Zone>().unwrap(), at("2026-10-25T09:00:00Z"));
        assert_eq!(tale.time(at("2026-10-25T00:30:00Z")), "02:30 (+02:00)");
        assert_eq!(tale.time(at("2026-10-25T01:30:00Z")), "02:30 (+01:00)");
    }

    #[test]
    fn a_reason_is_written_by_the_wall_clock() {
        let written = |words| Reason::of_words(words).words(&tale());
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
    fn lengths_are_fine_where_they_are_short() {
        let lengths = [0, 50, 420, 2000, 2450, 12_345, 3_723_000].map(TimeDelta::milliseconds);
        let told = ["0ms", "50ms", "420ms", "2s", "2.4s", "12.3s", "1h 2m"];
        assert_eq!(lengths.map(length), told.map(str::to_owned));
    }

    #[test]
    fn words_are_listed_as_one_would_say_them() {
        assert_eq!(listed(&["a"]), "a");
        assert_eq!(listed(&["a", "b", "c"]), "a, b and c");
        assert_eq!(sentence("the image is gone"), "The image is gone.");
    }
}
