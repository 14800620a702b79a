//! Measures what a durable write costs on this disk, by plain files and by SQLite alone, as a reference.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use rusqlite::{Connection, params_from_iter, types::Value};

use crate::{
    statistics::Sample,
    temporary_store::{Reader, Table},
    wait::not_interrupted,
};

/// As much as SQLite adds to its log for the smallest change.
const WRITE: usize = 4096;

/// Appends and syncs `count` times; returns the duration of each in milliseconds.
pub(crate) fn syncs(directory: &Path, count: usize) -> Result<Sample> {
    let path = directory.join("bare");
    let mut file = File::create(&path)?;
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        not_interrupted()?;
        let started = Instant::now();
        file.write_all(&[7; WRITE])?;
        file.sync_all()?;
        times.push(started.elapsed().as_secs_f64() * 1_000.0);
    }
    fs::remove_file(path)?;
    Ok(Sample::new(times))
}

/// Inserts `count` records like one of this store into a new file, in one transaction.
pub(crate) fn transaction(like: &Reader, directory: &Path, count: usize) -> Result<Duration> {
    let Table { schema, columns, mut row } = like.table()?;
    let path = directory.join("bare.db");
    let mut sql = Connection::open(&path)?;
    sql.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    // The settings of the server's store: each commit waits for the disk.
    sql.pragma_update(None, "synchronous", "FULL")?;
    schema.iter().try_for_each(|statement| sql.execute_batch(statement))?;
    let position = |name: &str| columns.iter().position(|column| column == name);
    let (id, allocation) = position("id").zip(position("allocation")).context("no run is known")?;
    let places = vec!["?"; columns.len()].join(", ");
    let text = format!("INSERT INTO runs VALUES ({places})");
    let started = Instant::now();
    let transaction = sql.transaction()?;
    for number in 0..count {
        // Each record has an allocation of its own, as at an instant at which many are due.
        (row[id], row[allocation]) = (Value::Null, Value::Integer(i64::try_from(number)?));
        // Cached, so that the statement is parsed once, as in the server.
        transaction.prepare_cached(&text)?.execute(params_from_iter(&row))?;
    }
    transaction.commit()?;
    let took = started.elapsed();
    // Closed before the removal, since the log is moved into the file at the close.
    sql.close().map_err(|(_, error)| error)?;
    fs::remove_file(path)?;
    Ok(took)
}

/// The kind of file system that a directory is on, as the kernel calls it.
pub(crate) fn file_system(directory: &Path) -> Result<String> {
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    Ok(innermost(&mounts, directory).unwrap_or("unknown").to_owned())
}

fn innermost<'a>(mounts: &'a str, directory: &Path) -> Option<&'a str> {
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((words.next()?, words.next()?))
    });
    // Of two on one place the later one is seen.
    let over = mounts.filter(|(place, _)| directory.starts_with(place));
    // `max_by_key` returns the last of equal ones.
    over.max_by_key(|(place, _)| place.len()).map(|(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_on_the_innermost_mount() {
        let mounts =
            "/dev/vda / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/vdb /tmp/disk xfs rw 0 0\n";

        let kinds = ["/tmpfile", "/tmp/a", "/tmp/disk/a"]
            .map(|directory| innermost(mounts, Path::new(directory)));

        assert_eq!(kinds, [Some("ext4"), Some("tmpfs"), Some("xfs")]);
    }
}
