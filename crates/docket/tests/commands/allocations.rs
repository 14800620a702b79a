//! Commands that show, change and delete allocations.

use insta::assert_snapshot;

use crate::{
    docket,
    stub::{ALLOCATION, Request, Stub, answer, ok, problem},
};

#[test]
fn list_and_get_print_what_the_server_says_as_json_indented_by_four() {
    let stub = Stub::tcp(|request| match request.line.as_str() {
        "GET /?limit=1000" => ok(format!("[{ALLOCATION}]")),
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
    assert_eq!(stub.lines(), ["GET /?limit=1000", "GET /foo"]);
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
    assert_snapshot!(stub.transcript(&mut docket(["list", "-o", "table"])), @"
    exit code 0
    --- stdout
    NAME	SCHEDULE	NEXT	ACTIVE	LAST RESULT
    foo	0 9 * * *	never		has not run yet
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
        answer("200 OK", next.map(link), page)
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
fn next_of_an_allocation_takes_schedule_zone_and_anchor_from_the_server() {
    let every = ALLOCATION.replace("0 9 * * *", "@every 1h30m");
    let stub = Stub::tcp(move |_| ok(every.clone()));
    let arguments = ["next", "--of", "foo", "--from", "2026-11-21T00:00:00Z", "-n", "2"];
    assert_snapshot!(stub.transcript(&mut docket(arguments)), @r"
    exit code 0
    --- stdout
    2026-11-21T01:30:00+01:00
    2026-11-21T03:00:00+01:00
    --- stderr
    time zone data: <version> (bundled)
    ");
}
