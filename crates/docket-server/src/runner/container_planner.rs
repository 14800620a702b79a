//! Plans the container that an engine creates for an attempt.

use std::{path::PathBuf, sync::Arc};

use docket_model::{Life, RunId, Specification, run::AttemptKey};
use uuid::Uuid;

use super::env_files;
use crate::engine::{Identity, Owner, Plan, engine_registry::NamedEngine};

/// Plans containers.
#[derive(Debug)]
pub(crate) struct Planner {
    pub(super) owner: Owner,
    /// The life of the server that creates them.
    pub(super) life: Life,
    /// Where the files of `EnvFiles` are.
    pub(super) env_dir: Option<PathBuf>,
}

impl Planner {
    /// Whose containers are this server's.
    pub(crate) fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Whose the container of an attempt is.
    pub(super) fn identity(&self, run: &RunId, uid: Uuid, attempt: AttemptKey) -> Identity {
        let Owner { namespace, store } = &self.owner;
        Identity {
            namespace: Arc::clone(namespace),
            store: *store,
            allocation: run.allocation.clone(),
            uid,
            instant: run.instant,
            attempt,
        }
    }

    /// The container of a specification, on an engine.
    ///
    /// # Errors
    /// Which file of its environment cannot be used, and why.
    pub(super) async fn plan(
        &self,
        identity: Identity,
        engine: &NamedEngine,
        specification: &Specification,
    ) -> Result<Plan, String> {
        let files = &specification.policies.env_files;
        let environment = env_files::read(self.env_dir.as_deref(), files).await?;
        Ok(Plan { environment, ..self.plan_without_files(identity, engine, specification) })
    }

    /// The container of a specification, without the variables of its `EnvFiles`.
    pub(super) fn plan_without_files(
        &self,
        identity: Identity,
        engine: &NamedEngine,
        specification: &Specification,
    ) -> Plan {
        Plan {
            identity,
            life: self.life,
            labels: specification.labels.clone(),
            container: specification.container.clone(),
            environment: Vec::new(),
            command: None,
            pull: specification.policies.pull,
            placement: engine.placement_on_nodes(&specification.policies.placement),
            node: None,
            parts: 1,
        }
    }
}
