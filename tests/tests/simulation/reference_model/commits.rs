//! What is written: allocations, records of runs, and up to when it is decided.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use docket_model::{
    Allocation, AllocationName, Run, Zone,
    allocation::Overlap,
    journal::{Event, Suspension},
    run::{Instant, Reason, RunState, Trigger},
};
use docket_server::simulation::Written;

use super::{Deleted, Invariant, Model, Violation};

/// For how long a name that was deleted is remembered.
const REMEMBERED: TimeDelta = TimeDelta::days(7);

impl Model {
    /// Judges a commit, and follows it.
    pub(super) fn commit(&mut self, writes: &[Written]) -> Result<(), Violation> {
        // Collected first and judged last: the missed instants of an edit are in the same commit,
        // in any order.
        let edits: Vec<_> = writes
            .iter()
            .filter_map(|write| match write {
                Written::Allocation(allocation) => {
                    let before = self.allocations.get(allocation.name()).cloned();
                    Some((before, Arc::clone(allocation)))
                }
                _ => None,
            })
            .collect();
        self.commits += 1;
        self.judge_pause(writes)?;
        // A commit may write the decided instant before the record that it belongs to.
        let decided_before = self.decided.clone();
        for write in writes {
            match write {
                Written::Run(run) => self.put_run(run, &decided_before)?,
                Written::RunDeleted(name, instant) => self.delete_run(name, *instant)?,
                Written::RunsDeleted(name) => self.runs.retain(|(held, _), _| held != name),
                Written::Allocation(allocation) => self.put_allocation(allocation),
                Written::AllocationDeleted(name) => self.delete_allocation(name),
                Written::Decided(name, decided) => self.put_decided(name, *decided)?,
                Written::Entry(_) | Written::Other(_) => {}
            }
        }
        self.follow_pause(writes);
        edits.into_iter().try_for_each(|(before, after)| self.judge_edit(before.as_deref(), &after))
    }

    /// No run that would start by itself is claimed for a time at which the server is paused.
    fn judge_pause(&self, writes: &[Written]) -> Result<(), Violation> {
        // Runs that were claimed just before or after a change of the pause may be in the same commit.
        let pause = self.pause.as_ref().filter(|_| pauses(writes).next().is_none());
        let Some(pause) = pause else { return Ok(()) };
        let starts_while_paused = |run: &&Arc<Run>| {
            let at = match run.trigger {
                Trigger::Dependency => run.decided_at,
                _ => run.id.instant.moment(),
            };
            let key = (run.id.allocation.clone(), run.id.instant);
            let is_new = self.runs.get(&key).is_none_or(|before| before.uid != run.uid);
            let starts_by_itself = run.trigger.manual_request().is_none() && !run.state.is_over();
            let is_within = pause.since <= at && pause.until.is_none_or(|until| at < until);
            is_new && starts_by_itself && is_within
        };
        let runs = writes.iter().filter_map(|write| match write {
            Written::Run(run) => Some(run),
            _ => None,
        });
        match runs.into_iter().find(starts_while_paused) {
            None => Ok(()),
            Some(run) => {
                let text = format!("{} starts in spite of the pause since {}", run.id, pause.since);
                Err(Violation::new(Invariant::Paused, text))
            }
        }
    }

    fn follow_pause(&mut self, writes: &[Written]) {
        for (at, pause) in pauses(writes) {
            match pause {
                Some(pause) => self.pause = Some(pause.clone()),
                None => self.pause.iter_mut().for_each(|pause| pause.until = Some(at)),
            }
        }
    }

    fn put_allocation(&mut self, allocation: &Arc<Allocation>) {
        let name = allocation.name().clone();
        self.revisions.insert((allocation.uid, allocation.revision), Arc::clone(allocation));
        let before = self.allocations.insert(name.clone(), Arc::clone(allocation));
        // Another uid is another allocation, which was deleted and pushed again.
        if before.is_none_or(|before| before.uid != allocation.uid) {
            let deleted = self.deleted.remove(&name);
            let remembered =
                deleted.filter(|deleted| allocation.created_at - deleted.at < REMEMBERED);
            match remembered {
                Some(deleted) => self.decided.insert(name, deleted.decided),
                None => self.decided.remove(&name),
            };
        }
    }

    fn delete_allocation(&mut self, name: &AllocationName) {
        if let Some(gone) = self.allocations.remove(name) {
            self.deleted_uids.insert(gone.uid);
        }
        self.runs.retain(|(held, _), _| held != name);
        // The server remembers it, so that a new allocation of the name repeats no instant.
        if let Some(decided) = self.decided.remove(name) {
            self.deleted.insert(name.clone(), Deleted { decided, at: self.now });
        }
    }

