//! One event is one line, even if a message of an engine has line breaks.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::{
    docket,
    stub_server::{ALLOCATION, Answer, Request, Stub, answer, ok, problem, record},
};

/// A reason with line breaks and an escape sequence, as JSON.
const REASON: &str = r"exec failed:\r\n\u001b[31mno such file\u001b[0m\nexit";

fn failed() -> String {
    let rest = format!(
        r#""Reason":"{REASON}","Ended":"2026-11-21T09:00:03Z",
        "Attempts":[{{"Attempt":1,"OutOfMemory":false}}]"#
    );
    record("failed", &rest).replace('\n', " ")
}

fn allocation() -> String {
    let last = format!(
        r#""LastRun":{{"Run":"20261121T090000.123Z","State":"failed","Reason":"{REASON}",
        "Ended":"2026-11-21T09:00:03Z"}}"#
    );
    let entry = format!("2026-11-21 10:00:03.000000000 +0100 CET, [Error: {REASON}]");
    ALLOCATION
        .replace(r#""LastRun":null"#, &last)
        .replace("2026-11-20 09:00:00.000000000 +0100 CET, [Pulled busybox latest foo]", &entry)
}

/// Answers a request; `count` of them came before it.
fn server(request: &Request, count: usize) -> Answer {
    match request.line.as_str() {
        "GET /foo" => ok(allocation()),
        "POST /skipped/runs" => {
            let json = "content-type: application/json".to_owned();
            answer("409 Conflict", [json], failed().replace("failed\"", "skipped\""))
        }
        "POST /foo/runs" => answer("202 Accepted", None, failed()),
        "GET /foo/runs?limit=20" | "GET /foo/runs?limit=100" => {
            ok(format!(r#"{{"Runs":[{}]}}"#, failed()))
        }
        "GET /foo/why" => ok(format!(
            r#"{{"Allocation":"foo","Sentences":[{{"At":"2026-11-21T09:00:00Z","Text":"failed: {REASON}"}}]}}"#
        )),
        "GET /-/events" if count == 0 => ok(format!(
            "id: a-1\nevent: run\ndata: {{\"Allocation\":\"foo\",\"Run\":{}}}\n\n\
             id: a-2\nevent: gap\ndata: {{\"Reason\":\"{REASON}\"}}\n\n",
            failed()
        )),
        line if line == "GET /" || line.starts_with("GET /?") => ok(format!("[{}]", allocation())),
        line if line.starts_with("GET /foo/runs/20261121T090000.123Z/output") => ok(""),
        line if line.starts_with("GET /foo/runs/20261121T090000.123Z") => ok(failed()),
        _ => problem("400 Bad Request", REASON),
    }
}

/// The reason as it is shown.
const SHOWN: &str = "exec failed:\\r\\n\u{fffd}[31mno such file\u{fffd}[0m\\nexit";

#[test]
fn line_breaks_in_a_reason_are_shown_escaped() {
    let commands: [&[&str]; 9] = [
        &["run", "foo", "--wait"],
        &["run", "skipped"],
        &["events", "-o", "text"],
        &["runs", "foo", "-o", "table"],
        &["why", "foo"],
        &["logs", "foo"],
        &["list", "-o", "table"],
        &["get", "foo", "-o", "table"],
        &["resume", "foo"],
    ];
    for command in commands {
        let count = AtomicUsize::new(0);
        let stub = Stub::tcp(move |request| server(request, count.fetch_add(1, Ordering::Relaxed)));
        let transcript = stub.transcript(&mut docket(command));

        assert!(!transcript.contains(['\r', '\u{1b}']), "{command:?}: {transcript}");
        let is_about = |line: &&str| {
            ["exec failed", "no such file", "exit"].iter().any(|part| line.contains(part))
        };
        let mut lines = transcript.lines().skip(1).filter(is_about).peekable();
        assert!(lines.peek().is_some(), "{command:?}: {transcript}");
        assert!(lines.all(|line| line.contains(SHOWN)), "{command:?}: {transcript}");
    }
}
