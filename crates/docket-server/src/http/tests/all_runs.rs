//! The runs of all allocations.

use std::time::Duration;

use chrono::TimeDelta;
use docket_model::{
    Run,
    run::{Instant, Reason, RunState, Trigger},
};
use serde_json::Value;

use super::*;

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// Four allocations that run one after another, the last of which still runs.
async fn filled() -> Api {
    let api = api(Access::default());
    meet_engine(&api).await;
    for (name, image, team) in
        [("a", "x", "one"), ("b", "exit-3", "one"), ("c", "exit-3", "two"), ("d", "long", "two")]
    {
        let body = format!(
            r#"{{"Name":"{name}","Cron":"","Labels":{{"team":"{team}"}},
                "Container":{{"Config":{{"Image":"{image}"}}}}}}"#
        );
        post(&api, &body).await;
        post_to(&api, &format!("/{name}/runs"), "").await;
        pass(60).await;
    }
    api
}

fn json(answer: &str) -> Value {
    serde_json::from_str(answer.split_once("\n\n").unwrap().1).unwrap()
}

/// The allocations of a page of runs.
fn names(answer: &str) -> String {
    let page = json(answer);
    let runs = page["Runs"].as_array().unwrap_or_else(|| panic!("{answer}")).iter();
    runs.map(|run| run["Allocation"].as_str().unwrap()).collect::<Vec<_>>().join(" ")
}

#[tokio::test(start_paused = true)]
async fn all_runs_are_listed_by_state_time_and_label() {
    let api = filled().await;
    let cases = [
        ("", "d c b a"),
        ("?state=failed", "c b"),
        ("?state=failed,running", "d c b"),
        ("?state=running", "d"),
        ("?state=missed", ""),
        ("?label=team=one", "b a"),
        ("?label=team&state=succeeded", "a"),
        ("?since=2m30s", "d c"),
        ("?since=2026-11-21T09:02:00Z", "d c"),
        ("?since=10:01", "d c b"),
        ("?since=P1D", "d c b a"),
        ("?limit=3", "d c b"),
    ];
    for (query, expected) in cases {
        let answer = get(&api, &format!("/-/runs{query}")).await;
        assert!(answer.starts_with("200 OK"), "{query}: {answer}");
        assert_eq!(names(&answer), expected, "{query}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_of_all_runs_has_the_cursor_of_the_next() {
    let api = filled().await;
    let (mut pages, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = get(&api, &format!("/-/runs?limit=2&since=1h{cursor}")).await;
        pages.push(names(&page));
        match json(&page)["Cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }

    assert_eq!(pages, ["d c", "b a"]);
}

#[tokio::test(start_paused = true)]
async fn a_rare_state_is_looked_for_in_several_pages() {
    let api = api(Access::default());
    meet_engine(&api).await;
    let queue = r#"{"Name":"a","Cron":"","Overlap":"Forbid","Keep":{"Runs":20000},
        "Container":{"Config":{"Image":"long"}}}"#;
    post(&api, &queue.replace("long", "x")).await;
    post_to(&api, "/a/runs", "").await;
    pass(60).await;
    post(&api, queue).await;
    post_to(&api, "/a/runs", "").await;
    pass(1).await;
    let status = api.allocations.store.status("a").unwrap();
    for number in 0..10_000 {
        let instant = Instant::new(api.allocations.clock.now() + TimeDelta::seconds(number));
        let state = RunState::Skipped(Reason::text("an older one runs"));
        let allocation = &status.allocation;
        let run = Run::decided(allocation, instant, Trigger::Schedule, state, instant.moment());
        api.allocations.store.claim(run).await.unwrap();
    }

    let first = get(&api, "/-/runs?state=succeeded").await;
    let next = json(&first)["Cursor"].as_str().unwrap().to_owned();
    let second = get(&api, &format!("/-/runs?state=succeeded&cursor={next}")).await;

    assert_eq!((names(&first), names(&second)), (String::new(), "a".to_owned()));
    assert!(json(&second).get("Cursor").is_none(), "{second}");
    assert_eq!(names(&get(&api, "/-/runs?state=running").await), "a");
}

#[tokio::test(start_paused = true)]
async fn an_error_in_the_query_of_all_runs_names_the_key_and_the_remedy() {
    let api = api(Access::default());
    let times = "write 2026-11-21T09:00:00Z, or 2026-11-21T09:00 or 09:00 in Europe/Berlin time; or a \
                 duration, such as 24h";
    for (query, detail) in [
        ("state=failed,lots", "state: `lots` is not one of waiting, starting,"),
        ("state=", "state: `` is not one of waiting, starting,"),
        ("since=yesterday", &*format!("since: `yesterday` is not a valid time: {times}")),
        ("since=30", "since: 30 what? write 30s or 30m"),
        ("since=2026-03-29T02:30", "since: 2026-03-29 02:30 does not exist"),
        ("label=", "label: `` is not a label: write KEY or KEY=VALUE"),
        ("label==x", "label: `=x` is not a label: write KEY or KEY=VALUE"),
        ("limit=0", "limit: `0` is not a number from 1 to 1000"),
        ("cursor=x", "cursor: `x` is not a cursor: send the `Cursor` of the previous page"),
        ("cursor=20261121T090000Z", "cursor: `20261121T090000Z` is not a cursor"),
        ("states=failed", "unknown parameter `states`: did you mean `state`?"),
        ("state=failed&state=lost", "`state` is given twice"),
    ] {
        let answer = get(&api, &format!("/-/runs?{query}")).await;
        assert!(answer.starts_with("400 ") && answer.contains(detail), "{query}: {answer}");
    }
    let first = get(&api, "/-/runs?cursor=-2621430101T000000Z-1").await;
    assert!(first.starts_with("400 ") || names(&first).is_empty(), "{first}");
}
