//! Texts with control sequences of a terminal, or with characters that reverse the text direction.

use docket_stub_engine::Options;
use docket_tests::{Home, StubEngine, allocation::idle, raw_http_client::Request};
use serde_json::{Value, json};

/// Clears the screen, sets a title, turns the text around, and ends a line where there is none.
const HOSTILE: &str = "\u{1b}[2Jx\u{1b}]0;title\u{7}\u{202e}gnp\u{9b}31m\r\u{2066}";

/// Only turns the text around: a reason and a caller with control characters are rejected.
const TURNED: &str = "\u{202e}gnp\u{2066}31m\u{2066}";

#[test]
fn no_command_of_a_terminal_gets_into_what_the_client_tells_people() {
    let stub = StubEngine::start(Options::default());
    let home = Home::durable(&stub.docker_host());
    let server = home.server();
    server.await_ready();
    let mut allocation = idle("foo");
    allocation["Description"] = json!(HOSTILE);
    allocation["Labels"] = json!({"owner": HOSTILE, "team": "a"});
    allocation["Container"]["Config"]["Env"] = json!([format!("X={HOSTILE}")]);
    server.push(&allocation);
    let post = |path: &str, body: Value| {
        let answer = server.send(&Request::post_to(path, body.to_string()));
        (answer.status, answer.text().contains("control character"))
    };
    let rejected = [
        post("/foo/runs", json!({"By": HOSTILE})),
        post("/foo/suspend", json!({"By": HOSTILE})),
        post("/foo/suspend", json!({"Reason": HOSTILE})),
    ];
    assert_eq!(post("/foo/runs", json!({"By": TURNED})).0, 202);
    server.ended_run("foo");
    assert_eq!(post("/foo/suspend", json!({"By": TURNED, "Reason": TURNED})).0, 200);

    let text = [
        server.docket(["list", "-o", "table"]).ok(),
        server.docket(["get", "foo", "-o", "table"]).ok(),
        server.docket(["why", "foo"]).ok(),
        server.docket(["journal", "-o", "table"]).ok(),
    ];

    let commands = |c: char| {
        let turns_around = ('\u{202a}'..='\u{202e}').contains(&c) || c == '\u{2066}';
        // Tabs separate columns; those within are shown escaped.
        !matches!(c, '\n' | '\t') && (c.is_control() || turns_around)
    };
    assert_eq!(rejected, [(400, true); 3]);
    for text in text {
        assert!(text.contains("gnp\u{fffd}31m"), "{text:?}");
        assert!(!text.contains(commands), "{text:?}");
    }
}
