//! The commands of the writer: each is a struct, checks first and changes afterwards.

use async_trait::async_trait;
use tokio::sync::oneshot;
use tracing::{Span, warn};

use super::{StoreError, transaction::Transaction};
use crate::watch;

/// A change of the store.
#[async_trait]
pub(super) trait Command: Send + Sync + 'static {
    /// What the caller learns.
    type Output: Send + Sync + 'static;

    /// True where an error may be answered though the change was made, because the caller makes it again
    /// anyway. All others are answered as failed only if they were not carried out: the owner of a claim
    /// must carry it out.
    fn is_repeatable(&self) -> bool {
        false
    }

    /// Makes the change in a transaction, or refuses it and changes nothing.
    async fn apply(&self, transaction: &mut Transaction) -> Result<Self::Output, StoreError>;
}

/// A command in the writer's queue.
#[async_trait]
pub(super) trait Queued: Send + Sync {
    /// Applies the command; again, where the transaction is not committed for another's sake.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`], after which the transaction is dropped.
    async fn apply(&mut self, transaction: &mut Transaction) -> Result<(), StoreError>;

    /// Answers the caller: the outcome, or why it was not committed.
    fn answer(self: Box<Self>, failure: Option<StoreError>);

    /// See [`Command::is_repeatable`].
    fn is_repeatable(&self) -> bool;
}

/// A command, and the way to answer its caller.
pub(super) struct Request<C: Command> {
    command: C,
    outcome: Option<Result<C::Output, StoreError>>,
    is_repeatable: bool,
    answer: Answer<C::Output>,
}

type Answer<T> = Box<dyn FnOnce(Result<T, StoreError>) + Send + Sync>;

/// Counts a command as settled when it is dropped, whatever its outcome.
pub(super) struct Settled(pub(super) watch::Sender<u64>);

impl Drop for Settled {
    fn drop(&mut self) {
        self.0.send_modify(|settled| *settled += 1);
    }
}

impl<C: Command> Request<C> {
    /// The command of a caller who waits.
    pub(super) fn new(command: C, reply: oneshot::Sender<Result<C::Output, StoreError>>) -> Self {
        let is_repeatable = command.is_repeatable();
        // The caller may not wait any more.
        let answer = Box::new(|outcome| drop::<Result<_, _>>(reply.send(outcome)));
        Self { command, outcome: None, is_repeatable, answer }
    }

    /// The command of a caller who does not wait.
    pub(super) fn unacknowledged(command: C, settled: Settled) -> Self {
        // The writer answers in no span of a run.
        let span = Span::current();
        let answer = Box::new(move |outcome: Result<_, StoreError>| {
            if let Err(error) = outcome {
                warn!(parent: &span, %error, "progress of a run not written; it is not retried");
            }
            drop(settled);
        });
        // No caller acts on the outcome.
        Self { command, outcome: None, is_repeatable: true, answer }
    }
}

#[async_trait]
impl<C: Command> Queued for Request<C> {
    async fn apply(&mut self, transaction: &mut Transaction) -> Result<(), StoreError> {
        let outcome = self.command.apply(transaction).await;
        // Other errors are answers, and wait until what they were computed from is committed.
        if let Err(error @ StoreError::Unreadable(_)) = outcome {
            return Err(error);
        }
        self.outcome = Some(outcome);
        Ok(())
    }

    fn answer(self: Box<Self>, failure: Option<StoreError>) {
        let outcome = match failure {
            Some(failure) => Err(failure),
            None => self.outcome.unwrap_or_else(|| Err(writer_ended())),
        };
        (self.answer)(outcome);
    }

    fn is_repeatable(&self) -> bool {
        self.is_repeatable
    }
}

/// The error for callers whose command no writer takes.
pub(super) fn writer_ended() -> StoreError {
    StoreError::Unwritable("the task that writes has ended: restart docket".to_owned())
}
