//! The table of keys and its consumers: each key is read, written, compared and described, and the
//! JSON Schema agrees with the reader.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

use std::collections::BTreeSet;

use docket_model::{
    FieldPath, Specification,
    allocation::{self, KEYS, json_schema},
    container::UnknownOptions,
    document,
};
use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const README: &str = include_str!("../../../README.md");
const EXAMPLE: &str = include_str!("../../../docket.yml.example");

fn read(posted: Value) -> Result<Specification, Vec<String>> {
    Specification::read(posted, &FieldPath::default(), UnknownOptions::Refuse)
        .map(|read| read.specification)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

/// A specification with a key, which has none of the others but those that are required.
fn with(key: &str, value: &Value) -> Value {
    let mut posted = json!({"Name": "foo", "Container": {"Config": {"Image": "busybox"}}});
    if key != "After" {
        posted["Cron"] = json!("0 9 * * *");
    }
    posted[key] = value.clone();
    posted
}

fn schema_of_documents() -> Validator {
    jsonschema::draft7::new(&document::schema()).unwrap()
}

/// The value that YAML stands for, its merge keys followed.
fn from_yaml(text: &str) -> Value {
    let mut value: serde_yaml::Value = serde_yaml::from_str(text).unwrap();
    value.apply_merge().unwrap();
    serde_json::to_value(value).unwrap()
}

/// What the schema has against a document.
fn objections(schema: &Validator, document: &Value) -> Vec<String> {
    schema.iter_errors(document).map(|error| error.to_string()).collect()
}

#[test]
fn each_key_is_read_written_compared_and_described() {
    let schema = json_schema::specification();
    let documented: BTreeSet<_> =
        allocation::documentation().into_iter().map(|row| row.path).collect();
    for key in KEYS.iter().copied() {
        let example = &schema["properties"][key]["examples"][0];
        assert!(!example.is_null(), "{key} has no example in the schema");
        assert!(documented.contains(key), "{key} is not documented");

        let specification = read(with(key, example)).unwrap();

        let written = serde_json::to_value(&specification).unwrap();
        assert!(written.get(key).is_some(), "{key} is not written");
        assert_eq!(read(written).unwrap(), specification, "{key} is not read as it is written");
        let stored = Specification::from_stored(specification.to_stored()).unwrap();
        assert_eq!(stored, specification, "{key} is not read as it is stored");
        let mut other = with(if key == "After" { "After" } else { "Name" }, &json!("other"));
        if key == "Container" {
            other["Container"] = json!({"Config": {"Image": "alpine"}});
        }
        let differences = specification.differences(&read(other).unwrap());
        assert!(differences.contains(&key), "{key} is not compared: {differences:?}");
    }
}

#[test]
fn each_default_of_the_schema_is_what_holds_where_the_key_is_left_out() {
    let schema = json_schema::specification();
    let bare = read(with("Cron", &json!("0 9 * * *"))).unwrap();
    for key in KEYS.iter().copied() {
        let Some(default) = schema["properties"][key].get("default") else { continue };

        let given = read(with(key, default)).unwrap();

        assert_eq!(given, bare, "{key}: {default}");
    }
    let within = [("Keep", json!({})), ("Retries", json!({"Limit": 1}))];
    for (key, bare) in within {
        let mut mappings = vec![schema["properties"][key].clone()];
        mappings.extend(schema["properties"][key]["anyOf"].as_array().cloned().unwrap_or_default());
        let properties = mappings.iter().filter_map(|it| it["properties"].as_object()).flatten();
        for (inner, described) in properties {
            let Some(default) = described.get("default") else { continue };
            let mut given = bare.clone();
            given[inner] = default.clone();

            let given = read(with(key, &given)).unwrap();

            assert_eq!(given, read(with(key, &bare)).unwrap(), "{key}.{inner}: {default}");
        }
    }
}

#[test]
fn the_table_in_readme_is_that_of_the_keys() {
    let rows = allocation::documentation().into_iter().map(|row| {
        format!("| `{}` | {} | {} | {} |\n", row.path, row.meaning, row.values, row.default)
    });
    let head = "| key | meaning | values | default |\n|---|---|---|---|\n";
    let table = format!("{head}{}", rows.collect::<String>());

    let begin = "<!-- made from crates/docket-model/src/allocation/key_table.rs -->\n";
    let end = "<!-- end -->\n";
    let shown = README.split_once(begin).and_then(|(_, rest)| rest.split_once(end));

    let shown = shown.map(|(shown, _)| shown.trim()).unwrap_or_default();
    assert!(
        shown == table.trim_end(),
        "README.md has another table of keys: replace it by\n{table}"
    );
}

/// The documents within README.
fn documents_in_readme() -> Vec<&'static str> {
    let blocks = README.split("```").skip(1).step_by(2);
    let yaml = blocks.filter_map(|block| block.strip_prefix("yaml\n"));
    yaml.filter(|text| text.contains("Container:")).collect()
}

