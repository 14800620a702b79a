//! docket on a Swarm with workers, and what it records when nodes and managers fail. Without a Swarm each
//! test says so and is skipped. Programs note their starts on the nodes themselves.

use std::{fs, time::Duration};

use docket_tests::{
    Server, Swarm,
    allocation::allocation,
    crash_test::{CrashTest, Interference, REPLACEMENT_POINTS},
    eventually,
    wait::within,
    wall_clock::{self, only_at, soon},
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Never due.
pub(crate) const NEVER: &str = "";
/// How long a Swarm may take to report the end of a task after a fault.
pub(crate) const REPORT_LIMIT: Duration = Duration::from_secs(150);

/// Waits until the program of an allocation was started on a node.
fn await_start(swarm: &Swarm, name: &str) {
    let run = format!("{name}/");
    eventually(&format!("a start of {name}"), || {
        swarm.starts().iter().any(|[id, ..]| id.starts_with(&run)).then_some(())
    });
}

/// The end of the only attempt of a run: its state, exit code and reason.
fn end_of(run: &Value) -> (&str, Option<i64>, &str) {
    let attempt = &run["Attempts"][0];
    assert_eq!(run["Attempts"].as_array().unwrap().len(), 1, "{run}");
    let reason = run["Reason"].as_str().unwrap_or_default();
    (run["State"].as_str().unwrap(), attempt["ExitCode"].as_i64(), reason)
}

#[test]
fn runs_land_on_nodes_that_fulfil_the_constraints() {
    let Some(swarm) = Swarm::exclusive() else { return };
    let server = swarm.server();
    let placed: [(&str, &[&str], &[&str]); 4] = [
        ("label", &["n==4"], &["node-4"]),
        ("not", &["node.role==worker", "node.labels.n!=4"], &["node-5"]),
        ("pattern", &["n=~[45]", "node.hostname!~.*5"], &["node-4"]),
        ("role", &["node.role==manager"], &["node-1", "node-2", "node-3"]),
    ];

    let at = only_at(soon());
    for (name, constraints, _) in placed {
        server.push(&swarm.allocation(name, &at, "echo $DOCKET_RUN", constraints));
    }

    for (name, _, nodes) in placed {
        let run = server.ended_run(name);
        assert_eq!(run["State"], "succeeded", "{run}");
        let id = format!("{name}/{}", run["Run"].as_str().unwrap());
        assert_eq!(server.output(name, &run), format!("{id}\n").into_bytes());
        swarm.assert_started_once(&server, name);
        let starts = swarm.starts();
        let [_, _, node] = starts.iter().find(|[run, ..]| *run == id).unwrap();
        assert!(nodes.contains(&node.as_str()), "{name} on {node}");
    }
}

#[test]
fn a_run_waits_with_a_reason_until_a_node_fulfils_its_constraints() {
    let Some(swarm) = Swarm::exclusive() else { return };
    let server = swarm.server();
    let label = format!("docket-{}", server.namespace());
    let constraint = format!("{label}==yes");
    server.push(&swarm.allocation("foo", NEVER, "true", &[&constraint]));

    server.run_manually("foo");
    let reason = eventually("the reason of the wait on the record", || {
        let remarks = server.runs("foo")[0]["Attempts"][0]["Remarks"].to_string();
        remarks.contains("it waited for a node").then_some(remarks)
    });
    swarm.docker(1, &["node", "update", "--label-add", &format!("{label}=yes"), "node-5"]);
    let run = server.ended_run("foo");
    swarm.docker(1, &["node", "update", "--label-rm", &label, "node-5"]);

    assert!(reason.contains("no suitable node (scheduling constraints not satisfied"), "{reason}");
    assert_eq!(run["State"], "succeeded", "{run}");
    swarm.assert_started_once(&server, "foo");
    assert_eq!(swarm.starts()[0][2], "node-5");
}

#[test]
fn what_a_swarm_cannot_do_is_refused_when_it_is_pushed() {
    let Some(swarm) = Swarm::exclusive() else { return };
    let server = swarm.server();
    let foo = swarm.allocation("foo", NEVER, "true", &[]);
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut changed = foo.clone();
        change(&mut changed);
        server.refusal(&changed).to_string()
    };

    let privileged = refused(&|foo| foo["Container"]["HostConfig"]["Privileged"] = true.into());
    let bound = refused(&|foo| foo["Placement"] = json!({}));
    let never = refused(&|foo| foo["Pull"] = "Never".into());
    let unknown = refused(&|foo| foo["Placement"]["Where"] = json!(["node.zone==a"]));

    assert!(privileged.contains("Container.HostConfig.Privileged"), "{privileged}");
    assert!(
        bound.contains("Container.HostConfig.Binds[0]") && bound.contains("Placement.Shared"),
        "{bound}"
    );
    assert!(never.contains("`Pull: Never` is not possible"), "{never}");
    assert!(unknown.contains("a Swarm's nodes have no `node.zone`"), "{unknown}");
    assert_eq!(server.get("/").json(), json!([]));
}

