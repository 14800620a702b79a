//! Runs: what docket did for one instant of an allocation, or for one manual request.

mod attempt;
mod instant;
mod part_states;
mod place;
mod reason;
mod state;
mod state_and_trigger_words;
mod trigger_and_cancellation;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::allocation::Allocation;

pub(crate) use self::place::place;
pub use self::{
    attempt::{Attempt, AttemptKey, ContainerId, DEFAULT_ENGINE, Exit, ExitCause, Step},
    instant::{Instant, InvalidInstant, RunId},
    place::{Node, Place},
    reason::{Edit, Edited, FailedPart, Hold, ImageError, NoAnswer, Reason, ServerZone, TimeStyle},
    state::RunState,
    state_and_trigger_words::{StateWord, TriggerWord},
    trigger_and_cancellation::{Cancellation, ManualRequest, Trigger},
};

/// The record of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its allocation and instant.
    pub id: RunId,
    /// The allocation's uid when the run was claimed.
    pub uid: Uuid,
    /// The revision of the specification that it uses, whatever is pushed later.
    pub revision: u64,
    /// What made the run.
    pub trigger: Trigger,
    /// When docket decided to start it, or not to, and made the record.
    pub decided_at: DateTime<Utc>,
    /// How far it is, or how it ended.
    pub state: RunState,
    /// The states of its parts, the first one first; empty where it has one container.
    // Not in the attempts, of which a part may have several.
    pub part_states: Box<[RunState]>,
    /// Set once it is cancelled.
    pub cancellation: Option<Box<Cancellation>>,
    /// When its last container ended, by docket's clock; without a container, when the state was decided.
    pub ended_at: Option<DateTime<Utc>>,
    /// The attempts so far, the first one first.
    pub attempts: Vec<Attempt>,
}

