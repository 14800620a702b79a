//! Reads the records of runs for those who ask.

use std::sync::Arc;

use docket_model::Run;
use rusqlite::{Connection, params};

use super::{
    super::{RunFilter, rules},
    record::{self, Owner},
    values::{millis, number},
};

/// The records that a filter wants, the newest first, without the bytes of their outputs.
pub(super) fn runs(
    sql: &Connection,
    owner: &Owner,
    filter: &RunFilter,
) -> rusqlite::Result<Vec<Arc<Run>>> {
    let text = format!(
        "SELECT {} FROM runs WHERE allocation = ?1 AND instant < ?2 \
         AND (?3 IS NULL OR state = ?3) ORDER BY instant DESC LIMIT ?4",
        record::COLUMNS
    );
    let before = filter.before.map_or(i64::MAX, |instant| millis(instant.moment()));
    let limit = i64::try_from(filter.limit).unwrap_or(i64::MAX);
    let mut statement = sql.prepare_cached(&text)?;
    let key = params![number(owner.position), before, filter.state, limit];
    let rows = statement.query_map(key, |row| record::read(row, 0, owner).map(Arc::new))?;
    rows.collect()
}

/// The newest records, as many as a snapshot has.
pub(super) fn recent(sql: &Connection, owner: &Owner) -> rusqlite::Result<Vec<Arc<Run>>> {
    let text =
        format!("SELECT {} FROM runs WHERE allocation = ?1 ORDER BY instant DESC", record::COLUMNS);
    let mut statement = sql.prepare_cached(&text)?;
    let position = [number(owner.position)];
    rules::recent(statement.query_map(position, |row| record::read(row, 0, owner).map(Arc::new))?)
}
