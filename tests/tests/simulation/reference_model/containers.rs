//! What reaches the engine: containers are created, started, inspected and removed.

use docket_model::run::{ContainerId, RunState, Trigger};
use docket_server::simulation::{ContainerProgress, Owner};

use super::{Container, Invariant, Model, Violation};

/// How many containers of one life may run at once.
// The limit that the simulated server is started with.
const MOST_RUNNING: usize = 6;

impl Model {
    pub(super) fn add_container(
        &mut self,
        id: &ContainerId,
        of: &Owner,
        is_late: bool,
        is_start: bool,
    ) {
        let container = Container {
            of: of.clone(),
            // Its sender may have been an earlier life.
            life: (!is_late).then_some(self.life),
            is_created_by_start: is_start,
            starts: 0,
            seen: None,
        };
        self.containers.insert(id.clone(), container);
    }

    /// A container is created for the attempt that is on record, unless the request came late.
    pub(super) fn judge_creation(&self, id: &ContainerId, is_late: bool) -> Result<(), Violation> {
        let Some(Container { of, .. }) = self.containers.get(id) else { return Ok(()) };
        let is_claimed = self.run_of(of).is_some_and(|run| {
            let newest = run.newest_of_part(of.attempt.part).map(|attempt| attempt.key);
            let state = run.part_state(of.attempt.part);
            !state.is_over() && !matches!(state, RunState::Waiting) && newest == Some(of.attempt)
        });
        if is_claimed || is_late || self.deleted_uids.contains(&of.uid) {
            return Ok(());
        }
        let record = self.run_of(of).map(|run| run.state.clone());
        let text = format!("{id} was created; the record of its run: {record:?}");
        Err(Violation::new(Invariant::OrderOfSteps, text))
    }

    /// A start request started a container.
    pub(super) fn start(
        &mut self,
        id: &ContainerId,
        beside: &[ContainerId],
    ) -> Result<(), Violation> {
        let Some(container) = self.containers.get_mut(id) else { return Ok(()) };
        container.starts += 1;
        let (of, starts) = (container.of.clone(), container.starts);
        let is_created_by_start = container.is_created_by_start;
        let broken = |invariant, what: String| {
            Err(Violation::new(invariant, format!("{id} was started: {what}")))
        };
        if starts > 1 {
            return broken(Invariant::OneStart, format!("{starts} times"));
        }
        let is_of_part = |other: &Container| {
            let is_of_run = other.of.uid == of.uid && other.of.run == of.run;
            is_of_run && other.of.attempt.part == of.attempt.part
        };
        let of_part = || self.containers.iter().filter(|(_, other)| is_of_part(other));
        let twin = of_part().find(|(other, container)| {
            *other != id && container.of.attempt == of.attempt && container.starts > 0
        });
        if let Some((twin, _)) = twin {
            return broken(Invariant::OneStart, format!("{twin} of the same attempt had been"));
        }
        if let Some((earlier, _)) = of_part().find(|(other, _)| beside.contains(other)) {
            return broken(Invariant::OneStart, format!("{earlier} of its run still runs"));
        }
        self.judge_record_of_start(id, &of, is_created_by_start)?;
        self.judge_bounds(beside)
    }

    fn judge_record_of_start(
        &self,
        id: &ContainerId,
        of: &Owner,
        is_created_by_start: bool,
    ) -> Result<(), Violation> {
        let broken = |invariant, what: String| {
            Err(Violation::new(invariant, format!("{id} was started: {what}")))
        };
        let Some(run) = self.run_of(of) else {
            // Its allocation may have been deleted in this moment.
            return if self.deleted_uids.contains(&of.uid) {
                Ok(())
            } else {
                broken(Invariant::OrderOfSteps, "its run has no record".to_owned())
            };
        };
        let newest = run.newest_of_part(of.attempt.part);
        let on_record = newest.and_then(|attempt| attempt.container.as_ref());
        // What is created by its start has no id before: the attempt that it is for is on record.
        let is_expected = is_created_by_start
            && on_record.is_none()
            && newest.map(|attempt| attempt.key) == Some(of.attempt);
        if on_record != Some(id) && !is_expected {
            return broken(Invariant::OrderOfSteps, "its id is not on record".to_owned());
        }
        let state = run.part_state(of.attempt.part);
        if state.is_over() {
            return broken(Invariant::OrderOfSteps, format!("its run is over: {state:?}"));
        }
        let is_scheduled = matches!(run.trigger, Trigger::Schedule | Trigger::CatchUp);
        if is_scheduled && of.run.instant.moment() > self.latest {
            return broken(Invariant::NeverEarly, "before its instant".to_owned());
        }
        Ok(())
    }

    fn judge_bounds(&self, beside: &[ContainerId]) -> Result<(), Violation> {
        let is_of_life = |id: &&ContainerId| {
            self.containers.get(*id).is_some_and(|container| container.life == Some(self.life))
        };
        // A new life takes over the containers of the one before, even if they exceed the limit
        // with its own.
        let running = 1 + beside.iter().filter(is_of_life).count();
        if running > MOST_RUNNING {
            let text = format!("{running} containers run at once");
            return Err(Violation::new(Invariant::Bounds, text));
        }
        Ok(())
    }

    pub(super) fn inspect(&mut self, id: &ContainerId, progress: ContainerProgress) {
        if let Some(container) = self.containers.get_mut(id) {
            // What an earlier life learned does not count for decisions of this one.
            container.seen = Some((self.life, progress));
        }
        // From here on it is as one of this life, which counts until its end is on record.
        if matches!(progress, ContainerProgress::Running | ContainerProgress::Created) {
            self.inherited.remove(id);
        }
    }

    /// A container that ran is removed once its end is on record.
    pub(super) fn remove(&mut self, id: &ContainerId) -> Result<(), Violation> {
        let Some(container) = self.containers.get(id) else { return Ok(()) };
        let (of, starts) = (container.of.clone(), container.starts);
        let Some(run) = self.run_of(&of).filter(|_| starts > 0) else { return Ok(()) };
        let (newest, state) =
            (run.newest_of_part(of.attempt.part), run.part_state(of.attempt.part));
        let is_recorded = state.is_over()
            || newest.map(|attempt| attempt.key) > Some(of.attempt)
            || matches!(state, RunState::Retrying { .. });
        // A late request started it between the look and the removal: the engine's events have its end.
        let is_replaced = container.seen == Some((self.life, ContainerProgress::Created))
            && newest.is_some_and(|attempt| {
                attempt.remarks.iter().any(|remark| remark.contains(&*id.0))
            });
        if is_recorded || is_replaced {
            return Ok(());
        }
        let text = format!("{id} ran and was removed; the record of its run: {:?}", run.state);
        Err(Violation::new(Invariant::OrderOfSteps, text))
    }
}
