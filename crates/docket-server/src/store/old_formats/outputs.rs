//! Outputs of the formats 1 and 2. Each attempt has one row with a head and a tail, or a row for each
//! piece, whose keys are the number of the attempt plus multiples of 2^32.

use bytes::Bytes;
use docket_model::{Output, Run, RunId, output::PIECE};
use rusqlite::{Connection, params};

use super::super::{
    backend::{Key, Piece, PieceKey, Record},
    sql_column_values::millis,
};

/// Takes what was read.
pub(super) type Sink<'a> = dyn FnMut(Key, Record) -> rusqlite::Result<()> + 'a;

/// The rows of an attempt.
const ROWS: &str = "
    SELECT head, tail FROM old_outputs
    WHERE allocation = ?1 AND instant = ?2 AND attempt & 4294967295 = ?3 ORDER BY attempt";

/// Reads the outputs of a run of the allocation at this position, in pieces of their present size.
pub(super) fn read(
    sql: &Connection,
    position: i64,
    run: &Run,
    sink: &mut Sink<'_>,
) -> rusqlite::Result<()> {
    for attempt in &run.attempts {
        let Some(output) = attempt.output.as_deref().filter(|output| output.kept() > 0) else {
            continue;
        };
        let RunId { allocation, instant } = run.id.clone();
        let key = PieceKey { allocation, instant, attempt: attempt.key, piece: 0 };
        let mut pieces = Pieces { key, output, bytes: Vec::new(), sink };
        let mut statement = sql.prepare_cached(ROWS)?;
        let parameters = params![position, millis(instant.moment()), attempt.key.number];
        let mut rows = statement.query(parameters)?;
        while let Some(row) = rows.next()? {
            pieces.push(row.get_ref(0)?.as_blob()?)?;
            pieces.push(row.get_ref(1)?.as_blob()?)?;
        }
        if !pieces.bytes.is_empty() {
            pieces.send()?;
        }
    }
    Ok(())
}

/// Cuts bytes into pieces.
struct Pieces<'a, 'b> {
    key: PieceKey,
    output: &'a Output,
    bytes: Vec<u8>,
    sink: &'a mut Sink<'b>,
}

impl Pieces<'_, '_> {
    fn push(&mut self, mut bytes: &[u8]) -> rusqlite::Result<()> {
        while !bytes.is_empty() {
            let (next, rest) = bytes.split_at(bytes.len().min(PIECE - self.bytes.len()));
            self.bytes.extend_from_slice(next);
            bytes = rest;
            if self.bytes.len() == PIECE {
                self.send()?;
            }
        }
        Ok(())
    }

    fn send(&mut self) -> rusqlite::Result<()> {
        let bytes = Bytes::from(std::mem::take(&mut self.bytes));
        // The record has the streams of the whole output; each piece gets its part.
        let (streams, times) = self.output.streams_and_times(PIECE * self.key.piece as usize);
        let record = Record::Piece(Piece { bytes: bytes.into(), streams, times });
        (self.sink)(Key::Piece(self.key.clone()), record)?;
        self.key.piece += 1;
        Ok(())
    }
}
