//! What holds of every specification: it is printed and stored as it is read again, and anything
//! under any of its keys is read or refused with a place.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, FixedOffset};
use docket_model::{
    AllocationName, Container, Duration, FieldPath, Finding, Specification, StrictJson,
    allocation::{
        CatchUp, Due, HostCount, KEYS, Keep, MOST_PARTS, Notification, NotifyEvent, Overlap,
        Placement, Policies, Pull, Read, Receiver, ReceiverKind, Retries, Stored, TaintEffect,
        Toleration, TolerationOperator,
    },
    container::UnknownOptions,
    document,
    finding::Step,
    schedule,
    zone::{self, Zone},
};
use proptest::{option, prelude::*};
use serde_json::{Map, Value, json};

fn read(posted: Value) -> Result<Read, Vec<Finding>> {
    Specification::read(posted, &FieldPath::default(), UnknownOptions::Refuse)
}

fn length() -> impl Strategy<Value = Duration> {
    prop_oneof![1..100_000_u64, 1..u64::MAX].prop_map(Duration::from_seconds)
}

fn moment() -> impl Strategy<Value = DateTime<FixedOffset>> {
    let nanoseconds = prop_oneof![Just(0), Just(500_000_000), 0..1_000_000_000_u32];
    (-60_000_000_000..250_000_000_000_i64, nanoseconds, -1439..1440_i32).prop_map(
        |(seconds, nanoseconds, minutes)| {
            let offset = FixedOffset::east_opt(minutes * 60).unwrap();
            DateTime::from_timestamp(seconds, nanoseconds).unwrap().with_timezone(&offset)
        },
    )
}

/// Two moments in their order, or one of them, or none.
fn bounds() -> impl Strategy<Value = [Option<DateTime<FixedOffset>>; 2]> {
    (option::of(moment()), option::of(moment())).prop_map(|bounds| match bounds {
        (Some(first), Some(last)) => [Some(first.min(last)), Some(first.max(last))],
        (first, last) => [first, last],
    })
}

fn retries() -> impl Strategy<Value = Retries> {
    let pause = || prop_oneof![0..7200_u64, 0..u64::MAX].prop_map(Duration::from_seconds);
    let pauses = prop_oneof![
        Just((Retries::DELAY, Retries::MAX_DELAY)),
        (pause(), pause()).prop_map(|(one, two)| (one.min(two), one.max(two))),
        pause().prop_map(|delay| (delay, delay.max(Retries::MAX_DELAY))),
    ];
    (0..=Retries::MOST, pauses).prop_map(|(limit, (delay, max_delay))| Retries {
        limit,
        delay,
        max_delay,
    })
}

fn keep() -> impl Strategy<Value = Keep> {
    let output = prop_oneof![
        0..=Keep::MOST_OUTPUT,
        (0..=Keep::MOST_OUTPUT >> 10).prop_map(|kibibytes| kibibytes << 10),
    ];
    let keep = (1..=Keep::MOST_RUNS, 0..=Keep::MOST_RUNS, output)
        .prop_map(|(runs, failures, output)| Keep { runs, failures, output });
    prop_oneof![Just(Keep::default()), keep]
}

fn placement() -> impl Strategy<Value = Placement> {
    let constraint =
        "[a-z.]{1,9}(==|!=|=~|!~)[a-z0-9.]{0,9}".prop_map(|text| text.parse().unwrap());
    let engine = option::of("[a-zA-Z0-9][a-z0-9_.-]{0,9}".prop_map(|name| name.parse().unwrap()));
    let on = prop_oneof![
        (1..=u64::from(MOST_PARTS)).prop_map(|number| HostCount::of_number(number).unwrap()),
        Just(HostCount::All),
    ];
    let where_to = (engine, prop::collection::vec(constraint, 0..4), any::<bool>(), on);
    let name = || "[a-z0-9]{1,9}".prop_map(String::into_boxed_str);
    let of_pods = (
        prop::collection::vec(toleration(), 0..3),
        prop::collection::vec(name(), 0..3),
        option::of(name()),
    );
    (where_to, of_pods).prop_map(|(where_to, (tolerations, pull_secrets, service_account))| {
        let (engine, constraints, is_shared, on) = where_to;
        Placement { engine, constraints, is_shared, on, tolerations, pull_secrets, service_account }
    })
}

fn toleration() -> impl Strategy<Value = Toleration> {
    let text = || option::of("[a-zA-Z0-9./]{1,9}".prop_map(String::into_boxed_str));
    let operator = prop::sample::select(&TolerationOperator::ALL[..]);
    let effect = option::of(prop::sample::select(&TaintEffect::ALL[..]));
    (text(), operator, text(), effect, option::of(any::<u32>())).prop_map(
        |(key, operator, value, effect, seconds)| Toleration {
            key,
            operator,
            value,
            effect,
            seconds,
        },
    )
}

