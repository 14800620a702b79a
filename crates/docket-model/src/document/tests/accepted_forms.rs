//! Tests of the forms of a document that are accepted.

use super::*;

#[test]
fn a_list_of_allocations_is_read_in_its_order() {
    let text = r#"
# what runs each morning
- Name: foo
  Cron: "0 9 * * *"
  Container:
    Config:
      Image: busybox
- {name: bar, cron: 0 9 * * *, container: {config: {image: busybox}}}
"#;

    assert_eq!(printed(text), [allocation("foo"), allocation("bar")]);
    let document = read(text, UnknownOptions::Refuse).unwrap();
    let lines: Vec<_> = document.specifications.iter().map(|read| read.line).collect();
    assert_eq!(lines, [3, 8]);
}

#[test]
fn one_allocation_is_as_good_as_a_list_of_one() {
    let text = "Name: foo\nCron: 0 9 * * *\nContainer: {Config: {Image: busybox}}\n";
    assert_eq!(printed(text), [allocation("foo")]);
}

#[test]
fn json_is_read_too() {
    let list = json!([allocation("foo"), allocation("bar")]);
    let both = [allocation("foo"), allocation("bar")];
    assert_eq!(printed(&list.to_string()), both);
    assert_eq!(printed(&format!("{list:#}")), both);
    assert_eq!(printed(&format!("{list:#}").replace("  ", "\t")), both);
    let escaped = r#"[{"Name":"foo","Cron":"0 9 * * *","Description":"\ud83d\ude00 \/","Container":{"Config":{"Image":"busybox"}}}]"#;
    assert_eq!(printed(escaped)[0]["Description"], "\u{1f600} /");
}

#[test]
fn json_with_half_characters_is_held_against_the_same_rules() {
    let text = r#"[{"Name":"foo","Description":"\ud83d\ude00","Container":{}}]"#;
    assert_eq!(
        messages(text),
        "1:1: Container.Config: Config is required\n1:1: Cron: Cron is required: write a schedule, \"\" for manual runs only, or After"
    );
}

#[test]
fn scalars_are_read_as_yaml_1_2_has_them() {
    let text = r#"
- Name: foo
  Cron: "0 9 * * *"
  Description: >-
    two
    lines
  Labels: {a: yes, b: 012, c: 12:30, d: 1.2.3, e: "5", f: 'it''s', g: .inf, h: 1e, i: 0b1, j: inf}
  Container:
    Config: {Image: busybox, Tty: TRUE, StopTimeout: 0x1F, Entrypoint: ~, Cmd: Null}
    HostConfig: {Memory: +5, OomScoreAdj: -7, CpuShares: 0o17, ShmSize: !!int "64"}
"#;

    let read = &printed(text)[0];

    let labels = json!({
        "a": "yes", "b": "012", "c": "12:30", "d": "1.2.3", "e": "5", "f": "it's", "g": ".inf",
        "h": "1e", "i": "0b1", "j": "inf",
    });
    assert_eq!(read["Labels"], labels);
    assert_eq!(read["Description"], "two lines");
    let container = json!({
        "Config": {"Image": "busybox", "Tty": true, "StopTimeout": 31, "Entrypoint": null, "Cmd": null},
        "HostConfig": {"Memory": 5, "OomScoreAdj": -7, "CpuShares": 15, "ShmSize": 64},
    });
    assert_eq!(read["Container"], container);
}

#[test]
fn aliases_and_merges_are_followed() {
    let text = r"
- &first
  Name: foo
  Cron: &cron 0 9 * * *
  Container: &container
    Config: &config {Image: busybox}
- {Name: bar, Cron: *cron, Container: *container}
- {<<: *first, Name: baz}
- Name: qux
  Cron: *cron
  Container: {Config: {<<: [{Tty: true}, *config, {Image: other, Tty: false}], StopSignal: INT}}
";

    let read = printed(text);

    let both = [allocation("foo"), allocation("bar"), allocation("baz")];
    assert_eq!(read[..3], both);
    let config = json!({"StopSignal": "INT", "Tty": true, "Image": "busybox"});
    assert_eq!(read[3]["Container"]["Config"], config);
}

#[test]
fn defaults_are_merged_into_each_allocation() {
    let text = r#"
allocations:
  - Name: foo
  - Name: bar
    CRON: "@daily"
    container:
      CONFIG: {env: [B=2], labels: {team: b, Team: c}}
      HostConfig: ~
Defaults:
  Cron: 0 9 * * *
  Container:
    Config: {Image: busybox, Env: [A=1], Labels: {Team: a, x: y}}
    HostConfig: {Memory: 5}
"#;

    let read = printed(text);

    let foo = json!({
        "Config": {"Image": "busybox", "Env": ["A=1"], "Labels": {"Team": "a", "x": "y"}},
        "HostConfig": {"Memory": 5},
    });
    assert_eq!(read[0], json!({"Name": "foo", "Cron": "0 9 * * *", "Container": foo}));
    let bar = json!({
        "Config": {"Env": ["B=2"], "Labels": {"team": "b", "Team": "c", "x": "y"}, "Image": "busybox"},
        "HostConfig": null,
    });
    assert_eq!(read[1], json!({"Name": "bar", "Cron": "@daily", "Container": bar}));
}

#[test]
fn parents_take_the_place_of_a_default_schedule_and_a_schedule_that_of_default_parents() {
    let text = r"
Defaults:
  cron: 0 9 * * *
  TimeZone: Europe/Berlin
  CatchUp: All
  StartingDeadline: 2d
  Jitter: 1m
  Retries: {Limit: 2, Delay: 1m}
  Timeout: 1h
  Container: {Config: {Image: busybox}}
Allocations:
  - Name: load
    Retries: {Limit: 5}
  - Name: report
    After: load
    Retries: 0
    Timeout: ~
";
    let read = printed(text);
    assert_eq!(read[0]["Cron"], "0 9 * * *");
    assert_eq!(read[0]["Retries"], json!({"Limit": 5, "Delay": "1m"}));
    let container = json!({"Config": {"Image": "busybox"}});
    assert_eq!(read[1], json!({"Name": "report", "After": ["load"], "Container": container}));
    let document = super::read(text, UnknownOptions::Refuse).unwrap();
    assert!(document.specifications.iter().all(|read| read.warnings.is_empty()));

    let text = r"
Defaults: {After: load, Container: {Config: {Image: busybox}}}
Allocations: [{Name: a}, {Name: b, Cron: 0 9 * * *}, {Name: c, Cron: ~}]
";
    let read = printed(text);
    assert_eq!(read[0]["After"], json!(["load"]));
    assert_eq!((&read[1]["After"], &read[1]["Cron"]), (&Value::Null, &json!("0 9 * * *")));
    assert_eq!(read[2]["After"], json!(["load"]));
}

#[test]
fn a_list_may_be_empty_but_a_document_may_not() {
    assert_eq!(printed("[]"), [] as [Value; 0]);
    assert_eq!(printed("Allocations: []\n"), [] as [Value; 0]);
    for text in ["", "\n# nothing\n", "---\n", "~", "\u{feff}"] {
        let message = "1:1: the document is empty: write a list of allocations, each with \
                       the keys Name, Cron and Container";
        assert_eq!(messages(text), message, "{text:?}");
    }
}
