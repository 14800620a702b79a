//! Which allocations are listed.

use std::time::Duration;

use super::*;

fn names(answer: &str) -> Vec<String> {
    let listed: Vec<serde_json::Value> =
        serde_json::from_str(answer.split_once("\n\n").unwrap().1).unwrap();
    listed.iter().map(|item| item["Name"].as_str().unwrap().to_owned()).collect()
}

/// Allocations whose names say how they stand.
async fn filled() -> Api {
    let api = api(Access::default());
    meet_engine(&api).await;
    for (name, image, more) in [
        ("runs", "long", ""),
        ("failed", "exit-3", ""),
        ("failed-and-runs", "exit-3", ""),
        ("succeeded", "x", ""),
        ("suspended-manually", "x", ""),
        ("suspended", "x", r#""Suspended":true,"#),
        ("new", "x", ""),
    ] {
        let body = format!(
            r#"{{"Name":"{name}","Cron":"",{more}"Container":{{"Config":{{"Image":"{image}"}}}}}}"#
        );
        post(&api, &body).await;
    }
    for name in ["runs", "failed", "failed-and-runs", "succeeded"] {
        post_to(&api, &format!("/{name}/runs"), "").await;
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    let long = r#"{"Name":"failed-and-runs","Cron":"","Container":{"Config":{"Image":"long"}}}"#;
    post(&api, long).await;
    post_to(&api, "/failed-and-runs/runs", "").await;
    post_to(&api, "/suspended-manually/suspend", "").await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    api
}

#[tokio::test(start_paused = true)]
async fn allocations_are_listed_by_how_they_stand() {
    let api = filled().await;
    let cases = [
        ("failed", "failed, failed-and-runs"),
        ("running", "runs, failed-and-runs"),
        ("succeeded", "succeeded"),
        ("suspended", "suspended-manually, suspended"),
        ("missed", ""),
        ("failed,suspended", "failed, failed-and-runs, suspended-manually, suspended"),
    ];
    for (state, expected) in cases {
        let streamed = get(&api, &format!("/?state={state}")).await;
        let page = get(&api, &format!("/?state={state}&limit=100")).await;

        assert_eq!(names(&streamed).join(", "), expected, "{state}");
        assert_eq!(names(&page).join(", "), expected, "{state}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_of_a_state_links_to_the_next() {
    let api = filled().await;

    let first = get(&api, "/?state=failed,suspended&limit=3").await;
    let link = first.lines().find_map(|line| line.strip_prefix("link: <")).unwrap();
    let next = get(&api, link.split_once('>').unwrap().0).await;
    let wrong = get(&api, "/?state=failed,lots").await;

    assert_eq!(names(&first), ["failed", "failed-and-runs", "suspended-manually"]);
    assert_eq!(names(&next), ["suspended"]);
    assert!(!next.contains("link:"));
    assert!(
        wrong.starts_with("400 ")
            && wrong.contains("state: `lots` is not one of suspended, waiting,")
    );
}

#[tokio::test(start_paused = true)]
async fn an_error_in_a_query_names_the_key_and_the_value() {
    let api = api(Access::default());
    post(&api, r#"{"Name":"a","Cron":"","Container":{"Config":{"Image":"x"}}}"#).await;
    let keys = "write limit, cursor, label, state, logs";
    for (path, response) in [
        ("/?logs=maybe", "logs: `maybe` is neither `true` nor `false`"),
        ("/?limit=2&logs=", "logs: `` is neither `true` nor `false`"),
        ("/?limits=2", "unknown parameter `limits`: did you mean `limit`?"),
        ("/?foo=1", &*format!("unknown parameter `foo`: {keys}")),
        ("/?limit=2&limit=3", "`limit` is given twice"),
        ("/a/runs?cursor=x", "cursor: `x` is no run"),
        ("/-/check?allow-unknown-option=true", "did you mean `allow-unknown-options`?"),
    ] {
        let method = if path.starts_with("/-/check") { Method::POST } else { Method::GET };
        let answer = Asking::of(&api).send(method, path, "").await;
        assert!(answer.starts_with("400 ") && answer.contains(response), "{path}: {answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_runs_what_starts_and_what_waits_are_counted_apart() {
    let api = api(Access::default());
    meet_engine(&api).await;
    let foo =
        r#"{"Name":"foo","Cron":"","Overlap":"Queue","Container":{"Config":{"Image":"long"}}}"#;
    post(&api, foo).await;
    post_to(&api, "/foo/runs", "").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    post_to(&api, "/foo/runs", "").await;

    let foo = get(&api, "/foo").await;
    let in_state = async |state: &str| get(&api, &format!("/?state={state}")).await.contains("foo");

    assert!(foo.contains(r#""Running":1,"Waiting":1,"#), "{foo}");
    assert!(in_state("running").await && in_state("waiting").await);
    assert!(!in_state("starting").await && !in_state("retrying").await);
}
