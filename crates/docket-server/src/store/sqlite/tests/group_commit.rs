//! The rules over a file: what is committed together, and what becomes of it on a bad disk.

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

use super::{
    super::{Opener, SqliteBackend, open as opening},
    number, occupy, path,
};
use crate::store::{
    ClaimOutcome, Snapshot, Store, StoreError,
    contract::{
        end, finish, get, instant, moment, push, push_a, pushed, record, run, seconds,
        specification,
    },
};

/// A store over a file, whose connection calls a function before each commit.
async fn hooked(
    hook: impl FnMut() -> bool + Send + 'static,
) -> (TempDir, Arc<SqliteBackend>, Store) {
    let directory = tempfile::tempdir().unwrap();
    let opener = Opener::for_tests();
    let mut file = opening::open(&path(&directory), &opening::FORMAT, &opener).unwrap();
    file.connection.commit_hook(Some(hook)).unwrap();
    let backend = Arc::new(SqliteBackend::of(file).unwrap());
    let shared: Arc<SqliteBackend> = Arc::clone(&backend);
    let store = Store::open(shared).await.unwrap();
    (directory, backend, store)
}

/// The same, and how many transactions were committed.
async fn counting() -> (TempDir, Arc<SqliteBackend>, Store, Arc<AtomicU64>) {
    let commits = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&commits);
    let count = move || {
        counter.fetch_add(1, Ordering::SeqCst);
        false
    };
    let (directory, backend, store) = hooked(count).await;
    (directory, backend, store, commits)
}

/// Claims for so many allocations at one instant.
async fn claims(store: &Store, allocations: usize) -> Vec<Run> {
    let names: Vec<_> = (0..allocations).map(|number| format!("a{number}")).collect();
    let specs: Vec<_> = names.iter().map(|name| (name.as_str(), "* * * * *")).collect();
    push(store, Origin::Api, &specs).await;
    let all = store.list(None, usize::MAX).await.unwrap();
    let claim = |snapshot: &Snapshot| {
        let (trigger, state) = (Trigger::Schedule, RunState::Starting);
        Run::decided(&snapshot.status.allocation, instant(60), trigger, state, moment(60))
    };
    all.iter().map(claim).collect()
}

#[tokio::test]
async fn what_arrives_while_another_commit_is_under_way_is_committed_together() {
    let (_directory, backend, store, commits) = counting().await;
    let claims = claims(&store, 1000).await;
    commits.store(0, Ordering::SeqCst);
    let release = occupy(&backend);

    let deciding = join_all(claims.into_iter().map(|claim| store.claim(claim)));
    let (recorded, ()) = tokio::join!(deciding, async { drop(release) });

    assert!(recorded.iter().all(|recorded| *recorded == Ok(ClaimOutcome::New)));
    // At most the first one by itself, and all others.
    assert!(commits.load(Ordering::SeqCst) <= 2);
}

#[tokio::test]
async fn ten_thousand_claims_at_one_instant_are_all_taken() {
    let (_directory, _, store, commits) = counting().await;
    let claims = claims(&store, 10_000).await;
    commits.store(0, Ordering::SeqCst);

    let recorded = join_all(claims.into_iter().map(|claim| store.claim(claim))).await;

    assert!(recorded.iter().all(|recorded| *recorded == Ok(ClaimOutcome::New)));
    assert_eq!(store.under_way().await.unwrap().len(), 10_000);
    assert!(commits.load(Ordering::SeqCst) < 1000);
}

#[tokio::test]
async fn commands_see_one_another_in_the_order_in_which_they_came() {
    let (_directory, backend, store, _) = counting().await;
    push_a(&store).await;
    let allocation = get(&store, "a").await.status.allocation;
    let claim = |second| {
        let (trigger, state) = (Trigger::Schedule, RunState::Starting);
        Run::decided(&allocation, instant(second), trigger, state, moment(second))
    };
    let release = occupy(&backend);

    let deciding = join_all([60, 180, 120, 180, 240].map(|second| store.claim(claim(second))));
    let (recorded, ()) = tokio::join!(deciding, async { drop(release) });

    let recorded: Vec<_> = recorded.into_iter().map(Result::unwrap).collect();
    let (new, decided) = (ClaimOutcome::New, ClaimOutcome::Decided(instant(180)));
    assert_eq!(recorded, [new.clone(), new.clone(), decided.clone(), decided, new]);
    assert_eq!(seconds(&store, "a").await, [240, 180, 60]);
}

#[tokio::test]
async fn what_does_not_fit_on_the_disk_takes_nothing_else_with_it() {
    let (directory, backend, store, _) = counting().await;
    push_a(&store).await;
    let id = crate::store::contract::claim(&store, "a", 60).await.id;
    let next = run(&store, "a", 120, RunState::Starting).await;
    let pages = number(&path(&directory), "PRAGMA page_count") + 6;
    backend.writer.act(move |sql| {
        sql.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(())).unwrap();
    });
    let release = occupy(&backend);

    let many = (0..1000).map(|number| specification(&format!("new{number}"), "* * * * *"));
    let large = store.push(pushed(many.collect(), 1));
    let (large, claimed, ended, ()) = tokio::join!(
        large,
        store.claim(next),
        finish(&store, &id, end(RunState::Succeeded, 0, "fine")),
        async { drop(release) }
    );

    let Err(StoreError::Unwritable(words)) = large else { panic!("{large:?}") };
    let expected = format!("no space is left for `{}`", path(&directory).display());
    assert!(words.starts_with(&expected), "{words}");
    assert_eq!((claimed, ended), (Ok(ClaimOutcome::New), Ok(())));
    assert_eq!(record(&store, "a", 60).await.state, RunState::Succeeded);
    assert_eq!(get(&store, "a").await.status.runs.under_way(), 1);
}

#[tokio::test]
async fn a_claim_whose_file_is_moved_away_at_its_commit_is_answered_once_the_file_is_back() {
    let is_to_go = Arc::new(AtomicBool::new(false));
    let place = Arc::new(parking_lot::Mutex::new(std::path::PathBuf::new()));
    let (go, at) = (Arc::clone(&is_to_go), Arc::clone(&place));
    let moving = move || {
        if go.swap(false, Ordering::SeqCst) {
            let file = at.lock().clone();
            fs::rename(&file, file.with_extension("away")).unwrap();
        }
        false
    };
    let (directory, _, store) = hooked(moving).await;
    let file = path(&directory);
    place.lock().clone_from(&file);
    let claim = claims(&store, 1).await.remove(0);

    is_to_go.store(true, Ordering::SeqCst);
    let (recorded, refused) = tokio::join!(store.claim(claim.clone()), async {
        let refused = loop {
            if let Err(error) = store.alive(moment(60)).await {
                break error;
            }
        };
        fs::rename(file.with_extension("away"), &file).unwrap();
        store.alive(moment(61)).await.unwrap();
        refused
    });

    assert_eq!(recorded, Ok(ClaimOutcome::New));
    assert!(matches!(refused, StoreError::Unwritable(words) if words.contains("was removed")));
    assert!(matches!(store.claim(claim).await, Ok(ClaimOutcome::Decided(_))));
}
