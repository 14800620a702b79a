//! The tables: one for each kind of key, with the revision and the value of each row.

use std::sync::LazyLock;

use bytes::Bytes;
use rusqlite::{
    Connection, Error, OptionalExtension, Row, params, params_from_iter,
    types::{ToSqlOutput, Type},
};

use super::{
    super::{
        backend::{Key, Record, Revision, Write},
        codec::{self, CodecError},
    },
    column_values::{self, millis, number},
};

/// The statements about one row of a table. The columns of the key come first.
struct Statements {
    put: String,
    delete: String,
    read: String,
    revision: String,
}

impl Statements {
    /// `bytes` is true of the table that has a column for bytes beside the value.
    fn of(table: &str, key: &[&str], bytes: bool) -> Self {
        let columns = key.join(", ");
        let marks = vec!["?"; key.len()].join(", ");
        let condition: Vec<_> = key.iter().map(|column| format!("{column} = ?")).collect();
        let condition = condition.join(" AND ");
        let (column, mark, excluded, read) = if bytes {
            (", bytes", ", ?", ", bytes = excluded.bytes", "bytes")
        } else {
            ("", "", "", "x''")
        };
        Self {
            put: format!(
                "INSERT INTO {table} ({columns}, revision, value{column}) \
                 VALUES ({marks}, ?, ?{mark}) ON CONFLICT ({columns}) DO UPDATE \
                 SET revision = excluded.revision, value = excluded.value{excluded}"
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

static TABLES: LazyLock<Tables> = LazyLock::new(|| Tables {
    specifications: Statements::of("specifications", &["name"], false),
    statuses: Statements::of("statuses", &["name"], false),
    runs: Statements::of("runs", &["name", "instant"], false),
    outputs: Statements::of("outputs", &["name", "instant", "part", "attempt", "piece"], true),
    journal: Statements::of("journal", &["sequence"], false),
    items: Statements::of("items", &["collection", "key"], false),
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
            .prepare_cached("DELETE FROM outputs WHERE name = ?1 AND instant = ?2")?
            .execute(params![name.as_str(), millis(instant.moment())])
            .map(drop),
        Write::DeleteRuns(name) => {
            let delete = |statement| sql.prepare_cached(statement)?.execute([name.as_str()]);
            delete("DELETE FROM outputs WHERE name = ?1")?;
            delete("DELETE FROM runs WHERE name = ?1").map(drop)
        }
    }
}

/// Writes a record, whatever was there.
pub(super) fn put(
    sql: &Connection,
    key: &Key,
    record: &Record,
    revision: Revision,
) -> rusqlite::Result<()> {
    let encoded = codec::encode(key, record);
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
    let found = statement.query_row(params_from_iter(columns), |row| row.get(0)).optional()?;
    found.map(column_values::count).transpose()
}

/// The record of a key; nothing where it is absent.
pub(super) fn read(sql: &Connection, key: &Key) -> rusqlite::Result<Option<(Revision, Record)>> {
    let (table, columns) = place(key);
    let mut statement = sql.prepare_cached(&table.read)?;
    let decoded = |row: &Row<'_>| {
        let bytes = row.get_ref(2)?.as_blob()?;
        let bytes = Bytes::copy_from_slice(bytes);
        Ok((column_values::count(row.get(0)?)?, decode(key, row.get_ref(1)?.as_str()?, bytes)?))
    };
    statement.query_row(params_from_iter(columns), decoded).optional()
}

/// The record that a value holds. One that holds none is damage of the file.
pub(super) fn decode(key: &Key, value: &str, bytes: Bytes) -> rusqlite::Result<Record> {
    codec::decode(key, value, bytes).map_err(damage)
}

fn damage(error: CodecError) -> Error {
    Error::FromSqlConversionFailure(0, Type::Text, Box::new(error))
}