    fn put_decided(
        &mut self,
        name: &AllocationName,
        decided: Option<DateTime<Utc>>,
    ) -> Result<(), Violation> {
        let decided = decided.map(Instant::new);
        let before = self.decided.get(name).copied();
        if decided < before {
            let text = format!("{name} is decided up to {decided:?} after {before:?}");
            return Err(Violation::new(Invariant::DecidedGrows, text));
        }
        if let Some(decided) = decided {
            self.decided.insert(name.clone(), decided);
        }
        Ok(())
    }

    /// Old records go, but only those of runs that are over.
    fn delete_run(&mut self, name: &AllocationName, instant: Instant) -> Result<(), Violation> {
        let gone = self.runs.remove(&(name.clone(), instant));
        match gone {
            Some(run) if !run.state.is_over() => {
                let text = format!("the record of {} was deleted while {:?}", run.id, run.state);
                Err(Violation::new(Invariant::OneRecord, text))
            }
            _ => Ok(()),
        }
    }

    /// What was due under the old schedule has a record by the time of the new one.
    fn judge_edit(
        &mut self,
        before: Option<&Allocation>,
        after: &Allocation,
    ) -> Result<(), Violation> {
        let decided = self.decided.get(after.name()).map(|decided| decided.moment());
        let coverage = self.coverage.entry(after.uid).or_default();
        match before.filter(|before| before.uid == after.uid) {
            Some(before) if before.specification.has_same_instants(&after.specification) => {
                return Ok(());
            }
            Some(before) if before.scheduled_at == after.scheduled_at => {
                let text = format!("{} changed, and is due since before", after.name());
                return Err(Violation::new(Invariant::NoPast, text));
            }
            Some(before) => coverage.judge(before, after.scheduled_at, self.clock_change)?,
            None => {}
        }
        coverage.due_after = Some(after.scheduled_at.max(decided.unwrap_or_default()));
        Ok(())
    }

    fn put_run(
        &mut self,
        run: &Arc<Run>,
        decided_before: &BTreeMap<AllocationName, Instant>,
    ) -> Result<(), Violation> {
        let key = (run.id.allocation.clone(), run.id.instant);
        let before = self.runs.get(&key).filter(|before| before.uid == run.uid).cloned();
        match &before {
            Some(before) => self.judge_change(before, run)?,
            None => self.judge_new(run, decided_before.get(&run.id.allocation).copied())?,
        }
        self.judge_overlap(before.as_deref(), run)?;
        if before.is_none() {
            self.pruned.insert(run.uid, self.commits);
        }
        if run.state.is_over() {
            self.ended.entry(key.clone()).or_insert(self.commits);
        } else {
            self.ended.remove(&key);
        }
        self.coverage.entry(run.uid).or_default().add(run.id.instant, run.latest());
        self.runs.insert(key, Arc::clone(run));
        Ok(())
    }

    fn judge_change(&self, before: &Run, run: &Run) -> Result<(), Violation> {
        let broken = |invariant, what: &str| {
            let text = format!("{}: {what}: {:?} became {:?}", run.id, before.state, run.state);
            Err(Violation::new(invariant, text))
        };
        let is_same_kind =
            std::mem::discriminant(&before.state) == std::mem::discriminant(&run.state);
        let may_go_on = match &before.state {
            // A lost run may be found again, and an instant without a start may be backfilled.
            RunState::Lost(_) | RunState::Missed { .. } | RunState::Skipped(_) => true,
            // A part that was lost may be found again.
            _ if before.part_states.iter().any(|state| matches!(state, RunState::Lost(_))) => true,
            // A manual run goes on where nothing had started.
            _ => {
                run.trigger.manual_request().is_some() && run.attempts.len() > before.attempts.len()
            }
        };
        if before.state.is_over() && !is_same_kind && !may_go_on {
            return broken(Invariant::RecordGoesForward, "the record was over");
        }
        let all_over = run.part_states.iter().all(RunState::is_over);
        if !run.part_states.is_empty() && all_over != run.state.is_over() {
            return broken(
                Invariant::RecordGoesForward,
                "the run is over, and not all its parts, or all of them",
            );
        }
        // Where a manual run goes on, its parts are new.
        let parts = before.part_states.iter().zip(&run.part_states).filter(|_| !may_go_on);
        for (held, now) in parts.filter(|(held, _)| held.is_over()) {
            if std::mem::discriminant(held) != std::mem::discriminant(now) {
                return broken(Invariant::RecordGoesForward, "a part of it was over");
            }
        }
        if before.attempts.len() > run.attempts.len() {
            return broken(Invariant::RecordGoesForward, "attempts were lost");
        }
        for (held, now) in before.attempts.iter().zip(&run.attempts) {
            let Some(container) = held.container.as_ref() else { continue };
            let has_run = self.containers.get(container).is_some_and(|it| it.starts > 0);
            // A container that never ran may be replaced, and its id with it.
            if has_run && now.container.as_ref() != Some(container) {
                return broken(Invariant::RecordGoesForward, "the id of what ran was lost");
            }
        }
        Ok(())
    }

