//! Keeps keys and records in one SQLite file, which one server at a time has open. Here it is put
//! together; each part has its own file.
//!
//! 1. What is acknowledged is on disk: the thread that writes answers after the commit.
//! 2. Nothing here blocks the threads on which the server's tasks run.

mod backup_copy;
mod commit_count;
mod errors;
mod file_header;
mod last_served_place;
mod load;
mod lock;
mod meta;
mod open;
mod open_error;
mod open_files;
mod read_connections;
mod scan_runs;
mod tables;
mod tamper_check;
#[cfg(test)]
mod tests;
mod upgrade;
mod wal_check;
mod writer_handle;
mod writer_thread;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::stream::BoxStream;
use tokio::task::spawn_blocking;

use self::{
    backup_copy::{LOG, beside},
    lock::LockFile,
    open::Opened,
    open_files::OpenFiles,
    read_connections::Readers,
    tamper_check::FileCheck,
    writer_handle::Writer,
};
use super::{
    backend::{
        Backend, BackendInfo, Batch, Bounds, CommitError, Files, Key, Loaded, ReadError, Record,
        Revision, Scan, ScannedRun, Term,
    },
    store_origin::{Home, Provenance},
};

pub use self::{backup_copy::backup_of, last_served_place::Opener, open_error::OpenError};

/// A file that is open.
#[derive(Debug)]
pub(crate) struct SqliteBackend {
    path: PathBuf,
    is_new: bool,
    provenance: Provenance,
    home: Home,
    // Dropped in this order: the writer closes the file, and only then another server may open it.
    readers: Arc<Readers>,
    writer: Writer,
    lock: Arc<LockFile>,
}

impl SqliteBackend {
    /// Opens the store in this file, or makes it. This blocks.
    ///
    /// # Errors
    /// [`OpenError`] says in words why the file cannot be used, and how to mend it.
    pub(crate) fn open(path: &Path, opener: &Opener) -> Result<Self, OpenError> {
        Self::of(open::open(path, &open::FORMAT, opener)?)
    }

    fn of(opened: Opened) -> Result<Self, OpenError> {
        let Opened { provenance, home, connection, path, given, lock, is_new } = opened;
        let io = |source| OpenError::Io { path: path.clone(), source };
        let unusable = |error| OpenError::Unusable(errors::words(&error, &path));
        let lock = Arc::new(lock);
        // After the connection, which has made the log and its index.
        let files = Arc::new(OpenFiles::of(&path, &given, Arc::clone(&lock)).map_err(io)?);
        let readers = Arc::new(Readers::open(Arc::clone(&files)).map_err(unusable)?);
        let check = FileCheck::new(files, &connection).map_err(unusable)?;
        let writer = Writer::start(connection, path.clone(), check).map_err(io)?;
        Ok(Self { path, is_new, provenance, home, readers, writer, lock })
    }

    /// Does something with the lock's file, on a thread that may block.
    async fn in_lock<T: Send + 'static>(
        &self,
        act: impl FnOnce(&LockFile) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let lock = Arc::clone(&self.lock);
        spawn_blocking(move || act(&lock)).await.map_err(io::Error::other)?
    }
}

#[async_trait]
impl Backend for SqliteBackend {
    fn bounds(&self) -> Bounds {
        // SQLite takes a transaction of any size, since it goes to the log as it grows.
        Bounds::NONE
    }

    fn info(&self) -> BackendInfo {
        let kind = format!("sqlite:{}", self.path.display());
        BackendInfo { kind, is_volatile: false, is_new: self.is_new }
    }

    async fn begin_term(&self) -> Result<Term, CommitError> {
        let begun = self.writer.write(|sql, _| writer_thread::begin_term(sql)).await;
        begun.map(|(term, _)| term)
    }

    fn load(&self) -> BoxStream<'_, Result<Vec<Loaded>, ReadError>> {
        load::stream(Arc::clone(&self.readers))
    }

    async fn commit(&self, batch: Arc<Batch>, term: Term) -> Result<Revision, CommitError> {
        let committed =
            self.writer.write(move |sql, at| writer_thread::commit(sql, &batch, term, at));
        committed.await.map(|((), revision)| revision)
    }

    async fn read(&self, keys: Vec<Key>) -> Result<Vec<Option<(Revision, Record)>>, ReadError> {
        let read = move |sql: &_| keys.iter().map(|key| tables::read(sql, key)).collect();
        self.readers.read(read).await
    }

    async fn scan(&self, scans: Vec<Scan>) -> Result<Vec<Vec<ScannedRun>>, ReadError> {
        let read = move |sql: &_| scans.iter().map(|scan| scan_runs::runs(sql, scan)).collect();
        self.readers.read(read).await
    }

    fn files(&self) -> Option<&dyn Files> {
        Some(self)
    }
}

#[async_trait]
impl Files for SqliteBackend {
    fn path(&self) -> PathBuf {
        self.path.clone()
    }

    fn bytes(&self) -> Option<u64> {
        let size = |path: &Path| std::fs::metadata(path).map(|file| file.len());
        // The log is absent while nothing was written.
        let log = size(&beside(&self.path, LOG)).unwrap_or_default();
        Some(size(&self.path).ok()? + log)
    }

    fn provenance(&self) -> Provenance {
        self.provenance.clone()
    }

    fn home(&self) -> Home {
        self.home.clone()
    }

    fn outages(&self) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
        self.lock.outages()
    }

    async fn note_outage(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> io::Result<()> {
        self.in_lock(move |lock| lock.note((from, to))).await
    }

    async fn forget_outage(&self, from: DateTime<Utc>) -> io::Result<()> {
        self.in_lock(move |lock| lock.forget(from)).await
    }

    async fn backup(&self, to: &Path, at: DateTime<Utc>) -> Result<(), String> {
        let (readers, target) = (Arc::clone(&self.readers), to.to_owned());
        let copied = spawn_blocking(move || {
            let sql = readers.take().map_err(|error| error.to_string())?;
            backup_copy::copy(&sql, &target, meta::NOTE_COPY, at)
                .map_err(|error| error.words(&target))
        });
        copied.await.unwrap_or_else(|error| Err(error.to_string()))
    }
}
