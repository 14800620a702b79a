//! What holds of every document: it is read as other YAML readers do, what is printed is read back
//! as the same, and an error always has a place in the text.

use docket_model::{
    FieldPath, Specification, StrictJson,
    container::UnknownOptions,
    document::{self, Document},
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// A list of one allocation that hands any value on, under an unknown option.
fn around(value: &Value) -> Value {
    json!([{
        "Name": "foo",
        "Cron": "0 9 * * *",
        "Container": {"Config": {"Image": "busybox", "Xyzzy": value}},
    }])
}

fn read(text: &str) -> Document {
    document::read(text, UnknownOptions::Allow).unwrap_or_else(|errors| {
        let messages: Vec<_> = errors.shown.iter().map(ToString::to_string).collect();
        panic!("{}\n{text}", messages.join("\n"));
    })
}

/// The value that was handed on.
fn within(document: &Document) -> Value {
    let specification = &document.specifications[0].specification;
    let config = specification.container.parts().config;
    config.get("Xyzzy").cloned().unwrap_or_default()
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-z:#&*!|>'\"%@`,\\[\\]{}?-]{0,6}",
        "(true|NO|yes|null|~|0x1F|012|1e3|-5|\\.5|5\\.|<<|=|2026-01-01|12:30|\\.inf|\\+1)",
        "( |\t|\n|a){0,5}",
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e9..1e9).prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    scalar.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(text(), inner, 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn json_is_read_as_it_stands(value in value()) {
        let document = around(&value);

        prop_assert_eq!(within(&read(&document.to_string())), value.clone());
        prop_assert_eq!(within(&read(&format!("{document:#}"))), value);
    }

    #[test]
    fn yaml_is_read_as_it_was_written(value in value()) {
        let text = serde_yaml::to_string(&around(&value)).unwrap();
        // That writer does not quote the key that merges.
        prop_assume!(!text.contains("<<:"));
        // Line breaks of YAML 1.1, which that writer folds.
        prop_assume!(!text.contains(['\u{85}', '\u{2028}', '\u{2029}']));

        prop_assert_eq!(within(&read(&text)), value);
    }

    #[test]
    fn what_is_printed_is_read_back_as_the_same(value in value(), labels in prop::collection::btree_map(text(), text(), 0..4)) {
        let mut posted = around(&value)[0].clone();
        posted["Labels"] = json!(labels);
        let at = FieldPath::default();
        let first = Specification::read(posted, &at, UnknownOptions::Allow).unwrap();

        let printed = serde_json::to_string(&first.specification).unwrap();

        let StrictJson(again) = serde_json::from_str(&printed).unwrap();
        let second = Specification::read(again, &at, UnknownOptions::Allow).unwrap();
        prop_assert_eq!(&second.specification, &first.specification);
        prop_assert_eq!(&read(&printed).specifications[0].specification, &first.specification);
    }

    #[test]
    fn every_error_has_a_place_in_the_text(
        pieces in prop::collection::vec(
            prop_oneof![
                "(- |  |\n|\n  |\r\n|\t|: |, |\\[|\\]|\\{|\\}|\"|'|#|---|\\.\\.\\.|<<: )",
                "(Name|Cron|Container|Config|Image|Labels|Defaults|Allocations|é|\u{feff})(: )?",
                "(&a|\\*a|!!str|!x|~|5|foo|\\* \\* \\* \\* \\*|61 9 \\* \\* \\*|\\|\n|>-\n)",
                any::<String>(),
            ],
            0..24,
        ),
    ) {
        let text = pieces.concat();
        let Err(errors) = document::read(&text, UnknownOptions::Refuse) else {
            return Ok(());
        };
        prop_assert!(!errors.is_empty());
        for located in errors.shown {
            let shown = text.get(located.offset..located.offset + located.length);
            prop_assert!(shown.is_some_and(|shown| !shown.contains('\n')), "{:?}", located);
            prop_assert!(located.line > 0 && located.column > 0);
        }
    }
}

const HEAD: &str = "- Name: foo
  Cron: 0 9 * * *
  Container:
    Config:
      Image: busybox
";

#[test]
fn hand_written_yaml_is_read_as_by_another_reader() {
    for yaml in [
        "1",
        "+1",
        "-1",
        "01",
        "-01",
        "1.5",
        "-.5",
        ".5",
        "5.",
        "1e3",
        "1E-3",
        "1.2.3",
        "1e",
        "e1",
        "0x1F",
        "0o17",
        "0x",
        "0xG",
        "+",
        ".",
        "-.",
        "1_000",
        "12:30:45",
        "2026-01-01",
        "~",
        "null",
        "NULL",
        "nUll",
        "true",
        "True",
        "tRue",
        "yes",
        "No",
        "on",
        "y",
        "\"1\"",
        "'true'",
        "''",
        "\"\"",
        "18446744073709551615",
        "-9223372036854775808",
        "inf",
        "nan",
        "1 2",
        "a  b",
        "\"\\t\\x41\\u00e9\\n\"",
        "'it''s'",
        "!!str 5",
        "!!str true",
        "[]",
        "{}",
        "[a, [b], {c: d}]",
        "[a, b: c]",
        "{a, b: }",
        "{\"a\":1, 'b':2}",
        "a # b",
        "a#b",
        "a:b",
        "http://x:80/a?b#c",
        "\n  - a\n  - b",
        "\n  a:\n  - b\n  - - c\n    - d",
        "|\n  a\n   b\n\n",
        "|-\n  a\n",
        "|+\n  a\n\n",
        ">\n  a\n  b\n\n  c\n",
        ">-\n a\n\n b\n",
        ">\n  a\n    b\n  c\n",
        "|2\n   a\n",
        "a\n  b\n\n  c",
        "\n  a: 1\n  \"b c\": 2\n  ? d\n  : 3",
        "\"a\n  b\\\n  c\"",
        "'a\n\n  b'",
        "&x {a: [1, 2]}",
        "[&x 5, *x, *x]",
        "{a: &y [1], b: *y}",
        "[a,\n  b\n  ]",
    ] {
        let indented = yaml.replace('\n', "\n      ");
        let text = format!("{HEAD}      Xyzzy: {indented}\n");
        let other: Value = serde_yaml::from_str(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));

        let expected = &other[0]["Container"]["Config"]["Xyzzy"];
        assert_eq!(&within(&read(&text)), expected, "{text}");
    }
}

#[test]
fn merged_keys_are_read_as_by_another_reader() {
    let text = "
- &base
  Name: base
  Cron: 0 9 * * *
  Container: {Config: &config {Image: a, Tty: true, Env: [A=1]}}
- <<: *base
  Name: first
- Name: second
  Cron: 0 10 * * *
  Container:
    Config: {<<: [{Image: b}, *config], Tty: false}
";
    let mut other: serde_yaml::Value = serde_yaml::from_str(text).unwrap();
    other.apply_merge().unwrap();
    let other: Value = serde_yaml::from_value(other).unwrap();

    let specifications = read(text).specifications;

    for (read, expected) in specifications.iter().zip(other.as_array().unwrap()) {
        assert_eq!(&serde_json::to_value(&read.specification).unwrap(), expected);
    }
    assert_eq!(specifications.len(), 3);
}
