//! The pause of the whole server.

use docket_model::{
    Run,
    journal::{Event, Suspension},
    run::{RunState, Trigger},
};

use super::{
    super::{Deed, EntryFilter, Recorded, ServerControl, Store},
    missed, moment, push_a, run, seconds,
};

fn pause(since: i64, reason: Option<&str>) -> Suspension {
    let (by, reason) = ("ann".to_owned(), reason.map(str::to_owned));
    Suspension { by, reason, since: moment(since), until: None, all: None }
}

async fn control(store: &dyn Store, control: ServerControl, second: i64) {
    store.control(control, Deed::new(moment(second), "ann")).await.unwrap();
}

async fn events(store: &dyn Store) -> Vec<Event> {
    let all = EntryFilter { limit: usize::MAX, ..EntryFilter::default() };
    let entries = store.entries(&all).await.unwrap();
    entries.into_iter().rev().map(|entry| entry.event).collect()
}

pub(in crate::store) async fn a_pause_keeps_its_beginning_and_is_noted_once(store: &dyn Store) {
    let pauses = [pause(10, None), pause(20, None), pause(30, Some("the database moves"))];
    let [first, again, explained] = pauses;

    assert_eq!(store.pause(), None);
    control(store, ServerControl::Unpause, 5).await;
    control(store, ServerControl::Pause(first.clone()), 10).await;
    control(store, ServerControl::Pause(again), 20).await;
    control(store, ServerControl::Pause(explained.clone()), 30).await;
    control(store, ServerControl::Pause(pause(35, None)), 35).await;
    let explained = Suspension { since: moment(10), ..explained };
    assert_eq!(store.pause().as_deref(), Some(&explained));
    control(store, ServerControl::Unpause, 40).await;
    control(store, ServerControl::Unpause, 50).await;

    let over = Suspension { until: Some(moment(40)), ..explained.clone() };
    assert_eq!(store.pause().as_deref(), Some(&over));
    assert_eq!(
        events(store).await,
        [Event::ServerPaused(first), Event::ServerPaused(explained), Event::ServerUnpaused]
    );
}

pub(in crate::store) async fn what_a_pause_holds_is_not_claimed_by_whoever_did_not_know(
    store: &dyn Store,
) {
    push_a(store).await;
    let before = run(store, "a", 5, RunState::Claimed).await;
    let within = run(store, "a", 60, RunState::Claimed).await;
    let after = run(store, "a", 180, RunState::Claimed).await;
    let parents = Run { trigger: Trigger::AfterParent, ..before.clone() };
    let child = Run { decided_at: moment(60), ..parents };

    control(store, ServerControl::Pause(pause(10, None)), 10).await;

    assert_eq!(store.decide(child).await, Ok(Recorded::Changed));
    assert_eq!(store.decide(before).await, Ok(Recorded::New));
    assert_eq!(store.decide(within).await, Ok(Recorded::Changed));
    let instead = run(store, "a", 60, missed(60, 1)).await;
    assert_eq!(store.decide(instead).await, Ok(Recorded::New));

    control(store, ServerControl::Unpause, 120).await;

    let late = run(store, "a", 119, RunState::Claimed).await;
    assert_eq!(store.decide(late).await, Ok(Recorded::Changed));
    assert_eq!(store.decide(after).await, Ok(Recorded::New));
    assert_eq!(seconds(store, "a").await, [180, 60, 5]);
}
