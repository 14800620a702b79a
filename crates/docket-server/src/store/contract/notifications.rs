//! Notifications: what is in the outbox after ends of runs, and the URLs of specifications.

use std::collections::BTreeSet;

use docket_model::{
    FieldPath, Specification,
    allocation::Notification,
    container::UnknownOptions,
    run::{Reason, RunState},
};
use serde_json::{Value, json};

use super::{
    super::{Digest, OutboxMessage, Store, StoreError},
    carry_out, failed, missed, moment, push_a, pushed, run,
};

fn send_to_oncall(store: &Store) {
    let entries = Notification::read_list(json!([{"To": "oncall"}]), &FieldPath::default());
    store.set_default_notify(entries.unwrap().into());
}

/// The events in the outbox, each with the number of failures, in the order of their names.
fn events(store: &Store) -> Vec<(&'static str, u64)> {
    let messages = store.outbox().messages;
    let event = |message: &OutboxMessage| {
        (message.event.as_str(), message.failing.map_or(0, |failing| failing.count))
    };
    let mut events: Vec<_> = messages.values().map(|message| event(message)).collect();
    events.sort_unstable();
    events
}

pub(in crate::store) async fn the_first_failure_the_recovery_and_missed_instants_are_in_the_outbox(
    store: &Store,
) {
    send_to_oncall(store);
    push_a(store).await;
    carry_out(store, "a", 60, failed(1)).await;
    carry_out(store, "a", 120, failed(1)).await;
    carry_out(store, "a", 180, RunState::Cancelled(Reason::ServerStopped)).await;
    assert_eq!(events(store), [("failed", 1)]);

    carry_out(store, "a", 240, RunState::Succeeded).await;
    carry_out(store, "a", 300, RunState::Succeeded).await;
    assert_eq!(events(store), [("failed", 1), ("recovered", 2)]);

    // The second record becomes a part of the first one.
    for (first, last) in [(360, 420), (480, 480)] {
        store.claim(run(store, "a", first, missed(last, 1)).await).await.unwrap();
    }
    assert_eq!(events(store), [("failed", 1), ("missed", 0), ("recovered", 2)]);
    assert_eq!(store.outbox_figures().oldest, Some(moment(10)));
}

pub(in crate::store) async fn who_was_not_notified_of_a_failure_hears_of_the_next_one(
    store: &Store,
) {
    push_a(store).await;
    carry_out(store, "a", 60, failed(1)).await;
    send_to_oncall(store);
    carry_out(store, "a", 120, failed(1)).await;
    assert_eq!(events(store), [("failed", 2)]);

    // Its message was not delivered.
    let ids = store.outbox().messages.into_keys().collect();
    store.remove_from_outbox(ids, true).await.unwrap();
    carry_out(store, "a", 180, failed(1)).await;
    carry_out(store, "a", 240, failed(1)).await;
    assert_eq!(events(store), [("failed", 3)]);

    let ids = store.outbox().messages.into_keys().collect();
    store.remove_from_outbox(ids, true).await.unwrap();
    carry_out(store, "a", 300, RunState::Succeeded).await;
    assert_eq!(events(store), []);
}

pub(in crate::store) async fn what_was_sent_or_dropped_leaves_the_outbox(store: &Store) {
    send_to_oncall(store);
    push_a(store).await;
    carry_out(store, "a", 60, failed(1)).await;
    carry_out(store, "a", 120, RunState::Succeeded).await;
    let outbox = store.outbox();
    let ids: Vec<_> = outbox.messages.keys().cloned().collect();
    let receiver = outbox.messages[&ids[0]].receiver.clone();
    let digest = Digest { receiver, messages: ids.clone() };

    store.add_digest("digest".to_owned(), digest.clone()).await.unwrap();

    assert_eq!(*store.outbox().digests["digest"], digest);
    let all: BTreeSet<_> = ids.into_iter().chain(["digest".to_owned()]).collect();
    store.remove_from_outbox(all, true).await.unwrap();
    let figures = store.outbox_figures();
    assert_eq!((figures.waiting, figures.oldest, figures.dropped), (0, None, 2));
    assert!(store.outbox().digests.is_empty());
}

fn notifying(entries: &Value) -> Specification {
    let posted = json!({
        "Name": "a", "Cron": "@daily", "Notify": entries,
        "Container": {"Config": {"Image": "busybox"}},
    });
    let read = Specification::read(posted, &FieldPath::default(), UnknownOptions::Refuse);
    read.unwrap().specification
}

pub(in crate::store) async fn a_masked_url_stands_for_the_one_that_is_stored(store: &Store) {
    let push = |entries: Value| store.push(pushed(vec![notifying(&entries)], 0));
    let url = "https://hooks.example.org/one";
    let mask = "https://hooks.example.org/•••";
    let stored = |store: &Store| {
        let allocation = store.status("a").unwrap().allocation;
        let entries = allocation.specification.policies.notify.clone().unwrap();
        let urls =
            entries.iter().filter_map(|entry| entry.url().map(|url| url.secret().to_owned()));
        urls.collect::<Vec<_>>()
    };

    let unknown = push(json!([{"Webhook": mask}])).await;
    assert!(matches!(unknown, Err(StoreError::Unfit(_))), "{unknown:?}");
    push(json!([{"Webhook": url}])).await.unwrap();
    push(json!([{"Webhook": mask, "Repeat": "1h"}, {"To": "oncall"}])).await.unwrap();
    assert_eq!(stored(store), [url]);

    let other = "https://hooks.example.org/two";
    push(json!([{"Webhook": url}, {"Webhook": other}])).await.unwrap();
    push(json!([{"To": "oncall"}, {"Webhook": mask}, {"Webhook": mask}])).await.unwrap();
    assert_eq!(stored(store), [url, other]);
    let ambiguous = push(json!([{"Webhook": mask}])).await;
    assert!(matches!(ambiguous, Err(StoreError::Unfit(_))), "{ambiguous:?}");
}
