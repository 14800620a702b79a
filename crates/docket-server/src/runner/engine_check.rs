//! What an engine would make of a specification, without running it.

use docket_model::{
    Specification,
    run::{AttemptKey, Instant, RunId},
};
use uuid::Uuid;

use super::{Runner, environment};
use crate::engine::{EngineError, Finding, Identity, Plan};

impl Runner {
    /// Tells what would surprise when it runs.
    pub(crate) async fn check_on_engine(
        &self,
        specification: &Specification,
    ) -> Result<Vec<Finding>, EngineError> {
        let files = &specification.policies.env_files;
        let (environment, finding) = match environment::read(self.env_dir.as_deref(), files).await {
            Ok(environment) => (environment, None),
            Err(message) => {
                let field = "EnvFiles".to_owned();
                (Vec::new(), Some(Finding { field, message, is_fatal: true }))
            }
        };
        let id = RunId {
            allocation: specification.name.clone(),
            instant: Instant::new(self.clock.now()),
        };
        let plan = Plan {
            identity: Identity {
                namespace: self.namespace.clone(),
                store: self.store.id(),
                allocation: id.allocation,
                uid: Uuid::nil(),
                instant: id.instant,
                attempt: AttemptKey::FIRST,
            },
            labels: specification.labels.clone(),
            container: specification.container.clone(),
            environment,
            command: None,
            life: self.life,
        };
        let found = self.engine.engine.try_out(&plan, specification.policies.pull).await?;
        let below_container = found.into_iter().map(|finding| Finding {
            field: match finding.field.as_str() {
                "" => "Container".to_owned(),
                field => format!("Container.{field}"),
            },
            ..finding
        });
        Ok(finding.into_iter().chain(below_container).collect())
    }
}
