//! What is read when a store is opened.

use chrono::DateTime;
use docket_model::{
    Allocation, Origin, Specification,
    container::UnknownOptions,
    finding::FieldPath,
    journal::{Entry, Event},
};
use serde_json::json;
use uuid::Uuid;

use super::{chunks, commit, loaded, name, new, open, outputs, set};
use crate::store::{
    allocation_status::StatusRecord,
    backend::{Backend as _, Collection, Key, Positioned, Record, Write},
};

pub(super) fn allocation(text: &str, position: u64) -> Record {
    let keys = json!({
        "Name": text, "Cron": "* * * * *", "Container": {"Config": {"Image": "busybox"}},
    });
    let read = Specification::read(keys, &FieldPath::default(), UnknownOptions::Refuse);
    let at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    let allocation = Allocation {
        specification: read.unwrap().specification,
        uid: Uuid::nil(),
        revision: position,
        origin: Origin::Api,
        created_at: at,
        scheduled_at: at,
    };
    Record::Specification(Positioned { allocation: allocation.into(), position })
}

fn allocations(count: u64) -> impl Iterator<Item = Write> {
    (0..count).flat_map(|number| {
        let text = format!("a{number}");
        let status = Record::Status(StatusRecord::default().into());
        [
            Write::Put(Key::Specification(name(&text)), allocation(&text, number)),
            Write::Put(Key::Status(name(&text)), status),
        ]
    })
}

#[tokio::test]
async fn every_key_but_runs_and_outputs_is_loaded_with_its_revision() {
    let (directory, store, term) = new().await;
    let entry = Entry {
        at: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
        allocation: None,
        event: Event::Stopped,
        by: None,
    };
    let claimed = Key::Item(Collection::Claimed, "a0@7".to_owned());
    let writes = [
        set("counter", "7"),
        Write::Put(claimed.clone(), allocation("a0", 7)),
        Write::Put(Key::Entry(1), Record::Entry(entry.into())),
    ];
    let all = allocations(2).chain(outputs::with_output("a0")).chain(writes);
    let revision = commit(&store, term, all).await.unwrap();
    drop(store);

    let store = open(&directory).unwrap();

    let all = loaded(&store).await;
    let keys: Vec<_> = all.iter().map(|(key, ..)| key.clone()).collect();
    let expected = [
        Key::Specification(name("a0")),
        Key::Specification(name("a1")),
        Key::Status(name("a0")),
        Key::Status(name("a1")),
        Key::Entry(1),
        super::meta("counter"),
        claimed.clone(),
    ];
    assert_eq!(keys, expected);
    assert!(all.iter().all(|(_, held, _)| *held == revision));
    let found = all.iter().find(|(key, ..)| *key == claimed).unwrap();
    assert_eq!(found.2, allocation("a0", 7));
    assert_eq!(store.read(keys).await.unwrap().len(), expected.len());
}

#[tokio::test]
async fn many_allocations_are_read_by_two_threads_in_chunks() {
    let (directory, store, term) = new().await;
    let deleted = (0..1_000)
        .map(|number| Write::Delete(Key::Specification(name(&format!("a{}", 4 * number)))));
    commit(&store, term, allocations(5_000)).await.unwrap();
    commit(&store, term, deleted).await.unwrap();
    drop(store);

    let store = open(&directory).unwrap();
    let all = loaded(&store).await;

    let specifications = all.iter().filter(|(key, ..)| matches!(key, Key::Specification(_)));
    assert_eq!(specifications.count(), 4_000);
    assert_eq!(all.len(), 9_000);
    assert!(chunks(&store).await >= 9);
}

#[tokio::test]
async fn loading_that_is_given_up_ends() {
    let (_directory, store, term) = new().await;
    commit(&store, term, allocations(5_000)).await.unwrap();

    // One chunk is taken, and the rest is not.
    let first = futures_util::StreamExt::next(&mut store.load()).await;

    assert_eq!(first.unwrap().unwrap().len(), 1_000);
    assert_eq!(loaded(&store).await.len(), 10_000);
}
