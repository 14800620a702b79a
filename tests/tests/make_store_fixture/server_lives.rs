//! What happens to the servers, one after the other.

use std::{fs, path::PathBuf, thread, time::Duration};

use chrono::TimeDelta;
use docket_stub_engine::Meanwhile;
use docket_tests::{
    Server, StubEngine, api_dump, eventually, raw_http_client::Request, wall_clock,
};
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    servers_clock::Clock,
    workload::{self, FILE, scheduled},
};

/// Servers on one store and one engine.
pub(crate) struct Lives<'a> {
    stub: &'a StubEngine,
    clock: Clock,
    directory: TempDir,
}

impl<'a> Lives<'a> {
    pub(crate) fn new(stub: &'a StubEngine, clock: Clock) -> Self {
        let directory = TempDir::new().unwrap();
        fs::write(directory.path().join("docket.yml"), FILE).unwrap();
        stub.set_faults(workload::faults());
        Self { stub, clock, directory }
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.directory.path().join("docket.db")
    }

    fn server(&self) -> Server {
        let server = Server::in_namespace("fixture", &self.stub.docker_host(), |command| {
            command
                .current_dir(&self.directory)
                .args(["--listen", "127.0.0.1:0", "--time-zone", "UTC"])
                // Relative, so that the path of this machine is not in the file.
                .args(["--file", "docket.yml", "--store", "sqlite:docket.db"]);
            self.clock.apply_to(command);
        });
        server.await_ready();
        server
    }

    /// A day's work that ends, suspensions, an edit and a deletion; the server is stopped in order.
    pub(crate) fn first(&mut self) {
        let server = self.server();
        post(&server, "/", &workload::ending());
        await_runs(&server, "tick", 3, "succeeded");
        await_runs(&server, "temporary", 2, "succeeded");
        suspend_and_resume(&server);
        let wanted = json!({ "By": "ann", "Cmd": ["sums", "october"], "Env": ["MONTH=10"] });
        post(&server, "/report/runs", &wanted);
        for name in ["chatty", "flaky", "slow", "offline", "invalid", "lost", "cancelled"] {
            server.run_manually(name);
        }
        server.running_container("cancelled");
        cancel(&server, "cancelled", json!({ "By": "ann" }));
        let ending = ["report", "chatty", "flaky", "slow", "offline", "invalid", "cancelled"];
        for name in ending.into_iter().chain(["backup", "verify"]) {
            server.ended_run(name);
        }
        await_state(&server, "tick", "missed");
        post(&server, "/", &scheduled("caught-up", "0 4 * * *", json!({ "CatchUp": "Latest" })));
        let deleted = server.send(&Request::new("DELETE", "/temporary"));
        assert_eq!(deleted.status, 200, "{}", deleted.text());
        server.running_container("lost");
        server.stop();
    }

    /// Two hours later: what was missed; then the engine, the clock and the store fail in turn.
    pub(crate) fn second(&mut self) {
        self.clock.advance(TimeDelta::hours(1) + TimeDelta::minutes(30));
        let lost = self.stub.ledger().into_iter().find(|line| line.allocation() == Some("lost"));
        assert!(self.stub.remove_by_force(&lost.unwrap().name));
        let server = self.server();
        for name in ["lost", "caught-up"] {
            server.ended_run(name);
        }
        self.engine_goes_down(&server);
        self.clock_is_set(&server);
        self.store_is_locked(&server);
        server.crash();
    }

    /// Runs that are under way; the server is killed, and this is what it answered until then.
    pub(crate) fn third(&mut self) -> Value {
        let server = self.server();
        post(&server, "/", &workload::under_way());
        for name in ["refused", "queued"] {
            server.run_manually(name);
            server.running_container(name);
            let second = server.send(&Request::post_to(&format!("/{name}/runs"), "{}"));
            assert_eq!(second.status, if name == "refused" { 409 } else { 202 });
        }
        for name in ["stuck", "stopping", "retried", "claimed", "created"] {
            server.run_manually(name);
        }
        for name in ["stuck", "stopping"] {
            server.running_container(name);
            cancel(&server, name, json!({ "By": "ann", "Kill": name == "stuck" }));
        }
        await_state(&server, "stuck", "stuck");
        await_state(&server, "retried", "retrying");
        await_container(&server, "created");
        await_state(&server, "claimed", "starting");
        let answers = api_dump::of(&server);
        server.crash();
        answers
    }

