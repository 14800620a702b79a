//! What is due when it is changed, and what cannot be decided any more.

use docket_model::{
    Run, Specification,
    journal::{Cause, Event, Outage, Suspension},
    run::{Reason, RunState, Trigger},
};
use serde_json::{Value, json};

use crate::short_reasons_for_tests::in_short;

use super::{
    super::{
        ChangeContext, ChangedZone, Circumstances, ClaimOutcome, Control, EntryFilter, Push,
        RunFilter, Settlement, Store, ZoneChange,
    },
    carry_out, claim, get, instant,
    manual_runs::claim_manual_run,
    moment, push_a, pushed, run, specification, specified,
};

const EDITED: &str = "edited Schedule";

/// `a`, due each minute, with these keys.
fn minutely(keys: &Value) -> Specification {
    let mut all = json!({"Name": "a", "Cron": "* * * * *"});
    all.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    specified(all)
}

async fn edit(store: &Store, specification: Specification, second: i64) {
    store.push(pushed(vec![specification], second)).await.unwrap();
}

/// All records of an allocation in short, the oldest first, in seconds.
async fn summaries(store: &Store, name: &str) -> Vec<String> {
    let all = RunFilter { limit: usize::MAX, ..RunFilter::default() };
    let second = |instant: docket_model::run::Instant| (instant.moment() - moment(0)).num_seconds();
    let summary = |run: &Run| match &run.state {
        RunState::Missed { reason, last, count } => {
            format!("{}-{} {count}: {}", second(run.id.instant), second(*last), in_short(reason))
        }
        state => format!("{} {}", second(run.id.instant), state.word()),
    };
    store.runs(name, &all).await.unwrap().iter().rev().map(|run| summary(run)).collect()
}

async fn decided(store: &Store) -> Option<i64> {
    let decided = get(store, "a").await.status.decided;
    decided.map(|decided| (decided - moment(0)).num_seconds())
}

pub(in crate::store) async fn an_edit_leaves_no_instant_without_a_record(store: &Store) {
    let others = [
        (json!({"Cron": "0 0 * * *"}), "Schedule"),
        (json!({"TimeZone": "Europe/Berlin"}), "TimeZone"),
        (json!({"NotBefore": "2030-01-01T00:00:00Z"}), "Bounds"),
        (json!({"NotAfter": "2030-01-01T00:00:00Z"}), "Bounds"),
        (json!({"Suspended": true}), "Suspended"),
    ];
    for (keys, what) in others {
        edit(store, minutely(&json!({})), 0).await;
        carry_out(store, "a", 60, RunState::Succeeded).await;

        edit(store, minutely(&keys), 601).await;

        let missed = format!("120-600 9: edited {what}");
        assert_eq!(summaries(store, "a").await, ["60 succeeded", missed.as_str()]);
        assert_eq!(decided(store).await, Some(600));
        let late = run(store, "a", 600, RunState::Starting).await;
        assert_eq!(store.claim(late).await, Ok(ClaimOutcome::Decided(instant(600))));
        store
            .delete("a", &docket_model::Origin::Api, ChangeContext::new(moment(-1_000_000), "test"))
            .await
            .unwrap();
    }
}

pub(in crate::store) async fn an_edit_of_anything_else_leaves_what_is_due(store: &Store) {
    push_a(store).await;
    claim(store, "a", 60).await;
    let edits = [
        json!({"Jitter": "30s"}),
        json!({"StartingDeadline": "1m"}),
        json!({"CatchUp": "All"}),
        json!({"Overlap": "Forbid", "Description": "another"}),
    ];
    for (keys, second) in edits.into_iter().zip(300..) {
        edit(store, minutely(&keys), second).await;
    }

    assert_eq!(summaries(store, "a").await, ["60 starting"]);
    assert_eq!(decided(store).await, Some(60));
    claim(store, "a", 120).await;
}

pub(in crate::store) async fn the_reason_of_an_edit_names_what_kept_it_from_starting(
    store: &Store,
) {
    push_a(store).await;
    let outage = |from: i64, to: Option<i64>| {
        let cause = if to.is_some() { Cause::NotRunning } else { Cause::EngineAway };
        Outage::of(cause, moment(from), to.map(moment))
    };
    let edit = |cron: &str, second: i64| {
        let push = pushed(vec![specification("a", cron)], second);
        let outages = vec![outage(30, Some(130)), outage(150, None)];
        let circumstances = Circumstances { outages, ..push.circumstances.clone() };
        store.push(Push { circumstances, ..push })
    };

    edit("*/2 * * * *", 125).await.unwrap();
    edit("* * * * *", 310).await.unwrap();
    edit("*/5 * * * *", 370).await.unwrap();

    assert_eq!(
        summaries(store, "a").await,
        [
            "60-120 2: edited Schedule NotRunning 2027-01-15T08:00:30Z 2027-01-15T08:02:10Z",
            // 240 of the second schedule and 360 of the third, for one reason.
            "240-360 2: edited Schedule EngineAway 2027-01-15T08:02:30Z",
        ]
    );
}

