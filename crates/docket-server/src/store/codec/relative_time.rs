//! Moments of a run as microseconds after its instant.

use chrono::{DateTime, TimeDelta, Utc};
use docket_model::run::Instant;

use super::decode_error::DecodeError;

/// Counts moments from the instant of a run.
#[derive(Clone, Copy)]
pub(super) struct Origin(pub(super) Instant);

impl Origin {
    /// How long after the instant a moment is, in microseconds. Negative before it.
    pub(super) fn after(self, at: DateTime<Utc>) -> i64 {
        // Only moments some 290,000 years away have no such number.
        (at - self.0.moment()).num_microseconds().unwrap_or_default()
    }

    /// The moment so many microseconds after the instant.
    pub(super) fn at(self, after: i64) -> Result<DateTime<Utc>, DecodeError> {
        let at = self.0.moment().checked_add_signed(TimeDelta::microseconds(after));
        at.ok_or_else(|| {
            format!("{after} microseconds after the instant is not a moment of the calendar").into()
        })
    }
}
