//! Entity tags, and changes that depend on them.

use super::*;

fn specified(name: &str, cron: &str) -> String {
    format!(r#"{{"Name":"{name}","Cron":"{cron}","Container":{{"Config":{{"Image":"x"}}}}}}"#)
}

fn asking(api: &Api, name: &'static str, value: &str) -> Asking {
    Asking::of(api).with("content-type", "application/json").with(name, value)
}

/// The tag of `a`, and the status of a request that has a tag already.
async fn tag(api: &Api, known: &str) -> (u16, String) {
    asking(api, "if-none-match", known).header(Method::GET, "/a", "", "etag").await
}

#[tokio::test(start_paused = true)]
async fn the_tag_is_that_of_the_specification() {
    let api = api(Access::default());
    post(&api, &specified("a", "")).await;

    let first = tag(&api, "\"0\"").await;
    let known = tag(&api, "\"1\"").await;
    let any = tag(&api, "*").await;
    post_to(&api, "/a/suspend", "").await;
    let suspended = tag(&api, "W/\"1\"").await;
    post(&api, &specified("a", "@daily")).await;
    let changed = tag(&api, "\"1\"").await;
    let kept = Asking::of(&api).header(Method::GET, "/a", "", "cache-control").await;

    let of_revision = |status: u16, revision: u64| (status, format!("\"{revision}\""));
    assert_eq!((first, known), (of_revision(200, 1), of_revision(304, 1)));
    assert_eq!((any, suspended), (of_revision(304, 1), of_revision(304, 1)));
    assert_eq!(changed, of_revision(200, 2));
    assert_eq!(kept, (200, "no-store".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_stale_change_is_rejected_with_the_current_revision() {
    let api = api(Access::default());
    post(&api, &specified("a", "")).await;
    post(&api, &specified("a", "@daily")).await;
    let stale = || asking(&api, "if-match", "\"1\"");

    let pushed = stale().send(Method::POST, "/", &specified("a", "@hourly")).await;
    let response = stale().header(Method::DELETE, "/a", "", "etag").await;
    let steered = stale().header(Method::POST, "/a/suspend", "", "etag").await;
    let absent = stale().send(Method::POST, "/", &specified("b", "")).await;
    let created = asking(&api, "if-none-match", "*");
    let created = created.send(Method::POST, "/", &specified("a", "")).await;

    assert_eq!(
        pushed,
        "412 Precondition Failed\ncontent-type: application/problem+json\n\n\
         {\"status\":412,\"title\":\"Precondition Failed\",\"detail\":\"`a` is there and of revision \
         2: load it again, and send your change with `If-Match: \\\"2\\\"`\",\"revision\":2}"
    );
    assert_eq!((response, steered), ((412, "\"2\"".to_owned()), (412, "\"2\"".to_owned())));
    assert!(
        absent.starts_with("412 ") && absent.contains("no allocation is named `b`"),
        "{absent}"
    );
    assert!(created.starts_with("412 "), "{created}");
    assert!(get(&api, "/a").await.contains("@daily"));
}

#[tokio::test(start_paused = true)]
async fn a_change_of_what_is_known_is_made() {
    let api = api(Access::default());

    let created = asking(&api, "if-none-match", "*");
    let created = created.send(Method::POST, "/", &specified("a", "")).await;
    let changed = asking(&api, "if-match", "\"1\"");
    let changed = changed.send(Method::POST, "/", &specified("a", "@daily")).await;
    let suspended =
        asking(&api, "if-match", "\"2\"").header(Method::POST, "/a/suspend", "", "etag");
    let suspended = suspended.await;
    let deleted = asking(&api, "if-match", "*").send(Method::DELETE, "/a", "").await;

    assert!(created.ends_with(r#"{"created":true}"#), "{created}");
    assert!(changed.ends_with(r#"{"created":false}"#), "{changed}");
    assert_eq!(suspended, (200, "\"2\"".to_owned()));
    assert!(deleted.ends_with(r#"{"deleted":true}"#), "{deleted}");
}

#[tokio::test(start_paused = true)]
async fn invalid_conditions_are_rejected_with_a_remedy() {
    let api = api(Access::default());
    let array = format!("[{}]", specified("a", ""));
    let one = specified("a", "");

    for (name, value, body, words) in [
        ("if-match", "\"1\"", &array, "are about one allocation: send it alone, not in an array"),
        ("if-match", "1", &one, "If-Match: `1` is not an entity tag: send the value of `ETag`"),
        ("if-none-match", "\"1\"", &one, "If-None-Match: a change accepts only `*`"),
    ] {
        let answer = asking(&api, name, value).send(Method::POST, "/", body).await;

        let is_problem =
            answer.starts_with("400 Bad Request\ncontent-type: application/problem+json");
        assert!(is_problem && answer.contains(words), "{answer}");
    }
    assert!(get(&api, "/a").await.starts_with("404 "));
}
