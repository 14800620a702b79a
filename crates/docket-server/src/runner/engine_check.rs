//! What an engine would make of a specification, without running it.

use docket_model::{
    Specification,
    run::{AttemptKey, Instant, RunId},
};
use uuid::Uuid;

use super::Runner;
use crate::engine::{EngineError, Finding};

impl Runner {
    /// Tells what would surprise when it runs.
    pub(crate) async fn check_on_engine(
        &self,
        specification: &Specification,
    ) -> Result<Vec<Finding>, EngineError> {
        let id = RunId {
            allocation: specification.name.clone(),
            instant: Instant::new(self.store.now()),
        };
        let identity = self.planner.identity(&id, Uuid::nil(), AttemptKey::FIRST);
        let (plan, finding) = match self.planner.plan(identity.clone(), specification).await {
            Ok(plan) => (plan, None),
            Err(message) => {
                let finding = Finding { field: "EnvFiles".to_owned(), message, is_fatal: true };
                (self.planner.plan_without_files(identity, specification), Some(finding))
            }
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
