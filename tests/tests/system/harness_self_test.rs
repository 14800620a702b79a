//! Tests of the harness itself: its engines and registries do what the tests expect, and leave nothing behind.

use std::process::Command;

use docket_tests::{Engine, Registry, ssh_engine::SshServer};

#[test]
fn an_engine_of_its_own_runs_containers_and_comes_back_after_a_stop() {
    let engine = Engine::start(Registry::shared());
    let bridge = engine.docker(["run", "--name", "kept", "busybox", "cat", "/etc/hostname"]);

    engine.stop();
    let away = engine.try_docker(["version"]);
    engine.start_again();

    assert_eq!(bridge.len(), 12, "{bridge}");
    assert!(!away.status.success());
    assert_eq!(engine.inspect("kept").unwrap()["State"]["ExitCode"], 0);
}

#[test]
fn the_shared_engine_gets_busybox_from_the_shared_registry_and_from_nowhere_else() {
    let engine = Engine::shared();

    let busybox = engine.try_docker(["pull", "busybox"]);
    let other = engine.try_docker(["pull", "debian"]);

    assert!(busybox.status.success(), "{busybox:?}");
    assert!(!other.status.success(), "{other:?}");
}

#[test]
fn a_registry_with_a_login_requires_it() {
    let engine = Engine::shared();
    let registry = Registry::with_login();
    registry.offer(engine, "busybox", "kept-apart:1");

    let pulled = engine.try_docker(["pull", &registry.image("kept-apart:1")]);

    assert!(!pulled.status.success(), "{pulled:?}");
    assert!(String::from_utf8_lossy(&pulled.stderr).contains("no basic auth credentials"));
}

#[test]
fn an_ssh_door_leads_to_the_engine() {
    let engine = Engine::shared();
    let door = SshServer::open(engine);

    let asked = Command::new("docker")
        .args(["--host", &door.address(), "info", "--format", "{{.ID}}"])
        .env("PATH", door.search_path())
        .output()
        .unwrap();

    let id = String::from_utf8(asked.stdout).unwrap();
    assert_eq!(id.trim_end(), engine.docker(["info", "--format", "{{.ID}}"]), "{id}");
}
