//! Commands about the server as a whole.

use std::{fs, os::unix::fs::PermissionsExt};

use insta::assert_snapshot;
use tempfile::tempdir;

use crate::{
    docket, docket_with_file,
    stub_server::{Stub, answer, cut, in_turn, ok, problem},
};

#[test]
fn health_is_an_exit_code() {
    let well = Stub::tcp(|_| ok("{}"));
    let ill = Stub::tcp(|_| problem("503 Service Unavailable", "the clock was set back"));
    assert_snapshot!(well.transcript(&mut docket(["health"])), @r"
    exit code 0
    --- stdout
    <server> is healthy
    ");
    assert_snapshot!(ill.transcript(&mut docket(["health"])), @r"
    exit code 1
    --- stderr
    error: <server> answered 503 Service Unavailable: the clock was set back
    ");
    assert_eq!(well.lines(), ["GET /-/health"]);
}

#[test]
fn a_server_is_paused_until_a_time_and_unpaused() {
    let body = r#"{"TimeZone":"Europe/Berlin","Pause":{"By":"ann@db","Reason":"the database moves",
        "Since":"2026-11-21T09:00:00Z","Until":"2026-11-21T11:00:00Z"}}"#;
    let paused = Stub::tcp(move |_| ok(body));
    let open_ended = Stub::tcp(|_| {
        ok(r#"{"TimeZone":"UTC","Pause":{"By":"ann@db","Since":"2026-11-21T09:00:00Z"}}"#)
    });
    let unpaused = Stub::tcp(|_| ok(r#"{"TimeZone":"UTC","WasPaused":true}"#));
    let not_paused = Stub::tcp(|_| ok(r#"{"TimeZone":"UTC","WasPaused":false}"#));
    let reason = ["--reason", "the database moves"];
    let until = ["--until", "2026-11-21T11:00:00Z"];

    assert_snapshot!(paused.transcript(docket(["pause"]).args(reason).args(until)), @r"
    exit code 0
    --- stdout
    Paused <server> until 2026-11-21 12:00 CET
    ");
    assert_snapshot!(open_ended.transcript(&mut docket(["pause"])), @r"
    exit code 0
    --- stdout
    Paused <server> until it is unpaused
    ");
    assert_snapshot!(paused.transcript(&mut docket(["health"])), @"
    exit code 0
    --- stdout
    <server> is healthy; it has been paused since 2026-11-21 10:00 CET by ann@db until 2026-11-21 12:00 CET: the database moves
    ");
    assert_snapshot!(unpaused.transcript(&mut docket(["unpause"])), @r"
    exit code 0
    --- stdout
    Unpaused <server>
    ");
    assert_snapshot!(not_paused.transcript(&mut docket(["unpause"])), @r"
    exit code 0
    --- stdout
    <server> was not paused
    ");

    let asked = paused.requests().remove(0);
    assert_eq!(asked.line, "POST /-/pause");
    let body = r#"{"Reason":"the database moves","Until":"2026-11-21T11:00:00Z","By":"ann@db"}"#;
    assert_eq!(asked.body, body);
    assert_eq!(unpaused.lines(), ["POST /-/unpause"]);
}

#[test]
fn a_backup_is_complete_and_private() {
    let folder = tempdir().unwrap();
    let copy = folder.path().join("docket.backup");
    fs::write(folder.path().join("docket.backup.part"), "left behind").unwrap();
    let stub = Stub::tcp(|_| ok("x".repeat(1536)));
    let mut backup = docket(["backup", "docket.backup"]);

    assert_snapshot!(stub.transcript(backup.current_dir(folder.path())), @"
    exit code 0
    --- stdout
    docket.backup: 1.5 KiB
    ");

    assert_eq!(fs::read_to_string(&copy).unwrap(), "x".repeat(1536));
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_eq!(stub.lines(), ["GET /-/backup"]);
}

#[test]
fn a_backup_never_replaces_the_store_of_a_running_server() {
    let stub = Stub::tcp(|_| ok("copy"));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("docket.db"), "precious").unwrap();
    std::os::unix::fs::symlink("docket.db", folder.path().join("link")).unwrap();
    let lock = fs::File::create(folder.path().join("docket.db.lock")).unwrap();
    lock.lock().unwrap();

    for name in ["docket.db", "link"] {
        let mut backup = docket(["backup", "--force", name]);
        let text = stub.transcript(backup.current_dir(folder.path()));

        let expected = format!("error: `{name}` is the store of a running server");
        assert!(text.contains(&expected), "{text}");
    }
    assert_eq!(fs::read(folder.path().join("docket.db")).unwrap(), b"precious");
}

#[test]
fn a_backup_replaces_a_file_only_with_force() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("docket.backup"), "older").unwrap();
    let stub = Stub::tcp(|_| ok("newer"));
    let read = || fs::read_to_string(folder.path().join("docket.backup")).unwrap();

    let mut polite = docket(["backup", "docket.backup"]);
    assert_snapshot!(stub.transcript(polite.current_dir(folder.path())), @"
    exit code 1
    --- stderr
    error: `docket.backup` already exists: name another file, or replace it with --force
    ");
    assert_eq!(read(), "older");

    let mut forced = docket(["backup", "docket.backup", "--force"]);
    assert_snapshot!(stub.transcript(forced.current_dir(folder.path())), @"
    exit code 0
    --- stdout
    docket.backup: 5 B
    ");
    assert_eq!(read(), "newer");
}

#[test]
fn a_failed_backup_leaves_no_file() {
    let folder = tempdir().unwrap();
    let stub = Stub::tcp(in_turn([
        cut("half"),
        problem("409 Conflict", "the store is `memory`: there is no file to copy"),
        ok(""),
    ]));
    let backup = |file: &str| {
        let mut backup = docket(["backup", file]);
        stub.transcript(backup.current_dir(folder.path()))
    };
    assert_snapshot!(backup("docket.backup"), @"
    exit code 1
    --- stderr
    error: lost the connection to <server>: end of file before message length reached
    ");
    assert_snapshot!(backup("docket.backup"), @"
    exit code 1
    --- stderr
    error: <server> answered 409 Conflict: the store is `memory`: there is no file to copy
    ");
    assert_snapshot!(backup("docket.backup"), @"
    exit code 1
    --- stderr
    error: the server sent an empty backup
    ");
    assert_snapshot!(backup("."), @"
    exit code 1
    --- stderr
    error: `.` is a directory: name a file in it
    ");
    let mut nowhere = docket(["backup", "/nowhere/docket.backup"]);
    let served = Stub::tcp(|_| ok("x"));
    assert_snapshot!(served.transcript(&mut nowhere), @"
    exit code 1
    --- stderr
    error: cannot write /nowhere/docket.backup.part: No such file or directory (os error 2)
    ");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn the_journal_is_that_of_the_server_or_of_an_allocation() {
    let stub = Stub::tcp(|request| match request.line.as_str() {
        "GET /-/journal?limit=2" => {
            let link = "link: </-/journal?limit=2&cursor=7>; rel=\"next\"".to_owned();
            let entries = r#"[{"At":"2026-11-21T09:00:00Z","Allocation":"foo","By":"ann@db",
                "Event":{"Updated":{"Keys":["Cron"]}}},
                {"At":"2026-11-21T08:00:00Z","Event":{"Started":{"Version":"0.1.0"}}}]"#;
            answer("200 OK", [link], entries)
        }
        "GET /-/journal?allocation=foo&limit=50" => {
            ok(r#"[{"At":"2026-11-21T09:00:00Z","Allocation":"foo","Event":"Resumed"}]"#)
        }
        "GET /-/journal?allocation=bar&limit=50" | "GET /-/journal?allocation=fo&limit=50" => {
            ok(r#"[{"At":"2026-11-21T08:00:00Z","Event":"Stopped"}]"#)
        }
        "GET /bar" => ok("{}"),
        "GET /fo" => problem("404 Not Found", "no allocation is named `fo`"),
        line => panic!("{line}"),
    });
    let journal =
        |arguments: &[&str]| stub.transcript(&mut docket([&["journal"], arguments].concat()));
    assert_snapshot!(journal(&["--limit", "2", "-o", "table"]), @"
    exit code 0
    --- stdout
    TIME (UTC)	ALLOCATION	WHAT	BY
    2026-11-21T09:00:00Z	foo	changed: Cron	ann@db
    2026-11-21T08:00:00Z		docket 0.1.0 started	
    --- stderr
    showing the newest 2; see more with --limit
    ");
    assert_snapshot!(journal(&["foo"]), @r#"
    exit code 0
    --- stdout
    [
        {
            "At": "2026-11-21T09:00:00Z",
            "Allocation": "foo",
            "Event": "Resumed"
        }
    ]
    "#);
    assert_snapshot!(journal(&["bar", "-o", "table"]), @"
    exit code 0
    --- stdout
    TIME (UTC)	ALLOCATION	WHAT	BY
    2026-11-21T08:00:00Z		docket was stopped
    ");
    assert_snapshot!(journal(&["fo"]), @"
    exit code 1
    --- stderr
    error: there is no allocation `fo`, and no entry is about it
    ");
}

const FILE: &str = r#"
- Name: foo
  Cron: "* * * * *"
  Container: {Config: {Image: busybox}}
- Name: bar
  Cron: "@daily"
  Container: {Config: {Image: nowhere/nothing}}
"#;

#[test]
fn check_shows_the_engine_s_findings_at_the_line_of_the_allocation() {
    let folder = tempdir().unwrap();
    let of_foo = || ok(r#"[{"Name":"foo","Findings":[]}]"#);
    // A server that takes long sends white space first.
    let of_bar = |fatal: bool| {
        ok(format!(
            r#"

            [{{"Name":"bar","Findings":[
            {{"Field":"Container.HostConfig.Memory","Message":"swap is not limited","Fatal":false}},
            {{"Field":"Container.Config.Image","Message":"no such image","Fatal":{fatal}}}]}}]"#
        ))
    };
    let stub = Stub::tcp(in_turn([of_foo(), of_bar(true), of_foo(), of_bar(false), ok("[]")]));
    let check = || {
        let arguments = ["check", "--engine", "docket.yml"];
        stub.transcript(&mut docket_with_file(arguments, folder.path(), FILE))
    };
    assert_snapshot!(check(), @"
    exit code 1
    --- stderr
    warning: docket.yml:5: bar: Container.HostConfig.Memory: swap is not limited
    error: docket.yml:5: bar: Container.Config.Image: no such image
    error: docket.yml: the engine cannot run 1 allocation
    ");
    assert_snapshot!(check(), @"
    exit code 0
    --- stdout
    docket.yml: 2 allocations, 2 warnings
    --- stderr
    warning: docket.yml:5: bar: Container.HostConfig.Memory: swap is not limited
    warning: docket.yml:5: bar: Container.Config.Image: no such image
    ");
    assert_snapshot!(check(), @"
    exit code 1
    --- stderr
    error: <server> checked 0 allocations instead of 1
    ");
    assert_snapshot!(stub.requests()[0].line, @"POST /-/check?engine=");
    assert!(stub.requests()[0].body.starts_with(r#"[{"Name":"foo","#));
    assert!(stub.requests()[1].body.starts_with(r#"[{"Name":"bar","#));
}

#[test]
fn check_does_not_ask_the_engine_if_there_are_errors() {
    let stub = Stub::tcp(in_turn([]));
    let mut check = docket(["check", "--engine", "-"]);
    let text = stub.transcript(check.write_stdin("- Name: foo\n"));
    assert!(text.ends_with("error: standard input: 2 errors\n"), "{text}");
    assert!(stub.requests().is_empty());
}
