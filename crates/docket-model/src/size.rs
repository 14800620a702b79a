//! Sizes in bytes as users write them: `64MiB`.

use std::{fmt, str::FromStr};

use thiserror::Error;

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Size(u64);

/// A text that is no size.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidSize {
    /// A number without a unit.
    #[error("{0} what? write {0}MiB or {0}B")]
    BareNumber(String),
    /// Neither a number nor a unit.
    #[error("`{0}` is no size: write it as 64MiB (B, KiB, MiB, GiB, or kB, MB, GB)")]
    Malformed(String),
    /// More than can be counted.
    #[error("`{0}` is more than any machine can hold")]
    TooLarge(String),
}

/// A unit: how it is written and how many bytes it has.
type Unit = (&'static str, u64);

/// Units that are not written, in lower case; the single letters are binary, as Docker's are.
const OTHER_UNITS: [Unit; 6] = [
    ("k", 1 << 10),
    ("kb", 1000),
    ("m", 1 << 20),
    ("mb", 1_000_000),
    ("g", 1 << 30),
    ("gb", 1_000_000_000),
];

/// Units as they are written, the largest first.
const UNITS: [Unit; 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl Size {
    /// A size of so many bytes.
    #[must_use]
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The size in bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for Size {
    type Err = InvalidSize;

    fn from_str(text: &str) -> Result<Self, InvalidSize> {
        let malformed = || InvalidSize::Malformed(text.to_owned());
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let unit = unit.trim_start();
        match (number, unit) {
            ("", _) => return Err(malformed()),
            (_, "") => return Err(InvalidSize::BareNumber(number.to_owned())),
            _ => {}
        }
        let mut units = UNITS.iter().chain(&OTHER_UNITS);
        let (_, factor) =
            units.find(|(name, _)| name.eq_ignore_ascii_case(unit)).ok_or_else(malformed)?;
        let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(*factor));
        bytes.map(Self).ok_or_else(|| InvalidSize::TooLarge(text.to_owned()))
    }
}

/// Writes the largest binary unit that leaves no remainder: `1MiB`, `1000B`.
impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |(_, factor): &&Unit| self.0 >= *factor && self.0.is_multiple_of(*factor);
        let (unit, factor) = UNITS.iter().find(whole).unwrap_or(&("B", 1));
        write!(f, "{}{unit}", self.0 / factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_a_number_and_a_unit_and_is_written_in_one_form() {
        let cases = [
            ("64MiB", 64 << 20, "64MiB"),
            ("64m", 64 << 20, "64MiB"),
            ("64 M", 64 << 20, "64MiB"),
            ("1024k", 1 << 20, "1MiB"),
            ("512kib", 512 << 10, "512KiB"),
            ("2g", 2 << 30, "2GiB"),
            ("1 GB", 1_000_000_000, "1000000000B"),
            ("1kB", 1000, "1000B"),
            ("1025B", 1025, "1025B"),
            ("0MB", 0, "0B"),
        ];
        for (text, bytes, written) in cases {
            let size: Size = text.parse().unwrap();
            assert_eq!((size.bytes(), size.to_string()), (bytes, written.to_owned()), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_a_way_out() {
        let malformed = "is no size: write it as 64MiB (B, KiB, MiB, GiB, or kB, MB, GB)";
        let cases = [
            ("64", "64 what? write 64MiB or 64B".to_owned()),
            ("", format!("`` {malformed}")),
            ("1.5MiB", format!("`1.5MiB` {malformed}")),
            ("-1B", format!("`-1B` {malformed}")),
            ("5 monkeys", format!("`5 monkeys` {malformed}")),
            (
                "99999999999999999999B",
                "`99999999999999999999B` is more than any machine can hold".to_owned(),
            ),
            ("99999999999GiB", "`99999999999GiB` is more than any machine can hold".to_owned()),
        ];
        for (text, message) in cases {
            assert_eq!(text.parse::<Size>().unwrap_err().to_string(), message);
        }
    }
}
