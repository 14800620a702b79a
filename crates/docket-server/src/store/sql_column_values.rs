//! How values are written in the columns of SQLite files.

use chrono::{DateTime, Utc};
use docket_model::{AllocationName, run::Instant};
use rusqlite::{Connection, Error, Row, types::Type};

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
pub(super) fn number(count: impl TryInto<i64>) -> i64 {
    // `usize::MAX` means no limit; real counts never come near it.
    count.try_into().unwrap_or(i64::MAX)
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
    // Index 0 for all, as no caller names its column.
    text.map_err(|error| Error::FromSqlConversionFailure(0, Type::Text, Box::new(error)))
}

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
