//! `After`: allocations that run once others have succeeded.

use docket_model::run::Trigger;
use serde_json::json;

use super::harness::{Fault, House, MINUTE, SECOND};

async fn push_after(house: &House, name: &str, image: &str, parents: &[&str]) {
    house.push_with(name, image, json!({"After": parents})).await;
}

#[tokio::test(start_paused = true)]
async fn a_chain_shares_one_instant() {
    let house = House::open().await;
    house.push("a", "*/20 * * * *", "sleep-60").await;
    push_after(&house, "b", "sleep-60", &["a"]).await;
    push_after(&house, "c", "busybox", &["b"]).await;

    house.until("09:55:00").await;

    for name in ["a", "b", "c"] {
        assert_eq!(
            house.summaries(name).await,
            ["09:20:00 succeeded", "09:40:00 succeeded"],
            "{name}"
        );
    }
    assert_eq!(house.runs("c").await[0].trigger, Trigger::Dependency);
    let (b, c) = (house.seen("b"), house.seen("c"));
    assert!(c[0].created_at >= b[0].ended_at.unwrap());
    assert!(b[0].created_at >= house.seen("a")[0].ended_at.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_diamond_runs_once_for_each_instant_after_both_sides() {
    let house = House::open().await;
    house.push("top", "*/10 * * * *", "busybox").await;
    push_after(&house, "left", "sleep-60", &["top"]).await;
    push_after(&house, "right", "sleep-120", &["top"]).await;
    push_after(&house, "bottom", "busybox", &["left", "right"]).await;

    house.until("09:39:00").await;

    let each = ["09:10:00 succeeded", "09:20:00 succeeded", "09:30:00 succeeded"];
    assert_eq!(house.summaries("bottom").await, each);
    for (bottom, right) in house.seen("bottom").iter().zip(house.seen("right")) {
        assert!(bottom.created_at >= right.ended_at.unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn parents_of_different_rhythms_must_each_have_succeeded_anew() {
    let house = House::open().await;
    house.push("often", "*/10 * * * *", "busybox").await;
    house.push("seldom", "*/30 * * * *", "sleep-300").await;
    push_after(&house, "child", "busybox", &["often", "seldom"]).await;

    house.until("10:39:00").await;

    // Each time the newer instant of both, which is that of their meeting.
    assert_eq!(
        house.summaries("child").await,
        ["09:30:00 succeeded", "10:00:00 succeeded", "10:30:00 succeeded"]
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_runs_after_a_parent_that_failed() {
    let house = House::open().await;
    house.push("parent", "*/10 * * * *", "exit-1").await;
    push_after(&house, "child", "busybox", &["parent"]).await;

    house.until("09:25:00").await;

    assert_eq!(house.summaries("parent").await.len(), 2);
    assert_eq!(house.summaries("child").await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_parent_that_was_tried_again_counts_once_it_has_succeeded() {
    let house = House::open().await;
    let retries = json!({"Cron": "0 10 * * *", "Retries": {"Limit": 2, "Delay": "1m"}});
    house.push_with("parent", "fail-until-3", retries).await;
    push_after(&house, "child", "busybox", &["parent"]).await;

    house.until("10:02:59").await;
    let before = house.summaries("child").await;
    house.until("10:10:00").await;

    assert_eq!(before, Vec::<String>::new());
    assert_eq!(house.summaries("child").await, ["10:00:00 succeeded"]);
}

#[tokio::test(start_paused = true)]
async fn a_manual_run_of_a_parent_has_the_child_run_for_the_same_moment() {
    let house = House::open().await;
    house.push("parent", "", "busybox").await;
    push_after(&house, "child", "busybox", &["parent"]).await;
    house.until("09:05:00.123").await;

    let run = house.run_manually("parent", None).await.unwrap();
    house.pass(SECOND).await;

    assert_eq!(run.id.instant.to_string(), "20261121T090500.123Z");
    let children = house.runs("child").await;
    assert_eq!(children.len(), 1);
    assert_eq!(children[0].id.instant, run.id.instant);
}

#[tokio::test(start_paused = true)]
async fn a_chain_goes_on_after_a_crash_anywhere_between_two_of_its_runs() {
    for (call, fault) in [
        ("finish", Fault::DiesBefore),
        ("finish", Fault::DiesAfter),
        ("remove", Fault::DiesBefore),
        ("claim", Fault::DiesBefore),
        ("claim", Fault::DiesAfter),
    ] {
        let house = House::open().await;
        house.push("parent", "10 9 * * *", "sleep-60").await;
        push_after(&house, "child", "busybox", &["parent"]).await;
        house.until("09:10:30").await;
        house.plan(call, fault);
        house.until("09:12:00").await;
        assert!(house.is_dead());

        let house = house.die().open().await;
        house.pass(MINUTE).await;

        assert_eq!(house.summaries("child").await, ["09:10:00 succeeded"], "{call} {fault:?}");
        assert_eq!(house.instants("child"), ["20261121T091000Z"], "{call} {fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_chain_goes_on_where_the_store_could_not_be_asked_for_a_while() {
    let house = House::open().await;
    house.push("parent", "10 9 * * *", "sleep-60").await;
    push_after(&house, "child", "busybox", &["parent"]).await;
    house.until("09:10:30").await;
    (0..4).for_each(|_| house.plan("claim", Fault::Fails));

    house.until("09:12:00").await;

    assert_eq!(house.summaries("child").await, ["09:10:00 succeeded"]);
}

#[tokio::test(start_paused = true)]
async fn a_child_that_is_pushed_as_its_parent_ends_runs_at_most_once() {
    for pushed_at in ["09:09:59", "09:10:00", "09:10:59.999", "09:11:00", "09:11:00.001"] {
        let house = House::open().await;
        house.push("parent", "10 9 * * *", "sleep-60").await;
        house.until(pushed_at).await;

        push_after(&house, "child", "busybox", &["parent"]).await;
        push_after(&house, "child", "alpine", &["parent"]).await;
        house.until("09:12:00").await;

        // Only what was there before the instant is due for it.
        let is_due = pushed_at == "09:09:59";
        assert_eq!(house.instants("child").len(), usize::from(is_due), "{pushed_at}");
    }
}

#[tokio::test(start_paused = true)]
async fn overlap_counts_for_children_too() {
    let house = House::open().await;
    house.push("parent", "*/10 * * * *", "busybox").await;
    let keys = json!({"After": ["parent"], "Overlap": "Queue"});
    house.push_with("child", "sleep-900", keys).await;

    house.until("09:39:00").await;

    assert_eq!(
        house.summaries("child").await,
        ["09:10:00 succeeded", "09:20:00 running", "09:30:00 waiting"]
    );
}

#[tokio::test(start_paused = true)]
async fn many_children_of_one_parent_do_not_wait_for_one_another() {
    let house = House::open().await;
    house.push("parent", "10 9 * * *", "busybox").await;
    for number in 0..50 {
        let child = format!("child-{number}");
        house.push_with(&child, "busybox", json!({"After": ["parent"]})).await;
    }
    house.until("09:09:59").await;
    // The parent's own decision, and those about its children.
    (0..51).for_each(|_| house.plan("claim", Fault::AnswersLate));

    house.until("09:10:02.500").await;

    for number in 0..50 {
        assert_eq!(house.summaries(&format!("child-{number}")).await, ["09:10:00 succeeded"]);
    }
}
