//! When an allocation is due after others.

use super::*;

/// What `a` is due for, whose parents newest succeeded for these moments of 2 January.
fn due(keys: &Value, decided: Option<&str>, succeeded: &[Option<&str>]) -> Option<String> {
    let moment = |time: &str| at(&format!("2026-01-02T{time}Z"));
    let succeeded: Vec<_> =
        succeeded.iter().map(|time| time.map(|time| Instant::new(moment(time)))).collect();
    let mut all = json!({"After": ["b"]});
    all.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    let due = after_parents(&allocation(all), decided.map(moment), &succeeded, moment("23:00:00"));
    due.map(|due| due.moment().format("%H:%M:%S").to_string())
}

#[test]
fn a_child_is_due_for_the_instant_of_its_parent_once() {
    let due = |decided, parent| due(&json!({}), decided, &[parent]);

    assert_eq!(due(None, None), None);
    assert_eq!(due(None, Some("09:00:00")).as_deref(), Some("09:00:00"));
    assert_eq!(due(Some("08:00:00"), Some("09:00:00")).as_deref(), Some("09:00:00"));
    // The same again, and an older one that was made up for.
    assert_eq!(due(Some("09:00:00"), Some("09:00:00")), None);
    assert_eq!(due(Some("09:00:00"), Some("08:00:00")), None);
    // One that is still to come, since a clock was ahead.
    assert_eq!(due(None, Some("23:00:00")).as_deref(), Some("23:00:00"));
    assert_eq!(due(None, Some("23:00:01")), None);
}

#[test]
fn all_parents_must_have_succeeded_anew() {
    let due = |decided, parents: [Option<&str>; 2]| due(&json!({}), decided, &parents);

    // Both sides of a diamond, one after the other.
    assert_eq!(due(Some("08:00:00"), [Some("09:00:00"), Some("08:00:00")]), None);
    let both = [Some("09:00:00"), Some("09:00:00")];
    assert_eq!(due(Some("08:00:00"), both).as_deref(), Some("09:00:00"));
    assert_eq!(due(Some("09:00:00"), both), None);
    // One has never succeeded.
    assert_eq!(due(None, [Some("09:00:00"), None]), None);
    assert_eq!(due(None, [None, None]), None);
}

#[test]
fn of_parents_of_different_rhythms_the_newest_gives_its_instant() {
    let due = |decided, parents: [Option<&str>; 2]| due(&json!({}), decided, &parents);

    // Hourly and every six hours: due whenever the slower one has succeeded.
    let hours = ["06:00:00", "07:00:00", "11:00:00"];
    let due_at = hours.map(|hour| due(Some("06:00:00"), [Some(hour), Some("06:00:00")]));
    assert_eq!(due_at, [None, None, None]);
    let slower_first = due(Some("06:00:00"), [Some("11:00:00"), Some("12:00:00")]);
    assert_eq!(slower_first.as_deref(), Some("12:00:00"));
    let faster_first = due(Some("06:00:00"), [Some("13:00:00"), Some("12:00:00")]);
    assert_eq!(faster_first.as_deref(), Some("13:00:00"));
}

#[test]
fn nothing_from_before_its_acceptance_makes_it_due() {
    let mut child = allocation(json!({"After": ["b"]}));
    let now = at("2026-01-03T00:00:00Z");
    let due =
        |child: &Allocation, parent| after_parents(child, None, &[Some(instant(parent))], now);

    assert_eq!(due(&child, ACCEPTED), None);
    assert!(due(&child, "2026-01-01T00:00:01Z").is_some());
    child.scheduled_at = at("2026-01-02T09:00:00.500Z");
    assert_eq!(due(&child, "2026-01-02T09:00:00Z"), None);
    assert!(due(&child, "2026-01-02T09:00:01Z").is_some());
}

#[test]
fn its_bounds_count_for_the_instants_that_it_takes() {
    let keys = || json!({"NotBefore": "2026-01-02T08:00:00Z", "NotAfter": "2026-01-02T09:00:00Z"});
    let due = |parent| due(&keys(), None, &[Some(parent)]);

    assert_eq!(due("07:59:59"), None);
    assert_eq!(due("08:00:00").as_deref(), Some("08:00:00"));
    assert_eq!(due("09:00:00").as_deref(), Some("09:00:00"));
    assert_eq!(due("09:00:01"), None);
}
