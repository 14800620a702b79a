//! What the attempts at a part of a run need: the context of all attempts, the run, and its record.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use docket_model::{measured_duration::exact, run::AttemptKey};

use super::{
    Runner, Stopped,
    container_planner::Planner,
    deadlines::Deadlines,
    runs_of_term::RunRecords,
    runs_under_way::{PartHandle, RunHandle},
    standby::Standby,
};
use crate::{
    outputs::Outputs,
    store::{PartProgress, Progress, StoreError},
};

/// What attempts work with, beside the engine of their part.
#[derive(Debug)]
pub(crate) struct AttemptContext {
    pub(crate) records: RunRecords,
    pub(crate) standby: Standby,
    pub(crate) planner: Planner,
    pub(crate) outputs: Arc<Outputs>,
    pub(crate) deadlines: Deadlines,
}

/// A part of a run on its way; a run with one container has one.
#[derive(Debug)]
pub(super) struct RunPart {
    pub(super) context: Arc<AttemptContext>,
    pub(super) handle: Arc<RunHandle>,
    pub(super) part: Arc<PartHandle>,
    /// The part, and the number of the attempt at it.
    pub(super) attempt: AttemptKey,
    /// How long it had waited its turn while a server was there: that is no lateness.
    pub(super) waited: TimeDelta,
}

/// Carries a part of a run out, and then makes room for the next run.
#[derive(Debug)]
pub(super) struct RunTask {
    pub(super) runner: Arc<Runner>,
    pub(super) run: RunPart,
    /// True of a run of an earlier life of the server.
    pub(super) is_resumed: bool,
}

impl RunTask {
    /// A part that sets out now.
    pub(super) fn new(runner: Arc<Runner>, handle: Arc<RunHandle>, part: Arc<PartHandle>) -> Self {
        let context = Arc::clone(&runner.context);
        let (attempt, waited) = (part.attempt, TimeDelta::zero());
        let run = RunPart { context, handle, part, attempt, waited };
        Self { runner, run, is_resumed: false }
    }

    /// The same part, which had waited its turn.
    pub(super) fn with_waited(mut self, waited: TimeDelta) -> Self {
        self.run.waited = waited;
        self
    }
}

impl RunPart {
    /// How late its first container starts, for the log; nothing if that is less than a second.
    pub(super) fn lateness(&self) -> Option<String> {
        if self.attempt.number != AttemptKey::FIRST.number {
            return None;
        }
        let late = self.context.deadlines.lateness(&self.handle)?;
        (late >= TimeDelta::seconds(1)).then(|| exact(late))
    }

    /// Adds to the record. An error means that there is none any more: the allocation is gone.
    pub(super) async fn note(&self, progress: Progress) -> Result<Result<(), StoreError>, Stopped> {
        self.note_at(progress, self.context.records.now()).await
    }

    /// The same about another moment.
    pub(super) async fn note_at(
        &self,
        progress: Progress,
        at: DateTime<Utc>,
    ) -> Result<Result<(), StoreError>, Stopped> {
        let noted = PartProgress { part: self.attempt.part, progress };
        let RunHandle { id, allocation, .. } = &*self.handle;
        self.context.records.note(id, allocation.uid, &noted, at).await
    }
}
