//! Stress tests with an engine of which one call in twenty fails: no run is lost, no container is left or
//! started twice.

use docket_tests::{Home, engine_fault_stress::StressTest};

const STRESS_TEST: StressTest = StressTest { allocations: 250, instants: 8, seed: 1 };

#[test]
fn two_thousand_runs_with_the_memory_store_each_have_a_record_and_none_starts_twice() {
    let stress_test = STRESS_TEST;

    let report = stress_test.run(Home::in_memory);

    assert_eq!(report.failures, Vec::<String>::new(), "{report}");
    assert_eq!(report.count(), 2_000);
}

#[test]
fn two_thousand_runs_with_the_sqlite_store_each_have_a_record_and_none_starts_twice() {
    let stress_test = StressTest { seed: 2, ..STRESS_TEST };

    let report = stress_test.run(Home::durable);

    assert_eq!(report.failures, Vec::<String>::new(), "{report}");
    assert_eq!(report.count(), 2_000);
}
