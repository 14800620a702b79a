//! Whether a run is still in time, and what kept it from starting.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use docket_model::{
    Allocation, Zone,
    journal::{Cause, Outage, concerns_runs},
    run::{Reason, RunState, Trigger},
};

use super::{engines::Engines, runs_under_way::RunHandle, store_access::StoreAccess};
use crate::{
    engine::engine_registry::{EngineState, given_name},
    policy,
};

/// Knows when runs are due, and the times during which nothing could be decided.
#[derive(Debug)]
pub(crate) struct Deadlines {
    pub(super) store: Arc<StoreAccess>,
    pub(super) engines: Arc<Engines>,
    /// The zone of allocations that name none.
    pub(super) zone: Zone,
}

impl Deadlines {
    /// How late a run starts that is due at an instant; nothing where it is not.
    pub(super) fn lateness(&self, run: &RunHandle) -> Option<TimeDelta> {
        let RunHandle { id, allocation, trigger, .. } = run;
        // No other run has a time from which its lateness could count.
        let is_due = matches!(trigger, Trigger::Schedule | Trigger::CatchUp);
        let due = || policy::starts_at(allocation, id.instant.moment(), self.zone);
        is_due.then(|| self.store.now() - due())
    }

    /// Whether a run that was claimed and never started may start now. The time that it waited its turn does not
    /// count.
    pub(super) fn may_still_start(&self, run: &RunHandle, waited: TimeDelta) -> bool {
        let RunHandle { id, allocation, trigger, .. } = run;
        let now = self.store.now() - waited;
        policy::may_still_start(id.instant.moment(), trigger, allocation, self.zone, now)
    }

    /// The state of a run that came too late.
    pub(super) fn missed(&self, run: &RunHandle) -> RunState {
        let instant = run.id.instant;
        let outage = self.outage(&run.allocation, instant.moment(), self.store.now());
        let reason = Reason::NotStartedInTime { outage: outage.map(Box::new) };
        RunState::Missed { reason, last: instant, count: 1 }
    }

    /// The times during which nothing could be decided, as far as they are remembered.
    pub(super) fn outages(&self) -> Vec<Outage> {
        let mut outages = self.store.outages().outages();
        // An outage of an engine becomes a pause only when it is over.
        for engine in self.engines.all() {
            if let EngineState::Away { since, .. } = engine.health.state() {
                let engine = given_name(&engine.name).cloned();
                outages.push(Outage { engine, ..Outage::of(Cause::EngineAway, since, None) });
            }
        }
        outages
    }

    /// What kept instants of an allocation from being decided for most of the time between two moments.
    /// What is decided now ends an outage that lasted until now.
    pub(super) fn outage(
        &self,
        allocation: &Allocation,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Option<Outage> {
        let now = self.store.now();
        let ended = |outage: Outage| Outage { to: outage.to.or(Some(now)), ..outage };
        let placement = &allocation.specification.policies.placement;
        let fitting = self.engines.fitting(placement);
        let engines: Vec<_> = fitting.iter().map(|engine| &*engine.name).collect();
        let concerns = |outage: &Outage| {
            concerns_runs(outage.engine.as_deref(), |engine| engines.contains(&engine))
        };
        let outages: Vec<_> = self.outages().into_iter().filter(concerns).map(ended).collect();
        // The store's begins when the decision about an instant cannot be written, so just after it.
        let during = Outage::main(outages.iter().cloned(), from, to);
        during.or_else(|| Outage::main(outages, to, now))
    }
}
