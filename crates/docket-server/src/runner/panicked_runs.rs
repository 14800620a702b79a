//! Runs and decisions whose tasks panic: a run is continued from its record, and a decision made again,
//! a limited number of times.

use std::{any::Any, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use docket_model::run::{Reason, RunState};
use futures_util::FutureExt;
use tracing::error;
use uuid::Uuid;

use super::{
    Runner, Stopped, attempt_outcomes::AttemptEnd, run_context::RunTask, run_stage::Stage,
};
use crate::{background::panic_message, backoff::Backoff};

/// How often a run is continued, or a decision made again, after a panic of its task.
// A panic from a race may not come again; one from the data comes each time.
const MOST_CONTINUATIONS: u32 = 3;
/// The first pause and the longest before that.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

impl Runner {
    /// Decides about an allocation. A panic is logged, and the decision made again; after too many the
    /// message of the last one is returned.
    pub(super) async fn after_panics<T, F: Future<Output = Result<T, Stopped>>>(
        self: &Arc<Self>,
        uid: Uuid,
        decide: impl Fn() -> F,
    ) -> Result<Result<T, String>, Stopped> {
        let mut backoff = Backoff::new(PAUSES.0, PAUSES.1);
        let mut panics = 0;
        loop {
            let panic = match AssertUnwindSafe(decide()).catch_unwind().await {
                Ok(decided) => return decided.map(Ok),
                Err(panic) => panic,
            };
            let message = panic_message(&*panic);
            panics += 1;
            // Also before the last decision is given up: a run that it claimed must get its task.
            self.resume_claimed(uid).await?;
            if panics > MOST_CONTINUATIONS {
                error!(
                    panic = message,
                    panics, "decision panicked again; recording what is due as missed"
                );
                return Ok(Err(message.to_owned()));
            }
            error!(panic = message, panics, "decision panicked; deciding again");
            self.records.term.unless_ended(backoff.wait()).await?;
        }
    }

    /// Resumes the runs of an allocation that are under way on record only: a decision claimed them and
    /// panicked.
    async fn resume_claimed(self: &Arc<Self>, uid: Uuid) -> Result<(), Stopped> {
        let queue = self.records.queues.lock(uid).await;
        // Another error than one that is repeated says that the store is being closed.
        let under_way =
            self.records.durably(|| self.records.store.under_way()).await?.unwrap_or_default();
        for claimed in under_way {
            if claimed.allocation.uid == uid
                && !self.records.queues.has(uid, claimed.run.id.instant)
            {
                self.resume(claimed, &[]);
            }
        }
        self.start_next_waiting(&queue);
        Ok(())
    }
}

impl RunTask {
    /// Carries the run out from a stage, or from its record. A panic is logged, and the run continued from
    /// its record; after too many it has failed.
    pub(super) async fn carry_out(self, stage: Option<Stage>) {
        let (runner, handle) = (Arc::clone(&self.runner), Arc::clone(&self.run.handle));
        let (part, term) = (Arc::clone(&self.run.part), runner.records.term.clone());
        let waited = self.run.waited;
        let mut backoff = Backoff::new(PAUSES.0, PAUSES.1);
        let mut next = (self, stage);
        for panics in 1.. {
            let (task, stage) = next;
            // What the panic left half done in memory is dropped: a new task continues from the
            // record.
            let Err(panic) = AssertUnwindSafe(task.run_from(stage)).catch_unwind().await else {
                return;
            };
            let message = panic_message(&*panic);
            let (runner, handle) = (Arc::clone(&runner), Arc::clone(&handle));
            let task = RunTask::new(runner, handle, Arc::clone(&part)).with_waited(waited);
            if panics > MOST_CONTINUATIONS {
                error!(
                    panic = message,
                    panics, "run task panicked again; recording the run as failed"
                );
                return task.fail(message).await;
            }
            error!(
                panic = message,
                panics, "run task panicked; continuing the run from its record"
            );
            if term.unless_ended(backoff.wait()).await.is_err() {
                return;
            }
            next = (task, None);
        }
    }

    async fn run_from(self, stage: Option<Stage>) {
        match stage {
            Some(stage) => self.run(stage).await,
            None => self.run_from_record().await,
        }
    }

    /// Records the run as failed. Its container, if there is one, is removed when it exits.
    async fn fail(self, message: &str) {
        let state = RunState::Failed(Reason::InternalError { message: message.into() });
        let finishing = self.finish(AttemptEnd::without_container(state.clone()));
        match AssertUnwindSafe(finishing).catch_unwind().await {
            Ok(Ok(_)) => {}
            Ok(Err(Stopped)) => return,
            Err(panic) => {
                let message = panic_message(&*panic as &(dyn Any + Send));
                error!(
                    panic = message,
                    "recording the end of a run panicked; its record stays as it is"
                );
            }
        }
        // This task does not know whether there is a container, so the cleanup of orphans looks for
        // it.
        self.run.part.engine.suspect_orphan();
        self.part_ended(&state).await;
    }
}
