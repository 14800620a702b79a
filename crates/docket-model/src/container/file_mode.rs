//! File modes: people write them in octal, and the Engine API has decimal numbers.

use serde_json::Value;

use crate::finding::Place;

/// The bits that a mode can have.
const ALL_BITS: u64 = 0o7777;

/// True if the number at this path is a file mode.
pub(super) fn is_mode(at: Place<'_>) -> bool {
    matches!(
        at,
        Place::Key(
            Place::Key(_, "TmpfsOptions") | Place::Index(Place::Key(_, "Secrets" | "Configs"), _),
            "Mode"
        )
    )
}

/// Reads a mode in octal, which begins with `0`.
pub(super) fn read(text: &str) -> Option<u64> {
    // Below, the leading `0` is a prefix, and nothing would be left to read.
    if text == "0" {
        return Some(0);
    }
    let digits = text.strip_prefix("0o").or_else(|| text.strip_prefix('0'))?;
    let mode = u64::from_str_radix(digits, 8).ok()?;
    // `from_str_radix` accepts a sign.
    (mode <= ALL_BITS && !digits.starts_with('+')).then_some(mode)
}

/// The message for a value that is not a mode.
pub(super) fn expected(found: &Value) -> String {
    let octal = found.as_str().and_then(|text| u64::from_str_radix(text, 8).ok());
    match octal.filter(|mode| *mode <= ALL_BITS) {
        Some(mode) => format!("expected a file mode: write 0{mode:o} (octal) or {mode}"),
        None => {
            "expected a file mode: write it in octal, such as 0750, or as the number 488".to_owned()
        }
    }
}

/// The message for a number that is too large for a mode.
pub(super) fn too_large(mode: u64) -> Option<String> {
    let octal = u64::from_str_radix(&mode.to_string(), 8).ok().filter(|octal| *octal <= ALL_BITS);
    let meant = octal.map(|_| format!(": write 0{mode} if the mode {mode} in octal is meant"));
    (mode > ALL_BITS).then(|| {
        format!(
            "{mode} is not a file mode: the largest is 0{ALL_BITS:o} (octal) or {ALL_BITS}{}",
            meant.unwrap_or_default()
        )
    })
}

/// The warning for a number that is a usual mode only if its digits are octal, such as `750`.
pub(super) fn doubt(mode: u64) -> Option<String> {
    // A decimal number with a digit 8 or 9 cannot be a mode that was written in octal.
    let octal = u64::from_str_radix(&mode.to_string(), 8).ok()?;
    (is_usual(octal) && !is_usual(mode)).then(|| {
        format!("{mode} is decimal, the mode {mode:o} in octal: write 0{mode} if that is meant")
    })
}

/// True for modes that people set: the owner can read, and has all rights of the group, which has all
/// rights of others.
fn is_usual(mode: u64) -> bool {
    let [owner, group, others] = [mode >> 6 & 7, mode >> 3 & 7, mode & 7];
    let is_sensible = |bits: u64| matches!(bits, 0 | 1 | 4..=7);
    mode <= ALL_BITS
        && owner & 4 != 0
        && owner & group == group
        && group & others == others
        && is_sensible(group)
        && is_sensible(others)
}