#[test]
fn a_run_that_is_cancelled_or_times_out_keeps_its_exit_code_and_its_output() {
    let Some(swarm) = Swarm::exclusive() else { return };
    let server = swarm.server();
    let script = "trap 'echo asked; exit 7' TERM; echo begin; while :; do sleep 0.1; done";
    let mut timed = swarm.allocation("timed", NEVER, script, &[]);
    timed["Timeout"] = "3s".into();
    for allocation in [swarm.allocation("cancelled", NEVER, script, &[]), timed] {
        server.push(&allocation);
        server.run_manually(allocation["Name"].as_str().unwrap());
    }

    eventually("the output before the cancellation", || {
        server.docket(["logs", "cancelled"]).out.contains("begin").then_some(())
    });
    server.docket(["cancel", "cancelled"]).ok();

    for (name, state) in [("cancelled", "cancelled"), ("timed", "timed-out")] {
        let run = server.ended_run(name);
        let (ended, code, _) = end_of(&run);
        assert_eq!((ended, code), (state, Some(7)), "{run}");
        assert_eq!(server.output(name, &run), b"begin\nasked\n", "{name}");
        swarm.assert_started_once(&server, name);
    }
}

#[test]
fn a_worker_that_is_cut_off_and_comes_back_reports_what_ended_and_stops_what_runs() {
    let Some(swarm) = Swarm::exclusive() else { return };
    let (server, worker) = (swarm.server(), 4);
    server.push(&swarm.allocation(
        "ends",
        NEVER,
        "echo begin; sleep 10; echo end; exit 3",
        &["n==4"],
    ));
    server.push(&swarm.allocation("runs", NEVER, "echo begin; sleep 600", &["n==4"]));
    server.run_manually("ends");
    server.run_manually("runs");
    await_start(&swarm, "ends");
    await_start(&swarm, "runs");

    swarm.cut(worker);
    swarm.await_down(worker);
    let engine = &server.get("/-/engines").json()[0];
    assert_eq!(engine["State"], "up", "{engine}");
    std::thread::sleep(Duration::from_secs(10));
    swarm.mend();

    let ended = server.ended_run_within(REPORT_LIMIT, "ends");
    assert_eq!(end_of(&ended), ("failed", Some(3), "exit code 3"));
    let remarks = ended["Attempts"][0]["Remarks"].to_string();
    // A Swarm can lose the connection for logs to a node that comes back, until the node's next session.
    let is_lost = remarks.contains("no connection for logs to its node `node-4`, which is ready");
    let output = server.get(&format!("/ends/runs/{}/output", ended["Run"].as_str().unwrap())).body;
    assert!(output == b"begin\nend\n" || is_lost, "{output:?} {remarks}");
    assert!(remarks.contains("its node `node-4` was out of reach from 20"), "{remarks}");
    let stopped = server.ended_run_within(REPORT_LIMIT, "runs");
    let reason = "Swarm stopped it, because its node was drained or was out of reach";
    let (state, code, words) = end_of(&stopped);
    assert_eq!((state, code), ("failed", Some(137)));
    assert!(words.contains(reason), "{words}");
    swarm.assert_started_once(&server, "ends");
    swarm.assert_started_once(&server, "runs");
}

#[test]
fn a_run_on_a_node_that_is_drained_fails_with_that_reason_and_is_tried_again_elsewhere() {
    let Some(swarm) = Swarm::exclusive() else { return };
    let server = swarm.server();
    // The second attempt, on the other worker, succeeds.
    let script = r#"[ "$DOCKET_ATTEMPT" = 2 ] || exec sleep 600"#;
    let mut foo = swarm.allocation("foo", NEVER, script, &["node.role==worker"]);
    foo["Retries"] = json!({"Limit": 1, "Delay": "1s"});
    foo["Container"]["Config"]["StopTimeout"] = 1.into();
    server.push(&foo);
    server.run_manually("foo");
    await_start(&swarm, "foo");
    let first = swarm.starts()[0][2].clone();

    swarm.drain(first.strip_prefix("node-").unwrap().parse().unwrap());
    let run = server.ended_run_within(REPORT_LIMIT, "foo");
    swarm.mend();

    assert_eq!(run["State"], "succeeded", "{run}");
    let reason = "Swarm stopped it, because its node was drained or was out of reach";
    assert!(server.log().contains(&format!("reason=\"{reason}")), "{run}");
    swarm.assert_started_once(&server, "foo");
    assert_ne!(swarm.starts()[1][2], first);
}

