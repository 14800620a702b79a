//! Images: what is pulled, with which login, and when the local image is used.

use std::fs;

use docket_tests::{
    Engine, FakeRegistry, Registry, Server,
    allocation::{idle, log_words, of_image, once},
    failing_registry::Failure,
    free_port, wall_clock,
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Runs a container of the image to its end.
fn run_image(server: &Server, image: &str, command: &[&str]) -> Value {
    let at = wall_clock::soon();
    server.push(&of_image(once("foo", at, command), image));
    server.ended_run_at("foo", at)
}

/// An image that prints its version.
fn make_version(engine: &Engine, version: &str, image: &str) {
    let container = engine.docker(["create", "busybox"]);
    engine.docker(["commit", "--change", &format!("ENV VERSION={version}"), &container, image]);
    engine.docker(["rm", &container]);
}

#[test]
fn a_missing_image_fails_the_run_and_says_so_in_the_logs() {
    let server = Server::start(Engine::shared());
    let image = Registry::shared().image("example/missing");

    let run = run_image(&server, &image, &["true"]);

    assert_eq!((&run["State"], &run["ReasonCode"]), (&json!("failed"), &json!("image-not-found")));
    assert_eq!(run["ReasonValues"], json!({ "Image": image }));
    let expected = format!("Error: image {image} not found");
    assert_eq!(log_words(&server.allocation("foo")), [expected]);
}

/// Runs an image that cannot be pulled; makes sure that record, list, `Logs`, the server's log and
/// `run --wait` give one reason, and returns it.
fn reason_of_failed_pull(server: &mut Server, image: &str) -> String {
    let mut allocation = of_image(idle("foo"), image);
    allocation["Pull"] = "Always".into();
    server.push(&allocation);

    let waited = server.docket(["run", "foo", "--wait"]);

    let run = server.ended_run("foo");
    let reason = run["Reason"].as_str().unwrap().to_owned();
    assert_eq!((waited.code, &run["State"]), (125, &"failed".into()), "{waited:?} {run}");
    assert!(waited.err.trim_end().ends_with(&format!("failed: {reason}")), "{waited:?}");
    let shown = server.allocation("foo");
    assert_eq!(shown["Status"]["LastRun"]["Reason"], reason.as_str());
    assert_eq!(log_words(&shown).last(), Some(&format!("Error: {reason}")));
    // A field of the log stands in quotation marks.
    server.await_log(format!("{reason:?}").trim_matches('"'));
    reason
}

#[test]
fn the_reason_of_a_failed_pull_is_that_of_the_registry_or_the_network() {
    let mut server = Server::start(Engine::shared());
    let registry = FakeRegistry::start();
    let host = registry.host();
    let unreachable = format!("127.0.0.1:{}", free_port());
    let images = [
        (
            registry.image(Failure::RateLimit),
            format!("the rate limit of registry {host} is reached: "),
            "try again later",
        ),
        (
            registry.image(Failure::LoginRequired),
            format!("registry {host} requires a login: "),
            "docker login",
        ),
        (
            registry.image(Failure::Denied),
            format!("registry {host} denied access: "),
            "the image does not exist, or it requires a login",
        ),
        (registry.image(Failure::Unavailable), format!("registry {host} is unavailable: "), "503"),
        (
            registry.image(Failure::LoginPage),
            format!("what answers as registry {host} is not a registry: "),
            "login page",
        ),
        (
            registry.image(Failure::OtherPlatform),
            "the image does not exist for this platform: ".to_owned(),
            "no matching manifest for linux/",
        ),
        (
            format!("{unreachable}/team/job:1"),
            format!("registry {unreachable} refuses connections: "),
            "connection refused",
        ),
    ];
    for (image, cause, detail) in images {
        let reason = reason_of_failed_pull(&mut server, &image);

        assert!(reason.starts_with(&format!("cannot pull image {image}: {cause}")), "{reason}");
        assert!(reason.contains(detail), "{reason}");
    }
    let missing = registry.image(Failure::NoSuchImage);
    let reason = reason_of_failed_pull(&mut server, &missing);
    assert_eq!(reason, format!("image {missing} not found"));
}

#[test]
fn a_local_image_that_serves_in_place_of_a_failed_pull_has_the_cause_as_a_remark() {
    let engine = Engine::shared();
    let server = Server::start(engine);
    let registry = FakeRegistry::start();
    let image = registry.image(Failure::RateLimit);
    engine.docker(["tag", "busybox", &image]);

    let run = run_image(&server, &image, &["true"]);

    assert_eq!(run["State"], "succeeded");
    let remark = run["Attempts"][0]["Remarks"][0].as_str().unwrap();
    let cause = format!("the rate limit of registry {} is reached", registry.host());
    assert!(remark.contains(&cause), "{remark}");
}

#[test]
fn an_image_that_may_not_be_pulled_and_is_missing_fails_the_run_with_that_reason() {
    let server = Server::start(Engine::shared());
    let mut allocation = of_image(once("foo", wall_clock::soon(), &["true"]), "example/missing:7");
    allocation["Pull"] = "Never".into();
    server.push(&allocation);

    let run = server.ended_run("foo");

    assert_eq!(run["ReasonCode"], "pull-forbidden");
    assert_eq!(run["ReasonValues"], json!({ "Image": "example/missing:7" }));
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
    assert!(first.starts_with("Pull failed, using the local image: "), "{first}");
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
fn without_a_home_variable_the_login_is_that_of_the_users_home_directory() {
    let engine = Engine::shared();
    let registry = Registry::with_login();
    registry.offer(engine, "busybox", "private/thing:1");
    let home = TempDir::new().unwrap();
    fs::create_dir(home.path().join(".docker")).unwrap();
    let configuration = registry.docker_configuration();
    fs::write(home.path().join(".docker/config.json"), configuration).unwrap();
    let unset = Server::at_home(home.path(), engine, |command| {
        command.env_remove("HOME");
    });
    let empty = Server::at_home(home.path(), engine, |command| {
        command.env("HOME", "");
    });

    for server in [unset, empty] {
        let run = run_image(&server, &registry.image("private/thing:1"), &["true"]);

        assert_eq!(run["State"], "succeeded", "{run}");
        assert_eq!(run["Attempts"][0].get("Remarks"), None, "{run}");
    }
}

/// The allocation with an image for this platform.
fn for_platform(mut allocation: Value, platform: &str) -> Value {
    allocation["Container"]["Platform"] = platform.into();
    allocation
}

#[test]
fn a_platform_of_the_container_or_of_the_environment_is_the_one_that_is_pulled() {
    let registry = FakeRegistry::start();
    let image = registry.image(Failure::OtherPlatform);
    let server = Server::start_with(Engine::shared(), |command| {
        command.env("DOCKER_DEFAULT_PLATFORM", "linux/arm64");
    });
    let by_default = of_image(once("by-default", wall_clock::soon(), &["true"]), &image);
    let own = of_image(once("own", wall_clock::soon(), &["true"]), &image);
    server.push(&by_default);
    server.push(&for_platform(own, "linux/ppc64le"));

    for (name, platform) in [("by-default", "linux/arm64"), ("own", "linux/ppc64le")] {
        let run = server.ended_run(name);
        let message = run["ReasonValues"]["Message"].as_str().unwrap();
        assert!(message.contains(&format!("no matching manifest for {platform} ")), "{run}");
    }
    assert_eq!(server.allocation("own")["Container"]["Platform"], "linux/ppc64le");
}

#[test]
fn a_local_image_serves_for_its_own_platform_alone() {
    let engine = Engine::shared();
    let server = Server::start(engine);
    engine.docker(["tag", "busybox", "only-here:platform"]);
    let here = engine.docker(["version", "--format", "{{.Server.Os}}/{{.Server.Arch}}"]);
    let missing = |name: &str, platform: &str| {
        let allocation = of_image(once(name, wall_clock::soon(), &["true"]), "only-here:platform");
        let mut allocation = for_platform(allocation, platform);
        allocation["Pull"] = "Missing".into();
        server.push(&allocation);
        server.ended_run(name)
    };

    let native = missing("native", &here);
    let foreign = missing("foreign", "linux/s390x");

    assert_eq!(native["State"], "succeeded", "{native}");
    assert_eq!(foreign["ReasonCode"], "pull-failed", "{foreign}");
    assert_eq!(foreign["ReasonValues"]["Image"], "only-here:platform", "{foreign}");
}

#[test]
fn a_platform_that_no_engine_takes_is_rejected_at_push() {
    let server = Server::start(Engine::shared());

    let refusal = server.refusal(&for_platform(idle("foo"), "linux/arm64/v8/x"));

    let message = "`linux/arm64/v8/x` is not a platform: write OS[/ARCHITECTURE[/VARIANT]], such as \
                   `linux/arm64`";
    assert_eq!(refusal["Container.Platform"], message);
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
