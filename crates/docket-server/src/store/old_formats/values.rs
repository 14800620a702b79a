//! How values are written in the columns of the formats 1 and 2.

use chrono::{DateTime, Utc};
use docket_model::run::Instant;
use rusqlite::{Connection, Error, Row, types::Type};
use serde::de::DeserializeOwned;

use super::super::backend::{Key, Record};

/// Takes what was read.
pub(crate) type Sink<'a> = dyn FnMut(Key, Record) -> rusqlite::Result<()> + 'a;

/// Does something with each row of a query.
pub(super) fn each(
    sql: &Connection,
    query: &str,
    mut act: impl FnMut(&Row<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut statement = sql.prepare(query)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        act(row)?;
    }
    Ok(())
}

/// The moment of a number of milliseconds since 1970.
pub(super) fn moment(millis: i64) -> rusqlite::Result<DateTime<Utc>> {
    DateTime::from_timestamp_millis(millis).ok_or(Error::IntegralValueOutOfRange(0, millis))
}

/// The instant of a number of milliseconds since 1970.
pub(super) fn instant(millis: i64) -> rusqlite::Result<Instant> {
    moment(millis).map(Instant::new)
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

/// The value that JSON holds.
pub(super) fn from_json<T: DeserializeOwned>(json: &str) -> rusqlite::Result<T> {
    parsed(serde_json::from_str(json))
}

/// The value that JSON holds, where there is any.
pub(super) fn maybe_json<T: DeserializeOwned>(json: Option<&str>) -> rusqlite::Result<Option<T>> {
    json.map(from_json).transpose()
}
