//! Tests of the keys that changed, and of the stored form of a specification.

use super::*;

#[test]
fn the_keys_whose_values_differ_are_named_in_their_order() {
    let before = valid(json!({}));
    let changes = [
        (json!({"Name": "bar"}), "Name"),
        (json!({"Description": ""}), "Description"),
        (json!({"Labels": {"a": "b"}}), "Labels"),
        (json!({"Cron": "0 10 * * *"}), "Cron"),
        (json!({"Cron": null, "After": "load"}), "Cron After"),
        (json!({"TimeZone": "UTC"}), "TimeZone"),
        (json!({"Jitter": "1m"}), "Jitter"),
        (json!({"NotBefore": "2026-11-21T09:00:00Z"}), "NotBefore"),
        (json!({"NotAfter": "2026-11-21T09:00:00Z"}), "NotAfter"),
        (json!({"Suspended": true}), "Suspended"),
        (json!({"Container": {"Config": {"Image": "alpine"}}}), "Container"),
        (json!({"EnvFiles": "a.env"}), "EnvFiles"),
        (json!({"Pull": "Never"}), "Pull"),
        (json!({"Overlap": "Queue"}), "Overlap"),
        (json!({"StartingDeadline": "1m"}), "StartingDeadline"),
        (json!({"CatchUp": "None"}), "CatchUp"),
        (json!({"Timeout": "1m"}), "Timeout"),
        (json!({"Retries": 1}), "Retries"),
        (json!({"Keep": {"Runs": 1}}), "Keep"),
        (json!({"Keep": {"Runs": 1}, "Pull": "Never", "Jitter": "1m"}), "Jitter Pull Keep"),
    ];
    for (more, keys) in changes {
        let after = valid(more);

        assert_eq!(before.differences(&after).join(" "), keys);
        assert_eq!(after.differences(&before).join(" "), keys);
        assert_eq!(after.differences(&after), [""; 0]);
    }
}

#[test]
fn what_is_stored_can_be_read_in_a_table() {
    let specification = valid(json!({
        "Cron": null,
        "After": ["load", "clean"],
        "Description": "sums",
        "Labels": {"team": "finance"},
        "TimeZone": "europe/berlin",
        "Timeout": "90m",
        "Retries": {"Limit": 2, "Delay": "10s"},
    }));

    let stored = specification.to_stored();

    insta::assert_debug_snapshot!(stored, @r#"
    Stored {
        name: "foo",
        description: Some(
            "sums",
        ),
        labels: Some(
            "{\"team\":\"finance\"}",
        ),
        cron: None,
        after: Some(
            "[\"load\",\"clean\"]",
        ),
        time_zone: Some(
            "Europe/Berlin",
        ),
        policies: Some(
            "{\"Timeout\":\"1h30m\",\"Retries\":{\"Limit\":2,\"Delay\":\"10s\"}}",
        ),
        container: "{\"Config\":{\"Image\":\"busybox\"}}",
    }
    "#);
    assert_eq!(Specification::from_stored(stored.clone()).unwrap(), specification);
    let default = valid(json!({}));
    let bare = default.to_stored();
    assert_eq!((&bare.labels, &bare.after, &bare.policies), (&None, &None, &None));
    let read = Specification::from_stored(bare).unwrap();
    assert!(Arc::ptr_eq(&read.policies, &default.policies));
}

#[test]
fn a_damaged_store_is_reported_by_the_part_that_cannot_be_read() {
    let specification = valid(json!({}));
    let valid = specification.to_stored();
    let damaged = [
        (
            Stored { name: "a/b".into(), ..valid.clone() },
            "the stored name `a/b` is not a valid name",
        ),
        (
            Stored { labels: Some("{".into()), ..valid.clone() },
            "the stored `Labels` cannot be read",
        ),
        (
            Stored { cron: Some("9".into()), ..valid.clone() },
            "the stored `Cron` is not a valid schedule",
        ),
        (
            Stored { cron: None, ..valid.clone() },
            "there must be either a stored `Cron` or a stored `After`",
        ),
        (
            Stored { after: Some("[\"load\"]".into()), ..valid.clone() },
            "there must be either a stored `Cron` or a stored `After`",
        ),
        (
            Stored { cron: None, after: Some("[]".into()), ..valid.clone() },
            "there must be either a stored `Cron` or a stored `After`",
        ),
        (
            Stored { time_zone: Some("Mars".into()), ..valid.clone() },
            "the stored `TimeZone` does not exist",
        ),
        (
            Stored { policies: Some("{\"Wish\":1,\"Timeout\":\"0s\"}".into()), ..valid.clone() },
            "the stored policies are not valid: Wish: unknown key `Wish`; Timeout: 0s is too short: \
             write at least 1s, or leave it out",
        ),
    ];
    for (stored, message) in damaged {
        assert_eq!(Specification::from_stored(stored).unwrap_err().to_string(), message);
    }
}
