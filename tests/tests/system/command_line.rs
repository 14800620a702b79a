//! The client's commands: their output streams and exit codes.

use std::fs;

use docket_tests::{
    Engine, Server,
    allocation::{idle, once},
    docket_cli::{bounded, docket, docket_reading, run},
    wall_clock,
};
use serde::Serialize;
use serde_json::{Value, json};
use tempfile::TempDir;

const TWO: &str = r#"
- Name: foo
  Cron: "0 0 1 1 *"
  Container: {Config: {Image: busybox}}
- Name: bar
  Cron: "0 0 1 1 *"
  Container: {Config: {Image: busybox}}
"#;

/// The JSON as the original's client prints it.
fn indented_by_four(value: &Value) -> String {
    let mut text = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut text, formatter)).unwrap();
    format!("{}\n", String::from_utf8(text).unwrap())
}

#[test]
fn push_reads_docket_yml_and_says_what_became_of_each_name() {
    let server = Server::start(Engine::shared());
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("docket.yml"), TWO).unwrap();
    server.push(&idle("bar"));

    let pushed =
        run(bounded().args(["push", "--host", server.url()]).current_dir(directory.path()));

    assert_eq!(pushed.code, 0, "{pushed:?}");
    assert_eq!(pushed.out, "Created allocation foo\nUpdated allocation bar\n");
    assert_eq!(server.get("/").json().as_array().unwrap().len(), 2);
}

#[test]
fn push_reads_standard_input_and_named_files() {
    let server = Server::start(Engine::shared());
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("other.yml");
    fs::write(&file, TWO).unwrap();

    let from_input = docket_reading(TWO, ["push", "-", "--host", server.url()]);
    server.docket(["delete", "foo"]).ok();
    let from_file = server.docket(["push", file.to_str().unwrap()]);

    assert_eq!(from_input.ok(), "Created allocation foo\nCreated allocation bar\n");
    assert!(from_file.ok().starts_with("Created allocation foo\n"));
}

#[test]
fn push_without_a_file_says_which_one_it_misses() {
    let directory = TempDir::new().unwrap();

    let pushed = run(bounded().arg("push").current_dir(directory.path()));

    assert_eq!((pushed.code, pushed.out.as_str()), (1, ""));
    assert!(pushed.err.contains("docket.yml"), "{}", pushed.err);
}

#[test]
fn push_sends_nothing_of_a_file_with_an_error() {
    let server = Server::start(Engine::shared());
    let bad = TWO.replacen("0 0 1 1 *", "30-10 * * * *", 1);

    let pushed = docket_reading(&bad, ["push", "-", "--host", server.url()]);

    assert_eq!(pushed.code, 1);
    assert!(pushed.err.contains("30-59,0-10"), "{}", pushed.err);
    assert_eq!(server.get("/").text(), "[]");
}

#[test]
fn list_and_get_print_json_and_tell_the_request_apart() {
    let server = Server::start(Engine::shared());
    server.push(&idle("foo"));

    let list = server.docket(["list"]);
    let get = server.docket(["get", "foo"]);

    assert_eq!(list.err, format!("GET {}\n", server.url()));
    assert_eq!(get.err, format!("GET {}/foo\n", server.url()));
    assert_eq!(list.ok(), indented_by_four(&server.get("/").json()));
    assert_eq!(get.ok(), indented_by_four(&server.get("/foo").json()));
}

#[test]
fn what_get_and_list_print_can_be_pushed_back() {
    let server = Server::start(Engine::shared());
    server.push(&idle("foo"));

    for arguments in [["get", "foo", "-o", "yaml"], ["get", "foo", "-o", "json"]] {
        let printed = server.docket(arguments).ok();
        let pushed = docket_reading(&printed, ["push", "-", "--host", server.url()]);
        assert_eq!(pushed.code, 0, "{pushed:?} of {printed}");
    }
    let list = server.docket(["list", "-o", "yaml"]).ok();
    assert_eq!(docket_reading(&list, ["push", "-", "--host", server.url()]).code, 0, "{list}");
}

#[test]
fn delete_says_what_it_deleted_and_fails_where_there_is_nothing() {
    let server = Server::start(Engine::shared());
    server.push(&idle("foo"));

    let deleted = server.docket(["delete", "foo"]);
    let again = server.docket(["delete", "foo"]);

    assert_eq!(deleted.ok(), "Deleted foo\n");
    assert_eq!((again.code, again.out.as_str()), (1, ""));
    assert!(again.err.contains("foo"), "{}", again.err);
}

