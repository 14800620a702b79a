//! The examples of the README and docket.yml.example.

use std::{fs, process::Command};

use chrono::TimeDelta;
use docket_tests::{
    Engine, Server, docket_cli, docket_cli::docket, docket_cli::docket_reading, eventually,
    program, repository, script, wall_clock,
};

/// The first block of YAML in the README.
fn first_allocations() -> String {
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    let (_, rest) = readme.split_once("```yaml\n").expect("the README has a block of YAML");
    rest.split_once("```").unwrap().0.to_owned()
}

#[test]
fn the_readmes_own_allocations_run_at_their_minute_and_within_it() {
    let server = Server::start(Engine::shared());

    let pushed = docket_reading(&first_allocations(), ["push", "-", "--host", server.url()]);
    let list = server.get("/").json();
    let horizon = wall_clock::now() + TimeDelta::minutes(1);
    let due = list.as_array().unwrap().iter().filter_map(|allocation| {
        let next = wall_clock::parse(allocation["Status"]["Next"].as_str()?);
        Some((allocation["Name"].as_str()?, next)).filter(|(_, next)| *next <= horizon)
    });
    let due: Vec<_> = due.collect();

    assert_eq!(pushed.code, 0, "{pushed:?}");
    assert!(!due.is_empty(), "nothing in the README is due within a minute: {list}");
    for (name, instant) in due {
        let run = eventually_run(&server, name, instant);
        let started = wall_clock::parse(run["Attempts"][0]["Started"].as_str().unwrap());
        assert_eq!(run["State"], "succeeded", "{run}");
        assert!(started >= instant && started < instant + TimeDelta::minutes(1), "{run}");
        assert!(!server.output(name, &run).is_empty(), "{run}");
    }
}

fn eventually_run(
    server: &Server,
    name: &str,
    instant: chrono::DateTime<chrono::Utc>,
) -> serde_json::Value {
    eventually(&format!("the minute {instant}"), || (wall_clock::now() > instant).then_some(()));
    server.ended_run_at(name, instant)
}

#[test]
fn neither_the_readme_nor_the_example_teaches_six_stars() {
    for file in ["README.md", "docket.yml.example"] {
        let text = fs::read_to_string(repository().join(file)).unwrap();
        let schedules = text.split(['"', '`', '\'']);
        let six_stars = schedules.filter(|schedule| schedule.trim() == "* * * * * *").count();
        assert_eq!(six_stars, 0, "{file}");
    }
}

#[test]
fn the_example_is_valid_and_has_no_warnings() {
    let example = repository().join("docket.yml.example");

    let checked = docket(["check", example.to_str().unwrap()]);

    assert_eq!(checked.code, 0, "{}", checked.err);
    assert!(checked.out.contains(" 0 warnings"), "{checked:?}");
}

#[test]
fn make_run_shows_the_dashboards_address_a_failure_with_its_retries_and_leaves_nothing_behind() {
    let engine = Engine::shared();
    let mut command = Command::new(script("with-engine"));
    command
        .arg(script("run-example"))
        .arg(program())
        .env("RUN_FOR", "55")
        .env("DOCKET_LISTEN", "127.0.0.1:0")
        .env("DOCKER_HOST", engine.address());

    let shown = docket_cli::run(&mut command);

    assert_eq!(shown.code, 0, "{shown:?}");
    assert!(shown.out.contains("    beat of 20"), "{}", shown.out);
    let lines: Vec<_> = shown.out.lines().collect();
    let address = lines.iter().find_map(|line| line.strip_prefix("dashboard: http://127.0.0.1:"));
    assert!(address.is_some_and(|port| port.ends_with('/')), "{}", shown.out);
    let of_alarm = |words: &str| {
        let text = lines.iter().filter(|line| line.contains("allocation=alarm"));
        text.filter(|line| line.contains(words) && line.contains("exit code 3")).count()
    };
    assert!(of_alarm("failed; retrying in") >= 2 && of_alarm("run failed") >= 1, "{}", shown.out);
    assert!(shown.out.contains("    the disk is full"), "{}", shown.out);
    assert_eq!(engine.containers_labelled("io.docket.namespace=make-run"), Vec::<String>::new());
}
