//! Tests of `Cron` and `After`.

use super::*;

/// A specification that runs after others.
fn after(parents: &Value) -> Value {
    json!({"Cron": null, "After": parents})
}

#[test]
fn an_allocation_runs_after_one_or_more_in_place_of_a_schedule() {
    let one = valid(after(&json!("load")));
    let two = valid(after(&json!(["load", "clean"])));

    let parents: Vec<_> = two.parents().iter().map(AllocationName::as_str).collect();
    assert_eq!(parents, ["load", "clean"]);
    assert_eq!(two.schedule(), None);
    assert_eq!(printed(after(&json!("load"))), json!({"After": ["load"]}));
    assert_eq!(one, valid(after(&json!(["load"]))));
}

#[test]
fn a_schedule_and_parents_exclude_one_another_and_one_is_required() {
    insta::assert_snapshot!(messages(json!({"After": ["load"]})), @"After: give either `Cron` or `After`, not both");
    insta::assert_snapshot!(messages(json!({"Cron": "", "After": "load"})), @"After: give either `Cron` or `After`, not both");
    insta::assert_snapshot!(messages(json!({"Cron": "61 * * * *", "After": 5})), @"
    After: give either `Cron` or `After`, not both
    Cron: min: 61 is out of range (0-59)
    After: expected a name or a list of names, found the number 5
    ");
    assert_eq!(messages(json!({"Cron": null})), "Cron: Required");
    assert_eq!(messages(json!({"Cron": null, "After": null})), "Cron: Required");
}

#[test]
fn parents_are_names_none_twice_and_never_the_allocation_itself() {
    let parents = json!(["load", "foo", "load", "", "-x", 5, null, "Load"]);
    insta::assert_snapshot!(messages(after(&parents)), @"
    After[1]: `foo` cannot run after itself
    After[2]: duplicate name `load`
    After[3]: an empty string is not a name
    After[4]: a name begins with a letter or a digit, not with `-`
    After[5]: expected a string, found the number 5: put it in quotes
    After[6]: expected a name, found null
    ");
    insta::assert_snapshot!(messages(after(&json!([]))), @"After: names no allocation: name one, or give `Cron` instead");
    insta::assert_snapshot!(messages(after(&json!("foo"))), @"After: `foo` cannot run after itself");
    insta::assert_snapshot!(messages(after(&json!({"load": 1}))), @"After: expected a name or a list of names, found a mapping");
    let many: Vec<_> = (0..=MOST_PARENTS).map(|number| format!("load{number}")).collect();
    insta::assert_snapshot!(messages(after(&json!(many))), @"After: 1001 entries are more than the limit of 1000");
    valid(after(&json!(many[1..])));
}
