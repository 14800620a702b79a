//! Parses times as people write them: RFC 3339, or local time in a zone. The current time is an argument, as
//! everywhere in this crate.

use std::fmt;

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Utc};
use thiserror::Error;

use crate::{
    run::Instant,
    zone::{Meaning, Zone},
};

/// How a time of day may be written.
const TIMES: [&str; 2] = ["%H:%M", "%H:%M:%S%.f"];

/// What a text means as local time in a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// This time.
    Once(DateTime<Utc>),
    /// A local time that occurs twice on that day, because the clock is set back in between.
    Twice {
        /// The first occurrence.
        first: DateTime<Utc>,
        /// The second occurrence.
        second: DateTime<Utc>,
    },
    /// A local time that does not exist on that day.
    Never(Gap),
}

/// A local time that the clock skips when it is set forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The local time.
    pub time: NaiveDateTime,
    /// The first local time that is skipped.
    pub from: NaiveDateTime,
    /// The first local time after the gap.
    pub to: NaiveDateTime,
    /// When the clock is set forward.
    pub at: DateTime<Utc>,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} does not exist: ", self.time.format("%Y-%m-%d %H:%M"))?;
        write!(f, "the clock goes from {} to ", self.from.format("%H:%M"))?;
        let same_day = self.from.date() == self.to.date();
        self.to.format(if same_day { "%H:%M" } else { "%Y-%m-%d %H:%M" }).fmt(f)
    }
}

/// A text that is not a valid time.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidMoment {
    /// It has none of the known forms.
    #[error(
        "`{text}` is not a valid time: write 2026-11-21T09:00:00Z, or 2026-11-21T09:00 \
         or 09:00 in {zone} time"
    )]
    Malformed {
        /// The text.
        text: String,
        /// The zone of the local time.
        zone: &'static str,
    },
    /// The clock skips it.
    #[error("{gap} in {zone}")]
    Never {
        /// The time, and what the clock does instead.
        gap: Gap,
        /// The zone of the local time.
        zone: &'static str,
    },
}

/// The day of a time without a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Toward {
    /// The latest up to now.
    Past,
    /// The first after now.
    Future,
}

/// Reads a time; one without a date is the latest such time up to now.
///
/// The text is RFC 3339, the name of a run, or a local time in `zone`: `2026-11-21T09:00`,
/// `2026-11-21 09:00:00`, `09:00`. A local time that occurs twice is the first of them.
///
/// # Errors
/// [`InvalidMoment`] if it has another form, or the clock skips it on that day.
pub fn read(text: &str, zone: Zone, now: DateTime<Utc>) -> Result<DateTime<Utc>, InvalidMoment> {
    understand(text, zone, now)?.first(zone)
}

