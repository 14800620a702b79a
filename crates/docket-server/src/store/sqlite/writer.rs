//! The one thread that writes. It takes what a moment brings, writes all of it in one transaction,
//! and answers when that is on disk.
//!
//! 1. Memory follows the file: the catalogue accepts what was done only after the commit.
//! 2. A command that fails takes no other with it: a batch that fails is done again in halves,
//!    until the command at fault is alone.
//! 3. Nothing is answered as done unless the files are in place after the commit: see `file_check`.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
};

use parking_lot::RwLock;
use rusqlite::Connection;
use tokio::sync::{oneshot, watch};
use tracing::warn;

use super::{
    super::{StoreError, catalogue::Catalogue},
    desk::Desk,
    fault::Fault,
    file_check::FileCheck,
    work::Work,
};

/// Sends commands to the thread, which ends once this is dropped and all is written.
#[derive(Debug)]
pub(super) struct Writer {
    commands: Option<mpsc::Sender<Box<dyn Command>>>,
    thread: Option<JoinHandle<()>>,
    /// How many commands were sent whose sender did not wait.
    told: AtomicU64,
    /// How many of them are written.
    settled: Arc<watch::Sender<u64>>,
}

/// What the thread carries out: see `desk`.
pub(super) trait Command: Send {
    /// Does it within a transaction; again, if that transaction fails for another's sake.
    fn carry_out(&mut self, work: &mut Work<'_>) -> rusqlite::Result<()>;

    /// Tells what became of it, once it is on disk or cannot get there.
    fn answer(self: Box<Self>, failure: Option<StoreError>);

    /// True where nobody may be told that it failed once it was done, as whoever wants it would want
    /// it again: a claim must be carried out by whoever has it.
    fn waits_for_certainty(&self) -> bool;
}

impl Writer {
    /// Starts the thread with the connection that is its own from now on.
    pub(super) fn start(
        connection: Connection,
        path: PathBuf,
        catalogue: Arc<RwLock<Catalogue>>,
        check: FileCheck,
    ) -> std::io::Result<Self> {
        let (commands, inbox) = mpsc::channel();
        let desk = Desk::new(connection, path, catalogue, check);
        let thread = thread::Builder::new().name("store".to_owned());
        let thread = thread.spawn(move || desk.work_off(&inbox))?;
        Ok(Self {
            commands: Some(commands),
            thread: Some(thread),
            told: AtomicU64::new(0),
            settled: Arc::new(watch::Sender::new(0)),
        })
    }

    /// Has something done, and waits until it is on disk.
    pub(super) async fn ask<T, F>(&self, act: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut Work<'_>) -> Result<T, Fault> + Send + 'static,
    {
        self.request(act, false).await
    }

    /// The same, of what may be done twice: an error may be answered though it was done.
    pub(super) async fn ask_repeatably<T, F>(&self, act: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut Work<'_>) -> Result<T, Fault> + Send + 'static,
    {
        self.request(act, true).await
    }

    async fn request<T, F>(&self, act: F, is_repeatable: bool) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut Work<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.send(Box::new(Asked { act, outcome: None, reply, is_repeatable }));
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Has something done soon; a failure is logged.
    pub(super) fn tell<F>(&self, act: F)
    where
        F: Fn(&mut Work<'_>) -> Result<(), Fault> + Send + 'static,
    {
        self.told.fetch_add(1, Ordering::SeqCst);
        let settled = Arc::clone(&self.settled);
        self.send(Box::new(Told { act, refusal: None, settled: Settled(settled) }));
    }

    /// Waits until all that was told so far is written.
    pub(super) async fn settled(&self) {
        let told = self.told.load(Ordering::SeqCst);
        let mut settled = self.settled.subscribe();
        // The sender lives as long as `self`.
        let _: Result<_, _> = settled.wait_for(|settled| *settled >= told).await;
    }

    /// A command that nobody takes is dropped, and with it its way to answer.
    fn send(&self, command: Box<dyn Command>) {
        if let Some(commands) = &self.commands {
            let _: Result<_, _> = commands.send(command);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.commands.take();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            warn!("the thread that writes the store ended before its time");
        }
    }
}

fn gone() -> StoreError {
    StoreError::Unwritable("the thread that writes has ended: restart docket".to_owned())
}

struct Asked<T, F> {
    act: F,
    outcome: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
    is_repeatable: bool,
}

impl<T: Send, F: Fn(&mut Work<'_>) -> Result<T, Fault> + Send> Command for Asked<T, F> {
    fn carry_out(&mut self, work: &mut Work<'_>) -> rusqlite::Result<()> {
        self.outcome = match (self.act)(work) {
            Ok(done) => Some(Ok(done)),
            Err(Fault::Refused(refusal)) => Some(Err(refusal)),
            Err(Fault::Sql(error)) => return Err(error),
        };
        Ok(())
    }

    fn answer(self: Box<Self>, failure: Option<StoreError>) {
        let outcome = match failure {
            Some(failure) => Err(failure),
            None => self.outcome.unwrap_or_else(|| Err(gone())),
        };
        // Whoever does not wait any more does not want to know.
        let _: Result<_, _> = self.reply.send(outcome);
    }

    fn waits_for_certainty(&self) -> bool {
        !self.is_repeatable
    }
}

struct Told<F> {
    act: F,
    refusal: Option<StoreError>,
    settled: Settled,
}

/// Counts a command as settled when it is dropped, whatever became of it.
struct Settled(Arc<watch::Sender<u64>>);

impl Drop for Settled {
    fn drop(&mut self) {
        self.0.send_modify(|settled| *settled += 1);
    }
}

impl<F: Fn(&mut Work<'_>) -> Result<(), Fault> + Send> Command for Told<F> {
    fn carry_out(&mut self, work: &mut Work<'_>) -> rusqlite::Result<()> {
        self.refusal = match (self.act)(work) {
            Ok(()) => None,
            Err(Fault::Refused(refusal)) => Some(refusal),
            Err(Fault::Sql(error)) => return Err(error),
        };
        Ok(())
    }

    fn answer(self: Box<Self>, failure: Option<StoreError>) {
        if let Some(error) = failure.or(self.refusal) {
            warn!(%error, "something was not written, and is not tried again");
        }
        drop(self.settled);
    }

    fn waits_for_certainty(&self) -> bool {
        false
    }
}
