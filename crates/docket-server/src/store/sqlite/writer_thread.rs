//! The one thread that writes: each batch in one transaction.
//!
//! 1. A batch is written with its expectations, or nothing of it is.
//! 2. A batch is answered as written only where the files are in place after its commit: see
//!    `tamper_check`. Where they are not, it is not known what becomes of it.

use std::{
    path::{Path, PathBuf},
    sync::mpsc,
};

use rusqlite::{Connection, Transaction, TransactionBehavior, config::DbConfig};
use tracing::warn;

use super::{
    super::backend::{Batch, CommitError, Key, Revision, Term},
    errors,
    meta::{self, COMMITS, TERM},
    open_files::FileError,
    tables,
    tamper_check::FileCheck,
};

/// What the thread does.
pub(super) type Task = Box<dyn FnOnce(&mut WriterThread) + Send>;

/// Why a transaction was not carried out.
pub(super) enum WriteError {
    Sql(rusqlite::Error),
    Files(FileError),
    Conflict(Key),
    Deposed,
}

impl From<rusqlite::Error> for WriteError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<FileError> for WriteError {
    fn from(error: FileError) -> Self {
        Self::Files(error)
    }
}

impl WriteError {
    fn for_sender(self, path: &Path) -> CommitError {
        match self {
            Self::Sql(error) => errors::commit_error(&error, path),
            Self::Files(error) => CommitError::Unwritable(error.to_string()),
            Self::Conflict(key) => CommitError::Conflict(key),
            Self::Deposed => CommitError::Deposed,
        }
    }
}

/// What the thread owns.
pub(super) struct WriterThread {
    pub(super) connection: Connection,
    path: PathBuf,
    check: FileCheck,
}

impl WriterThread {
    pub(super) fn new(connection: Connection, path: PathBuf, check: FileCheck) -> Self {
        Self { connection, path, check }
    }

    pub(super) fn run(mut self, tasks: &mpsc::Receiver<Task>) {
        while let Ok(task) = tasks.recv() {
            task(&mut self);
        }
        self.close();
    }

    /// Does something in one transaction, and returns the number of the commit as well.
    pub(super) fn write<T>(
        &mut self,
        act: impl FnOnce(&Transaction<'_>, Revision) -> Result<T, WriteError>,
    ) -> Result<(T, Revision), CommitError> {
        let (done, revision) = self.transact(act).map_err(|error| {
            self.save_log(&error);
            error.for_sender(&self.path)
        })?;
        match self.check.after_commit() {
            Ok(()) => Ok((done, revision)),
            // It is in some file, but maybe not in the one that the next server opens.
            Err(error) => Err(CommitError::Unanswered(error.to_string())),
        }
    }

    fn transact<T>(
        &mut self,
        act: impl FnOnce(&Transaction<'_>, Revision) -> Result<T, WriteError>,
    ) -> Result<(T, Revision), WriteError> {
        self.check.before_write()?;
        let before = self.connection.total_changes();
        // `Immediate`: one that begins with reads fails if another program writes meanwhile.
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let next = self.check.commits() + 1;
        let done = act(&transaction, next)?;
        // What changes nothing needs no room, so it succeeds on a full disk too.
        let is_change = transaction.total_changes() != before;
        if is_change {
            meta::set(&transaction, COMMITS, next)?;
        }
        let commits = if is_change { next } else { next - 1 };
        transaction.commit()?;
        self.check.committed(commits);
        Ok((done, commits))
    }

    /// Moves what is in the log to the file that is open, when a path does not lead there any more:
    /// the log may be lost, and the file may be put back.
    fn save_log(&self, error: &WriteError) {
        let WriteError::Files(error) = error else { return };
        if !self.check.may_save_log(error) {
            return;
        }
        // `PASSIVE` waits for no reader and no other writer.
        if let Err(error) =
            self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
        {
            warn!(path = %self.path.display(), %error, "WAL checkpoint failed");
        }
    }

    /// Moves what is in the log to the file itself, so that one file is all there is.
    fn close(mut self) {
        let in_place = self.check.before_write();
        let closed = match &in_place {
            Ok(()) => self.empty_log(),
            // The paths lead to files of another program, which must stay; so must a file that was
            // overwritten.
            Err(error) => self.keep_files().and_then(|()| {
                let saves = self.check.may_save_log(error);
                if saves { self.empty_log() } else { Ok(()) }
            }),
        };
        let closed = closed.and_then(|()| self.connection.close().map_err(|(_, error)| error));
        let path = self.path.display();
        if let Err(error) = in_place {
            let error = error.at_end();
            warn!(
                %path,
                error,
                "the store was closed without its file: what was written since is lost unless the file \
                 is put back or a backup was made"
            );
        }
        if let Err(error) = closed {
            warn!(
                %path,
                %error,
                "the store was not closed in order: the next start recovers it, and what was \
                 acknowledged is not lost"
            );
        }
    }

    fn empty_log(&self) -> rusqlite::Result<()> {
        // It empties the log, so that the file can be copied or moved by itself.
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    }

    /// SQLite would move the log, and remove it by its path, when the last connection is closed.
    fn keep_files(&self) -> rusqlite::Result<()> {
        let config = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        self.connection.set_db_config(config, true).map(drop)
    }
}

/// Makes the changes of a batch, if each key that it names has the expected revision.
pub(super) fn commit(
    sql: &Transaction<'_>,
    batch: &Batch,
    term: Term,
    revision: Revision,
) -> Result<(), WriteError> {
    // Within the transaction, so that no later term can begin in between.
    if meta::number(sql, TERM)? != term {
        return Err(WriteError::Deposed);
    }
    for (key, expected) in &batch.expected {
        if tables::revision(sql, key)? != *expected {
            return Err(WriteError::Conflict(key.clone()));
        }
    }
    let mut writes = batch.writes.iter();
    Ok(writes.try_for_each(|write| tables::write(sql, write, revision))?)
}

/// Begins a term.
pub(super) fn begin_term(sql: &Transaction<'_>) -> Result<Term, WriteError> {
    let term = meta::number(sql, TERM)? + 1;
    meta::set(sql, TERM, term)?;
    Ok(term)
}
