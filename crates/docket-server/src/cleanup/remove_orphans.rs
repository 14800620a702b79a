//! Finds orphaned containers and removes them. Containers of other servers are not even inspected.
//!
//! 1. A container whose run is not over is left to its run.
//! 2. All others are followed to their ends, which are recorded where the record lacks them, and removed.
//! 3. One task at a time cleans up a container, however often it is found.

use std::{future::ready, sync::Arc, time::Duration};

use docket_model::{
    Run, RunId,
    run::{AttemptKey, ContainerId, Reason, RunState, Step},
};
use futures_util::future::join_all;
use tokio::time::sleep;
use tracing::{Instrument, debug, info, warn};

use super::{FinishedContainer, orphan_locks::OrphanLocks};
use crate::{
    backoff::Backoff,
    engine::{
        Condition, Disarmed, EngineError, Found, Handle, Identity, Observation, TakeOver, Target,
    },
    outputs::EndedOutput,
    runner::{EngineAccess, EngineState, Runner, Stopped, attempt_span, judge, run_span},
    store::{AllocationStatus, End},
};

/// After which time orphans are looked for again, and the longest such time: it doubles while there is a
/// reason each time.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(600));

/// Removes the orphaned containers of all engines, until the server stops.
pub(crate) async fn sweep_orphans(runner: Arc<Runner>) {
    let locks = Arc::<OrphanLocks>::default();
    let sweeps = runner.engines.all().iter().map(|engine| {
        let (runner, engine, locks) = (Arc::clone(&runner), Arc::clone(engine), Arc::clone(&locks));
        Arc::new(Sweep { runner, engine, locks }).run()
    });
    join_all(sweeps).await;
}

/// The clean-up of one engine.
struct Sweep {
    runner: Arc<Runner>,
    engine: Arc<EngineAccess>,
    /// Those of all engines.
    locks: Arc<OrphanLocks>,
}

