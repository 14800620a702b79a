//! What was under way before the server started: each run goes on from its record, see [`Stage`].

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use docket_model::{
    Run,
    journal::{Cause, Event, Pause},
    run::{AttemptKey, Reason, RunState},
};
use tracing::{info, warn};

use super::{
    Runner, Stopped,
    allocation_queue::{RunHandle, run_span},
    resume_point::{Stage, StartFrom, stage},
    run_context::RunTask,
};
use crate::store::{EntryFilter, MOST_ENTRIES, StoreError, UnderWay};

impl Runner {
    /// Takes up all runs that the store knows to be under way. They go on once things may start.
    pub(crate) async fn take_up(self: &Arc<Self>) -> Result<(), StoreError> {
        let under_way = self.store.under_way().await?;
        // The whole journal is read for this, so only if a run needs it.
        let absences = if under_way.is_empty() { Vec::new() } else { self.absences() };
        for run in under_way {
            if run.run.state != RunState::Waiting {
                let recorded_state = run.run.state.word().to_string();
                run_span(&run.run.id).in_scope(|| {
                    info!(
                        recorded_state,
                        "run was not over when docket last ran: continuing it once the engine answers"
                    );
                });
            }
            self.resume(run, &absences);
        }
        Ok(())
    }

    /// Takes up a run that is under way, in a task of its own unless it waits for another one.
    pub(super) fn resume(
        self: &Arc<Self>,
        UnderWay { run, allocation }: UnderWay,
        absences: &[Pause],
    ) {
        let queue = self.queues.of(allocation.uid);
        let attempt = run.attempt().map_or(AttemptKey::FIRST, |attempt| attempt.key);
        let (trigger, end) = (run.trigger.clone(), run.cancellation.as_deref().cloned());
        let engine = self.engines.of_attempt(run.attempt());
        // A handle has an engine in any case. It gets no request about a run whose engine is
        // unknown.
        let known = *engine.as_ref().unwrap_or(&self.engines.default_engine());
        let handle = RunHandle::new(run.id.clone(), allocation, trigger, known, attempt, end);
        if let Err(reason) = engine {
            // Nothing is decided beside it before its end is on record.
            queue.add(Arc::clone(&handle));
            handle.may_be_too_late();
            return self.spawn_loss(run, reason);
        }
        if run.state == RunState::Waiting {
            return queue.add_waiting(handle);
        }
        queue.add(Arc::clone(&handle));
        match stage(&run) {
            Stage::Attempt(StartFrom::Created { container, .. }) => handle.has_container(container),
            Stage::Attempt(_) => handle.may_be_too_late(),
            // No container of it can run, so there is nothing to confirm.
            Stage::TurnCame | Stage::Between(_) => {}
        }
        let waited = waited(absences, run.decided_at, self.store.now());
        self.spawn_after_standby(RunTask { waited, ..RunTask::new(Arc::clone(self), handle) });
    }

    /// Records that a run is lost whose engine is not configured any more.
    fn spawn_loss(self: &Arc<Self>, run: Arc<Run>, reason: Reason) {
        let runner = Arc::clone(self);
        self.term.spawn(async move {
            let lost = async {
                runner.standby.has_begun().await;
                run_span(&run.id).in_scope(|| warn!(reason = %reason, "run lost"));
                runner.end_unknown(&run, RunState::Lost(reason)).await
            };
            let _: Result<_, Stopped> = runner.term.unless_ended(lost).await;
        });
    }

    /// The times without a server, as far as they are known.
    fn absences(&self) -> Vec<Pause> {
        let all = EntryFilter { limit: MOST_ENTRIES, ..EntryFilter::default() };
        let noted = self.store.entries(&all).into_iter().filter_map(|entry| match entry.event {
            Event::Paused(pause) => Some(pause),
            _ => None,
        });
        // The last one may not have come to the journal yet.
        let mut pauses: Vec<_> = noted.chain(self.store.outages().all()).collect();
        pauses.retain(|pause| pause.cause == Cause::NotRunning);
        pauses.sort_unstable_by_key(|pause| pause.from);
        pauses.dedup();
        pauses
    }
}

/// How much of the time since a decision a server was there; none where it is not known to have been
/// away.
fn waited(absences: &[Pause], decided_at: DateTime<Utc>, now: DateTime<Utc>) -> TimeDelta {
    let since: Vec<_> = absences.iter().filter(|pause| pause.to >= decided_at).collect();
    if since.is_empty() {
        return TimeDelta::zero();
    }
    let away = since.iter().map(|pause| pause.to - pause.from.max(decided_at)).sum();
    (now - decided_at - away).max(TimeDelta::zero())
}
