//! Commits that are larger than a backend takes at once, such as a push of thousands of allocations.
//!
//! 1. Pieces of outputs are written first: no record names them yet.
//! 2. All else is staged as items of one generation. One commit switches to the generation; from then on
//!    it counts as written, and it is copied into place.
//! 3. When the store is opened again, a generation that was switched to is copied into place, and any other is removed.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use docket_model::{AllocationName, run::Instant};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;
use tracing::warn;

use super::{
    StoreError,
    backend::{
        Backend, Batch, Bounds, Collection, CommitError, Key, Record, Revision, Term, Write,
    },
    codec,
};
use crate::random_ids::new_id;

/// The item that names the generation that was switched to.
const SWITCHED: &str = "switched";

/// How long a commit that must be made is left alone after it failed.
// Short, as no other write is made meanwhile; not so short that it floods a failing store.
const PAUSE: Duration = Duration::from_secs(1);

/// A write as it is staged.
#[derive(Serialize, Deserialize)]
enum StagedWrite {
    Put(Key, String),
    Delete(Key),
    DeletePieces(AllocationName, Instant),
    DeleteRuns(AllocationName),
}

impl StagedWrite {
    /// The JSON of a write.
    fn encode(write: &Write) -> Result<String, CommitError> {
        let staged = match write {
            Write::Put(key, record) => {
                let encoded = codec::encode(key, record).map_err(|error| rejected(&error))?;
                Self::Put(key.clone(), encoded.value)
            }
            Write::Delete(key) => Self::Delete(key.clone()),
            Write::DeletePieces(name, instant) => Self::DeletePieces(name.clone(), *instant),
            Write::DeleteRuns(name) => Self::DeleteRuns(name.clone()),
        };
        serde_json::to_string(&staged).map_err(|error| rejected(&error))
    }

    /// The write that JSON holds.
    fn decode(text: &str) -> Result<Write, StoreError> {
        let unreadable = |error: &dyn std::error::Error| StoreError::Unreadable(error.to_string());
        Ok(match serde_json::from_str(text).map_err(|error| unreadable(&error))? {
            Self::Put(key, value) => {
                // Only pieces have bytes, and those are not staged.
                let record = codec::decode(&key, &value, Bytes::new());
                Write::Put(key, record.map_err(|error| unreadable(&error))?)
            }
            Self::Delete(key) => Write::Delete(key),
            Self::DeletePieces(name, instant) => Write::DeletePieces(name, instant),
            Self::DeleteRuns(name) => Write::DeleteRuns(name),
        })
    }
}

fn rejected(error: &dyn std::error::Error) -> CommitError {
    CommitError::Rejected(error.to_string())
}

fn item(name: String) -> Key {
    Key::Item(Collection::Staged, name)
}

/// True where a backend takes a batch in one commit.
pub(super) fn fits(batch: &Batch, bounds: Bounds) -> bool {
    let operations = batch.writes.len() + batch.expected.len();
    // A closure, as a record is weighed by encoding it.
    let bytes = || batch.writes.iter().map(|write| weight(write, bounds)).sum::<usize>();
    operations <= bounds.operations && bytes() <= bounds.commit_bytes
}

/// How many bytes a write has, where the backend bounds them.
fn weight(write: &Write, bounds: Bounds) -> usize {
    match write {
        Write::Put(key, record) if bounds.commit_bytes != usize::MAX => {
            // One that cannot be encoded is rejected by the commit itself.
            codec::encode(key, record).map_or(0, |it| it.value.len() + it.bytes.len())
        }
        _ => 0,
    }
}

/// Commits a batch that does not [fit](fits); the revision of its last part.
pub(super) async fn commit(
    backend: &dyn Backend,
    batch: &Batch,
    term: Term,
) -> Result<Revision, CommitError> {
    let bounds = backend.bounds();
    let is_piece = |write: &Write| matches!(write, Write::Put(Key::Piece(_), _));
    let (pieces, writes): (Vec<_>, Vec<_>) = batch.writes.iter().cloned().partition(is_piece);
    prepare(backend, pieces, term).await?;
    let rest = Batch { writes, expected: batch.expected.clone() };
    // Often only the outputs were too large.
    if fits(&rest, bounds) {
        return backend.commit(Arc::new(rest), term).await;
    }
    let generation = new_id().simple().to_string();
    let (mut puts, mut places) = (Vec::new(), Vec::new());
    for (number, write) in rest.writes.iter().enumerate() {
        // Padded, so that the names sort in the order of the writes, which a recovery keeps.
        let key = item(format!("{generation}/{number:08}"));
        puts.push(Write::Put(key.clone(), Record::Item(StagedWrite::encode(write)?.into())));
        places.push((key, write.clone()));
    }
    prepare(backend, puts, term).await?;
    switch(backend, &generation, rest.expected, term).await?;
    // The switch is the commit: nothing after it may fail for the caller.
    let mut revision = 0;
    for batch in copies(places, bounds) {
        revision = match commit_surely(backend, batch, term).await {
            Some(revision) => revision,
            // The next term copies the rest.
            None => return Ok(revision),
        };
    }
    Ok(revision)
}

