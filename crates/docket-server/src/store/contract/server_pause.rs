//! The pause of the whole server.

use docket_model::{
    Run,
    journal::{Event, Suspension},
    run::{RunState, Trigger},
};

use super::{
    super::{ChangeContext, ClaimOutcome, EntryFilter, ServerControl, Store},
    missed, moment, push_a, run, seconds,
};

pub(super) fn pause(since: i64, reason: Option<&str>) -> Suspension {
    Suspension { reason: reason.map(str::to_owned), ..Suspension::new("ann", moment(since)) }
}

async fn control_server(store: &Store, control: ServerControl, second: i64) {
    store.control_server(control, ChangeContext::new(moment(second), "ann")).await.unwrap();
}

fn events(store: &Store) -> Vec<Event> {
    let all = EntryFilter { limit: usize::MAX, ..EntryFilter::default() };
    let entries = store.entries(&all);
    entries.into_iter().rev().map(|entry| entry.event).collect()
}

pub(in crate::store) async fn a_pause_keeps_its_beginning_and_is_noted_once(store: &Store) {
    let pauses = [pause(10, None), pause(20, None), pause(30, Some("the database moves"))];
    let [first, again, explained] = pauses;

    assert_eq!(store.pause(), None);
    control_server(store, ServerControl::Unpause, 5).await;
    control_server(store, ServerControl::Pause(first.clone()), 10).await;
    control_server(store, ServerControl::Pause(again), 20).await;
    control_server(store, ServerControl::Pause(explained.clone()), 30).await;
    control_server(store, ServerControl::Pause(pause(35, None)), 35).await;
    let explained = Suspension { since: moment(10), ..explained };
    assert_eq!(store.pause().as_deref(), Some(&explained));
    control_server(store, ServerControl::Unpause, 40).await;
    control_server(store, ServerControl::Unpause, 50).await;

    let over = Suspension { until: Some(moment(40)), ..explained.clone() };
    assert_eq!(store.pause().as_deref(), Some(&over));
    assert_eq!(
        events(store),
        [Event::ServerPaused(first), Event::ServerPaused(explained), Event::ServerUnpaused]
    );
}

pub(in crate::store) async fn what_a_pause_holds_is_not_claimed_by_whoever_did_not_know(
    store: &Store,
) {
    push_a(store).await;
    let before = run(store, "a", 5, RunState::Starting).await;
    let within = run(store, "a", 60, RunState::Starting).await;
    let after = run(store, "a", 180, RunState::Starting).await;
    let parents = Run { trigger: Trigger::Dependency, ..before.clone() };
    let child = Run { decided_at: moment(60), ..parents };

    control_server(store, ServerControl::Pause(pause(10, None)), 10).await;

    assert_eq!(store.claim(child).await, Ok(ClaimOutcome::Changed));
    assert_eq!(store.claim(before).await, Ok(ClaimOutcome::New));
    assert_eq!(store.claim(within).await, Ok(ClaimOutcome::Changed));
    let instead = run(store, "a", 60, missed(60, 1)).await;
    assert_eq!(store.claim(instead).await, Ok(ClaimOutcome::New));

    control_server(store, ServerControl::Unpause, 120).await;

    let late = run(store, "a", 119, RunState::Starting).await;
    assert_eq!(store.claim(late).await, Ok(ClaimOutcome::Changed));
    assert_eq!(store.claim(after).await, Ok(ClaimOutcome::New));
    assert_eq!(seconds(store, "a").await, [180, 60, 5]);
}
