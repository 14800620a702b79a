//! How values are written in columns.

use chrono::{DateTime, Utc};
use docket_model::{AllocationName, run::Instant};
use rusqlite::{Error, types::Type};

/// A moment as an integer: milliseconds since 1970.
pub(super) fn millis(moment: DateTime<Utc>) -> i64 {
    moment.timestamp_millis()
}

/// The instant of an integer.
pub(super) fn instant(millis: i64) -> rusqlite::Result<Instant> {
    let moment = DateTime::from_timestamp_millis(millis);
    moment.map(Instant::new).ok_or(Error::IntegralValueOutOfRange(0, millis))
}

/// A number that counts from 0; SQLite knows signed ones only.
pub(super) fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A count from what SQLite has.
pub(super) fn count(number: i64) -> rusqlite::Result<u64> {
    u64::try_from(number).map_err(|_| Error::IntegralValueOutOfRange(0, number))
}

/// The name of an allocation.
pub(super) fn name(text: &str) -> rusqlite::Result<AllocationName> {
    parsed(AllocationName::parse(text))
}

/// A text that holds something else, such as a moment or a name.
pub(super) fn parsed<T, E>(text: Result<T, E>) -> rusqlite::Result<T>
where
    E: std::error::Error + Send + Sync + 'static,
{
    text.map_err(|error| Error::FromSqlConversionFailure(0, Type::Text, Box::new(error)))
}
