//! The check of a specification on an engine: its container is created and removed, and never started.
//!
//! 1. What a check creates is removed, also where the client that asked for it has gone.

use std::sync::Arc;

use docket_model::{
    Specification,
    allocation::Pull,
    journal::shown,
    run::{AttemptKey, Instant, RunId},
};
use uuid::Uuid;

use super::{
    EngineState, Stopped, container_planner::Planner, engine_call_retry::EngineAccess,
    runs_of_term::RunRecords,
};
use crate::engine::{EngineError, Finding, Plan, Trial};

/// Checks specifications on engines.
#[derive(Debug)]
pub(crate) struct EngineCheck<'a> {
    pub(super) records: &'a RunRecords,
    pub(super) planner: &'a Planner,
}

impl EngineCheck<'_> {
    /// Reports what would surprise when it runs on this engine.
    pub(crate) async fn check(
        &self,
        engine: &Arc<EngineAccess>,
        specification: &Specification,
    ) -> Result<Vec<Finding>, EngineError> {
        // Each call of a check would otherwise wait for the answer that others have waited for in vain.
        let unused = match engine.health.state() {
            EngineState::Away { since, .. } => {
                Some(format!("it has not answered since {}", shown(since)))
            }
            EngineState::Refused { reason, .. } => Some(reason),
            EngineState::Unknown | EngineState::Up(_) => None,
        };
        if let Some(reason) = unused {
            return Err(EngineError::Unreachable(reason));
        }
        let id = RunId {
            allocation: specification.name.clone(),
            instant: Instant::new(self.records.now()),
        };
        // No allocation has this uid, so the trial is never taken for the container of a run.
        let identity = self.planner.identity(&id, Uuid::nil(), AttemptKey::FIRST);
        let (plan, finding) = match self.planner.plan(identity.clone(), engine, specification).await
        {
            Ok(plan) => (plan, None),
            Err(message) => {
                // The engine is still asked about the rest, so that one check reports all that is
                // wrong.
                let finding = Finding { field: "EnvFiles".to_owned(), message, is_fatal: true };
                (self.planner.plan_without_files(identity, engine, specification), Some(finding))
            }
        };
        let without_asking = engine.check(specification);
        let (engine, pull) = (Arc::clone(engine), specification.policies.pull);
        let checked =
            self.records.term.to_its_end(async move { check(&engine, &plan, pull).await });
        let found = checked.await.flatten().unwrap_or_else(|Stopped| {
            Err(EngineError::Unreachable("the server is stopping".to_owned()))
        })?;
        let below_container = found.into_iter().map(Finding::below_container);
        Ok(finding.into_iter().chain(without_asking).chain(below_container).collect())
    }
}

async fn check(
    engine: &EngineAccess,
    plan: &Plan,
    pull: Pull,
) -> Result<Result<Vec<Finding>, EngineError>, Stopped> {
    let Some(trials) = engine.engine.trials() else {
        let message = format!(
            "only its options were checked: the engine `{}` cannot try containers out",
            engine.name
        );
        return Ok(Ok(vec![Finding::warning("", message)]));
    };
    let examined = engine.retry_briefly(|| trials.examine(plan, pull)).await?;
    let trial = match examined {
        Ok(trial) => trial,
        Err(error) => return Ok(Err(error)),
    };
    let tried = engine.retry_briefly(|| trials.try_out(&trial)).await?;
    // Before the result of the trial is looked at, so that a failed trial is removed, too.
    let removed = engine.retry_briefly(|| trials.clean_up(&trial)).await?;
    let Trial { mut findings, .. } = trial;
    let left = match removed {
        Err(EngineError::Refused { message, .. }) => Some(Finding::warning("", message)),
        Err(error) => return Ok(tried.and(Err(error))),
        Ok(()) => None,
    };
    Ok(tried.map(|found| {
        findings.extend(found.into_iter().chain(left));
        findings
    }))
}
