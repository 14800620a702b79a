//! Reads all that is to be in memory when a store is opened: every key but runs and outputs.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt as _, future::join, stream, stream::BoxStream};
use rusqlite::{Connection, Row};
use tokio::sync::mpsc;

use super::{
    super::{
        backend::{Collection, Key, Loaded, ReadError},
        codec,
        sql_column_values::{self as values, number},
    },
    read_connections::Readers,
};

/// How many records come at once.
const CHUNK: usize = 1_000;

/// How many chunks wait until they are taken, so that reading goes on meanwhile.
const CHUNKS: usize = 2;

/// From how many specifications on it pays to read with two threads.
const WORTH_A_THREAD: u64 = 2_000;

type Chunk = Result<Vec<Loaded>, ReadError>;

/// Reads in the background, as fast as the chunks are taken.
pub(super) fn stream(readers: Arc<Readers>) -> BoxStream<'static, Chunk> {
    let (sender, received) = mpsc::channel(CHUNKS);
    let reading = async move {
        if let Err(error) = read_all(&readers, &sender).await {
            // The reader may have stopped.
            let _: Result<_, _> = sender.send(Err(error)).await;
        }
    };
    let chunks = stream::unfold(received, |mut received| async {
        received.recv().await.map(|chunk| (Some(chunk), received))
    });
    // Both in one task: whoever drops the stream ends the reading.
    let reading = stream::once(reading).map(|()| None);
    stream::select(chunks, reading).filter_map(|chunk| async { chunk }).boxed()
}

async fn read_all(readers: &Arc<Readers>, sender: &mpsc::Sender<Chunk>) -> Result<(), ReadError> {
    let bounds = |sql: &Connection| {
        let query = "SELECT ifnull(min(id), 0), ifnull(max(id), 0) FROM specifications";
        sql.query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?)))
    };
    let (first, last) = readers.read(bounds).await?;
    let part = |read: fn(&Connection, (u64, u64), &mut Chunks) -> rusqlite::Result<()>, range| {
        let mut chunks = Chunks { sender: sender.clone(), held: Vec::new() };
        readers.read(move |sql| {
            read(sql, range, &mut chunks)?;
            chunks.send();
            Ok(())
        })
    };
    if last - first < WORTH_A_THREAD {
        return part(everything, (first, last)).await;
    }
    // Nothing is written meanwhile, so it does not matter that these are two transactions.
    let middle = first + (last - first) / 2;
    let halves = join(part(everything, (first, middle)), part(specifications, (middle + 1, last)));
    let (one, other) = halves.await;
    one.and(other)
}

/// Collects records and sends them on.
struct Chunks {
    sender: mpsc::Sender<Chunk>,
    held: Vec<Loaded>,
}

impl Chunks {
    fn push(&mut self, loaded: Loaded) {
        self.held.push(loaded);
        if self.held.len() == CHUNK {
            self.send();
        }
    }

    fn send(&mut self) {
        // The reader may have stopped.
        let _: Result<_, _> = self.sender.blocking_send(Ok(std::mem::take(&mut self.held)));
    }
}

fn everything(sql: &Connection, range: (u64, u64), chunks: &mut Chunks) -> rusqlite::Result<()> {
    specifications(sql, range, chunks)?;
    rows(sql, "SELECT name, revision, value FROM statuses", [], chunks, |row| {
        Ok(Some(Key::Status(values::name(row.get_ref(0)?.as_str()?)?)))
    })?;
    rows(sql, "SELECT sequence, revision, value FROM journal", [], chunks, |row| {
        Ok(Some(Key::Entry(row.get(0)?)))
    })?;
    rows(sql, "SELECT key, revision, value, collection FROM items", [], chunks, |row| {
        // A later docket of this format may have further collections.
        let collection = Collection::named(row.get_ref(3)?.as_str()?);
        let key = row.get(0)?;
        Ok(collection.map(|collection| Key::Item(collection, key)))
    })
}

fn specifications(
    sql: &Connection,
    (first, last): (u64, u64),
    chunks: &mut Chunks,
) -> rusqlite::Result<()> {
    let query = "SELECT name, revision, value FROM specifications WHERE id BETWEEN ?1 AND ?2";
    rows(sql, query, [number(first), number(last)], chunks, |row| {
        Ok(Some(Key::Specification(values::name(row.get_ref(0)?.as_str()?)?)))
    })
}

/// Reads rows whose second and third columns are their revision and their value.
fn rows(
    sql: &Connection,
    query: &str,
    parameters: impl rusqlite::Params,
    chunks: &mut Chunks,
    key: impl Fn(&Row<'_>) -> rusqlite::Result<Option<Key>>,
) -> rusqlite::Result<()> {
    let mut statement = sql.prepare_cached(query)?;
    let mut rows = statement.query(parameters)?;
    while let Some(row) = rows.next()? {
        let Some(key) = key(row)? else { continue };
        let record = values::parsed(codec::decode(&key, row.get_ref(2)?.as_str()?, Bytes::new()))?;
        chunks.push((key, row.get(1)?, record));
    }
    Ok(())
}
