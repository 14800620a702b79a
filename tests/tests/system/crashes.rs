//! A server that is killed at every step of a run's life, and comes back to its store.

use docket_tests::{
    Engine, Registry,
    ordeal::{Meddling, Ordeal, POINTS, REPLACEMENT_POINTS, Verdict},
};

fn hold(verdict: &Verdict) {
    assert!(verdict.wrongs.is_empty(), "{verdict}");
}

#[test]
fn killed_at_every_step_each_instant_has_one_container_started_and_one_record() {
    let mut ordeal = Ordeal::begin(Engine::shared());

    for point in POINTS {
        ordeal.kill_at(point, 1, Meddling::None);
    }

    hold(&ordeal.finish());
}

#[test]
fn killed_with_starts_on_their_way_that_arrive_later_each_instant_has_one_start_and_one_record() {
    let mut ordeal = Ordeal::begin_behind_a_proxy(Engine::shared());

    for point in REPLACEMENT_POINTS {
        ordeal.kill_with_a_start_on_its_way();
        ordeal.kill_at(point, 1, Meddling::None);
        ordeal.let_starts_arrive();
    }
    // Two at once, which arrive before the next server looks.
    ordeal.kill_with_a_start_on_its_way();
    ordeal.kill_with_a_start_on_its_way();
    ordeal.let_starts_arrive();

    let verdict = ordeal.finish();
    assert_eq!(verdict.late_starts.values().sum::<u32>(), 5, "{verdict}");
    // Nobody has looked at the container of the last one yet.
    assert!(verdict.late_starts.contains_key(&204), "{verdict}");
    hold(&verdict);
}

#[test]
fn pruned_and_removed_by_a_stranger_no_instant_starts_twice_or_goes_without_a_record() {
    let mut ordeal = Ordeal::begin(Engine::shared());

    for point in ["Created", "IdNoted", "Exited", "Captured"] {
        ordeal.kill_at(point, 1, Meddling::Prune);
    }
    ordeal.live_through(Meddling::Prune);
    for point in ["IdNoted", "Started", "EndNoted"] {
        ordeal.kill_at(point, 1, Meddling::Removal);
    }
    ordeal.live_through(Meddling::Removal);

    hold(&ordeal.finish());
}

#[test]
fn with_an_engine_that_is_killed_too_no_instant_starts_twice_or_goes_without_a_record() {
    let engine = Engine::start(Registry::shared());
    let mut ordeal = Ordeal::begin_one_by_one(&engine);

    for point in ["Created", "IdNoted", "Started"] {
        ordeal.kill_at(point, 1, Meddling::EngineKilled);
    }
    ordeal.live_through(Meddling::EngineKilled);

    hold(&ordeal.finish());
}
