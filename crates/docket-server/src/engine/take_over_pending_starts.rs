//! Containers that a request of an earlier life, or one without an answer, may still start.

use std::{any::Any, fmt, time::Duration};

use async_trait::async_trait;

use super::{EngineError, Handle, Identity, Observation, Past};

/// For how long a request counts as on its way, after its sender has had no answer.
pub const LATEST_REQUEST: Duration = Duration::from_secs(600);

/// Finds out how far such a container is, and makes sure that it cannot start any more.
///
/// The caller writes to its record between the two calls why the container is replaced: what is removed
/// is on record before.
#[async_trait]
pub trait Takeover {
    /// Reports how far a container is.
    ///
    /// # Errors
    /// [`EngineError::Unreachable`] where the engine does not say.
    async fn take_over(&self, handle: &Handle) -> Result<TakeOver, EngineError>;

    /// Makes sure that no earlier request starts a container any more: the engine removes the container, or moves
    /// its version on.
    ///
    /// # Errors
    /// [`EngineError`] where it may still be started: it has to be taken over again.
    async fn disarm(&self, target: Target<'_>) -> Result<Disarmed, EngineError>;
}

/// How far a container is.
#[derive(Debug)]
pub enum TakeOver {
    /// It is there, and was started.
    Found(Observation),
    /// It is there and was not started: it may be disarmed and prepared anew.
    Replaceable(Guard),
    /// It was asked to start and waits for a node: it may be disarmed only to give its run up.
    Waiting {
        /// For that.
        guard: Guard,
        /// Why it waits, where the engine says so.
        reason: Option<String>,
    },
    /// It is gone.
    Gone(Past),
    /// It is gone, and what is known of its past broke off, so the call may be repeated; why, in words.
    Unclear(String),
}

/// What is to be made unable to start.
#[derive(Debug)]
pub enum Target<'a> {
    /// A container that was taken over.
    Guarded(Guard),
    /// Whatever has, or may still get, the name of this attempt.
    Name(&'a Identity),
}

/// What came of it.
#[derive(Debug)]
pub enum Disarmed {
    /// It was started before it could be disarmed.
    Found(Observation),
    /// It is there, was not started, and no earlier request starts it: it may be prepared again, or is
    /// removed once the end of its run is on record.
    Unstarted,
    /// It is gone.
    Gone(Past),
    /// It is gone, and what is known of its past broke off: it has to be taken over again.
    Unclear(String),
    /// This container has the name, and was started.
    NameTaken(Handle),
}

/// A container that was taken over, and what its engine watches of it meanwhile.
pub struct Guard {
    /// The container.
    pub handle: Handle,
    // Of any type, so that callers need not know what an engine watches.
    watched: Box<dyn Any + Send>,
}

impl Guard {
    /// A guard with what the engine watches, which the engine alone reads.
    pub fn new(handle: Handle, watched: impl Any + Send) -> Self {
        Self { handle, watched: Box::new(watched) }
    }

    /// The handle, and what the engine watches; nothing where another engine made the guard.
    #[must_use]
    pub fn into_parts<T: Any>(self) -> (Handle, Option<T>) {
        (self.handle, self.watched.downcast().ok().map(|watched| *watched))
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("handle", &self.handle).finish_non_exhaustive()
    }
}
