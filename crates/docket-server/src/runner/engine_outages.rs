//! What begins and ends with an engine's outage: pauses on record, and what was delayed by it.

use std::sync::Arc;

use chrono::TimeDelta;
use docket_model::journal::{Cause, Pause};
use futures_util::future::join_all;

use super::{
    Stopped, engine_call_retry::EngineAccess, engines::Engines, store_access::StoreAccess,
};
use crate::{
    engine::engine_registry::{EngineState, given_name},
    term_tasks::Term,
};

/// The shortest time without an engine that explains anything: a call may break off at any time.
const SHORTEST_PAUSE: TimeDelta = TimeDelta::seconds(1);

/// Follows the states of all engines, for one term.
#[derive(Debug)]
pub(crate) struct EngineFollower {
    pub(super) engines: Arc<Engines>,
    pub(super) store: Arc<StoreAccess>,
    pub(super) term: Term,
}

impl EngineFollower {
    /// Notes the outages of the engines, and resumes what each of them delayed, until the server stops.
    pub(crate) async fn follow_all(self) {
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
                            let engine = given_name(&engine.name).cloned();
                            self.store.paused(Pause { engine, ..Pause::of(cause, since, to) });
                        }
                    }
                    // The pause explains what is decided now, so it comes first.
                    self.engines.resume_delayed();
                } else if before == EngineState::Unknown && state != before {
                    // Nothing waits for the labels of an engine that is away.
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
