//! The tables: one for each kind of key, with the revision and the value of each row.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use docket_model::Run;
use rusqlite::{
    Connection, Error, OptionalExtension, Row, params, params_from_iter,
    types::{ToSqlOutput, Type},
};
use uuid::Uuid;

use super::super::{
    backend::{Key, Record, Revision, Write},
    codec,
    sql_column_values::{self as values, millis, number},
};

/// What stands for an allocation in the tables of runs and outputs; its name is the first parameter.
pub(super) const ALLOCATION: &str = "(SELECT id FROM specifications WHERE name = ?1)";

/// The uid of an allocation, which that of its runs is.
pub(super) const UID: &str = "(SELECT value ->> 'Uid' FROM specifications WHERE name = ?1)";

/// The statements about one row of a table.
struct Statements {
    put: String,
    delete: String,
    read: String,
    revision: String,
}

impl Statements {
    /// Of a table with these columns for its key; the first names an allocation by its id in some.
    /// `bytes` is the column for bytes beside the value, and `read` is read beside it.
    fn of(table: &str, key: &[&str], bytes: Option<&str>, read: &str) -> Self {
        let mark = |at: usize| match key.get(at) {
            Some(&"allocation") => ALLOCATION.to_owned(),
            _ => format!("?{}", at + 1),
        };
        let columns = [key, &["revision", "value"], bytes.as_slice()].concat();
        let marks: Vec<_> = (0..columns.len()).map(mark).collect();
        let condition: Vec<_> =
            key.iter().zip(&marks).map(|(column, mark)| format!("{column} = {mark}")).collect();
        let changed = columns.iter().skip(key.len());
        let changed: Vec<_> = changed.map(|it| format!("{it} = excluded.{it}")).collect();
        let (condition, key) = (condition.join(" AND "), key.join(", "));
        Self {
            // Not `INSERT OR REPLACE`: the row would get a new id, and runs refer to the old one.
            put: format!(
                "INSERT INTO {table} ({}) VALUES ({}) ON CONFLICT ({key}) DO UPDATE SET {}",
                columns.join(", "),
                marks.join(", "),
                changed.join(", ")
            ),
            delete: format!("DELETE FROM {table} WHERE {condition}"),
            read: format!("SELECT revision, value, {read} FROM {table} WHERE {condition}"),
            revision: format!("SELECT revision FROM {table} WHERE {condition}"),
        }
    }
}

/// The statements of all tables.
struct Tables {
    specifications: Statements,
    statuses: Statements,
    runs: Statements,
    outputs: Statements,
    journal: Statements,
    items: Statements,
}

// Made once, as prepared statements are found by their text.
static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let plain = |table, key: &[&str]| Statements::of(table, key, None, "NULL");
    let piece = ["allocation", "instant", "part", "attempt", "piece"];
    Tables {
        specifications: plain("specifications", &["name"]),
        statuses: plain("statuses", &["name"]),
        runs: Statements::of("runs", &["allocation", "instant"], None, UID),
        outputs: Statements::of("outputs", &piece, Some("bytes"), "bytes"),
        journal: plain("journal", &["sequence"]),
        items: plain("items", &["collection", "key"]),
    }
});

/// The table of a key, and the key's values there.
fn place(key: &Key) -> (&'static Statements, Vec<ToSqlOutput<'_>>) {
    let tables = &*TABLES;
    match key {
        Key::Specification(name) => (&tables.specifications, vec![name.as_str().into()]),
        Key::Status(name) => (&tables.statuses, vec![name.as_str().into()]),
        Key::Run(name, instant) => {
            (&tables.runs, vec![name.as_str().into(), millis(instant.moment()).into()])
        }
        Key::Piece(key) => {
            let instant = millis(key.instant.moment()).into();
            let numbers = [key.attempt.part, key.attempt.number, key.piece].map(ToSqlOutput::from);
            let name = ToSqlOutput::from(key.allocation.as_str());
            (&tables.outputs, [name, instant].into_iter().chain(numbers).collect())
        }
        Key::Entry(sequence) => (&tables.journal, vec![number(*sequence).into()]),
        Key::Item(collection, key) => {
            (&tables.items, vec![collection.name().into(), key.as_str().into()])
        }
    }
}

