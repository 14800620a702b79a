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
    owner: &Owner,
) -> Result<Vec<Found>, EngineError> {
    let Owner { namespace, store } = owner;
    let [namespace_label, store_label, ..] = LABELS;
    let labels = [format!("{namespace_label}={namespace}"), format!("{store_label}={store}")];
    let found = list(managers, &labels).await?.into_iter().filter_map(|service| found(&service));
    // A manager that took the filter for something else must not hand others' services out.
    Ok(found.filter(|found| owner.owns(found)).collect())
}

/// The services of this namespace and of other stores whose tasks run.
pub(super) async fn list_of_other_stores(
    managers: &Managers,
    owner: &Owner,
) -> Result<Vec<Found>, EngineError> {
    let [namespace_label, ..] = LABELS;
    let listed = list(managers, &[format!("{namespace_label}={}", owner.namespace)]).await?;
    let running = listed.iter().filter(|service| service.runs()).filter_map(found);
    Ok(running.filter(|found| owner.is_of_other_store(found)).collect())
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