/// Reads a time as [`read`] does; one without a date is the first such time after now.
///
/// # Errors
/// [`InvalidMoment`] if it has another form, or the clock skips it on that day.
pub fn read_coming(
    text: &str,
    zone: Zone,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>, InvalidMoment> {
    find(text, zone, now, Toward::Future)?.first(zone)
}

/// Reads a time as [`read`] does, and returns whether it occurs once, twice or never.
///
/// # Errors
/// [`InvalidMoment::Malformed`] if it has another form.
pub fn understand(text: &str, zone: Zone, now: DateTime<Utc>) -> Result<Moment, InvalidMoment> {
    find(text, zone, now, Toward::Past)
}

impl Moment {
    /// What a local time means; `None` only outside the calendar.
    #[must_use]
    pub fn of_wall(time: NaiveDateTime, zone: Zone) -> Option<Self> {
        let wall = time.and_utc().timestamp();
        let nanoseconds = time.nanosecond();
        let moment = |seconds| DateTime::from_timestamp(seconds, nanoseconds);
        // A local time is handled as seconds of an imaginary UTC, so that arithmetic ignores the
        // zone.
        let reading = |wall| DateTime::from_timestamp(wall, 0).map(|wall| wall.naive_utc());
        match zone.rules().meaning(wall)? {
            Meaning::Once(at) => moment(at).map(Self::Once),
            Meaning::Twice { first, second } => {
                Some(Self::Twice { first: moment(first)?, second: moment(second)? })
            }
            Meaning::Never(change) => {
                let (from, to) = (change.at + change.before, change.at + change.after);
                let at = DateTime::from_timestamp(change.at, 0)?;
                Some(Self::Never(Gap { time, from: reading(from)?, to: reading(to)?, at }))
            }
        }
    }

    fn first(self, zone: Zone) -> Result<DateTime<Utc>, InvalidMoment> {
        match self {
            Self::Once(at) | Self::Twice { first: at, .. } => Ok(at),
            Self::Never(gap) => Err(InvalidMoment::Never { gap, zone: zone.name() }),
        }
    }

    /// Its first occurrence; for a time that does not exist, when the clock skips it.
    #[must_use]
    pub fn at(self) -> DateTime<Utc> {
        match self {
            Self::Once(at) | Self::Twice { first: at, .. } | Self::Never(Gap { at, .. }) => at,
        }
    }
}

fn find(
    text: &str,
    zone: Zone,
    now: DateTime<Utc>,
    toward: Toward,
) -> Result<Moment, InvalidMoment> {
    let text = text.trim();
    let malformed = || InvalidMoment::Malformed { text: text.to_owned(), zone: zone.name() };
    // First, because a local time must not be read where an offset is given.
    if let Some(at) = absolute(text) {
        return Ok(Moment::Once(at));
    }
    let found = match (wall(text), time(text)) {
        (Some(wall), _) => Moment::of_wall(wall, zone),
        (None, Some(time)) => near(time, zone, now, toward),
        (None, None) => None,
    };
    found.ok_or_else(malformed)
}

/// A time that needs no zone: with an offset, or the name of a run.
fn absolute(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.to_utc());
    }
    if let Ok(instant) = text.parse::<Instant>() {
        return Some(instant.moment());
    }
    // RFC 3339 requires seconds, which people omit.
    if let Some(utc) = text.strip_suffix(['Z', 'z']) {
        return wall(utc).map(|wall| wall.and_utc());
    }
    // The last sign: the date has dashes too.
    let (time, offset) = text.split_at_checked(text.rfind(['+', '-'])?)?;
    let offset: FixedOffset = offset.parse().ok()?;
    wall(time)?.and_local_timezone(offset).single().map(|at| at.to_utc())
}

fn wall(text: &str) -> Option<NaiveDateTime> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    // chrono also reads `2026-1-2` and signed years, which are typing errors here.
    let is_date = date.len() == 10 && date.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    let date = NaiveDate::parse_from_str(date, "%Y-%m-%d").ok().filter(|_| is_date)?;
    Some(date.and_time(self::time(time.trim_start())?))
}

fn time(text: &str) -> Option<NaiveTime> {
    let read = TIMES.iter().find_map(|form| NaiveTime::parse_from_str(text, form).ok());
    // chrono would read a leap second as the second before it.
    read.filter(|time| time.nanosecond() < 1_000_000_000)
}

