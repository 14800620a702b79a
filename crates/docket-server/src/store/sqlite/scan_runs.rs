//! Reads runs of an allocation in the order of their instants.

use std::ops::Bound;

use docket_model::run::Instant;
use rusqlite::{Connection, Row, params};

use super::{
    super::{
        backend::{Key, Order, Scan, ScannedRun},
        sql_column_values::{self as values, millis, number},
    },
    tables::{self, ALLOCATION, UID},
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
    let order = match scan.order {
        Order::Ascending => "ASC",
        Order::Descending => "DESC",
    };
    let text = format!(
        "SELECT revision, value, {UID}, instant FROM runs WHERE allocation = {ALLOCATION} \
         AND instant BETWEEN ?2 AND ?3 ORDER BY instant {order} LIMIT ?4 OFFSET ?5"
    );
    let (limit, skip) = (number(scan.limit), number(scan.skip));
    let parameters = params![scan.allocation.as_str(), from, to, limit, skip];
    let mut statement = sql.prepare_cached(&text)?;
    statement.query_map(parameters, |row| run(row, scan))?.collect()
}

fn run(row: &Row<'_>, scan: &Scan) -> rusqlite::Result<ScannedRun> {
    let key = Key::Run(scan.allocation.clone(), values::instant(row.get(3)?)?);
    Ok((row.get(0)?, tables::run(&key, row)?))
}
