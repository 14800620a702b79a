//! An engine of which one call in twenty fails: nothing is lost, left behind or started twice.

use docket_tests::{Home, stress_test::StressTest};

const STRESS_TEST: StressTest = StressTest { allocations: 250, instants: 8, seed: 1 };

#[test]
fn two_thousand_runs_of_a_forgetful_server_each_have_a_record_and_none_starts_twice() {
    let stress_test = STRESS_TEST;

    let report = stress_test.run(Home::forgetful);

    assert_eq!(report.failures, Vec::<String>::new(), "{report}");
    assert_eq!(report.count(), 2_000);
}

#[test]
fn two_thousand_runs_of_a_server_with_a_file_each_have_a_record_and_none_starts_twice() {
    let stress_test = StressTest { seed: 2, ..STRESS_TEST };

    let report = stress_test.run(Home::durable);

    assert_eq!(report.failures, Vec::<String>::new(), "{report}");
    assert_eq!(report.count(), 2_000);
}
