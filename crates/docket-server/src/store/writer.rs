//! The one task that writes. It takes what is queued, applies all of it in one transaction, commits that
//! once, and answers when it is committed.
//!
//! 1. Memory follows the backend: the catalogue accepts what was done only after the commit, and then it
//!    is published.
//! 2. A command that fails takes no other with it: a batch that the backend rejects is written again in
//!    halves, until the command at fault is alone.
//! 3. While it is not known whether a commit was made, nothing else is written.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use docket_model::AllocationName;
use parking_lot::RwLock;
use tokio::{
    sync::{mpsc, oneshot},
    time::sleep,
};
use tracing::{info, warn};

use super::{
    StoreError,
    backend::{Backend, Batch, Collection, CommitError, Key, Record, Revision, Term, Write},
    catalogue::Catalogue,
    command::{Command, Queued, Request},
    refresh,
    retention::{Footprint, Prune, take_some},
    staged::{Staged, meta},
    transaction::Transaction,
};

/// How many commands are committed together at most.
const MOST_AT_ONCE: usize = 4096;

/// How long a commit without an answer is left alone before its outcome is looked for again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Commands that wait to be committed.
pub(super) type Inbox = mpsc::UnboundedReceiver<Box<dyn Queued>>;

/// What the task works with.
pub(super) struct Writer {
    catalogue: Arc<RwLock<Catalogue>>,
    backend: Arc<dyn Backend>,
    /// The term in which it writes; nothing where the backend could not begin one yet.
    term: Option<Term>,
    footprint: Option<Footprint>,
    /// Allocations whose old records are pruned when there is time, or after each batch.
    overfull: BTreeSet<AllocationName>,
    /// The commit whose outcome is not known.
    unanswered: Option<Unanswered>,
    is_deposed: bool,
}

/// A commit whose outcome is not known, and the commands that wait for it.
struct Unanswered {
    batch: Arc<Batch>,
    staged: Staged,
    commands: Vec<Box<dyn Queued>>,
    reason: String,
}

impl Writer {
    pub(super) fn new(
        catalogue: Arc<RwLock<Catalogue>>,
        backend: Arc<dyn Backend>,
        term: Option<Term>,
    ) -> Self {
        let footprint = backend.bounds().memory_bytes.map(Footprint::new);
        let (overfull, unanswered, is_deposed) = (BTreeSet::new(), None, false);
        Self { catalogue, backend, term, footprint, overfull, unanswered, is_deposed }
    }

    /// Works until no command can come any more and all are written.
    pub(super) async fn work(mut self, mut inbox: Inbox) {
        loop {
            let first = if self.unanswered.is_some() {
                tokio::select! {
                    first = inbox.recv() => first.map(Some),
                    () = sleep(LOOK_AGAIN) => Some(None),
                }
            } else if self.overfull.is_empty() {
                inbox.recv().await.map(Some)
            } else {
                // There is time to prune.
                match inbox.try_recv() {
                    Err(mpsc::error::TryRecvError::Disconnected) if self.overfull.is_empty() => {
                        None
                    }
                    first => Some(first.ok()),
                }
            };
            let Some(first) = first else { break };
            self.resolve().await;
            if let Some(first) = first {
                let mut batch = vec![first];
                while batch.len() < MOST_AT_ONCE
                    && let Ok(next) = inbox.try_recv()
                {
                    batch.push(next);
                }
                self.carry_out(batch).await;
            }
            self.prune().await;
        }
    }

