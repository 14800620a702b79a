//! Requests that reach the engine late, after their sender got no response or crashed: no instant runs twice,
//! no finished run starts, and every start is on record.

use std::sync::LazyLock;

use chrono::{DateTime, TimeDelta, Utc};
use docket_stub_engine::{Call, Fault, Faults, Hold, Sender};
use docket_tests::{
    Engine, Registry, Scenario, Server,
    allocation::with_option,
    eventually,
    held_requests_scenario::Behavior::{self, Fails, RunsOn, Succeeds},
    raw_http_client::Request,
    wall_clock,
};
use serde_json::{Value, json};

/// Runs each of these on a stub engine and on a real one behind a proxy.
macro_rules! on_both_engines {
    ($($name:ident),* $(,)?) => {
        mod stub {
            $(#[test] fn $name() { super::$name(&docket_tests::Scenario::on_stub()); })*
        }
        mod real {
            $(#[test] fn $name() {
                super::$name(&docket_tests::Scenario::on_engine(docket_tests::Engine::shared()));
            })*
        }
    };
}

on_both_engines![
    killed_while_starts_are_on_their_way_each_instant_runs_once,
    a_start_that_is_cut_off_and_arrives_late_runs_nothing,
    a_start_that_a_proxy_gives_up_and_that_arrives_late_runs_nothing,
    a_late_start_before_the_removal_is_on_record_with_its_exit_code,
    a_late_start_before_the_removal_after_a_crash_is_on_record_with_its_exit_code,
    a_late_start_that_still_runs_at_the_removal_is_followed_to_its_end,
    a_late_start_before_the_next_server_looks_is_followed,
    cancelled_without_an_answer_to_its_start_a_run_never_starts,
    deleted_without_an_answer_to_its_start_a_run_never_starts,
    missed_without_an_answer_to_its_start_a_run_never_starts,
    stopped_with_its_server_without_an_answer_to_its_start_a_run_never_starts,
    removed_by_others_before_its_start_a_container_is_made_anew,
    started_and_removed_by_others_meanwhile_a_run_has_its_exit_code,
    a_label_that_hides_the_exit_code_is_not_taken_for_it,
    a_create_that_arrives_after_a_crash_is_swept_and_never_runs,
];

/// Pushes an allocation that is due soon.
fn push(scenario: &Scenario, server: &Server, name: &str, behavior: Behavior) -> DateTime<Utc> {
    let at = wall_clock::soon();
    server.push(&scenario.allocation(name, at, behavior));
    at
}

fn await_held(hold: &Hold, count: usize) {
    eventually("a request on its way", || (hold.count() == count).then_some(()));
}

/// A server whose next start request is held, and gets no answer.
fn with_a_start_on_its_way(scenario: &Scenario, behavior: Behavior) -> (Server, Hold) {
    let server = scenario.server();
    let start = scenario.hold_next(1, Call::Start, Sender::Waits);
    push(scenario, &server, "foo", behavior);
    await_held(&start, 1);
    (server, start)
}

/// A server that is about to remove a container whose start request got no answer.
fn about_to_remove(scenario: &Scenario, behavior: Behavior) -> (Server, Hold, Hold) {
    let server = scenario.server();
    let removal = scenario.hold_next(1, Call::Remove, Sender::Waits);
    let start = scenario.hold_next(1, Call::Start, Sender::IsCutOff);
    push(scenario, &server, "foo", behavior);
    await_held(&removal, 1);
    (server, start, removal)
}

/// Asserts that an allocation was started so often, and each container got one start request at most.
fn assert_starts(scenario: &Scenario, allocation: &str, starts: usize) {
    assert_eq!(scenario.await_starts(allocation), starts, "{allocation}");
    let requests = scenario.start_requests();
    assert!(requests.values().all(|count| *count == 1), "{requests:?}");
}

/// Asserts that the only run of an allocation stays as it is.
fn assert_record(server: &Server, allocation: &str, run: &Value) {
    assert_eq!(server.runs(allocation), std::slice::from_ref(run));
}

