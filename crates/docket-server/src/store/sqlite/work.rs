//! Commands that are written together: a transaction, and the draft of what it does to the
//! catalogue. Here is what changes allocations.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use docket_model::{
    Allocation, AllocationName, Origin,
    journal::{Entry as JournalEntry, Event},
    run::Instant,
};
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    super::{
        ChangeContext, Control, Effect, MOST_ENTRIES, Push, REMEMBERED, ServerControl,
        catalogue::{Catalogue, Entry},
        draft::{Draft, Put, Staged},
        rules, settle,
    },
    PAUSE,
    fault::Fault,
    file_check, journal, record, specification,
    values::{self, millis, number},
};
use crate::observer::News;

/// A transaction and its draft.
pub(super) struct Work<'a> {
    pub(super) sql: &'a Connection,
    pub(super) draft: Draft<'a>,
    /// Allocations that have more records than are kept.
    pub(super) overfull: Vec<AllocationName>,
    /// How many rows were changed over the connection before.
    changes: u64,
}

/// What a transaction leaves to do once it is committed.
pub(super) struct Done {
    pub(super) staged: Staged,
    pub(super) overfull: Vec<AllocationName>,
    /// How many commits changed something, this one among them.
    pub(super) commits: u64,
}

impl<'a> Work<'a> {
    pub(super) fn new(sql: &'a Connection, catalogue: &'a Catalogue) -> Self {
        let changes = sql.total_changes();
        Self { sql, draft: Draft::of(catalogue), overfull: Vec::new(), changes }
    }

    /// Writes what belongs to the work as a whole; what is left is to commit.
    pub(super) fn complete(self, before: &Catalogue, commits: u64) -> rusqlite::Result<Done> {
        let counter = self.draft.counter();
        if counter != before.counter {
            self.set("counter", &counter.to_string())?;
        }
        // What changes nothing needs no room, so it succeeds on a full disk too.
        let is_change = self.sql.total_changes() != self.changes;
        let commits = if is_change { commits + 1 } else { commits };
        if is_change {
            self.set(file_check::COMMITS, &commits.to_string())?;
        }
        Ok(Done { staged: self.draft.into_staged(), overfull: self.overfull, commits })
    }

    pub(super) fn push(&mut self, push: &Push) -> Result<Vec<Effect>, Fault> {
        let left_out = self.draft.left_out(push);
        self.draft.check(push, &left_out)?;
        let undecided = settle::of_push(&self.draft, push);
        self.settle(&undecided, &push.circumstances.outages)?;
        let mut entries = Vec::new();
        for name in left_out {
            if let Some((position, entry)) = self.draft.remove(&name) {
                self.forget(position, &entry, push.at)?;
            }
            entries.push(rules::entry(name, Event::Deleted, push.at, &push.by));
        }
        let mut effects = Vec::with_capacity(push.specifications.len());
        for wanted in &push.specifications {
            let name = &wanted.name;
            let is_new = self.draft.entry(name.as_str()).is_none();
            let remembered = if is_new { self.remembered(name, push.at)? } else { None };
            let put = self.draft.put(wanted.clone(), push, remembered);
            effects.push(put.effect);
            let now = self.draft.entry(name.as_str());
            let Some(entry) = now.map(|(_, entry)| entry.clone()) else { continue };
            self.store(&put, &entry)?;
            let event = rules::event(&put, &entry.allocation);
            let event = event.map(|event| rules::entry(name.clone(), event, push.at, &push.by));
            entries.extend(event);
        }
        self.note_down(entries)?;
        Ok(effects)
    }

    pub(super) fn delete(
        &mut self,
        name: &str,
        origin: &Origin,
        context: &ChangeContext,
    ) -> Result<bool, Fault> {
        let deleted = self.draft.delete(name, origin, &context.only_if)?;
        let Some((position, entry)) = deleted else { return Ok(false) };
        self.forget(position, &entry, context.at)?;
        let name = entry.allocation.name().clone();
        self.note_down(vec![rules::entry(name, Event::Deleted, context.at, &context.by)])?;
        Ok(true)
    }

    pub(super) fn control(
        &mut self,
        name: &str,
        control: &Control,
        context: &ChangeContext,
    ) -> Result<bool, Fault> {
        let Some((position, entry)) = self.draft.entry(name) else { return Ok(false) };
        let standing = entry.status(position);
        context.only_if.check(standing.allocation.name(), Some(&standing.allocation))?;
        let control = rules::completed(&standing, control.clone(), context.at);
        let Some(event) = rules::steered(&standing, &control, context.at) else { return Ok(true) };
        let succeeded = if rules::has_success_ahead(&standing, context.at) {
            self.succeeded_before(position, context.at)?
        } else {
            standing.succeeded
        };
        if let Some((_, entry)) = self.draft.control(name, control, context.at, succeeded) {
            let suspension = entry.suspension.as_deref().map(values::json).transpose()?;
            let allocation = &entry.allocation;
            self.sql
                .prepare_cached(
                    "UPDATE allocations SET suspension = ?2, decided = ?3, succeeded = ?4, \
                     created_at = ?5 WHERE position = ?1",
                )?
                .execute(params![
                    number(position),
                    suspension,
                    entry.decided.map(millis),
                    entry.succeeded.map(|instant| millis(instant.moment())),
                    values::text(allocation.created_at),
                ])?;
            self.sql
                .prepare_cached("UPDATE specifications SET scheduled_at = ?2 WHERE revision = ?1")?
                .execute(params![
                    number(allocation.revision),
                    values::text(allocation.scheduled_at)
                ])?;
        }
        let name = standing.allocation.name().clone();
        self.note_down(vec![rules::entry(name, event, context.at, &context.by)])?;
        Ok(true)
    }

