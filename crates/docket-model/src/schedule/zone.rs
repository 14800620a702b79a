//! Time zones: their names, and the one mapping between wall clock and instants.
//! Seconds since 1970 throughout: of UTC for an instant, of the wall's own reading for a wall time.

use std::str::FromStr;

use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::{GapInfo, TZ_VARIANTS, Tz};

/// Two changes of the clock closer together than this may be seen as one. In the database that
/// chrono-tz 0.10 carries the closest two from 1970 to 2099 are 167 hours apart (Asia/Gaza).
const PROBE: i64 = 6 * 3600;

/// A gap of the clock up to this length is made up for (cronie's rule); a longer one is not.
const LONGEST_MADE_UP_GAP: i64 = 3 * 3600;

/// The longest name worth comparing; the longest there is has 32 bytes.
const LONGEST_NAME: usize = 64;

/// A name that the time zone database does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not a time zone, did you mean `{nearest}`?")]
pub struct UnknownZone {
    /// The name as it was given.
    pub name: String,
    /// The name in the database that is most like it.
    pub nearest: &'static str,
}

/// Finds a time zone by its IANA name, in any case.
///
/// # Errors
/// [`UnknownZone`] names the nearest zone there is.
pub fn parse_zone(name: &str) -> Result<Tz, UnknownZone> {
    if let Ok(zone) = Tz::from_str(name) {
        return Ok(zone);
    }
    let same = TZ_VARIANTS.iter().find(|zone| zone.name().eq_ignore_ascii_case(name));
    same.copied().ok_or_else(|| UnknownZone { name: name.to_owned(), nearest: nearest(name) })
}

/// Compares with whole names and with their cities alone, so that `Berlin` finds its zone.
fn nearest(name: &str) -> &'static str {
    let wanted: String = name.chars().take(LONGEST_NAME).collect::<String>().to_ascii_lowercase();
    let wanted = wanted.trim().replace(' ', "_");
    let distance = |zone: &&Tz| {
        let whole = zone.name().to_ascii_lowercase();
        let city = whole.rsplit('/').next().unwrap_or(&whole);
        let by_city = strsim::damerau_levenshtein(city, &wanted);
        strsim::damerau_levenshtein(&whole, &wanted).min(by_city)
    };
    TZ_VARIANTS.iter().min_by_key(distance).map_or("UTC", |zone| zone.name())
}

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
    /// Tells whether the wall times that this change leaves out run once, just after it.
    pub(super) fn is_made_up(self) -> bool {
        (1..=LONGEST_MADE_UP_GAP).contains(&(self.after - self.before))
    }
}

/// What a wall time means in a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    Once(i64),
    Twice {
        first: i64,
        second: i64,
    },
    /// The clock leaves it out at this change.
    Never(Change),
}

/// Returns the zone's offset at an instant, in seconds east of UTC.
pub(super) fn offset(zone: Tz, at: i64) -> i64 {
    DateTime::from_timestamp(at, 0).map_or(0, |at| {
        zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc().into()
    })
}

/// Returns the first change of the clock in `(after, until]`.
pub(super) fn first_change(zone: Tz, after: i64, until: i64) -> Option<Change> {
    let before = offset(zone, after);
    let mut low = after;
    while low < until {
        let high = until.min(low + PROBE);
        if offset(zone, high) != before {
            let at = bisect(low, high, |at| offset(zone, at) != before);
            return Some(Change { at, before, after: offset(zone, at) });
        }
        low = high;
    }
    None
}

/// Finds where `is_after` turns true in `(low, high]`; it is true at `high`.
fn bisect(mut low: i64, mut high: i64, is_after: impl Fn(i64) -> bool) -> i64 {
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if is_after(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    high
}

/// Maps a wall time to the instants it names; `None` only outside chrono's calendar.
pub(crate) fn meaning(zone: Tz, wall: i64) -> Option<Meaning> {
    let reading = DateTime::from_timestamp(wall, 0)?.naive_utc();
    let instant =
        |offset: &<Tz as TimeZone>::Offset| wall - i64::from(offset.fix().local_minus_utc());
    match zone.offset_from_local_datetime(&reading) {
        chrono::MappedLocalTime::Single(offset) => Some(Meaning::Once(instant(&offset))),
        chrono::MappedLocalTime::Ambiguous(first, second) => {
            Some(Meaning::Twice { first: instant(&first), second: instant(&second) })
        }
        chrono::MappedLocalTime::None => {
            let (begin, old) = GapInfo::new(&reading, &zone)?.begin?;
            let before = i64::from(old.fix().local_minus_utc());
            let at = begin.and_utc().timestamp() - before;
            Some(Meaning::Never(Change { at, before, after: offset(zone, at) }))
        }
    }
}
