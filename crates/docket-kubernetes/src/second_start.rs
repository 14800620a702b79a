//! A second start of the program of a pod: a node that has lost the container starts another one.
//!
//! 1. docket notices it by what the node reports, so also where it did not watch; before 1.22 nodes report nothing
//!    of it, so there it is only noticed by who has seen the first container: see [`crate::kept_log`].

use crate::api::Pod;

/// What another container of the same pod means.
pub(crate) const STARTED_TWICE: &str =
    "Kubernetes started the program a second time: its node had lost the first container";
/// What it means where the node does not report that the first one ran.
const MADE_TWICE: &str =
    "Kubernetes made the container a second time: the program may have run before";

/// What the node of a pod reports of a second start.
pub(crate) fn reported(pod: &Pod) -> Option<&'static str> {
    let container = pod.container()?;
    // No pod of docket's is restarted after its end.
    if container.last_state.terminated.is_some() {
        return Some(STARTED_TWICE);
    }
    (container.restart_count > 0).then_some(MADE_TWICE)
}
