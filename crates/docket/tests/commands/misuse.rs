//! Every way to be misused, and what is told of it.

use insta::assert_snapshot;

use crate::{docket, transcript};

#[test]
fn misuse_is_told_from_failure() {
    let misuses: [&[&str]; 27] = [
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
        &["logs", "report", "yesterday"],
        &["list", "--host", "tcp://localhost:3000"],
        &["next", "* * * * *", "--of", "report"],
        &["next"],
        &["resume"],
    ];
    let mut told = String::new();
    for misuse in misuses {
        let line = transcript(&mut docket(misuse));
        told = format!("{told}$ docket {}\n{line}\n", misuse.join(" "));
    }
    assert_snapshot!("misuse", told);
}

#[test]
fn a_variable_that_means_nothing_is_warned_of() {
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
fn a_server_that_others_could_reach_wants_a_token() {
    let told = transcript(&mut docket(["server", "--listen", "0.0.0.0:0"]));
    assert!(told.starts_with("exit code 1\n"), "{told}");
    assert!(told.contains("`--token-file FILE`") && told.contains("`--insecure`"), "{told}");
}

#[test]
fn a_server_is_told_of_a_short_token_a_missing_folder_and_an_empty_time_out() {
    let mut short = docket(["server", "--listen", "127.0.0.1:0"]);
    short.env("DOCKET_TOKEN", "secret").env("DOCKET_LOG", "error");
    assert_snapshot!(transcript(&mut short), @r"
    exit code 1
    --- stderr
    error: DOCKET_TOKEN: a token has at least 16 characters, this one has 6: make one with `openssl rand -hex 32`
    ");
    let mut unread = docket(["server", "--listen", "127.0.0.1:0", "--token-file", "/nowhere"]);
    assert_snapshot!(transcript(unread.env("DOCKET_LOG", "error")), @"
    exit code 1
    --- stderr
    error: cannot read /nowhere, which --token-file or DOCKET_TOKEN_FILE names: No such file or directory (os error 2)
    ");
    let mut lost = docket(["server", "--listen", "127.0.0.1:0", "--env-dir", "/nowhere"]);
    assert_snapshot!(transcript(lost.env("DOCKET_LOG", "error")), @"
    exit code 1
    --- stderr
    error: --env-dir /nowhere: there is no such folder
    ");
    let mut hasty = docket(["server", "--listen", "127.0.0.1:0", "--pull-timeout", "0s"]);
    assert_snapshot!(transcript(hasty.env("DOCKET_LOG", "error")), @r"
    exit code 1
    --- stderr
    error: --pull-timeout is 0s: no image can be pulled in no time
    ");
}
