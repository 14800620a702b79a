//! Commands that ask a server.

use std::fs;

use insta::assert_snapshot;
use tempfile::tempdir;

use crate::{
    docket, docket_with_file,
    stub::{Answer, Request, Stub, ok},
};

const ALLOCATION: &str = r#"{"Name":"foo","Cron":"0 9 * * *","TimeZone":"Europe/Berlin",
    "Container":{"Config":{"Image":"busybox","Cmd":["echo","hello"]}},
    "Logs":["2026-11-20 09:00:00.000000000 +0100 CET, [Pulled busybox latest foo]"],
    "Status":{"Next":null,"TimeZone":"Europe/Berlin","Running":0,"LastRun":null,"Revision":7,
    "Origin":"api","Created":"2026-11-20T08:00:00Z"}}"#;

const FILE: &str = r#"
- Name: foo
  Cron: "* * * * *"
  Container: {Config: {Image: busybox, Env: ["A=ä"]}}
- Name: bar
  Cron: ""
  Container: {Config: {Image: busybox}}
"#;

fn problem(status: &'static str, detail: &str) -> Answer {
    let (code, title) = status.split_once(' ').unwrap();
    let body = format!(r#"{{"status":{code},"title":"{title}","detail":"{detail}"}}"#);
    (status, vec!["content-type: application/problem+json".to_owned()], body.into_bytes())
}

#[test]
fn list_and_get_print_what_the_server_says_as_json_indented_by_four() {
    let stub = Stub::tcp(|request| match request.line.as_str() {
        "GET /" => ok(format!("[{ALLOCATION}]")),
        _ => ok(ALLOCATION),
    });
    assert_snapshot!(stub.transcript(&mut docket(["list"])), @r#"
    exit code 0
    --- stdout
    [
        {
            "Name": "foo",
            "Cron": "0 9 * * *",
            "TimeZone": "Europe/Berlin",
            "Container": {
                "Config": {
                    "Image": "busybox",
                    "Cmd": [
                        "echo",
                        "hello"
                    ]
                }
            },
            "Logs": [
                "2026-11-20 09:00:00.000000000 +0100 CET, [Pulled busybox latest foo]"
            ],
            "Status": {
                "Next": null,
                "TimeZone": "Europe/Berlin",
                "Running": 0,
                "LastRun": null,
                "Revision": 7,
                "Origin": "api",
                "Created": "2026-11-20T08:00:00Z"
            }
        }
    ]
    --- stderr
    GET <server>
    "#);
    assert_snapshot!(stub.transcript(&mut docket(["get", "foo", "-o", "json"])), @r#"
    exit code 0
    --- stdout
    {
        "Name": "foo",
        "Cron": "0 9 * * *",
        "TimeZone": "Europe/Berlin",
        "Container": {
            "Config": {
                "Image": "busybox",
                "Cmd": [
                    "echo",
                    "hello"
                ]
            }
        },
        "Logs": [
            "2026-11-20 09:00:00.000000000 +0100 CET, [Pulled busybox latest foo]"
        ],
        "Status": {
            "Next": null,
            "TimeZone": "Europe/Berlin",
            "Running": 0,
            "LastRun": null,
            "Revision": 7,
            "Origin": "api",
            "Created": "2026-11-20T08:00:00Z"
        }
    }
    --- stderr
    GET <server>/foo
    "#);
    assert_eq!(stub.lines(), ["GET /", "GET /foo"]);
}

#[test]
fn list_prints_yaml_and_a_table_where_it_is_asked_to() {
    let stub = Stub::tcp(|_| ok(format!("[{ALLOCATION}]")));
    assert_snapshot!(stub.transcript(&mut docket(["list", "-o", "yaml"])), @r"
    exit code 0
    --- stdout
    - Name: foo
      Cron: 0 9 * * *
      TimeZone: Europe/Berlin
      Container:
        Config:
          Image: busybox
          Cmd:
          - echo
          - hello
      Logs:
      - 2026-11-20 09:00:00.000000000 +0100 CET, [Pulled busybox latest foo]
      Status:
        Next: null
        TimeZone: Europe/Berlin
        Running: 0
        LastRun: null
        Revision: 7
        Origin: api
        Created: 2026-11-20T08:00:00Z
    --- stderr
    GET <server>
    ");
    assert_snapshot!(stub.transcript(&mut docket(["list", "-o", "table"])), @r"
    exit code 0
    --- stdout
    NAME  SCHEDULE   NEXT   LAST RESULT
    foo   0 9 * * *  never  has not run yet
    ");
}

#[test]
fn a_table_of_nothing_says_what_to_do() {
    let stub = Stub::tcp(|_| ok("[]"));
    assert_snapshot!(stub.transcript(&mut docket(["list", "-o", "table"])), @r"
    exit code 0
    --- stdout
    no allocations: `docket push` creates those of docket.yml
    ");
    assert_snapshot!(stub.transcript(&mut docket(["list"])), @r"
    exit code 0
    --- stdout
    []
    --- stderr
    GET <server>
    ");
}

#[test]
fn a_limit_follows_the_server_s_pages_and_says_where_it_cut() {
    let answer = |request: &Request| {
        let (page, next) = match request.line.as_str() {
            "GET /?limit=3" => (r#"[{"Name":"a"},{"Name":"b"}]"#, Some("9")),
            "GET /?limit=3&cursor=9" => (r#"[{"Name":"c"},{"Name":"d"}]"#, Some("12")),
            _ => ("[]", None),
        };
        let link = |cursor| format!("link: </?limit=3&cursor={cursor}>; rel=\"next\"");
        ("200 OK", next.map(link).into_iter().collect(), page.into())
    };
    let stub = Stub::tcp(answer);
    assert_snapshot!(stub.transcript(&mut docket(["list", "--limit", "3"])), @r#"
    exit code 0
    --- stdout
    [
        {
            "Name": "a"
        },
        {
            "Name": "b"
        },
        {
            "Name": "c"
        }
    ]
    --- stderr
    GET <server>
    these are the first 3; there are more
    "#);
    assert_eq!(stub.lines(), ["GET /?limit=3", "GET /?limit=3&cursor=9"]);
}

#[test]
fn push_sends_one_request_and_says_what_became_of_each_allocation() {
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
    Updated allocation bar
    ");
    let requests = stub.requests();
    assert_eq!(requests.len(), 1);
    assert_snapshot!(requests[0].line, @"POST /?results=true");
    assert_snapshot!(requests[0].body, @r#"[{"Name":"foo","Cron":"* * * * *","Container":{"Config":{"Image":"busybox","Env":["A=ä"]}}},{"Name":"bar","Cron":"","Container":{"Config":{"Image":"busybox"}}}]"#);
    assert!(requests[0].headers.contains(&"content-type: application/json".to_owned()));
}

#[test]
fn push_echoes_each_specification_only_if_asked_to() {
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
fn push_passes_on_that_unknown_options_are_let_through() {
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
fn a_refused_push_is_shown_field_by_field() {
    let stub = Stub::tcp(|_| {
        let body = r#"{"overall":{},"fields":{"[0].Cron":"too odd","[0].Name":"Required"}}"#;
        ("422 Unprocessable Entity", Vec::new(), body.into())
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
fn delete_goes_on_after_a_name_that_is_not_there_and_fails_in_the_end() {
    let stub = Stub::tcp(|request| match request.line.as_str() {
        "DELETE /fo" => problem("404 Not Found", "there is no `fo`: did you mean `foo`?"),
        _ => ok(r#"{"deleted":true}"#),
    });
    assert_snapshot!(stub.transcript(&mut docket(["delete", "foo", "fo", "bar"])), @r"
    exit code 1
    --- stdout
    Deleted foo
    Deleted bar
    --- stderr
    error: cannot delete fo: <server> answered 404 Not Found: there is no `fo`: did you mean `foo`?
    ");
}

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

#[test]
fn next_of_an_allocation_takes_schedule_zone_and_anchor_from_the_server() {
    let every = ALLOCATION.replace("0 9 * * *", "@every 1h30m");
    let stub = Stub::tcp(move |_| ok(every.clone()));
    let arguments = ["next", "--of", "foo", "--from", "2026-11-21T00:00:00Z", "-n", "2"];
    assert_snapshot!(stub.transcript(&mut docket(arguments)), @r"
    exit code 0
    --- stdout
    2026-11-21T01:30:00+01:00
    2026-11-21T03:00:00+01:00
    ");
}

#[test]
fn health_is_an_exit_code() {
    let well = Stub::tcp(|_| ok("{}"));
    let ill = Stub::tcp(|_| problem("503 Service Unavailable", "the clock was set back"));
    assert_snapshot!(well.transcript(&mut docket(["health"])), @r"
    exit code 0
    --- stdout
    <server> is well
    ");
    assert_snapshot!(ill.transcript(&mut docket(["health"])), @r"
    exit code 1
    --- stderr
    error: <server> answered 503 Service Unavailable: the clock was set back
    ");
    assert_eq!(well.lines(), ["GET /-/health"]);
}

#[test]
fn a_token_comes_from_a_file_or_the_environment_and_is_sent_as_bearer() {
    let stub = Stub::tcp(|_| ok("[]"));
    let folder = tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, "from-a-file-0123456\n").unwrap();

    stub.transcript(docket(["list"]).env("DOCKET_TOKEN", "from-the-environment"));
    stub.transcript(docket(["list", "--token-file"]).arg(&file));

    let sent: Vec<_> = stub.requests().iter().flat_map(|request| request.headers.clone()).collect();
    assert!(sent.contains(&"authorization: Bearer from-the-environment".to_owned()), "{sent:?}");
    assert!(sent.contains(&"authorization: Bearer from-a-file-0123456".to_owned()), "{sent:?}");
}

#[test]
fn a_server_is_reached_over_a_socket_file_too() {
    let folder = tempdir().unwrap();
    let stub = Stub::unix(&folder.path().join("docket.sock"), |_| ok("[]"));
    assert_snapshot!(stub.transcript(&mut docket(["list"])), @r"
    exit code 0
    --- stdout
    []
    --- stderr
    GET <server>
    ");
}

#[test]
fn a_missing_scheme_and_a_trailing_slash_do_no_harm() {
    let stub = Stub::tcp(|_| ok(ALLOCATION));
    for host in [stub.address.replace("http://", ""), format!("{}/", stub.address)] {
        docket(["get", "foo", "--host", &host]).assert().success();
    }
    assert_eq!(stub.lines(), ["GET /foo", "GET /foo"]);
}

#[test]
fn no_proxy_is_asked_for_a_server_on_this_machine() {
    let stub = Stub::tcp(|_| ok("[]"));
    let mut list = docket(["list"]);
    list.env("HTTP_PROXY", "http://127.0.0.1:1").env("http_proxy", "http://127.0.0.1:1");
    assert!(stub.transcript(&mut list).starts_with("exit code 0\n"));
}

#[test]
fn an_answer_that_was_not_hoped_for_is_told_in_words() {
    let page = Stub::tcp(|_| ok("<html>"));
    let moved = Stub::tcp(|_| {
        let location = vec!["location: https://docket.example.org/".to_owned()];
        ("301 Moved Permanently", location, Vec::new())
    });
    let closed = Stub::tcp(|_| problem("401 Unauthorized", "send the token"));
    let proxy = Stub::tcp(|_| ("502 Bad Gateway", Vec::new(), b"<html>down</html>".to_vec()));
    assert_snapshot!(page.transcript(&mut docket(["list"])), @r"
    exit code 1
    --- stderr
    GET <server>
    error: <server> gave an answer that cannot be read: is it docket?: expected value at line 1 column 1
    ");
    assert_snapshot!(moved.transcript(&mut docket(["list"])), @r"
    exit code 1
    --- stderr
    GET <server>
    error: <server> answered 301 Moved Permanently: the server is at https://docket.example.org/
    ");
    assert_snapshot!(closed.transcript(&mut docket(["list"])), @r"
    exit code 1
    --- stderr
    GET <server>
    error: <server> answered 401 Unauthorized: it wants a token, which --token-file or DOCKET_TOKEN gives
    ");
    assert_snapshot!(proxy.transcript(&mut docket(["list"])), @r"
    exit code 1
    --- stderr
    GET <server>
    error: <server> answered 502 Bad Gateway
    ");
}

#[test]
fn a_server_that_is_not_there_is_named_with_the_one_cause_that_matters() {
    let told = crate::transcript(&mut docket(["health", "--host", "127.0.0.1:1"]));
    assert_snapshot!(told, @r"
    exit code 1
    --- stderr
    error: cannot reach http://127.0.0.1:1: Connection refused (os error 111) (is it running? `docket server` starts one)
    ");
}

#[test]
fn certificates_that_cannot_be_read_are_named() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("ca.pem"), "no certificate").unwrap();
    let mut list = docket(["list", "--host", "https://127.0.0.1:1", "--cacert", "ca.pem"]);
    assert_snapshot!(crate::transcript(list.current_dir(folder.path())), @r"
    exit code 1
    --- stderr
    error: ca.pem holds no certificates
    ");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    use std::process::{Command, Stdio};
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("docket"));
    command.args(["next", "* * * * *", "-n", "10000"]).env_clear().env("TZ", "UTC");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}
