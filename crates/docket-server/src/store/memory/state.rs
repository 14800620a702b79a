//! What the memory store holds. Locking and answering are not done here.

use std::{
    collections::{BTreeMap, HashMap},
    convert::Infallible,
    sync::Arc,
};

use chrono::{DateTime, Utc};
use docket_model::{
    AllocationName, Run, RunId,
    journal::Outage,
    run::{Instant, RunState},
    undecided::Suspensions,
};
use uuid::Uuid;

use super::super::{
    ClaimOutcome, InstantKind, REMEMBERED, Snapshot, StoreError,
    catalogue::{Catalogue, Entry},
    draft::Draft,
    history::{History, Resized},
    rules,
    settle::Undecided,
};
use super::outputs::Outputs;
use crate::observer::News;

/// Below this many deleted names none is forgotten, so that looking for them costs little in all.
const LEAST_SWEEP: usize = 1024;

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) catalogue: Catalogue,
    /// The records of those allocations that have any, by position.
    histories: HashMap<u64, History>,
    /// Names that were deleted, with the latest instant decided and the time of deletion.
    deleted: HashMap<AllocationName, (DateTime<Utc>, DateTime<Utc>)>,
    /// At which number of them those that need not be remembered any more are looked for.
    sweep_deleted_at: usize,
    /// Where each record is that may be forgotten, the oldest first: the newest of an allocation stays.
    ages: BTreeMap<u64, (u64, Instant)>,
    outputs: Outputs,
    /// Counts records: each age is given once.
    age: u64,
    bytes: usize,
}

impl State {
    pub(super) fn history(&self, name: &str) -> Option<&History> {
        let position = self.catalogue.positions.get(name)?;
        self.histories.get(position)
    }

    pub(super) fn snapshot(&self, position: u64, entry: &Entry) -> Snapshot {
        let history = self.histories.get(&position);
        let runs = history.into_iter().flat_map(|history| history.newest_before(None)).cloned();
        let Ok(recent) = rules::recent(runs.map(Ok::<_, Infallible>));
        Snapshot { standing: entry.status(position), recent }
    }

    /// The latest instant before this moment for which a run succeeded whose record is kept.
    pub(super) fn succeeded_before(&self, name: &str, at: DateTime<Utc>) -> Option<Instant> {
        let mut earlier = self.history(name)?.newest_before(Some(Instant::new(at)));
        earlier.find(|run| run.state == RunState::Succeeded).map(|run| run.id.instant)
    }

    /// The latest instant decided of a name that was deleted lately.
    pub(super) fn remembered(&self, name: &str, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let (decided, deleted_at) = *self.deleted.get(name)?;
        rules::remembered(decided, deleted_at, at)
    }

    /// Forgets the records of an allocation that is gone, but not up to when it was decided.
    pub(super) fn forget(&mut self, position: u64, entry: &Entry, at: DateTime<Utc>) {
        if let Some(decided) = entry.decided {
            if self.deleted.len() >= self.sweep_deleted_at {
                self.deleted.retain(|_, (_, deleted_at)| at - *deleted_at < REMEMBERED);
                self.sweep_deleted_at = (2 * self.deleted.len()).max(LEAST_SWEEP);
            }
            self.deleted.insert(entry.allocation.name().clone(), (decided, at));
        }
        for (age, weight) in self.histories.remove(&position).unwrap_or_default().into_ages() {
            self.ages.remove(&age);
            self.outputs.forget(age);
            self.bytes = self.bytes.saturating_sub(weight);
        }
    }

    /// Removes the outputs of a record, by age, for which all others would have to go and in vain.
    pub(super) fn remove_if_too_large(&mut self, age: u64, most_bytes: usize) {
        let others = self.outputs.bytes().saturating_sub(self.outputs.bytes_of(age));
        if self.bytes.saturating_sub(others) > most_bytes {
            self.remove_outputs(age);
        }
    }

    fn remove_outputs(&mut self, age: u64) {
        let Some((position, instant)) = self.outputs.forget(age) else { return };
        let Some(history) = self.histories.get_mut(&position) else { return };
        self.bytes = self.bytes.saturating_add_signed(history.remove_outputs(instant));
    }

    /// Removes the oldest outputs, and then the oldest records, over all allocations, until the rest
    /// fits. A large output takes no record's place.
    pub(super) fn shrink_to(&mut self, most_bytes: usize) {
        while self.bytes > most_bytes {
            let Some(oldest) = self.outputs.oldest() else { break };
            self.remove_outputs(oldest);
        }
        let mut needed = Vec::new();
        while self.bytes > most_bytes {
            let Some((age, (position, instant))) = self.ages.pop_first() else { break };
            let Some(history) = self.histories.get_mut(&position) else { continue };
            let Some(entry) = self.catalogue.entries.get_mut(&position) else { continue };
            let settled = entry.settled();
            if let Some((weight, latest)) = history.forget(instant, settled) {
                self.bytes = self.bytes.saturating_sub(weight);
                entry.pruned = entry.pruned.max(Some(latest));
            } else if history.get(instant).is_some() {
                needed.push((age, (position, instant)));
            }
        }
        self.ages.extend(needed);
    }