pub(in crate::store) async fn an_edit_leaves_the_records_that_are_there(store: &Store) {
    push_a(store).await;
    assert_eq!(claim_manual_run(store, 60, Some(120)).await, ClaimOutcome::New);
    assert_eq!(claim_manual_run(store, 240, Some(300)).await, ClaimOutcome::New);
    assert_eq!(claim_manual_run(store, 300, Some(360)).await, ClaimOutcome::New);

    edit(store, specification("a", "0 0 * * *"), 450).await;

    assert_eq!(
        summaries(store, "a").await,
        [
            "60 starting".to_owned(),
            format!("120-180 2: {EDITED}"),
            "240 starting".to_owned(),
            "300 starting".to_owned(),
            format!("360-420 2: {EDITED}"),
        ]
    );
    assert_eq!(decided(store).await, Some(420));
}

pub(in crate::store) async fn what_was_suspended_at_its_instant_says_so_after_an_edit(
    store: &Store,
) {
    edit(store, minutely(&json!({"Suspended": true})), 0).await;
    edit(store, minutely(&json!({})), 130).await;
    let since = moment(270);
    let suspension = Suspension { until: Some(moment(400)), ..Suspension::new("ann", since) };
    let steered =
        store.control("a", Control::Suspend(suspension), ChangeContext::new(since, "ann")).await;
    steered.unwrap();
    edit(store, specification("a", "0 0 * * *"), 500).await;

    assert_eq!(
        summaries(store, "a").await,
        [
            "60-120 2: suspended-by-specification".to_owned(),
            "180-240 2: suspended ann IsLate".to_owned(),
            "300-360 2: suspended ann".to_owned(),
            format!("420-480 2: {EDITED}"),
        ]
    );
}

pub(in crate::store) async fn an_edit_of_what_comes_first_leaves_no_instant_without_a_record(
    store: &Store,
) {
    let after = |name: &str, parents: &[&str]| specified(json!({"Name": name, "After": parents}));
    let specifications = ["a", "b"].map(|name| specification(name, "* * * * *"));
    store.push(pushed(specifications.to_vec(), 0)).await.unwrap();
    let children = ["one", "two", "same", "both"].map(|name| after(name, &["a"]));
    store.push(pushed(children.to_vec(), 0)).await.unwrap();
    carry_out(store, "a", 60, RunState::Succeeded).await;
    let claimed = run(store, "same", 60, RunState::Starting).await;
    let claimed = Run { trigger: Trigger::Dependency, ..claimed };
    assert_eq!(store.claim(claimed).await, Ok(ClaimOutcome::New));

    let edits = [
        after("one", &["b"]),
        specification("two", "0 0 * * *"),
        after("same", &["b"]),
        // Its other parent has not succeeded, so it is not due.
        after("both", &["a", "b"]),
    ];
    store.push(pushed(edits.to_vec(), 70)).await.unwrap();
    carry_out(store, "b", 120, RunState::Succeeded).await;
    store.push(pushed(vec![after("both", &["b"])], 130)).await.unwrap();

    let missed = format!("60-60 1: {EDITED}");
    assert_eq!(summaries(store, "one").await, [missed.as_str()]);
    assert_eq!(summaries(store, "two").await, [missed.as_str()]);
    assert_eq!(summaries(store, "same").await, ["60 starting"]);
    assert_eq!(summaries(store, "both").await, [missed.as_str()]);
}

pub(in crate::store) async fn unknown_instants_are_missed_for_that_reason(store: &Store) {
    push_a(store).await;
    edit(store, specified(json!({"Name": "b", "Cron": "*/5 * * * *", "Jitter": "4m"})), 0).await;
    edit(store, specified(json!({"Name": "c", "After": ["b"]})), 0).await;
    claim(store, "a", 60).await;
    carry_out(store, "b", 300, RunState::Succeeded).await;
    let changes = store.subscribe().allocations();
    drop(changes.take());
    let reason = "store-restored 2027-01-15T08:01:30Z";

    let settlement = Settlement {
        at: moment(601),
        zone: docket_model::Zone::utc(),
        reason: Reason::StoreRestored { copied_at: moment(90) },
    };
    store.settle(settlement.clone()).await.unwrap();
    store.settle(settlement).await.unwrap();

    assert_eq!(
        summaries(store, "a").await,
        ["60 starting".to_owned(), format!("120-600 9: {reason}")]
    );
    assert_eq!(summaries(store, "b").await, ["300 succeeded", &format!("600-600 1: {reason}")]);
    assert_eq!(summaries(store, "c").await, [format!("300-300 1: {reason}")]);
    assert_eq!(changes.take().len(), 3);
    claim(store, "a", 660).await;
}

