//! Containers: the requests to the engine, what docket removes, and interference of other programs.

use docket_tests::{
    Engine, Server,
    allocation::{allocation, idle, log_words, once, script_once, with_host_option, with_option},
    eventually, wall_clock,
};
use serde_json::json;

/// The name of the only anonymous volume of a container.
fn volume_of(engine: &Engine, container: &str) -> String {
    let container = engine.inspect(container).unwrap();
    container["Mounts"][0]["Name"].as_str().unwrap().to_owned()
}

#[test]
fn a_container_killed_from_outside_is_a_failed_run_with_its_code_and_output() {
    let engine = Engine::shared();
    let server = Server::start(engine);
    server.push(&script_once("foo", wall_clock::soon(), "echo so far; sleep 60"));
    let id = server.running_container("foo");

    engine.docker(["kill", &id]);
    let run = server.ended_run("foo");

    assert_eq!((&run["State"], &run["Attempts"][0]["ExitCode"]), (&json!("failed"), &json!(137)));
    assert_eq!(server.output("foo", &run), b"so far\n");
}

#[test]
fn a_container_removed_from_outside_is_a_failed_run_that_says_so() {
    let engine = Engine::shared();
    let server = Server::start(engine);
    server.push(&once("foo", wall_clock::soon(), &["sleep", "60"]));
    let id = server.running_container("foo");

    engine.docker(["rm", "--force", &id]);
    let run = server.ended_run("foo");

    assert_eq!(run["State"], "failed");
    assert_eq!(run["ReasonCode"], "container-removed", "{run}");
}

#[test]
fn a_container_that_succeeded_is_removed_with_its_anonymous_volume() {
    let engine = Engine::shared();
    let server = Server::start(engine);
    let foo = once("foo", wall_clock::soon(), &["sleep", "2"]);

    server.push(&with_option(foo, "Volumes", json!({ "/data": {} })));
    let volume = volume_of(engine, &server.running_container("foo"));
    server.await_no_containers(engine);

    assert!(engine.inspect(&volume).is_none());
    assert_eq!(server.ended_run("foo")["State"], "succeeded");
}

#[test]
fn auto_remove_is_dockets_own_and_loses_neither_output_nor_exit_code() {
    let engine = Engine::shared();
    let server = Server::start(engine);
    let foo = script_once("foo", wall_clock::soon(), "echo kept; sleep 2; exit 7");
    let foo = with_option(foo, "Volumes", json!({ "/data": {} }));

    server.push(&with_host_option(foo, "AutoRemove", json!(true)));
    let id = server.running_container("foo");
    let volume = volume_of(engine, &id);
    let at_the_engine = engine.inspect(&id).unwrap()["HostConfig"]["AutoRemove"].clone();
    server.await_no_containers(engine);
    let run = server.ended_run("foo");

    assert_eq!(at_the_engine, false);
    assert_eq!(run["Attempts"][0]["ExitCode"], 7);
    assert_eq!(server.output("foo", &run), b"kept\n");
    assert!(engine.inspect(&volume).is_none());
    let shown = server.allocation("foo");
    assert_eq!(shown["Container"]["HostConfig"]["AutoRemove"], true);
}

#[test]
fn without_auto_remove_only_the_newest_container_that_failed_stays() {
    let engine = Engine::shared();
    let server = Server::start(engine);
    let first = wall_clock::soon().format("%Y-%m-%dT%H:%M:%SZ");
    let label = format!("io.docket.namespace={}", server.namespace());

    server.push(&allocation("foo", &format!("R3/{first}/PT2S"), &["false"]));
    let newest = server.ended_runs("foo", 3).remove(0);

    let name = format!("{}.foo.{}", server.namespace(), newest["Run"].as_str().unwrap());
    eventually("only the newest container that failed", || {
        (engine.containers_labelled(&label) == [name.clone()]).then_some(())
    });
}

#[test]
fn a_name_held_by_another_program_s_container_fails_the_run_and_is_never_touched() {
    let engine = Engine::shared();
    let server = Server::start(engine);
    let at = wall_clock::ahead(4);
    let name = format!("{}.foo.{}", server.namespace(), wall_clock::run_at(at));
    let foreign = engine.docker(["create", "--name", &name, "busybox", "echo", "mine"]);

    server.push(&once("foo", at, &["true"]));
    let run = server.ended_run("foo");

    assert_eq!(run["State"], "failed");
    assert_eq!(run["ReasonCode"], "name-held", "{run}");
    let container = engine.inspect(&name).unwrap();
    assert_eq!(
        (&container["Id"], &container["State"]["Status"]),
        (&json!(foreign), &json!("created"))
    );
}

