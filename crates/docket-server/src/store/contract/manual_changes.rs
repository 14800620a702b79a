//! Manual changes, and the journal that records them.

use docket_model::{
    AllocationName, Origin, Run,
    journal::{Entry, Event, OfAll, Suspension},
    run::{RunState, Trigger},
};
use futures_util::future::try_join_all;
use serde_json::json;

use super::{
    super::{Change, ChangeContext, ClaimOutcome, Control, EntryFilter, MOST_ENTRIES, Store},
    carry_out, claim, get, instant, missed, moment, push, push_a, pushed, run, seconds, specified,
};

fn suspension(until: Option<i64>) -> Suspension {
    let reason = Some("the database moves".to_owned());
    Suspension { reason, until: until.map(moment), ..Suspension::new("ann", moment(10)) }
}

async fn control(store: &Store, control: Control, second: i64) {
    assert!(store.control("a", control, ChangeContext::new(moment(second), "ann")).await.unwrap());
}

fn entries(store: &Store, filter: &EntryFilter) -> Vec<Entry> {
    store.entries(filter)
}

fn events(store: &Store) -> Vec<Event> {
    let all = EntryFilter { limit: usize::MAX, ..EntryFilter::default() };
    entries(store, &all).into_iter().map(|entry| entry.event).collect()
}

pub(in crate::store) async fn a_suspension_outlives_pushes_until_it_is_resumed(store: &Store) {
    push_a(store).await;

    control(store, Control::Suspend(suspension(None)), 10).await;
    push(store, Origin::Api, &[("a", "0 0 * * *")]).await;
    let held = get(store, "a").await.status.suspension;
    control(store, Control::Resume { is_of_all: false }, 20).await;
    control(store, Control::Resume { is_of_all: false }, 30).await;
    let unknown = store
        .control("b", Control::Resume { is_of_all: false }, ChangeContext::new(moment(30), "ann"))
        .await;

    assert_eq!(held.as_deref(), Some(&suspension(None)));
    let over = get(store, "a").await.status.suspension;
    assert_eq!(over.as_deref(), Some(&suspension(Some(20))));
    assert_eq!(unknown, Ok(false));
    let resumed = events(store).iter().filter(|event| **event == Event::Resumed).count();
    assert_eq!(resumed, 1);
}

pub(in crate::store) async fn a_reset_sets_back_only_what_is_ahead_of_the_clock(store: &Store) {
    push_a(store).await;
    claim(store, "a", 600).await;

    control(store, Control::Reset, 700).await;
    let behind = get(store, "a").await.status.decided;
    control(store, Control::Reset, 60).await;

    assert_eq!(behind, Some(moment(600)));
    assert_eq!(get(store, "a").await.status.decided, Some(moment(60)));
    assert_eq!(events(store)[0], Event::Reset { from: moment(600) });
    claim(store, "a", 120).await;
}

pub(in crate::store) async fn a_reset_brings_back_what_was_done_while_the_clock_was_ahead(
    store: &Store,
) {
    push_a(store).await;
    let ahead = specified(json!({"Name": "b", "Cron": "* * * * *"}));
    store.push(pushed(vec![ahead], 900)).await.unwrap();
    for (name, second) in [("a", 60), ("a", 960), ("b", 960)] {
        carry_out(store, name, second, RunState::Succeeded).await;
    }

    control(store, Control::Reset, 120).await;
    store.control("b", Control::Reset, ChangeContext::new(moment(120), "ann")).await.unwrap();

    let (a, b) = (get(store, "a").await.status, get(store, "b").await.status);
    assert_eq!((a.decided, a.succeeded), (Some(moment(120)), Some(instant(60))));
    assert_eq!((b.decided, b.succeeded), (Some(moment(120)), None));
    assert_eq!((a.allocation.created_at, a.allocation.scheduled_at), (moment(0), moment(0)));
    assert_eq!((b.allocation.created_at, b.allocation.scheduled_at), (moment(120), moment(120)));
    claim(store, "b", 180).await;
}

pub(in crate::store) async fn what_is_suspended_is_not_claimed_by_whoever_did_not_know(
    store: &Store,
) {
    push_a(store).await;
    let before = run(store, "a", 5, RunState::Starting).await;
    let within = [RunState::Starting, RunState::Waiting].map(|state| run(store, "a", 60, state));
    let after = run(store, "a", 120, RunState::Starting).await;
    let parents = Run { trigger: Trigger::Dependency, ..before.clone() };
    let child = Run { decided_at: moment(60), ..parents };

    control(store, Control::Suspend(suspension(Some(120))), 10).await;

    assert_eq!(store.claim(child).await, Ok(ClaimOutcome::Changed));
    assert_eq!(store.claim(before).await, Ok(ClaimOutcome::New));
    for run in within {
        assert_eq!(store.claim(run.await).await, Ok(ClaimOutcome::Changed));
    }
    let instead = run(store, "a", 60, missed(60, 1)).await;
    assert_eq!(store.claim(instead).await, Ok(ClaimOutcome::New));
    assert_eq!(store.claim(after).await, Ok(ClaimOutcome::New));
    assert_eq!(seconds(store, "a").await, [120, 60, 5]);
}