/// The latest such time of day up to now, or the first one after it.
fn near(time: NaiveTime, zone: Zone, now: DateTime<Utc>, toward: Toward) -> Option<Moment> {
    let today = now.with_timezone(&zone).date_naive();
    // A time may be skipped or come twice on one of the days, so each is resolved by itself.
    let on = |day: Option<NaiveDate>| Moment::of_wall(day?.and_time(time), zone);
    let (yesterday, tomorrow) = (on(today.pred_opt()), on(today.succ_opt()));
    // Today's time may be on either side of now, so the neighbouring days are needed.
    let mut days = [yesterday, on(Some(today)), tomorrow].into_iter().flatten();
    match toward {
        Toward::Past => days.rfind(|moment| moment.at() <= now),
        Toward::Future => days.find(|moment| moment.at() > now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a text at this local time in Berlin.
    fn read_at(text: &str, now: &str) -> String {
        let now = now.parse().unwrap();
        read(text, "Europe/Berlin".parse::<Zone>().unwrap(), now)
            .map_or_else(|e| e.to_string(), |at| at.to_string())
    }

    #[test]
    fn a_moment_is_rfc_3339_or_a_run_or_wall_time_in_the_zone() {
        let cases = [
            ("2026-11-21T09:00:00Z", "2026-11-21 09:00:00 UTC"),
            ("2026-11-21T09:00:00+01:00", "2026-11-21 08:00:00 UTC"),
            ("2026-11-21T09:00Z", "2026-11-21 09:00:00 UTC"),
            ("2026-11-21 09:00-02:00", "2026-11-21 11:00:00 UTC"),
            ("20261121T090000.250Z", "2026-11-21 09:00:00.250 UTC"),
            ("2026-11-21T09:00", "2026-11-21 08:00:00 UTC"),
            (" 2026-11-21 09:00:30 ", "2026-11-21 08:00:30 UTC"),
            ("2026-07-21 09:00:30.5", "2026-07-21 07:00:30.500 UTC"),
            ("09:00", "2026-11-21 08:00:00 UTC"),
            ("9:00", "2026-11-21 08:00:00 UTC"),
            ("13:00", "2026-11-21 12:00:00 UTC"),
            ("13:00:01", "2026-11-20 12:00:01 UTC"),
            ("9999-12-31 23:59", "9999-12-31 22:59:00 UTC"),
        ];
        for (text, moment) in cases {
            assert_eq!(read_at(text, "2026-11-21T12:00:00Z"), moment, "{text}");
        }
    }

    #[test]
    fn a_time_to_come_is_todays_or_tomorrows() {
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        let coming = |text| {
            read_coming(text, "Europe/Berlin".parse::<Zone>().unwrap(), now).unwrap().to_string()
        };

        assert_eq!(coming("13:00"), "2026-11-22 12:00:00 UTC");
        assert_eq!(coming("13:01"), "2026-11-21 12:01:00 UTC");
        assert_eq!(coming("2026-11-20 13:01"), "2026-11-20 12:01:00 UTC");
    }

    #[test]
    fn anything_else_is_refused_with_what_may_be_written() {
        let texts = ["", "now", "2026-11-21", "25:00", "09:00:60", "2026-11-31 09:00", "é9:00"];
        for text in texts.iter().chain(&["12026-11-21 09:00", "+26-11-21 09:00", "0900"]) {
            let message = format!(
                "`{text}` is not a valid time: write 2026-11-21T09:00:00Z, or 2026-11-21T09:00 \
                 or 09:00 in Europe/Berlin time"
            );
            assert_eq!(read_at(text, "2026-11-21T12:00:00Z"), message);
        }
    }

    #[test]
    fn a_time_that_the_clock_leaves_out_is_an_error_that_says_so() {
        let message = "2026-03-29 02:30 does not exist: the clock goes from 02:00 to 03:00 \
                       in Europe/Berlin";

        assert_eq!(read_at("2026-03-29T02:30", "2026-11-21T12:00:00Z"), message);
        assert_eq!(read_at("02:30", "2026-03-29T12:00:00Z"), message);
        assert_eq!(read_at("02:30", "2026-03-29T00:59:59Z"), "2026-03-28 01:30:00 UTC");
    }

    #[test]
    fn a_time_that_comes_twice_is_the_first() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let (first, second) = (at("2026-10-25T00:30:00Z"), at("2026-10-25T01:30:00Z"));
        let now = at("2026-10-25T01:10:00Z");

        assert_eq!(
            understand("02:30", "Europe/Berlin".parse::<Zone>().unwrap(), now),
            Ok(Moment::Twice { first, second })
        );
        assert_eq!(
            read("2026-10-25 02:30", "Europe/Berlin".parse::<Zone>().unwrap(), now),
            Ok(first)
        );
    }
}
