//! Trying a service out: it is created without a task under a name of its own, and removed.
//!
//! 1. It has no label that makes a service a run's, so no server ever takes it for one.

use std::path::Path;

use docket_model::run::ContainerId;
use serde_json::Value;
use uuid::Uuid;

use super::{
    create_service::{self, create, login},
    managers::Managers,
    placement, secrets_and_configs,
};
use crate::engine::{EngineError, Finding, Plan, Refusal, Trial, container_plan::LABELS};

/// The label of a check's service; its value distinguishes one check from another.
const LABEL: &str = "io.docket.check";

/// A service that never gets a task.
pub(super) struct TrialService {
    name: ContainerId,
    image: String,
    body: Value,
}

/// Looks up what the service refers to.
pub(super) async fn examine(managers: &Managers, plan: &Plan) -> Result<Trial, EngineError> {
    let parts = plan.container.parts();
    let constraints = placement::constraints(managers, plan).await?;
    let (files, missing) = secrets_and_configs::references(managers, parts.swarm.as_ref()).await?;
    if !missing.is_empty() {
        return Ok(Trial::new(missing, None::<TrialService>));
    }
    let id = Uuid::new_v4().simple().to_string();
    let name = format!("docket-check-{id}");
    let [namespace_label, ..] = LABELS;
    let labels = [(namespace_label, plan.identity.namespace.to_string()), (LABEL, id)];
    let body = create_service::body(&name, plan, parts, labels, &constraints, files);
    // What no service can have was found without asking the Swarm.
    let service = body.ok().map(|body| TrialService {
        name: ContainerId(name.into()),
        image: plan.container.image(),
        body,
    });
    Ok(Trial::new(Vec::new(), service))
}

impl TrialService {
    /// Creates it; returns what the Swarm says of it.
    pub(super) async fn create(
        &self,
        managers: &Managers,
        config: Option<&Path>,
    ) -> Result<Vec<Finding>, EngineError> {
        let (login, remark) = login(config, &self.image).await;
        let remark = remark.map(|remark| Finding::warning("Config.Image", remark));
        match create(managers, &self.body, login).await {
            // Nothing else has the name: an earlier request made it, whose answer was lost.
            Ok(_) | Err(EngineError::Refused { kind: Refusal::Conflict, .. }) => {
                Ok(Vec::from_iter(remark))
            }
            Err(EngineError::Refused { message, .. }) => Ok(vec![Finding::fatal("", message)]),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn remove(&self, managers: &Managers) -> Result<(), EngineError> {
        let left = || format!("the service `{}` of this check may stay behind", self.name);
        managers.delete_service(&self.name).await.map_err(|error| match error {
            EngineError::Refused { kind, message } => {
                EngineError::Refused { kind, message: format!("{}: {message}", left()) }
            }
            EngineError::Unreachable(reason) => {
                EngineError::Unreachable(format!("{}: {reason}", left()))
            }
            error => error,
        })
    }
}
