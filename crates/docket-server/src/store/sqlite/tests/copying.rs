//! Copies of a store that goes on.

use std::{fs, os::unix::fs::PermissionsExt as _};

use chrono::{DateTime, Utc};

use super::{
    super::{Opener, SqliteBackend, backup_of},
    commit, files, loaded, new, open, path, set, value,
};
use crate::store::backend::{Backend as _, Files as _};

fn at() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_300, 0).unwrap()
}

#[tokio::test]
async fn a_copy_made_under_load_is_the_store_at_one_moment() {
    let (directory, store, term) = new().await;
    let to = directory.path().join("copy.db");
    commit(&store, term, [set("a", "0"), set("b", "0")]).await.unwrap();

    let load = async {
        for number in 1..300 {
            let number = number.to_string();
            commit(&store, term, [set("a", &number), set("b", &number)]).await.unwrap();
        }
    };
    let ((), copied) = tokio::join!(load, store.backup(&to, at()));

    copied.unwrap();
    assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
    let copy = SqliteBackend::open(&to, &Opener::for_tests()).unwrap();
    assert!(!copy.info().is_new);
    assert_eq!(value(&copy, "a").await, value(&copy, "b").await);
    assert_eq!(value(&store, "a").await.unwrap().1, "299");
}

#[tokio::test]
async fn a_backup_in_the_place_of_a_file_whose_server_was_killed_is_what_it_was() {
    let (directory, store, term) = new().await;
    let backup = directory.path().join("backup.db");
    let log = directory.path().join("docket.db-wal");
    commit(&store, term, [set("a", "1")]).await.unwrap();
    store.backup(&backup, at()).await.unwrap();
    commit(&store, term, [set("a", "2")]).await.unwrap();
    let left_by_a_crash = fs::read(&log).unwrap();
    drop(store);
    fs::write(&log, left_by_a_crash).unwrap();
    fs::copy(&backup, path(&directory)).unwrap();

    let restored = open(&directory).unwrap();
    let at_first = value(&restored, "a").await.unwrap().1;
    let term = restored.begin_term().await.unwrap();
    commit(&restored, term, [set("a", "3")]).await.unwrap();
    let own_log = fs::read(&log).unwrap();
    drop(restored);
    fs::write(&log, own_log).unwrap();
    let again = open(&directory).unwrap();

    assert_eq!(at_first, "1");
    assert_eq!(value(&again, "a").await.unwrap().1, "3");
    assert!(files(directory.path()).contains(&"docket.db.log-of-the-file-before".to_owned()));
}

#[tokio::test]
async fn no_file_is_overwritten_and_no_half_copy_is_left() {
    let (directory, store, _) = new().await;
    let taken = directory.path().join("taken.db");
    fs::write(&taken, "precious").unwrap();
    let nowhere = directory.path().join("nowhere/copy.db");
    let before = files(directory.path());

    let refusals = [store.backup(&taken, at()).await, store.backup(&nowhere, at()).await];

    let reasons = refusals.map(Result::unwrap_err);
    assert_eq!(reasons.first().unwrap(), "there is a file of this name already");
    assert!(reasons.last().unwrap().contains("No such file"), "{reasons:?}");
    assert_eq!(fs::read(&taken).unwrap(), b"precious");
    assert_eq!(files(directory.path()), before);
    assert_eq!(loaded(&store).await, []);
}

#[tokio::test]
async fn what_copies_left_that_a_crash_cut_off_goes_when_the_store_is_opened() {
    let (directory, store, _) = new().await;
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
