//! The store keeps allocations, runs and the journal. Every rule about them is here, once; a
//! `Backend` only loads, commits and reads. Engines, schedules' arithmetic and HTTP are not known here.
//!
//! 1. A push is all or nothing, and what is acknowledged is kept.
//! 2. One run has one record: whoever comes second learns of the first.
//! 3. The latest instant decided of a name only grows, also when its history is pruned, and is
//!    remembered for [`REMEMBERED`] after the name is deleted. Only a manual reset sets it back.
//! 4. A write that fails changes nothing, and the same call may be made again.
//!
//! A change is a command in the queue of the one task that writes (`writer_task`); reads come from
//! the `catalogue` in memory, and records of runs that are over from the backend.

mod all_runs;
mod allocation_status;
mod apply_committed;
pub(crate) mod backend;
mod catalogue;
mod change_feed;
mod claim;
mod claim_manual;
mod codec;
#[cfg(test)]
mod contract;
mod error;
#[cfg(test)]
pub(crate) mod hooked_backend;
mod journal;
mod large_commits;
mod load;
mod manual_changes;
mod memory;
mod memory_limit;
mod observer;
mod old_formats;
mod outbox;
mod outbox_changes;
mod preconditions;
mod push;
mod queries;
mod read_output;
mod record_missed;
mod record_retention;
mod reload_conflicting_keys;
mod request_types;
mod rules;
mod run_changes;
mod run_progress;
mod server_life_changes;
mod server_lives;
mod sql_column_values;
mod sqlite;
mod staged_changes;
mod store_origin;
mod store_write_methods;
mod subscription;
mod transaction;
mod write_commands;
mod writer_task;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use chrono::{DateTime, Utc};
use parking_lot::{Mutex, RwLock};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};
use tracing::warn;
use uuid::Uuid;

pub use self::{
    all_runs::{AllRuns, AllRunsFilter, RunPlace},
    allocation_status::{AllocationStatus, RunCounts, Snapshot, UnderWay},
    change_feed::{
        Behind, Change, Changes, Event, Events, MOST_READERS, Missed, News, Reader, RunChanges,
        TooMany,
    },
    error::StoreError,
    outbox::{Digest, OutboxFigures, OutboxMessage, ReceiverId},
    preconditions::{ChangeContext, Condition},
    request_types::{
        About, ChangedZone, Circumstances, ClaimOutcome, Control, Effect, EntryFilter, InstantKind,
        Push, RunFilter, ServerControl, Settlement, ZoneChange,
    },
    rules::{MOST_ENTRIES, REMEMBERED},
    run_progress::{End, PartProgress, Progress},
    sqlite::{OpenError, Opener, backup_of},
    store_origin::{Doubt, KnownLife, NotedEngines, Provenance, Restoration},
    subscription::Subscription,
};
pub(crate) use self::{
    backend::Backend,
    memory::MemoryBackend,
    observer::{Milestone, Observer},
    outbox::Outbox,
    sqlite::SqliteBackend,
};
use self::{
    backend::{Batch, Collection, CommitError, Key, Record, Term, Write},
    catalogue::Catalogue,
    load::Noted,
    staged_changes::meta,
    store_origin::Home,
    write_commands::{Command, Request, Settled, writer_ended},
    writer_task::{Message, Writer},
};
use crate::{random_ids::new_id, watch};

/// Keeps allocations in the order in which they were created, one record for each run, and the journal.
#[derive(Debug)]
pub struct Store {
    id: Uuid,
    backend: Arc<dyn Backend>,
    catalogue: Arc<RwLock<Catalogue>>,
    noted: Noted,
    /// Where the store is served, with the engine once one has answered.
    home: Mutex<Option<Home>>,
    queue: Mutex<Option<mpsc::UnboundedSender<Message>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// How many commands were queued whose callers do not wait.
    unacknowledged: AtomicU64,
    /// How many of them are written.
    settled: watch::Sender<u64>,
    /// True once a later term has begun.
    deposed: watch::Receiver<bool>,
}

/// Opening and closing.
impl Store {
    /// Opens the store that a backend keeps, and begins a term: an earlier one writes nothing any more.
    ///
    /// A store that cannot be written is opened too; its term begins with the first write.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] where it cannot be read.
    #[cfg(any(test, feature = "simulation"))]
    pub(crate) async fn open(backend: Arc<dyn Backend>) -> Result<Self, StoreError> {
        Self::open_observed(backend, observer::unobserved()).await
    }

    /// The same; `observer` learns of commits from now on.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(crate) async fn open_observed(
        backend: Arc<dyn Backend>,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, StoreError> {
        // Before the load, so that a server of an earlier term changes nothing that was read.
        let term = backend.begin_term().await.ok();
        // Also before it: a commit of another server in between would be missed.
        let committed = backend.watch();
        let (catalogue, mut noted) = load::load(&*backend, term).await?;
        // An outage was noted by a server that ran.
        let outages = backend.files().map(backend::Files::outages).unwrap_or_default();
        noted.last_alive = noted.last_alive.max(outages.last().map(|(_, to)| *to));
        let id = match noted.id {
            Some(id) => id,
            None => new_store_id(&*backend, term).await?,
        };
        let catalogue = Arc::new(RwLock::new(catalogue));
        // Unbounded: callers wait for their answers, and only a few steps of each run do not.
        let (queue, inbox) = mpsc::unbounded_channel();
        let (depose, deposed) = watch::channel(false);
        let (base, written) = (Arc::clone(&catalogue), Arc::clone(&backend));
        let writer = Writer::new(base, written, term, depose, observer);
        let writer = tokio::spawn(writer.work(inbox, committed));
        Ok(Self {
            id,
            home: Mutex::new(backend.files().map(backend::Files::home)),
            backend,
            catalogue,
            queue: Mutex::new(Some(queue)),
            writer: Mutex::new(Some(writer)),
            unacknowledged: AtomicU64::new(0),
            settled: watch::Sender::new(0),
            deposed,
            noted,
        })
    }

