//! Watching one pod: reading it, and then what happens to it.

use std::{sync::Arc, time::Duration};

use docket_model::run::ContainerId;
use docket_server::engine::{Disarmed, EngineError, Observation, Observations, Past};
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, sleep, timeout};

use crate::{
    api::{Pod, PodEvent, PodEvents},
    failed_wait::FailedWait,
    pending_starts,
    pod_state::{PodState, state_of},
    pods::Pods,
};

/// How long a watch may be silent: longer than the API server keeps one open.
const LONGEST_SILENCE: Duration = Duration::from_secs(270);
/// The shortest time between two reads of a pod whose watch ends at once.
const SHORTEST_WATCH: Duration = Duration::from_secs(1);
/// How often a pod that waits is read again: its reason may stay the same.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// A watch of one pod.
pub(crate) struct PodWatch {
    pods: Arc<Pods>,
    id: ContainerId,
    events: Option<(PodEvents, Instant)>,
}

impl PodWatch {
    pub(crate) fn new(pods: Arc<Pods>, id: ContainerId) -> Self {
        Self { pods, id, events: None }
    }

    /// The pod as it is, and from then on as it is after each change.
    pub(crate) async fn next(&mut self) -> Result<Pod, EngineError> {
        self.next_within(LONGEST_SILENCE).await
    }

    /// The same; at the latest after so long the pod as it is.
    pub(crate) async fn next_within(&mut self, longest: Duration) -> Result<Pod, EngineError> {
        if let Some((events, opened_at)) = &mut self.events {
            match timeout(longest, events.next()).await {
                Ok(Ok(PodEvent::Changed(pod))) if pod.id() == self.id => return Ok(*pod),
                Ok(Ok(PodEvent::Expired)) => {
                    sleep(SHORTEST_WATCH.saturating_sub(opened_at.elapsed())).await;
                }
                Ok(Err(error)) => return Err(error),
                // What has happened is read anew.
                Ok(Ok(_)) | Err(_) => {}
            }
        }
        let pod = self.pods.look(&self.id).await?;
        // A version from which nothing can be watched any more ends the watch at once, so the next call
        // reads the pod again.
        self.events = Some((self.pods.cluster.watch(&pod).await?, Instant::now()));
        Ok(pod)
    }
}

/// Watches a pod to its end, and keeps its log meanwhile.
pub(crate) fn observations(pods: &Arc<Pods>, id: &ContainerId) -> Observations {
    let watched = Watched {
        watch: PodWatch::new(Arc::clone(pods), id.clone()),
        failed_wait: FailedWait::default(),
        is_waiting: false,
    };
    stream::unfold(Some(watched), |watched| async {
        let mut watched = watched?;
        let next = watched.next().await;
        let is_last = matches!(next, Err(_) | Ok(Observation::Ended(_) | Observation::Gone(_)));
        Some((next, (!is_last).then_some(watched)))
    })
    .boxed()
}

struct Watched {
    watch: PodWatch,
    failed_wait: FailedWait,
    is_waiting: bool,
}

impl Watched {
    async fn next(&mut self) -> Result<Observation, EngineError> {
        loop {
            let longest = if self.is_waiting { LOOK_AGAIN } else { LONGEST_SILENCE };
            let pod = match self.watch.next_within(longest).await {
                Err(EngineError::Gone) => return Ok(Observation::Gone(Past::Unknown)),
                pod => pod?,
            };
            let PodWatch { pods, id, .. } = &self.watch;
            let state = state_of(&pod);
            self.is_waiting = matches!(state, PodState::Waiting(_));
            match state {
                PodState::Gated => {
                    let reason = "the container was never started".to_owned();
                    return Err(EngineError::NotStartable(reason));
                }
                PodState::CannotStart(reason) => return Err(EngineError::NotStartable(reason)),
                PodState::Waiting(_) => {
                    // What is recorded as failed must not start afterwards.
                    if let Some(failure) = self.failed_wait.failure(&pod, Instant::now()) {
                        let failure = failure.with_events(&pods.cluster, &pod).await;
                        if let Disarmed::Gone(_) = pending_starts::disarm(pods, &id.into()).await? {
                            return Err(EngineError::NotStartable(failure));
                        }
                        continue;
                    }
                }
                PodState::Running { .. } | PodState::NodeAway { .. } | PodState::Ended(_) => {
                    pods.keep_log(id).note_container(&pod);
                }
            }
            return Ok(state.into());
        }
    }
}