    fn judge_new(&self, run: &Run, decided: Option<Instant>) -> Result<(), Violation> {
        // A manual run may be for any instant of the past.
        let (Trigger::Schedule | Trigger::CatchUp) = run.trigger else { return Ok(()) };
        let Some(allocation) = self.allocation_of(run) else { return Ok(()) };
        if allocation.specification.schedule().is_none() {
            return Ok(());
        }
        let broken = |invariant, what: &str| {
            let text = format!("{} ({:?}): {what}", run.id, run.state);
            Err(Violation::new(invariant, text))
        };
        let (first, last) = (run.id.instant, run.latest());
        if last.moment() > self.latest {
            return broken(Invariant::NeverEarly, "decided before its instant");
        }
        // What is left of missed instants when the first of them is backfilled.
        let is_rest = matches!(run.state, RunState::Missed { .. })
            && self.coverage.get(&run.uid).is_some_and(|coverage| coverage.has(first));
        if is_rest {
            return Ok(());
        }
        if decided.is_some_and(|decided| decided >= first) {
            return broken(Invariant::OneRecord, &format!("was decided: up to {decided:?}"));
        }
        if first.moment() <= allocation.scheduled_at {
            let accepted = allocation.scheduled_at;
            let what = format!("its schedule was accepted later: {accepted}");
            return broken(Invariant::NoPast, &what);
        }
        let is_due = self.clock_change.and_then(|it| it.is_due(allocation, first.moment()));
        if is_due == Some(false) {
            return broken(Invariant::OneRecord, "not due by the wall clock");
        }
        // Instants are full seconds, so the next one after this moment must be the instant itself.
        let second = TimeDelta::seconds(1);
        if allocation.next(first.moment() - second, Zone::utc()) != Some(first.moment()) {
            return broken(Invariant::OneRecord, "no instant of its schedule");
        }
        self.judge_look(run)
    }

    /// A run that is skipped because of an older one: that one was looked at.
    fn judge_look(&self, run: &Run) -> Result<(), Violation> {
        let RunState::Skipped(Reason::Overlap { .. }) = &run.state else { return Ok(()) };
        for (container, of) in &self.inherited {
            let key = (of.allocation.clone(), of.instant);
            let Some(older) = self.runs.get(&key).filter(|older| older.uid == run.uid) else {
                continue;
            };
            let is_its_own = older.parts().any(|part| {
                let state = older.part_state(part);
                let is_under_way = !state.is_over() && !matches!(state, RunState::Retrying { .. });
                let newest = older.newest_of_part(part).and_then(|it| it.container.as_ref());
                is_under_way && newest == Some(container)
            });
            if is_its_own {
                let text = format!("{} was skipped, and {container} not looked at", run.id);
                return Err(Violation::new(Invariant::LookedFirst, text));
            }
        }
        Ok(())
    }

    /// A run that sets out: none beside it is under way, unless its allocation allows that.
    fn judge_overlap(&self, before: Option<&Run>, run: &Run) -> Result<(), Violation> {
        let was_open = before.is_some_and(|before| {
            !before.state.is_over() && !matches!(before.state, RunState::Waiting)
        });
        let sets_out = !was_open && run.state == RunState::Starting;
        let Some(allocation) = self.allocation_of(run).filter(|_| sets_out) else { return Ok(()) };
        if allocation.specification.policies.overlap == Overlap::Allow {
            return Ok(());
        }
        let had_waited = before.is_some_and(|before| matches!(before.state, RunState::Waiting));
        let beside = self.runs.values().find(|other| {
            other.uid == run.uid
                && other.id != run.id
                && !other.state.is_over()
                && !matches!(other.state, RunState::Waiting)
                // One that waited does not wait for those of a later revision.
                && !(had_waited && other.revision > run.revision)
        });
        match beside {
            None => Ok(()),
            Some(other) => {
                let (id, state) = (&other.id, &other.state);
                let text = format!("{} sets out beside {id} ({state:?})", run.id);
                Err(Violation::new(Invariant::Overlap, text))
            }
        }
    }
}

/// The pauses of the server in a commit, and when each was written; nothing for the end of one.
fn pauses(writes: &[Written]) -> impl Iterator<Item = (DateTime<Utc>, Option<&Suspension>)> {
    writes.iter().filter_map(|write| match write {
        Written::Entry(entry) => match &entry.event {
            Event::ServerPaused(pause) => Some((entry.at, Some(pause))),
            Event::ServerUnpaused => Some((entry.at, None)),
            _ => None,
        },
        _ => None,
    })
}
