//! How values stand in columns.

use chrono::{DateTime, SecondsFormat, Utc};
use docket_model::run::Instant;
use rusqlite::{Error, types::Type};
use serde::{Serialize, de::DeserializeOwned};

/// A moment as an integer: milliseconds since 1970.
pub(super) fn millis(moment: DateTime<Utc>) -> i64 {
    moment.timestamp_millis()
}

/// The moment that an integer stands for.
pub(super) fn moment(millis: i64) -> rusqlite::Result<DateTime<Utc>> {
    DateTime::from_timestamp_millis(millis).ok_or(Error::IntegralValueOutOfRange(0, millis))
}

/// The instant that an integer stands for.
pub(super) fn instant(millis: i64) -> rusqlite::Result<Instant> {
    moment(millis).map(Instant::new)
}

/// A moment as a text of fixed width, which sorts as the moments do.
pub(super) fn text(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Nanos, true)
}

/// A number that counts from 0; SQLite knows signed ones only.
pub(super) fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A count from what SQLite has.
pub(super) fn count(number: i64) -> rusqlite::Result<u64> {
    u64::try_from(number).map_err(|_| Error::IntegralValueOutOfRange(0, number))
}

/// A text that holds something else, such as a moment or a name.
pub(super) fn parsed<T, E>(text: Result<T, E>) -> rusqlite::Result<T>
where
    E: std::error::Error + Send + Sync + 'static,
{
    text.map_err(|error| Error::FromSqlConversionFailure(0, Type::Text, Box::new(error)))
}

/// A value as JSON. Texts, numbers and lists of them: JSON can always hold them.
pub(super) fn json<T: Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| Error::ToSqlConversionFailure(Box::new(error)))
}

/// The value that JSON holds.
pub(super) fn from_json<T: DeserializeOwned>(json: &str) -> rusqlite::Result<T> {
    parsed(serde_json::from_str(json))
}

/// The value that JSON holds, where there is any.
pub(super) fn maybe_json<T: DeserializeOwned>(json: Option<&str>) -> rusqlite::Result<Option<T>> {
    json.map(from_json).transpose()
}
