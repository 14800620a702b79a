//! Copies of a store that goes on.

use std::{fs, os::unix::fs::PermissionsExt as _};

use docket_model::run::RunState;
use futures_util::future::join_all;
use serde_json::json;

use super::{Opener, SqliteStore, files, new, open, path};
use crate::store::{
    AllocationStore, RunStore, Store, StoreError, backup_of,
    contract::{carry_out, get, moment, push_a, pushed, run, seconds, specified},
};

#[tokio::test]
async fn a_copy_made_under_load_is_the_store_at_one_moment() {
    let (directory, store) = new();
    let keep = json!({"Name": "a", "Cron": "* * * * *", "Keep": {"Runs": 1000}});
    store.push(pushed(vec![specified(keep)], 0)).await.unwrap();
    carry_out(&store, "a", 60, RunState::Succeeded).await;
    let mut claims = Vec::new();
    for minute in 2..300 {
        claims.push(run(&store, "a", minute * 60, RunState::Starting).await);
    }
    let to = directory.path().join("copy.db");

    let load = join_all(claims.into_iter().map(|claim| store.claim(claim)));
    let (_, copied) = tokio::join!(load, store.backup(&to, moment(300)));

    copied.unwrap();
    assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
    let copy = SqliteStore::open(&to, &Opener::for_tests()).unwrap();
    assert_eq!((copy.id(), copy.about().is_new), (store.id(), false));
    let (now, then) = (seconds(&store, "a").await, seconds(&copy, "a").await);
    assert_eq!(now.len(), 299);
    assert!(now.ends_with(&then) && then.ends_with(&[60]), "{then:?}");
    assert_eq!(get(&copy, "a").await.standing.runs.under_way(), then.len() - 1);
}

#[tokio::test]
async fn a_backup_in_the_place_of_a_file_whose_server_was_killed_is_what_it_was() {
    let (directory, store) = new();
    let backup = directory.path().join("backup.db");
    let log = directory.path().join("docket.db-wal");
    push_a(&store).await;
    store.backup(&backup, moment(90)).await.unwrap();
    carry_out(&store, "a", 60, RunState::Succeeded).await;
    let left_by_a_crash = fs::read(&log).unwrap();
    drop(store);
    fs::write(&log, left_by_a_crash).unwrap();
    fs::copy(&backup, path(&directory)).unwrap();

    let restored = open(&directory).unwrap();
    let at_first = seconds(&restored, "a").await;
    carry_out(&restored, "a", 120, RunState::Succeeded).await;
    let own_log = fs::read(&log).unwrap();
    drop(restored);
    fs::write(&log, own_log).unwrap();
    let again = open(&directory).unwrap();

    assert_eq!(at_first, [0; 0]);
    assert_eq!(seconds(&again, "a").await, [120]);
    assert!(files(directory.path()).contains(&"docket.db.log-of-the-file-before".to_owned()));
}

#[tokio::test]
async fn no_file_is_overwritten_and_no_half_copy_is_left() {
    let (directory, store) = new();
    let taken = directory.path().join("taken.db");
    fs::write(&taken, "precious").unwrap();
    let nowhere = directory.path().join("nowhere/copy.db");
    let before = files(directory.path());

    let refusals =
        [store.backup(&taken, moment(90)).await, store.backup(&nowhere, moment(90)).await];

    let StoreError::NotCopied { path, reason } = refusals[0].clone().unwrap_err() else {
        panic!("{refusals:?}")
    };
    assert_eq!((path, reason.as_str()), (taken.clone(), "there is a file of this name already"));
    assert!(matches!(&refusals[1], Err(StoreError::NotCopied { path, .. }) if *path == nowhere));
    assert_eq!(fs::read(&taken).unwrap(), b"precious");
    assert_eq!(files(directory.path()), before);
    assert!(store.status("a").await.unwrap().is_none());
}

#[tokio::test]
async fn what_copies_left_that_a_crash_cut_off_goes_when_the_store_is_opened() {
    let (directory, store) = new();
    let id = "0123456789abcdef0123456789abcdef";
    let backup = backup_of(&store.path);
    let left = [
        backup.file_name().unwrap().to_str().unwrap().to_owned(),
        format!("docket.db.backup-{id}.{id}.part"),
        format!("docket.db.v1.backup.{id}.part"),
    ];
    let others = [
        "docket.db.backup-monday".to_owned(),
        "docket.db.v1.backup".to_owned(),
        format!("other.db.backup-{id}"),
        format!("other.db.{id}.part"),
    ];
    for name in left.iter().chain(&others) {
        fs::write(directory.path().join(name), "x").unwrap();
    }
    drop(store);

    let _again = open(&directory).unwrap();

    let files = files(directory.path());
    assert!(left.iter().all(|name| !files.contains(name)), "{files:?}");
    assert!(others.iter().all(|name| files.contains(name)), "{files:?}");
}
