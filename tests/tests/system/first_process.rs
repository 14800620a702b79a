//! The server as process 1 of a container, where orphaned processes become its children.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
};

use docket_stub_engine::Options;
use docket_tests::{
    Server, StubEngine,
    allocation::{idle, of_image},
    eventually, program,
};
use tempfile::TempDir;

/// A helper that leaves a process in the background, which ends once the pipe was written to.
const HELPER: &str = r#"#!/bin/sh
read server
( cat "$PIPE" & ) >/dev/null 2>&1 </dev/null
printf '{"ServerURL":"%s","Username":"u","Secret":"s"}\n' "$server"
"#;

/// Makes of a command one that runs as process 1 of a process namespace of its own.
fn in_own_namespace(command: &mut Command) {
    let mut inside = Command::new("unshare");
    inside.args(["--pid", "--fork", "--mount-proc", "--kill-child"]);
    inside.arg(command.get_program()).args(command.get_args()).env_clear();
    inside.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    inside.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    *command = inside;
}

/// A server that is process 1 of its namespace.
fn server(engine: &StubEngine, configure: impl FnOnce(&mut Command)) -> Server {
    Server::listening("127.0.0.1:0", &engine.docker_host(), |command| {
        configure(command);
        in_own_namespace(command);
    })
}

/// The children of a process, each with its state: `S` sleeps, `Z` is defunct.
fn children(process: u32) -> Vec<(u32, char)> {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap();
    let state = |process: u32| {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        Some((process, stat.rsplit_once(") ")?.1.chars().next()?))
    };
    children.split_whitespace().filter_map(|child| state(child.parse().unwrap())).collect()
}

/// Process 1, which `unshare` has started, by its id outside of its namespace.
fn first_process(server: &Server) -> u32 {
    let [(first, _)] = children(server.pid())[..] else { panic!("one child of `unshare`") };
    first
}

fn signal(process: u32, signal: &str) {
    let kill = format!("kill -{signal} {process}");
    assert!(Command::new("bash").args(["-c", &kill]).status().unwrap().success());
}

/// Docker's configuration with the helper for one registry, and the folder that has the helper.
fn write_helper(directory: &Path) {
    let helper = directory.join("docker-credential-hold");
    fs::write(&helper, HELPER).unwrap();
    fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).unwrap();
    let config = r#"{"credHelpers":{"registry.test":"hold"}}"#;
    fs::write(directory.join("config.json"), config).unwrap();
    assert!(Command::new("mkfifo").arg(directory.join("pipe")).status().unwrap().success());
}

#[test]
fn processes_that_a_credential_helper_left_behind_are_reaped() {
    let (engine, directory) = (StubEngine::start(Options::default()), TempDir::new().unwrap());
    write_helper(directory.path());
    let path = format!("{}:{}", directory.path().display(), std::env::var("PATH").unwrap());
    let server = server(&engine, |command| {
        command.env("PATH", path).env("DOCKER_CONFIG", directory.path());
        command.env("PIPE", directory.path().join("pipe"));
    });
    server.await_ready();
    let first = first_process(&server);
    let before = children(first).len();
    server.push(&of_image(idle("foo"), "registry.test/team/job:1"));
    server.run_manually("foo");
    let run = server.ended_run("foo");
    eventually("the orphaned process", || (children(first).len() > before).then_some(()));

    fs::write(directory.path().join("pipe"), "").unwrap();

    assert_eq!(run["State"], "succeeded", "{run}");
    eventually("the orphaned process to be reaped", || {
        let children = children(first);
        (children.len() == before && children.iter().all(|(_, state)| *state != 'Z')).then_some(())
    });
}

#[test]
fn signals_reach_the_server_and_its_exit_code_is_that_of_process_1() {
    let (engine, directory) = (StubEngine::start(Options::default()), TempDir::new().unwrap());
    let file = directory.path().join("docket.yml");
    fs::write(&file, "[]\n").unwrap();
    let mut server = server(&engine, |command| {
        command.arg("--file").arg(&file);
    });
    server.await_ready();
    let first = first_process(&server);

    fs::write(&file, "- {Name: foo, Cron: '', Container: {Config: {Image: busybox}}}\n").unwrap();
    signal(first, "HUP");
    server.await_log("1 allocation loaded");
    signal(first, "INT");
    let ended = server.await_end();

    assert_eq!(ended.code(), Some(0), "{ended}");
    let log = server.log();
    assert!(log.ends_with("stopped"), "{log}");
}

#[test]
fn a_server_that_cannot_start_fails_as_it_does_elsewhere() {
    let mut command = Command::new(program());
    command.args(["server", "--listen", "127.0.0.1:0", "--store", "sqlite:/nowhere/docket.db"]);
    in_own_namespace(&mut command);

    let ended = command.env("PATH", std::env::var("PATH").unwrap()).output().unwrap();

    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(String::from_utf8_lossy(&ended.stderr).contains("/nowhere/docket.db"), "{ended:?}");
}