/// Makes one change.
pub(super) fn write(sql: &Connection, write: &Write, revision: Revision) -> rusqlite::Result<()> {
    match write {
        Write::Put(key, record) => put(sql, key, record, revision),
        Write::Delete(key) => {
            let (table, columns) = place(key);
            sql.prepare_cached(&table.delete)?.execute(params_from_iter(columns)).map(drop)
        }
        Write::DeletePieces(name, instant) => sql
            .prepare_cached(&format!(
                "DELETE FROM outputs WHERE allocation = {ALLOCATION} AND instant = ?2"
            ))?
            .execute(params![name.as_str(), millis(instant.moment())])
            .map(drop),
        Write::DeleteRuns(name) => ["outputs", "runs"].into_iter().try_for_each(|table| {
            let delete = format!("DELETE FROM {table} WHERE allocation = {ALLOCATION}");
            sql.prepare_cached(&delete)?.execute([name.as_str()]).map(drop)
        }),
    }
}

/// Writes a record, whatever was there.
pub(super) fn put(
    sql: &Connection,
    key: &Key,
    record: &Record,
    revision: Revision,
) -> rusqlite::Result<()> {
    let encoded = match record {
        Record::Run(run) => {
            // Its allocation has the uid.
            let run = Run { uid: Uuid::nil(), ..Run::clone(run) };
            codec::encode(key, &Record::Run(Arc::new(run)))
        }
        record => codec::encode(key, record),
    };
    let encoded = encoded.map_err(|error| Error::ToSqlConversionFailure(Box::new(error)))?;
    let (table, mut columns) = place(key);
    columns.push(number(revision).into());
    columns.push(encoded.value.as_str().into());
    if matches!(key, Key::Piece(_)) {
        columns.push(ToSqlOutput::from(&*encoded.bytes));
    }
    sql.prepare_cached(&table.put)?.execute(params_from_iter(columns)).map(drop)
}

/// The revision of a key; nothing where it is absent.
pub(super) fn revision(sql: &Connection, key: &Key) -> rusqlite::Result<Option<Revision>> {
    let (table, columns) = place(key);
    let mut statement = sql.prepare_cached(&table.revision)?;
    statement.query_row(params_from_iter(columns), |row| row.get(0)).optional()
}

/// The record of a key; nothing where it is absent.
pub(super) fn read(sql: &Connection, key: &Key) -> rusqlite::Result<Option<(Revision, Record)>> {
    let (table, columns) = place(key);
    let mut statement = sql.prepare_cached(&table.read)?;
    let decoded = |row: &Row<'_>| {
        let record = match key {
            Key::Run(..) => Record::Run(run(key, row)?),
            Key::Piece(_) => decode(key, row, Bytes::copy_from_slice(row.get_ref(2)?.as_blob()?))?,
            _ => decode(key, row, Bytes::new())?,
        };
        Ok((row.get(0)?, record))
    };
    statement.query_row(params_from_iter(columns), decoded).optional()
}

/// The run of a row whose second column is its value, and whose third is the uid of its allocation.
pub(super) fn run(key: &Key, row: &Row<'_>) -> rusqlite::Result<Arc<Run>> {
    let Record::Run(mut run) = decode(key, row, Bytes::new())? else {
        return Err(Error::InvalidColumnType(1, "value".to_owned(), Type::Text));
    };
    if let Some(uid) = row.get_ref(2)?.as_str_or_null()? {
        Arc::make_mut(&mut run).uid = values::parsed(uid.parse())?;
    }
    Ok(run)
}

/// The record of a row whose second column is its value. One that holds none is damage of the file.
fn decode(key: &Key, row: &Row<'_>, bytes: Bytes) -> rusqlite::Result<Record> {
    values::parsed(codec::decode(key, row.get_ref(1)?.as_str()?, bytes))
}
