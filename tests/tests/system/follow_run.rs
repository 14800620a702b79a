//! Following a run from the command line: its output to the byte, and its exit code.

use std::{
    fs::File,
    path::Path,
    process::Child,
    thread::{self, JoinHandle},
    time::Duration,
};

use docket_tests::{
    Engine, Gate, Home, Ran, Registry, Server,
    allocation::{idle, with_host_option, with_option},
    docket_cli::{bounded, run},
    eventually, program,
    raw_http_client::Request,
    wait::within,
};
use serde_json::{Value, json};

/// How long 200,000 lines may take on a busy machine.
const LONG: Duration = Duration::from_secs(120);

/// An allocation that only runs manually.
fn script(script: &str) -> Value {
    with_option(idle("foo"), "Cmd", json!(["sh", "-c", script]))
}

/// Follows the newest run in a process of its own.
fn follow(url: &str) -> JoinHandle<Ran> {
    let url = url.to_owned();
    thread::spawn(move || run(bounded().args(["logs", "foo", "--follow", "--host", &url])))
}

/// Follows the newest run into a file.
fn follow_into(copy: &Path, url: &str) -> Child {
    let mut command = bounded();
    command.args(["logs", "foo", "--follow", "--host", url]).stdout(File::create(copy).unwrap());
    command.spawn().unwrap()
}

/// Follows a run of this allocation from its beginning to its end.
fn followed(allocation: &Value) -> String {
    let server = Server::start(Engine::shared());
    server.await_ready();
    server.push(allocation);
    server.run_manually("foo");
    let ran = follow(server.url()).join().unwrap();
    assert_eq!(ran.code, 0, "after {} bytes: {}", ran.out.len(), ran.err);
    ran.out
}

fn numbers(last: usize) -> String {
    let numbers: Vec<_> = (1..=last).map(|number| number.to_string()).collect();
    numbers.join("\n") + "\n"
}

