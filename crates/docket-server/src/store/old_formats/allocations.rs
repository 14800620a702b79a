//! Allocations of the formats 1 and 2: each becomes a specification, a status, and its runs with their
//! outputs.

use std::{collections::HashSet, sync::Arc};

use chrono::{DateTime, Utc};
use docket_model::{
    Allocation, Origin, Run, Specification,
    run::{Instant, RunState},
};
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::{
    super::{
        allocation_status::{Newest, StatusRecord},
        backend::{Collection, Key, Positioned, Record},
    },
    outputs, runs, specifications,
    values::{self, Sink, each},
};

/// An allocation in the database, and what is known of how it stands before its runs are read.
struct Found {
    position: u64,
    allocation: Arc<Allocation>,
    status: StatusRecord,
}

/// Reads all allocations, in the order of their creation.
pub(super) fn read(sql: &Connection, sink: &mut Sink<'_>) -> rusqlite::Result<()> {
    let query = format!(
        "SELECT position, name, uid, revision, origin, created_at, decided, pruned, succeeded, \
         suspension, {} FROM old_allocations LEFT JOIN old_specifications USING (revision) \
         ORDER BY position",
        specifications::COLUMNS
    );
    each(sql, &query, |row| found(row)?.read_all(sql, sink))
}

fn found(row: &Row<'_>) -> rusqlite::Result<Found> {
    let (specification, scheduled_at) = specifications::read(row, 10, row.get_ref(1)?.as_str()?)?;
    let origin: Option<Arc<str>> = row.get(4)?;
    let allocation = Allocation {
        specification,
        uid: values::parsed(row.get_ref(2)?.as_str()?.parse())?,
        revision: values::count(row.get(3)?)?,
        origin: origin.map_or(Origin::Api, Origin::File),
        created_at: values::parsed(row.get_ref(5)?.as_str()?.parse())?,
        scheduled_at,
    };
    let instant = |column| -> rusqlite::Result<Option<Instant>> {
        row.get::<_, Option<i64>>(column)?.map(values::instant).transpose()
    };
    let suspension = values::maybe_json(row.get_ref(9)?.as_str_or_null()?)?;
    let status = StatusRecord {
        decided: instant(6)?.map(Instant::moment),
        pruned: instant(7)?,
        succeeded: instant(8)?,
        suspension: suspension.map(Arc::new),
        ..StatusRecord::default()
    };
    let position = values::count(row.get(0)?)?;
    Ok(Found { position, allocation: Arc::new(allocation), status })
}

impl Found {
    fn read_all(mut self, sql: &Connection, sink: &mut Sink<'_>) -> rusqlite::Result<()> {
        let allocation = Arc::clone(&self.allocation);
        let position = self.position;
        let positioned = Positioned { allocation: Arc::clone(&allocation), position };
        sink(Key::Specification(allocation.name().clone()), Record::Specification(positioned))?;
        let query = format!(
            "SELECT {} FROM old_runs WHERE allocation = {position} ORDER BY instant",
            runs::COLUMNS
        );
        let mut claimed = HashSet::new();
        each(sql, &query, |row| {
            let run = runs::read(row, &allocation)?;
            outputs::read(sql, position, &run, sink)?;
            self.add(&run);
            if !run.state.is_over() && claimed.insert(run.revision) {
                claim(sql, &self, run.revision, sink)?;
            }
            sink(Key::Run(allocation.name().clone(), run.id.instant), Record::Run(run.into()))
        })?;
        let status = Record::Status(Arc::new(self.status));
        sink(Key::Status(allocation.name().clone()), status)
    }

    /// Counts a run, each later than the one before.
    fn add(&mut self, run: &Run) {
        let instant = run.id.instant;
        let is_missed = matches!(run.state, RunState::Missed { .. });
        self.status.records += 1;
        self.status.newest = Some(Newest { instant, is_missed });
        if !run.state.is_over() {
            self.status.under_way.push(instant);
        }
    }
}

/// Reads the specification that a run under way was claimed with, where that is not the present one.
fn claim(
    sql: &Connection,
    found: &Found,
    revision: u64,
    sink: &mut Sink<'_>,
) -> rusqlite::Result<()> {
    let now = &found.allocation;
    if revision == now.revision {
        return Ok(());
    }
    let name = now.name();
    let query = format!(
        "SELECT {} FROM old_specifications WHERE revision = {revision}",
        specifications::COLUMNS
    );
    let read = |row: &Row<'_>| specifications::read(row, 0, name.as_str());
    let claimed: Option<(Specification, DateTime<Utc>)> =
        sql.query_row(&query, [], read).optional()?;
    let Some((specification, scheduled_at)) = claimed else { return Ok(()) };
    let allocation = Allocation { specification, revision, scheduled_at, ..Allocation::clone(now) };
    let claimed = Positioned { allocation: Arc::new(allocation), position: found.position };
    let key = Key::Item(Collection::Claimed, format!("{name}@{revision}"));
    sink(key, Record::Specification(claimed))
}
