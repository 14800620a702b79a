//! Finding the containers of a server again by their labels.

use std::collections::HashMap;

use chrono::DateTime;
use docket_model::run::ContainerId;
use serde::Deserialize;
use serde_json::json;
use tracing::warn;

use crate::engine::docker_api::engine_client::Client;
use crate::engine::{EngineError, Found, Owner, container_plan::LABELS};

/// The label of a container that a Swarm's node runs as a task of a service.
const SWARM_TASK: &str = "com.docker.swarm.task.id";

/// A container in the engine's list. What docket does not need is not read.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    id: Box<str>,
    labels: Option<HashMap<String, String>>,
    /// In seconds since 1970.
    created: Option<i64>,
}

/// The containers of this namespace and this store, running or not.
pub(super) async fn list_owned(client: &Client, owner: &Owner) -> Result<Vec<Found>, EngineError> {
    let Owner { namespace, store } = owner;
    let [namespace_label, store_label, ..] = LABELS;
    let labels = [format!("{namespace_label}={namespace}"), format!("{store_label}={store}")];
    let found = list(client, &[("all", "1")], &json!({"label": labels})).await?;
    // An engine that took the filter for something else must not hand others' containers out.
    Ok(found.filter(|found| owner.owns(found)).collect())
}

/// The running containers of this namespace and of other stores.
pub(super) async fn list_of_other_stores(
    client: &Client,
    owner: &Owner,
) -> Result<Vec<Found>, EngineError> {
    let [namespace_label, ..] = LABELS;
    let label = format!("{namespace_label}={}", owner.namespace);
    // Only those that run: they show that another server uses the namespace now.
    let found = list(client, &[], &json!({"label": [label], "status": ["running"]})).await?;
    // The engine's filter cannot exclude the value of a label.
    Ok(found.filter(|found| owner.is_of_other_store(found)).collect())
}

async fn list(
    client: &Client,
    query: &[(&str, &str)],
    filters: &serde_json::Value,
) -> Result<impl Iterator<Item = Found> + use<>, EngineError> {
    let filters = filters.to_string();
    let query = [query, &[("filters", filters.as_str())]].concat();
    let listed: Vec<Listed> = client.get_json("/containers/json", &query).await?;
    Ok(listed.into_iter().filter_map(found))
}

/// Reads whose container it is; one whose labels do not say so is left out.
fn found(listed: Listed) -> Option<Found> {
    let Listed { id, labels, created } = listed;
    let labels = labels.unwrap_or_default();
    // The tasks of docket's services have its labels, too. They are those of the Swarm, which may be another
    // engine of this server.
    if labels.contains_key(SWARM_TASK) {
        return None;
    }
    let created_at = created.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    let handle = ContainerId(id.clone().into()).into();
    match Found::of(handle, &labels, created_at) {
        Ok(found) => Some(found),
        Err(label) => {
            warn!(container = %id, label, "a container's label does not say whose it is");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{
        super::tests::scripted_daemon::{Reply, Stub, plan},
        *,
    };

    fn owner() -> Owner {
        Owner { namespace: "docket".into(), store: Uuid::nil() }
    }

    /// A container in a list, with one label other than the plan's.
    fn listed(state: &str, (key, value): (&str, &str)) -> serde_json::Value {
        let mut labels: HashMap<_, _> =
            plan().identity.labels().map(|(key, value)| (key.to_owned(), value)).collect();
        labels.insert(key.to_owned(), value.to_owned());
        json!({"Id": state, "State": state, "Labels": labels, "Names": ["/x"]})
    }

    #[tokio::test]
    async fn a_container_whose_labels_do_not_say_that_it_is_ours_is_left_out() {
        let nil = Uuid::nil().to_string();
        let list = json!([
            listed("running", ("io.docket.attempt", "2")),
            listed("created", ("io.docket.attempt", "one")),
            listed("dead", ("io.docket.namespace", "other")),
            listed("exited", ("io.docket.store", &nil)),
            listed("of a Swarm", ("com.docker.swarm.task.id", "r8f3kq")),
            {"Id": "bare", "Labels": null},
        ]);
        let stub = Stub::start(move |_| Reply::Json(200, list.to_string()));

        let found = list_owned(&stub.client(), &owner()).await.unwrap();

        let found: Vec<_> = found
            .iter()
            .map(|found| (&*found.handle.id.0, found.identity.attempt.number))
            .collect();
        assert_eq!(found, [("running", 2), ("exited", 1)]);
        let filter = "filters=%7B%22label%22%3A%5B%22io.docket.namespace%3Ddocket%22%2C";
        assert_eq!(stub.count(&format!("GET /containers/json?all=1&{filter}")), 1);
    }

    #[tokio::test]
    async fn running_containers_of_other_stores_are_listed_without_its_own() {
        let other = Uuid::from_u128(1).to_string();
        let list = json!([
            listed("own", ("io.docket.attempt", "2")),
            listed("other", ("io.docket.store", &other)),
            listed("elsewhere", ("io.docket.namespace", "other")),
        ]);
        let stub = Stub::start(move |_| Reply::Json(200, list.to_string()));

        let found = list_of_other_stores(&stub.client(), &owner()).await.unwrap();

        let found: Vec<_> = found.iter().map(|found| &*found.handle.id.0).collect();
        assert_eq!(found, ["other"]);
        // Containers that do not run are left out by the engine.
        assert_eq!(stub.count("GET /containers/json?filters=%7B%22label%22"), 1);
    }

    #[tokio::test]
    async fn a_list_that_is_cut_off_is_no_list() {
        let list = json!([listed("running", ("io.docket.attempt", "2"))]).to_string();
        for length in [0, 1, list.len() / 2, list.len()] {
            let cut = list.get(..length).unwrap().as_bytes().to_vec();
            let stub = Stub::start(move |_| Reply::Broken(cut.clone()));

            let failure = list_owned(&stub.client(), &owner()).await.unwrap_err();

            assert!(matches!(failure, EngineError::Unreachable(_)), "{failure:?}");
        }
    }
}