#[test]
fn the_schema_accepts_the_examples() {
    let schema = schema_of_documents();
    let in_readme = documents_in_readme();
    assert!(!in_readme.is_empty());
    for text in in_readme.into_iter().chain([EXAMPLE]) {
        document::read(text, UnknownOptions::Refuse).unwrap();
        assert_eq!(objections(&schema, &from_yaml(text)), [""; 0], "{text}");
    }
}

#[test]
fn the_schema_accepts_each_form_of_a_document() {
    let schema = schema_of_documents();
    let container = "Container: {Config: {Image: busybox}}";
    let documents = [
        format!("Name: a\nCron: '@daily'\n{container}\n"),
        format!("[{{Name: a, Cron: '', {container}}}]"),
        format!("Defaults: {{{container}, Retries: {{Delay: 10s}}, Cron: '@daily'}}\nAllocations: [{{Name: a, Retries: {{Limit: 1}}}}, {{Name: b, After: a, Retries: {{Limit: 2}}}}]"),
        format!("Defaults:\nAllocations: [{{Name: a, Cron: '', {container}}}]"),
        "Defaults: {Cron: ''}\nAllocations:\n- Name: a\n  Container:\n    Config: {Image: a, Cmd: date}\n    \
         HostConfig: {Mounts: [{Type: tmpfs, Target: /t, TmpfsOptions: {Mode: '0750'}}]}"
            .to_owned(),
        "[]".to_owned(),
    ];
    for text in documents {
        document::read(&text, UnknownOptions::Refuse)
            .unwrap_or_else(|errors| panic!("{text}: {:?}", errors.shown));
        assert_eq!(objections(&schema, &from_yaml(&text)), [""; 0], "{text}");
    }
}

