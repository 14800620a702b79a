//! SQLite's log of writes, read without SQLite: whether each write that it holds would be found again
//! after a crash. The format is described at <https://www.sqlite.org/walformat.html>.

use std::{
    fs::File,
    io::{self, BufReader, ErrorKind, Read},
    path::Path,
};

/// Sizes in bytes.
const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// The header begins with this number, or with the next one where checksums are big-endian.
const MAGIC: u32 = 0x377f_0682;

/// False where a part of the log is damaged, so that later writes would be lost with it.
///
/// Frames that were left from before a restart of the log, or from a transaction that was rolled
/// back, are no writes.
pub(super) fn is_whole(path: &Path) -> io::Result<bool> {
    let file = File::open(path)?;
    // The log was cut at a checkpoint, and nothing was written since.
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    let mut file = BufReader::new(file);
    let Some(header) = read::<HEADER>(&mut file)? else { return Ok(false) };
    let Some(mut chain) = Chain::begin(&header) else { return Ok(false) };
    let mut page = vec![0; chain.page_size];
    let mut is_broken = false;
    while let Some(frame) = read::<FRAME_HEADER>(&mut file)? {
        // A crash may cut off the last frame, which was not committed then.
        if !fill(&mut file, &mut page)? {
            break;
        }
        // The salts: SQLite changes them whenever it begins the log anew.
        let is_current = frame[8..16] == header[16..24];
        is_broken |= !is_current || !chain.accepts(&frame, &page);
        // The size of the database after a commit; 0 in all other frames.
        let is_commit = frame[4..8] != [0; 4];
        // SQLite recovers only up to the break, so this commit would be lost.
        if is_broken && is_current && is_commit {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Checksums, each of which covers all that was before it.
struct Chain {
    is_big_endian: bool,
    page_size: usize,
    sums: (u32, u32),
}

impl Chain {
    /// Nothing where the header is not as SQLite wrote it.
    fn begin(header: &[u8; HEADER]) -> Option<Self> {
        let magic = big(header, 0);
        let page_size = usize::try_from(big(header, 8)).ok()?;
        let is_valid = (magic & !1) == MAGIC && (512..=65_536).contains(&page_size);
        let mut chain = Self { is_big_endian: magic & 1 == 1, page_size, sums: (0, 0) };
        chain.add(&header[..24]);
        (is_valid && chain.sums == (big(header, 24), big(header, 28))).then_some(chain)
    }

    fn accepts(&mut self, frame: &[u8; FRAME_HEADER], page: &[u8]) -> bool {
        // Salts and the checksum itself are not covered.
        self.add(&frame[..8]);
        self.add(page);
        self.sums == (big(frame, 16), big(frame, 20))
    }

    fn add(&mut self, bytes: &[u8]) {
        let number = |bytes: &[u8]| {
            let bytes = bytes.try_into().unwrap_or_default();
            if self.is_big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
        };
        let (mut first, mut second) = self.sums;
        for pair in bytes.chunks_exact(8) {
            let (left, right) = pair.split_at(4);
            first = first.wrapping_add(number(left)).wrapping_add(second);
            second = second.wrapping_add(number(right)).wrapping_add(first);
        }
        self.sums = (first, second);
    }
}

/// The number at an offset of a header.
fn big(header: &[u8], at: usize) -> u32 {
    let bytes = header.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
    u32::from_be_bytes(bytes.unwrap_or_default())
}

/// The next bytes; nothing where there are not so many.
fn read<const N: usize>(file: &mut impl Read) -> io::Result<Option<[u8; N]>> {
    let mut bytes = [0; N];
    Ok(fill(file, &mut bytes)?.then_some(bytes))
}

fn fill(file: &mut impl Read, bytes: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use rusqlite::Connection;
    use tempfile::TempDir;

    use super::*;

    const PAGE: usize = 4096;

    /// A log with several writes, whose connection is still open.
    fn log(directory: &TempDir) -> (Connection, PathBuf) {
        let path = directory.path().join("a.db");
        let sql = Connection::open(&path).unwrap();
        sql.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).unwrap();
        sql.execute_batch("CREATE TABLE a (b); INSERT INTO a VALUES (1), (2)").unwrap();
        for _ in 0..5 {
            sql.execute("INSERT INTO a VALUES (randomblob(3000))", []).unwrap();
        }
        (sql, directory.path().join("a.db-wal"))
    }

    #[test]
    fn a_log_is_whole_as_sqlite_writes_it() {
        let directory = tempfile::tempdir().unwrap();
        let (sql, log) = log(&directory);

        let written = is_whole(&log).unwrap();
        // The next write restarts the log, and leaves older frames behind it.
        sql.query_row("PRAGMA wal_checkpoint(FULL)", [], |_| Ok(())).unwrap();
        sql.execute("INSERT INTO a VALUES (3)", []).unwrap();
        let begun_anew = is_whole(&log).unwrap();
        // More than the cache takes, so that pages are written before they are rolled back.
        sql.execute_batch(
            "PRAGMA cache_size = 1; BEGIN;
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 200)
             INSERT INTO a SELECT randomblob(3000) FROM n; ROLLBACK; INSERT INTO a VALUES (4)",
        )
        .unwrap();
        let rolled_back = is_whole(&log).unwrap();
        sql.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        let emptied = is_whole(&log).unwrap();

        assert_eq!([written, begun_anew, rolled_back, emptied], [true; 4]);
    }

    #[test]
    fn damage_before_a_write_is_found() {
        for place in [0, 20, HEADER + 20, HEADER + FRAME_HEADER + 10, HEADER + 2 * PAGE] {
            let directory = tempfile::tempdir().unwrap();
            let (_sql, log) = log(&directory);
            let mut bytes = fs::read(&log).unwrap();

            bytes[place] ^= 0x55;
            fs::write(&log, bytes).unwrap();

            assert!(!is_whole(&log).unwrap(), "{place}");
        }
    }
}