fn exit_code(run: &Value) -> &Value {
    let attempts = run["Attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 1, "{run}");
    &attempts[0]["ExitCode"]
}

/// Asserts that a run failed with 3, and that its record says that its output is lost.
fn assert_ran_without_output(server: &Server, run: &Value) {
    assert_eq!((&run["State"], exit_code(run)), (&json!("failed"), &json!(3)), "{run}");
    let remarks = run["Attempts"][0]["Remarks"].as_array().unwrap();
    let about_output = |remark: &Value| remark.as_str().unwrap().contains("output");
    assert!(remarks.iter().any(about_output), "{run}");
    assert_eq!(server.output("foo", run), b"");
}

fn killed_while_starts_are_on_their_way_each_instant_runs_once(scenario: &Scenario) {
    let names = ["one", "two", "three", "four", "five", "six"];
    let server = scenario.server();
    let starts = scenario.hold_next(names.len(), Call::Start, Sender::Waits);
    let at = wall_clock::soon();
    let all: Value = names.iter().map(|name| scenario.allocation(name, at, Succeeds)).collect();
    assert_eq!(server.send(&Request::post(all)).status, 200);
    await_held(&starts, names.len());

    server.crash();
    let server = scenario.server();
    let runs = names.map(|name| (name, server.ended_run_at(name, at)));
    let answers = starts.release();

    assert_eq!(answers, [404; 6]);
    for (name, run) in runs {
        assert_eq!((&run["State"], exit_code(&run)), (&json!("succeeded"), &json!(0)), "{run}");
        assert_eq!(server.output(name, &run), b"done\n");
        assert_starts(scenario, name, 1);
        assert_record(&server, name, &run);
    }
}

fn a_start_that_is_cut_off_and_arrives_late_runs_nothing(scenario: &Scenario) {
    a_start_without_an_answer_that_arrives_late_runs_nothing(scenario, Sender::IsCutOff);
}

fn a_start_that_a_proxy_gives_up_and_that_arrives_late_runs_nothing(scenario: &Scenario) {
    for status in [502, 503, 504] {
        a_start_without_an_answer_that_arrives_late_runs_nothing(scenario, Sender::Gets(status));
    }
}

fn a_start_without_an_answer_that_arrives_late_runs_nothing(scenario: &Scenario, sender: Sender) {
    let server = scenario.server();
    let start = scenario.hold_next(1, Call::Start, sender);
    let name = format!("{sender:?}").to_lowercase().replace(['(', ')'], "-");
    let at = push(scenario, &server, &name, Succeeds);

    let run = server.ended_run_at(&name, at);
    let answers = start.release();

    assert_eq!(answers, [404]);
    assert_eq!((&run["State"], exit_code(&run)), (&json!("succeeded"), &json!(0)), "{run}");
    assert_eq!(server.output(&name, &run), b"done\n");
    assert_starts(scenario, &name, 1);
    assert_record(&server, &name, &run);
}

fn a_late_start_before_the_removal_is_on_record_with_its_exit_code(scenario: &Scenario) {
    let (server, start, removal) = about_to_remove(scenario, Fails);

    assert_eq!(start.release(), [204]);
    scenario.await_exit("foo");
    let removed = removal.release();
    let run = server.ended_run("foo");

    assert_eq!(removed, [204]);
    assert_ran_without_output(&server, &run);
    assert_starts(scenario, "foo", 1);
}

fn a_late_start_before_the_removal_after_a_crash_is_on_record_with_its_exit_code(
    scenario: &Scenario,
) {
    let (server, start) = with_a_start_on_its_way(scenario, Fails);
    server.crash();
    let removal = scenario.hold_next(1, Call::Remove, Sender::Waits);
    let server = scenario.server();
    await_held(&removal, 1);

    assert_eq!(start.release(), [204]);
    scenario.await_exit("foo");
    let removed = removal.release();
    let run = server.ended_run("foo");

    assert_eq!(removed, [204]);
    assert_ran_without_output(&server, &run);
    assert_starts(scenario, "foo", 1);
}

fn a_late_start_that_still_runs_at_the_removal_is_followed_to_its_end(scenario: &Scenario) {
    let (server, start, removal) = about_to_remove(scenario, RunsOn);

    assert_eq!(start.release(), [204]);
    let removed = removal.release();
    server.running_container("foo");
    scenario.kill_containers("foo");
    let run = server.ended_run("foo");

    assert_eq!(removed, [409]);
    assert_eq!((&run["State"], exit_code(&run)), (&json!("failed"), &json!(137)), "{run}");
    assert_eq!(server.output("foo", &run), b"done\n");
    assert_starts(scenario, "foo", 1);
}

fn a_late_start_before_the_next_server_looks_is_followed(scenario: &Scenario) {
    let (server, start) = with_a_start_on_its_way(scenario, Fails);
    server.crash();

    assert_eq!(start.release(), [204]);
    scenario.await_exit("foo");
    let server = scenario.server();
    let run = server.ended_run("foo");

    assert_eq!((&run["State"], exit_code(&run)), (&json!("failed"), &json!(3)), "{run}");
    assert_eq!(server.output("foo", &run), b"done\n");
    assert_starts(scenario, "foo", 1);
}

fn cancelled_without_an_answer_to_its_start_a_run_never_starts(scenario: &Scenario) {
    let (server, start, removal) = about_to_remove(scenario, Succeeds);
    let id = server.runs("foo").remove(0)["Run"].as_str().unwrap().to_owned();

    let cancelled = server.send(&Request::post_to(&format!("/foo/runs/{id}/cancel"), "{}"));
    assert_eq!(cancelled.status, 202, "{}", cancelled.text());
    let removed = removal.release();
    let run = server.ended_run("foo");
    let answers = start.release();

    assert_eq!((removed, answers), (vec![204], vec![404]));
    assert_eq!((&run["State"], exit_code(&run)), (&json!("cancelled"), &Value::Null), "{run}");
    assert_starts(scenario, "foo", 0);
    assert_record(&server, "foo", &run);
}

fn deleted_without_an_answer_to_its_start_a_run_never_starts(scenario: &Scenario) {
    let (server, start, removal) = about_to_remove(scenario, Succeeds);

    let deleted = server.send(&Request::new("DELETE", "/foo"));
    assert_eq!(deleted.status, 200, "{}", deleted.text());
    let removed = removal.release();
    let starts = scenario.await_starts("foo");
    let answers = start.release();

    assert_eq!((removed, answers), (vec![204], vec![404]));
    assert_eq!(starts, 0);
    assert_starts(scenario, "foo", 0);
}

fn missed_without_an_answer_to_its_start_a_run_never_starts(scenario: &Scenario) {
    let deadline = TimeDelta::seconds(1);
    let server = scenario.server();
    let start = scenario.hold_next(1, Call::Start, Sender::Waits);
    let mut allocation = scenario.allocation("foo", wall_clock::soon(), Succeeds);
    allocation["StartingDeadline"] = json!("1s");
    server.push(&allocation);
    await_held(&start, 1);

    server.crash();
    // The time in which a server was there does not count towards the deadline of what it decided.
    let crashed = wall_clock::now();
    eventually("the deadline", || (wall_clock::now() > crashed + deadline).then_some(()));
    let server = scenario.server();
    let run = server.ended_run("foo");
    let answers = start.release();

    assert_eq!(answers, [404]);
    assert_eq!(run["State"], "missed", "{run}");
    assert_starts(scenario, "foo", 0);
    assert_record(&server, "foo", &run);
}

fn stopped_with_its_server_without_an_answer_to_its_start_a_run_never_starts(scenario: &Scenario) {
    let mut server = scenario.home().server_with(|command| {
        command.arg("--stop-runs");
    });
    server.await_ready();
    let removal = scenario.hold_next(1, Call::Remove, Sender::Waits);
    let start = scenario.hold_next(1, Call::Start, Sender::IsCutOff);
    push(scenario, &server, "foo", Succeeds);
    await_held(&removal, 1);

    server.signal("TERM");
    server.await_log("stopping");
    let removed = removal.release();
    let status = server.await_end();
    let answers = start.release();
    let server = scenario.server();
    let run = server.ended_run("foo");

    assert_eq!((removed, answers), (vec![204], vec![404]));
    assert_eq!(status.code(), Some(0), "{status}");
    assert_eq!((&run["State"], exit_code(&run)), (&json!("cancelled"), &Value::Null), "{run}");
    assert_starts(scenario, "foo", 0);
    assert_record(&server, "foo", &run);
}

fn removed_by_others_before_its_start_a_container_is_made_anew(scenario: &Scenario) {
    let (server, start) = with_a_start_on_its_way(scenario, Succeeds);
    server.crash();

    scenario.remove_containers("foo");
    let server = scenario.server();
    let run = server.ended_run("foo");
    let answers = start.release();

    assert_eq!(answers, [404]);
    assert_eq!((&run["State"], exit_code(&run)), (&json!("succeeded"), &json!(0)), "{run}");
    assert_eq!(server.output("foo", &run), b"done\n");
    assert_starts(scenario, "foo", 1);
}

fn started_and_removed_by_others_meanwhile_a_run_has_its_exit_code(scenario: &Scenario) {
    let (server, start) = with_a_start_on_its_way(scenario, Fails);
    server.crash();

    assert_eq!(start.release(), [204]);
    scenario.await_exit("foo");
    scenario.remove_containers("foo");
    let server = scenario.server();
    let run = server.ended_run("foo");

    assert_ran_without_output(&server, &run);
    assert_starts(scenario, "foo", 1);
}

fn a_label_that_hides_the_exit_code_is_not_taken_for_it(scenario: &Scenario) {
    let server = scenario.server();
    let start = scenario.hold_next(1, Call::Start, Sender::Waits);
    let allocation = scenario.allocation("foo", wall_clock::soon(), Fails);
    server.push(&with_option(allocation, "Labels", json!({ "exitCode": "0" })));
    await_held(&start, 1);
    server.crash();

    assert_eq!(start.release(), [204]);
    scenario.await_exit("foo");
    scenario.remove_containers("foo");
    let server = scenario.server();
    let run = server.ended_run("foo");

    assert_eq!((&run["State"], exit_code(&run)), (&json!("lost"), &Value::Null), "{run}");
    assert_starts(scenario, "foo", 1);
}

fn a_create_that_arrives_after_a_crash_is_swept_and_never_runs(scenario: &Scenario) {
    let server = scenario.server();
    let create = scenario.hold_next(1, Call::Create, Sender::Waits);
    let at = push(scenario, &server, "foo", Succeeds);
    await_held(&create, 1);
    server.crash();
    let server = scenario.server();
    let run = server.ended_run_at("foo", at);
    eventually("no container", || (scenario.containers("foo") == 0).then_some(()));

    let answers = create.release();
    let is_there = scenario.containers("foo");
    server.stop();
    let server = scenario.server();

    assert_eq!((answers, is_there), (vec![201], 1));
    assert_eq!(run["State"], "succeeded", "{run}");
    assert_starts(scenario, "foo", 1);
    assert_record(&server, "foo", &run);
}

/// What an engine that was restarted cannot tell.
fn assert_lost_with_the_engines_memory(scenario: &Scenario) {
    let (server, start) = with_a_start_on_its_way(scenario, Fails);
    server.crash();

    assert_eq!(start.release(), [204]);
    scenario.await_exit("foo");
    scenario.remove_containers("foo");
    scenario.restart_engine();
    let server = scenario.server();
    let run = server.ended_run("foo");

    assert_eq!((&run["State"], exit_code(&run)), (&json!("lost"), &Value::Null), "{run}");
    assert_starts(scenario, "foo", 1);
}

#[test]
fn a_run_that_a_restarted_stub_engine_does_not_remember_is_lost() {
    assert_lost_with_the_engines_memory(&Scenario::on_stub());
}

#[test]
fn a_run_that_a_restarted_engine_does_not_remember_is_lost() {
    static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::start(Registry::shared()));
    assert_lost_with_the_engines_memory(&Scenario::on_engine(&ENGINE));
}

