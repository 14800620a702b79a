//! What is written together, and in which order.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use docket_model::{
    Origin, Run,
    run::{RunState, Trigger},
};
use futures_util::future::join_all;

use tempfile::TempDir;

use super::{super::open, SqliteStore, new, occupy, path};
use crate::store::{
    AllocationStore, ClaimOutcome, JournalStore, RunStore, StoreError,
    contract::{get, instant, moment, push, push_a, seconds},
    sqlite::fault::Fault,
};

/// A store, and how many transactions it has committed.
fn counting() -> (TempDir, SqliteStore, Arc<AtomicU64>) {
    let directory = tempfile::tempdir().unwrap();
    let mut opened =
        open::open(&path(&directory), &open::STEPS, &super::Opener::for_tests()).unwrap();
    let commits = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&commits);
    let count = move || {
        counter.fetch_add(1, Ordering::SeqCst);
        false
    };
    opened.connection.commit_hook(Some(count)).unwrap();
    (directory, SqliteStore::load(opened).unwrap(), commits)
}

/// Claims for so many allocations at one instant.
async fn claims(store: &SqliteStore, allocations: usize) -> Vec<Run> {
    let names: Vec<_> = (0..allocations).map(|number| format!("a{number}")).collect();
    let specs: Vec<_> = names.iter().map(|name| (name.as_str(), "* * * * *")).collect();
    push(store, Origin::Api, &specs).await;
    let all = store.list(None, usize::MAX).await.unwrap();
    let claim = |snapshot: &crate::store::Snapshot| {
        let (trigger, state) = (Trigger::Schedule, RunState::Starting);
        Run::decided(&snapshot.standing.allocation, instant(60), trigger, state, moment(60))
    };
    all.iter().map(claim).collect()
}

#[tokio::test]
async fn what_arrives_while_another_commit_is_under_way_is_committed_together() {
    let (_directory, store, commits) = counting();
    let claims = claims(&store, 1000).await;
    commits.store(0, Ordering::SeqCst);
    let release = occupy(&store);

    let deciding = join_all(claims.into_iter().map(|claim| store.claim(claim)));
    let (recorded, ()) = tokio::join!(deciding, async { drop(release) });

    assert!(recorded.iter().all(|recorded| *recorded == Ok(ClaimOutcome::New)));
    // What kept it busy, and all of these.
    assert_eq!(commits.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn ten_thousand_claims_at_one_instant_are_all_taken() {
    let (_directory, store, commits) = counting();
    let claims = claims(&store, 10_000).await;
    commits.store(0, Ordering::SeqCst);

    let recorded = join_all(claims.into_iter().map(|claim| store.claim(claim))).await;

    assert!(recorded.iter().all(|recorded| *recorded == Ok(ClaimOutcome::New)));
    assert_eq!(store.under_way().await.unwrap().len(), 10_000);
    assert!(commits.load(Ordering::SeqCst) < 1000);
}

#[tokio::test]
async fn commands_see_one_another_in_the_order_in_which_they_came() {
    let (_directory, store) = new();
    push_a(&store).await;
    let allocation = get(&store, "a").await.standing.allocation;
    let claim = |second| {
        let (trigger, state) = (Trigger::Schedule, RunState::Starting);
        Run::decided(&allocation, instant(second), trigger, state, moment(second))
    };
    let release = occupy(&store);

    let deciding = join_all([60, 180, 120, 180, 240].map(|second| store.claim(claim(second))));
    let (recorded, ()) = tokio::join!(deciding, async { drop(release) });

    let recorded: Vec<_> = recorded.into_iter().map(Result::unwrap).collect();
    let (new, decided) = (ClaimOutcome::New, ClaimOutcome::Decided(instant(180)));
    assert_eq!(recorded, [new.clone(), new.clone(), decided.clone(), decided, new]);
    assert_eq!(seconds(&store, "a").await, [240, 180, 60]);
}

#[tokio::test]
async fn a_command_that_fails_takes_no_other_with_it() {
    let (_directory, store) = new();
    let claims = claims(&store, 20).await;
    let release = occupy(&store);

    let failing = store.writer.ask(|work| -> Result<(), Fault> {
        work.set("store", "overwritten")?;
        work.sql.execute("INSERT INTO meta (key, value) VALUES ('store', 'twice')", [])?;
        Ok(())
    });
    let (first, second) = claims.split_at(10);
    let first = join_all(first.iter().map(|claim| store.claim(claim.clone())));
    let second = join_all(second.iter().map(|claim| store.claim(claim.clone())));
    let (first, failed, second, ()) = tokio::join!(first, failing, second, async { drop(release) });

    let Err(StoreError::Unwritable(words)) = failed else { panic!("{failed:?}") };
    assert!(words.contains("UNIQUE"), "{words}");
    assert!(first.iter().chain(&second).all(|recorded| *recorded == Ok(ClaimOutcome::New)));
    let overwritten = "SELECT count(*) FROM meta WHERE value = 'overwritten'";
    assert_eq!(super::number(&store.path, overwritten), 0);
    assert_eq!(store.under_way().await.unwrap().len(), 20);
}

#[tokio::test]
async fn what_is_committed_while_its_file_is_moved_away_is_answered_once_the_file_is_back() {
    let directory = tempfile::tempdir().unwrap();
    let (file, away) = (path(&directory), directory.path().join("away.db"));
    let mut opened = open::open(&file, &open::STEPS, &super::Opener::for_tests()).unwrap();
    let is_to_go = Arc::new(AtomicBool::new(false));
    let (from, to, go) = (file.clone(), away.clone(), Arc::clone(&is_to_go));
    let moving = move || {
        if go.swap(false, Ordering::SeqCst) {
            fs::rename(&from, &to).unwrap();
        }
        false
    };
    opened.connection.commit_hook(Some(moving)).unwrap();
    let store = SqliteStore::load(opened).unwrap();
    push_a(&store).await;
    let claim = claims(&store, 1).await.remove(0);

    is_to_go.store(true, Ordering::SeqCst);
    let (recorded, refused) = tokio::join!(store.claim(claim.clone()), async {
        let refused = loop {
            if let Err(error) = store.alive(moment(60)).await {
                break error;
            }
        };
        fs::rename(&away, &file).unwrap();
        store.alive(moment(61)).await.unwrap();
        refused
    });

    assert_eq!(recorded, Ok(ClaimOutcome::New));
    assert!(matches!(refused, StoreError::Unwritable(words) if words.contains("was removed")));
    assert!(matches!(store.claim(claim).await, Ok(ClaimOutcome::Decided(_))));
}