#[test]
fn a_run_whose_nodes_engine_is_killed_fails_once_and_says_so() {
    let Some(swarm) = Swarm::exclusive() else { return };
    let (server, worker) = (swarm.server(), 5);
    server.push(&swarm.allocation("foo", NEVER, "sleep 600", &["n==5"]));
    server.run_manually("foo");
    await_start(&swarm, "foo");

    swarm.kill(worker);
    swarm.await_down(worker);
    swarm.mend();
    let run = server.ended_run_within(REPORT_LIMIT, "foo");

    let (state, code, reason) = end_of(&run);
    assert_eq!((state, code), ("failed", Some(255)), "{run}");
    assert!(reason.contains("it ended as one does whose node's engine went down"), "{reason}");
    swarm.assert_started_once(&server, "foo");
}

/// Runs an allocation every two seconds on the workers during a fault of the managers; asserts that each
/// instant has one record, and each start its own.
fn every_two_seconds(swarm: &Swarm, fault: impl FnOnce(&Server)) {
    let server = swarm.server();
    let script = "echo $DOCKET_RUN";
    let mut often = swarm.allocation("foo", "*/2 * * * * * *", script, &["node.role==worker"]);
    often["CatchUp"] = "All".into();
    often["StartingDeadline"] = "1h".into();
    server.push(&often);
    server.push(&swarm.allocation("long", NEVER, "sleep 45; echo done", &["n==4"]));
    server.run_manually("long");
    await_start(swarm, "long");
    await_start(swarm, "foo");

    fault(&server);
    let after = server.runs("foo").len();
    within(REPORT_LIMIT, "runs after the fault", || {
        (server.runs("foo").len() > after + 5).then_some(())
    });
    server.docket(["suspend", "foo"]).ok();
    let runs = server.all_ended_within(REPORT_LIMIT, "foo");
    let long = server.ended_run_within(REPORT_LIMIT, "long");

    assert!(has_true_end(&long), "{long}");
    if long["State"] == "succeeded" {
        assert_eq!(server.output("long", &long), b"done\n");
    }
    swarm.assert_started_once(&server, "long");
    swarm.assert_started_once(&server, "foo");
    let mut instants: Vec<_> =
        runs.iter().map(|run| wall_clock::of_run(run["Run"].as_str().unwrap())).collect();
    instants.reverse();
    assert!(instants.windows(2).all(|pair| (pair[1] - pair[0]).num_seconds() == 2), "{instants:?}");
    assert!(runs.iter().all(has_true_end), "{runs:?}");
    // The newest ones began after the fault.
    assert!(runs.iter().take(5).any(|run| run["State"] == "succeeded"), "{runs:?}");
}

/// True of a run that succeeded, or that the Swarm ended: it does so on a node that has no connection to the
/// managers for three heartbeats, as after the one that it was connected to was cut off.
fn has_true_end(run: &Value) -> bool {
    let (state, _, reason) = end_of(run);
    let by_swarm = "its node was drained or was out of reach";
    state == "succeeded" || (state == "failed" && reason.contains(by_swarm))
}

#[test]
fn no_instant_is_lost_or_doubled_while_the_leader_is_killed() {
    let Some(swarm) = Swarm::exclusive() else { return };
    every_two_seconds(&swarm, |_| {
        let leader = swarm.leader();
        swarm.kill(leader);
        swarm.leader_after(leader);
        swarm.mend();
    });
}

#[test]
fn no_instant_is_lost_or_doubled_while_leadership_is_lost_and_won_back() {
    let Some(swarm) = Swarm::exclusive() else { return };
    every_two_seconds(&swarm, |_| {
        let mut led = Vec::new();
        // Of three managers one leads again after three changes at the latest.
        loop {
            let leader = swarm.leader();
            if leads_again(&mut led, leader) {
                return;
            }
            swarm.cut(leader);
            let next = swarm.leader_after(leader);
            swarm.mend();
            if leads_again(&mut led, next) {
                return;
            }
        }
    });
}

