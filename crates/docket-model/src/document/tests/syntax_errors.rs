//! Tests of the explanations of YAML syntax errors.

use super::*;

#[test]
fn an_unquoted_schedule_is_to_be_quoted() {
    for (cron, schedule) in [
        ("* * * * *", "* * * * *"),
        ("*/5 * * * * # often", "*/5 * * * *"),
        ("*", "*"),
        ("@daily", "@daily"),
        ("? * * * *", "? * * * *"),
        ("- * * * *", "- * * * *"),
        ("0 9 * * *: x", "0 9 * * *: x"),
    ] {
        let text = format!("- Name: a\n  Cron: {cron}\n");
        let expected = format!("quote the schedule: write `Cron: \"{schedule}\"`");
        assert!(messages(&text).ends_with(&expected), "{}", messages(&text));
        assert!(messages(&text).starts_with("2:"), "{}", messages(&text));
    }
    assert_eq!(
        messages("[{Name: a, cron: * * * * *, Container: {}}]"),
        "1:18: quote the schedule: write `Cron: \"* * * * *\"`"
    );
}

#[test]
fn what_is_no_yaml_is_reported_with_a_remedy() {
    let cases = [
        "- Name: a\n\tCron: x\n",
        "- Name: a\n  Description: *oops\n",
        "- Name: a\n  Description: @home\n",
        "- Name: a\n  Description: a: b\n",
        "- Name: a\n    Cron: 0 9 * * *\n",
        "- Name: a\n Cron: 0 9 * * *\n",
        "- Name: \"a\n",
        "- Name: \"\\q\"\n",
        "- [a, b\n",
        "- {a: b\n",
        "- Name: é\n\n  \t Cron: x\n",
        "- &a [*a]\n",
        "- Name: a\n---\n- Name: b\n",
    ];
    let messages: Vec<_> = cases.map(messages).into_iter().collect();
    insta::assert_snapshot!(messages.join("\n"), @r#"
    2:1: a tab cannot indent YAML: use spaces
    2:16: `*oops` refers to no anchor before it: put a string that begins with `*` or `&` in quotes
    2:16: put a string that begins like `@home` in quotes
    2:17: unexpected `:`: check the indentation, or put a string that contains `: ` in quotes
    2:9: unexpected `:`: check the indentation, or put a string that contains `: ` in quotes
    2:2: the indentation does not match the lines before
    1:9: the string that begins here has no closing quote
    1:9: unknown escape sequence: double the `\`, or use single quotes
    2:1: a `,` or `]` is missing before this
    2:1: a `,` or `}` is missing before this
    3:3: a tab cannot indent YAML: use spaces
    1:7: this alias is inside the value that it repeats
    1:3: Container.Config: Config is required
    1:3: Cron: Cron is required: write a schedule, "" for manual runs only, or After
    3:1: a second document begins here: put all allocations in one list, without `---` between them
    "#);
}

#[test]
fn what_comes_before_the_break_is_reported_too() {
    let text = "- {Name: a}\n- Name: b\n Cron: 0 9 * * *\n- {}\n";

    // What the second one lacks may stand behind the break.
    insta::assert_snapshot!(messages(text), @r#"
    1:3: Container.Config: Config is required
    1:3: Cron: Cron is required: write a schedule, "" for manual runs only, or After
    3:2: the indentation does not match the lines before
    "#);
}

#[test]
fn an_end_that_begins_nothing_is_no_second_document() {
    let text = format!("---\n{}\n...\n---\n", json!([allocation("foo")]));
    assert_eq!(printed(&text), [allocation("foo")]);
}

#[test]
fn nesting_is_bounded_and_costs_no_time() {
    for text in [
        "[".repeat(200_000),
        "{".repeat(200_000),
        "[a, ".repeat(200_000),
        "- ".repeat(200_000),
        "? ".repeat(200_000),
        format!("- {}", "{a: ".repeat(200)),
    ] {
        let messages = messages(&text);
        assert!(messages.contains("nested"), "{messages}");
    }
}

#[test]
fn aliases_do_not_multiply_without_bound() {
    let bomb: Vec<_> =
        (1..40).map(|n| format!("- &a{n} [{}]\n", format!("*a{},", n - 1).repeat(10))).collect();
    assert!(messages(&format!("- &a0 x\n{}", bomb.concat())).contains("is too large"));

    let chain: Vec<_> = (1..100_000).map(|n| format!("- &a{n} [*a{}]\n", n - 1)).collect();
    assert!(messages(&format!("- &a0 x\n{}", chain.concat())).contains("nested"));

    let valid =
        |n| format!("- {{Name: a{n}, Cron: '', Container: {{Config: {{Image: x, Env: [*a]}}}}}}\n");
    let valid: Vec<_> = (0..1000).map(valid).collect();
    let text = format!("- &a {}\n{}", "x".repeat(1 << 20), valid.concat());
    assert!(messages(&text).contains("is too large"));

    let keys: Vec<_> = (0..10_000).map(|n| format!("k{n}: , ")).collect();
    let keys = keys.concat();
    let text = format!("- &a {{{keys}}}\n- [{}]\n", "{<<: *a}, ".repeat(1000));
    assert!(messages(&text).contains("`<<` makes this document too large"));
}

#[test]
fn a_document_that_grows_too_large_is_read_no_further() {
    let text = format!("- &a {}\n{}", "x".repeat(1 << 20), "- {Description: *a}\n".repeat(4));

    let mut messages = read_within(&text, UnknownOptions::Refuse, 3 << 20).unwrap_err();

    let too_large = messages.shown.iter().filter(|it| it.to_string().contains("too large"));
    assert_eq!((too_large.count(), messages.omitted), (1, 0));
    let last = messages.shown.pop().unwrap().to_string();
    assert!(last.starts_with("3:3: the document is too large: "), "{last}");
    assert!(last.ends_with("more than 3 MiB up to here"), "{last}");
}

#[test]
fn an_error_in_the_defaults_is_counted_once() {
    let wrong: Vec<_> = (0..150).map(|n| format!("    K{n}: x\n")).collect();
    let allocations: Vec<_> = (0..50).map(|n| format!("  - {{Name: a{n}, Cron: ''}}\n")).collect();
    let container = "  Container: {Config: {Image: x}}\n";
    let (wrong, allocations) = (wrong.concat().replace("    ", "  "), allocations.concat());
    let text = format!("Defaults:\n{container}{wrong}Allocations:\n{allocations}");

    let errors = read(&text, UnknownOptions::Refuse).unwrap_err();

    assert_eq!((errors.shown.len(), errors.omitted), (100, 1));
}

#[test]
fn a_document_has_a_longest_length() {
    let text = " ".repeat(MAX_LENGTH + 1);

    let errors = read(&text, UnknownOptions::Refuse).unwrap_err();

    assert_eq!(
        errors.shown[0].to_string(),
        "1:1: 268435457 bytes are more than the limit of 268435456: split it"
    );
}

#[test]
fn of_very_many_errors_the_first_are_reported() {
    let messages = messages(&"- {}\n".repeat(100_000));

    assert_eq!(messages.lines().count(), 101);
    // Each lacks a name, a schedule and an image.
    assert!(messages.ends_with("\n299900 more errors are not shown"));
}
