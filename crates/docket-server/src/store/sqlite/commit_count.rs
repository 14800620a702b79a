//! The count of commits as it is in the database file alone, without what its log adds. SQLite does not
//! show that. The format is described at <https://www.sqlite.org/fileformat2.html#b_tree_pages>.

use std::{fs::File, os::unix::fs::FileExt as _};

use super::meta::COMMITS;

/// The kind of a page that has the rows of a table `WITHOUT ROWID` itself.
const LEAF: u8 = 0x0a;
/// Offset and size of what precedes the offsets of the rows.
const COUNT: usize = 3;
const PLACES: usize = 8;

/// Reads the count from the first page of the table `meta`. Nothing where it is not there, as in a file
/// that no commit was moved to since commits are counted.
pub(super) fn commits(file: &File, page_size: usize, page: u64) -> Option<u64> {
    let mut bytes = vec![0; page_size];
    let offset = page.checked_sub(1)?.checked_mul(u64::try_from(page_size).ok()?)?;
    file.read_exact_at(&mut bytes, offset).ok()?;
    let number = |at: usize| {
        let bytes = bytes.get(at..at + 2)?.try_into().ok()?;
        Some(usize::from(u16::from_be_bytes(bytes)))
    };
    // `meta` has a few short rows, which fit on one page.
    if bytes.first() != Some(&LEAF) {
        return None;
    }
    let places = (0..number(COUNT)?).filter_map(|row| number(PLACES + 2 * row));
    places.filter_map(|place| row(bytes.get(place..)?)).find_map(|(key, value)| {
        let is_it = key == COMMITS.as_bytes();
        is_it.then(|| std::str::from_utf8(value).ok()?.parse().ok())?
    })
}

/// Key and value of a row of two short texts; nothing of others.
fn row(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    // Sizes below 128 are one byte. A text of n bytes has the type 13 + 2n.
    // The header of a row of two texts has 3 bytes: its own size, and the two types.
    let [size, 3, key, value, rest @ ..] = bytes else { return None };
    let length = |kind: u8| {
        let is_text = (13..128).contains(&kind) && kind % 2 == 1;
        is_text.then(|| usize::from((kind - 13) / 2))
    };
    let (key, value) = (length(*key)?, length(*value)?);
    let is_whole = *size < 128 && usize::from(*size) == 3 + key + value;
    let (key, rest) = is_whole.then(|| rest.split_at_checked(key))??;
    Some((key, rest.get(..value)?))
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn the_count_is_the_one_that_sqlite_wrote_to_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        let sql = Connection::open(&path).unwrap();
        sql.execute_batch(
            "CREATE TABLE a (b); CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) \
             WITHOUT ROWID; INSERT INTO meta VALUES ('store', 'x'), ('counter', '17')",
        )
        .unwrap();
        let page = "SELECT rootpage FROM sqlite_schema WHERE name = 'meta'";
        let page: i64 = sql.query_row(page, [], |row| row.get(0)).unwrap();
        let page = u64::try_from(page).unwrap();
        let file = File::open(&path).unwrap();
        let set = |count: u64| {
            let row = ["commits".to_owned(), count.to_string()];
            sql.execute("INSERT OR REPLACE INTO meta VALUES (?1, ?2)", row).unwrap();
        };

        let mut counts = vec![commits(&file, 4096, page)];
        for count in [9, 10, 12_345_678_901] {
            set(count);
            counts.push(commits(&file, 4096, page));
        }

        assert_eq!(counts, [None, Some(9), Some(10), Some(12_345_678_901)]);
        assert_eq!(commits(&file, 4096, 1), None);
        assert_eq!(commits(&file, 4096, 999), None);
    }
}
