//! Makes the tables of this format, and fills them from those of a file of an earlier one.

use rusqlite::Transaction;

use super::{
    super::old_formats,
    meta::{self, COMMITS},
    tables,
};

/// The tables of a new file.
const SCHEMA: &str = include_str!("schema.sql");

/// Fills an empty file.
pub(super) fn make(sql: &Transaction<'_>) -> rusqlite::Result<()> {
    sql.execute_batch(SCHEMA)
}

/// Changes a file of an earlier format.
pub(super) fn upgrade(sql: &Transaction<'_>, from: usize) -> rusqlite::Result<()> {
    let commits = old_formats::set_aside(sql, from)?;
    make(sql)?;
    // One for all records: to the store the upgrade is one commit.
    let revision = commits + 1;
    old_formats::read(sql, &mut |key, record| tables::put(sql, &key, &record, revision))?;
    old_formats::drop_tables(sql)?;
    meta::set(sql, COMMITS, revision)
}