#[test]
fn a_script_waits_for_a_run_and_goes_on_with_its_output_and_its_exit_code() {
    let server = Server::start(Engine::shared());
    server.await_ready();
    server.push(&script("echo sums; exit 3"));
    let mut exclusive = script("sleep 30");
    exclusive["Name"] = json!("bar");
    exclusive["Overlap"] = json!("Forbid");
    server.push(&with_option(exclusive, "StopTimeout", json!(1)));
    server.run_manually("bar");

    let lines = "set -u
        sums=$(\"$DOCKET\" run foo --wait); echo \"foo: $sums, $?\"
        \"$DOCKET\" run foo --wait --cmd sh -c 'echo $WHO' > manual; echo \"manual: $?\"
        \"$DOCKET\" run foo --wait --env WHO=me --cmd sh -c 'echo $WHO'
        \"$DOCKET\" run bar --wait; echo \"bar: $?\"";
    let directory = tempfile::tempdir().unwrap();
    let mut shell = std::process::Command::new("timeout");
    shell.args(["60", "sh", "-c", lines]).current_dir(directory.path());
    shell.env("DOCKET", program()).env("DOCKET_SERVER", server.url());
    let ran = run(&mut shell);

    assert_eq!(ran.out, "foo: sums, 3\nmanual: 0\nme\nbar: 125\n", "{}", ran.err);
    assert!(ran.err.contains("is still under way (`Overlap: Forbid`)"), "{}", ran.err);
}

#[test]
fn of_200_000_lines_none_is_lost_or_doubled() {
    let server = Server::start(Engine::shared());
    let (gate, directory) = (Gate::closed(), tempfile::tempdir().unwrap());
    let copy = directory.path().join("copy");
    server.await_ready();
    // It stays until all is logged: an engine drops what it could not log soon after the end.
    server.push(&gate.before(script(&format!("seq 200000; {}", Gate::WAIT))));
    server.run_manually("foo");

    let mut follower = follow_into(&copy, server.url());
    within(LONG, "the last line", || {
        std::fs::read(&copy).unwrap().ends_with(b"\n200000\n").then_some(())
    });
    gate.open();
    let ended = follower.wait().unwrap();

    assert!(std::fs::read_to_string(&copy).unwrap() == numbers(200_000));
    assert!(ended.success(), "{ended}");
}

#[test]
fn a_silent_container_and_a_line_of_a_mebibyte_are_followed_to_their_end() {
    let long = "echo begin; sleep 5; head -c 1048576 /dev/zero | tr '\\0' x; echo; echo end";

    let written = followed(&script(long));

    assert!(written == format!("begin\n{}\nend\n", "x".repeat(1 << 20)));
}

#[test]
fn an_attempt_that_was_removed_from_outside_hides_nothing_of_the_next_one() {
    let engine = Engine::shared();
    let server = Server::start(engine);
    let (gate, directory) = (Gate::closed(), tempfile::tempdir().unwrap());
    let copy = directory.path().join("copy");
    let mut foo = script(&format!("echo attempt $DOCKET_ATTEMPT begins; {}", Gate::WAIT));
    foo["Retries"] = json!({ "Limit": 1, "Delay": "1s" });
    server.await_ready();
    server.push(&gate.before(foo));
    server.run_manually("foo");
    let mut follower = follow_into(&copy, server.url());
    let written = |text: &str| {
        eventually(text, || std::fs::read_to_string(&copy).ok().filter(|copy| copy.ends_with(text)))
    };

    written("attempt 1 begins\n");
    engine.docker(["rm", "--force", &server.running_container("foo")]);
    let both = written("attempt 2 begins\n");
    gate.open();
    let ended = follower.wait().unwrap();

    assert_eq!(both, "attempt 1 begins\nattempt 2 begins\n");
    assert_eq!(std::fs::read_to_string(&copy).unwrap(), both);
    assert!(ended.success(), "{ended}");
}

#[test]
fn run_wait_keeps_the_streams_apart_also_of_a_finished_run_and_prints_what_it_waits_for() {
    let server = Server::start(Engine::shared());
    server.await_ready();
    server.push(&script("echo out; sleep 1; echo oh >&2; sleep 1; echo end"));

    let ran = server.docket(["run", "foo", "--wait"]);
    let run = server.ended_run("foo");

    assert_eq!((ran.code, ran.out.as_str()), (0, "out\nend\n"), "{}", ran.err);
    assert!(ran.err.contains(": starting"), "{}", ran.err);
    assert!(ran.err.contains(": running\n") && ran.err.contains("\noh\n"), "{}", ran.err);
    // The stored output has its streams too.
    let path = format!("/foo/runs/{}/output?follow=true", run["Run"].as_str().unwrap());
    let kind = "application/vnd.docket.output-frames";
    let mut frames = server.send(&Request::get(&path).header("Accept", kind)).body;
    let mut kept = Vec::new();
    while let Some((header, rest)) = frames.split_first_chunk::<13>() {
        let [stream, .., length] = *header;
        let (bytes, rest) = rest.split_at(length.into());
        kept.push((stream, String::from_utf8(bytes.to_vec()).unwrap()));
        frames = rest.to_vec();
    }
    let logs = server.docket(["logs", "foo"]);
    assert_eq!((logs.out.as_str(), logs.err.as_str()), ("out\nend\n", "oh\n"));
    let (output, error) = (1, 2);
    let expected = [(output, "out\n"), (error, "oh\n"), (output, "end\n")];
    assert_eq!(kept, expected.map(|(stream, text)| (stream, text.to_owned())));
}

#[test]
fn a_container_without_a_stored_log_is_followed_to_its_end() {
    let server = Server::start(Engine::shared());
    let silent =
        with_host_option(script("sleep 2; exit 7"), "LogConfig", json!({ "Type": "none" }));
    server.await_ready();
    server.push(&silent);

    let ran = run(bounded().args(["run", "foo", "--wait", "--host", server.url()]));

    assert_eq!((ran.code, ran.out.as_str()), (7, ""));
    assert!(!ran.err.contains("lost the connection"), "{}", ran.err);
}

#[test]
fn what_goes_to_a_terminal_is_followed_as_it_is() {
    let written = followed(&with_option(script("seq 3"), "Tty", json!(true)));

    assert_eq!(written, "1\r\n2\r\n3\r\n");
}

#[test]
fn a_restart_of_server_and_engine_in_the_middle_is_not_to_be_seen() {
    let engine = Engine::start_with(Registry::shared(), &["--live-restore".to_owned()]);
    let home = Home::durable(engine.address());
    let server = home.server();
    let url = server.url().to_owned();
    let gate = Gate::closed();
    let count = "n=0; until [ -e /gate/open ]; do n=$((n+1)); echo $n; sleep 0.02; done
        echo $n > /gate/last";
    server.await_ready();
    server.push(&gate.before(script(count)));
    server.run_manually("foo");
    server.running_container("foo");
    let copy = home.path("copy");
    let mut follower = follow_into(&copy, &url);
    eventually("the first numbers", || std::fs::read(&copy).ok().filter(|it| !it.is_empty()));

    engine.crash();
    server.crash();
    engine.start_again();
    let address = url.trim_start_matches("http://");
    let store = format!("sqlite:{}", home.path("docket.db").display());
    let server = Server::in_namespace(home.namespace(), engine.address(), |command| {
        command.args(["--listen", address, "--store", &store]);
    });
    server.await_ready();
    gate.open();
    let ended = follower.wait().unwrap();

    let last = gate.read("last").trim().parse().unwrap();
    assert_eq!(std::fs::read_to_string(&copy).unwrap(), numbers(last));
    assert!(ended.success(), "{ended}");
}

/// Much output at once, with a log that is rotated long before its end.
fn rotated() -> Value {
    let script = "awk 'BEGIN { for (i = 0; i < 80000; i++) print \"line\", i, \"padding padding padding\" }'; \
                  echo THE-END";
    let mut allocation = self::script(script);
    allocation["Keep"] = json!({"Output": "64MiB"});
    let options = json!({"Type": "json-file", "Config": {"max-size": "1m", "max-file": "2"}});
    with_host_option(allocation, "LogConfig", options)
}

/// The numbers of the lines, and what docket says in between.
fn numbers_and_notes(output: &str) -> (Vec<u32>, Vec<&str>) {
    let numbers = output
        .lines()
        .filter_map(|line| line.strip_prefix("line ")?.split(' ').next()?.parse().ok());
    (numbers.collect(), output.lines().filter(|line| line.starts_with("[docket: ")).collect())
}

#[test]
fn a_log_that_the_engine_rotates_is_followed_to_its_true_end_and_says_what_is_missing() {
    let server = Server::start(Engine::shared());
    server.await_ready();
    server.push(&rotated());

    let waited = server.docket(["run", "foo", "--wait"]);
    assert_is_true_to_its_end(&server, &waited);
    server.run_manually("foo");
    let followed = server.docket(["logs", "foo", "--follow"]);
    assert_is_true_to_its_end(&server, &followed);
}

/// Asserts that no line comes twice, the last one comes, and what is missing is reported.
fn assert_is_true_to_its_end(server: &Server, followed: &Ran) {
    let run = server.ended_run("foo");
    assert_eq!(followed.code, 0, "{}", followed.err);
    assert!(followed.out.ends_with("\nTHE-END\n"));
    // `run --wait` says on standard error what is missing of standard output.
    let printed = format!("{}{}", followed.out, followed.err);
    let (numbers, notes) = numbers_and_notes(&printed);
    assert!(numbers.is_sorted_by(|first, second| first < second));
    let span = numbers[numbers.len() - 1] - numbers[0] + 1;
    let is_whole = numbers.len() == usize::try_from(span).unwrap();
    assert_eq!(notes.is_empty(), is_whole, "{} lines, {notes:?}", numbers.len());
    // The engine keeps no more than two of the five megabytes.
    let attempt = &run["Attempts"][0];
    let kept = String::from_utf8(server.output("foo", &run)).unwrap();
    let (kept_numbers, _) = numbers_and_notes(&kept);
    assert!(kept.ends_with("\nTHE-END\n") && kept_numbers.len() < 80_000);
    assert!(attempt["OutputOmitted"].as_u64().unwrap() > 0, "{attempt}");
    let remarks = attempt["Remarks"].to_string();
    assert!(remarks.contains("the beginning of the output is missing"), "{remarks}");
}
