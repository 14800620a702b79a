//! Events as the client prints them.

use std::process::{Command, Stdio};

use insta::assert_snapshot;

use crate::{
    docket,
    stub_server::{Stub, cut, held, in_turn, ok, over, problem, record, running, silent},
};

fn event(id: u32, kind: &str, data: &str) -> String {
    format!("id: a-{id}\nevent: {kind}\ndata: {}\n\n", data.replace('\n', " "))
}

fn run(id: u32, record: &str) -> String {
    let at = "2026-11-21T09:00:07.5Z";
    event(id, "run", &format!(r#"{{"At":"{at}","Allocation":"foo","Run":{record}}}"#))
}

fn claimed(attempt: &str) -> String {
    record("claimed", &format!(r#""Attempts":[{attempt}]"#))
}

/// Events with keep-alive messages in between.
fn stream() -> String {
    [
        "retry: 2000\n\n:\nid: a-0\n\n".to_owned(),
        event(1, "allocation", r#"{"At":"2026-11-21T08:59:00Z","Allocation":"foo","Event":{"Updated":{"Keys":["Cron"]}},"By":"ann@db"}"#),
        run(2, &claimed(r#"{"Attempt":1,"OutOfMemory":false}"#)),
        run(2, &claimed(r#"{"Attempt":1,"Container":"abc","OutOfMemory":false}"#)),
        run(2, &running()),
        ":\nid: a-3\n\n".to_owned(),
        run(4, &over("failed", 3, 9)),
        event(5, "server", r#"{"At":"2026-11-21T09:01:00Z","Event":"Stopped"}"#),
        event(6, "server", r#"{"At":"2026-11-21T09:01:00Z","Event":{"Moved":"\u001b[2J"}}"#),
    ]
    .concat()
}

#[test]
fn events_are_printed_in_words_or_as_json_lines() {
    let refused = || problem("400 Bad Request", "enough");
    let text = Stub::tcp(in_turn([ok(stream()), refused()]));
    let json = Stub::tcp(in_turn([ok(run(2, &running())), refused()]));
    assert_snapshot!(text.transcript(&mut docket(["events", "-o", "text"])), @r#"
    exit code 1
    --- stdout
    2026-11-21T08:59:00Z  foo  changed: Cron (by ann@db)
    2026-11-21T09:00:07Z  foo  run 20261121T090000.123Z starting
    2026-11-21T09:00:07Z  foo  run 20261121T090000.123Z starting, container created
    2026-11-21T09:00:07Z  foo  run 20261121T090000.123Z running
    2026-11-21T09:00:07Z  foo  run 20261121T090000.123Z failed: exit code 3
    2026-11-21T09:01:00Z  docket  docket was stopped
    server  {"At":"2026-11-21T09:01:00Z","Event":{"Moved":"\u001b[2J"}}
    --- stderr
    error: <server> answered 400 Bad Request: enough
    "#);
    assert_snapshot!(json.transcript(&mut docket(["events"])), @r#"
    exit code 1
    --- stdout
    {"Id":"a-2","Kind":"run","At":"2026-11-21T09:00:07.5Z","Allocation":"foo","Run":{"Run":"20261121T090000.123Z","Allocation":"foo","Instant":"2026-11-21T09:00:00.123Z","Trigger":"ByHand","By":"ann@db","State":"running","Decided":"2026-11-21T09:00:00.123Z","Attempts":[{"Attempt":1,"Container":"abc","Started":"2026-11-21T09:00:00.5Z","OutOfMemory":false}]}}
    --- stderr
    error: <server> answered 400 Bad Request: enough
    "#);
}

#[test]
fn a_line_that_repeats_the_previous_one_of_its_run_is_omitted() {
    let claimed = || run(1, &claimed(r#"{"Attempt":1,"OutOfMemory":false}"#));
    let of_other = claimed().replace("\"foo\"", "\"bar\"");
    let later = claimed().replace("09:00:07.5Z", "09:00:08Z");
    let over = || run(1, &over("failed", 3, 9));
    let events = [claimed(), of_other, later, run(1, &running()), over(), over()].concat();
    let answers = || in_turn([ok(events.clone()), problem("400 Bad Request", "enough")]);
    let (text, json) = (Stub::tcp(answers()), Stub::tcp(answers()));

    assert_snapshot!(text.transcript(&mut docket(["events", "-o", "text"])), @r"
    exit code 1
    --- stdout
    2026-11-21T09:00:07Z  foo  run 20261121T090000.123Z starting
    2026-11-21T09:00:07Z  bar  run 20261121T090000.123Z starting
    2026-11-21T09:00:07Z  foo  run 20261121T090000.123Z running
    2026-11-21T09:00:07Z  foo  run 20261121T090000.123Z failed: exit code 3
    --- stderr
    error: <server> answered 400 Bad Request: enough
    ");
    let json = json.transcript(&mut docket(["events", "-o", "json"]));
    assert_eq!(json.matches("\"Kind\":\"run\"").count(), 6, "{json}");
}

#[test]
fn after_a_reconnection_events_continue_and_it_is_reported_once() {
    let half = stream();
    let half = &half[..half.find("id: a-4").unwrap() + 20];
    let stub = Stub::tcp(in_turn([
        cut(half),
        silent(),
        problem("503 Service Unavailable", "the server stops"),
        ok(event(7, "gap", r#"{"Reason":"docket was restarted: reload everything"}"#)),
        problem("400 Bad Request", "enough"),
    ]));
    let arguments = [
        "events",
        "-o",
        "text",
        "--allocation",
        "foo",
        "--label",
        "team=a",
        "--kind",
        "Run,server",
        "--state",
        "Failed,retrying",
    ];
    assert_snapshot!(stub.transcript(&mut docket(arguments)), @"
    exit code 1
    --- stdout
    2026-11-21T08:59:00Z  foo  changed: Cron (by ann@db)
    2026-11-21T09:00:07Z  foo  run 20261121T090000.123Z starting
    2026-11-21T09:00:07Z  foo  run 20261121T090000.123Z starting, container created
    2026-11-21T09:00:07Z  foo  run 20261121T090000.123Z running
    --- stderr
    warning: lost the connection to <server>: end of file before message length reached; reconnecting
    <server> is back
    warning: some events are missing: docket was restarted: reload everything
    error: <server> answered 400 Bad Request: enough
    ");
    let last_ids: Vec<_> = stub
        .requests()
        .into_iter()
        .map(|request| {
            let id = request.headers.iter().find_map(|line| line.strip_prefix("last-event-id: "));
            id.map(str::to_owned)
        })
        .collect();
    assert_eq!(
        last_ids.iter().map(Option::as_deref).collect::<Vec<_>>(),
        [None, Some("a-3"), Some("a-3"), Some("a-3"), Some("a-7")]
    );
    assert_eq!(
        stub.lines()[0],
        "GET /-/events?allocation=foo&label=team%3Da&kind=run&kind=server&state=failed&state=retrying"
    );
}

#[test]
fn a_server_that_was_never_reached_is_an_error_at_once() {
    let mut nowhere = docket(["events", "--host", "127.0.0.1:1"]);
    assert_snapshot!(crate::transcript(&mut nowhere), @r"
    exit code 1
    --- stderr
    error: cannot reach http://127.0.0.1:1: Connection refused (os error 111) (is it running? `docket server` starts one)
    ");
}

#[test]
fn a_reader_that_closes_the_pipe_is_no_failure() {
    let stub = Stub::tcp(|_| held(stream().repeat(1000)));
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("docket"));
    command.args(["events"]).env_clear().env("DOCKET_SERVER", &stub.address);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();

    drop(child.stdout.take());

    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}
