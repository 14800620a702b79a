//! Files of the formats 1 and 2.

use std::{collections::BTreeMap, fs, path::Path};

use bytes::Bytes;
use docket_model::{
    Run,
    output::PIECE,
    run::{AttemptKey, RunState},
};
use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;

use super::{Opener, SqliteBackend, loaded, name, number, open, path};
use crate::store::backend::{Backend as _, Collection, Key, Order, PieceKey, Record, Scan};

/// The folder of files that earlier releases wrote.
const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures");

/// A copy of such a file, in a directory of its own.
fn copied(format: usize) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let fixture = Path::new(FIXTURES).join(format!("store-v{format}.db"));
    fs::copy(fixture, path(&directory)).unwrap();
    directory
}

/// How many keys of each kind a store has.
async fn counts(store: &SqliteBackend) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for (key, ..) in loaded(store).await {
        let kind = match key {
            Key::Specification(_) => "specifications",
            Key::Status(_) => "statuses",
            Key::Entry(_) => "entries",
            Key::Item(collection, _) => collection.name(),
            other => panic!("{other:?}"),
        };
        *counts.entry(kind).or_default() += 1;
    }
    counts
}

async fn runs(store: &SqliteBackend, allocation: &str) -> Vec<Run> {
    let scan = Scan {
        allocation: name(allocation),
        from: std::ops::Bound::Unbounded,
        to: std::ops::Bound::Unbounded,
        order: Order::Ascending,
        skip: 0,
        limit: usize::MAX,
    };
    let runs = store.scan(vec![scan]).await.unwrap().remove(0);
    runs.into_iter().map(|(_, run)| Run::clone(&run)).collect()
}

#[tokio::test]
async fn each_row_of_an_earlier_format_becomes_a_record() {
    for format in [1, 2] {
        let directory = copied(format);
        let before = |query: &str| {
            let fixture = Path::new(FIXTURES).join(format!("store-v{format}.db"));
            usize::try_from(number(&fixture, query)).unwrap()
        };

        let store = open(&directory).unwrap();

        let counts = counts(&store).await;
        let allocations = before("SELECT count(*) FROM allocations");
        assert_eq!(counts["specifications"], allocations);
        assert_eq!(counts["statuses"], allocations);
        assert_eq!(counts["entries"], before("SELECT count(*) FROM journal"));
        assert_eq!(counts["deleted"], before("SELECT count(*) FROM deleted"));
        let meta = before("SELECT count(*) FROM meta WHERE key <> 'commits'");
        assert_eq!(counts["meta"], meta);
        let lives = if format == 1 { 0 } else { before("SELECT count(*) FROM lives") };
        assert_eq!(counts.get("lives").copied().unwrap_or_default(), lives);
        let after = |table| number(&path(&directory), &format!("SELECT count(*) FROM {table}"));
        assert_eq!(usize::try_from(after("runs")).unwrap(), before("SELECT count(*) FROM runs"));
        let pieces = "SELECT count(*) FROM outputs WHERE length(head) + length(tail) > 0";
        assert_eq!(usize::try_from(after("outputs")).unwrap(), before(pieces));
        assert_eq!(after("sqlite_schema WHERE name LIKE 'old%'"), 0);
    }
}

#[tokio::test]
async fn a_status_says_what_its_runs_say() {
    for format in [1, 2] {
        let store = open(&copied(format)).unwrap();
        for (key, _, record) in loaded(&store).await {
            let (Key::Status(name), Record::Status(status)) = (key, record) else {
                continue;
            };
            let runs = runs(&store, name.as_str()).await;
            let open = runs.iter().filter(|run| !run.state.is_over()).map(|run| run.id.instant);
            assert_eq!(status.records, runs.len(), "{name}");
            assert_eq!(status.under_way, open.collect::<Vec<_>>(), "{name}");
            let newest = status.newest.map(|newest| (newest.instant, newest.is_missed));
            let last = runs.last();
            let is_missed = |run: &Run| matches!(run.state, RunState::Missed { .. });
            assert_eq!(newest, last.map(|run| (run.id.instant, is_missed(run))), "{name}");
        }
    }
}

#[tokio::test]
async fn a_run_under_way_keeps_the_specification_that_it_was_claimed_with() {
    let directory = copied(2);
    let sql = Connection::open(path(&directory)).unwrap();
    // As a push during the run leaves it.
    sql.execute_batch(
        "INSERT INTO specifications SELECT 900, scheduled_at, 'new', labels, cron, after, \
         time_zone, policies, container FROM specifications JOIN allocations USING (revision) \
         WHERE name = 'queued'; UPDATE allocations SET revision = 900 WHERE name = 'queued'",
    )
    .unwrap();
    drop(sql);

    let store = open(&directory).unwrap();

    let revision = runs(&store, "queued").await.first().unwrap().revision;
    let claimed: Vec<_> = loaded(&store)
        .await
        .into_iter()
        .filter(|(key, ..)| matches!(key, Key::Item(Collection::Claimed, _)))
        .collect();
    let [(Key::Item(_, key), _, Record::Specification(claimed))] = claimed.as_slice() else {
        panic!("{claimed:?}")
    };
    assert_eq!(*key, format!("queued@{revision}"));
    assert_eq!(claimed.allocation.revision, revision);
    assert_eq!(claimed.allocation.specification.description, None);
}

