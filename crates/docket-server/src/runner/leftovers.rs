//! Containers that were left behind. Others' containers are not even looked at.
//!
//! 1. A container of ours whose run is not over is the run's own affair.
//! 2. All others are followed to their ends, which are recorded where there is something to add, and
//!    let go.
//! 3. One task at a time has such a container in hand, however often it is found.

use std::{collections::HashSet, sync::Arc, time::Duration};

use docket_model::{
    Run,
    run::{ContainerId, Reason, RunState},
};
use parking_lot::Mutex;
use tokio::{sync::Notify, time::sleep};
use tracing::{info, warn};

use super::{EngineState, Runner, Stopped, disposal::Remains, watch::judge};
use crate::{
    backoff::Backoff,
    engine::{EngineError, Found, Handle, Identity, Observation},
    store::{AllocationStatus, End},
};

/// After which time leftovers are looked for again, and the longest such time: it doubles while
/// there is a reason each time.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(600));

/// The containers that were found left behind.
#[derive(Debug, Default)]
pub(super) struct Leftovers {
    suspected: Notify,
    in_hand: Mutex<HashSet<ContainerId>>,
}

impl Leftovers {
    /// Tells that a container may be left somewhere that nobody has in hand.
    pub(super) fn suspect(&self) {
        self.suspected.notify_one();
    }

    /// Takes a container in hand, unless somebody has it.
    fn take(self: &Arc<Self>, container: &ContainerId) -> Option<InHand> {
        let is_free = self.in_hand.lock().insert(container.clone());
        is_free.then(|| InHand { leftovers: Arc::clone(self), container: container.clone() })
    }
}

/// A container that somebody has in hand, until this is dropped.
struct InHand {
    leftovers: Arc<Leftovers>,
    container: ContainerId,
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.leftovers.in_hand.lock().remove(&self.container);
    }
}

impl Runner {
    /// Looks for leftovers whenever the engine has come up, and a while after a container may have
    /// been left, until the server stops.
    pub(crate) async fn clean_up(self: Arc<Self>) {
        let mut engine = self.engine.health.watch();
        let (first, longest) = LOOK_AGAIN;
        let mut backoff = Backoff::new(first, longest);
        let cleaning = async {
            self.has_begun().await;
            loop {
                let up = |state: &EngineState| matches!(state, EngineState::Up(_));
                if engine.wait_for(up).await.is_err() {
                    return;
                }
                if let Err(error) = self.look_for_leftovers().await {
                    warn!(%error, "containers that were left behind could not be looked for");
                    self.leftovers.suspect();
                }
                let away = |state: &EngineState| !matches!(state, EngineState::Up(_));
                let went_away = async { engine.wait_for(away).await.is_ok() };
                let a_while_later = async {
                    self.leftovers.suspected.notified().await;
                    backoff.wait().await;
                };
                let is_suspected = tokio::select! {
                    true = went_away => false,
                    () = a_while_later => true,
                    () = sleep(2 * longest) => false,
                };
                if !is_suspected {
                    backoff.reset();
                }
            }
        };
        let _: Result<(), Stopped> = self.unless_stopped(cleaning).await;
    }

    async fn look_for_leftovers(self: &Arc<Self>) -> Result<(), EngineError> {
        for found in self.engine.engine.list_owned(&self.owner()).await? {
            // What a server with a copy of the store makes is its own affair.
            if self.twin(&found, false).is_some() {
                continue;
            }
            let Some(in_hand) = self.leftovers.take(&found.handle.id) else { continue };
            let runner = Arc::clone(self);
            let name = found.identity.allocation.clone();
            let run = match self.store.run(name.as_str(), found.identity.instant).await {
                Ok(run) => run.filter(|run| run.uid == found.identity.uid),
                Err(error) => {
                    warn!(allocation = %name, %error, "a container that may be left behind stays");
                    continue;
                }
            };
            self.tasks.spawn(async move {
                runner.clear(found, run).await;
                drop(in_hand);
            });
        }
        Ok(())
    }

