//! What outlives the server.

use std::sync::Arc;

use docket_model::{
    Origin,
    journal::{Entry, Event, Suspension},
    run::RunState,
};
use serde_json::json;

use tempfile::TempDir;

use super::{files, number, path};
use crate::store::{
    ChangeContext, ClaimOutcome, Control, EntryFilter, Progress, Snapshot, Store,
    contract::{
        carry_out, claim, created, end, failed, finish, get, instant, missed, moment, note, push,
        push_a, pushed, record, run, seconds, specified,
    },
};

/// A new store with its rules.
pub(super) async fn new() -> (TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory).await;
    (directory, store)
}

async fn open(directory: &TempDir) -> Store {
    Store::open(Arc::new(super::open(directory).unwrap())).await.unwrap()
}

/// Ends a server's use of a store.
async fn close(store: Store) {
    store.close().await;
}

/// A store of which each part has something to keep.
async fn fill(store: &Store) {
    let parent = specified(json!({
        "Name": "a", "Cron": "* * * * *", "TimeZone": "Europe/Berlin", "Labels": {"team": "x"},
        "Keep": {"Runs": 3, "Failures": 1}, "Description": "for the books",
    }));
    let child = specified(json!({"Name": "child", "After": ["a"]}));
    store.push(pushed(vec![parent, child], 0)).await.unwrap();
    push(store, Origin::File("docket.yml".into()), &[("file", "@every 7m")]).await;
    for minute in 1..=4 {
        carry_out(store, "a", minute * 60, RunState::Succeeded).await;
    }
    carry_out(store, "a", 300, failed(3)).await;
    let span = run(store, "a", 360, missed(420, 2)).await;
    store.claim(span).await.unwrap();
    let suspension = Suspension::new("ann", moment(9));
    store
        .control("file", Control::Suspend(suspension), ChangeContext::new(moment(9), "ann"))
        .await
        .unwrap();
}

/// All that a store tells, as text.
async fn everything(store: &Store) -> String {
    let all = store.list(None, usize::MAX).await.unwrap();
    let mut records = Vec::new();
    for Snapshot { status, recent } in &all {
        for run in recent {
            let name = status.allocation.name().as_str();
            records.push(store.run(name, run.id.instant).await.unwrap());
        }
    }
    let under_way = store.under_way().await.unwrap();
    let entries = EntryFilter { limit: usize::MAX, ..EntryFilter::default() };
    let entries = store.entries(&entries);
    let children = store.children("a");
    format!("{all:#?}\n{records:#?}\n{under_way:#?}\n{entries:#?}\n{children:?}")
}

#[tokio::test]
async fn a_reset_outlives_the_server() {
    let (directory, store) = new().await;
    let ahead = specified(json!({"Name": "a", "Cron": "@every 7m"}));
    store.push(pushed(vec![ahead], 900)).await.unwrap();
    carry_out(&store, "a", 1320, RunState::Succeeded).await;
    store.control("a", Control::Reset, ChangeContext::new(moment(60), "ann")).await.unwrap();
    let before = everything(&store).await;
    close(store).await;

    let again = open(&directory).await;

    assert_eq!(everything(&again).await, before);
}

#[tokio::test]
async fn a_store_is_the_same_when_it_is_opened_again() {
    let (directory, store) = new().await;
    fill(&store).await;
    let id = claim(&store, "a", 480).await.id;
    note(&store, &id, created("c0ffee"), moment(481)).await.unwrap();
    note(&store, &id, Progress::Started, moment(482)).await.unwrap();
    // A start is not acknowledged: it is written before what comes after it.
    store.alive(moment(483)).await.unwrap();
    let before = (store.id(), everything(&store).await);
    close(store).await;
    let at_rest = files(directory.path());

    let again = open(&directory).await;

    assert_eq!(at_rest, ["docket.db", "docket.db.lock"]);
    let (store_id, text) = (again.id(), everything(&again).await);
    assert_eq!(store_id, before.0);
    // The text is long; where it differs shows best by lines.
    for (now, before) in text.lines().zip(before.1.lines()) {
        assert_eq!(now, before);
    }
    assert_eq!(text.len(), before.1.len());
    assert!(!again.about().is_new && !again.about().is_volatile);
}

