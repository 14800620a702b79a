//! Limits the memory that all requests take together.
//!
//! Clients decide how much they send and how slowly they read. So the memory of each request is reserved
//! from budgets that all requests share, and is released at the end of the request.

use std::{fmt::Display, sync::Arc, thread};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// The maximum size of all request bodies in memory, in bytes: more than one body of the default maximum.
/// With the buffers of their connections they stay below 128 MiB.
const BODIES: usize = 80 << 20;

/// The maximum size of all complete responses in memory, in bytes. Lists are streamed and do not count.
const RESPONSES: usize = 40 << 20;

/// How many large bodies are parsed at once: a parsed value takes many times the memory of its text.
const PARSERS: usize = 2;

/// How many requests read the journal at once: each may read all of it.
const JOURNAL_READERS: usize = 2;

/// How many requests list the runs of all allocations at once: each holds a number for each allocation.
const RUN_LISTS: usize = 2;

/// The budgets of all requests.
#[derive(Debug)]
pub(crate) struct Limits {
    bodies: Arc<Semaphore>,
    responses: Arc<Semaphore>,
    parsers: Arc<Semaphore>,
    /// The permit to check a document.
    checks: Arc<Semaphore>,
    journal_readers: Semaphore,
    run_lists: Semaphore,
    /// The permit to check specifications with the engine.
    engine_checks: Arc<Semaphore>,
    /// The permit to make a backup.
    backups: Arc<Semaphore>,
}

impl Limits {
    /// Creates the budgets for a server that accepts bodies of up to `max_body` bytes: one always fits.
    pub(crate) fn new(max_body: usize) -> Self {
        Self {
            // A permit is a byte.
            bodies: Arc::new(Semaphore::new(max_body.clamp(BODIES, Semaphore::MAX_PERMITS))),
            responses: Arc::new(Semaphore::new(RESPONSES)),
            parsers: Arc::new(Semaphore::new(PARSERS)),
            checks: Arc::new(Semaphore::new(1)),
            journal_readers: Semaphore::new(JOURNAL_READERS),
            run_lists: Semaphore::new(RUN_LISTS),
            engine_checks: Arc::new(Semaphore::new(1)),
            backups: Arc::new(Semaphore::new(1)),
        }
    }

    /// Reserves memory for a body that is still empty.
    pub(super) fn body(&self) -> Result<Reservation, LimitError> {
        Reservation::of(&self.bodies, 0).ok_or(LimitError::Busy(Busy::Bodies))
    }

    /// Reserves memory for a response.
    pub(super) fn response(&self, bytes: usize) -> Result<Reservation, LimitError> {
        // A response that is larger than the budget takes all of it, or it could never be sent.
        Reservation::of(&self.responses, bytes.min(RESPONSES))
            .ok_or(LimitError::Busy(Busy::Responses))
    }

    /// Waits until a large body may be parsed.
    pub(super) async fn parser(&self) -> Result<OwnedSemaphorePermit, LimitError> {
        turn(&self.parsers).await
    }

    /// Waits until a document may be checked: YAML aliases can make a small one large.
    pub(super) async fn check(&self) -> Result<OwnedSemaphorePermit, LimitError> {
        turn(&self.checks).await
    }

    /// Waits until specifications may be checked with the engine, which can take long.
    pub(super) async fn engine_check(&self) -> Result<OwnedSemaphorePermit, LimitError> {
        turn(&self.engine_checks).await
    }

    /// Waits until the journal may be read.
    pub(super) async fn journal(&self) -> Result<impl Drop + use<'_>, LimitError> {
        self.journal_readers.acquire().await.map_err(LimitError::internal)
    }

    /// Waits until the runs of all allocations may be listed.
    pub(super) async fn all_runs(&self) -> Result<impl Drop + use<'_>, LimitError> {
        self.run_lists.acquire().await.map_err(LimitError::internal)
    }

    /// Gets the permit to make a backup, unless a backup is running.
    pub(super) fn backup(&self) -> Result<OwnedSemaphorePermit, LimitError> {
        // Does not wait: how long a backup takes depends on its client.
        Arc::clone(&self.backups).try_acquire_owned().map_err(|_| LimitError::Busy(Busy::Backups))
    }
}

async fn turn(semaphore: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, LimitError> {
    let permit = Arc::clone(semaphore).acquire_owned().await;
    permit.map_err(LimitError::internal)
}

/// Parses on a thread of its own. There are few of them at once, and each reuses the heap of an earlier
/// one; each thread of a pool would keep some of the memory that parsing took.
pub(super) async fn on_own_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, LimitError> {
    let (sender, receiver) = oneshot::channel();
    let thread = thread::Builder::new().name("docket-parser".to_owned());
    // Nothing receives the result of a request that has ended.
    let spawned = thread.spawn(move || drop(sender.send(work())));
    spawned.map_err(LimitError::internal)?;
    receiver.await.map_err(LimitError::internal)
}

/// Why a request does not get what it needs.
#[derive(Debug)]
pub(super) enum LimitError {
    /// The budget is used up for now.
    Busy(Busy),
    /// The system, or a task of this server, failed.
    Internal(String),
}

impl LimitError {
    fn internal(error: impl Display) -> Self {
        Self::Internal(error.to_string())
    }
}

/// The budget that is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Busy {
    /// One more request body.
    Bodies,
    /// One more response.
    Responses,
    /// One more backup.
    Backups,
}

impl Busy {
    /// The number of seconds after which a client should retry.
    pub(super) fn retry_after(self) -> u64 {
        match self {
            Self::Bodies | Self::Responses => 5,
            Self::Backups => 10,
        }
    }

    pub(super) fn message(self) -> &'static str {
        match self {
            Self::Bodies => {
                "the server is receiving as many request bodies as it has memory for: try again later"
            }
            Self::Responses => {
                "the server is sending as many large responses as it has memory for: try again later"
            }
            Self::Backups => "only one backup can run at a time: try again later",
        }
    }
}

/// Memory reserved from a budget, until it is dropped.
#[derive(Debug)]
pub(super) struct Reservation(OwnedSemaphorePermit);

impl Reservation {
    fn of(budget: &Arc<Semaphore>, bytes: usize) -> Option<Self> {
        // The semaphore counts permits in 32 bits; more than 4 GiB is beyond any budget.
        let bytes = u32::try_from(bytes).ok()?;
        // Never waits: a request that holds memory and waits for more could wait for itself.
        Arc::clone(budget).try_acquire_many_owned(bytes).ok().map(Self)
    }

    /// Reserves more memory for a body.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), LimitError> {
        let more = Self::of(self.0.semaphore(), bytes).ok_or(LimitError::Busy(Busy::Bodies))?;
        self.0.merge(more.0);
        Ok(())
    }
}
