//! Single values of a specification, or in words why one is none.

use std::ops::RangeInclusive;

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime};
use serde_json::Value;

use crate::{
    duration::{Duration, InvalidDuration},
    finding::{expected, listed, shortened, unknown_word},
    size::Size,
};

/// The longest path of a file, as Linux has it.
const LONGEST_PATH: usize = 4096;

pub(super) fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| expected("a text", value))
}

/// A text in a list, where null says nothing.
pub(super) fn named<'v>(value: &'v Value, kind: &str) -> Result<&'v str, String> {
    if value.is_null() { Err(expected(kind, value)) } else { text(value) }
}

pub(super) fn boolean(value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| expected("true or false", value))
}

/// A length of time, or none at all.
pub(super) fn duration(value: &Value) -> Result<Duration, String> {
    match value {
        Value::Number(number) if number.is_u64() => {
            Err(InvalidDuration::BareNumber(number.to_string()).to_string())
        }
        Value::String(text) => shortened(text).parse().map_err(|error| format!("{error}")),
        other => Err(expected("a length of time such as 1h30m10s", other)),
    }
}

/// A length of time that is longer than none.
pub(super) fn length(value: &Value) -> Result<Duration, String> {
    match duration(value)? {
        none if none.seconds() == 0 => {
            Err("no time at all: leave it out, or write at least 1s".to_owned())
        }
        length => Ok(length),
    }
}

pub(super) fn moment(value: &Value) -> Result<DateTime<FixedOffset>, String> {
    let Value::String(text) = value else {
        return Err(expected("a moment such as 2026-11-21T09:00:00Z", value));
    };
    DateTime::parse_from_rfc3339(text).map_err(|_| {
        let shown = shortened(text);
        if text.parse::<NaiveDateTime>().is_ok() {
            format!("`{shown}` leaves the zone open: write `{shown}Z`, or `{shown}+01:00`")
        } else if text.parse::<NaiveDate>().is_ok() {
            format!("`{shown}` is a day, no moment: write `{shown}T00:00:00Z`, or an offset for Z")
        } else {
            format!("`{shown}` is no moment: write it as 2026-11-21T09:00:00Z (RFC 3339)")
        }
    })
}

/// One of the words for a policy, in any case.
pub(super) fn word<T: Copy>(
    value: &Value,
    all: &[T],
    word: impl Fn(T) -> &'static str,
) -> Result<T, String> {
    let words = || all.iter().map(|one| word(*one)).collect::<Vec<_>>();
    let Value::String(text) = value else {
        let kind = format!("one of {}", listed(&words(), " and "));
        return Err(expected(&kind, value));
    };
    let found = all.iter().find(|one| word(**one).eq_ignore_ascii_case(text));
    found.copied().ok_or_else(|| unknown_word(text, &words()))
}

pub(super) fn whole_number<T: TryFrom<u64>>(
    value: &Value,
    range: &RangeInclusive<u64>,
) -> Result<T, String> {
    let is_whole = value.is_u64() || value.is_i64();
    let number = value.as_u64().filter(|number| range.contains(number));
    match number.and_then(|number| T::try_from(number).ok()) {
        Some(number) => Ok(number),
        None if is_whole => {
            Err(format!("{value} is out of range ({}-{})", range.start(), range.end()))
        }
        None => Err(expected("a whole number", value)),
    }
}

/// A size: a number of bytes, or a text with a unit.
pub(super) fn size(value: &Value, most: usize) -> Result<usize, String> {
    let size = match value {
        Value::Number(number) if number.is_u64() => {
            Size::from_bytes(number.as_u64().unwrap_or_default())
        }
        Value::String(text) => shortened(text).parse().map_err(|error| format!("{error}"))?,
        other => return Err(expected("a size such as 1MiB", other)),
    };
    let bytes = usize::try_from(size.bytes()).ok().filter(|bytes| *bytes <= most);
    bytes.ok_or_else(|| format!("{size} is more than {}", Size::from_bytes(most as u64)))
}

/// The path of a file below a folder that it cannot leave.
pub(super) fn path_below(value: &Value) -> Result<Box<str>, String> {
    let path = named(value, "a path")?;
    let shown = shortened(path);
    if path.is_empty() {
        return Err("an empty text names no file".to_owned());
    }
    if path.contains('\0') {
        return Err("a NUL stands in this text, and in no path".to_owned());
    }
    if path.len() > LONGEST_PATH {
        return Err(format!("`{shown}` has more than {LONGEST_PATH} bytes"));
    }
    if path.starts_with('/') {
        let message = "is an absolute path: write it as it is below the server's --env-dir";
        return Err(format!("`{shown}` {message}"));
    }
    if path.split('/').any(|part| part == "..") {
        return Err(format!(
            "`{shown}` leads out of the server's --env-dir: write it without `..`"
        ));
    }
    if matches!(path.rsplit('/').next(), Some("" | ".")) {
        return Err(format!("`{shown}` is a folder: name the file"));
    }
    Ok(path.into())
}
