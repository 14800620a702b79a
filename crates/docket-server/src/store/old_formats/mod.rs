//! Reads SQLite files of the formats 1 and 2 as keys and records. What those formats mean is known here
//! only; what becomes of the records is not.
//!
//! 1. The old tables are set aside, read and dropped in one transaction of the caller.
//! 2. Rows are read one after the other: a file may be larger than memory.

mod allocations;
mod outputs;
mod runs;
mod specifications;
mod values;

use chrono::{DateTime, Utc};
use docket_model::{
    AllocationName,
    journal::{Entry, Event},
};
use rusqlite::{Connection, OptionalExtension as _};
use serde_json::{Value, json};

pub(super) use self::values::Sink;
use self::values::each;
use super::backend::{Collection, Key, Record};

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
    for table in TABLES {
        sql.execute_batch(&format!("ALTER TABLE {table} RENAME TO old_{table}"))?;
    }
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
    meta(sql, sink)?;
    lives(sql, sink)?;
    deleted(sql, sink)?;
    allocations::read(sql, sink)?;
    journal(sql, sink)
}

fn item(collection: Collection, key: impl Into<String>, value: &Value) -> (Key, Record) {
    (Key::Item(collection, key.into()), Record::Item(value.to_string().into()))
}

fn meta(sql: &Connection, sink: &mut Sink<'_>) -> rusqlite::Result<()> {
    // The newest run shows that the server ran, too; the next format notes that with each commit.
    let newest =
        "SELECT max(decided_at, ifnull(ended_at, 0)) FROM old_runs ORDER BY id DESC LIMIT 1";
    let newest: Option<i64> = sql.query_row(newest, [], |row| row.get(0)).optional()?;
    let alive = "SELECT value FROM old_meta WHERE key = 'last_alive'";
    let alive: Option<String> = sql.query_row(alive, [], |row| row.get(0)).optional()?;
    let alive = alive.map(|at| values::parsed(at.parse::<DateTime<Utc>>())).transpose()?;
    let alive = alive.max(newest.map(values::moment).transpose()?);
    if let Some(alive) = alive {
        let (key, record) = item(Collection::Meta, "last_alive", &json!(alive));
        sink(key, record)?;
    }
    each(sql, "SELECT key, value FROM old_meta", |row| {
        let (key, value): (String, String) = (row.get(0)?, row.get(1)?);
        let (key, value) = match key.as_str() {
            // The backend counts on for itself.
            "commits" | "last_alive" => return Ok(()),
            "store" => ("id", json!(value)),
            "counter" => ("counter", json!(values::parsed(value.parse::<u64>())?)),
            "home" | "pause" => (key.as_str(), values::from_json(&value)?),
            _ => (key.as_str(), json!(value)),
        };
        let (key, record) = item(Collection::Meta, key, &value);
        sink(key, record)
    })
}

fn lives(sql: &Connection, sink: &mut Sink<'_>) -> rusqlite::Result<()> {
    each(sql, "SELECT number, id, started_at, adopted_at FROM old_lives ORDER BY number", |row| {
        let number = values::count(row.get(0)?)?;
        let (id, started_at): (String, String) = (row.get(1)?, row.get(2)?);
        let mut life = json!({ "Id": id, "Started": started_at });
        if let Some(adopted_at) = row.get::<_, Option<String>>(3)? {
            life["Adopted"] = json!(adopted_at);
        }
        let (key, record) = item(Collection::Lives, format!("{number:020}"), &life);
        sink(key, record)
    })
}

fn deleted(sql: &Connection, sink: &mut Sink<'_>) -> rusqlite::Result<()> {
    each(sql, "SELECT name, decided, at FROM old_deleted", |row| {
        let (decided, at) = (values::moment(row.get(1)?)?, values::moment(row.get(2)?)?);
        let value = json!({ "Decided": decided, "At": at });
        let (key, record) = item(Collection::Deleted, row.get::<_, String>(0)?, &value);
        sink(key, record)
    })
}

fn journal(sql: &Connection, sink: &mut Sink<'_>) -> rusqlite::Result<()> {
    each(sql, "SELECT id, at, allocation, event, by FROM old_journal ORDER BY id", |row| {
        let allocation = row.get_ref(2)?.as_str_or_null()?.map(AllocationName::parse);
        let event: Event = values::from_json(row.get_ref(3)?.as_str()?)?;
        let entry = Entry {
            at: values::parsed(row.get_ref(1)?.as_str()?.parse())?,
            allocation: allocation.map(values::parsed).transpose()?,
            event,
            by: row.get(4)?,
        };
        sink(Key::Entry(values::count(row.get(0)?)?), Record::Entry(entry.into()))
    })
}
