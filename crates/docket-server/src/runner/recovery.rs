//! What was under way before the server started, and containers that were left behind.
//!
//! 1. A run that is not over goes on from its record: see [`Stage`].
//! 2. A container of ours without such a run is followed to its end, recorded where there is
//!    something to add, and removed. Others' containers are not even looked at.

use std::{sync::Arc, time::Duration};

use docket_model::{
    Run,
    run::{ContainerId, RunState},
};
use tokio::time::sleep;
use tracing::{info, warn};

use super::{
    EngineState, Runner, Stopped,
    journey::{Journey, Stage},
    line::Handle,
    watch::judge,
};
use crate::{
    engine::{Captured, EngineError, Found, Sight},
    store::{End, StoreError, UnderWay},
};

/// After which time leftovers are looked for again, and the longest such time: it doubles while
/// there is a reason each time.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(600));

impl Runner {
    /// Takes up all runs that the store knows to be under way; before anything else starts.
    pub(crate) async fn take_up(self: &Arc<Self>) -> Result<(), StoreError> {
        let mut journeys = Vec::new();
        let mut lines = Vec::new();
        for UnderWay { run, allocation } in self.store.under_way().await? {
            let uid = allocation.uid;
            let cancellation = run.cancellation.as_deref().cloned();
            let handle = Handle::new(run.id.clone(), allocation, run.trigger.clone(), cancellation);
            let line = self.lines.of(uid);
            if run.state == RunState::Waiting {
                line.join_waiting(handle);
                lines.push(line);
            } else {
                line.join(Arc::clone(&handle));
                let attempt = run.attempt().map_or(1, |attempt| attempt.number);
                let journey = Journey { runner: Arc::clone(self), handle, attempt };
                journeys.push((journey, stage(&run)));
            }
        }
        if !journeys.is_empty() {
            info!("{} runs are under way: they are followed to their ends", journeys.len());
        }
        for (journey, stage) in journeys {
            self.set_out(journey, stage);
        }
        for line in lines {
            let turn = line.turn().await;
            self.call_next(&line);
            drop(turn);
        }
        Ok(())
    }

    /// Looks for leftovers whenever the engine has come up, and a while after a container may have
    /// been left, until the server stops.
    pub(crate) async fn clean_up(self: Arc<Self>) {
        let mut engine = self.health.watch();
        let (first, longest) = LOOK_AGAIN;
        let mut pause = first;
        let cleaning = async {
            loop {
                let up = |state: &EngineState| matches!(state, EngineState::Up(_));
                if engine.wait_for(up).await.is_err() {
                    return;
                }
                if let Err(error) = self.look_for_leftovers().await {
                    warn!(%error, "containers that were left behind could not be looked for");
                    self.leftovers.notify_one();
                }
                let away = |state: &EngineState| !matches!(state, EngineState::Up(_));
                let went_away = async { engine.wait_for(away).await.is_ok() };
                tokio::select! {
                    true = went_away => pause = first,
                    () = self.leftovers.notified() => {
                        sleep(pause).await;
                        pause = (pause * 2).min(longest);
                    }
                    () = sleep(2 * longest) => pause = first,
                }
            }
        };
        let _: Result<(), Stopped> = self.unless_stopped(cleaning).await;
    }

    async fn look_for_leftovers(self: &Arc<Self>) -> Result<(), EngineError> {
        for found in self.engine.ours(&self.namespace, self.store.id()).await? {
            let runner = Arc::clone(self);
            let name = found.identity.allocation.clone();
            let run = match self.store.run(name.as_str(), found.identity.instant).await {
                Ok(run) => run.filter(|run| run.uid == found.identity.uid),
                Err(error) => {
                    warn!(allocation = %name, %error, "a container that may be left behind stays");
                    continue;
                }
            };
            self.tasks.spawn(async move { runner.clear(found, run).await });
        }
        Ok(())
    }

    /// Does what is left to do about one container of ours.
    async fn clear(self: Arc<Self>, found: Found, run: Option<Arc<Run>>) {
        let Found { id, identity, .. } = found;
        let Some(run) = run else {
            let has_task = self.lines.find(identity.uid, identity.instant).is_some();
            if !has_task {
                info!(container = %id, "left behind by a run without a record: it is seen out");
                self.see_out(&id).await;
            }
            return;
        };
        let is_newest = run.attempt().is_some_and(|newest| newest.number == identity.attempt);
        match &run.state {
            state if !state.is_over() && is_newest => {}
            RunState::Lost(_) if is_newest => self.find_again(&run, &id).await,
            state => {
                let failed = *state != RunState::Succeeded;
                let allocation = self.store.standing(identity.allocation.as_str()).await;
                match allocation.ok().flatten() {
                    Some(now) => {
                        self.dispose(&now.allocation, run.id.instant, id, failed).await;
                    }
                    None => self.see_out(&id).await,
                }
            }
        }
    }

    /// Removes a container once it has ended; what was never started need not end.
    async fn see_out(&self, container: &ContainerId) {
        let look = || self.engine.look(container);
        match self.persistently(look).await {
            Ok(Ok(Sight::Runs { .. })) => {
                let following = self.engine.follow(container);
                if self.unless_stopped(following).await.is_err() {
                    return;
                }
            }
            Ok(Ok(_)) => {}
            _ => return,
        }
        self.remove(container).await;
    }

    /// Records the real end of a run that was lost, and whose container is in reach again.
    async fn find_again(&self, run: &Run, container: &ContainerId) {
        let sight = self.persistently(|| self.engine.look(container)).await;
        let followed = match sight {
            Ok(Ok(Sight::Created)) => return self.remove(container).await,
            Ok(Ok(Sight::Runs { .. } | Sight::Ended(_))) => {
                self.unless_stopped(self.engine.follow(container)).await
            }
            _ => return,
        };
        let Ok(Ok(exit)) = followed else { return };
        let Ok(standing) = self.store.standing(run.id.allocation.as_str()).await else { return };
        let Some(standing) = standing else { return self.remove(container).await };
        let most = standing.allocation.specification.policies.keep.output;
        let read = self.persistently(|| self.engine.output(container, most)).await;
        let output = match read {
            Err(Stopped) => return,
            Ok(read) => read.ok().map(|Captured { output, .. }| Arc::new(output)),
        };
        let state = judge(&exit);
        let failed = state != RunState::Succeeded;
        let remarks = vec!["it was lost, and its container was found again".to_owned()];
        let end = End { state, exit: Some(exit), output, remarks, at: self.clock.now() };
        let finished = self.durably(|| self.store.finish(&run.id, end.clone())).await;
        if let Ok(Err(error)) = finished {
            info!(run = %run.id, %error, "the end of a run could not be recorded");
        }
        self.tell(&run.id);
        self.dispose(&standing.allocation, run.id.instant, container.clone(), failed).await;
    }
}

/// Where a run goes on from.
fn stage(run: &Run) -> Stage {
    if let RunState::BetweenAttempts { until, .. } = run.state {
        return Stage::Between(until);
    }
    let attempt = run.attempt();
    match attempt.and_then(|attempt| attempt.container.clone()) {
        Some(container) => {
            let engine = attempt.and_then(|attempt| attempt.engine.clone());
            Stage::Made { container, engine }
        }
        None => Stage::Claimed,
    }
}
