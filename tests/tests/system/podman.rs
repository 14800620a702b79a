//! docket on Podman, through its Docker API. Where `podman` is not installed each test says so and is skipped.

use docket_tests::{
    Engine, Server,
    allocation::{once, script_once, with_host_option, with_option},
    crash_test::{CrashTest, Interference, POINTS},
    wall_clock,
};
use serde_json::{Value, json};

#[test]
fn a_run_has_its_output_its_exit_code_and_the_image_that_podman_has() {
    let Some(engine) = Engine::shared_podman() else { return };
    let server = Server::start(engine);
    let script = "echo one; sleep 0.2; echo two >&2; sleep 0.2; echo three; exit 3";

    server.push(&script_once("foo", wall_clock::soon(), script));
    let run = server.ended_run("foo");

    assert_eq!((&run["State"], &run["Attempts"][0]["ExitCode"]), (&json!("failed"), &json!(3)));
    assert_eq!(server.output("foo", &run), b"one\ntwo\nthree\n");
    let printed = server.docket(["logs", "foo"]);
    assert_eq!((&*printed.out, &*printed.err), ("one\nthree\n", "two\n"));
}

#[test]
fn the_container_of_a_run_that_succeeded_is_removed_with_its_anonymous_volume() {
    let Some(engine) = Engine::shared_podman() else { return };
    let server = Server::start(engine);
    let foo = once("foo", wall_clock::soon(), &["sleep", "2"]);

    server.push(&with_option(foo, "Volumes", json!({ "/data": {} })));
    let container = engine.inspect(&server.running_container("foo")).unwrap();
    let volume = container["Mounts"][0]["Name"].as_str().unwrap();
    server.await_no_containers(engine);

    assert!(!engine.docker(["volume", "ls", "--quiet"]).contains(volume));
    assert_eq!(server.ended_run("foo")["State"], "succeeded");
}

#[test]
fn output_is_followed_while_the_container_runs_and_is_complete() {
    let Some(engine) = Engine::shared_podman() else { return };
    let server = Server::start(engine);
    let script = "echo begin; sleep 1; seq 1 50000; echo end";

    server.push(&script_once("foo", wall_clock::soon(), script));
    server.running_container("foo");
    let followed = server.docket(["logs", "foo", "--follow"]).ok();
    let run = server.ended_run("foo");

    let output = String::from_utf8(server.output("foo", &run)).unwrap();
    assert!(followed == output, "{} {}", followed.len(), output.len());
    let lines: Vec<_> = output.lines().collect();
    assert_eq!((lines[0], lines[50_000], lines.len()), ("begin", "50000", 50_002));
}

#[test]
fn a_cancelled_run_has_its_grace_and_keeps_exit_code_and_output() {
    let Some(engine) = Engine::shared_podman() else { return };
    let server = Server::start(engine);
    let script = "trap 'echo asked; sleep 2; exit 7' TERM; echo up; while :; do sleep 0.05; done";

    server.push(&script_once("foo", wall_clock::soon(), script));
    server.running_container("foo");
    server.docket(["cancel", "foo"]).ok();
    let run = server.ended_run("foo");

    assert_eq!((&run["State"], &run["Attempts"][0]["ExitCode"]), (&json!("cancelled"), &json!(7)));
    assert_eq!(server.output("foo", &run), b"up\nasked\n");
}

#[test]
fn a_run_that_takes_too_long_is_killed_after_its_grace() {
    let Some(engine) = Engine::shared_podman() else { return };
    let server = Server::start(engine);
    let script = "trap '' TERM; echo up; while :; do sleep 0.05; done";
    let mut foo =
        with_option(script_once("foo", wall_clock::soon(), script), "StopTimeout", json!(1));
    foo["Timeout"] = json!("1s");

    server.push(&foo);
    let run = server.ended_run("foo");

    assert_eq!(
        (&run["State"], &run["Attempts"][0]["ExitCode"]),
        (&json!("timed-out"), &json!(137))
    );
    assert_eq!(server.output("foo", &run), b"up\n");
}

