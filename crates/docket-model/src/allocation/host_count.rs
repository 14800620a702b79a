//! On how many hosts a run goes on at once: `Placement.On`. A host is an engine without nodes, or a node.

use std::fmt;

/// How many hosts an allocation may ask for by a number.
// Each is a container, and all of them are decided in one claim and are in one record.
pub const MOST_PARTS: u32 = 100;

/// On how many hosts each run has a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HostCount {
    /// On one.
    #[default]
    One,
    /// On so many, from 2 to [`MOST_PARTS`].
    Exactly(u32),
    /// On all that fit and answer when the run starts.
    All,
}

impl HostCount {
    /// The value for a number of hosts, if that is in the range.
    #[must_use]
    pub fn of_number(number: u64) -> Option<Self> {
        match u32::try_from(number).ok()? {
            1 => Some(Self::One),
            number @ 2..=MOST_PARTS => Some(Self::Exactly(number)),
            _ => None,
        }
    }

    /// How many engines have to fit.
    #[must_use]
    pub fn least(self) -> usize {
        match self {
            Self::One | Self::All => 1,
            Self::Exactly(number) => number as usize,
        }
    }
}

/// As in a specification.
impl fmt::Display for HostCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One => f.write_str("One"),
            Self::Exactly(number) => write!(f, "{number}"),
            Self::All => f.write_str("All"),
        }
    }
}
