//! Servers that die at the worst moment, and what the next one makes of it.

use super::harness::{Fault, HOUR, House, MINUTE, SECOND};

/// Each step of a run, before and after it takes effect.
const STEPS: [&str; 9] =
    ["claim", "pull", "pulled", "prepare", "created", "launch", "started", "finish", "remove"];

#[tokio::test(start_paused = true)]
async fn wherever_the_server_dies_the_container_starts_once() {
    for call in STEPS {
        for fault in [Fault::DiesBefore, Fault::DiesAfter] {
            let house = House::open().await;
            house.push("a", "10 9 * * *", "sleep-30").await;
            house.plan(call, fault);
            house.until("09:10:40").await;
            assert!(house.is_dead(), "{call} {fault:?}");

            let house = house.die().open().await;
            house.until("09:12:00").await;

            assert_eq!(house.summaries("a").await, ["09:10:00 succeeded"], "{call} {fault:?}");
            assert_eq!(house.instants("a"), ["20261121T091000Z"], "{call} {fault:?}");
            let seen = house.seen("a");
            assert_eq!(seen.iter().map(|seen| seen.starts).sum::<u32>(), 1, "{call} {fault:?}");
            assert!(seen.iter().all(|seen| seen.removed), "{call} {fault:?}: {seen:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn wherever_an_answer_is_lost_the_container_starts_once() {
    for call in
        ["pull", "prepare", "launch", "watch", "read_log", "remove", "ping", "status", "list_owned"]
    {
        for fault in [Fault::LosesAnswer, Fault::Fails] {
            let house = House::open().await;
            house.push("a", "10 9 * * *", "sleep-30").await;
            house.until("09:09:59").await;
            house.plan(call, fault);
            house.until("09:12:00").await;

            // A follow outlasts its engine by itself, so what it says is said to be the end.
            if call != "watch" {
                assert_eq!(house.summaries("a").await, ["09:10:00 succeeded"], "{call} {fault:?}");
                assert!(house.seen("a").iter().all(|seen| seen.removed), "{call} {fault:?}");
            }
            assert_eq!(house.instants("a"), ["20261121T091000Z"], "{call} {fault:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_nothing_came_of_is_missed_once_it_is_too_late() {
    for (call, fault) in [
        ("pull", Fault::DiesBefore),
        ("prepare", Fault::DiesAfter),
        ("created", Fault::DiesAfter),
        ("launch", Fault::DiesBefore),
    ] {
        let house = House::open().await;
        house.push("a", "10 9 * * *", "busybox").await;
        house.plan(call, fault);
        house.until("09:11:00").await;
        let ground = house.die();
        tokio::time::sleep(2 * HOUR).await;

        let house = ground.open().await;
        house.pass(MINUTE).await;

        let summaries = house.summaries("a").await;
        assert_eq!(summaries.len(), 1, "{call}: {summaries:?}");
        let reason = "09:10:00 missed 1 to 09:10:00: not-started-in-time \
                      NotRunning 2026-11-21T09:11:00Z";
        assert!(summaries[0].starts_with(reason), "{call}: {summaries:?}");
        let seen = house.seen("a");
        assert!(seen.iter().all(|seen| seen.starts == 0 && seen.removed), "{call}: {seen:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_dies_as_it_gives_a_late_run_up_does_not_lose_it() {
    for (call, fault) in [("finish", Fault::DiesBefore), ("finish", Fault::DiesAfter)] {
        let house = House::open().await;
        house.push("a", "10 9 * * *", "busybox").await;
        house.plan("launch", Fault::DiesBefore);
        house.until("09:11:00").await;
        let ground = house.die();
        tokio::time::sleep(2 * HOUR).await;
        let house = ground.open().await;
        house.plan(call, fault);
        house.pass(MINUTE).await;
        assert!(house.is_dead());

        let house = house.die().open().await;
        house.pass(MINUTE).await;

        let summaries = house.summaries("a").await;
        assert!(summaries[0].starts_with("09:10:00 missed 1 to 09:10:00"), "{summaries:?}");
        assert!(house.seen("a")[0].removed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_manual_run_and_one_after_another_are_never_too_late() {
    let house = House::open().await;
    house.push("a", "", "busybox").await;
    house.plan("pull", Fault::DiesBefore);
    let run = house.run_manually("a", None).await.unwrap();
    house.pass(SECOND).await;
    let ground = house.die();
    tokio::time::sleep(24 * HOUR).await;

    let house = ground.open().await;
    house.pass(MINUTE).await;

    assert_eq!(house.instants("a"), [run.id.instant.to_string()]);
}

#[tokio::test(start_paused = true)]
async fn a_container_that_runs_on_is_followed_to_its_end() {
    let house = House::open().await;
    house.push("a", "10 9 * * *", "sleep-3000").await;
    house.until("09:15:00").await;

    let ground = house.close().await;
    tokio::time::sleep(10 * MINUTE).await;
    let house = ground.open().await;
    house.pass(SECOND).await;
    let meanwhile = house.newest("a").await;
    house.until("10:01:00").await;

    assert_eq!(meanwhile, "09:10:00 running");
    assert_eq!(house.newest("a").await, "09:10:00 succeeded");
    let exit = house.runs("a").await[0].attempts[0].exit.clone().unwrap();
    assert_eq!((exit.ended_at.unwrap() - exit.started_at.unwrap()).num_seconds(), 3000);
}

#[tokio::test(start_paused = true)]
async fn a_container_that_ended_meanwhile_is_recorded_with_its_real_end_and_output() {
    let house = House::open().await;
    house.push("a", "10 9 * * *", "sleep-600").await;
    house.until("09:15:00").await;
    let ground = house.die();
    tokio::time::sleep(HOUR).await;

    let house = ground.open().await;
    house.pass(SECOND).await;

    let run = house.runs("a").await.remove(0);
    let attempt = run.attempt().unwrap();
    assert_eq!(run.state.word(), "succeeded");
    assert_eq!(
        attempt.exit.as_ref().unwrap().ended_at.unwrap().to_rfc3339(),
        "2026-11-21T09:20:00+00:00"
    );
    let wrote = house.store.output("a", run.id.instant, 1.into(), 0).await.unwrap().unwrap();
    assert_eq!(wrote.into_bytes(), b"sleep-600");
}