#[tokio::test]
async fn a_run_under_way_goes_on_with_the_specification_it_was_claimed_with() {
    let (directory, store) = new().await;
    push_a(&store).await;
    let claimed_with = get(&store, "a").await.status.allocation;
    let first = claim(&store, "a", 60).await.id;
    let second = claim(&store, "a", 120).await.id;
    push(&store, Origin::Api, &[("a", "0 0 * * *")]).await;
    close(store).await;

    let again = open(&directory).await;
    let under_way = again.under_way().await.unwrap();
    finish(&again, &first, end(RunState::Succeeded, 0, "")).await.unwrap();
    let claimed =
        || number(&path(&directory), "SELECT count(*) FROM items WHERE collection = 'claimed'");
    let with_one_under_way = claimed();
    finish(&again, &second, end(RunState::Succeeded, 0, "")).await.unwrap();

    assert_eq!(under_way.len(), 2);
    assert!(under_way.iter().all(|under_way| under_way.allocation == claimed_with));
    assert_ne!(get(&again, "a").await.status.allocation, claimed_with);
    assert_eq!((with_one_under_way, claimed()), (1, 0));
}

#[tokio::test]
async fn positions_and_revisions_are_not_given_again_after_a_restart() {
    let (directory, store) = new().await;
    push(&store, Origin::Api, &[("a", ""), ("b", "")]).await;
    push(&store, Origin::Api, &[("b", "0 0 * * *")]).await;
    let gone = get(&store, "b").await.status;
    store.delete("b", &Origin::Api, ChangeContext::new(moment(1), "test")).await.unwrap();
    close(store).await;

    let again = open(&directory).await;
    push(&again, Origin::Api, &[("b", "")]).await;

    let anew = get(&again, "b").await.status;
    assert!(anew.position > gone.allocation.revision);
    assert_eq!(anew.position, anew.allocation.revision);
}

#[tokio::test]
async fn what_was_decided_of_a_deleted_name_is_remembered_for_a_week() {
    let (directory, store) = new().await;
    push_a(&store).await;
    carry_out(&store, "a", 600, RunState::Succeeded).await;
    store.delete("a", &Origin::Api, ChangeContext::new(moment(700), "test")).await.unwrap();
    close(store).await;

    let again = open(&directory).await;
    push_a(&again).await;
    let remembered = get(&again, "a").await.status.decided;
    assert!(seconds(&again, "a").await.is_empty());
    again.delete("a", &Origin::Api, ChangeContext::new(moment(700), "test")).await.unwrap();
    let week = 7 * 24 * 3600;
    let late = pushed(vec![specified(json!({"Name": "a", "Cron": ""}))], 700 + week);
    again.push(late).await.unwrap();

    assert_eq!(remembered, Some(moment(600)));
    assert_eq!(get(&again, "a").await.status.decided, None);
    let left = ["runs", "outputs"]
        .map(|table| number(&path(&directory), &format!("SELECT count(*) FROM {table}")));
    assert_eq!(left, [0, 0]);
}

#[tokio::test]
async fn the_last_sign_of_life_is_the_newest_of_all() {
    let (directory, store) = new().await;
    let first = store.about().last_alive;
    store.alive(moment(100)).await.unwrap();
    close(store).await;
    let noted = open(&directory).await;
    let after_noting = noted.about().last_alive;
    let event = Event::Stopped;
    let entry = Entry { at: moment(200), allocation: None, event, by: None };
    noted.record(entry).await.unwrap();
    close(noted).await;
    let stopped = open(&directory).await;
    let after_stopping = stopped.about().last_alive;
    push_a(&stopped).await;
    let id = claim(&stopped, "a", 300).await.id;
    note(&stopped, &id, created("c0ffee"), moment(301)).await.unwrap();
    close(stopped).await;

    let after_a_step = open(&directory).await.about().last_alive;

    assert_eq!(first, None);
    assert_eq!(after_noting, Some(moment(100)));
    assert_eq!(after_stopping, Some(moment(200)));
    assert_eq!(after_a_step, Some(moment(301)));
}

#[tokio::test]
async fn many_allocations_are_read_by_two_threads() {
    let (directory, store) = new().await;
    let names: Vec<_> = (0..2500).map(|number| format!("a{number}")).collect();
    let specs: Vec<_> = names.iter().map(|name| (name.as_str(), "* * * * *")).collect();
    push(&store, Origin::Api, &specs).await;
    claim(&store, "a2499", 60).await;
    carry_out(&store, "a7", 60, RunState::Succeeded).await;
    let before = store.list(None, usize::MAX).await.unwrap();
    close(store).await;

    let again = open(&directory).await;

    let now = again.list(None, usize::MAX).await.unwrap();
    assert_eq!(format!("{now:?}"), format!("{before:?}"));
    assert_eq!(record(&again, "a7", 60).await.state, RunState::Succeeded);
}

#[tokio::test]
async fn nothing_is_decided_twice_across_a_restart() {
    let (directory, store) = new().await;
    push_a(&store).await;
    claim(&store, "a", 60).await;
    close(store).await;

    let again = open(&directory).await;

    let twice = run(&again, "a", 60, RunState::Starting).await;
    assert_eq!(again.claim(twice).await, Ok(ClaimOutcome::Decided(instant(60))));
    claim(&again, "a", 120).await;
}
