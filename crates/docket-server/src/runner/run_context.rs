//! What the attempts of a run need: the runner, the run, and its record.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use docket_model::{
    measured_duration::exact,
    run::{AttemptKey, Trigger},
};

use super::{Runner, Stopped, allocation_queue::RunHandle, engine_call_retry::EngineAccess};
use crate::{
    policy,
    store::{Progress, StoreError},
};

/// A run on its way.
#[derive(Debug)]
pub(super) struct RunTask {
    pub(super) runner: Arc<Runner>,
    pub(super) handle: Arc<RunHandle>,
    /// The engine that it runs on.
    pub(super) engine: Arc<EngineAccess>,
    /// The number of the attempt, from 1.
    pub(super) attempt: AttemptKey,
    /// How long it had waited its turn while a server was there: that is no lateness.
    pub(super) waited: TimeDelta,
    /// True of a run of an earlier life of the server.
    pub(super) is_resumed: bool,
}

impl RunTask {
    /// A run that sets out now.
    pub(super) fn new(runner: Arc<Runner>, handle: Arc<RunHandle>) -> Self {
        let attempt = handle.attempt;
        let engine = Arc::clone(&handle.engine);
        Self { runner, handle, engine, attempt, waited: TimeDelta::zero(), is_resumed: false }
    }

    /// How late its first container starts, for the log; nothing if that is less than a second.
    pub(super) fn lateness(&self) -> Option<String> {
        let RunHandle { id, allocation, trigger, .. } = &*self.handle;
        // No other run has a time from which its lateness could count.
        let is_due = matches!(trigger, Trigger::Schedule | Trigger::CatchUp);
        if !is_due || self.attempt != AttemptKey::FIRST {
            return None;
        }
        let due = policy::starts_at(allocation, id.instant.moment(), self.runner.zone);
        let late = self.runner.store.now() - due;
        (late >= TimeDelta::seconds(1)).then(|| exact(late))
    }

    /// Adds to the record. An error means that there is none any more: the allocation is gone.
    pub(super) async fn note(&self, progress: Progress) -> Result<Result<(), StoreError>, Stopped> {
        self.note_at(progress, self.runner.store.now()).await
    }

    /// The same about another moment.
    pub(super) async fn note_at(
        &self,
        progress: Progress,
        at: DateTime<Utc>,
    ) -> Result<Result<(), StoreError>, Stopped> {
        let (runner, id, uid) = (&self.runner, &self.handle.id, self.handle.allocation.uid);
        let noted = runner.durably(|| runner.store.note(id, uid, progress.clone(), at)).await;
        runner.queues.note_progress();
        noted
    }
}
