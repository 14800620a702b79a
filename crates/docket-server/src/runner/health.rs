//! Whether the engine answers, for everyone who has to know.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    clock::Clock,
    engine::{Engine, EngineInfo},
};

/// How often an engine that answers is asked again. A run that gets no answer says so at once.
const ASK_EVERY: Duration = Duration::from_secs(5);
/// How often an engine that is away is asked.
const ASK_AGAIN_EVERY: Duration = Duration::from_millis(250);
/// How often an engine that answers is asked what it is: one with many containers takes long to tell.
const LEARN_EVERY: Duration = Duration::from_secs(60);

/// What is known of the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EngineState {
    /// Nobody has asked it yet.
    Unknown,
    /// It answers.
    Up(Arc<EngineInfo>),
    /// It does not answer.
    Away {
        /// Since when.
        since: DateTime<Utc>,
        /// What was tried, and how it failed.
        reason: String,
    },
}

/// Asks the engine now and then, and lets others wait for it.
#[derive(Debug)]
pub(crate) struct EngineHealth {
    state: watch::Sender<EngineState>,
    suspected: Notify,
}

impl EngineHealth {
    /// Nothing is known yet.
    pub(crate) fn new() -> Self {
        Self { state: watch::Sender::new(EngineState::Unknown), suspected: Notify::new() }
    }

    /// What is known now.
    pub(crate) fn state(&self) -> EngineState {
        self.state.borrow().clone()
    }

    /// True while the engine answers.
    pub(crate) fn is_up(&self) -> bool {
        matches!(*self.state.borrow(), EngineState::Up(_))
    }

    /// Follows what is known.
    pub(crate) fn watch(&self) -> watch::Receiver<EngineState> {
        self.state.subscribe()
    }

    /// Waits until the engine answers.
    pub(crate) async fn up(&self) {
        let up = |state: &EngineState| matches!(state, EngineState::Up(_));
        // The sender lives in `self`, so waiting cannot fail.
        let _ = self.state.subscribe().wait_for(up).await;
    }

    /// Says that the engine gave no answer: it counts as away until it answers again.
    pub(crate) fn suspect(&self, reason: &str, now: DateTime<Utc>) {
        self.away(reason, now);
        self.suspected.notify_one();
    }

    /// Asks the engine until it is told to stop.
    pub(crate) async fn watch_over(
        &self,
        engine: &dyn Engine,
        clock: &dyn Clock,
        stop: CancellationToken,
    ) {
        let mut learnt_at = Instant::now();
        loop {
            let answers = engine.ping().await;
            if let Err(error) = answers {
                self.away(&error.to_string(), clock.now());
            } else if !self.is_up() || learnt_at.elapsed() >= LEARN_EVERY {
                match engine.info().await {
                    Ok(info) => {
                        learnt_at = Instant::now();
                        self.came_up(info, clock.now());
                    }
                    // It answers, and is what it was.
                    Err(_) if self.is_up() => {}
                    Err(error) => self.away(&error.to_string(), clock.now()),
                }
            }
            let pause = if self.is_up() { ASK_EVERY } else { ASK_AGAIN_EVERY };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.suspected.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    fn came_up(&self, info: EngineInfo, now: DateTime<Utc>) {
        self.state.send_if_modified(|state| {
            let EngineInfo { version, api_version, cores, .. } = &info;
            match state {
                EngineState::Up(before) if **before == info => return false,
                EngineState::Away { since, .. } => {
                    let seconds = (now - *since).num_seconds();
                    info!(version, api_version, cores, "the engine is back after {seconds} s");
                }
                _ => info!(version, api_version, cores, "the engine answers"),
            }
            *state = EngineState::Up(Arc::new(info));
            true
        });
    }

    fn away(&self, reason: &str, now: DateTime<Utc>) {
        self.state.send_if_modified(|state| {
            if matches!(state, EngineState::Away { .. }) {
                return false;
            }
            warn!(reason, "the engine does not answer: nothing starts until it does");
            *state = EngineState::Away { since: now, reason: reason.to_owned() };
            true
        });
    }
}

impl Default for EngineHealth {
    fn default() -> Self {
        Self::new()
    }
}