pub(in crate::store) async fn another_zone_of_the_server_starts_no_instant_of_the_past(
    store: &Store,
) {
    // 08:00 UTC is 09:00 in Berlin and 03:00 in New York.
    let zoned = |name: &str, cron: &str, zone: Option<&str>| {
        let zone = zone.map_or(json!({}), |zone| json!({"TimeZone": zone}));
        let mut keys = json!({"Name": name, "Cron": cron});
        keys.as_object_mut().unwrap().extend(zone.as_object().unwrap().clone());
        specified(keys)
    };
    let specifications = vec![
        zoned("a", "30 9 * * *", None),
        zoned("own", "30 9 * * *", Some("Europe/Berlin")),
        zoned("every", "@every 10m", None),
    ];
    let push = pushed(specifications, 0);
    let (berlin, to) = ("Europe/Berlin".parse().unwrap(), "America/New_York".parse().unwrap());
    let circumstances = Circumstances { zone: berlin, outages: Vec::new() };
    store.push(Push { circumstances, ..push }).await.unwrap();

    let change = |from: &str, old, to, second, reason: &str| ZoneChange {
        what: ChangedZone::OfServer {
            from: from.to_owned(),
            old,
            to,
            reason: Reason::text(reason),
        },
        at: moment(second),
    };
    let changed = change("Europe/Berlin", Some(berlin), to, 3600, "another zone");
    store.change_zone(changed).await.unwrap();

    assert_eq!(summaries(store, "a").await, ["1800-1800 1: text another zone"]);
    let status = get(store, "a").await.status;
    assert_eq!(status.decided, Some(moment(3600)));
    assert_eq!(status.allocation.scheduled_at, moment(0));
    for name in ["own", "every"] {
        assert_eq!(summaries(store, name).await, Vec::<String>::new());
        assert_eq!(get(store, name).await.status.decided, None);
    }
    let newest = EntryFilter { limit: 1, ..EntryFilter::default() };
    let entries = store.entries(&newest);
    let [from, to] = ["Europe/Berlin", "America/New_York"].map(str::to_owned);
    assert_eq!(entries[0].event, Event::ServerZoneChanged { from, to });

    store.change_zone(change("Mars/Base", None, berlin, 100_000, "unknown")).await.unwrap();
    assert_eq!(summaries(store, "a").await.len(), 1);
    assert_eq!(get(store, "a").await.status.decided, Some(moment(100_000)));
}

/// Newer rules of a zone: what is due by the old ones is missed, and nothing of the past is due by the
/// new ones; allocations in other zones are left alone.
pub(in crate::store) async fn newer_rules_of_a_zone_settle_what_is_due_by_the_old_ones(
    store: &Store,
) {
    let zoned = |name: &str, cron: &str, zone: &str| {
        specified(json!({"Name": name, "Cron": cron, "TimeZone": zone}))
    };
    let specifications = vec![
        // 08:30 UTC is 09:30 in Berlin.
        zoned("a", "30 9 * * *", "Europe/Berlin"),
        zoned("other", "30 9 * * *", "Europe/Paris"),
        zoned("every", "@every 10m", "Europe/Berlin"),
    ];
    store.push(pushed(specifications, 0)).await.unwrap();
    let berlin = vec!["Europe/Berlin".parse().unwrap()];
    let [from, to] = ["2026a", "2026b"].map(str::to_owned);
    let outages = vec![Outage::of(Cause::EngineAway, moment(1700), Some(moment(3600)))];
    let server = docket_model::Zone::utc();
    let (old, new) = (from.clone(), to.clone());
    let what = ChangedZone::Rules { zones: berlin, server, from, to, outages };

    store.change_zone(ZoneChange { what, at: moment(3600) }).await.unwrap();

    let [missed] = summaries(store, "a").await.try_into().unwrap();
    assert!(missed.starts_with("1800-1800 1: edited ZoneData EngineAway "), "{missed}");
    assert_eq!(get(store, "a").await.status.decided, Some(moment(3600)));
    for name in ["other", "every"] {
        assert_eq!(summaries(store, name).await, Vec::<String>::new());
        assert_eq!(get(store, name).await.status.decided, None);
    }
    let newest = EntryFilter { limit: 1, ..EntryFilter::default() };
    let entries = store.entries(&newest);
    let zones_in_journal = vec!["Europe/Berlin".to_owned()];
    let event = Event::ZoneDataChanged { zones: zones_in_journal, from: old, to: new };
    assert_eq!(entries[0].event, event);
}
