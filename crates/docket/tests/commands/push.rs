//! `docket push`.

use insta::assert_snapshot;
use tempfile::tempdir;

use crate::{
    docket, docket_with_file,
    stub_server::{Stub, answer, ok},
    transcript,
};

const FILE: &str = r#"
- Name: foo
  Cron: "* * * * *"
  Container: {Config: {Image: busybox, Env: ["A=ä"]}}
- Name: bar
  Cron: ""
  Container: {Config: {Image: busybox}}
"#;

#[test]
fn push_sends_one_request_and_reports_each_allocation() {
    let folder = tempdir().unwrap();
    let stub = Stub::tcp(|_| {
        ok(r#"{"created":1,"updated":0,"unchanged":1,"results":[
            {"Name":"foo","Result":"created"},{"Name":"bar","Result":"unchanged"}]}"#)
    });

    let pushed = stub.transcript(&mut docket_with_file(["push"], folder.path(), FILE));

    assert_snapshot!(pushed, @r"
    exit code 0
    --- stdout
    Created allocation foo
    Unchanged allocation bar
    ");
    let requests = stub.requests();
    assert_eq!(requests.len(), 1);
    assert_snapshot!(requests[0].line, @"POST /?results=true");
    assert_snapshot!(requests[0].body, @r#"[{"Name":"foo","Cron":"* * * * *","Container":{"Config":{"Image":"busybox","Env":["A=ä"]}}},{"Name":"bar","Cron":"","Container":{"Config":{"Image":"busybox"}}}]"#);
    assert!(requests[0].headers.contains(&"content-type: application/json".to_owned()));
}

#[test]
fn push_prints_specifications_only_with_verbose() {
    let folder = tempdir().unwrap();
    let stub = Stub::tcp(|_| ok(r#"{"created":0,"updated":0,"unchanged":0,"results":[]}"#));
    let mut push = docket_with_file(["push", "-v"], folder.path(), FILE);
    assert_snapshot!(stub.transcript(&mut push), @r#"
    exit code 0
    --- stdout
    {
        "Name": "foo",
        "Cron": "* * * * *",
        "Container": {
            "Config": {
                "Image": "busybox",
                "Env": [
                    "A=ä"
                ]
            }
        }
    }
    {
        "Name": "bar",
        "Cron": "",
        "Container": {
            "Config": {
                "Image": "busybox"
            }
        }
    }
    "#);
}

#[test]
fn push_forwards_allow_unknown_options() {
    let stub = Stub::tcp(|_| {
        ok(
            r#"{"created":0,"updated":1,"unchanged":0,"results":[{"Name":"foo","Result":"updated"}]}"#,
        )
    });
    let file = r#"[{"Name":"foo","Cron":"","Container":{"Config":{"Image":"a","NewOption":1}}}]"#;
    let mut push = docket(["push", "-", "--allow-unknown-options"]);
    assert_snapshot!(stub.transcript(push.write_stdin(file)), @r"
    exit code 0
    --- stdout
    Updated allocation foo
    --- stderr
    warning: standard input:1:61: Container.Config.NewOption: unknown key `NewOption`: did you mean `OpenStdin`? (sent to the engine as it is)
    ");
    assert_snapshot!(stub.requests()[0].line, @"POST /?results=true&allow-unknown-options=true");
    assert_snapshot!(stub.requests()[0].body, @r#"[{"Name":"foo","Cron":"","Container":{"Config":{"Image":"a","NewOption":1}}}]"#);
}

#[test]
fn a_rejected_push_is_shown_field_by_field() {
    let stub = Stub::tcp(|_| {
        let body = r#"{"overall":{},"fields":{"[0].Cron":"too odd","[0].Name":"Required"}}"#;
        answer("422 Unprocessable Entity", None, body)
    });
    let folder = tempdir().unwrap();
    assert_snapshot!(stub.transcript(&mut docket_with_file(["push"], folder.path(), FILE)), @r"
    exit code 1
    --- stderr
    error: <server> answered 422 Unprocessable Entity
      [0].Cron: too odd
      [0].Name: Required
    ");
}

#[test]
fn check_push_and_next_warn_about_ambiguous_schedules() {
    let folder = tempdir().unwrap();
    let stub = Stub::tcp(|_| {
        ok(r#"{"created":1,"updated":0,"unchanged":0,"results":[{"Name":"a","Result":"created"}]}"#)
    });
    let file = "- Name: a\n  Cron: 0 0 4 * * *\n  Container: {Config: {Image: busybox}}\n\
                - Name: b\n  Cron: 0 0 24 12 * 2025\n  Container: {Config: {Image: busybox}}\n";

    assert_snapshot!(transcript(&mut docket_with_file(["check"], folder.path(), file)), @r"
    exit code 0
    --- stdout
    docket.yml: 2 allocations, 2 warnings
    --- stderr
    warning: docket.yml:2:9: Cron: six fields end with the year; if seconds were meant first, write `0 0 4 * * * *`, and if not, write `0 0 4 * *`
    warning: docket.yml:4:1: Cron: never runs: all its instants are in the past, the last was 2025-12-24T00:00:00Z
    ");
    let pushed = stub.transcript(&mut docket_with_file(["push"], folder.path(), file));
    assert_snapshot!(pushed, @r"
    exit code 0
    --- stdout
    Created allocation a
    --- stderr
    warning: docket.yml:2:9: Cron: six fields end with the year; if seconds were meant first, write `0 0 4 * * * *`, and if not, write `0 0 4 * *`
    warning: docket.yml:4:1: Cron: never runs: all its instants are in the past, the last was 2025-12-24T00:00:00Z
    ");
    let from = ["--from", "2026-11-21T00:00:00Z", "-n", "1"];
    assert_snapshot!(transcript(docket(["next", "0 0 4 * * *"]).args(from)), @r"
    exit code 0
    --- stdout
    2026-12-04T00:00:00Z
    --- stderr
    warning: six fields end with the year; if seconds were meant first, write `0 0 4 * * * *`, and if not, write `0 0 4 * *`
    time zone data: <version> (bundled)
    ");
    assert_snapshot!(transcript(docket(["next", "0 0 24 12 * 2025"]).args(from)), @"
    exit code 0
    --- stderr
    time zone data: <version> (bundled)
    all instants of this schedule are in the past; the last was 2025-12-24T00:00:00Z
    ");
    let odd = ["next", "0 0 * * *", "--time-zone", "Africa/Monrovia", "-n", "1"];
    let odd = transcript(docket(odd).args(["--from", "1971-06-01T00:00:00Z"]));
    assert_snapshot!(odd, @r"
    exit code 0
    --- stdout
    1971-06-01T00:44:30Z
    --- stderr
    time zone data: <version> (bundled)
    ");
}
