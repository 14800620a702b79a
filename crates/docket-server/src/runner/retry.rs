//! Calls that the engine does not answer, and how they are repeated.
//!
//! 1. One broken call does not mean that the engine is away: it is asked before others are told so.
//! 2. While it is away, calls wait for it. Where it is there, they are repeated with pauses, and what
//!    can be done without is given up in the end.

use std::time::Duration;

use docket_model::run::ContainerId;
use tokio::time::sleep;
use tracing::warn;

use super::{Runner, Stopped};
use crate::engine::{ContainerState, EngineError, Found};

/// The first pause before a call is repeated and the longest; it doubles.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));
/// How often an engine that is there may leave a call without an answer: it has a minute at least.
const MOST_TRIES: u32 = 10;

/// How often a call was made in vain, and what comes of it.
#[derive(Debug)]
pub(super) struct Patience {
    /// The call, in words.
    call: &'static str,
    tries: u32,
    /// None where only an answer will do.
    most: Option<u32>,
    pause: Duration,
    /// What was logged last.
    told: Option<String>,
}

impl Patience {
    /// For a call that is given up in the end.
    pub(super) fn bounded(call: &'static str) -> Self {
        Self { call, tries: 0, most: Some(MOST_TRIES), pause: PAUSES.0, told: None }
    }

    /// For a call that nothing can be decided without.
    pub(super) fn endless(call: &'static str) -> Self {
        Self { most: None, ..Self::bounded(call) }
    }

    /// Counts a call in vain, of an engine that is there; the error if it was the last.
    fn count(&mut self, reason: &str) -> Result<(), EngineError> {
        let Self { call, .. } = *self;
        self.tries = self.tries.saturating_add(1);
        if self.most.is_some_and(|most| self.tries >= most) {
            return Err(EngineError::NoAnswer {
                call,
                tries: self.tries,
                reason: reason.to_owned(),
            });
        }
        if self.told.as_deref() != Some(reason) {
            warn!(reason, "{call} got no answer, though the engine is there: it is made again");
            self.told = Some(reason.to_owned());
        }
        Ok(())
    }

    async fn rest(&mut self) {
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(PAUSES.1);
    }
}

impl Runner {
    /// Waits until a call that got no answer may be made again; an error where it is given up.
    pub(super) async fn bear(
        &self,
        patience: &mut Patience,
        reason: &str,
    ) -> Result<(), EngineError> {
        if self.engine.ping().await.is_ok() {
            patience.count(reason)?;
        } else {
            self.health.suspect(reason, self.clock.now());
            self.health.up().await;
        }
        patience.rest().await;
        Ok(())
    }

    /// Repeats a call that gets no answer; ends early when the server stops.
    pub(super) async fn persistently<T, F>(
        &self,
        call: &'static str,
        work: impl Fn() -> F,
    ) -> Result<Result<T, EngineError>, Stopped>
    where
        F: Future<Output = Result<T, EngineError>>,
    {
        let mut patience = Patience::bounded(call);
        loop {
            let reason = match work().await {
                Err(EngineError::Unreachable(reason)) => reason,
                answer => return Ok(answer),
            };
            let borne = self.unless_stopped(self.bear(&mut patience, &reason)).await?;
            if let Err(given_up) = borne {
                return Ok(Err(given_up));
            }
        }
    }

    /// Inspects a container until the engine reports where it is in its life; nothing once it is gone.
    pub(super) async fn inspect_until_known(
        &self,
        container: &ContainerId,
    ) -> Result<Option<ContainerState>, Stopped> {
        self.surely(|| self.engine.inspect(container)).await
    }

    /// Reads whose container it is until the engine reports that; nothing once it is gone.
    pub(super) async fn labels_until_known(
        &self,
        container: &ContainerId,
    ) -> Result<Option<Option<Found>>, Stopped> {
        self.surely(|| self.engine.labels(container)).await
    }

    /// Repeats an inspection of a container until it is answered; nothing once the container is gone.
    async fn surely<T, F>(&self, inspect: impl Fn() -> F) -> Result<Option<T>, Stopped>
    where
        F: Future<Output = Result<T, EngineError>>,
    {
        let mut patience = Patience::endless("the look at a container");
        loop {
            let reason = match inspect().await {
                Ok(answer) => return Ok(Some(answer)),
                Err(EngineError::Gone) => return Ok(None),
                Err(EngineError::Unreachable(reason)) => reason,
                Err(error) => error.to_string(),
            };
            // It is never given up, so there is no error.
            let _: Result<(), _> = self.unless_stopped(self.bear(&mut patience, &reason)).await?;
        }
    }
}
