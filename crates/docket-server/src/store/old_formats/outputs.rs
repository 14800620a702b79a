//! Outputs of the formats 1 and 2. Each attempt has one row with a head and a tail, or a row for each
//! piece, whose keys are the number of the attempt plus multiples of 2^32.

use bytes::Bytes;
use docket_model::{Run, output::PIECE};
use rusqlite::{Connection, params};

use super::{
    super::backend::{Key, Piece, PieceKey, Record},
    values::Sink,
};

/// Reads the outputs of all attempts of a run, in pieces of their present size.
pub(super) fn read(
    sql: &Connection,
    position: u64,
    run: &Run,
    sink: &mut Sink<'_>,
) -> rusqlite::Result<()> {
    let kept = |output: &docket_model::Output| output.kept() > 0;
    let attempts = run.attempts.iter();
    let mut attempts = attempts.filter(|attempt| attempt.output.as_deref().is_some_and(kept));
    attempts.try_for_each(|attempt| {
        let key = PieceKey {
            allocation: run.id.allocation.clone(),
            instant: run.id.instant,
            attempt: attempt.key,
            piece: 0,
        };
        Pieces { key, bytes: Vec::new(), sink }.read(sql, position)
    })
}

/// Cuts bytes into pieces.
struct Pieces<'a, 'b> {
    key: PieceKey,
    bytes: Vec<u8>,
    sink: &'a mut Sink<'b>,
}

impl Pieces<'_, '_> {
    fn read(mut self, sql: &Connection, position: u64) -> rusqlite::Result<()> {
        let mut statement = sql.prepare_cached(
            "SELECT head, tail FROM old_outputs WHERE allocation = ?1 AND instant = ?2 \
             AND attempt & 4294967295 = ?3 ORDER BY attempt",
        )?;
        let instant = self.key.instant.moment().timestamp_millis();
        let position = i64::try_from(position).unwrap_or(i64::MAX);
        let mut rows = statement.query(params![position, instant, self.key.attempt.number])?;
        while let Some(row) = rows.next()? {
            self.push(row.get_ref(0)?.as_blob()?)?;
            self.push(row.get_ref(1)?.as_blob()?)?;
        }
        if self.bytes.is_empty() { Ok(()) } else { self.send() }
    }

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
        let record = Record::Piece(Piece { bytes: bytes.into(), at: None });
        (self.sink)(Key::Piece(self.key.clone()), record)?;
        self.key.piece += 1;
        Ok(())
    }
}