/// Notes who leads; true where that manager has led before, and another one since.
fn leads_again(led: &mut Vec<usize>, leader: usize) -> bool {
    let has_changed = led.last() != Some(&leader);
    let leads_again = has_changed && led.contains(&leader);
    if has_changed {
        led.push(leader);
    }
    leads_again
}

#[test]
fn runs_wait_while_the_managers_have_no_quorum_and_docket_says_so() {
    let Some(swarm) = Swarm::exclusive() else { return };
    every_two_seconds(&swarm, |server| {
        swarm.cut(2);
        swarm.cut(3);
        let away = within(REPORT_LIMIT, "an engine that is away", || {
            let engine = server.get("/-/engines").json()[0].take();
            (engine["State"] == "away").then_some(engine)
        });
        assert!(
            away.to_string().contains("leader") || away.to_string().contains("deadline"),
            "{away}"
        );
        assert_eq!(server.get("/-/ready").status, 503);
        let why = server.docket(["why", "foo"]).out;
        assert!(why.contains("the engine `s`"), "{why}");
        swarm.mend();
        server.await_ready();
    });
}

#[test]
fn an_image_of_a_registry_that_wants_a_login_is_pulled_by_the_node() {
    let Some(swarm) = Swarm::exclusive() else { return };
    let registry = swarm.registry();
    registry.offer(&swarm.engine(1), "busybox:latest", "private/busybox:1");
    let configuration = TempDir::new().unwrap();
    fs::write(configuration.path().join("config.json"), registry.docker_configuration()).unwrap();
    let with_login = swarm.server_with(|command| {
        command.env("DOCKER_CONFIG", configuration.path());
    });
    let without = swarm.server();
    let mut foo = swarm.allocation("foo", &only_at(soon()), "echo pulled", &["n==5"]);
    foo["Container"]["Config"]["Image"] = registry.image("private/busybox:1").into();

    without.push(&foo);
    let refused = without.ended_run("foo");
    foo["Cron"] = only_at(soon()).into();
    with_login.push(&foo);
    let run = with_login.ended_run("foo");

    assert_eq!(refused["State"], "failed", "{refused}");
    assert!(refused["Reason"].as_str().unwrap().contains("not found"), "{refused}");
    assert_eq!(run["State"], "succeeded", "{run}");
    assert_eq!(with_login.output("foo", &run), b"pulled\n");
    swarm.assert_started_once(&with_login, "foo");
    let image = registry.image("private/busybox:1");
    swarm.docker(5, &["image", "rm", "--force", &image]);
}

#[test]
fn a_manager_that_is_an_engine_of_its_own_leaves_the_tasks_of_the_swarm_alone() {
    let Some(swarm) = Swarm::exclusive() else { return };
    let home = swarm.home().with_options(["--engine", &format!("m1={}", swarm.managers()[0])]);
    let server = home.server();
    // It fails, so its container stays.
    server.push(&swarm.allocation("task", NEVER, "exit 3", &["node.hostname==node-1"]));
    server.run_manually("task");
    let task = server.ended_run("task");
    let owned = format!("label=io.docket.namespace={}", server.namespace());
    let containers = || swarm.docker(1, &["ps", "--all", "--quiet", "--filter", &owned]);
    let kept = containers();
    server.stop();

    // It looks for orphaned containers on each engine.
    let server = home.server();
    server.await_engines(&["up", "up"]);
    let mut own = allocation("own", NEVER, &["true"]);
    own["Placement"] = json!({"Engine": "m1"});
    own["Pull"] = "Missing".into();
    server.push(&own);
    server.run_manually("own");
    let own = server.ended_run("own");

    assert_eq!((end_of(&task).0, end_of(&own).0), ("failed", "succeeded"));
    assert!(!kept.is_empty());
    eventually("only the container of the failed task", || (containers() == kept).then_some(()));
}

#[test]
fn killed_while_it_takes_over_what_was_not_started_each_instant_has_one_start_and_one_record() {
    let Some(swarm) = Swarm::exclusive() else { return };
    let nodes = swarm.engines();
    let mut crash_test = CrashTest::begin_on_swarm(&swarm.managers(), &nodes);

    for point in REPLACEMENT_POINTS {
        // Leaves services that were created and not started.
        crash_test.kill_at("IdNoted", 1, Interference::None);
        crash_test.kill_at(point, 1, Interference::None);
    }

    let report = crash_test.finish();
    assert!(report.failures.is_empty(), "{report}");
}

