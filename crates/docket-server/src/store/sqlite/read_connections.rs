//! Connections that read, while the one that writes writes. Reading is done on threads that may
//! block.

use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags};
use tokio::{sync::Semaphore, task::spawn_blocking};

use super::{super::backend::ReadError, errors, open, open_files::OpenFiles};

/// How many read at once; more would wait for one another's disk.
const READERS: usize = 4;

/// A few connections, opened when they are first needed.
#[derive(Debug)]
pub(super) struct Readers {
    files: Arc<OpenFiles>,
    idle: Mutex<Vec<Connection>>,
    permits: Semaphore,
}

impl Readers {
    /// The first connection is opened at once, so that there is one for a backup whatever happens to
    /// the file later.
    pub(super) fn open(files: Arc<OpenFiles>) -> rusqlite::Result<Self> {
        let first = connect(files.path())?;
        Ok(Self { files, idle: Mutex::new(vec![first]), permits: Semaphore::new(READERS) })
    }

    /// Reads from the file as it stands at one moment.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, ReadError> {
        let readers = Arc::clone(self);
        // Before a thread is taken, so that waiting reads do not use up the blocking threads. The
        // semaphore is never closed.
        let _permit = self.permits.acquire().await;
        let read = spawn_blocking(move || readers.at_once(read));
        read.await.unwrap_or_else(|error| Err(ReadError(error.to_string())))
    }

    fn at_once<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, ReadError> {
        if self.files.is_in_doubt() {
            self.in_place()?;
        }
        let mut connection = self.connection()?;
        let done = within_transaction(&mut connection, read);
        self.idle.lock().push(connection);
        done.map_err(|error| errors::read_error(&error, self.files.path()))
    }

    /// A connection of its own, for what works outside a transaction and for long.
    pub(super) fn take(&self) -> Result<Connection, ReadError> {
        // One that is open reads the file also after that was renamed or removed.
        self.another().or_else(|error| self.idle.lock().pop().ok_or(error))
    }

    fn connection(&self) -> Result<Connection, ReadError> {
        let idle = self.idle.lock().pop();
        idle.map_or_else(|| self.another(), Ok)
    }

    /// Opens a connection by the path, if that leads to the file that the writer has.
    fn another(&self) -> Result<Connection, ReadError> {
        self.in_place()?;
        let path = self.files.path();
        let connection = connect(path).map_err(|error| errors::read_error(&error, path))?;
        // Again, as the file may have been replaced while it was opened.
        self.in_place()?;
        Ok(connection)
    }

    fn in_place(&self) -> Result<(), ReadError> {
        self.files.in_place().map_err(|error| ReadError(error.to_string()))
    }
}

/// A connection that changes nothing.
pub(super) fn connect(path: &std::path::Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    open::set_up(&connection)?;
    // The first read opens the log, by its path.
    connection.query_row("PRAGMA schema_version", [], |_| Ok(()))?;
    Ok(connection)
}

fn within_transaction<T>(
    connection: &mut Connection,
    read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let transaction = connection.transaction()?;
    read(&transaction)
}
