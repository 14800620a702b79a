//! The one task that writes. It takes what is queued, applies all of it in one transaction, commits that
//! once, and answers when it is committed.
//!
//! 1. Memory follows the backend: the catalogue accepts what was done only after the commit, and then it
//!    is published.
//! 2. A command that fails takes no other with it: a batch that the backend rejects is written again in
//!    halves, until the command at fault is alone.
//! 3. While it is not known whether a commit was made, nothing else is written.

mod commit;

use std::{
    collections::{BTreeSet, VecDeque},
    future::{pending, ready},
    sync::Arc,
    time::Duration,
};

use docket_model::AllocationName;
use futures_util::{FutureExt as _, StreamExt as _, stream::BoxStream};
use parking_lot::RwLock;
use tokio::{
    sync::{mpsc, oneshot},
    time::sleep,
};
use tracing::{info, warn};

use super::{
    StoreError,
    backend::{Backend, Batch, CommitError, Committed, Key, Revision, Term},
    catalogue::Catalogue,
    load,
    memory_limit::Footprint,
    observer::Observer,
    record_retention::{Prune, take_some},
    reload_conflicting_keys,
    staged_changes::Staged,
    transaction::Transaction,
    write_commands::{Command, Queued, Request},
};
use crate::watch;

/// How many commands are committed together at most.
// A burst shares one flush to disk, yet its first caller must not wait for ever.
const MOST_AT_ONCE: usize = 4096;

/// How long a commit without an answer is left alone before its outcome is looked for again.
// Short, as everything else waits meanwhile.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What waits for the writer.
pub(super) enum Message {
    /// A change to commit.
    Command(Box<dyn Queued>),
    /// A term of this store is to begin.
    BeginTerm(oneshot::Sender<Result<Term, StoreError>>),
}

/// What waits for the writer, in order.
pub(super) type Inbox = mpsc::UnboundedReceiver<Message>;

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
    /// True once a later term has begun.
    deposed: watch::Sender<bool>,
    observer: Arc<dyn Observer>,
    /// Its own commits that did not come back yet from the watched ones; absent where no other store can
    /// write the backend.
    own: Option<VecDeque<Revision>>,
}

/// A commit whose outcome is not known, and the commands that wait for it.
struct Unanswered {
    batch: Arc<Batch>,
    term: Term,
    staged: Staged,
    commands: Vec<Box<dyn Queued>>,
    reason: String,
}

impl Writer {
    pub(super) fn new(
        catalogue: Arc<RwLock<Catalogue>>,
        backend: Arc<dyn Backend>,
        term: Option<Term>,
        deposed: watch::Sender<bool>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        Self {
            footprint: backend.bounds().memory_bytes.map(Footprint::new),
            catalogue,
            backend,
            term,
            overfull: BTreeSet::new(),
            unanswered: None,
            deposed,
            observer,
            own: None,
        }
    }

    /// Works until no command can come any more and all are written. `committed` are the commits of all who
    /// write the backend, since before the catalogue was loaded.
    pub(super) async fn work(
        mut self,
        mut inbox: Inbox,
        mut committed: Option<BoxStream<'static, Committed>>,
    ) {
        self.own = committed.as_ref().map(|_| VecDeque::new());
        loop {
            // The `select` prefers commands, so a full queue would put these off without end.
            self.follow_others(&mut committed).await;
            let (is_known, has_time) = (self.unanswered.is_none(), !self.overfull.is_empty());
            let first = tokio::select! {
                // Commands come before upkeep.
                biased;
                first = inbox.recv() => match first {
                    Some(first) => Some(first),
                    // What is too much is pruned before the end.
                    None if self.overfull.is_empty() => break,
                    None => None,
                },
                () = sleep(LOOK_AGAIN), if !is_known => None,
                // There is time to prune.
                () = ready(()), if is_known && has_time => None,
                // While a commit has no outcome, it could come back here and pass for another's.
                committed = next(&mut committed), if is_known => {
                    self.follow(committed).await;
                    continue;
                }
            };
            // First, since nothing is written while a commit has no outcome.
            self.resolve().await;
            let mut next = first;
            while let Some(message) = next.take() {
                match message {
                    Message::Command(first) => {
                        let mut batch = vec![first];
                        while batch.len() < MOST_AT_ONCE && next.is_none() {
                            match inbox.try_recv() {
                                Ok(Message::Command(command)) => batch.push(command),
                                // A term begins between two commits, in the order of the queue.
                                Ok(message) => next = Some(message),
                                Err(_) => break,
                            }
                        }
                        self.carry_out(batch).await;
                    }
                    // The caller may not wait any more.
                    Message::BeginTerm(reply) => {
                        let _: Result<_, _> = reply.send(self.begin_term().await);
                    }
                }
            }
            self.prune().await;
        }
    }

