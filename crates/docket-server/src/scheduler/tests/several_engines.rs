//! Several engines in one registry: each run stays with the one that its record names.

use std::sync::Arc;

use docket_model::{allocation::Placement, wire::EngineStateWord};

use super::harness::{Fault, Ground, House, MINUTE, Settings};
use crate::engine::scripted_engine::ScriptedEngine;

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

async fn engine_names(house: &House, name: &str) -> Vec<Option<Arc<str>>> {
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

/// A server with the engines `default`, `b` and `c`, of which the two others are in zone `x`.
fn with_two_in_a_zone() -> (Ground, [Arc<ScriptedEngine>; 2]) {
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

async fn push_placed(house: &House, name: &str, cron: &str, placement: serde_json::Value) {
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
async fn a_second_name_of_one_engine_is_refused_and_never_used() {
    let mut ground = Ground::new(Settings::default());
    // Its id is the same as that of the default one.
    let again = Arc::new(ScriptedEngine::called("E", ground.clock.clone()));
    ground.other_engines.push(("again", again.clone()));
    let house = ground.open().await;
    push_placed(&house, "a", "10 9 * * *", serde_json::json!({"Engine": "again"})).await;
    push_placed(&house, "b", "10 9 * * *", serde_json::json!({"Where": ["zone!=x"]})).await;

    house.until("09:12:00").await;

    let states: Vec<_> =
        house.runner.engine_reports().into_iter().map(|engine| engine.state).collect();
    assert_eq!(states, [EngineStateWord::Up, EngineStateWord::Refused]);
    assert_eq!(engine_names(&house, "a").await, []);
    assert_eq!(engine_names(&house, "b").await, [Some("default".into())]);
    assert_eq!(again.seen().len(), 0);
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
