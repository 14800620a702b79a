//! What the backend itself keeps in a file, and the items that say whose file it is.

use rusqlite::{Connection, OptionalExtension};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::super::{backend::Collection, sql_column_values as values, staged_changes::meta::ID};

/// The key of `meta` under which commits that changed something are counted. An older copy of the file
/// that is written over it has a smaller count.
pub(super) const COMMITS: &str = "commits";

/// The key of `meta` with the newest term.
pub(super) const TERM: &str = "term";

/// Notes in a copy when it was made. A copy of a copy that no server took over is as old as that one.
pub(super) const NOTE_COPY: &str = "INSERT OR IGNORE INTO items (collection, key, revision, value) \
     SELECT 'meta', 'copied_at', CAST(value AS INTEGER), json_quote(?1) FROM meta \
     WHERE key = 'commits'";

/// How many commits changed something.
pub(super) fn commits(sql: &Connection) -> rusqlite::Result<u64> {
    number(sql, COMMITS)
}

/// One of the numbers in `meta`; 0 where it is absent.
pub(super) fn number(sql: &Connection, key: &str) -> rusqlite::Result<u64> {
    let query = "SELECT value FROM meta WHERE key = ?1";
    let mut statement = sql.prepare_cached(query)?;
    let text: Option<String> = statement.query_row([key], |row| row.get(0)).optional()?;
    text.map_or(Ok(0), |text| values::parsed(text.parse()))
}

/// Writes one of the numbers in `meta`.
pub(super) fn set(sql: &Connection, key: &str, number: u64) -> rusqlite::Result<()> {
    sql.prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)")?
        .execute([key, &number.to_string()])
        .map(drop)
}

/// The page at which the table `meta` begins.
pub(super) fn page(sql: &Connection) -> rusqlite::Result<u64> {
    let query = "SELECT rootpage FROM sqlite_schema WHERE name = 'meta'";
    sql.query_row(query, [], |row| row.get(0))
}

/// An item that there is once.
pub(super) fn item<T: DeserializeOwned>(
    sql: &Connection,
    key: &str,
) -> rusqlite::Result<Option<T>> {
    let query = "SELECT value FROM items WHERE collection = ?1 AND key = ?2";
    let json = sql.query_row(query, [Collection::Meta.name(), key], |row| row.get(0)).optional()?;
    json.map(|json: String| values::parsed(serde_json::from_str(&json))).transpose()
}

/// The id of the store; nothing where no server had the file yet.
pub(super) fn id(sql: &Connection) -> rusqlite::Result<Option<Uuid>> {
    let id: Option<String> = item(sql, ID)?;
    id.map(|id| values::parsed(id.parse())).transpose()
}
