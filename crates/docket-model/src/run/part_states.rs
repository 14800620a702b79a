//! The parts of a run with several containers: their states, and the state of the run that follows from
//! them.
//!
//! 1. The state of a run with parts is never set by itself: each change of a part derives it anew.

use std::sync::Arc;

use super::{Attempt, AttemptKey, FailedPart, Place, Reason, Run, RunState};

/// How many failed parts a reason describes one by one; the others are counted.
// A run may have a hundred parts, each of which has its own reason on record.
const MOST_DESCRIBED: usize = 10;

impl Run {
    /// The same at these places: with a part for each of them, where they are several.
    #[must_use]
    pub fn at_places(mut self, places: &[Place]) -> Self {
        if self.attempts.is_empty() {
            // Nothing starts, so there is nothing to place.
            return self;
        }
        self.attempts = (1..)
            .zip(places)
            .map(|(part, Place { engine, node })| Attempt {
                engine_name: Some(Arc::clone(engine)),
                node: node.clone(),
                ..Attempt::new(AttemptKey::first_of(part))
            })
            .collect();
        if places.len() > 1 {
            self.part_states = vec![self.state.clone(); places.len()].into();
        }
        self
    }

    /// True where it has several containers at once.
    #[must_use]
    pub fn has_parts(&self) -> bool {
        !self.part_states.is_empty()
    }

    /// The newest attempt of a run with one container; of several parts each has attempts of its own.
    #[must_use]
    pub fn attempt_without_parts(&self) -> Option<&Attempt> {
        self.attempt().filter(|_| !self.has_parts())
    }

    /// The numbers of its parts; a run with one container has one part.
    pub fn parts(&self) -> impl Iterator<Item = u32> + use<> {
        let count = u32::try_from(self.part_states.len()).unwrap_or(u32::MAX);
        1..=count.max(1)
    }

    /// How far one part is, or how it ended.
    #[must_use]
    pub fn part_state(&self, part: u32) -> &RunState {
        place(part).and_then(|place| self.part_states.get(place)).unwrap_or(&self.state)
    }

    /// Sets the state of one part, and with it that of the run.
    pub fn set_part_state(&mut self, part: u32, state: RunState) {
        match place(part).and_then(|place| self.part_states.get_mut(place)) {
            Some(held) => {
                *held = state;
                self.state = self.derived_state();
            }
            None => self.state = state,
        }
    }

    /// Sets the state of the run, and of all its parts that are not over.
    pub fn set_state(&mut self, state: RunState) {
        if !self.has_parts() {
            self.state = state;
            return;
        }
        self.part_states.iter_mut().filter(|held| !held.is_over()).for_each(|held| {
            *held = state.clone();
        });
        self.state = self.derived_state();
    }

    /// The newest attempt at a part.
    #[must_use]
    pub fn newest_of_part(&self, part: u32) -> Option<&Attempt> {
        self.attempts.iter().rfind(|attempt| attempt.key.part == part)
    }

    /// The newest attempt at a part, for changes.
    pub fn newest_of_part_mut(&mut self, part: u32) -> Option<&mut Attempt> {
        self.attempts.iter_mut().rfind(|attempt| attempt.key.part == part)
    }

    /// The state of the run, by those of its parts.
    fn derived_state(&self) -> RunState {
        let open = self.part_states.iter().filter(|state| !state.is_over());
        if let Some(open) = open.min_by_key(|state| openness(state)) {
            return open.clone();
        }
        let mut ends = self.part_states.iter().filter(|state| **state != RunState::Succeeded);
        let Some(first) = ends.clone().next() else { return RunState::Succeeded };
        let are_all = |is: fn(&RunState) -> bool| self.part_states.iter().all(is);
        if let Some(cancelled) = ends.find(|state| matches!(state, RunState::Cancelled(_))) {
            return cancelled.clone();
        }
        if are_all(|state| matches!(state, RunState::Missed { .. })) {
            return first.clone();
        }
        let reason = self.failed_parts();
        let is_timeout =
            |state: &RunState| matches!(state, RunState::Succeeded | RunState::TimedOut(_));
        if are_all(is_timeout) { RunState::TimedOut(reason) } else { RunState::Failed(reason) }
    }

