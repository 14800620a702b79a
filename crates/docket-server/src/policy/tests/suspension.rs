//! Suspensions, by the specification and manual.

use docket_model::run::Reason;

use super::*;

const HOURLY: &str = "0 * * * *";

/// At 05:30, with all up to midnight decided.
fn decisions_under(suspension: &Suspension) -> Vec<String> {
    let (after, now) = ("2026-01-02T00:00:00Z", "2026-01-02T05:30:00Z");
    decided_while(&cron(HOURLY), Some(suspension), after, now)
}

#[test]
fn what_its_specification_suspends_starts_nothing() {
    let suspended_for_good = allocation(json!({"Cron": HOURLY, "Suspended": true}));
    let manual = suspension("2026-01-01T00:00:00Z", Some("2026-01-02T01:00:00Z"));
    let expected = ["missed 5 from 02T01:00:00 to 02T05:00:00: suspended by its specification"];
    for manual in [None, Some(&manual)] {
        let (after, now) = ("2026-01-02T00:00:00Z", "2026-01-02T05:30:00Z");

        assert_eq!(decided_while(&suspended_for_good, manual, after, now), expected);

        let reason = suspended(&suspended_for_good, by_ann(manual), at(now));
        assert_eq!(reason, Some(Reason::SuspendedBySpecification));
    }
}

#[test]
fn one_that_holds_starts_nothing_also_where_its_end_is_known() {
    for until in [None, Some("2026-01-02T05:30:01Z"), Some("2030-01-01T00:00:00Z")] {
        let holding = suspension("2026-01-02T00:10:00Z", until);

        assert_eq!(
            decisions_under(&holding),
            ["missed 5 from 02T01:00:00 to 02T05:00:00: suspended by ann"]
        );
    }
}

#[test]
fn one_that_ended_during_a_pause_holds_up_to_its_end_and_not_at_it() {
    let by_ann =
        |last: &str, count| format!("missed {count} from 02T01:00:00 to {last}: suspended by ann");
    let cases = [
        (
            "2026-01-02T02:30:00Z",
            vec![
                by_ann("02T02:00:00", 2),
                "missed 2 from 02T03:00:00 to 02T04:00:00: too late".to_owned(),
                "CatchUp 02T05:00:00".to_owned(),
            ],
        ),
        ("2026-01-02T05:00:00Z", vec![by_ann("02T04:00:00", 4), "CatchUp 02T05:00:00".to_owned()]),
        ("2026-01-02T05:00:01Z", vec![by_ann("02T05:00:00", 5)]),
        ("2026-01-02T05:30:00Z", vec![by_ann("02T05:00:00", 5)]),
    ];
    for (until, expected) in cases {
        let ended = suspension("2026-01-01T12:00:00Z", Some(until));

        assert_eq!(decisions_under(&ended), expected, "until {until}");
    }
}

#[test]
fn one_that_was_over_before_changes_nothing() {
    let over = suspension("2026-01-01T12:00:00Z", Some("2026-01-01T13:00:00Z"));

    assert_eq!(
        decisions_under(&over),
        ["missed 4 from 02T01:00:00 to 02T04:00:00: too late", "CatchUp 02T05:00:00"]
    );
}

#[test]
fn what_was_due_before_the_suspension_is_marked_as_late() {
    let holding = suspension("2026-01-02T02:30:00Z", None);

    assert_eq!(
        decisions_under(&holding),
        [
            "missed 2 from 02T01:00:00 to 02T02:00:00: before suspended by ann",
            "missed 3 from 02T03:00:00 to 02T05:00:00: suspended by ann",
        ]
    );
}

#[test]
fn nothing_is_suspended_from_the_moment_of_its_end_on() {
    let ended = suspension("2026-01-01T12:00:00Z", Some("2026-01-02T05:00:00Z"));
    let now = |now| suspended(&cron(HOURLY), by_ann(Some(&ended)), at(now));

    assert_eq!(now("2026-01-02T04:59:59.999Z"), Some(Reason::suspended(&ended)));
    assert_eq!(now("2026-01-02T05:00:00Z"), None);
    assert_eq!(suspended(&cron(HOURLY), by_ann(None), at("2026-01-02T05:00:00Z")), None);
}
