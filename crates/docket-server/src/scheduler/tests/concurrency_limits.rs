//! How many containers run at once, and how many runs wait for them.

use super::harness::{Fault, Ground, HOUR, House, SECOND, Settings};

async fn open(max_running: usize, queue: usize) -> House {
    Ground::new(Settings { max_running, queue, ..Settings::default() }).open().await
}

/// How many records there are in each state, in words.
async fn counted(house: &House, names: &[String]) -> Vec<(String, usize)> {
    let mut counts = std::collections::BTreeMap::new();
    for name in names {
        for run in house.runs(name).await {
            *counts.entry(run.state.word().to_string()).or_default() += 1;
        }
    }
    counts.into_iter().collect()
}

#[tokio::test(start_paused = true)]
async fn of_many_at_one_instant_some_run_some_wait_and_the_rest_is_recorded_as_skipped() {
    let house = open(3, 4).await;
    let names: Vec<_> = (0..20).map(|number| format!("a{number}")).collect();
    for name in &names {
        house.push(name, "10 9 * * *", "sleep-60").await;
    }

    house.until("09:10:01").await;
    let meanwhile = counted(&house, &names).await;
    house.until("09:15:00").await;

    let counts = |counts: &[(&str, usize)]| -> Vec<_> {
        counts.iter().map(|(word, count)| ((*word).to_owned(), *count)).collect()
    };
    assert_eq!(meanwhile, counts(&[("running", 3), ("skipped", 13), ("starting", 4)]));
    assert_eq!(counted(&house, &names).await, counts(&[("skipped", 13), ("succeeded", 7)]));
    // Three at a time, each for a minute.
    let mut ends: Vec<_> = house.engine.seen().iter().map(|seen| seen.ended_at.unwrap()).collect();
    ends.sort_unstable();
    assert!(ends.windows(4).all(|ends| ends[3] - ends[0] >= chrono::TimeDelta::seconds(60)));
}

#[tokio::test(start_paused = true)]
async fn those_that_wait_start_by_their_instants() {
    let house = open(1, 10).await;
    house.push("first", "1 9 * * *", "sleep-600").await;
    for (name, cron) in [("c", "4 9 * * *"), ("a", "2 9 * * *"), ("b", "3 9 * * *")] {
        house.push(name, cron, "sleep-60").await;
    }
    house.until("09:05:00").await;
    // The oldest instant of all, wanted last.
    house.push("late", "", "sleep-60").await;
    house.run_manually("late", Some("2026-11-21T09:00:30Z")).await.unwrap();

    house.until("10:00:00").await;

    let mut seen = house.engine.seen();
    seen.sort_by_key(|seen| seen.started_at);
    let order: Vec<_> = seen.iter().map(|seen| seen.identity.allocation.as_str()).collect();
    assert_eq!(order, ["first", "late", "a", "b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_place_is_no_reason_to_miss_an_instant_also_across_a_crash() {
    let house = open(1, 10).await;
    house.push("first", "5 9 * * *", "sleep-10000").await;
    house.push("a", "10 9 * * *", "busybox").await;
    house.until("11:30:00").await;

    let house = house.die().open().await;
    house.pass(SECOND).await;
    let meanwhile = house.newest("a").await;
    house.pass(HOUR).await;

    assert_eq!(meanwhile, "09:10:00 starting");
    assert_eq!(house.newest("a").await, "09:10:00 succeeded");
    assert_eq!(house.instants("first").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_admitted_is_taken_up_again_however_many_there_are() {
    let house = open(2, 2).await;
    let names: Vec<_> = (0..4).map(|number| format!("a{number}")).collect();
    for name in &names {
        house.push(name, "10 9 * * *", "sleep-60").await;
    }
    house.until("09:10:30").await;
    let ground = house.die();

    let house = ground.open().await;
    house.until("09:15:00").await;

    assert_eq!(counted(&house, &names).await, [("succeeded".to_owned(), 4)]);
}

#[tokio::test(start_paused = true)]
async fn a_place_is_given_back_whatever_becomes_of_its_run() {
    let house = open(1, 0).await;
    for (name, image) in [("fails", "exit-1"), ("cannot", "nothing"), ("never", "slow")] {
        house.push(name, "", image).await;
    }
    house.push("forbidden", "", "busybox").await;
    house.push("good", "", "busybox").await;
    for name in ["fails", "cannot", "never", "forbidden"] {
        if name == "forbidden" {
            house.plan("claim_manual", Fault::Fails);
        }
        house.run_manually(name, None).await.ok();
        house.pass(SECOND).await;
        if name == "never" {
            house.cancel(name, false).await;
        }
        house.pass(SECOND).await;

        let run = house.run_manually("good", None).await.unwrap();
        house.pass(SECOND).await;

        assert_eq!(run.state.word(), "starting", "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_skipped_or_waits_for_another_takes_no_slot_while_it_is_recorded() {
    for overlap in ["Forbid", "Queue"] {
        let house = open(2, 0).await;
        let keys = serde_json::json!({"Cron": "5,10 9 * * *", "Overlap": overlap});
        house.push_with("a", "sleep-10000", keys).await;
        house.push("b", "", "busybox").await;
        house.until("09:09:59").await;
        house.plan("claim", Fault::AnswersLate);

        house.until("09:10:00.500").await;
        let run = house.run_manually("b", None).await.unwrap();
        house.pass(SECOND).await;

        assert_eq!(run.state.word(), "starting", "{overlap}");
        assert_eq!(house.runs("a").await.len(), 2, "{overlap}");
    }
}
