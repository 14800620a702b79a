//! Specifications in columns.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use docket_model::{Allocation, Specification, allocation::Stored};
use rusqlite::{Connection, Row, params};

use super::values::{self, number};

/// What [`read`] needs, to stand behind `SELECT` where the table is called `specifications`.
pub(super) const COLUMNS: &str = "specifications.scheduled_at, description, labels, cron, after, \
     time_zone, policies, container";

/// Reads a specification and since when it is due; `first` is where its columns begin.
pub(super) fn read(
    row: &Row<'_>,
    first: usize,
    name: &str,
) -> rusqlite::Result<(Specification, DateTime<Utc>)> {
    let text = |column: usize| -> rusqlite::Result<Option<Cow<'_, str>>> {
        Ok(row.get_ref(first + column)?.as_str_or_null()?.map(Cow::Borrowed))
    };
    let stored = Stored {
        name: Cow::Borrowed(name),
        description: text(1)?,
        labels: text(2)?,
        cron: text(3)?,
        after: text(4)?,
        time_zone: text(5)?,
        policies: text(6)?,
        container: Cow::Borrowed(row.get_ref(first + 7)?.as_str()?),
    };
    let scheduled_at = values::parsed(row.get_ref(first)?.as_str()?.parse())?;
    Ok((values::parsed(Specification::from_stored(stored))?, scheduled_at))
}

/// Adds the specification of an allocation.
pub(super) fn insert(sql: &Connection, allocation: &Allocation) -> rusqlite::Result<()> {
    let stored = allocation.specification.to_stored();
    sql.prepare_cached(
        "INSERT INTO specifications (revision, scheduled_at, description, labels, cron, after, \
         time_zone, policies, container) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        number(allocation.revision),
        values::text(allocation.scheduled_at),
        stored.description,
        stored.labels,
        stored.cron,
        stored.after,
        stored.time_zone,
        stored.policies,
        stored.container,
    ])
    .map(drop)
}
