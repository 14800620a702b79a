//! An engine of which one call in twenty fails: nothing is lost, left behind or started twice.

use docket_tests::{Home, storm::Storm};

const STORM: Storm = Storm { allocations: 250, instants: 8, seed: 1 };

#[test]
fn two_thousand_runs_of_a_forgetful_server_each_have_a_record_and_none_starts_twice() {
    let storm = STORM;

    let aftermath = storm.weather(Home::forgetful);

    assert_eq!(aftermath.wrongs, Vec::<String>::new(), "{aftermath}");
    assert_eq!(aftermath.count(), 2_000);
}

#[test]
fn two_thousand_runs_of_a_server_with_a_file_each_have_a_record_and_none_starts_twice() {
    let storm = Storm { seed: 2, ..STORM };

    let aftermath = storm.weather(Home::durable);

    assert_eq!(aftermath.wrongs, Vec::<String>::new(), "{aftermath}");
    assert_eq!(aftermath.count(), 2_000);
}
