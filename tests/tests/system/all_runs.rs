//! The runs of all allocations on the command line, with their filters.

use docket_tests::{Engine, Server, allocation::allocation};
use serde_json::Value;

/// The instant of a backfilled run, long ago on any clock.
const LONG_AGO: &str = "2025-01-01T00:00:00Z";

#[test]
fn the_runs_of_all_allocations_are_listed_by_state_time_label_and_number() {
    let server = Server::start(Engine::shared());
    for (name, script, team) in [("good", "true", "ops"), ("bad", "exit 3", "finance")] {
        let mut yearly = allocation(name, "0 0 1 1 *", &["sh", "-c", script]);
        yearly["Labels"]["team"] = team.into();
        server.push(&yearly);
    }
    server.docket(["run", "bad", "--at", LONG_AGO]).ok();
    server.ended_runs("bad", 1);
    for name in ["good", "bad"] {
        server.run_manually(name);
        server.ended_run(name);
    }

    let all = runs(&server, ["runs", "--all"]);
    let failed = runs(&server, ["runs", "--all", "--state", "failed"]);
    let late = runs(&server, ["runs", "--all", "--since", "1h"]);
    let failed_lately =
        runs(&server, ["runs", "--all", "--since", "1h", "--state", "failed,timed-out"]);
    let labelled = runs(&server, ["runs", "--all", "--label", "team=finance"]);
    let newest = runs(&server, ["runs", "--all", "--limit", "1"]);
    let succeeded = runs(&server, ["runs", "--all", "--state", "succeeded", "--label", "team"]);

    assert_eq!(names(&all), ["bad", "good", "bad"]);
    assert_eq!(names(&failed), ["bad", "bad"]);
    assert_eq!(names(&late), ["bad", "good"]);
    assert_eq!(names(&failed_lately), ["bad"]);
    assert_eq!(labelled, failed);
    assert_eq!(newest, all[..1]);
    assert_eq!(names(&succeeded), ["good"]);
    assert_eq!(all[2]["Instant"], LONG_AGO);
    assert_eq!(all[0]["Attempts"][0]["ExitCode"], 3);
}

/// What `docket runs` prints where its output is no terminal.
fn runs<const N: usize>(server: &Server, words: [&str; N]) -> Vec<Value> {
    serde_json::from_str(&server.docket(words).ok()).unwrap()
}

fn names(runs: &[Value]) -> Vec<&str> {
    runs.iter().map(|run| run["Allocation"].as_str().unwrap()).collect()
}