impl Run {
    /// A new record with the decision about an instant of the allocation.
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
            part_states: Box::default(),
            cancellation: None,
            ended_at: is_over.then_some(decided_at),
            // A run that starts has its first attempt from its claim on, so that its steps have a
            // place.
            attempts: if is_over { Vec::new() } else { vec![Attempt::new(1)] },
        }
    }

    /// True if a container was ever created for it.
    #[must_use]
    pub fn had_container(&self) -> bool {
        self.attempts.iter().any(|attempt| attempt.container.is_some())
    }

    /// True if the container belongs to one of its attempts.
    #[must_use]
    pub fn knows(&self, container: &ContainerId) -> bool {
        self.attempts.iter().any(|attempt| attempt.container.as_ref() == Some(container))
    }

    /// How far it is, or how it ended, in one word.
    #[must_use]
    pub fn word(&self) -> StateWord {
        let is_cancelling = self.cancellation.is_some() && !self.state.is_over();
        if is_cancelling { StateWord::Cancelling } else { self.state.word() }
    }

    /// What started it, in one word.
    #[must_use]
    pub fn trigger_word(&self) -> TriggerWord {
        match &self.trigger {
            Trigger::Schedule => TriggerWord::Schedule,
            Trigger::CatchUp => TriggerWord::CatchUp,
            Trigger::Manual(_) if self.is_backfill() => TriggerWord::Backfill,
            Trigger::Manual(_) => TriggerWord::Manual,
            Trigger::Dependency => TriggerWord::Dependency,
        }
    }

    /// True for a manual run for a past instant.
    #[must_use]
    pub fn is_backfill(&self) -> bool {
        // A manual run for the present moment never has a whole second for an instant.
        let is_whole = self.id.instant.moment().timestamp_subsec_nanos() == 0;
        self.trigger.manual_request().is_some_and(|request| request.is_backfill || is_whole)
    }

    /// When it was due: at its instant, or when the last allocation that it runs after succeeded; absent
    /// for a backfill.
    fn due_at(&self) -> Option<DateTime<Utc>> {
        match &self.trigger {
            // Its instant is that of its parents, which may have run for hours.
            Trigger::Dependency => Some(self.decided_at),
            Trigger::Manual(_) if self.is_backfill() => None,
            Trigger::Schedule | Trigger::CatchUp | Trigger::Manual(_) => {
                Some(self.id.instant.moment())
            }
        }
    }

    /// How long after it was due the first container started, by docket's clock; absent before that, and
    /// for a backfill. Never negative, even if the clock was set back meanwhile.
    #[must_use]
    pub fn lateness(&self) -> Option<TimeDelta> {
        // Later attempts are late because of `Retries`, not because of docket.
        let number = self.attempts.first()?.key.number;
        let first = self.attempts.iter().filter(|attempt| attempt.key.number == number);
        let started = first.filter_map(|attempt| attempt.started_at).min()?;
        Some((started - self.due_at()?).max(TimeDelta::zero()))
    }

    /// How long it took, from the start of its first container to the end of its last one; absent until
    /// it is over, and without a container that started.
    ///
    /// For one container it is how long that ran, by the engine's clock. For several it includes the
    /// delays between the attempts, by docket's clock.
    #[must_use]
    pub fn duration(&self) -> Option<TimeDelta> {
        if !self.state.is_over() {
            return None;
        }
        let mut started = self.attempts.iter().filter(|attempt| attempt.started_at.is_some());
        if self.has_parts() {
            // Parts start and end in any order.
            let first = started.filter_map(|attempt| attempt.started_at).min()?;
            let last = self.attempts.iter().filter_map(Attempt::ended_at).max()?;
            return Some((last - first).max(TimeDelta::zero()));
        }
        let first = started.next()?;
        match started.next_back() {
            // One clock for each duration: the engine's is exact for one container, and cannot span
            // several engines.
            None => first.lasted(),
            Some(last) => Some((last.ended_at()? - first.started_at?).max(TimeDelta::zero())),
        }
    }

    /// The latest instant that the record accounts for: its own, or the end of a span.
    #[must_use]
    pub fn latest(&self) -> Instant {
        match &self.state {
            // Missed instants in a row are one record, named by the first of them.
            RunState::Missed { last, .. } => *last,
            _ => self.id.instant,
        }
    }

    /// How many bytes the record and its outputs take in memory, about.
    #[must_use]
    pub fn weight(&self) -> usize {
        let attempts = self.attempts.iter().map(Attempt::weight);
        let reason = self.state.reason().map_or(0, Reason::weight);
        let request = self.trigger.manual_request().map_or(0, |request| request.weight());
        let cancellation =
            self.cancellation.as_ref().map_or(0, |cancellation| cancellation.reason.weight());
        let parts = self
            .part_states
            .iter()
            .map(|state| size_of_val(state) + state.reason().map_or(0, Reason::weight));
        let own = size_of::<Self>() + reason + request + cancellation;
        own + parts.sum::<usize>() + attempts.sum::<usize>()
    }

    /// The newest attempt.
    #[must_use]
    pub fn attempt(&self) -> Option<&Attempt> {
        self.attempts.last()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::name::AllocationName;

    fn at(milliseconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_800_000_000_000 + milliseconds).unwrap()
    }

    fn run(trigger: Trigger, state: RunState, attempts: Vec<Attempt>) -> Run {
        Run {
            id: RunId {
                allocation: AllocationName::parse("a").unwrap(),
                instant: Instant::new(at(0)),
            },
            uid: Uuid::nil(),
            revision: 1,
            trigger,
            decided_at: at(60_000),
            state,
            part_states: Box::default(),
            cancellation: None,
            ended_at: Some(at(900_000)),
            attempts,
        }
    }

    /// An attempt between two times of docket's clock, with the duration that the engine reports.
    fn attempt(from: i64, to: i64, by_engine: Option<i64>) -> Attempt {
        let hour = TimeDelta::hours(1);
        let exit = Exit {
            code: Some(1),
            image: None,
            started_at: by_engine.map(|_| at(from) - hour),
            ended_at: by_engine.map(|length| at(from + length) - hour),
            error: None,
            cause: None,
        };
        Attempt {
            started_at: Some(at(from)),
            exit: Some(exit),
            steps: vec![(at(to), Step::Exited)],
            ..Attempt::new(1)
        }
    }

    #[test]
    fn one_attempt_takes_as_long_as_the_engine_says_and_several_from_first_start_to_last_end() {
        let failed = || RunState::Failed(Reason::ExitCode { exit_code: 1 });
        let unstarted = || Attempt::new(3);
        let duration = |state, attempts| {
            let duration = run(Trigger::Schedule, state, attempts).duration();
            duration.map(|duration| duration.num_milliseconds())
        };

        let one = || attempt(1_000, 9_000, Some(2_500));
        assert_eq!(duration(failed(), vec![one()]), Some(2_500));
        assert_eq!(duration(failed(), vec![one(), unstarted()]), Some(2_500));
        assert_eq!(duration(failed(), vec![attempt(1_000, 9_000, None)]), Some(8_000));
        let two = attempt(40_000, 49_000, Some(3_000));
        assert_eq!(duration(failed(), vec![one(), two, unstarted()]), Some(42_000));
        assert_eq!(duration(failed(), vec![unstarted()]), None);
        assert_eq!(duration(RunState::Running, vec![one()]), None);
    }

    #[test]
    fn lateness_counts_from_when_a_run_was_due_and_a_backfill_has_none() {
        let lateness = |trigger| {
            let started = vec![attempt(61_000, 62_000, None)];
            let lateness = run(trigger, RunState::Succeeded, started).lateness();
            lateness.map(|late| late.num_milliseconds())
        };
        let manual = |is_backfill| {
            Trigger::Manual(Arc::new(ManualRequest { is_backfill, ..ManualRequest::default() }))
        };

        assert_eq!(lateness(Trigger::Schedule), Some(61_000));
        assert_eq!(lateness(Trigger::CatchUp), Some(61_000));
        assert_eq!(lateness(Trigger::Dependency), Some(1_000));
        assert_eq!(lateness(manual(true)), None);
        // A record of an older version does not say that it is a backfill; its instant does.
        assert_eq!(lateness(manual(false)), None);
        let mut now = run(manual(false), RunState::Succeeded, vec![attempt(500, 600, None)]);
        now.id.instant = Instant::new(at(250));
        assert_eq!(now.lateness(), Some(TimeDelta::milliseconds(250)));
        now.trigger = manual(true);
        assert_eq!(now.lateness(), None);
    }

    #[test]
    fn a_record_weighs_all_its_texts() {
        let text = "x".repeat(1000);
        let moment = at(0);
        let mut run = run(Trigger::Schedule, RunState::Starting, vec![Attempt::new(1)]);
        let bare = run.weight();

        run.trigger = Trigger::Manual(Arc::new(ManualRequest {
            by: text.clone(),
            command: Some(vec![text.clone()]),
            environment: vec![text.clone()],
            ..ManualRequest::default()
        }));
        run.cancellation =
            Some(Box::new(Cancellation { reason: Reason::text(text.as_str()), kill: false }));
        let steps = [
            Step::Pulled { repository: text.clone().into(), tag: text.clone().into() },
            Step::NotPulled { reason: text.clone().into() },
            Step::Error(Box::new(Reason::text(text))),
        ];
        run.attempts[0].steps.extend(steps.map(|step| (moment, step)));

        assert!(run.weight() >= bare + 8 * 1000, "{} of {bare}", run.weight());
    }
}
