//! `Placement.On` on a Swarm: each part runs on a node of its own, which is counted on the nodes. Without a Swarm
//! each test says so and is skipped.

use std::collections::BTreeSet;

use docket_tests::{
    Server, Swarm, eventually,
    wall_clock::{only_at, soon},
};
use serde_json::{Value, json};

use crate::swarm::{NEVER, REPORT_LIMIT};

/// An allocation with a container on so many nodes that fulfil the constraints.
fn on(
    swarm: &Swarm,
    name: &str,
    count: impl Into<Value>,
    script: &str,
    constraints: &[&str],
) -> Value {
    let mut allocation = swarm.allocation(name, NEVER, script, constraints);
    allocation["Placement"]["On"] = count.into();
    allocation
}

/// The nodes on which the programs of a run noted their starts, one entry for each start.
fn started_on(swarm: &Swarm, name: &str) -> Vec<String> {
    let run = format!("{name}/");
    let starts = swarm.starts().into_iter().filter(|[id, ..]| id.starts_with(&run));
    let mut nodes: Vec<_> = starts.map(|[_, _, node]| node).collect();
    nodes.sort();
    nodes
}

/// The nodes on the record of a run, sorted.
fn nodes(run: &Value) -> Vec<String> {
    let parts = run["Parts"].as_array().unwrap().iter();
    let mut nodes: Vec<_> = parts.map(|part| part["Node"].as_str().unwrap().to_owned()).collect();
    nodes.sort();
    nodes
}

#[test]
fn each_part_runs_once_on_the_node_that_the_record_names() {
    let Some(swarm) = Swarm::exclusive() else { return };
    let server = swarm.server();
    server.await_ready();
    let at = only_at(soon());
    for (name, count, constraints) in [
        ("all", json!("All"), &[][..]),
        ("two", json!(2), &["node.role==manager"]),
        ("workers", json!("All"), &["n=~[45]"]),
    ] {
        let mut allocation = on(&swarm, name, count, "echo $DOCKET_PART", constraints);
        allocation["Cron"] = at.clone().into();
        server.push(&allocation);
    }

    let runs = ["all", "two", "workers"].map(|name| server.ended_run(name));
    let logs = server.docket(["logs", "workers"]);

    let everywhere: Vec<_> = (1..=5).map(|number| format!("node-{number}")).collect();
    assert_eq!(nodes(&runs[0]), everywhere);
    let managers: BTreeSet<_> = everywhere.iter().take(3).cloned().collect();
    let two: BTreeSet<_> = nodes(&runs[1]).into_iter().collect();
    assert!(two.len() == 2 && two.is_subset(&managers), "{two:?}");
    assert_eq!(nodes(&runs[2]), everywhere[3..]);
    for (name, run) in ["all", "two", "workers"].into_iter().zip(&runs) {
        assert_eq!(run["State"], "succeeded", "{run}");
        assert_eq!(started_on(&swarm, name), nodes(run));
        swarm.assert_started_once(&server, name);
    }
    assert_eq!(logs.out, "part 1, node-4 | 1\npart 2, node-5 | 2\n", "{logs:?}");
}

#[test]
fn a_part_that_failed_is_retried_on_its_node() {
    let Some(swarm) = Swarm::exclusive() else { return };
    let server = swarm.server();
    server.await_ready();
    let script = "[ $DOCKET_PART$DOCKET_ATTEMPT != 21 ] || exit 3";
    let mut foo = on(&swarm, "foo", "All", script, &["n=~[45]"]);
    foo["Retries"] = json!({"Limit": 1, "Delay": "1s"});
    server.push(&foo);

    server.run_manually("foo");
    let run = server.ended_run("foo");

    assert_eq!(run["State"], "succeeded", "{run}");
    assert_eq!(started_on(&swarm, "foo"), ["node-4", "node-5", "node-5"]);
    swarm.assert_started_once(&server, "foo");
}

