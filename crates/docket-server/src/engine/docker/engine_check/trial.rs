//! Creating the container under a name of its own, and removing what came of it.

use std::{collections::BTreeSet, time::Duration};

use bollard::query_parameters::{RemoveContainerOptionsBuilder, RemoveVolumeOptions};
use bytes::Bytes;
use docket_model::run::ContainerId;
use serde_json::Value;
use uuid::Uuid;

use super::{fatal, surprise};
use crate::engine::{
    EngineError, Finding, Plan, Prepared, Refusal,
    docker::{
        client::{ANSWER_LIMIT, Client},
        create,
    },
    plan::LABELS,
};

/// The label of a rehearsal's container; its value tells one rehearsal from another.
const LABEL: &str = "io.docket.rehearsal";
/// How often, and after what pause, the removal is tried where the engine gives no answer or fails.
const REMOVAL: (u32, Duration) = (5, Duration::from_secs(1));

/// A container that is created and never started.
pub(super) struct Trial {
    client: Client,
    name: String,
    platform: Option<String>,
    body: Bytes,
    /// Volumes that are not there, and come with the container.
    new_volumes: BTreeSet<String>,
}

impl Trial {
    pub(super) fn new(
        client: Client,
        plan: &Plan,
        platform: Option<&str>,
        new_volumes: BTreeSet<String>,
    ) -> Self {
        let namespace = plan.identity.namespace.to_string();
        let (id, _) = Uuid::new_v4().as_u64_pair();
        let id = format!("{:08x}", id >> 32);
        let name = format!("{namespace}.{}.rehearsal.{id}", plan.identity.allocation);
        let [namespace_label, ..] = LABELS;
        let body = plan.labelled([(namespace_label, namespace), (LABEL, id)]);
        let body = Bytes::from(Value::Object(body).to_string());
        Self { client, name, platform: platform.map(str::to_owned), body, new_volumes }
    }

    /// Creates and removes; returns what the engine had to say.
    pub(super) async fn carry_out(self) -> Result<Vec<Finding>, EngineError> {
        let created = self.create().await;
        // Also after a refusal: the engine leaves the named volumes behind that it made before.
        let left = self.clean_up().await;
        let mut findings = match created {
            Ok(made) => made.warnings.into_iter().map(|warning| surprise("", warning)).collect(),
            Err(error) => match self.client.or_unreachable(error).await {
                EngineError::Refused { message, .. } => vec![fatal("", message)],
                error => return Err(error),
            },
        };
        findings.extend(left?);
        Ok(findings)
    }

    /// Creates the container; one whose answer was lost is found by its name, which nobody else has.
    async fn create(&self) -> Result<Prepared, EngineError> {
        match self.post().await {
            Err(EngineError::Unreachable(_)) => match self.post().await {
                Err(EngineError::Refused { kind: Refusal::Conflict, .. }) => {
                    let id = ContainerId(self.name.as_str().into());
                    Ok(Prepared { joined: true, ..Prepared::new(id.into()) })
                }
                answer => answer,
            },
            answer => answer,
        }
    }

    async fn post(&self) -> Result<Prepared, EngineError> {
        create::post(&self.client, &self.name, self.platform.as_deref(), self.body.clone()).await
    }

    /// Removes the container and the volumes; tells what has to be removed by hand.
    async fn clean_up(&self) -> Result<Vec<Finding>, EngineError> {
        let (tries, pause) = REMOVAL;
        for _ in 1..tries {
            match self.remove().await {
                Ok(left) if left.is_empty() => return Ok(left),
                Ok(_) | Err(EngineError::Unreachable(_)) => tokio::time::sleep(pause).await,
                error => return error,
            }
        }
        self.remove().await
    }

    async fn remove(&self) -> Result<Vec<Finding>, EngineError> {
        let Self { client, name, .. } = self;
        let options = RemoveContainerOptionsBuilder::new().v(true).build();
        let removed = client.docker.remove_container(name, Some(options));
        let mut left = Vec::new();
        left.extend(unless_gone("container", name, client.answer(ANSWER_LIMIT, removed).await)?);
        for volume in &self.new_volumes {
            let removed = client.docker.remove_volume(volume, None::<RemoveVolumeOptions>);
            let removed = client.answer(ANSWER_LIMIT, removed).await;
            left.extend(match removed {
                // Someone uses it by now, so it is theirs.
                Err(EngineError::Refused { kind: Refusal::Conflict, .. }) => None,
                removed => unless_gone("volume", volume, removed)?,
            });
        }
        Ok(left)
    }
}

/// Nothing where it is gone; else that it stays behind.
fn unless_gone(
    kind: &str,
    name: &str,
    removed: Result<(), EngineError>,
) -> Result<Option<Finding>, EngineError> {
    match removed {
        Ok(()) | Err(EngineError::Refused { kind: Refusal::NotFound, .. }) => Ok(None),
        Err(EngineError::Unreachable(reason)) => Err(EngineError::Unreachable(format!(
            "{reason}; the {kind} `{name}` of a rehearsal may be left behind"
        ))),
        Err(error) => {
            let message = format!("the {kind} `{name}` of this rehearsal stays behind: {error}");
            Ok(Some(surprise("", message)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::super::stub::{Reply, Stub, plan},
        *,
    };

    async fn tried(stub: &Stub) -> Result<Vec<Finding>, EngineError> {
        let new_volumes = BTreeSet::from(["data".to_owned()]);
        Trial::new(stub.client(), &plan(), None, new_volumes).carry_out().await
    }

    fn refusal(status: u16, message: &str) -> Reply {
        Reply::Json(status, serde_json::json!({"message": message}).to_string())
    }

    fn done() -> Reply {
        Reply::Json(204, String::new())
    }

    /// Answers creations in their turn; removals and everything else are done.
    fn stub<const N: usize>(creations: [Reply; N]) -> Stub {
        let mut creations = creations.into_iter();
        Stub::start(move |request| match request.split_once(' ') {
            Some(("POST", _)) => creations.next().unwrap(),
            _ => done(),
        })
    }

    #[tokio::test]
    async fn what_the_engine_refuses_is_told_and_what_it_made_before_is_removed() {
        let stub = stub([refusal(400, "Unknown runtime specified nope")]);

        let findings = tried(&stub).await.unwrap();

        assert_eq!(findings, [fatal("", "Unknown runtime specified nope".to_owned())]);
        assert_eq!(stub.count("DELETE /containers/docket.report.rehearsal."), 1);
        assert_eq!(stub.count("DELETE /volumes/data"), 1);
    }

    #[tokio::test]
    async fn a_creation_whose_answer_is_lost_leaves_nothing_behind() {
        let stub = stub([Reply::Lost, refusal(409, "the name is in use")]);

        assert_eq!(tried(&stub).await, Ok(Vec::new()));
        assert_eq!(stub.count("DELETE /containers/docket.report.rehearsal."), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_removal_whose_answer_is_lost_is_sent_again_and_what_stays_is_named() {
        let mut answers = [Reply::Lost, refusal(500, "fails once")].into_iter();
        let stub = Stub::start(move |request| match request.split_once(' ') {
            Some(("POST", _)) => Reply::Json(201, r#"{"Id":"c1","Warnings":["swap"]}"#.to_owned()),
            Some((_, "/volumes/data")) => refusal(500, "busy"),
            _ => answers.next().unwrap_or_else(done),
        });

        let findings = tried(&stub).await.unwrap();

        let stays = "the volume `data` of this rehearsal stays behind: busy";
        assert_eq!(findings, [surprise("", "swap".to_owned()), surprise("", stays.to_owned())]);
    }
}
