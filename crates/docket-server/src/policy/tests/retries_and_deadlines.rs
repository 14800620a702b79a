//! Whether there is another attempt, and whether one that was held up may still start.

use std::sync::Arc;

use docket_model::{
    Duration,
    run::{ManualRequest, Reason},
};

use super::*;

#[test]
fn only_what_failed_or_took_too_long_is_tried_again() {
    let retries = Retries { limit: 1, ..Retries::default() };
    let word = || Reason::text("why");
    let last = instant("2026-01-02T09:00:00Z");
    let states = [
        (RunState::Failed(word()), true),
        (RunState::TimedOut(word()), true),
        (RunState::Succeeded, false),
        (RunState::Cancelled(word()), false),
        (RunState::Skipped(word()), false),
        (RunState::Missed { reason: word(), last, count: 1 }, false),
        (RunState::Lost(word()), false),
    ];
    for (state, expected) in states {
        assert_eq!(retry(&state, retries, 1).is_some(), expected, "{state:?}");
    }
}

#[test]
fn pauses_double_up_to_their_bound_and_end_with_the_limit() {
    let (delay, max_delay) = (Duration::from_seconds(30), Duration::from_seconds(100));
    let retries = Retries { limit: 4, delay, max_delay };
    let failed = RunState::Failed(Reason::ExitCode { exit_code: 1 });

    let pauses = [1, 2, 3, 4, 5]
        .map(|attempt| retry(&failed, retries, attempt).map(|pause| pause.num_seconds()));

    assert_eq!(pauses, [Some(30), Some(60), Some(100), Some(100), None]);
    assert_eq!(retry(&failed, Retries::default(), 1), None);
}

#[test]
fn what_was_held_up_may_start_until_its_deadline() {
    let manual = Trigger::Manual(Arc::new(ManualRequest::default()));
    let deadline = |text: &str| json!({"Cron": "0 * * * *", "StartingDeadline": text});
    let hourly = || json!({"Cron": "0 * * * *"});
    let daily = || json!({"Cron": "0 1 * * *"});
    let cases = [
        (hourly(), Trigger::Schedule, "01:00:00", true),
        (hourly(), Trigger::Schedule, "01:59:59.999", true),
        (hourly(), Trigger::Schedule, "02:00:00", false),
        (hourly(), Trigger::CatchUp, "02:00:00", false),
        (daily(), Trigger::Schedule, "02:00:00", true),
        (daily(), Trigger::Schedule, "02:00:00.001", false),
        (deadline("5m"), Trigger::Schedule, "01:05:00", true),
        (deadline("5m"), Trigger::CatchUp, "01:05:00.001", false),
        (deadline("6h"), Trigger::Schedule, "07:00:00", true),
        // A manual run is never too late, and a parent has succeeded once and for all.
        (hourly(), manual, "23:00:00", true),
        (hourly(), Trigger::Dependency, "23:00:00", true),
    ];
    for (keys, trigger, time, expected) in cases {
        let (instant, now) = (at("2026-01-02T01:00:00Z"), at(&format!("2026-01-02T{time}Z")));

        let may = may_still_start(instant, &trigger, &allocation(keys.clone()), Zone::utc(), now);

        assert_eq!(may, expected, "{keys} {trigger:?} at {time}");
    }
}

#[test]
fn with_jitter_the_deadline_is_counted_from_the_start() {
    let jittered = allocation(json!({"Cron": "0 * * * *", "Jitter": "59m"}));
    let instant = at("2026-01-02T01:00:00Z");
    let next = starts_at(&jittered, at("2026-01-02T02:00:00Z"), Zone::utc());
    let hour_is_up = starts_at(&jittered, instant, Zone::utc()) + TimeDelta::hours(1);
    let may = |now| may_still_start(instant, &Trigger::Schedule, &jittered, Zone::utc(), now);

    let end = next.min(hour_is_up + TimeDelta::milliseconds(1));

    assert!(may(end - TimeDelta::milliseconds(1)));
    assert!(!may(end));
}