#[test]
fn a_server_may_be_named_without_a_scheme_or_with_a_slash_or_by_a_variable() {
    let server = Server::start(Engine::shared());
    let bare = server.url().trim_start_matches("http://");

    assert_eq!(docket(["list", "--host", bare]).ok(), "[]\n");
    assert_eq!(docket(["list", "--host", &format!("{}/", server.url())]).ok(), "[]\n");
    let by_variable = run(bounded().arg("list").env("DOCKET_SERVER", server.url()));
    assert_eq!(by_variable.ok(), "[]\n");
}

#[test]
fn a_server_that_does_not_answer_is_a_failure_with_its_cause_said_once() {
    let listed = docket(["list", "--host", "http://127.0.0.1:9"]);

    assert_eq!((listed.code, listed.out.as_str()), (1, ""));
    assert!(listed.err.contains("127.0.0.1:9"), "{}", listed.err);
    assert_eq!(listed.err.to_lowercase().matches("refused").count(), 1, "{}", listed.err);
}

#[test]
fn a_wrong_command_line_ends_with_2() {
    for arguments in [&["get"][..], &["no-such-command"], &["list", "--no-such-flag"]] {
        let ran = run(bounded().args(arguments));
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{arguments:?}");
    }
}

#[test]
fn logs_print_the_output_of_the_newest_run_or_of_a_named_one() {
    let server = Server::start(Engine::shared());
    let first = wall_clock::soon();
    server.push(&once("foo", first, &["echo", "one"]));
    server.ended_run_at("foo", first);
    let second = wall_clock::soon();
    server.push(&once("foo", second, &["echo", "two"]));
    server.ended_run_at("foo", second);

    assert_eq!(server.docket(["logs", "foo"]).ok(), "two\n");
    assert_eq!(server.docket(["logs", "foo", &wall_clock::run_at(first)]).ok(), "one\n");
    assert_eq!(server.docket(["logs", "missing"]).code, 1);
}

#[test]
fn health_tells_by_its_exit_code() {
    let server = Server::start(Engine::shared());

    let up = server.docket(["health"]);
    let down = docket(["health", "--host", "http://127.0.0.1:9"]);

    assert_eq!((up.code, down.code), (0, 1), "{up:?} {down:?}");
}

#[test]
fn next_asks_the_server_for_an_allocation_and_needs_none_for_an_expression() {
    let server = Server::start(Engine::shared());
    server.push(&idle("foo"));
    let from = ["--from", "2026-11-21T09:00:00Z", "--count", "2", "-o", "json"];

    let of_name = run(bounded().args(["next", "--of", "foo", "--host", server.url()]).args(from));
    let of_text = run(bounded().args(["next", "0 0 1 1 *", "--time-zone", "UTC"]).args(from)).ok();

    let expected = json!(["2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z"]);
    for printed in [of_name.ok(), of_text] {
        let instants: Value = serde_json::from_str(&printed).unwrap();
        let instants: Vec<_> = instants.as_array().unwrap().iter().map(utc).collect();
        assert_eq!(json!(instants), expected);
    }
}

fn utc(instant: &Value) -> String {
    wall_clock::parse(instant.as_str().unwrap()).format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[test]
fn next_refuses_a_bad_expression_and_takes_one_that_looks_like_a_flag() {
    let bad = docket(["next", "0 25 * * MON"]);
    let flag = docket(["next", "-5 * * * *"]);
    let star = docket(["next", "* * * * *"]);

    assert_eq!((bad.code, bad.out.as_str()), (1, ""));
    assert!(bad.err.contains("hour: 25 is out of range (0-23)"), "{}", bad.err);
    assert_eq!(flag.code, 1, "{flag:?}");
    assert_eq!(star.code, 0, "{star:?}");
}

#[test]
fn check_tells_all_errors_with_their_places_without_a_server() {
    let directory = TempDir::new().unwrap();
    let (good, bad) = (directory.path().join("good.yml"), directory.path().join("bad.yml"));
    fs::write(&good, TWO).unwrap();
    fs::write(&bad, TWO.replace("Image", "Imagee")).unwrap();

    let checked = docket(["check", good.to_str().unwrap()]);
    let refused = docket(["check", bad.to_str().unwrap()]);

    assert_eq!(checked.code, 0, "{checked:?}");
    assert_eq!(refused.code, 1);
    for place in ["bad.yml", "4", "7", "Imagee", "Image"] {
        assert!(refused.err.contains(place), "no {place} in {}", refused.err);
    }
}

#[test]
fn completions_are_there_for_the_shells() {
    for shell in ["bash", "zsh", "fish"] {
        let script = docket(["completions", shell]).ok();
        assert!(script.contains("docket"), "{shell}");
    }
    assert_eq!(docket(["completions", "no-such-shell"]).code, 2);
}
