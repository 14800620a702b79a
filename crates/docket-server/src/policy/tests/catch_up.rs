//! `StartingDeadline` and `CatchUp`: which of several instants that went by start.

use super::*;

/// Beside `0 * * * *`; now, decisions after 2026-01-02T00:00:00Z.
type Case = (Value, &'static str, &'static [&'static str]);

fn check(cases: &[Case]) {
    for (keys, now, expected) in cases {
        let mut hourly = json!({"Cron": "0 * * * *"});
        hourly.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());

        let decisions = decided(&allocation(hourly), "2026-01-02T00:00:00Z", now);

        assert_eq!(decisions, *expected, "{keys} at {now}");
    }
}

#[test]
fn the_latest_starts_within_its_deadline() {
    let deadline = |text: &str| json!({"StartingDeadline": text});
    check(&[
        (deadline("5m"), "2026-01-02T01:05:00Z", &["CatchUp 02T01:00:00"]),
        (
            deadline("5m"),
            "2026-01-02T01:05:01Z",
            &["missed 1 from 02T01:00:00 to 02T01:00:00: too late"],
        ),
        // A short one does not turn a start on time into a miss.
        (deadline("1s"), "2026-01-02T01:00:01Z", &["Schedule 02T01:00:00"]),
        (
            deadline("1s"),
            "2026-01-02T01:00:01.001Z",
            &["missed 1 from 02T01:00:00 to 02T01:00:00: too late"],
        ),
        // A long one reaches beyond the next instant, and still only the latest starts.
        (
            deadline("1d"),
            "2026-01-02T03:59:00Z",
            &["missed 2 from 02T01:00:00 to 02T02:00:00: too late", "CatchUp 02T03:00:00"],
        ),
    ]);
    let daily = allocation(json!({"Cron": "0 1 * * *", "StartingDeadline": "20h"}));
    let late = decided(&daily, "2026-01-02T00:00:00Z", "2026-01-02T21:00:00Z");
    assert_eq!(late, ["CatchUp 02T01:00:00"]);
}

#[test]
fn with_none_only_what_is_due_now_starts() {
    let none = || json!({"CatchUp": "None"});
    let missed: &[&str] = &["missed 1 from 02T01:00:00 to 02T01:00:00: too late"];
    check(&[
        (none(), "2026-01-02T01:00:09Z", &["Schedule 02T01:00:00"]),
        (none(), "2026-01-02T01:00:10.001Z", missed),
        (json!({"CatchUp": "None", "StartingDeadline": "1d"}), "2026-01-02T01:00:11Z", missed),
        (json!({"CatchUp": "None", "StartingDeadline": "3s"}), "2026-01-02T01:00:04Z", missed),
        (
            none(),
            "2026-01-02T03:00:00Z",
            &["missed 2 from 02T01:00:00 to 02T02:00:00: too late", "Schedule 02T03:00:00"],
        ),
    ]);
}

#[test]
fn with_all_those_within_the_deadline_start_in_their_order() {
    check(&[
        (
            json!({"CatchUp": "All", "StartingDeadline": "2h"}),
            "2026-01-02T05:00:00Z",
            &[
                "missed 2 from 02T01:00:00 to 02T02:00:00: too late",
                "CatchUp 02T03:00:00",
                "CatchUp 02T04:00:00",
                "Schedule 02T05:00:00",
            ],
        ),
        (
            json!({"CatchUp": "All", "StartingDeadline": "1d"}),
            "2026-01-02T02:30:00Z",
            &["CatchUp 02T01:00:00", "CatchUp 02T02:00:00"],
        ),
        // Without a deadline each one's ends at the next instant.
        (
            json!({"CatchUp": "All"}),
            "2026-01-02T03:30:00Z",
            &["missed 2 from 02T01:00:00 to 02T02:00:00: too late", "CatchUp 02T03:00:00"],
        ),
        (
            json!({"CatchUp": "All", "StartingDeadline": "5m"}),
            "2026-01-02T03:30:00Z",
            &["missed 3 from 02T01:00:00 to 02T03:00:00: too late"],
        ),
    ]);
}

#[test]
fn with_all_at_most_a_hundred_start_and_these_are_the_newest() {
    let keys = json!({"Cron": "@every 1s", "CatchUp": "All", "StartingDeadline": "1d"});

    let decisions = decided(&allocation(keys), "2026-01-02T00:00:00Z", "2026-01-02T01:00:00Z");

    assert_eq!(decisions.len(), 1 + MOST_CAUGHT_UP);
    assert_eq!(decisions[0], "missed 3500 from 02T00:00:01 to 02T00:58:20: too late");
    assert_eq!(decisions[1], "CatchUp 02T00:58:21");
    assert_eq!(decisions[100], "Schedule 02T01:00:00");
}
