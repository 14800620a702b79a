//! A disk without room, also across a restart: what was missed says that the store could not be written.

use std::{fs, process::Command};

use chrono::{DateTime, Utc};
use docket_stub_engine::Options;
use docket_tests::{
    Ran, Server, StubEngine,
    allocation::{allocation, idle, with_host_option},
    docket_cli::{bounded, run},
    eventually,
    small_disk::SmallDisk,
    wall_clock,
};
use serde_json::{Value, json};

/// Room for a store with some hundred records, in bytes.
const ROOM: u64 = 4 << 20;

/// Lets a server have its store on the disk.
fn configure(command: &mut Command, disk: &SmallDisk) {
    let store = format!("sqlite:{}", disk.path().join("docket.db").display());
    command.args(["--listen", "127.0.0.1:0", "--store", &store]);
    disk.let_in(command);
}

fn server(stub: &StubEngine, disk: &SmallDisk) -> Server {
    Server::in_namespace("full", &stub.docker_host(), |command| configure(command, disk))
}

/// A server that is expected to end by itself.
fn refused(stub: &StubEngine, disk: &SmallDisk) -> Ran {
    let mut command = bounded();
    command.arg("server").env("DOCKER_HOST", stub.docker_host());
    configure(&mut command, disk);
    run(&mut command)
}

/// Due each second, without catch-up.
fn tick() -> Value {
    let tick = allocation("tick", "* * * * * * *", &["true"]);
    let mut tick = with_host_option(tick, "AutoRemove", json!(true));
    tick["CatchUp"] = json!("None");
    tick["Keep"] = json!({ "Runs": 1000 });
    tick
}

fn await_success(server: &Server) {
    let now = wall_clock::now();
    eventually("a run that succeeds", || {
        let runs = server.runs("tick");
        let is_new = |run: &Value| wall_clock::of_run(run["Run"].as_str().unwrap()) > now;
        runs.iter().find(|run| run["State"] == "succeeded" && is_new(run)).map(|_| ())
    });
}

/// The first moment and the last at which a server noted beside the store that it could not write it.
fn noted_outage(disk: &SmallDisk) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let text = fs::read_to_string(disk.file("docket.db.lock")).unwrap();
    let outages: Vec<[String; 2]> = serde_json::from_str(text.split_once('\n')?.1).ok()?;
    let [from, to] = outages.first()?;
    Some((wall_clock::parse(from), wall_clock::parse(to)))
}

/// How often the journal has that a server started.
fn starts(server: &Server) -> usize {
    let journal = server.get("/-/journal?limit=1000").json();
    let entries = journal.as_array().unwrap().iter();
    entries.filter(|entry| entry["Event"]["Started"].is_object()).count()
}

/// The pauses of the journal by their causes, the oldest first.
fn pauses(server: &Server) -> Vec<(String, DateTime<Utc>, DateTime<Utc>)> {
    let journal = server.get("/-/journal?limit=1000").json();
    let entries = journal.as_array().unwrap().iter();
    let pauses = entries.map(|entry| &entry["Event"]["Paused"]).filter(|pause| pause.is_object());
    let mut pauses: Vec<_> = pauses
        .map(|pause| {
            let at = |key: &str| wall_clock::parse(pause[key].as_str().unwrap());
            (pause["Cause"].as_str().unwrap().to_owned(), at("From"), at("To"))
        })
        .collect();
    pauses.sort_by_key(|pause| pause.1);
    pauses
}

#[test]
fn a_restart_on_a_full_disk_forgets_neither_that_it_was_full_nor_since_when() {
    let stub = StubEngine::start(Options::default());
    let disk = SmallDisk::new(ROOM);
    let first = server(&stub, &disk);
    first.await_ready();
    first.push(&tick());
    await_success(&first);

    disk.fill();
    eventually("a server that is not ready", || {
        let reply = first.get("/-/ready");
        (reply.status == 503 && reply.text().contains("no space is left")).then_some(())
    });
    // A sign of life comes every 15 s: so far the note reaches.
    let (from, until) = eventually("an outage of some seconds", || {
        noted_outage(&disk).filter(|(from, to)| (*to - *from).num_seconds() >= 5)
    });
    first.crash();
    let second = server(&stub, &disk);
    eventually("a server that is not ready", || {
        (second.get("/-/ready").text().contains("no space is left")).then_some(())
    });
    disk.free();
    second.await_ready();
    await_success(&second);

    let missed: Vec<_> =
        second.runs("tick").into_iter().filter(|run| run["State"] == "missed").collect();
    let outage = &missed.last().unwrap()["ReasonValues"]["Outage"];
    assert_eq!(outage["Cause"], "StoreUnwritable", "{outage}");
    let began: DateTime<Utc> = outage["From"].as_str().unwrap().parse().unwrap();
    assert_eq!(began.timestamp(), from.timestamp(), "{outage}");
    let pauses_of_second = eventually("three pauses in the journal", || {
        Some(pauses(&second)).filter(|pauses| pauses.len() >= 3)
    });
    let causes: Vec<_> = pauses_of_second.iter().map(|pause| pause.0.as_str()).collect();
    assert_eq!(causes, ["StoreUnwritable", "NotRunning", "StoreUnwritable"]);
    assert_eq!(pauses_of_second[0].1, from);
    assert!(pauses_of_second[0].2 >= until);
    assert_eq!(pauses_of_second[1].1, pauses_of_second[0].2);
    assert_eq!(starts(&second), 2);
    eventually("a note that is forgotten", || noted_outage(&disk).is_none().then_some(()));
    second.crash();
    let third = server(&stub, &disk);
    third.await_ready();
    let stays = pauses(&third).into_iter().filter(|pause| pause.0 == "StoreUnwritable").count();
    assert_eq!(stays, 2);
}

#[test]
fn a_server_that_finds_no_room_for_its_files_says_so_and_starts_once_there_is_room() {
    let stub = StubEngine::start(Options::default());
    let disk = SmallDisk::new(ROOM);
    disk.fill();
    let new = refused(&stub, &disk);
    disk.free();
    let first = server(&stub, &disk);
    first.await_ready();
    first.push(&idle("kept"));
    first.stop();
    disk.fill();
    let closed = refused(&stub, &disk);
    disk.free();

    let second = server(&stub, &disk);

    second.await_ready();
    assert_eq!(second.allocation("kept")["Name"], "kept");
    for ran in [new, closed] {
        assert_ne!(ran.code, 0, "{ran:?}");
        assert!(ran.err.contains("no space is left for `"), "{}", ran.err);
        assert!(ran.err.contains("docket.db`: make room on its disk"), "{}", ran.err);
    }
}
