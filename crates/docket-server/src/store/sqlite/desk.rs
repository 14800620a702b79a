//! The thread that writes: batches of commands, each in one transaction, and what comes after a commit.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{self, TryRecvError},
    },
};

use docket_model::AllocationName;
use parking_lot::RwLock;
use rusqlite::{Connection, TransactionBehavior, config::DbConfig};
use tracing::warn;

use super::{
    super::{StoreError, catalogue::Catalogue},
    fault,
    file_check::FileCheck,
    files::FileError,
    work::Work,
    writer::Command,
};

/// How many commands are written together at most.
const MOST_AT_ONCE: usize = 4096;

/// Of how many allocations old records are removed at once: what arrives meanwhile does not wait long.
const MOST_TIDIED: usize = 500;

/// Why a transaction was not carried out.
enum WriteError {
    Sql(rusqlite::Error),
    Files(FileError),
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
    fn concerns_all(&self) -> bool {
        match self {
            Self::Sql(error) => fault::concerns_all(error),
            Self::Files(_) => true,
        }
    }

    fn for_sender(&self, path: &Path) -> StoreError {
        match self {
            Self::Sql(error) => fault::unwritable(error, path),
            Self::Files(error) => StoreError::Unwritable(error.to_string()),
        }
    }
}

/// Where the thread works.
pub(super) struct Desk {
    connection: Connection,
    path: PathBuf,
    catalogue: Arc<RwLock<Catalogue>>,
    check: FileCheck,
    /// Allocations whose old records are to be removed, when there is time or after each batch.
    overfull: HashSet<AllocationName>,
    /// What was committed to a file that turned out not to be in place: answered once it is again.
    unanswered: Vec<Box<dyn Command>>,
}

impl Desk {
    pub(super) fn new(
        connection: Connection,
        path: PathBuf,
        catalogue: Arc<RwLock<Catalogue>>,
        check: FileCheck,
    ) -> Self {
        let (overfull, unanswered) = (HashSet::new(), Vec::new());
        Self { connection, path, catalogue, check, overfull, unanswered }
    }

    pub(super) fn work_off(mut self, inbox: &mpsc::Receiver<Box<dyn Command>>) {
        loop {
            let first = if self.overfull.is_empty() {
                inbox.recv().map_err(|_| TryRecvError::Disconnected)
            } else {
                inbox.try_recv()
            };
            match first {
                Ok(first) => {
                    let rest = inbox.try_iter().take(MOST_AT_ONCE - 1);
                    self.carry_out(std::iter::once(first).chain(rest).collect());
                }
                Err(TryRecvError::Disconnected) if self.overfull.is_empty() => break,
                Err(_) => {}
            }
            self.tidy();
        }
        self.close();
    }

    fn carry_out(&mut self, mut batch: Vec<Box<dyn Command>>) {
        let commands =
            |work: &mut Work<'_>| batch.iter_mut().try_for_each(|command| command.carry_out(work));
        match self.commit(commands) {
            Ok(()) => self.answer(batch),
            Err(error) if batch.len() > 1 && !error.concerns_all() => {
                let second = batch.split_off(batch.len() / 2);
                self.carry_out(batch);
                self.carry_out(second);
            }
            Err(error) => {
                self.save_log(&error);
                let failure = error.for_sender(&self.path);
                for command in batch {
                    command.answer(Some(failure.clone()));
                }
            }
        }
    }

    /// Answers what was committed, once the files are known to have been in place after that.
    fn answer(&mut self, batch: Vec<Box<dyn Command>>) {
        match self.check.after_commit() {
            Ok(()) => {
                for command in self.unanswered.drain(..).chain(batch) {
                    command.answer(None);
                }
            }
            Err(error) => {
                let error = WriteError::Files(error);
                let failure = error.for_sender(&self.path);
                for command in batch {
                    if command.waits_for_certainty() {
                        self.unanswered.push(command);
                    } else {
                        command.answer(Some(failure.clone()));
                    }
                }
            }
        }
    }

    /// Does something in one transaction; nothing of it stays where that fails.
    fn commit(
        &mut self,
        act: impl FnOnce(&mut Work<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), WriteError> {
        self.check.before_write()?;
        let catalogue = self.catalogue.read();
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut work = Work::new(&transaction, &catalogue);
        act(&mut work)?;
        let done = work.complete(&catalogue, self.check.commits())?;
        transaction.commit()?;
        drop(catalogue);
        self.check.committed(done.commits);
        self.catalogue.write().accept(done.staged);
        self.overfull.extend(done.overfull);
        Ok(())
    }

    /// Takes out the oldest records of some allocations that have too many.
    fn tidy(&mut self) {
        let names: Vec<_> = self.overfull.iter().take(MOST_TIDIED).cloned().collect();
        if names.is_empty() {
            return;
        }
        for name in &names {
            self.overfull.remove(name);
        }
        match self.commit(|work| names.iter().try_for_each(|name| work.prune(name))) {
            Ok(()) => self.answer(Vec::new()),
            Err(error) => {
                let error = error.for_sender(&self.path);
                warn!(%error, "old records stay until the next run of their allocation");
            }
        }
    }

    /// Moves what is in the log to the file that is open, when a path does not lead there any more:
    /// the log may be lost, and the file may be put back.
    fn save_log(&self, error: &WriteError) {
        let WriteError::Files(error) = error else { return };
        if !self.check.may_save_log(error) {
            return;
        }
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
            warn!(%path, %error, "the store was not closed in order");
        }
    }

    fn empty_log(&self) -> rusqlite::Result<()> {
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    }

    /// SQLite would move the log, and remove it by its path, when the last connection is closed.
    fn keep_files(&self) -> rusqlite::Result<()> {
        let config = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        self.connection.set_db_config(config, true).map(drop)
    }
}
