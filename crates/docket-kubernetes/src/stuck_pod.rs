//! Recognizes pods that wait for what will not come: an image, or an object that their container refers to.

use std::time::Duration;

use docket_server::engine::bounded;
use tokio::time::Instant;

use crate::{
    api::{Cluster, Event, Pod},
    shared_engine_state::Pods,
};

/// For how long a pod has to wait for such a reason: the first attempt at it may fail by chance.
const CONFIRMED_AFTER: Duration = Duration::from_secs(20);
/// After which time a node that tries again does so, or does not because its pod is deleted.
pub(crate) const SETTLED_AFTER: Duration = Duration::from_secs(5);
/// Reasons that stay.
const FINAL: [&str; 2] = ["ErrImageNeverPull", "InvalidImageName"];
/// Reasons after which the node tries again, for ever.
const REPEATED: [&str; 5] = [
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImagePull",
    "ImagePullBackOff",
    "RunContainerError",
];

/// How long a pod has waited for something that does not come.
#[derive(Debug, Default)]
pub(crate) struct FailedWait {
    since: Option<Instant>,
}

/// Why a pod does not start.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WaitFailure {
    reason: String,
    message: Option<String>,
}

impl FailedWait {
    /// Why the pod, as it is now, will not start, once that is confirmed.
    pub(crate) fn failure(&mut self, pod: &Pod, now: Instant) -> Option<WaitFailure> {
        let Some((reason, message)) = stuck(pod) else {
            self.since = None;
            return None;
        };
        let since = *self.since.get_or_insert(now);
        let is_confirmed = FINAL.contains(&reason) || now - since >= CONFIRMED_AFTER;
        is_confirmed
            .then(|| WaitFailure { reason: reason.to_owned(), message: message.map(str::to_owned) })
    }
}

/// The reason for which the container of a pod is not started, if it is one that stays.
fn stuck(pod: &Pod) -> Option<(&str, Option<&str>)> {
    let waiting = pod.container()?.state.waiting.as_ref()?;
    let reason = waiting.reason.as_deref()?;
    (FINAL.contains(&reason) || REPEATED.contains(&reason))
        .then_some((reason, waiting.message.as_deref()))
}

/// Whether the node of a deleted pod has failed to start its container, and does not try it again now.
pub(crate) async fn has_settled(pods: &Pods, pod: &Pod) -> bool {
    if stuck(pod).is_none() {
        return false;
    }
    let Ok(events) = pods.cluster.events(&pod.metadata.uid).await else { return false };
    let newest = |of_a_pull: bool| {
        let events = events.iter();
        let events = events.filter(|event| event.is("Pulling") == of_a_pull);
        events.filter_map(Event::newest_at).max()
    };
    // A pull that has begun since may still succeed, and its container is started then.
    newest(true) <= newest(false)
}

impl WaitFailure {
    /// The failure with what the newest event says, which has the words of the registry.
    pub(crate) async fn with_events(self, cluster: &Cluster, pod: &Pod) -> String {
        let own = match &self.message {
            Some(message) => format!("{}: {message}", self.reason),
            None => self.reason,
        };
        // An account without the right to list events gets the reason alone.
        let events = cluster.events(&pod.metadata.uid).await.unwrap_or_default();
        bounded(match newest_warning(&events) {
            Some(message) if !own.contains(message) => format!("{own} ({message})"),
            _ => own,
        })
    }
}

/// The newest warning that says more than a reason.
fn newest_warning(events: &[Event]) -> Option<&str> {
    let says_more = |event: &&Event| {
        event.kind.as_deref() == Some("Warning")
            && event.is("Failed")
            && event.message.as_deref().is_some_and(|message| !message.starts_with("Error: Err"))
            && event.message.as_deref() != Some("Error: ImagePullBackOff")
    };
    let newest = events.iter().filter(says_more).max_by_key(|event| event.newest_at())?;
    newest.message.as_deref()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn waiting(reason: &str) -> Pod {
        let status = json!({"state": {"waiting": {"reason": reason, "message": "why"}}});
        let pod = json!({
            "metadata": {"name": "p", "uid": "u"},
            "spec": {"nodeName": "n"},
            "status": {"phase": "Pending", "containerStatuses": [status]},
        });
        serde_json::from_value(pod).unwrap()
    }

    #[test]
    fn a_missing_image_is_a_failure_once_it_is_missing_for_20_seconds() {
        let (mut wait, begin) = (FailedWait::default(), Instant::now());

        assert_eq!(wait.failure(&waiting("ErrImagePull"), begin), None);
        assert_eq!(wait.failure(&waiting("ImagePullBackOff"), begin + CONFIRMED_AFTER / 2), None);

        let failure = wait.failure(&waiting("ImagePullBackOff"), begin + CONFIRMED_AFTER).unwrap();
        assert_eq!(
            (&*failure.reason, failure.message.as_deref()),
            ("ImagePullBackOff", Some("why"))
        );
    }

    #[test]
    fn a_container_that_is_being_created_again_is_waited_for_anew() {
        let (mut wait, begin) = (FailedWait::default(), Instant::now());
        let later = begin + CONFIRMED_AFTER;
        wait.failure(&waiting("CreateContainerConfigError"), begin);

        assert_eq!(wait.failure(&waiting("ContainerCreating"), later), None);
        assert_eq!(wait.failure(&waiting("CreateContainerConfigError"), later), None);
        assert!(wait.failure(&waiting("InvalidImageName"), later).is_some());
    }

    #[test]
    fn the_newest_event_with_words_of_its_own_is_reported() {
        let event = |message: &str, at: &str| -> Event {
            let event = json!({"type": "Warning", "reason": "Failed", "message": message,
                "lastTimestamp": at});
            serde_json::from_value(event).unwrap()
        };
        let events = [
            event("Failed to pull image: old", "2026-11-21T09:00:00Z"),
            event("Failed to pull image: no such host", "2026-11-21T09:00:20Z"),
            event("Error: ErrImagePull", "2026-11-21T09:00:21Z"),
            event("Error: ImagePullBackOff", "2026-11-21T09:00:22Z"),
        ];

        assert_eq!(newest_warning(&events), Some("Failed to pull image: no such host"));
    }
}
