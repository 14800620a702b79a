//! When the bytes of an output were written, as far as the engine reports it.

use std::{collections::VecDeque, ops::Range};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// How many bytes after a noted time the next one is noted, however soon it is.
// A time takes a quarter of that, so times take less memory than the output of ordinary lines.
const STEP_BYTES: u64 = 64;
/// How many milliseconds after a noted time the next one is noted, however few bytes came.
const STEP_MILLISECONDS: u64 = 100;

/// The times at which the bytes from some positions on were written: those of the beginnings of lines, to the
/// millisecond, and of lines that are close together to a tenth of a second. Empty if the engine reported none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<i64>", into = "Vec<i64>")]
pub struct Times {
    /// Positions, and milliseconds since 1970.
    noted: VecDeque<(u64, i64)>,
}

impl Times {
    /// Notes when the bytes from a position on were written. Positions must not decrease.
    pub fn note(&mut self, position: u64, at: DateTime<Utc>) {
        let at = at.timestamp_millis();
        let is_near = self.noted.back().is_some_and(|(last, before)| {
            position < last + STEP_BYTES && at.abs_diff(*before) < STEP_MILLISECONDS
        });
        if !is_near {
            self.push(position, at);
        }
    }

    fn push(&mut self, position: u64, at: i64) {
        if self.noted.back().is_none_or(|(_, before)| *before != at) {
            self.noted.push_back((position, at));
        }
    }

    /// Adds the times of bytes that begin at a position.
    pub fn append(&mut self, position: u64, times: &Self) {
        for (offset, at) in &times.noted {
            self.push(position + offset, *at);
        }
    }

    /// When the byte at a position was written; nothing if that is not known.
    #[must_use]
    pub fn at(&self, position: u64) -> Option<DateTime<Utc>> {
        let passed = self.noted.partition_point(|(noted, _)| *noted <= position);
        let (_, at) = self.noted.get(passed.checked_sub(1)?)?;
        known(*at)
    }

    /// The times of some of the bytes, with positions counted from the first of these.
    #[must_use]
    pub fn within(&self, bytes: Range<u64>) -> Self {
        let passed = self.noted.partition_point(|(noted, _)| *noted <= bytes.start);
        let in_force = passed.checked_sub(1).and_then(|last| self.noted.get(last));
        let rest = self.noted.iter().skip(passed).take_while(|(noted, _)| *noted < bytes.end);
        let rest = rest.map(|(noted, at)| (noted - bytes.start, *at));
        Self { noted: in_force.map(|(_, at)| (0, *at)).into_iter().chain(rest).collect() }
    }

    /// Forgets the times of the bytes before a position.
    pub fn forget_before(&mut self, position: u64) {
        // The last time at or before the position is that of the byte there.
        while self.noted.get(1).is_some_and(|(next, _)| *next <= position) {
            self.noted.pop_front();
        }
    }

    /// The same, after so many more bytes.
    pub(super) fn behind(mut self, missing: u64) -> Self {
        for (position, _) in &mut self.noted {
            *position += missing;
        }
        self
    }

    /// True if no time is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.noted.is_empty()
    }

    /// How many bytes it takes in memory.
    pub(crate) fn weight(&self) -> usize {
        size_of::<(u64, i64)>() * self.noted.len()
    }
}

fn known(milliseconds: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(milliseconds)
}

/// The stored form: each position and time as its distance from the one before, because these are short numbers.
impl From<Times> for Vec<i64> {
    fn from(times: Times) -> Self {
        let (mut position, mut moment) = (0, 0);
        let distances = times.noted.into_iter().flat_map(|(at, milliseconds)| {
            let at = at.cast_signed();
            let distances = [at - position, milliseconds - moment];
            (position, moment) = (at, milliseconds);
            distances
        });
        distances.collect()
    }
}

impl From<Vec<i64>> for Times {
    fn from(distances: Vec<i64>) -> Self {
        let (mut position, mut moment) = (0_u64, 0_i64);
        let (pairs, _) = distances.as_chunks::<2>();
        let noted = pairs.iter().map(|[bytes, milliseconds]| {
            // Saturating, because a stored text may be damaged.
            position = position.saturating_add_signed(*bytes);
            moment = moment.saturating_add(*milliseconds);
            (position, moment)
        });
        Self { noted: noted.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(milliseconds).unwrap()
    }

    fn times() -> Times {
        let mut times = Times::default();
        for (position, milliseconds) in [(3, 1000), (10, 2000), (100, 2001), (200, 9000)] {
            times.note(position, at(milliseconds));
        }
        times
    }

    #[test]
    fn each_byte_has_the_time_that_was_noted_last() {
        let found = [0, 2, 3, 9, 10, 99, 100, 500].map(|position| times().at(position));

        let expected =
            [None, None, Some(1000), Some(1000), Some(2000), Some(2000), Some(2001), Some(9000)];
        assert_eq!(found, expected.map(|milliseconds| milliseconds.map(at)));
    }

    #[test]
    fn a_time_that_is_close_to_the_last_one_is_not_noted() {
        let mut times = Times::default();
        for (position, milliseconds) in
            [(0, 0), (5, 99), (5, 100), (68, 150), (69, 151), (500, 151)]
        {
            times.note(position, at(milliseconds));
        }

        assert_eq!(Vec::from(times), [0, 0, 5, 100, 64, 51]);
    }

    #[test]
    fn the_times_of_some_bytes_are_the_same() {
        for first in 0..210 {
            let (within, mut kept) = (times().within(first..first + 150), times());
            kept.forget_before(first);
            for position in 0..150 {
                let whole = times().at(first + position);
                assert_eq!(within.at(position), whole, "{first} {position}");
                assert_eq!(kept.at(first + position), whole, "{first} {position}");
            }
        }
    }

    #[test]
    fn times_are_stored_as_distances_and_read_back() {
        let stored = serde_json::to_string(&times()).unwrap();

        assert_eq!(stored, "[3,1000,7,1000,90,1,100,6999]");
        assert_eq!(serde_json::from_str::<Times>(&stored).unwrap(), times());
        let damaged: Times = serde_json::from_str("[-5,1,9]").unwrap();
        assert_eq!(damaged.at(0), Some(at(1)));
    }

    #[test]
    fn times_of_pieces_that_follow_each_other_are_those_of_the_whole() {
        let mut whole = Times::default();
        whole.append(0, &times().within(0..50));
        whole.append(50, &times().within(50..300));

        assert_eq!(whole, times());
    }
}
