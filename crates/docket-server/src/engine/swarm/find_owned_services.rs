//! Finding the services of a server again by their labels.

use tracing::warn;

use super::{
    managers::{Managers, labelled, or_no_answer},
    service::Service,
};
use crate::engine::{EngineError, Found, Owner, container_plan::LABELS};

/// The services of this namespace and this store, whatever their tasks do.
pub(super) async fn list_owned(
    managers: &Managers,
    Owner { namespace, store }: &Owner,
) -> Result<Vec<Found>, EngineError> {
    let [namespace_label, store_label, ..] = LABELS;
    let labels = [format!("{namespace_label}={namespace}"), format!("{store_label}={store}")];
    let found = list(managers, &labels).await?.into_iter().filter_map(|service| found(&service));
    // A manager that took the filter for something else must not hand others' services out.
    let is_ours =
        |found: &Found| found.identity.namespace == *namespace && found.identity.store == *store;
    Ok(found.filter(is_ours).collect())
}

/// The services of this namespace and of other stores whose tasks run.
pub(super) async fn list_of_other_stores(
    managers: &Managers,
    Owner { namespace, store }: &Owner,
) -> Result<Vec<Found>, EngineError> {
    let [namespace_label, ..] = LABELS;
    let listed = list(managers, &[format!("{namespace_label}={namespace}")]).await?;
    let running = listed.iter().filter(|service| service.runs()).filter_map(found);
    let is_others =
        |found: &Found| found.identity.namespace == *namespace && found.identity.store != *store;
    Ok(running.filter(is_others).collect())
}

async fn list(managers: &Managers, labels: &[String]) -> Result<Vec<Service>, EngineError> {
    let listed = managers.list("/services", &labelled(labels)).await;
    listed.map_err(|error| or_no_answer(error, "the list of services"))
}

/// Reads whose service it is; one whose labels do not say so is left out.
fn found(service: &Service) -> Option<Found> {
    let found = service.found();
    if let Err(label) = &found {
        warn!(service = %service.id, label, "a service's label does not say whose it is");
    }
    found.ok()
}
