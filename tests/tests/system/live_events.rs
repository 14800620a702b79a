//! Live events: none is lost or repeated, and readers delay no run.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use docket_stub_engine::{Options, Program};
use docket_tests::{
    Home, Server, StubEngine,
    allocation::{idle, once},
    docket_cli::{bounded, signal},
    eventually,
    raw_http_client::Request,
    sse_reader::{EventReader, Received},
    wall_clock,
};
use serde_json::{Value, json};

/// How soon a server ends that has nothing to do: well below the time it leaves to open answers.
const AT_ONCE: Duration = Duration::from_secs(4);

fn stub() -> StubEngine {
    StubEngine::start(Options::default())
}

/// A server that is ready, with an allocation that only runs manually.
fn server(home: &Home) -> Server {
    let server = home.server();
    server.await_ready();
    server.push(&idle("foo"));
    server
}

/// Has `foo` run to its end.
fn run(server: &Server) {
    server.run_manually("foo");
    server.ended_run("foo");
}

fn is_end_of(event: &Received, run: &Value) -> bool {
    event.text("Run") == run["Run"].as_str() && event.text("State") == Some("succeeded")
}

#[test]
fn a_reader_that_comes_back_has_lost_nothing_and_has_nothing_twice() {
    let stub = stub();
    let home = Home::durable(&stub.docker_host());
    let server = server(&home);
    let mut reader = EventReader::open(&server, "/-/events");

    run(&server);
    let first = server.runs("foo").remove(0);
    let mut events = reader.up_to(|event| is_end_of(event, &first));
    let last_id = reader.last_id().to_owned();
    drop(reader);
    for _ in 0..5 {
        run(&server);
    }
    let last = server.runs("foo").remove(0);
    let mut reader = EventReader::open_after(&server, "/-/events", &last_id);
    events.extend(reader.up_to(|event| is_end_of(event, &last)));

    let numbers: Vec<_> = events.iter().map(Received::number).collect();
    let ended = events.iter().filter(|event| event.text("State") == Some("succeeded"));
    let ended: BTreeSet<_> = ended.filter_map(|event| event.text("Run")).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{numbers:?}");
    assert_eq!(ended.len(), 6);
}

