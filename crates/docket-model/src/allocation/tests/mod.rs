mod changes_and_stored_form;
mod key_table;
mod policies;
mod policy_warnings;
mod schedule_or_dependencies;

use serde_json::{Map, Value, json};

use super::*;

fn read(posted: Value) -> Result<Read, Vec<Finding>> {
    Specification::read(posted, &FieldPath::default(), UnknownOptions::Refuse)
}

fn errors(posted: Value) -> Vec<String> {
    let errors = read(posted).unwrap_err();
    errors.iter().map(ToString::to_string).collect()
}

/// A valid specification with one more key.
fn with(key: &str, value: Value) -> Value {
    let mut more = Map::new();
    more.insert(key.to_owned(), value);
    with_all(Value::Object(more))
}

/// A valid specification with more keys; null takes one away.
fn with_all(more: Value) -> Value {
    let mut posted = json!({
        "Name": "foo",
        "Cron": "0 9 * * *",
        "Container": {"Config": {"Image": "busybox"}},
    });
    if let (Value::Object(posted), Value::Object(more)) = (&mut posted, more) {
        posted.extend(more);
    }
    posted
}

/// The specification with more keys, where it is valid.
fn valid(more: Value) -> Specification {
    match read(with_all(more)) {
        Ok(read) => read.specification,
        Err(errors) => panic!("{errors:?}"),
    }
}

/// What is printed of a specification with more keys, but for those that each has.
fn printed(more: Value) -> Value {
    let mut printed = serde_json::to_value(valid(more)).unwrap();
    let fields = printed.as_object_mut().unwrap();
    fields.retain(|key, _| !["Name", "Cron", "Container"].contains(&key.as_str()));
    printed
}

/// The errors in a specification with more keys, each in its line.
fn messages(more: Value) -> String {
    errors(with_all(more)).join("\n")
}

#[test]
fn what_is_printed_is_read_back_as_the_same() {
    let posted = json!({
        "container": {"config": {"image": "busybox"}},
        "name": "foo",
        "CRON": " 0 9 * * 1-5 ",
        "timezone": "europe/berlin",
        "labels": {"team": "a", "Team": "b"},
        "description": "",
    });

    let specification = read(posted).unwrap().specification;

    let printed = serde_json::to_string(&specification).unwrap();
    let canonical = r#"{"Name":"foo","Description":"","Labels":{"Team":"b","team":"a"},"Cron":" 0 9 * * 1-5 ","TimeZone":"Europe/Berlin","Container":{"Config":{"Image":"busybox"}}}"#;
    assert_eq!(printed, canonical);
    let again = read(serde_json::from_str(&printed).unwrap()).unwrap();
    assert_eq!(again.specification, specification);
    assert_eq!(again.warnings, []);
}

#[test]
fn what_the_server_adds_is_ignored_when_it_comes_back() {
    for key in ["Logs", "logs", "Status"] {
        let printed = with(key, json!(["anything", {"there": 1}]));

        let specification = read(printed).unwrap().specification;

        let text = serde_json::to_string(&specification).unwrap();
        let bare =
            r#"{"Name":"foo","Cron":"0 9 * * *","Container":{"Config":{"Image":"busybox"}}}"#;
        assert_eq!(text, bare);
    }
}

#[test]
fn what_is_required_is_reported_in_the_words_of_the_original() {
    let expected = ["Name: Required", "Cron: Required", "Container.Config: Config is required"];
    assert_eq!(errors(json!({})), expected);
    let null = json!({"Name": null, "Cron": null, "Container": null, "Labels": null});
    assert_eq!(errors(null), expected);
    let empty = json!({"Name": "", "Cron": "", "Container": {"Config": {}}});
    assert_eq!(errors(empty), ["Name: Required", "Container.Config.Image: Image is required"]);
}

#[test]
fn an_empty_schedule_is_one_that_never_runs_by_itself() {
    let specification = read(with("Cron", json!(""))).unwrap().specification;
    assert_eq!(specification.schedule().unwrap().text(), "");
}

#[test]
fn all_fields_that_are_wrong_are_reported_at_once() {
    let posted = json!({
        "Name": 5,
        "Cron": ["0 9 * * *"],
        "TimeZone": "Mars/Olympus",
        "Description": "x".repeat(MAX_DESCRIPTION + 1),
        "Labels": {"io.docket.uid": "mine", "a": 1, "b": null},
        "Container": {"Config": {"Image": 7}},
    });

    let messages = errors(posted);

    let fields: Vec<_> =
        messages.iter().map(|finding| finding.split(": ").next().unwrap()).collect();
    let expected = [
        "Name",
        "Description",
        "Labels.io.docket.uid",
        "Labels.a",
        "Labels.b",
        "Cron",
        "TimeZone",
        "Container.Config.Image",
    ];
    assert_eq!(fields, expected);
    assert_eq!(messages[0], "Name: expected a string, found the number 5: put it in quotes");
    assert_eq!(messages[5], "Cron: expected a string, found a list");
}

#[test]
fn a_wrong_schedule_keeps_each_of_its_errors() {
    let errors = read(with("Cron", json!("61 25 * * *"))).unwrap_err();

    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].field, FieldPath::key("Cron"));
    assert_eq!(errors[0].schedule.len(), 2);
    assert_eq!(errors[0].schedule[1].offset, 3);
}

#[test]
fn what_may_surprise_in_a_schedule_is_a_warning() {
    let read = read(with("Cron", json!("0 0 */2 * 1"))).unwrap();

    assert_eq!(read.warnings.len(), 1);
    assert_eq!(read.warnings[0].field, FieldPath::key("Cron"));
}

#[test]
fn keys_of_later_versions_are_distinguished_from_unknown_ones() {
    let cases = [
        ("successwithin", "`SuccessWithin` is not supported by this version of docket"),
        ("Retry", "unknown key `Retry`: did you mean `Retries`?"),
        ("Crn", "unknown key `Crn`: did you mean `Cron`?"),
        ("Image", "unknown key `Image`: it belongs under `Container.Config`"),
        ("HostConfig", "unknown key `HostConfig`: it belongs under `Container`"),
        ("Xyzzy", "unknown key `Xyzzy`"),
    ];
    for (key, message) in cases {
        assert_eq!(errors(with(key, json!(1))), [format!("{key}: {message}")]);
    }
}

#[test]
fn a_key_that_is_duplicate_in_two_cases_is_an_error() {
    let expected = ["cron: duplicate key `Cron`"];
    assert_eq!(errors(with("cron", json!("* * * * *"))), expected);
    // The first one was null, and is there all the same.
    let mut posted = with("Labels", Value::Null);
    posted["labels"] = json!({});
    assert_eq!(errors(posted), ["labels: duplicate key `Labels`"]);
}

#[test]
fn anything_but_a_mapping_is_no_allocation() {
    let at = FieldPath::default().with_index(2);

    let errors = Specification::read(json!("foo"), &at, UnknownOptions::Refuse).unwrap_err();

    let message = "[2]: expected an allocation, a mapping with the keys Name, Cron and Container, \
                   found the string \"foo\"";
    assert_eq!(errors[0].to_string(), message);
}

#[test]
fn paths_begin_where_the_allocation_stands() {
    let at = FieldPath::default().with_index(2);

    let errors = Specification::read(json!({}), &at, UnknownOptions::Refuse).unwrap_err();

    let paths: Vec<_> = errors.iter().map(|m| m.field.to_string()).collect();
    assert_eq!(paths, ["[2].Name", "[2].Cron", "[2].Container.Config"]);
}

#[test]
fn a_specification_is_small() {
    assert!(size_of::<Specification>() <= 104);
}