impl Sweep {
    /// Looks for orphaned containers whenever the engine has come up, and a while after one was suspected,
    /// until the server stops.
    async fn run(self: Arc<Self>) {
        let mut engine = self.engine.health.watch();
        let (first, longest) = LOOK_AGAIN;
        let mut backoff = Backoff::new(first, longest);
        let cleaning = async {
            self.runner.context.standby.has_begun().await;
            loop {
                let up = |state: &EngineState| matches!(state, EngineState::Up(_));
                if engine.wait_for(up).await.is_err() {
                    return;
                }
                if let Err(error) = self.sweep().await {
                    warn!(%error, "orphaned containers could not be listed; retrying");
                    self.engine.suspect_orphan();
                }
                let away = |state: &EngineState| !matches!(state, EngineState::Up(_));
                let went_away = async { engine.wait_for(away).await.is_ok() };
                let a_while_later = async {
                    self.engine.orphan_suspected().await;
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
        for found in self.engine.engine.list_owned(self.runner.context.planner.owner()).await? {
            // Another server takes care of its own containers.
            if self.runner.context.standby.twin(&self.engine, &found, false).is_some() {
                continue;
            }
            let Some(lock) = self.locks.lock(&found.handle.id) else { continue };
            let sweep = Arc::clone(self);
            let Identity { allocation, instant, attempt, .. } = &found.identity;
            let id = RunId { allocation: allocation.clone(), instant: *instant };
            let span = attempt_span(&run_span(&id), *attempt);
            let run = match self.runner.records.store.run(allocation.as_str(), *instant).await {
                // An allocation that was deleted and created anew under its name has another uid.
                Ok(run) => run.filter(|run| run.uid == found.identity.uid),
                Err(error) => {
                    span.in_scope(|| {
                        warn!(%error, "run record could not be read; keeping a container that may be orphaned");
                    });
                    // Otherwise it would stay for 20 minutes, though the store may be mended sooner.
                    self.engine.suspect_orphan();
                    continue;
                }
            };
            let clearing = async move {
                sweep.clear(found, run).await;
                drop(lock);
            };
            self.runner.records.term.spawn(clearing.instrument(span));
        }
        Ok(())
    }

    /// Does what is left to do about one container of this server.
    async fn clear(self: Arc<Self>, found: Found, run: Option<Arc<Run>>) {
        let Some(run) = run else {
            let identity = &found.identity;
            // The record of a deleted allocation is gone while a task still follows the container.
            let has_task = self.runner.records.queues.has(identity.uid, identity.instant);
            if !has_task {
                self.remove_orphan(&found).await;
            }
            return;
        };
        if !run.knows(&found.handle.id) {
            return self.clear_unknown(&run, &found).await;
        }
        let Found { handle: Handle { id, .. }, identity, .. } = found;
        let part = identity.attempt.part;
        let newest = run.newest_of_part(part).map(|newest| newest.key);
        match run.part_state(part) {
            // There is another attempt only because this one failed.
            _ if Some(identity.attempt) < newest => {
                let failed = RunState::Failed(failure(&run, identity.attempt));
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
        let mut progress = self.runner.records.queues.progress();
        // A create that got no response may have made it, and the run may still note its id.
        while self.runner.records.queues.has(run.uid, run.id.instant) {
            if self.engine.term.unless_ended(progress.changed()).await.is_err() {
                return;
            }
        }
        match self.runner.records.store.run(run.id.allocation.as_str(), run.id.instant).await {
            Ok(Some(run)) if run.knows(&found.handle.id) => {}
            Ok(_) => self.remove_orphan(found).await,
            Err(error) => {
                warn!(%error, "run record could not be read; keeping a container that may be orphaned");
                self.engine.suspect_orphan();
            }
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
        if was_started && self.runner.context.standby.twin_of_orphan(&self.engine, found).is_some()
        {
            return;
        }
        info!(container = %found.handle, "orphaned container without a run record: it is removed when it exits");
        self.remove_when_exited(&found.handle.id).await;
    }

    /// Removes the container of a lost run, whose end is not reported any more. Its engine refuses that if its node
    /// has come back, or may: the next sweep then records its end.
    async fn remove_lost(&self, container: &ContainerId) {
        let handle = Handle::from(container);
        let removing = self.engine.engine.remove(&handle, Condition::EndUnknown);
        match self.engine.term.unless_ended(removing).await {
            Ok(Ok(())) => info!(%container, "the container of a lost run was removed"),
            Ok(Err(error)) => {
                debug!(%container, %error, "the container of a lost run stays");
                self.engine.suspect_orphan();
            }
            Err(Stopped) => {}
        }
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
        match self.runner.records.store.status(run.id.allocation.as_str()) {
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
                let following = self.engine.watch_to_end(container, |_| ready(()));
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
                TakeOver::Replaceable(guard) | TakeOver::Waiting { guard, .. } => {
                    engine.disarm(Target::Guarded(guard)).await.map(Some)
                }
                _ => Ok(None),
            }
        };
        // The next sweep finds what is still there.
        match self.engine.term.unless_ended(disarmed).await {
            Ok(Ok(Some(Disarmed::Unstarted))) => {
                self.runner.retention.remove(&self.engine, container).await;
            }
            Ok(Err(error)) => {
                warn!(%container, %error, "an orphaned container that waits for a node was not removed");
            }
            _ => {}
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
            )) => {
                self.engine
                    .term
                    .unless_ended(self.engine.watch_to_end(container, |_| ready(())))
                    .await
            }
            // What the engine lists all the same has no end that it could report.
            Ok(None) => return self.runner.retention.remove(&self.engine, container).await,
            _ => return,
        };
        let exit = match followed {
            Ok(Ok(exit)) => exit,
            Ok(Err(EngineError::NodeLost(_))) => return self.remove_lost(container).await,
            _ => return,
        };
        let name = &run.id.allocation;
        let Some(status) = self.runner.records.store.status(name.as_str()) else {
            return self.runner.retention.remove(&self.engine, container).await;
        };
        let most = status.allocation.specification.policies.keep.output;
        let captured = self.runner.context.outputs.capture(&self.engine, container, most).await;
        let Ok(EndedOutput { output, reserved, remark }) = captured else { return };
        let state = judge(&exit);
        let found_again = "it was lost, and its container was found again".to_owned();
        let remarks = [found_again].into_iter().chain(remark).collect();
        let at = self.runner.records.now();
        let (part, started_at) = (Some(identity.attempt.part), None);
        let end =
            End { part, state: state.clone(), exit: Some(exit), started_at, output, remarks, at };
        match self.runner.records.finish(&run.id, run.uid, &end).await {
            Err(Stopped) => return,
            Ok(Err(error)) => {
                info!(%error, "the end of the run could not be recorded");
            }
            Ok(Ok(())) => {}
        }
        drop((end, reserved));
        if state == RunState::Succeeded {
            self.runner.check_dependents(name).await;
        }
        self.clean_up_attempt(run, identity, container.clone(), &state).await;
    }
}

/// Why an attempt of a run failed that has a later one: the reason decides whether its container is kept.
fn failure(run: &Run, key: AttemptKey) -> Reason {
    let attempt = run.attempts.iter().find(|attempt| attempt.key == key);
    let steps = attempt.into_iter().flat_map(|attempt| attempt.steps.iter().rev());
    let failures = steps.filter_map(|(_, step)| match step {
        Step::Error(reason) => Some((**reason).clone()),
        _ => None,
    });
    // A container that has ended says by its exit why it failed.
    failures.into_iter().next().unwrap_or_else(|| Reason::text(""))
}
