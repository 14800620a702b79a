//! Options of the server before the command, and usage lines.

use std::fs;

use insta::assert_snapshot;
use tempfile::tempdir;

use crate::{
    docket,
    stub_server::{Stub, ok},
    transcript,
};

fn server() -> Stub {
    Stub::tcp(|_| ok("[]"))
}

#[test]
fn the_server_may_be_named_before_the_command() {
    let stub = server();
    let joined = format!("--host={}", stub.address);
    let lists: [&[&str]; 3] = [
        &["--host", &stub.address, "list"],
        &[&joined, "list"],
        &["list", "--host", &stub.address],
    ];
    for arguments in lists {
        let text = transcript(&mut docket(arguments));
        assert!(text.starts_with("exit code 0\n--- stdout\n[]\n"), "{text}");
    }
    assert_eq!(stub.lines().len(), 3);
}

#[test]
fn an_option_after_the_command_takes_precedence_and_both_over_a_variable() {
    let (before, behind, variable) = (server(), server(), server());
    let asked = || [before.lines().len(), behind.lines().len(), variable.lines().len()];
    let list = |arguments: &[&str]| {
        let mut list = docket(arguments);
        transcript(list.env("DOCKET_SERVER", &variable.address));
    };
    list(&["list"]);
    assert_eq!(asked(), [0, 0, 1]);
    list(&["--host", &before.address, "list"]);
    assert_eq!(asked(), [1, 0, 1]);
    list(&["--host", &before.address, "list", "--host", &behind.address]);
    assert_eq!(asked(), [1, 1, 1]);
}

#[test]
fn the_token_may_be_named_before_the_command() {
    let folder = tempdir().unwrap();
    let token = folder.path().join("token");
    fs::write(&token, "sesame-open-the-door").unwrap();
    let stub = server();
    let mut list = docket(["--token-file", token.to_str().unwrap(), "list"]);
    stub.transcript(&mut list);
    let headers = &stub.requests()[0].headers;
    let sent = "authorization: Bearer sesame-open-the-door".to_owned();
    assert!(headers.contains(&sent), "{headers:?}");
}

#[test]
fn arguments_after_the_command_are_unchanged() {
    let run = r#"{"Run":"20261121T090000Z","Allocation":"foo","Instant":"2026-11-21T09:00:00Z",
        "Trigger":"ByHand","State":"claimed","Decided":"2026-11-21T09:00:00Z","Attempts":[]}"#;
    let stub = Stub::tcp(move |_| ok(run));
    let arguments = ["--host", &stub.address, "run", "foo", "--", "list", "--host", "other"];
    let text = transcript(&mut docket(arguments));
    assert!(text.starts_with("exit code 0"), "{text}");
    assert_eq!(stub.requests()[0].body, r#"{"Cmd":["list","--host","other"],"By":"ann@db"}"#);
}

#[test]
fn wrong_options_before_the_command_are_explained() {
    let text = |arguments: &[&str]| transcript(&mut docket(arguments));
    assert_snapshot!(text(&["--host", "example.org", "server"]), @"
    exit code 2
    --- stderr
    error: --host is only for commands that send requests to a server; `docket server` does not

    Usage: docket [OPTIONS] <COMMAND>

    For more information, try '--help'.
    ");
    assert_snapshot!(text(&["--host", "ftp://example.org", "list"]), @"
    exit code 2
    --- stderr
    error: invalid value 'ftp://example.org' for '--host <URL>': `ftp://example.org` is not the address of a server: write http://HOST:PORT, https://… or unix:/PATH

    For more information, try '--help'.
    ");
    assert_snapshot!(text(&["--host"]), @"
    exit code 2
    --- stderr
    error: a value is required for '--host <URL>' but none was supplied

    For more information, try '--help'.
    ");
}

#[test]
fn usage_lines_in_errors_are_those_of_the_help() {
    let misused: [&[&str]; 8] = [
        &["nxt"],
        &["suspend"],
        &["resume", "report", "--all"],
        &["next", "* * * * *", "--of", "report"],
        &["server", "--tls-key", "key.pem"],
        &["runs"],
        &["list", "--nosuch"],
        &["cancel", "report", "20261121T090000Z", "--all"],
    ];
    for arguments in misused {
        let error = transcript(&mut docket(arguments));
        let command = arguments.first().filter(|command| **command != "nxt");
        let help = transcript(&mut docket(command.into_iter().chain(&["--help"])));
        let usage = |text: &str| {
            text.lines().find(|line| line.starts_with("Usage: ")).map(ToOwned::to_owned)
        };
        assert!(usage(&help).is_some(), "{help}");
        assert_eq!(usage(&error), usage(&help), "{error}");
    }
}
