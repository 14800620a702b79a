//! A life is the time for which a server has a store open, from its start to its end.
//!
//! The label of a container names the life that created it. The label is not part of the identity
//! of the container, but it reveals containers that a server with a copy of the store created.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

/// One life of a server: `7-1795955400000-9f1c…`, its number, its start in milliseconds, its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
// The derived order compares the fields as they are listed, so the start must be the first.
pub struct Life {
    /// When it started, by the clock of its server, in milliseconds since 1970. The later life is the
    /// greater one.
    pub started_at: i64,
    /// A random id.
    pub id: Uuid,
    /// Counted from 1 in each store; a copy of a store continues on its own.
    pub number: u64,
}

/// A text that does not name a life.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is not a valid life")]
pub struct InvalidLife(String);

impl Life {
    /// A new life with this number, which starts now.
    #[must_use]
    pub fn new(number: u64, now: DateTime<Utc>) -> Self {
        // Random, because copies of a store count on with the same numbers.
        Self { started_at: now.timestamp_millis(), id: Uuid::new_v4(), number }
    }

    /// When it started; 1970 if the number is out of range.
    #[must_use]
    pub fn start(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.started_at).unwrap_or_default()
    }
}

impl fmt::Display for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.number, self.started_at, self.id.simple())
    }
}

impl FromStr for Life {
    type Err = InvalidLife;

    fn from_str(text: &str) -> Result<Self, InvalidLife> {
        // At most three, since a UUID may be written with dashes itself.
        let mut parts = text.splitn(3, '-');
        let mut part = || parts.next().ok_or_else(|| InvalidLife(text.to_owned()));
        let (number, started_at, id) = (part()?, part()?, part()?);
        let life = || {
            Some(Self {
                number: number.parse().ok()?,
                started_at: started_at.parse().ok()?,
                id: id.parse().ok()?,
            })
        };
        life().ok_or_else(|| InvalidLife(text.to_owned()))
    }
}

text_for_serde!(Life, InvalidLife);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_is_read_back_from_its_text_and_the_later_one_is_greater() {
        let at = |second| DateTime::from_timestamp(second, 0).unwrap();
        let (earlier, later) = (Life::new(9, at(1_000)), Life::new(2, at(2_000)));

        assert!(earlier < later);
        assert_eq!(later.to_string().parse(), Ok(later));
        for text in ["", "7", "7-8", "x-8-9", "7-8-nothing"] {
            assert_eq!(text.parse::<Life>(), Err(InvalidLife(text.to_owned())));
        }
    }
}
