//! Images: what is pulled, with which login, and what serves where nothing can be pulled.

use std::fs;

use docket_tests::{
    Engine, Registry, Server,
    allocation::{log_words, of_image, once},
    moment,
};
use serde_json::Value;
use tempfile::TempDir;

/// Runs a container of the image to its end.
fn run_image(server: &Server, image: &str, command: &[&str]) -> Value {
    let at = moment::soon();
    server.push(&of_image(once("foo", at, command), image));
    server.ended_run_at("foo", at)
}

/// An image that tells its version.
fn make_version(engine: &Engine, version: &str, image: &str) {
    let container = engine.docker(["create", "busybox"]);
    engine.docker(["commit", "--change", &format!("ENV VERSION={version}"), &container, image]);
    engine.docker(["rm", &container]);
}

#[test]
fn a_missing_image_fails_the_run_and_says_so_in_the_logs() {
    let server = Server::start(Engine::shared());
    let image = Registry::shared().image("nobody/nothing");

    let run = run_image(&server, &image, &["true"]);

    let reason = run["Reason"].as_str().unwrap();
    assert_eq!(run["State"], "failed");
    assert!(reason.contains(&format!("image {image} not found")), "{reason}");
    let expected = format!("Error: image {image} not found");
    assert_eq!(log_words(&server.allocation("foo")), [expected]);
}

#[test]
fn an_image_present_only_locally_serves() {
    let engine = Engine::shared();
    let server = Server::start(engine);
    engine.docker(["tag", "busybox", "only-here:1"]);

    let run = run_image(&server, "only-here:1", &["true"]);

    assert_eq!(run["State"], "succeeded");
    assert_eq!(run["Attempts"][0]["Remarks"].as_array().map(Vec::len), Some(1), "{run}");
    let first = log_words(&server.allocation("foo")).remove(0);
    assert!(first.starts_with("Not pulled, the image on the engine serves: "), "{first}");
}

#[test]
fn where_the_registry_is_down_the_local_image_serves_and_the_run_says_so() {
    let engine = Engine::shared();
    let server = Server::start(engine);
    let registry = Registry::open();
    let image = registry.image("thing:1");
    registry.offer(engine, "busybox", "thing:1");

    let while_up = run_image(&server, &image, &["true"]);
    registry.stop();
    let while_down = run_image(&server, &image, &["true"]);

    assert_eq!(while_up["Attempts"][0].get("Remarks"), None, "{while_up}");
    assert_eq!(while_down["State"], "succeeded");
    let remark = while_down["Attempts"][0]["Remarks"][0].as_str().unwrap();
    assert!(remark.contains("refused"), "{remark}");
}

#[test]
fn a_private_registry_gets_the_login_of_dockers_configuration() {
    let engine = Engine::shared();
    let registry = Registry::with_login();
    registry.offer(engine, "busybox", "private/thing:1");
    let configuration = TempDir::new().unwrap();
    fs::write(configuration.path().join("config.json"), registry.docker_configuration()).unwrap();
    let with_login = Server::start_with(engine, |command| {
        command.env("DOCKER_CONFIG", configuration.path());
    });
    let without = Server::start(engine);
    let image = registry.image("private/thing:1");

    let refused = run_image(&without, &image, &["true"]);
    let admitted = run_image(&with_login, &image, &["true"]);

    assert_eq!(refused["State"], "failed");
    assert_eq!(admitted["State"], "succeeded", "{admitted}");
    assert_eq!(admitted["Attempts"][0].get("Remarks"), None, "{admitted}");
}

#[test]
fn an_image_without_a_tag_means_latest_and_no_other_tag_is_pulled() {
    let engine = Engine::shared();
    let server = Server::start(engine);
    let registry = Registry::open();
    registry.offer(engine, "busybox", "thing:latest");
    registry.offer(engine, "busybox", "thing:other");
    let image = registry.image("thing");

    let run = run_image(&server, &image, &["true"]);

    assert_eq!(run["State"], "succeeded");
    assert_eq!(log_words(&server.allocation("foo"))[0], format!("Pulled {image} latest foo"));
    assert_eq!(engine.docker(["image", "ls", "--format", "{{.Tag}}", &image]), "latest");
}

#[test]
fn a_digest_pulls_exactly_that_image() {
    let engine = Engine::shared();
    let server = Server::start(engine);
    let registry = Registry::open();
    make_version(engine, "1", "digested:1");
    make_version(engine, "2", "digested:2");
    let first = registry.offer(engine, "digested:1", "thing:latest");
    registry.offer(engine, "digested:2", "thing:latest");
    engine.docker(["image", "rm", "digested:1", "digested:2"]);
    let image = format!("{}@{first}", registry.image("thing"));

    let run = run_image(&server, &image, &["sh", "-c", "echo $VERSION"]);

    assert_eq!(server.output("foo", &run), b"1\n", "{run}");
    let words = format!("Pulled {} {first} foo", registry.image("thing"));
    assert_eq!(log_words(&server.allocation("foo"))[0], words);
}

#[test]
fn a_newer_image_of_the_same_tag_is_pulled() {
    let engine = Engine::shared();
    let server = Server::start(engine);
    let registry = Registry::open();
    let image = registry.image("thing:stable");
    make_version(engine, "old", "newest:old");
    make_version(engine, "new", "newest:new");

    registry.offer(engine, "newest:old", "thing:stable");
    let before = run_image(&server, &image, &["sh", "-c", "echo $VERSION"]);
    registry.offer(engine, "newest:new", "thing:stable");
    let after = run_image(&server, &image, &["sh", "-c", "echo $VERSION"]);

    assert_eq!(server.output("foo", &before), b"old\n");
    assert_eq!(server.output("foo", &after), b"new\n");
}
