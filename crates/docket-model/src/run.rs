//! Runs: what docket did about one instant of an allocation.

mod attempt;
mod instant;
mod state;
mod trigger;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::allocation::Allocation;

pub use self::{
    attempt::{Attempt, ContainerId, Exit, Step},
    instant::{Instant, InvalidInstant, RunId},
    state::RunState,
    trigger::{Cancellation, Demand, Trigger},
};

/// The record of what was done about one instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its allocation and instant.
    pub id: RunId,
    /// The allocation's uid when the run was claimed.
    pub uid: Uuid,
    /// The revision of the specification that it uses, whatever is pushed later.
    pub revision: u64,
    /// What made it.
    pub trigger: Trigger,
    /// When the record was made: the decision to start, or not to.
    pub decided_at: DateTime<Utc>,
    /// How far it is.
    pub state: RunState,
    /// Set once somebody wants it to end.
    pub cancellation: Option<Box<Cancellation>>,
    /// When its last container ended, by docket's clock; where there was none, when that was decided.
    pub ended_at: Option<DateTime<Utc>>,
    /// The tries so far, the first one first.
    pub attempts: Vec<Attempt>,
}

impl Run {
    /// The record of a decision about an instant of this allocation.
    ///
    /// A run that is over, because nothing starts, has no attempts.
    #[must_use]
    pub fn decided(
        allocation: &Allocation,
        instant: Instant,
        trigger: Trigger,
        state: RunState,
        decided_at: DateTime<Utc>,
    ) -> Self {
        let is_over = state.is_over();
        Self {
            id: RunId { allocation: allocation.name().clone(), instant },
            uid: allocation.uid,
            revision: allocation.revision,
            trigger,
            decided_at,
            state,
            cancellation: None,
            ended_at: is_over.then_some(decided_at),
            attempts: if is_over { Vec::new() } else { vec![Attempt::new(1)] },
        }
    }

    /// True if a container was ever created for it.
    #[must_use]
    pub fn had_container(&self) -> bool {
        self.attempts.iter().any(|attempt| attempt.container.is_some())
    }

    /// True if this is the container of one of its attempts.
    #[must_use]
    pub fn knows(&self, container: &ContainerId) -> bool {
        self.attempts.iter().any(|attempt| attempt.container.as_ref() == Some(container))
    }

    /// How long after its instant the first container started, by docket's clock; absent while none
    /// has. Never negative, also where a clock was set back meanwhile.
    #[must_use]
    pub fn lateness(&self) -> Option<TimeDelta> {
        let started = self.attempts.first()?.started_at?;
        Some((started - self.id.instant.moment()).max(TimeDelta::zero()))
    }

    /// The latest instant that the record accounts for: its own, or the end of a span.
    #[must_use]
    pub fn latest(&self) -> Instant {
        match &self.state {
            RunState::Missed { last, .. } => *last,
            _ => self.id.instant,
        }
    }

    /// How many bytes the record and its outputs take in memory, about.
    #[must_use]
    pub fn weight(&self) -> usize {
        let attempts = self.attempts.iter().map(Attempt::weight);
        let reason = self.state.reason().map_or(0, str::len);
        let demand = self.trigger.demand().map_or(0, |demand| demand.weight());
        let cancellation = self.cancellation.as_ref().map_or(0, |wanted| wanted.reason.len());
        size_of::<Self>() + reason + demand + cancellation + attempts.sum::<usize>()
    }

    /// The newest attempt.
    #[must_use]
    pub fn attempt(&self) -> Option<&Attempt> {
        self.attempts.last()
    }

    /// The newest attempt, to be added to.
    pub fn attempt_mut(&mut self) -> Option<&mut Attempt> {
        self.attempts.last_mut()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::name::AllocationName;

    #[test]
    fn a_record_weighs_all_its_texts() {
        let text = "x".repeat(1000);
        let moment = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let instant = Instant::new(moment);
        let mut run = Run {
            id: RunId { allocation: AllocationName::parse("a").unwrap(), instant },
            uid: Uuid::nil(),
            revision: 1,
            trigger: Trigger::Schedule,
            decided_at: moment,
            state: RunState::Claimed,
            cancellation: None,
            ended_at: None,
            attempts: vec![Attempt::new(1)],
        };
        let bare = run.weight();

        run.trigger = Trigger::ByHand(Arc::new(Demand {
            by: text.clone(),
            command: Some(vec![text.clone()]),
            environment: vec![text.clone()],
            earlier: 0,
        }));
        run.cancellation = Some(Box::new(Cancellation { reason: text.clone(), kill: false }));
        let steps = [
            Step::Pulled { repository: text.clone().into(), tag: text.clone().into() },
            Step::NotPulled { reason: text.clone().into() },
            Step::Error(text.into()),
        ];
        run.attempts[0].steps.extend(steps.map(|step| (moment, step)));

        assert!(run.weight() >= bare + 8 * 1000, "{} of {bare}", run.weight());
    }
}
