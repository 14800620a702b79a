//! The store's file is removed, replaced or damaged while the server has it open: nothing is
//! acknowledged and nothing starts until the file is back, and log, readiness and records say so.

mod content;
mod paths;

use std::{collections::BTreeMap, path::PathBuf};

use chrono::TimeDelta;
use docket_stub_engine::Options;
use docket_tests::{
    Home, Server, StubEngine,
    allocation::{allocation, idle, with_host_option},
    eventually,
    raw_http_client::{Reply, Request},
    wall_clock,
};
use serde_json::{Value, json};

/// What the log says when it begins, and when it is over.
const BEGINS: &str = "store write failed; retrying every 1 s: no run starts, and no request is acknowledged, before its record is written";
const ENDS: &str = "the store can be written again";

/// A server with an allocation that is due each second.
struct TestEnv {
    stub: StubEngine,
    home: Home,
    server: Server,
    /// Names whose push was acknowledged.
    acknowledged: Vec<String>,
}

impl TestEnv {
    fn new() -> Self {
        let stub = StubEngine::start(Options::default());
        let home = Home::durable(&stub.docker_host());
        let server = home.server();
        server.await_ready();
        server.push(&idle("first"));
        // Most pages of the file are not written again: damage to one that the log has anew is harmless.
        let names: Vec<_> = (0..200).map(|number| format!("idle-{number}")).collect();
        let all: Value = names.iter().map(|name| idle(name)).collect();
        assert_eq!(server.send(&Request::post(&all)).status, 200);
        server.stop();
        // From here on all of it is in the file itself, and the log is new.
        let server = home.server();
        server.await_ready();
        let acknowledged = std::iter::once("first".to_owned()).chain(names).collect();
        let mut ground = Self { stub, home, server, acknowledged };
        let mut tick = with_host_option(
            allocation("tick", "* * * * * * *", &["true"]),
            "AutoRemove",
            json!(true),
        );
        tick["Keep"] = json!({ "Runs": 1000 });
        assert_eq!(ground.push(&tick).status, 200);
        ground.await_success();
        ground
    }

    fn file(&self) -> PathBuf {
        self.home.path("docket.db")
    }

    fn log_file(&self) -> PathBuf {
        self.home.path("docket.db-wal")
    }

    fn push(&mut self, allocation: &Value) -> Reply {
        let reply = self.server.send(&Request::post(allocation));
        if reply.status == 200 {
            self.acknowledged.push(allocation["Name"].as_str().unwrap().to_owned());
        }
        reply
    }

    /// Waits until an instant from now on has its run, which succeeded.
    fn await_success(&self) {
        let now = wall_clock::now();
        eventually("a run that succeeds", || {
            let runs = self.server.runs("tick");
            let is_new = |run: &Value| wall_clock::of_run(run["Run"].as_str().unwrap()) > now;
            runs.iter().find(|run| run["State"] == "succeeded" && is_new(run)).map(|_| ())
        });
    }

    /// A push is refused with words that have this in them, and so is readiness.
    fn is_in_trouble(&mut self, words: &str) {
        let refused = eventually("a push that is refused", || {
            let reply = self.push(&idle("refused"));
            (reply.status != 200).then_some(reply)
        });
        assert_eq!(refused.status, 503, "{}", refused.text());
        assert!(refused.text().contains(words), "{}", refused.text());
        let ready = eventually("a server that is not ready", || {
            Some(self.server.get("/-/ready")).filter(|reply| reply.status == 503)
        });
        assert!(ready.text().contains(words), "{}", ready.text());
    }

    /// The file is back: the server goes on by itself, has said so once, and all is on record.
    fn is_well_again(&mut self) {
        self.server.await_ready();
        self.await_success();
        let later = self.push(&idle("later"));
        assert_eq!(later.status, 200, "{}", later.text());
        self.said(BEGINS, 1);
        self.said(ENDS, 1);
        self.records_are_complete();
    }

    fn said(&self, words: &str, times: usize) {
        assert_eq!(self.server.log().matches(words).count(), times, "{words}");
    }

    /// Each instant has one record and one start at most, and each start has its record.
    fn records_are_complete(&self) {
        // Before the records: runs go on starting, and each start that is read now is on record.
        let ledger = self.stub.ledger();
        let mut runs = self.server.runs("tick");
        runs.reverse();
        let mut due = wall_clock::of_run(runs[0]["Run"].as_str().unwrap());
        let mut states = BTreeMap::new();
        for run in &runs {
            let id = run["Run"].as_str().unwrap();
            assert_eq!(wall_clock::of_run(id), due, "{run}");
            let last = run["Last"].as_str().map_or(due, wall_clock::of_run);
            due = last + TimeDelta::seconds(1);
            states.insert(id.to_owned(), run["State"].clone());
            if run["State"] == "missed" {
                assert_eq!(run["ReasonValues"]["Outage"]["Cause"], "StoreUnwritable", "{run}");
            }
        }
        for line in ledger {
            let state = &states[&line.labels["io.docket.instant"]];
            assert!(line.starts <= 1 && state != "missed", "{line:?} {state}");
        }
    }

    /// What was acknowledged is there after a crash.
    fn keeps_what_it_acknowledged(self) {
        let Self { home, server, mut acknowledged, stub } = self;
        server.crash();
        let server = home.server();
        server.await_ready();
        acknowledged.sort();
        acknowledged.dedup();
        let list = server.get("/?logs=false").json();
        let names = list.as_array().unwrap().iter();
        let mut names: Vec<_> = names.map(|it| it["Name"].as_str().unwrap().to_owned()).collect();
        names.sort();
        assert_eq!(names, acknowledged);
        drop(stub);
    }
}