#[test]
fn a_run_whose_starts_all_get_no_answer_fails_and_none_of_them_starts_later() {
    const TRIES: usize = 10;
    let scenario = Scenario::on_stub();
    let server = scenario.server();
    let starts = scenario.hold_next(TRIES, Call::Start, Sender::IsCutOff);
    push(&scenario, &server, "foo", Succeeds);

    let giving_up = std::time::Duration::from_secs(180);
    let run = server.ended_run_within(giving_up, "foo");
    let answers = starts.release();

    assert_eq!(answers, [404; TRIES]);
    assert_eq!((&run["State"], exit_code(&run)), (&json!("failed"), &Value::Null), "{run}");
    assert_starts(&scenario, "foo", 0);
    assert_record(&server, "foo", &run);
}

#[test]
fn a_run_whose_events_are_cut_off_is_not_taken_for_one_that_never_ran() {
    // Cut in the middle, the events have the creation and lack the start.
    let cut = Faults::none().first(Call::Events, [Fault::CutBody]);
    let scenario = Scenario::on_failing_stub(cut);

    started_and_removed_by_others_meanwhile_a_run_has_its_exit_code(&scenario);
}

#[test]
fn a_replacement_whose_events_are_not_to_be_had_at_once_is_carried_out() {
    let faults = [Fault::fail_before(), Fault::DropBefore, Fault::CutBody, Fault::HangBefore];
    for fault in faults {
        let scenario = Scenario::on_failing_stub(Faults::none().first(Call::Events, [fault]));

        a_start_that_is_cut_off_and_arrives_late_runs_nothing(&scenario);
    }
}

#[test]
fn a_late_start_after_the_events_broke_off_is_on_record_with_its_exit_code() {
    let scenario = Scenario::on_engine(Engine::shared());
    let (server, start, removal) = about_to_remove(&scenario, Fails);

    scenario.break_event_streams();
    assert_eq!(start.release(), [204]);
    scenario.await_exit("foo");
    let removed = removal.release();
    let run = server.ended_run("foo");

    assert_eq!(removed, [204]);
    assert_ran_without_output(&server, &run);
    assert_starts(&scenario, "foo", 1);
}
