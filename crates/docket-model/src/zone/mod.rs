//! Time zones. A [`Zone`] is a name; its rules come from the zone data that is loaded, which an update
//! replaces while docket runs. No file is opened here: see [`ZoneFiles`].
//!
//! 1. A zone that was found stays valid, also if an update lacks it.
//! 2. A computation uses one set of rules, also while an update is applied.

mod chrono_time_zone;
mod data_version;
mod rules;
mod suggest_zone;
#[cfg(test)]
mod tests;
mod zone_data;

use std::{
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
    sync::OnceLock,
};

pub(crate) use self::rules::{Change, Meaning, Rules};
use self::zone_data::Entry;
pub use self::{
    chrono_time_zone::{ZoneOffset, written},
    data_version::{Edition, Origin},
    suggest_zone::UnknownZone,
    zone_data::{Update, ZoneFiles, edition, install, names, with_clock_of},
};

/// A time zone of the IANA database.
#[derive(Clone, Copy)]
// A reference makes a zone as cheap to copy as a number; entries live as long as the program.
pub struct Zone(&'static Entry);

impl Zone {
    /// Coordinated universal time.
    #[must_use]
    pub fn utc() -> Self {
        static UTC: OnceLock<Zone> = OnceLock::new();
        *UTC.get_or_init(|| Self(zone_data::utc()))
    }

    /// The name, in the case of the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// True for `UTC` and `Etc/UTC`, whose instants are written with a `Z`.
    #[must_use]
    pub fn is_utc(self) -> bool {
        matches!(self.name(), "UTC" | "Etc/UTC")
    }

    /// The current rules.
    pub(crate) fn rules(self) -> Rules {
        self.0.rules()
    }
}

/// Finds a time zone by its name, in any case.
impl FromStr for Zone {
    type Err = UnknownZone;

    fn from_str(name: &str) -> Result<Self, UnknownZone> {
        zone_data::find(name).map(Self).ok_or_else(|| UnknownZone::new(name))
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        // Each name has one entry, so that an update of its rules changes no equality.
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for Zone {}

impl Hash for Zone {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
