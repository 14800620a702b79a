//! Sizes in bytes as users write them: `64MiB`.

use thiserror::Error;

/// A text that is no size.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum InvalidSize {
    /// A number without a unit.
    #[error("{0} what? write {0}MiB or {0}B")]
    BareNumber(String),
    /// Neither a number nor a unit.
    #[error("`{0}` is no size: write it as 64MiB (B, KiB, MiB, GiB, or kB, MB, GB)")]
    Malformed(String),
    /// More than this machine can count.
    #[error("`{0}` is more than this machine can hold")]
    TooLarge(String),
}

/// Units in any case; the single letters are binary, as Docker's are.
const UNITS: [(&str, usize); 10] = [
    ("b", 1),
    ("k", 1 << 10),
    ("kib", 1 << 10),
    ("kb", 1000),
    ("m", 1 << 20),
    ("mib", 1 << 20),
    ("mb", 1_000_000),
    ("g", 1 << 30),
    ("gib", 1 << 30),
    ("gb", 1_000_000_000),
];

/// Reads a size in bytes.
pub(crate) fn parse(text: &str) -> Result<usize, InvalidSize> {
    let malformed = || InvalidSize::Malformed(text.to_owned());
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    if number.is_empty() {
        return Err(malformed());
    }
    let unit = unit.trim_start().to_ascii_lowercase();
    if unit.is_empty() {
        return Err(InvalidSize::BareNumber(number.to_owned()));
    }
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(malformed)?;
    let size = number.parse::<usize>().ok().and_then(|number| number.checked_mul(*factor));
    size.ok_or_else(|| InvalidSize::TooLarge(text.to_owned()))
}

/// A size for people: `12 B`, `1.5 KiB`, `3.2 GiB`.
pub(crate) fn shown(bytes: u64) -> String {
    let units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match units.into_iter().find(|(_, size)| bytes >= *size) {
        Some((unit, size)) => format!("{}.{} {unit}", bytes / size, bytes % size * 10 / size),
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_a_number_and_a_unit() {
        let cases = [("64MiB", 64 << 20), ("64m", 64 << 20), ("1 GB", 1_000_000_000), ("0B", 0)];
        for (text, bytes) in cases {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn a_size_is_shown_in_its_largest_unit() {
        let cases = [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (3_435_973_837, "3.2 GiB")];
        for (bytes, words) in cases {
            assert_eq!(shown(bytes), words);
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
            ("99999999999GiB", "`99999999999GiB` is more than this machine can hold".to_owned()),
        ];
        for (text, message) in cases {
            assert_eq!(parse(text).unwrap_err().to_string(), message);
        }
    }
}
