//! Asking the API server whether it would create a pod, by a create that makes nothing.
//!
//! 1. What only nodes know is not found so: the image, and secrets and volumes that the pod refers to.

use docket_server::engine::{EngineError, Finding, Plan, Trial};
use serde_json::Value;

use crate::{create_pod, shared_engine_state::Pods};

/// Makes the pod that would be created.
pub(crate) async fn examine(pods: &Pods, plan: &Plan) -> Result<Trial, EngineError> {
    match create_pod::body(pods, plan).await {
        Ok(body) => Ok(Trial::new(Vec::new(), Some(body))),
        // What no pod can have was found without asking the cluster.
        Err(EngineError::Refused { .. }) => Ok(Trial::new(Vec::new(), None::<Value>)),
        Err(error) => Err(error),
    }
}

/// Reports why the API server would refuse it.
pub(crate) async fn try_out(pods: &Pods, trial: &Trial) -> Result<Vec<Finding>, EngineError> {
    let Some(body) = trial.container::<Value>() else { return Ok(Vec::new()) };
    match pods.cluster.create(body, true).await.map_err(EngineError::from) {
        Ok(_) => Ok(Vec::new()),
        Err(EngineError::Refused { message, .. }) => Ok(vec![Finding::fatal("", message)]),
        Err(error) => Err(error),
    }
}
