//! The rules of a zone: its offset at an instant, the changes of its clock, and the instants of a local
//! time. All numbers are seconds since 1970: in UTC for an instant, as shown by the clock for a local
//! time.

use chrono::{DateTime, Datelike, Timelike};
use jiff::{
    Timestamp, civil,
    tz::{AmbiguousOffset, Offset, TimeZone},
};

/// Times in a gap of at most this length run once after it (cronie's rule).
const LONGEST_MADE_UP_GAP: i64 = 3 * 3600;

/// The offset of the number of leap seconds in a compiled zone file.
const LEAP_SECONDS: std::ops::Range<usize> = 28..32;

/// The rules of a zone at one moment; an update of the zone data does not change them.
#[derive(Debug, Clone)]
pub(crate) struct Rules(TimeZone);

/// One change of a zone's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Change {
    /// The first instant with the new offset.
    pub(crate) at: i64,
    /// The offset before, in seconds east of UTC.
    pub(crate) before: i64,
    /// The offset from then on.
    pub(crate) after: i64,
}

impl Change {
    /// Returns whether the local times that this change skips run once, just after it.
    pub(crate) fn is_made_up(self) -> bool {
        (1..=LONGEST_MADE_UP_GAP).contains(&(self.after - self.before))
    }
}

/// What a local time means in a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    Once(i64),
    Twice {
        first: i64,
        second: i64,
    },
    /// The clock skips it at this change.
    Never(Change),
}

impl Rules {
    /// Coordinated universal time.
    pub(super) fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// Reads a compiled zone file (RFC 9636); `None` if it is not one, or counts leap seconds.
    pub(super) fn parse(name: &str, file: &[u8]) -> Option<Self> {
        // Files of the `right/` directory count leap seconds, which would shift all times by almost
        // half a minute.
        if file.get(LEAP_SECONDS)? != [0; 4] {
            return None;
        }
        TimeZone::tzif(name, file).ok().map(Self)
    }

    /// Returns whether the name is the current one among several for the zone.
    pub(super) fn has_current_name(&self) -> bool {
        self.0.is_primary()
    }

    /// Returns the offset at an instant, in seconds east of UTC.
    pub(crate) fn offset(&self, at: i64) -> i64 {
        self.0.to_offset(timestamp(at)).seconds().into()
    }

    /// Returns the abbreviation of the offset at an instant, such as `CEST` or `+03`.
    pub(super) fn abbreviation<T>(&self, at: i64, read: impl FnOnce(&str) -> T) -> T {
        read(self.0.to_offset_info(timestamp(at)).abbreviation())
    }

    /// Returns the first change of the clock in `(after, until]`.
    pub(crate) fn first_change(&self, after: i64, until: i64) -> Option<Change> {
        let mut before = self.offset(after);
        let mut last = after;
        for transition in self.0.following(timestamp(after)) {
            let at = transition.timestamp().as_second();
            // A file with unordered transitions would be walked endlessly.
            if at > until || at <= last {
                return None;
            }
            let offset = i64::from(transition.offset().seconds());
            // Some transitions change only the abbreviation.
            if offset != before {
                return Some(Change { at, before, after: offset });
            }
            (before, last) = (offset, at);
        }
        None
    }

    /// Maps a local time to its instants; `None` outside the years -9999 to 9999.
    pub(crate) fn meaning(&self, wall: i64) -> Option<Meaning> {
        let reading = reading(wall)?;
        let seconds = |offset: Offset| i64::from(offset.seconds());
        let meaning = match self.0.to_ambiguous_timestamp(reading).offset() {
            AmbiguousOffset::Unambiguous { offset } => Meaning::Once(wall - seconds(offset)),
            AmbiguousOffset::Fold { before, after } => {
                Meaning::Twice { first: wall - seconds(before), second: wall - seconds(after) }
            }
            AmbiguousOffset::Gap { before, after } => {
                // The change lies between the two instants that the local time would have by either
                // offset.
                let (from, to) = (wall - seconds(after), wall - seconds(before));
                Meaning::Never(self.first_change(from, to)?)
            }
        };
        Some(meaning)
    }

    /// Returns whether two sets of rules have the same clock between two instants.
    pub(super) fn agree(&self, other: &Self, from: i64, until: i64) -> bool {
        if self.offset(from) != other.offset(from) {
            return false;
        }
        let (mut mine, mut theirs) = (self.changes(from, until), other.changes(from, until));
        loop {
            match (mine.next(), theirs.next()) {
                (None, None) => return true,
                (one, another) if one != another => return false,
                _ => {}
            }
        }
    }

    fn changes(&self, from: i64, until: i64) -> impl Iterator<Item = Change> {
        let next = move |change: &Change| self.first_change(change.at, until);
        std::iter::successors(self.first_change(from, until), next)
    }
}

/// The local time at an instant.
fn reading(wall: i64) -> Option<civil::DateTime> {
    let read = DateTime::from_timestamp(wall, 0)?;
    let part = |part: u32| i8::try_from(part).ok();
    let (year, month, day) =
        (i16::try_from(read.year()).ok()?, part(read.month())?, part(read.day())?);
    let (hour, minute, second) = (part(read.hour())?, part(read.minute())?, part(read.second())?);
    civil::DateTime::new(year, month, day, hour, minute, second, 0).ok()
}

/// The nearest instant within the years -9999 to 9999.
fn timestamp(at: i64) -> Timestamp {
    // Rules do not change beyond, so the nearest instant has the right offset.
    let nearest = if at < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_second(at).unwrap_or(nearest)
}
