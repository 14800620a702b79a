//! Reads what attempts wrote, piece by piece.

use docket_model::{
    Run,
    output::{Excerpt, PIECE, Place},
    run::AttemptKey,
};

use super::{
    StoreError,
    backend::{Backend, Key, Record},
    run_changes::piece_key,
};

/// True where the record of a run says that bytes of an attempt are kept behind a position.
pub(super) fn is_to_come(run: &Run, attempt: AttemptKey, from: u64) -> bool {
    let wrote = run.attempts.iter().find(|wrote| wrote.key == attempt);
    let sized = wrote.and_then(|wrote| wrote.output.as_ref());
    sized.is_some_and(|sized| !sized.place(from).kept.is_empty())
}

/// What an attempt wrote from a position on: one piece of it; nothing where there is none.
pub(super) async fn read(
    backend: &dyn Backend,
    run: &Run,
    attempt: AttemptKey,
    from: u64,
) -> Result<Option<Excerpt>, StoreError> {
    let wrote = run.attempts.iter().find(|wrote| wrote.key == attempt);
    let Some(sized) = wrote.and_then(|wrote| wrote.output.as_ref()) else { return Ok(None) };
    let Place { omitted, kept, position } = sized.place(from);
    if kept.is_empty() {
        return Ok(Some(Excerpt { omitted, end: position, ..Excerpt::default() }));
    }
    let (piece, begin) = (kept.start / PIECE, kept.start % PIECE);
    // No output has so many pieces; the sizes may be damaged.
    let Ok(piece) = u32::try_from(piece) else { return Ok(None) };
    let key = Key::Piece(piece_key(&run.id, attempt, piece));
    // The output may have been removed since the record was read.
    let Some((_, Record::Piece(piece))) = backend.read_one(key).await? else { return Ok(None) };
    let bytes = piece.bytes.read(begin, kept.len());
    let (first, length) = (begin as u64, bytes.len() as u64);
    let (streams, end) = (piece.streams.without_first(first), position + length);
    let times = piece.times.within(first..first + length);
    Ok(Some(Excerpt { omitted, bytes, streams, times, end }))
}
