//! What all requests together may take of the server's memory.
//!
//! How much clients send, and how slowly they read, is up to them. So what one request keeps in
//! memory comes out of budgets that all requests share, and is given back when the request is done.

use std::{sync::Arc, thread};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::error::ApiError;

/// How many bytes of request bodies are in memory at once: one of the largest by default, and more.
/// With the buffers of the connections that send them it stays below 128 MiB.
const BODIES: usize = 80 << 20;

/// How many bytes of answers that were written as a whole wait for their readers. Lists are written
/// in pieces, and do not count.
const ANSWERS: usize = 40 << 20;

/// How many large bodies are parsed at once. A parsed value takes many times the bytes of its text.
const PARSERS: usize = 2;

/// How many pages and explanations are read from the journal at once: each may need all of it.
const JOURNAL_READERS: usize = 2;

/// The budgets of all requests.
#[derive(Debug)]
pub(crate) struct Limits {
    bodies: Arc<Semaphore>,
    answers: Arc<Semaphore>,
    parsers: Arc<Semaphore>,
    /// Its holder may check a document.
    checks: Arc<Semaphore>,
    journal_readers: Semaphore,
    /// Its holder may check specifications with the engine.
    engine_checks: Arc<Semaphore>,
    /// Its holder may make a backup.
    backups: Arc<Semaphore>,
}

impl Limits {
    /// The budgets of a server that accepts bodies of up to so many bytes: one of them always fits.
    pub(crate) fn new(max_body: usize) -> Self {
        Self {
            bodies: Arc::new(Semaphore::new(max_body.clamp(BODIES, Semaphore::MAX_PERMITS))),
            answers: Arc::new(Semaphore::new(ANSWERS)),
            parsers: Arc::new(Semaphore::new(PARSERS)),
            checks: Arc::new(Semaphore::new(1)),
            journal_readers: Semaphore::new(JOURNAL_READERS),
            engine_checks: Arc::new(Semaphore::new(1)),
            backups: Arc::new(Semaphore::new(1)),
        }
    }

    /// The reservation of a body that is still empty.
    pub(super) fn body(&self) -> Result<Room, ApiError> {
        Room::of(&self.bodies, 0).ok_or(ApiError::Busy(Busy::Bodies))
    }

    /// The reservation of an answer of so many bytes.
    pub(super) fn answer(&self, bytes: usize) -> Result<Room, ApiError> {
        Room::of(&self.answers, bytes.min(ANSWERS)).ok_or(ApiError::Busy(Busy::Answers))
    }

    /// Waits until a large body may be parsed.
    pub(super) async fn parser(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        turn(&self.parsers).await
    }

    /// Waits until a document may be checked: a small one may grow to many times its size.
    pub(super) async fn check(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        turn(&self.checks).await
    }

    /// Waits until specifications may be checked with the engine, which may take it long.
    pub(super) async fn engine_check(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        turn(&self.engine_checks).await
    }

    /// Waits until the journal may be read.
    pub(super) async fn journal(&self) -> Result<impl Drop + use<'_>, ApiError> {
        self.journal_readers.acquire().await.map_err(|error| ApiError::Internal(error.to_string()))
    }

    /// Takes the turn to make a backup, unless one is under way.
    pub(super) fn backup(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        Arc::clone(&self.backups).try_acquire_owned().map_err(|_| ApiError::Busy(Busy::Backups))
    }
}

async fn turn(semaphore: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, ApiError> {
    let permit = Arc::clone(semaphore).acquire_owned().await;
    permit.map_err(|error| ApiError::Internal(error.to_string()))
}

/// Parses on a thread of its own, beside those that answer requests. Few of them live at once, and
/// each takes over the heap of one that ended; the threads of a pool would each keep some of the memory
/// that parsing took.
pub(super) async fn on_own_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    let (sender, receiver) = oneshot::channel();
    let thread = thread::Builder::new().name("docket-parser".to_owned());
    // The result is dropped when its request has ended.
    let begun = thread.spawn(move || drop(sender.send(work())));
    begun.map_err(|error| ApiError::Internal(error.to_string()))?;
    receiver.await.map_err(|error| ApiError::Internal(error.to_string()))
}

/// What exceeds a budget at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Busy {
    /// One more request body.
    Bodies,
    /// One more answer.
    Answers,
    /// One more backup.
    Backups,
}

impl Busy {
    /// After how many seconds a client should ask again.
    pub(super) fn retry_after(self) -> u64 {
        match self {
            Self::Bodies | Self::Answers => 5,
            Self::Backups => 10,
        }
    }

    pub(super) fn in_words(self) -> &'static str {
        match self {
            Self::Bodies => {
                "the server is receiving as many request bodies as it has memory for: try again later"
            }
            Self::Answers => {
                "the server is sending as many large responses as it has memory for: try again later"
            }
            Self::Backups => "only one backup can run at a time: try again later",
        }
    }
}

/// Bytes of a budget, which get them back when this is dropped.
#[derive(Debug)]
pub(super) struct Room(OwnedSemaphorePermit);

impl Room {
    fn of(budget: &Arc<Semaphore>, bytes: usize) -> Option<Self> {
        let bytes = u32::try_from(bytes).ok()?;
        Arc::clone(budget).try_acquire_many_owned(bytes).ok().map(Self)
    }

    /// Takes so many bytes more for a body.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), ApiError> {
        let more = Self::of(self.0.semaphore(), bytes).ok_or(ApiError::Busy(Busy::Bodies))?;
        self.0.merge(more.0);
        Ok(())
    }
}
