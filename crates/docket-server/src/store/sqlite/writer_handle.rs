//! Sends tasks to the thread that writes, and their outcome back.

use std::{
    path::PathBuf,
    sync::mpsc,
    thread::{self, JoinHandle},
};

use rusqlite::{Connection, Transaction};
use tokio::sync::oneshot;
use tracing::warn;

use super::{
    super::backend::{CommitError, Revision},
    tamper_check::FileCheck,
    writer_thread::{Task, WriteError, WriterThread},
};

/// The sending end. The thread ends once this is dropped and all is written.
#[derive(Debug)]
pub(super) struct Writer {
    tasks: Option<mpsc::Sender<Task>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread with the connection, which belongs to it from now on.
    pub(super) fn start(
        connection: Connection,
        path: PathBuf,
        check: FileCheck,
    ) -> std::io::Result<Self> {
        let (tasks, inbox) = mpsc::channel();
        let writer = WriterThread::new(connection, path, check);
        // Not one of Tokio's: dropping the store waits for it, also where no runtime is left.
        let thread = thread::Builder::new().name("store".to_owned());
        let thread = thread.spawn(move || writer.run(&inbox))?;
        Ok(Self { tasks: Some(tasks), thread: Some(thread) })
    }

    /// Does something in one transaction, and waits until it is on disk; returns the number of the commit
    /// as well.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Transaction<'_>, Revision) -> Result<T, WriteError> + Send + 'static,
    ) -> Result<(T, Revision), CommitError> {
        let (reply, answer) = oneshot::channel();
        // The caller may not wait any more.
        self.send(Box::new(move |writer| drop(reply.send(writer.write(act)))));
        let gone = || "the thread that writes has ended: restart docket".to_owned();
        answer.await.unwrap_or_else(|_| Err(CommitError::Unwritable(gone())))
    }

    /// Does something with the connection that writes.
    #[cfg(test)]
    pub(super) fn act(&self, act: impl FnOnce(&Connection) + Send + 'static) {
        self.send(Box::new(|writer| act(&writer.connection)));
    }

    /// A task that the thread does not take is dropped, and with it the way to reply.
    fn send(&self, task: Task) {
        if let Some(tasks) = &self.tasks {
            let _: Result<_, _> = tasks.send(task);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.tasks.take();
        // Waits, so that the file is closed before its lock is released.
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            warn!("the thread that writes the store panicked");
        }
    }
}
