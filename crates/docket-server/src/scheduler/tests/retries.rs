//! `Retries`: further attempts of a run that failed.

use docket_model::run::StateWord;
use serde_json::{Value, json};

use super::harness::{Fault, Ground, HOUR, House, MINUTE, SECOND, Settings};
use crate::outputs::OutputEvent;

/// An allocation due every hour.
async fn push(house: &House, image: &str, retries: Value) {
    let keys = json!({"Cron": "0 * * * *", "Overlap": "Forbid", "Retries": retries});
    house.push_with("a", image, keys).await;
}

/// How many seconds after the instant each attempt's container was made.
fn begun(house: &House) -> Vec<i64> {
    let seconds = house.seen("a").into_iter();
    seconds.map(|seen| (seen.created_at - seen.identity.instant.moment()).num_seconds()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_run_that_fails_is_tried_again_after_pauses_that_double() {
    let house = House::open().await;
    push(&house, "exit-3", json!(3)).await;

    house.until("10:00:20").await;
    let between = house.newest("a").await;
    house.until("10:10:00").await;

    assert_eq!(between, "10:00:00 retrying: exit-code 3");
    assert_eq!(begun(&house), [0, 30, 90, 210]);
    assert_eq!(house.newest("a").await, "10:00:00 failed at attempt 4: exit-code 3");
    let attempts: Vec<_> =
        house.seen("a").iter().map(|seen| seen.identity.attempt.number).collect();
    assert_eq!(attempts, [1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_succeeds_at_last_has_succeeded() {
    let house = House::open().await;
    push(&house, "fail-until-3", json!({"Limit": 5, "Delay": "10s"})).await;

    house.until("10:10:00").await;

    assert_eq!(begun(&house), [0, 10, 30]);
    assert_eq!(house.summaries("a").await, ["10:00:00 succeeded at attempt 3"]);
}

#[tokio::test(start_paused = true)]
async fn between_attempts_a_run_is_under_way_for_its_overlap() {
    let house = House::open().await;
    push(&house, "fail-until-2", json!({"Limit": 1, "Delay": "90m"})).await;

    house.until("12:10:00").await;

    assert_eq!(
        house.summaries("a").await,
        [
            "10:00:00 succeeded at attempt 2",
            "11:00:00 skipped: overlap 20261121T100000Z",
            "12:00:00 retrying: exit-code 1"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_pause_between_attempts_outlives_the_server() {
    let house = House::open().await;
    push(&house, "fail-until-2", json!({"Limit": 1, "Delay": "10m"})).await;
    house.until("10:04:00").await;

    let house = house.die().open().await;
    house.until("10:09:59").await;
    let before = begun(&house);
    house.until("10:10:05").await;

    assert_eq!(before, [0]);
    assert_eq!(begun(&house), [0, 600]);
    assert_eq!(house.summaries("a").await, ["10:00:00 succeeded at attempt 2"]);
}

#[tokio::test(start_paused = true)]
async fn a_retry_whose_delay_ended_without_a_server_starts_at_once() {
    let house = House::open().await;
    push(&house, "fail-until-2", json!({"Limit": 1, "Delay": "10m"})).await;
    house.until("10:04:00").await;
    let ground = house.close().await;
    tokio::time::sleep(HOUR / 2).await;

    let house = ground.open().await;
    house.pass(SECOND).await;

    assert_eq!(house.summaries("a").await, ["10:00:00 succeeded at attempt 2"]);
}

#[tokio::test(start_paused = true)]
async fn each_attempt_starts_once_wherever_the_server_dies_at_it() {
    for (call, fault) in [
        ("next-attempt", Fault::DiesBefore),
        ("next-attempt", Fault::DiesAfter),
        ("prepare", Fault::DiesAfter),
        ("created", Fault::DiesAfter),
        ("launch", Fault::DiesAfter),
        ("finish", Fault::DiesAfter),
    ] {
        let house = House::open().await;
        push(&house, "fail-until-3", json!({"Limit": 5, "Delay": "10s"})).await;
        house.until("10:00:05").await;
        house.plan(call, fault);
        house.until("10:00:20").await;
        assert!(house.is_dead());

        let house = house.die().open().await;
        house.until("10:05:00").await;

        assert_eq!(
            house.summaries("a").await,
            ["10:00:00 succeeded at attempt 3"],
            "{call} {fault:?}"
        );
        let started = house.seen("a").into_iter().filter(|seen| seen.starts > 0);
        let started: Vec<_> =
            started.map(|seen| (seen.identity.attempt.number, seen.starts)).collect();
        assert_eq!(started, [(1, 1), (2, 1), (3, 1)], "{call} {fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_never_started_is_tried_again_too() {
    let house = House::open().await;
    push(&house, "nothing", json!({"Limit": 1, "Delay": "1m"})).await;

    house.until("10:05:00").await;

    assert_eq!(house.newest("a").await, "10:00:00 failed at attempt 2: image-not-found nothing");
}

#[tokio::test(start_paused = true)]
async fn files_of_variables_are_read_at_each_attempt() {
    let folder = tempfile::tempdir().unwrap();
    let env_dir = Some(folder.path().to_owned());
    let house = Ground::new(Settings { env_dir, ..Settings::default() }).open().await;
    let retries = json!({"Limit": 1, "Delay": "10m"});
    let keys = json!({"Cron": "0 * * * *", "EnvFiles": ["secrets"], "Retries": retries});
    house.push_with("a", "busybox", keys).await;

    house.until("10:05:00").await;
    let before = house.newest("a").await;
    std::fs::write(folder.path().join("secrets"), "TOKEN=1\n").unwrap();
    house.until("10:15:00").await;

    let reason = "10:00:00 retrying: env-files the env file `secrets` cannot be read: No such file";
    assert!(before.starts_with(reason), "{before}");
    assert_eq!(house.newest("a").await, "10:00:00 succeeded at attempt 2");
    let [seen] = &house.seen("a")[..] else { panic!() };
    assert_eq!(
        (seen.identity.attempt.number, &seen.environment[..]),
        (2, &["TOKEN=1".to_owned()][..])
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_without_its_folder_of_variables_says_so() {
    let house = House::open().await;
    house.push_with("a", "busybox", json!({"Cron": "0 * * * *", "EnvFiles": ["secrets"]})).await;

    house.until("10:05:00").await;

    let summary = house.newest("a").await;
    assert!(
        summary.starts_with("10:00:00 failed: env-files the server has no folder of environments"),
        "{summary}"
    );
    assert_eq!(house.seen("a").len(), 0);
    house.pass(MINUTE).await;
}

#[tokio::test(start_paused = true)]
async fn a_reader_of_the_output_counts_the_bytes_of_all_attempts() {
    let house = House::open().await;
    let keys = json!({"Cron": "10 9 * * *", "Retries": 1});
    house.push_with("a", "fail-until-2", keys).await;
    house.until("09:10:10").await;
    let instant = house.runs("a").await[0].id.instant;

    let mut pieces = house.runner.context.outputs.follow("a", instant, None, 2);
    let (mut states, mut summaries) = (Vec::new(), Vec::new());
    while let Some(next) = pieces.recv().await {
        match next.unwrap() {
            OutputEvent::Record { record, .. } => states.push(record.state),
            OutputEvent::Piece(piece) => {
                summaries.push((String::from_utf8(piece.bytes.to_vec()).unwrap(), piece.end));
            }
        }
    }

    assert_eq!(states.first(), Some(&StateWord::Retrying));
    assert_eq!(summaries, [("il-until-2".to_owned(), 12), ("fail-until-2".to_owned(), 24)]);
    assert_eq!(house.summaries("a").await, ["09:10:00 succeeded at attempt 2"]);
}
