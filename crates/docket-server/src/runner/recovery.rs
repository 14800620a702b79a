//! What was under way before the server started: each run goes on from its record, see [`Stage`].

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use docket_model::{
    Run,
    allocation::Overlap,
    journal::{Cause, Event, Pause},
    run::{Attempt, RunState},
};
use tracing::info;

use super::{
    Runner,
    attempt::Setting,
    journey::{Journey, Stage},
    line::Handle,
};
use crate::store::{EntryFilter, MOST_ENTRIES, StoreError, UnderWay};

impl Runner {
    /// Takes up all runs that the store knows to be under way; before anything else starts.
    pub(crate) async fn take_up(self: &Arc<Self>) -> Result<(), StoreError> {
        let mut journeys = Vec::new();
        let mut with_waiting = Vec::new();
        let under_way = self.store.under_way().await?;
        let absences = if under_way.is_empty() { Vec::new() } else { self.absences().await? };
        for UnderWay { run, allocation } in under_way {
            let uid = allocation.uid;
            let line = self.lines.of(uid);
            let attempt = run.attempt().map_or(1, |attempt| attempt.number);
            let (trigger, end) = (run.trigger.clone(), run.cancellation.as_deref().cloned());
            let handle = Handle::new(run.id.clone(), allocation, trigger, attempt, end);
            if run.state == RunState::Waiting {
                line.join_waiting(handle);
                with_waiting.push(uid);
            } else {
                line.join(Arc::clone(&handle));
                if let Stage::Attempt(Setting::Made { container, .. }) = &stage(&run) {
                    handle.has_container(container.clone());
                }
                let waited = waited(&absences, run.decided_at, self.clock.now());
                let journey = Journey { waited, ..Journey::new(Arc::clone(self), handle) };
                journeys.push((journey, stage(&run)));
            }
        }
        if !journeys.is_empty() {
            info!("{} runs are under way: they are followed to their ends", journeys.len());
        }
        for (journey, stage) in journeys {
            self.set_out(journey, stage);
        }
        for uid in with_waiting {
            let line = self.lines.turn(uid).await;
            let newest = line.waiting();
            let overlap = newest.map(|run| run.allocation.specification.policies.overlap);
            if overlap == Some(Overlap::Replace) {
                self.replace(&line).await;
            }
            self.call_next(&line);
        }
        Ok(())
    }

    /// The times without a server, as far as they are known.
    async fn absences(&self) -> Result<Vec<Pause>, StoreError> {
        let all = EntryFilter { limit: MOST_ENTRIES, ..EntryFilter::default() };
        let noted =
            self.store.entries(&all).await?.into_iter().filter_map(|entry| match entry.event {
                Event::Paused(pause) => Some(pause),
                _ => None,
            });
        // The last one may not have come to the journal yet.
        let mut pauses: Vec<_> = noted.chain(self.pauses.all()).collect();
        pauses.retain(|pause| pause.cause == Cause::NotRunning);
        pauses.sort_unstable_by_key(|pause| pause.from);
        pauses.dedup();
        Ok(pauses)
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

/// Where a run goes on from.
fn stage(run: &Run) -> Stage {
    if let RunState::BetweenAttempts { until, .. } = run.state {
        return Stage::Between(until);
    }
    let attempt = run.attempt();
    let container = attempt.and_then(|attempt| attempt.container.clone());
    Stage::Attempt(container.map_or(Setting::ClaimedBefore, |container| Setting::Made {
        container,
        engine: attempt.and_then(|attempt| attempt.engine.clone()),
        created_at: attempt.and_then(Attempt::created_at),
        started_at: attempt.and_then(|attempt| attempt.started_at),
    }))
}
