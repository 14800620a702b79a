//! Memory of outputs: bounded however large they are, however many read them, and how slowly.

use std::{
    io::Read,
    net::TcpStream,
    process::{Child, Stdio},
    thread,
    time::Duration,
};

use docket_stub_engine::{Options, Program};
use docket_tests::{
    Home, Server, StubEngine,
    allocation::{idle, of_image},
    docket_cli::bounded,
    peak_memory::{MIB, Peak, unread},
    raw_http_client::Request,
    wait::within,
};
use serde_json::{Value, json};

/// The largest output that can be kept.
const LARGEST: u64 = 64 * MIB;
/// As many readers as an office full of open pages.
const READERS: usize = 24;
/// How long a busy machine may take for gigabytes.
const LONG: Duration = Duration::from_secs(300);

/// An allocation that keeps as much of an output as may be, and only runs manually.
fn largest(name: &str) -> Value {
    let mut allocation = idle(name);
    allocation["Keep"] = json!({ "Output": "64MiB" });
    allocation
}

/// A server with a store of some kind, which has room for a few of the largest outputs.
fn server(home: &Home) -> Server {
    let server = home.server_with(|command| {
        command.args(["--memory", "256MiB"]);
    });
    server.await_ready();
    server
}

/// Each way to read an output, in turn.
fn requests(output: &str) -> impl Iterator<Item = Request> {
    let (plain, followed) = (output.to_owned(), format!("{output}?follow=true"));
    let ways = [
        Request::get(&plain),
        Request::get(&followed),
        Request::get(&followed).header("Accept", "text/event-stream"),
    ];
    ways.into_iter().cycle()
}

fn output_path(run: &Value) -> String {
    format!("/foo/runs/{}/output", run["Run"].as_str().unwrap())
}

fn ended_run(server: &Server) -> Value {
    server.ended_run_within(LONG, "foo")
}

/// Reads an answer to its end without keeping it; how many bytes came.
fn drain(mut answer: TcpStream) -> u64 {
    answer.set_read_timeout(Some(LONG)).unwrap();
    let mut buffer = vec![0; 1 << 20];
    let mut length = 0;
    loop {
        match answer.read(&mut buffer).unwrap() {
            0 => return length,
            read => length += read as u64,
        }
    }
}

/// Has readers that take nothing at first, and all they can get once each has its fill.
fn read_by_many(server: &Server, output: &str) {
    let stalled: Vec<_> =
        requests(output).take(READERS).map(|request| unread(server, &request)).collect();
    // Another reader gets all of it meanwhile.
    assert!(drain(unread(server, &Request::get(output))) > LARGEST);
    let readers = stalled.into_iter().map(|answer| thread::spawn(move || drain(answer)));
    for reader in readers.collect::<Vec<_>>() {
        assert!(reader.join().unwrap() > LARGEST);
    }
}

#[test]
fn readers_of_a_kept_output_cost_little_however_many_and_slow_they_are() {
    let program = Program::writing(LARGEST, Duration::ZERO);
    let engine = StubEngine::start(Options::of(program));
    for home in [Home::durable(&engine.docker_host()), Home::in_memory(&engine.docker_host())] {
        let server = server(&home);
        server.push(&largest("foo"));
        server.run_manually("foo");
        let run = ended_run(&server);
        assert_eq!(run["Attempts"][0]["OutputBytes"], LARGEST);
        assert_eq!(run["Attempts"][0]["OutputOmitted"], 0);

        let peak = Peak::from_now(&server);
        read_by_many(&server, &output_path(&run));

        peak.assert_at_most(64 * MIB);
    }
}

#[test]
fn readers_of_a_live_output_cost_little_however_many_and_slow_they_are() {
    let engine = StubEngine::start(Options::of(Program::writing(LARGEST, LONG)));
    let home = Home::durable(&engine.docker_host());
    let server = server(&home);
    // What is kept of it in the end is another matter.
    server.push(&idle("foo"));
    let output = output_path(&server.run_manually("foo"));
    let container = server.running_container("foo");

    let peak = Peak::from_now(&server);
    let stalled: Vec<_> =
        requests(&output).take(READERS).map(|request| unread(&server, &request)).collect();
    // Another reader gets all of it meanwhile.
    assert!(drain(unread(&server, &Request::get(&output))) > LARGEST);
    let readers = stalled.into_iter().map(|answer| thread::spawn(move || drain(answer)));
    let readers: Vec<_> = readers.collect();
    engine.end_by_force(&container);
    for reader in readers {
        assert!(reader.join().unwrap() > LARGEST);
    }

    peak.assert_at_most(64 * MIB);
}

/// Follows the newest run of an allocation; what it prints is to be read.
fn follow(server: &Server) -> Child {
    let mut command = bounded();
    command.args(["logs", "foo", "--follow", "--host", server.url()]);
    command.stdout(Stdio::piped()).spawn().unwrap()
}