#[test]
fn a_command_that_does_not_exist_fails_the_run_in_the_engines_words() {
    let server = Server::start(Engine::shared());

    server.push(&once("foo", wall_clock::soon(), &["no-such-command"]));
    let run = server.ended_run("foo");

    assert_eq!(run["State"], "failed");
    let message = run["ReasonValues"]["Message"].as_str().unwrap();
    assert!(message.contains("no-such-command"), "{run}");
    let last = log_words(&server.allocation("foo")).pop().unwrap();
    assert!(last.starts_with("Error: ") && last.contains("no-such-command"), "{last}");
}

#[test]
fn a_container_that_takes_too_much_memory_is_a_failed_run_that_says_so() {
    let server = Server::start(Engine::shared());
    // The engine reports it only if the kernel's event reaches it before the container's end, which took
    // more than a second on a busy machine; nothing shows before the end that it has arrived.
    let script = "(x=x; while :; do x=$x$x; done); code=$?; sleep 5; exit $code";
    let greedy = script_once("foo", wall_clock::soon(), script);
    let greedy = with_host_option(greedy, "MemorySwap", json!(16 << 20));

    server.push(&with_host_option(greedy, "Memory", json!(16 << 20)));
    let run = server.ended_run("foo");

    assert_eq!(run["State"], "failed");
    assert_eq!(run["Attempts"][0]["OutOfMemory"], true, "{run}");
}

#[test]
fn a_restart_policy_is_refused_and_named() {
    let server = Server::start(Engine::shared());
    let mut restarting = once("foo", wall_clock::soon(), &["true"]);
    restarting["Container"]["HostConfig"]["RestartPolicy"] = json!({ "Name": "always" });

    let fields = server.refusal(&restarting);
    restarting["Container"]["HostConfig"]["RestartPolicy"] = json!({ "Name": "no" });

    let words = fields["Container.HostConfig.RestartPolicy.Name"].as_str().unwrap();
    assert!(words.contains("always") && words.contains("Retries"), "{words}");
    assert!(server.push(&restarting));
}

#[test]
fn any_option_that_the_engine_api_has_arrives_at_the_engine() {
    let engine = Engine::shared();
    let server = Server::start(engine);
    let mut foo = once("foo", wall_clock::soon(), &["sleep", "60"]);
    let mount = json!({ "Type": "tmpfs", "Target": "/scratch" });
    foo["Container"]["HostConfig"]["Mounts"] = json!([mount]);
    foo["Container"]["HostConfig"]["NanoCpus"] = json!(500_000_000);
    foo["Container"]["Config"]["StopTimeout"] = json!(1);

    server.push(&foo);
    let id = server.running_container("foo");
    let container = engine.inspect(&id).unwrap();
    engine.docker(["kill", &id]);

    assert_eq!(container["HostConfig"]["Mounts"], json!([mount]));
    assert_eq!(container["HostConfig"]["NanoCpus"], 500_000_000);
    assert_eq!(container["Config"]["StopTimeout"], 1);
}

#[test]
fn an_option_that_the_engine_api_does_not_have_is_refused_with_the_nearest_one() {
    let server = Server::start(Engine::shared());
    let misspelt =
        with_host_option(once("foo", wall_clock::soon(), &["true"]), "NanoCpu", json!(1));

    let fields = server.refusal(&misspelt);

    let words = fields["Container.HostConfig.NanoCpu"].as_str().unwrap();
    assert!(words.contains("`NanoCpus`"), "{words}");
}

#[test]
fn secrets_and_configs_of_a_swarm_are_refused_at_push_by_a_docker_engine() {
    let server = Server::start(Engine::shared());
    let mut foo = idle("foo");
    foo["Container"]["Swarm"] = json!({"Secrets": [{"Name": "db-password"}]});

    let refusal = server.refusal(&foo).to_string();
    foo["Container"]["Swarm"] = json!({"Secrets": []});
    server.push(&foo);

    assert!(refusal.contains("Container.Swarm"), "{refusal}");
    assert!(refusal.contains("only a Swarm has secrets and configs"), "{refusal}");
}
