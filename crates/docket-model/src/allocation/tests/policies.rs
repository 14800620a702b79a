//! Tests of reading and writing policies.

use super::*;
use crate::duration::Duration;

#[test]
fn every_policy_is_read_and_written_in_its_canonical_form_and_order() {
    let posted = json!({
        "keep": {"output": "512k", "FAILURES": 0, "runs": 100_000},
        "retries": {"maxdelay": "PT2H", "limit": 3, "Delay": "90s"},
        "timeout": "PT90M",
        "CATCHUP": "all",
        "startingdeadline": "1440m",
        "overlap": "REPLACE",
        "pull": "missing",
        "envfiles": "report/./common.env",
        "suspended": true,
        "notafter": "2026-12-24T18:00:00.500+00:00",
        "notbefore": "2026-11-21t09:00:00+01:00",
        "jitter": "90s",
        "timezone": "europe/berlin",
    });

    let text = serde_json::to_string_pretty(&printed(posted)).unwrap();

    insta::assert_snapshot!(text, @r#"
    {
      "TimeZone": "Europe/Berlin",
      "Jitter": "1m30s",
      "NotBefore": "2026-11-21T09:00:00+01:00",
      "NotAfter": "2026-12-24T18:00:00.500Z",
      "Suspended": true,
      "EnvFiles": [
        "report/./common.env"
      ],
      "Pull": "Missing",
      "Overlap": "Replace",
      "StartingDeadline": "1d",
      "CatchUp": "All",
      "Timeout": "1h30m",
      "Retries": {
        "Limit": 3,
        "Delay": "1m30s",
        "MaxDelay": "2h"
      },
      "Keep": {
        "Runs": 100000,
        "Failures": 0,
        "Output": "512KiB"
      }
    }
    "#);
}

#[test]
fn what_is_the_default_is_not_written_and_shared_by_all() {
    let posted = json!({
        "Jitter": "0s", "NotBefore": null, "NotAfter": null, "Suspended": false, "EnvFiles": [],
        "Pull": "always", "Overlap": "Allow", "StartingDeadline": null, "CatchUp": "latest",
        "Timeout": null, "Retries": {"Limit": 0, "Delay": "30s", "MaxDelay": "60m"},
        "Keep": {"Runs": 100, "Failures": 20, "Output": 1_048_576}, "After": null,
    });

    let specification = valid(posted.clone());

    assert_eq!(printed(posted), json!({}));
    assert!(Arc::ptr_eq(&specification.policies, &Policies::shared_default()));
}

#[test]
fn retries_are_a_number_where_only_their_limit_is_given() {
    let cases = [
        (json!(2), json!(2)),
        (json!({"Limit": 2}), json!(2)),
        (json!({"Limit": 2, "Delay": "0s"}), json!({"Limit": 2, "Delay": "0s"})),
        // The longest pause is never shorter than the first, and need not be given for that.
        (json!({"Limit": 1, "Delay": "2h"}), json!({"Limit": 1, "Delay": "2h"})),
        (json!({"Limit": 1, "MaxDelay": "30s"}), json!({"Limit": 1, "MaxDelay": "30s"})),
        (json!({"Limit": 0, "Delay": "1s"}), json!({"Limit": 0, "Delay": "1s"})),
    ];
    for (posted, written) in cases {
        assert_eq!(printed(json!({"Retries": posted})), json!({"Retries": written}));
    }
    let retries = valid(json!({"Retries": {"Limit": 1, "Delay": "2h"}})).policies.retries;
    assert_eq!(retries.max_delay, Duration::from_seconds(7200));
}

#[test]
fn the_size_of_an_output_is_bytes_or_a_text_with_a_unit() {
    let cases = [
        (json!(0), "0B"),
        (json!(1000), "1000B"),
        (json!("64MiB"), "64MiB"),
        (json!("1MB"), "1000000B"),
        (json!("512 k"), "512KiB"),
    ];
    for (posted, written) in cases {
        let printed = printed(json!({"Keep": {"Output": posted}}));
        assert_eq!(printed, json!({"Keep": {"Output": written}}));
    }
}

#[test]
fn every_error_is_reported_at_once_with_its_place_and_how_to_fix_it() {
    let posted = json!({
        "Jitter": 30,
        "NotBefore": "2026-11-21",
        "NotAfter": "2026-11-21T09:00:00",
        "Suspended": "yes",
        "EnvFiles": ["/etc/env", "../env", "a/../b", "", "a\0b", "folder/", null, 5, "fine.env"],
        "Pull": "missin",
        "Overlap": "Frobnicate",
        "StartingDeadline": "0s",
        "CatchUp": false,
        "Timeout": "5min",
        "Retries": {"Limit": 1001, "delay": "1h", "MaxDelay": "30m", "MaxDelays": "1h", "Factor": 2},
        "Keep": {"Runs": 0, "Failures": -1, "Output": "65MiB", "output": "1MiB"},
        "Placement": {"engine": "a b", "Where": ["zone=a", "a=~[", 5], "on": "web:2", "Wher": []},
    });

    insta::assert_snapshot!(messages(posted), @r#"
    Jitter: 30 what? write 30s or 30m
    NotBefore: `2026-11-21` is a date without a time: write `2026-11-21T00:00:00Z`, or another offset than Z
    NotAfter: `2026-11-21T09:00:00` has no offset: write `2026-11-21T09:00:00Z`, or `2026-11-21T09:00:00+01:00`
    Suspended: expected true or false, found the string "yes": write true, without quotes
    EnvFiles[0]: `/etc/env` is an absolute path: write it relative to the server's --env-dir
    EnvFiles[1]: `../env` leads out of the server's --env-dir: write it without `..`
    EnvFiles[2]: `a/../b` leads out of the server's --env-dir: write it without `..`
    EnvFiles[3]: an empty string is not a path
    EnvFiles[4]: a path cannot contain a NUL character
    EnvFiles[5]: `folder/` is a directory: write the path of a file
    EnvFiles[6]: expected a path, found null
    EnvFiles[7]: expected a string, found the number 5: put it in quotes
    Placement.Wher: unknown key `Wher`: did you mean `Where`?
    Placement.Engine: `a b` is not a valid name of an engine: use 1 to 63 letters, digits, `_`, `.` and `-`, beginning with a letter or a digit
    Placement.Where[0]: `zone=a` is not a constraint: write KEY==VALUE, KEY!=VALUE, KEY=~PATTERN or KEY!~PATTERN, such as zone==a
    Placement.Where[1]: `a=~[` has no valid regular expression: found unclosed character class
    Placement.Where[2]: expected a string, found the number 5: put it in quotes
    Placement.On: `web:2` is no number of hosts: write 1 to 100 without quotes, `One` or `All`
    Pull: `missin` is not one of `Always`, `Missing`, `Never` (did you mean `Missing`?)
    Overlap: `Frobnicate` is not one of `Allow`, `Forbid`, `Replace`, `Queue`
    StartingDeadline: 0s is too short: write at least 1s, or leave it out
    CatchUp: expected one of `Latest`, `All` and `None`, found false
    Timeout: `min` is not a unit: use d, h, m and s, as in 1h30m
    Retries.MaxDelays: unknown key `MaxDelays`: did you mean `MaxDelay`?
    Retries.Factor: unknown key `Factor`: the keys are `Limit`, `Delay` and `MaxDelay`
    Retries.Limit: 1001 is out of range (0 to 1000)
    Retries.MaxDelay: 30m is shorter than `Delay`, 1h: write at least 1h, or a shorter `Delay`
    Keep.output: duplicate key `Output`
    Keep.Runs: 0 is out of range (1 to 100000)
    Keep.Failures: -1 is out of range (0 to 100000)
    Keep.Output: 65MiB is more than the limit of 64MiB
    "#);
}

#[test]
fn values_of_another_kind_are_reported_with_what_to_write() {
    let posted = json!({
        "Jitter": 1.5,
        "NotBefore": 2026,
        "NotAfter": "tomorrow",
        "Suspended": 1,
        "EnvFiles": {"a": "b"},
        "Pull": 5,
        "StartingDeadline": true,
        "Timeout": "",
        "Retries": "2",
        "Keep": 10,
    });
    insta::assert_snapshot!(messages(posted), @r#"
    Jitter: expected a duration such as 1h30m10s, found the number 1.5
    NotBefore: expected a time such as 2026-11-21T09:00:00Z, found the number 2026
    NotAfter: `tomorrow` is not a valid time: write it as 2026-11-21T09:00:00Z (RFC 3339)
    Suspended: expected true or false, found the number 1
    EnvFiles: expected a path or a list of paths, found a mapping
    Pull: expected one of `Always`, `Missing` and `Never`, found the number 5
    StartingDeadline: expected a duration such as 1h30m10s, found true
    Timeout: `` is not a valid duration: write it as 1h30m10s or PT1H30M10S
    Retries: expected a whole number, found the string "2": write it without quotes
    Keep: expected a mapping of `Runs`, `Failures` and `Output`, found the number 10
    "#);
    let posted = json!({
        "Retries": {"Delay": 10, "MaxDelay": []},
        "Keep": {"Runs": 1.5, "Failures": "20", "Output": "1"},
    });
    insta::assert_snapshot!(messages(posted), @r#"
    Retries.Limit: Required
    Retries.Delay: 10 what? write 10s or 10m
    Retries.MaxDelay: expected a duration such as 1h30m10s, found a list
    Keep.Runs: expected a whole number, found the number 1.5
    Keep.Failures: expected a whole number, found the string "20": write it without quotes
    Keep.Output: 1 what? write 1MiB or 1B
    "#);
    let posted = json!({
        "Retries": [2],
        "Keep": {"Runs": 1e30, "Output": -1},
        "EnvFiles": vec!["x.env"; MOST_ENV_FILES + 1],
    });
    insta::assert_snapshot!(messages(posted), @"
    EnvFiles: 101 entries are more than the limit of 100
    Retries: expected a whole number, or a mapping of `Limit`, `Delay` and `MaxDelay`, found a list
    Keep.Runs: expected a whole number, found the number 1e+30
    Keep.Output: expected a size such as 1MiB, found the number -1
    ");
    let posted =
        json!({"Retries": {"Limit": 1, "MaxDelay": "10s"}, "Keep": {"Output": "9999999TB"}});
    insta::assert_snapshot!(messages(posted), @"
    Retries.MaxDelay: 10s is shorter than `Delay`, 30s: write at least 30s, or a shorter `Delay`
    Keep.Output: 9999999TB is more than the limit of 64MiB
    ");
}

#[test]
fn the_last_instant_cannot_be_before_the_first() {
    let bounds = |first: &str, last: &str| json!({"NotBefore": first, "NotAfter": last});

    let message = messages(bounds("2026-11-21T09:00:00+01:00", "2026-11-21T07:59:59Z"));

    insta::assert_snapshot!(message, @"NotAfter: `2026-11-21T07:59:59Z` is before `NotBefore`, `2026-11-21T09:00:00+01:00`, so no instant is left: swap them");
    valid(bounds("2026-11-21T09:00:00+01:00", "2026-11-21T08:00:00Z"));
}

#[test]
fn an_entry_of_notify_has_one_receiver_and_its_events_in_any_case() {
    let posted = json!({"Notify": [
        {"to": "oncall", "ON": ["Recovered", "FAILED", "failed"], "Repeat": "240m"},
        {"Webhook": "HTTPS://Hooks.example.org/x", "Output": 20},
        {"Slack": "https://hooks.example.org/y", "To": null, "On": "missed"},
    ]});
    assert_eq!(
        printed(posted)["Notify"],
        json!([
            {"To": "oncall", "On": ["failed", "recovered"], "Repeat": "4h"},
            {"Webhook": "https://hooks.example.org/x", "Output": 20},
            {"Slack": "https://hooks.example.org/y", "On": ["missed"]},
        ])
    );
    assert_eq!(printed(json!({"Notify": []}))["Notify"], json!([]));
    assert_eq!(printed(json!({"Notify": null})).get("Notify"), None);
}

#[test]
fn what_is_wrong_in_notify_is_reported_with_its_place_and_without_the_url() {
    let errors = messages(json!({"Notify": [
        {"On": ["failed"]},
        {"To": "oncall", "Slack": "https://hooks.example.org/secret"},
        {"Webhook": "hooks.example.org/secret"},
        {"To": "oncall", "Repeat": "5m", "On": ["fails"], "Mail": "a@b"},
        "oncall",
    ]}));

    insta::assert_snapshot!(errors, @r#"
    Notify[0]: give exactly one of `To`, `Webhook` and `Slack`
    Notify[1]: give exactly one of `To`, `Webhook` and `Slack`
    Notify[2].Webhook: the value is not a URL: write https://HOST/PATH
    Notify[3].Mail: unknown key `Mail`: the keys are `To`, `Webhook`, `Slack`, `On`, `Repeat` and `Output`
    Notify[3].On[0]: `fails` is not one of `failed`, `recovered`, `missed`, `skipped` (did you mean `failed`?)
    Notify[3].Repeat: 5m is too short: write at least 10m, or leave it out
    Notify[4]: expected a mapping, found the string "oncall"
    "#);
}
