//! The bytes of outputs, in rows of at most [`PIECE`] bytes.
//!
//! SQLite holds a whole row of this table in memory to compare its key, to write it and to read any of
//! it, so no row may be large. A longer output has one row more for each further piece. The key of
//! such a row is the attempt's number plus a multiple of 2^32, so the table is what it always was: an
//! older docket finds the first piece, and sees how many bytes follow.
//!
//! Older versions wrote each output in one row, its head and its tail; such rows are read too.

use docket_model::{
    Output,
    output::{Excerpt, PIECE, Place},
    run::Instant,
};
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    record::{self, Owner},
    values::{millis, number},
};

/// What the keys of two pieces of an attempt differ by: numbers of attempts are smaller.
const NEXT_PIECE: i64 = 1 << 32;

/// How much of an output in one row is read at once: SQLite reads all of the row each time, so pieces
/// as small as the others would take minutes.
const PIECE_OF_ROW: usize = 1 << 20;

/// Writes what an attempt wrote.
pub(super) fn write(
    sql: &Connection,
    position: u64,
    instant: Instant,
    attempt: u32,
    output: &Output,
) -> rusqlite::Result<()> {
    let mut insert = sql.prepare_cached(
        "INSERT OR REPLACE INTO outputs (allocation, instant, attempt, head, tail, omitted) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let mut insert = |key: i64, head: &[u8], tail: &[u8], omitted: u64| {
        let (position, instant) = (number(position), millis(instant.moment()));
        insert.execute(params![position, instant, key, head, tail, number(omitted)]).map(drop)
    };
    if (1..=PIECE).contains(&output.kept()) {
        let (head, tail) = output.parts();
        return insert(attempt.into(), &head, &tail, output.omitted());
    }
    for (place, key) in (0..output.kept()).step_by(PIECE).zip(keys(attempt)) {
        let piece = output.kept_bytes(place, PIECE);
        let omitted = if place == 0 { output.written() - piece.len() as u64 } else { 0 };
        insert(key, &piece, &[], omitted)?;
    }
    Ok(())
}

/// The keys of the pieces of an attempt, in order.
fn keys(attempt: u32) -> impl Iterator<Item = i64> {
    (0..).map(move |piece: i64| i64::from(attempt) + piece * NEXT_PIECE)
}

/// Reads a piece of what an attempt wrote, from a position on; nothing where there is none.
pub(super) fn read(
    sql: &Connection,
    owner: &Owner,
    instant: Instant,
    attempt: u32,
    from: u64,
) -> rusqlite::Result<Option<Excerpt>> {
    let Some(run) = record::find(sql, owner, instant)? else { return Ok(None) };
    let wrote = run.attempts.iter().find(|wrote| wrote.number == attempt);
    let Some(sized) = wrote.and_then(|wrote| wrote.output.as_ref()) else { return Ok(None) };
    let Place { omitted, kept, position } = sized.place(from);
    let bytes = if kept.is_empty() {
        Some(Vec::new())
    } else {
        let rows = Rows { sql, position: owner.position, instant };
        let piece = rows.piece(attempt, kept.start, kept.len())?;
        piece
            .map_or_else(|| rows.part_of_row(attempt, kept.start, kept.len()), |it| Ok(Some(it)))?
    };
    Ok(bytes.map(|bytes| Excerpt { omitted, end: position + bytes.len() as u64, bytes }))
}

/// The rows of a run's outputs.
struct Rows<'a> {
    sql: &'a Connection,
    position: u64,
    instant: Instant,
}

impl Rows<'_> {
    /// At most `most` of the kept bytes from a place on, out of the piece that has the first of them.
    fn piece(&self, attempt: u32, from: usize, most: usize) -> rusqlite::Result<Option<Vec<u8>>> {
        let (piece, begin) = (from / PIECE, from % PIECE);
        let Some(key) = keys(attempt).nth(piece) else { return Ok(None) };
        let text = "SELECT substr(head, ?4 + 1, ?5) FROM outputs \
                    WHERE allocation = ?1 AND instant = ?2 AND attempt = ?3";
        let bytes = self.bytes(text, key, begin, most.min(PIECE - begin))?;
        Ok(bytes.filter(|bytes| !bytes.is_empty()))
    }

    /// The same out of the one row that an older version wrote.
    fn part_of_row(
        &self,
        attempt: u32,
        from: usize,
        most: usize,
    ) -> rusqlite::Result<Option<Vec<u8>>> {
        let text = "SELECT CASE WHEN ?4 < length(head) THEN substr(head, ?4 + 1, ?5) \
                    ELSE substr(tail, ?4 - length(head) + 1, ?5) END FROM outputs \
                    WHERE allocation = ?1 AND instant = ?2 AND attempt = ?3";
        let bytes = self.bytes(text, attempt.into(), from, most.min(PIECE_OF_ROW))?;
        Ok(bytes.filter(|bytes| !bytes.is_empty()))
    }

    fn bytes(
        &self,
        text: &str,
        key: i64,
        from: usize,
        most: usize,
    ) -> rusqlite::Result<Option<Vec<u8>>> {
        let (position, instant) = (number(self.position), millis(self.instant.moment()));
        let key = params![position, instant, key, number(from as u64), number(most as u64)];
        self.sql.prepare_cached(text)?.query_row(key, |row| row.get(0)).optional()
    }
}
