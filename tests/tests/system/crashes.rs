//! A server that is killed at every step of a run's life, and comes back to its store.

use docket_tests::{
    Engine,
    ordeal::{Meddling, Ordeal, POINTS, Verdict},
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
