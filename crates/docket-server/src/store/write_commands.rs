//! What callers ask of the writer: each command is a struct, checks first and changes afterwards.

use async_trait::async_trait;
use tokio::sync::oneshot;
use tracing::warn;

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

/// A command whose caller waits.
pub(super) struct Request<C: Command> {
    command: C,
    outcome: Option<Result<C::Output, StoreError>>,
    reply: oneshot::Sender<Result<C::Output, StoreError>>,
}

impl<C: Command> Request<C> {
    pub(super) fn new(command: C, reply: oneshot::Sender<Result<C::Output, StoreError>>) -> Self {
        Self { command, outcome: None, reply }
    }
}

#[async_trait]
impl<C: Command> Queued for Request<C> {
    async fn apply(&mut self, transaction: &mut Transaction) -> Result<(), StoreError> {
        let outcome = self.command.apply(transaction).await;
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
        // The caller may not wait any more.
        let _: Result<_, _> = self.reply.send(outcome);
    }

    fn is_repeatable(&self) -> bool {
        self.command.is_repeatable()
    }
}

/// A command whose caller does not wait.
pub(super) struct Unacknowledged<C> {
    command: C,
    refusal: Option<StoreError>,
    settled: Settled,
}

impl<C: Command<Output = ()>> Unacknowledged<C> {
    pub(super) fn new(command: C, settled: Settled) -> Self {
        Self { command, refusal: None, settled }
    }
}

/// Counts a command as settled when it is dropped, whatever its outcome.
pub(super) struct Settled(pub(super) watch::Sender<u64>);

impl Drop for Settled {
    fn drop(&mut self) {
        self.0.send_modify(|settled| *settled += 1);
    }
}

#[async_trait]
impl<C: Command<Output = ()>> Queued for Unacknowledged<C> {
    async fn apply(&mut self, transaction: &mut Transaction) -> Result<(), StoreError> {
        self.refusal = self.command.apply(transaction).await.err();
        match self.refusal.take_if(|refusal| matches!(refusal, StoreError::Unreadable(_))) {
            Some(unreadable) => Err(unreadable),
            None => Ok(()),
        }
    }

    fn answer(self: Box<Self>, failure: Option<StoreError>) {
        if let Some(error) = failure.or(self.refusal) {
            warn!(%error, "progress of a run not written; it is not retried");
        }
        drop(self.settled);
    }

    fn is_repeatable(&self) -> bool {
        true
    }
}

/// The error for callers whose command no writer takes.
pub(super) fn writer_ended() -> StoreError {
    StoreError::Unwritable("the task that writes has ended: restart docket".to_owned())
}