    async fn carry_out(&mut self, batch: Vec<Box<dyn Queued>>) {
        let mut groups = vec![batch];
        while let Some(mut group) = groups.pop() {
            if let Some(failure) = self.out_of_order() {
                answer(group, Some(&failure));
                continue;
            }
            let mut transaction = self.transaction();
            if let Some((at, error)) = apply(&mut group, &mut transaction).await {
                group.remove(at).answer(Some(error));
                groups.extend((!group.is_empty()).then_some(group));
                continue;
            }
            match self.commit(transaction).await {
                Ok(()) => answer(group, None),
                Err(Failure::Unanswered(unanswered)) => self.wait_for(*unanswered, group).await,
                Err(Failure::Error(error)) if group.len() > 1 && error.concerns_one() => {
                    let second = group.split_off(group.len() / 2);
                    groups.extend([second, group]);
                }
                Err(Failure::Error(CommitError::Conflict(key))) => match self.refresh(&key).await {
                    Ok(()) => groups.push(group),
                    Err(error) => answer(group, Some(&error)),
                },
                Err(Failure::Error(error)) => answer(group, Some(&self.failure(error))),
                Err(Failure::Refused(error)) => answer(group, Some(&error)),
            }
        }
    }

    fn transaction(&self) -> Transaction {
        Transaction::new(Arc::clone(&self.catalogue), Arc::clone(&self.backend))
    }

    /// The term in which it writes.
    async fn term(&mut self) -> Result<Term, CommitError> {
        if let Some(term) = self.term {
            return Ok(term);
        }
        let term = self.backend.begin_term().await?;
        self.term = Some(term);
        Ok(term)
    }

    /// Why nothing is written at present, where that is so.
    fn out_of_order(&self) -> Option<StoreError> {
        if self.is_deposed {
            return Some(StoreError::Deposed);
        }
        let unanswered = self.unanswered.as_ref()?;
        Some(StoreError::Unwritable(unanswered.reason.clone()))
    }

    /// The error for callers.
    fn failure(&mut self, error: CommitError) -> StoreError {
        match error {
            CommitError::Deposed => {
                if !std::mem::replace(&mut self.is_deposed, true) {
                    warn!("another server has taken over the store: nothing is written any more");
                }
                StoreError::Deposed
            }
            error => StoreError::Unwritable(error.to_string()),
        }
    }

    /// Commits a transaction, and has the catalogue accept it.
    async fn commit(&mut self, transaction: Transaction) -> Result<(), Failure> {
        let term = self.term().await.map_err(Failure::Error)?;
        let (batch, staged) = transaction.into_batch(term).map_err(Failure::Refused)?;
        if batch.writes.is_empty() {
            self.accept(staged, 0);
            return Ok(());
        }
        let batch = Arc::new(batch);
        match self.backend.commit(Arc::clone(&batch), term).await {
            Ok(revision) => {
                self.accept(staged, revision);
                self.shrink().await;
                Ok(())
            }
            Err(CommitError::Unanswered(reason)) => {
                let commands = Vec::new();
                let unanswered = Unanswered { batch, staged, commands, reason };
                Err(Failure::Unanswered(Box::new(unanswered)))
            }
            Err(error) => Err(Failure::Error(error)),
        }
    }

    fn accept(&mut self, mut staged: Staged, revision: Revision) {
        self.overfull.append(&mut staged.overfull);
        if let Some(footprint) = &mut self.footprint {
            footprint.follow(&staged);
        }
        self.catalogue.write().accept(staged, revision);
    }

    /// Keeps a commit without an answer, after one look for its outcome. A command that its caller makes
    /// again anyway does not wait for it.
    async fn wait_for(&mut self, unanswered: Unanswered, group: Vec<Box<dyn Queued>>) {
        self.unanswered = Some(Unanswered { commands: group, ..unanswered });
        self.resolve().await;
        if let Some(unanswered) = &mut self.unanswered {
            let commands = std::mem::take(&mut unanswered.commands);
            let (repeatable, waiting) =
                commands.into_iter().partition(|command| command.is_repeatable());
            unanswered.commands = waiting;
            answer(repeatable, Some(&StoreError::Unwritable(unanswered.reason.clone())));
        }
    }

