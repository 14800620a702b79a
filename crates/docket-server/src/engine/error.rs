//! What can go wrong at an engine, in words for whoever looks at a run.

use thiserror::Error;

/// What can go wrong at an engine.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EngineError {
    /// The engine does not answer: nothing was refused, and it may be back.
    #[error("the engine cannot be reached: {0}")]
    Unreachable(String),
    /// The engine is there, and left a call without an answer each time that it was made.
    #[error("{call} got no answer {tries} times in a row, though the engine is there: {reason}")]
    NoAnswer {
        /// The call, in words.
        call: &'static str,
        /// How often it was made.
        tries: u32,
        /// What became of it the last time.
        reason: String,
    },
    /// No such image, neither at a registry nor on the engine.
    #[error("image {image} not found")]
    NoSuchImage {
        /// As it was written.
        image: String,
        /// What the registry or the engine said.
        reason: String,
    },
    /// Another container has the name.
    #[error("the name is held by {holder}")]
    NameHeld {
        /// The holder, by id and what it is.
        holder: String,
    },
    /// The container is not there any more, and docket did not remove it.
    #[error("removed from outside")]
    Gone,
    /// The container is not there any more, and it surely never ran: it may be created anew.
    #[error("removed from outside before it was started")]
    NeverStarted,
    /// The container runs on although the engine was to end it, by a kill at last; why, in words.
    #[error("it cannot be ended: {0}")]
    WillNotDie(String),
    /// The container was created, and the engine says that it cannot run.
    #[error("{0}")]
    NotStartable(String),
    /// The engine refused, in its own words.
    #[error("{message}")]
    Refused {
        /// The engine's HTTP status.
        status: u16,
        /// The engine's message.
        message: String,
    },
}

impl EngineError {
    /// True where a log cannot be read at all, because its driver keeps none, such as `none`.
    #[must_use]
    pub fn is_unreadable_log(&self) -> bool {
        matches!(self, Self::Refused { status: 501, .. })
    }
}