    pub(super) fn control_server(
        &mut self,
        control: &ServerControl,
        context: &ChangeContext,
    ) -> Result<bool, Fault> {
        let Some(event) = self.draft.control_server(control, context.at) else { return Ok(false) };
        if let Some(pause) = self.draft.pause() {
            self.set(PAUSE, &values::json(&*pause)?)?;
        }
        self.note_down(vec![rules::server_entry(event, context)])?;
        Ok(true)
    }

    /// The latest instant before this moment for which a run succeeded whose record is kept.
    fn succeeded_before(
        &self,
        position: u64,
        at: DateTime<Utc>,
    ) -> rusqlite::Result<Option<Instant>> {
        let latest: Option<i64> = self
            .sql
            .prepare_cached(
                "SELECT max(instant) FROM runs WHERE allocation = ?1 AND instant < ?2 \
                 AND state = 'succeeded'",
            )?
            .query_row([number(position), millis(at)], |row| row.get(0))?;
        latest.map(values::instant).transpose()
    }

    /// Adds entries to the journal, takes the oldest out, and has the new ones told.
    pub(super) fn note_down(&mut self, entries: Vec<JournalEntry>) -> rusqlite::Result<()> {
        let kept = entries.len().saturating_sub(MOST_ENTRIES);
        entries.iter().skip(kept).try_for_each(|entry| journal::insert(self.sql, entry))?;
        let news = entries.into_iter().map(|entry| News::Entry(Arc::new(entry)));
        for news in news {
            self.draft.tell(news);
        }
        journal::prune(self.sql)
    }

    /// Writes one of the values that there are once.
    pub(super) fn set(&self, key: &str, value: &str) -> rusqlite::Result<()> {
        self.sql
            .prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)")?
            .execute([key, value])
            .map(drop)
    }

    fn store(&self, put: &Put, entry: &Entry) -> rusqlite::Result<()> {
        let now = &entry.allocation;
        match (put.effect, &put.before) {
            (Effect::Unchanged, _) => Ok(()),
            (Effect::Updated, Some(before)) => {
                specification::insert(self.sql, now)?;
                self.sql
                    .prepare_cached(
                        "UPDATE allocations SET revision = ?2, origin = ?3 WHERE position = ?1",
                    )?
                    .execute(params![number(put.position), number(now.revision), origin(now),])?;
                self.drop_specification(put.position, before.revision)
            }
            _ => {
                specification::insert(self.sql, now)?;
                self.insert(put.position, entry)
            }
        }
    }

    fn insert(&self, position: u64, entry: &Entry) -> rusqlite::Result<()> {
        let allocation = &entry.allocation;
        self.sql
            .prepare_cached(
                "INSERT INTO allocations (position, name, uid, revision, origin, created_at, \
                 decided, pruned) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                number(position),
                allocation.name().as_str(),
                allocation.uid.to_string(),
                number(allocation.revision),
                origin(allocation),
                values::text(allocation.created_at),
                entry.decided.map(millis),
                entry.pruned.map(|pruned| millis(pruned.moment())),
            ])
            .map(drop)
    }

    /// Takes out a specification that is not in force any more, unless a run under way uses it.
    pub(super) fn drop_specification(&self, position: u64, revision: u64) -> rusqlite::Result<()> {
        let text = format!(
            "DELETE FROM specifications WHERE revision = ?2 AND NOT EXISTS (SELECT 1 FROM runs \
             WHERE allocation = ?1 AND revision = ?2 AND {})",
            record::UNDER_WAY
        );
        let key = [number(position), number(revision)];
        self.sql.prepare_cached(&text)?.execute(key).map(drop)
    }

    /// Takes out all there is of an allocation, and remembers up to when it was decided.
    fn forget(&self, position: u64, entry: &Entry, at: DateTime<Utc>) -> rusqlite::Result<()> {
        let allocation = number(position);
        let claimed = entry.under_way().map(|under_way| under_way.run.revision);
        for revision in claimed.chain([entry.allocation.revision]) {
            self.sql
                .prepare_cached("DELETE FROM specifications WHERE revision = ?1")?
                .execute([number(revision)])?;
        }
        for statement in [
            "DELETE FROM outputs WHERE allocation = ?1",
            "DELETE FROM runs WHERE allocation = ?1",
            "DELETE FROM allocations WHERE position = ?1",
        ] {
            self.sql.prepare_cached(statement)?.execute([allocation])?;
        }
        self.sql
            .prepare_cached("DELETE FROM deleted WHERE at <= ?1")?
            .execute([millis(at - REMEMBERED)])?;
        let Some(decided) = entry.decided else { return Ok(()) };
        self.sql
            .prepare_cached(
                "INSERT OR REPLACE INTO deleted (name, decided, at) VALUES (?1, ?2, ?3)",
            )?
            .execute(params![entry.allocation.name().as_str(), millis(decided), millis(at)])
            .map(drop)
    }

    /// The latest instant decided of a name that was deleted lately.
    fn remembered(
        &self,
        name: &AllocationName,
        at: DateTime<Utc>,
    ) -> rusqlite::Result<Option<DateTime<Utc>>> {
        let row: Option<(i64, i64)> = self
            .sql
            .prepare_cached("SELECT decided, at FROM deleted WHERE name = ?1")?
            .query_row([name.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((decided, deleted_at)) = row else { return Ok(None) };
        let (decided, deleted_at) = (values::moment(decided)?, values::moment(deleted_at)?);
        Ok(rules::remembered(decided, deleted_at, at))
    }
}

/// The file that an allocation comes from; none where it was pushed over the API.
fn origin(allocation: &Allocation) -> Option<&str> {
    match &allocation.origin {
        Origin::Api => None,
        Origin::File(file) => Some(file),
    }
}
