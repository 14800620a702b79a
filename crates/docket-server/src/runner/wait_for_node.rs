//! Containers that were asked to start on an engine of several nodes, and wait for one of them.
//!
//! 1. Such a container may start at any moment, so a run that is given up first makes sure that it cannot.

use std::time::Duration;

use docket_model::run::ContainerId;
use futures_util::StreamExt;
use tokio::time::{Instant, timeout_at};
use tracing::info;

use super::{
    attempt::Attempt,
    attempt_outcomes::{AttemptEnd, Break},
    engine_call_retry::Retry,
};
use crate::{
    engine::{EngineError, Handle, Observation},
    store::Progress,
};

/// How long a container may wait for a node: one that no node can take would wait for ever.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

impl Attempt<'_> {
    /// Waits until a node has started the container, and follows it to its end.
    pub(super) async fn wait_for_node(
        &mut self,
        container: &ContainerId,
    ) -> Result<AttemptEnd, Break> {
        self.container = Some(container.clone());
        self.may_start = true;
        let (engine, handle) = (&self.run.part.engine, Handle::from(container));
        let deadline = Instant::now() + LONGEST_WAIT;
        let mut retry = Retry::endless("the watch of a container").of_follow();
        let mut observations = engine.engine.watch(&handle);
        let mut reported = None;
        loop {
            let next = timeout_at(deadline, observations.next());
            let broken = match self.unless_cancelled(next).await? {
                Err(_) => return Err(EngineError::NotStartable(never_placed(reported)).into()),
                Ok(Some(Ok(Observation::Waiting(reason)))) => {
                    retry.made_progress();
                    if let Some(reason) = &reason
                        && reported.as_ref() != Some(reason)
                    {
                        info!(%container, reason, "the container waits for a node");
                        let reason = reason.clone();
                        self.note_best_effort(Progress::Waiting { reason }).await?;
                    }
                    reported = reason.or(reported);
                    continue;
                }
                Ok(Some(Ok(seen))) => {
                    self.may_start = false;
                    return self.continue_with(container, seen).await;
                }
                Ok(Some(Err(EngineError::Unreachable(reason)))) => reason,
                Ok(Some(Err(error))) => {
                    self.may_start = false;
                    return Err(error.into());
                }
                Ok(None) => "the watch ended before the container".to_owned(),
            };
            self.unless_cancelled(engine.wait_before_retry(&mut retry, &broken)).await??;
            observations = engine.engine.watch(&handle);
        }
    }
}

/// Says that no node has started a container, and why, where the engine said so.
fn never_placed(reason: Option<String>) -> String {
    let minutes = LONGEST_WAIT.as_secs() / 60;
    let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("no node started it within {minutes} minutes{reason}")
}
