//! Engines that go away, come back, or are others than before.

use std::sync::Arc;

use docket_model::{journal::Cause, run::RunState};

use super::harness::{Fault, House, MINUTE, SECOND};
use crate::engine::{Engine, Stop, scripted_engine::ScriptedEngine};

#[tokio::test(start_paused = true)]
async fn nothing_starts_while_the_engine_is_away_and_the_latest_when_it_is_back() {
    let house = House::open().await;
    house.push("often", "*/5 * * * *", "busybox").await;
    house.pass(6 * MINUTE).await;

    house.engine.set_away(true);
    house.pass(22 * MINUTE).await;
    let meanwhile = house.instants("often");
    house.engine.set_away(false);
    house.pass(MINUTE).await;

    assert_eq!(meanwhile, ["20261121T090500Z"]);
    assert_eq!(house.instants("often"), ["20261121T090500Z", "20261121T092500Z"]);
    let runs = house.runs("often").await;
    let RunState::Missed { reason, count, .. } = &runs[1].state else { panic!("{runs:?}") };
    assert_eq!(reason.outage().unwrap().cause, Cause::EngineAway, "{reason}");
    assert_eq!(*count, 3);
}

#[tokio::test(start_paused = true)]
async fn a_container_whose_node_was_removed_goes_once_its_run_is_on_record_as_lost() {
    let house = House::open().await;
    house.push("a", "10 9 * * *", "node-removed").await;
    house.plan("watch", Fault::AnswersLate);
    house.until("09:10:00").await;
    house.pass(SECOND / 2).await;

    house.trouble_store();
    house.until("09:20:00").await;
    let meanwhile = (house.newest("a").await, house.seen("a").remove(0));
    house.mend_store();
    house.until("09:45:00").await;

    assert_eq!(meanwhile.0, "09:10:00 running");
    assert!(!meanwhile.1.removed);
    let run = &house.runs("a").await[0];
    assert!(matches!(run.state, RunState::Lost(_)), "{:?}", run.state);
    assert!(house.seen("a").iter().all(|seen| seen.removed));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_lost_run_that_comes_before_its_container_is_removed_is_recorded() {
    let house = House::open().await;
    house.push("a", "10 9 * * *", "node-removed").await;
    house.until("09:09:00").await;
    house.plan("remove", Fault::Fails);

    house.until("09:10:11").await;
    let lost = house.newest("a").await;
    let container = house.runs("a").await[0].attempts[0].container.clone().unwrap();
    house.engine.stop(&container.into(), Stop::AtOnce).await.unwrap();
    house.until("09:11:00").await;

    assert!(lost.starts_with("09:10:00 lost"), "{lost}");
    let end = house.newest("a").await;
    assert!(end.starts_with("09:10:00 failed"), "{end}");
}

#[tokio::test(start_paused = true)]
async fn a_pull_that_never_ends_delays_no_other_run() {
    let house = House::open().await;
    house.push("stuck", "* * * * *", "slow").await;
    house.push("free", "* * * * *", "busybox").await;

    house.pass(10 * MINUTE).await;

    assert_eq!(house.seen("free").len(), 10);
    assert_eq!(house.seen("stuck").len(), 0);
    assert_eq!(house.runs("stuck").await.len(), 10);
}

#[tokio::test(start_paused = true)]
async fn runs_in_each_step_outlast_an_engine_that_is_away_for_minutes() {
    let house = House::open().await;
    for (name, image) in [("pulls", "pull-60"), ("runs", "sleep-300"), ("ends", "sleep-60")] {
        house.push(name, "10 9 * * *", image).await;
    }
    house.until("09:10:30").await;

    house.engine.set_away(true);
    house.until("09:13:00").await;
    let meanwhile = house.summaries("ends").await;
    house.engine.set_away(false);
    house.until("09:16:00").await;

    assert_eq!(meanwhile, ["09:10:00 running"]);
    for name in ["pulls", "runs", "ends"] {
        assert_eq!(house.summaries(name).await, ["09:10:00 succeeded"], "{name}");
        assert_eq!(house.instants(name).len(), 1, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_again_and_again_fails_no_run() {
    for call in ["pull", "prepare", "launch", "read_log"] {
        for fault in [Fault::LosesAnswer, Fault::Fails] {
            let house = House::open().await;
            house.push("a", "10 9 * * *", "sleep-5").await;
            (0..9).for_each(|_| house.plan(call, fault));

            house.until("09:20:00").await;

            assert_eq!(house.summaries("a").await, ["09:10:00 succeeded"], "{call} {fault:?}");
            assert_eq!(house.instants("a").len(), 1, "{call} {fault:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn runs_that_wait_for_the_engine_delay_no_other_start() {
    let house = House::open().await;
    // The gate is four wide. Four starts get no answer while the engine is away for a moment.
    for number in 0..4 {
        house.push(&format!("a{number}"), "10 9 * * *", "sleep-5").await;
        house.plan("launch", Fault::Fails);
    }
    house.push("b", "10 9 * * *", "sleep-5").await;
    house.until("09:09:59").await;
    (0..4).for_each(|_| house.plan("ping", Fault::Fails));

    house.until("09:11:00").await;

    for name in ["a0", "a1", "a2", "a3", "b"] {
        assert_eq!(house.summaries(name).await, ["09:10:00 succeeded"], "{name}");
    }
}

/// The server again with its own engine, after one with another engine on which nothing of `a` starts; with how that
/// one recorded the newest run of `a`.
async fn after_a_minute_on_another_engine(house: House) -> (String, House) {
    let mut ground = house.close().await;
    let other = Arc::new(ScriptedEngine::called("F", ground.clock.clone()));
    let first = std::mem::replace(&mut ground.engine, other);
    let house = ground.open().await;
    house.pass(MINUTE).await;
    let recorded = house.newest("a").await;
    assert_eq!(house.instants("a"), Vec::<String>::new());
    let mut ground = house.close().await;
    ground.engine = first;
    (recorded, ground.open().await)
}

#[tokio::test(start_paused = true)]
async fn what_an_engine_out_of_reach_has_is_lost_and_started_nowhere_else() {
    let house = House::open().await;
    house.push("a", "10 9 * * *", "sleep-600").await;
    house.push_with("child", "busybox", serde_json::json!({"After": ["a"]})).await;
    house.until("09:12:00").await;

    let (lost, house) = after_a_minute_on_another_engine(house).await;
    house.until("09:21:00").await;

    assert_eq!(lost, "09:10:00 lost: other-engine E");
    // Found again, it has its real end, and what runs after it runs.
    assert_eq!(house.newest("a").await, "09:10:00 succeeded");
    let run = house.runs("a").await.remove(0);
    assert_eq!(run.attempts[0].remarks, ["it was lost, and its container was found again"]);
    assert_eq!(house.instants("a"), ["20261121T091000Z"]);
    assert!(house.seen("a")[0].removed);
    assert_eq!(house.summaries("child").await, ["09:10:00 succeeded"]);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_found_again_says_that_its_output_could_not_be_read() {
    let house = House::open().await;
    house.push("a", "10 9 * * *", "mute").await;
    house.until("09:10:05").await;

    let (lost, house) = after_a_minute_on_another_engine(house).await;
    house.until("09:20:00").await;

    assert_eq!(lost, "09:10:00 lost: other-engine E");
    assert_eq!(house.newest("a").await, "09:10:00 succeeded");
    let run = house.runs("a").await.remove(0);
    assert_eq!(
        run.attempts[0].remarks,
        [
            "it was lost, and its container was found again",
            "the output could not be read: the request for the log got no answer 10 times in a row, \
          though the engine is there: the connection was closed"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_got_another_id_has_its_containers_all_the_same() {
    let house = House::open().await;
    house.push("a", "10 9 * * *", "sleep-600").await;
    house.until("09:12:00").await;
    let mut ground = house.close().await;

    ground.engine = Arc::new(ground.engine.renamed("F"));
    let house = ground.open().await;
    house.until("09:15:00").await;
    let meanwhile = house.newest("a").await;
    house.until("09:21:00").await;

    assert_eq!(meanwhile, "09:10:00 running");
    assert_eq!(house.newest("a").await, "09:10:00 succeeded");
}

#[tokio::test(start_paused = true)]
async fn an_engine_without_a_lasting_id_is_never_taken_for_another_one() {
    // Nothing is noted of the engine, or an id that it made up once, as earlier versions did.
    for before in ["", "made up"] {
        let house = House::open().await;
        let mut ground = house.close().await;
        ground.engine = Arc::new(ground.engine.renamed(before));
        let house = ground.open().await;
        house.push("a", "10 9 * * *", "sleep-600").await;
        house.until("09:12:00").await;
        let noted = house.runs("a").await.remove(0).attempts[0].engine.clone();
        let mut ground = house.close().await;
        ground.engine = Arc::new(ScriptedEngine::called("", ground.clock.clone()));

        let house = ground.open().await;
        house.pass(MINUTE).await;

        assert_eq!(noted.as_deref().unwrap_or_default(), before);
        assert_eq!(house.newest("a").await, "09:10:00 lost: container-gone",);
    }
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_away_when_the_server_starts_loses_nothing() {
    let house = House::open().await;
    house.push("a", "10 9 * * *", "sleep-60").await;
    house.until("09:10:30").await;
    let ground = house.die();
    ground.engine.set_away(true);

    let house = ground.open().await;
    house.until("09:20:00").await;
    let meanwhile = house.newest("a").await;
    house.engine.set_away(false);
    house.pass(SECOND).await;

    assert_eq!(meanwhile, "09:10:00 running");
    assert_eq!(house.newest("a").await, "09:10:00 succeeded");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stops_while_it_waits_for_the_engine_gives_no_run_up() {
    let house = House::open().await;
    house.push("a", "10 9 * * *", "busybox").await;
    house.plan("pull", Fault::DiesBefore);
    house.until("09:11:00").await;
    let ground = house.die();
    ground.engine.set_away(true);
    let house = ground.open().await;
    house.until("12:00:00").await;

    let ground = house.close().await;
    let filter = crate::store::RunFilter { limit: 10, ..Default::default() };
    let runs = ground.store().await.runs("a", &filter).await.unwrap();

    assert_eq!(runs[0].state, RunState::Starting);
}

/// A server whose run has ended, on a node that is out of reach before the output was read.
async fn ended_on_a_node_that_is_away() -> House {
    let house = House::open().await;
    house.push("a", "10 9 * * *", "sleep-30").await;
    house.until("09:10:10").await;
    house.engine.set_node_away(true);
    house.until("09:18:00").await;
    house
}

#[tokio::test(start_paused = true)]
async fn output_is_read_when_the_node_that_has_it_is_back() {
    let house = ended_on_a_node_that_is_away().await;
    let meanwhile = (house.newest("a").await, house.seen("a")[0].removed);

    house.engine.set_node_away(false);
    house.pass(10 * SECOND).await;

    assert_eq!(meanwhile, ("09:10:00 running".to_owned(), false));
    let run = &house.runs("a").await[0];
    assert_eq!(run.state, RunState::Succeeded);
    assert!(run.attempts[0].output.as_ref().is_some_and(|output| output.kept() > 0));
    assert_eq!(run.attempts[0].remarks, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn output_is_given_up_where_its_node_stays_out_of_reach_and_the_record_says_so() {
    let house = ended_on_a_node_that_is_away().await;

    house.until("09:21:00").await;

    let run = &house.runs("a").await[0];
    assert_eq!(run.state, RunState::Succeeded);
    let remark =
        "the output could not be read: its node `node-1` has been out of reach for 10 minutes";
    assert_eq!(run.attempts[0].remarks, [remark]);
    assert!(house.seen("a")[0].removed);
}