fn notifications() -> impl Strategy<Value = Vec<Notification>> {
    let kind = prop::sample::select(&ReceiverKind::ALL[..]);
    let receiver = prop_oneof![
        "[a-zA-Z0-9][a-z0-9_.-]{0,9}".prop_map(|name| Receiver::Target(name.parse().unwrap())),
        (kind, "https?://[a-z]{1,5}(:80)?(/[a-z0-9]{0,5}|\\?a=b)?")
            .prop_map(|(kind, url)| Receiver::Url(kind, url.parse().unwrap())),
    ];
    let on = prop::sample::subsequence(&NotifyEvent::ALL[..], 1..=NotifyEvent::ALL.len());
    let repeat = option::of((600..u64::MAX).prop_map(Duration::from_seconds));
    let entry = (receiver, on, repeat, 0..=1000_u16)
        .prop_map(|(receiver, on, repeat, output)| Notification { receiver, on, repeat, output });
    prop::collection::vec(entry, 0..4)
}

fn policies() -> impl Strategy<Value = Policies> {
    let when = (option::of(length()), bounds(), any::<bool>());
    let how = (
        prop::collection::vec("[a-z]{1,9}(/\\.?[a-z ]{1,9}){0,2}", 0..4),
        prop::sample::select(&Pull::ALL[..]),
        prop::sample::select(&Overlap::ALL[..]),
        option::of(length()),
        prop::sample::select(&CatchUp::ALL[..]),
        option::of(length()),
    );
    let rest = (retries(), keep(), placement(), option::of(notifications()));
    (when, how, rest).prop_map(|(when, how, (retries, keep, placement, notify))| {
        let (jitter, [not_before, not_after], suspended) = when;
        let (env_files, pull, overlap, starting_deadline, catch_up, timeout) = how;
        let env_files = env_files.into_iter().map(String::into_boxed_str).collect();
        Policies {
            jitter,
            not_before,
            not_after,
            suspended,
            env_files,
            placement,
            pull,
            overlap,
            starting_deadline,
            catch_up,
            timeout,
            retries,
            notify,
            keep,
        }
    })
}

fn name() -> impl Strategy<Value = AllocationName> {
    "[A-Za-z0-9][A-Za-z0-9_.-]{0,127}".prop_map(|name| AllocationName::parse(&name).unwrap())
}

fn due() -> impl Strategy<Value = Due> {
    let cron = "(|[0-5]?[0-9] \\* \\* \\* 1-5|@every [1-9]h| 0 9 \\* \\* \\* |R//P1M)";
    let schedule = cron.prop_map(|cron| Due::Schedule(schedule::shared(&cron).unwrap()));
    let parents = prop::collection::btree_set(name(), 1..5);
    prop_oneof![schedule, parents.prop_map(|parents| Due::After(parents.into_iter().collect()))]
}

fn container() -> impl Strategy<Value = Container> {
    any::<String>().prop_map(|text| {
        let posted = json!({"Name": "foo", "Cron": "", "Container": {
            "HostConfig": {"Memory": 5},
            "Config": {"Env": [format!("A={text}")], "Image": "busybox"},
        }});
        read(posted).unwrap().specification.container
    })
}

fn specification() -> impl Strategy<Value = Specification> {
    let who = (name(), option::of(any::<String>()), labels());
    let zone = option::of(prop::sample::select(
        zone::names().map(|name| name.parse().unwrap()).collect::<Vec<Zone>>(),
    ));
    let policies = prop_oneof![1 => Just(Policies::default()), 9 => policies()];
    (who, due(), zone, container(), policies)
        .prop_map(|(who, due, time_zone, container, policies)| Specification {
            name: who.0,
            description: who.1.map(String::into_boxed_str),
            labels: who.2,
            due,
            time_zone,
            container,
            policies: Arc::new(policies),
        })
        .prop_filter("it runs after itself", |it| !it.parents().contains(&it.name))
}

fn labels() -> impl Strategy<Value = BTreeMap<String, String>> {
    prop::collection::btree_map(any::<String>(), any::<String>(), 0..3)
}

/// What comes back from the columns of a table.
fn fetched(stored: &Stored<'_>) -> Stored<'static> {
    let owned = |column: &Option<std::borrow::Cow<'_, str>>| {
        column.as_ref().map(|text| text.clone().into_owned().into())
    };
    Stored {
        name: stored.name.clone().into_owned().into(),
        description: owned(&stored.description),
        labels: owned(&stored.labels),
        cron: owned(&stored.cron),
        after: owned(&stored.after),
        time_zone: owned(&stored.time_zone),
        policies: owned(&stored.policies),
        container: stored.container.clone().into_owned().into(),
    }
}

