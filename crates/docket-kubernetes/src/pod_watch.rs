//! A watch of one pod: the pod as it is, and from then on as it is after each change.

use std::{sync::Arc, time::Duration};

use docket_model::run::ContainerId;
use docket_server::engine::EngineError;
use tokio::time::{Instant, sleep, timeout};

use crate::{
    api::{Pod, PodEvent, PodEvents},
    shared_engine_state::{Pods, unread},
};

/// How long a watch may be silent: longer than the API server keeps one open.
pub(crate) const LONGEST_SILENCE: Duration = Duration::from_secs(270);
/// The shortest time between two reads of a pod whose watch ends at once.
const SHORTEST_WATCH: Duration = Duration::from_secs(1);

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
        self.events = Some((self.pods.cluster.watch(&pod).await.map_err(unread)?, Instant::now()));
        Ok(pod)
    }
}