#[test]
fn what_an_event_tells_of_a_run_is_what_the_run_is() {
    let stub = stub();
    let home = Home::in_memory(&stub.docker_host());
    let server = server(&home);
    let mut reader = EventReader::open(&server, "/-/events?kind=run&allocation=foo");

    run(&server);
    let record = server.runs("foo").remove(0);
    let events = reader.up_to(|event| is_end_of(event, &record));

    let states: Vec<_> = events.iter().filter_map(|event| event.text("State")).collect();
    let reported: Value = serde_json::from_str(&events[events.len() - 1].data).unwrap();
    assert_eq!(states, ["starting", "starting", "running", "succeeded"]);
    assert_eq!(reported, json!({ "At": reported["At"], "Allocation": "foo", "Run": record }));
    let at: DateTime<Utc> = reported["At"].as_str().unwrap().parse().unwrap();
    assert!(
        at >= record["Ended"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap(),
        "{reported}"
    );
}

#[test]
fn a_reader_of_a_durable_store_goes_on_after_a_restart_and_a_crash() {
    let stub = stub();
    for end in [Server::stop as fn(Server), Server::crash] {
        let home = Home::durable(&stub.docker_host());
        let first = server(&home);
        let mut reader = EventReader::open(&first, "/-/events");
        first.push(&idle("bar"));
        let before = reader.up_to(|event| event.text("Allocation") == Some("bar"));
        let last_id = reader.last_id().to_owned();
        end(first);

        let second = server(&home);
        let mut reader = EventReader::open_after(&second, "/-/events", &last_id);
        run(&second);
        let record = second.runs("foo").remove(0);
        let after = reader.up_to(|event| is_end_of(event, &record));

        let last = before[before.len() - 1].number();
        assert!(after.iter().all(|event| event.kind != "gap"), "{after:?}");
        let numbers: Vec<_> = after.iter().map(Received::number).collect();
        assert!(
            numbers.iter().copied().eq(last + 1..last + 1 + numbers.len() as u64),
            "{numbers:?}"
        );
    }
}

#[test]
fn a_server_that_forgot_what_happened_says_that_something_is_missing() {
    let stub = stub();
    let home = Home::in_memory(&stub.docker_host());
    let first = server(&home);
    let mut reader = EventReader::open(&first, "/-/events");
    first.push(&idle("bar"));
    reader.up_to(|event| event.text("Allocation") == Some("bar"));
    let last_id = reader.last_id().to_owned();
    first.stop();
    let at_the_end = reader.rest();

    let second = server(&home);
    let mut reader = EventReader::open_after(&second, "/-/events", &last_id);
    let gap = reader.next().unwrap();
    run(&second);
    let next = reader.next().unwrap();

    assert!(at_the_end.iter().all(|event| event.kind != "gap"), "{at_the_end:?}");
    assert_eq!(gap.kind, "gap");
    assert!(gap.data.contains("docket was restarted at"), "{gap:?}");
    assert_eq!((next.kind.as_str(), next.number()), ("run", gap.number() + 1));
}

#[test]
fn five_hundred_readers_each_see_all_of_a_hundred_runs() {
    let stub = stub();
    let home = Home::in_memory(&stub.docker_host());
    let server = home.server();
    server.await_ready();
    let readers: Vec<_> =
        (0..500).map(|_| EventReader::open(&server, "/-/events?kind=run")).collect();
    let at = wall_clock::ahead(5);
    let names: Vec<_> = (0..100).map(|number| format!("a{number}")).collect();
    let due: Value = names.iter().map(|name| once(name, at, &["true"])).collect();

    let pushed = server.send(&Request::post(due));
    let readers = readers.into_iter().map(|mut reader| {
        thread::Builder::new().stack_size(1 << 18).spawn(move || {
            let mut states = BTreeMap::<String, Vec<String>>::new();
            while states.values().filter(|states| states.len() == 4).count() < 100 {
                let event = reader.next().expect("the server goes on");
                let name = event.text("Allocation").expect("a run has an allocation");
                let state = event.text("State").expect("a run has a state").to_owned();
                states.entry(name.to_owned()).or_default().push(state);
            }
            states
        })
    });
    let readers: Vec<_> = readers.map(Result::unwrap).collect();
    let seen: Vec<_> = readers.into_iter().map(|reader| reader.join().unwrap()).collect();

    assert_eq!(pushed.status, 200, "{}", pushed.text());
    for states in seen {
        assert_eq!(states.len(), names.len());
        let each = ["starting", "starting", "running", "succeeded"];
        assert!(states.values().all(|states| *states == each), "{states:?}");
    }
}

#[test]
fn a_reader_that_reads_nothing_is_let_go_with_a_word_and_holds_up_no_run() {
    let stub = stub();
    let home = Home::in_memory(&stub.docker_host());
    let server = server(&home);
    let mut sleeper = EventReader::open(&server, "/-/events");
    let mut other = EventReader::open(&server, "/-/events?kind=run");

    for round in 0..40 {
        let described = (0..1000).map(|number| {
            let mut allocation = idle(&format!("{}-{number}", "long-name".repeat(10)));
            allocation["Description"] = json!(format!("round {round}"));
            allocation
        });
        let pushed = server.send(&Request::post(described.collect::<Value>()));
        assert_eq!(pushed.status, 200, "{}", pushed.text());
    }
    run(&server);
    let record = server.runs("foo").remove(0);
    let seen = other.up_to(|event| is_end_of(event, &record) || event.kind == "gap");
    let events = sleeper.rest();

    let (last, before) = events.split_last().unwrap();
    assert_eq!(last.kind, "gap", "{last:?}");
    assert!(last.data.contains("reads too slowly"), "{last:?}");
    assert!(before.iter().all(|event| event.kind == "allocation") && before.len() < 40_000);
    assert!(is_end_of(&seen[seen.len() - 1], &record), "{seen:?}");
}

#[test]
fn a_server_with_open_readers_stops_at_once() {
    let stub = StubEngine::start(Options::of(Program::lasting(Duration::from_secs(3600))));
    let home = Home::in_memory(&stub.docker_host());
    let server = server(&home);
    let run = server.run_manually("foo");
    server.running_container("foo");
    let mut readers: Vec<_> = (0..20).map(|_| EventReader::open(&server, "/-/events")).collect();
    let output = format!("/foo/runs/{}/output?follow=true", run["Run"].as_str().unwrap());
    readers.push(EventReader::open(&server, &output));

    let began = Instant::now();
    server.stop();
    let took = began.elapsed();

    assert!(took < AT_ONCE, "{took:?}");
    for mut reader in readers {
        assert!(reader.rest().iter().all(|event| event.kind != "end"));
    }
}

#[test]
fn an_output_is_followed_as_events_to_the_record_of_its_end() {
    let program =
        Program { output: "sums: 1 €\n".into(), ..Program::lasting(Duration::from_secs(1)) };
    let stub = StubEngine::start(Options::of(program));
    let home = Home::in_memory(&stub.docker_host());
    let server = server(&home);
    let run = server.run_manually("foo");
    let path = format!("/foo/runs/{}/output?follow=true", run["Run"].as_str().unwrap());

    let events = EventReader::open(&server, &path).rest();
    let again = EventReader::open_after(&server, &path, "6").rest();

    let record = server.ended_run("foo");
    let reported = |events: &[Received]| {
        let texts = events.iter().filter(|event| event.kind.is_empty());
        let texts = texts.map(|event| serde_json::from_str::<String>(&event.data).unwrap());
        texts.collect::<String>()
    };
    let end = &events[events.len() - 1];
    assert_eq!((reported(&events).as_str(), reported(&again).as_str()), ("sums: 1 €\n", "1 €\n"));
    assert_eq!((end.kind.as_str(), end.id.as_str()), ("end", "12"));
    assert_eq!(serde_json::from_str::<Value>(&end.data).unwrap(), record);
}

#[test]
fn the_client_follows_through_a_restart_of_the_server() {
    let stub = stub();
    let home = Home::durable(&stub.docker_host());
    let first = server(&home);
    let address = first.url().trim_start_matches("http://").to_owned();
    let (copy, said) = (home.path("copy"), home.path("said"));
    let mut command = bounded();
    command.args(["events", "--kind", "run,server", "--host", &address, "-o", "text"]);
    command.stdout(File::create(&copy).unwrap()).stderr(File::create(&said).unwrap());
    let mut client = command.stdin(Stdio::null()).spawn().unwrap();
    let text_in = |path: &std::path::Path| std::fs::read_to_string(path).unwrap();
    eventually("the first run in what the client prints", || {
        run(&first);
        text_in(&copy).contains("succeeded").then_some(())
    });

    first.stop();
    eventually("the loss", || text_in(&said).contains("reconnecting").then_some(()));
    let store = format!("sqlite:{}", home.path("docket.db").display());
    let second = Server::in_namespace(home.namespace(), &stub.docker_host(), |command| {
        command.args(["--listen", &address, "--store", &store]);
    });
    eventually("the return", || text_in(&said).contains("is back").then_some(()));
    second.await_ready();
    second.run_manually("foo");
    let last = second.ended_run("foo");
    let line = format!("foo  run {} succeeded", last["Run"].as_str().unwrap());
    eventually("the last run in what the client prints", || {
        text_in(&copy).contains(&line).then_some(())
    });
    signal(&client, "TERM");
    client.wait().unwrap();

    let said = text_in(&said);
    assert_eq!(said.matches("reconnecting").count(), 1, "{said}");
    // Nothing happened that the store has not counted.
    assert!(!said.contains("missing"), "{said}");
    assert_eq!(text_in(&copy).matches(&line).count(), 1);
}