#[test]
fn a_run_whose_image_no_node_finds_fails_and_leaves_no_service() {
    let Some(swarm) = Swarm::exclusive() else { return };
    let server = swarm.server();
    let mut foo = swarm.allocation("foo", NEVER, "true", &[]);
    foo["Container"]["Config"]["Image"] = "no-such-image:1".into();
    server.push(&foo);

    server.run_manually("foo");
    let run = server.ended_run("foo");

    assert_eq!(run["Reason"], "image no-such-image:1 not found", "{run}");
    let label = format!("label=io.docket.namespace={}", server.namespace());
    eventually("no service left", || {
        swarm.docker(1, &["service", "ls", "--quiet", "--filter", &label]).is_empty().then_some(())
    });
}

#[test]
fn an_attempt_on_a_node_that_loses_its_label_is_over_before_the_next_one_starts() {
    let Some(swarm) = Swarm::exclusive() else { return };
    let server = swarm.server();
    let label = format!("docket-{}", server.namespace());
    let update = |option: &str, label: &str, node: &str| {
        swarm.docker(1, &["node", "update", option, label, node]);
    };
    for node in ["node-4", "node-5"] {
        update("--label-add", &format!("{label}=yes"), node);
    }
    // The shell ignores the request to end, so the first attempt runs through its grace.
    let script = r#"[ "$DOCKET_ATTEMPT" = 2 ] || while :; do date +%s >/starts/alive; sleep 0.1; done; date +%s >/starts/next"#;
    let mut foo = swarm.allocation("foo", NEVER, script, &[&format!("{label}==yes")]);
    foo["Retries"] = json!({"Limit": 1, "Delay": "1s"});
    foo["Container"]["Config"]["StopTimeout"] = 8.into();
    server.push(&foo);
    server.run_manually("foo");
    await_start(&swarm, "foo");

    let first = swarm.starts()[0][2].clone();
    update("--label-rm", &label, &first);
    let run = server.ended_run_within(REPORT_LIMIT, "foo");
    for node in ["node-4", "node-5"].into_iter().filter(|node| *node != first) {
        update("--label-rm", &label, node);
    }

    assert_eq!(run["State"], "succeeded", "{run}");
    assert!(server.log().contains("Swarm stopped it: assigned node no longer meets constraints"));
    swarm.assert_started_once(&server, "foo");
    let [alive, next] = ["alive", "next"].map(|file| swarm.noted_second(file));
    assert!(alive <= next, "alive until {alive}, the next one at {next}");
}

#[test]
fn the_output_of_a_run_whose_node_goes_away_is_read_when_it_is_back() {
    let Some(swarm) = Swarm::exclusive() else { return };
    let (home, worker) = (swarm.home(), 4);
    let server = home.server();
    // Long enough to be seen to run.
    let script = "echo written; sleep 5";
    server.push(&swarm.allocation("foo", &only_at(soon()), script, &["n==4"]));
    server.crash();
    assert!(home.crashing_server("Exited", 1).died_within(REPORT_LIMIT));
    swarm.kill(worker);
    swarm.await_down(worker);

    let mut server = home.server();
    server.await_log("waits for the node of the container, which is out of reach");
    swarm.mend();
    let run = server.ended_run_within(REPORT_LIMIT, "foo");

    assert_eq!(run["State"], "succeeded", "{run}");
    assert_eq!(server.output("foo", &run), b"written\n");
    swarm.assert_started_once(&server, "foo");
}

#[test]
fn a_run_whose_node_was_removed_from_the_swarm_while_it_was_away_is_lost_and_says_so() {
    let Some(swarm) = Swarm::exclusive() else { return };
    let (server, worker) = (swarm.server(), 5);
    server.push(&swarm.allocation("foo", NEVER, "sleep 600", &["n==5"]));
    server.run_manually("foo");
    await_start(&swarm, "foo");
    eventually("a run that is on record as running", || {
        (server.runs("foo")[0]["State"] == "running").then_some(())
    });

    swarm.cut(worker);
    swarm.await_down(worker);
    swarm.remove(worker);
    let run = server.ended_run_within(REPORT_LIMIT, "foo");
    swarm.mend();

    let reason = "its node `node-5` was removed from the Swarm, or gave no sign for so long that the Swarm \
                  gave it up";
    assert_eq!(end_of(&run), ("lost", None, reason), "{run}");
    swarm.assert_started_once(&server, "foo");
}
