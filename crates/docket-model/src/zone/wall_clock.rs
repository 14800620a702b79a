//! A [`Zone`] as chrono's zones: instants by its wall clock.

use std::fmt;

use chrono::{
    DateTime, Datelike, FixedOffset, MappedLocalTime, NaiveDate, NaiveDateTime, Offset,
    SecondsFormat, TimeZone, Utc,
};

use super::{Meaning, Rules, Zone};

/// More letters than any abbreviation in the database has.
const LETTERS: usize = 12;

/// RFC 3339 writes years with four digits.
const RFC_3339_YEARS: std::ops::RangeInclusive<i32> = 0..=9999;

/// A zone's distance from UTC at an instant, and what people call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ZoneOffset {
    zone: Zone,
    fixed: FixedOffset,
    letters: [u8; LETTERS],
}

impl ZoneOffset {
    fn at(zone: Zone, rules: &Rules, at: i64) -> Self {
        let fixed = i32::try_from(rules.offset(at)).ok().and_then(FixedOffset::east_opt);
        let letters = rules.abbreviation(at, |text| {
            let mut letters = [0; LETTERS];
            letters.iter_mut().zip(text.bytes()).for_each(|(letter, byte)| *letter = byte);
            letters
        });
        // No zone is a day or more away from UTC.
        Self { zone, fixed: fixed.unwrap_or(Utc.fix()), letters }
    }
}

impl Offset for ZoneOffset {
    fn fix(&self) -> FixedOffset {
        self.fixed
    }
}

/// Writes the abbreviation, such as `CEST`.
impl fmt::Display for ZoneOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.letters.iter().position(|letter| *letter == 0).unwrap_or(LETTERS);
        let (letters, _) = self.letters.split_at(length);
        f.pad(&String::from_utf8_lossy(letters))
    }
}

impl TimeZone for Zone {
    type Offset = ZoneOffset;

    fn from_offset(offset: &ZoneOffset) -> Self {
        offset.zone
    }

    fn offset_from_local_date(&self, local: &NaiveDate) -> MappedLocalTime<ZoneOffset> {
        self.offset_from_local_datetime(&local.and_time(chrono::NaiveTime::MIN))
    }

    fn offset_from_local_datetime(&self, local: &NaiveDateTime) -> MappedLocalTime<ZoneOffset> {
        let rules = self.rules();
        let at = |instant| ZoneOffset::at(*self, &rules, instant);
        match rules.meaning(local.and_utc().timestamp()) {
            Some(Meaning::Once(instant)) => MappedLocalTime::Single(at(instant)),
            Some(Meaning::Twice { first, second }) => {
                MappedLocalTime::Ambiguous(at(first), at(second))
            }
            Some(Meaning::Never(_)) | None => MappedLocalTime::None,
        }
    }

    fn offset_from_utc_date(&self, utc: &NaiveDate) -> ZoneOffset {
        self.offset_from_utc_datetime(&utc.and_time(chrono::NaiveTime::MIN))
    }

    fn offset_from_utc_datetime(&self, utc: &NaiveDateTime) -> ZoneOffset {
        ZoneOffset::at(*self, &self.rules(), utc.and_utc().timestamp())
    }
}

/// Writes an instant as RFC 3339 does, by the wall clock of a zone.
///
/// An offset with seconds, such as those of local mean time, cannot be written that way: such an
/// instant is written in UTC. `None` for a year that does not have four digits.
#[must_use]
pub fn written(at: DateTime<Utc>, zone: Zone) -> Option<String> {
    let local = at.with_timezone(&zone);
    let has_seconds = local.offset().fix().local_minus_utc() % 60 != 0;
    let is_writable = |year| RFC_3339_YEARS.contains(&year);
    if zone.is_utc() || has_seconds || !is_writable(local.year()) {
        return is_writable(at.year()).then(|| at.to_rfc3339_opts(SecondsFormat::AutoSi, true));
    }
    Some(local.to_rfc3339_opts(SecondsFormat::AutoSi, false))
}