    /// Makes the record of a decision, if the instant is later than all decided before.
    pub(super) fn decide(&mut self, run: Run) -> ClaimOutcome {
        let mut draft = Draft::of(&self.catalogue);
        let pause = draft.pause();
        let Some((position, entry)) = draft.entry_of(&run) else { return ClaimOutcome::Changed };
        let instant = run.id.instant;
        if let Some(decided) = entry.decided.filter(|decided| *decided >= instant.moment()) {
            return ClaimOutcome::Decided(Instant::new(decided));
        }
        let allocation = entry.suspension.as_deref();
        if rules::is_suspended(&run, Suspensions { allocation, server: pause.as_deref() }) {
            return ClaimOutcome::Changed;
        }
        let history = self.histories.entry(position).or_default();
        let up_to = match history.first_within(instant, run.latest()) {
            Some(other) if other > instant => return ClaimOutcome::Beside(other),
            made_by_hand => made_by_hand.unwrap_or_else(|| run.latest()),
        };
        let is_new = history.get(instant).is_none();
        entry.decided = Some(up_to.moment());
        let run = Arc::new(run);
        let folded = if is_new { history.fold(&run) } else { None };
        let added = is_new && folded.is_none();
        if added {
            draft.follow(&run, run.decided_at);
        } else if let Some(folded) = folded {
            draft.tell(News::Run(folded, run.decided_at));
        }
        let staged = draft.into_staged();
        self.catalogue.accept(staged);
        if added {
            self.insert(position, run);
        }
        if is_new { ClaimOutcome::New } else { ClaimOutcome::Decided(up_to) }
    }

    /// Records instants that are due and not decided as missed.
    pub(super) fn settle(&mut self, undecided: &[Undecided], outages: &[Outage]) {
        for undecided in undecided {
            let Ok(()) = undecided.record(outages, |run| Ok::<_, Infallible>(self.decide(run)));
        }
    }

    /// Makes the record of a run by hand.
    pub(super) fn demand(&mut self, mut run: Run, wanted: InstantKind) -> ClaimOutcome {
        let mut draft = Draft::of(&self.catalogue);
        let Some((position, entry)) = draft.entry_of(&run) else { return ClaimOutcome::Changed };
        let instant = run.id.instant;
        let history = self.histories.entry(position).or_default();
        let held = history.get(instant);
        if let Some(taken) = held.and_then(|held| rules::taken(held, wanted)) {
            return taken;
        }
        let replaced = match held {
            None if wanted != InstantKind::Now => {
                let span = history.span(instant);
                let is_pruned = |up_to: &Instant| span.is_none() && instant <= *up_to;
                if let Some(pruned) = entry.pruned.filter(is_pruned) {
                    return ClaimOutcome::Pruned(pruned);
                }
                span.filter(|_| matches!(wanted, InstantKind::Instant(_)))
            }
            held => held,
        };
        let (mut resized, mut rest) = (Resized::default(), None);
        if let Some(replaced) = replaced.cloned() {
            let is_taken = |at| Ok::<_, Infallible>(history.get(at).is_some());
            let Ok(left) = rules::without(&replaced, instant, wanted, is_taken);
            rules::take_up(&mut run, &replaced);
            (resized, rest) = (history.take(replaced.id.instant), left);
        }
        let (run, rest) = (Arc::new(run), rest.map(Arc::new));
        if let Some(rest) = &rest {
            draft.tell(News::Run(Arc::clone(rest), run.decided_at));
        }
        draft.follow(&run, run.decided_at);
        let staged = draft.into_staged();
        self.catalogue.accept(staged);
        self.resized(position, &resized);
        if let Some(rest) = rest {
            self.insert(position, rest);
        }
        self.insert(position, run);
        ClaimOutcome::New
    }

    /// Changes the record of a run that passes a check, and makes it an event of a moment where that is to
    /// be seen; returns its age.
    pub(super) fn change(
        &mut self,
        id: &RunId,
        uid: Uuid,
        check: impl FnOnce(&RunId, Option<&Run>) -> Result<(), StoreError>,
        shown_at: Option<DateTime<Utc>>,
        change: impl FnOnce(&mut Run),
    ) -> Result<u64, StoreError> {
        let name = id.allocation.as_str();
        let held = self.history(name).and_then(|history| history.get(id.instant));
        let held = held.filter(|run| run.uid == uid).cloned();
        check(id, held.as_deref())?;
        let mut draft = Draft::of(&self.catalogue);
        let Some(((position, _), mut run)) = draft.entry(name).zip(held) else {
            return Err(StoreError::NoSuchRun(id.clone()));
        };
        change(Arc::make_mut(&mut run));
        match shown_at {
            Some(at) => draft.follow(&run, at),
            None => draft.follow_in_silence(&run),
        }
        let staged = draft.into_staged();
        self.catalogue.accept(staged);
        let history = self.histories.entry(position).or_default();
        let bytes = run.attempts.iter().filter_map(|attempt| attempt.output.as_ref());
        let bytes = bytes.filter(|output| output.has_bytes()).map(|output| output.kept()).sum();
        let replaced = history.replace(run);
        let (grown, age) = replaced.ok_or_else(|| StoreError::NoSuchRun(id.clone()))?;
        self.bytes = self.bytes.saturating_add_signed(grown);
        if bytes > 0 {
            self.outputs.note(age, (position, id.instant), bytes);
        }
        Ok(age)
    }

    fn insert(&mut self, position: u64, run: Arc<Run>) {
        let Some(entry) = self.catalogue.entries.get(&position) else { return };
        self.age += 1;
        let keep = entry.allocation.specification.policies.keep;
        let settled = entry.settled();
        let history = self.histories.entry(position).or_default();
        let resized = history.insert(run, self.age, keep, settled);
        self.resized(position, &resized);
    }

    fn resized(&mut self, position: u64, resized: &Resized) {
        self.bytes = self.bytes.saturating_add_signed(resized.grown);
        if let Some((age, instant)) = resized.overtaken {
            self.ages.insert(age, (position, instant));
        }
        for age in &resized.gone {
            self.ages.remove(age);
            self.outputs.forget(*age);
        }
        if let Some(entry) = self.catalogue.entries.get_mut(&position) {
            entry.pruned = entry.pruned.max(resized.pruned);
            entry.records = self.histories.get(&position).map_or(0, History::len);
        }
    }
}
