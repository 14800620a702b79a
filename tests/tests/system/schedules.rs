//! Schedules over the API: those that never run, those that are refused, and daylight saving.

use docket_stub_engine::Options;
use docket_tests::{Engine, Home, Server, StubEngine, allocation::allocation, docket};
use serde_json::{Value, json};

fn next(expression: &str, zone: &str, from: &str, count: &str) -> Value {
    let printed = docket([
        "next",
        expression,
        "--time-zone",
        zone,
        "--from",
        from,
        "--count",
        count,
        "-o",
        "json",
    ]);
    serde_json::from_str(&printed.ok()).unwrap()
}

#[test]
fn a_schedule_that_can_never_match_never_runs_and_says_so() {
    let server = Server::start(Engine::shared());

    for cron in ["0 0 30 2 *", "* * * * * 2020"] {
        server.push(&allocation("foo", cron, &["true"]));
        let status = server.allocation("foo")["Status"].take();
        assert_eq!(status["Next"], Value::Null, "{cron}");
        let warning = status["Warnings"][0].as_str().unwrap();
        assert!(warning.contains("never"), "{warning}");
    }
}

#[test]
fn days_one_to_seven_are_all_days_at_nine_and_not_every_minute() {
    let instants = next("0 9 * * 1-7", "UTC", "2026-11-21T10:00:00Z", "3");

    let days: Vec<_> =
        instants.as_array().unwrap().iter().map(|day| &day.as_str().unwrap()[..13]).collect();
    assert_eq!(days, ["2026-11-22T09", "2026-11-23T09", "2026-11-24T09"]);
}

#[test]
fn a_reversed_range_is_refused_with_the_rewrite() {
    let server = Server::start(Engine::shared());

    let fields = server.refusal(&allocation("foo", "30-10 * * * *", &["true"]));

    assert!(fields["Cron"].as_str().unwrap().contains("30-59,0-10"), "{fields}");
    assert_eq!(server.get("/-/health").status, 200);
}

#[test]
fn a_daily_time_that_spring_skips_runs_once_right_after_the_gap() {
    let instants = next("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2");

    assert_eq!(instants, json!(["2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"]));
}

#[test]
fn a_daily_time_that_autumn_repeats_runs_once() {
    let instants = next("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2");

    assert_eq!(instants, json!(["2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"]));
}

#[test]
fn six_fields_have_a_year_last_and_seven_have_seconds_first() {
    let six = next("* * * * * *", "UTC", "2026-11-21T09:00:00Z", "2");
    let seven = next("*/20 * * * * * *", "UTC", "2026-11-21T09:00:00Z", "2");

    let minutes = |instants: &Value| -> Vec<String> {
        instants
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one.as_str().unwrap()[11..19].to_owned())
            .collect()
    };
    assert_eq!(minutes(&six), ["09:01:00", "09:02:00"]);
    assert_eq!(minutes(&seven), ["09:00:20", "09:00:40"]);
}

#[test]
fn a_server_has_a_time_zone_for_those_that_name_none() {
    let server = Server::start_with(Engine::shared(), |command| {
        command.args(["--time-zone", "Asia/Tokyo"]);
    });
    let mut foo = allocation("foo", "0 0 1 1 *", &["true"]);
    foo.as_object_mut().unwrap().remove("TimeZone");

    server.push(&foo);

    let status = server.allocation("foo")["Status"].take();
    assert_eq!(status["TimeZone"], "Asia/Tokyo");
    assert!(status["Next"].as_str().unwrap().ends_with("-12-31T15:00:00Z"), "{status}");
}

#[test]
fn the_server_logs_what_a_schedule_may_not_have_meant() {
    let stub = StubEngine::start(Options::default());
    let home = Home::durable(&stub.docker_host());
    let mut server = home.server();
    server.push(&allocation("six", "0 0 4 1 1 *", &["true"]));
    let six = server.await_log("six fields end with the year");
    assert!(six.contains("allocation=six") && six.contains("`0 0 4 1 1 * *`"), "{six}");
    server.push(&allocation("over", "0 0 24 12 * 2020", &["true"]));
    let over = server.await_log("all its instants are in the past");
    assert!(over.contains("allocation=over") && over.contains("2020-12-24T00:00:00Z"), "{over}");
    server.stop();
}
