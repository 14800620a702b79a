//! What begins and ends with an engine's outage: pauses on record, and what was delayed by it.

use std::sync::Arc;

use chrono::TimeDelta;
use docket_model::{
    Allocation,
    journal::{Cause, Pause},
};
use futures_util::future::join_all;

use super::{Runner, Stopped, engine_call_retry::EngineAccess};
use crate::engine::engine_registry::EngineState;

/// The shortest time without an engine that explains anything: a call may break off at any time.
const SHORTEST_PAUSE: TimeDelta = TimeDelta::seconds(1);

impl Runner {
    /// Delays a decision about an allocation until an engine answers that may run it; returns false where one
    /// answers now.
    pub(crate) fn delays(
        &self,
        allocation: &Allocation,
        resume: impl FnOnce() + Send + 'static,
    ) -> bool {
        self.engines.delay(allocation, resume)
    }

    /// Notes the outages of the engines, and resumes what each of them delayed, until the server stops.
    pub(crate) async fn follow_engines(self: Arc<Self>) {
        join_all(self.engines.all().iter().map(|engine| self.follow_engine(engine))).await;
    }

    async fn follow_engine(&self, engine: &EngineAccess) {
        let mut states = engine.health.watch();
        let mut before = EngineState::Unknown;
        let following = async {
            loop {
                // The present state first: the engine may have come up before this task ran.
                let state = states.borrow_and_update().clone();
                if let EngineState::Up(status) = &state {
                    engine.start_limiter.set_cores(status.cores);
                    if let EngineState::Away { since, .. } = before {
                        let (cause, to) = (Cause::EngineAway, self.store.now());
                        if to - since >= SHORTEST_PAUSE {
                            self.store.paused(Pause { cause, from: since, to });
                        }
                    }
                    // The pause explains what is decided now, so it comes first.
                    self.engines.resume_delayed();
                }
                before = state;
                if states.changed().await.is_err() {
                    return;
                }
            }
        };
        let _: Result<(), Stopped> = self.term.unless_ended(following).await;
    }
}