    /// Does what is left to do about one container of ours.
    async fn clear(self: Arc<Self>, found: Found, run: Option<Arc<Run>>) {
        let Some(run) = run else {
            let identity = &found.identity;
            let has_task = self.queues.find(identity.uid, identity.instant).is_some();
            if !has_task {
                self.remove_orphan(&found).await;
            }
            return;
        };
        if !run.knows(&found.handle.id) {
            return self.clear_unknown(&run, &found).await;
        }
        let Found { handle: Handle { id, .. }, identity, .. } = found;
        let newest = run.attempt().map_or(0, |newest| newest.number);
        let failed = RunState::Failed(Reason::text(""));
        match &run.state {
            // There is another attempt only because this one failed.
            _ if identity.attempt < newest => self.dispose_of(&run, &identity, id, &failed).await,
            RunState::Lost(_) => self.find_again(&run, &identity, &id).await,
            state @ RunState::Retrying { .. } => {
                self.dispose_of(&run, &identity, id, state).await;
            }
            state if state.is_over() => self.dispose_of(&run, &identity, id, state).await,
            _ => {}
        }
    }

    /// Removes a container whose run does not know of it; while it is under way, it still may.
    async fn clear_unknown(&self, run: &Run, found: &Found) {
        let mut news = self.news.subscribe();
        while self.queues.find(run.uid, run.id.instant).is_some() {
            if self.unless_stopped(news.recv()).await.is_err() {
                return;
            }
        }
        let now = self.store.run(run.id.allocation.as_str(), run.id.instant).await;
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
                Observation::Running { .. } | Observation::NodeAway { .. } | Observation::Ended(_)
            ))
        );
        if was_started && self.twin_of_orphan(found).is_some() {
            return;
        }
        info!(container = %found.handle, "orphaned container without a run record: it is removed when it exits");
        self.remove_when_exited(&found.handle.id).await;
    }

    /// Lets go of what is left of an attempt, if its allocation is still there.
    async fn dispose_of(
        self: &Arc<Self>,
        run: &Run,
        identity: &Identity,
        container: ContainerId,
        state: &RunState,
    ) {
        let (instant, attempt) = (run.id.instant, identity.attempt);
        match self.store.status(run.id.allocation.as_str()).await.ok().flatten() {
            Some(AllocationStatus { allocation, .. }) => {
                let remains = Remains { allocation, instant, attempt, container };
                // A task that panics has logged it.
                let _: Result<(), _> = self.dispose(remains, state).await;
            }
            None => self.remove_when_exited(&container).await,
        }
    }

    /// Removes a container once it has ended; what was never started need not end.
    async fn remove_when_exited(&self, container: &ContainerId) {
        match self.engine.inspect_until_known(container).await {
            Ok(Some(Observation::Running { .. } | Observation::NodeAway { .. })) => {
                let following = self.engine.watch_to_end(container);
                if self.unless_stopped(following).await.is_err() {
                    return;
                }
            }
            Ok(Some(_)) => {}
            _ => return,
        }
        self.remove(container).await;
    }

    /// Records the real end of a run that was lost, and whose container is in reach again.
    async fn find_again(self: &Arc<Self>, run: &Run, identity: &Identity, container: &ContainerId) {
        let followed = match self.engine.inspect_until_known(container).await {
            Ok(Some(Observation::Pending(_))) => return self.remove(container).await,
            Ok(Some(
                Observation::Running { .. } | Observation::NodeAway { .. } | Observation::Ended(_),
            )) => self.unless_stopped(self.engine.watch_to_end(container)).await,
            _ => return,
        };
        let Ok(Ok(exit)) = followed else { return };
        let name = &run.id.allocation;
        let standing = self.durably(|| self.store.status(name.as_str())).await;
        let Ok(Ok(standing)) = standing else { return };
        let Some(standing) = standing else { return self.remove(container).await };
        let most = standing.allocation.specification.policies.keep.output;
        let (output, reserved) = match self.capture(&self.engine, container, most).await {
            Err(Stopped) => return,
            Ok(read) => read.ok().map(|(read, reserved)| (Arc::new(read.output), reserved)).unzip(),
        };
        let state = judge(&exit);
        let remarks = vec!["it was lost, and its container was found again".to_owned()];
        let at = self.clock.now();
        let started_at = None;
        let end = End { state: state.clone(), exit: Some(exit), started_at, output, remarks, at };
        match self.durably(|| self.store.finish(&run.id, run.uid, end.clone())).await {
            Err(Stopped) => return,
            Ok(Err(error)) => {
                info!(run = %run.id, %error, "the end of a run could not be recorded");
            }
            Ok(Ok(())) => {}
        }
        drop((end, reserved));
        self.tell(&run.id);
        if state == RunState::Succeeded {
            self.check_dependents(name).await;
        }
        self.dispose_of(run, identity, container.clone(), &state).await;
    }
}
