//! Containers that were asked to start on an engine of several nodes, and wait for one of them.
//!
//! 1. Such a container may start at any moment, so a run that is given up first makes sure that it cannot.
//! 2. Where its node is out of reach, that is not known before the node reports, or counts as lost.

use std::time::Duration;

use docket_model::run::ContainerId;
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, timeout_at};
use tracing::{info, warn};

use super::{
    Stopped,
    attempt::Attempt,
    attempt_outcomes::{AttemptEnd, Break},
    engine_call_retry::{NodeOutage, Retry, WATCH, WATCH_ENDED},
};
use crate::{
    engine::{EngineError, Handle, Observation},
    store::Progress,
};

/// How long a container may wait for a node: one that no node can take would wait for ever.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

impl Attempt<'_> {
    /// Waits until a node has started the container, which was seen like this, and follows it to its end.
    pub(super) async fn wait_for_node(
        &mut self,
        container: &ContainerId,
        seen: Observation,
    ) -> Result<AttemptEnd, Break> {
        self.container = Some(container.clone());
        self.may_start = true;
        let (engine, handle) = (&self.run.part.engine, Handle::from(container));
        let deadline = Instant::now() + self.rest_of_wait();
        let mut retry = Retry::endless(WATCH).of_follow();
        let mut outage = NodeOutage::default();
        // Also once the time is over: it says why the container waits, and whether its node is away.
        let first = stream::iter([Ok(seen)]);
        let mut observations = first.chain(engine.engine.watch(&handle)).boxed();
        let mut reported = None;
        loop {
            let next = async {
                // A node that is away may have started it, so the wait for a node may be over.
                if outage.is_on() {
                    return Ok(observations.next().await);
                }
                timeout_at(deadline, observations.next()).await
            };
            let broken = match self.unless_cancelled(next).await? {
                Err(_) => return Err(EngineError::NotStartable(never_placed(reported)).into()),
                Ok(Some(Ok(Observation::Waiting(reason)))) => {
                    retry.made_progress();
                    outage.ends();
                    self.note_waiting(container, &mut reported, reason).await?;
                    continue;
                }
                Ok(Some(Ok(Observation::NodeAway { node, was_running: false, since }))) => {
                    retry.made_progress();
                    outage.begins(engine.health.time_since(since));
                    if let Err(lost) = outage.lasts(&node) {
                        self.may_start = false;
                        return Err(lost.into());
                    }
                    self.note_waiting(container, &mut reported, Some(not_reported(&node))).await?;
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
                Ok(None) => WATCH_ENDED.to_owned(),
            };
            self.unless_cancelled(engine.wait_before_retry(&mut retry, &broken)).await??;
            observations = engine.engine.watch(&handle);
        }
    }

    /// How much longer it may wait for a node, counted from its creation on record: a restart of the server does
    /// not begin the wait anew.
    fn rest_of_wait(&self) -> Duration {
        let waited = self.created_at.map(|at| self.run.context.records.now() - at);
        // A clock that was set back makes the wait no longer than one without a restart.
        let waited = waited.and_then(|waited| waited.to_std().ok()).unwrap_or_default();
        LONGEST_WAIT.saturating_sub(waited)
    }

    /// Notes why the container waits, where that has changed.
    async fn note_waiting(
        &self,
        container: &ContainerId,
        reported: &mut Option<String>,
        reason: Option<String>,
    ) -> Result<(), Stopped> {
        let Some(reason) = reason.filter(|reason| reported.as_ref() != Some(reason)) else {
            return Ok(());
        };
        info!(%container, reason, "the container waits for a node");
        *reported = Some(reason.clone());
        self.note_best_effort(Progress::Waiting { reason }).await
    }

    /// Waits until the node of a container that was to be started, and that is to start no longer, has reported
    /// something; an error once the node counts as lost.
    pub(super) async fn wait_for_report(&mut self, container: &ContainerId) -> Result<(), Break> {
        let (engine, handle) = (&self.run.part.engine, Handle::from(container));
        let mut retry = Retry::endless(WATCH).of_follow();
        let mut outage = NodeOutage::default();
        let reported = async {
            loop {
                let mut observations = engine.engine.watch(&handle);
                let broken = loop {
                    match observations.next().await {
                        Some(Ok(Observation::NodeAway { node, was_running: false, since })) => {
                            retry.made_progress();
                            if outage.begins(engine.health.time_since(since)) {
                                warn!(%container, "{}", not_reported(&node));
                            }
                            outage.lasts(&node)?;
                        }
                        Some(Err(EngineError::Unreachable(reason))) => break reason,
                        Some(Err(lost @ EngineError::NodeLost(_))) => return Err(lost),
                        // What it is decides the next request to disarm the container.
                        Some(_) => return Ok(()),
                        None => break WATCH_ENDED.to_owned(),
                    }
                };
                engine.wait_before_retry(&mut retry, &broken).await?;
            }
        };
        let reported = engine.term.unless_ended(reported).await?;
        self.may_start &= reported.is_ok();
        Ok(reported?)
    }
}

/// Says that it is not known whether a container is started.
fn not_reported(node: &str) -> String {
    format!(
        "its node `{node}` is out of reach, and has not reported whether it starts the container"
    )
}

/// Says that no node has started a container, and why, where the engine said so.
fn never_placed(reason: Option<String>) -> String {
    let minutes = LONGEST_WAIT.as_secs() / 60;
    let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("no node started it within {minutes} minutes{reason}")
}