    /// A store that is kept in memory, for tests.
    #[cfg(test)]
    pub(crate) fn in_memory(most_bytes: usize) -> Self {
        use futures_util::FutureExt as _;
        // Memory never lets wait.
        Self::open(Arc::new(MemoryBackend::new(most_bytes))).now_or_never().unwrap().unwrap()
    }

    /// Begins a further term of this store, which writes again after another server had a term; its number.
    ///
    /// # Errors
    /// [`StoreError`] where the backend begins none, or cannot be read.
    pub async fn begin_term(&self) -> Result<u64, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.enqueue(Message::BeginTerm(reply));
        answer.await.unwrap_or_else(|_| Err(writer_ended()))
    }

    /// Waits until a write was refused because a later term has begun.
    pub async fn deposed(&self) {
        let mut deposed = self.deposed.clone();
        if deposed.wait_for(|is_deposed| *is_deposed).await.is_err() {
            // A store that is closed writes nothing that could be refused.
            std::future::pending::<()>().await;
        }
    }

    /// Writes what is queued, and takes no more changes.
    pub async fn close(&self) {
        // Without a sender the writer ends once its queue is empty.
        self.queue.lock().take();
        let writer = self.writer.lock().take();
        if let Some(writer) = writer
            && let Err(error) = writer.await
        {
            warn!(%error, "the task that writes the store ended early");
        }
    }

    /// The id that the store made once, for the labels of its containers.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// What is known of the store as a whole.
    #[must_use]
    pub fn about(&self) -> About {
        let (info, files) = (self.backend.info(), self.backend.files());
        About {
            kind: info.kind,
            is_volatile: info.is_volatile,
            is_new: info.is_new,
            file: files.map(backend::Files::path),
            last_alive: self.noted.last_alive.filter(|_| !info.is_volatile),
            time_zone: self.noted.time_zone.clone(),
            outages: files.map(backend::Files::outages).unwrap_or_default(),
        }
    }

    /// The size of its file, and of the log beside it, in bytes; none where it is not in a file.
    #[must_use]
    pub fn file_bytes(&self) -> Option<u64> {
        self.backend.files()?.bytes()
    }

    /// Copies all that it keeps into a new file, as it stands at one moment; the copy says that it was
    /// made `at` that time.
    ///
    /// # Errors
    /// [`StoreError::NoFile`] where it is not in a file, [`StoreError::NotCopied`] where there is no copy.
    pub async fn backup(&self, to: &Path, at: DateTime<Utc>) -> Result<(), StoreError> {
        let files = self.backend.files().ok_or(StoreError::NoFile)?;
        // The copy has all that callers count as written, also where they did not wait.
        self.settled().await;
        let copied = files.backup(to, at).await;
        copied.map_err(|reason| StoreError::NotCopied { path: to.to_owned(), reason })
    }

    /// Has a command carried out, and waits until it is committed.
    async fn write<C: Command>(&self, command: C) -> Result<C::Output, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.enqueue(Message::Command(Box::new(Request::new(command, reply))));
        answer.await.unwrap_or_else(|_| Err(writer_ended()))
    }

    /// Has a command carried out soon; a failure is logged.
    fn write_later<C: Command<Output = ()>>(&self, command: C) {
        // Counted first: if more were settled than are counted, a reader would not wait.
        self.unacknowledged.fetch_add(1, Ordering::SeqCst);
        let settled = Settled(self.settled.clone());
        self.enqueue(Message::Command(Box::new(Request::unacknowledged(command, settled))));
    }

    /// A command that no writer takes is dropped, and with it its way to answer.
    fn enqueue(&self, message: Message) {
        if let Some(queue) = &*self.queue.lock() {
            let _: Result<_, _> = queue.send(message);
        }
    }

    /// Waits until all is written whose callers do not wait.
    async fn settled(&self) {
        let queued = self.unacknowledged.load(Ordering::SeqCst);
        let mut settled = self.settled.subscribe();
        // The sender lives as long as `self`.
        let _: Result<_, _> = settled.wait_for(|settled| *settled >= queued).await;
    }
}

/// Makes the id of a store that is new, which must be kept before any container carries it.
async fn new_store_id(backend: &dyn Backend, term: Option<Term>) -> Result<Uuid, StoreError> {
    let id = new_id();
    let key = Key::Item(Collection::Meta, meta::ID.to_owned());
    let writes = vec![Write::Put(key.clone(), staged_changes::item(&id.to_string())?)];
    let batch = Arc::new(Batch { writes, expected: vec![(key.clone(), None)] });
    loop {
        match backend.commit(Arc::clone(&batch), term.unwrap_or_default()).await {
            Ok(_) => return Ok(id),
            // Another server may have made it, or the answer was lost.
            Err(CommitError::Conflict(_) | CommitError::Unanswered(_)) => {}
            Err(error) => return Err(StoreError::Unwritable(error.to_string())),
        }
        if let Some((_, Record::Item(text))) = backend.read_one(key.clone()).await? {
            let id = load::parsed::<String>(&text)?.parse();
            return id.map_err(|_| StoreError::Unreadable(format!("`{text}` is not a store id")));
        }
    }
}
