//! Commands that show, change and delete allocations.

use insta::assert_snapshot;

use crate::{
    docket,
    stub_server::{ALLOCATION, Request, Stub, answer, ok, problem},
};

#[test]
fn list_and_get_print_the_response_as_json_indented_by_four() {
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
fn list_prints_yaml_and_a_table_on_request() {
    let stub = Stub::tcp(|_| ok(format!("[{ALLOCATION}]")));
    assert_snapshot!(stub.transcript(&mut docket(["list", "-o", "yaml"])), @r#"
    exit code 0
    --- stdout
    - Name: foo
      Cron: "0 9 * * *"
      TimeZone: Europe/Berlin
      Container:
        Config:
          Image: busybox
          Cmd: [echo, hello]
      Logs: ["2026-11-20 09:00:00.000000000 +0100 CET, [Pulled busybox latest foo]"]
      Status:
        Next: null
        TimeZone: Europe/Berlin
        Running: 0
        LastRun: null
        Revision: 7
        Origin: api
        Created: "2026-11-20T08:00:00Z"
    --- stderr
    GET <server>
    "#);
    assert_snapshot!(stub.transcript(&mut docket(["list", "-o", "table"])), @"
    exit code 0
    --- stdout
    NAME	SCHEDULE	NEXT	ACTIVE	LAST RESULT
    foo	0 9 * * *	never		no runs yet
    ");
}

#[test]
fn a_list_is_filtered_by_label_and_state() {
    let stub = Stub::tcp(|request| match request.line.as_str() {
        "GET /?label=team%3Dfinance&state=failed%2Csuspended&limit=1000" => {
            ok(format!("[{ALLOCATION}]"))
        }
        "GET /?state=lost&limit=1000" => ok("[]"),
        line => panic!("{line}"),
    });
    let filters = ["list", "--label", "team=finance", "--state", "FAILED", "--state", "suspended"];
    assert_snapshot!(stub.transcript(docket(filters).args(["-o", "table"])), @"
    exit code 0
    --- stdout
    NAME	SCHEDULE	NEXT	ACTIVE	LAST RESULT
    foo	0 9 * * *	never		no runs yet
    ");
    assert_snapshot!(stub.transcript(&mut docket(["list", "--state", "lost", "-o", "table"])), @"
    exit code 0
    --- stdout
    no allocations match
    ");
}

/// Allocations with next instants, one of which is the same.
fn upcoming() -> String {
    let each = [
        ("late", r#""2026-11-22T09:00:00Z""#, "Europe/Berlin"),
        ("b", r#""2026-11-21T09:00:00Z""#, "UTC"),
        ("manual", "null", "UTC"),
        ("a", r#""2026-11-21T09:00:00Z""#, "Asia/Tokyo"),
    ];
    let each = each.map(|(name, next, zone)| {
        format!(
            r#"{{"Name":"{name}","Cron":"","Status":{{"Next":{next},"TimeZone":"{zone}",
            "Running":0,"LastRun":null,"Revision":7,"Origin":"api","Created":"2026-11-20T08:00:00Z"}}}}"#
        )
    });
    format!("[{}]", each.join(","))
}

#[test]
fn what_is_next_on_a_server_is_one_line_for_each_allocation() {
    let stub = Stub::tcp(|request| match request.line.as_str() {
        "GET /?logs=false&limit=1000" => ok(upcoming()),
        line => panic!("{line}"),
    });
    assert_snapshot!(stub.transcript(&mut docket(["next", "--all"])), @"
    exit code 0
    --- stdout
    2026-11-21T09:00:00Z	b
    2026-11-21T18:00:00+09:00	a
    2026-11-22T10:00:00+01:00	late
    ");
    assert_snapshot!(stub.transcript(&mut docket(["next", "--all", "-n", "1", "-o", "json"])), @r#"
    exit code 0
    --- stdout
    [
        {
            "Allocation": "b",
            "Instant": "2026-11-21T09:00:00Z"
        }
    ]
    --- stderr
    showing the first 1 of 3; see more with --count
    "#);
    let empty = Stub::tcp(|_| ok("[]"));
    assert_snapshot!(empty.transcript(&mut docket(["next", "--all"])), @"
    exit code 0
    --- stderr
    no allocation has a next instant
    ");
}

#[test]
fn an_empty_table_has_a_hint() {
    let stub = Stub::tcp(|_| ok("[]"));
    assert_snapshot!(stub.transcript(&mut docket(["list", "-o", "table"])), @"
    exit code 0
    --- stdout
    no allocations: create those of docket.yml with `docket push`
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
fn a_limit_follows_the_server_s_pages_and_reports_a_cut() {
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
    showing the first 3; there are more
    "#);
    assert_eq!(stub.lines(), ["GET /?limit=3", "GET /?limit=3&cursor=9"]);
}

#[test]
fn delete_continues_after_a_missing_name_and_fails_at_the_end() {
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
fn next_of_an_allocation_shows_the_instants_of_the_server_and_why_some_are_omitted() {
    let stub = Stub::tcp(|request| match request.line.as_str() {
        "GET /foo/instants?limit=2&from=2026-11-21T00%3A00%3A00Z" => {
            ok(r#"{"TimeZone":"Europe/Berlin","Instants":[{"At":"2026-11-23T05:30:00Z"},
            {"At":"2026-11-23T07:00:00Z"}],
            "Suspended":"foo is suspended by ann until 2026-11-23T05:00:00Z: the database moves"}"#)
        }
        "GET /foo/instants?limit=5" => ok(
            r#"{"TimeZone":"UTC","Instants":[],"Suspended":"foo is suspended by its specification"}"#,
        ),
        "GET /bar/instants?limit=5" => ok(r#"{"TimeZone":"UTC","Instants":[],
            "WhyNone":"bar runs when foo succeeds"}"#),
        line => panic!("{line}"),
    });
    let arguments = ["next", "--of", "foo", "--from", "2026-11-21T00:00:00Z", "-n", "2"];
    assert_snapshot!(stub.transcript(&mut docket(arguments)), @"
    exit code 0
    --- stdout
    2026-11-23T06:30:00+01:00
    2026-11-23T08:00:00+01:00
    --- stderr
    foo is suspended by ann until 2026-11-23T05:00:00Z: the database moves
    ");
    assert_snapshot!(stub.transcript(&mut docket(["next", "--of", "foo"])), @"
    exit code 0
    --- stderr
    foo is suspended by its specification
    ");
    assert_snapshot!(stub.transcript(&mut docket(["next", "--of", "bar"])), @"
    exit code 0
    --- stderr
    bar runs when foo succeeds
    ");
}

#[test]
fn more_instants_than_fit_on_a_page_are_requested_page_by_page() {
    let stub = Stub::tcp(|request| {
        let first = request.line == "GET /foo/instants?limit=1000";
        let count = if first { 1000 } else { 1 };
        let at = r#"{"At":"2026-11-23T05:30:00Z"}"#;
        let instants = vec![at; count].join(",");
        ok(format!(r#"{{"TimeZone":"UTC","Instants":[{instants}]}}"#))
    });
    let printed = docket(["next", "--of", "foo", "-n", "1001"])
        .env("DOCKET_SERVER", &stub.address)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(printed.stdout).unwrap().lines().count(), 1001);
    assert_eq!(stub.lines()[1], "GET /foo/instants?limit=1&from=2026-11-23T05%3A30%3A00Z");
}
