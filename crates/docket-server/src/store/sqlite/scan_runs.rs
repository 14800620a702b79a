//! Reads runs of an allocation in the order of their instants.

use std::{ops::Bound, sync::Arc};

use docket_model::{Run, run::Instant};
use rusqlite::{Connection, Row, params};

use super::{
    super::{
        backend::{Order, Scan, ScannedRun},
        codec,
    },
    column_values::{self, millis},
};

/// The runs of a scan. Instants are whole milliseconds, so an excluded one has a neighbour.
pub(super) fn runs(sql: &Connection, scan: &Scan) -> rusqlite::Result<Vec<ScannedRun>> {
    let millis = |instant: Instant| millis(instant.moment());
    let from = match scan.from {
        Bound::Unbounded => i64::MIN,
        Bound::Included(instant) => millis(instant),
        Bound::Excluded(instant) => millis(instant).saturating_add(1),
    };
    let to = match scan.to {
        Bound::Unbounded => i64::MAX,
        Bound::Included(instant) => millis(instant),
        Bound::Excluded(instant) => millis(instant).saturating_sub(1),
    };
    let text = match scan.order {
        Order::Ascending => {
            "SELECT instant, revision, value FROM runs WHERE name = ?1 \
             AND instant BETWEEN ?2 AND ?3 ORDER BY instant LIMIT ?4 OFFSET ?5"
        }
        Order::Descending => {
            "SELECT instant, revision, value FROM runs WHERE name = ?1 \
             AND instant BETWEEN ?2 AND ?3 ORDER BY instant DESC LIMIT ?4 OFFSET ?5"
        }
    };
    let number = |count| i64::try_from(count).unwrap_or(i64::MAX);
    let parameters =
        params![scan.allocation.as_str(), from, to, number(scan.limit), number(scan.skip)];
    let mut statement = sql.prepare_cached(text)?;
    statement.query_map(parameters, |row| run(row, scan))?.collect()
}

fn run(row: &Row<'_>, scan: &Scan) -> rusqlite::Result<ScannedRun> {
    let instant = column_values::instant(row.get(0)?)?;
    let run: Run = column_values::parsed(codec::decode_run(
        &scan.allocation,
        instant,
        row.get_ref(2)?.as_str()?,
    ))?;
    Ok((column_values::count(row.get(1)?)?, Arc::new(run)))
}
