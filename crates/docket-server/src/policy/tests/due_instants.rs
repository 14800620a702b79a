//! Which instants have come, by schedules, bounds and the wall clock.

use super::*;

/// Expression, decided up to, now, decisions.
type Case = (&'static str, &'static str, &'static str, &'static [&'static str]);

const CASES: [Case; 14] = [
    // Nothing has come.
    ("0 9 * * *", "2026-01-02T09:00:00Z", "2026-01-03T08:59:59Z", &[]),
    ("0 9 * * *", "2026-01-03T09:00:00Z", "2026-01-03T09:00:00Z", &[]),
    ("", "2026-01-02T09:00:00Z", "2026-06-03T09:00:00Z", &[]),
    // The clock was set back.
    ("* * * * *", "2026-01-02T09:00:00Z", "2026-01-02T08:00:00Z", &[]),
    // On time, to the second and a little later.
    ("0 9 * * *", "2026-01-02T09:00:00Z", "2026-01-03T09:00:00Z", &["Schedule 03T09:00:00"]),
    ("0 9 * * *", "2026-01-02T09:00:00Z", "2026-01-03T09:00:09.999Z", &["Schedule 03T09:00:00"]),
    (
        "* * * * * * *",
        "2026-01-02T09:00:00Z",
        "2026-01-02T09:00:01.900Z",
        &["Schedule 02T09:00:01"],
    ),
    // Late, within the hour and beyond it.
    ("0 9 * * *", "2026-01-02T09:00:00Z", "2026-01-03T10:00:00Z", &["CatchUp 03T09:00:00"]),
    (
        "0 9 * * *",
        "2026-01-02T09:00:00Z",
        "2026-01-03T10:00:00.001Z",
        &["missed 1 from 03T09:00:00 to 03T09:00:00: too late"],
    ),
    // Eight hours asleep, with an instant every hour, every second, twice a day.
    (
        "0 * * * *",
        "2026-01-02T22:00:00Z",
        "2026-01-03T06:30:00Z",
        &["missed 7 from 02T23:00:00 to 03T05:00:00: too late", "CatchUp 03T06:00:00"],
    ),
    (
        "@every 1s",
        "2026-01-02T22:00:00Z",
        "2026-01-03T06:00:00.500Z",
        &["missed 28799 from 02T22:00:01 to 03T05:59:59: too late", "Schedule 03T06:00:00"],
    ),
    (
        "0 1,2 * * *",
        "2026-01-02T22:00:00Z",
        "2026-01-03T06:00:00Z",
        &["missed 2 from 03T01:00:00 to 03T02:00:00: too late"],
    ),
    // Two instants at once: the earlier one's deadline has passed.
    (
        "* * * * * * *",
        "2026-01-02T09:00:00Z",
        "2026-01-02T09:00:02Z",
        &["missed 1 from 02T09:00:01 to 02T09:00:01: too late", "Schedule 02T09:00:02"],
    ),
    // The acceptance is a bound, too.
    ("0 * * * *", "2025-12-31T20:00:00Z", "2026-01-01T00:59:59Z", &[]),
];

#[test]
fn each_instant_up_to_now_starts_or_is_missed() {
    for (expression, after, now, expected) in CASES {
        assert_eq!(decided(&cron(expression), after, now), expected, "{expression} after {after}");
    }
}

#[test]
fn a_weekend_of_seconds_is_decided_in_no_time() {
    let every_second = cron("* * * * * * *");

    let decisions = decided(&every_second, "2026-01-02T18:00:00Z", "2026-01-05T08:00:00Z");

    assert_eq!(
        decisions,
        ["missed 223199 from 02T18:00:01 to 05T07:59:59: too late", "Schedule 05T08:00:00"]
    );
}

#[test]
fn ten_years_of_seconds_cost_no_more_than_their_bounds() {
    let every_second = cron("@every 1s");
    let ended = suspension("2026-01-02T00:00:00Z", Some("2031-01-01T00:00:00Z"));

    let decisions =
        decided_while(&every_second, Some(&ended), "2026-01-01T00:00:00Z", "2036-01-01T00:00:00Z");

    assert_eq!(decisions.len(), 4, "{decisions:?}");
    assert_eq!(decisions[3], "Schedule 01T00:00:00");
}

#[test]
fn what_runs_after_others_has_no_instants_of_its_own() {
    let child = allocation(json!({"After": ["b"]}));

    let decisions = decided(&child, "2026-01-02T00:00:00Z", "2026-02-02T00:00:00Z");

    assert_eq!(decisions, Vec::<String>::new());
}

#[test]
fn there_is_no_instant_before_or_after_the_bounds_and_one_at_each_of_them() {
    let bounded = allocation(json!({
        "Cron": "0 * * * *",
        "NotBefore": "2026-01-02T10:00:00Z",
        "NotAfter": "2026-01-02T12:00:00Z",
    }));
    let cases: [(&str, &str, &[&str]); 4] = [
        ("2026-01-02T08:00:00Z", "2026-01-02T09:59:59Z", &[]),
        ("2026-01-02T08:00:00Z", "2026-01-02T10:00:00Z", &["Schedule 02T10:00:00"]),
        (
            "2026-01-02T08:00:00Z",
            "2026-01-02T12:30:00Z",
            &["missed 2 from 02T10:00:00 to 02T11:00:00: too late", "CatchUp 02T12:00:00"],
        ),
        ("2026-01-02T12:00:00Z", "2026-01-03T00:00:00Z", &[]),
    ];
    for (after, now, expected) in cases {
        assert_eq!(decided(&bounded, after, now), expected, "{after} to {now}");
    }
}

#[test]
fn the_hours_of_daylight_saving_are_decided_once_each() {
    let daily = |cron: &str| allocation(json!({"Cron": cron, "TimeZone": "Europe/Berlin"}));
    let (gap, fold, wildcard) = (daily("30 2 * * *"), daily("30 2 * * *"), daily("0 * * * *"));

    // 02:30 does not exist on 29 March: it runs at the first instant after the gap, 03:00 there.
    let sprung = decided(&gap, "2026-03-28T12:00:00Z", "2026-03-29T01:00:05Z");
    // 02:30 comes twice on 25 October: the first time counts, and the second does not.
    let first = decided(&fold, "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z");
    let second = decided(&fold, "2026-10-25T00:30:00Z", "2026-10-25T02:00:00Z");
    let hours = decided(&wildcard, "2026-10-24T23:00:00Z", "2026-10-25T03:00:00Z");

    assert_eq!(sprung, ["Schedule 29T01:00:00"]);
    assert_eq!(first, ["Schedule 25T00:30:00"]);
    assert_eq!(second, Vec::<String>::new());
    assert_eq!(
        hours,
        ["missed 3 from 25T00:00:00 to 25T02:00:00: too late", "Schedule 25T03:00:00"]
    );
}
