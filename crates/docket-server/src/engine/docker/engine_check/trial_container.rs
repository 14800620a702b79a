//! Creating the container under a name of its own, and removing what came of it.

use std::collections::BTreeSet;

use bollard::query_parameters::{RemoveContainerOptionsBuilder, RemoveVolumeOptions};
use bytes::Bytes;
use serde_json::Value;
use uuid::Uuid;

use crate::engine::{
    EngineError, Finding, Plan, Refusal,
    container_plan::LABELS,
    docker::create,
    docker_api::{
        container_body,
        engine_client::{ANSWER_LIMIT, Client},
    },
};

/// The label of a check's container; its value distinguishes one check from another.
const LABEL: &str = "io.docket.check";

/// A container that is created and never started.
pub(crate) struct TrialContainer {
    name: String,
    platform: Option<String>,
    body: Bytes,
    /// Volumes that are not there, and come with the container.
    new_volumes: BTreeSet<String>,
}

impl TrialContainer {
    pub(super) fn new(plan: &Plan, platform: Option<&str>, new_volumes: BTreeSet<String>) -> Self {
        let namespace = plan.identity.namespace.to_string();
        let (id, _) = Uuid::new_v4().as_u64_pair();
        // Eight digits are enough to distinguish checks, which live for seconds.
        let id = format!("{:08x}", id >> 32);
        let name = format!("{namespace}.{}.check.{id}", plan.identity.allocation);
        let [namespace_label, ..] = LABELS;
        let labels = [(namespace_label, namespace), (LABEL, id)];
        let body = container_body::labelled(plan, plan.container.parts(), labels);
        let body = Bytes::from(Value::Object(body).to_string());
        Self { name, platform: platform.map(str::to_owned), body, new_volumes }
    }

    /// Creates it; returns what the engine says of it.
    pub(crate) async fn create(&self, client: &Client) -> Result<Vec<Finding>, EngineError> {
        let posted =
            create::post(client, &self.name, self.platform.as_deref(), self.body.clone()).await;
        let error = match posted {
            Ok(made) => {
                let warnings = made.warnings.into_iter();
                return Ok(warnings.map(|warning| Finding::warning("", warning)).collect());
            }
            Err(error) => client.or_unreachable(error).await,
        };
        match error {
            // Nothing else has the name: an earlier request made it, whose answer was lost.
            EngineError::Refused { kind: Refusal::Conflict, message }
                if message.contains(&self.name) =>
            {
                Ok(Vec::new())
            }
            EngineError::Refused { message, .. } => Ok(vec![Finding::fatal("", message)]),
            error => Err(error),
        }
    }

    /// Removes it, and the volumes. An engine leaves those behind that it made before it refused the
    /// container, so they are removed also where there is no container.
    pub(crate) async fn remove(&self, client: &Client) -> Result<(), EngineError> {
        let options = RemoveContainerOptionsBuilder::new().v(true).build();
        let removed = client.docker.remove_container(&self.name, Some(options));
        let removed = client.answer(ANSWER_LIMIT, removed).await;
        let mut outcome = unless_gone("container", &self.name, removed);
        for volume in &self.new_volumes {
            let removed = client.docker.remove_volume(volume, None::<RemoveVolumeOptions>);
            let removed = match client.answer(ANSWER_LIMIT, removed).await {
                // Another container uses it by now.
                Err(EngineError::Refused { kind: Refusal::Conflict, .. }) => Ok(()),
                removed => unless_gone("volume", volume, removed),
            };
            // The first error is returned, but the removal continues, so that as little as possible
            // is left.
            outcome = outcome.and(removed);
        }
        outcome
    }
}

/// Success where it is gone; else an error that names what stays behind.
fn unless_gone(
    kind: &str,
    name: &str,
    removed: Result<(), EngineError>,
) -> Result<(), EngineError> {
    let left = format!("the {kind} `{name}` of this check may stay behind");
    match removed {
        Err(EngineError::Refused { kind: Refusal::NotFound, .. }) => Ok(()),
        Err(EngineError::Refused { kind, message }) => {
            Err(EngineError::Refused { kind, message: format!("{left}: {message}") })
        }
        Err(EngineError::Unreachable(reason)) => {
            Err(EngineError::Unreachable(format!("{left}: {reason}")))
        }
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::super::tests::scripted_daemon::{Reply, Stub, plan},
        *,
    };

    fn container() -> TrialContainer {
        TrialContainer::new(&plan(), None, BTreeSet::from(["data".to_owned()]))
    }

    fn refusal(status: u16, message: &str) -> Reply {
        Reply::Json(status, serde_json::json!({"message": message}).to_string())
    }

    /// Refuses creations so; removals and everything else are done.
    fn stub(status: u16, message: String) -> Stub {
        Stub::start(move |request| match request.split_once(' ') {
            Some(("POST", _)) => refusal(status, &message),
            _ => Reply::Json(204, String::new()),
        })
    }

    #[tokio::test]
    async fn what_the_engine_refuses_is_fatal_in_its_words_and_what_it_made_before_is_removed() {
        let stub = stub(400, "Unknown runtime specified nope".to_owned());
        let (container, client) = (container(), stub.client());

        let findings = container.create(&client).await.unwrap();
        container.remove(&client).await.unwrap();

        assert_eq!(findings, [Finding::fatal("", "Unknown runtime specified nope".to_owned())]);
        assert_eq!(stub.count("DELETE /containers/docket.report.check."), 1);
        assert_eq!(stub.count("DELETE /volumes/data"), 1);
    }

    #[tokio::test]
    async fn a_container_that_an_earlier_request_made_is_no_finding() {
        let container = container();
        let stub = stub(409, format!("The container name \"/{}\" is in use", container.name));

        assert_eq!(container.create(&stub.client()).await, Ok(Vec::new()));
        assert_eq!(stub.count("POST /containers/create"), 1);
    }

    #[tokio::test]
    async fn a_removal_is_one_request_for_each_thing_and_its_error_names_what_stays() {
        let stub = Stub::start(|request| match request {
            "DELETE /volumes/data" => refusal(500, "busy"),
            _ => Reply::Json(204, String::new()),
        });

        let left = container().remove(&stub.client()).await.unwrap_err();

        let message = "the volume `data` of this check may stay behind: busy";
        let kind = Refusal::Failed;
        assert_eq!(left, EngineError::Refused { kind, message: message.to_owned() });
        assert_eq!(stub.count("DELETE"), 2);
    }
}
