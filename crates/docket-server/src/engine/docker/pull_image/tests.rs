//! Pulls against an engine that answers as a test says.

use std::sync::Arc;

use super::{
    super::tests::scripted_daemon::{Reply, Stub},
    *,
};

const LIMIT: Duration = Duration::from_secs(600);

fn pulled_later() -> Reply {
    let account = "{\"status\":\"Pulling\"}\r\n{\"status\":\"Done\"}\r\n".to_owned();
    Reply::Later(Duration::from_secs(5), Box::new(Reply::Json(200, account)))
}

/// Asks for an image in a task of its own, and lets it get under way.
async fn ask(
    pulls: &Arc<Pulls>,
    client: &Client,
    image: &'static str,
) -> tokio::task::JoinHandle<Result<Pulled, EngineError>> {
    let (pulls, client) = (Arc::clone(pulls), client.clone());
    let asked = tokio::spawn(async move { pulls.pull(&client, image, None, Pull::Always).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    asked
}

#[tokio::test(start_paused = true)]
async fn one_pull_serves_all_who_want_the_image_and_outlives_the_first() {
    let stub = Stub::start(|_| pulled_later());
    let (pulls, client) = (Arc::new(Pulls::new(None, 8, LIMIT)), stub.client());
    let first = ask(&pulls, &client, "busybox").await;
    let second = ask(&pulls, &client, "busybox:latest").await;

    first.abort();

    let pulled = second.await.unwrap().unwrap();
    assert_eq!((pulled.tag.as_str(), pulled.stale), ("latest", None));
    assert_eq!(stub.count("POST /images/create?fromImage=busybox&tag=latest"), 1);
}

#[tokio::test(start_paused = true)]
async fn no_more_images_are_pulled_at_once_than_was_said() {
    let stub = Stub::start(|_| pulled_later());
    let (pulls, client) = (Arc::new(Pulls::new(None, 2, LIMIT)), stub.client());
    let asked = ["a", "b", "c"].map(|image| ask(&pulls, &client, image));
    let [a, b, c] = asked;
    let (a, b, c) = (a.await, b.await, c.await);
    assert_eq!(stub.count("POST"), 2);

    for asked in [a, b, c] {
        asked.await.unwrap().unwrap();
    }
    assert_eq!(stub.count("POST"), 3);
}

#[tokio::test(start_paused = true)]
async fn a_pull_that_takes_too_long_leaves_the_image_of_the_engine() {
    let stub = Stub::start(|request| match request.split_once(' ') {
        Some(("POST", _)) => Reply::Silence,
        _ => Reply::Json(200, "{}".to_owned()),
    });

    let pulled = Pulls::new(None, 1, LIMIT)
        .pull(&stub.client(), "busybox", None, Pull::Always)
        .await
        .unwrap();

    let reason = "the pull did not finish in time: the pull took over 600 s; \
                  a larger `--pull-timeout` gives it more time";
    assert_eq!(pulled.stale.unwrap(), reason);
}

/// The error of a pull whose report ends with these words, of an image that the engine lacks.
async fn error_of(words: &'static str) -> EngineError {
    let stub = Stub::start(move |request| match request.split_once(' ') {
        Some(("POST", _)) => {
            let end = serde_json::json!({"errorDetail": {"message": words}});
            Reply::Json(200, format!("{{\"status\":\"x\"}}\r\n{end}\r\n"))
        }
        Some((_, "/_ping")) => Reply::Json(200, "OK".to_owned()),
        _ => Reply::Json(404, r#"{"message":"No such image"}"#.to_owned()),
    });
    let pulls = Pulls::new(None, 1, LIMIT);
    pulls.pull(&stub.client(), "r.example/tool", None, Pull::Always).await.unwrap_err()
}

#[tokio::test]
async fn an_error_in_the_report_of_a_pull_is_the_reason() {
    let full = error_of("write /x: no space left on device\n").await;
    let missing = error_of("manifest unknown").await;

    assert_eq!(
        full.to_string(),
        "cannot pull image r.example/tool: the engine's disk is full: write /x: no space left \
         on device; free space on the engine's host, for example with `docker system prune`"
    );
    let reason = "registry r.example has no such image: manifest unknown".to_owned();
    let image = "r.example/tool".to_owned();
    assert_eq!(missing, EngineError::NoSuchImage { image, reason });
}

#[tokio::test]
async fn an_image_that_is_there_is_pulled_only_where_it_always_is() {
    let stub = Stub::start(|request| match request.split_once(' ') {
        Some(("POST", _)) => Reply::Json(200, "{\"status\":\"Done\"}\r\n".to_owned()),
        _ => Reply::Json(200, "{}".to_owned()),
    });
    let (pulls, client) = (Pulls::new(None, 1, LIMIT), stub.client());

    let mut was_pulled = Vec::new();
    for pull in [Pull::Never, Pull::Missing, Pull::Always] {
        was_pulled.push(pulls.pull(&client, "busybox", None, pull).await.unwrap().was_pulled);
    }

    assert_eq!(was_pulled, [false, false, true]);
    assert_eq!(stub.count("POST"), 1);
}

#[tokio::test]
async fn an_image_that_is_missing_is_pulled_unless_it_never_is() {
    let stub = Stub::start(|request| match request.split_once(' ') {
        Some(("POST", _)) => Reply::Json(200, "{\"status\":\"Done\"}\r\n".to_owned()),
        _ => Reply::Json(404, r#"{"message":"No such image"}"#.to_owned()),
    });
    let (pulls, client) = (Pulls::new(None, 1, LIMIT), stub.client());

    let refusal = pulls.pull(&client, "busybox", None, Pull::Never).await.unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "image busybox is not on the engine, and `Pull: Never` forbids pulling it"
    );
    assert_eq!(stub.count("POST"), 0);

    assert!(pulls.pull(&client, "busybox", None, Pull::Missing).await.unwrap().was_pulled);
    assert_eq!(stub.count("POST"), 1);
}

#[tokio::test]
async fn an_image_for_another_platform_is_not_the_one_that_is_wanted() {
    let stub = Stub::start(|request| match request.split_once(' ') {
        Some(("POST", _)) => Reply::Json(200, "{\"status\":\"Done\"}\r\n".to_owned()),
        _ => Reply::Json(200, r#"{"Os":"linux","Architecture":"amd64"}"#.to_owned()),
    });
    let (pulls, client) = (Pulls::new(None, 1, LIMIT), stub.client());
    let pull = |platform, policy| pulls.pull(&client, "busybox", Some(platform), policy);

    assert!(!pull("linux/amd64", Pull::Missing).await.unwrap().was_pulled);
    assert!(pull("linux/arm64", Pull::Missing).await.unwrap().was_pulled);
    let call = "POST /images/create?fromImage=busybox&tag=latest&platform=linux%2Farm64";
    assert_eq!((stub.count("POST"), stub.count(call)), (1, 1));
    assert_eq!(
        pull("linux/arm64", Pull::Never).await.unwrap_err().to_string(),
        "image busybox for linux/arm64 is not on the engine, and `Pull: Never` forbids pulling it"
    );
}
