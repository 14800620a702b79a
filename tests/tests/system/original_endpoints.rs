//! The four endpoints of the original, byte for byte where its users may rely on it.

use docket_tests::{
    Engine, Server,
    allocation::{idle, log_words, once},
    raw_http_client::{Reply, Request},
    wall_clock,
};
use serde_json::{Value, json};

const JSON: &str = "application/json; charset=UTF-8";

/// Status, content type and body.
fn summary(reply: &Reply) -> (u16, &str, String) {
    (reply.status, reply.header("content-type").unwrap_or_default(), reply.text())
}

fn names(server: &Server) -> Vec<String> {
    let list = server.get("/").json();
    let names = list.as_array().unwrap().iter().map(|item| item["Name"].as_str().unwrap());
    names.map(str::to_owned).collect()
}

#[test]
fn an_empty_server_lists_nothing() {
    let server = Server::start(Engine::shared());

    assert_eq!(summary(&server.get("/")), (200, JSON, "[]".to_owned()));
}

#[test]
fn a_push_says_whether_the_name_is_new() {
    let server = Server::start(Engine::shared());

    let first = server.send(&Request::post(idle("foo")));
    let second = server.send(&Request::post(idle("foo")));

    assert_eq!(summary(&first), (200, JSON, r#"{"created":true}"#.to_owned()));
    assert_eq!(summary(&second), (200, JSON, r#"{"created":false}"#.to_owned()));
}

#[test]
fn an_allocation_comes_back_as_it_was_posted_with_logs_and_status() {
    let server = Server::start(Engine::shared());
    let posted = idle("foo");
    server.push(&posted);

    let reply = server.get("/foo");

    let allocation = reply.json();
    assert_eq!((reply.status, reply.header("content-type")), (200, Some(JSON)));
    for key in ["Name", "Cron", "TimeZone", "Container"] {
        assert_eq!(allocation[key], posted[key], "{key}");
    }
    assert_eq!(allocation["Logs"], json!([]));
    let status = &allocation["Status"];
    assert_eq!((&status["TimeZone"], &status["Running"]), (&json!("UTC"), &json!(0)));
    assert!(status["Next"].as_str().unwrap().ends_with("-01-01T00:00:00Z"), "{status}");
    assert_eq!(server.get("/").json(), json!([allocation]));
}

#[test]
fn the_list_keeps_the_order_of_creation_through_updates_and_deletions() {
    let server = Server::start(Engine::shared());
    for name in ["c", "a", "b", "d"] {
        server.push(&idle(name));
    }

    let mut changed = idle("a");
    changed["Cron"] = "0 0 2 1 *".into();
    server.push(&changed);
    server.send(&Request::new("DELETE", "/c"));

    assert_eq!(names(&server), ["a", "b", "d"]);
    assert_eq!(server.allocation("a")["Cron"], "0 0 2 1 *");
}

#[test]
fn an_update_keeps_the_logs_and_a_name_created_anew_has_none() {
    let server = Server::start(Engine::shared());
    server.push(&once("foo", wall_clock::soon(), &["true"]));
    server.ended_run("foo");

    server.push(&idle("foo"));
    let updated = log_words(&server.allocation("foo")).len();
    server.send(&Request::new("DELETE", "/foo"));
    server.push(&idle("foo"));
    let anew = log_words(&server.allocation("foo")).len();

    assert_eq!((updated, anew), (4, 0));
}

#[test]
fn a_deletion_says_so() {
    let server = Server::start(Engine::shared());
    server.push(&idle("foo"));

    let reply = server.send(&Request::new("DELETE", "/foo"));

    assert_eq!(summary(&reply), (200, JSON, r#"{"deleted":true}"#.to_owned()));
    assert_eq!(server.get("/foo").status, 404);
}

#[test]
fn all_errors_of_a_push_are_reported_at_once() {
    let server = Server::start(Engine::shared());

    let empty = server.send(&Request::post("{}"));
    let bad = json!({ "Name": "foo", "Cron": "0 25 * * MON", "Container": { "Config": {} } });
    let fields = server.refusal(&bad);

    let body = empty.json();
    assert_eq!((empty.status, empty.header("content-type")), (422, Some(JSON)));
    assert_eq!(body["overall"], json!({}));
    assert_eq!(body["fields"]["Name"], "Required");
    assert_eq!(body["fields"]["Container.Config"], "Config is required");
    assert!(body["fields"]["Cron"].is_string(), "{body}");
    assert_eq!(fields["Container.Config.Image"], "Image is required");
    assert!(fields["Cron"].as_str().unwrap().contains("25 is out of range (0-23)"), "{fields}");
}

#[test]
fn a_malformed_body_is_reported_with_its_position() {
    let server = Server::start(Engine::shared());

    let reply = server.send(&Request::post("{\"Name\":\n oops}"));

    let body = reply.json();
    let error = body["overall"]["DeserializationError"].as_str().unwrap();
    assert_eq!((reply.status, reply.header("content-type")), (400, Some(JSON)));
    assert_eq!(body["fields"], json!({}));
    assert!(error.contains("line 2 column 2"), "{error}");
}

#[test]
fn head_answers_as_get_does_without_a_body() {
    let server = Server::start(Engine::shared());
    server.push(&idle("foo"));

    for (path, status) in [("/", 200), ("/foo", 200), ("/bar", 404)] {
        let reply = server.send(&Request::new("HEAD", path));
        assert_eq!((reply.status, reply.body.len()), (status, 0), "{path}");
    }
}

#[test]
fn a_trailing_slash_is_accepted() {
    let server = Server::start(Engine::shared());
    server.push(&idle("foo"));

    assert_eq!(server.get("/foo/").json()["Name"], "foo");
    assert_eq!(server.send(&Request::new("DELETE", "/foo/")).text(), r#"{"deleted":true}"#);
}

#[test]
fn keys_are_read_in_any_case_and_written_in_their_own() {
    let server = Server::start(Engine::shared());
    let posted = json!({
        "name": "foo",
        "CRON": "0 0 1 1 *",
        "container": {
            "config": { "image": "busybox", "LABELS": { "Free": "as it is" } },
            "hostconfig": { "networkmode": "none" },
        },
    });

    server.push(&posted);

    let expected = json!({
        "Config": { "Image": "busybox", "Labels": { "Free": "as it is" } },
        "HostConfig": { "NetworkMode": "none" },
    });
    assert_eq!(server.allocation("foo")["Container"], expected);
}

#[test]
fn what_the_server_printed_can_be_pushed_back() {
    let server = Server::start(Engine::shared());
    server.push(&once("foo", wall_clock::soon(), &["true"]));
    server.ended_run("foo");
    let printed = server.allocation("foo");

    server.push(&printed);

    assert_eq!(server.allocation("foo"), printed);
}

#[test]
fn what_the_original_printed_can_be_pushed() {
    let server = Server::start(Engine::shared());
    let mut printed = idle("foo");
    printed["Logs"] = Value::Null;
    printed["Container"]["Name"] = "".into();
    printed["Container"]["Context"] = json!({});
    printed["Container"]["Config"]["Entrypoint"] = Value::Null;
    printed["Container"]["HostConfig"]["RestartPolicy"] = json!({});
    printed["Container"]["NetworkingConfig"] = json!({ "EndpointsConfig": null });

    assert!(server.push(&printed));
}

#[test]
fn several_allocations_are_pushed_together_or_not_at_all() {
    let server = Server::start(Engine::shared());
    server.push(&idle("b"));
    let mut bad = idle("bad");
    bad["Cron"] = "30-10 * * * *".into();

    let refused = server.send(&Request::post(json!([idle("a"), bad])));
    let after_refusal = names(&server);
    let mut changed = idle("b");
    changed["Description"] = "changed".into();
    let pushed = server.send(&Request::post(json!([idle("a"), changed, idle("c")])));
    let again = server.send(&Request::post(json!([idle("a")])));

    assert_eq!((refused.status, after_refusal), (422, vec!["b".to_owned()]));
    assert_eq!(pushed.text(), r#"{"created":2,"updated":1,"unchanged":0}"#);
    assert_eq!(again.text(), r#"{"created":0,"updated":0,"unchanged":1}"#);
    assert_eq!(names(&server), ["b", "a", "c"]);
}

#[test]
fn a_list_comes_in_pages_where_that_is_asked_for() {
    let server = Server::start(Engine::shared());
    for name in ["a", "b", "c"] {
        server.push(&idle(name));
    }

    let first = server.get("/?limit=2");
    let link = first.header("link").unwrap().to_owned();
    let next = link.trim_start_matches('<').split('>').next().unwrap();
    let second = server.get(next);

    let count = |reply: &Reply| reply.json().as_array().unwrap().len();
    assert!(link.contains("rel=\"next\""), "{link}");
    assert_eq!((count(&first), count(&second)), (2, 1));
    assert_eq!(second.json()[0]["Name"], "c");
    assert_eq!(second.header("link"), None);
}
