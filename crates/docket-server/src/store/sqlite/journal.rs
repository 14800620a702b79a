//! The journal's table.

use docket_model::{
    AllocationName,
    journal::{Entry, Event},
};
use rusqlite::{Connection, Row, params};

use super::{
    super::{EntryFilter, MOST_ENTRIES},
    values,
};

pub(super) fn insert(sql: &Connection, entry: &Entry) -> rusqlite::Result<()> {
    sql.prepare_cached("INSERT INTO journal (at, allocation, event, by) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![
            values::text(entry.at),
            entry.allocation.as_ref().map(AllocationName::as_str),
            values::json(&entry.event)?,
            entry.by,
        ])
        .map(drop)
}

/// Takes the oldest entries out, so that the newest [`MOST_ENTRIES`] stay.
pub(super) fn prune(sql: &Connection) -> rusqlite::Result<()> {
    sql.prepare_cached("DELETE FROM journal WHERE id <= (SELECT max(id) FROM journal) - ?1")?
        .execute([i64::try_from(MOST_ENTRIES).unwrap_or(i64::MAX)])
        .map(drop)
}

/// The entries that a filter wants, the newest first: by their times, because some are written late.
pub(super) fn entries(sql: &Connection, filter: &EntryFilter) -> rusqlite::Result<Vec<Entry>> {
    let mut statement = sql.prepare_cached(
        "SELECT at, allocation, event, by FROM journal \
         WHERE (?1 IS NULL OR allocation IS NULL OR allocation = ?1) AND (?2 IS NULL OR at < ?2) \
         ORDER BY at DESC, id DESC LIMIT ?3",
    )?;
    let rows = statement.query_map(
        params![
            filter.allocation.as_ref().map(AllocationName::as_str),
            filter.before.map(values::text),
            i64::try_from(filter.limit).unwrap_or(i64::MAX),
        ],
        read,
    )?;
    rows.collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let allocation = row.get_ref(1)?.as_str_or_null()?.map(AllocationName::parse);
    let event: Event = values::from_json(row.get_ref(2)?.as_str()?)?;
    Ok(Entry {
        at: values::parsed(row.get_ref(0)?.as_str()?.parse())?,
        allocation: allocation.map(values::parsed).transpose()?,
        event,
        by: row.get(3)?,
    })
}