#[test]
fn nodes_that_take_no_tasks_have_no_part_and_without_any_the_run_is_skipped_or_waits() {
    let Some(swarm) = Swarm::exclusive() else { return };
    let server = swarm.server();
    server.await_ready();
    server.push(&on(&swarm, "foo", "All", "true", &["n=~[45]"]));
    server.push(&on(&swarm, "none", "All", "true", &["n==9"]));
    server.push(&on(&swarm, "two", 2, "true", &["n=~[45]"]));
    swarm.drain(5);

    server.run_manually("foo");
    let one = server.ended_run("foo");
    let skipped = server.docket(["run", "none", "--wait"]);
    let refused = server.docket(["run", "two", "--wait"]);
    let mut due = on(&swarm, "due", 2, "true", &["n=~[45]"]);
    due["Cron"] = only_at(soon()).into();
    server.push(&due);
    let why = eventually("the reason why the instant waits", || {
        let why = server.docket(["why", "due"]).out;
        why.contains("too few nodes for `On: 2`: 1 fits").then_some(why)
    });
    swarm.mend();
    let waited = server.ended_run("due");

    assert_eq!(one["State"], "succeeded", "{one}");
    assert_eq!(one["Attempts"][0]["Node"], "node-4");
    assert!(skipped.err.contains("skipped: no node fits its `Placement`"), "{skipped:?}");
    assert!(refused.err.contains("too few nodes for `On: 2`: 1 fits"), "{refused:?}");
    assert!(why.contains("waits until more nodes fit"), "{why}");
    assert_eq!(nodes(&waited), ["node-4", "node-5"]);
    swarm.assert_started_once(&server, "due");
}

#[test]
fn a_part_whose_node_is_cut_off_fails_alone() {
    let Some(swarm) = Swarm::exclusive() else { return };
    let server = swarm.server();
    server.await_ready();
    let script = "[ $DOCKET_PART = 1 ] || sleep 600";
    server.push(&on(&swarm, "foo", "All", script, &["n=~[45]"]));
    server.run_manually("foo");
    eventually("a part that is over and one that runs", || {
        let run = server.runs("foo").remove(0);
        let states = [&run["Parts"][0]["State"], &run["Parts"][1]["State"]];
        (states == ["succeeded", "running"]).then_some(())
    });

    swarm.cut(5);
    swarm.await_down(5);
    swarm.mend();
    let run = server.ended_run_within(REPORT_LIMIT, "foo");

    assert_eq!(run["State"], "failed", "{run}");
    let reason = run["Reason"].as_str().unwrap();
    assert!(reason.starts_with("1 of 2 parts failed: part 2 on s, node node-5 ("), "{reason}");
    assert_eq!(started_on(&swarm, "foo"), ["node-4", "node-5"]);
}

#[test]
fn parts_go_on_after_the_server_was_killed_and_one_that_ended_meanwhile_has_its_end() {
    let Some(swarm) = Swarm::exclusive() else { return };
    let home = swarm.home();
    let server = home.server();
    server.await_ready();
    let script = "until [ -e /starts/end-$DOCKET_PART ]; do sleep 0.1; done; echo part $DOCKET_PART; \
                  touch /starts/ended-$DOCKET_PART";
    server.push(&on(&swarm, "foo", "All", script, &["n=~[45]"]));
    server.run_manually("foo");
    let states = |server: &Server| {
        let run = server.runs("foo").remove(0);
        [run["Parts"][0]["State"].clone(), run["Parts"][1]["State"].clone()]
    };
    eventually("two parts that run", || (states(&server) == ["running", "running"]).then_some(()));

    server.crash();
    swarm.note("end-1");
    eventually("the end of the first part", || swarm.has_noted("ended-1").then_some(()));
    let server = home.server();
    eventually("the end of the first part on record", || {
        (states(&server) == ["succeeded", "running"]).then_some(())
    });
    swarm.note("end-2");
    let run = server.ended_run("foo");
    let logs = server.docket(["logs", "foo"]);

    assert_eq!(run["State"], "succeeded", "{run}");
    assert_eq!(logs.out, "part 1, node-4 | part 1\npart 2, node-5 | part 2\n", "{logs:?}");
    assert_eq!(started_on(&swarm, "foo"), ["node-4", "node-5"]);
    swarm.assert_started_once(&server, "foo");
}