#[tokio::test]
async fn outputs_in_rows_of_any_size_are_cut_into_pieces() {
    for one_row in [true, false] {
        let directory = copied(2);
        let text: Vec<u8> = (0..5 * PIECE / 2).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let sql = Connection::open(path(&directory)).unwrap();
        sql.execute("DELETE FROM outputs", []).unwrap();
        let run = "SELECT allocation, instant FROM runs WHERE attempts LIKE '%Output%' LIMIT 1";
        let (allocation, instant): (i64, i64) =
            sql.query_row(run, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        let insert = |key: i64, head: &[u8], tail: &[u8]| {
            let insert = "INSERT INTO outputs VALUES (?1, ?2, ?3, ?4, ?5, 0)";
            sql.execute(insert, rusqlite::params![allocation, instant, key, head, tail]).unwrap();
        };
        if one_row {
            let (head, tail) = text.split_at(PIECE + 1);
            insert(1, head, tail);
        } else {
            for (number, piece) in text.chunks(PIECE).enumerate() {
                insert(1 + (i64::try_from(number).unwrap() << 32), piece, &[]);
            }
        }
        let query = "SELECT name FROM allocations WHERE position = ?1";
        let owner: String = sql.query_row(query, [allocation], |row| row.get(0)).unwrap();
        drop(sql);

        let store = open(&directory).unwrap();

        let instant = crate::store::sql_column_values::instant(instant).unwrap();
        let key = |piece| {
            let allocation = name(&owner);
            Key::Piece(PieceKey { allocation, instant, attempt: AttemptKey::FIRST, piece })
        };
        let pieces = store.read((0..4).map(key).collect()).await.unwrap();
        let pieces = pieces.into_iter().flatten().map(|(_, record)| match record {
            Record::Piece(piece) => piece.bytes.to_bytes(),
            other => panic!("{other:?}"),
        });
        let pieces: Vec<_> = pieces.collect();
        assert_eq!(pieces.iter().map(Bytes::len).collect::<Vec<_>>(), [PIECE, PIECE, PIECE / 2]);
        assert!(pieces.concat() == text);
    }
}

#[tokio::test]
async fn values_that_there_are_once_keep_their_meaning() {
    let directory = copied(2);
    let of = |query: &str| -> String {
        let sql = Connection::open(Path::new(FIXTURES).join("store-v2.db")).unwrap();
        sql.query_row(query, [], |row| row.get(0)).unwrap()
    };

    let store = open(&directory).unwrap();

    let items =
        loaded(&store).await.into_iter().filter_map(|(key, _, record)| match (key, record) {
            (Key::Item(Collection::Meta, key), Record::Item(json)) => {
                Some((key, serde_json::from_str::<Value>(&json).unwrap()))
            }
            _ => None,
        });
    let items: BTreeMap<_, _> = items.collect();
    for (key, query) in [
        ("id", "SELECT value FROM meta WHERE key = 'store'"),
        ("time_zone", "SELECT value FROM meta WHERE key = 'time_zone'"),
    ] {
        assert_eq!(items[key], of(query), "{key}");
    }
    assert_eq!(items["counter"].to_string(), of("SELECT value FROM meta WHERE key = 'counter'"));
    assert_eq!(items["home"]["Namespace"], "fixture");
    // The fixture's last run was decided after its server noted last that it runs.
    let newest = "SELECT strftime('%Y-%m-%dT%H:%M:%f', max(decided_at) / 1000.0, 'unixepoch') || 'Z' \
                  FROM runs";
    assert_eq!(items["last_alive"], of(newest));
}

#[tokio::test]
async fn revisions_go_on_from_the_commits_that_were_counted() {
    let directory = copied(2);
    let fixture = Path::new(FIXTURES).join("store-v2.db");
    let before = number(&fixture, "SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'commits'");

    let store = open(&directory).unwrap();

    let revisions: Vec<_> = loaded(&store).await.iter().map(|(_, held, _)| *held).collect();
    let expected = u64::try_from(before).unwrap() + 1;
    assert!(revisions.iter().all(|revision| *revision == expected), "{revisions:?}");
    let copy = directory.path().join("docket.db.v2.backup");
    assert_eq!(number(&copy, "PRAGMA user_version"), 2);
    drop(store);
    let again = SqliteBackend::open(&path(&directory), &Opener::for_tests()).unwrap();
    assert_eq!(again.begin_term().await, Ok(1));
}