    /// Learns whether the commit without an answer was made; if not, makes it again.
    async fn resolve(&mut self) {
        let Some(mut unanswered) = self.unanswered.take() else { return };
        let written = match self.was_written(&unanswered.batch).await {
            Ok(written) => written,
            Err(error) => {
                unanswered.reason = error;
                self.unanswered = Some(unanswered);
                return;
            }
        };
        let committed = match (written, self.term().await) {
            (Some(revision), _) => Ok(revision),
            (None, Ok(term)) => self.backend.commit(Arc::clone(&unanswered.batch), term).await,
            (None, Err(error)) => Err(error),
        };
        match committed {
            Ok(revision) => {
                self.accept(unanswered.staged, revision);
                answer(unanswered.commands, None);
            }
            Err(CommitError::Unanswered(reason)) => {
                self.unanswered = Some(Unanswered { reason, ..unanswered });
            }
            // It was not made, and what it was computed from has changed.
            Err(CommitError::Conflict(key)) => match self.refresh(&key).await {
                Ok(()) => Box::pin(self.carry_out(unanswered.commands)).await,
                Err(error) => answer(unanswered.commands, Some(&error)),
            },
            Err(error) => answer(unanswered.commands, Some(&self.failure(error))),
        }
    }

    /// The revision of a batch, if it was written: the note of the newest commit is its own.
    async fn was_written(&self, batch: &Batch) -> Result<Option<Revision>, String> {
        let note = Key::Item(Collection::Meta, meta::LAST_COMMIT.to_owned());
        let wrote = batch.writes.iter().find_map(|write| match write {
            Write::Put(key, Record::Item(text)) if *key == note => Some(Arc::clone(text)),
            _ => None,
        });
        let read = self.backend.read(vec![note]).await.map_err(|error| error.to_string())?;
        Ok(match read.into_iter().next().flatten() {
            Some((revision, Record::Item(text))) if Some(&text) == wrote.as_ref() => Some(revision),
            _ => None,
        })
    }

    /// Reads again what another writer has changed.
    async fn refresh(&self, key: &Key) -> Result<(), StoreError> {
        info!(?key, "the store was changed by another writer: read again");
        refresh::refresh(&self.catalogue, &*self.backend, key).await
    }

    /// Deletes the oldest records of some allocations that have too many.
    async fn prune(&mut self) {
        if self.out_of_order().is_some() {
            self.overfull.clear();
            return;
        }
        let names = take_some(&mut self.overfull);
        if !names.is_empty() {
            self.maintain(Prune(names)).await;
        }
    }

    /// Deletes the oldest outputs and records until the rest fits in memory.
    async fn shrink(&mut self) {
        let mut passed_over = 0;
        while let Some(shrink) =
            self.footprint.as_ref().and_then(|footprint| footprint.excess(passed_over))
        {
            let Some(stayed) = Box::pin(self.maintain(shrink)).await else { return };
            passed_over += stayed;
        }
    }

    /// Carries out a change that no caller asked for.
    async fn maintain<C: Command>(&mut self, command: C) -> Option<C::Output> {
        let (reply, answer) = oneshot::channel();
        let command: Box<dyn Queued> = Box::new(Request::new(command, reply));
        Box::pin(self.carry_out(vec![command])).await;
        match answer.await {
            Ok(Ok(output)) => Some(output),
            Ok(Err(error)) => {
                warn!(%error, "old records stay until the next run of their allocation");
                None
            }
            Err(_) => None,
        }
    }
}

/// Why a transaction was not committed, or may not have been.
enum Failure {
    Unanswered(Box<Unanswered>),
    Error(CommitError),
    Refused(StoreError),
}

impl CommitError {
    /// True where other commands of the batch may fare better by themselves.
    fn concerns_one(&self) -> bool {
        matches!(self, Self::Rejected(_))
    }
}

/// Applies commands in order; the first that could not read, and why.
async fn apply(
    group: &mut [Box<dyn Queued>],
    transaction: &mut Transaction,
) -> Option<(usize, StoreError)> {
    for (at, command) in group.iter_mut().enumerate() {
        if let Err(error) = command.apply(transaction).await {
            return Some((at, error));
        }
    }
    None
}

fn answer(group: Vec<Box<dyn Queued>>, failure: Option<&StoreError>) {
    for command in group {
        command.answer(failure.cloned());
    }
}
