//! Tests of the errors in a document, with their positions.

use super::*;

/// A list of one allocation, its schedule given as lines of YAML.
fn scheduled(cron: &str) -> String {
    format!("- Name: a\n  {cron}\n  Container: {{Config: {{Image: busybox}}}}\n")
}

#[test]
fn all_are_reported_at_once_each_at_its_place() {
    let text = r#"
- Name: foo/bar
  Cron: "0 25 * * MON-FRY"
  Container:
    Config:
      Imagee: busybox
- name: 5
  cron: 5
  timezone: Mars
  Container:
    Config: {Image: busybox, Tty: yes, Env: [A=1, 2]}
    HostConfig:
      memory: "5"
      Mounts:
        - type: bnd
- just a text
- Cron:
  Name: bär
  container:
"#;

    insta::assert_snapshot!(messages(text), @r#"
    2:9: Name: `/` at position 4 is not allowed in a name: use letters, digits, `_`, `.` and `-`
    3:12: Cron: hour: 25 is out of range (0-23)
    3:23: Cron: dow: FRY is not a day of the week (0-7, SUN-SAT)
    5:5: Container.Config.Image: Image is required
    6:7: Container.Config.Imagee: unknown key `Imagee`: did you mean `Image`?
    7:9: Name: expected a string, found the number 5: put it in quotes
    8:9: Cron: expected a string, found the number 5: put it in quotes
    9:13: TimeZone: `Mars` is not a time zone, did you mean `Europe/Paris`?
    11:35: Container.Config.Tty: expected true or false, found the string "yes": write true, without quotes
    11:51: Container.Config.Env[1]: expected a string, found the number 2: put it in quotes
    13:15: Container.HostConfig.Memory: expected a whole number, found the string "5": write it without quotes
    15:17: Container.HostConfig.Mounts[0].Type: `bnd` is not one of `bind`, `cluster`, `image`, `npipe`, `tmpfs`, `volume` (did you mean `bind`?)
    16:3: expected an allocation, a mapping with the keys Name, Cron and Container, found the string "just a text"
    17:3: Cron: Cron is required: write a schedule, "" for manual runs only, or After
    18:9: Name: `ä` at position 2 is not allowed in a name: use letters, digits, `_`, `.` and `-`
    19:3: Container.Config: Config is required
    "#);
    insta::assert_snapshot!(pointed(text), @r#"
    [foo/bar] Name: `/` at position 4 is not allowed in a name: use letters, digits, `_`, `.` and `-`
    [25] Cron: hour: 25 is out of range (0-23)
    [FRY] Cron: dow: FRY is not a day of the week (0-7, SUN-SAT)
    [Config] Container.Config.Image: Image is required
    [Imagee] Container.Config.Imagee: unknown key `Imagee`: did you mean `Image`?
    [5] Name: expected a string, found the number 5: put it in quotes
    [5] Cron: expected a string, found the number 5: put it in quotes
    [Mars] TimeZone: `Mars` is not a time zone, did you mean `Europe/Paris`?
    [yes] Container.Config.Tty: expected true or false, found the string "yes": write true, without quotes
    [2] Container.Config.Env[1]: expected a string, found the number 2: put it in quotes
    ["5"] Container.HostConfig.Memory: expected a whole number, found the string "5": write it without quotes
    [bnd] Container.HostConfig.Mounts[0].Type: `bnd` is not one of `bind`, `cluster`, `image`, `npipe`, `tmpfs`, `volume` (did you mean `bind`?)
    [just a text] expected an allocation, a mapping with the keys Name, Cron and Container, found the string "just a text"
    [Cron] Cron: Cron is required: write a schedule, "" for manual runs only, or After
    [bär] Name: `ä` at position 2 is not allowed in a name: use letters, digits, `_`, `.` and `-`
    [container] Container.Config: Config is required
    "#);
}

#[test]
fn one_in_a_schedule_points_into_its_text() {
    for cron in [
        "Cron: 0 25 * * *",
        "Cron: \"0 25 * * *\"",
        "Cron:   '0 25 * * *'   # late",
        "Cron: !!str  \"0 25 * * *\"",
        "Cron: &é \"0 25 * * *\"",
        "Cron: |-\n    0 25 * * *",
    ] {
        let pointed = pointed(&scheduled(cron));
        assert_eq!(pointed, "[25] Cron: hour: 25 is out of range (0-23)", "{cron}");
    }
}

#[test]
fn one_in_a_schedule_that_is_written_otherwise_points_at_its_first_line() {
    for (cron, shown) in [
        ("Cron: \"0 \\x325 * * *\"", "\"0 \\x325 * * *\""),
        ("Cron: 0\n   25 * * *", "0"),
        ("Cron: &x\n   '0 25 * * *'", "&x"),
    ] {
        let expected = format!("[{shown}] Cron: hour: 25 is out of range (0-23)");
        assert_eq!(pointed(&scheduled(cron)), expected);
    }
}

#[test]
fn places_are_counted_in_characters_and_in_bytes() {
    let text = "- {Name: \"ä€😀\", Cron: 0 9 * * *, Container: {Config: {Image: 5}}}";
    let long = format!("# {}\n{text}", "€".repeat(5000));
    for text in [text, &format!("\u{feff}{text}"), &long] {
        insta::allow_duplicates! {
            insta::assert_snapshot!(pointed(text), @r#"
            ["ä€😀"] Name: a name begins with a letter or a digit, not with `ä`
            [5] Container.Config.Image: expected a string, found the number 5: put it in quotes
            "#);
        }
    }
}

#[test]
fn a_place_within_an_alias_or_a_default_is_where_it_is_written() {
    let text = r"
Defaults:
  Container: {Config: &config {Image: busybox, Tty: 7}}
Allocations:
  - {Name: foo, Cron: 0 9 * * *}
  - {Name: bar, Cron: 0 9 * * *}
  - {Name: baz, Cron: 0 9 * * *, Container: {Config: {<<: *config, Tyt: false}}}
";

    insta::assert_snapshot!(messages(text), @"
    3:53: Container.Config.Tty: expected true or false, found the number 7
    7:68: Container.Config.Tyt: unknown key `Tyt`: did you mean `Tty`?
    ");
}

#[test]
fn a_name_that_is_duplicate_tells_both_lines() {
    let text = "- {Name: a}\n- {Name: b}\n- {Name: a}\n";
    let messages = messages(text);
    let doubles: Vec<_> = messages.lines().filter(|line| line.contains("duplicate")).collect();
    let expected = ["3:10: Name: duplicate name `a` (lines 1 and 3)"];
    assert_eq!(doubles, expected);
}

#[test]
fn a_key_that_is_duplicate_is_reported_at_the_second_one() {
    let text = r"
- Name: foo
  Cron: 0 9 * * *
  name: bar
  Container:
    Config: {Image: busybox, Labels: {a: x, a: y}}
    HostConfig: {Memory: 1, memory: 2}
";

    insta::assert_snapshot!(messages(text), @"
    4:3: name: duplicate key `Name`
    6:45: duplicate key `a` (first in line 6)
    7:29: Container.HostConfig.memory: duplicate key `Memory`
    ");
}

#[test]
fn keys_are_texts() {
    let text = r#"
- Name: foo
  Cron: 0 9 * * *
  5: x
  ? [a]
  : x
  : x
  Container:
    Config: {Image: busybox, Labels: {true: x, "5": y}}
"#;

    insta::assert_snapshot!(messages(text), @"
    4:3: a key must be a string: put `5` in quotes
    5:5: a key must be a string, not a list or mapping
    7:3: missing key
    9:39: a key must be a string: put `true` in quotes
    ");
}

#[test]
fn tags_beyond_those_of_json_mean_nothing() {
    let text = "- !job {Name: !!binary Zm9v, Cron: !<x> 0 9 * * *, Container: !!seq {}}\n";
    insta::assert_snapshot!(messages(text), @"
    1:3: unsupported tag `!job`
    1:15: unsupported tag `!!binary`
    1:36: unsupported tag `!x`
    1:52: Container.Config: Config is required
    1:63: unsupported tag `!!seq`
    ");
}

#[test]
fn what_is_no_document_says_what_one_is() {
    for text in ["foo", "5", "services: {foo: {image: busybox}}"] {
        let message = "1:1: expected a list of allocations, a mapping with `Allocations` and \
                       `Defaults`, or one allocation";
        assert_eq!(messages(text), message);
    }
}

#[test]
fn a_document_with_defaults_has_nothing_else() {
    let text = "Defaults: []\nAllocation: []\nAllocations: {}\nallocations: []\n";
    insta::assert_snapshot!(messages(text), @"
    1:1: `Defaults` is a mapping of what allocations share
    2:1: unknown key `Allocation`: did you mean `Allocations`?
    3:1: `Allocations` is a list of allocations
    4:1: duplicate key `Allocations`
    ");
    insta::assert_snapshot!(messages("Defaults: {}\n"), @"1:1: `Allocations` is required beside `Defaults`");
}

#[test]
fn a_warning_has_its_place_too() {
    let text = scheduled("Cron: 0 0 */2 * 1").replace("Image:", "New: 1, Image:");

    let document = read(&text, UnknownOptions::Allow).unwrap();

    let warnings = document.specifications[0].warnings.iter();
    let messages: Vec<_> = warnings.map(|warning| format!("docket.yml:{warning}")).collect();
    insta::assert_snapshot!(messages.join("\n"), @"
    docket.yml:2:9: Cron: runs on odd days OR Mondays
    docket.yml:3:24: Container.Config.New: unknown key `New` (sent to the engine as it is)
    ");
}

#[test]
fn one_in_a_policy_points_at_its_value_also_within() {
    let text = r"
- Name: a
  After: [b, a]
  Timeout: 30
  Overlap: forbd
  EnvFiles: /etc/env
  retries: {limit: 3, delay: 1h, MaxDelay: 10, Factor: 2}
  Keep:
    Output: 1GiB
  Container: {Config: {Image: busybox}}
";
    insta::assert_snapshot!(pointed(text), @"
    [a] After[1]: `a` cannot run after itself
    [30] Timeout: 30 what? write 30s or 30m
    [forbd] Overlap: `forbd` is not one of `Allow`, `Forbid`, `Replace`, `Queue` (did you mean `Forbid`?)
    [/etc/env] EnvFiles: `/etc/env` is an absolute path: write it relative to the server's --env-dir
    [10] Retries.MaxDelay: 10 what? write 10s or 10m
    [Factor] Retries.Factor: unknown key `Factor`: the keys are `Limit`, `Delay` and `MaxDelay`
    [1GiB] Keep.Output: 1GiB is more than the limit of 64MiB
    ");
}

#[test]
fn a_cycle_is_reported_at_the_name_that_closes_it() {
    let one = |name: &str, after: &str| {
        format!("- Name: {name}\n  After: {after}\n  Container: {{Config: {{Image: busybox}}}}\n")
    };

    let circle = pointed(&[one("a", "[c, b]"), one("b", "a")].concat());
    let itself = messages(&one("a", "a"));

    assert_eq!(circle, "[b] After[1]: dependency cycle: `a` after `b` after `a`");
    assert_eq!(itself, "2:10: After: `a` cannot run after itself");
    // Who is not in the document may be on the server.
    assert_eq!(printed(&one("a", "b")).len(), 1);
}
