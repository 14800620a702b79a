//! Follows a pod from its start to its end, and reports observations to the runner.

use std::{sync::Arc, time::Duration};

use docket_model::run::ContainerId;
use docket_server::engine::{EngineError, Observation, Observations, Past};
use futures_util::{StreamExt, stream};
use tokio::time::Instant;

use crate::{
    api::{Cluster, KnownNode, Pod},
    container_not_created::{Creation, FailedCreation},
    deleted_before_start::{is_deletion_unnoted, reported_state},
    kept_logs::KeptLogs,
    pod_owner::BY_SOMEONE_ELSE,
    pod_state::PodState,
    pod_watch::{LONGEST_SILENCE, PodWatch},
    remove_pod::{Unstartable, make_unstartable, mark_stopped},
    shared_engine_state::{Pods, unread},
    stuck_pod::FailedWait,
};

/// How often a pod that waits is read again: its reason may stay the same.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// How long a node may take to report the start or the end of a pod that was deleted by force.
const REPORT_LIMIT: Duration = Duration::from_secs(60);

/// Watches a pod to its end, and keeps its log meanwhile.
pub(crate) fn observations(
    pods: &Arc<Pods>,
    logs: &Arc<KeptLogs>,
    id: &ContainerId,
) -> Observations {
    let watched = Watched {
        watch: PodWatch::new(Arc::clone(pods), id.clone()),
        pods: Arc::clone(pods),
        logs: Arc::clone(logs),
        id: id.clone(),
        failed_wait: FailedWait::default(),
        creation: Creation::default(),
        is_waiting: false,
        forced_since: None,
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
    pods: Arc<Pods>,
    logs: Arc<KeptLogs>,
    id: ContainerId,
    failed_wait: FailedWait,
    creation: Creation,
    is_waiting: bool,
    /// Since when it runs on, or may start, though it was deleted by force.
    forced_since: Option<Instant>,
}

impl Watched {
    async fn next(&mut self) -> Result<Observation, EngineError> {
        let Self { watch, pods, logs, id, failed_wait, creation, is_waiting, forced_since } = self;
        loop {
            let is_soon = *is_waiting || forced_since.is_some();
            let longest = if is_soon { LOOK_AGAIN } else { LONGEST_SILENCE };
            let pod = match watch.next_within(longest).await {
                Err(EngineError::Gone) => {
                    logs.forget(id);
                    return Ok(Observation::Gone(Past::Unknown));
                }
                pod => pod?,
            };
            let mut state = reported_state(pods, &pod).await?;
            *is_waiting = matches!(state, PodState::Waiting(_));
            match &mut state {
                PodState::Gated => {
                    let reason = "the container was never started".to_owned();
                    return Err(EngineError::NotStartable(reason));
                }
                PodState::CannotStart(reason) => {
                    return Err(EngineError::NotStartable(reason.clone()));
                }
                PodState::Waiting(reason) => {
                    if is_deletion_unnoted(&pod)
                        && !mark_stopped(pods, &pod, BY_SOMEONE_ELSE).await?
                    {
                        continue;
                    }
                    // What is recorded as failed must not start afterwards. The pod stays until it is on
                    // record, and has the reason for the case that another life of docket records it.
                    let waits = Waits { failed_wait, creation };
                    if let Some(failure) = waits.failure(pods, &pod, reason).await {
                        match make_unstartable(pods, id, &failure).await {
                            Ok(Unstartable::NeverRan(_)) => {
                                return Err(EngineError::NotStartable(failure));
                            }
                            // The next look reports it.
                            Ok(Unstartable::Found(_)) | Err(EngineError::Gone) => continue,
                            Err(error) => return Err(error),
                        }
                    }
                }
                PodState::Running { .. } | PodState::NodeAway { .. } | PodState::Ended(_) => {
                    logs.keep(id).note_container(&pod);
                }
            }
            if let PodState::NodeAway { node, .. } = &state
                && pod.is_given_up_by_node()
            {
                let since = *forced_since.get_or_insert_with(Instant::now);
                if since.elapsed() >= REPORT_LIMIT {
                    return Err(EngineError::NodeLost(why_lost(&pods.cluster, node).await?));
                }
            }
            return Ok(state.into());
        }
    }
}

/// What a pod waits for.
struct Waits<'a> {
    failed_wait: &'a mut FailedWait,
    creation: &'a mut Creation,
}

impl Waits<'_> {
    /// Why the pod will not start, once that is confirmed. The reason for which it waits is added where only events
    /// have it.
    async fn failure(self, pods: &Pods, pod: &Pod, reason: &mut Option<String>) -> Option<String> {
        if let Some(failure) = self.failed_wait.failure(pod, Instant::now()) {
            return Some(failure.with_events(&pods.cluster, pod).await);
        }
        let FailedCreation { words, is_confirmed } =
            self.creation.failure(pods, pod, reason.is_some()).await?;
        *reason = Some(words.clone());
        is_confirmed.then_some(words)
    }
}

/// Why the end of a pod that was deleted by force is not reported.
async fn why_lost(cluster: &Cluster, node: &str) -> Result<String, EngineError> {
    Ok(match cluster.node(node).await.map_err(unread)? {
        KnownNode::Removed => format!("its node `{node}` was removed from the cluster"),
        KnownNode::Found(_) | KnownNode::Denied => format!(
            "its pod was deleted by force, and its node `{node}` has reported nothing of it for {} s",
            REPORT_LIMIT.as_secs()
        ),
    })
}