    /// Which parts did not succeed.
    fn failed_parts(&self) -> Reason {
        let failed = || {
            self.parts().zip(&self.part_states).filter_map(|(part, state)| {
                let reason = state.reason()?.clone();
                let newest = self.newest_of_part(part);
                let engine = newest.and_then(|attempt| attempt.engine_name.as_deref());
                let node = newest.and_then(Attempt::node_name).map(Into::into);
                Some(FailedPart {
                    part,
                    engine: engine.map(Into::into),
                    node,
                    state: state.word(),
                    reason,
                })
            })
        };
        let count = |count| u32::try_from(count).unwrap_or(u32::MAX);
        Reason::PartsFailed {
            failed: count(failed().count()),
            parts: count(self.part_states.len()),
            described: failed().take(MOST_DESCRIBED).collect(),
        }
    }
}

/// The place of a part among the states.
fn place(part: u32) -> Option<usize> {
    usize::try_from(part.checked_sub(1)?).ok()
}

/// In which order the state of a part that is not over is that of the run, and between two attempts also
/// which of them begins first.
fn openness(state: &RunState) -> (u8, i64) {
    match state {
        RunState::Stuck(_) => (0, 0),
        RunState::Running => (1, 0),
        RunState::Starting => (2, 0),
        RunState::Retrying { until, .. } => (3, until.timestamp_micros()),
        _ => (4, 0),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;
    use crate::{
        name::AllocationName,
        run::{DEFAULT_ENGINE, Instant, Node, RunId, StateWord, Trigger},
    };

    fn run(states: &[RunState]) -> Run {
        let moment = DateTime::UNIX_EPOCH;
        let run = Run {
            id: RunId {
                allocation: AllocationName::parse("a").unwrap(),
                instant: Instant::new(moment),
            },
            uid: Uuid::nil(),
            revision: 1,
            trigger: Trigger::Schedule,
            decided_at: moment,
            state: RunState::Starting,
            part_states: Box::default(),
            cancellation: None,
            ended_at: None,
            attempts: vec![Attempt::new(1)],
        };
        let names = (1..=states.len()).map(|number| format!("web{number}").into());
        let places: Vec<_> = names.map(|name: Arc<str>| Place::from(name)).collect();
        let mut run = run.at_places(&places);
        for (part, state) in (1..).zip(states) {
            run.set_part_state(part, state.clone());
        }
        run
    }

    fn failed(exit_code: i64) -> RunState {
        RunState::Failed(Reason::ExitCode { exit_code })
    }

    fn retrying(seconds: i64) -> RunState {
        let until = DateTime::from_timestamp(seconds, 0).unwrap();
        RunState::Retrying { reason: Reason::ExitCode { exit_code: 1 }, until }
    }

    #[test]
    fn a_run_with_parts_is_under_way_until_the_last_of_them_is_over() {
        use RunState::{Running, Starting, Stuck, Succeeded, Waiting};
        let stuck = || Stuck(Reason::text("busy"));
        for (states, expected) in [
            (vec![Waiting, Waiting], Waiting),
            (vec![Starting, Waiting], Starting),
            (vec![Succeeded, Starting], Starting),
            (vec![Starting, Running, failed(1)], Running),
            (vec![retrying(9), Running], Running),
            (vec![retrying(9), retrying(3), Succeeded], retrying(3)),
            (vec![Running, stuck()], stuck()),
            (vec![Succeeded, Succeeded], Succeeded),
        ] {
            assert_eq!(run(&states).state, expected, "{states:?}");
        }
    }

    #[test]
    fn a_run_whose_parts_did_not_all_succeed_says_which_and_why() {
        let lost = || RunState::Lost(Reason::ContainerGone);
        let timed_out = || RunState::TimedOut(Reason::text("ran longer than 1m"));
        let cancelled = || RunState::Cancelled(Reason::CancelledBy { by: "ann".into() });
        let end = |states: &[RunState]| {
            let state = run(states).state;
            format!("{}: {}", state.word(), state.reason().unwrap())
        };

        assert_eq!(
            end(&[failed(3), RunState::Succeeded, lost()]),
            "failed: 2 of 3 parts failed: part 1 on web1 (exit code 3), part 3 on web3 (lost: its \
             container was removed by someone else, and whether it ran is not known)"
        );
        assert_eq!(
            end(&[RunState::Succeeded, timed_out()]),
            "timed-out: 1 of 2 parts failed: part 2 on web2 (ran longer than 1m)"
        );
        assert!(end(&[failed(1), timed_out()]).starts_with("failed: 2 of 2 parts failed: "));
        assert_eq!(
            end(&[failed(1), cancelled(), RunState::Succeeded]),
            "cancelled: cancelled by ann"
        );
        let many: Vec<_> = (1..=12).map(failed).collect();
        let end = end(&many);
        assert!(end.ends_with("part 10 on web10 (exit code 10), and 2 more"), "{end}");
    }

    #[test]
    fn a_failed_part_is_named_with_its_node() {
        let node = |name: &str| Arc::new(Node { id: "x1".into(), name: name.into() });
        let place = |engine: &str, name| Place { engine: engine.into(), node: Some(node(name)) };
        let mut run = run(&[RunState::Starting]);
        run = run.at_places(&[place("swarm", "node-1"), place(DEFAULT_ENGINE, "node-2")]);

        run.set_state(failed(3));

        let reason = run.state.reason().unwrap().to_string();
        assert_eq!(
            reason,
            "2 of 2 parts failed: part 1 on swarm, node node-1 (exit code 3), part 2 on node node-2 (exit \
             code 3)"
        );
    }

    #[test]
    fn a_run_given_up_as_a_whole_leaves_the_parts_that_are_over() {
        let mut run = run(&[RunState::Succeeded, RunState::Running]);

        run.set_state(RunState::Lost(Reason::ContainerGone));

        assert_eq!(*run.part_state(1), RunState::Succeeded);
        assert_eq!(run.part_state(2).word(), StateWord::Lost);
        assert_eq!(run.state.word(), StateWord::Failed);
    }

    #[test]
    fn each_part_has_an_engine_and_attempts_of_its_own() {
        let mut run = run(&[RunState::Running, RunState::Running]);
        run.attempts.push(Attempt::new(2));

        assert_eq!(run.newest_of_part(1).unwrap().key, 2.into());
        let second = run.newest_of_part(2).unwrap();
        assert_eq!(second.key, AttemptKey { part: 2, number: 1 });
        assert_eq!(second.engine_name.as_deref(), Some("web2"));
        assert_eq!(run.parts().collect::<Vec<_>>(), [1, 2]);
        assert_eq!(self::run(&[RunState::Running]).part_states.len(), 0);
    }

    #[test]
    fn the_reason_is_stored_with_the_states_and_reasons_of_the_parts() {
        let run = run(&[failed(3), RunState::Succeeded]);

        let stored = serde_json::to_value(run.state.reason().unwrap()).unwrap();

        let expected: Value = json!({
            "Code": "parts-failed", "Failed": 1, "Parts": 2, "Described": [
                {"Part": 1, "Engine": "web1", "State": "failed",
                 "Reason": {"Code": "exit-code", "ExitCode": 3}},
            ],
        });
        assert_eq!(stored, expected);
        assert_eq!(serde_json::from_value::<Reason>(stored).unwrap(), *run.state.reason().unwrap());
    }
}
