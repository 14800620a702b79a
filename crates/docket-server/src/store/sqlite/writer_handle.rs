//! Sends batches to the thread that writes, and their outcome back.

use std::{
    path::PathBuf,
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
};

use rusqlite::Connection;
use tokio::sync::oneshot;
use tracing::warn;

use super::{
    super::backend::{Batch, CommitError, Revision, Term},
    tamper_check::FileCheck,
    writer_thread::{Request, WriterThread},
};

/// The sending end. The thread ends once this is dropped and all is written.
#[derive(Debug)]
pub(super) struct Writer {
    requests: Option<mpsc::Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread with the connection, which belongs to it from now on.
    pub(super) fn start(
        connection: Connection,
        path: PathBuf,
        check: FileCheck,
    ) -> std::io::Result<Self> {
        let (requests, inbox) = mpsc::channel();
        let writer = WriterThread::new(connection, path, check);
        let thread = thread::Builder::new().name("store".to_owned());
        let thread = thread.spawn(move || writer.run(&inbox))?;
        Ok(Self { requests: Some(requests), thread: Some(thread) })
    }

    /// Writes a batch, and waits until it is on disk.
    pub(super) async fn commit(
        &self,
        batch: Arc<Batch>,
        term: Term,
    ) -> Result<Revision, CommitError> {
        self.request(|reply| Request::Commit { batch, term, reply }).await
    }

    /// Begins a term.
    pub(super) async fn begin_term(&self) -> Result<Term, CommitError> {
        self.request(|reply| Request::BeginTerm { reply }).await
    }

    /// Does something with the connection that writes.
    #[cfg(test)]
    pub(super) fn act(&self, act: impl FnOnce(&Connection) + Send + 'static) {
        self.send(Request::Act(Box::new(act)));
    }

    async fn request<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, CommitError>>) -> Request,
    ) -> Result<T, CommitError> {
        let (reply, answer) = oneshot::channel();
        self.send(request(reply));
        let gone = || "the thread that writes has ended: restart docket".to_owned();
        answer.await.unwrap_or_else(|_| Err(CommitError::Unwritable(gone())))
    }

    /// A request that the thread does not take is dropped, and with it the way to reply.
    fn send(&self, request: Request) {
        if let Some(requests) = &self.requests {
            let _: Result<_, _> = requests.send(request);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.requests.take();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            warn!("the thread that writes the store panicked");
        }
    }
}