/// Texts and numbers that mean something under one key or another.
fn scalar() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        any::<String>(),
        "[0-9]{0,3}(s|m|h|d|B|k|KiB|MB|GiB| MiB|é)?([0-9]s)?",
        "PT?[0-9]{0,2}[HMSDW]?",
        "(Always|never|Missing|allow|FORBID|Queue|latest|All|none|true|UTC|EST|Etc/GMT[+-][0-9])",
        "(\\.\\.|/|a|\0|\\.|é){0,5}",
        "20[0-9]{2}-[01][0-9]-[0-3][0-9](T[0-2][0-9]:00:00(\\.[0-9])?(Z|[+-][0-2][0-9]:[0-5]0)?)?",
        "[0-9*]{1,2} [0-9*] \\* \\* \\*",
    ];
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-5..2000_i64).prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e9..1e9).prop_map(Value::from),
        text.prop_map(Value::from),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let key = "(Limit|delay|MaxDelay|Runs|FAILURES|Output|Image|Config|[a-z]{0,6})";
    scalar().prop_recursive(3, 12, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_is_read_back_as_the_same(specification in specification()) {
        let printed = serde_json::to_string(&specification).unwrap();

        let StrictJson(posted) = serde_json::from_str(&printed).unwrap();
        let again = read(posted).map_err(|errors| TestCaseError::fail(format!("{errors:?}")))?;
        prop_assert_eq!(&again.specification, &specification);
        prop_assert_eq!(serde_json::to_string(&again.specification).unwrap(), printed.clone());
        prop_assert!(specification.differences(&again.specification).is_empty());
        let document = document::read(&printed, UnknownOptions::Refuse).unwrap();
        prop_assert_eq!(&document.specifications[0].specification, &specification);
    }

    #[test]
    fn a_push_of_what_is_shown_keeps_the_urls_that_are_stored(specification in specification()) {
        let printed = serde_json::to_string(&*specification.without_secrets()).unwrap();
        for url in specification.policies.notify.iter().flatten().filter_map(Notification::url) {
            let shown = printed.contains(&format!("{:?}", url.secret()));
            prop_assert!(!shown, "{}", printed);
        }

        let StrictJson(posted) = serde_json::from_str(&printed).unwrap();
        let pushed = read(posted).unwrap().specification;

        prop_assert_eq!(&*pushed.with_stored_urls(Some(&specification)).unwrap(), &specification);
        let has_url = specification.policies.notify.iter().flatten().any(|entry| entry.url().is_some());
        prop_assert_eq!(pushed.with_stored_urls(None).is_err(), has_url);
    }

    #[test]
    fn what_is_stored_is_loaded_as_the_same(specification in specification()) {
        let stored = fetched(&specification.to_stored());

        let loaded = Specification::from_stored(stored.clone()).unwrap();

        prop_assert_eq!(&loaded, &specification);
        prop_assert_eq!(loaded.to_stored(), stored);
    }

    #[test]
    fn differing_specifications_differ_in_a_key(one in specification(), other in specification()) {
        let differences = one.differences(&other);

        prop_assert_eq!(differences.is_empty(), one == other);
        let places: Vec<_> =
            differences.iter().map(|key| KEYS.iter().position(|known| known == key)).collect();
        prop_assert!(places.is_sorted() && !places.contains(&None));
    }

    #[test]
    fn anything_under_any_key_is_read_or_refused_at_that_key(
        given in prop::collection::btree_map(prop::sample::select(&KEYS[..]), value(), 0..6),
        has_cron in any::<bool>(),
    ) {
        let mut posted = json!({"Name": "foo", "Container": {"Config": {"Image": "busybox"}}});
        if has_cron {
            posted["Cron"] = json!("0 9 * * *");
        }
        posted.as_object_mut().unwrap().extend(given.into_iter().map(|(key, value)| (key.to_owned(), value)));

        match read(posted) {
            Ok(first) => {
                let printed = serde_json::to_value(&first.specification).unwrap();
                let again = read(printed).unwrap();
                prop_assert_eq!(again.specification, first.specification);
                prop_assert_eq!(again.warnings, first.warnings);
            }
            Err(errors) => for finding in errors {
                let Some(Step::Key(key)) = finding.field.0.first() else {
                    return Err(TestCaseError::fail(format!("no place: {finding}")));
                };
                prop_assert!(KEYS.contains(&key.as_str()), "{}", finding);
                prop_assert!(!finding.message.is_empty() && finding.to_string().len() < 2000);
            },
        }
    }
}
