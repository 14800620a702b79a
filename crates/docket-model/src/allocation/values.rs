//! Reads single values of a specification; an error says what is wrong and what to write.

use std::ops::RangeInclusive;

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime};
use serde_json::Value;

use crate::{
    duration::{Duration, InvalidDuration},
    finding::{expected, listed, shortened, unknown_word},
    size::Size,
};

/// The longest path of a file on Linux.
const LONGEST_PATH: usize = 4096;

pub(super) fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| expected("a string", value))
}

/// A text in a list, where null is an error.
pub(super) fn named<'v>(value: &'v Value, kind: &str) -> Result<&'v str, String> {
    if value.is_null() { Err(expected(kind, value)) } else { text(value) }
}

pub(super) fn boolean(value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| expected("true or false", value))
}

/// A duration, which may be zero.
pub(super) fn duration(value: &Value) -> Result<Duration, String> {
    match value {
        Value::Number(number) if number.is_u64() => {
            Err(InvalidDuration::BareNumber(number.to_string()).to_string())
        }
        Value::String(text) => shortened(text).parse().map_err(|error| format!("{error}")),
        other => Err(expected("a duration such as 1h30m10s", other)),
    }
}

/// A time with an offset.
pub(super) fn time(value: &Value) -> Result<DateTime<FixedOffset>, String> {
    let Value::String(text) = value else {
        return Err(expected("a time such as 2026-11-21T09:00:00Z", value));
    };
    DateTime::parse_from_rfc3339(text).map_err(|_| {
        let shown = shortened(text);
        if text.parse::<NaiveDateTime>().is_ok() {
            format!("`{shown}` has no offset: write `{shown}Z`, or `{shown}+01:00`")
        } else if text.parse::<NaiveDate>().is_ok() {
            format!("`{shown}` is a date without a time: write `{shown}T00:00:00Z`, or another offset than Z")
        } else {
            format!("`{shown}` is not a valid time: write it as 2026-11-21T09:00:00Z (RFC 3339)")
        }
    })
}

/// One of some words, in any case.
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
            Err(format!("{value} is out of range ({} to {})", range.start(), range.end()))
        }
        None => Err(expected("a whole number", value)),
    }
}

/// A size: a number of bytes, or a text with a unit.
pub(super) fn size(value: &Value, most: usize) -> Result<usize, String> {
    let (size, shown) = match value {
        Value::Number(number) if number.is_u64() => {
            (Size::from_bytes(number.as_u64().unwrap_or_default()), number.to_string())
        }
        Value::String(text) => {
            let shown = shortened(text);
            (shown.parse::<Size>().map_err(|error| error.to_string())?, shown)
        }
        other => return Err(expected("a size such as 1MiB", other)),
    };
    let bytes = usize::try_from(size.bytes()).ok().filter(|bytes| *bytes <= most);
    bytes.ok_or_else(|| {
        format!("{shown} is more than the limit of {}", Size::from_bytes(most as u64))
    })
}

/// The path of a file below a directory, which it cannot lead out of.
pub(super) fn path_below(value: &Value) -> Result<Box<str>, String> {
    let path = named(value, "a path")?;
    let shown = shortened(path);
    if path.is_empty() {
        return Err("an empty string is not a path".to_owned());
    }
    if path.contains('\0') {
        return Err("a path cannot contain a NUL character".to_owned());
    }
    if path.len() > LONGEST_PATH {
        return Err(format!("`{shown}` is longer than {LONGEST_PATH} bytes"));
    }
    if path.starts_with('/') {
        let message = "is an absolute path: write it relative to the server's --env-dir";
        return Err(format!("`{shown}` {message}"));
    }
    if path.split('/').any(|part| part == "..") {
        return Err(format!(
            "`{shown}` leads out of the server's --env-dir: write it without `..`"
        ));
    }
    if matches!(path.rsplit('/').next(), Some("" | ".")) {
        return Err(format!("`{shown}` is a directory: write the path of a file"));
    }
    Ok(path.into())
}
