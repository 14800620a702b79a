//! Single values: flags, numbers, sizes, durations, times, names, words and paths.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime};
use serde_json::{Value, json};

use super::{
    super::writer::{self, Written},
    Form, item, string,
};
use crate::{
    duration::{self, Duration, InvalidDuration},
    finding::{expected, listed, shortened, unknown_word},
    name::{self, AllocationName},
    size::{self, Size},
    zone::{UnknownZone, Zone},
};

/// The longest path of a file on Linux.
// `PATH_MAX`; the server opens the file at each start, long after the push was accepted.
const LONGEST_PATH: usize = 4096;

/// The shape of a time in RFC 3339.
const RFC_3339: &str = "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]+)?\
                        ([Zz]|[+-][0-9]{2}:[0-9]{2})$";

/// True or false.
pub(in crate::allocation) fn flag() -> Form<bool> {
    let read = |value: &Value| value.as_bool().ok_or_else(|| expected("true or false", value));
    Form::of_value(json!({"type": "boolean"}), "`true`, `false`", read, |flag| {
        Some(Written::Flag(*flag))
    })
}

/// A whole number in a range.
pub(in crate::allocation) fn number<T>(least: u64, most: u64) -> Form<T>
where
    T: TryFrom<u64> + TryInto<u64> + Copy + 'static,
{
    let read = move |value: &Value| {
        let number = value.as_u64().filter(|number| (least..=most).contains(number));
        match number.and_then(|number| T::try_from(number).ok()) {
            Some(number) => Ok(number),
            // `-1` is a whole number, so it gets the message about the range and not the one about
            // the type.
            None if value.is_u64() || value.is_i64() => {
                Err(format!("{value} is out of range ({least} to {most})"))
            }
            None => Err(expected("a whole number", value)),
        }
    };
    let schema = json!({"type": "integer", "minimum": least, "maximum": most});
    Form::of_value(schema, format!("{least} to {most}"), read, |number| {
        Some(Written::Number((*number).try_into().ok()?))
    })
}

/// A size of at most so many bytes: a number of bytes, or a text with a unit.
pub(in crate::allocation) fn size(most: usize) -> Form<usize> {
    let limit = Size::from_bytes(most as u64);
    let read = move |value: &Value| {
        let (size, shown) = match value {
            Value::Number(number) if number.is_u64() => {
                (Size::from_bytes(number.as_u64().unwrap_or_default()), number.to_string())
            }
            Value::String(text) => {
                let shown = shortened(text);
                // The message quotes the shortened text, and a real size is never as long.
                (shown.parse::<Size>().map_err(|error| error.to_string())?, shown)
            }
            other => return Err(expected("a size such as 1MiB", other)),
        };
        let bytes = usize::try_from(size.bytes()).ok().filter(|bytes| *bytes <= most);
        bytes.ok_or_else(|| format!("{shown} is more than the limit of {limit}"))
    };
    let schema = json!({"anyOf": [
        {"type": "string", "pattern": size::PATTERN},
        {"type": "integer", "minimum": 0, "maximum": most},
    ]});
    Form::of_value(schema, format!("size of at most `{limit}`"), read, |bytes| {
        Some(Written::Text(Size::from_bytes(*bytes as u64).to_string().into()))
    })
}

/// The name of an allocation.
pub(in crate::allocation) fn name() -> Form<AllocationName> {
    let read =
        |value: &Value| AllocationName::parse(string(value)?).map_err(|error| error.to_string());
    let schema = json!({"type": "string", "pattern": name::PATTERN});
    Form::new(
        schema,
        "`[A-Za-z0-9][A-Za-z0-9_.-]{0,127}`",
        move |reader, at, value| {
            // `After` comes later in the table, and needs the name to detect a dependency on
            // itself.
            reader.name = reader.value(at, &value, read);
            reader.name.clone()
        },
        |name| Some(Written::Text(name.as_str().into())),
    )
}

/// A text of at most so many bytes.
pub(in crate::allocation) fn text(most: usize) -> Form<Option<Box<str>>> {
    let read = move |value: &Value| match string(value)? {
        long if long.len() > most => {
            Err(format!("{} bytes are more than the limit of {most}", long.len()))
        }
        text => Ok(Box::<str>::from(text)),
    };
    // A character has at least one byte.
    // JSON Schema counts characters, docket bytes.
    let schema = json!({"type": "string", "maxLength": most});
    Form::of_value(schema, format!("string of at most {most} bytes"), read, |text| {
        Some(Written::Text((**text).into()))
    })
    .optional()
}

/// A value that is one of some words.
pub(in crate::allocation) trait Word:
    Copy + PartialEq + Send + Sync + 'static
{
    /// The word, as users write it.
    fn word(self) -> &'static str;
}

/// One of these words, in any case.
pub(in crate::allocation) fn words<T: Word>(all: &'static [T]) -> Form<T> {
    let words: Vec<_> = all.iter().map(|one| one.word()).collect();
    let (schema, shown) = (json!({"type": "string", "enum": words}), listed(&words, ", "));
    let read = move |value: &Value| {
        let Value::String(text) = value else {
            return Err(expected(&format!("one of {}", listed(&words, " and ")), value));
        };
        let found = all.iter().find(|one| one.word().eq_ignore_ascii_case(text));
        found.copied().ok_or_else(|| unknown_word(text, &words))
    };
    Form::of_value(schema, shown, read, |value| Some(Written::Text(value.word().into())))
}

