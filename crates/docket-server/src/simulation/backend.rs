//! The backend as a simulated server reaches it. What was committed outlives the server.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::{FutureExt as _, stream::BoxStream};

use super::{
    event::{Event, Written},
    machine::{Fate, Machine, Request},
};
use crate::store::backend::{
    Backend, BackendInfo, Batch, Bounds, CommitError, Key, Loaded, ReadError, Record, Revision,
    Scan, ScannedRun, Term,
};

/// The memory backend behind an unreliable connection. To its store it is durable.
#[derive(Debug)]
pub(super) struct SimulatedBackend {
    pub(super) machine: Arc<Machine>,
    /// True where it was made for this server.
    pub(super) is_new: bool,
}

fn commit(machine: &Machine, batch: &Arc<Batch>, term: Term) -> Result<Revision, CommitError> {
    // Memory never lets wait.
    // No await: a late commit is delivered where no runtime runs.
    let committed = machine.backend.commit(Arc::clone(batch), term).now_or_never();
    let revision = committed.unwrap_or_else(|| Err(unanswered()))?;
    let writes = batch.writes.iter().map(Written::of).collect();
    // Here, where the commit takes effect, and not where its answer arrives.
    machine.record(Event::Committed { term, newest: machine.backend.term(), writes });
    Ok(revision)
}

fn unanswered() -> CommitError {
    CommitError::Unanswered("no answer".to_owned())
}

impl SimulatedBackend {
    async fn read_with<T>(
        &self,
        work: impl Future<Output = Result<T, ReadError>>,
    ) -> Result<T, ReadError> {
        let machine = &self.machine;
        machine.travel().await;
        match machine.fate("read", machine.weather().store_faults) {
            Fate::Answered => {
                let read = work.await;
                machine.travel().await;
                read
            }
            fate => Err(ReadError(format!("{fate:?}"))),
        }
    }
}

#[async_trait]
impl Backend for SimulatedBackend {
    fn bounds(&self) -> Bounds {
        Bounds::NONE
    }

    fn info(&self) -> BackendInfo {
        let is_new = self.is_new;
        BackendInfo { kind: "simulated".to_owned(), is_volatile: false, is_new }
    }

    async fn begin_term(&self) -> Result<Term, CommitError> {
        self.machine.backend.begin_term().await
    }

    fn load(&self) -> BoxStream<'_, Result<Vec<Loaded>, ReadError>> {
        self.machine.backend.load()
    }

    async fn commit(&self, batch: Arc<Batch>, term: Term) -> Result<Revision, CommitError> {
        let machine = &self.machine;
        if machine.weather().is_store_unwritable {
            return Err(CommitError::Unwritable("no space left".to_owned()));
        }
        // The late commit keeps its term: after another one has begun it must be refused.
        let late = Arc::clone(&batch);
        let request = Request::new(machine, move |machine| drop(commit(machine, &late, term)));
        machine.travel().await;
        let fate = machine.fate("commit", machine.weather().store_faults);
        match fate {
            Fate::Answered => {
                request.arrives();
                let committed = commit(machine, &batch, term);
                machine.travel().await;
                committed
            }
            Fate::AnswerLost => {
                request.arrives();
                match commit(machine, &batch, term) {
                    // A commit that was refused is answered: the fault concerns those that took
                    // effect.
                    Ok(_) => Err(unanswered()),
                    Err(error) => Err(error),
                }
            }
            Fate::Late(after) => {
                request.arrives_after(after);
                machine.travel().await;
                Err(unanswered())
            }
            Fate::Lost => {
                request.arrives();
                machine.travel().await;
                Err(unanswered())
            }
            Fate::Refused => {
                request.arrives();
                Err(CommitError::Unwritable("refused".to_owned()))
            }
        }
    }

    async fn read(&self, keys: Vec<Key>) -> Result<Vec<Option<(Revision, Record)>>, ReadError> {
        self.read_with(self.machine.backend.read(keys)).await
    }

    async fn scan(&self, scans: Vec<Scan>) -> Result<Vec<Vec<ScannedRun>>, ReadError> {
        self.read_with(self.machine.backend.scan(scans)).await
    }
}
