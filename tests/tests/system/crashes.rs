//! A server that is killed at every step of a run's life, and restarted with its store.

use docket_tests::{
    Engine, Registry,
    crash_test::{CrashTest, Interference, POINTS, REPLACEMENT_POINTS, Report},
};

fn assert_passed(report: &Report) {
    assert!(report.failures.is_empty(), "{report}");
}

#[test]
fn killed_at_every_step_each_instant_has_one_container_started_and_one_record() {
    let mut crash_test = CrashTest::begin(Engine::shared());

    for point in POINTS {
        crash_test.kill_at(point, 1, Interference::None);
    }

    assert_passed(&crash_test.finish());
}

#[test]
fn killed_with_held_starts_that_arrive_later_each_instant_has_one_start_and_one_record() {
    let mut crash_test = CrashTest::begin_behind_a_proxy(Engine::shared());

    for point in REPLACEMENT_POINTS {
        crash_test.kill_with_a_held_start();
        crash_test.kill_at(point, 1, Interference::None);
        crash_test.release_held_starts();
    }
    // Two at once, which arrive before the next server inspects their containers.
    crash_test.kill_with_a_held_start();
    crash_test.kill_with_a_held_start();
    crash_test.release_held_starts();

    let report = crash_test.finish();
    assert_eq!(report.late_starts.values().sum::<u32>(), 5, "{report}");
    // No server has inspected the container of the last one yet.
    assert!(report.late_starts.contains_key(&204), "{report}");
    assert_passed(&report);
}

#[test]
fn pruned_and_removed_by_another_program_no_instant_starts_twice_or_goes_without_a_record() {
    let mut crash_test = CrashTest::begin(Engine::shared());

    for point in ["Created", "IdNoted", "Exited", "Captured"] {
        crash_test.kill_at(point, 1, Interference::Prune);
    }
    crash_test.interfere_with_live_server(Interference::Prune);
    for point in ["IdNoted", "Started", "EndNoted"] {
        crash_test.kill_at(point, 1, Interference::Removal);
    }
    crash_test.interfere_with_live_server(Interference::Removal);

    assert_passed(&crash_test.finish());
}

#[test]
fn with_an_engine_that_is_killed_too_no_instant_starts_twice_or_goes_without_a_record() {
    let engine = Engine::start(Registry::shared());
    let mut crash_test = CrashTest::begin_one_by_one(&engine);

    for point in ["Created", "IdNoted", "Started"] {
        crash_test.kill_at(point, 1, Interference::EngineKilled);
    }
    crash_test.interfere_with_live_server(Interference::EngineKilled);

    assert_passed(&crash_test.finish());
}