/// The name of a time zone.
pub(in crate::allocation) fn zone() -> Form<Option<Zone>> {
    let read =
        |value: &Value| string(value)?.parse().map_err(|error: UnknownZone| error.to_string());
    // The host's zone files may be newer than ours, so that the names are not listed.
    let schema = json!({"type": "string"});
    Form::of_value(schema, "IANA name, such as `Europe/Berlin`", read, |zone: &Zone| {
        Some(Written::Text(zone.name().into()))
    })
    .optional()
}

/// A duration of at least so many seconds.
pub(in crate::allocation) fn length(least: u64) -> Form<Duration> {
    let shortest = Duration::from_seconds(least);
    let read = move |value: &Value| match value {
        Value::Number(number) if number.is_u64() => {
            // `Timeout: 30` could mean seconds or minutes, so docket does not guess.
            Err(InvalidDuration::BareNumber(number.to_string()).to_string())
        }
        Value::String(text) => match shortened(text).parse::<Duration>() {
            Ok(short) if short < shortest => {
                Err(format!("{short} is too short: write at least {shortest}, or leave it out"))
            }
            read => read.map_err(|error| error.to_string()),
        },
        other => Err(expected("a duration such as 1h30m10s", other)),
    };
    let words = match least {
        0 => "duration".to_owned(),
        _ => format!("duration of at least `{shortest}`"),
    };
    let schema = json!({"type": "string", "pattern": duration::PATTERN});
    Form::of_value(schema, words, read, |length| Some(Written::Text(length.to_string().into())))
}

/// A duration, where zero counts as unset.
pub(in crate::allocation) fn optional_length(least: u64) -> Form<Option<Duration>> {
    let Form { read, write, schema, words, .. } = length(least).optional();
    // `0s` switches a timeout or a jitter off, as in many tools.
    let is_length = |length: &Duration| length.seconds() > 0;
    Form::new(
        schema,
        words,
        move |reader, at, value| Some(read(reader, at, value)?.filter(is_length)),
        write,
    )
}

/// A time with an offset.
pub(in crate::allocation) fn time() -> Form<Option<DateTime<FixedOffset>>> {
    let schema = json!({"type": "string", "format": "date-time", "pattern": RFC_3339});
    let words = "time in RFC 3339, such as `2026-11-21T09:00:00+01:00`";
    Form::of_value(schema, words, read_time, |time| Some(Written::Text(writer::time(*time).into())))
        .optional()
}

fn read_time(value: &Value) -> Result<DateTime<FixedOffset>, String> {
    let Value::String(text) = value else {
        return Err(expected("a time such as 2026-11-21T09:00:00Z", value));
    };
    DateTime::parse_from_rfc3339(text).map_err(|_| {
        let shown = shortened(text);
        // A time without an offset would depend on the zone of the server that reads it.
        if text.parse::<NaiveDateTime>().is_ok() {
            format!("`{shown}` has no offset: write `{shown}Z`, or `{shown}+01:00`")
        } else if text.parse::<NaiveDate>().is_ok() {
            format!("`{shown}` is a date without a time: write `{shown}T00:00:00Z`, or another offset than Z")
        } else {
            format!("`{shown}` is not a valid time: write it as 2026-11-21T09:00:00Z (RFC 3339)")
        }
    })
}

/// The path of a file, or at most so many of them.
pub(in crate::allocation) fn paths(most: usize) -> Form<Vec<Box<str>>> {
    let path = json!({"type": "string", "minLength": 1});
    let schema = json!({"anyOf": [path, {"type": "array", "items": path, "maxItems": most}]});
    Form::new(
        schema,
        format!("path, or list of at most {most} paths"),
        move |reader, at, value| {
            if !matches!(value, Value::String(_) | Value::Array(_)) {
                return reader.reject(at, expected("a path or a list of paths", &value));
            }
            Some(reader.list(at, &value, most, path_below))
        },
        |paths| (!paths.is_empty()).then_some(Written::Texts(paths)),
    )
}

/// The path of a file below a directory, which it cannot lead out of.
fn path_below(value: &Value) -> Result<Box<str>, String> {
    let path = item(value, "a path")?;
    let shown = shortened(path);
    Err(if path.is_empty() {
        "an empty string is not a path".to_owned()
    } else if path.contains('\0') {
        "a path cannot contain a NUL character".to_owned()
    } else if path.len() > LONGEST_PATH {
        format!("`{shown}` is longer than {LONGEST_PATH} bytes")
    } else if path.starts_with('/') {
        format!("`{shown}` is an absolute path: write it relative to the server's --env-dir")
    // Any `..` is rejected: `a/../b` may still lead out if `a` is a symbolic link.
    } else if path.split('/').any(|part| part == "..") {
        format!("`{shown}` leads out of the server's --env-dir: write it without `..`")
    } else if matches!(path.rsplit('/').next(), Some("" | ".")) {
        format!("`{shown}` is a directory: write the path of a file")
    } else {
        return Ok(path.into());
    })
}
