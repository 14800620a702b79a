//! Tables on terminals of any width, and in pipes.

use insta::assert_snapshot;

use crate::{
    docket,
    stub_server::{Answer, Request, Stub, ok},
    terminal::on_terminal,
};

/// A server with a long name, a manual allocation, and one that runs after two others.
fn answer(request: &Request) -> Answer {
    let status = |more: &str| {
        format!(
            r#"{{"Next":null,"TimeZone":"UTC","Running":0,"LastRun":null,"Revision":7,
            "Origin":"api","Created":"2026-11-20T08:00:00Z"{more}}}"#
        )
    };
    let long = "a-name-that-is-as-long-as-the-names-of-large-companies";
    let container = r#""Container":{"Config":{"Image":"busybox","Env":["PASSWORD=hidden","LANG=C"]},
        "HostConfig":{"Binds":["/srv/data:/data:ro"],"Memory":536870912}}"#;
    let load = format!(
        r#"{{"Name":"load","After":["extract","{long}"],{container},"Overlap":"Forbid",
        "Timeout":"10m","Logs":["2026-11-20 09:00:00.601558174 +0000 UTC, [started: 0123456789abcdef]"],
        "Status":{}}}"#,
        status("")
    );
    let all = format!(
        r#"[{{"Name":"extract","Cron":"","Container":{{}},"Logs":[],"Status":{}}},
        {{"Name":"{long}","Cron":"0 0 30 2 *","Container":{{}},"Logs":[],"Status":{}}},{load}]"#,
        status(""),
        status(r#","Warnings":["never runs: there is no such date"]"#)
    );
    match request.line.as_str() {
        "GET /?limit=1000" => ok(all),
        "GET /load" => ok(load),
        "GET /load/runs?limit=20" => ok(r#"{"Runs":[{"Run":"20261121T090000.123Z",
            "Allocation":"load","Instant":"2026-11-21T09:00:00.123Z","Trigger":"AfterParent",
            "State":"failed","Reason":"the registry does not answer: connection refused",
            "Decided":"2026-11-21T09:00:00.123Z","Ended":"2026-11-21T09:00:03Z","Attempts":[]}]}"#),
        "GET /-/journal?limit=50" => ok(r#"[{"At":"2026-11-21T09:00:00Z","Allocation":"load",
            "By":"ann@db","Event":{"Updated":{"Keys":["Cron","Container.HostConfig.Memory"]}}}]"#),
        line => panic!("{line}"),
    }
}

fn list(columns: u16) -> String {
    on_terminal(&Stub::tcp(answer), columns, &["list"]).0
}

#[test]
fn a_list_on_a_terminal_of_80_columns_shows_dependencies_manual_and_never() {
    assert_snapshot!(list(80), @"
    NAME                 SCHEDULE            NEXT                ACTIVE  LAST RESULT
    extract              manual              not scheduled               no runs yet
    a-name-that-is-as-…  0 0 30 2 *          never                       no runs yet
    load                 after extract,…     when all of them…           no runs yet
    ");
}

#[test]
fn a_terminal_without_a_width_counts_as_80_columns() {
    for command in [&["list"][..], &["get", "load"], &["runs", "load"], &["journal"]] {
        let on = |columns| on_terminal(&Stub::tcp(answer), columns, command).0;
        assert_eq!(on(0), on(80));
    }
}

#[test]
fn no_line_is_wider_than_the_terminal_and_each_row_has_one() {
    for (command, lines) in [(&["list"][..], 4), (&["runs", "load"], 2), (&["journal"], 2)] {
        for columns in [1, 2, 10, 20, 40, 60, 80, 120, 250] {
            let screen = on_terminal(&Stub::tcp(answer), columns, command).0;
            let widest = screen.lines().map(|line| line.chars().count()).max();
            assert!(widest <= Some(columns.into()), "{columns} columns:\n{screen}");
            assert_eq!(screen.lines().count(), lines, "{columns} columns:\n{screen}");
        }
    }
}

#[test]
fn narrow_terminals_show_the_most_important_columns() {
    assert_snapshot!(list(40), @"
    NAME                      LAST RESULT  …
    extract                   no runs yet
    a-name-that-is-as-long-…  no runs yet
    load                      no runs yet
    ");
    assert_snapshot!(list(20), @"
    NAME               …
    extract
    a-name-that-is-a…
    load
    ");
    let runs = |columns| on_terminal(&Stub::tcp(answer), columns, &["runs", "load"]).0;
    assert_snapshot!(runs(80), @"
    RUN                   STATE   STARTED  DURATION  EXIT CODE  REASON             …
    20261121T090000.123Z  failed                                the registry…
    ");
    assert_snapshot!(runs(40), @"
    RUN                   STATE   …
    20261121T090000.123Z  failed
    ");
}

#[test]
fn get_on_a_terminal_shows_policies_names_of_variables_mounts_limits_and_readable_logs() {
    let (screen, errors) = on_terminal(&Stub::tcp(answer), 80, &["get", "load"]);
    assert!(!screen.contains("hidden"), "{screen}");
    let shown = without_created(&screen);
    assert_snapshot!(shown, @"
    Name:         load
    Schedule:     after extract,
                  a-name-that-is-as-long-as-the-names-of-large-companies
    Time zone:    UTC
    Next:         when all of them have succeeded
    Last result:  no runs yet
    Image:        busybox
    Environment:  PASSWORD, LANG
    Mounts:       /srv/data:/data:ro
    Limits:       Memory 512.0 MiB
    Policies:     Pull Always (default)
                  Overlap Forbid
                  CatchUp Latest (default)
                  Timeout 10m
                  Retries 0 (default)
    From:         api
    Newest logs:  2026-11-20 09:00:00 UTC  started container 0123456789ab
    ");
    assert_eq!(errors, "");
}

/// The screen without the line whose text depends on the clock.
fn without_created(screen: &str) -> String {
    let lines = screen.lines().filter(|line| !line.starts_with("Created:"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn on_a_terminal_the_request_is_shown_only_with_verbose() {
    let stub = Stub::tcp(answer);
    let errors = |arguments: &[&str]| on_terminal(&stub, 80, arguments).1;
    for quiet in [&["list"][..], &["list", "-o", "json"], &["get", "load", "-o", "yaml"]] {
        assert_eq!(errors(quiet), "");
    }
    assert_eq!(errors(&["list", "-v"]), format!("GET {}\n", stub.address));
    assert_eq!(errors(&["get", "load", "--verbose"]), format!("GET {}/load\n", stub.address));
}

#[test]
fn in_a_pipe_the_request_is_shown_as_in_the_original() {
    let stub = Stub::tcp(answer);
    for arguments in [&["list"][..], &["list", "-o", "yaml"], &["list", "-v", "-o", "table"]] {
        let transcript = stub.transcript(&mut docket(arguments));
        assert!(transcript.ends_with("--- stderr\nGET <server>\n"), "{transcript}");
    }
}

#[test]
fn a_table_in_a_pipe_has_tabs_and_no_padding() {
    let stub = Stub::tcp(answer);
    assert_snapshot!(stub.transcript(&mut docket(["list", "-o", "table"])).replace('\t', "|"), @"
    exit code 0
    --- stdout
    NAME|SCHEDULE|NEXT|ACTIVE|LAST RESULT
    extract|manual|not scheduled||no runs yet
    a-name-that-is-as-long-as-the-names-of-large-companies|0 0 30 2 *|never||no runs yet
    load|after extract, a-name-that-is-as-long-as-the-names-of-large-companies|when all of them have succeeded||no runs yet
    ");
}
