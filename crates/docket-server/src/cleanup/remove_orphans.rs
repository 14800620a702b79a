//! Finds orphaned containers and removes them. Containers of other servers are not even inspected.
//!
//! 1. A container whose run is not over is left to its run.
//! 2. All others are followed to their ends, which are recorded where the record lacks them, and removed.
//! 3. One task at a time cleans up a container, however often it is found.

use std::{sync::Arc, time::Duration};

use docket_model::{
    Run, RunId,
    run::{ContainerId, Reason, RunState},
};
use futures_util::future::join_all;
use tokio::time::sleep;
use tracing::{Instrument, info, info_span, warn};

use super::FinishedContainer;
use crate::{
    backoff::Backoff,
    engine::{EngineError, Found, Handle, Identity, Observation, TakeOver, Target},
    runner::{EngineAccess, EngineState, Runner, Stopped, judge, run_span},
    store::{AllocationStatus, End},
};

/// After which time orphans are looked for again, and the longest such time: it doubles while there is a
/// reason each time.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(600));

/// Removes the orphaned containers of all engines, until the server stops.
pub(crate) async fn sweep_orphans(runner: Arc<Runner>) {
    let sweeps = runner.engines.all().iter().map(|engine| {
        let (runner, engine) = (Arc::clone(&runner), Arc::clone(engine));
        Arc::new(Sweep { runner, engine }).run()
    });
    join_all(sweeps).await;
}

/// The clean-up of one engine.
struct Sweep {
    runner: Arc<Runner>,
    engine: Arc<EngineAccess>,
}

impl Sweep {
    /// Looks for orphaned containers whenever the engine has come up, and a while after one was suspected,
    /// until the server stops.
    async fn run(self: Arc<Self>) {
        let mut engine = self.engine.health.watch();
        let (first, longest) = LOOK_AGAIN;
        let mut backoff = Backoff::new(first, longest);
        let cleaning = async {
            self.runner.standby.has_begun().await;
            loop {
                let up = |state: &EngineState| matches!(state, EngineState::Up(_));
                if engine.wait_for(up).await.is_err() {
                    return;
                }
                if let Err(error) = self.sweep().await {
                    warn!(%error, "orphaned containers could not be listed; retrying");
                    self.runner.retention.orphans.suspect();
                }
                let away = |state: &EngineState| !matches!(state, EngineState::Up(_));
                let went_away = async { engine.wait_for(away).await.is_ok() };
                let a_while_later = async {
                    self.runner.retention.orphans.suspected().await;
                    backoff.wait().await;
                };
                let is_suspected = tokio::select! {
                    biased;
                    true = went_away => false,
                    () = a_while_later => true,
                    // Nothing was suspected for so long, so the next pauses begin with the shortest
                    // one.
                    () = sleep(2 * longest) => false,
                };
                if !is_suspected {
                    backoff.reset();
                }
            }
        };
        let _: Result<(), Stopped> = self.engine.term.unless_ended(cleaning).await;
    }

    async fn sweep(self: &Arc<Self>) -> Result<(), EngineError> {
        for found in self.engine.engine.list_owned(self.runner.planner.owner()).await? {
            // Another server takes care of its own containers.
            if self.runner.standby.twin(&self.engine, &found, false).is_some() {
                continue;
            }
            let Some(claim) = self.runner.retention.orphans.claim(&found.handle.id) else {
                continue;
            };
            let sweep = Arc::clone(self);
            let Identity { allocation, instant, attempt, .. } = &found.identity;
            let id = RunId { allocation: allocation.clone(), instant: *instant };
            let span = run_span(&id);
            let span = info_span!(parent: &span, "attempt", %attempt);
            let run = match self.runner.store.run(allocation.as_str(), *instant).await {
                // An allocation that was deleted and created anew under its name has another uid.
                Ok(run) => run.filter(|run| run.uid == found.identity.uid),
                Err(error) => {
                    span.in_scope(|| {
                        warn!(%error, "run record could not be read; keeping a container that may be orphaned");
                    });
                    continue;
                }
            };
            let clearing = async move {
                sweep.clear(found, run).await;
                drop(claim);
            };
            self.runner.term.spawn(clearing.instrument(span));
        }
        Ok(())
    }

    /// Does what is left to do about one container of this server.
    async fn clear(self: Arc<Self>, found: Found, run: Option<Arc<Run>>) {
        let Some(run) = run else {
            let identity = &found.identity;
            // The record of a deleted allocation is gone while a task still follows the container.
            let has_task = self.runner.queues.has(identity.uid, identity.instant);
            if !has_task {
                self.remove_orphan(&found).await;
            }
            return;
        };
        if !run.knows(&found.handle.id) {
            return self.clear_unknown(&run, &found).await;
        }
        let Found { handle: Handle { id, .. }, identity, .. } = found;
        let newest = run.attempt().map(|newest| newest.key);
        // Only the kind of the state decides whether the container is kept.
        let failed = RunState::Failed(Reason::text(""));
        match &run.state {
            // There is another attempt only because this one failed.
            _ if Some(identity.attempt) < newest => {
                self.clean_up_attempt(&run, &identity, id, &failed).await;
            }
            RunState::Lost(_) => self.find_again(&run, &identity, &id).await,
            state @ RunState::Retrying { .. } => {
                self.clean_up_attempt(&run, &identity, id, state).await;
            }
            state if state.is_over() => self.clean_up_attempt(&run, &identity, id, state).await,
            _ => {}
        }
    }

