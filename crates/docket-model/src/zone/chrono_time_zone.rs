//! Implements chrono's `TimeZone` for [`Zone`].

use std::fmt;

use chrono::{
    DateTime, Datelike, FixedOffset, MappedLocalTime, NaiveDate, NaiveDateTime, Offset,
    SecondsFormat, TimeZone, Utc,
};

use super::{Meaning, Rules, Zone};

/// More letters than the longest abbreviation in the database.
// An array keeps the offset `Copy`, and with it chrono's times in a zone.
const LETTERS: usize = 12;

/// The years of RFC 3339, which have four digits.
const RFC_3339_YEARS: std::ops::RangeInclusive<i32> = 0..=9999;

/// The offset of a zone at an instant, with its abbreviation.
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
        // Every offset is less than a day.
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
        // Taken once, so that both offsets of an ambiguous time come from the same data.
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

/// Writes an instant in RFC 3339, in the local time of a zone.
///
/// RFC 3339 cannot express an offset with seconds, such as local mean time: then UTC is written. `None`
/// for a year without four digits.
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
