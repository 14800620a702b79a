//! How the bytes of outputs are in the file.

use std::sync::Arc;

use docket_model::{Output, output::PIECE, run::RunState};
use rusqlite::{Connection, params};

use super::{new, number, path};
use crate::store::{
    End, RunStore,
    contract::{claim, created, end, finish, instant, moment, note, push_a},
};

/// An output of which something is left out, and head and tail need several rows.
fn large() -> Arc<Output> {
    let text: Vec<u8> = (0..40 * PIECE).map(|number| u8::try_from(number % 251).unwrap()).collect();
    let mut output = Output::bounded(36 * PIECE + 1);
    output.push(&text);
    Arc::new(output)
}

async fn read(store: &super::SqliteStore) -> Vec<u8> {
    let (mut bytes, mut from) = (Vec::new(), 0);
    loop {
        let piece = store.output("a", instant(60), 1, from).await.unwrap().unwrap();
        if piece.is_empty() {
            return bytes;
        }
        from = piece.end;
        bytes.extend(piece.into_bytes());
    }
}

async fn keep(store: &super::SqliteStore, output: &Arc<Output>) {
    push_a(store).await;
    let id = claim(store, "a", 60).await.id;
    note(store, &id, created("c0ffee"), moment(61)).await.unwrap();
    let output = Some(Arc::clone(output));
    finish(store, &id, End { output, ..end(RunState::Succeeded, 0, "") }).await.unwrap();
}

#[tokio::test]
async fn no_row_is_large_and_the_first_one_says_what_an_older_docket_does_not_find() {
    let (directory, store) = new();
    let output = large();

    keep(&store, &output).await;

    let file = path(&directory);
    let longest = number(&file, "SELECT max(length(head) + length(tail)) FROM outputs");
    assert_eq!(longest, i64::try_from(PIECE).unwrap());
    let omitted = number(&file, "SELECT omitted FROM outputs WHERE attempt = 1");
    assert_eq!(omitted, i64::try_from(39 * PIECE).unwrap());
    assert!(read(&store).await == output.to_bytes());
}

#[tokio::test]
async fn an_output_in_the_one_row_of_an_older_docket_is_read_as_well() {
    let (directory, store) = new();
    let output = large();
    keep(&store, &output).await;

    let (head, tail) = output.parts();
    let sql = Connection::open(path(&directory)).unwrap();
    sql.execute("DELETE FROM outputs WHERE attempt > 1", []).unwrap();
    let row = params![head, tail, i64::try_from(output.omitted()).unwrap()];
    sql.execute("UPDATE outputs SET head = ?1, tail = ?2, omitted = ?3", row).unwrap();

    assert!(read(&store).await == output.to_bytes());
}

#[tokio::test]
async fn an_output_goes_with_its_run() {
    let (directory, store) = new();
    keep(&store, &large()).await;
    assert!(number(&path(&directory), "SELECT count(*) FROM outputs") > 30);

    let context = crate::store::ChangeContext::new(moment(90), "test");
    let origin = docket_model::Origin::Api;
    crate::store::AllocationStore::delete(&store, "a", &origin, context).await.unwrap();

    assert_eq!(number(&path(&directory), "SELECT count(*) FROM outputs"), 0);
}
