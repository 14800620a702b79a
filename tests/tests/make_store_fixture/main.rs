//! Makes a store file with a given program: each state, trigger and journal entry that it knows.
//!
//! `cargo test -p docket-tests --test make_store_fixture -- PROGRAM NAME` writes `tests/fixtures/NAME.db`,
//! and what the program answers about it to `NAME.json`. The program talks to the stub engine. It is
//! killed in the end, so that runs under way stay under way.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "what fails ends it")]

mod server_lives;
mod servers_clock;
mod workload;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use docket_tests::{
    PROGRAM_VARIABLE, StubEngine, repository, settable_clock::FakeClock, wall_clock,
};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::{server_lives::Lives, servers_clock::Clock};

/// When the first server starts, by the clock that this program and the servers see. Fixed, so that
/// the fixture says nothing of the machine and the day on which it was made.
const BEGINNING: &str = "2026-11-02T02:59:40Z";

/// The largest file that is worth keeping in the repository, in bytes.
const LARGEST: u64 = 200_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [program, name] = arguments.as_slice() else {
        panic!("usage: make_store_fixture PROGRAM NAME");
    };
    match Clock::inherited() {
        Some(clock) => {
            make(name, clock);
            ExitCode::SUCCESS
        }
        None => again_with_a_clock(program, name),
    }
}

/// Starts this program once more, with a clock that can be set: the stub engine goes by it too.
fn again_with_a_clock(program: &str, name: &str) -> ExitCode {
    let mut clock = FakeClock::right();
    clock.set_ahead(wall_clock::parse(BEGINNING) - wall_clock::now());
    let mut command = Command::new(env::current_exe().unwrap());
    clock.apply_to(command.args([program, name]).env(PROGRAM_VARIABLE, absolute(program)));
    let status = command.status().unwrap();
    if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn absolute(program: &str) -> PathBuf {
    fs::canonicalize(program).unwrap()
}

fn make(name: &str, clock: Clock) {
    let stub = StubEngine::start(workload::engine());
    let mut lives = Lives::new(&stub, clock);

    lives.first();
    lives.second();
    let mut answers = lives.third();

    answers["Clock"] = json!(wall_clock::now());
    answers["Containers"] = containers(&stub);
    answers["File"] = json!(workload::FILE);
    let fixtures = repository().join("tests/fixtures");
    fs::create_dir_all(&fixtures).unwrap();
    let file = fixtures.join(format!("{name}.db"));
    fs::copy(checkpointed(&lives.store()), &file).unwrap();
    let answers = serde_json::to_string_pretty(&answers).unwrap();
    fs::write(fixtures.join(format!("{name}.json")), answers + "\n").unwrap();
    let size = fs::metadata(&file).unwrap().len();
    assert!(size <= LARGEST, "{size} bytes");
}

/// Moves what is in the log of writes to the file itself.
fn checkpointed(store: &Path) -> &Path {
    let sql = Connection::open(store).unwrap();
    sql.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    sql.close().unwrap();
    store
}

/// The containers that the engine still has, so that a test can give them to another one.
fn containers(stub: &StubEngine) -> Value {
    let lines = stub.ledger().into_iter().filter(|line| line.is_there);
    let container = |line: docket_stub_engine::Line| {
        let newest = line.containers.last().unwrap();
        json!({
            "Id": &*newest.id,
            "Name": &*line.name,
            "Labels": line.labels,
            "Started": !newest.starts.is_empty(),
            "Ended": newest.exit.is_some(),
        })
    };
    Value::Array(lines.map(container).collect())
}
