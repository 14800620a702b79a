//! Usage errors and their messages.

use insta::assert_snapshot;

use crate::{docket, transcript};

#[test]
fn usage_errors_exit_with_2() {
    let misuses: [&[&str]; 34] = [
        &["nxt"],
        &["server", "--pull-timeout", "30"],
        &["server", "--max-body", "64"],
        &["server", "--namespace", "Docket"],
        &["server", "--listen", "3000"],
        &["server", "--tls-key", "key.pem"],
        &["server", "--store", "etcd://host"],
        &["server", "--store", "sqlite:"],
        &["server", "--max-running", "0"],
        &["server", "--queue", "-1"],
        &["server", "--public-url", "docket.example.org"],
        &["get", "a/b"],
        &["logs", "report/yesterday"],
        &["backup", "-"],
        &["run", "report", "--env", "DAY"],
        &["run", "report", "--env", "=x"],
        &["suspend"],
        &["suspend", "report", "--until", "30"],
        &["suspend", "report", "--until", "yesterday"],
        &["resume", "report", "--all"],
        &["runs", "report", "--state", "done"],
        &["runs", "report", "--limit", "0"],
        &["runs"],
        &["runs", "report", "--all"],
        &["runs", "report", "--since", "24h"],
        &["runs", "--all", "--since", "30"],
        &["next", "--all", "--from", "09:00"],
        &["logs", "report", "yesterday"],
        &["logs", "report", "--tail", "many"],
        &["logs", "report", "--stdout", "--stderr"],
        &["list", "--host", "tcp://localhost:3000"],
        &["next", "* * * * *", "--of", "report"],
        &["next"],
        &["resume"],
    ];
    let mut text = String::new();
    for misuse in misuses {
        let line = transcript(&mut docket(misuse));
        text = format!("{text}$ docket {}\n{line}\n", misuse.join(" "));
    }
    assert_snapshot!("usage_errors", text);
}

#[test]
fn an_unknown_variable_has_a_warning() {
    let mut command = docket(["next", ""]);
    command.env("DOCKET_HOST", "example.org").env("DOCKET_SERVICE_PORT", "3000");
    assert_snapshot!(transcript(&mut command), @"
    exit code 0
    --- stderr
    warning: unknown variable DOCKET_HOST: did you mean DOCKET_SERVER?
    time zone data: <version> (bundled)
    this schedule has no instants
    ");
}

#[test]
fn a_server_on_a_public_address_requires_a_token() {
    let text = transcript(&mut docket(["server", "--listen", "0.0.0.0:0"]));
    assert!(text.starts_with("exit code 1\n"), "{text}");
    assert!(text.contains("`--token-file FILE`") && text.contains("`--insecure`"), "{text}");
}

#[test]
fn a_short_token_a_missing_directory_and_a_zero_timeout_are_errors() {
    let mut short = docket(["server", "--listen", "127.0.0.1:0"]);
    short.env("DOCKET_TOKEN", "secret").env("DOCKET_LOG", "error");
    assert_snapshot!(transcript(&mut short), @"
    exit code 1
    --- stderr
    error: DOCKET_TOKEN: the token has 6 characters instead of at least 16: create one with `openssl rand -hex 32`
    ");
    let mut unread = docket(["server", "--listen", "127.0.0.1:0", "--token-file", "/nowhere"]);
    assert_snapshot!(transcript(unread.env("DOCKET_LOG", "error")), @"
    exit code 1
    --- stderr
    error: cannot read `/nowhere` (from --token-file or DOCKET_TOKEN_FILE): No such file or directory (os error 2)
    ");
    let mut lost = docket(["server", "--listen", "127.0.0.1:0", "--env-dir", "/nowhere"]);
    assert_snapshot!(transcript(lost.env("DOCKET_LOG", "error")), @"
    exit code 1
    --- stderr
    error: --env-dir: `/nowhere` is not a directory
    ");
    let mut hasty = docket(["server", "--listen", "127.0.0.1:0", "--pull-timeout", "0s"]);
    assert_snapshot!(transcript(hasty.env("DOCKET_LOG", "error")), @"
    exit code 1
    --- stderr
    error: --pull-timeout must be longer than 0s
    ");
}
