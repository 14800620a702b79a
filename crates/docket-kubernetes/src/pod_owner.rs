//! Whose a pod is: short labels to find it by, and the whole identity in annotations.
//!
//! 1. The annotations decide. A label's value must begin and end with a letter or a digit and has at most 63
//!    characters, which names of allocations and namespaces need not.

use chrono::{DateTime, Utc};
use docket_server::engine::{EngineError, Found, Identity, Owner, Past, Plan, short_name};
use serde_json::{Map, Value};
use tracing::warn;

use crate::api::{Metadata, Pod};

/// Keeps the pod, with its exit code and its name, until docket has recorded its end.
pub(crate) const FINALIZER: &str = "docket.io/recorded";
/// The annotation of a pod that docket has removed, and that only holds its name: whether it ever ran.
pub(crate) const REMOVED: &str = "io.docket.removed";
/// The value for a pod that never ran, and the one for all others.
pub(crate) const NEVER_RAN: &str = "never started";
pub(crate) const HAS_ENDED: &str = "ended";
/// The annotation of a pod that was removed after its end: when, by the clock of the cluster.
pub(crate) const REMOVED_AT: &str = "io.docket.removed-at";
/// The annotation of a pod that was deleted with a grace: why, for the case that it was not started.
pub(crate) const STOPPED: &str = "io.docket.stopped";
/// Its value where the run was stopped: by `Timeout` or a cancellation.
pub(crate) const BY_A_STOP: &str = "docket stopped the pod before it was started";
/// Its value where docket did not delete the pod.
pub(crate) const BY_SOMEONE_ELSE: &str =
    "the pod was deleted by someone else before it was started";

const KEY: &str = "io.docket.key";
const STORE: &str = "io.docket.store";
const NAMESPACE: &str = "io.docket.namespace";

/// The labels by which a pod is found.
pub(crate) fn labels(identity: &Identity) -> Map<String, Value> {
    let labels = [
        (KEY, key(identity)),
        (STORE, identity.store.to_string()),
        (NAMESPACE, namespace_label(&identity.namespace)),
    ];
    labels.into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect()
}

/// The digits of the pod's name, which stand for namespace, allocation, instant and attempt.
fn key(identity: &Identity) -> String {
    let name = short_name(identity);
    name.rsplit('-').next().unwrap_or_default().to_owned()
}

/// The annotations that say whose a pod is.
pub(crate) fn annotations(plan: &Plan) -> Map<String, Value> {
    plan.own_labels().map(|(key, value)| (key.to_owned(), value.into())).collect()
}

/// The selector of an owner's pods.
pub(crate) fn selector(Owner { namespace, store }: &Owner) -> String {
    format!("{STORE}={store},{NAMESPACE}={}", namespace_label(namespace))
}

/// The selector of the pods of a namespace that belong to other stores.
pub(crate) fn selector_of_other_stores(Owner { namespace, store }: &Owner) -> String {
    format!("{STORE},{STORE}!={store},{NAMESPACE}={}", namespace_label(namespace))
}

/// A namespace may end with hyphens, which a label's value may not.
fn namespace_label(namespace: &str) -> String {
    namespace.trim_end_matches('-').to_owned()
}

/// A pod with its owner; nothing where its annotations do not say whose it is.
pub(crate) fn found(pod: &Pod) -> Option<Found> {
    let Pod { metadata, .. } = pod;
    match Found::of(pod.handle(), &metadata.annotations, metadata.creation_timestamp) {
        Ok(found) => Some(found),
        Err(annotation) => {
            warn!(pod = metadata.name, annotation, "a pod's annotation does not say whose it is");
            None
        }
    }
}

/// Whether the annotations of a pod are those of this identity.
pub(crate) fn belongs_to(pod: &Pod, identity: &Identity) -> bool {
    Identity::of(&pod.metadata.annotations).as_ref() == Ok(identity)
}

/// True of a pod that docket has removed, and that only holds its name.
pub(crate) fn is_removed(pod: &Pod) -> bool {
    pod.metadata.annotations.contains_key(REMOVED)
}

/// Since when a pod that docket has removed holds its name, by the clock of the cluster.
pub(crate) fn removed_since(pod: &Pod) -> Option<DateTime<Utc>> {
    let Metadata { annotations, deletion_timestamp, creation_timestamp, .. } = &pod.metadata;
    let marked = annotations.get(REMOVED_AT).and_then(|at| at.parse().ok());
    marked.or(*deletion_timestamp).or(*creation_timestamp)
}

/// What is known of a pod that docket has removed; nothing of others.
pub(crate) fn past(pod: &Pod) -> Option<Past> {
    let removed = pod.metadata.annotations.get(REMOVED)?;
    Some(if removed == NEVER_RAN { Past::NeverRan } else { Past::Unknown })
}

/// Another pod has the name.
pub(crate) fn name_held(pod: &Pod) -> EngineError {
    let image = pod.spec.containers.first().map(|container| container.image.as_str());
    let kind = if is_removed(pod) { "the removed pod" } else { "pod" };
    let holder = format!("{kind} {} (image `{}`)", pod.id(), image.unwrap_or_default());
    EngineError::NameHeld { holder }
}
