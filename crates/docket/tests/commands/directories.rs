//! `check` and `push` of a directory.

use std::{fs, path::Path};

use insta::assert_snapshot;
use tempfile::{TempDir, tempdir};

use crate::{
    docket,
    stub_server::{Stub, in_turn, ok},
    transcript,
};

fn allocation(name: &str) -> String {
    format!("- Name: {name}\n  Cron: ''\n  Container: {{Config: {{Image: busybox}}}}\n")
}

/// A directory `jobs` in a directory of its own, with these files.
fn directory(files: &[(&str, &str)]) -> TempDir {
    let folder = tempdir().unwrap();
    let jobs = folder.path().join("jobs");
    fs::create_dir(&jobs).unwrap();
    for (name, text) in files {
        fs::write(jobs.join(name), text).unwrap();
    }
    folder
}

fn check(folder: &Path) -> String {
    transcript(docket(["check", "jobs"]).current_dir(folder))
}

#[test]
fn push_sends_the_allocations_of_all_files_in_one_request() {
    let json = r#"[{"Name":"three","Cron":"","Container":{"Config":{"Image":"busybox"}}}]"#;
    let folder = directory(&[
        ("b.yaml", &allocation("two")),
        ("a.yml", &allocation("one")),
        ("c.json", json),
        (".hidden.yml", "no: allocation"),
        ("README.md", "no allocation"),
    ]);
    let stub = Stub::tcp(|_| {
        ok(r#"{"created":3,"updated":0,"unchanged":0,"results":[{"Name":"one","Result":"created"},
            {"Name":"two","Result":"created"},{"Name":"three","Result":"created"}]}"#)
    });
    let mut push = docket(["push", "jobs/"]);
    assert_snapshot!(stub.transcript(push.current_dir(folder.path())), @"
    exit code 0
    --- stdout
    Created allocation one
    Created allocation two
    Created allocation three
    ");
    let bodies: Vec<_> = stub.requests().into_iter().map(|request| request.body).collect();
    assert_snapshot!(bodies.join("\n"), @r#"[{"Name":"one","Cron":"","Container":{"Config":{"Image":"busybox"}}},{"Name":"two","Cron":"","Container":{"Config":{"Image":"busybox"}}},{"Name":"three","Cron":"","Container":{"Config":{"Image":"busybox"}}}]"#);
}

#[test]
fn nothing_is_sent_if_one_file_has_an_error_and_all_errors_are_shown() {
    let bad = "- Name: two\n  Cron: '0 25 * * *'\n  Container: {Config: {Image: busybox}}\n";
    let folder = directory(&[
        ("a.yml", &allocation("one")),
        ("b.yml", bad),
        ("c.yml", &allocation("one")),
        ("d.yml", "- Name: a/b\n  Cron: ''\n  Container: {Config: {Image: busybox}}\n"),
    ]);
    let stub = Stub::tcp(in_turn([]));
    let mut push = docket(["push", "jobs"]);
    assert_snapshot!(stub.transcript(push.current_dir(folder.path())), @"
    exit code 1
    --- stderr
      × Cron: hour: 25 is out of range (0-23)
       ╭─[jobs/b.yml:2:12]
     1 │ - Name: two
     2 │   Cron: '0 25 * * *'
       ·            ──
     3 │   Container: {Config: {Image: busybox}}
       ╰────

    error: jobs/b.yml: 1 error
      × Name: `/` at position 2 is not allowed in a name: use letters, digits, `_`, `.` and `-`
       ╭─[jobs/d.yml:1:9]
     1 │ - Name: a/b
       ·         ───
     2 │   Cron: ''
       ╰────

    error: jobs/d.yml: 1 error
    error: jobs/c.yml:1: `one` is already defined in jobs/a.yml:1: rename or remove one of them
    ");
    assert!(stub.requests().is_empty());
}

#[test]
fn a_directory_without_files_is_an_error() {
    let folder = directory(&[(".hidden.yml", ""), ("README.md", "")]);
    assert_snapshot!(check(folder.path()), @"
    exit code 1
    --- stderr
    error: `jobs` has no files whose names end in .yml, .yaml or .json; files whose names begin with a dot are left out
    ");
}

#[test]
fn a_passing_check_counts_allocations_and_warnings() {
    let never = "- Name: two\n  Cron: '0 0 30 2 *'\n  Container: {Config: {Image: busybox}}\n";
    let folder = directory(&[("a.yml", &allocation("one")), ("b.yml", never)]);
    assert_snapshot!(check(folder.path()), @"
    exit code 0
    --- stdout
    jobs: 2 allocations, 1 warning
    --- stderr
    warning: jobs/b.yml:2:9: Cron: never runs: there is no such date
    ");
    fs::remove_file(folder.path().join("jobs/b.yml")).unwrap();
    assert_snapshot!(check(folder.path()), @"
    exit code 0
    --- stdout
    jobs: 1 allocation, 0 warnings
    ");
}

#[test]
fn the_engine_s_findings_have_file_and_line_and_are_counted() {
    let folder = directory(&[("a.yml", &allocation("one")), ("b.yml", &allocation("two"))]);
    let stub = Stub::tcp(in_turn([
        ok(r#"[{"Name":"one","Findings":[]}]"#),
        ok(r#"[{"Name":"two","Findings":[
            {"Field":"Container.Config.Image","Message":"no such image","Fatal":false}]}]"#),
    ]));
    let mut check = docket(["check", "--engine", "jobs"]);
    assert_snapshot!(stub.transcript(check.current_dir(folder.path())), @"
    exit code 0
    --- stdout
    jobs: 2 allocations, 1 warning
    --- stderr
    warning: jobs/b.yml:1: two: Container.Config.Image: no such image
    ");
}

#[test]
fn without_docket_yml_push_and_check_ask_for_a_file() {
    let folder = tempdir().unwrap();
    for command in ["push", "check"] {
        let text = transcript(docket([command]).current_dir(folder.path()));
        let expected = "exit code 1\n--- stderr\nerror: there is no `docket.yml` in this directory: name \
                        a file or a directory with specifications, or - for standard input\n";
        assert_eq!(text, expected);
    }
}
