//! Sizes in bytes as users write them: `64MiB`. Every size that docket reads is read here.

use std::{fmt, str::FromStr};

use thiserror::Error;

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Size(u64);

/// A text that is not a valid size.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidSize {
    /// A number without a unit.
    #[error("{0} what? write {0}MiB or {0}B")]
    BareNumber(String),
    /// Neither a number nor a unit.
    #[error("`{0}` is not a valid size: write it as 64MiB (B, KiB, MiB, GiB, or kB, MB, GB)")]
    Malformed(String),
    /// More than 64 bits can count.
    #[error("`{0}` is too large")]
    TooLarge(String),
}

/// What each size matches, as a regular expression.
pub(crate) const PATTERN: &str = "^[0-9]+\\s*([KkMmGgTtPp]([Ii]?[Bb])?|[Bb])$";

/// The letters of units, by their power.
// The empty letter is that of `B` alone, whose power is 0.
const LETTERS: [&str; 6] = ["", "k", "m", "g", "t", "p"];

/// The units in which a size is written, the largest first.
const WRITTEN: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

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

    /// Reads a size as Docker's client does: `1.5g`, and `64MB` is binary.
    pub(crate) fn parse_as_docker(text: &str) -> Option<Self> {
        let (number, unit) = split(text.trim());
        let factor = factor(unit, 1024)?;
        let is_decimal = number.chars().all(|c| c.is_ascii_digit() || c == '.');
        // Every whole number up to there is exact.
        // Docker's client calculates with floats too, so `1.5g` has the same bytes in both.
        #[expect(clippy::cast_precision_loss, reason = "a power of two")]
        let bytes = number.parse::<f64>().ok()? * factor as f64;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range")]
        (is_decimal && bytes < 9e15).then(|| Self(bytes.round() as u64))
    }
}

/// The number and the unit of a size.
fn split(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim_start())
}

/// How many bytes a unit has. A letter alone is binary, as it is to Docker; with a `B` it is the
/// power of `thousand`.
fn factor(unit: &str, thousand: u64) -> Option<u64> {
    // Whether a bare number means bytes or MiB differs between tools, so each caller has its own
    // rule.
    if unit.is_empty() {
        return None;
    }
    // Docker reads `m`, `M`, `mb` and `MB` alike.
    let unit = unit.to_ascii_lowercase();
    let (letter, base) = match (unit.strip_suffix("ib"), unit.strip_suffix('b')) {
        (Some(""), _) => return None,
        (Some(letter), _) => (letter, 1024),
        (None, Some(letter)) => (letter, thousand),
        (None, None) => (unit.as_str(), 1024),
    };
    let power = LETTERS.iter().position(|known| *known == letter)?;
    base.checked_pow(u32::try_from(power).ok()?)
}

impl FromStr for Size {
    type Err = InvalidSize;

    fn from_str(text: &str) -> Result<Self, InvalidSize> {
        let malformed = || InvalidSize::Malformed(text.to_owned());
        let (number, unit) = split(text);
        // A fraction of a unit is rarely a whole number of bytes, so it is rejected and not
        // rounded.
        if number.is_empty() || number.contains('.') {
            return Err(malformed());
        }
        if unit.is_empty() {
            return Err(InvalidSize::BareNumber(number.to_owned()));
        }
        let factor = factor(unit, 1000).ok_or_else(malformed)?;
        // A number of digits fails to be read only if it is too large, so both cases are one error.
        let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
        bytes.map(Self).ok_or_else(|| InvalidSize::TooLarge(text.to_owned()))
    }
}

/// Writes the largest binary unit that leaves no remainder: `1MiB`, `1000B`.
impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole =
            // Zero is a multiple of every unit, and is written as `0B`.
            |(_, factor): &&(&str, u64)| self.0 >= *factor && self.0.is_multiple_of(*factor);
        let (unit, factor) = WRITTEN.iter().find(whole).unwrap_or(&("B", 1));
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
            ("1TB", 1_000_000_000_000, "976562500KiB"),
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
    fn anything_else_is_refused_with_a_remedy() {
        let malformed = "is not a valid size: write it as 64MiB (B, KiB, MiB, GiB, or kB, MB, GB)";
        let cases = [
            ("64", "64 what? write 64MiB or 64B".to_owned()),
            ("", format!("`` {malformed}")),
            ("1.5MiB", format!("`1.5MiB` {malformed}")),
            ("-1B", format!("`-1B` {malformed}")),
            ("5 monkeys", format!("`5 monkeys` {malformed}")),
            ("99999999999999999999B", "`99999999999999999999B` is too large".to_owned()),
            ("99999999999GiB", "`99999999999GiB` is too large".to_owned()),
            ("5ib", format!("`5ib` {malformed}")),
        ];
        for (text, message) in cases {
            assert_eq!(text.parse::<Size>().unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn dockers_client_reads_fractions_and_binary_units_alone() {
        let cases = [
            ("64m", Some(64 << 20)),
            (" 64 MB ", Some(64 << 20)),
            ("1.5g", Some(3 << 29)),
            ("0.5k", Some(512)),
            ("512MiB", Some(512 << 20)),
            ("1p", Some(1 << 50)),
            ("64", None),
            ("1..5g", None),
            ("5 monkeys", None),
            ("9p", None),
        ];
        for (text, bytes) in cases {
            assert_eq!(Size::parse_as_docker(text).map(Size::bytes), bytes, "{text}");
        }
    }
}
