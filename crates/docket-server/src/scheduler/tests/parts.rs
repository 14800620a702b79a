//! `Placement.On`: runs with a container on each of several engines.

use std::sync::Arc;

use docket_model::{Run, run::StateWord};
use serde_json::{Value, json};

use super::harness::{Fault, Ground, House, MINUTE, SECOND, Settings};
use crate::{
    engine::scripted_engine::ScriptedEngine, outputs::OutputEvent,
    short_reasons_for_tests::in_short,
};

/// A server with the engines `default`, `b` and `c`, of which the two others are in zone `x`.
fn with_two_in_a_zone() -> (Ground, [Arc<ScriptedEngine>; 2]) {
    let mut ground = Ground::new(Settings::default());
    let others = ["b", "c"].map(|name| {
        let engine = ScriptedEngine::called(name, ground.clock.clone());
        Arc::new(engine.with_label("zone", "x"))
    });
    for (name, engine) in ["b", "c"].into_iter().zip(&others) {
        ground.other_engines.push((name, engine.clone()));
    }
    (ground, others)
}

/// Pushes an allocation that is due at 09:10 on both engines of the zone.
async fn push(house: &House, image: &str, keys: Value) {
    let mut all = json!({"Cron": "10 9 * * *", "Placement": {"Where": "zone==x", "On": 2}});
    all.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    house.push_with("a", image, all).await;
}

/// The parts of the newest run in short: `b succeeded 2` is one that succeeded at its second attempt.
async fn parts(house: &House) -> Vec<String> {
    let Some(run) = house.runs("a").await.pop() else { return Vec::new() };
    run.parts().map(|part| part_of(&run, part)).collect()
}

fn part_of(run: &Run, part: u32) -> String {
    let (newest, state) = (run.newest_of_part(part).unwrap(), run.part_state(part));
    let engine = newest.engine_name.as_deref().unwrap_or("no engine");
    let reason = state.reason().map(|reason| format!(": {}", in_short(reason)));
    let (word, reason) = (state.word(), reason.unwrap_or_default());
    format!("{engine} {word} {}{reason}", newest.key.number)
}

/// The attempts that an engine was asked to start, each with the number of starts.
fn started(engine: &ScriptedEngine) -> Vec<(String, u32)> {
    let seen = engine.seen().into_iter().filter(|seen| seen.starts > 0);
    seen.map(|seen| (seen.identity.attempt.to_string(), seen.starts)).collect()
}

