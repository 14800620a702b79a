//! Reads the catalogue when a store is opened: allocations, their specifications, and the runs under
//! way. Records of runs that are over stay in the file.

use std::{collections::HashMap, path::Path, sync::Arc, thread};

use chrono::{DateTime, Utc};
use docket_model::{
    Allocation, AllocationName, Origin,
    run::{Instant, Run},
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::{
    super::{
        UnderWay,
        catalogue::{Catalogue, Entry},
    },
    PAUSE,
    decisions::owner,
    file_check, readers, record, specification,
    values::{self, number},
};

/// From how many allocations on it pays to read with two threads.
const WORTH_A_THREAD: i64 = 2_000;

/// Everything that is to be in memory.
pub(super) fn catalogue(sql: &Connection, path: &Path) -> rusqlite::Result<Catalogue> {
    let (first, last): (Option<i64>, Option<i64>) =
        sql.query_row("SELECT min(position), max(position) FROM allocations", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let (first, last) = (first.unwrap_or(0), last.unwrap_or(0));
    let middle = first + (last - first) / 2;
    let mut entries = if last - first < WORTH_A_THREAD {
        entries(sql, first, last)?
    } else {
        thread::scope(|scope| {
            let second = scope.spawn(|| entries(&readers::connect(path)?, middle + 1, last));
            let first = entries(sql, first, middle);
            let second = second.join().unwrap_or(Err(rusqlite::Error::InvalidQuery));
            Ok::<_, rusqlite::Error>(first?.into_iter().chain(second?).collect())
        })?
    };
    count_records(sql, &mut entries)?;
    let mut entries: HashMap<u64, Entry> = entries.into_iter().collect();
    add_under_way(sql, &mut entries)?;
    let counter = meta(sql, "counter")?.map(|text| values::parsed(text.parse())).transpose()?;
    let pause = meta(sql, PAUSE)?.map(|text| values::from_json(&text)).transpose()?;
    let mut catalogue = Catalogue::opened(entries, counter.unwrap_or_default());
    catalogue.pause = pause.map(Arc::new);
    Ok(catalogue)
}

/// One of the values that there are once.
pub(super) fn meta(sql: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    let query = "SELECT value FROM meta WHERE key = ?1";
    sql.query_row(query, [key], |row| row.get(0)).optional()
}

/// The newest moment of which the file knows that its server ran.
pub(super) fn last_alive(
    sql: &Connection,
    catalogue: &Catalogue,
) -> rusqlite::Result<Option<DateTime<Utc>>> {
    let noted = meta(sql, "last_alive")?.map(|text| values::parsed(text.parse())).transpose()?;
    let entry: Option<String> = sql
        .query_row("SELECT at FROM journal ORDER BY id DESC LIMIT 1", [], |row| row.get(0))
        .optional()?;
    let entry = entry.map(|text| values::parsed(text.parse())).transpose()?;
    let newest: Option<i64> = sql
        .query_row(
            "SELECT max(decided_at, ifnull(ended_at, 0)) FROM runs ORDER BY id DESC LIMIT 1",
            [],
            |row| row.get(0),
        )
        .optional()?;
    let newest = newest.map(values::moment).transpose()?;
    let runs = catalogue.under_way();
    let steps = runs.iter().filter_map(|under_way| latest_step(&under_way.run)).max();
    Ok([noted, entry, newest, steps].into_iter().flatten().max())
}

fn latest_step(run: &Run) -> Option<DateTime<Utc>> {
    let steps = run.attempts.iter().flat_map(|attempt| &attempt.steps);
    steps.map(|(at, _)| *at).chain([run.decided_at]).max()
}

fn entries(sql: &Connection, first: i64, last: i64) -> rusqlite::Result<Vec<(u64, Entry)>> {
    let mut statement = sql.prepare(&format!(
        "SELECT position, name, uid, revision, origin, created_at, decided, pruned, succeeded, \
         suspension, {} FROM allocations LEFT JOIN specifications USING (revision) \
         WHERE position BETWEEN ?1 AND ?2 ORDER BY position",
        specification::COLUMNS
    ))?;
    let rows = statement.query_map([first, last], entry)?;
    rows.collect()
}

fn entry(row: &Row<'_>) -> rusqlite::Result<(u64, Entry)> {
    let (specification, scheduled_at) = specification::read(row, 10, row.get_ref(1)?.as_str()?)?;
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
    let entry = Entry {
        decided: instant(6)?.map(Instant::moment),
        pruned: instant(7)?,
        succeeded: instant(8)?,
        suspension: suspension.map(Arc::new),
        ..Entry::new(Arc::new(allocation))
    };
    Ok((values::count(row.get(0)?)?, entry))
}

/// Tells how many records each allocation has; both are in the order of positions.
fn count_records(sql: &Connection, entries: &mut [(u64, Entry)]) -> rusqlite::Result<()> {
    let mut statement = sql.prepare("SELECT allocation, count(*) FROM runs GROUP BY allocation")?;
    let mut rows = statement.query([])?;
    let mut entries = entries.iter_mut();
    while let Some(row) = rows.next()? {
        let position = values::count(row.get(0)?)?;
        if let Some((_, entry)) = entries.find(|(held, _)| *held == position) {
            entry.records = usize::try_from(values::count(row.get(1)?)?).unwrap_or(usize::MAX);
        }
    }
    Ok(())
}

/// Adds the runs that are not over, each with the specification that it was claimed with.
fn add_under_way(sql: &Connection, entries: &mut HashMap<u64, Entry>) -> rusqlite::Result<()> {
    let text =
        format!("SELECT allocation, {} FROM runs WHERE {}", record::COLUMNS, record::UNDER_WAY);
    let mut statement = sql.prepare(&text)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let position = values::count(row.get(0)?)?;
        let Some(entry) = entries.get_mut(&position) else { continue };
        let run = Arc::new(record::read(row, 1, &owner(position, entry))?);
        let claimed = claimed(sql, &entry.allocation, run.revision)?;
        entry.counts.add(&run.state);
        let runs = Arc::make_mut(entry.under_way.get_or_insert_default());
        runs.insert(run.id.instant, UnderWay { run, allocation: claimed });
    }
    Ok(())
}

/// The allocation as it was at a revision; as it is now, where that one is not there any more.
fn claimed(
    sql: &Connection,
    now: &Arc<Allocation>,
    revision: u64,
) -> rusqlite::Result<Arc<Allocation>> {
    if revision == now.revision {
        return Ok(Arc::clone(now));
    }
    let text = format!("SELECT {} FROM specifications WHERE revision = ?1", specification::COLUMNS);
    let name: &AllocationName = now.name();
    let read = sql
        .prepare_cached(&text)?
        .query_row(params![number(revision)], |row| specification::read(row, 0, name.as_str()))
        .optional()?;
    Ok(read.map_or_else(
        || Arc::clone(now),
        |(specification, scheduled_at)| {
            let now = Allocation::clone(now);
            Arc::new(Allocation { specification, revision, scheduled_at, ..now })
        },
    ))
}

/// The id that the store made once.
pub(super) fn id(sql: &Connection) -> rusqlite::Result<Uuid> {
    let id = meta(sql, "store")?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    values::parsed(id.parse())
}

/// How many commits changed something, since that is counted.
pub(super) fn commits(sql: &Connection) -> rusqlite::Result<u64> {
    let commits = meta(sql, file_check::COMMITS)?;
    commits.map(|text| values::parsed(text.parse())).transpose().map(Option::unwrap_or_default)
}

/// The page at which the table `meta` begins.
pub(super) fn meta_page(sql: &Connection) -> rusqlite::Result<u64> {
    let query = "SELECT rootpage FROM sqlite_schema WHERE name = 'meta'";
    values::count(sql.query_row(query, [], |row| row.get(0))?)
}
