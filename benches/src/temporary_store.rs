//! A SQLite store in a directory of its own, and connections that read its file while a server writes it.
//!
//! It lies beside this program: where binaries are built there is a real disk, but `/tmp` may be
//! memory.

use std::{env, path::Path, time::Duration};

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use rusqlite::{Connection, OpenFlags, types::Value};
use tempfile::TempDir;

/// How long what a server locks is waited for.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// A store in a directory of its own, which goes with this value.
#[derive(Debug)]
pub(crate) struct StoreFile {
    directory: TempDir,
    argument: String,
}

impl StoreFile {
    /// Makes the directory; the file is made by the first server.
    pub(crate) fn new() -> Result<Self> {
        let program = env::current_exe()?;
        let beside = program.parent().context("this program is in no directory")?;
        let directory = TempDir::with_prefix_in("store-", beside)?;
        let argument = format!("sqlite:{}", directory.path().join("docket.db").display());
        Ok(Self { directory, argument })
    }

    /// The arguments of a server that uses it.
    pub(crate) fn arguments(&self) -> [&str; 2] {
        ["--store", &self.argument]
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A connection that reads while a server writes.
    pub(crate) fn reader(&self) -> Result<Reader> {
        Ok(Reader(self.open(OpenFlags::SQLITE_OPEN_READ_ONLY)?))
    }

    /// A connection that writes while no server does.
    pub(crate) fn writer(&self) -> Result<Connection> {
        self.open(OpenFlags::SQLITE_OPEN_READ_WRITE)
    }

    fn open(&self, access: OpenFlags) -> Result<Connection> {
        let path = self.directory.path().join("docket.db");
        let connection =
            // One thread uses the connection.
            Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        Ok(connection)
    }
}

/// A connection that only reads.
#[derive(Debug)]
pub(crate) struct Reader(Connection);

impl Reader {
    /// The number of the newest record of a run. It counts records for as long as no record is pruned,
    /// and costs next to nothing to ask for.
    pub(crate) fn newest_run(&self) -> Result<usize> {
        self.number("SELECT ifnull(max(id), 0) FROM runs", [])
    }

    /// How many records there are for an instant.
    pub(crate) fn runs_of(&self, instant: DateTime<Utc>) -> Result<usize> {
        self.number("SELECT count(*) FROM runs WHERE instant = ?1", [instant.timestamp_millis()])
    }

    /// How many bytes the file takes for what is in it, once the log is moved to it.
    pub(crate) fn bytes(&self) -> Result<usize> {
        let number = |pragma: &str| self.number(&format!("SELECT * FROM {pragma}"), []);
        // Free pages are reused, so they are not what the records take.
        let used = number("pragma_page_count")?.saturating_sub(number("pragma_freelist_count")?);
        Ok(used * number("pragma_page_size")?)
    }

    /// The table of runs, and one record in it.
    pub(crate) fn table(&self) -> Result<Table> {
        let text =
            // With the indexes, whose upkeep is part of each insert.
            "SELECT sql FROM sqlite_schema WHERE tbl_name = 'runs' AND sql NOT NULL ORDER BY rowid";
        let mut schema = self.0.prepare(text)?;
        let schema = schema.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let mut statement = self.0.prepare("SELECT * FROM runs LIMIT 1")?;
        let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let count = columns.len();
        let row = statement.query_row([], |row| (0..count).map(|at| row.get(at)).collect())?;
        Ok(Table { schema, columns, row })
    }

    fn number(&self, query: &str, parameters: impl rusqlite::Params) -> Result<usize> {
        let mut statement = self.0.prepare_cached(query)?;
        let number: i64 = statement.query_row(parameters, |row| row.get(0))?;
        Ok(usize::try_from(number)?)
    }
}

/// A table as a store has it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Table {
    /// The statements that make it.
    pub(crate) schema: Vec<String>,
    pub(crate) columns: Vec<String>,
    /// One record.
    pub(crate) row: Vec<Value>,
}