/// Commits what nothing refers to yet. Where that fails, nothing is visible of it.
async fn prepare(backend: &dyn Backend, writes: Vec<Write>, term: Term) -> Result<(), CommitError> {
    let bounds = backend.bounds();
    for writes in chunks(writes, bounds.operations, bounds) {
        let batch = Arc::new(Batch { writes, expected: Vec::new() });
        // Nothing refers to it yet, so it does not matter whether it was written.
        backend.commit(batch, term).await.map_err(|error| match error {
            CommitError::Unanswered(reason) => CommitError::Unwritable(reason),
            error => error,
        })?;
    }
    Ok(())
}

/// Switches to a generation, if what the batch was computed from has not changed. Values that there are
/// once come first, for each push and each deletion changes one of these.
async fn switch(
    backend: &dyn Backend,
    generation: &str,
    mut expected: Vec<(Key, Option<Revision>)>,
    term: Term,
) -> Result<(), CommitError> {
    expected.sort_by_key(|(key, _)| !matches!(key, Key::Item(..)));
    // One place is left for the switch itself.
    expected.truncate(backend.bounds().operations.saturating_sub(1));
    let (key, record) =
        (item(SWITCHED.to_owned()), Record::Item(format!("\"{generation}\"").into()));
    let writes = vec![Write::Put(key.clone(), record.clone())];
    let batch = Arc::new(Batch { writes, expected });
    loop {
        match backend.commit(Arc::clone(&batch), term).await {
            Ok(_) => return Ok(()),
            Err(CommitError::Unanswered(_)) => {}
            Err(error) => return Err(error),
        }
        // The item has a random value: if it is there, the commit was made.
        match backend.read_one(key.clone()).await {
            Ok(Some((_, held))) if held == record => return Ok(()),
            Ok(_) => {}
            Err(_) => sleep(PAUSE).await,
        }
    }
}

/// The commits that copy staged writes into place and remove them, the last of which ends the switch.
fn copies(places: Vec<(Key, Write)>, bounds: Bounds) -> Vec<Batch> {
    let (keys, writes): (Vec<_>, Vec<_>) = places.into_iter().unzip();
    let mut keys = keys.into_iter();
    // Half of them: each write goes with the removal of its staged item.
    let mut copies = chunks(writes, bounds.operations / 2, bounds);
    for copy in &mut copies {
        let removed = keys.by_ref().take(copy.len()).map(Write::Delete).collect::<Vec<_>>();
        copy.extend(removed);
    }
    copies.push(vec![Write::Delete(item(SWITCHED.to_owned()))]);
    copies.into_iter().map(|writes| Batch { writes, expected: Vec::new() }).collect()
}

/// Commits what must be committed before anything else is, however long that takes; nothing once a later
/// term has begun.
async fn commit_surely(backend: &dyn Backend, batch: Batch, term: Term) -> Option<Revision> {
    let batch = Arc::new(batch);
    let mut is_logged = false;
    loop {
        match backend.commit(Arc::clone(&batch), term).await {
            Ok(revision) => return Some(revision),
            Err(CommitError::Deposed) => return None,
            // Logged once, since it may fail every second for a long time.
            Err(error) if !std::mem::replace(&mut is_logged, true) => {
                warn!(%error, "store write failed; retrying every second");
            }
            Err(_) => {}
        }
        sleep(PAUSE).await;
    }
}

/// Parts of which each fits in a commit, as far as a single write does.
fn chunks(writes: Vec<Write>, most: usize, bounds: Bounds) -> Vec<Vec<Write>> {
    let (mut chunks, mut bytes) = (Vec::<Vec<Write>>::new(), 0);
    for write in writes {
        let weight = weight(&write, bounds);
        match chunks.last_mut() {
            Some(chunk) if chunk.len() < most && bytes + weight <= bounds.commit_bytes => {
                chunk.push(write);
                bytes += weight;
            }
            _ => {
                chunks.push(vec![write]);
                bytes = weight;
            }
        }
    }
    chunks
}

/// Completes what was switched to before a crash, and removes what was only staged, given all staged items
/// by name. True where records were changed, so that they must be read again.
///
/// # Errors
/// [`StoreError::Unreadable`] where it cannot be completed, or this is not the one who may (no term).
pub(super) async fn recover(
    backend: &dyn Backend,
    staged: &BTreeMap<String, (Revision, Arc<str>)>,
    term: Option<Term>,
) -> Result<bool, StoreError> {
    let unfinished = |reason: &str| {
        StoreError::Unreadable(format!("a large commit is not in place yet: {reason}"))
    };
    let switched =
        staged.get(SWITCHED).map(|(_, generation)| format!("{}/", generation.trim_matches('"')));
    let of_it = |name: &str| switched.as_ref().is_some_and(|it| name.starts_with(it.as_str()));
    // Only the server with the term may complete it, and half of it must not be served.
    let Some(term) = term else {
        return if switched.is_some() { Err(unfinished("it is being written")) } else { Ok(false) };
    };
    if switched.is_some() {
        let mut places = Vec::new();
        for (name, (_, text)) in staged.iter().filter(|(name, _)| of_it(name)) {
            places.push((item(name.clone()), StagedWrite::decode(text)?));
        }
        for copy in copies(places, backend.bounds()) {
            let copied = backend.commit(Arc::new(copy), term).await;
            copied.map_err(|error| unfinished(&error.to_string()))?;
        }
    }
    let rest = staged.keys().filter(|name| !of_it(name) && *name != SWITCHED);
    let rest = rest.map(|name| Write::Delete(item(name.clone()))).collect();
    if let Err(error) = prepare(backend, rest, term).await {
        warn!(%error, "parts of a push that was not completed stay until the next start");
    }
    Ok(switched.is_some())
}
