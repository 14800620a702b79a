//! What runs wrote, and write.

use insta::assert_snapshot;

use crate::{
    docket,
    stub::{Stub, ok},
};

#[test]
fn logs_are_the_bytes_of_the_newest_run_or_of_the_one_that_is_named() {
    let stub = Stub::tcp(|request| match request.line.as_str() {
        "GET /foo/runs?limit=1" => ok(r#"{"Runs":[{"Run":"20261121T090000Z","Allocation":"foo",
            "Instant":"2026-11-21T09:00:00Z","Trigger":"Schedule","State":"failed",
            "Decided":"2026-11-21T09:00:00Z","Attempts":[{"Attempt":1,"Container":"abc",
            "OutOfMemory":false}]}]}"#),
        "GET /foo/runs/20261121T090000Z/output" => ok(*b"newest\xff\x00"),
        "GET /foo/runs/20261121T080000Z/output" => ok("older"),
        line => panic!("{line}"),
    });
    let written = |arguments: &[&str]| {
        docket(arguments).env("DOCKET_SERVER", &stub.address).output().unwrap().stdout
    };
    assert_eq!(written(&["logs", "foo"]), b"newest\xff\x00");
    assert_eq!(written(&["logs", "foo", "20261121T080000Z"]), b"older");
}

#[test]
fn logs_say_why_there_are_none() {
    let stub = Stub::tcp(|request| match request.line.as_str() {
        "GET /new/runs?limit=1" => ok(r#"{"Runs":[]}"#),
        _ => ok(r#"{"Runs":[{"Run":"20261121T090000Z","Allocation":"foo",
            "Instant":"2026-11-21T09:00:00Z","Trigger":"Schedule","State":"missed",
            "Reason":"the engine was away","Last":"20261121T090000Z","Count":1,
            "Decided":"2026-11-21T09:00:00Z","Attempts":[]}]}"#),
    });
    assert_snapshot!(stub.transcript(&mut docket(["logs", "new"])), @r"
    exit code 1
    --- stderr
    error: new has not run yet
    ");
    assert_snapshot!(stub.transcript(&mut docket(["logs", "foo"])), @r"
    exit code 1
    --- stderr
    error: the newest run, foo/20261121T090000Z, wrote nothing: missed: the engine was away
    ");
}