#[test]
fn what_the_schema_rejects_is_rejected_when_it_is_read_and_these_are() {
    let schema = schema_of_documents();
    let changes = [
        ("Name", json!(null)),
        ("Name", json!(5)),
        ("Name", json!("-a")),
        ("Crn", json!("@daily")),
        ("Notify", json!({})),
        ("Notify", json!([{"To": "on call"}])),
        ("Notify", json!([{"Webhook": "ftp://a/b"}])),
        ("Notify", json!([{"To": "oncall", "On": []}])),
        ("Notify", json!([{"To": "oncall", "Output": 1001}])),
        ("Cron", json!(5)),
        ("Cron", json!(null)),
        ("After", json!(["a"])),
        ("TimeZone", json!(1)),
        ("Labels", json!({"a": 1})),
        ("Labels", json!({"io.docket.uid": "a"})),
        ("Description", json!("x".repeat(5000))),
        ("Jitter", json!(30)),
        ("Jitter", json!("5min")),
        ("Timeout", json!("1h1h")),
        ("Timeout", json!("PT")),
        ("NotBefore", json!("2026-11-21")),
        ("Suspended", json!("yes")),
        ("EnvFiles", json!({"a": "b"})),
        ("EnvFiles", json!([""])),
        ("Placement", json!("web1")),
        ("Placement", json!({"Engine": "a b"})),
        ("Placement", json!({"Where": ["zone"]})),
        ("Placement", json!({"On": 0})),
        ("Placement", json!({"On": 101})),
        ("Placement", json!({"On": "Some"})),
        ("Pull", json!("Sometimes")),
        ("Overlap", json!(false)),
        ("Retries", json!(-1)),
        ("Retries", json!(1001)),
        ("Retries", json!({"Delay": "1s"})),
        ("Retries", json!({"Limit": 1, "Factor": 2})),
        ("Keep", json!(10)),
        ("Keep", json!({"Runs": 0})),
        ("Keep", json!({"Output": "1 monkey"})),
        ("Keep", json!({"Output": 67_108_865})),
        ("Container", json!(null)),
        ("Container", json!({"Config": {}})),
        ("Container", json!({"Config": {"Image": ""}})),
        ("Container", json!({"Config": {"Image": "a", "Env": [null]}})),
        ("Container", json!({"Config": {"Image": "a", "Ttty": true}})),
        ("Container", json!({"Config": {"Image": "a"}, "Name": "b"})),
        ("Container", json!({"Config": {"Image": "a"}, "HostConfig": {"Memory": "64m"}})),
        (
            "Container",
            json!({"Config": {"Image": "a"}, "HostConfig": {"RestartPolicy": {"Name": "always"}}}),
        ),
    ];
    for (key, value) in changes {
        let mut posted = with("Cron", &json!("@daily"));
        posted[key] = value;

        assert!(!objections(&schema, &posted).is_empty(), "the schema accepts {posted}");
        assert!(!objections(&schema, &json!([posted])).is_empty(), "the schema accepts [{posted}]");
        assert!(read(posted.clone()).is_err(), "{posted} is read");
    }
    for document in [
        json!({"Defaults": {}}),
        json!({"Allocations": 5}),
        json!("a"),
        json!({"Allocations": [], "X": 1}),
    ] {
        assert!(!schema.is_valid(&document), "the schema accepts {document}");
        assert!(document::read(&document.to_string(), UnknownOptions::Refuse).is_err());
    }
}

/// Values that are right under one key or another, and such as are nearly right.
fn value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "[0-9]{1,3}(s|m|h|d|B|k|KiB|MB|GiB| MiB)([0-9]{1,2}s)?",
        "PT?[0-9]{0,2}[HMSDWhmsdw]([0-9][MSms])?",
        "p[0-9][wd]([0-9]d)?t[0-9]h",
        "(Always|Never|Missing|Allow|Forbid|Queue|Latest|All|None|Replace|UTC|Europe/Berlin)",
        "[a-z][a-z./]{0,5}",
        "[a-z]{1,3} ?(==|!=|=~|!~|=)[a-z.]{0,3}",
        "20[0-9]{2}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:00:00(\\.[0-9]{1,9})?([Zz]|[+-][0-2][0-9]:[0-5]0)?",
        "[0-9*]{1,2} [0-9*] \\* \\* \\*",
    ];
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-5..2000_i64).prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    let key = "(Engine|Where|Limit|Delay|MaxDelay|Runs|Failures|Output|[a-z]{1,3})";
    scalar.prop_recursive(2, 8, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn what_is_read_is_accepted_by_the_schema(
        given in prop::collection::btree_map(prop::sample::select(&KEYS[1..]), value(), 1..3),
    ) {
        static SCHEMA: std::sync::LazyLock<Validator> = std::sync::LazyLock::new(schema_of_documents);
        let mut posted = with("Cron", &json!("@daily"));
        if given.contains_key("After") {
            posted["Cron"] = Value::Null;
        }
        posted.as_object_mut().unwrap().extend(
            given.into_iter().filter(|(key, _)| *key != "Container").map(|(key, value)| (key.to_owned(), value)),
        );

        if let Ok(specification) = read(posted.clone()) {
            prop_assert_eq!(objections(&SCHEMA, &posted), [""; 0], "{}", posted);
            let written = serde_json::to_value(specification).unwrap();
            prop_assert_eq!(objections(&SCHEMA, &written), [""; 0], "{}", written);
        }
    }
}
