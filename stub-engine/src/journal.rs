//! The stub's record of what it was asked, and when.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use chrono::{DateTime, NaiveDateTime, Utc};

use super::Call;

/// The moment it is, by the wall clock of this machine.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "it measures from outside, by the clock that the server under test goes by"
)]
pub fn now() -> DateTime<Utc> {
    SystemTime::now().into()
}

/// Reads an instant as docket writes it in names and labels, such as `20261121T090000Z`.
#[must_use]
pub fn read_instant(text: &str) -> Option<DateTime<Utc>> {
    NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%SZ").ok().map(|wall| wall.and_utc())
}

/// One request that the stub received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// What was asked.
    pub call: Call,
    /// When the whole request had arrived.
    pub at: DateTime<Utc>,
    /// The image, the container's name, or nothing, as [`super::Script`] says.
    pub subject: Arc<str>,
    /// The instant in the container's label `io.docket.instant`, where it is about one.
    pub instant: Option<DateTime<Utc>>,
}

/// Everything the stub was asked, in order.
#[derive(Debug, Default)]
pub(crate) struct Journal(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    stamps: Vec<Stamp>,
    counts: HashMap<Call, usize>,
}

impl Journal {
    pub(crate) fn note(&self, stamp: Stamp) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *entries.counts.entry(stamp.call).or_default() += 1;
        entries.stamps.push(stamp);
    }

    pub(crate) fn count(&self, call: Call) -> usize {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.counts.get(&call).copied().unwrap_or_default()
    }

    pub(crate) fn take(&self) -> Vec<Stamp> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *entries).stamps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_read_as_docket_writes_it() {
        let instant = read_instant("20261121T090000Z").unwrap();

        assert_eq!(instant.to_rfc3339(), "2026-11-21T09:00:00+00:00");
        assert_eq!(read_instant("2026-11-21"), None);
    }
}
