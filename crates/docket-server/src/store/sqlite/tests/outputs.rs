//! How the bytes of outputs are in the file.

use bytes::Bytes;
use docket_model::{
    Output, Run, RunId,
    output::{PIECE, Streams, Times},
    run::{Attempt, AttemptKey, RunState, Trigger},
};
use uuid::Uuid;

use super::{commit, instant, name, new, number};
use crate::store::backend::{Backend as _, Key, Piece, PieceKey, Record, Write};

/// How many pieces the output of [`with_output`] has.
const PIECES: u32 = 3;

/// The key of a piece of it.
pub(super) fn piece(allocation: &str, piece: u32) -> Key {
    let (allocation, instant) = (name(allocation), instant(60));
    Key::Piece(PieceKey { allocation, instant, attempt: AttemptKey::FIRST, piece })
}

fn bytes(piece: u32) -> Bytes {
    let length = if piece + 1 == PIECES { 17 } else { PIECE };
    vec![u8::try_from(piece).unwrap(); length].into()
}

/// An allocation, a run of it, and what that wrote.
pub(super) fn with_output(allocation: &str) -> Vec<Write> {
    let kept = (0..PIECES).map(|piece| bytes(piece).len()).sum();
    let output = Some(Output::sized(kept, 0).into());
    let moment = instant(60).moment();
    let run = Run {
        id: RunId { allocation: name(allocation), instant: instant(60) },
        uid: Uuid::nil(),
        revision: 1,
        trigger: Trigger::Schedule,
        decided_at: moment,
        state: RunState::Succeeded,
        part_states: Box::default(),
        cancellation: None,
        ended_at: Some(moment),
        attempts: vec![Attempt { output, ..Attempt::new(1) }],
    };
    let key = Key::Run(name(allocation), instant(60));
    let pieces = (0..PIECES).map(|number| {
        let (streams, times) = (Streams::default(), times());
        let record = Piece { bytes: bytes(number).into(), streams, times };
        Write::Put(piece(allocation, number), Record::Piece(record))
    });
    let specification =
        Write::Put(Key::Specification(name(allocation)), super::loading::allocation(allocation, 0));
    [specification, Write::Put(key, Record::Run(run.into()))].into_iter().chain(pieces).collect()
}

fn times() -> Times {
    let mut times = Times::default();
    times.note(7, instant(60).moment());
    times
}

#[tokio::test]
async fn each_piece_is_a_row_of_its_own_and_read_by_itself() {
    let (_directory, store, term) = new().await;

    commit(&store, term, with_output("a")).await.unwrap();

    let longest = number(&store.path, "SELECT max(length(bytes)) FROM outputs");
    assert_eq!(longest, i64::try_from(PIECE).unwrap());
    for number in 0..=PIECES {
        let read = store.read(vec![piece("a", number)]).await.unwrap().remove(0);
        let read = read.map(|(_, record)| match record {
            Record::Piece(piece) => piece,
            other => panic!("{other:?}"),
        });
        let (streams, times) = (Streams::default(), times());
        let piece = || Piece { bytes: bytes(number).into(), streams, times };
        let expected = (number < PIECES).then(piece);
        assert_eq!(read, expected);
    }
}

#[tokio::test]
async fn the_pieces_of_a_run_go_together() {
    let (_directory, store, term) = new().await;
    commit(&store, term, with_output("a").into_iter().chain(with_output("b"))).await.unwrap();

    let deletion = Write::DeletePieces(name("a"), instant(60));
    commit(&store, term, [deletion]).await.unwrap();

    let of_b =
        "SELECT count(*) FROM outputs JOIN specifications ON id = allocation WHERE name = 'b'";
    let left = number(&store.path, of_b);
    assert_eq!(left, i64::from(PIECES));
    assert_eq!(number(&store.path, "SELECT count(*) FROM outputs"), left);
    assert_eq!(number(&store.path, "SELECT count(*) FROM runs"), 2);
}