#[test]
fn what_podman_cannot_start_fails_the_run_in_its_words() {
    let Some(engine) = Engine::shared_podman() else { return };
    let server = Server::start(engine);
    let at = wall_clock::soon();
    let mut unknown = once("unknown", at, &["true"]);
    unknown["Container"]["Config"]["Image"] = json!("example/missing:7");

    server.push(&once("missing", at, &["no-such-command"]));
    server.push(&once("forbidden", at, &["/etc/passwd"]));
    server.push(&unknown);

    let said = |run: &Value| run["Reason"].as_str().unwrap().to_owned();
    let missing = server.ended_run("missing");
    assert!(said(&missing).contains("no-such-command"), "{missing}");
    let forbidden = server.ended_run("forbidden");
    assert!(said(&forbidden).contains("permission denied"), "{forbidden}");
    let unknown = server.ended_run("unknown");
    assert!(said(&unknown).contains("example/missing:7"), "{unknown}");
    for run in [missing, forbidden, unknown] {
        assert_eq!(run["State"], "failed", "{run}");
    }
}

#[test]
fn a_name_held_by_another_program_s_container_fails_the_run_and_is_never_touched() {
    let Some(engine) = Engine::shared_podman() else { return };
    let server = Server::start(engine);
    let at = wall_clock::ahead(4);
    let name = format!("{}.foo.{}", server.namespace(), wall_clock::run_at(at));
    let foreign = engine.docker(["create", "--name", &name, "busybox", "echo", "mine"]);

    server.push(&once("foo", at, &["true"]));
    let run = server.ended_run("foo");

    assert_eq!(
        (&run["State"], &run["ReasonCode"]),
        (&json!("failed"), &json!("name-held")),
        "{run}"
    );
    let container = engine.inspect(&foreign).unwrap();
    assert_eq!(container["State"]["Status"], "created");
}

/// Podman 4.3 never says that a container was out of memory; later versions do.
#[test]
fn a_lack_of_memory_is_recorded_as_podman_reports_it() {
    let Some(engine) = Engine::shared_podman() else { return };
    let server = Server::start(engine);
    let greedy = script_once("foo", wall_clock::soon(), "x=x; while :; do x=$x$x; done");
    let greedy = with_host_option(greedy, "MemorySwap", json!(16 << 20));

    server.push(&with_host_option(greedy, "Memory", json!(16 << 20)));
    let run = server.ended_run("foo");

    let attempt = &run["Attempts"][0];
    assert_eq!((&run["State"], &attempt["ExitCode"]), (&json!("failed"), &json!(137)), "{run}");
    let container = engine.inspect(attempt["Container"].as_str().unwrap()).unwrap();
    let reported = container["State"]["OOMKilled"].as_bool().unwrap();
    assert_eq!(attempt["OutOfMemory"].as_bool().unwrap_or_default(), reported, "{run}");
}

#[test]
fn a_run_outlives_a_restart_of_the_service() {
    let Some(engine) = Engine::start_podman() else { return };
    let server = Server::start(&engine);
    let script = "echo so far; while ! [ -e /end ]; do sleep 0.05; done; echo end; exit 4";
    for fall in [Engine::stop, Engine::crash] {
        let foo = script_once("foo", wall_clock::soon(), script);
        server.push(&foo);
        let id = server.running_container("foo");

        fall(&engine);
        engine.start_again();
        // Detached: it may be killed with the container that it ends.
        engine.docker(["exec", "--detach", &id, "touch", "/end"]);
        let run = server.ended_run("foo");

        assert_eq!((&run["State"], &run["Attempts"][0]["ExitCode"]), (&json!("failed"), &json!(4)));
        assert_eq!(server.output("foo", &run), b"so far\nend\n");
    }
}

#[test]
fn killed_at_every_step_each_instant_has_one_container_started_and_one_record() {
    let Some(engine) = Engine::start_podman() else { return };
    let mut crash_test = CrashTest::begin(&engine);

    for point in POINTS {
        crash_test.kill_at(point, 1, Interference::None);
    }

    let report = crash_test.finish();
    assert!(report.starts > 0 && report.failures.is_empty(), "{report}");
}

#[test]
fn with_the_service_killed_too_no_instant_starts_twice_or_goes_without_a_record() {
    let Some(engine) = Engine::start_podman() else { return };
    let mut crash_test = CrashTest::begin_one_by_one(&engine);

    for point in ["Created", "IdNoted", "Started"] {
        crash_test.kill_at(point, 1, Interference::EngineKilled);
    }
    crash_test.interfere_with_live_server(Interference::Removal);

    let report = crash_test.finish();
    assert!(report.starts > 0 && report.failures.is_empty(), "{report}");
}
