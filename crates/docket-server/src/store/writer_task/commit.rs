//! How a transaction is committed, and how the outcome of a commit without an answer is found out.

use std::sync::Arc;

use tokio::time::Instant;
use tracing::warn;

use super::{
    super::{
        StoreError,
        backend::{Batch, Collection, CommitError, Key, Record, Revision, Term, Write},
        large_commits, load,
        memory_limit::Footprint,
        staged_changes::{Staged, meta},
        transaction::Transaction,
        write_commands::Queued,
    },
    Failure, Unanswered, Writer, answer,
};

impl Writer {
    /// Commits a transaction, and has the catalogue accept it. One that several commands share and that is
    /// too large is rejected.
    pub(super) async fn commit(
        &mut self,
        mut transaction: Transaction,
        is_shared: bool,
    ) -> Result<(), Failure> {
        let term = self.term().await.map_err(Failure::Error)?;
        let shrunk = self.shrink(&mut transaction).await;
        let prepared = shrunk.and_then(|()| transaction.into_batch(term));
        let (batch, staged) = prepared.map_err(|error| {
            self.revert_footprint();
            Failure::Refused(error)
        })?;
        // A push that changes nothing, for example, needs no flush.
        if batch.writes.is_empty() {
            self.accept(staged, None);
            return Ok(());
        }
        // One at a time they usually fit; several commits are for the one that does not.
        if is_shared && !large_commits::fits(&batch, self.backend.bounds()) {
            self.revert_footprint();
            let reason = "the commands are too large for one commit".to_owned();
            return Err(Failure::Error(CommitError::Rejected(reason)));
        }
        let batch = Arc::new(batch);
        match self.write(&batch, term).await {
            Ok(revision) => {
                self.accept(staged, Some(revision));
                self.reload_after(&batch).await;
                Ok(())
            }
            Err(CommitError::Unanswered(reason)) => {
                let commands = Vec::new();
                // The footprint is not reverted before the outcome is known.
                let unanswered = Unanswered { batch, term, staged, commands, reason };
                Err(Failure::Unanswered(Box::new(unanswered)))
            }
            Err(error) => {
                self.revert_footprint();
                Err(Failure::Error(error))
            }
        }
    }

    /// Writes a batch, in several commits where the backend does not take it in one.
    async fn write(&self, batch: &Arc<Batch>, term: Term) -> Result<Revision, CommitError> {
        let begun_at = Instant::now();
        let written = if large_commits::fits(batch, self.backend.bounds()) {
            self.backend.commit(Arc::clone(batch), term).await
        } else {
            large_commits::commit(&*self.backend, batch, term).await
        };
        let has_failed = !matches!(written, Ok(_) | Err(CommitError::Conflict(_)));
        self.observer.commit(begun_at.elapsed(), has_failed);
        written
    }

    /// Reads the catalogue again after a batch that was written in several commits: each has a revision of
    /// its own.
    async fn reload_after(&self, batch: &Batch) {
        if large_commits::fits(batch, self.backend.bounds()) {
            return;
        }
        match load::load(&*self.backend, None).await {
            Ok((loaded, _)) => self.catalogue.write().reload(loaded),
            Err(error) => {
                warn!(%error, "the store could not be read after a large commit; it is read again at the next conflict");
            }
        }
    }

    /// Deletes, in the same transaction, the oldest outputs and records until the rest fits in memory.
    async fn shrink(&mut self, transaction: &mut Transaction) -> Result<(), StoreError> {
        let Some(footprint) = &mut self.footprint else { return Ok(()) };
        let mut passed_over = 0;
        footprint.follow(&transaction.staged);
        while let Some(shrink) = footprint.excess(passed_over) {
            passed_over += shrink.apply(transaction).await?;
            footprint.follow(&transaction.staged);
        }
        Ok(())
    }

    fn revert_footprint(&mut self) {
        self.footprint.iter_mut().for_each(Footprint::revert);
    }

    /// Has the catalogue accept what was staged, which was committed if there was anything to commit.
    fn accept(&mut self, mut staged: Staged, revision: Option<Revision>) {
        self.overfull.append(&mut staged.overfull);
        self.footprint.iter_mut().for_each(Footprint::accept);
        // Of a large commit only the last part: the others are read again like those of another
        // writer.
        self.own.iter_mut().for_each(|own| own.extend(revision));
        for (milestone, run) in staged.milestones.drain(..) {
            self.observer.reached(milestone, &run);
        }
        self.catalogue.write().accept(staged, revision.unwrap_or_default());
    }

    /// Keeps a commit without an answer, after one look for its outcome. A command that its caller makes
    /// again anyway does not wait for it.
    pub(super) async fn wait_for(&mut self, unanswered: Unanswered, group: Vec<Box<dyn Queued>>) {
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
    pub(super) async fn resolve(&mut self) {
        let Some(mut unanswered) = self.unanswered.take() else { return };
        let written = match self.was_written(&unanswered.batch).await {
            Ok(written) => written,
            Err(error) => {
                unanswered.reason = error;
                self.unanswered = Some(unanswered);
                return;
            }
        };
        let committed = match written {
            Some(revision) => Ok(revision),
            None => self.write(&unanswered.batch, unanswered.term).await,
        };
        // The first request may have come late, just before the second one.
        let committed = match committed {
            Err(CommitError::Conflict(key)) => match self.was_written(&unanswered.batch).await {
                Ok(Some(revision)) => Ok(revision),
                Ok(None) => Err(CommitError::Conflict(key)),
                Err(reason) => Err(CommitError::Unanswered(reason)),
            },
            committed => committed,
        };
        let error = match committed {
            Ok(revision) => {
                self.accept(unanswered.staged, Some(revision));
                self.reload_after(&unanswered.batch).await;
                return answer(unanswered.commands, None);
            }
            Err(CommitError::Unanswered(reason)) => {
                self.unanswered = Some(Unanswered { reason, ..unanswered });
                return;
            }
            Err(error) => error,
        };
        self.revert_footprint();
        match error {
            // It was not made, and what it was computed from has changed.
            CommitError::Conflict(key) => match self.refresh(&key).await {
                // Boxed, as `carry_out` may come here again.
                Ok(()) => Box::pin(self.carry_out(unanswered.commands)).await,
                Err(error) => answer(unanswered.commands, Some(&error)),
            },
            // A later term of this very store has begun.
            CommitError::Deposed if self.term != Some(unanswered.term) => {
                answer(unanswered.commands, Some(&StoreError::Deposed));
            }
            error => answer(unanswered.commands, Some(&self.failure(error))),
        }
    }

    /// The revision of a batch, if it was written: the note of the newest commit is its own.
    async fn was_written(&self, batch: &Batch) -> Result<Option<Revision>, String> {
        let note = Key::Item(Collection::Meta, meta::LAST_COMMIT.to_owned());
        let wrote = batch.writes.iter().find_map(|write| match write {
            Write::Put(key, Record::Item(text)) if *key == note => Some(Arc::clone(text)),
            _ => None,
        });
        let read = self.backend.read_one(note).await.map_err(|error| error.to_string())?;
        Ok(match read {
            Some((revision, Record::Item(text))) if Some(&text) == wrote.as_ref() => Some(revision),
            _ => None,
        })
    }
}
