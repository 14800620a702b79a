//! How a term begins: after the first look at the engines, what was under way before goes on from its record, see
//! [`Stage`].

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use docket_model::{
    Run,
    allocation::Overlap,
    journal::{Cause, Event, Pause},
    run::{AttemptKey, RunState},
};
use tracing::info;

use super::{
    Runner, StandbyState,
    first_look_at_engine::FirstLook,
    run_context::RunTask,
    run_stage::{Stage, StartFrom, stage},
    runs_under_way::{PartHandle, RunHandle, run_span},
};
use crate::store::{EntryFilter, MOST_ENTRIES, StoreError, UnderWay};

impl Runner {
    /// Looks at what is on the engines, settles what the store does not know, and then lets things
    /// start.
    ///
    /// `absence` is the time without a server before, unless the store turns out to be an older copy.
    pub(crate) async fn begin(self: Arc<Self>, absence: Option<Pause>) {
        let look = FirstLook {
            records: self.records.clone(),
            engines: Arc::clone(&self.engines),
            context: Arc::clone(&self.context),
        };
        if self.context.standby.state() == StandbyState::Beginning {
            if look.settle_doubts(&|run| self.resume(run, &[])).await.is_err() {
                return;
            }
            match absence {
                Some(absence) if self.context.standby.doubt().is_none() => {
                    self.records.store.note_pause(absence);
                }
                // Servers that the copy does not know may have run in this time.
                Some(absence) => self.records.store.outages().forget(&absence),
                None => {}
            }
            // Before new instants are decided, because the runs that wait are older.
            self.start_waiting_runs().await;
            self.context.standby.end();
        } else {
            self.start_waiting_runs().await;
        }
        look.meet_engines().await;
    }

    /// Lets runs set out that waited for another one in an earlier life.
    async fn start_waiting_runs(self: &Arc<Self>) {
        let waiting = self.records.queues.handles().into_iter().filter(|handle| {
            let queue = self.records.queues.of(handle.allocation.uid);
            queue.all_waiting().iter().any(|waiting| waiting.id == handle.id)
        });
        for uid in waiting.map(|handle| handle.allocation.uid) {
            let queue = self.records.queues.lock(uid).await;
            let newest = queue.waiting();
            let overlap = newest.map(|run| run.allocation.specification.policies.overlap);
            if overlap == Some(Overlap::Replace) {
                self.records.replace(&queue).await;
            }
            self.start_next_waiting(&queue);
        }
    }

    /// Takes up all runs that the store knows to be under way. They go on once things may start.
    pub(crate) async fn take_up(self: &Arc<Self>) -> Result<(), StoreError> {
        let under_way = self.records.store.under_way().await?;
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
        let queue = self.records.queues.of(allocation.uid);
        let (trigger, end) = (run.trigger.clone(), run.cancellation.as_deref().cloned());
        let parts = run.parts().map(|part| self.part_of(&run, part));
        let handle = RunHandle::new(run.id.clone(), allocation, trigger, parts, end);
        if let Some(timeout) = &handle.shared_timeout {
            timeout.note_recorded(&run, self.records.now());
        }
        for part in &handle.parts {
            let state = run.part_state(part.attempt.part);
            if state.is_over() {
                // Not the last one, or the run would be over.
                let _: Option<bool> = handle.part_ended(part, state);
            }
        }
        let open = handle.open_parts();
        // Where no engine of it is configured any more, it is lost at once, and does not wait for its turn.
        let has_engine = open.iter().any(|part| part.missing_engine.is_none());
        if run.state == RunState::Waiting && has_engine {
            return queue.add_waiting(handle);
        }
        queue.add(Arc::clone(&handle));
        let waited = waited(absences, run.decided_at, self.records.now());
        for part in open {
            match stage(&run, part.attempt.part) {
                // Nothing is decided beside it before its end is on record.
                _ if part.missing_engine.is_some() => part.may_be_too_late(),
                Stage::Attempt(StartFrom::Created { container, .. }) => {
                    part.has_container(container);
                }
                Stage::Attempt(_) => part.may_be_too_late(),
                // No container of it can run, so there is nothing to confirm.
                Stage::TurnCame | Stage::Between(_) => {}
            }
            let task = RunTask::new(Arc::clone(self), Arc::clone(&handle), part);
            self.spawn_after_standby(task.with_waited(waited));
        }
    }

    /// A part of a run by its record. It has an engine in any case, and none gets a request about a part
    /// whose own is not configured any more.
    fn part_of(&self, run: &Run, part: u32) -> PartHandle {
        let newest = run.newest_of_part(part);
        let attempt = newest.map_or(AttemptKey::first_of(part), |attempt| attempt.key);
        match self.engines.of_attempt(newest) {
            Ok(engine) => {
                let node = newest.and_then(|attempt| attempt.node.clone());
                PartHandle::new(engine, attempt).on_node(node)
            }
            Err(reason) => {
                PartHandle::new(self.engines.default_engine(), attempt).without_engine(reason)
            }
        }
    }

    /// The times without a server, as far as they are known.
    fn absences(&self) -> Vec<Pause> {
        let all = EntryFilter { limit: MOST_ENTRIES, ..EntryFilter::default() };
        let noted =
            self.records.store.entries(&all).into_iter().filter_map(|entry| match entry.event {
                Event::Paused(pause) => Some(pause),
                _ => None,
            });
        // The last one may not have come to the journal yet.
        let mut pauses: Vec<_> = noted.chain(self.records.store.outages().all()).collect();
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