    /// A container dies with the engine.
    fn engine_goes_down(&self, server: &Server) {
        server.run_manually("cancelled");
        server.running_container("cancelled");
        self.stub.vanish(Meanwhile::ContainersDie);
        eventually("an engine that is away", || {
            (server.get("/-/ready").status == 503).then_some(())
        });
        // The shortest time that is put on record is one second.
        thread::sleep(Duration::from_secs(2));
        self.stub.come_back().unwrap();
        await_pause(server, "EngineAway");
        server.ended_run("cancelled");
    }

    /// Forward and back, so that one allocation was decided ahead of the clock and is reset.
    fn clock_is_set(&self, server: &Server) {
        self.clock.advance(TimeDelta::hours(1));
        // A push makes the server look at the clock at once.
        post(server, "/", &scheduled("early", "* * * * * * *", json!({})));
        await_pause(server, "ClockSetForward");
        await_runs(server, "early", 1, "succeeded");
        self.clock.advance(TimeDelta::minutes(-30));
        post(server, "/early/reset", &json!({ "By": "ann" }));
        let daily = json!({ "Description": "No longer due each second" });
        post(server, "/", &scheduled("early", "0 1 * * *", daily));
        // What is decided from now on is behind the clock again.
        self.clock.advance(TimeDelta::minutes(30));
    }

    /// Another program locks the file until the server gives up waiting for it.
    fn store_is_locked(&self, server: &Server) {
        let sql = Connection::open(self.store()).unwrap();
        sql.execute_batch("BEGIN IMMEDIATE").unwrap();
        eventually("a store that cannot be written", || {
            (server.get("/-/ready").status == 503).then_some(())
        });
        sql.execute_batch("ROLLBACK").unwrap();
        drop(sql);
        await_pause(server, "StoreUnwritable");
    }
}

/// A suspension that is over, and one that stays in force.
fn suspend_and_resume(server: &Server) {
    post(server, "/caught-up/suspend", &json!({ "By": "ann", "Reason": "the database moves" }));
    post(server, "/caught-up/resume", &json!({ "By": "bob" }));
    post(server, "/tick/suspend", &json!({ "By": "ann", "Reason": "too loud" }));
}

fn post(server: &Server, path: &str, body: &Value) {
    let reply = server.send(&Request::post_to(path, body));
    assert!(reply.status < 300, "{path}: {}", reply.text());
}

fn cancel(server: &Server, name: &str, body: Value) {
    let run = server.runs(name).remove(0);
    let path = format!("/{name}/runs/{}/cancel", run["Run"].as_str().unwrap());
    post(server, &path, &body);
}

fn await_runs(server: &Server, name: &str, count: usize, state: &str) {
    eventually(&format!("{count} runs of {name} that {state}"), || {
        let runs = server.runs(name);
        (runs.iter().filter(|run| run["State"] == state).count() >= count).then_some(())
    });
}

fn await_state(server: &Server, name: &str, state: &str) {
    await_runs(server, name, 1, state);
}

fn await_container(server: &Server, name: &str) {
    eventually(&format!("a container of {name}"), || {
        server.runs(name)[0]["Attempts"][0]["Container"].is_string().then_some(())
    });
}

fn await_pause(server: &Server, cause: &str) {
    eventually(&format!("the pause {cause} in the journal at {}", wall_clock::now()), || {
        let journal = server.get("/-/journal?limit=1000").json();
        let entries = journal.as_array().unwrap().iter();
        let mut causes = entries.map(|entry| &entry["Event"]["Paused"]["Cause"]);
        causes.any(|noted| noted == cause).then_some(())
    });
}
