//! Which lines of an output `docket logs` prints, and their times, which are the engine's.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::Stdio,
};

use docket_tests::{
    Engine, Gate, Server,
    allocation::{idle, with_option},
    docket_cli::bounded,
    eventually, wall_clock,
};
use serde_json::{Value, json};

/// An allocation that only runs manually.
fn script(script: &str) -> Value {
    with_option(idle("foo"), "Cmd", json!(["sh", "-c", script]))
}

/// The lines of standard output that Docker has, with its times to the millisecond.
fn lines_of(engine: &Engine, container: &str) -> Vec<String> {
    let log = engine.docker(["logs", "--timestamps", container]);
    let line = |line: &str| {
        let (time, text) = line.split_once(' ').unwrap();
        format!("{}Z {text}", time.get(.."2026-11-21T09:00:00.000".len()).unwrap())
    };
    log.lines().map(line).collect()
}

#[test]
fn logs_print_the_last_lines_of_a_stream_with_the_times_of_the_engine_also_when_the_run_is_over() {
    let (engine, gate) = (Engine::shared(), Gate::closed());
    let server = Server::start(engine);
    server.await_ready();
    let steps = format!(
        "echo one; sleep 1; echo oh >&2; sleep 1; echo two; echo no >&2; {}; echo end",
        Gate::WAIT
    );
    server.push(&gate.before(script(&steps)));
    server.run_manually("foo");
    let container = server.running_container("foo");
    let [one, two] = eventually("the second line in the engine's log", || {
        lines_of(engine, &container).try_into().ok()
    });
    let since = two.split_once(' ').unwrap().0;

    let live = server.docket(["logs", "foo", "--timestamps", "--stdout"]);
    let last = server.docket(["logs", "foo", "--tail", "1", "-t", "--stdout"]);
    let newer = server.docket(["logs", "foo", "--since", since]);
    let errors = server.docket(["logs", "foo", "--stderr", "-n", "1"]);
    let all = server.docket(["logs", "foo", "--since", "1h", "--tail", "all"]);
    let mut following = bounded();
    following.args(["logs", "foo", "--follow", "--tail", "1", "--stdout", "--host", server.url()]);
    let mut following = following.stdout(Stdio::piped()).spawn().unwrap();
    let mut printed = BufReader::new(following.stdout.take().unwrap());
    let mut followed = String::new();
    printed.read_line(&mut followed).unwrap();
    // What it prints next was not there when it began.
    gate.open();
    printed.read_to_string(&mut followed).unwrap();
    assert!(following.wait().unwrap().success());
    let run = server.ended_run("foo");
    let stored = server.docket(["logs", "foo", "--timestamps", "--stdout", "--tail", "2"]);
    let newer_of_stored = server.docket(["logs", "foo", "--since", since]);
    let recent = server.docket(["logs", "foo", "--since", &wall_clock::soon().to_rfc3339()]);

    assert_eq!(run["State"], "succeeded");
    assert_eq!((&*live.out, &*live.err), (&*format!("{one}\n{two}\n"), ""));
    assert_eq!((&*last.out, &*last.err), (&*format!("{two}\n"), ""));
    assert_eq!((&*newer.out, &*newer.err), ("two\n", "no\n"));
    assert_eq!((&*errors.out, &*errors.err), ("", "no\n"));
    assert_eq!((&*all.out, &*all.err), ("one\ntwo\n", "oh\nno\n"));
    assert_eq!(followed, "two\nend\n");
    let (first, end) = stored.out.split_once('\n').unwrap();
    assert_eq!((first, stored.err.as_str()), (&*two, ""));
    assert!(end.ends_with("Z end\n") && end > two.as_str(), "{}", stored.out);
    assert_eq!((&*newer_of_stored.out, &*newer_of_stored.err), ("two\nend\n", "no\n"));
    assert_eq!((&*recent.out, &*recent.err), ("", ""));
}

#[test]
fn the_last_lines_of_a_long_output_are_those_of_the_engine() {
    let (engine, gate) = (Engine::shared(), Gate::closed());
    let server = Server::start(engine);
    server.await_ready();
    // It stays until all is logged: an engine drops what it could not log soon after the end.
    server.push(&gate.before(script(&format!("seq 300000; {}", Gate::WAIT))));
    server.run_manually("foo");
    let container = server.running_container("foo");
    eventually("the last line in the engine's log", || {
        (engine.docker(["logs", "--tail", "1", &container]) == "300000").then_some(())
    });
    gate.open();
    server.ended_run("foo");

    let last = server.docket(["logs", "foo", "--tail", "10000"]).ok();
    let timed = server.docket(["logs", "foo", "--tail", "10000", "--timestamps"]).ok();

    let expected: Vec<_> = (290_001..=300_000).map(|number| number.to_string()).collect();
    assert!(last.lines().eq(expected.iter()), "{}", last.len());
    let texts = timed.lines().map(|line| line.split_once("Z ").unwrap().1);
    assert!(texts.eq(expected.iter()), "{}", timed.len());
    let stamps: Vec<_> = timed.lines().map(|line| line.split_once(' ').unwrap().0).collect();
    assert!(stamps.is_sorted(), "{stamps:?}");
}

#[test]
fn the_output_of_podman_has_no_times_and_says_so() {
    let Some(engine) = Engine::shared_podman() else { return };
    let server = Server::start(engine);
    server.await_ready();
    server.push(&script("echo one; echo two"));
    server.run_manually("foo");
    server.ended_run("foo");

    let timed = server.docket(["logs", "foo", "--timestamps", "--tail", "1"]);
    let since = server.docket(["logs", "foo", "--since", "2100-01-01T00:00:00Z"]);

    let note = "[docket: the times of this output are not known";
    assert_eq!((timed.out, timed.err), ("- two\n".to_owned(), format!("{note}]\n")));
    let all = format!("{note}, so all of it is shown]\n");
    assert_eq!((since.out, since.err), ("one\ntwo\n".to_owned(), all));
}
