//! Tests of explanations of one moment.

use insta::assert_snapshot;

use super::*;

#[test]
fn a_moment_has_its_record_or_the_record_of_a_span_with_it() {
    let reason = "docket was not running from 2026-11-21T00:12:00Z to 2026-11-21T05:40:00Z";
    let case = Case::scheduled("0 * * * *")
        .run("01:00", missed(reason, "05:00", 5), |_| {})
        .run("06:00", RunState::Lost(Reason::text("its container is gone")), |_| {})
        .run("06:00:12.500", RunState::Succeeded, |run| {
            manual(run);
            once("06:00:13", "06:00:15", 0)(run);
        });

    assert_snapshot!(case.about("07:00"), @"
    07:00: lost: its container is gone.
    07:00:12 (run manually by ann): succeeded with exit code 0 after 2s.
    ");
    assert_snapshot!(case.about("05:00"), @"02:00 to 06:00 (5 instants): missed, because docket was not running from 01:12 to 06:40.");
    assert_snapshot!(case.about("05:30"), @"05:30 is not an instant of this schedule (`0 * * * *`); the nearest are 05:00 and 06:00.");
}

#[test]
fn a_moment_that_is_not_an_instant_names_the_nearest() {
    let case = Case::scheduled("30 2 * * *").decided("01:30");
    let intervals = Case::scheduled("@every 7m");
    let none = Case::scheduled("0 0 30 2 *");
    let manual = Case::scheduled("");

    assert_snapshot!(case.about("02:00"), @"02:00 is not an instant of this schedule (`30 2 * * *`); the nearest are 2026-11-20 02:30 and 2026-11-21 02:30.");
    assert_snapshot!(case.about("2026-11-19T02:30:00.5"), @"2026-11-19 02:30:00.500 is not an instant of this schedule (`30 2 * * *`); the nearest are 02:30 and 2026-11-20 02:30.");
    assert_snapshot!(intervals.about("09:30"), @"09:30 is not an instant of this schedule (`@every 7m`); the nearest are 09:27 and 09:34.");
    assert_snapshot!(none.about("09:30"), @"09:30 is not an instant of this schedule (`0 0 30 2 *`); it has none.");
    assert_snapshot!(manual.about("09:30"), @"There is no run at 09:30: it has no schedule and runs only manually.");
}

#[test]
fn a_moment_before_the_creation_says_so() {
    let case = Case::scheduled("0 * * * *").created("07:30").decided("08:00");
    let mut changed = Case::scheduled("0 * * * *").noted(
        "07:30",
        Event::Updated { keys: vec!["Cron".to_owned()] },
        "the API",
    );
    Arc::make_mut(&mut changed.status.allocation).scheduled_at = at("07:30");
    let anew = Case::scheduled("0 * * * *")
        .created("07:30")
        .noted("07:20", Event::Deleted, "the API")
        .noted("07:30", Event::Created, "the API");

    assert_snapshot!(case.about("08:00"), @"report did not exist at 08:00: it was created at 08:30.");
    assert_snapshot!(changed.about("08:00"), @"There is no record of 08:00. The schedule was changed at 08:30 by the API (`Cron`), and a changed schedule never starts an instant of the past.");
    assert_snapshot!(anew.about("08:00"), @"There is no record of 08:00: report was deleted by the API at 08:20, with its history, and created again at 08:30.");
}

#[test]
fn an_instant_outside_the_bounds_says_so() {
    let case = Case::of(&json!({
        "Cron": "0 * * * *",
        "NotBefore": "2026-11-21T06:00:00Z",
        "NotAfter": "2026-11-21T07:00:00Z",
    }));

    assert_snapshot!(case.about("06:00"), @"06:00 is an instant of the schedule, but nothing is due before its `NotBefore`, 07:00.");
    assert_snapshot!(case.about("09:00"), @"09:00 is an instant of the schedule, but nothing is due after its `NotAfter`, 08:00.");
}

#[test]
fn a_future_instant_says_so() {
    let case = Case::scheduled("0 * * * *").decided("09:00");
    let suspended = Case::scheduled("0 * * * *").decided("09:00").suspended("08:30", None);
    let for_a_while =
        Case::scheduled("0 * * * *").decided("09:00").suspended("08:30", Some("09:30"));

    assert_snapshot!(case.about("2026-11-21 11:00"), @"11:00 is in the future: it will start then.");
    assert_snapshot!(suspended.about("2026-11-21 11:00"), @"
    11:00 is in the future, and nothing will start then unless it is resumed before.
    It has been suspended since 09:30 by ann, until it is resumed: the database moves.
    ");
    assert_snapshot!(for_a_while.about("2026-11-21 11:00"), @"
    11:00 is in the future: it will start then.
    It has been suspended since 09:30 by ann, until 10:30: the database moves.
    ");
}

#[test]
fn an_instant_without_a_record_has_a_cause() {
    let mut pruned = Case::scheduled("0 * * * *").decided("09:00");
    pruned.status.pruned = Some(Instant::new(at("05:00")));
    let mut away = Case::scheduled("0 * * * *").decided("07:00");
    away.engine_away = Some((at("07:10"), "connection refused"));
    let mut full = Case::scheduled("0 * * * *").decided("07:00");
    full.store_trouble = Some((at("07:20"), "no space left"));
    let deciding = Case::scheduled("0 * * * *").decided("07:00");
    let ahead = Case::scheduled("0 * * * *").decided("2026-11-22T09:00").paused(
        Cause::ClockSetForward,
        "07:50",
        "08:10",
    );

    assert_snapshot!(pruned.about("05:00"), @"The record of 05:00 was pruned, as all up to 06:00: see `Keep`.");
    assert_snapshot!(away.about("09:00"), @"09:00 is due and not decided yet: the engine has not answered since 08:10, and it is decided once the engine answers.");
    assert_snapshot!(full.about("09:00"), @"09:00 is due and not decided yet: the store has not been writable since 08:20, and it is decided once the store is.");
    assert_snapshot!(deciding.about("09:00"), @"09:00 is due and is being decided at this moment.");
    assert_snapshot!(ahead.about("09:00"), @"
    09:00 was not decided again: all instants up to 2026-11-22 10:00 had already been decided.
    By the journal, the clock was set forward from 08:50 to 09:10.
    ");
}

#[test]
fn a_time_that_did_not_exist_says_what_the_schedule_did() {
    let case = |cron| {
        Case::scheduled(cron).created("2026-03-01T12:00").now("2026-03-29T10:00").run(
            "2026-03-29T01:00",
            RunState::Succeeded,
            once("2026-03-29T01:00", "2026-03-29T01:00:12", 0),
        )
    };

    assert_snapshot!(case("30 2 * * *").about("02:30"), @"
    02:30 did not exist on 2026-03-29: the clock went from 02:00 to 03:00 that day. The schedule `30 2 * * *` is due at 03:00 instead.
    03:00: succeeded with exit code 0 after 12s.
    ");
    assert_snapshot!(case("*/30 * * * *").about("02:30"), @"02:30 did not exist on 2026-03-29: the clock went from 02:00 to 03:00 that day. The schedule `*/30 * * * *` has a wildcard, so this instant is dropped.");
    assert_snapshot!(case("0 9 * * *").about("2026-03-29T02:30"), @"02:30 did not exist on 2026-03-29: the clock went from 02:00 to 03:00 that day. It is not a time of `0 9 * * *` anyway.");
    assert_snapshot!(case("30 2 * * *").about("2027-03-28T02:30"), @"
    02:30 will not exist on 2027-03-28: the clock will go from 02:00 to 03:00 that day. The schedule `30 2 * * *` is due at 03:00 instead.
    2027-03-28 03:00 is in the future: it will start then.
    ");
}

#[test]
fn a_time_that_occurs_twice_says_what_the_schedule_did() {
    let case = |cron| {
        Case::scheduled(cron).created("2026-10-01T12:00").now("2026-10-25T10:00").run(
            "2026-10-25T00:30",
            RunState::Succeeded,
            once("2026-10-25T00:30", "2026-10-25T00:30:12", 0),
        )
    };

    assert_snapshot!(case("30 2 * * *").about("02:30"), @"
    The clock shows this time twice that day: 02:30 (+02:00) and 02:30 (+01:00). The schedule runs at the first only.
    02:30 (+02:00): succeeded with exit code 0 after 12s.
    ");
    assert_snapshot!(case("30 2 * * *").about("2026-10-25T01:30:00Z"), @"02:30 (+01:00) occurs twice that day, and the schedule runs at the first only: 02:30 (+02:00).");
    assert_snapshot!(case("*/30 * * * *").about("02:30"), @"
    The clock shows this time twice that day: 02:30 (+02:00) and 02:30 (+01:00). The schedule runs both times.
    02:30 (+02:00): succeeded with exit code 0 after 12s.
    02:30 (+01:00) is due and is being decided at this moment.
    ");
}

#[test]
fn the_parents_of_an_instant_are_described() {
    let extract = Case::of(&json!({"Name": "extract", "Cron": "0 2 * * *"}));
    let mut failure = extract.record("01:00", failed("exit code 3"));
    once("01:00", "01:07", 3)(&mut failure);
    let parent =
        |text: &str, then| Parent { name: name(text), succeeded: None, newest: None, then };
    let mut case = Case::of(&json!({"After": ["extract", "load"]}));
    case.parents = vec![parent("extract", Some(Arc::new(failure))), parent("load", None)];

    assert_snapshot!(case.about("02:00"), @"There is no record of 02:00: report runs after extract and load. For 02:00 extract failed at 02:07 with exit code 3 after 7m.");
    case.parents.remove(0);
    assert_snapshot!(case.about("02:00"), @"There is no record of 02:00: report runs after load. None of those has a record of it either.");
}