    /// Removes a container whose run does not know of it; while it is under way, it still may.
    async fn clear_unknown(&self, run: &Run, found: &Found) {
        let mut progress = self.runner.queues.progress();
        // A create that got no response may have made it, and the run may still note its id.
        while self.runner.queues.has(run.uid, run.id.instant) {
            if self.engine.term.unless_ended(progress.changed()).await.is_err() {
                return;
            }
        }
        let now = self.runner.store.run(run.id.allocation.as_str(), run.id.instant).await;
        if now.is_ok_and(|now| !now.is_some_and(|run| run.knows(&found.handle.id))) {
            self.remove_orphan(found).await;
        }
    }

    /// Removes a container that no record knows once it has ended, unless another server uses it.
    async fn remove_orphan(&self, found: &Found) {
        let sight = self.engine.inspect_until_known(&found.handle.id).await;
        let was_started = matches!(
            sight,
            Ok(Some(
                Observation::Waiting(_)
                    | Observation::Running { .. }
                    | Observation::NodeAway { .. }
                    | Observation::Ended(_)
            ))
        );
        if was_started && self.runner.standby.twin_of_orphan(&self.engine, found).is_some() {
            return;
        }
        info!(container = %found.handle, "orphaned container without a run record: it is removed when it exits");
        self.remove_when_exited(&found.handle.id).await;
    }

    /// Cleans up the container of an attempt, if its allocation is still there.
    async fn clean_up_attempt(
        self: &Arc<Self>,
        run: &Run,
        identity: &Identity,
        container: ContainerId,
        state: &RunState,
    ) {
        let (instant, attempt) = (run.id.instant, identity.attempt);
        match self.runner.store.status(run.id.allocation.as_str()) {
            Some(AllocationStatus { allocation, .. }) => {
                let engine = Arc::clone(&self.engine);
                let finished =
                    FinishedContainer { allocation, engine, instant, attempt, container };
                // A task that panics has logged it.
                let _: Result<(), _> = self.runner.retention.clean_up(finished, state).await;
            }
            None => self.remove_when_exited(&container).await,
        }
    }

    /// Removes a container once it has ended; what was never started need not end.
    async fn remove_when_exited(&self, container: &ContainerId) {
        match self.engine.inspect_until_known(container).await {
            Ok(Some(Observation::Waiting(_))) => return self.disarm(container).await,
            Ok(Some(Observation::Running { .. } | Observation::NodeAway { .. })) => {
                let following = self.engine.watch_to_end(container);
                if self.engine.term.unless_ended(following).await.is_err() {
                    return;
                }
            }
            Ok(Some(_)) => {}
            _ => return,
        }
        self.runner.retention.remove(&self.engine, container).await;
    }

    /// Removes a container that waits for a node: its run is over, so it must not start any more.
    async fn disarm(&self, container: &ContainerId) {
        let (engine, handle) = (&self.engine.engine, Handle::from(container));
        let disarmed = async {
            match engine.take_over(&handle).await? {
                TakeOver::Replaceable(guard) => {
                    engine.disarm(Target::Guarded(guard)).await.map(drop)
                }
                _ => Ok(()),
            }
        };
        // The next sweep finds what is still there.
        if let Ok(Err(error)) = self.engine.term.unless_ended(disarmed).await {
            warn!(%container, %error, "an orphaned container that waits for a node was not removed");
        }
    }

    /// Records the real end of a run that was lost, and whose container is in reach again.
    async fn find_again(self: &Arc<Self>, run: &Run, identity: &Identity, container: &ContainerId) {
        let followed = match self.engine.inspect_until_known(container).await {
            Ok(Some(Observation::Waiting(_))) => return self.disarm(container).await,
            Ok(Some(Observation::Pending(_))) => {
                // The run is over, so its container must not start any more.
                return self.runner.retention.remove(&self.engine, container).await;
            }
            Ok(Some(
                Observation::Running { .. } | Observation::NodeAway { .. } | Observation::Ended(_),
            )) => self.engine.term.unless_ended(self.engine.watch_to_end(container)).await,
            // What the engine lists all the same has no end that it could report.
            Ok(None) => return self.runner.retention.remove(&self.engine, container).await,
            _ => return,
        };
        let Ok(Ok(exit)) = followed else { return };
        let name = &run.id.allocation;
        let Some(status) = self.runner.store.status(name.as_str()) else {
            return self.runner.retention.remove(&self.engine, container).await;
        };
        let most = status.allocation.specification.policies.keep.output;
        let (output, reserved) =
            match self.runner.outputs.capture(&self.engine, container, most).await {
                Err(Stopped) => return,
                Ok(read) => {
                    read.ok().map(|(read, reserved)| (Arc::new(read.output), reserved)).unzip()
                }
            };
        let state = judge(&exit);
        let remarks = vec!["it was lost, and its container was found again".to_owned()];
        let at = self.runner.store.now();
        let started_at = None;
        let end = End { state: state.clone(), exit: Some(exit), started_at, output, remarks, at };
        match self.runner.durably(|| self.runner.store.finish(&run.id, run.uid, end.clone())).await
        {
            Err(Stopped) => return,
            Ok(Err(error)) => {
                info!(%error, "the end of the run could not be recorded");
            }
            Ok(Ok(())) => {}
        }
        drop((end, reserved));
        self.runner.queues.note_progress();
        if state == RunState::Succeeded {
            self.runner.check_dependents(name).await;
        }
        self.clean_up_attempt(run, identity, container.clone(), &state).await;
    }
}
