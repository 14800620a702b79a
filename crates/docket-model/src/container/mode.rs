//! File modes: octal, as everybody writes them, and plain numbers on the wire.

use serde_json::Value;

use crate::finding::Place;

/// No file has more bits.
const ALL_BITS: u64 = 0o7777;

/// True where a number is a file mode.
pub(super) fn is_mode(at: Place<'_>) -> bool {
    matches!(at, Place::Key(Place::Key(_, "TmpfsOptions"), "Mode"))
}

/// The mode that a text in octal means, which begins with `0`.
pub(super) fn read(text: &str) -> Option<u64> {
    if text == "0" {
        return Some(0);
    }
    let digits = text.strip_prefix("0o").or_else(|| text.strip_prefix('0'))?;
    let mode = u64::from_str_radix(digits, 8).ok()?;
    (mode <= ALL_BITS && !digits.starts_with('+')).then_some(mode)
}

/// What to say of a value that is none.
pub(super) fn expected(found: &Value) -> String {
    let octal = found.as_str().and_then(|text| u64::from_str_radix(text, 8).ok());
    match octal.filter(|mode| *mode <= ALL_BITS) {
        Some(mode) => format!("expected a file mode: write 0{mode:o} (octal) or {mode}"),
        None => {
            "expected a file mode: write it in octal, such as 0750, or as the number 488".to_owned()
        }
    }
}

/// What to write for a number whose digits are a mode and which is none itself, as in `750`.
pub(super) fn doubt(mode: u64) -> Option<String> {
    let octal = u64::from_str_radix(&mode.to_string(), 8).ok()?;
    (is_usual(octal) && !is_usual(mode)).then(|| {
        format!("{mode} is decimal, the mode {mode:o} in octal: write 0{mode} if that is meant")
    })
}

/// True for modes that people set: the owner reads, and may do what the group may, and that what
/// others may.
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
