//! Starts that are spread.

use super::*;

fn jittered(cron: &str, jitter: &str) -> Allocation {
    allocation(json!({"Cron": cron, "Jitter": jitter}))
}

fn offset(allocation: &Allocation, instant: &str) -> i64 {
    (starts_at(allocation, at(instant), Zone::utc()) - at(instant)).num_milliseconds()
}

#[test]
fn an_offset_is_the_same_in_every_build() {
    let nightly = jittered("0 2 * * *", "30m");

    assert_eq!(offset(&nightly, "2026-01-02T02:00:00Z"), 79_365);
    assert_eq!(offset(&nightly, "2026-01-03T02:00:00Z"), 213_511);
    assert_eq!(offset(&cron("0 2 * * *"), "2026-01-02T02:00:00Z"), 0);
}

#[test]
fn offsets_are_spread_below_the_jitter() {
    let nightly = jittered("0 2 * * *", "30m");
    let night = |day| at("2026-01-02T02:00:00Z") + TimeDelta::days(day);

    let mut tenths = [0; 10];
    for day in 0..2000 {
        let late = starts_at(&nightly, night(day), Zone::utc()) - night(day);
        assert!(late >= TimeDelta::zero() && late < TimeDelta::minutes(30), "{late}");
        tenths[usize::try_from(late.num_minutes() / 3).unwrap()] += 1;
    }

    assert!(tenths.iter().all(|count| (140..=260).contains(count)), "{tenths:?}");
}

#[test]
fn a_start_falls_before_the_next_instant_however_long_the_jitter() {
    let often = jittered("*/10 * * * * * *", "1h");
    for number in 0..1000 {
        let instant = at("2026-01-02T00:00:00Z") + TimeDelta::seconds(10 * number);

        let late = starts_at(&often, instant, Zone::utc()) - instant;

        assert!(late >= TimeDelta::zero() && late < TimeDelta::seconds(10), "{late}");
    }
}

#[test]
fn an_instant_is_decided_when_its_start_has_come_and_is_late_from_then_on() {
    let hourly = jittered("0 * * * *", "30m");
    let start = at("2026-01-02T01:00:00Z")
        + TimeDelta::milliseconds(offset(&hourly, "2026-01-02T01:00:00Z"));
    let decisions =
        |now: DateTime<Utc>| decided(&hourly, "2026-01-02T00:00:00Z", &now.to_rfc3339());

    assert_eq!(decisions(start - TimeDelta::milliseconds(1)), Vec::<String>::new());
    assert_eq!(decisions(start), ["Schedule 02T01:00:00"]);
    assert_eq!(decisions(start + TimeDelta::milliseconds(9999)), ["Schedule 02T01:00:00"]);
    assert_eq!(decisions(start + TimeDelta::seconds(10)), ["CatchUp 02T01:00:00"]);
}

#[test]
fn after_a_pause_the_latest_whose_start_has_come_is_made_up_for() {
    let hourly = jittered("0 * * * *", "30m");
    let start = starts_at(&hourly, at("2026-01-02T06:00:00Z"), Zone::utc());
    let decisions =
        |now: DateTime<Utc>| decided(&hourly, "2026-01-02T00:00:00Z", &now.to_rfc3339());

    assert_eq!(
        decisions(start - TimeDelta::milliseconds(1)),
        ["missed 4 from 02T01:00:00 to 02T04:00:00: too late", "CatchUp 02T05:00:00"]
    );
    assert_eq!(
        decisions(start),
        ["missed 5 from 02T01:00:00 to 02T05:00:00: too late", "Schedule 02T06:00:00"]
    );
}
