//! Tests of the warnings about policies.

use super::*;

/// The hints about a specification with more keys, each in its line.
fn hints(more: Value) -> String {
    let warnings = read(with_all(more)).unwrap().warnings;
    warnings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn nothing_is_said_of_policies_that_go_together() {
    let valid = [
        json!({}),
        json!({"Overlap": "Forbid", "Timeout": "1d", "Retries": 5}),
        json!({"Overlap": "Replace"}),
        json!({"Jitter": "23h59m59s", "Timeout": "24h"}),
        json!({"CatchUp": "All", "StartingDeadline": "1d"}),
        json!({"Cron": "R1//PT0S", "CatchUp": "All", "Timeout": "9d", "Jitter": "9d"}),
        json!({"Cron": "", "CatchUp": "All", "Timeout": "9d", "Jitter": "9d"}),
        json!({"Cron": "0 9 * * * 2030", "Timeout": "24h"}),
        json!({"Cron": "* * * * *", "Retries": 1000}),
        json!({"Cron": null, "After": "load", "Timeout": "9d", "Overlap": "Forbid", "Retries": 9}),
        json!({"TimeZone": "Etc/GMT+0"}),
        json!({"TimeZone": "HST"}),
    ];
    for more in valid {
        assert_eq!(hints(more.clone()), "", "{more}");
    }
}

#[test]
fn overlap_without_a_timeout_may_wait_for_ever() {
    insta::assert_snapshot!(hints(json!({"Overlap": "Forbid"})), @"Overlap: a run that never ends keeps every later one from starting: add a `Timeout`, such as `Timeout: 1h`");
    insta::assert_snapshot!(hints(json!({"Overlap": "Queue"})), @"Overlap: a run that never ends keeps every later one waiting: add a `Timeout`, such as `Timeout: 1h`");
}

#[test]
fn a_timeout_beyond_the_next_instant_says_what_becomes_of_that() {
    let of = |overlap: &str, cron: &str| {
        hints(json!({"Cron": cron, "Overlap": overlap, "Timeout": "90m"}))
    };
    insta::assert_snapshot!(of("Allow", "0 9-17 * * 1-5"), @"Timeout: 1h30m is longer than the shortest time between two instants, 1h: several runs may be under way at once; shorten it, or add `Overlap: Forbid`");
    insta::assert_snapshot!(of("Forbid", "@every 1h"), @"Timeout: 1h30m is longer than the shortest time between two instants, 1h: instants are skipped while a run takes so long; shorten it");
    insta::assert_snapshot!(of("Queue", "*/40 * * * *"), @"Timeout: 1h30m is longer than the shortest time between two instants, 20m: only one instant waits while a run takes so long; shorten it");
    insta::assert_snapshot!(of("Replace", "R/2030-01-01T00:00:00Z/PT1H"), @"Timeout: 1h30m is longer than the shortest time between two instants, 1h: the next instant stops a run before it does; shorten it, or leave it out");
}

#[test]
fn jitter_beyond_the_next_instant_is_capped() {
    insta::assert_snapshot!(hints(json!({"Cron": "*/5 * * * *", "Jitter": "5m"})), @"Jitter: 5m is not less than the shortest time between two instants, 5m: a start is put off so far only that it comes before the next instant; write less than 5m");
}

#[test]
fn catching_up_on_all_needs_a_deadline_that_holds_several() {
    insta::assert_snapshot!(hints(json!({"CatchUp": "All"})), @"CatchUp: `All` has the same effect as `Latest`: without a `StartingDeadline` an instant may start only until the next one, so that a single one is in time; add one, such as `StartingDeadline: 1d`");
    insta::assert_snapshot!(hints(json!({"CatchUp": "All", "StartingDeadline": "2h"})), @"CatchUp: `All` has the same effect as `Latest`: the `StartingDeadline`, 2h, is shorter than the shortest time between two instants, 1d; lengthen it");
}

#[test]
fn retries_that_outlast_the_period_skip_instants() {
    let more = json!({"Cron": "@hourly", "Overlap": "Forbid", "Timeout": "5m", "Retries": 7});
    insta::assert_snapshot!(hints(more), @"Retries: the delays between attempts add up to 1h3m30s, longer than the shortest time between two instants, 1h: a run holds its `Overlap` until its last attempt, and instants are skipped meanwhile; lower `Limit` or `MaxDelay`");
}

#[test]
fn a_zone_that_keeps_its_clock_in_summer_is_distinguished_from_its_twin() {
    let messages =
        ["EST", "MST", "Etc/GMT+5", "etc/gmt-1"].map(|zone| hints(json!({"TimeZone": zone})));
    insta::assert_snapshot!(messages.join("\n"), @"
    TimeZone: `EST` stays five hours behind UTC in summer, without daylight saving: write `America/New_York` for the clock there
    TimeZone: `MST` stays seven hours behind UTC in summer, without daylight saving: write `America/Denver` for the clock there
    TimeZone: `Etc/GMT+5` is 5 hours behind UTC (its sign counts westwards), without daylight saving: write the zone of a place, such as `America/New_York`, for the clock there
    TimeZone: `Etc/GMT-1` is 1 hour ahead of UTC (its sign counts westwards), without daylight saving: write the zone of a place, such as `America/New_York`, for the clock there
    ");
}

#[test]
fn what_means_nothing_after_others_is_reported() {
    let more = json!({
        "Cron": null, "After": "load", "TimeZone": "EST", "Jitter": "1m", "StartingDeadline": "1h",
        "CatchUp": "All",
    });
    insta::assert_snapshot!(hints(more), @"
    TimeZone: `TimeZone` has no effect with `After`: there is no schedule
    Jitter: `Jitter` has no effect with `After`: a run starts once its parents have succeeded
    StartingDeadline: `StartingDeadline` has no effect with `After`: a run is due once its parents have succeeded, and never too late
    CatchUp: `CatchUp` has no effect with `After`: one run follows the newest runs of its parents, however many there were
    ");
}

#[test]
fn the_zones_with_a_twin_have_no_daylight_saving_and_the_others_of_their_kind_do() {
    use chrono::{Offset, TimeZone};
    let offsets = |name: &str| {
        let zone: Zone = name.parse().unwrap();
        [1, 7].map(|month| {
            let at = Utc.with_ymd_and_hms(2030, month, 1, 0, 0, 0).unwrap();
            zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc() / 3600
        })
    };
    assert_eq!(["EST", "MST", "HST"].map(offsets), [[-5, -5], [-7, -7], [-10, -10]]);
    assert_eq!(offsets("America/New_York"), [-5, -4]);
    assert_eq!(offsets("America/Denver"), [-7, -6]);
    for zone in ["CET", "MET", "EET", "WET", "EST5EDT", "MST7MDT"] {
        let [winter, summer] = offsets(zone);
        assert_eq!(winter + 1, summer, "{zone}");
    }
}

#[test]
fn a_schedule_whose_instants_are_all_in_the_past_is_warned_of() {
    let now: DateTime<Utc> = "2026-11-21T09:00:00Z".parse().unwrap();
    let over = |keys: &serde_json::Value| {
        let mut posted = json!({"Name": "a", "Container": {"Config": {"Image": "x"}}});
        posted.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
        let read = Specification::read(posted, &FieldPath::default(), UnknownOptions::Refuse);
        read.unwrap().specification.is_over(now, Zone::utc())
    };
    let past = "never runs: all its instants are in the past, the last was";
    for (keys, expected) in [
        (json!({"Cron": "0 0 24 12 * 2025"}), format!("{past} 2025-12-24T00:00:00Z")),
        (json!({"Cron": "R3/2026-01-01T00:00:00Z/P1D"}), format!("{past} 2026-01-03T00:00:00Z")),
        (
            json!({"Cron": "0 0 24 12 * 2025", "TimeZone": "Asia/Tokyo"}),
            format!("{past} 2025-12-23T15:00:00Z"),
        ),
        (
            json!({"Cron": "@daily", "NotAfter": "2026-11-20T00:00:00Z"}),
            "never runs: its `NotAfter`, 2026-11-20T00:00:00Z, is in the past".to_owned(),
        ),
    ] {
        assert_eq!(over(&keys), Some(expected), "{keys}");
    }
    for keys in [
        json!({"Cron": "0 0 24 12 * 2026"}),
        json!({"Cron": "R1//PT1H"}),
        json!({"Cron": "@every 1h"}),
        json!({"Cron": ""}),
        json!({"After": "b"}),
        json!({"Cron": "0 0 30 2 *"}),
        json!({"Cron": "@daily", "NotBefore": "2030-01-01T00:00:00Z"}),
    ] {
        assert_eq!(over(&keys), None, "{keys}");
    }
}
