//! Specifications of the formats 1 and 2, by their revision.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use docket_model::{Specification, allocation::Stored};
use rusqlite::Row;

use super::values;

/// What [`read`] needs, for a `SELECT` in which the table is called `old_specifications`.
pub(super) const COLUMNS: &str = "old_specifications.scheduled_at, description, labels, cron, \
     after, time_zone, policies, container";

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
