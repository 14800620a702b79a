//! Commands without a server: `next` and `check`.

use insta::assert_snapshot;
use tempfile::tempdir;

use crate::{docket, docket_with_file, transcript};

const FROM: &str = "2026-03-28T12:00:00Z";

const GOOD: &str = r#"
- Name: report
  Cron: "0 9 * * 1-5"
  Container: {Config: {Image: busybox, Cmd: [echo, hello]}}
- Name: cleanup
  Cron: "0 0 30 2 *"
  Container: {Config: {Image: busybox}}
"#;

const BAD: &str = r#"
- Name: report
  Cron: "0 25 * 13 MON"
  Container: {Config: {Image: busybox}}
- Name: clean/up
  Cron: "@daily"
  Container: {Config: {Imagee: busybox}}
"#;

fn next(arguments: &[&str]) -> String {
    transcript(&mut docket(["next", "--from", FROM].iter().chain(arguments)))
}

#[test]
fn next_shows_instants_in_the_requested_zone() {
    assert_snapshot!(next(&["30 2 * * *", "--time-zone", "Europe/Berlin"]), @r"
    exit code 0
    --- stdout
    2026-03-29T03:00:00+02:00
    2026-03-30T02:30:00+02:00
    2026-03-31T02:30:00+02:00
    2026-04-01T02:30:00+02:00
    2026-04-02T02:30:00+02:00
    --- stderr
    time zone data: <version> (bundled)
    ");
    assert_snapshot!(next(&["0 9 * * 1-5", "-n", "2", "-o", "json"]), @r#"
    exit code 0
    --- stdout
    [
        "2026-03-30T09:00:00Z",
        "2026-03-31T09:00:00Z"
    ]
    --- stderr
    time zone data: <version> (bundled)
    "#);
}

#[test]
fn next_counts_intervals_from_the_requested_time() {
    assert_snapshot!(next(&["@every 90s", "-n", "2", "-o", "json"]), @r#"
    exit code 0
    --- stdout
    [
        "2026-03-28T12:01:30Z",
        "2026-03-28T12:03:00Z"
    ]
    --- stderr
    time zone data: <version> (bundled)
    "#);
    assert_snapshot!(next(&["R/2014-09-25T17:22:00/P1D", "-n", "1", "-o", "json"]), @r#"
    exit code 0
    --- stdout
    [
        "2026-03-28T17:22:00Z"
    ]
    --- stderr
    time zone data: <version> (bundled)
    "#);
}

#[test]
fn next_accepts_a_local_time() {
    let from = |from: &str| {
        let zone = ["--time-zone", "Europe/Berlin", "-n", "1"];
        transcript(&mut docket(["next", "30 9 * * *", "--from", from].iter().chain(&zone)))
    };
    assert_snapshot!(from("2026-11-20 09:00"), @r"
    exit code 0
    --- stdout
    2026-11-20T09:30:00+01:00
    --- stderr
    time zone data: <version> (bundled)
    ");
    assert_snapshot!(from("yesterday"), @"
    exit code 2
    --- stderr
    error: --from: `yesterday` is not a valid time: write 2026-11-21T09:00:00Z, or 2026-11-21T09:00 or 09:00 in Europe/Berlin time
    ");
}

#[test]
fn next_shows_fewer_instants_at_the_end_of_the_calendar() {
    assert_snapshot!(next(&["0 0 1 1 * 2098-2099", "-o", "json"]), @r#"
    exit code 0
    --- stdout
    [
        "2098-01-01T00:00:00Z",
        "2099-01-01T00:00:00Z"
    ]
    --- stderr
    time zone data: <version> (bundled)
    "#);
    assert_snapshot!(next(&["", "-o", "json"]), @r"
    exit code 0
    --- stdout
    []
    --- stderr
    time zone data: <version> (bundled)
    ");
    assert_snapshot!(next(&["0 0 30 2 *"]), @"
    exit code 0
    --- stderr
    warning: never runs: there is no such date
    time zone data: <version> (bundled)
    this schedule has no instants
    ");
}

#[test]
fn next_takes_expressions_that_look_like_options_and_shows_every_error_in_them() {
    assert_snapshot!(next(&["-5 25 * * *", "-o", "json"]), @r"
    exit code 1
    --- stderr
    Cron: min: -5 is not a range, which has two ends (0-59)
      -5 25 * * *
      ^^
    Cron: hour: 25 is out of range (0-23)
      -5 25 * * *
         ^^
    ");
    assert_snapshot!(next(&["* * *"]), @r"
    exit code 1
    --- stderr
    Cron: found 3 fields, a cron schedule has 5, 6 or 7
      * * *
      ^^^^^ write min hour dom month dow, then year if wanted, and sec before all of them
    ");
}

#[test]
fn next_shows_at_most_ten_thousand() {
    let output = docket(["next", "* * * * *", "-n", "10000"]).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 10_000);
    assert_snapshot!(transcript(&mut docket(["next", "* * * * *", "-n", "10001"])), @r"
    exit code 2
    --- stderr
    error: invalid value '10001' for '--count <COUNT>': 10001 is not in 1..=10000

    For more information, try '--help'.
    ");
}

#[test]
fn a_zone_of_the_environment_is_used_or_an_error() {
    let last = ["next", "0 9 * * *", "-n", "1", "--from", FROM];
    assert_snapshot!(transcript(docket(last).env("TZ", ":America/New_York")), @r"
    exit code 0
    --- stdout
    2026-03-28T09:00:00-04:00
    --- stderr
    time zone data: <version> (bundled)
    ");
    assert_snapshot!(transcript(docket(last).env("TZ", "CET-1CEST")), @"
    exit code 1
    --- stderr
    error: the variable TZ is not a time zone (correct it, or use `--time-zone`): `CET-1CEST` is not a time zone but a rule of POSIX, which does not follow changes of the law: write the name of a place, such as `Europe/Berlin`
    ");
    assert_snapshot!(transcript(docket(last).env("DOCKET_TIME_ZONE", "Asia/Tokio")), @r"
    exit code 2
    --- stderr
    error: DOCKET_TIME_ZONE: `Asia/Tokio` is not a time zone, did you mean `Asia/Tokyo`?
    ");
}

#[test]
fn check_counts_allocations_and_warnings() {
    let folder = tempdir().unwrap();
    assert_snapshot!(transcript(&mut docket_with_file(["check"], folder.path(), GOOD)), @"
    exit code 0
    --- stdout
    docket.yml: 2 allocations, 1 warning
    --- stderr
    warning: docket.yml:6:9: Cron: never runs: there is no such date
    ");
}

#[test]
fn check_shows_every_error_at_its_place() {
    let folder = tempdir().unwrap();
    assert_snapshot!(transcript(&mut docket_with_file(["check"], folder.path(), BAD)), @r#"
    exit code 1
    --- stderr
      × Cron: hour: 25 is out of range (0-23)
       ╭─[docket.yml:3:12]
     2 │ - Name: report
     3 │   Cron: "0 25 * 13 MON"
       ·            ──
     4 │   Container: {Config: {Image: busybox}}
       ╰────

      × Cron: month: 13 is out of range (1-12)
       ╭─[docket.yml:3:17]
     2 │ - Name: report
     3 │   Cron: "0 25 * 13 MON"
       ·                 ──
     4 │   Container: {Config: {Image: busybox}}
       ╰────

      × Name: `/` at position 6 is not allowed in a name: use letters, digits, `_`, `.` and `-`
       ╭─[docket.yml:5:9]
     4 │   Container: {Config: {Image: busybox}}
     5 │ - Name: clean/up
       ·         ────────
     6 │   Cron: "@daily"
       ╰────

      × Container.Config.Image: Image is required
       ╭─[docket.yml:7:15]
     6 │   Cron: "@daily"
     7 │   Container: {Config: {Imagee: busybox}}
       ·               ──────
       ╰────

      × Container.Config.Imagee: unknown key `Imagee`: did you mean `Image`?
       ╭─[docket.yml:7:24]
     6 │   Cron: "@daily"
     7 │   Container: {Config: {Imagee: busybox}}
       ·                        ──────
       ╰────

    error: docket.yml: 5 errors
    "#);
}

#[test]
fn check_reads_standard_input() {
    assert_snapshot!(transcript(docket(["check", "-"]).write_stdin("[]")), @"
    exit code 0
    --- stdout
    standard input: 0 allocations, 0 warnings
    ");
}

#[test]
fn push_sends_nothing_if_there_are_errors() {
    let folder = tempdir().unwrap();
    let pushed = transcript(&mut docket_with_file(["push"], folder.path(), "- Name: foo\n"));
    assert_snapshot!(pushed, @r#"
    exit code 1
    --- stderr
      × Container.Config: Config is required
       ╭─[docket.yml:1:3]
     1 │ - Name: foo
       ·   ─────────
       ╰────

      × Cron: Cron is required: write a schedule, "" for manual runs only, or After
       ╭─[docket.yml:1:3]
     1 │ - Name: foo
       ·   ─────────
       ╰────

    error: docket.yml: 2 errors
    "#);
}

#[test]
fn a_missing_file_is_named() {
    assert_snapshot!(transcript(&mut docket(["check", "/nowhere/docket.yml"])), @"
    exit code 1
    --- stderr
    error: cannot read `/nowhere/docket.yml`: No such file or directory (os error 2)
    ");
}

#[test]
fn the_first_of_many_errors_are_shown_with_their_total() {
    let nothing = "- {}\n".repeat(10_000);

    for command in ["check", "push"] {
        let text = transcript(docket([command, "-"]).write_stdin(nothing.clone()));

        assert_eq!(text.matches('×').count(), 100, "{command}");
        let last = "error: standard input: 30000 errors; the first 100 are shown above\n";
        assert!(text.ends_with(last), "{command}: {text}");
    }
}

#[test]
fn schema_prints_the_json_schema_of_each_form_of_a_document() {
    let printed = transcript(&mut docket(["schema"]));

    let (head, schema) = printed.split_once("--- stdout\n").unwrap();
    assert_eq!(head, "exit code 0\n");
    let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
    assert_eq!(schema, docket_model::document::schema());
}
