//! Instants, which name runs.

use std::{fmt, str::FromStr};

use chrono::{DateTime, NaiveDateTime, Timelike, Utc};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::name::AllocationName;

/// An instant, written `20261121T090000Z`, with milliseconds if it has any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Instant(DateTime<Utc>);

/// A text that is not an instant.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is no run: runs are named by their instant in UTC, such as 20261121T090000Z")]
pub struct InvalidInstant(String);

impl Instant {
    /// The instant at a time, which is cut to milliseconds.
    #[must_use]
    pub fn new(moment: DateTime<Utc>) -> Self {
        // A container's name has milliseconds at most, and the name must identify the instant.
        let millis = moment.nanosecond() / 1_000_000 * 1_000_000;
        Self(moment.with_nanosecond(millis).unwrap_or(moment))
    }

    /// The time of the instant.
    #[must_use]
    pub fn moment(self) -> DateTime<Utc> {
        self.0
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = if self.0.nanosecond() == 0 { "%Y%m%dT%H%M%SZ" } else { "%Y%m%dT%H%M%S%.3fZ" };
        self.0.format(form).fmt(f)
    }
}

impl FromStr for Instant {
    type Err = InvalidInstant;

    fn from_str(text: &str) -> Result<Self, InvalidInstant> {
        let read = NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%S%.fZ");
        let instant = read.map(|naive| Self::new(naive.and_utc()));
        match instant {
            // One instant has one name, so that a run has one address.
            Ok(instant) if instant.to_string() == text => Ok(instant),
            _ => Err(InvalidInstant(text.to_owned())),
        }
    }
}

text_for_serde!(Instant, InvalidInstant);

/// Names a run: its allocation and its instant. The name is the lock.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId {
    /// The allocation.
    pub allocation: AllocationName,
    /// The instant.
    pub instant: Instant,
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.allocation, self.instant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_has_one_name_and_is_read_back_from_it() {
        for name in ["20261121T090000Z", "20261121T090000.250Z"] {
            let instant: Instant = name.parse().unwrap();
            assert_eq!(instant.to_string(), name);
        }
        for text in
            ["", "latest", "2026-11-21T09:00:00Z", "20261121T090000.000Z", "20261121T250000Z"]
        {
            assert_eq!(text.parse::<Instant>(), Err(InvalidInstant(text.to_owned())));
        }
    }
}