pub(in crate::store) async fn what_was_suspended_is_not_claimed_after_another_suspension(
    store: &Store,
) {
    push_a(store).await;
    let run = run(store, "a", 60, RunState::Starting).await;
    control(store, Control::Suspend(suspension(Some(300))), 10).await;

    // Whoever decided about the instant did not know of the first one, and comes after all of them.
    let shorter = Suspension { since: moment(61), ..suspension(Some(120)) };
    control(store, Control::Suspend(shorter), 61).await;
    let shortened = store.claim(run.clone()).await;
    let all = Some(OfAll::default());
    let of_all = Suspension { since: moment(62), all, ..suspension(None) };
    control(store, Control::Suspend(of_all), 62).await;
    let with_all = store.claim(run).await;

    assert_eq!((shortened, with_all), (Ok(ClaimOutcome::Changed), Ok(ClaimOutcome::Changed)));
}

pub(in crate::store) async fn readers_learn_what_a_hand_does(store: &Store) {
    push_a(store).await;
    claim(store, "a", 600).await;
    let position = get(store, "a").await.status.position;
    let changes = store.subscribe().allocations();
    let at_first = changes.take();

    control(store, Control::Suspend(suspension(Some(20))), 10).await;
    control(store, Control::Reset, 60).await;

    assert!(matches!(&at_first[&position], Change::Stored { decided, suspension: None, .. }
        if *decided == Some(moment(600))));
    assert!(
        matches!(&changes.take()[&position], Change::Stored { decided, suspension: Some(_), .. }
        if *decided == Some(moment(60)))
    );
}

pub(in crate::store) async fn the_journal_tells_who_changed_what(store: &Store) {
    push_a(store).await;
    push(store, Origin::Api, &[("a", "* * * * *")]).await;
    push(store, Origin::Api, &[("a", "0 0 * * *")]).await;
    control(store, Control::Suspend(suspension(None)), 10).await;
    store.delete("a", &Origin::Api, ChangeContext::new(moment(20), "bob")).await.unwrap();

    let all = EntryFilter { limit: usize::MAX, ..EntryFilter::default() };
    let recorded: Vec<_> = entries(store, &all).into_iter().rev().collect();

    let entry = |second: i64, by: &str, event: Event| Entry {
        at: moment(second),
        allocation: AllocationName::parse("a").ok(),
        event,
        by: Some(by.to_owned()),
    };
    let expected = [
        entry(0, "test", Event::Created),
        entry(0, "test", Event::Updated { keys: vec!["Cron".to_owned()] }),
        entry(10, "ann", Event::Suspended(suspension(None))),
        entry(20, "bob", Event::Deleted),
    ];
    assert_eq!(recorded, expected);
}

pub(in crate::store) async fn the_journal_is_listed_newest_first_and_bounded(store: &Store) {
    push(store, Origin::Api, &[("a", ""), ("b", "")]).await;
    let version = |number: i64| Event::Started { version: number.to_string() };
    let entry = |second: i64| Entry {
        at: moment(second),
        allocation: None,
        event: version(second),
        by: None,
    };
    for second in [1, 3, 2] {
        store.record(entry(second)).await.unwrap();
    }

    let a = AllocationName::parse("a").ok();
    let of_a = EntryFilter { allocation: a, limit: 9, ..EntryFilter::default() };
    let of_a: Vec<_> = entries(store, &of_a).into_iter().map(|entry| entry.event).collect();
    let before =
        EntryFilter { before: Some(instant(3).moment()), limit: 1, ..EntryFilter::default() };
    let before = entries(store, &before);
    let many = (0..).take(MOST_ENTRIES).map(|second| store.record(entry(second)));
    try_join_all(many).await.unwrap();

    assert_eq!(of_a, [version(3), version(2), version(1), Event::Created]);
    assert_eq!(before, [entry(2)]);
    let bounded = events(store);
    assert_eq!(bounded.len(), MOST_ENTRIES);
    assert_eq!(bounded[MOST_ENTRIES - 1], version(0));
}
