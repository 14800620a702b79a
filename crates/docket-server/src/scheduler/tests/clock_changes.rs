//! Clocks that are set, and hosts that sleep.

use chrono::TimeDelta;
use docket_model::{journal::Cause, run::RunState};

use super::harness::{HOUR, House, MINUTE};
use crate::clock::Clock;

#[tokio::test(start_paused = true)]
async fn a_clock_set_back_starts_nothing_twice_and_health_says_so() {
    let house = House::open().await;
    house.push("hourly", "0 * * * *", "busybox").await;
    house.pass(2 * HOUR).await;

    house.clock.set_by(TimeDelta::hours(-3));
    house.pass(HOUR).await;
    let notice = house.ticks.clock_set_back(house.clock.now());
    let meanwhile = house.instants("hourly");
    house.pass(3 * HOUR).await;

    assert_eq!(meanwhile, ["20261121T100000Z", "20261121T110000Z"]);
    assert!(notice.unwrap().starts_with("set back by 7"));
    assert_eq!(
        house.instants("hourly"),
        ["20261121T100000Z", "20261121T110000Z", "20261121T120000Z"]
    );
    assert_eq!(house.ticks.clock_set_back(house.clock.now()), None);
}

#[tokio::test(start_paused = true)]
async fn a_clock_set_forward_is_noticed_within_a_minute_and_recorded() {
    let house = House::open().await;
    house.push("hourly", "0 * * * *", "busybox").await;
    house.pass(MINUTE).await;

    house.clock.set_by(TimeDelta::hours(5));
    house.pass(MINUTE).await;

    let runs = house.runs("hourly").await;
    let states: Vec<_> = runs.iter().map(|run| run.state.word()).collect();
    assert_eq!(states, ["missed", "succeeded"]);
    let outage = runs[0].state.reason().unwrap().outage().unwrap();
    assert_eq!(outage.cause, Cause::ClockSetForward);
    assert_eq!(house.instants("hourly"), ["20261121T140000Z"]);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_slept_for_eight_hours_makes_up_the_latest_and_tells_the_rest() {
    let house = House::open().await;
    house.push("hourly", "30 * * * *", "busybox").await;
    house.push("daily", "0 12 * * *", "busybox").await;
    house.pass(MINUTE).await;

    house.clock.suspend_for(8 * HOUR);
    house.pass(MINUTE).await;

    let hourly = house.runs("hourly").await;
    let RunState::Missed { reason, last, count } = &hourly[0].state else { panic!("{hourly:?}") };
    assert_eq!(reason.outage().unwrap().cause, Cause::HostSuspended, "{reason}");
    assert_eq!((last.to_string().as_str(), *count), ("20261121T153000Z", 7));
    assert_eq!(house.instants("hourly"), ["20261121T163000Z"]);
    assert_eq!(house.instants("daily"), Vec::<String>::new());
    assert_eq!(house.runs("daily").await[0].state.word(), "missed");
}
