//! What makes and changes the records of runs, within a transaction.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use docket_model::{
    AllocationName, Run, RunId,
    run::{Instant, RunState},
    undecided::Suspensions,
};
use rusqlite::{OptionalExtension, Row, params};
use uuid::Uuid;

use super::{
    super::{
        ClaimOutcome, End, InstantKind, Progress, StoreError,
        catalogue::Entry,
        rules::{self, Age},
    },
    fault::Fault,
    outputs,
    record::{self, Owner},
    values::{self, millis, number},
    work::Work,
};
use crate::observer::News;

impl Work<'_> {
    /// Makes the record of a decision.
    pub(super) fn decide(&mut self, run: &Arc<Run>) -> Result<ClaimOutcome, Fault> {
        let pause = self.draft.pause();
        let Some((position, entry)) = self.draft.entry_of(run) else {
            return Ok(ClaimOutcome::Changed);
        };
        let (instant, latest) = (run.id.instant, run.latest());
        if let Some(decided) = entry.decided.filter(|decided| *decided >= instant.moment()) {
            return Ok(ClaimOutcome::Decided(Instant::new(decided)));
        }
        let allocation = entry.suspension.as_deref();
        if rules::is_suspended(run, Suspensions { allocation, server: pause.as_deref() }) {
            return Ok(ClaimOutcome::Changed);
        }
        let owner = owner(position, entry);
        match self.first_within(position, instant, latest)? {
            Some(other) if other > instant => return Ok(ClaimOutcome::Beside(other)),
            Some(_) => {
                self.decided(run, instant)?;
                return Ok(ClaimOutcome::Decided(instant));
            }
            None => self.decided(run, latest)?,
        }
        if !self.fold(&owner, run)? {
            self.add(position, run)?;
        }
        Ok(ClaimOutcome::New)
    }

    /// Notes up to when it is decided about the allocation of a run.
    fn decided(&mut self, run: &Run, up_to: Instant) -> rusqlite::Result<()> {
        let Some((position, entry)) = self.draft.entry_of(run) else { return Ok(()) };
        entry.decided = Some(up_to.moment());
        self.decided_up_to(position, up_to.moment())
    }

    /// Writes up to when it is decided about an allocation.
    pub(super) fn decided_up_to(
        &self,
        position: u64,
        up_to: DateTime<Utc>,
    ) -> rusqlite::Result<()> {
        self.sql
            .prepare_cached("UPDATE allocations SET decided = ?2 WHERE position = ?1")?
            .execute([number(position), millis(up_to)])
            .map(drop)
    }

    /// Makes the record of a run by hand.
    pub(super) fn demand(&mut self, run: &Run, wanted: InstantKind) -> Result<ClaimOutcome, Fault> {
        let Some((position, entry)) = self.draft.entry_of(run) else {
            return Ok(ClaimOutcome::Changed);
        };
        let (instant, pruned, owner) = (run.id.instant, entry.pruned, owner(position, entry));
        let held = record::find(self.sql, &owner, instant)?.map(Arc::new);
        if let Some(taken) = held.as_ref().and_then(|held| rules::taken(held, wanted)) {
            return Ok(taken);
        }
        let replaced = match held {
            None if wanted != InstantKind::Now => {
                let span = self.span(&owner, instant)?.map(Arc::new);
                if let Some(pruned) = pruned.filter(|up_to| span.is_none() && instant <= *up_to) {
                    return Ok(ClaimOutcome::Pruned(pruned));
                }
                span.filter(|_| matches!(wanted, InstantKind::Instant(_)))
            }
            held => held,
        };
        let mut run = run.clone();
        if let Some(replaced) = replaced {
            let is_taken = |at| self.exists(position, at);
            let rest = rules::without(&replaced, instant, wanted, is_taken)?;
            rules::take_up(&mut run, &replaced);
            self.take_out(&replaced)?;
            rest.into_iter().try_for_each(|rest| self.add(position, &Arc::new(rest)))?;
        }
        self.add(position, &Arc::new(run))?;
        Ok(ClaimOutcome::New)
    }

    /// Adds what was learnt of a run under way.
    pub(super) fn note(
        &mut self,
        id: &RunId,
        uid: Uuid,
        progress: &Progress,
        at: DateTime<Utc>,
    ) -> Result<(), Fault> {
        let (position, mut run) = self.held(id, uid)?;
        rules::check_under_way(id, Some(&*run))?;
        progress.clone().apply(Arc::make_mut(&mut run), at);
        if progress.is_shown() {
            self.draft.tell(News::Run(Arc::clone(&run), at));
        }
        self.change(position, &run)?;
        Ok(())
    }

    /// Records how an attempt ended.
    pub(super) fn finish(&mut self, id: &RunId, uid: Uuid, end: &End) -> Result<(), Fault> {
        let (position, mut run) = self.held(id, uid)?;
        rules::check_finishable(id, Some(&*run))?;
        // The bytes go to the file; memory keeps how many there are.
        let output = end.output.as_ref().map(|output| Arc::new(output.to_sized()));
        End { output, ..end.clone() }.apply(Arc::make_mut(&mut run));
        if let (Some(attempt), Some(output)) = (run.attempt(), &end.output) {
            outputs::write(self.sql, position, id.instant, attempt.number, output)?;
        }
        self.draft.tell(News::Run(Arc::clone(&run), end.at));
        self.change(position, &run)?;
        Ok(())
    }

    /// The record of a run: from memory while it is under way, or else from the file.
    fn held(&self, id: &RunId, uid: Uuid) -> Result<(u64, Arc<Run>), Fault> {
        let none = || StoreError::NoSuchRun(id.clone());
        let held = self.draft.entry(id.allocation.as_str());
        let (position, entry) =
            held.filter(|(_, entry)| entry.allocation.uid == uid).ok_or_else(none)?;
        if let Some(under_way) = entry.running(id.instant) {
            return Ok((position, Arc::clone(&under_way.run)));
        }
        let run = record::find(self.sql, &owner(position, entry), id.instant)?;
        Ok((position, Arc::new(run.ok_or_else(none)?)))
    }

    fn change(&mut self, position: u64, run: &Arc<Run>) -> rusqlite::Result<()> {
        record::update(self.sql, position, run)?;
        self.draft.follow_in_silence(run);
        let Some((_, entry)) = self.draft.entry(run.id.allocation.as_str()) else {
            return Ok(());
        };
        let in_force = entry.allocation.revision;
        if run.state == RunState::Succeeded {
            let succeeded = entry.succeeded.map(|instant| millis(instant.moment()));
            self.sql
                .prepare_cached("UPDATE allocations SET succeeded = ?2 WHERE position = ?1")?
                .execute(params![number(position), succeeded])?;
        }
        if run.state.is_over() && run.revision != in_force {
            self.drop_specification(position, run.revision)?;
        }
        Ok(())
    }

    /// Adds a record. Those that are too many by it go later: a claim does not wait for that.
    fn add(&mut self, position: u64, run: &Arc<Run>) -> rusqlite::Result<()> {
        record::insert(self.sql, position, run)?;
        self.draft.follow(run, run.decided_at);
        let Some((_, entry)) = self.draft.entry_mut(run.id.allocation.as_str()) else {
            return Ok(());
        };
        entry.records += 1;
        if entry.records > entry.allocation.specification.policies.keep.runs {
            self.overfull.push(run.id.allocation.clone());
        }
        Ok(())
    }

    /// Lengthens the newest record if it is one of missed instants for the same reason.
    fn fold(&mut self, owner: &Owner, run: &Run) -> rusqlite::Result<bool> {
        if !matches!(run.state, RunState::Missed { .. }) {
            return Ok(false);
        }
        let Some(mut newest) = self.newest_up_to(owner, None, "1")? else { return Ok(false) };
        let Some(folded) = rules::folded(&newest, run) else { return Ok(false) };
        newest.state = folded;
        record::update(self.sql, owner.position, &newest)?;
        self.draft.tell(News::Run(Arc::new(newest), run.decided_at));
        Ok(true)
    }

    /// The record of missed instants that spans this one.
    fn span(&self, owner: &Owner, instant: Instant) -> rusqlite::Result<Option<Run>> {
        let span = self.newest_up_to(owner, Some(instant), "state = 'missed'")?;
        Ok(span.filter(|span| span.latest() >= instant))
    }

    fn newest_up_to(
        &self,
        owner: &Owner,
        instant: Option<Instant>,
        condition: &str,
    ) -> rusqlite::Result<Option<Run>> {
        let text = format!(
            "SELECT {} FROM runs WHERE allocation = ?1 AND instant <= ?2 AND {condition} \
             ORDER BY instant DESC LIMIT 1",
            record::COLUMNS
        );
        let latest = instant.map_or(i64::MAX, |instant| millis(instant.moment()));
        self.sql
            .prepare_cached(&text)?
            .query_row([number(owner.position), latest], |row| record::read(row, 0, owner))
            .optional()
    }

    /// The first record of two instants and those between them.
    fn first_within(
        &self,
        position: u64,
        first: Instant,
        last: Instant,
    ) -> rusqlite::Result<Option<Instant>> {
        let key = [number(position), millis(first.moment()), millis(last.moment())];
        let first: Option<i64> = self
            .sql
            .prepare_cached(
                "SELECT min(instant) FROM runs WHERE allocation = ?1 AND instant BETWEEN ?2 AND ?3",
            )?
            .query_row(key, |row| row.get(0))?;
        first.map(values::instant).transpose()
    }

    fn exists(&self, position: u64, instant: Instant) -> rusqlite::Result<bool> {
        self.sql
            .prepare_cached("SELECT 1 FROM runs WHERE allocation = ?1 AND instant = ?2")?
            .exists([number(position), millis(instant.moment())])
    }

    /// Takes out a record that another one takes the place of.
    fn take_out(&mut self, run: &Run) -> rusqlite::Result<()> {
        let Some((position, entry)) = self.draft.entry_mut(run.id.allocation.as_str()) else {
            return Ok(());
        };
        entry.records = entry.records.saturating_sub(1);
        self.remove(position, run.id.instant)
    }

    fn remove(&self, position: u64, instant: Instant) -> rusqlite::Result<()> {
        let key = [number(position), millis(instant.moment())];
        self.sql
            .prepare_cached("DELETE FROM outputs WHERE allocation = ?1 AND instant = ?2")?
            .execute(key)?;
        self.sql
            .prepare_cached("DELETE FROM runs WHERE allocation = ?1 AND instant = ?2")?
            .execute(key)
            .map(drop)
    }

    /// Forgets the oldest records beyond the bounds: failures outlive successes.
    pub(super) fn prune(&mut self, name: &AllocationName) -> rusqlite::Result<()> {
        let name = name.as_str();
        let Some((position, entry)) = self.draft.entry(name) else { return Ok(()) };
        let keep = entry.allocation.specification.policies.keep;
        let settled = entry.settled();
        let runs = i64::try_from(keep.runs).unwrap_or(i64::MAX);
        let text = format!(
            "SELECT instant, last, NOT {}, {} FROM runs WHERE allocation = ?1 \
             ORDER BY instant DESC LIMIT -1 OFFSET ?2",
            record::UNDER_WAY,
            record::FAILURE
        );
        let mut statement = self.sql.prepare_cached(&text)?;
        let older = statement.query_map([number(position), runs], age)?;
        let surplus = rules::surplus(older.collect::<Result<Vec<_>, _>>()?, keep, settled);
        for age in &surplus {
            self.remove(position, age.instant)?;
        }
        let Some((_, entry)) = self.draft.entry_mut(name) else { return Ok(()) };
        entry.records = entry.records.saturating_sub(surplus.len());
        let pruned = surplus.iter().map(|age| age.latest).max();
        if pruned <= entry.pruned {
            return Ok(());
        }
        entry.pruned = pruned;
        self.sql
            .prepare_cached("UPDATE allocations SET pruned = ?2 WHERE position = ?1")?
            .execute(params![number(position), pruned.map(|pruned| millis(pruned.moment()))])
            .map(drop)
    }
}

/// What pruning needs to know of a row.
fn age(row: &Row<'_>) -> rusqlite::Result<Age> {
    let instant = values::instant(row.get(0)?)?;
    let last: Option<i64> = row.get(1)?;
    let latest = last.map_or(Ok(instant), values::instant)?;
    Ok(Age { instant, latest, is_over: row.get(2)?, is_failure: row.get(3)? })
}

/// Whose runs are read.
pub(super) fn owner(position: u64, entry: &Entry) -> Owner {
    let allocation = &entry.allocation;
    Owner { position, name: allocation.name().clone(), uid: allocation.uid }
}
