//! Recognizes pods whose container cannot be created, such as for a volume that does not mount: only events say why.

use std::time::Duration;

use chrono::TimeDelta;
use docket_server::engine::bounded;
use tokio::time::Instant;

use crate::{
    api::{Event, Pod},
    shared_engine_state::Pods,
};

/// For how long a node creates a container before it is asked for events: most are there sooner.
const ASKED_AFTER: Duration = Duration::from_secs(8);
/// For how long such a failure is repeated before it counts as one that stays, by the clock of the events.
const CONFIRMED_AFTER: TimeDelta = TimeDelta::seconds(20);
/// Failures after which a node tries again, for ever.
const FAILURES: [&str; 4] = [ATTACHING, "FailedCreatePodSandBox", "FailedMapVolume", "FailedMount"];
/// A failure that is over once another node has given the volume up, which may take minutes.
const ATTACHING: &str = "FailedAttachVolume";
/// What happens once such a failure is over.
const LATER_STEPS: [&str; 4] = ["Created", "Pulled", "Pulling", "Started"];
/// The end of the words of a failure that only says that an operation takes long, such as attaching a disk.
const TAKES_LONG: &str = "timed out waiting for the condition";

/// How long the container of a pod is being created.
#[derive(Debug, Default)]
pub(crate) struct Creation {
    since: Option<Instant>,
}

/// Why the container of a pod is not created yet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FailedCreation {
    pub(crate) words: String,
    /// True of a failure that stays, as far as its events show.
    pub(crate) is_confirmed: bool,
}

impl Creation {
    /// Why the container of a pod that waits for no reason is not created, where that takes long. An account
    /// without the right to list events learns nothing.
    pub(crate) async fn failure(
        &mut self,
        pods: &Pods,
        pod: &Pod,
        has_reason: bool,
    ) -> Option<FailedCreation> {
        let is_creating = !has_reason && pod.spec.node_name.is_some();
        if !is_creating || pod.metadata.deletion_timestamp.is_some() {
            self.since = None;
            return None;
        }
        if self.since.get_or_insert_with(Instant::now).elapsed() < ASKED_AFTER {
            return None;
        }
        failure_in(&pods.cluster.events(&pod.metadata.uid).await.unwrap_or_default())
    }
}

/// The failure that the newest events of a pod are about.
fn failure_in(events: &[Event]) -> Option<FailedCreation> {
    let is_failure = |event: &&Event| FAILURES.iter().any(|reason| event.is(reason));
    let is_step = |event: &&Event| LATER_STEPS.iter().any(|reason| event.is(reason));
    let may_stay = |event: &&Event| !event.is(ATTACHING) && !text(event).ends_with(TAKES_LONG);
    let newest = events.iter().filter(is_failure).max_by_key(|event| event.newest_at())?;
    let step_at = events.iter().filter(is_step).filter_map(Event::newest_at).max();
    if newest.newest_at() <= step_at {
        return None;
    }
    let key = |event: &&Event| (may_stay(event), event.newest_at());
    let best = events.iter().filter(is_failure).max_by_key(key)?;
    let reason = best.reason.as_deref().unwrap_or_default();
    let of_its_kind = || events.iter().filter(move |event| event.is(reason)).filter(may_stay);
    let first_at = of_its_kind().filter_map(Event::oldest_at).min();
    let last_at = of_its_kind().filter_map(Event::newest_at).max();
    let lasted = first_at.zip(last_at).map(|(first, last)| last - first);
    Some(FailedCreation {
        words: bounded(format!("{reason}: {}", text(best))),
        is_confirmed: lasted.is_some_and(|lasted| lasted >= CONFIRMED_AFTER),
    })
}

fn text(event: &Event) -> &str {
    event.message.as_deref().unwrap_or_default().trim_end()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// An event that happened between these seconds.
    fn event(reason: &str, message: &str, from: u32, to: u32) -> Event {
        let at = |second: u32| format!("2026-11-21T09:{:02}:{:02}Z", second / 60, second % 60);
        let event = json!({
            "reason": reason, "message": message,
            "firstTimestamp": at(from), "lastTimestamp": at(to),
        });
        serde_json::from_value(event).unwrap()
    }

    fn failure(words: &str, is_confirmed: bool) -> FailedCreation {
        FailedCreation { words: words.to_owned(), is_confirmed }
    }

    #[test]
    fn a_failure_is_confirmed_once_it_was_repeated_for_20_seconds() {
        let scheduled = event("Scheduled", "assigned", 0, 0);
        let mount = |to| event("FailedMount", "secret \"x\" not found", 1, to);

        assert_eq!(failure_in(&[]), None);
        assert_eq!(failure_in(&[scheduled]), None);
        let words = "FailedMount: secret \"x\" not found";
        assert_eq!(failure_in(&[mount(16)]), Some(failure(words, false)));
        assert_eq!(failure_in(&[mount(32)]), Some(failure(words, true)));
    }

    #[test]
    fn failures_that_differ_in_their_words_are_repetitions() {
        let sandbox = |id: &str, at| event("FailedCreatePodSandBox", id, at, at);

        let found = failure_in(&[sandbox("network of a", 2), sandbox("network of b", 30)]);

        assert_eq!(found, Some(failure("FailedCreatePodSandBox: network of b", true)));
    }

    #[test]
    fn a_failure_that_is_over_is_none() {
        let mount = event("FailedMount", "not yet", 1, 32);

        assert_eq!(failure_in(&[mount, event("Pulling", "image", 33, 33)]), None);
    }

    #[test]
    fn an_operation_that_takes_long_is_no_failure_that_stays() {
        let long =
            event("FailedMount", "Unable to attach: timed out waiting for the condition", 123, 300);
        let why = event("FailedMount", "no such file", 1, 64);

        let words = "FailedMount: Unable to attach: timed out waiting for the condition";
        assert_eq!(failure_in(std::slice::from_ref(&long)), Some(failure(words, false)));
        assert_eq!(failure_in(&[why, long]), Some(failure("FailedMount: no such file", true)));
    }
}
