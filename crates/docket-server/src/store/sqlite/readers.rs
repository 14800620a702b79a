//! Connections that read, while the one that writes writes. Reading is done on threads that may
//! block.

use std::{path::PathBuf, sync::Arc};

use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags};
use tokio::{sync::Semaphore, task::spawn_blocking};

use super::{super::StoreError, fault, open};

/// How many read at once; more would wait for one another's disk.
const READERS: usize = 4;

/// A few connections, opened when they are first needed.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    permits: Semaphore,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, idle: Mutex::default(), permits: Semaphore::new(READERS) }
    }

    /// Reads from the file as it stands at one moment.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let readers = Arc::clone(self);
        // It is never closed.
        let _permit = self.permits.acquire().await;
        let read = spawn_blocking(move || readers.at_once(read));
        read.await.unwrap_or_else(|error| Err(StoreError::Unreadable(error.to_string())))
    }

    fn at_once<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let idle = self.idle.lock().pop();
        let connection = idle.map_or_else(|| connect(&self.path), Ok);
        let done = connection.and_then(|mut connection| {
            let transaction = connection.transaction()?;
            let done = read(&transaction);
            drop(transaction);
            self.idle.lock().push(connection);
            done
        });
        done.map_err(|error| fault::unreadable(&error, &self.path))
    }
}

/// A connection that changes nothing.
pub(super) fn connect(path: &std::path::Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    open::set_up(&connection)?;
    Ok(connection)
}
