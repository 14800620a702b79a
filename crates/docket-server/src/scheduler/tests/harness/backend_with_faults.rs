//! The backend as one server sees it: it cannot be written now and then, and knows no dead server.

use std::sync::Arc;

use async_trait::async_trait;
use docket_model::{
    Run,
    run::{RunState, Step},
};
use parking_lot::Mutex;

use super::fault_injection::{Fault, Wire};
use crate::store::{
    MemoryBackend,
    backend::{
        Backend, Batch, CommitError, Key, ReadError, Record, Revision, Scan, ScannedRun, Term,
        Write,
    },
    hooked_backend::Hooks,
};

/// The memory backend behind a server's wire.
#[derive(Debug)]
pub(in crate::scheduler::tests) struct WiredBackend {
    pub(super) backend: Arc<MemoryBackend>,
    pub(super) wire: Arc<Wire>,
    /// Why it cannot be written, while that is so.
    pub(super) trouble: Arc<Mutex<Option<String>>>,
}

#[async_trait]
impl Hooks for WiredBackend {
    fn backend(&self) -> &dyn Backend {
        &*self.backend
    }

    async fn commits(&self, batch: Arc<Batch>, term: Term) -> Result<Revision, CommitError> {
        if let Some(trouble) = self.trouble.lock().clone() {
            return Err(CommitError::Unwritable(trouble));
        }
        let calls = self.calls(&batch).await;
        let committed = self.wire.carry(&calls, self.backend.commit(batch, term)).await;
        committed.unwrap_or_else(|fault| {
            Err(match fault {
                Fault::LosesAnswer => CommitError::Unanswered(format!("{fault:?}")),
                fault => CommitError::Unwritable(format!("{fault:?}")),
            })
        })
    }

    async fn reads(&self, keys: Vec<Key>) -> Result<Vec<Option<(Revision, Record)>>, ReadError> {
        let read = self.wire.carry(&["read"], self.backend.read(keys)).await;
        read.unwrap_or_else(|fault| Err(ReadError(format!("{fault:?}"))))
    }

    async fn scans(&self, scans: Vec<Scan>) -> Result<Vec<Vec<ScannedRun>>, ReadError> {
        let read = self.wire.carry(&["read"], self.backend.scan(scans)).await;
        read.unwrap_or_else(|fault| Err(ReadError(format!("{fault:?}"))))
    }
}

impl WiredBackend {
    /// What a batch does to runs and allocations, by the names under which tests plan faults.
    async fn calls(&self, batch: &Batch) -> Vec<&'static str> {
        let mut calls = Vec::new();
        for write in &batch.writes {
            match write {
                Write::Put(Key::Specification(_), _) => calls.push("push"),
                Write::Put(key @ Key::Run(..), Record::Run(run)) => {
                    let before = self.backend.read(vec![key.clone()]).await;
                    let before = before.ok().and_then(|read| read.into_iter().next().flatten());
                    match before {
                        Some((_, Record::Run(before))) => calls.extend(changes(&before, run)),
                        _ => calls.push(claim(run)),
                    }
                }
                _ => {}
            }
        }
        calls
    }
}

fn claim(run: &Run) -> &'static str {
    if run.trigger.manual_request().is_some() { "claim_manual" } else { "claim" }
}

/// What happened to a run: often more than one thing is written at once.
fn changes(before: &Run, run: &Run) -> Vec<&'static str> {
    if before.attempts.is_empty() || run.attempts.is_empty() {
        return vec![claim(run)];
    }
    let mut changes = Vec::new();
    for (place, is) in run.attempts.iter().enumerate() {
        let was = before.attempts.get(place);
        changes.extend(was.is_none().then_some("next-attempt"));
        let steps = is.steps.iter().skip(was.map_or(0, |was| was.steps.len()));
        changes.extend(steps.filter_map(|(_, step)| match step {
            Step::Pulled { .. } | Step::NotPulled { .. } => Some("pulled"),
            Step::Created => Some("created"),
            Step::Started => Some("started"),
            _ => None,
        }));
        let had_container = was.is_some_and(|was| was.container.is_some());
        changes.extend((had_container && is.container.is_none()).then_some("never-ran"));
    }
    changes.extend((run.cancellation != before.cancellation).then_some("cancelling"));
    for part in run.parts() {
        let (was, is) = (before.part_state(part), run.part_state(part));
        let is_ended = is.is_over() || matches!(is, RunState::Retrying { .. });
        let has_turn = *was == RunState::Waiting && *is == RunState::Starting;
        changes.extend(has_turn.then_some("turn-came"));
        changes.extend(matches!(is, RunState::Stuck(_)).then_some("will-not-die"));
        // Other parts that are over have ended before, and a run that was lost may be found again.
        let is_new = run.part_states.is_empty() || was != is;
        changes.extend((is_ended && is_new).then_some("finish"));
    }
    if changes.is_empty() {
        changes.push("replacing");
    }
    changes
}
