//! Reads SQLite files of the formats 1 and 2 as keys and records. What those formats mean is known here
//! only; what becomes of the records is not.
//!
//! 1. The old tables are set aside, read and dropped in one transaction of the caller.
//! 2. Rows are read one after the other: a file may be larger than memory.
//! 3. Specifications come before the runs of their allocations.

mod outputs;
mod queries;

use std::sync::Arc;

use bytes::Bytes;
use docket_model::{AllocationName, run::Instant};
use rusqlite::{Connection, OptionalExtension as _, Row};

use self::outputs::Sink;
use super::{
    allocation_status::{Newest, StatusRecord},
    backend::{Collection, Key, Record},
    codec,
    sql_column_values::{self as values, each},
};

/// What format 2 added.
const LIVES: &str = "CREATE TABLE lives (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, \
                     started_at TEXT NOT NULL, adopted_at TEXT)";

/// Notes in a copy of such a file when it was made. A copy of a copy that no server took over is as old
/// as that one.
pub(super) const NOTE_COPY: &str =
    "INSERT OR IGNORE INTO meta (key, value) VALUES ('copied_at', ?1)";

/// All tables of format 2.
const TABLES: [&str; 8] =
    ["meta", "allocations", "specifications", "runs", "outputs", "deleted", "journal", "lives"];

/// Renames the tables of a file of this format; returns how many commits the file counts.
pub(super) fn set_aside(sql: &Connection, format: usize) -> rusqlite::Result<u64> {
    if format < 2 {
        sql.execute_batch(LIVES)?;
    }
    // The new tables have some of the same names.
    for table in TABLES {
        sql.execute_batch(&format!("ALTER TABLE {table} RENAME TO old_{table}"))?;
    }
    // The earliest files do not count their commits.
    let commits = "SELECT value FROM old_meta WHERE key = 'commits'";
    let commits: Option<String> = sql.query_row(commits, [], |row| row.get(0)).optional()?;
    commits.map_or(Ok(0), |commits| values::parsed(commits.parse()))
}

/// Drops the tables that were set aside.
pub(super) fn drop_tables(sql: &Connection) -> rusqlite::Result<()> {
    TABLES.iter().try_for_each(|table| sql.execute_batch(&format!("DROP TABLE old_{table}")))
}

/// Reads all that the tables that were set aside hold.
pub(super) fn read(sql: &Connection, sink: &mut Sink<'_>) -> rusqlite::Result<()> {
    each(sql, queries::ITEMS, |row| {
        let collection = row.get_ref(0)?.as_str()?;
        // The query names only collections that there are.
        let collection = Collection::named(collection).unwrap_or(Collection::Meta);
        send(sink, Key::Item(collection, row.get(1)?), row.get_ref(2)?.as_str()?)
    })?;
    each(sql, queries::SPECIFICATIONS, |row| {
        let (name, revision): (String, u64) = (row.get(0)?, row.get(1)?);
        let key = if row.get(3)? {
            Key::Specification(values::name(&name)?)
        } else {
            Key::Item(Collection::Claimed, format!("{name}@{revision}"))
        };
        send(sink, key, row.get_ref(2)?.as_str()?)
    })?;
    each(sql, queries::STATUSES, |row| {
        let (name, status) = status(row)?;
        sink(Key::Status(name), Record::Status(Arc::new(status)))
    })?;
    each(sql, &queries::runs(), |row| {
        let name = values::name(row.get_ref(0)?.as_str()?)?;
        let key = Key::Run(name, values::instant(row.get(1)?)?);
        let record = decode(&key, row.get_ref(2)?.as_str()?)?;
        if let Record::Run(run) = &record {
            outputs::read(sql, row.get(3)?, run, sink)?;
        }
        sink(key, record)
    })?;
    each(sql, queries::JOURNAL, |row| {
        send(sink, Key::Entry(row.get(0)?), row.get_ref(1)?.as_str()?)
    })
}

fn send(sink: &mut Sink<'_>, key: Key, value: &str) -> rusqlite::Result<()> {
    let record = decode(&key, value)?;
    sink(key, record)
}

fn decode(key: &Key, value: &str) -> rusqlite::Result<Record> {
    values::parsed(codec::decode(key, value, Bytes::new()))
}

fn status(row: &Row<'_>) -> rusqlite::Result<(AllocationName, StatusRecord)> {
    let instant = |column| -> rusqlite::Result<Option<Instant>> {
        row.get::<_, Option<i64>>(column)?.map(values::instant).transpose()
    };
    let suspension = row.get_ref(4)?.as_str_or_null()?.map(serde_json::from_str);
    let newest = instant(6)?.zip(row.get(7)?);
    let under_way: Vec<i64> = values::parsed(serde_json::from_str(row.get_ref(8)?.as_str()?))?;
    let status = StatusRecord {
        decided: instant(1)?.map(Instant::moment),
        pruned: instant(2)?,
        succeeded: instant(3)?,
        suspension: suspension.map(values::parsed).transpose()?.map(Arc::new),
        failing: None,
        notified: Vec::new(),
        records: row.get(5)?,
        newest: newest.map(|(instant, is_missed)| Newest { instant, is_missed }),
        under_way: under_way.into_iter().map(values::instant).collect::<Result<_, _>>()?,
    };
    Ok((values::name(row.get_ref(0)?.as_str()?)?, status))
}
