//! The one thread that writes. It takes what a moment brings, writes all of it in one transaction,
//! and answers when that is on disk.
//!
//! 1. Memory follows the file: the catalogue accepts what was done only after the commit.
//! 2. A command that fails takes no other with it: a batch that fails is done again in halves,
//!    until the command at fault is alone.

use std::{
    collections::HashSet,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, TryRecvError},
    },
    thread::{self, JoinHandle},
};

use docket_model::AllocationName;
use parking_lot::RwLock;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{oneshot, watch};
use tracing::warn;

use super::{
    super::{StoreError, catalogue::Catalogue},
    fault::{self, Fault},
    work::Work,
};

/// How many commands are written together at most.
const MOST_AT_ONCE: usize = 4096;

/// Of how many allocations old records go at once: what arrives meanwhile does not wait long.
const MOST_TIDIED: usize = 500;

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

/// What the thread carries out.
trait Command: Send {
    /// Does it within a transaction; again, if that transaction fails for another's sake.
    fn carry_out(&mut self, work: &mut Work<'_>) -> rusqlite::Result<()>;

    /// Tells what became of it, once it is on disk or cannot get there.
    fn answer(self: Box<Self>, failure: Option<StoreError>);
}

impl Writer {
    /// Starts the thread with the connection that is its own from now on.
    pub(super) fn start(
        connection: Connection,
        path: PathBuf,
        catalogue: Arc<RwLock<Catalogue>>,
    ) -> std::io::Result<Self> {
        let (commands, inbox) = mpsc::channel();
        let desk = Desk { connection, path, catalogue, overfull: HashSet::new() };
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
        let (reply, answer) = oneshot::channel();
        self.send(Box::new(Asked { act, outcome: None, reply }));
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
}

/// Where the thread works.
struct Desk {
    connection: Connection,
    path: PathBuf,
    catalogue: Arc<RwLock<Catalogue>>,
    /// Allocations of which old records are to go, when there is time or after each batch.
    overfull: HashSet<AllocationName>,
}

impl Desk {
    fn work_off(mut self, inbox: &mpsc::Receiver<Box<dyn Command>>) {
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
            Ok(()) => {
                for command in batch {
                    command.answer(None);
                }
            }
            Err(error) if batch.len() > 1 && !fault::concerns_all(&error) => {
                let second = batch.split_off(batch.len() / 2);
                self.carry_out(batch);
                self.carry_out(second);
            }
            Err(error) => {
                let failure = fault::unwritable(&error, &self.path);
                for command in batch {
                    command.answer(Some(failure.clone()));
                }
            }
        }
    }

    /// Does something in one transaction; nothing of it stays where that fails.
    fn commit(
        &mut self,
        act: impl FnOnce(&mut Work<'_>) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let catalogue = self.catalogue.read();
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut work = Work::new(&transaction, &catalogue);
        act(&mut work)?;
        let done = work.complete(&catalogue)?;
        transaction.commit()?;
        drop(catalogue);
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
        if let Err(error) = self.commit(|work| names.iter().try_for_each(|name| work.prune(name))) {
            let error = fault::words(&error, &self.path);
            warn!(error, "old records stay until the next run of their allocation");
        }
    }

    /// Moves what is in the log to the file itself, so that one file is all there is.
    fn close(self) {
        let moved = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        if let Err(error) = moved.and_then(|()| self.connection.close().map_err(|(_, error)| error))
        {
            warn!(path = %self.path.display(), %error, "the store was not closed in order");
        }
    }
}