#[tokio::test(start_paused = true)]
async fn the_claim_names_the_engines_of_all_parts_before_any_gets_a_request() {
    let (ground, [b, c]) = with_two_in_a_zone();
    let house = ground.open().await;
    push(&house, "busybox", json!({})).await;
    house.until("09:09:59").await;
    house.plan("claim", Fault::DiesAfter);
    house.until("09:10:01").await;
    assert!(house.is_dead());

    let store = house.die().store().await;
    let run = store.run("a", "20261121T091000Z".parse().unwrap()).await.unwrap().unwrap();

    let engines: Vec<_> =
        run.attempts.iter().map(|attempt| attempt.engine_name.as_deref()).collect();
    assert_eq!(engines, [Some("b"), Some("c")]);
    assert_eq!(run.part_states.len(), 2);
    assert_eq!((b.seen().len(), c.seen().len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_run_succeeds_once_each_of_its_parts_has() {
    let (ground, [b, c]) = with_two_in_a_zone();
    let house = ground.open().await;
    push(&house, "sleep-300-in-part-2", json!({})).await;
    house.push_with("child", "busybox", json!({"After": ["a"]})).await;

    house.until("09:12:00").await;
    let meanwhile = (house.newest("a").await, parts(&house).await, house.newest("child").await);
    house.until("09:16:00").await;

    assert_eq!(meanwhile.0, "09:10:00 running at attempt 2");
    assert_eq!(meanwhile.1, ["b succeeded 1", "c running 1"]);
    assert_eq!(meanwhile.2, "");
    assert_eq!(parts(&house).await, ["b succeeded 1", "c succeeded 1"]);
    assert_eq!(house.newest("child").await, "09:10:00 succeeded");
    assert_eq!(started(&b), [("1".to_owned(), 1)]);
    assert_eq!(started(&c), [("p2.1".to_owned(), 1)]);
    assert!(b.seen().iter().chain(&c.seen()).all(|seen| seen.removed));
    let run = house.runs("a").await.remove(0);
    assert_eq!(run.duration().map(|duration| duration.num_seconds()), Some(300));
    assert!(house.runner.records.queues.is_empty());
}

#[tokio::test(start_paused = true)]
async fn retries_repeat_only_the_part_that_failed_and_at_its_engine() {
    let (ground, [b, c]) = with_two_in_a_zone();
    let house = ground.open().await;
    let retries = json!({"Retries": {"Limit": 3, "Delay": "1m"}, "Overlap": "Forbid",
        "Cron": "10,11 9 * * *"});
    push(&house, "fail-until-3-in-part-2", retries).await;

    house.until("09:10:30").await;
    let between = (house.newest("a").await, parts(&house).await);
    house.until("09:11:30").await;
    let overlapped = house.newest("a").await;
    house.until("09:20:00").await;

    assert_eq!(between.0, "09:10:00 retrying at attempt 2: exit-code 1");
    assert_eq!(between.1, ["b succeeded 1", "c retrying 1: exit-code 1"]);
    assert_eq!(overlapped, "09:11:00 skipped: overlap 20261121T091000Z");
    assert_eq!(house.summaries("a").await[0], "09:10:00 succeeded at attempt 4");
    assert_eq!(started(&b).len(), 1);
    let starts = ["p2.1", "p2.2", "p2.3"].map(|attempt| (attempt.to_owned(), 1));
    assert_eq!(started(&c), starts);
}

#[tokio::test(start_paused = true)]
async fn a_run_of_which_a_part_failed_has_failed_and_says_which_part() {
    let (ground, _) = with_two_in_a_zone();
    let house = ground.open().await;
    push(&house, "exit-3-in-part-2", json!({})).await;

    house.until("09:12:00").await;

    let run = house.runs("a").await.remove(0);
    assert_eq!(run.state.word(), StateWord::Failed);
    let words = run.state.reason().unwrap().to_string();
    assert_eq!(words, "1 of 2 parts failed: part 2 on c (exit code 3)");
}

#[tokio::test(start_paused = true)]
async fn a_part_whose_engine_is_away_waits_alone() {
    let (ground, [b, c]) = with_two_in_a_zone();
    let house = ground.open().await;
    push(&house, "sleep-60", json!({})).await;
    house.until("09:09:00").await;
    c.set_away(true);

    house.until("09:20:00").await;
    let meanwhile = parts(&house).await;
    c.set_away(false);
    house.until("09:23:00").await;

    assert_eq!(meanwhile, ["b succeeded 1", "c starting 1"]);
    assert_eq!(house.newest("a").await, "09:10:00 succeeded at attempt 2");
    assert_eq!((started(&b).len(), started(&c).len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn all_are_the_engines_that_fit_and_answer_when_the_run_starts() {
    let (ground, [b, c]) = with_two_in_a_zone();
    let house = ground.open().await;
    let placement = |on: &str| json!({"Where": on, "On": "All"});
    let keys = json!({"Cron": "10 9 * * *", "Placement": placement("engine.name=~.*")});
    push(&house, "busybox", keys).await;
    house.until("09:09:00").await;
    b.set_away(true);
    house.until("09:11:00").await;
    let answering = parts(&house).await;
    b.set_away(false);
    house.until("09:12:00").await;
    let keys = json!({"Cron": "15 9 * * *", "Placement": placement("zone==y")});

    push(&house, "busybox", keys).await;
    house.until("09:16:00").await;

    assert_eq!(answering, ["default succeeded 1", "c succeeded 1"]);
    assert_eq!(house.newest("a").await, "09:15:00 skipped: no-engine-fits");
    assert_eq!((started(&b).len(), started(&c).len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn an_instant_for_more_engines_than_fit_waits_and_is_missed() {
    let (ground, [b, c]) = with_two_in_a_zone();
    let house = ground.open().await;
    let placement = json!({"Where": "zone==x", "On": 3});
    push(&house, "busybox", json!({"Placement": placement, "StartingDeadline": "5m"})).await;
    house.pass(MINUTE).await;

    let run = house.allocation("a").specification.policies.placement.clone();
    let unfit = house.runner.engines.unfit(&run).unwrap();
    house.until("09:12:00").await;
    let meanwhile = house.newest("a").await;
    push(&house, "busybox", json!({"Cron": "20 9 * * *"})).await;
    house.until("09:21:00").await;

    assert_eq!(unfit.key, "On");
    assert!(unfit.message.starts_with("3 different engines are needed, and 2 fits: `b`, `c`"));
    assert_eq!(meanwhile, "");
    let summaries = house.summaries("a").await;
    assert!(summaries[0].starts_with("09:10:00 missed"), "{summaries:?}");
    assert_eq!(summaries[1], "09:20:00 succeeded at attempt 2");
    assert_eq!((started(&b).len(), started(&c).len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_is_of_the_run_and_leaves_the_parts_that_are_over() {
    let (ground, [_, c]) = with_two_in_a_zone();
    let house = ground.open().await;
    push(&house, "long-in-part-2", json!({})).await;
    house.until("09:12:00").await;

    house.cancel("a", false).await;
    house.pass(SECOND).await;

    let run = house.runs("a").await.remove(0);
    assert_eq!(run.state.word(), StateWord::Cancelled);
    assert_eq!(run.part_state(1).word(), StateWord::Succeeded);
    assert_eq!(run.part_state(2).word(), StateWord::Cancelled);
    assert!(c.seen()[0].removed);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_waits_starts_all_its_parts_once_the_older_one_has_ended() {
    let (ground, [b, c]) = with_two_in_a_zone();
    let house = ground.open().await;
    let keys = json!({"Cron": "10,11 9 * * *", "Overlap": "Queue"});
    push(&house, "sleep-120-in-part-2", keys).await;

    house.until("09:11:30").await;
    let waiting = parts(&house).await;
    house.until("09:15:00").await;

    assert_eq!(waiting, ["b waiting 1", "c waiting 1"]);
    let summaries = house.summaries("a").await;
    assert_eq!(summaries, ["09:10:00 succeeded at attempt 2", "09:11:00 succeeded at attempt 2"]);
    assert_eq!((started(&b).len(), started(&c).len()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_part_without_its_engine_is_lost_alone_and_found_again() {
    let (ground, [_, c]) = with_two_in_a_zone();
    let house = ground.open().await;
    push(&house, "sleep-600", json!({})).await;
    house.until("09:12:00").await;
    let mut ground = house.close().await;
    ground.other_engines.retain(|(name, _)| *name != "c");

    let house = ground.open().await;
    house.until("09:13:00").await;
    let lost = (house.newest("a").await, parts(&house).await);
    house.until("09:21:00").await;
    let over = house.newest("a").await;
    let mut ground = house.close().await;
    ground.other_engines.push(("c", c.clone()));
    let house = ground.open().await;
    house.pass(MINUTE).await;

    assert_eq!(lost.0, "09:10:00 running at attempt 2");
    assert_eq!(lost.1, ["b running 1", "c lost 1: engine-not-configured c"]);
    assert!(over.starts_with("09:10:00 failed at attempt 2: parts-failed"), "{over}");
    assert_eq!(house.newest("a").await, "09:10:00 succeeded at attempt 2");
    assert_eq!(started(&c), [("p2.1".to_owned(), 1)]);
    assert!(c.seen()[0].removed);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_is_of_the_run_and_a_part_that_starts_late_has_the_rest_of_it() {
    let (ground, [_, c]) = with_two_in_a_zone();
    let house = ground.open().await;
    push(&house, "long", json!({"Timeout": "10m"})).await;
    house.until("09:09:00").await;
    c.set_away(true);
    house.until("09:14:00").await;
    c.set_away(false);

    house.until("09:21:00").await;

    let timed_out = "timed-out 1: run-timeout 10m 143";
    assert_eq!(parts(&house).await, [format!("b {timed_out}"), format!("c {timed_out}")]);
    assert!(house.newest("a").await.starts_with("09:10:00 timed-out"));
    let seen = c.seen().remove(0);
    let ran = seen.ended_at.unwrap() - seen.started_at.unwrap();
    assert!(ran.num_minutes() < 7, "{ran}");
}

#[tokio::test(start_paused = true)]
async fn a_part_whose_engine_stays_away_ends_with_the_time_of_its_run() {
    let (ground, [_, c]) = with_two_in_a_zone();
    let house = ground.open().await;
    push(&house, "sleep-60", json!({"Timeout": "10m"})).await;
    house.until("09:09:00").await;
    c.set_away(true);
    house.until("09:15:00").await;
    let ground = house.close().await;

    // After a restart the time still counts from the first start of a part.
    let house = ground.open().await;
    house.until("09:21:00").await;
    let over = (house.newest("a").await, parts(&house).await);
    c.set_away(false);
    house.until("09:30:00").await;

    assert_eq!(over.1, ["b succeeded 1", "c timed-out 1: run-timeout-before-start 10m"]);
    assert!(over.0.starts_with("09:10:00 timed-out"), "{}", over.0);
    assert_eq!(started(&c).len(), 0);
    assert!(house.runner.records.queues.is_empty());
}

/// Each step of a part, before and after it takes effect.
const STEPS: [&str; 9] =
    ["claim", "pull", "pulled", "prepare", "created", "launch", "started", "finish", "remove"];

#[tokio::test(start_paused = true)]
async fn wherever_the_server_dies_each_part_starts_once() {
    for call in STEPS {
        for (fault, earlier) in [Fault::DiesBefore, Fault::DiesAfter]
            .into_iter()
            .flat_map(|fault| [0, 1].map(|earlier| (fault, earlier)))
        {
            // One claim is for both parts.
            let earlier = if call == "claim" { 0 } else { earlier };
            let case = format!("{call} {fault:?} after {earlier}");
            let (ground, engines) = with_two_in_a_zone();
            let house = ground.open().await;
            push(&house, "sleep-30", json!({})).await;
            for _ in 0..earlier {
                house.plan(call, Fault::Nothing);
            }
            house.plan(call, fault);
            house.until("09:10:40").await;
            assert!(house.is_dead(), "{case}");

            let house = house.die().open().await;
            house.until("09:12:00").await;

            assert_eq!(parts(&house).await, ["b succeeded 1", "c succeeded 1"], "{case}");
            for (engine, attempt) in engines.iter().zip(["1", "p2.1"]) {
                let starts = started(engine);
                assert_eq!(starts, [(attempt.to_owned(), 1)], "{case}");
                assert!(engine.seen().iter().all(|seen| seen.removed), "{case}");
            }
            assert!(house.runner.records.queues.is_empty(), "{case}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_output_of_one_part_is_followed_alone_and_of_all_one_after_another() {
    let (ground, _) = with_two_in_a_zone();
    let house = ground.open().await;
    push(&house, "sleep-300-in-part-2", json!({})).await;
    house.until("09:11:00").await;
    let instant = house.runs("a").await[0].id.instant;

    let follow = |part| house.runner.context.outputs.follow("a", instant, part, 0);
    let followed = [follow(None), follow(Some(1)), follow(Some(2))];
    house.until("09:16:00").await;

    let mut texts = Vec::new();
    for mut pieces in followed {
        let mut text = Vec::new();
        while let Some(event) = pieces.recv().await {
            if let OutputEvent::Piece(piece) = event.unwrap() {
                text.extend(piece.bytes);
            }
        }
        texts.push(String::from_utf8(text).unwrap());
    }
    assert_eq!(texts, ["busyboxsleep-300", "busybox", "sleep-300"]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_one_part_leaves_the_others_alone() {
    let (ground, engines) = with_two_in_a_zone();
    let house = ground.open().await;
    push(&house, "sleep-30", json!({})).await;
    house.plan("created", Fault::Nothing);
    house.plan("prepare", Fault::Panics);

    house.until("09:12:00").await;

    assert_eq!(parts(&house).await, ["b succeeded 1", "c succeeded 1"]);
    let starts: Vec<_> = engines.iter().flat_map(|engine| started(engine)).collect();
    assert_eq!(starts, [("1".to_owned(), 1), ("p2.1".to_owned(), 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_manual_run_has_parts_too_and_a_repeated_one_new_numbers() {
    let (ground, [b, _]) = with_two_in_a_zone();
    let house = ground.open().await;
    push(&house, "missing", json!({"Cron": ""})).await;

    let first = house.run_manually("a", None).await.unwrap();
    house.pass(MINUTE).await;

    assert_eq!(first.part_states.len(), 2);
    assert_eq!(parts(&house).await.len(), 2);
    assert!(b.seen().len() <= 1);
}