    /// Begins a further term of this store. The catalogue is read again, for another server may have had
    /// a term meanwhile.
    async fn begin_term(&mut self) -> Result<Term, StoreError> {
        let term = self.backend.begin_term().await;
        let term = term.map_err(|error| StoreError::Unwritable(error.to_string()))?;
        self.term = Some(term);
        // A commit without an answer was made by now, or is never made: its term is over.
        self.resolve().await;
        let (loaded, _) = load::load(&*self.backend, Some(term)).await?;
        self.catalogue.write().reload(loaded);
        // Last, so that a failed read leaves the store deposed.
        self.deposed.send_replace(false);
        Ok(term)
    }

    /// Follows what other writers have committed so far. Its own commits come back among these, and are
    /// not kept for long, for they hold what was written.
    async fn follow_others(&mut self, committed: &mut Option<BoxStream<'static, Committed>>) {
        while self.unanswered.is_none()
            && let Some(commit) = next(committed).now_or_never()
        {
            self.follow(commit).await;
        }
    }

    /// Follows a commit, if it is another writer's.
    async fn follow(&mut self, committed: Committed) {
        let followed = match committed {
            Committed::Keys(revision, keys) => {
                let own = self.own.get_or_insert_default();
                // Revisions only grow: an older one does not come back any more.
                while own.front().is_some_and(|own| *own < revision) {
                    own.pop_front();
                }
                if own.front() == Some(&revision) {
                    own.pop_front();
                    return;
                }
                reload_conflicting_keys::follow(&self.catalogue, &*self.backend, keys).await
            }
            Committed::Unknown => {
                // All commits so far are in what is loaded.
                self.own.iter_mut().for_each(VecDeque::clear);
                load::load(&*self.backend, None).await.map(|(loaded, _)| {
                    self.catalogue.write().reload(loaded);
                })
            }
        };
        if let Err(error) = followed {
            warn!(%error, "a commit of another server could not be read; the store is read again at the next conflict");
        }
    }

    async fn carry_out(&mut self, batch: Vec<Box<dyn Queued>>) {
        // A stack, so that a group that is split or repeated comes before those behind it.
        let mut groups = vec![batch];
        while let Some(mut group) = groups.pop() {
            if let Some(failure) = self.out_of_order() {
                answer(group, Some(&failure));
                continue;
            }
            let mut transaction = self.transaction();
            if let Some((at, error)) = apply(&mut group, &mut transaction).await {
                // It may have staged a part, so the others begin with a new transaction.
                group.remove(at).answer(Some(error));
                groups.extend((!group.is_empty()).then_some(group));
                continue;
            }
            match self.commit(transaction, group.len() > 1).await {
                Ok(()) => answer(group, None),
                Err(Failure::Unanswered(unanswered)) => self.wait_for(*unanswered, group).await,
                // Other commands may fare better by themselves.
                Err(Failure::Error(CommitError::Rejected(_))) if group.len() > 1 => {
                    let second = group.split_off(group.len() / 2);
                    groups.extend([second, group]);
                }
                // Each conflict is a commit of another writer, so this does not repeat for ever.
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
        if *self.deposed.borrow() {
            return Some(StoreError::Deposed);
        }
        let unanswered = self.unanswered.as_ref()?;
        Some(StoreError::Unwritable(unanswered.reason.clone()))
    }

    /// The error for callers.
    fn failure(&mut self, error: CommitError) -> StoreError {
        match error {
            CommitError::Deposed => {
                // Logged once, although every write fails from now on.
                if !self.deposed.send_replace(true) {
                    warn!("another server has taken over the store: nothing is written any more");
                }
                StoreError::Deposed
            }
            error => StoreError::Unwritable(error.to_string()),
        }
    }

    /// Reads again what another writer has changed.
    async fn refresh(&self, key: &Key) -> Result<(), StoreError> {
        info!(?key, "the store was changed by another writer: read again");
        reload_conflicting_keys::refresh(&self.catalogue, &*self.backend, key).await
    }

    /// Deletes the oldest records of some allocations that have too many.
    async fn prune(&mut self) {
        if self.out_of_order().is_some() {
            // The next record of an allocation brings its name back.
            self.overfull.clear();
            return;
        }
        let names = take_some(&mut self.overfull);
        if !names.is_empty() {
            self.maintain(Prune(names)).await;
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

/// The next commit; never where none can come.
async fn next(committed: &mut Option<BoxStream<'static, Committed>>) -> Committed {
    if let Some(committed) = committed
        && let Some(committed) = committed.next().await
    {
        return committed;
    }
    pending().await
}

/// Why a transaction was not committed, or may not have been.
enum Failure {
    Unanswered(Box<Unanswered>),
    Error(CommitError),
    Refused(StoreError),
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