/// The next bytes that a follower prints.
fn next(follower: &mut Child, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    follower.stdout.as_mut().unwrap().read_exact(&mut bytes).unwrap();
    bytes
}

#[test]
fn followers_that_come_late_or_read_slowly_get_each_byte_once() {
    let size = 16 * usize::try_from(MIB).unwrap();
    let program = Program::writing(size as u64, LONG);
    let written: Vec<_> = program.output.iter().copied().cycle().take(size).collect();
    let engine = StubEngine::start(Options::of(program));
    let home = Home::durable(&engine.docker_host());
    let server = server(&home);
    server.push(&idle("foo"));
    server.run_manually("foo");
    let container = server.running_container("foo");

    // The slow one reads a little, and the rest once the others are far ahead.
    let mut slow = follow(&server);
    let begun = next(&mut slow, 1000);
    let mut fast = follow(&server);
    let all_of_fast = next(&mut fast, size);
    let mut late = follow(&server);
    let all_of_late = next(&mut late, size);
    let rest_of_slow = next(&mut slow, size - 1000);
    engine.end_by_force(&container);

    assert!([begun, rest_of_slow].concat() == written);
    assert!(all_of_fast == written);
    assert!(all_of_late == written);
    for mut follower in [slow, fast, late] {
        let mut more = Vec::new();
        follower.stdout.take().unwrap().read_to_end(&mut more).unwrap();
        assert!(more.is_empty(), "{} bytes more", more.len());
        assert!(follower.wait().unwrap().success());
    }
}

#[test]
fn one_output_of_the_largest_size_is_kept_in_twice_its_memory() {
    let engine = StubEngine::start(Options::of(Program::writing(LARGEST, Duration::ZERO)));
    let home = Home::durable(&engine.docker_host());
    let server = server(&home);
    server.push(&largest("foo"));

    let peak = Peak::from_now(&server);
    server.run_manually("foo");
    let run = ended_run(&server);

    assert_eq!(run["Attempts"][0]["OutputBytes"], LARGEST);
    peak.assert_at_most(128 * MIB);
}

#[test]
fn twenty_of_the_largest_outputs_that_end_at_once_wait_for_memory_and_are_all_kept() {
    let engine = StubEngine::start(Options::of(Program::writing(LARGEST, Duration::ZERO)));
    let home = Home::durable(&engine.docker_host());
    let server = server(&home);
    let mut allocation = largest("foo");
    allocation["Pull"] = json!("Never");
    server.push(&allocation);

    let peak = Peak::from_now(&server);
    for _ in 0..20 {
        server.run_manually("foo");
    }
    let runs = within(LONG, "the end of twenty runs", || {
        let runs = server.runs("foo");
        (runs.len() == 20 && runs.iter().all(|run| run["Ended"].is_string())).then_some(runs)
    });

    peak.assert_at_most(256 * MIB);
    for run in runs {
        assert_eq!(run["State"], "succeeded");
        assert_eq!(run["Attempts"][0]["OutputOmitted"], 0);
    }
}

#[test]
fn in_memory_a_large_output_takes_no_other_allocations_record() {
    let large = Program::writing(LARGEST, Duration::ZERO);
    let middle = Program::writing(40 * MIB, Duration::ZERO);
    let options = Options::default().image("large", large).image("middle", middle);
    let engine = StubEngine::start(options);
    let server = Home::in_memory(&engine.docker_host()).server();
    server.await_ready();
    let small = ["bar", "baz", "qux"];
    for name in small {
        server.push(&idle(name));
        server.run_manually(name);
        server.ended_run(name);
    }
    let writing = |image| of_image(largest("foo"), image);
    let kept = |name: &str| {
        let run = server.runs(name).remove(0);
        let attempt = &run["Attempts"][0];
        attempt["OutputBytes"].as_u64().unwrap() - attempt["OutputOmitted"].as_u64().unwrap()
    };

    // All of the memory, which cannot be had: others keep even their outputs.
    server.push(&writing("large"));
    server.run_manually("foo");
    let run = ended_run(&server);
    assert_eq!((kept("foo"), kept("bar")), (0, 5));
    let text = format!("\n[docket: {LARGEST} bytes left out here]\n");
    assert_eq!(String::from_utf8(server.output("foo", &run)).unwrap(), text);
    let remark = run["Attempts"][0]["Remarks"][0].as_str().unwrap();
    assert!(remark.contains("the output was removed to make room"), "{remark}");

    // Two of these have no room together: the older ones go, and no record.
    server.push(&writing("middle"));
    for count in [2, 3] {
        server.run_manually("foo");
        within(LONG, "the end of a run", || {
            let runs = server.runs("foo");
            let is_over = |run: &Value| run["Ended"].is_string();
            (runs.len() == count && runs.iter().all(is_over)).then_some(())
        });
        assert_eq!(kept("foo"), 40 * MIB);
    }
    for name in small {
        let run = server.runs(name).remove(0);
        assert_eq!((run["State"].as_str(), kept(name)), (Some("succeeded"), 0), "{run}");
    }
}
