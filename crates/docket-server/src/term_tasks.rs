//! A term: the time in which this server starts and follows runs. HTTP and the store live longer.
//!
//! 1. A task of a term ends with it: what only waits is given up, a step that was begun is finished.

use std::sync::Arc;

use tokio::{
    runtime::Handle,
    task::{JoinError, JoinHandle},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The term has ended, so its tasks end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopped;

/// One term of this server. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Term(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    number: u64,
    ended: CancellationToken,
    tasks: TaskTracker,
    /// Where its tasks run: threads that answer requests end before they do.
    runtime: Handle,
}

impl Term {
    /// A term whose tasks run where it is made.
    pub(crate) fn new(number: u64) -> Self {
        let (ended, tasks, runtime) =
            (CancellationToken::new(), TaskTracker::new(), Handle::current());
        Self(Arc::new(Inner { number, ended, tasks, runtime }))
    }

    /// Its number among the terms of this process.
    pub(crate) fn number(&self) -> u64 {
        self.0.number
    }

    /// True until the term ends.
    pub(crate) fn in_force(&self) -> bool {
        !self.0.ended.is_cancelled()
    }

    /// Waits for something, unless the term ends.
    pub(crate) async fn unless_ended<T>(
        &self,
        work: impl Future<Output = T>,
    ) -> Result<T, Stopped> {
        tokio::select! {
            biased;
            // Biased: once the term has ended, no further step begins, even if it is ready.
            () = self.0.ended.cancelled() => Err(Stopped),
            done = work => Ok(done),
        }
    }

    /// Does something in a task that the end of the term waits for.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.0.tasks.spawn_on(work, &self.0.runtime)
    }

    /// Does something to its end, also if its caller stops waiting; nothing if the term has ended.
    pub(crate) async fn to_its_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Stopped> {
        // Taken before the check: the end of the term waits for the token, or it is seen here.
        let token = self.0.tasks.token();
        if !self.in_force() {
            return Err(Stopped);
        }
        let task = self.spawn(work);
        drop(token);
        task.await.map_err(propagate)
    }

    /// Ends the term because a later one has begun: its tasks do nothing more.
    pub(crate) fn depose(&self) {
        self.0.ended.cancel();
    }

    /// Ends the term and waits for its tasks.
    pub(crate) async fn end(&self) {
        self.0.ended.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    /// How many tasks there are.
    #[cfg(test)]
    pub(crate) fn task_count(&self) -> usize {
        self.0.tasks.len()
    }
}

/// Continues a panic of a task in its caller; a task that was aborted ended with the runtime.
fn propagate(error: JoinError) -> Stopped {
    match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => Stopped,
    }
}
