//! Several engines in one registry: each run stays with the one that its record names.

use std::sync::Arc;

use chrono::TimeDelta;
use docket_model::{allocation::Placement, journal::Event, wire::EngineStateWord};

use super::harness::{Fault, Ground, House, MINUTE, Settings};
use crate::{
    engine::scripted_engine::{ScriptedEngine, Seen},
    runner::engine_reports,
    store::EntryFilter,
};

/// A server with one engine, `old`, on which a run of ten minutes is under way; it stops at 09:12.
async fn with_a_run_on_the_old_engine() -> Ground {
    let mut ground = Ground::new(Settings::default());
    ground.engine_name = "old";
    let house = ground.open().await;
    house.push("a", "10 9 * * *", "sleep-600").await;
    house.push_with("child", "busybox", serde_json::json!({"After": ["a"]})).await;
    house.until("09:12:00").await;
    house.close().await
}

/// The same with another engine, `new`, as the default one; returns the old one.
fn with_a_new_default(ground: &mut Ground) -> Arc<ScriptedEngine> {
    let new = Arc::new(ScriptedEngine::called("F", ground.clock.clone()));
    ground.engine_name = "new";
    std::mem::replace(&mut ground.engine, new)
}

pub(super) async fn engine_names(house: &House, name: &str) -> Vec<Option<Arc<str>>> {
    let runs = house.runs(name).await;
    runs.iter().flat_map(|run| &run.attempts).map(|attempt| attempt.engine_name.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_claim_names_its_engine_before_the_engine_gets_any_request() {
    let house = House::open().await;
    house.push("a", "10 9 * * *", "busybox").await;
    house.plan("pull", Fault::DiesBefore);
    house.until("09:10:01").await;
    assert!(house.is_dead());

    let store = house.die().store().await;
    let run = store.run("a", "20261121T091000Z".parse().unwrap()).await.unwrap().unwrap();

    assert_eq!(run.attempts[0].engine_name.as_deref(), Some("default"));
}

#[tokio::test(start_paused = true)]
async fn a_run_is_recovered_at_its_own_engine_and_one_that_is_away_delays_no_other() {
    let mut ground = with_a_run_on_the_old_engine().await;
    let old = with_a_new_default(&mut ground);
    ground.other_engines.push(("old", old.clone()));
    old.set_away(true);

    let house = ground.open().await;
    house.push("b", "13 9 * * *", "sleep-60").await;
    house.until("09:15:00").await;
    let meanwhile = [house.newest("a").await, house.newest("b").await];
    old.set_away(false);
    house.until("09:22:00").await;

    assert_eq!(meanwhile, ["09:10:00 running", "09:13:00 succeeded"]);
    assert_eq!(house.newest("a").await, "09:10:00 succeeded");
    assert_eq!(house.newest("child").await, "09:10:00 succeeded");
    assert_eq!(engine_names(&house, "a").await, [Some("old".into())]);
    assert_eq!(engine_names(&house, "b").await, [Some("new".into())]);
    // The dependent run begins after the change, so it goes to the new engine.
    assert_eq!(engine_names(&house, "child").await, [Some("new".into())]);
    assert_eq!(house.seen("a").len(), 0);
    let seen = old.seen();
    assert_eq!(
        seen.iter().map(|seen| (seen.starts, seen.removed)).collect::<Vec<_>>(),
        [(1, true)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_retry_stays_with_the_engine_of_its_run() {
    let mut ground = Ground::new(Settings::default());
    ground.engine_name = "old";
    let house = ground.open().await;
    let retries = serde_json::json!({"Cron": "10 9 * * *", "Retries": {"Limit": 1, "Delay": "5m"}});
    house.push_with("a", "fail-until-2", retries).await;
    house.until("09:12:00").await;
    let mut ground = house.close().await;
    let old = with_a_new_default(&mut ground);
    ground.other_engines.push(("old", old.clone()));

    let house = ground.open().await;
    house.until("09:16:00").await;

    assert_eq!(house.newest("a").await, "09:10:00 succeeded at attempt 2");
    assert_eq!(engine_names(&house, "a").await, [Some("old".into()), Some("old".into())]);
    assert_eq!((old.seen().len(), house.seen("a").len()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn runs_of_an_engine_that_is_not_configured_are_lost_and_found_again_when_it_is_back() {
    let mut ground = with_a_run_on_the_old_engine().await;
    let old = with_a_new_default(&mut ground);

    let house = ground.open().await;
    house.pass(MINUTE).await;
    let lost = house.newest("a").await;
    let mut ground = house.close().await;
    ground.other_engines.push(("old", old.clone()));
    let house = ground.open().await;
    house.until("09:22:00").await;

    assert_eq!(lost, "09:10:00 lost: engine-not-configured old");
    assert_eq!(house.newest("a").await, "09:10:00 succeeded");
    assert_eq!(house.newest("child").await, "09:10:00 succeeded");
    let seen = old.seen();
    assert_eq!(
        seen.iter().map(|seen| (seen.starts, seen.removed)).collect::<Vec<_>>(),
        [(1, true)]
    );
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_run_of_an_engine_that_is_not_configured_starts_once_that_is_lost() {
    let (ground, [_, c]) = with_two_in_a_zone();
    let house = ground.open().await;
    let placement = serde_json::json!({"Where": ["zone==x"]});
    let keys = serde_json::json!({
        "Cron": "10,12 9 * * *", "Overlap": "Queue", "Placement": placement,
    });
    house.push_with("a", "sleep-600", keys).await;
    house.until("09:12:30").await;
    let meanwhile = house.summaries("a").await;
    let mut ground = house.close().await;
    ground.other_engines.remove(0);

    let house = ground.open().await;
    house.until("09:30:00").await;

    assert_eq!(meanwhile, ["09:10:00 running", "09:12:00 waiting"]);
    assert_eq!(
        house.summaries("a").await,
        ["09:10:00 lost: engine-not-configured b", "09:12:00 succeeded"]
    );
    assert_eq!(c.seen().len(), 1);
    assert!(house.runner.records.queues.is_empty());
}

/// A server with the engines `default`, `b` and `c`, of which the two others are in zone `x`.
pub(super) fn with_two_in_a_zone() -> (Ground, [Arc<ScriptedEngine>; 2]) {
    let mut ground = Ground::new(Settings::default());
    let others = ["b", "c"].map(|name| {
        let engine = ScriptedEngine::called(name, ground.clock.clone());
        Arc::new(engine.with_label("zone", "x").with_label("host", name))
    });
    for (name, engine) in ["b", "c"].into_iter().zip(&others) {
        ground.other_engines.push((name, engine.clone()));
    }
    (ground, others)
}

pub(super) async fn push_placed(
    house: &House,
    name: &str,
    cron: &str,
    placement: serde_json::Value,
) {
    let policies = serde_json::json!({"Cron": cron, "Placement": placement});
    house.push_with(name, "sleep-600", policies).await;
}

#[tokio::test(start_paused = true)]
async fn a_run_goes_to_an_engine_that_fits_and_has_the_fewest_runs_under_way() {
    let (ground, _) = with_two_in_a_zone();
    let house = ground.open().await;
    push_placed(&house, "named", "10 9 * * *", serde_json::json!({"Engine": "c"})).await;
    push_placed(&house, "one", "11 9 * * *", serde_json::json!({"Where": ["zone==x"]})).await;
    push_placed(&house, "two", "12 9 * * *", serde_json::json!({"Where": ["zone==x"]})).await;
    push_placed(&house, "host", "13 9 * * *", serde_json::json!({"Where": ["host=~[^b]"]})).await;
    push_placed(&house, "not", "14 9 * * *", serde_json::json!({"Where": ["zone!=x"]})).await;
    house.push("any", "15 9 * * *", "sleep-60").await;

    house.until("09:16:00").await;

    for (name, engine) in [
        ("named", "c"),
        ("one", "b"),
        ("two", "b"),
        ("host", "c"),
        ("not", "default"),
        ("any", "default"),
    ] {
        assert_eq!(engine_names(&house, name).await, [Some(engine.into())], "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_away_is_avoided_and_waited_for_where_no_other_fits() {
    let (ground, [b, c]) = with_two_in_a_zone();
    let house = ground.open().await;
    push_placed(&house, "zone", "10 9 * * *", serde_json::json!({"Where": ["zone==x"]})).await;
    push_placed(&house, "host", "10 9 * * *", serde_json::json!({"Where": ["host==b"]})).await;
    house.until("09:09:00").await;
    b.set_away(true);

    house.until("09:12:00").await;
    let meanwhile = [engine_names(&house, "zone").await, engine_names(&house, "host").await];
    b.set_away(false);
    house.until("09:14:00").await;

    assert_eq!(meanwhile, [vec![Some("c".into())], vec![]]);
    assert_eq!(engine_names(&house, "host").await, [Some("b".into())]);
    assert_eq!((b.seen().len(), c.seen().len(), house.seen("host").len()), (1, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn an_outage_names_its_engine_and_is_the_reason_only_of_what_may_run_there() {
    let (ground, [b, c]) = with_two_in_a_zone();
    let house = ground.open().await;
    let brief = |engine: &str| serde_json::json!({"Cron": "10 9 * * *", "StartingDeadline": "1m", "Placement": {"Engine": engine}});
    house.push_with("on-b", "busybox", brief("b")).await;
    house.push_with("on-c", "busybox", brief("c")).await;
    house.until("09:09:00").await;
    b.set_away(true);
    house.until("09:09:30").await;
    c.set_away(true);
    house.until("09:12:00").await;
    c.set_away(false);
    house.until("09:14:00").await;
    b.set_away(false);
    house.until("09:15:00").await;

    let entries = house.store.entries(&EntryFilter { limit: 10, ..EntryFilter::default() });
    let outages: Vec<_> = entries
        .iter()
        .filter(|entry| matches!(entry.event, Event::Paused(_)))
        .map(|entry| entry.event.to_string())
        .collect();
    let reasons = [house.runs("on-b").await, house.runs("on-c").await].map(|runs| {
        let [run] = &runs[..] else { panic!("{runs:?}") };
        run.state.reason().unwrap().outage().unwrap().engine.clone()
    });

    assert_eq!(outages.len(), 2, "{outages:?}");
    assert!(
        outages[0].starts_with("the engine `b` was away from 2026-11-21T09:09:0"),
        "{outages:?}"
    );
    assert!(
        outages[1].starts_with("the engine `c` was away from 2026-11-21T09:09:3"),
        "{outages:?}"
    );
    assert_eq!(reasons, [Some("b".into()), Some("c".into())]);
}

#[tokio::test(start_paused = true)]
async fn a_chosen_engine_stays_the_run_s_across_a_restart_with_other_engines_up() {
    let (ground, [b, c]) = with_two_in_a_zone();
    let house = ground.open().await;
    push_placed(&house, "zone", "10 9 * * *", serde_json::json!({"Where": ["zone==x"]})).await;
    house.until("09:12:00").await;
    let ground = house.close().await;
    b.set_away(true);

    let house = ground.open().await;
    house.until("09:15:00").await;
    let meanwhile = house.newest("zone").await;
    b.set_away(false);
    house.until("09:22:00").await;

    assert_eq!(meanwhile, "09:10:00 running");
    assert_eq!(house.newest("zone").await, "09:10:00 succeeded");
    assert_eq!((b.seen().len(), c.seen().len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_container_that_was_not_removed_is_looked_for_on_its_own_engine() {
    for name in ["default", "b", "c"] {
        let (ground, [b, c]) = with_two_in_a_zone();
        let house = ground.open().await;
        let keys = serde_json::json!({"Cron": "10 9 * * *", "Placement": {"Engine": name}});
        house.push_with("a", "busybox", keys).await;
        house.plan("remove", Fault::Refuses);

        house.until("09:12:00").await;

        let engines = [house.engine.clone(), b, c];
        let seen = engines.iter().flat_map(|engine| engine.seen());
        assert_eq!(seen.map(|seen| seen.removed).collect::<Vec<_>>(), [true], "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_runs_after_others_waits_once_for_an_engine_that_fits() {
    let (ground, _) = with_two_in_a_zone();
    let house = ground.open().await;
    house.push("parent", "* 9 * * *", "busybox").await;
    let placement = serde_json::json!({"Where": ["zone==y"]});
    let keys = serde_json::json!({"After": ["parent"], "Placement": placement});
    house.push_with("child", "busybox", keys).await;

    house.until("09:30:00").await;

    assert_eq!(house.runner.engines.delayed_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_an_engine_that_fits_is_forgotten_with_its_allocation() {
    let (ground, _) = with_two_in_a_zone();
    let house = ground.open().await;
    let keys = serde_json::json!({"Cron": "10 9 * * *", "Placement": {"Where": ["zone==y"]}});
    house.push_with("a", "busybox", keys).await;
    house.until("09:11:00").await;
    let before = house.runner.engines.delayed_count();

    house.delete("a").await;
    house.until("09:12:00").await;

    assert_eq!((before, house.runner.engines.delayed_count()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_second_name_of_one_engine_is_refused_and_never_used() {
    let mut ground = Ground::new(Settings::default());
    // Its id is the same as that of the default one.
    let again = Arc::new(ScriptedEngine::called("E", ground.clock.clone()));
    ground.other_engines.push(("again", again.clone()));
    let house = ground.open().await;
    push_placed(&house, "a", "10 9 * * *", serde_json::json!({"Engine": "again"})).await;
    push_placed(&house, "b", "10 9 * * *", serde_json::json!({"Where": ["zone!=x"]})).await;

    house.until("09:12:00").await;

    let states: Vec<_> = engine_reports(&house.runner.engines, &house.runner.records.queues)
        .into_iter()
        .map(|engine| engine.state)
        .collect();
    assert_eq!(states, [EngineStateWord::Up, EngineStateWord::Refused]);
    assert_eq!(engine_names(&house, "a").await, []);
    assert_eq!(engine_names(&house, "b").await, [Some("default".into())]);
    assert_eq!(again.seen().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn of_two_names_of_an_engine_the_first_one_is_used_whichever_answers_first() {
    let mut ground = Ground::new(Settings::default());
    let again = Arc::new(ScriptedEngine::called("E", ground.clock.clone()));
    ground.other_engines.push(("again", again.clone()));
    ground.engine.set_away(true);
    let house = ground.open().await;
    house.push("a", "10 9 * * *", "busybox").await;
    house.until("09:05:00").await;
    let before = engine_reports(&house.runner.engines, &house.runner.records.queues).pop().unwrap();
    again.set_away(true);
    house.engine.set_away(false);
    house.until("09:06:00").await;
    again.set_away(false);

    house.until("09:12:00").await;

    let [first, again] =
        <[_; 2]>::try_from(engine_reports(&house.runner.engines, &house.runner.records.queues))
            .unwrap();
    assert_eq!(before.state, EngineStateWord::Up);
    assert_eq!([first.state, again.state], [EngineStateWord::Up, EngineStateWord::Refused]);
    assert!(again.reason.as_ref().unwrap().contains("second name"), "{again:?}");
    assert_eq!(engine_names(&house, "a").await, [Some("default".into())]);
}

#[tokio::test(start_paused = true)]
async fn a_placement_that_no_engine_can_fulfil_is_explained_as_far_as_labels_are_known() {
    let (ground, _) = with_two_in_a_zone();
    let house = ground.open().await;
    house.pass(MINUTE).await;
    let unfit = |engine: Option<&str>, constraints: &[&str]| {
        let placement = Placement {
            engine: engine.map(|name| name.parse().unwrap()),
            constraints: constraints.iter().map(|text| text.parse().unwrap()).collect(),
            ..Placement::default()
        };
        let unfit = house.runner.engines.unfit(&placement);
        unfit.map(|unfit| format!("{}: {}", unfit.key, unfit.message)).unwrap_or_default()
    };

    let answers = [
        unfit(None, &[]),
        unfit(Some("c"), &["zone==x"]),
        unfit(Some("cc"), &[]),
        unfit(Some("b"), &["host==c"]),
        unfit(None, &["zone==y"]),
    ];

    insta::assert_snapshot!(answers.join("\n"), @r"


    Engine: no engine is named `cc`: did you mean `c`?
    Where: no engine fulfils this: `b` has host=b, zone=x
    Where: no engine fulfils this: `default` has no labels; `b` has host=b, zone=x; `c` has host=c, zone=x
    ");
}

#[tokio::test(start_paused = true)]
async fn each_engine_that_may_get_the_runs_has_to_be_able_to_run_them() {
    let (ground, _) = with_two_in_a_zone();
    let house = ground.open().await;
    let container = serde_json::json!({
        "Config": {"Image": "busybox"}, "HostConfig": {"Privileged": true},
    });
    for (name, placement) in [
        ("one", serde_json::json!({"Engine": "b"})),
        ("two", serde_json::json!({"Where": ["zone==x"]})),
    ] {
        let keys = serde_json::json!({"Cron": "", "Container": container, "Placement": placement});
        house.push_with(name, "busybox", keys).await;
    }
    let findings = |name: &str| {
        let allocation = house.store.status(name).unwrap().allocation;
        let found = house.runner.engines.check(&allocation.specification).into_iter();
        found.map(|found| format!("{}: {}", found.field, found.message)).collect::<Vec<_>>()
    };

    let (one, two) = (findings("one"), findings("two"));
    let manual = house.run_manually("one", None).await.unwrap_err();

    let field = "Container.HostConfig.Privileged";
    let reason = "this engine has no privileges";
    assert_eq!(one, [format!("{field}: {reason}")]);
    assert_eq!(two, ["b", "c"].map(|name| format!("{field}: engine `{name}`: {reason}")));
    assert_eq!(
        manual.to_string(),
        format!("the engine cannot run this allocation: `{field}`: {reason}")
    );
    assert_eq!(house.instants("one").len(), 0);
}

/// A server with these settings and the engines `default` and `other`.
fn with_another(settings: Settings) -> (Ground, Arc<ScriptedEngine>) {
    let mut ground = Ground::new(settings);
    let other = Arc::new(ScriptedEngine::called("F", ground.clock.clone()));
    ground.other_engines.push(("other", other.clone()));
    (ground, other)
}

#[tokio::test(start_paused = true)]
async fn each_engine_has_room_for_so_many_containers_of_its_own() {
    let (ground, other) = with_another(Settings { max_running: 1, ..Settings::default() });
    let house = ground.open().await;
    for (name, engine) in [("a", "default"), ("b", "default"), ("c", "other"), ("d", "other")] {
        push_placed(&house, name, "10 9 * * *", serde_json::json!({"Engine": engine})).await;
    }

    house.until("09:15:00").await;
    let meanwhile = [house.engine.seen().len(), other.seen().len()];
    house.until("09:31:00").await;

    assert_eq!(meanwhile, [1, 1]);
    for name in ["a", "b", "c", "d"] {
        assert_eq!(house.newest(name).await, "09:10:00 succeeded", "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_engine_starts_so_many_containers_at_once_of_its_own() {
    let (ground, other) = with_another(Settings { max_starting: Some(1), ..Settings::default() });
    let house = ground.open().await;
    push_placed(&house, "a", "10 9 * * *", serde_json::json!({"Engine": "default"})).await;
    for (name, engine) in [("b", "default"), ("c", "other")] {
        let placement = serde_json::json!({"Engine": engine});
        push_placed(&house, name, "1 10 9 * * * *", placement).await;
    }
    house.plan("prepare", Fault::Hangs);

    house.until("09:10:02").await;
    let meanwhile = [house.seen("b").len(), other.seen().len()];
    house.until("09:11:00").await;

    assert_eq!(meanwhile, [0, 1]);
    assert_eq!((house.seen("b").len(), other.seen().len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn engines_that_are_killed_hang_or_are_slow_delay_no_run_of_another() {
    let mut ground = Ground::new(Settings::default());
    let [killed, _, slow] = ["killed", "hanging", "slow"].map(|name| {
        let engine = Arc::new(ScriptedEngine::called(name, ground.clock.clone()));
        ground.other_engines.push((name, engine.clone()));
        engine
    });
    let house = ground.open().await;
    house.push("sound", "* 9 * * *", "busybox").await;
    // The engine gives no answer to the creation of one image, and takes long to pull the other.
    for (engine, image) in [("killed", "sleep-60"), ("hanging", "broken"), ("slow", "pull-30")] {
        let placement = serde_json::json!({"Engine": engine});
        let keys = serde_json::json!({"Cron": "10,15 9 * * *", "Placement": placement});
        house.push_with(engine, image, keys).await;
    }

    house.until("09:10:30").await;
    killed.set_away(true);
    house.until("09:20:30").await;
    killed.set_away(false);
    house.until("09:22:30").await;

    let late = |seen: &Seen| seen.started_at.unwrap() - seen.identity.instant.moment();
    let sound = house.seen("sound");
    assert_eq!(sound.len(), 22);
    assert!(sound.iter().all(|seen| late(seen) < TimeDelta::milliseconds(100)), "{sound:?}");
    let of_slow: Vec<_> = slow.seen().iter().map(|seen| late(seen).num_seconds()).collect();
    assert_eq!(of_slow, [30, 30]);
    assert_eq!(house.summaries("slow").await, ["09:10:00 succeeded", "09:15:00 succeeded"]);
    assert_eq!(house.summaries("killed").await, ["09:10:00 succeeded", "09:15:00 succeeded"]);
    let of_hanging: Vec<_> =
        house.runs("hanging").await.iter().map(|run| run.state.word().to_string()).collect();
    assert_eq!(of_hanging, ["failed", "failed"]);
}
