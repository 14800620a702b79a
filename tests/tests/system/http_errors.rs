//! Rejected requests: their status codes and messages.

use std::fs;

use docket_tests::{Engine, Server, allocation::idle, eventually, raw_http_client::Request};
use serde_json::json;
use tempfile::TempDir;

#[test]
fn an_unknown_name_is_not_found_and_the_nearest_one_is_suggested() {
    let server = Server::start(Engine::shared());
    server.push(&idle("report"));

    for method in ["GET", "DELETE"] {
        let reply = server.send(&Request::new(method, "/repotr"));
        let problem = reply.problem();
        assert_eq!(reply.status, 404);
        assert!(problem.contains("repotr") && problem.contains("report"), "{problem}");
    }
    assert_eq!(server.get("/nothing/runs").status, 404);
    assert_eq!(server.get("/report/runs/20261121T090000Z").status, 404);
}

#[test]
fn a_method_that_is_not_allowed_is_answered_with_those_that_are() {
    let server = Server::start(Engine::shared());
    server.push(&idle("foo"));

    for (path, allowed) in [("/", "POST"), ("/foo", "DELETE")] {
        let reply = server.send(&Request::new("PUT", path));
        let allow = reply.header("allow").unwrap_or_default();
        assert_eq!(reply.status, 405, "{path}");
        assert!(allow.contains("GET") && allow.contains(allowed), "{path}: {allow}");
    }
}

#[test]
fn a_push_must_say_that_it_is_json() {
    let server = Server::start(Engine::shared());
    let body = idle("foo").to_string();

    for kind in [None, Some("application/x-www-form-urlencoded"), Some("text/plain")] {
        let request = Request::new("POST", "/").body(body.clone());
        let request = kind.map_or(request.clone(), |kind| request.header("Content-Type", kind));
        let reply = server.send(&request);
        let problem = reply.problem();
        assert_eq!(reply.status, 415, "{kind:?}");
        assert!(problem.contains("Content-Type: application/json"), "{problem}");
    }
    let with_charset = Request::new("POST", "/")
        .header("Content-Type", "application/json; charset=UTF-8")
        .body(body);
    assert_eq!(server.send(&with_charset).status, 200);
}

#[test]
fn a_body_over_the_bound_is_refused() {
    let server = Server::start_with(Engine::shared(), |command| {
        command.args(["--max-body", "4KiB"]);
    });
    let mut large = idle("foo");
    large["Description"] = "x".repeat(4096).into();

    let reply = server.send(&Request::post(large));

    assert_eq!(reply.status, 413);
    assert!(reply.problem().contains("--max-body"), "{}", reply.problem());
    assert_eq!(server.get("/").text(), "[]");
}

#[test]
fn a_name_that_could_not_be_fetched_is_refused() {
    let server = Server::start(Engine::shared());

    for name in ["a/b", "a?b", "a#b", " ", "", "-a", "ü", &"x".repeat(129)] {
        let fields = server.refusal(&idle(name));
        assert!(fields["Name"].is_string(), "{name}: {fields}");
    }
    assert!(server.push(&idle(&"x".repeat(128))));
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_one() {
    let server = Server::start(Engine::shared());
    let mut misspelt = idle("foo");
    misspelt["Timezones"] = json!("UTC");

    let fields = server.refusal(&misspelt);

    assert!(fields["Timezones"].as_str().unwrap().contains("`TimeZone`"), "{fields}");
}

#[test]
fn files_beside_the_server_are_never_served() {
    let directory = TempDir::new().unwrap();
    fs::create_dir(directory.path().join("public")).unwrap();
    for name in ["index.html", "foo"] {
        fs::write(directory.path().join("public").join(name), "shadow").unwrap();
    }
    let server = Server::start_with(Engine::shared(), |command| {
        command.current_dir(directory.path());
    });
    server.push(&idle("foo"));

    assert_eq!(server.get("/foo").json()["Name"], "foo");
    assert_eq!(server.get("/index.html").status, 404);
}

#[test]
fn the_servers_own_paths_tell_how_it_is() {
    let server = Server::start(Engine::shared());

    let ready = eventually("a server that is ready", || {
        Some(server.get("/-/ready")).filter(|reply| reply.status == 200)
    });
    let version = server.get("/-/version");

    assert_eq!(server.get("/-/health").status, 200);
    assert!(ready.json().is_object(), "{}", ready.text());
    assert!(version.text().contains(env!("CARGO_PKG_VERSION")), "{}", version.text());
    assert_eq!(server.get("/-/nothing").status, 404);
}
