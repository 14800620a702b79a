//! Finding the pods of a server again by their labels.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use docket_server::engine::{EngineError, Found, Owner};

use crate::{
    api::{Listed, Pod},
    pod_owner::{self, is_removed, removed_since},
    pod_state::{PodState, state_of},
    remove_pod::purge_removed,
    shared_engine_state::{NAME_RETENTION, Pods},
};

/// The pods of this namespace and this store, in whatever state; removed ones whose names are free again go.
pub(crate) async fn owned(pods: &Arc<Pods>, owner: &Owner) -> Result<Vec<Found>, EngineError> {
    let Listed { pods: listed, at } = pods.cluster.list(&pod_owner::selector(owner)).await?;
    let (removed, present): (Vec<_>, Vec<_>) = listed.into_iter().partition(is_removed);
    for pod in removed.iter().filter(|pod| is_over_retention(pod, at)) {
        purge_removed(pods, &pod.metadata.name, &pod.metadata.uid).await;
    }
    let found = present.iter().filter_map(pod_owner::found);
    // Labels are shortened, so the annotations decide.
    Ok(found.filter(|found| owner.owns(found)).collect())
}

/// The pods of this namespace and of other stores that run, or are about to.
pub(crate) async fn running_of_other_stores(
    pods: &Pods,
    owner: &Owner,
) -> Result<Vec<Found>, EngineError> {
    let selector = pod_owner::selector_of_other_stores(owner);
    let listed = pods.cluster.list(&selector).await?.pods;
    let running = listed.iter().filter(|pod| {
        !is_removed(pod)
            && matches!(
                state_of(pod),
                PodState::Waiting(_) | PodState::Running { .. } | PodState::NodeAway { .. }
            )
    });
    let found = running.filter_map(pod_owner::found);
    Ok(found.filter(|found| owner.is_of_other_store(found)).collect())
}

/// Whether a removed pod has held its name long enough, by the clock of the cluster.
fn is_over_retention(pod: &Pod, now: Option<DateTime<Utc>>) -> bool {
    let retention = TimeDelta::from_std(NAME_RETENTION).unwrap_or(TimeDelta::MAX);
    now.zip(removed_since(pod)).is_some_and(|(now, since)| now - since >= retention)
}
